//! The possible facts of requests.

use super::*;

#[test]
fn every_kind_of_match_has_a_request() {
    for matches in [
        json!({"methods": ["GET"]}),
        json!({"methods": ["PUT"]}),
        json!({"hosts": ["*"]}),
        json!({"hosts": ["A.example"]}),
        json!({"hosts": ["**.a.example"]}),
        json!({"paths": ["**"]}),
        json!({"paths": ["/a/*/c"]}),
        json!({"paths": ["/a b/%"]}),
        json!({"clusters": ["*"]}),
        json!({"clusters": ["c1"]}),
        json!({"issuers": ["contoso"]}),
        json!({"models": ["*"]}),
        json!({"models": ["**"]}),
        json!({"models": ["m/*"]}),
        json!({"paths": ["/models/**"], "models": ["m/x"]}),
        json!({"paths": ["/v1/**"], "models": ["m/x"]}),
        json!({"paths": ["/models/m/*"], "models": ["m/x"]}),
        json!({"paths": ["/mcp"], "mcp": {"methods": ["*"]}}),
        json!({"paths": ["/mcp"], "mcp": {"methods": ["tools/call"]}}),
        json!({"paths": ["/mcp"], "mcp": {"tools": ["*"]}}),
        json!({"paths": ["/mcp"], "mcp": {"tools": ["t1"]}}),
        json!({"paths": ["/mcp"], "mcp": {"tools": ["t *"]}}),
    ] {
        assert_eq!(matched(&matches), "refuted", "{matches}");
    }
}

/// The target of `OPTIONS *` is the only path that does not begin with a slash.
#[test]
fn request_for_the_whole_server_is_found() {
    let rules = json!([
        {"name": "paths", "match": {"paths": ["/**"]}, "effect": "deny"},
        {"name": "rule", "match": {"paths": ["**"]}, "require": {"role": "a"}, "credential": "r"},
    ]);
    let found = counterexample(&settings(&rules), json!({"match": {}, "never": "permit"}));
    assert_eq!(found.witness.request["path"], "*");
}

#[test]
fn matches_that_exclude_each_other_are_not_combined() {
    let rules = json!([{"name": "rule", "match": {"methods": ["POST"], "hosts": ["a.example"], "paths": ["/v1/**"], "clusters": ["c1"],
                                                  "models": ["m/*"], "issuers": ["contoso"]},
                        "require": {"role": "a"}, "credential": "r"}]);
    for (matches, expected) in [
        (json!({"methods": ["GET"]}), "proved"),
        (json!({"methods": ["GET", "POST"]}), "refuted"),
        (json!({"hosts": ["*.test"]}), "proved"),
        (json!({"hosts": ["*.example"]}), "refuted"),
        (json!({"paths": ["/v2/*"]}), "proved"),
        (json!({"paths": ["/*/x"]}), "refuted"),
        (json!({"clusters": ["d"]}), "proved"),
        (json!({"clusters": ["c*"]}), "refuted"),
        (json!({"models": ["n/*"]}), "proved"),
        (json!({"models": ["m/x"]}), "refuted"),
        (json!({"issuers": ["github"]}), "proved"),
        (json!({"issuers": ["github", "contoso"]}), "refuted"),
    ] {
        let never = json!({"match": matches, "never": "permit"});
        assert_eq!(verdict(&settings(&rules), never), expected, "{matches}");
    }
}

/// The model of a request comes from the first entry of `endpoints` that matches, or else from the path or the body.
#[test]
fn model_depends_on_the_endpoint() {
    let rules = json!([
        {"name": "large", "match": {"models": ["large"]}, "require": {"role": "l"}, "credential": "r"},
        {"name": "small", "match": {"models": ["small"]}, "require": {"role": "s"}, "credential": "r"},
        {"name": "any", "require": {"role": "any"}, "credential": "w"},
    ]);
    let open = json!([{"paths": ["/fixed"], "model": "large"}, {"paths": ["/fixed", "/body/**"], "model_from": "body"},
                      {"paths": ["/path/**"], "model_from": "path"}]);
    let closed = json!([{"hosts": ["fixed.example"], "model": "large"}, {"clusters": ["tei"], "model_from": "body"}]);
    let body_in_models = json!([{"paths": ["/models/**"], "model_from": "body"}]);
    for (endpoints, matches, role, expected) in [
        (&open, json!({"paths": ["/fixed"]}), "l", "refuted"),
        (&open, json!({"paths": ["/fixed"]}), "s", "proved"),
        (&open, json!({"paths": ["/body/x"]}), "l", "refuted"),
        (&open, json!({"paths": ["/body/x"]}), "s", "refuted"),
        (&open, json!({"paths": ["/v1/x"]}), "s", "refuted"),
        (&open, json!({"paths": ["/models/small"]}), "s", "refuted"),
        (
            &open,
            json!({"paths": ["/hf-inference/models/*"]}),
            "s",
            "refuted",
        ),
        (&open, json!({"paths": ["/other"]}), "s", "proved"),
        (
            &body_in_models,
            json!({"paths": ["/models/**"]}),
            "s",
            "refuted",
        ),
        (&closed, json!({"hosts": ["fixed.example"]}), "l", "refuted"),
        (&closed, json!({"hosts": ["fixed.example"]}), "s", "proved"),
        (
            &closed,
            json!({"clusters": ["tei"], "hosts": ["other.example"]}),
            "s",
            "refuted",
        ),
        (
            &closed,
            json!({"clusters": ["c1"], "hosts": ["other.example"], "paths": ["/v1/**"]}),
            "s",
            "proved",
        ),
        (
            &closed,
            json!({"clusters": ["c1"], "hosts": ["other.example"]}),
            "any",
            "refuted",
        ),
    ] {
        let mut settings = settings(&rules);
        settings["endpoints"] = endpoints.clone();
        let assertion = json!({"match": matches, "when": {"all": [{"role": role}, {"not": {"any": [
            {"role": if role == "l" { "s" } else { "l" }}, {"role": if role == "any" { "s" } else { "any" }}]}}]}, "never": "permit"});
        assert_eq!(
            verdict(&settings, assertion),
            expected,
            "{endpoints} {matches} {role}"
        );
    }
}

/// A model that is unknown, absent or unavailable.
#[test]
fn unnamed_model_is_denied_by_deny_rules_unless_the_endpoint_excludes_it() {
    let rules = json!([
        {"name": "none", "match": {"models": ["**"]}, "require": {"role": "a"}, "effect": "deny"},
        {"name": "any", "require": {"role": "a"}, "credential": "r"},
    ]);
    let closed = json!([{"hosts": ["fixed.example"], "model": "large"}, {"hosts": ["body.example"], "model_from": "body"},
                        {"hosts": ["path.example"], "model_from": "path"}]);
    for (endpoints, matches, expected) in [
        (json!([]), json!({"paths": ["/v1/**"]}), "refuted"),
        (json!([]), json!({"paths": ["/other"]}), "refuted"),
        (
            closed.clone(),
            json!({"hosts": ["fixed.example"]}),
            "proved",
        ),
        (
            closed.clone(),
            json!({"hosts": ["body.example"]}),
            "refuted",
        ),
        (closed.clone(), json!({"hosts": ["path.example"]}), "proved"),
        (closed, json!({"hosts": ["other.example"]}), "proved"),
    ] {
        let mut settings = settings(&rules);
        settings["endpoints"] = endpoints.clone();
        let assertion = json!({"match": matches, "never": "permit"});
        assert_eq!(
            verdict(&settings, assertion),
            expected,
            "{endpoints} {matches}"
        );
    }
}
