//! Whether a person or an application calls, as far as a token tells.
//!
//! What stays unknown satisfies neither `kind: user` nor `kind: app`. Sources: Microsoft's claims
//! reference for Entra, RFC 9068 §2.2 for others, and the providers' documentation of their access
//! tokens for the presets.

use super::claim_test::ClaimRequirement;
use super::issuer::Authority;
use crate::json::raw::{Object, Raw};

/// Whether a person or an application calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    App,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
        }
    }
}

/// How the tokens of an OpenID Connect provider tell kinds apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KindRule {
    /// RFC 9068, and the marks of Keycloak and Auth0.
    #[default]
    Standard,
    Preset(Preset),
    Claims {
        app: Option<ClaimRequirement>,
        user: Option<ClaimRequirement>,
    },
}

/// A provider whose access tokens are known.
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

/// What a kind is read from.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a, 't> {
    pub claims: &'a Object<'t>,
    pub has_scopes: bool,
    /// The scopes have a form that can't be read.
    pub are_scopes_unclear: bool,
    pub object: &'a str,
    pub subject: Option<&'a str>,
    pub client: Option<&'a str>,
}

impl Signs<'_, '_> {
    /// `None`: the token does not tell.
    pub fn kind(&self, authority: &Authority, rule: &KindRule) -> Option<Kind> {
        match (authority, rule) {
            (Authority::Entra(_), _) => self.entra(),
            (Authority::Oidc { .. }, KindRule::Standard) => {
                self.marked().or_else(|| self.standard())
            }
            (Authority::Oidc { .. }, KindRule::Preset(preset)) => self.preset(*preset),
            (Authority::Oidc { .. }, KindRule::Claims { app, user }) => self.mapped(app, user),
        }
    }

    fn entra(&self) -> Option<Kind> {
        match self.claims.get("idtyp") {
            Some(kind) if kind.is("app") => Some(Kind::App),
            Some(kind) if kind.is("user") => Some(Kind::User),
            Some(_) => None,
            None if self.has_scopes => Some(Kind::User),
            None if self.are_scopes_unclear => None,
            None if self.subject == Some(self.object) => Some(Kind::App),
            None => None,
        }
    }

    /// RFC 9068 §2.2: without a resource owner, `sub` is the client's own id.
    fn standard(&self) -> Option<Kind> {
        match self.subject? == self.client? {
            true => Some(Kind::App),
            false => Some(Kind::User),
        }
    }

    /// The marks that providers leave on tokens of applications whose `sub` is another than the client.
    fn marked(&self) -> Option<Kind> {
        let is_app = self.is_service_account() || self.is("gty", "client-credentials");
        is_app.then_some(Kind::App)
    }

    /// Keycloak's name of the account behind a client.
    fn is_service_account(&self) -> bool {
        self.begins("preferred_username", "service-account-")
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
                self.is("gty", "client-credentials") || self.ends("sub", "@clients"),
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
                let is_robot = self.ends("email", ".gserviceaccount.com");
                (is_robot, self.has("email") && !is_robot)
            }
            Preset::GithubActions => (self.begins("sub", "repo:") || self.has("workflow"), false),
            Preset::Kubernetes => (self.begins("sub", "system:serviceaccount:"), false),
        };
        only(is_app, is_user)
    }

    fn mapped(
        &self,
        app: &Option<ClaimRequirement>,
        user: &Option<ClaimRequirement>,
    ) -> Option<Kind> {
        // One that can't be told could be the other kind.
        let is = |own: &Option<ClaimRequirement>| match own {
            Some(own) => own.is_met(self.claims),
            None => Some(false),
        };
        only(is(app)?, is(user)?)
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

    fn begins(&self, name: &str, prefix: &str) -> bool {
        self.text(name).is_some_and(|own| own.starts_with(prefix))
    }

    fn ends(&self, name: &str, suffix: &str) -> bool {
        self.text(name).is_some_and(|own| own.ends_with(suffix))
    }

    fn claims_equal(&self, one: &str, other: &str) -> bool {
        let one = self.text(one);
        one.is_some() && one == self.text(other)
    }
}

/// A token with the signs of both kinds has neither.
fn only(is_app: bool, is_user: bool) -> Option<Kind> {
    match (is_app, is_user) {
        (true, false) => Some(Kind::App),
        (false, true) => Some(Kind::User),
        (true, true) | (false, false) => None,
    }
}
