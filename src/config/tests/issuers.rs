//! Issuers: their keys, conflicts between them, and the services of their clouds.

use super::*;
use crate::keys::source::KeySource;

#[test]
fn key_set_uri_of_entra_is_predefined() {
    let other = OTHER_TENANT;
    for (entra, host, path) in [
        (
            json!({"tenants": [TENANT.to_uppercase()]}),
            "login.microsoftonline.com",
            format!("/{TENANT}/discovery/v2.0/keys"),
        ),
        (
            json!({"tenants": [TENANT], "versions": ["v1"]}),
            "login.microsoftonline.com",
            format!("/{TENANT}/discovery/keys"),
        ),
        (
            json!({"tenants": [TENANT, other]}),
            "login.microsoftonline.com",
            "/common/discovery/v2.0/keys".into(),
        ),
        (
            json!({"tenants": ["*"], "versions": ["v1"]}),
            "login.microsoftonline.com",
            "/common/discovery/keys".into(),
        ),
        (
            json!({"tenants": [TENANT], "cloud": "us_gov"}),
            "login.microsoftonline.us",
            format!("/{TENANT}/discovery/v2.0/keys"),
        ),
        (
            json!({"tenants": ["*"], "cloud": "china"}),
            "login.partner.microsoftonline.cn",
            "/common/discovery/v2.0/keys".into(),
        ),
        (
            json!({"tenants": [TENANT], "app_id": other}),
            "login.microsoftonline.com",
            format!("/{TENANT}/discovery/v2.0/keys?appid={other}"),
        ),
    ] {
        let config = accepted(&with("/issuers/0/entra", entra.clone()));
        let KeySource::Uri { target, .. } = &config.sources[0] else {
            panic!()
        };
        assert_eq!(
            (target.authority.as_str(), &target.path),
            (host, &path),
            "{entra}"
        );
        assert_eq!((target.cluster.as_str(), target.scheme), ("entra", "https"));
    }
}

#[test]
fn discovery_and_inline_keys_are_compiled() {
    let discovery = |issuer: usize, uri: &str| {
        let jwks = json!({"cluster": "c", "discovery": uri});
        let config = accepted(&with(&format!("/issuers/{issuer}/jwks"), jwks));
        let KeySource::Discovery {
            issuer,
            keys_cluster,
            ..
        } = config.sources[issuer].clone()
        else {
            panic!()
        };
        assert_eq!(keys_cluster, "c");
        issuer
    };
    let entra = |tenant: &str, rest: &str| {
        discovery(
            0,
            &format!(
                "https://login.microsoftonline.com/{tenant}{rest}/.well-known/openid-configuration"
            ),
        )
    };
    assert_eq!(
        discovery(1, "https://kc.example/x"),
        "https://kc.example/realms/ml"
    );
    assert_eq!(
        entra(TENANT, "/v2.0"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0")
    );
    assert_eq!(
        entra("common", "/v2.0"),
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    );
    assert_eq!(
        entra(TENANT, ""),
        format!("https://sts.windows.net/{TENANT}/")
    );
    let jwks = json!({"cluster": "c", "discovery": "https://h/x", "keys_cluster": "k"});
    let config = accepted(&with("/issuers/1/jwks", jwks));
    assert!(
        matches!(&config.sources[1], KeySource::Discovery { keys_cluster, .. } if keys_cluster == "k")
    );
    // RFC 8037, appendix A.2.
    let key =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let config = accepted(&with("/issuers/1/jwks", json!({"inline": {"keys": [key]}})));
    assert!(matches!(&config.sources[1], KeySource::Inline(keys) if keys.len() == 1));
}

#[test]
fn similar_issuers_without_a_common_iss_are_accepted() {
    let mut config = base();
    // The same tenant with another token version, and with v2 in a sovereign cloud.
    set(&mut config, "/issuers/0/entra/versions", json!(["v2"]));
    for (name, entra) in [
        ("v1", json!({"tenants": [TENANT], "versions": ["v1"]})),
        (
            "gov",
            json!({"tenants": [TENANT], "versions": ["v2"], "cloud": "us_gov"}),
        ),
        ("other", json!({"tenants": [OTHER_TENANT]})),
    ] {
        set(
            &mut config,
            "/issuers/-",
            json!({"name": name, "entra": entra, "audiences": ["a"], "jwks": {"cluster": "c"}}),
        );
    }
    assert_eq!(accepted(&config).issuers.len(), 5);
}

#[test]
fn service_token_requests_follow_the_microsoft_documentation() {
    let with_auth = |auth| {
        let revocation = json!({"cluster": "c", "uri": "https://x", "auth": auth});
        let config = accepted(&with("/revocation", revocation));
        let [token] = config.service_tokens.as_slice() else {
            panic!("{:?}", config.service_tokens)
        };
        let target = &token.request.target;
        let uri = format!("{}://{}{}", target.scheme, target.authority, target.path);
        let body = String::from_utf8(token.request.body.clone()).unwrap();
        assert!(!format!("{config:?}").contains("hf_environment"));
        (token.request.method, uri, body)
    };
    let client = "00001111-aaaa-2222-bbbb-3333cccc4444";
    let identity = json!({"cluster": "imds", "resource": "https://graph.microsoft.com",
        "client_id": client});
    let uri = format!(
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
         &resource=https%3A%2F%2Fgraph.microsoft.com&client_id={client}"
    );
    let request = with_auth(json!({"managed_identity": identity}));
    assert_eq!(request, ("GET", uri, String::new()));
    for (cloud, host) in [
        (json!({}), "login.microsoftonline.com"),
        (json!({"cloud": "us_gov"}), "login.microsoftonline.us"),
        (
            json!({"cloud": "china"}),
            "login.partner.microsoftonline.cn",
        ),
    ] {
        let mut credentials = json!({"cluster": "entra", "tenant": TENANT, "client_id": client,
            "client_secret": {"env": "VAULT_TOKEN"}, "scope": "https://ops/.default"});
        let members = credentials.as_object_mut().unwrap();
        members.extend(cloud.as_object().unwrap().clone());
        let uri = format!("https://{host}/{TENANT}/oauth2/v2.0/token");
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_secret=hf_environmentsecret\
             &scope=https%3A%2F%2Fops%2F.default"
        );
        let request = with_auth(json!({"client_credentials": credentials}));
        assert_eq!(request, ("POST", uri, body));
    }
}

