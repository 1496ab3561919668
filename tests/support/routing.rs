//! A model of how Envoy selects the cluster of a request, random route tables and policies for it, and the conditions that
//! every decision must meet. The native test and the test in a real Envoy share it; the latter also compares the model with
//! Envoy.
#![allow(dead_code, reason = "each test file uses its own part")]

mod table;

use serde_json::{Value, json};
pub use table::Table;

/// An upstream and its fixed model; `None` if the request body names the model.
pub struct Upstream {
    pub cluster: &'static str,
    pub serves: Option<&'static str>,
}

pub const UPSTREAMS: [Upstream; 5] = [
    upstream("hf-llama", Some("meta-llama/x")),
    upstream("hf-qwen", Some("Qwen/y")),
    upstream("router", None),
    upstream("team-b", Some("b/secret")),
    upstream("other/svc", Some("c/z")),
];

const fn upstream(cluster: &'static str, serves: Option<&'static str>) -> Upstream {
    Upstream { cluster, serves }
}

pub fn upstream_of(cluster: &str) -> &'static Upstream {
    let found = UPSTREAMS
        .iter()
        .find(|upstream| upstream.cluster == cluster);
    found.unwrap_or_else(|| panic!("no cluster {cluster}"))
}

/// A source of random choices: returns a number less than its argument.
pub type Dice<'d> = &'d mut dyn FnMut(usize) -> usize;

fn pick<T: Copy>(dice: Dice<'_>, of: &[T]) -> T {
    of[dice(of.len())]
}

fn pick_several<T: Copy>(dice: Dice<'_>, of: &[T], max_extra: usize) -> Vec<T> {
    (0..=dice(max_extra)).map(|_| pick(dice, of)).collect()
}

/// A request as the caller sends it.
#[derive(Clone, Debug)]
pub struct Call {
    pub authority: String,
    pub path: String,
    /// The headers `x-route` and `x-cluster`, which routes match on and the filter does not change.
    pub route: Option<&'static str>,
    pub cluster: Option<&'static str>,
    /// The model in the JSON body; `None` if there is no body.
    pub model: Option<&'static str>,
}

const MODELS: [&str; 6] = [
    "meta-llama/x",
    "Qwen/y",
    "b/secret",
    "B/Secret",
    "c/z",
    "d/none",
];

impl Call {
    pub fn random(dice: Dice<'_>) -> Self {
        const HOSTS: [&str; 7] = [
            "llama.example.com",
            "qwen.example.com",
            "a.b.example.com",
            "x.example.com",
            "team.internal",
            "nowhere.org",
            "example.com",
        ];
        let mut authority = pick(dice, &HOSTS).to_owned();
        if dice(3) == 0 {
            authority = authority.replace("ex", "EX").replace("te", "Te");
        }
        let tails = [
            "", "", "", "", ":80", ":1", ":65535", ":", ".", ".:80", "..", ":0", ":x",
        ];
        authority.push_str(pick(dice, &tails));
        let paths = [
            "/v1/chat/completions",
            "/v1/chat/completions",
            "/v1/embeddings?model=b/secret",
            "/generate",
            "/models/meta-llama/x",
            "/models/b/secret",
            "/v1/models/b/secret",
            "/ai/models/b/secret",
            "/team/x",
        ];
        let clusters = ["hf-llama", "team-b", "router", "not-there"];
        Self {
            authority,
            path: pick(dice, &paths).to_owned(),
            route: (dice(3) == 0).then(|| pick(dice, &["a", "b"])),
            cluster: (dice(3) == 0).then(|| pick(dice, &clusters)),
            model: (dice(6) > 0).then(|| pick(dice, &MODELS)),
        }
    }
}

/// A credential's value and the clusters that it is meant for.
#[derive(Clone, Debug)]
pub struct Credential {
    pub value: String,
    pub clusters: &'static [&'static str],
}

#[derive(Clone, Debug, Default)]
struct Rule {
    denies: bool,
    models: Vec<&'static str>,
    clusters: Vec<&'static str>,
    paths: Vec<&'static str>,
    /// The index of the credential; `None` for a rule with `credential: none`.
    credential: Option<usize>,
}

/// A route table, and a policy for the filter in front of it.
#[derive(Clone, Debug)]
pub struct World {
    pub table: Table,
    pub credentials: Vec<Credential>,
    endpoints: Value,
    rules: Vec<Rule>,
}

