//! One request, one direction: headers → token → (cache, or key) → verified claims → decision.

use super::Notice;
use crate::audit::{Caller, Record};
use crate::cache::{TokenCache, TokenDigest};
use crate::config::Config;
use crate::decision::{Denial, KeysLack, excerpt};
use crate::keys::jwk::Key;
use crate::keys::ring::{Fetch, Found, KeyRing};
use crate::metrics;
use crate::policy::decide::Permit;
use crate::request::{Headers, Request};
use crate::time::Timestamp;
use crate::token::bearer;
use crate::token::claims::Claims;
use crate::token::issuer::Issuer;
use crate::token::jws::Unverified;
use crate::token::signature::SignatureCheck;
use crate::token::verify::{Authentic, Verified, authenticate, pick_issuer};

/// What became of a request when it was last looked at.
#[derive(Debug)]
pub enum Judgement {
    /// `caller` is absent where a rule asks for no token.
    Permit {
        permit: Permit,
        caller: Option<Verified<Claims>>,
    },
    Deny(Denial),
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
    pub cache: &'g mut TokenCache,
    pub record: &'g mut Record,
    pub notices: &'g mut Vec<Notice>,
    pub now: Timestamp,
    pub patience: Patience,
    pub signatures: &'g dyn SignatureCheck,
}

/// What a look at a token has led to.
enum Identified {
    /// The issuer of that index signed it.
    As(usize, Authentic),
    /// The keys of that ring are on their way.
    Wait { ring: usize },
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
        if let Some(permit) = self.config.policy.permit_anonymous(&request) {
            return Ok(Judgement::Permit {
                permit,
                caller: None,
            });
        }
        let rules = &self.config.token;
        let token = bearer::extract(headers, &rules.carriers, rules.max_bytes)?;
        let (index, authentic) = match self.identify(token, needed)? {
            Identified::As(index, authentic) => (index, authentic),
            Identified::Wait { ring } => return Ok(Judgement::Wait { ring }),
        };
        let Some(issuer) = self.config.issuers.get(index) else {
            return Err(Denial::Internal("a token without its issuer"));
        };
        self.count(metrics::verified_by(authentic.checked_by));
        self.record.kid = authentic.kid.as_deref().map(str::to_owned);
        self.record.verified_by = Some(authentic.checked_by.name());
        self.record.caller = Caller::of(authentic.claims(), &self.config.audit.claims);
        let caller = authentic.verify(issuer, rules, self.now)?;
        let decision = self.config.policy.decide(&request, &caller);
        self.record.note_shadow(&decision.shadow);
        let permit = decision.outcome?;
        Ok(Judgement::Permit {
            permit,
            caller: Some(caller),
        })
    }

    /// Who signed a token: from memory, or by looking at it.
    fn identify(&mut self, token: &str, needed: &mut Needed) -> Result<Identified, Denial> {
        if !self.cache.is_on() {
            return self.examine(token, needed);
        }
        let digest = TokenDigest::of(token);
        if let Some((issuer, authentic)) = self.cache.find(&digest, self.now)
            && self
                .rings
                .get(issuer)
                .is_some_and(|ring| ring.is_usable(self.now))
        {
            return Ok(Identified::As(issuer, authentic));
        }
        self.count(metrics::CACHE_MISSES);
        let identified = self.examine(token, needed)?;
        if let Identified::As(issuer, authentic) = &identified {
            let bytes = token.len();
            let evicted = self
                .cache
                .insert(digest, bytes, *issuer, authentic, self.now);
            (0..evicted).for_each(|_| self.count(metrics::CACHE_EVICTIONS));
        }
        Ok(identified)
    }

    /// Takes a token apart, finds its key and checks its signature.
    fn examine(&mut self, token: &str, needed: &mut Needed) -> Result<Identified, Denial> {
        let token = Unverified::parse(token, &self.config.token.types)?;
        let index = pick_issuer(&token, &self.config.issuers)?;
        let (Some(issuer), Some(ring)) =
            (self.config.issuers.get(index), self.rings.get_mut(index))
        else {
            return Err(Denial::Internal("an issuer without keys"));
        };
        let key = match find_key(ring, issuer, &token, self.now)? {
            KeyLookup::Found(key) => key,
            KeyLookup::Lacking(lack) => {
                wait_for_keys(ring, issuer, lack, self.patience)?;
                return Ok(Identified::Wait { ring: index });
            }
            KeyLookup::Unknown => {
                let fetch = wait_for_newer(ring, issuer, self.now, self.patience)?;
                *needed = fetch.map(|fetch| (index, fetch));
                return Ok(Identified::Wait { ring: index });
            }
        };
        let authentic = authenticate(token, issuer, key, self.signatures)?;
        Ok(Identified::As(index, authentic))
    }

    fn count(&mut self, name: &str) {
        self.notices.push(Notice::Count(name.to_owned()));
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
