//! Tokens issued by real implementations, with the documents that these publish. tools/issue.sh issues them again.

use super::*;

use crate::pages;
use entragate::fetch::callout::Answer;
use entragate::keys::jwk::Key;
use entragate::token::host_verify;
use entragate::token::jws::Unverified;
use entragate::token::signature::{CheckedBy, Portable, SignatureCheck};

/// Verifies signatures as the filter does in Envoy: in the host for the algorithms that the host supports, otherwise in wasm.
struct ByHost;

impl SignatureCheck for ByHost {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        if host_verify::hash(token.algorithm).is_none() {
            return Portable.check(token, key);
        }
        let question = host_verify::arguments(token, key)?;
        let answer = strict_host::verify_signature(&question)?;
        host_verify::is_valid(&answer).then_some(CheckedBy::Host)
    }
}

const WAYS: [(&str, &dyn SignatureCheck); 2] = [("host", &ByHost), ("wasm", &Portable)];

fn fixtures() -> Vec<Value> {
    let names = pages::files("tests/it/providers/issued", "json");
    let read = |name: &String| serde_json::from_str(&pages::read(name)).unwrap();
    names.iter().map(read).collect()
}

/// The claims that an operator maps. Tokens in the form of RFC 9068 need no mapping.
fn mapping(implementation: &str) -> Value {
    match implementation {
        "OpenAuth" => json!({
            "roles": "/properties/roles", "groups": "/properties/groups",
            "kind": {"app": {"claim": {"path": "type", "equals": "job"}}, "user": {"claim": {"path": "type", "equals": "user"}}},
        }),
        _ => json!({}),
    }
}

/// One token, its issuer, and the caller that the issuer reported.
struct Issued<'f> {
    fixture: &'f Value,
    issued: &'f Value,
}

impl Issued<'_> {
    fn of(fixture: &Value) -> impl Iterator<Item = Issued<'_>> {
        let tokens = fixture["tokens"].as_array().unwrap().iter();
        tokens.map(move |issued| Issued { fixture, issued })
    }

    fn token(&self) -> &str {
        self.issued["token"].as_str().unwrap()
    }

    fn caller(&self) -> &Value {
        &self.issued["caller"]
    }

    /// A rule that only this caller satisfies.
    fn require(&self) -> Value {
        let names = ["role", "group", "scope", "kind", "client", "object"];
        let known = names
            .into_iter()
            .filter(|name| !self.caller()[name].is_null());
        let all: Vec<Value> = known
            .map(|name| json!({name: self.caller()[name]}))
            .collect();
        json!({ "all": all })
    }

    fn settings(&self) -> Value {
        let issuer = self.fixture["issuer"].as_str().unwrap();
        let implementation = self.fixture["implementation"].as_str().unwrap();
        let mut settings = with_rules(json!([{"name": "caller", "require": self.require()}]));
        settings["issuers"] = json!([{
            "name": "idp", "oidc": {"issuer": issuer}, "audiences": [self.issued["audience"]],
            "algorithms": [self.issued["algorithm"]], "claims": mapping(implementation),
            "jwks": {"cluster": "idp", "discovery": format!("{issuer}/.well-known/openid-configuration")},
        }]);
        settings
    }

    /// Returns the audit record of a request with this token, `later` seconds after the token was issued.
    fn record(
        &self,
        settings: &Value,
        token: &str,
        later: u64,
        signatures: &dyn SignatureCheck,
    ) -> Value {
        let issued_at = self.fixture["issued_at"].as_u64().unwrap();
        let mut bench = Bench::cold_at(settings, issued_at + later);
        for document in ["discovery", "jwks"] {
            let body = self.fixture[document].to_string().into_bytes();
            bench.answer(Answer::Response { status: 200, body });
        }
        let (id, _) = bench.chat_by(token, signatures);
        bench.gate.finish(id, Some(200), bench.now);
        bench.audit().pop().expect("a record")
    }
}

fn each(mut visit: impl FnMut(&Issued<'_>, &str, &dyn SignatureCheck)) {
    for fixture in fixtures() {
        for issued in Issued::of(&fixture) {
            for (name, signatures) in WAYS {
                let algorithm = &issued.issued["algorithm"];
                let about = format!("{} {algorithm} {name}", fixture["implementation"]);
                visit(&issued, &about, signatures);
            }
        }
    }
}

#[test]
fn tokens_of_installed_implementations_name_their_callers() {
    let mut seen = std::collections::BTreeSet::new();
    each(|issued, about, signatures| {
        let record = issued.record(&issued.settings(), issued.token(), 1, signatures);
        assert_eq!(record["code"], "permitted", "{about}: {record}");
        let caller = issued.caller();
        for (member, known) in [("oid", "object"), ("client", "client"), ("kind", "kind")] {
            assert_eq!(record[member], caller[known], "{about}: {record}");
        }
        seen.insert(
            issued.fixture["implementation"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        seen.insert(record["verified_by"].as_str().unwrap().to_owned());
    });
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        ["Authlib", "OpenAuth", "host", "oidc-provider", "wasm"]
    );
}

#[test]
fn tokens_of_installed_implementations_are_denied_after_one_change() {
    each(|issued, about, signatures| {
        let code = |change: &dyn Fn(&mut Value), token: &str, later: u64| {
            let mut settings = issued.settings();
            change(&mut settings);
            issued.record(&settings, token, later, signatures)["code"].clone()
        };
        let same = |_: &mut Value| {};
        let token = issued.token();
        let other_audience =
            |settings: &mut Value| settings["issuers"][0]["audiences"] = json!(["other"]);
        assert_eq!(
            code(&other_audience, token, 1),
            "audience_mismatch",
            "{about}"
        );
        let other_role =
            |settings: &mut Value| settings["rules"][0]["require"] = json!({"role": "other"});
        assert_eq!(code(&other_role, token, 1), "rule_unsatisfied", "{about}");
        assert_eq!(code(&same, token, 366 * 86400), "token_expired", "{about}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!("{signed}.{first}{}", &signature[1..]);
        assert_eq!(code(&same, &forged, 1), "signature_invalid", "{about}");
    });
}