impl World {
    pub fn random(dice: Dice<'_>) -> Self {
        const CLUSTERS: [&[&str]; 6] = [
            &["hf-llama"],
            &["hf-*"],
            &["router", "hf-qwen"],
            &["**"],
            &["team-b"],
            &["other/*"],
        ];
        let credential = |index: usize, dice: Dice<'_>| Credential {
            value: format!("hf_credential_{index}"),
            clusters: pick(dice, &CLUSTERS),
        };
        let credentials: Vec<_> = (0..3).map(|index| credential(index, dice)).collect();
        let (table, endpoints) = if dice(3) == 0 {
            let (table, named) = Table::by_host(dice);
            let entry = |(host, cluster): &(&str, &str)| json!({"hosts": [host], "model": upstream_of(cluster).serves});
            (table, named.iter().map(entry).collect())
        } else {
            let entry = |upstream: &Upstream| match upstream.serves {
                Some(model) => json!({"clusters": [upstream.cluster], "model": model}),
                None => {
                    json!({"clusters": [upstream.cluster], "paths": ["/v1/**"], "model_from": "body"})
                }
            };
            let mut entries: Vec<Value> = UPSTREAMS.iter().map(entry).collect();
            entries.remove(dice(entries.len()));
            (Table::random(dice), entries.into())
        };
        let rules = (0..2 + dice(3)).map(|_| Rule::random(dice)).collect();
        Self {
            table,
            credentials,
            endpoints,
            rules,
        }
    }

    /// Adds this world's credentials, endpoints and rules to a policy.
    pub fn configure(&self, policy: &mut Value) {
        let credentials = self.credentials.iter().enumerate();
        policy["credentials"] = credentials
            .map(|(index, each)| json!({"name": format!("c{index}"), "value": each.value, "clusters": each.clusters}))
            .collect();
        policy["endpoints"] = self.endpoints.clone();
        let rules = self.rules.iter().enumerate();
        policy["rules"] = rules.map(|(index, rule)| rule.as_json(index)).collect();
    }

    /// Checks a request that arrived at `cluster` with this Authorization and has this audit record.
    pub fn check(&self, call: &Call, cluster: &str, authorization: Option<&str>, record: &Value) {
        let context = || format!("{call:?} at {cluster}: {record}\n{self:#?}");
        let index = record["rule"]
            .as_str()
            .and_then(|name| name.strip_prefix('r')?.parse().ok());
        let index: usize = index.unwrap_or_else(|| panic!("{}", context()));
        let rule = &self.rules[index];
        let credential = rule.credential.map(|index| &self.credentials[index]);
        // The credential is that of the rule, and it is meant for the cluster.
        let expected = credential.map(|credential| format!("Bearer {}", credential.value));
        assert_eq!(authorization, expected.as_deref(), "{}", context());
        if let Some(credential) = credential {
            assert!(matches_any(cluster, credential.clusters), "{}", context());
        }
        // The recorded model is that of the upstream.
        let upstream = upstream_of(cluster);
        let is_v1 = call.path.starts_with("/v1/");
        let actual_model = upstream.serves.or(call.model.filter(|_| is_v1));
        if let Some(model) = record["model"].as_str() {
            assert_eq!(Some(model), actual_model, "{}", context());
        }
        // The rule matches the request, and no deny rule matches it.
        let matches = |rule: &Rule| {
            let model = actual_model.unwrap_or_default();
            let model = if rule.denies {
                model.to_lowercase()
            } else {
                model.to_owned()
            };
            let models: Vec<String> = rule
                .models
                .iter()
                .map(|pattern| {
                    if rule.denies {
                        pattern.to_lowercase()
                    } else {
                        (*pattern).to_owned()
                    }
                })
                .collect();
            let models: Vec<&str> = models.iter().map(String::as_str).collect();
            (rule.models.is_empty() || matches_any(&model, &models))
                && (rule.clusters.is_empty() || matches_any(cluster, &rule.clusters))
                && (rule.paths.is_empty() || rule.paths.contains(&"/v1/**") && is_v1)
        };
        assert!(matches(rule), "{}", context());
        let denies = |rule: &&Rule| rule.denies && matches(rule);
        assert!(
            !self.rules.iter().any(|rule| denies(&rule)),
            "{}",
            context()
        );
    }
}

impl Rule {
    fn random(dice: Dice<'_>) -> Self {
        let models = ["meta-llama/*", "Qwen/*", "b/secret", "c/*", "d/*"];
        let clusters = ["hf-*", "team-b", "router", "other/*", "hf-llama"];
        let denies = dice(4) == 0;
        let mut rule = Self {
            denies,
            credential: Some(dice(4)).filter(|index| !denies && *index < 3),
            ..Self::default()
        };
        if denies || dice(2) == 0 {
            rule.models = pick_several(dice, &models, 2);
        }
        if dice(3) == 0 {
            rule.clusters = pick_several(dice, &clusters, 2);
        }
        if dice(3) == 0 {
            rule.paths = vec!["/v1/**"];
        }
        rule
    }

    fn as_json(&self, index: usize) -> Value {
        let mut matches = json!({});
        for (field, patterns) in [
            ("models", &self.models),
            ("clusters", &self.clusters),
            ("paths", &self.paths),
        ] {
            if !patterns.is_empty() {
                matches[field] = json!(patterns);
            }
        }
        let mut rule = json!({"name": format!("r{index}"), "match": matches, "require": {"role": "Model.Query"}});
        match (self.denies, self.credential) {
            (true, _) => rule["effect"] = json!("deny"),
            (false, Some(credential)) => rule["credential"] = json!(format!("c{credential}")),
            (false, None) => rule["credential"] = json!("none"),
        }
        rule
    }
}

/// Returns whether a text matches one of these patterns, which are literal, `prefix*` or `**`.
fn matches_any(text: &str, patterns: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some("*") => true,
            Some(prefix) => text
                .strip_prefix(prefix)
                .is_some_and(|rest| !rest.contains('/')),
            None => text == *pattern,
        })
}
