//! The policies that are compared: `envoy.yaml`'s own, and what each row changes in it.

use serde_json::{Value, json};

/// That many rules told apart by role and group alone; the caller of the benchmark meets the last one.
pub fn rules_by_role(count: usize) -> Value {
    rules(count, |index| {
        let role = if index + 1 == count {
            "Model.Query".into()
        } else {
            format!("Team{index}.Query")
        };
        json!({
            "match": {"methods": ["POST"], "paths": ["/v1/**"]},
            "require": {"any": [{"role": role}, {"group": format!("22222222-2222-2222-2222-{index:012}")}]},
        })
    })
}

/// That many rules told apart by path alone; the request of the benchmark is the last one's.
pub fn rules_by_path(count: usize) -> Value {
    rules(count, |index| {
        let path = if index + 1 == count {
            "/v1/**".into()
        } else {
            format!("/team-{index}/**")
        };
        json!({"match": {"methods": ["POST"], "paths": [path]}, "require": {"role": "Model.Query"}})
    })
}

/// Each rule's match and requirement by its index.
fn rules(count: usize, rule: impl Fn(usize) -> Value) -> Value {
    let rules: Vec<Value> = (0..count)
        .map(|index| {
            let mut rule = rule(index);
            rule["name"] = json!(format!("rule-{index}"));
            rule["credential"] = json!("hf-read");
            rule
        })
        .collect();
    json!({ "rules": rules })
}
