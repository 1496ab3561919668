//! Realistic policies: those of the documentation, and combinations of typical rules of organizations. Few assertions
//! about them may be undecided.

use super::world::Numbers;
use super::{compile, load};
use crate::document::read_located;
use crate::progress::Progress;
use crate::prove::assertion::{Prover, Verdict};
use serde_json::{Value, json};

const TENANTS: [&str; 2] = [
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "bbbbcccc-1111-dddd-2222-eeee3333ffff",
];
const GROUPS: [&str; 2] = [
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
];
const JOB: &str = "0d5e7f3c-2a60-4b8b-b7de-94c1a8e05f26";

/// A part of a policy: rules, and the assertions that its authors want to verify.
struct Feature {
    rules: Value,
    assertions: Value,
    /// Further settings.
    settings: Value,
}

fn feature(rules: Value, assertions: Value) -> Feature {
    Feature {
        rules,
        assertions,
        settings: json!({}),
    }
}

fn hours(from: &str, to: &str) -> Value {
    json!({"time": {"days": ["mon", "tue", "wed", "thu", "fri"], "from": from, "to": to, "utc_offset": "+01:00"}})
}

fn features(numbers: &mut Numbers) -> Vec<Feature> {
    let office = [
        json!(["10.0.0.0/8"]),
        json!(["10.0.0.0/8", "2001:db8::/32"]),
        json!(["192.0.2.0/24", "10.1.0.0/16"]),
    ][numbers.below(3)]
    .clone();
    let query = [
        json!({"role": "Model.Query"}),
        json!({"any": [{"role": "Model.Query"}, {"group": GROUPS[0]}]}),
        json!({"all": [{"role": "Model.Query"}, {"scope": "access_as_user"}]}),
        json!({"all": [{"role": "Model.Query"}, {"not": {"directory_role": GROUPS[1]}}]}),
    ][numbers.below(4)]
    .clone();
    let working = hours("08:00", ["18:00", "17:30", "20:00"][numbers.below(3)]);
    let paths = [
        json!(["/v1/**"]),
        json!(["/v1/**", "/", "/generate", "/generate_stream", "/embed"]),
        json!(["/v1/chat/completions", "/v1/embeddings", "/v1/responses"]),
    ][numbers.below(3)]
    .clone();
    vec![
        feature(
            json!([{"name": "query", "match": {"methods": ["POST"], "paths": paths}, "require": query, "credential": "hf-read"},
                   {"name": "list", "match": {"methods": ["GET"], "paths": ["/v1/models", "/v1/models/**"]},
                    "require": query, "credential": "hf-read"}]),
            json!([{"credential": "hf-read", "only_if": query}, {"match": {"paths": ["/metrics", "/metrics/**"]}, "never": "permit"},
                   {"match": {"methods": ["PUT", "PATCH", "DELETE"], "paths": ["/v1/**"]}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "health", "match": {"methods": ["GET", "HEAD"], "paths": ["/health"]}, "anonymous": true}]),
            json!([{"match": {"methods": ["POST"], "paths": ["/health"]}, "never": "permit"},
                   {"credential": "none", "match": {"paths": ["/v1/**"]}, "only_if": {"role": "Model.Query"}}]),
        ),
        feature(
            json!([{"name": "preflight", "match": {"methods": ["OPTIONS"], "paths": ["/v1/**"]}, "anonymous": true}]),
            json!([{"match": {"methods": ["OPTIONS"], "paths": ["/tuning/**"]}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "contractors", "require": {"role": "Contractor"}, "effect": "deny"}]),
            json!([{"when": {"role": "Contractor"}, "never": "permit"},
                   {"when": {"all": [{"role": "Contractor"}, {"role": "Model.Query"}]}, "always": "deny"}]),
        ),
        feature(
            json!([{"name": "contractors-after-hours", "require": {"all": [{"role": "Contractor"}, {"not": working}]}, "effect": "deny"}]),
            json!([{"when": {"all": [{"role": "Contractor"}, {"not": working}]}, "never": "permit"},
                   {"when": {"role": "Contractor"}, "never": "permit"},
                   {"when": {"all": [{"role": "Contractor"}, {"time": {"days": ["sun"], "from": "00:00", "to": "24:00"}}]}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "from-elsewhere", "require": {"all": [{"kind": "user"}, {"not": {"source": office}}]}, "effect": "deny"}]),
            json!([{"when": {"all": [{"kind": "user"}, {"not": {"source": office}}]}, "never": "permit"},
                   {"when": {"source": ["203.0.113.0/24"]}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "small-models", "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": ["Qwen/*", "meta-llama/Llama-3.2-*"]},
                    "require": {"role": "Model.Query"}, "credential": "hf-read"},
                   {"name": "large-models", "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": ["meta-llama/*"]},
                    "require": {"role": "Model.Query.Large"}, "credential": "hf-large"}]),
            json!([{"credential": "hf-large", "only_if": {"role": "Model.Query.Large"}},
                   {"match": {"models": ["meta-llama/Llama-3.1-*"], "paths": ["/v1/chat/completions"]},
                    "when": {"not": {"role": "Model.Query.Large"}}, "never": {"credential": "hf-large"}}]),
        ),
        feature(
            json!([{"name": "no-agents-on-large-models", "match": {"models": ["meta-llama/*-405B-*"]}, "require": {"actor": "agent"},
                    "effect": "deny"}]),
            json!([{"match": {"models": ["meta-llama/Llama-3.1-405B-Instruct"]}, "when": {"kind": "agent"}, "never": "permit"},
                   {"match": {"models": ["meta-llama/Llama-3.1-8B-Instruct"]}, "when": {"kind": "agent"}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "nightly", "match": {"methods": ["POST"], "paths": ["/v1/embeddings"]}, "require": {"object": JOB},
                    "credential": "hf-batch"}]),
            json!([{"credential": "hf-batch", "only_if": {"object": JOB}},
                   {"match": {"paths": ["/v1/chat/**"]}, "when": {"object": JOB}, "never": {"credential": "hf-batch"}}]),
        ),
        feature(
            json!([{"name": "identity", "match": {"methods": ["POST"], "paths": ["/batch/**"]},
                    "require": {"all": [{"kind": "app"}, {"managed_identity": JOB}, hours("20:00", "06:00")]}, "credential": "hf-batch"}]),
            json!([{"match": {"paths": ["/batch/**"]}, "when": {"not": {"managed_identity": JOB}}, "never": "permit"},
                   {"match": {"paths": ["/batch/**"]}, "when": hours("09:00", "17:00"), "never": "permit"},
                   {"match": {"paths": ["/batch/**"]}, "when": {"kind": "user"}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "clinical", "match": {"methods": ["POST"], "paths": ["/clinical/**"]},
                    "require": {"all": [{"role": "Clinician"}, {"auth_context": "c1"}]}, "credential": "hf-read"}]),
            json!([{"match": {"paths": ["/clinical/**"]}, "when": {"not": {"auth_context": "c1"}}, "never": "permit"},
                   {"match": {"paths": ["/clinical/**"]}, "when": {"not": {"mfa": true}}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "write", "match": {"methods": ["PUT", "DELETE"], "paths": ["/api/repos/**"]},
                    "require": {"all": [{"role": "Admin"}, {"mfa": true}]}, "credential": "hf-write"}]),
            json!([{"credential": "hf-write", "only_if": {"all": [{"role": "Admin"}, {"mfa": true}]}},
                   {"when": {"kind": "app"}, "never": {"credential": "hf-write"}},
                   {"match": {"methods": ["GET", "POST"]}, "never": {"credential": "hf-write"}}]),
        ),
        feature(
            json!([{"name": "guests", "require": {"all": [{"not": {"kind": "app"}}, {"not": {"claim": {"path": "acct", "equals": 0}}}]},
                    "effect": "deny"}]),
            json!([{"when": {"all": [{"kind": "user"}, {"claim": {"path": "acct", "equals": 1}}]}, "never": "permit"},
                   {"when": {"claim": {"path": "acct", "present": false}}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "observed", "match": {"paths": ["/v1/**"]}, "require": {"kind": "app"}, "effect": "deny", "mode": "shadow"}]),
            json!([{"when": {"kind": "app"}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "agents", "match": {"methods": ["POST"], "paths": ["/agents/**"]},
                    "require": {"all": [{"kind": "agent"}, {"role": "Model.Query"},
                                        {"claim": {"path": "xms_par_app_azp", "one_of": [JOB]}}, working]}, "credential": "hf-read"}]),
            json!([{"match": {"paths": ["/agents/**"]}, "when": {"not": {"kind": "agent"}}, "never": "permit"},
                   {"match": {"paths": ["/agents/**"]}, "when": {"not": {"claim": {"path": "xms_par_app_azp", "equals": JOB}}}, "never": "permit"},
                   {"match": {"paths": ["/agents/**"]}, "when": {"not": working}, "always": "deny"}]),
        ),
        feature(
            json!([{"name": "no-deletion", "match": {"paths": ["/mcp"], "mcp": {"tools": ["*delete*"]}}, "effect": "deny"},
                   {"name": "start", "match": {"paths": ["/mcp"], "mcp": {"methods": ["initialize", "notifications/*", "ping", "tools/list", "response"]}},
                    "require": {"role": "Model.Query"}, "credential": "hf-read"},
                   {"name": "read", "match": {"paths": ["/mcp"], "mcp": {"tools": ["hub_*", "*_search"]}},
                    "require": {"role": "Model.Query"}, "credential": "hf-read"},
                   {"name": "write-tools", "match": {"paths": ["/mcp"], "mcp": {"tools": ["write_*"]}},
                    "require": {"role": "Model.Write"}, "credential": "hf-read"}]),
            json!([{"match": {"paths": ["/mcp"], "mcp": {"tools": ["write_file"]}}, "when": {"not": {"role": "Model.Write"}}, "never": "permit"},
                   {"match": {"paths": ["/mcp"], "mcp": {"tools": ["hub_delete_repo"]}}, "never": "permit"},
                   {"match": {"paths": ["/mcp"], "mcp": {"methods": ["resources/**"]}}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "mesh", "match": {"methods": ["POST"], "paths": ["/internal/**"]},
                    "require": {"all": [{"peer": "spiffe://prod/ns/ml/sa/*"}, {"role": "Service"}]}, "credential": "hf-read"}]),
            json!([{"match": {"paths": ["/internal/**"]}, "when": {"not": {"peer": "spiffe://prod/**"}}, "never": "permit"},
                   {"match": {"paths": ["/internal/**"]}, "when": {"not": {"peer": "spiffe://prod/ns/ml/sa/batch"}}, "never": "permit"}]),
        ),
        feature(
            json!([{"name": "partners", "match": {"hosts": ["partners.contoso.com"], "methods": ["POST"], "paths": ["/v1/**"]},
                    "require": {"all": [{"tenant": TENANTS[1]}, {"any": [{"client": JOB}, {"group": GROUPS[1]}]}]}, "credential": "hf-partner"}]),
            json!([{"credential": "hf-partner", "only_if": {"tenant": TENANTS[1]}},
                   {"match": {"hosts": ["**.internal.contoso.com"]}, "when": {"tenant": TENANTS[1]}, "never": {"credential": "hf-partner"}},
                   {"when": {"tenant": TENANTS[1]}, "never": {"credential": "hf-write"}}]),
        ),
        Feature {
            settings: json!({"endpoints": [
                {"clusters": ["vllm"], "paths": ["/v1/**"], "model_from": "body"}, {"clusters": ["tei"], "model": "BAAI/bge-m3"}]}),
            ..feature(
                json!([{"name": "vllm", "match": {"clusters": ["vllm"], "methods": ["POST"], "paths": ["/v1/**"],
                                                  "models": ["/models/*", "meta-llama/*"]},
                        "require": {"role": "Model.Query"}, "credential": "none"},
                       {"name": "embeddings", "match": {"clusters": ["tei"], "methods": ["POST"], "paths": ["/embed", "/v1/embeddings"]},
                        "require": {"role": "Model.Query"}, "credential": "none"}]),
                json!([{"match": {"clusters": ["vllm", "tei"]}, "when": {"role": "Model.Query"}, "never": {"credential": "hf-write"}},
                       {"match": {"clusters": ["tei"], "paths": ["/embed"]}, "when": {"not": {"role": "Model.Query"}},
                        "never": {"credential": "none"}}]),
            )
        },
        Feature {
            settings: json!({"endpoints": [{"hosts": ["llama.contoso.com"], "model": "meta-llama/Llama-3.1-8B-Instruct"}]}),
            ..feature(
                json!([{"name": "dedicated", "match": {"hosts": ["llama.contoso.com"], "methods": ["POST"], "models": ["meta-llama/*"]},
                        "require": {"any": [{"role": "Model.Query"}, {"group": GROUPS[1]}]}, "credential": "hf-read"}]),
                json!([{"match": {"hosts": ["llama.contoso.com"]}, "when": {"not": {"any": [{"role": "Model.Query"}, {"group": GROUPS[1]}]}},
                        "never": {"credential": "hf-read"}},
                       {"match": {"hosts": ["llama.contoso.com"], "methods": ["GET"], "paths": ["/admin/**"]}, "never": "permit"}]),
            )
        },
        Feature {
            settings: json!({"issuers": [{"name": "github", "oidc": {"issuer": "https://token.actions.githubusercontent.com"},
                "audiences": ["hf"], "claims": {"kind": {"preset": "github_actions"}},
                "jwks": {"cluster": "github", "uri": "https://token.actions.githubusercontent.com/.well-known/jwks"}}]}),
            ..feature(
                json!([{"name": "workflows", "match": {"methods": ["POST"], "paths": ["/v1/embeddings"], "issuers": ["github"]},
                        "require": {"all": [{"claim": {"path": "repository", "one_of": ["contoso/models", "contoso/search"]}},
                                            {"claim": {"path": "ref", "equals": "refs/heads/main"}}]}, "credential": "hf-batch"}]),
                json!([{"when": {"all": [{"issuer": "github"}, {"not": {"claim": {"path": "repository", "one_of": ["contoso/models", "contoso/search"]}}}]},
                        "never": {"credential": "hf-batch"}},
                       {"when": {"all": [{"issuer": "github"}, {"claim": {"path": "repository", "equals": "contoso/web"}}]},
                        "never": {"credential": "hf-batch"}},
                       {"when": {"all": [{"issuer": "github"}, {"kind": "user"}]}, "never": "permit"}]),
            )
        },
        Feature {
            settings: json!({"issuers": [{"name": "realm", "oidc": {"issuer": "https://idp.example/realms/ml"}, "audiences": ["hf"],
                "claims": {"roles": "/realm_access/roles", "kind": {"preset": "keycloak"}}, "algorithms": ["ES256"],
                "jwks": {"cluster": "idp", "uri": "https://idp.example/keys"}}]}),
            ..feature(
                json!([{"name": "realm-only-reads", "match": {"issuers": ["realm"], "methods": ["PUT", "DELETE", "PATCH"]}, "effect": "deny"}]),
                json!([{"match": {"methods": ["PUT", "DELETE", "PATCH"]}, "when": {"issuer": "realm"}, "never": "permit"},
                       {"when": {"issuer": "realm"}, "never": "permit"}]),
            )
        },
    ]
}

