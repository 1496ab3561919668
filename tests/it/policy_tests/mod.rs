//! `entragate test`: policy tests.

mod callers;
mod cases;
mod comparisons;
mod reports;
mod unusable;
mod watch;

use crate::command_line as cli;
use cli::{Outcome, entragate};
use serde_json::{Value, json};

/// A configuration with rules of every kind, for two issuers.
fn policy() -> Value {
    json!({
        "issuers": [
            {"name": "contoso", "entra": {"tenants": ["aaaabbbb-0000-cccc-1111-dddd2222eeee"]},
             "audiences": ["00001111-aaaa-2222-bbbb-3333cccc4444"], "jwks": {"cluster": "entra"}},
            {"name": "realm", "oidc": {"issuer": "https://idp.example/realms/ml"}, "audiences": ["hf"],
             "claims": {"roles": "/realm_access/roles"}, "algorithms": ["ES256"],
             "jwks": {"cluster": "idp", "uri": "https://idp.example/keys"}},
        ],
        "credentials": [{"name": "hf-read", "value": "hf_a"}, {"name": "hf-write", "value": "hf_b"}],
        "rules": [
            {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
            {"name": "contractors", "require": {"role": "Contractor"}, "effect": "deny"},
            {"name": "writers", "match": {"paths": ["/write/**"]}, "require": {"role": "Admin"}, "credential": "hf-write"},
            {"name": "llama", "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": ["meta-llama/*"]},
             "require": {"any": [{"role": "Model.Query"}, {"all": [{"kind": "user"}, {"mfa": true}]}]},
             "credential": "hf-read"},
            {"name": "office", "match": {"paths": ["/office"]},
             "require": {"all": [{"source": ["10.0.0.0/8"]},
                                 {"time": {"days": ["mon"], "from": "08:00", "to": "18:00"}}]},
             "credential": "hf-read"},
            {"name": "observed", "match": {"paths": ["/v1/**"]}, "require": {"kind": "app"},
             "effect": "deny", "mode": "shadow"},
        ],
    })
}

/// Runs a policy file on a configuration.
fn test_on(settings: &Value, file: &Value, further: &[&str]) -> Outcome {
    let file = cli::file(".yaml", &file.to_string());
    let policy = file.path().to_str().unwrap();
    let all = [&["test", "-", "--policy", policy], further].concat();
    entragate(&all, &settings.to_string())
}

/// Runs cases and returns the exit status and the output of `--json`.
fn results(settings: &Value, cases: Value) -> (i32, Value) {
    let Outcome { status, out, err } = test_on(settings, &json!({ "cases": cases }), &["--json"]);
    let json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    (status, json)
}

/// Returns what the filter decides about a request of a caller.
fn got(settings: &Value, caller: Value, request: Value) -> Value {
    let case = json!({"name": "case", "caller": caller, "request": request, "expect": "none"});
    let (status, json) = results(settings, json!([case]));
    assert_eq!(status, 1);
    json["cases"][0]["got"].clone()
}
