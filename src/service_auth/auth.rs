//! Authentication of callouts: the compiled form of `auth`, and the service tokens that it uses.

use crate::fetch::callout::{Answer, Callout, CalloutError};
use crate::fetch::refresh::Attempt;
use crate::secret::Secret;
use crate::service_auth::service_token::{Progress, ServiceToken, Source};
use crate::time::Timestamp;

/// How a callout authenticates.
#[derive(Clone, Debug)]
pub enum Auth {
    /// With a fixed bearer token from the environment.
    Fixed(Secret),
    /// With a service token.
    ServiceToken(ServiceTokenId),
}

/// An index into the configured service tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTokenId(pub usize);

/// A callout that fetches a service token.
pub type Fetch = (ServiceTokenId, Attempt, Callout);

/// All service tokens of a configuration.
#[derive(Debug)]
pub struct ServiceTokens(Vec<ServiceToken>);

impl ServiceTokens {
    pub fn new(sources: &[Source], now: Timestamp) -> Self {
        let tokens = sources
            .iter()
            .map(|source| ServiceToken::new(source.clone(), now));
        Self(tokens.collect())
    }

    /// Returns the fetches to begin now. Called on every tick.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let tokens = self.0.iter_mut().enumerate();
        let fetch = |(index, token): (usize, &mut ServiceToken)| {
            let (attempt, callout) = token.due(now)?;
            Some((ServiceTokenId(index), attempt, callout))
        };
        tokens.filter_map(fetch).collect()
    }

    /// Returns whether a callout should wait, because its token is being fetched.
    pub fn is_coming(&self, auth: Option<&Auth>, now: Timestamp) -> bool {
        self.service_token(auth)
            .is_some_and(|token| token.is_coming(now))
    }

    /// Adds the token to the callout.
    ///
    /// # Errors
    /// [`CalloutError::NoToken`] if no token is available. The callout must then not be made.
    pub fn authorize(
        &self,
        callout: Callout,
        auth: Option<&Auth>,
        now: Timestamp,
    ) -> Result<Callout, CalloutError> {
        let token = match auth {
            None => return Ok(callout),
            Some(Auth::Fixed(token)) => Some(token),
            Some(Auth::ServiceToken(_)) => self.service_token(auth).and_then(|own| own.token(now)),
        };
        let token = token.ok_or(CalloutError::NoToken)?;
        Ok(callout.bearer(token))
    }

    /// Records that a service refused the token. Returns a fetch of a new token, if one may begin.
    pub fn refused(&mut self, auth: Option<&Auth>, now: Timestamp) -> Option<Fetch> {
        let Some(Auth::ServiceToken(id)) = auth else {
            return None;
        };
        let (attempt, callout) = self.0.get_mut(id.0)?.refused(now)?;
        Some((*id, attempt, callout))
    }

    /// Processes the answer to a fetch. Returns its effect and the name of the service token.
    pub fn answered(
        &mut self,
        id: ServiceTokenId,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<(Progress, &str)> {
        let token = self.0.get_mut(id.0)?;
        let progress = token.answered(attempt, answer, now);
        Some((progress, token.name()))
    }

    fn service_token(&self, auth: Option<&Auth>) -> Option<&ServiceToken> {
        match auth {
            Some(Auth::ServiceToken(id)) => self.0.get(id.0),
            Some(Auth::Fixed(_)) | None => None,
        }
    }
}