/// A policy with some of the features, and the assertions about them.
fn policy(numbers: &mut Numbers) -> (Value, Vec<Value>) {
    let mut issuers = vec![json!({
        "name": "contoso", "entra": {"tenants": TENANTS, "agent_claims": numbers.below(3) > 0},
        "audiences": ["00001111-aaaa-2222-bbbb-3333cccc4444", "api://00001111-aaaa-2222-bbbb-3333cccc4444"],
        "jwks": {"cluster": "entra"},
    })];
    let (mut rules, mut endpoints) = (Vec::new(), Vec::new());
    let mut assertions = vec![
        json!({"no_shadowed_rules": true}),
        json!({"when": {"not": {"any": [{"tenant": TENANTS[0]}, {"tenant": TENANTS[1]}, {"not": {"issuer": "contoso"}}]}}, "never": "permit"}),
    ];
    for (at, feature) in features(numbers).into_iter().enumerate() {
        // The first part is in every policy.
        if at > 0 && numbers.below(3) > 0 {
            continue;
        }
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        rules.extend(list(&feature.rules));
        assertions.extend(list(&feature.assertions));
        issuers.extend(list(&feature.settings["issuers"]));
        endpoints.extend(list(&feature.settings["endpoints"]));
    }
    // Authors order their rules in many ways.
    for at in (1..rules.len()).rev() {
        rules.swap(at, numbers.below(at + 1));
    }
    let clusters = numbers.below(3) == 0;
    let credential = |name: &str| {
        let mut credential = json!({"name": name, "value": format!("hf_{name}")});
        if clusters {
            credential["clusters"] = json!(["huggingface", "endpoints-*"]);
        }
        credential
    };
    let names = ["hf-read", "hf-write", "hf-large", "hf-batch", "hf-partner"];
    let mut settings =
        json!({"issuers": issuers, "credentials": names.map(credential), "rules": rules});
    if !endpoints.is_empty() {
        settings["endpoints"] = json!(endpoints);
    }
    (settings, named(assertions))
}

