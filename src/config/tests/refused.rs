//! Every refusal of the contract: the path, and a text that says what to do.

use super::super::load;
use super::*;

/// Sets the place in the base and expects exactly one error: its path, and a part of its text.
fn check(cases: &[(&str, Value, &str, &str)]) {
    for (pointer, value, path, text) in cases {
        let errors = refused(&with(pointer, value.clone()));
        let [error] = errors.as_slice() else {
            panic!("{pointer} = {value}: {errors:#?}")
        };
        let expected = format!("{path}: ");
        assert!(
            error.starts_with(&expected),
            "{pointer} = {value}: {error} (not at {path})"
        );
        assert!(
            error.contains(text),
            "{pointer} = {value}: {error} (without {text})"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn names_and_references() {
    check(&[
        (
            "/issuers/0/name",
            json!("Contoso"),
            "issuers[0].name",
            "a-z, 0-9 and -",
        ),
        ("/issuers/0/name", json!(""), "issuers[0].name", "1 to 63"),
        (
            "/credentials/1/name",
            json!("hf_read"),
            "credentials[1].name",
            "a-z, 0-9 and -",
        ),
        (
            "/rules/0/name",
            json!("x".repeat(64)),
            "rules[0].name",
            "1 to 63",
        ),
        (
            "/issuers/1/name",
            json!("contoso"),
            "issuers[1].name",
            "issuers[0] has this name already; choose",
        ),
        (
            "/rules/1/name",
            json!("health"),
            "rules[1].name",
            "rules[0] has this name already",
        ),
        (
            "/credentials/1/name",
            json!("hf-read"),
            "credentials[1].name",
            "choose another",
        ),
        (
            "/rules/2/credential",
            json!("hf-raed"),
            "rules[2].credential",
            "no credential is named \"hf-raed\"; did you mean \"hf-read\"?",
        ),
        (
            "/rules/2/credential",
            json!("other"),
            "rules[2].credential",
            "add it under `credentials`",
        ),
        (
            "/rules/0/credential",
            json!("none"),
            "rules[0].credential",
            "no credential is named",
        ),
        (
            "/rules/2/match/issuers",
            json!(["keyclaok"]),
            "rules[2].match.issuers[0]",
            "did you mean \"keycloak\"?",
        ),
        (
            "/rules/2/require",
            json!({"issuer": "contso"}),
            "rules[2].require.issuer",
            "did you mean \"contoso\"?",
        ),
        (
            "/rules/2/require",
            json!({"not": {"any": [{"issuer": "x"}]}}),
            "rules[2].require.not.any[0].issuer",
            "no issuer",
        ),
    ]);
}

#[test]
fn shapes() {
    check(&[
        ("/isuers", json!([]), "isuers", "did you mean \"issuers\"?"),
        (
            "/rules/2/credentail",
            json!("hf-read"),
            "rules[2].credentail",
            "did you mean \"credential\"?",
        ),
        (
            "/rules/2/match/xyz",
            json!([]),
            "rules[2].match.xyz",
            "use one of hosts, methods, paths",
        ),
        (
            "/token/clockSkew",
            json!("60s"),
            "token.clockSkew",
            "did you mean \"clock_skew\"?",
        ),
        ("/issuers", Value::Null, "issuers", "is required; add it"),
        (
            "/rules/1/name",
            Value::Null,
            "rules[1].name",
            "is required; add it",
        ),
        (
            "/issuers/0/audiences",
            Value::Null,
            "issuers[0].audiences",
            "is required",
        ),
        (
            "/issuers/0/jwks",
            Value::Null,
            "issuers[0].jwks",
            "is required",
        ),
        (
            "/issuers/0/jwks/cluster",
            Value::Null,
            "issuers[0].jwks.cluster",
            "is required",
        ),
        (
            "/rules",
            json!({}),
            "rules",
            "must be a list, but is an object",
        ),
        (
            "/rules/1",
            json!("deny"),
            "rules[1]",
            "must be an object, but is a text",
        ),
        (
            "/rules/1/name",
            json!(5),
            "rules[1].name",
            "must be a text, but is a number",
        ),
        (
            "/rules/0/anonymous",
            json!("yes"),
            "rules[0].anonymous",
            "must be true or false",
        ),
        (
            "/token/max_bytes",
            json!("24 KB"),
            "token.max_bytes",
            "must be a whole number",
        ),
        (
            "/token/max_bytes",
            json!(-1),
            "token.max_bytes",
            "must be a whole number from 0",
        ),
        (
            "/token/max_bytes",
            json!(1.5),
            "token.max_bytes",
            "must be a whole number from 0",
        ),
        (
            "/wait/timeout",
            json!("2 s"),
            "wait.timeout",
            "\"2 s\" is no duration; write a whole number and a unit",
        ),
        ("/wait/timeout", json!(2), "wait.timeout", "must be a text"),
        (
            "/rules/1/effect",
            json!("dney"),
            "rules[1].effect",
            "did you mean \"deny\"?",
        ),
        (
            "/audit/log",
            json!("some"),
            "audit.log",
            "use one of all, denied or off",
        ),
        (
            "/rules/2/require",
            json!({"rol": "x"}),
            "rules[2].require",
            "did you mean \"role\"?",
        ),
        (
            "/rules/2/require",
            json!("role"),
            "rules[2].require",
            "write {role: …}",
        ),
        (
            "/rules/2/require",
            json!({}),
            "rules[2].require",
            "is empty; give it one of role",
        ),
        (
            "/rules/2/require",
            json!({"role": "a", "group": "b"}),
            "rules[2].require",
            "under \"all\" or \"any\"",
        ),
        (
            "/rules/2/require/any/1",
            json!({"kind": "usr"}),
            "rules[2].require.any[1].kind",
            "did you mean \"user\"?",
        ),
        (
            "/issuers/0/groups_overage",
            json!("allow"),
            "issuers[0].groups_overage",
            "deny or graph",
        ),
    ]);
    // null is no way to leave something out: emptied lists must not pass for missing ones.
    let mut config = base();
    config["issuers"][0]["clients"] = Value::Null;
    config["rules"][2]["match"]["paths"] = Value::Null;
    let errors = refused(&config);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(
        errors[1].starts_with("rules[2].match.paths: must be filled in or removed"),
        "{errors:#?}"
    );
    for whole in [json!([]), json!("text"), json!(null)] {
        assert!(
            refused(&whole)[0].starts_with("must be an object"),
            "{whole}"
        );
    }
}

#[test]
fn issuers() {
    check(&[
        ("/issuers", json!([]), "issuers", "name at least one issuer"),
        (
            "/issuers/0/audiences",
            json!([]),
            "issuers[0].audiences",
            "other APIs would be accepted",
        ),
        (
            "/issuers/0/audiences",
            json!([""]),
            "issuers[0].audiences[0]",
            "fill it in",
        ),
        (
            "/issuers/0/clients",
            json!(["a", ""]),
            "issuers[0].clients[1]",
            "fill it in",
        ),
        (
            "/issuers/0/entra/tenants",
            json!([]),
            "issuers[0].entra.tenants",
            "[\"*\"] to accept any",
        ),
        (
            "/issuers/0/entra/tenants",
            json!(["contoso.com"]),
            "issuers[0].entra.tenants[0]",
            "write the GUID",
        ),
        (
            "/issuers/0/entra/tenants",
            json!(["*", TENANT]),
            "issuers[0].entra.tenants[0]",
            "let it stand alone",
        ),
        (
            "/issuers/0/entra/versions",
            json!([]),
            "issuers[0].entra.versions",
            "remove the field for both",
        ),
        (
            "/issuers/0/entra/versions",
            json!(["v3"]),
            "issuers[0].entra.versions[0]",
            "did you mean \"v1\"?",
        ),
        (
            "/issuers/0/entra/cloud",
            json!("usgov "),
            "issuers[0].entra.cloud",
            "did you mean \"us_gov\"?",
        ),
        (
            "/issuers/0/entra/app_id",
            json!("hf"),
            "issuers[0].entra.app_id",
            "write the GUID",
        ),
        (
            "/issuers/0/oidc",
            json!({"issuer": "https://x"}),
            "issuers[0]",
            "it has entra or oidc: keep one",
        ),
        (
            "/issuers/1/oidc",
            Value::Null,
            "issuers[1]",
            "exactly one of entra or oidc; it has none",
        ),
        (
            "/issuers/1/oidc/issuer",
            json!(""),
            "issuers[1].oidc.issuer",
            "exactly as tokens have it",
        ),
        (
            "/issuers/0/algorithms",
            json!([]),
            "issuers[0].algorithms",
            "remove the field",
        ),
        (
            "/issuers/0/algorithms",
            json!(["RS256", "HS256"]),
            "issuers[0].algorithms[1]",
            "never accepted; remove it",
        ),
        (
            "/issuers/0/algorithms",
            json!(["none"]),
            "issuers[0].algorithms[0]",
            "unsigned",
        ),
        (
            "/issuers/0/algorithms",
            json!(["rs256"]),
            "issuers[0].algorithms[0]",
            "did you mean \"RS256\"?",
        ),
        (
            "/issuers/0/algorithms",
            json!(["ES512"]),
            "issuers[0].algorithms[0]",
            "use one of RS256",
        ),
        (
            "/issuers/1/claims",
            json!({"roles": "/a~2"}),
            "issuers[1].claims.roles",
            "JSON Pointer",
        ),
        (
            "/issuers/1/claims",
            json!({"object": ""}),
            "issuers[1].claims.object",
            "write a member's name",
        ),
        (
            "/issuers/-",
            json!({"name": "b", "entra": {"tenants": ["*"]}, "audiences": ["x"], "jwks": {"cluster": "e"}}),
            "issuers[2]",
            "like issuers[0] (\"contoso\")",
        ),
        (
            "/issuers/-",
            json!({"name": "b", "entra": {"tenants": [TENANT.to_uppercase()], "versions": ["v1"], "cloud": "us_gov"},
            "audiences": ["x"], "jwks": {"cluster": "e"}}),
            "issuers[2]",
            "https://sts.windows.net/",
        ),
        (
            "/issuers/-",
            json!({"name": "b", "oidc": {"issuer": format!("https://sts.windows.net/{TENANT}/")},
            "audiences": ["x"], "jwks": {"cluster": "e", "uri": "https://x"}}),
            "issuers[2]",
            "remove one of",
        ),
        (
            "/issuers/-",
            json!({"name": "b", "oidc": {"issuer": "https://kc.example/realms/ml"},
            "audiences": ["x"], "jwks": {"cluster": "e", "uri": "https://x"}}),
            "issuers[2]",
            "like issuers[1] (\"keycloak\")",
        ),
    ]);
}

#[test]
fn keys() {
    let weak = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]});
    check(&[
        (
            "/issuers/1/jwks/uri",
            Value::Null,
            "issuers[1].jwks",
            "exactly one of uri, discovery or inline; it has none",
        ),
        (
            "/issuers/1/jwks/discovery",
            json!("https://x"),
            "issuers[1].jwks",
            "it has uri or discovery: keep one",
        ),
        (
            "/issuers/1/jwks/uri",
            json!("kc.example/certs"),
            "issuers[1].jwks.uri",
            "must begin with https://",
        ),
        (
            "/issuers/1/jwks/uri",
            json!("https://…"),
            "issuers[1].jwks.uri",
            "URI characters",
        ),
        (
            "/issuers/1/jwks/cluster",
            json!(""),
            "issuers[1].jwks.cluster",
            "fill it in",
        ),
        (
            "/issuers/1/jwks/keys_cluster",
            json!("x"),
            "issuers[1].jwks.keys_cluster",
            "remove it",
        ),
        (
            "/issuers/1/jwks/refresh",
            json!("999ms"),
            "issuers[1].jwks.refresh",
            "at least 1s",
        ),
        (
            "/issuers/1/jwks/cooldown",
            json!("0s"),
            "issuers[1].jwks.cooldown",
            "at least 1s",
        ),
        (
            "/issuers/1/jwks/max_stale",
            json!("1ms"),
            "issuers[1].jwks.max_stale",
            "at least 1s",
        ),
        (
            "/issuers/1/jwks/timeout",
            json!("0ms"),
            "issuers[1].jwks.timeout",
            "at least 1ms",
        ),
        (
            "/issuers/1/jwks/timeout",
            json!("2h"),
            "issuers[1].jwks.timeout",
            "at most 1h",
        ),
        (
            "/issuers/1/jwks/refresh",
            json!("25h"),
            "issuers[1].jwks.max_stale",
            "24h is shorter than `refresh` (25h)",
        ),
        (
            "/issuers/1/jwks",
            json!({"inline": weak}),
            "issuers[1].jwks.inline.keys",
            "none of the 1 keys is usable",
        ),
        (
            "/issuers/1/jwks",
            json!({"inline": {"keys": []}}),
            "issuers[1].jwks.inline.keys",
            "write the public keys",
        ),
        (
            "/issuers/1/jwks",
            json!({"inline": {"keys": 1}}),
            "issuers[1].jwks.inline.keys",
            "must be a list",
        ),
    ]);
    let errors = refused(&with(
        "/issuers/1/jwks",
        json!({"inline": weak, "cluster": "x", "refresh": "1h"}),
    ));
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(
        errors[0].contains("never fetched; remove it"),
        "{errors:#?}"
    );
}

