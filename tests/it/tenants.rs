//! Many tenants in one issuer: the `common` key set, and Microsoft's rules about the tenants for which a key can sign.

use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::keys::{self, Algorithm, SigningKey};
use testbed::mint::Token;
use testbed::persona::*;

const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

fn tenants(listed: Value) -> Value {
    let mut settings = settings();
    settings["issuers"][0]["entra"]["tenants"] = listed;
    settings["rules"] = json!([
        {"name": "contoso", "match": {}, "require": {"tenant": TENANT}, "credential": "hf-read"},
        {"name": "fabrikam", "match": {}, "require": {"all": [{"tenant": GUEST_TENANT}, {"role": "Model.Query"}]},
         "credential": "hf-read"},
    ]);
    settings
}

/// The keys of the common set: for any tenant, for personal accounts, for Fabrikam only, and for another cloud.
struct Common {
    any: SigningKey,
    personal: SigningKey,
    fabrikam: SigningKey,
    elsewhere: SigningKey,
}

impl Common {
    fn new() -> Self {
        let key = || SigningKey::generate(Algorithm::Rs256);
        let (any, personal, fabrikam, elsewhere) = (keys::rsa(), key(), key(), key());
        Self {
            any,
            personal,
            fabrikam,
            elsewhere,
        }
    }

    fn bench(&self, settings: &Value) -> Bench {
        let of = |tenant: &str| TEMPLATE.replace("{tenantid}", tenant);
        let cloud = "microsoftonline.com";
        let keys = [
            self.any.to_entra_jwk(cloud, Some(TEMPLATE)),
            self.personal
                .to_entra_jwk(cloud, Some(&of(CONSUMER_TENANT))),
            self.fabrikam.to_entra_jwk(cloud, Some(&of(GUEST_TENANT))),
            self.elsewhere
                .to_entra_jwk("microsoftonline.us", Some(TEMPLATE)),
        ];
        let mut bench = Bench::cold(settings);
        assert_eq!(
            bench.calls[0].callout.target.path,
            "/common/discovery/v2.0/keys"
        );
        bench.answer(ok(json!({ "keys": keys })));
        bench
    }
}

/// The token of a person with a personal Microsoft account.
fn personal() -> Token {
    ada()
        .claim("tid", CONSUMER_TENANT)
        .claim("iss", issuer_v2(CONSUMER_TENANT))
}

#[test]
fn key_verifies_tokens_of_its_own_tenants_only() {
    let common = Common::new();
    let (ada, gina) = (|| Token::of(Persona::Ada), || Token::of(Persona::Gina));
    let v1 = |tenant: &str| ada().claim("iss", issuer_v1(tenant)).claim("tid", tenant);
    let listed = json!([TENANT, GUEST_TENANT]);
    let all = json!(["*"]);
    for (tenants_of, token, code) in [
        (&listed, ada(), "permitted"),
        (&listed, gina(), "permitted"),
        (&listed, v1(TENANT), "permitted"),
        (&listed, v1(GUEST_TENANT), "permitted"),
        (&listed, gina().signed_by(&common.fabrikam), "permitted"),
        (&listed, ada().signed_by(&common.fabrikam), "key_unknown"),
        (&listed, ada().signed_by(&common.personal), "key_unknown"),
        (&listed, ada().signed_by(&common.elsewhere), "key_unknown"),
        (
            &listed,
            ada().forged_by(&common.fabrikam),
            "signature_invalid",
        ),
        (&listed, personal(), "tenant_not_allowed"),
        (&listed, gina().without("roles"), "rule_unsatisfied"),
        // An administrator of a tenant can set any claim except `iss`, `tid` and the signature.
        (&listed, gina().claim("tid", TENANT), "token_malformed"),
        (&listed, ada().claim("tid", GUEST_TENANT), "token_malformed"),
        (&listed, ada().claim("tid", "{tenantid}"), "token_malformed"),
        (&listed, ada().claim("iss", TEMPLATE), "issuer_unknown"),
        (&listed, ada().claim("TID", GUEST_TENANT), "token_malformed"),
        (&all, ada(), "permitted"),
        (&all, gina(), "permitted"),
        (&all, personal(), "rule_unsatisfied"),
        (
            &all,
            personal().signed_by(&common.personal),
            "rule_unsatisfied",
        ),
        (&all, personal().signed_by(&common.fabrikam), "key_unknown"),
        (&all, gina().claim("tid", TENANT), "token_malformed"),
    ] {
        let mut bench = common.bench(&tenants(tenants_of.clone()));
        let claims = token.claims_value();
        let mut found = bench.code(&token.build());
        if found == "waiting" {
            // The request waits because a newer set might contain the key.
            bench.advance(60);
            found = bench.resume_woken().remove(0).1;
        }
        assert_eq!(
            found,
            code,
            "{tenants_of} {} {claims}",
            token.header_value()
        );
    }
}