fn named(assertions: Vec<Value>) -> Vec<Value> {
    let name = |(at, mut assertion): (usize, Value)| {
        assertion["name"] = json!(format!("assertion-{at}"));
        assertion
    };
    assertions.into_iter().enumerate().map(name).collect()
}

#[derive(Debug, Default)]
struct Results {
    proved: usize,
    refuted: usize,
    undecided: Vec<String>,
}

impl Results {
    fn add(&mut self, settings: &Value, assertions: &[Value]) {
        let always = compile(settings, assertions);
        let mut prover = Prover::new(&always.config, &always.prefix);
        for (named, assertion) in always.assertions.iter().zip(assertions) {
            match prover.prove(&named.assertion, &mut Progress::new()) {
                Verdict::Proved => self.proved += 1,
                Verdict::Refuted(_) | Verdict::Shadowed(_) => self.refuted += 1,
                Verdict::Undecided => self.undecided.push(format!("{assertion}\n{settings}")),
            }
        }
    }

    /// At most 2 % are undecided.
    fn check(&self) {
        let all = self.proved + self.refuted + self.undecided.len();
        let counts = format!("{} proved, {} refuted", self.proved, self.refuted);
        println!("{counts}, {} undecided", self.undecided.len());
        assert!(
            self.undecided.len() * 50 <= all,
            "{counts}, undecided: {:#?}",
            self.undecided
        );
        assert!(self.proved > 0 && self.refuted > 0, "{counts}");
    }
}