#[test]
fn token_and_wait() {
    check(&[
        (
            "/token/headers",
            json!([]),
            "token.headers",
            "name a header",
        ),
        (
            "/token/headers",
            json!([{"name": "x y"}]),
            "token.headers[0].name",
            "is no header name",
        ),
        (
            "/token/headers",
            json!([{"name": ":path"}]),
            "token.headers[0].name",
            "choose another header",
        ),
        (
            "/token/headers",
            json!([{"name": "Host"}]),
            "token.headers[0].name",
            "choose another header",
        ),
        (
            "/token/headers",
            json!([{"name": "a"}, {"name": "A"}]),
            "token.headers[1].name",
            "token.headers[0] names this header already",
        ),
        (
            "/token/headers",
            json!([{"name": "a", "scheme": "a b"}]),
            "token.headers[0].scheme",
            "write one word",
        ),
        (
            "/token/types",
            json!([]),
            "token.types",
            "name the accepted types",
        ),
        (
            "/token/types",
            json!(["a b"]),
            "token.types[0]",
            "JWT or at+jwt",
        ),
        (
            "/token/clock_skew",
            json!("2h"),
            "token.clock_skew",
            "at most 1h",
        ),
        (
            "/token/max_bytes",
            json!(0),
            "token.max_bytes",
            "from 1 to 1048576",
        ),
        ("/wait/timeout", json!("0s"), "wait.timeout", "at least 1ms"),
        (
            "/wait/requests",
            json!(9_999_999),
            "wait.requests",
            "from 0 to",
        ),
    ]);
}

