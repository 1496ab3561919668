//! Values that are allowed, and better otherwise.

use super::Warning;
use serde_json::Value;

pub(super) fn of(given: &Value) -> Vec<Warning> {
    let items = |name: &str| {
        let items = given.get(name).and_then(Value::as_array);
        items.into_iter().flatten().enumerate()
    };
    let secrets = items("credentials").filter(|(_, entry)| entry.get("value").is_some());
    let secrets = secrets.map(|(index, _)| {
        let text = "the secret stands in the configuration; prefer `env`";
        Warning::new(format!("credentials[{index}].value"), text)
    });
    let any = |entry: &Value| {
        let first = entry.pointer("/entra/tenants/0");
        first.is_some_and(|tenant| tenant == "*")
    };
    let tenants = items("issuers").filter(|(_, issuer)| any(issuer));
    let tenants = tenants.map(|(index, _)| {
        let text = "every tenant of Entra ID is accepted; let rules ask for more than what any \
                    tenant can give itself";
        Warning::new(format!("issuers[{index}].entra.tenants"), text)
    });
    let idle = items("rules").next().is_none();
    let idle =
        idle.then(|| Warning::new("rules", "there are none, so every request will be refused"));
    secrets.chain(tenants).chain(idle).collect()
}