#[test]
fn assertions_about_fifty_realistic_policies_are_decided() {
    let mut results = Results::default();
    for seed in 0..50 {
        let (settings, assertions) = policy(&mut Numbers::new(seed));
        results.add(&settings, &assertions);
    }
    results.check();
}

/// Assertions that apply to any policy.
fn general(settings: &Value) -> Vec<Value> {
    let mut assertions = vec![
        json!({"no_shadowed_rules": true}),
        json!({"when": {"role": "Contractor"}, "never": "permit"}),
        json!({"when": {"not": {"tenant": TENANTS[0]}}, "never": "permit"}),
        json!({"when": {"kind": "app"}, "never": "permit"}),
        json!({"when": {"not": hours("08:00", "18:00")}, "never": "permit"}),
        json!({"when": {"not": {"source": ["10.0.0.0/8"]}}, "never": "permit"}),
        json!({"match": {"methods": ["PUT", "PATCH", "DELETE"]}, "never": "permit"}),
        json!({"match": {"paths": ["/metrics", "/metrics/**"]}, "never": "permit"}),
        json!({"match": {"models": ["meta-llama/*"]}, "when": {"not": {"role": "Model.Query"}}, "never": "permit"}),
        json!({"credential": "none", "only_if": {"role": "Model.Query"}}),
    ];
    for credential in settings["credentials"].as_array().unwrap() {
        let name = &credential["name"];
        assertions.push(json!({"credential": name, "only_if": {"role": "Model.Query"}}));
        let any = json!({"any": [{"role": "Model.Query"}, {"group": GROUPS[0]}]});
        assertions.push(json!({"credential": name, "only_if": any}));
    }
    named(assertions)
}