#[test]
fn credentials() {
    check(&[
        (
            "/credentials/0/value",
            json!("hf_secretsecret"),
            "credentials[0]",
            "it has env or value: keep one",
        ),
        (
            "/credentials/0/env",
            Value::Null,
            "credentials[0]",
            "it has none",
        ),
        (
            "/credentials/0/env",
            json!("NOT_THERE"),
            "credentials[0].env",
            "the environment has no \"NOT_THERE\"; set it",
        ),
        (
            "/credentials/0/env",
            json!("EMPTY"),
            "credentials[0].env",
            "\"EMPTY\" is empty; set it",
        ),
        (
            "/credentials/0/env",
            json!("BROKEN"),
            "credentials[0].env",
            "the value of \"BROKEN\" can't stand in a header",
        ),
        (
            "/credentials/0/env",
            json!(""),
            "credentials[0].env",
            "write one such as HF_TOKEN",
        ),
        (
            "/credentials/0/env",
            json!("hf_secretsecret="),
            "credentials[0].env",
            "is no environment variable's name",
        ),
        (
            "/credentials/1/value",
            json!("Bearer hf_secretsecret"),
            "credentials[1].value",
            "give the token alone",
        ),
        (
            "/credentials/1/value",
            json!("hf_sécret"),
            "credentials[1].value",
            "visible ASCII",
        ),
        (
            "/credentials/1/value",
            json!(""),
            "credentials[1].value",
            "visible ASCII",
        ),
        (
            "/credentials/1/value",
            json!({"hf_secretsecret": 1}),
            "credentials[1].value",
            "must be a text",
        ),
        (
            "/credentials/1",
            json!("hf_secretsecret"),
            "credentials[1]",
            "must be an object",
        ),
        (
            "/rules/2/credential",
            json!("hf_secretsecret"),
            "rules[2].credential",
            "(redacted)",
        ),
    ]);
}

