//! Generates security event tokens: valid tokens with all events and subjects, and changed tokens, which may be valid or invalid.

use super::super::random::Random;
use super::SCHEMAS;
use serde_json::{Value, json};
use testbed::keys::{self, SigningKey};
use testbed::mint;
use testbed::transmitter::{AUDIENCE, ISSUER};

/// A token before it is signed.
pub struct Draft {
    header: Value,
    claims: Value,
    key: SigningKey,
}

/// A change to a valid token. The result may be valid or invalid.
type Change = fn(&mut Draft, &mut Random);

const CHANGES: [Change; 44] = [
    |draft, _| draft.header["typ"] = json!("application/secevent+jwt"),
    |draft, _| draft.header["typ"] = json!("SecEvent+JWT"),
    |draft, _| draft.header["typ"] = json!("JWT"),
    |draft, _| draft.header["typ"] = json!("at+jwt"),
    |draft, _| remove(&mut draft.header, "typ"),
    |draft, _| draft.header["typ"] = json!(["secevent+jwt"]),
    |draft, _| draft.header["alg"] = json!("none"),
    |draft, _| draft.header["alg"] = json!("HS256"),
    |draft, _| draft.header["alg"] = json!("RS384"),
    |draft, _| draft.header["crit"] = json!(["exp"]),
    |draft, _| draft.header["kid"] = json!("unknown"),
    |draft, _| draft.key = keys::other_rsa(),
    |draft, _| draft.claims["iss"] = json!("https://evil.example/"),
    |draft, _| draft.claims["iss"] = json!([ISSUER]),
    |draft, _| remove(&mut draft.claims, "iss"),
    |draft, _| draft.claims["aud"] = json!([AUDIENCE, "https://other.example/"]),
    |draft, _| draft.claims["aud"] = json!(["https://other.example/"]),
    |draft, _| draft.claims["aud"] = json!([]),
    |draft, _| draft.claims["aud"] = json!({AUDIENCE: true}),
    |draft, _| remove(&mut draft.claims, "aud"),
    |draft, _| draft.claims["jti"] = json!("another"),
    |draft, _| remove(&mut draft.claims, "jti"),
    |draft, _| draft.claims["exp"] = json!(mint::now() + 60),
    |draft, _| draft.claims["sub"] = json!("ada"),
    |draft, _| draft.claims["nbf"] = json!(mint::now() + 60),
    |draft, _| remove(&mut draft.claims, "iat"),
    |draft, _| draft.claims["iat"] = json!(mint::now().to_string()),
    |draft, _| draft.claims["iat"] = json!(mint::now() + 3600),
    |draft, _| draft.claims["iat"] = json!(-1),
    |draft, _| draft.claims["toe"] = json!(mint::now() - 50),
    |draft, _| draft.claims["toe"] = json!("yesterday"),
    |draft, _| draft.claims["txn"] = json!("transaction"),
    |draft, _| draft.claims["events"] = json!({}),
    |draft, _| {
        draft.claims["events"] = json!([format!("{SCHEMAS}risc/event-type/account-disabled")])
    },
    |draft, _| remove(&mut draft.claims, "events"),
    |draft, random| change_payload(draft, random, |payload| *payload = json!(true)),
    |draft, random| {
        change_payload(draft, random, |payload| {
            payload["event_timestamp"] = json!("now")
        })
    },
    |draft, random| {
        change_payload(draft, random, |payload| {
            payload["event_timestamp"] = json!(-5)
        })
    },
    |draft, random| {
        change_payload(draft, random, |payload| {
            payload["reason_admin"] = json!({"en": "test"})
        })
    },
    |draft, _| {
        let more = format!("{SCHEMAS}caep/event-type/session-established");
        draft.claims["events"][more] = json!({});
    },
    |draft, _| {
        draft.claims["events"]["https://contoso.com/event"] = json!({"event_timestamp": "any"})
    },
    |draft, _| remove(&mut draft.claims, "sub_id"),
    |draft, random| change_subject(draft, random, |member| *member = json!("")),
    |draft, random| change_subject(draft, random, |member| *member = Value::Null),
];

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name);
}

fn change_payload(draft: &mut Draft, _: &mut Random, change: impl Fn(&mut Value)) {
    let events = draft.claims["events"].as_object_mut().unwrap();
    events.values_mut().for_each(change);
}

fn change_subject(draft: &mut Draft, random: &mut Random, change: impl Fn(&mut Value)) {
    let Some(subject) = draft
        .claims
        .get_mut("sub_id")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let index = random.below(subject.len());
    subject.values_mut().skip(index).take(1).for_each(change);
}

