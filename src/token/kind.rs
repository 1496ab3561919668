//! The caller's kind, a person, an application or an agent, as read from a token.
//!
//! An unknown kind satisfies no `kind`. Sources: Microsoft's claims references for Entra, RFC 9068 §2.2 for other issuers, and the providers' documentation of their access
//! tokens for the presets.

use super::claim_test::ClaimRequirement;
use super::facets::{self, Sign};
use super::issuer::Authority;
use crate::json::raw::{Object, Raw};
use crate::logic::Truth;

/// The caller's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person, possibly represented by an agent.
    User,
    App,
    /// An agent that acts on its own behalf, or through its own user account.
    Agent,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
            Self::Agent => "agent",
        }
    }
}

/// The rule that determines the caller's kind from a token of an OpenID Connect provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KindRule {
    /// First the claims that Keycloak and Auth0 set for applications, then RFC 9068.
    #[default]
    Standard,
    Preset(Preset),
    Claims {
        app: Option<ClaimRequirement>,
        user: Option<ClaimRequirement>,
    },
}

/// A provider whose access token format is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Keycloak,
    Auth0,
    Okta,
    Cognito,
    Google,
    GithubActions,
    Kubernetes,
}

/// The parts of a token that determine the caller's kind.
#[derive(Clone, Copy, Debug)]
pub struct KindEvidence<'a, 't> {
    pub claims: &'a Object<'t>,
    /// For Entra, the effect of the facets on the kind.
    pub facets: Sign,
    pub has_scopes: bool,
    /// Whether the scopes have a form that cannot be read.
    pub are_scopes_unclear: bool,
    pub object: &'a str,
    pub subject: Option<&'a str>,
    pub client: Option<&'a str>,
}

impl KindEvidence<'_, '_> {
    /// Returns the caller's kind, or `None` if the token does not determine it.
    pub fn kind(&self, authority: &Authority, rule: &KindRule) -> Option<Kind> {
        match (authority, rule) {
            (Authority::Entra(_), _) => self.entra(),
            (Authority::Oidc { .. }, KindRule::Standard) => {
                self.marked_app().or_else(|| self.standard())
            }
            (Authority::Oidc { .. }, KindRule::Preset(preset)) => self.preset(*preset),
            (Authority::Oidc { .. }, KindRule::Claims { app, user }) => self.mapped(app, user),
        }
    }

    fn entra(&self) -> Option<Kind> {
        match self.facets {
            Sign::Kind(kind) => Some(kind),
            Sign::Unclear => None,
            Sign::None => self.by_type(),
        }
    }

    fn by_type(&self) -> Option<Kind> {
        match self.claims.get(facets::TYPE) {
            Some(kind) if kind.is("app") => Some(Kind::App),
            Some(kind) if kind.is("user") => Some(Kind::User),
            Some(_) => None,
            None if facets::is_elsewhere(self.claims, facets::TYPE) => None,
            None if self.has_scopes => Some(Kind::User),
            None if self.are_scopes_unclear => None,
            None if self.subject == Some(self.object) => Some(Kind::App),
            None => None,
        }
    }

    /// Compares `sub` with the client: if no resource owner is involved, `sub` identifies the client (RFC
    /// 9068 §2.2).
    fn standard(&self) -> Option<Kind> {
        let is_client = self.subject? == self.client?;
        Some(if is_client { Kind::App } else { Kind::User })
    }

    /// Recognizes the claims that providers set for applications whose `sub` differs from the client id.
    fn marked_app(&self) -> Option<Kind> {
        let is_app = self.is_service_account() || self.is("gty", "client-credentials");
        is_app.then_some(Kind::App)
    }

    /// Whether the user name is that of a Keycloak service account.
    fn is_service_account(&self) -> bool {
        self.starts_with("preferred_username", "service-account-")
    }

    fn preset(&self, preset: Preset) -> Option<Kind> {
        let is_own_client = || self.subject.is_some() && self.subject == self.client;
        let (is_app, is_user) = match preset {
            Preset::Keycloak => {
                let has_session = self.has("sid") || self.has("session_state");
                (
                    self.is_service_account() || self.has("client_id") && !has_session,
                    has_session && self.has("sub"),
                )
            }
            // A person's sub is "<connection>|<id>", an application's "<client id>@clients".
            Preset::Auth0 => (
                self.is("gty", "client-credentials") || self.ends_with("sub", "@clients"),
                self.subject.is_some_and(|subject| subject.contains('|')),
            ),
            Preset::Okta => (
                !self.has("uid") && (is_own_client() || self.claims_equal("sub", "cid")),
                self.has("uid"),
            ),
            Preset::Cognito => (
                !self.has("username") && is_own_client(),
                self.has("username"),
            ),
            Preset::Google => {
                let is_service_account = self.ends_with("email", ".gserviceaccount.com");
                (is_service_account, self.has("email") && !is_service_account)
            }
            Preset::GithubActions => (
                self.starts_with("sub", "repo:") || self.has("workflow"),
                false,
            ),
            Preset::Kubernetes => (self.starts_with("sub", "system:serviceaccount:"), false),
        };
        exactly_one(is_app, is_user)
    }

    fn mapped(
        &self,
        app: &Option<ClaimRequirement>,
        user: &Option<ClaimRequirement>,
    ) -> Option<Kind> {
        let truth = |requirement: &Option<ClaimRequirement>| match requirement {
            Some(requirement) => requirement.truth(self.claims),
            None => Truth::Unsatisfied,
        };
        match (truth(app), truth(user)) {
            (Truth::Indeterminate, _) | (_, Truth::Indeterminate) => None,
            (app, user) => exactly_one(app == Truth::Satisfied, user == Truth::Satisfied),
        }
    }

    fn text(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        self.claims.get(name).and_then(Raw::text)
    }

    fn has(&self, name: &str) -> bool {
        self.claims.has(name)
    }

    fn is(&self, name: &str, text: &str) -> bool {
        self.claims.get(name).is_some_and(|own| own.is(text))
    }

    fn starts_with(&self, name: &str, prefix: &str) -> bool {
        self.text(name).is_some_and(|own| own.starts_with(prefix))
    }

    fn ends_with(&self, name: &str, suffix: &str) -> bool {
        self.text(name).is_some_and(|own| own.ends_with(suffix))
    }

    fn claims_equal(&self, one: &str, other: &str) -> bool {
        let one = self.text(one);
        one.is_some() && one == self.text(other)
    }
}

/// Returns the kind if exactly one is indicated.
fn exactly_one(is_app: bool, is_user: bool) -> Option<Kind> {
    match (is_app, is_user) {
        (true, false) => Some(Kind::App),
        (false, true) => Some(Kind::User),
        (true, true) | (false, false) => None,
    }
}