#[test]
fn rules() {
    check(&[
        (
            "/rules/2/require",
            Value::Null,
            "rules[2].require",
            "write {issuer: <name>}",
        ),
        (
            "/rules/2/credential",
            Value::Null,
            "rules[2].credential",
            "name the credential",
        ),
        (
            "/rules/1/credential",
            json!("hf-read"),
            "rules[1].credential",
            "remove the credential",
        ),
        (
            "/rules/0/require",
            json!({"role": "a"}),
            "rules[0].require",
            "`require` can't apply; remove it",
        ),
        (
            "/rules/0/effect",
            json!("deny"),
            "rules[0].effect",
            "`effect: deny` can't apply",
        ),
        (
            "/rules/0/mode",
            json!("shadow"),
            "rules[0].mode",
            "`mode: shadow` can't apply",
        ),
        (
            "/rules/0/match/issuers",
            json!(["contoso"]),
            "rules[0].match.issuers",
            "can't apply",
        ),
        (
            "/rules/0/match",
            json!({}),
            "rules[0].match",
            "would let everyone in; name its paths",
        ),
        (
            "/rules/0/match",
            Value::Null,
            "rules[0].match",
            "would let everyone in",
        ),
        (
            "/rules/2/match/paths",
            json!([]),
            "rules[2].match.paths",
            "remove the field to match everything",
        ),
        (
            "/rules/2/match/methods",
            json!([]),
            "rules[2].match.methods",
            "is an empty list",
        ),
        (
            "/rules/2/match/hosts",
            json!([]),
            "rules[2].match.hosts",
            "is an empty list",
        ),
        (
            "/rules/2/match/issuers",
            json!([]),
            "rules[2].match.issuers",
            "is an empty list",
        ),
        (
            "/rules/2/match/methods",
            json!(["*"]),
            "rules[2].match.methods[0]",
            "remove `methods`",
        ),
        (
            "/rules/2/match/methods",
            json!(["GET POST"]),
            "rules[2].match.methods[0]",
            "write one such as GET",
        ),
        (
            "/rules/2/match/hosts",
            json!(["a:8080"]),
            "rules[2].match.hosts[0]",
            "remove the port",
        ),
        (
            "/rules/2/match/hosts",
            json!(["https://a"]),
            "rules[2].match.hosts[0]",
            "write the name alone",
        ),
        (
            "/rules/2/match/hosts",
            json!(["a."]),
            "rules[2].match.hosts[0]",
            "remove the last dot",
        ),
        (
            "/rules/2/match/hosts",
            json!([""]),
            "rules[2].match.hosts[0]",
            "write a host",
        ),
        (
            "/rules/2/match/hosts",
            json!(["bücher.example"]),
            "rules[2].match.hosts[0]",
            "xn--",
        ),
        (
            "/rules/2/match/paths",
            json!(["v1/**"]),
            "rules[2].match.paths[0]",
            "begins with no slash",
        ),
        (
            "/rules/2/match/paths",
            json!([""]),
            "rules[2].match.paths[0]",
            "write a path",
        ),
        (
            "/rules/2/match/paths",
            json!(["/v1?x"]),
            "rules[2].match.paths[0]",
            "without query",
        ),
        (
            "/rules/2/match/paths",
            json!(["/a/../b"]),
            "rules[2].match.paths[0]",
            "never matches",
        ),
        (
            "/rules/2/match/paths",
            json!(["/a%20b"]),
            "rules[2].match.paths[0]",
            "percent-decoded",
        ),
        (
            "/rules/2/require",
            json!({"all": []}),
            "rules[2].require.all",
            "satisfied by anyone",
        ),
        (
            "/rules/2/require",
            json!({"any": []}),
            "rules[2].require.any",
            "is an empty list",
        ),
        (
            "/rules/2/require",
            json!({"not": {"all": []}}),
            "rules[2].require.not.all",
            "is an empty list",
        ),
        (
            "/rules/2/require",
            json!({"role": ""}),
            "rules[2].require.role",
            "fill it in",
        ),
        (
            "/rules/2/require",
            json!({"directory_role": "Global Administrator"}),
            "rules[2].require.directory_role",
            "write the GUID",
        ),
        (
            "/rules/2/require",
            json!({"managed_identity": "mi"}),
            "rules[2].require.managed_identity",
            "/subscriptions/",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "/~", "present": true}}),
            "rules[2].require.claim.path",
            "JSON Pointer",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "a"}}),
            "rules[2].require.claim",
            "one of equals, one_of",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "a", "equals": 1, "present": true}}),
            "rules[2].require.claim",
            "keep one",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "a", "equals": [1]}}),
            "rules[2].require.claim.equals",
            "must be a text, a number",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "a", "one_of": []}}),
            "rules[2].require.claim.one_of",
            "list the accepted",
        ),
        (
            "/rules/2/require",
            json!({"claim": {"path": "a", "one_of": [1, {}]}}),
            "rules[2].require.claim.one_of[1]",
            "must be a text, a number",
        ),
    ]);
}

