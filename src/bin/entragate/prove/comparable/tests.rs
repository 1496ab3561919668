use super::*;
use crate::prove::tests::load;
use serde_json::json;

const TENANTS: [&str; 2] = [
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "bbbbcccc-1111-dddd-2222-eeee3333ffff",
];

fn settings() -> Value {
    json!({
        "issuers": [
            {"name": "contoso", "entra": {"tenants": [TENANTS[0]]}, "audiences": ["hf"], "jwks": {"cluster": "entra"}},
            {"name": "other", "oidc": {"issuer": "https://other.example"}, "audiences": ["hf"],
             "jwks": {"cluster": "other", "uri": "https://other.example/keys"}},
        ],
        "credentials": [{"name": "r", "value": "hf_r"}],
        "rules": [{"name": "rule", "match": {"paths": ["/v1/**"]}, "require": {"role": "a"}, "credential": "r"}],
    })
}

/// The settings with changes: JSON pointers of existing objects or arrays, and the members or items to add.
fn with(settings: &Value, changes: &[(&str, Value)]) -> Value {
    let mut settings = settings.clone();
    for (pointer, added) in changes {
        match (settings.pointer_mut(pointer).unwrap(), added) {
            (Value::Object(members), Value::Object(added)) => members.extend(added.clone()),
            (Value::Array(items), item) => items.push(item.clone()),
            (other, _) => panic!("{other}"),
        }
    }
    settings
}

fn compare(one: &Value, other: &Value) -> bool {
    let configs = [one, other].map(load);
    let [one, other] = [(&configs[0], one), (&configs[1], other)]
        .map(|(config, members)| Side { config, members });
    let found = are_comparable(one, other);
    assert_eq!(
        found,
        are_comparable(other, one),
        "{} {}",
        one.members,
        other.members
    );
    found
}

#[test]
fn configurations_with_only_translated_differences_are_comparable() {
    let own = settings();
    for changes in [
        [("", json!({}))],
        [(
            "/rules",
            json!({"name": "more", "require": {"scope": "s"}, "credential": "none"}),
        )],
        [("/rules/0", json!({"bill_to": "team"}))],
        [("/issuers/0", json!({"audiences": ["api://hf"]}))],
        [("/issuers/0", json!({"clients": ["c"]}))],
        [("/issuers/0/entra", json!({"tenants": TENANTS}))],
        [("/credentials", json!({"name": "w", "value": "hf_w"}))],
        [("/credentials/0", json!({"clusters": ["c"]}))],
        [("/credentials/0", json!({"bill_to": "team"}))],
        [("", json!({"forward": {"bill_to": "team"}}))],
    ] {
        assert!(compare(&own, &with(&own, &changes)), "{changes:?}");
    }
}

#[test]
fn configurations_with_other_differences_are_not_comparable() {
    let own = settings();
    for changes in [
        [("/issuers/0", json!({"jwks": {"cluster": "entra-2"}}))],
        [("/issuers/0/entra", json!({"agent_claims": true}))],
        [("/issuers/1", json!({"claims": {"roles": "groups"}}))],
        [("/credentials/0", json!({"value": "hf_other"}))],
        [("", json!({"forward": {"filter_models": false}}))],
        [("", json!({"forward": {"filter_tools": false}}))],
        [(
            "/rules",
            json!({"name": "tools", "match": {"paths": ["/mcp"], "mcp": {"tools": ["t"]}}, "require": {"role": "a"},
                           "credential": "none"}),
        )],
    ] {
        assert!(!compare(&own, &with(&own, &changes)), "{changes:?}");
    }
    let config = load(&own);
    let mut names: Vec<&str> = SECTIONS.to_vec();
    names.push("replies");
    for name in names {
        let mut members = own.clone();
        members[name] = json!({"protected_resource": {}});
        let [one, other] = [&own, &members].map(|members| Side {
            config: &config,
            members,
        });
        assert!(!are_comparable(one, other), "{name}");
    }
}

#[test]
fn tenants_are_comparable_if_they_do_not_select_the_issuer() {
    let second = json!({"name": "second", "entra": {"tenants": [TENANTS[1]]}, "audiences": ["hf2"], "jwks": {"cluster": "entra"}});
    let two = with(&settings(), &[("/issuers", second)]);
    let elsewhere = with(
        &settings(),
        &[("/issuers/0", json!({"claims": {"tenant": "org"}}))],
    );
    let changed = json!({"tenants": [TENANTS[0], "33333333-3333-4333-8333-333333333333"]});
    for own in [&two, &elsewhere] {
        assert!(compare(own, own));
        assert!(compare(
            own,
            &with(own, &[("/issuers/0", json!({"audiences": ["api://hf"]}))])
        ));
        assert!(!compare(
            own,
            &with(own, &[("/issuers/0/entra", changed.clone())])
        ));
    }
}

/// The messages of a batch are permitted together only if they have the same payer.
#[test]
fn configurations_with_payers_and_batches_are_not_comparable() {
    let tools = json!({"name": "tools", "match": {"paths": ["/mcp"], "mcp": {"tools": ["t"]}}, "require": {"role": "a"},
                       "credential": "none"});
    let open = json!({"name": "open", "match": {"paths": ["/open"]}, "anonymous": true, "credential": "r", "bill_to": "team"});
    let own = with(&settings(), &[("/rules", tools)]);
    assert!(compare(&own, &own));
    assert!(!compare(
        &own,
        &with(&own, &[("/rules/0", json!({"bill_to": "team"}))])
    ));
    assert!(!compare(&own, &with(&own, &[("/rules", open.clone())])));
    let other_place = json!({"match": {"paths": ["/mcp-2"], "mcp": {"tools": ["t"]}}});
    assert!(!compare(&own, &with(&own, &[("/rules/1", other_place)])));
    let other_tool = json!({"match": {"paths": ["/mcp"], "mcp": {"tools": ["u"]}}});
    assert!(compare(&own, &with(&own, &[("/rules/1", other_tool)])));
    assert!(compare(
        &settings(),
        &with(&settings(), &[("/rules", open)])
    ));
}
