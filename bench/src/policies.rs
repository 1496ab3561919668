//! Policies with many rules, which replace the rules of `envoy.yaml`.

use serde_json::{Value, json};

/// Returns `count` rules that differ only in role and group; the caller of the benchmark satisfies the last one.
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

/// Returns `count` rules that differ only in their path; the request of the benchmark matches the last one.
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

/// Returns `count` rules that differ only in their models, so that the filter reads the body of a chat request; the model of the
/// benchmark's request matches the last rule.
pub fn rules_by_model(count: usize) -> Value {
    rules(count, |index| {
        let models = if index + 1 == count {
            "meta-llama/*".into()
        } else {
            format!("team-{index}/*")
        };
        json!({
            "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": [models]},
            "require": {"role": "Model.Query"},
        })
    })
}

/// Returns `count` rules that differ only in their cluster; the cluster of the benchmark's route matches the last rule.
pub fn rules_by_cluster(count: usize) -> Value {
    rules(count, |index| {
        let cluster = if index + 1 == count {
            "huggingface".into()
        } else {
            format!("team-{index}")
        };
        json!({
            "match": {"methods": ["POST"], "paths": ["/v1/**"], "clusters": [cluster]},
            "require": {"role": "Model.Query"},
        })
    })
}

/// Returns a rule that names MCP tools, so that the filter reads the body of a tool call.
pub fn rules_by_tool() -> Value {
    rules(1, |_| {
        json!({
            "match": {"methods": ["POST"], "paths": ["/mcp"], "mcp": {"tools": ["model_*"]}},
            "require": {"role": "Model.Query"},
        })
    })
}

/// Builds rules from a function that returns the match and the requirement for an index.
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
