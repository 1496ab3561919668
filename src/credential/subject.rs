//! The subject of a token exchange. Hugging Face accepts the subject without proof, so nothing is
//! guessed: it is one claim of a verified token, a plain e-mail address, and in one of the
//! configured domains.

use crate::decision::SubjectError;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use crate::token::kind::Kind;
use serde_json::Value;
use std::sync::Arc;

/// The maximum length of an e-mail address (RFC 5321 §4.5.3.1.3).
const MAX_BYTES: usize = 254;
/// The claim that `email_verified` refers to (OpenID Connect Core §5.1).
const EMAIL: &str = "email";
const EMAIL_VERIFIED: &str = "email_verified";

/// The permitted subjects: the compiled form of `subject_claim`, `subject_domains` and
/// `app_subject`.
#[derive(Clone, Debug)]
pub struct SubjectRule {
    pub claim: ClaimPath,
    /// The domains in lower case, at least one.
    pub domains: Vec<String>,
    /// The subject for callers that are applications. Without it, they get no token.
    pub app: Option<Arc<str>>,
}

impl SubjectRule {
    /// Returns the names of the claims that the rule reads.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        let verified = (self.claim.as_str() == EMAIL).then_some(EMAIL_VERIFIED);
        self.claim.first().into_iter().chain(verified)
    }

    /// Returns the e-mail address for Hugging Face, as written in the token.
    ///
    /// # Errors
    /// The reason why the caller has no subject.
    pub fn subject(&self, caller: &Claims) -> Result<Arc<str>, SubjectError> {
        match (caller.kind, &self.app) {
            (Some(Kind::User), _) => self.person(caller),
            (Some(Kind::App), Some(app)) => Ok(app.clone()),
            (Some(Kind::App), None) => Err(SubjectError::Application),
            (Some(Kind::Agent), _) => Err(SubjectError::Agent),
            (None, _) => Err(SubjectError::KindUnknown),
        }
    }

    fn person(&self, caller: &Claims) -> Result<Arc<str>, SubjectError> {
        let Some(Value::String(subject)) = self.claim.read(&caller.others) else {
            return Err(SubjectError::NoClaim);
        };
        let is_unverified = || {
            let verified = caller.others.get(EMAIL_VERIFIED);
            verified.is_some_and(|value| value != Value::Bool(true))
        };
        if self.claim.as_str() == EMAIL && is_unverified() {
            return Err(SubjectError::Unverified);
        }
        let domain = domain(&subject).ok_or(SubjectError::NotAnAddress)?;
        let accepts = |accepted: &String| accepted.eq_ignore_ascii_case(domain);
        if self.domains.iter().any(accepts) {
            Ok(subject.as_str().into())
        } else {
            Err(SubjectError::OtherDomain)
        }
    }
}

/// Returns the domain of a plain address: the text after its only `@`. The address must be visible
/// ASCII without the characters of quotes, comments and address lists (RFC 5322 §3.2.3), so that it
/// has only one reading.
pub fn domain(address: &str) -> Option<&str> {
    let (local, domain) = address.split_once('@')?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(&byte);
    let fits = address.len() <= MAX_BYTES && !local.is_empty() && !domain.is_empty();
    let is_plain = local.bytes().chain(domain.bytes()).all(plain);
    (fits && is_plain).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_address_has_a_domain() {
        for (address, expected) in [
            ("ada@contoso.com", Some("contoso.com")),
            ("a.b+c=d@Contoso.COM", Some("Contoso.COM")),
            ("ada", None),
            ("@contoso.com", None),
            ("ada@", None),
            ("ada@evil.com@contoso.com", None),
            ("ada@contoso.com,eve@evil.com", None),
            ("ada@contoso.com ", None),
            ("ada @contoso.com", None),
            ("ada\0@contoso.com", None),
            ("\"ada\"@contoso.com", None),
            ("ada(x)@contoso.com", None),
            ("<ada@contoso.com>", None),
            ("ad\u{e4}@contoso.com", None),
            ("ada@c\u{43e}ntoso.com", None),
        ] {
            assert_eq!(domain(address), expected, "{address}");
        }
        let long = format!("{}@contoso.com", "a".repeat(MAX_BYTES));
        assert_eq!(domain(&long), None);
    }
}
