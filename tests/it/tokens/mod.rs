//! Which tokens are believed: every persona, every algorithm, and the ways to lie about both.

mod meant;
mod signed;
mod spelled;
use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::keys::{self, Algorithm};
use testbed::mint::{self, Token};
use testbed::persona::*;

#[test]
fn each_persona_gets_its_own_answer() {
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
fn a_permit_swaps_the_token_for_the_credential() {
    let mut bench = Bench::warm(&settings());
    let (_, ruling) = bench.chat(&ada().build());
    let authorization = ("authorization".to_owned(), format!("Bearer {CREDENTIAL}"));
    assert_eq!(edits_of(&ruling), [authorization]);
}

#[test]
fn the_audit_record_knows_the_caller_once_the_signature_held() {
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
