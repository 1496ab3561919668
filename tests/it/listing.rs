//! The models that a list contains for a caller.

use crate::support;

use entragate::gate::{HostLimits, Return, Ruling, Step, StreamId};
use entragate::http::headers::Headers;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Bench, ada, code_of, rewritten, with_rules};
use testbed::mint::Token;
use testbed::persona::Persona;

const IDS: [&str; 4] = ["meta-llama/one", "Meta-Llama/Two", "other/three", "tgi"];

/// Returns the ids of [`IDS`] that the list contains for the caller under these rules.
fn shown(rules: Value, token: Option<&Token>) -> Vec<String> {
    let mut rules = rules.as_array().unwrap().clone();
    rules.push(json!({"name": "may-list", "match": {"methods": ["GET"]}, "require": {"issuer": "contoso"}}));
    shown_by(&with_rules(Value::Array(rules)), token)
}

fn shown_by(settings: &Value, token: Option<&Token>) -> Vec<String> {
    shown_with_properties(settings, token, BTreeMap::new())
}

/// `properties`: the properties of the request that the host reports.
fn shown_with_properties(
    settings: &Value,
    token: Option<&Token>,
    properties: BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut bench = Bench::warm(settings);
    bench.properties = properties;
    let (id, ruling) = get(&mut bench, "/v1/models", token);
    assert!(
        matches!(ruling.step, Step::Forward(_)),
        "{}",
        code_of(&ruling)
    );
    let headers = Headers::from_iter([(":status", "200"), ("etag", "x"), ("set-cookie", "x")]);
    let returned = bench.gate.response(id, &headers, None);
    assert_eq!(
        (returned.step, returned.remove),
        (Return::Hold, vec!["set-cookie"])
    );
    let data: Vec<Value> = IDS.iter().map(|id| json!({"id": id})).collect();
    let body = json!({"object": "list", "data": data}).to_string();
    let (first, second) = body.as_bytes().split_at(20);
    assert_eq!(bench.gate.response_body(id, Some(first), false), None);
    let returned = bench.gate.response_body(id, Some(second), true).unwrap();
    let list = rewritten(returned);
    let ids = list["data"].as_array().unwrap().iter();
    ids.map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

fn get(bench: &mut Bench, path: &str, token: Option<&Token>) -> (StreamId, Ruling) {
    let authorization = token.map(|token| format!("Bearer {}", token.build()));
    let mut fields = vec![
        (":method", "GET"),
        (":path", path),
        (":authority", "h.example"),
    ];
    fields.extend(
        authorization
            .as_deref()
            .map(|value| ("authorization", value)),
    );
    let mut headers = Headers::from_iter(fields);
    headers.is_all = true;
    bench.send_headers(headers)
}

#[test]
fn model_is_listed_if_permitted_and_not_denied() {
    let role = json!({"role": "Model.Query"});
    let anyone = json!({"issuer": "contoso"});
    let deny = |matches: Value, require: Value| json!({"name": "deny", "match": matches, "require": require, "effect": "deny"});
    let allow = |matches: Value, require: Value| json!({"name": "allow", "match": matches, "require": require});
    let all = [0, 1, 2, 3];
    for (rules, expected) in [
        (json!([]), &[][..]),
        (json!([allow(json!({}), role.clone())]), &all),
        (json!([allow(json!({}), json!({"role": "Other"}))]), &[]),
        (
            json!([allow(json!({"models": ["meta-llama/*"]}), role.clone())]),
            &[0],
        ),
        (
            json!([allow(
                json!({"models": ["other/*", "tgi"], "paths": ["/x"]}),
                role.clone()
            )]),
            &[2],
        ),
        // Rules that no request for a model can satisfy.
        (
            json!([allow(json!({"methods": ["GET", "HEAD"]}), role.clone())]),
            &[],
        ),
        (
            json!([allow(json!({"hosts": ["other.example"]}), role.clone())]),
            &[],
        ),
        (
            json!([allow(
                json!({"hosts": ["*.example"], "issuers": ["contoso"]}),
                role.clone()
            )]),
            &all,
        ),
        // Information that is missing from the token never permits, and a deny rule that needs it denies.
        (
            json!([allow(json!({}), json!({"source": ["10.0.0.0/8"]}))]),
            &[],
        ),
        (
            json!([
                allow(json!({}), role.clone()),
                deny(
                    json!({"models": ["other/*"]}),
                    json!({"source": ["10.0.0.0/8"]})
                )
            ]),
            &[0, 1],
        ),
        // A deny rule that names models denies these models and entries without a name.
        (
            json!([
                allow(json!({}), role.clone()),
                deny(json!({"models": ["META-llama/*"]}), anyone.clone())
            ]),
            &[2],
        ),
        (
            json!([
                allow(json!({}), role.clone()),
                deny(json!({"models": ["other/*"]}), json!({"role": "Other"}))
            ]),
            &all,
        ),
        (
            json!([
                allow(json!({}), role.clone()),
                deny(
                    json!({"models": ["other/*"], "paths": ["/x"]}),
                    anyone.clone()
                )
            ]),
            &[0, 1],
        ),
        // A deny rule without models denies all models.
        (
            json!([
                allow(json!({}), role.clone()),
                deny(json!({"paths": ["/admin/**"]}), anyone.clone())
            ]),
            &all,
        ),
        (
            json!([
                allow(json!({}), role.clone()),
                deny(json!({"methods": ["POST"]}), anyone.clone())
            ]),
            &[],
        ),
        (
            json!([
                allow(json!({"paths": ["/v1/chat/*"]}), role.clone()),
                deny(
                    json!({"methods": ["POST"], "paths": ["/v1/**"]}),
                    anyone.clone()
                )
            ]),
            &[],
        ),
        (
            json!([
                allow(json!({"paths": ["/v1/**", "/x"]}), role.clone()),
                deny(
                    json!({"methods": ["POST"], "paths": ["/v1/**"]}),
                    anyone.clone()
                )
            ]),
            &all,
        ),
        (
            json!([
                allow(json!({}), role.clone()),
                deny(json!({"methods": ["DELETE"]}), anyone.clone())
            ]),
            &all,
        ),
    ] {
        let text = rules.to_string();
        let expected: Vec<&str> = expected.iter().map(|index| IDS[*index]).collect();
        assert_eq!(shown(rules, Some(&ada())), expected, "{text}");
    }
}

#[test]
fn shadow_rule_does_not_change_the_list() {
    let rules = json!([
        {"name": "a", "match": {"models": ["meta-llama/*"]}, "require": {"role": "Model.Query"}},
        {"name": "b", "match": {"models": ["other/*"]}, "require": {"role": "Model.Query"}, "mode": "shadow"},
        {"name": "c", "match": {"models": ["meta-llama/*"]}, "require": {"role": "Model.Query"},
         "effect": "deny", "mode": "shadow"},
    ]);
    assert_eq!(shown(rules, Some(&ada())), ["meta-llama/one"]);
}

#[test]
fn anonymous_rule_lists_its_models() {
    let rules = json!([
        {"name": "open", "match": {"models": ["other/*"]}, "anonymous": true},
        {"name": "open-list", "match": {"methods": ["GET"], "hosts": ["h.example"]}, "anonymous": true},
        {"name": "a", "match": {"models": ["meta-llama/*"]}, "require": {"role": "Model.Query"}},
        {"name": "deny", "match": {"models": ["other/*"]}, "require": {"issuer": "contoso"}, "effect": "deny"},
    ]);
    // For an anonymous rule, the caller is anonymous even with a token.
    for token in [None, Some(&ada())] {
        assert_eq!(shown(rules.clone(), token), ["other/three"]);
    }
    let mut rules_for_callers = rules;
    rules_for_callers.as_array_mut().unwrap().remove(1);
    assert_eq!(
        shown(rules_for_callers, Some(&ada())),
        ["meta-llama/one", "other/three"]
    );
}

#[test]
fn single_model_endpoint_is_listed_under_any_name() {
    for (model, expected) in [("meta-llama/one", 4), ("other/three", 0)] {
        let mut settings = with_rules(json!([
            {"name": "a", "match": {"models": ["meta-llama/*"]}, "require": {"role": "Model.Query"}},
            {"name": "may-list", "match": {"methods": ["GET"]}, "require": {"issuer": "contoso"}},
        ]));
        settings["endpoints"] = json!([{"hosts": ["h.example"], "model": model}]);
        assert_eq!(shown_by(&settings, Some(&ada())).len(), expected, "{model}");
    }
}

#[test]
fn caller_with_omitted_groups_sees_models_that_need_no_groups() {
    let rules = json!([
        {"name": "a", "match": {"models": ["other/*"]}, "require": {"group": "11111111-1111-1111-1111-111111111111"}},
        {"name": "b", "match": {"models": ["meta-llama/*"]}, "require": {"issuer": "contoso"}},
    ]);
    let many = Token::of(Persona::Olga);
    assert_eq!(shown(rules, Some(&many)), ["meta-llama/one"]);
}

/// Returns the code of Ada's request for this path.
fn code_for_path(bench: &mut Bench, path: &str) -> String {
    code_of(&get(bench, path, Some(&ada())).1)
}

fn some_models() -> Value {
    with_rules(json!([
        {"name": "meta", "match": {"models": ["meta-llama/*"]}, "require": {"role": "Model.Query"}},
        {"name": "may-list", "match": {"methods": ["GET"]}, "require": {"issuer": "contoso"}},
    ]))
}

#[test]
fn model_requested_by_name_is_found_if_listed() {
    let mut bench = Bench::warm(&some_models());
    let mut code_for_path = |path| code_for_path(&mut bench, path);
    assert_eq!(code_for_path("/v1/models/meta-llama/one"), "permitted");
    assert_eq!(code_for_path("/v1/models/other/three"), "model_not_found");
}

#[test]
fn host_that_withholds_bodies_returns_no_list() {
    let mut bench = Bench::warm(&some_models());
    bench.gate.limit(HostLimits {
        withholds_bodies: true,
        ..HostLimits::default()
    });
    let mut code_for_path = |path| code_for_path(&mut bench, path);
    assert_eq!(code_for_path("/v1/models"), "models_unreadable");
    assert_eq!(code_for_path("/v1/models/meta-llama/one"), "permitted");
    assert_eq!(code_for_path("/v1/other"), "permitted");
}

#[test]
fn list_depends_on_the_cluster_and_an_unknown_model_is_hidden() {
    let base = || {
        let rules = json!([
            {"name": "here", "match": {"models": ["meta-llama/*"], "clusters": ["hf"]}, "require": {"role": "Model.Query"}},
            {"name": "other", "match": {"models": ["other/*"]}, "require": {"role": "Model.Query"}, "credential": "team"},
            {"name": "may-list", "match": {"methods": ["GET"]}, "require": {"issuer": "contoso"}, "credential": "none"},
        ]);
        let mut settings = with_rules(rules);
        let credentials = settings["credentials"].as_array_mut().unwrap();
        credentials.push(json!({"name": "team", "value": "hf_team", "clusters": ["team"]}));
        settings
    };
    for (endpoints, cluster, expected) in [
        (json!([]), "hf", vec![IDS[0]]),
        (json!([]), "team", vec![IDS[2]]),
        (json!([]), "elsewhere", vec![]),
        // The cluster determines the model, regardless of its name in the list.
        (
            json!([{"clusters": ["hf"], "model": "meta-llama/one"}]),
            "hf",
            IDS.to_vec(),
        ),
        (json!([{"clusters": ["hf"], "model": "x/y"}]), "hf", vec![]),
        // No endpoint configures a model for this cluster.
        (
            json!([{"clusters": ["router"], "model_from": "body"}]),
            "hf",
            vec![],
        ),
        (
            json!([{"clusters": ["hf"], "model_from": "body"}]),
            "hf",
            vec![IDS[0]],
        ),
    ] {
        let mut settings = base();
        settings["endpoints"] = endpoints.clone();
        let properties = [("xds.cluster_name".to_owned(), cluster.as_bytes().to_vec())];
        let shown = shown_with_properties(&settings, Some(&ada()), properties.into());
        assert_eq!(shown, expected, "{endpoints} {cluster}");
    }
}
