//! The decisions on the personas' tokens, on tokens of every algorithm, and on forged tokens.

mod audience_and_time;
mod encoding;
mod signatures;
use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::keys::{self, Algorithm};
use testbed::mint::{self, Token};
use testbed::persona::*;

#[test]
fn each_persona_gets_its_expected_code() {
    for (persona, code) in [
        (Persona::Ada, "permitted"),
        (Persona::Ben, "permitted"),
        (Persona::Cora, "permitted"),
        (Persona::Batch, "permitted"),
        (Persona::Carl, "rule_unsatisfied"),
        (Persona::Nora, "rule_unsatisfied"),
        (Persona::Lurker, "rule_unsatisfied"),
        (Persona::Olga, "rule_unsatisfied"),
        (Persona::Omar, "rule_unsatisfied"),
        (Persona::Gina, "tenant_not_allowed"),
        (Persona::Kim, "issuer_unknown"),
        (Persona::Expired, "token_expired"),
        (Persona::Future, "token_not_yet_valid"),
        (Persona::WrongAudience, "audience_mismatch"),
        (Persona::IdToken, "token_for_another_api"),
        (Persona::Graph, "token_for_another_api"),
        (Persona::Pop, "token_bound"),
    ] {
        let mut bench = Bench::warm(&settings());
        assert_eq!(bench.code(&Token::of(persona).build()), code, "{persona:?}");
    }
}

#[test]
fn permit_replaces_the_token_with_the_credential() {
    let mut bench = Bench::warm(&settings());
    let (_, ruling) = bench.chat(&ada().build());
    let authorization = ("authorization".to_owned(), format!("Bearer {CREDENTIAL}"));
    assert_eq!(edits_of(&ruling), [authorization]);
}

#[test]
fn audit_record_names_the_caller_only_after_a_valid_signature() {
    let mut bench = Bench::warm(&settings());
    bench.code(&Token::of(Persona::WrongAudience).build());
    bench.code(&ada().corrupt_signature().build());
    let records = bench.audit();
    assert_eq!(records[0]["code"], "audience_mismatch");
    assert_eq!(records[0]["oid"], ada().claims_value()["oid"]);
    assert_eq!(records[0]["verified_by"], "wasm");
    assert_eq!(records[1]["code"], "signature_invalid");
    assert_eq!(records[1]["oid"], Value::Null);
    assert_eq!(records[1]["kid"], Value::Null);
}
