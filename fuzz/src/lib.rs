//! Properties that fuzzing checks for the parts that read untrusted bytes: they do not panic, and their invariants are
//! satisfied for any input. Used by the libFuzzer targets in `fuzz_targets/` and by `tests/it/fuzz.rs` on the corpora.

mod directory;
mod events;
#[path = "../../tests/support/lenient.rs"]
mod lenient;
mod mcp;
mod usage;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::config::{self, Config};
use entragate::gate::Gate;
use entragate::http::headers::Headers;
use entragate::json::raw::Raw;
use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::Key;
use entragate::keys::keyset::{Candidates, KeySet, Lookup, MAX_KEYS};
use entragate::model::body::{Body, Needed};
use entragate::model::{InPath, Model};
use entragate::time::Timestamp;
use entragate::token::bearer;
use entragate::token::jws::Unverified;
use entragate::token::signature::{CheckedBy, SignatureCheck};
use entragate::token::verify::{authenticate, pick_issuer};
use serde_json::Value;
use std::sync::LazyLock;

pub use directory::directory;
pub use events::gate;
pub use mcp::mcp;
pub use usage::usage;

/// A fuzz target: takes any input and panics if an invariant is violated.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("token", token),
    ("key_set", key_set),
    ("configuration", configuration),
    ("body", body),
    ("mcp", mcp),
    ("usage", usage),
    ("gate", gate),
    ("directory", directory),
];

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const MODULUS: &str = concat!(
    "uRTyhdKknmDcZaXfruCNnf0YeqcRE1MTrUZ2rxcCcjoyfEmgBlaJB580Zbxzoqw5zRzFFh3XzR0MqBPwTiinIHdUSIBMpdEI_Qat4PCazVf6bqpm",
    "SymkybF9uUQ4cVwa_VXHO_i1Y-PQIvhhSe_-ut9KCw5bzT3Zwk23fEZzi1Xj3vSP9-N6YicTrvK--1Dpc5cXwlErvwAbMGnefO2_b8m_MoMAc4Ay",
    "GgXGAR8oRVJ_76jnnxJf2qpHFXmOI-Acz0MfRvTuR1zNQP3XgS7kMSG6vCFu_lGLidAKYDIlorcDV-rTDpeBsegeiAUdvkfLfAp5B3cd6VtsxQdX",
    "Wx895w"
);

fn jwk(kid: &str) -> Value {
    serde_json::json!({"kty": "RSA", "kid": kid, "n": MODULUS, "e": "AQAB"})
}

/// An Entra issuer, and an OIDC issuer that allows every algorithm.
static ISSUERS: LazyLock<Config> = LazyLock::new(|| {
    let names: Vec<&str> = Algorithm::ALL
        .iter()
        .map(|algorithm| algorithm.name())
        .collect();
    let settings = serde_json::json!({
        "issuers": [
            {"name": "contoso", "entra": {"tenants": [TENANT]}, "audiences": ["a"], "jwks": {"inline": {"keys": [jwk("k")]}}},
            {"name": "realm", "oidc": {"issuer": "i"}, "audiences": ["a"], "algorithms": names, "jwks": {"inline": {"keys": [jwk("k")]}}},
        ],
        "credentials": [{"name": "c", "value": "credential"}],
        "rules": [{"name": "r", "match": {}, "require": {"issuer": "realm"}, "credential": "c"}],
    });
    load(&settings)
});