#[test]
fn assertions_about_the_policies_of_the_documentation_are_decided() {
    let read = |file: &str| {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        std::fs::read_to_string(file).unwrap()
    };
    let recipes = read("docs/recipes.md");
    let mut results = Results::default();
    let mut count = 0;
    for block in recipes.split("```yaml\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let mut settings = read_located(text).unwrap().remove(0).value;
        if settings["issuers"].is_null() {
            settings["issuers"] = json!([{
                "name": "contoso", "entra": {"tenants": [TENANTS[0]]},
                "audiences": ["00001111-aaaa-2222-bbbb-3333cccc4444"], "jwks": {"cluster": "entra"},
            }]);
        }
        if settings["credentials"].is_null() {
            settings["credentials"] = json!([{"name": "hf-read", "value": "hf_a"}, {"name": "hf-batch", "value": "hf_b"}]);
        }
        for credential in settings["credentials"].as_array_mut().unwrap() {
            let credential = credential.as_object_mut().unwrap();
            credential.remove("env");
            credential.insert("value".into(), json!("hf_a"));
        }
        load(&settings);
        results.add(&settings, &general(&settings));
        count += 1;
    }
    assert_eq!(count, 19);
    let shipped = crate::chosen::load(&format!("{}/envoy.yaml", env!("CARGO_MANIFEST_DIR")), None);
    let mut settings = shipped.unwrap().members;
    settings["credentials"][0]
        .as_object_mut()
        .unwrap()
        .remove("env");
    settings["credentials"][0]["value"] = json!("hf_a");
    let general = general(&settings);
    results.add(&settings, &general);
    results.check();
}
