//! Arguments that replace input of the filter, and invalid arguments.

use super::cli::{Outcome, entragate};
use super::*;

#[test]
fn groups_argument_replaces_the_graph_response() {
    let mut settings = policy();
    let auth =
        json!({"managed_identity": {"cluster": "imds", "resource": "https://graph.microsoft.com"}});
    settings["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "graph", "auth": auth}});
    let token = Token::of(Persona::Olga).build();
    let given = [
        "explain",
        "-",
        "--json",
        "--unverified",
        "--token",
        &token,
        "--request",
        "POST /v1/chat/completions",
        "--body",
        r#"{"model":"meta-llama/x"}"#,
    ];
    let both = format!(
        "{}, bbbbbbbb-0000-4000-8000-000000000001",
        SCIENTISTS_GROUP.to_uppercase()
    );
    for (groups, code, warning) in [
        (
            None,
            "groups_overage",
            "pass the groups that it would return with --groups",
        ),
        (Some(""), "rule_unsatisfied", ""),
        (Some(SCIENTISTS_GROUP), "permitted", ""),
        (Some(&both), "permitted", ""),
    ] {
        let groups = groups.map(|groups| format!("--groups={groups}"));
        let all: Vec<&str> = given.into_iter().chain(groups.as_deref()).collect();
        let Outcome { out, err, .. } = entragate(&all, &settings.to_string());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["code"], code, "{groups:?}");
        assert!(
            err.contains(warning) && (err.is_empty() == warning.is_empty()),
            "{err}"
        );
    }
    let all = [&given[..], &["--groups=sales"]].concat();
    let Outcome { status, err, .. } = entragate(&all, &settings.to_string());
    assert_eq!(status, 2);
    assert!(err.contains("sales is not a valid group"), "{err}");
    let all = [&given[..], &["--groups="]].concat();
    let Outcome { err, .. } = entragate(&all, &policy().to_string());
    assert!(err.contains("--groups has no effect"), "{err}");
}

/// Rules can be explained without the issuer's keys, for any signature algorithm.
#[test]
fn unverified_accepts_every_algorithm_and_performs_other_checks() {
    let mut settings = settings();
    settings["issuers"][0] = json!({
        "name": "idp", "oidc": {"issuer": "https://idp"}, "audiences": ["hf"],
        "algorithms": ["RS256", "PS384", "ES256", "ES384", "EdDSA"],
        "jwks": {"cluster": "idp", "uri": "https://idp/keys"},
    });
    settings["rules"] =
        json!([{"name": "all", "require": {"issuer": "idp"}, "credential": "hf-read"}]);
    let claims = |aud: &str| json!({"iss": "https://idp", "aud": aud, "sub": "s", "exp": testbed::mint::now() + 60});
    let code = |token: &str| {
        let arguments = ["--unverified", "--token", token, "--request", "GET /"];
        explain(&settings, &arguments).1["code"].clone()
    };
    for algorithm in ["RS256", "PS384", "ES256", "ES384", "EdDSA"] {
        let key = keys::cached(algorithm.parse().unwrap());
        let token = Token::with_claims(claims("hf"))
            .signed_by(&key)
            .header("alg", algorithm);
        assert_eq!(code(&token.build()), "permitted", "{algorithm}");
        assert_eq!(
            code(
                &token
                    .clone()
                    .without_header("kid")
                    .corrupt_signature()
                    .build()
            ),
            "permitted"
        );
        assert_eq!(
            code(&token.claim("aud", "other").build()),
            "audience_mismatch"
        );
    }
}

#[test]
fn source_argument_is_the_forwarded_client_address() {
    let mut settings = policy();
    settings["client_address"] = json!({"trusted_hops": 2});
    let token = ada().build();
    let code = |further: &[&str]| {
        let arguments = [
            "--unverified",
            "--token",
            &token,
            "--request",
            "POST /generate",
        ];
        explain(&settings, &[&arguments[..], further].concat()).1["code"].clone()
    };
    assert_eq!(code(&["--source", "10.1.1.1"]), "permitted");
    assert_eq!(
        code(&["--header", "X-Forwarded-For: 10.1.1.1, 1.2.3.4"]),
        "permitted"
    );
    assert_eq!(
        code(&["--header", "X-Forwarded-For: 1.2.3.4, 10.1.1.1"]),
        "rule_unsatisfied"
    );
    assert_eq!(code(&[]), "rule_unsatisfied");
}