#[test]
fn forward_replies_audit() {
    check(&[
        (
            "/forward/identity_headers",
            json!({"Authorization": "oid"}),
            "forward.identity_headers.Authorization",
            "choose another",
        ),
        (
            "/forward/identity_headers",
            json!({"transfer-encoding": "oid"}),
            "forward.identity_headers.transfer-encoding",
            "hop by hop",
        ),
        (
            "/forward/identity_headers",
            json!({"content-length": "oid"}),
            "forward.identity_headers.content-length",
            "choose another",
        ),
        (
            "/forward/identity_headers",
            json!({"x-hf-bill-to": "oid"}),
            "forward.identity_headers.x-hf-bill-to",
            "forward.bill_to",
        ),
        (
            "/forward/identity_headers",
            json!({"x y": "oid"}),
            "forward.identity_headers[\"x y\"]",
            "is no header name",
        ),
        (
            "/forward/identity_headers",
            json!({"x-a": "/~"}),
            "forward.identity_headers.x-a",
            "is no claim",
        ),
        (
            "/forward/identity_headers",
            json!({"x-a": "oid", "X-A": "tid"}),
            "forward.identity_headers.x-a",
            "remove one",
        ),
        (
            "/forward/bill_to",
            json!("my org"),
            "forward.bill_to",
            "without blanks",
        ),
        (
            "/replies/realm",
            json!("a\"b"),
            "replies.realm",
            "printable ASCII",
        ),
        (
            "/replies/realm",
            json!("é"),
            "replies.realm",
            "printable ASCII",
        ),
        (
            "/replies/detail",
            json!("some"),
            "replies.detail",
            "full or minimal",
        ),
        (
            "/audit/claims",
            json!([""]),
            "audit.claims[0]",
            "is no claim",
        ),
    ]);
    let mut config = with("/token/headers", json!([{"name": "X-Api-Key"}]));
    set(
        &mut config,
        "/forward/identity_headers",
        json!({"x-api-key": "oid"}),
    );
    assert!(refused(&config)[0].contains("`token.headers` takes the caller's token from it"));
}

