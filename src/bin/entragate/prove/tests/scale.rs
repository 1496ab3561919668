//! Policies with many rules: the formulas grow linearly with the policy, not quadratically.

use super::{compile, load};
use crate::progress::Progress;
use crate::prove::assertion::{Prover, Verdict};
use crate::prove::decision::Decision;
use crate::prove::facts::Facts;
use crate::prove::solver::Solver;
use serde_json::{Value, json};

/// Rules of many teams, each with paths, models, hosts, networks, hours, repositories and jobs.
pub fn settings(count: usize) -> Value {
    let mut rules = vec![
        json!({"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true}),
        json!({"name": "contractors", "require": {"role": "Contractor"}, "effect": "deny"}),
    ];
    for at in rules.len()..count {
        let (name, role) = (format!("team-{at}"), format!("Team{at}.Query"));
        let job = format!("0d5e7f3c-2a60-4b8b-b7de-{at:012x}");
        let path = format!("/team-{at}/v1/**");
        let post = json!({"methods": ["POST"], "paths": [path]});
        let network = format!("10.{}.{}.0/24", at / 250, at % 250);
        let hours =
            json!({"days": ["mon", "tue"], "from": format!("{:02}:00", at % 12), "to": "18:00"});
        let allow = |matches: Value, require: Value| json!({"name": name, "match": matches, "require": require, "credential": "hf-read"});
        rules.push(match at % 10 {
            0 => json!({"name": name, "match": {"methods": ["PUT", "DELETE"], "paths": [path, format!("/admin/team-{at}")]},
                        "require": {"all": [{"role": "Admin"}, {"mfa": true}]}, "credential": "hf-write"}),
            1 => json!({"name": name, "match": {"paths": [format!("/team-{}/v1/**", at + 1)]},
                        "require": {"all": [{"not": {"source": [network]}}, {"role": format!("Team{at}.Guest")}]}, "effect": "deny"}),
            2 => allow(post, json!({"any": [{"role": role}, {"group": job}]})),
            3 => allow(json!({"methods": ["POST"], "paths": ["/v1/**"], "models": [format!("org-{at}/*")]}),
                       json!({"role": role})),
            4 => allow(post, json!({"all": [{"role": role}, {"source": [network]}]})),
            5 => allow(post, json!({"all": [{"role": role}, {"time": hours}]})),
            6 => allow(post, json!({"claim": {"path": "repository", "equals": format!("contoso/{at}")}})),
            7 => allow(json!({"hosts": [format!("team-{at}.contoso.com")], "methods": ["POST"], "paths": ["/v1/**"]}),
                       json!({"role": role})),
            8 => allow(json!({"methods": ["POST"], "paths": ["/v1/embeddings"]}), json!({"object": job})),
            _ => json!({"name": name, "match": post, "require": {"kind": "app"}, "effect": "deny", "mode": "shadow"}),
        });
    }
    json!({
        "issuers": [{"name": "contoso", "entra": {"tenants": ["aaaabbbb-0000-cccc-1111-dddd2222eeee"]}, "audiences": ["hf"],
                     "jwks": {"cluster": "entra"}}],
        "credentials": [{"name": "hf-read", "value": "hf_r"}, {"name": "hf-write", "value": "hf_w"}],
        "rules": rules,
    })
}

/// Twenty assertions about all rules and about single teams.
pub fn assertions(count: usize) -> Vec<Value> {
    let mut all = vec![
        json!({"no_shadowed_rules": true}),
        json!({"when": {"role": "Contractor"}, "never": "permit"}),
        json!({"when": {"not": {"tenant": "aaaabbbb-0000-cccc-1111-dddd2222eeee"}}, "never": "permit"}),
        json!({"credential": "hf-write", "only_if": {"all": [{"role": "Admin"}, {"mfa": true}]}}),
        json!({"credential": "hf-write", "only_if": {"role": "Admin"}}),
        json!({"credential": "hf-read", "only_if": {"role": "Admin"}}),
        json!({"match": {"methods": ["PATCH"]}, "never": "permit"}),
        json!({"match": {"paths": ["/metrics"]}, "never": "permit"}),
        json!({"match": {"methods": ["PUT"]}, "when": {"kind": "app"}, "never": "permit"}),
        json!({"when": {"source": ["203.0.113.0/24"]}, "never": "permit"}),
    ];
    for at in 0..10 {
        let team = (count / 20 + at * count / 10) / 10 * 10 + 2 + at % 5;
        all.push(json!({"match": {"paths": [format!("/team-{team}/**")]}, "never": "permit",
                        "when": {"not": {"any": [{"role": format!("Team{team}.Query")}, {"role": "Admin"}]}}}));
    }
    for (at, assertion) in all.iter_mut().enumerate() {
        assertion["name"] = json!(format!("assertion-{at}"));
    }
    all
}

/// The numbers of variables and clauses of a policy with this number of rules.
fn size(count: usize) -> (u64, u64) {
    let config = load(&settings(count));
    let mut solver = Solver::new();
    let mut facts = Facts::of(&mut solver, &[&config], Some(&config.endpoints));
    Decision::of(&mut solver, &mut facts, &config);
    solver.size()
}

#[test]
fn formulas_grow_linearly_with_the_number_of_rules() {
    let (small, large) = (size(200), size(800));
    println!("{small:?} {large:?}");
    assert!(large.0 * 10 <= small.0 * 45, "{small:?} {large:?}");
    assert!(large.1 * 10 <= small.1 * 45, "{small:?} {large:?}");
}

#[test]
fn assertions_about_many_rules_are_decided() {
    let given = std::env::var("POLICY_RULES").ok();
    let count = given.and_then(|text| text.parse().ok()).unwrap_or(100);
    let settings = settings(count);
    let always = compile(&settings, &assertions(count));
    let mut prover = Prover::new(&always.config, &always.prefix);
    let verdicts = always.assertions.iter().map(|named| {
        match prover.prove(&named.assertion, &mut Progress::new()) {
            Verdict::Proved => 'p',
            Verdict::Refuted(_) => 'r',
            Verdict::Shadowed(rules) => panic!("{rules:?}"),
            Verdict::Undecided => 'u',
        }
    });
    let verdicts: String = verdicts.collect();
    // Other rules also permit requests: those for an administrator, or for the object, group or claim of a rule.
    assert_eq!(verdicts, "ppppprpprrrppprrpppr");
}
