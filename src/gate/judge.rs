//! One request, one direction: headers → token → key → verified claims → decision.

use crate::audit::{Caller, Record};
use crate::config::Config;
use crate::decision::{Denial, KeysLack, excerpt};
use crate::keys::jwk::Key;
use crate::keys::ring::{Fetch, Found, KeyRing};
use crate::policy::decide::Permit;
use crate::policy::surroundings::Surroundings;
use crate::request::{Headers, Request};
use crate::resource::ProtectedResource;
use crate::time::Timestamp;
use crate::token::bearer;
use crate::token::claims::Claims;
use crate::token::issuer::Issuer;
use crate::token::jws::Unverified;
use crate::token::signature::SignatureCheck;
use crate::token::verify::{Verified, authenticate, pick_issuer};
use std::sync::Arc;

/// What became of a request when it was last looked at.
#[derive(Debug)]
pub enum Judgement {
    /// `caller` is absent where a rule asks for no token.
    Permit {
        permit: Permit,
        caller: Option<Verified<Claims>>,
    },
    Deny(Denial),
    /// It asks for the document about this resource.
    Metadata(Arc<ProtectedResource>),
    /// The keys of that ring are on their way.
    Wait {
        ring: usize,
    },
}

/// Whether a request may wait for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Until(Timestamp),
    TimeIsUp,
    RoomIsFull,
}

/// Looks at one request once. Nothing is remembered between two looks but the record.
pub struct Judge<'g> {
    pub config: &'g Config,
    pub rings: &'g mut [KeyRing],
    pub record: &'g mut Record,
    pub surroundings: Surroundings,
    pub patience: Patience,
    pub signatures: &'g dyn SignatureCheck,
}

/// A fetch that a look has found necessary, and for which ring.
type Needed = Option<(usize, Fetch)>;

impl Judge<'_> {
    pub fn judge(&mut self, headers: &Headers) -> (Judgement, Needed) {
        let mut needed = None;
        let judgement = self
            .look(headers, &mut needed)
            .unwrap_or_else(Judgement::Deny);
        (judgement, needed)
    }

    fn look(&mut self, headers: &Headers, needed: &mut Needed) -> Result<Judgement, Denial> {
        let request = self.read_request(headers)?;
        let resource = self.config.replies.protected_resource.as_ref();
        if let Some(resource) = resource.filter(|resource| resource.is_asked_by(&request)) {
            return Ok(Judgement::Metadata(resource.clone()));
        }
        if let Some(permit) = self.config.policy.permit_anonymous(&request) {
            return Ok(Judgement::Permit {
                permit,
                caller: None,
            });
        }
        let rules = &self.config.token;
        let token = bearer::extract(headers, &rules.carriers, rules.max_bytes)?;
        let token = Unverified::parse(token, &rules.types)?;
        let index = pick_issuer(&token, &self.config.issuers)?;
        let (Some(issuer), Some(ring)) =
            (self.config.issuers.get(index), self.rings.get_mut(index))
        else {
            return Err(Denial::Internal("an issuer without keys"));
        };
        let key = match find_key(ring, issuer, &token, self.surroundings.now)? {
            KeyLookup::Found(key) => key,
            KeyLookup::Lacking(lack) => {
                wait_for_keys(ring, issuer, lack, self.patience)?;
                return Ok(Judgement::Wait { ring: index });
            }
            KeyLookup::Unknown => {
                let fetch = wait_for_newer(ring, issuer, self.surroundings.now, self.patience)?;
                *needed = fetch.map(|fetch| (index, fetch));
                return Ok(Judgement::Wait { ring: index });
            }
        };
        let authentic = authenticate(token, issuer, key, self.signatures)?;
        self.record.kid = authentic.kid.clone();
        self.record.verified_by = Some(authentic.checked_by.name());
        self.record.caller = Caller::of(authentic.claims(), &self.config.audit.claims);
        let caller = authentic.verify(issuer, rules, self.surroundings.now)?;
        let decision = self
            .config
            .policy
            .decide(&request, &caller, &self.surroundings);
        self.record.note_shadow(&decision.shadow);
        let permit = decision.outcome?;
        Ok(Judgement::Permit {
            permit,
            caller: Some(caller),
        })
    }

    fn read_request(&mut self, headers: &Headers) -> Result<Request, Denial> {
        let text = |name| headers.text(name).unwrap_or_default();
        let path = text(":path").split('?').next().unwrap_or_default();
        self.record
            .describe_request(text(":method"), text(":authority"), path);
        let request = Request::read(headers)?;
        self.record
            .describe_request(&request.method, &request.host, &request.path);
        Ok(request)
    }
}

enum KeyLookup<'k> {
    Found(&'k Key),
    /// We hold keys, but not that one: a newer set may have it.
    Unknown,
    Lacking(KeysLack),
}

fn find_key<'k>(
    ring: &'k KeyRing,
    issuer: &Issuer,
    token: &Unverified<'_>,
    now: Timestamp,
) -> Result<KeyLookup<'k>, Denial> {
    match ring.find(token.kid.as_deref(), token.algorithm, now) {
        Found::Key(key) => Ok(KeyLookup::Found(key)),
        Found::Unknown => Ok(KeyLookup::Unknown),
        Found::Lacking(lack) => Ok(KeyLookup::Lacking(lack)),
        Found::Ambiguous => Err(Denial::KeyUnknown {
            issuer: issuer.name.clone(),
        }),
        Found::WrongAlgorithm => Err(Denial::AlgorithmNotAllowed {
            algorithm: excerpt(token.algorithm.name()),
        }),
    }
}

/// There are no usable keys at all: waiting helps only if some can come in time.
fn wait_for_keys(
    ring: &KeyRing,
    issuer: &Issuer,
    lack: KeysLack,
    patience: Patience,
) -> Result<(), Denial> {
    match patience {
        Patience::Until(deadline) if ring.may_answer_by(deadline) => Ok(()),
        Patience::RoomIsFull => Err(unavailable(issuer, KeysLack::TooManyWaiting)),
        Patience::Until(_) | Patience::TimeIsUp => Err(unavailable(issuer, lack)),
    }
}

/// The token's key is not among ours: waits for a newer set if one is coming or may be fetched now.
fn wait_for_newer(
    ring: &mut KeyRing,
    issuer: &Issuer,
    now: Timestamp,
    patience: Patience,
) -> Result<Option<Fetch>, Denial> {
    let unknown = || Denial::KeyUnknown {
        issuer: issuer.name.clone(),
    };
    match patience {
        Patience::TimeIsUp => Err(unknown()),
        Patience::RoomIsFull => Err(unavailable(issuer, KeysLack::TooManyWaiting)),
        Patience::Until(_) => match ring.demand(now) {
            (true, fetch) => Ok(fetch),
            (false, _) => Err(unknown()),
        },
    }
}

fn unavailable(issuer: &Issuer, reason: KeysLack) -> Denial {
    Denial::KeysUnavailable {
        issuer: issuer.name.clone(),
        reason,
    }
}
