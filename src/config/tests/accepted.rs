//! Valid configurations and their compiled settings.

use super::*;
use crate::audit::filter_state::{FilterState, StateValue};
use crate::config::{AuditLog, Limits};
use crate::credential;
use crate::forward::IdentityField;
use crate::keys::algorithm::Algorithm;
use crate::keys::source::KeySource;
use crate::model::endpoint::Source;
use crate::pattern::Pattern;
use crate::policy::requirement::{Condition, Requirement};
use crate::policy::rule::{Effect, Mode};
use crate::reply::Detail;
use crate::token::claim_test::{ClaimCondition, ClaimTest};
use crate::token::issuer::{Authority, Tenants};
use crate::usage::charge::Metering;

#[test]
fn omitted_fields_have_the_documented_defaults() {
    let config = accepted(&json!({
        "issuers": [
            {"name": "e", "entra": {"tenants": [TENANT]}, "audiences": ["a"], "jwks": {"cluster": "c"}},
            {"name": "o", "oidc": {"issuer": "i"}, "audiences": ["a"], "jwks": {"cluster": "c", "uri": "https://h/k"}},
        ],
    }));
    let [entra, oidc] = config.issuers.as_slice() else {
        panic!()
    };
    let Authority::Entra(preset) = &entra.authority else {
        panic!()
    };
    assert!(preset.v1 && preset.v2);
    assert_eq!(entra.algorithms, [Algorithm::Rs256]);
    assert_eq!(oidc.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
    assert_eq!(
        (entra.claims.object.as_str(), oidc.claims.object.as_str()),
        ("oid", "sub")
    );
    assert_eq!(entra.claims.roles.path.as_str(), "roles");
    assert_eq!(entra.claims.groups.path.as_str(), "groups");
    assert_eq!(entra.claims.tenant.as_str(), "tid");
    assert!(entra.claims.scope.is_none() && entra.claims.client.is_none());
    let KeySource::Uri { schedule, .. } = &config.sources[1] else {
        panic!()
    };
    assert_eq!(
        (schedule.refresh, schedule.max_stale),
        (secs(3600), secs(24 * 3600))
    );
    assert_eq!((schedule.cooldown, schedule.timeout), (secs(30), secs(5)));
    let token = &config.token;
    assert_eq!(token.locations[0].header, "authorization");
    assert_eq!(token.locations[0].scheme.as_deref(), Some("Bearer"));
    assert_eq!(
        (token.clock_skew, token.max_bytes, token.max_lifetime),
        (secs(60), 24_576, None)
    );
    assert_eq!(token.types, ["jwt", "at+jwt"]);
    assert_eq!((config.wait.timeout, config.wait.requests), (secs(2), 1024));
    let limits = Limits {
        body_inspected: 1_048_576,
        inspections: 256,
        inspected_bytes: 67_108_864,
        inspection_timeout: secs(10),
    };
    assert_eq!(config.limits, limits);
    assert_eq!(
        (config.replies.realm.as_str(), config.replies.detail),
        ("hf", Detail::Full)
    );
    assert_eq!(config.audit.log, AuditLog::All);
    assert_eq!(config.audit.level, log::Level::Info);
    assert_eq!(config.audit.filter_state, FilterState::ALL);
    assert!(config.forward.identity_headers.is_empty() && config.forward.bill_to.is_none());
    assert!(config.policy.rules.is_empty() && config.policy.anonymous.is_empty());
    assert_eq!(config.digest.len(), 16);
}

#[test]
fn rules_compile_to_a_policy() {
    let mut config = base();
    set(&mut config, "/rules/1/require", Value::Null);
    set(&mut config, "/rules/2/mode", json!("shadow"));
    set(
        &mut config,
        "/rules/2/match",
        json!({"methods": ["post"], "hosts": ["*.Contoso.com"], "issuers": ["keycloak"]}),
    );
    set(
        &mut config,
        "/rules/2/require",
        json!({"all": [
            {"scope": "s"}, {"client": "c"}, {"object": "o"}, {"tenant": TENANT}, {"issuer": "contoso"},
            {"kind": "app"}, {"managed_identity": "/subscriptions/x"}, {"not": {"directory_role": OTHER_TENANT}},
            {"claim": {"path": "/a/b", "one_of": ["x", 1, true]}}, {"claim": {"path": "c", "present": false}},
        ]}),
    );
    let policy = accepted(&config).policy;
    let [health] = policy.anonymous.as_slice() else {
        panic!()
    };
    assert_eq!((health.name.as_ref(), health.credential), ("health", None));
    let [contractors, scientists] = policy.rules.as_slice() else {
        panic!()
    };
    assert_eq!(contractors.effect, Effect::Deny);
    assert_eq!(
        contractors.require,
        Requirement::All(Vec::new()),
        "for every caller"
    );
    assert_eq!(
        scientists.effect,
        Effect::Allow {
            credential: Some(0)
        }
    );
    assert_eq!(scientists.mode, Mode::Shadow);
    assert_eq!(scientists.matches.methods, ["POST"]);
    assert!(scientists.matches.hosts[0].matches("a.contoso.com"));
    assert_eq!(scientists.matches.issuers[0].as_ref(), "keycloak");
    let Requirement::All(parts) = &scientists.require else {
        panic!()
    };
    assert_eq!(parts.len(), 10);
    let Requirement::Condition(Condition::Claim(ClaimCondition { path, test })) = &parts[8] else {
        panic!()
    };
    assert_eq!(path.as_str(), "/a/b");
    assert_eq!(
        *test,
        ClaimTest::OneOf(vec![json!("x"), json!(1), json!(true)])
    );
}

#[test]
fn clusters_and_credential_none_are_compiled() {
    let mut config = base();
    set(
        &mut config,
        "/credentials/0/clusters",
        json!(["huggingface", "hf-*"]),
    );
    set(&mut config, "/rules/0/match/clusters", json!(["vllm"]));
    set(
        &mut config,
        "/rules/1/match",
        json!({"clusters": ["other/**"]}),
    );
    set(&mut config, "/rules/2/credential", json!("none"));
    set(
        &mut config,
        "/endpoints",
        json!([{"clusters": ["llama"], "model": "/models/llama.gguf"}]),
    );
    let config = accepted(&config);
    let texts = |patterns: &[Pattern]| -> Vec<String> {
        patterns
            .iter()
            .map(|each| each.as_str().to_owned())
            .collect()
    };
    assert_eq!(
        texts(&config.credentials[0].clusters),
        ["huggingface", "hf-*"]
    );
    assert!(config.credentials[1].clusters.is_empty());
    let endpoint = &config.endpoints.0[0];
    assert_eq!(texts(&endpoint.clusters), ["llama"]);
    assert_eq!(endpoint.source, Source::Fixed("/models/llama.gguf".into()));
    let policy = config.policy;
    let anonymous = &policy.anonymous[0].matches.clusters;
    assert_eq!(
        (texts(&anonymous.patterns), anonymous.denies),
        (vec!["vllm".to_owned()], false)
    );
    let denying = &policy.rules[0].matches.clusters;
    assert_eq!(
        (texts(&denying.patterns), denying.denies),
        (vec!["other/**".to_owned()], true)
    );
    assert_eq!(policy.rules[1].effect, Effect::Allow { credential: None });
}

#[test]
fn remaining_sections_are_compiled() {
    let mut config = base();
    set(&mut config, "/issuers/0/entra/tenants", json!(["*"]));
    set(
        &mut config,
        "/issuers/0/algorithms",
        json!(["Ed25519", "PS384"]),
    );
    set(&mut config, "/issuers/0/groups_overage", json!("deny"));
    set(&mut config, "/issuers/0/clients", json!([]));
    set(
        &mut config,
        "/issuers/1/claims",
        json!({"roles": "/realm_access/roles", "client": "azp"}),
    );
    set(
        &mut config,
        "/token",
        json!({
            "headers": [{"name": "X-Api-Key"}, {"name": "authorization", "scheme": "Token"}],
            "max_lifetime": "24h", "types": ["application/AT+JWT"], "clock_skew": "0s",
        }),
    );
    set(
        &mut config,
        "/forward",
        json!({
            "identity_headers": {"X-Oid": "oid", "x-mail": "email", "x-kind": "kind"}, "bill_to": "contoso",
            "remap_upstream_auth": false, "filter_models": false, "filter_tools": false, "scale_up_timeout": "0s",
        }),
    );
    set(
        &mut config,
        "/audit",
        json!({"log": "denied", "claims": ["/a"], "filter_state": ["oid", "total_tokens"]}),
    );
    set(
        &mut config,
        "/replies",
        json!({"detail": "minimal", "realm": "my models"}),
    );
    for (field, value) in [
        ("cache", json!({"ttl": "0s", "entries": 1})),
        (
            "endpoints",
            json!([
                {"hosts": ["Llama.x"], "model": "a/b"}, {"paths": ["/v1/**"], "model_from": "body"},
                {"model_from": "path"},
            ]),
        ),
        ("usage", json!(false)),
        ("crypto", json!("wasm")),
        (
            "limits",
            json!({"body_inspected": 2048, "inspections": 3, "inspected_bytes": 2048, "inspection_timeout": "500ms"}),
        ),
        ("client_address", json!({"trusted_hops": 0})),
    ] {
        set(&mut config, &format!("/{field}"), value);
    }
    set(&mut config, "/rules/1/match/models", json!(["Hidden/*"]));
    set(&mut config, "/rules/2/match/models", json!(["Meta/*"]));
    let config = accepted(&config);
    let sources: Vec<_> = config.endpoints.0.iter().map(|e| &e.source).collect();
    assert_eq!(
        sources,
        [&Source::Fixed("a/b".into()), &Source::Body, &Source::Path]
    );
    let expected = Limits {
        body_inspected: 2048,
        inspections: 3,
        inspected_bytes: 2048,
        inspection_timeout: Duration::from_millis(500),
    };
    assert_eq!(config.limits, expected);
    // Deny rules match models case-insensitively.
    let models = |rule: usize| config.policy.rules[rule].matches.models.patterns[0].as_str();
    assert_eq!((models(0), models(1)), ("hidden/*", "Meta/*"));
    let Authority::Entra(entra) = &config.issuers[0].authority else {
        panic!()
    };
    assert_eq!(entra.tenants, Tenants::Any);
    assert_eq!(
        config.issuers[0].algorithms,
        [Algorithm::EdDsa, Algorithm::Ps384]
    );
    assert_eq!(
        config.issuers[1].claims.roles.path.as_str(),
        "/realm_access/roles"
    );
    assert_eq!(config.token.locations[0].header, "x-api-key");
    assert_eq!(config.token.locations[0].scheme, None);
    assert_eq!(config.token.max_lifetime, Some(secs(24 * 3600)));
    assert_eq!(config.token.types, ["at+jwt"]);
    let headers = &config.forward.identity_headers;
    assert!(
        headers.contains(&("x-oid".into(), IdentityField::Object)),
        "{headers:?}"
    );
    assert!(
        matches!(&headers[1], (name, IdentityField::Kind) if name == "x-kind"),
        "{headers:?}"
    );
    assert_eq!(config.forward.bill_to.as_deref(), Some("contoso"));
    assert_eq!(
        (
            config.audit.log,
            config.audit.claims.len(),
            config.audit.filter_state
        ),
        (
            AuditLog::Denied,
            1,
            FilterState::from_iter([StateValue::Oid, StateValue::TotalTokens])
        )
    );
    assert_eq!(config.replies.detail, Detail::Minimal);
    let values: Vec<&str> = config
        .credentials
        .iter()
        .filter_map(|credential| match &credential.source {
            credential::Source::Fixed(value) => Some(value.expose()),
            credential::Source::Polled(_) | credential::Source::Exchanged(_) => None,
        })
        .collect();
    assert_eq!(values, ["hf_environmentsecret", "hf_inlinesecret"]);
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
}

#[test]
fn usage_is_a_switch_or_a_charge() {
    let usage = |value: Value| accepted(&with("/usage", value)).usage;
    let charged = |unknown_tokens| Some(Metering { unknown_tokens });
    assert_eq!(usage(json!(false)), None);
    assert_eq!(usage(json!(true)), charged(0));
    assert_eq!(usage(json!({})), charged(0));
    assert_eq!(usage(json!({"unknown_tokens": 500})), charged(500));
    let most = json!({"unknown_tokens": 1_000_000_000});
    assert_eq!(usage(most), charged(1_000_000_000));
}

#[test]
fn messages_are_compiled_by_effect() {
    let mut config = with(
        "/rules/2/match/mcp",
        json!({"methods": ["tools/*"], "tools": ["Hub_*"]}),
    );
    set(
        &mut config,
        "/rules/1/match",
        json!({"paths": ["/mcp"], "mcp": {"tools": ["Delete_*"]}}),
    );
    let policy = accepted(&config).policy;
    let texts = |patterns: &[Pattern]| -> Vec<String> {
        patterns
            .iter()
            .map(|text| text.as_str().to_owned())
            .collect()
    };
    let [deny, allow] = [0, 1].map(|index| &policy.rules[index].matches.mcp);
    assert_eq!(texts(&deny.methods), ["tools/call"]);
    assert_eq!(texts(&deny.tools), ["delete_*"], "a deny rule ignores case");
    assert!(deny.denies && deny.are_calls());
    assert_eq!(texts(&allow.methods), ["tools/*"]);
    assert_eq!(texts(&allow.tools), ["Hub_*"]);
    assert!(!allow.denies && !allow.are_calls());
}
