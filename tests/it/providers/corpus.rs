//! A token and a key set of each provider in docs/providers.md, in the form that the provider documents, with the configuration
//! from that page.

use super::*;
use std::collections::BTreeMap;

use crate::pages as docs;

/// The expected facts about the caller.
#[derive(Debug, PartialEq)]
struct Expected {
    object: &'static str,
    client: Option<&'static str>,
    kind: Option<&'static str>,
    satisfies: Value,
}

struct Sample {
    /// The heading on the page.
    provider: &'static str,
    /// Additional members of the key.
    key: Value,
    claims: Value,
    expected: Expected,
}

fn expected(
    object: &'static str,
    client: Option<&'static str>,
    kind: Option<&'static str>,
    satisfies: Value,
) -> Expected {
    Expected {
        object,
        client,
        kind,
        satisfies,
    }
}

fn samples() -> Vec<Sample> {
    let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    let api = "00001111-aaaa-2222-bbbb-3333cccc4444";
    let client = "22223333-cccc-4444-dddd-5555eeee6666";
    let plain = || json!({"use": "sig", "alg": "RS256"});
    vec![
        Sample {
            provider: "Entra External ID",
            key: json!({"use": "sig", "x5t": "thumb", "cloud_instance_name": "microsoftonline.com"}),
            claims: json!({"iss": format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0"), "aud": api, "azp": client,
                "oid": "b1", "sub": "pairwise", "tid": tenant, "scp": "chat", "ver": "2.0"}),
            expected: expected(
                "b1",
                Some(client),
                Some("user"),
                json!({"all": [{"scope": "chat"}, {"tenant": tenant}]}),
            ),
        },
        Sample {
            provider: "Keycloak",
            key: json!({"use": "sig", "alg": "RS256", "x5c": ["MIIC"]}),
            claims: json!({"iss": "https://kc.contoso.com/realms/ml", "aud": ["hf", "account"], "sub": "5a9c", "typ": "Bearer",
                "azp": "web", "sid": "s1", "acr": "1", "realm_access": {"roles": ["ml-user", "offline_access"]},
                "resource_access": {"account": {"roles": ["view-profile"]}}, "scope": "openid email", "email_verified": false,
                "preferred_username": "ada"}),
            expected: expected(
                "5a9c",
                Some("web"),
                Some("user"),
                json!({"all": [{"role": "ml-user"}, {"scope": "email"}]}),
            ),
        },
        Sample {
            provider: "Keycloak",
            key: json!({"use": "sig", "alg": "RS256"}),
            claims: json!({"iss": "https://kc.contoso.com/realms/ml", "aud": "hf", "sub": "f81d", "azp": "job", "client_id": "job",
                "clientHost": "10.0.0.1", "realm_access": {"roles": ["ml-job"]}, "scope": "", "preferred_username": "service-account-job"}),
            expected: expected("f81d", Some("job"), Some("app"), json!({"role": "ml-job"})),
        },
        Sample {
            provider: "Okta",
            key: plain(),
            claims: json!({"ver": 1, "iss": "https://contoso.okta.com/oauth2/default", "aud": "api://default", "cid": "0oa1", "uid": "00u1",
                "scp": ["chat", "offline_access"], "auth_time": 1, "sub": "ada@contoso.com", "groups": ["ml"]}),
            expected: expected(
                "00u1",
                Some("0oa1"),
                Some("user"),
                json!({"all": [{"scope": "chat"}, {"group": "ml"}]}),
            ),
        },
        Sample {
            provider: "Auth0",
            key: json!({"use": "sig", "alg": "RS256", "x5t": "t", "x5c": ["MIID"]}),
            claims: json!({"iss": "https://contoso.eu.auth0.com/", "sub": "auth0|507f", "aud": ["https://hf.contoso.com",
                "https://contoso.eu.auth0.com/userinfo"], "azp": "spa1", "scope": "openid profile", "permissions": ["query:models"]}),
            expected: expected(
                "auth0|507f",
                Some("spa1"),
                Some("user"),
                json!({"role": "query:models"}),
            ),
        },
        Sample {
            provider: "Auth0",
            key: plain(),
            claims: json!({"iss": "https://contoso.eu.auth0.com/", "sub": "m2m@clients", "aud": "https://hf.contoso.com", "azp": "m2m",
                "gty": "client-credentials", "permissions": []}),
            expected: expected(
                "m2m@clients",
                Some("m2m"),
                Some("app"),
                json!({"not": {"role": "query:models"}}),
            ),
        },
        Sample {
            provider: "Amazon Cognito",
            key: plain(),
            claims: json!({"sub": "aaaa-1111", "cognito:groups": ["ml"], "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example01",
                "version": 2, "client_id": "c1", "aud": "https://hf.contoso.com", "token_use": "access", "scope": "openid",
                "auth_time": 1, "username": "ada", "origin_jti": "o1"}),
            expected: expected(
                "aaaa-1111",
                Some("c1"),
                Some("user"),
                json!({"group": "ml"}),
            ),
        },
        Sample {
            provider: "AD FS",
            key: json!({"use": "sig", "alg": "RS256", "x5t": "t", "x5c": ["MIIC"]}),
            claims: json!({"aud": "microsoft:identityserver:hf", "iss": "http://adfs.contoso.com/adfs/services/trust", "apptype": "Confidential",
                "appid": client, "authmethod": "urn:x", "ver": "1.0", "scp": "openid", "sub": "CONTOSO\\ada", "role": "ml-user",
                "group": ["Domain Users"]}),
            expected: expected(
                "CONTOSO\\ada",
                Some(client),
                Some("user"),
                json!({"all": [{"role": "ml-user"}, {"group": "Domain Users"}]}),
            ),
        },
        Sample {
            provider: "Google",
            key: plain(),
            claims: json!({"iss": "https://accounts.google.com", "aud": "https://hf.contoso.com", "azp": "1172", "sub": "1172",
                "email": "job@ml.iam.gserviceaccount.com", "email_verified": true}),
            expected: expected(
                "1172",
                Some("1172"),
                Some("app"),
                json!({"claim": {"path": "email_verified", "equals": true}}),
            ),
        },
        Sample {
            provider: "GitHub Actions",
            key: json!({"use": "sig", "alg": "RS256", "x5t": "t"}),
            claims: json!({"iss": "https://token.actions.githubusercontent.com", "aud": "https://hf.contoso.com",
                "sub": "repo:contoso/ml:environment:prod", "repository": "contoso/ml", "ref": "refs/heads/main", "environment": "prod",
                "workflow": "nightly", "actor_id": "12", "run_attempt": "1"}),
            expected: expected(
                "repo:contoso/ml:environment:prod",
                None,
                Some("app"),
                json!({"claim": {"path": "repository", "equals": "contoso/ml"}}),
            ),
        },
        Sample {
            provider: "Kubernetes",
            key: plain(),
            claims: json!({"iss": "https://kubernetes.default.svc.cluster.local", "aud": ["hf"], "sub": "system:serviceaccount:ml:nightly",
                "kubernetes.io": {"namespace": "ml", "pod": {"name": "p", "uid": "u"}, "serviceaccount": {"name": "nightly", "uid": "v"},
                "warnafter": 1}, "jti": "j"}),
            expected: expected(
                "system:serviceaccount:ml:nightly",
                None,
                Some("app"),
                json!({"claim": {"path": "/kubernetes.io/namespace", "equals": "ml"}}),
            ),
        },
        Sample {
            provider: "ZITADEL",
            key: plain(),
            claims: json!({"iss": "https://contoso.zitadel.cloud", "sub": "2690", "aud": ["2691@ml", "269000000000000001"], "client_id": "2691@ml",
                "urn:zitadel:iam:org:project:roles": {"ml-user": {"2688": "contoso.zitadel.cloud"}}, "jti": "V2_1"}),
            expected: expected(
                "2690",
                Some("2691@ml"),
                Some("user"),
                json!({"role": "ml-user"}),
            ),
        },
        Sample {
            provider: "Authentik",
            key: json!({"use": "sig", "alg": "RS256", "x5c": ["MIIF"], "x5t": "t"}),
            claims: json!({"iss": "https://auth.contoso.com/application/o/hf/", "sub": "hashed", "aud": "hf-client-id", "acr": "goauthentik.io/providers/oauth2/default",
                "azp": "hf-client-id", "uid": "u", "scope": "openid profile", "groups": ["ml", "authentik Admins"], "preferred_username": "ada"}),
            expected: expected(
                "hashed",
                Some("hf-client-id"),
                Some("user"),
                json!({"group": "ml"}),
            ),
        },
    ]
}

