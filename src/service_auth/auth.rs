//! Who we are to the services that we call: the compiled form of `auth`, and the leases behind it.

use crate::fetch::callout::{Answer, Callout, CalloutError};
use crate::fetch::refresh::Attempt;
use crate::secret::Secret;
use crate::service_auth::service_token::{Progress, ServiceToken, Source};
use crate::time::Timestamp;

/// How a callout authenticates.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By a bearer token from the environment.
    Fixed(Secret),
    /// By a token that is leased.
    Leased(ServiceTokenId),
}

/// Index into the configured leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTokenId(pub usize);

/// A call for a lease's token.
pub type Fetch = (ServiceTokenId, Attempt, Callout);

/// All leases of a configuration.
#[derive(Debug)]
pub struct ServiceTokens(Vec<ServiceToken>);

impl ServiceTokens {
    pub fn new(sources: &[Source], now: Timestamp) -> Self {
        let leases = sources
            .iter()
            .map(|source| ServiceToken::new(source.clone(), now));
        Self(leases.collect())
    }

    /// To be asked on every tick: the fetches to begin now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let leases = self.0.iter_mut().enumerate();
        let fetch = |(index, lease): (usize, &mut ServiceToken)| {
            let (attempt, callout) = lease.due(now)?;
            Some((ServiceTokenId(index), attempt, callout))
        };
        leases.filter_map(fetch).collect()
    }

    /// Whether a call that authenticates so should wait, since its token is on its way.
    pub fn is_coming(&self, auth: Option<&Auth>, now: Timestamp) -> bool {
        self.behind(auth).is_some_and(|lease| lease.is_coming(now))
    }

    /// The callout with its token.
    ///
    /// # Errors
    /// [`CalloutError::NoToken`] if there is none: the call must not be made without.
    pub fn authorize(
        &self,
        callout: Callout,
        auth: Option<&Auth>,
        now: Timestamp,
    ) -> Result<Callout, CalloutError> {
        let token = match auth {
            None => return Ok(callout),
            Some(Auth::Fixed(token)) => Some(token),
            Some(Auth::Leased(_)) => self.behind(auth).and_then(|lease| lease.token(now)),
        };
        let token = token.ok_or(CalloutError::NoToken)?;
        Ok(callout.bearer(token))
    }

    /// A service does not accept the token it was called with.
    pub fn refused(&mut self, auth: Option<&Auth>, now: Timestamp) -> Option<Fetch> {
        let Some(Auth::Leased(id)) = auth else {
            return None;
        };
        let (attempt, callout) = self.0.get_mut(id.0)?.refused(now)?;
        Some((*id, attempt, callout))
    }

    /// Takes in the answer to a fetch; with it the lease's name.
    pub fn answered(
        &mut self,
        id: ServiceTokenId,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<(Progress, &str)> {
        let lease = self.0.get_mut(id.0)?;
        let progress = lease.answered(attempt, answer, now);
        Some((progress, lease.name()))
    }

    fn behind(&self, auth: Option<&Auth>) -> Option<&ServiceToken> {
        match auth {
            Some(Auth::Leased(id)) => self.0.get(id.0),
            Some(Auth::Fixed(_)) | None => None,
        }
    }
}
