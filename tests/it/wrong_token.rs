//! A Hugging Face token in place of an Entra token: the reply explains which token to send, and the token is neither forwarded
//! nor written anywhere.

use crate::support;

use entragate::gate::Notice;
use serde_json::{Value, json};
use support::*;

/// The prefixes of all kinds of Hugging Face tokens: of a person, an organization, an app, a session.
const PREFIXES: [&str; 4] = ["hf_", "api_org_", "hf_oauth_", "hf_jwt_"];
const SECRET: &str = "e30.OfTheCaller.OfTheCaller";

fn with_two_locations() -> Value {
    let mut settings = settings();
    settings["token"]["headers"] =
        json!([{"name": "Authorization", "scheme": "Bearer"}, {"name": "x-api-key"}]);
    settings
}

#[test]
fn wrong_token_reply_explains_what_to_send_without_disclosure() {
    let mut bench = Bench::warm(&with_two_locations());
    bench.gate.take_notices();
    for prefix in PREFIXES {
        for (header, scheme) in [
            ("authorization", "Bearer "),
            ("authorization", "bearer  "),
            ("x-api-key", ""),
        ] {
            let sent = format!("{scheme}{prefix}{SECRET}");
            let (id, ruling) = bench.send(&[
                (":method", "POST"),
                (":path", "/v1/chat/completions"),
                (":authority", "gateway.contoso.com"),
                (header, &sent),
            ]);
            assert_eq!(code_of(&ruling), "hugging_face_token", "{header}: {prefix}");
            let reply = reply_of(&ruling);
            assert_eq!(reply.status, 401);
            let advice = "send a Microsoft Entra ID access token instead";
            assert!(reply.body.contains(advice), "{}", reply.body);
            assert!(
                header_of(&ruling, "x-error-message").is_some_and(|text| text.contains(advice))
            );
            bench.gate.finish(id, None, bench.now);
            let notices: Vec<Notice> = bench.gate.take_notices();
            let is_record = |notice: &Notice| matches!(notice, Notice::Audit(..));
            assert_eq!(notices.iter().filter(|notice| is_record(notice)).count(), 1);
            let written = format!("{ruling:?} {notices:?} {:?}", bench.gate);
            assert!(!written.contains("OfTheCaller"), "{written}");
        }
    }
    assert!(bench.calls.is_empty(), "no keys are fetched for it");
}