/// Returns the issuer in each section of the page.
fn documented() -> BTreeMap<String, Value> {
    let page = docs::read("docs/providers.md");
    let sections = page.split("\n## ").skip(1).filter_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let block = docs::blocks(text, "yaml part").into_iter().next()?;
        Some((heading.to_owned(), docs::yaml(&block)["issuers"][0].clone()))
    });
    sections.collect()
}

#[test]
fn every_documented_provider_has_a_sample_that_is_accepted() {
    let documented = documented();
    let samples = samples();
    for provider in documented.keys() {
        assert!(
            samples.iter().any(|sample| sample.provider == provider),
            "{provider} has no sample"
        );
    }
    for sample in samples {
        let mut issuer = documented[sample.provider].clone();
        let mut jwk = signing::rsa().to_jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        merge(&mut jwk, sample.key);
        issuer["jwks"] = json!({"inline": {"keys": [jwk]}});
        let expected = &sample.expected;
        let mut require = vec![expected.satisfies.clone()];
        require.extend(expected.kind.map(|kind| json!({ "kind": kind })));
        let mut settings = with_rules(json!([{"name": "r", "require": {"all": require}}]));
        settings["issuers"] = json!([issuer]);
        let mut bench = Bench::cold(&settings);
        let code = bench.code(&token(sample.claims));
        let record = bench.audit().pop().expect("a record");
        assert_eq!(code, "permitted", "{}: {record}", sample.provider);
        assert_eq!(record["oid"], expected.object, "{}", sample.provider);
        assert_eq!(
            record["client"].as_str(),
            expected.client,
            "{}",
            sample.provider
        );
        assert_eq!(
            record["kind"].as_str(),
            expected.kind,
            "{}",
            sample.provider
        );
    }
}
