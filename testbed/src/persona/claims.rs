//! Each persona's payload.

use serde_json::{Value, json};

use super::{Persona, ids::*};

/// Entra backdates tokens by five minutes.
const BACKDATED: u64 = 300;
/// Between 60 and 90 minutes, as Entra varies it.
const LIFETIME: u64 = 4_523;
const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

pub(super) fn of(persona: Persona, now: u64) -> Value {
    match persona {
        Persona::Ada => ada(now, "ada-token-1-uti-AAAAAA"),
        Persona::Ben => ben(now),
        Persona::Carl => user(now, &CARL, json!({"roles": ["Contractor"]})),
        Persona::Nora => user(now, &NORA, json!({})),
        Persona::Cora => user(
            now,
            &CORA,
            json!({"roles": ["Model.Query"], "acrs": ["p1", "c1"], "xms_cc": ["cp1"]}),
        ),
        Persona::Batch => app(
            now,
            BATCH_CLIENT,
            "5f0c7d1a-94b8-4d1e-8f0b-6f0f3d0f8a11",
            "batch-token-uti-AAAAAA",
            json!({"roles": ["Model.Query"]}),
        ),
        Persona::Lurker => app(
            now,
            LURKER_CLIENT,
            "7c2e1b9d-03a6-4c77-b1d4-28e94fd6c052",
            "lurker-token-utiAAAAAA",
            json!({}),
        ),
        Persona::Robot => robot(now),
        Persona::Gina => user(now, &GINA, json!({"roles": ["Model.Query"]})),
        Persona::Olga => user(
            now,
            &OLGA,
            json!({
                "_claim_names": {"groups": "src1"},
                "_claim_sources": {"src1": {"endpoint": format!(
                    "https://graph.windows.net/{TENANT}/users/{}/getMemberObjects", OLGA.oid)}},
            }),
        ),
        Persona::Omar => user(now, &OMAR, json!({"hasgroups": true})),
        Persona::Kim => kim(now),
        Persona::Scout => scout(now),
        Persona::Clerk => with(
            ada(now, "clerk-token-uti-AAAAAA"),
            json!({
                "azp": SCOUT_CLIENT, "azpacr": "2", "idtyp": "user", "xms_idrel": "1 8",
                "xms_act_fct": "3 9 11", "xms_sub_fct": "3 9", "xms_par_app_azp": AGENT_BLUEPRINT,
            }),
        ),
        Persona::Mate => user(
            now,
            &MATE,
            json!({
                "roles": ["Model.Query"], "azp": SCOUT_CLIENT, "azpacr": "2", "idtyp": "user",
                "xms_idrel": "1 8", "xms_act_fct": "9 11 3", "xms_sub_fct": "13 3 9",
                "xms_par_app_azp": AGENT_BLUEPRINT,
            }),
        ),
        Persona::Expired => ada(now - 2 * HOUR, "ada-expired-uti-AAAAAA"),
        Persona::Future => ada(now + HOUR + BACKDATED, "ada-future-utiA-AAAAAA"),
        Persona::WrongAudience => with(
            ada(now, "ada-otheraud-utiAAAAAA"),
            json!({"aud": OTHER_AUDIENCE}),
        ),
        Persona::IdToken => id_token(now),
        Persona::Graph => graph(now),
        Persona::Pop => with(
            ada(now, "ada-pop-token-utiAAAAA"),
            json!({"cnf": {"kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}}),
        ),
    }
}

/// The claims about the person in a user's v2 token.
struct User {
    tenant: &'static str,
    oid: &'static str,
    sub: &'static str,
    uti: &'static str,
    sid: &'static str,
    name: &'static str,
    mail: &'static str,
}

const ADA: User = User {
    tenant: TENANT,
    oid: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    sub: "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    uti: "",
    sid: "001fc7ca-0b0e-42d2-9a1e-3b6f7ab36a7c",
    name: "Ada Lovelace",
    mail: "ada@contoso.com",
};

const CARL: User = User {
    tenant: TENANT,
    oid: "3c8f4a52-7d1e-4f0a-9a53-8bb6f2f5c0de",
    sub: "bQ9yX2v0m3cV8s1Jr5uT7wE4nK6pL0zH_dF-gA2iMxk",
    uti: "carl-token-uti-AAAAAAA",
    sid: "002a94e1-52c7-4f3b-8d60-17f2c9be4d35",
    name: "Carl Contractor",
    mail: "carl@contoso.com",
};

const NORA: User = User {
    tenant: TENANT,
    oid: "a1d5e7f9-2b46-4c88-b0c3-5e6f70812934",
    sub: "Yw3oP7kR1tB5vN9xZ2mC4jL6hG8fD0sA-qE_uI1aWyk",
    uti: "nora-token-uti-AAAAAAA",
    sid: "003bd820-9e4f-4a6c-b1c7-80d5e63f2a91",
    name: "Nora Newcomer",
    mail: "nora@contoso.com",
};

const CORA: User = User {
    tenant: TENANT,
    oid: "e04b6c1d-8f27-45a9-93d2-0c1b2a394857",
    sub: "dK5wQ1zX8nM3cV7bL0pR4tY6uJ2hG9fS_aE-oI5iWxA",
    uti: "cora-token-uti-AAAAAAA",
    sid: "004ce931-af50-4b7d-a2d8-91e6f7403ba2",
    name: "Cora Careful",
    mail: "cora@contoso.com",
};

const GINA: User = User {
    tenant: GUEST_TENANT,
    oid: "f7a2c9e4-1d38-4b60-8e95-2a3b4c5d6e7f",
    sub: "mT2xC6vB9nM1qW4eR7tY0uI3oP5aS8dF_gH-jK2lZxQ",
    uti: "gina-token-uti-AAAAAAA",
    sid: "005dfa42-b061-4c8e-93e9-a2f708514cb3",
    name: "Gina Guest",
    mail: "gina@fabrikam.com",
};

const OLGA: User = User {
    tenant: TENANT,
    oid: "0d9c8b7a-6f5e-4d3c-8b2a-190807060504",
    sub: "pL9kO6jI3hU0gY7fT4dR1sE8aW5qZ2xC_vB-nM6mKjA",
    uti: "olga-token-uti-AAAAAAA",
    sid: "006e0b53-c172-4d9f-84fa-b30819625dc4",
    name: "Olga Overage",
    mail: "olga@contoso.com",
};

const OMAR: User = User {
    tenant: TENANT,
    oid: "1eada0b1-c2d3-4e4f-95a6-b7c8d9eafb0c",
    sub: "sD4fG7hJ0kL3zX6cV9bN2mQ5wE8rT1yU_iO-pA4sBfE",
    uti: "omar-token-uti-AAAAAAA",
    sid: "007f1c64-d283-4eb0-b50b-c4192a736ed5",
    name: "Omar Overage",
    mail: "omar@contoso.com",
};

const MATE: User = User {
    tenant: TENANT,
    oid: "2fbec1d2-e3f4-4a50-a6b7-c8d9eafb0c1d",
    sub: "vB1nM4qW7eR0tY3uI6oP9aS2dF5gH8jK_lZ-xC0vMtE",
    uti: "mate-token-uti-AAAAAAA",
    sid: "009b3e86-f4a5-4ad2-b63e-e64c3b958a07",
    name: "Model Mate",
    mail: "mate@contoso.com",
};

/// A v2 user token from the notebook with this user's own claims.
fn user(now: u64, user: &User, particular: Value) -> Value {
    let common = json!({
        "aud": AUDIENCE, "iss": issuer_v2(user.tenant), "ver": "2.0", "tid": user.tenant,
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now - BACKDATED + LIFETIME,
        "aio": "AWQAm/8UAAAAx2dHbHk1JfB5cKs8Yl3oTnPqZ0mW", "rh": "1.AR8Av4j5cvGGr0GRqy180BHbR-Nzb2t.",
        "azp": NOTEBOOK_CLIENT, "azpacr": "0", "scp": "access_as_user",
        "oid": user.oid, "sub": user.sub, "uti": user.uti, "sid": user.sid,
        "name": user.name, "preferred_username": user.mail,
    });
    with(common, particular)
}

fn ada(now: u64, uti: &str) -> Value {
    user(
        now,
        &ADA,
        json!({"uti": uti, "roles": ["Model.Query"], "groups": [SCIENTISTS_GROUP], "xms_cc": ["cp1"]}),
    )
}

/// A v1 user token: `appid` for `azp`, `amr`, `unique_name`, an App ID URI as audience.
fn ben(now: u64) -> Value {
    json!({
        "aud": AUDIENCE_URI, "iss": issuer_v1(TENANT), "ver": "1.0", "tid": TENANT,
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now - BACKDATED + LIFETIME,
        "acr": "1", "aio": "AXQAi/8TAAAAFm+E/QTG+gFnVxLjWdw8K+61AGrSOuMMF6ebaMj7XO3Ibmd3f==", "rh": "I",
        "amr": ["pwd", "mfa"], "appid": NOTEBOOK_CLIENT, "appidacr": "0", "scp": "user_impersonation",
        "roles": ["Model.Query"], "ipaddr": "203.0.113.7",
        "family_name": "Babbage", "given_name": "Ben", "name": "Ben Babbage",
        "unique_name": "ben@contoso.com", "upn": "ben@contoso.com",
        "oid": "02223b6b-aa1d-42d4-9ec0-1b2bb9194438", "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
        "uti": "FVsGxYXI30-TuikuuUoFAA", "sid": "008a2d75-e394-4fc1-a61c-d52a3b847fe6",
    })
}

/// A v2 token of the client-credentials grant: no `scp`, no name, `oid` = `sub`, `iat` = `nbf`.
fn app(now: u64, client: &str, service_principal: &str, uti: &str, particular: Value) -> Value {
    let common = json!({
        "aud": AUDIENCE, "iss": issuer_v2(TENANT), "ver": "2.0", "tid": TENANT,
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now - BACKDATED + HOUR + BACKDATED,
        "aio": "k2RgYPhSN0tNKTNv9U9W7YbnVTfmAQ==", "rh": "1.AR8Av4j5cvGGr0GRqy180BHbR-Nzb2t.",
        "azp": client, "azpacr": "1", "oid": service_principal, "sub": service_principal, "uti": uti,
    });
    with(common, particular)
}

fn robot(now: u64) -> Value {
    let object = "9b8f6c3a-51e7-4d92-a4c6-7d0e1f2a3b4c";
    json!({
        "aud": AUDIENCE_URI, "iss": issuer_v1(TENANT), "idp": issuer_v1(TENANT), "ver": "1.0", "tid": TENANT,
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now - BACKDATED + DAY,
        "aio": "E2ZgYBB9z7+pRGv4/+mS+zVNBQA=", "rh": "1.AR8Av4j5cvGGr0GRqy180BHbR-Nzb2t.",
        "appid": ROBOT_CLIENT, "appidacr": "2", "idtyp": "app", "roles": ["Model.Query"],
        "oid": object, "sub": object, "uti": "robot-token-uti-AAAAAA", "xms_mirid": ROBOT_RESOURCE,
    })
}

/// An autonomous agent: an application with facets, whose `sub` differs from its `oid`.
fn scout(now: u64) -> Value {
    app(
        now,
        SCOUT_CLIENT,
        "4d6a8b0c-1e2f-4a3b-9c5d-7e8f90a1b2c3",
        "scout-token-uti-AAAAAA",
        json!({
            "azpacr": "2", "idtyp": "app", "roles": ["Model.Query"], "xms_idrel": "7 10",
            "sub": "6f8cad2e-3041-4c5d-be7f-90a1b2c3d4e5",
            "xms_act_fct": "3 9 11", "xms_sub_fct": "9 3 11", "xms_tnt_fct": "3 9",
            "xms_par_app_azp": AGENT_BLUEPRINT,
        }),
    )
}

/// An ID token: its audience is the client, and it has no scopes or roles.
fn id_token(now: u64) -> Value {
    let mut claims = ada(now, "ada-id-token-uti-AAAAA");
    for access_only in ["azp", "azpacr", "scp", "roles", "groups", "xms_cc"] {
        claims
            .as_object_mut()
            .map(|claims| claims.remove(access_only));
    }
    with(claims, json!({"aud": NOTEBOOK_CLIENT, "nonce": "678910"}))
}

fn graph(now: u64) -> Value {
    json!({
        "aud": GRAPH_AUDIENCE, "iss": issuer_v1(TENANT), "ver": "1.0", "tid": TENANT,
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now - BACKDATED + LIFETIME,
        "acr": "1", "aio": "AVQAq/8TAAAAgt2Y0Dp6jc3n8w==", "amr": ["pwd", "mfa"],
        "app_displayname": "Notebook", "appid": NOTEBOOK_CLIENT, "appidacr": "0", "idtyp": "user",
        "scp": "User.Read profile openid email", "name": ADA.name, "unique_name": ADA.mail, "upn": ADA.mail,
        "oid": ADA.oid, "sub": "kQ4tG8wJ1xZ5bV9nM2cL6pR0yT3uH7fS_dA-eI4oWjU",
        "uti": "ada-graph-token-utiAAA", "wids": ["b79fbf4d-3ef9-4689-8143-76b194e85509"],
    })
}

/// A Keycloak access token: nested roles, `typ` in the payload, no `nbf`.
fn kim(now: u64) -> Value {
    json!({
        "exp": now + 300, "iat": now, "auth_time": now - 60, "jti": "onrtac:6f1de0a8-94d2-1c6c-4c9b-7a5f5c1b1d22",
        "iss": REALM_ISSUER, "aud": REALM_AUDIENCE, "sub": "4f2a9e61-8c0d-4b7f-9e13-6a5d7c8b9f04",
        "typ": "Bearer", "azp": REALM_CLIENT, "client_id": REALM_CLIENT, "acr": "1",
        "sid": "c7a1f0b2-5d3e-4e8a-8b6f-1029384756af", "scope": "openid profile email",
        "realm_access": {"roles": ["Model.Query", "offline_access"]}, "groups": ["/scientists"],
        "preferred_username": "kim", "email": "kim@contoso.com", "email_verified": true, "name": "Kim Keycloak",
    })
}

fn with(mut claims: Value, particular: Value) -> Value {
    if let (Value::Object(claims), Value::Object(particular)) = (&mut claims, particular) {
        claims.extend(particular);
    }
    claims
}