#[test]
fn not_built_yet() {
    let auth = json!({"managed_identity": {"cluster": "imds", "resource": "r"}});
    let text = "not available in this version of entragate; remove it";
    check(&[
        (
            "/endpoints",
            json!([{"hosts": ["a"], "model": "m"}]),
            "endpoints",
            text,
        ),
        (
            "/rules/2/match/models",
            json!(["m"]),
            "rules[2].match.models",
            "rules by model are not available",
        ),
        (
            "/rules/2/require",
            json!({"time": {"from": "08:00", "to": "18:00"}}),
            "rules[2].require.time",
            text,
        ),
        (
            "/rules/2/require",
            json!({"source": ["10.0.0.0/8"]}),
            "rules[2].require.source",
            text,
        ),
        (
            "/rules/2/require",
            json!({"peer": "spiffe://*"}),
            "rules[2].require.peer",
            text,
        ),
        (
            "/rules/2/require",
            json!({"mfa": true}),
            "rules[2].require.mfa",
            text,
        ),
        (
            "/rules/2/require",
            json!({"not": {"auth_context": "c1"}}),
            "rules[2].require.not.auth_context",
            text,
        ),
        (
            "/issuers/0/groups_overage",
            json!({"graph": {"cluster": "g", "auth": auth}}),
            "issuers[0].groups_overage.graph",
            text,
        ),
        (
            "/revocation",
            json!({"cluster": "c", "uri": "https://x"}),
            "revocation",
            text,
        ),
        (
            "/replies/protected_resource",
            json!({"resource": "https://x"}),
            "replies.protected_resource",
            text,
        ),
        (
            "/credentials/1",
            json!({"name": "hf-inline", "http": {"cluster": "c", "uri": "https://x"}}),
            "credentials[1].http",
            text,
        ),
        (
            "/credentials/1",
            json!({"name": "hf-inline", "token_exchange": {"cluster": "c", "uri": "u", "client_id": "c",
            "client_secret": {"env": "E"}, "subject_claim": "s"}}),
            "credentials[1].token_exchange",
            text,
        ),
        (
            "/audit/export",
            json!({"cluster": "c", "uri": "https://x"}),
            "audit.export",
            text,
        ),
        (
            "/forward/scale_up_timeout",
            json!("1s"),
            "forward.scale_up_timeout",
            text,
        ),
        (
            "/client_address",
            json!({"trusted_hops": 1}),
            "client_address.trusted_hops",
            text,
        ),
        (
            "/forward/remap_upstream_auth",
            json!(true),
            "forward.remap_upstream_auth",
            text,
        ),
        (
            "/forward/remap_upstream_unavailable",
            json!(true),
            "forward.remap_upstream_unavailable",
            text,
        ),
        (
            "/forward/filter_models",
            json!(true),
            "forward.filter_models",
            text,
        ),
        ("/usage", json!(true), "usage", text),
        (
            "/limits",
            json!({"body_inspected": 1}),
            "limits.body_inspected",
            text,
        ),
    ]);
    // Still looked at for their shape.
    for (pointer, value, error) in [
        (
            "/revocation",
            json!({"cluster": "c"}),
            "revocation.uri: is required; add it",
        ),
        (
            "/issuers/0/groups_overage",
            json!({"graph": {"cluster": "g", "auth": {"env": 1}}}),
            "issuers[0].groups_overage.graph.auth.env: must be a text, but is a number",
        ),
    ] {
        let errors = refused(&with(pointer, value));
        assert_eq!(errors[1], error, "{errors:#?}");
    }
}

#[test]
fn the_whole() {
    let error = |text: &[u8]| load(text, &environment).unwrap_err().to_string();
    assert!(error(b"").starts_with("no plugin configuration was given; set `configuration`"));
    assert!(error(b"{\"issuers\": [").starts_with("the configuration is no JSON: EOF"));
    assert!(error(b"\x12\x01").starts_with("the configuration is no google.protobuf.Struct"));
    assert!(error(br#"{"usage":false,"usage":false}"#).contains("stands twice"));
}
