//! Small policies whose verdicts are known: every value of a condition has an example request, and the relations
//! between the facts of a request are complete and correct.

mod callers;
mod requests;
mod rules;

use super::compile;
use crate::progress::Progress;
use crate::prove::assertion::{Counterexample, Prover, Verdict};
use serde_json::{Value, json};

const TENANTS: [&str; 2] = [
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "bbbbcccc-1111-dddd-2222-eeee3333ffff",
];
const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER_ID: &str = "22222222-2222-4222-8222-222222222222";

/// A configuration with these rules, and issuers of several kinds.
fn settings(rules: &Value) -> Value {
    let auth =
        json!({"managed_identity": {"cluster": "imds", "resource": "https://graph.microsoft.com"}});
    let oidc = |name: &str, claims: Value| {
        json!({"name": name, "oidc": {"issuer": format!("https://{name}.example")}, "audiences": ["hf"], "claims": claims,
               "jwks": {"cluster": name, "uri": format!("https://{name}.example/keys")}})
    };
    json!({
        "issuers": [
            {"name": "contoso", "entra": {"tenants": TENANTS, "agent_claims": true}, "audiences": ["hf", "api://hf"],
             "jwks": {"cluster": "entra"}},
            {"name": "graph", "entra": {"tenants": [OTHER_ID]}, "audiences": ["hf"],
             "groups_overage": {"graph": {"cluster": "graph", "auth": auth}}, "jwks": {"cluster": "entra"}},
            {"name": "plain", "entra": {"tenants": [ID]}, "audiences": ["hf"], "jwks": {"cluster": "entra"}},
            oidc("github", json!({"kind": {"preset": "github_actions"}})),
            oidc("standard", json!({"roles": "/realm/roles"})),
            oidc("mapped", json!({"kind": {"app": {"claim": {"path": "use", "equals": "svc"}},
                                           "user": {"claim": {"path": "use", "equals": "web"}}}})),
        ],
        "credentials": [{"name": "r", "value": "hf_r"}, {"name": "w", "value": "hf_w", "clusters": ["c*"]}],
        "rules": rules,
    })
}

fn verdict_of(settings: &Value, mut assertion: Value) -> Verdict {
    assertion["name"] = json!("a");
    let always = compile(settings, &[assertion]);
    let mut prover = Prover::new(&always.config, &always.prefix);
    prover.prove(&always.assertions[0].assertion, &mut Progress::new())
}

fn shown(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Proved => "proved",
        Verdict::Refuted(_) => "refuted",
        Verdict::Shadowed(_) => "shadowed",
        Verdict::Undecided => "undecided",
    }
}

fn verdict(settings: &Value, assertion: Value) -> &'static str {
    shown(&verdict_of(settings, assertion))
}

fn counterexample(settings: &Value, assertion: Value) -> Box<Counterexample> {
    match verdict_of(settings, assertion) {
        Verdict::Refuted(found) => found,
        other => panic!("{}", shown(&other)),
    }
}

/// The verdict on the assertion that a rule with this requirement permits no request, so no caller satisfies the
/// requirement.
fn satisfied(require: &Value) -> &'static str {
    let rules = json!([{"name": "rule", "require": require, "credential": "r"}]);
    verdict(&settings(&rules), json!({"match": {}, "never": "permit"}))
}

/// The verdict on the assertion that the requirement is never indeterminate.
fn clear(require: &Value) -> &'static str {
    // Every caller satisfies this, since the caller's id is never unclear.
    let anyone = json!({"any": [{"object": "o"}, {"not": {"object": "o"}}]});
    let rules = json!([{"name": "rule", "require": anyone, "credential": "r"}]);
    verdict(
        &settings(&rules),
        json!({"credential": "r", "only_if": {"any": [require, {"not": require}]}}),
    )
}

/// The verdict on the assertion that no rule with this match permits a request; it is refuted if some request matches.
fn matched(matches: &Value) -> &'static str {
    let rules =
        json!([{"name": "rule", "match": matches, "require": {"role": "a"}, "credential": "r"}]);
    verdict(&settings(&rules), json!({"match": {}, "never": "permit"}))
}

fn claim(path: &str, test: &str, value: Value) -> Value {
    json!({"claim": {"path": path, test: value}})
}
