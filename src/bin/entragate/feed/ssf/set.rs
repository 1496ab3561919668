//! Verifies a security event token (SET, RFC 8417) as SSF 1.0 profiles it.

use super::event::{self, Event};
use entragate::json::raw::Raw;
use entragate::keys::keyset::{KeySet, Lookup};
use entragate::time::Timestamp;
use entragate::token::jws::Unverified;
use entragate::token::signature::{Portable, SignatureCheck};
use serde_json::Value;
use std::time::Duration;

/// The type in the header of a SET, which SSF requires, so that no other token is mistaken for a SET.
const TYPE: &str = "secevent+jwt";
/// The maximum length of a `jti`, in bytes.
const MAX_ID: usize = 512;
/// The maximum time by which the transmitter's clock may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The values that a SET must match.
#[derive(Clone, Debug)]
pub struct Expected {
    pub issuer: String,
    pub audience: String,
    /// The issuers whose `sub` is the caller's object id.
    pub subject_issuers: Vec<String>,
}

/// The events of a valid SET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub events: Vec<Event>,
    /// When the events happened, unless they contain the time themselves.
    pub at: Timestamp,
}

/// Why a SET is rejected: the registered error codes (RFC 8935 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejected {
    InvalidRequest(&'static str),
    InvalidKey,
    InvalidIssuer,
    InvalidAudience,
    AuthenticationFailed,
}

impl Rejected {
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidKey => "invalid_key",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidAudience => "invalid_audience",
            Self::AuthenticationFailed => "authentication_failed",
        }
    }

    /// Describes the error for the transmitter's operator.
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(text) => text,
            Self::InvalidKey => "the key set has no key with the SET's kid and algorithm",
            Self::InvalidIssuer => "the SET's iss is not the issuer of the stream",
            Self::InvalidAudience => "the SET's aud does not contain the audience of the stream",
            Self::AuthenticationFailed => "the SET's signature is not valid",
        }
    }
}

/// Verifies a SET. `id` is the `jti` under which it was delivered.
///
/// # Errors
/// The first reason to reject it.
pub fn verify(
    id: &str,
    set: &str,
    expected: &Expected,
    keys: &KeySet,
    now: Timestamp,
) -> Result<Received, Rejected> {
    let types = [TYPE.to_owned()];
    let mut buffer = Vec::new();
    let set = Unverified::parse(set, &types, &mut buffer).map_err(|_| {
        Rejected::InvalidRequest("it is not a signed JWT whose typ is secevent+jwt")
    })?;
    if set.typ.is_none() {
        return Err(Rejected::InvalidRequest("its header has no typ"));
    }
    if set.text("iss").as_deref() != Some(&expected.issuer) {
        return Err(Rejected::InvalidIssuer);
    }
    if !names(set.claims.get("aud"), &expected.audience) {
        return Err(Rejected::InvalidAudience);
    }
    authenticate(&set, keys)?;
    if set.text("jti").as_deref() != Some(id) || id.len() > MAX_ID {
        let text = "its jti is longer than 512 bytes, or differs from the jti under which it was delivered";
        return Err(Rejected::InvalidRequest(text));
    }
    // Members of access tokens and ID tokens (SSF 1.0 §4.1).
    if set.claims.has("exp") || set.claims.has("sub") {
        return Err(Rejected::InvalidRequest("it has the claim exp or sub"));
    }
    let time = |name: &str| {
        let value = set.claims.get(name).map(Raw::value);
        value.map(|value| value.as_ref().and_then(event::timestamp))
    };
    let Some(Some(issued)) = time("iat").filter(|iat| {
        let latest = now.plus(CLOCK_SKEW);
        iat.is_some_and(|iat| iat <= latest)
    }) else {
        return Err(Rejected::InvalidRequest(
            "its iat is missing, not a time, or in the future",
        ));
    };
    // The time of the event (RFC 8417 §2.2).
    let happened = time("toe").map_or(Ok(issued), |toe| {
        toe.ok_or(Rejected::InvalidRequest("its toe is not a time"))
    })?;
    let events = read_events(&set, expected)?;
    let at = happened.min(now);
    Ok(Received { events, at })
}

fn names(aud: Option<Raw<'_>>, audience: &str) -> bool {
    aud.is_some_and(|aud| {
        let mut items = aud.items().into_iter().flatten();
        aud.is(audience) || items.any(|item| item.is(audience))
    })
}

fn authenticate(set: &Unverified<'_>, keys: &KeySet) -> Result<(), Rejected> {
    match keys.find(set.kid.as_deref(), set.algorithm) {
        Lookup::Found(candidates) => {
            let mut keys = candidates.iter();
            let is_valid = keys.any(|key| Portable.check(set, key).is_some());
            is_valid.then_some(()).ok_or(Rejected::AuthenticationFailed)
        }
        Lookup::Unknown | Lookup::WrongAlgorithm | Lookup::Ambiguous => Err(Rejected::InvalidKey),
    }
}

fn read_events(set: &Unverified<'_>, expected: &Expected) -> Result<Vec<Event>, Rejected> {
    let malformed = Rejected::InvalidRequest("an event does not conform to its definition");
    let subject = set.claims.get("sub_id").and_then(Raw::value);
    let events = set.claims.get("events").and_then(Raw::value);
    let Some(Value::Object(events)) =
        events.filter(|all| *all != Value::Object(Default::default()))
    else {
        return Err(Rejected::InvalidRequest("it has no events"));
    };
    let read = |(kind, payload): (&String, &Value)| {
        event::read(kind, payload, subject.as_ref(), &expected.subject_issuers)
            .map_err(|event::Malformed| malformed)
    };
    events.iter().map(read).collect()
}
