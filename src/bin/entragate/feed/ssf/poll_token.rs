//! The bearer token of polls: a configured token, or one that an OAuth token endpoint grants for client credentials
//! (RFC 6749 §4.4).

use crate::feed::client::Client;
use crate::feed::moment::Moment;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entragate::fetch::callout::{Callout, Target, form};
use entragate::secret::Secret;
use entragate::service_auth::token_response::{self, TokenResponse, TokenResponseError};
use std::path::PathBuf;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
/// A token is not used in the last tenth of its lifetime, or the last 30 seconds, whichever is shorter.
const LONGEST_MARGIN: Duration = Duration::from_secs(30);

/// The source of the token.
#[derive(Clone, Debug)]
pub enum Source {
    Given(SecretSource),
    Granted(Grant),
}

/// An environment variable, or a file, which is read for every use.
#[derive(Clone, Debug)]
pub enum SecretSource {
    Fixed(Secret),
    File(PathBuf),
}

/// A request for tokens.
#[derive(Clone, Debug)]
pub struct Grant {
    pub endpoint: Target,
    pub client_id: String,
    pub client_secret: SecretSource,
    pub authentication: Authentication,
    /// Further fields, such as `scope`.
    pub parameters: Vec<(String, String)>,
}

/// How the client authenticates (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    Basic,
    Body,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// A text for the operator: the file cannot be read.
    Unreadable(String),
    Response(TokenResponseError),
}

impl SecretSource {
    /// Returns the secret.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Fixed(secret) => Ok(secret.clone()),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Secret::new(text.trim().to_owned())),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
        }
    }
}

/// The token of one stream over time.
#[derive(Debug)]
pub struct PollToken {
    source: Source,
    granted: Option<Granted>,
}

#[derive(Debug)]
struct Granted {
    token: Secret,
    requested: Moment,
    usable: Duration,
}

impl PollToken {
    pub const fn new(source: Source) -> Self {
        Self {
            source,
            granted: None,
        }
    }

    /// Returns the token. Before a granted token expires, a new one is requested.
    ///
    /// # Errors
    /// [`TokenError`] if there is none.
    pub fn get(&mut self, client: &Client, now: Moment) -> Result<Secret, TokenError> {
        let grant = match &self.source {
            Source::Given(secret) => return secret.read().map_err(TokenError::Unreadable),
            Source::Granted(grant) => grant,
        };
        let is_usable = |own: &Granted| now.since(own.requested) < own.usable;
        if let Some(own) = self.granted.as_ref().filter(|own| is_usable(own)) {
            return Ok(own.token.clone());
        }
        self.granted = None;
        let request = grant.request().map_err(TokenError::Unreadable)?;
        let TokenResponse { token, life } =
            token_response::read(client.call(&request), now.wall).map_err(TokenError::Response)?;
        let margin = (life / 10).min(LONGEST_MARGIN);
        self.granted = Some(Granted {
            token: token.clone(),
            requested: now,
            usable: life.saturating_sub(margin),
        });
        Ok(token)
    }

    /// Records that the transmitter has refused the token, so that the next poll requests another.
    pub fn refused(&mut self) {
        self.granted = None;
    }
}

impl Grant {
    /// Returns the request for a token.
    fn request(&self) -> Result<Callout, String> {
        let secret = self.client_secret.read()?;
        let mut fields = vec![("grant_type", "client_credentials")];
        let parameters = self.parameters.iter();
        fields.extend(parameters.map(|(name, value)| (name.as_str(), value.as_str())));
        match self.authentication {
            Authentication::Body => {
                fields.push(("client_id", &self.client_id));
                fields.push(("client_secret", secret.expose()));
                Ok(Callout::form(self.endpoint.clone(), &fields, TIMEOUT))
            }
            Authentication::Basic => {
                let [id, secret] = [&self.client_id, secret.expose()].map(form::escape);
                let pair = Secret::new(format!("{id}:{secret}"));
                let value = format!("Basic {}", STANDARD.encode(pair.expose()));
                let request = Callout::form(self.endpoint.clone(), &fields, TIMEOUT);
                Ok(request.header("authorization", &value))
            }
        }
    }
}