#[test]
fn graph_host_belongs_to_the_issuers_cloud() {
    let with_graph = |cloud: &str, host: Value| {
        let mut graph = json!({"cluster": "g", "auth": {"env": "VAULT_TOKEN"}});
        if !host.is_null() {
            graph["host"] = host;
        }
        let mut config = with("/issuers/0/groups_overage", json!({"graph": graph}));
        set(&mut config, "/issuers/0/entra/cloud", json!(cloud));
        let mut config = accepted(&config);
        assert!(config.directories[1].is_none());
        config.directories.remove(0).unwrap()
    };
    let dod = json!("dod-graph.microsoft.us");
    for (cloud, host, expected) in [
        ("public", Value::Null, "graph.microsoft.com"),
        ("us_gov", Value::Null, "graph.microsoft.us"),
        ("us_gov", dod, "dod-graph.microsoft.us"),
        ("china", Value::Null, "microsoftgraph.chinacloudapi.cn"),
    ] {
        let source = with_graph(cloud, host);
        assert_eq!(source.graph.authority, expected);
        assert_eq!(
            (source.graph.scheme, source.graph.path.as_str()),
            ("https", "/v1.0/")
        );
        assert_eq!((source.ttl, source.timeout), (secs(300), secs(5)));
    }
}

#[test]
fn more_groups_than_can_be_looked_up_are_refused() {
    let group = |index: usize| json!({"group": format!("bbbbbbbb-0000-4000-8000-{index:012}")});
    let graph = json!({"graph": {"cluster": "g", "auth": {"env": "VAULT_TOKEN"}}});
    let mut config = with("/issuers/0/groups_overage", graph);
    let all: Vec<Value> = (0..400).map(group).collect();
    set(&mut config, "/rules/2/require", json!({"any": all}));
    let loaded = accepted(&config);
    assert_eq!(loaded.policy.required_groups("contoso").len(), 400);
    set(&mut config, "/rules/1/require", group(400));
    let errors = refused(&config);
    assert!(
        errors[0].contains("rules name 401 groups, but at most 400"),
        "{errors:?}"
    );
}
