//! Subject identifiers of RFC 9493 and SSF 1.0.

use super::super::subject::{Malformed, Principal, Subject};
use serde_json::{Value, json};

fn read(subject: Value) -> Result<Subject, Malformed> {
    Subject::read(&subject, &["https://idp.example.com/".to_owned()])
}

fn object(name: &str) -> Principal {
    let (name, is_object) = (name.to_owned(), true);
    Principal { name, is_object }
}

fn other(name: &str) -> Principal {
    let is_object = false;
    Principal {
        is_object,
        ..object(name)
    }
}

fn of(principals: Vec<Principal>) -> Subject {
    Subject {
        principals,
        ..Subject::default()
    }
}

#[test]
fn identifier_is_read_by_its_format() {
    let issuer = "https://idp.example.com/";
    let opaque = Subject {
        is_opaque: true,
        ..of(vec![object("11112222")])
    };
    let token = Subject {
        tokens: vec!["B70BA622".to_owned()],
        ..Subject::default()
    };
    for (subject, expected) in [
        (json!({"format": "opaque", "id": "11112222"}), opaque),
        (
            json!({"format": "iss_sub", "iss": issuer, "sub": "145"}),
            of(vec![object("145")]),
        ),
        (
            json!({"subject_type": "iss-sub", "iss": issuer, "sub": "145"}),
            of(vec![object("145")]),
        ),
        (
            json!({"format": "iss_sub", "iss": "https://other/", "sub": "145"}),
            of(vec![other("https://other/ 145")]),
        ),
        (
            json!({"format": "email", "email": "Ada@Contoso.com"}),
            of(vec![other("ada@contoso.com")]),
        ),
        (
            json!({"format": "phone_number", "phone_number": "+1206"}),
            of(vec![other("+1206")]),
        ),
        (
            json!({"format": "account", "uri": "acct:a@b"}),
            of(vec![other("acct:a@b")]),
        ),
        (
            json!({"format": "uri", "uri": "urn:a"}),
            of(vec![other("urn:a")]),
        ),
        (
            json!({"format": "did", "url": "did:a:1"}),
            of(vec![other("did:a:1")]),
        ),
        (
            json!({"format": "jwt_id", "iss": issuer, "jti": "B70BA622"}),
            token,
        ),
        (
            json!({"format": "aliases", "identifiers": [
                {"format": "email", "email": "ada@contoso.com"},
                {"format": "iss_sub", "iss": issuer, "sub": "145"},
            ]}),
            of(vec![other("ada@contoso.com"), object("145")]),
        ),
        (
            json!({"format": "saml_assertion_id", "issuer": "i", "assertion_id": "a"}),
            of(vec![]),
        ),
        (json!({"format": "contoso-badge", "badge": 5}), of(vec![])),
    ] {
        assert_eq!(read(subject.clone()), Ok(expected), "{subject}");
    }
}

#[test]
fn complex_subject_has_the_parts_that_tokens_contain() {
    let user = json!({"format": "iss_sub", "iss": "https://idp.example.com/", "sub": "145"});
    let session = json!({"format": "opaque", "id": "s-1"});
    let device = json!({"format": "opaque", "id": "d-1"});
    let complex = |members: Value| {
        let mut subject = members;
        subject["format"] = json!("complex");
        read(subject).unwrap()
    };
    let both = Subject {
        sessions: vec!["s-1".to_owned()],
        ..of(vec![object("145")])
    };
    assert_eq!(
        complex(json!({"user": user, "session": session, "device": device})),
        both
    );
    let draft = json!({"user": user, "session": session});
    assert_eq!(read(draft), Ok(both), "drafts have no format");
    assert_eq!(
        complex(json!({"user": user, "device": device})),
        of(vec![object("145")])
    );
    assert_eq!(
        complex(json!({"device": device, "tenant": session})),
        of(vec![])
    );
    let mail = json!({"format": "email", "email": "a@b"});
    let aliases = json!({"format": "aliases", "identifiers": [mail, user]});
    assert_eq!(
        complex(json!({"user": aliases})),
        of(vec![other("a@b"), object("145")])
    );
}

#[test]
fn subject_that_does_not_conform_is_malformed() {
    let nested = json!({"format": "aliases", "identifiers": [{"format": "opaque", "id": "1"}]});
    for subject in [
        json!("ada"),
        json!({}),
        json!({"format": 5}),
        json!({"format": "opaque"}),
        json!({"format": "opaque", "id": ""}),
        json!({"format": "opaque", "id": 5}),
        json!({"format": "opaque", "id": "a".repeat(1025)}),
        json!({"format": "iss_sub", "sub": "145"}),
        json!({"format": "jwt_id", "jti": "1"}),
        json!({"format": "email", "uri": "a@b"}),
        json!({"format": "aliases"}),
        json!({"format": "aliases", "identifiers": []}),
        json!({"format": "aliases", "identifiers": [nested]}),
        json!({"format": "complex"}),
        json!({"format": "complex", "user": "ada"}),
    ] {
        assert_eq!(read(subject.clone()), Err(Malformed), "{subject}");
    }
}