fn load(settings: &Value) -> Config {
    config::load(settings.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

struct AcceptAll;

impl SignatureCheck for AcceptAll {
    fn check(&self, _: &Unverified<'_>, _: &Key) -> Option<CheckedBy> {
        Some(CheckedBy::Host)
    }
}

/// Target: a value of the Authorization header. Every signature is accepted as valid.
pub fn token(data: &[u8]) {
    let mut headers = Headers::default();
    headers.push(b"authorization", data);
    let rules = &ISSUERS.token;
    let Ok(bearer) = bearer::extract(&headers, &rules.locations, rules.max_bytes) else {
        return;
    };
    let mut buffer = Vec::new();
    let Ok(parsed) = bearer.unverified(&rules.types, &mut buffer) else {
        return;
    };
    let token = bearer.token().expect("a JWS has the characters of a token");
    assert!(token.len() <= rules.max_bytes);
    // A token has only one encoding: reassembling its parts gives the same token.
    let reassembled = format!(
        "{}.{}",
        parsed.signing_input,
        BASE64URL.encode(parsed.signature)
    );
    assert_eq!(reassembled, token);
    let Ok(index) = pick_issuer(&parsed, &ISSUERS.issuers) else {
        return;
    };
    let issuer = &ISSUERS.issuers[index];
    let key = Key::from_jwk(&jwk("k")).expect("the key is valid").into();
    let issuer_claim = parsed.text("iss").map(String::from);
    let audience_matches = match parsed.claims.get("aud").and_then(Raw::value) {
        Some(Value::Array(all)) => all.iter().any(|audience| audience == "a"),
        only => only.is_some_and(|audience| audience == "a"),
    };
    let Ok(authentic) = authenticate(&parsed, issuer, Candidates::only(&key), &AcceptAll) else {
        return;
    };
    let now = Timestamp::from_secs(1_795_000_000);
    if let Ok(verified) = authentic.verify(rules, now) {
        assert!(audience_matches);
        assert!(verified.expires.plus(rules.clock_skew) > now);
        assert!(!verified.object.is_empty());
        assert!(issuer_claim.is_some_and(|iss| iss == "i" || iss.contains(TENANT)));
    }
}

/// Target: a key set.
pub fn key_set(data: &[u8]) {
    let Ok(set) = KeySet::from_json(data) else {
        return;
    };
    assert!((1..=MAX_KEYS).contains(&set.len()));
    assert!(set.is_subset_of(&set));
    for algorithm in Algorithm::ALL {
        if let Lookup::Found(keys) = set.find(None, algorithm) {
            for key in keys.iter() {
                assert!(key.serves(algorithm));
                if let Some(kid) = key.kid.as_deref() {
                    let named = set.find(Some(kid), algorithm);
                    assert!(matches!(named, Lookup::Found(keys) if keys.are_named));
                }
            }
        }
    }
}

/// Target: a plugin configuration, as JSON or as a Struct in wire format.
pub fn configuration(data: &[u8]) {
    let env = |name: &str| (name == "HF_TOKEN").then(|| "credential-of-the-environment".to_owned());
    match config::load(data, &env) {
        Ok(config) => {
            assert_eq!(config.issuers.len(), config.sources.len());
            assert!(!config.issuers.is_empty() && !config.summary().is_empty());
            let now = Timestamp::from_secs(1_795_000_000);
            let mut gate = Gate::new(config, now);
            gate.tick(now);
        }
        Err(errors) => {
            assert!(errors.iter().count() > 0);
            assert!(!errors.to_string().contains("credential-of-the-environment"));
        }
    }
}

/// Target: the body of a request. The first byte is the size of the pieces in which it arrives.
pub fn body(data: &[u8]) {
    let Some((size, text)) = data.split_first() else {
        return;
    };
    let whole = scan(&mut std::iter::once(text), text.len());
    let mut pieces = text.chunks(usize::from(*size).max(1));
    assert_eq!(
        scan(&mut pieces, text.len()),
        whole,
        "the result depends on the size of the pieces"
    );
    if let Model::Named(name) = &whole {
        match serde_json::from_slice::<Value>(text) {
            Ok(parsed) => {
                let model = parsed["model"].as_str().expect("a named model is a string");
                assert!(model.contains(name.as_str()), "{model} {name}");
            }
            // The exceptions are limits of serde_json, and unpaired surrogates, which the scanner rejects only in names.
            Err(error) => {
                let text = error.to_string();
                let limits = [
                    "recursion limit",
                    "number out of range",
                    "surrogate",
                    "hex escape",
                ];
                assert!(limits.iter().any(|limit| text.contains(limit)), "{text}");
            }
        }
    }
}

fn scan(pieces: &mut dyn Iterator<Item = &[u8]>, length: usize) -> Model {
    let headers = Headers::from_iter([("content-type", "application/json")]);
    let needed = Needed {
        model: Some(InPath::Nothing),
        messages: false,
    };
    let mut body = Body::expect(&headers, 1 << 16, needed);
    let mut fed = 0;
    for piece in pieces {
        fed += piece.len();
        if body.feed(piece, fed == length) {
            return body.content().model.clone();
        }
    }
    // An empty body has no last piece, so end it separately.
    body.feed(&[], true);
    body.content().model.clone()
}