/// A subject that no other token has, in any format.
fn subject(number: usize, random: &mut Random) -> Value {
    let user = json!({"format": "iss_sub", "iss": ISSUER, "sub": format!("u-{number}")});
    let opaque = |kind: &str| json!({"format": "opaque", "id": format!("{kind}-{number}")});
    let email = json!({"format": "email", "email": format!("Mail{number}@Contoso.com")});
    let foreign =
        json!({"format": "iss_sub", "iss": "https://other.example/", "sub": format!("f-{number}")});
    let uri = json!({"format": "uri", "uri": format!("urn:{number}")});
    let token = json!({"format": "jwt_id", "iss": ISSUER, "jti": format!("t-{number}")});
    match random.below(20) {
        0 => opaque("o"),
        1 => email,
        2 => foreign,
        3 => uri,
        4 => token,
        5 => json!({"format": "phone_number", "phone_number": format!("+1206{number}")}),
        6 => json!({"format": "account", "uri": format!("acct:{number}@contoso.com")}),
        7 => json!({"format": "did", "url": format!("did:example:{number}")}),
        8 => json!({"format": "aliases", "identifiers": [email, user]}),
        9 => json!({"format": "aliases", "identifiers": []}),
        10 => json!({"format": "saml_assertion_id", "issuer": ISSUER, "assertion_id": "a"}),
        11 => json!({"format": "complex", "user": user, "session": opaque("s")}),
        12 => json!({"format": "complex", "user": user, "session": foreign}),
        13 => {
            json!({"format": "complex", "user": user, "session": token, "tenant": opaque("tenant")})
        }
        14 => json!({"user": user, "device": opaque("d")}),
        15 => json!({"format": "complex", "session": uri}),
        16 => json!({"format": "complex", "user": email, "device": {"format": "opaque"}}),
        _ => user,
    }
}

/// An event of any type, with a payload that conforms in most cases.
fn event(random: &mut Random) -> (String, Value) {
    let choices = [
        ("risc/event-type/account-disabled", json!({})),
        (
            "risc/event-type/account-disabled",
            json!({"reason": "hijacking"}),
        ),
        ("risc/event-type/account-enabled", json!({})),
        ("risc/event-type/account-purged", json!({})),
        ("risc/event-type/sessions-revoked", json!({})),
        (
            "risc/event-type/credential-compromise",
            json!({"credential_type": "password"}),
        ),
        (
            "risc/event-type/account-credential-change-required",
            json!({}),
        ),
        (
            "risc/event-type/identifier-changed",
            json!({"new-value": "a@b"}),
        ),
        (
            "caep/event-type/session-revoked",
            json!({"initiating_entity": "policy"}),
        ),
        (
            "caep/event-type/token-claims-change",
            json!({"claims": {"role": "ro-admin"}}),
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "revoke"}),
        ),
        (
            "caep/event-type/credential-change",
            json!({"change_type": "create"}),
        ),
        (
            "caep/event-type/credential-change",
            json!({"credential_type": "password"}),
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({"change_direction": "increase"}),
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({"change_direction": "decrease"}),
        ),
        ("caep/event-type/assurance-level-change", json!({})),
        (
            "caep/event-type/device-compliance-change",
            json!({"current_status": "not-compliant"}),
        ),
        (
            "caep/event-type/device-compliance-change",
            json!({"current_status": "compliant"}),
        ),
        (
            "caep/event-type/risk-level-change",
            json!({"current_level": "LOW"}),
        ),
        ("ssf/event-type/verification", json!({"state": "a"})),
    ];
    let (kind, mut payload) = choices[random.below(choices.len())].clone();
    let ago = u32::try_from(random.below(5000)).unwrap();
    match random.below(3) {
        0 => payload["event_timestamp"] = json!(mint::now() - 10 - u64::from(ago)),
        1 => payload["event_timestamp"] = json!((mint::now() - 10 - u64::from(ago)) as f64 + 0.5),
        _ => {}
    }
    (format!("{SCHEMAS}{kind}"), payload)
}

pub fn draft(id: &str, number: usize, keys: &[SigningKey], random: &mut Random) -> Draft {
    let key = keys[random.below(keys.len())].clone();
    let (kind, mut payload) = event(random);
    let subject = subject(number, random);
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "iat": mint::now() - 5, "jti": id});
    // Drafts of SSF had the subject in the event.
    if random.below(8) == 0 {
        payload["subject"] = subject;
    } else {
        claims["sub_id"] = subject;
    }
    claims["events"] = json!({kind: payload});
    let mut header = json!({"typ": "secevent+jwt", "alg": key.algorithm().name()});
    if random.below(8) != 0 {
        header["kid"] = json!(key.kid());
    }
    let mut draft = Draft {
        header,
        claims,
        key,
    };
    if random.below(2) == 0 {
        CHANGES[random.below(CHANGES.len())](&mut draft, random);
    }
    draft
}

/// The token's text, which is damaged in some cases.
pub fn text(draft: &Draft, random: &mut Random) -> String {
    let Draft {
        header,
        claims,
        key,
    } = draft;
    let set = match header["alg"].as_str() {
        Some("none") => mint::mint_unsigned(header, claims),
        Some("HS256") => mint::mint_hs256(header, claims, key.public_pem().as_bytes()),
        _ => mint::mint(header, claims, key),
    };
    match random.below(60) {
        0 => format!("{set}="),
        1 => format!("{set}\n"),
        2 => format!("{set}.{set}"),
        3 => set.rsplit_once('.').unwrap().0.to_owned(),
        4 => set.replacen('.', "", 1),
        5 => format!("{}A", &set[..set.len() - 4]),
        6 => {
            let twice = claims
                .to_string()
                .replacen('{', r#"{"iss":"https://evil.example/","#, 1);
            mint::mint_raw(header.to_string().as_bytes(), twice.as_bytes(), key)
        }
        7 => mint::mint_raw(header.to_string().as_bytes(), b"[]", key),
        _ => set,
    }
}
