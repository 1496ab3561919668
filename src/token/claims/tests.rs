//! Tests of the memory that claims use.

use super::*;

/// Retains one of the claims.
pub(crate) fn retained(claims: &str, name: &str) -> ClaimSet {
    let claims = Object::read(claims).unwrap();
    ClaimSet::of(&claims, &[name].into_iter().collect()).unwrap()
}

/// A caller without any grants.
pub(crate) fn anyone() -> Claims {
    Claims {
        issuer: "contoso".into(),
        tenant: None,
        object: "".into(),
        subject: None,
        client: None,
        kind: None,
        actor: None,
        blueprint: None,
        roles: Texts::default(),
        groups: Groups {
            listed: Texts::default(),
            overage: false,
        },
        scopes: Texts::default(),
        directory_roles: Texts::default(),
        managed_identity: None,
        token_id: None,
        session: None,
        step_up_at: None,
        expires: Timestamp::from_secs(0),
        not_before: None,
        issued_at: None,
        rejection: None,
        unclear: Unclear::default(),
        elsewhere: Texts::default(),
        others: retained("{}", "acrs"),
    }
}

#[test]
fn listed_tenant_shares_the_issuers_text() {
    use crate::config;
    use testbed::persona::{AUDIENCE, TENANT};
    let issuer = |tenant: &str| {
        let config = serde_json::json!({
            "issuers": [{"name": "contoso", "entra": {"tenants": [tenant]}, "audiences": [AUDIENCE],
                         "jwks": {"cluster": "entra"}}],
            "credentials": [{"name": "c", "value": "hf_x"}],
            "rules": [{"name": "r", "match": {}, "require": {"role": "x"}, "credential": "c"}],
        });
        let config = config::load(config.to_string().as_bytes(), &|_| None).unwrap();
        config.issuers[0].clone()
    };
    let read = |issuer: &Issuer, tid: &str| {
        let claims = format!(r#"{{"oid": "a", "exp": 9, "tid": "{tid}"}}"#);
        let claims = Claims::read(issuer, &Object::read(&claims).unwrap());
        claims.unwrap().tenant.unwrap()
    };
    let contoso = issuer(TENANT);
    let [one, other] = [(); 2].map(|()| read(&contoso, TENANT));
    assert_eq!(&*one, TENANT);
    assert!(Arc::ptr_eq(&one, &other));
    // The audit record has the tenant as written; an unlisted tenant is not shared.
    for tid in [TENANT.to_uppercase(), "elsewhere".to_owned()] {
        assert_eq!(*read(&contoso, &tid), *tid);
    }
    let any = issuer("*");
    let [one, other] = [(); 2].map(|()| read(&any, TENANT));
    assert!(one == other && !Arc::ptr_eq(&one, &other));
}

#[test]
fn claims_size_includes_the_heap_overhead() {
    // Twelve bytes per block, two counters per shared string, and a string's entry in its list.
    const BLOCK: usize = 12;
    const SHARED: usize = BLOCK + 16;
    const LISTED: usize = BLOCK + 16;
    let bare = || Claims {
        others: ClaimSet::default(),
        ..anyone()
    };
    let empty = size_of::<Claims>() + SHARED + 5 * BLOCK + BLOCK;
    assert_eq!(bare().bytes(), empty);
    let long = || "x".repeat(1000);
    let one = || [long().into()].into();
    let listed = || Groups {
        listed: one(),
        overage: false,
    };
    let others = retained(&format!(r#"{{"acrs":"{}"}}"#, "x".repeat(998)), "acrs");
    let some = || Some(long().into());
    for (claims, expected) in [
        (
            Claims {
                object: long().into(),
                ..bare()
            },
            1000,
        ),
        (
            Claims {
                tenant: some(),
                ..bare()
            },
            1000 + SHARED,
        ),
        (
            Claims {
                blueprint: some(),
                ..bare()
            },
            1000 + SHARED,
        ),
        (
            Claims {
                session: some(),
                ..bare()
            },
            1000 + SHARED,
        ),
        (
            Claims {
                roles: one(),
                ..bare()
            },
            1000 + LISTED,
        ),
        (
            Claims {
                groups: listed(),
                ..bare()
            },
            1000 + LISTED,
        ),
        (
            Claims {
                rejection: Some(Denial::TokenBound.into()),
                ..bare()
            },
            BLOCK + size_of::<Denial>(),
        ),
        // The text, and its end offset.
        (Claims { others, ..bare() }, 1000 + 4),
    ] {
        assert_eq!(claims.bytes() - empty, expected, "{claims:?}");
    }
}
