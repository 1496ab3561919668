//! `entragate replay`: audit records against another configuration.

use crate::command_line as cli;
use crate::support;

use cli::Outcome;
use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::{Persona, SCIENTISTS_GROUP};

/// A configuration with one rule for each path.
fn policy() -> Value {
    let mut settings = settings();
    settings["credentials"] =
        json!([{"name": "hf-read", "value": "hf_a"}, {"name": "hf-write", "value": "hf_b"}]);
    settings["rules"] = json!([
        {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
        {"name": "contractors", "require": {"role": "Contractor"}, "effect": "deny"},
        {"name": "chat", "match": {"methods": ["POST"], "paths": ["/v1/**"]},
         "require": {"any": [{"role": "Model.Query"}, {"group": SCIENTISTS_GROUP}]}, "credential": "hf-read"},
        {"name": "people", "match": {"paths": ["/people"]}, "require": {"kind": "user"}, "credential": "hf-read"},
    ]);
    settings
}

/// The records that the filter writes about these requests.
fn records(settings: &Value, requests: &[(Option<Persona>, &str, &str)]) -> String {
    let mut bench = Bench::warm(settings);
    for (persona, method, path) in requests {
        let token = persona.map(|persona| format!("Bearer {}", Token::of(persona).build()));
        let target = [
            (":method", *method),
            (":path", *path),
            (":authority", "gateway.contoso.com"),
        ];
        let authorization = token.as_deref().map(|token| ("authorization", token));
        let fields: Vec<(&str, &str)> = target.into_iter().chain(authorization).collect();
        let (id, _) = bench.send(&fields);
        bench.gate.finish(id, Some(200), bench.now);
    }
    let records = bench.audit();
    assert_eq!(records.len(), requests.len());
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// Returns the exit status and the output of `--json`.
fn replay(new: &Value, old: Option<&Value>, records: &str) -> (i32, Value) {
    let log = cli::file(".log", records);
    let new = cli::file(".yaml", &new.to_string());
    let old = old.map(|old| cli::file(".yaml", &old.to_string()));
    let mut arguments = vec![
        "replay",
        new.path().to_str().unwrap(),
        "--json",
        "--audit",
        log.path().to_str().unwrap(),
    ];
    if let Some(old) = &old {
        arguments.extend(["--old", old.path().to_str().unwrap()]);
    }
    let Outcome { status, out, err } = cli::entragate(&arguments, "");
    (
        status,
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")),
    )
}

/// Returns the numbers of unchanged, changed and unknown decisions.
fn counts(json: &Value) -> [u64; 3] {
    ["unchanged", "changed", "unknown"].map(|member| json[member].as_u64().unwrap())
}

const REQUESTS: [(Option<Persona>, &str, &str); 7] = [
    (Some(Persona::Ada), "POST", "/v1/chat/completions"),
    (Some(Persona::Nora), "POST", "/v1/chat/completions"),
    (Some(Persona::Carl), "POST", "/v1/chat/completions"),
    (Some(Persona::Batch), "GET", "/people"),
    (Some(Persona::Ada), "GET", "/metrics"),
    (None, "GET", "/health"),
    (None, "POST", "/v1/chat/completions"),
];

#[test]
fn same_configuration_changes_nothing() {
    let records = records(&policy(), &REQUESTS);
    let (status, json) = replay(&policy(), Some(&policy()), &records);
    assert_eq!((status, counts(&json)), (0, [7, 0, 0]), "{json:#}");
    // Without the old configuration, requirements on roles are unknown, and so are the decisions that depend on them.
    let (status, json) = replay(&policy(), None, &records);
    assert_eq!((status, counts(&json)), (0, [4, 0, 3]), "{json:#}");
}

#[test]
fn recorded_claims_decide() {
    let mut settings = policy();
    settings["audit"] = json!({"claims": ["roles", "groups"]});
    let records = records(&settings, &REQUESTS);
    let (status, json) = replay(&settings, None, &records);
    // The role is recorded only if the token has one.
    assert_eq!((status, counts(&json)[1]), (0, 0), "{json:#}");
    let mut new = settings.clone();
    new["rules"][2]["require"] = json!({"role": "Chatter"});
    let (status, json) = replay(&new, None, &records);
    assert_eq!((status, counts(&json)[1]), (1, 1), "{json:#}");
    let change = &json["changes"][0];
    assert_eq!(change["from"], "permitted by chat with hf-read");
    assert_eq!(change["to"], "rule_unsatisfied");
    assert_eq!(change["records"], 1);
    assert_eq!(change["example"]["path"], "/v1/chat/completions");
}

#[test]
fn each_kind_of_change_is_shown() {
    let records = records(&policy(), &REQUESTS);
    let changes = |edit: &dyn Fn(&mut Value)| {
        let mut new = policy();
        edit(&mut new);
        let (status, json) = replay(&new, Some(&policy()), &records);
        let changes = json["changes"].as_array().unwrap();
        assert_eq!(status, i32::from(!changes.is_empty()), "{json:#}");
        let words = |change: &Value, member: &str| change[member].as_str().unwrap().to_owned();
        let all = changes.iter().map(|change| {
            (
                words(change, "from"),
                words(change, "to"),
                change["records"].as_u64().unwrap(),
            )
        });
        all.collect::<Vec<_>>()
    };
    let one = |from: &str, to: &str| vec![(from.to_owned(), to.to_owned(), 1)];
    let permitted = "permitted by chat with hf-read";
    assert_eq!(
        changes(&|new| new["rules"][2]["match"]["methods"] = json!(["PUT"])),
        one(permitted, "no_rule")
    );
    assert_eq!(
        changes(&|new| new["rules"][2]["credential"] = json!("hf-write")),
        one(permitted, "permitted by chat with hf-write")
    );
    assert_eq!(
        changes(&|new| new["rules"][3]["require"] = json!({"kind": "app"})),
        one(
            "rule_unsatisfied by people",
            "permitted by people with hf-read"
        )
    );
    assert_eq!(
        changes(&|new| _ = new["rules"].as_array_mut().unwrap().remove(0)),
        one("anonymous by health", "token_missing")
    );
    assert_eq!(
        changes(
            &|new| new["issuers"][0]["clients"] = json!(["11111111-2222-4333-8444-555555555555"])
        )
        .len(),
        1
    );
    // The names of rules and the codes of denials do not matter.
    assert_eq!(
        changes(&|new| new["rules"][2]["name"] = json!("talk")),
        Vec::new()
    );
}

#[test]
fn changed_requirement_is_unknown() {
    let records = records(&policy(), &REQUESTS);
    let mut new = policy();
    new["rules"][2]["require"] = json!({"role": "Chatter"});
    let (status, json) = replay(&new, Some(&policy()), &records);
    assert_eq!((status, counts(&json)[1]), (0, 0), "{json:#}");
    assert!(counts(&json)[2] >= 2, "{json:#}");
}

/// Records with these members in place of their own.
fn edited(records: &str, members: Value) -> String {
    let edit = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let members = members.as_object().unwrap().clone();
        record.as_object_mut().unwrap().extend(members);
        format!("{record}\n")
    };
    records.lines().map(edit).collect()
}

/// Edits the records of [`policy`], replays them with an edited configuration, and returns the numbers.
fn replayed(
    request: (Option<Persona>, &str, &str),
    members: Value,
    edit: &dyn Fn(&mut Value),
) -> [u64; 3] {
    let records = edited(&records(&policy(), &[request]), members);
    let mut new = policy();
    edit(&mut new);
    let (_, json) = replay(&new, Some(&policy()), &records);
    counts(&json)
}

const UNCHANGED: [u64; 3] = [1, 0, 0];
const CHANGED: [u64; 3] = [0, 1, 0];
const UNKNOWN: [u64; 3] = [0, 0, 1];
const CHAT: (Option<Persona>, &str, &str) = (Some(Persona::Ada), "POST", "/v1/chat/completions");
const PEOPLE: (Option<Persona>, &str, &str) = (Some(Persona::Ada), "GET", "/people");

#[test]
fn rule_about_a_body_that_is_not_recorded_is_unknown() {
    let deny = json!({"name": "no-llama", "match": {"methods": ["POST"], "models": ["meta-llama/*"]},
                      "require": {"issuer": "contoso"}, "effect": "deny"});
    // Replaces the deny rule of the policy, because its role is unknown.
    let denied = |new: &mut Value| new["rules"][1] = deny.clone();
    assert_eq!(replayed(CHAT, json!({}), &denied), UNKNOWN);
    assert_eq!(
        replayed(CHAT, json!({"model": "meta-llama/x"}), &denied),
        CHANGED
    );
    assert_eq!(
        replayed(CHAT, json!({"model": "mistral/x"}), &denied),
        UNCHANGED
    );
    assert_eq!(replayed(PEOPLE, json!({}), &denied), UNCHANGED);
    let open = json!({"name": "open", "match": {"paths": ["/v1/**"], "models": ["**"]}, "anonymous": true});
    let opened = |new: &mut Value| new["rules"].as_array_mut().unwrap().insert(0, open.clone());
    assert_eq!(
        replayed((None, CHAT.1, CHAT.2), json!({}), &opened),
        UNKNOWN
    );
    let call = json!({"name": "no-ping", "match": {"paths": ["/v1/**"], "mcp": {"methods": ["ping"]}},
                      "require": {"issuer": "contoso"}, "effect": "deny"});
    let called = |new: &mut Value| new["rules"][1] = call.clone();
    assert_eq!(replayed(CHAT, json!({}), &called), UNKNOWN);
    assert_eq!(
        replayed(CHAT, json!({"mcp_method": "ping"}), &called),
        CHANGED
    );
    assert_eq!(
        replayed(CHAT, json!({"mcp_method": "tools/list"}), &called),
        UNCHANGED
    );
    // The record of a batch has its methods, but not its messages.
    assert_eq!(
        replayed(CHAT, json!({"mcp_method": "tools/list,ping"}), &called),
        UNKNOWN
    );
}

#[test]
fn rule_about_a_cluster_or_a_certificate_that_is_not_recorded_is_unknown() {
    let clusters = |new: &mut Value| new["rules"][2]["match"]["clusters"] = json!(["hf"]);
    let credential = |new: &mut Value| new["credentials"][0]["clusters"] = json!(["hf"]);
    for edit in [&clusters as &dyn Fn(&mut Value), &credential] {
        assert_eq!(replayed(CHAT, json!({}), edit), UNKNOWN);
        assert_eq!(replayed(CHAT, json!({"cluster": "hf"}), edit), UNCHANGED);
        assert_eq!(replayed(CHAT, json!({"cluster": "other"}), edit), CHANGED);
    }
    for require in [
        json!({"peer": "spiffe://a/**"}),
        json!({"not": {"peer": "spiffe://a/**"}}),
    ] {
        let edit = |new: &mut Value| new["rules"][3]["require"] = require.clone();
        assert_eq!(replayed(PEOPLE, json!({}), &edit), UNKNOWN, "{require}");
    }
}

#[test]
fn audience_is_not_recorded() {
    let audiences =
        |list: Value| move |new: &mut Value| new["issuers"][0]["audiences"] = list.clone();
    let own = policy()["issuers"][0]["audiences"].clone();
    let mut more = own.clone();
    more.as_array_mut().unwrap().push(json!("api://other"));
    assert_eq!(replayed(PEOPLE, json!({}), &audiences(more)), UNCHANGED);
    assert_eq!(
        replayed(PEOPLE, json!({}), &audiences(json!(["api://other"]))),
        UNKNOWN
    );
}

#[test]
fn denial_without_a_rule_is_not_reported_as_changed() {
    // Removes the deny rule of the policy, because its role is unknown.
    let remove = |new: &mut Value, at: usize| _ = new["rules"].as_array_mut().unwrap().remove(at);
    let people = |new: &mut Value| remove(new, 1);
    let denied =
        |code: &str| json!({"decision": "deny", "code": code, "rule": null, "credential": null});
    for code in [
        "token_revoked",
        "token_expired",
        "credential_unavailable",
        "request_ambiguous",
    ] {
        assert_eq!(replayed(PEOPLE, denied(code), &people), UNKNOWN, "{code}");
    }
    assert_eq!(replayed(PEOPLE, denied("no_rule"), &people), CHANGED);
    let without_rule = |new: &mut Value| {
        people(new);
        remove(new, 2);
    };
    assert_eq!(
        replayed(PEOPLE, denied("token_revoked"), &without_rule),
        UNCHANGED
    );
    // A rule that needs no token permits a request regardless of its token.
    let open = |new: &mut Value| new["rules"][0]["match"] = json!({"paths": ["/people"]});
    assert_eq!(replayed(PEOPLE, denied("token_revoked"), &open), CHANGED);
    assert_eq!(
        replayed(PEOPLE, denied("request_ambiguous"), &open),
        UNKNOWN
    );
}

#[test]
fn unusable_input_is_reported() {
    let configuration = cli::file(".yaml", &policy().to_string());
    let path = configuration.path().to_str().unwrap();
    for (arguments, input, text) in [
        (vec!["replay", path], "", "--audit"),
        (
            vec!["replay", path, "--audit", "-"],
            "noise",
            "contains no audit record",
        ),
        (
            vec!["replay", path, "--audit", "/nowhere"],
            "",
            "/nowhere: error: No such file",
        ),
        (
            vec!["replay", "/nowhere", "--audit", "-"],
            "",
            "/nowhere: error: No such file",
        ),
    ] {
        let outcome = cli::entragate(&arguments, input);
        assert_eq!(outcome.status, 2, "{arguments:?}");
        assert!(outcome.err.contains(text), "{}", outcome.err);
    }
    let records = records(&policy(), &REQUESTS);
    let outcome = cli::entragate(&["replay", path, "--audit", "-"], &records);
    assert!(outcome.out.ends_with("audit.claims\n"), "{}", outcome.out);
}