#[test]
fn invalid_arguments_are_reported_with_a_remedy() {
    let settings = settings().to_string();
    let token = ada().build();
    let get = ["explain", "-", "--request", "GET /v1/models"];
    for (arguments, input, status, text) in [
        (vec!["explain", "-"], settings.as_str(), 2, "--request"),
        (
            vec!["explain", "-", "--request", "GET"],
            &settings,
            2,
            "write method and path",
        ),
        (
            [&get[..], &["--time", "noon"]].concat(),
            &settings,
            2,
            "2026-11-23T07:30:00Z",
        ),
        (
            [&get[..], &["--source", "home"]].concat(),
            &settings,
            2,
            "--source",
        ),
        (
            [&get[..], &["--token", &token]].concat(),
            &settings,
            2,
            "--unverified",
        ),
        (
            [&get[..], &["--token-file", "/nowhere"]].concat(),
            &settings,
            2,
            "/nowhere: error: No such file",
        ),
        (
            [&get[..], &["--jwks", "/dev/null"]].concat(),
            &settings,
            2,
            "/dev/null",
        ),
        (
            [&get[..], &["--token", "a", "--token-file", "b"]].concat(),
            &settings,
            2,
            "cannot be used with",
        ),
        (get.to_vec(), "issuers: []", 1, "issuers: is an empty list"),
        (get.to_vec(), "a: [", 1, "neither JSON nor YAML"),
        (get.to_vec(), "kind: Service", 2, "no entragate filter"),
    ] {
        let outcome = entragate(&arguments, input);
        assert_eq!(outcome.status, status, "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(text), "{arguments:?}: {}", outcome.err);
        assert_eq!(outcome.out, "");
        assert!(!outcome.err.contains(&token), "{}", outcome.err);
    }
    let help = entragate(&["explain", "--help"], "");
    assert!(
        help.out.contains("3  the request is denied"),
        "{}",
        help.out
    );
}

/// Without --cluster, a credential that is limited to clusters is not sent.
#[test]
fn unknown_cluster_is_reported_as_a_warning() {
    let mut settings = settings();
    settings["credentials"][0]["clusters"] = json!(["hf-*"]);
    let token = Token::of(Persona::Ada).build();
    let given = [
        "explain",
        "-",
        "--json",
        "--unverified",
        "--token",
        &token,
        "--request",
        "POST /v1/chat/completions",
    ];
    for (cluster, code) in [
        (Some("--cluster=hf-llama"), "permitted"),
        (Some("--cluster=team-b"), "upstream_not_allowed"),
        (None, "upstream_not_allowed"),
    ] {
        let all: Vec<&str> = given.into_iter().chain(cluster).collect();
        let Outcome { out, err, .. } = entragate(&all, &settings.to_string());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["code"], code, "{cluster:?}");
        let name = cluster.and_then(|cluster| cluster.strip_prefix("--cluster="));
        assert_eq!(json["cluster"], json!(name));
        assert_eq!(
            err.contains("set it with --cluster"),
            cluster.is_none(),
            "{err}"
        );
    }
}

/// The filter refuses such a method too.
#[test]
fn lower_case_method_is_denied() {
    let token = ada().build();
    for (request, code) in [
        ("POST /v1/chat/completions", "permitted"),
        ("post /v1/chat/completions", "request_ambiguous"),
    ] {
        let given = ["explain", "-", "--json", "--unverified", "--token", &token];
        let all = [&given[..], &["--request", request]].concat();
        let Outcome { out, .. } = entragate(&all, &settings().to_string());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["code"], code, "{request}");
    }
}

/// Two plugins in one file, of which only the second has an error.
fn two_plugins(names: [&str; 2]) -> String {
    let plugin = |name: &str, mut settings: Value| {
        settings["credentials"][0] = json!({"name": "hf-read", "env": "HF"});
        json!({"name": "wasm", "typed_config": {"config": {
            "name": name, "root_id": "entragate", "vm_config": {}, "configuration": {
                "@type": "type.googleapis.com/google.protobuf.Struct", "value": settings},
        }}})
    };
    let mut invalid = settings();
    invalid["rules"][1]["require"] = json!({"role": 5});
    let filters = json!([plugin(names[0], settings()), plugin(names[1], invalid)]);
    format!(
        "{:#}",
        json!({"static_resources": {"listeners": [{"filters": filters}]}})
    )
}

#[test]
fn plugins_of_one_file_are_distinguished() {
    let text = two_plugins(["team-a", "team-b"]);
    let token = ada().build();
    let line = |wanted: &str| text.lines().position(|line| line.contains(wanted)).unwrap() + 1;
    let get = [
        "explain",
        "-",
        "--unverified",
        "--token",
        &token,
        "--request",
        "POST /v1/chat/completions",
    ];
    let ask = |plugin: &[&str]| entragate(&[&get[..], plugin].concat(), &text);
    let both = ask(&[]);
    assert_eq!(both.status, 2);
    for name in ["team-a (line ", "team-b (line ", "choose one with --plugin"] {
        assert!(both.err.contains(name), "{}", both.err);
    }
    assert_eq!(ask(&["--plugin", "team-a"]).status, 0);
    let unknown = ask(&["--plugin", "team-c"]);
    assert_eq!(unknown.status, 2);
    assert!(unknown.err.contains("there are team-a"), "{}", unknown.err);
    let invalid = ask(&["--plugin", "team-b"]);
    assert_eq!(invalid.status, 1);
    let expected = format!(
        "standard input:{}: error: [scientists] rules[1].require.role: must be a string, but is a number; write it in quotes\n",
        line("\"role\": 5")
    );
    assert_eq!(invalid.err, expected);
}

#[test]
fn plugins_of_the_same_name_are_distinguished_by_line() {
    let text = two_plugins(["team", "team"]);
    let token = ada().build();
    let ask = |plugin: &str| {
        let request = ["--request", "POST /v1/chat/completions"];
        let given = ["explain", "-", "--unverified", "--token", &token];
        entragate(
            &[&given[..], &request, &["--plugin", plugin]].concat(),
            &text,
        )
    };
    let both = ask("team");
    assert_eq!(both.status, 2);
    let lines: Vec<&str> = both
        .err
        .split("team (line ")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert_eq!(lines.len(), 2, "{}", both.err);
    assert_eq!([ask(lines[0]).status, ask(lines[1]).status], [0, 1]);
    assert_eq!(ask("1").status, 2);
}
