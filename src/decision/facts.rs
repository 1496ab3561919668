//! The one table of denials: what a reply, the audit record and the metrics are made of.

use super::Denial;
use crate::text::excerpt;
use std::borrow::Cow;

/// The facts of a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub status: u16,
    /// Stable name; stands in the reply, the audit record, the response code details and metrics.
    pub code: &'static str,
    /// What happened and what to do, for the caller. Holds nothing secret, no trailing period.
    pub text: Cow<'static, str>,
    pub challenge: Challenge,
}

/// What `WWW-Authenticate` says (RFC 6750 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// The header is absent: the fault is not the caller's authentication.
    None,
    /// The scheme alone, for a request that brought no token (§3.1).
    Bare,
    InvalidToken,
    InsufficientScope,
    /// Entra's claims challenge: sign in there again, and ask for this context.
    InsufficientClaims {
        authorization_uri: String,
        context: String,
    },
}

impl Denial {
    /// The table. No `_` arm: a new denial must state its facts.
    pub fn facts(&self) -> Facts {
        use Challenge::{Bare, InsufficientScope, InvalidToken, None};
        match self {
            Self::RequestAmbiguous(reason) => facts(
                400,
                "request_ambiguous",
                None,
                format!("The request is refused because {reason}"),
            ),
            Self::ModelMissing => facts(
                400,
                "model_missing",
                None,
                "The request names no model, which decides what is permitted here; name it in the \
                 member model of the JSON body, as org/name",
            ),
            Self::BodyUnreadable(reason) => facts(
                400,
                "body_unreadable",
                None,
                format!(
                    "The request's body must tell its model, but {reason}; send one plain JSON \
                     object in UTF-8 with content-type application/json"
                ),
            ),
            Self::BodyTooLarge { limit } => facts(
                413,
                "body_too_large",
                None,
                format!(
                    "The request's body must tell its model, and is longer than the {limit} bytes \
                     that are read for it"
                ),
            ),
            Self::BodyTimeout { limit } => facts(
                408,
                "body_timeout",
                None,
                format!(
                    "The request's body, which names its model, did not arrive within {} ms; send it \
                     without pauses, or try again on a faster connection",
                    limit.as_millis()
                ),
            ),
            Self::InspectionUnavailable(_) => facts(
                502,
                "inspection_unavailable",
                None,
                "The gateway is reading as many bodies as it may hold; your request may be fine: try \
                 again shortly",
            ),

            Self::TokenMissing => facts(
                401,
                "token_missing",
                Bare,
                "Send a Microsoft Entra ID access token for this API in the Authorization header, \
                 as: Bearer <token>",
            ),
            Self::TokenMalformed(reason) => facts(
                401,
                "token_malformed",
                InvalidToken,
                format!("The token can't be read: {reason}; get a fresh access token"),
            ),
            Self::TokenTooLarge { bytes, limit } => facts(
                401,
                "token_too_large",
                InvalidToken,
                format!(
                    "The token has {bytes} bytes, over the limit of {limit}; ask for a token with \
                     fewer claims"
                ),
            ),
            Self::TokenEncrypted => facts(
                401,
                "token_encrypted",
                InvalidToken,
                "The token is encrypted (JWE); this API takes signed access tokens only",
            ),
            Self::TokenBound => facts(
                401,
                "token_bound",
                InvalidToken,
                "The token is bound to a proof of possession; this API takes plain bearer tokens",
            ),
            Self::TokenForAnotherApi(reason) => facts(
                401,
                "token_for_another_api",
                InvalidToken,
                format!(
                    "The token is not an access token for this API: {reason}; ask for the scope of this API"
                ),
            ),
            Self::HuggingFaceToken => facts(
                401,
                "hugging_face_token",
                InvalidToken,
                "This is a Hugging Face token; this gateway holds the Hugging Face credential \
                 itself. Send a Microsoft Entra ID access token instead, and revoke the Hugging \
                 Face token if it was shared",
            ),
            Self::AlgorithmNotAllowed { algorithm } => facts(
                401,
                "algorithm_not_allowed",
                InvalidToken,
                format!("The token's algorithm {algorithm} is not accepted from its issuer"),
            ),
            Self::IssuerUnknown { issuer } => facts(
                401,
                "issuer_unknown",
                InvalidToken,
                format!("The token's issuer {issuer} is not trusted here"),
            ),
            Self::KeyUnknown { issuer } => facts(
                401,
                "key_unknown",
                InvalidToken,
                format!(
                    "The token's key is not among the keys of issuer {issuer}; get a fresh token"
                ),
            ),
            Self::KeyNotForIssuer { issuer } => facts(
                401,
                "key_unknown",
                InvalidToken,
                format!("The token's key does not sign for this tenant of issuer {issuer}"),
            ),
            Self::SignatureInvalid => facts(
                401,
                "signature_invalid",
                InvalidToken,
                "The token's signature does not verify; get a fresh access token",
            ),
            Self::AudienceMismatch { issuer } => facts(
                401,
                "audience_mismatch",
                InvalidToken,
                format!(
                    "The token is meant for another audience than issuer {issuer} is configured \
                     for here; ask for the scope of this API"
                ),
            ),
            Self::TenantNotAllowed { tenant } => facts(
                401,
                "tenant_not_allowed",
                InvalidToken,
                format!("The token is from tenant {tenant}, which is not allowed here"),
            ),
            Self::ClientNotAllowed { client } => facts(
                401,
                "client_not_allowed",
                InvalidToken,
                format!("The token was issued to client {client}, which is not allowed here"),
            ),
            Self::TokenExpired { expired } => facts(
                401,
                "token_expired",
                InvalidToken,
                format!(
                    "The token expired at {}; get a fresh one",
                    expired.to_rfc3339()
                ),
            ),
            Self::TokenNotYetValid { valid_from } => facts(
                401,
                "token_not_yet_valid",
                InvalidToken,
                format!(
                    "The token is not valid before {}; check the clocks of issuer and gateway",
                    valid_from.to_rfc3339()
                ),
            ),
            Self::TokenLifetime { seconds, limit } => facts(
                401,
                "token_lifetime",
                InvalidToken,
                match seconds {
                    Some(seconds) => format!(
                        "The token is valid for {seconds} s, longer than the {limit} s accepted here"
                    ),
                    Option::None => format!(
                        "The token has no iat, and only tokens valid for at most {limit} s are \
                         accepted here"
                    ),
                },
            ),
            Self::TokenRevoked { .. } => facts(
                401,
                "token_revoked",
                InvalidToken,
                "The token has been revoked; sign in again, or ask your administrator why",
            ),

            Self::NoRule => facts(
                403,
                "no_rule",
                InsufficientScope,
                "You are authenticated, but no rule permits this request",
            ),
            Self::RuleUnsatisfied { rule, lacks } => facts(
                403,
                "rule_unsatisfied",
                InsufficientScope,
                format!("You are authenticated, but rule {rule} asks for {lacks}"),
            ),
            Self::DeniedByRule { rule } => facts(
                403,
                "denied_by_rule",
                InsufficientScope,
                format!("Rule {rule} denies this request"),
            ),
            Self::GroupsOverage { rule, lack } => {
                let advice = match lack {
                    Option::None => "; ask your administrator for an app role instead",
                    Some(_) => ", and Microsoft Graph does not tell right now; try again shortly",
                };
                facts(
                    403,
                    "groups_overage",
                    InsufficientScope,
                    format!(
                        "Rule {rule} asks for a group, but you are in too many for your token to \
                         list them{advice}"
                    ),
                )
            }
            Self::StepUpRequired {
                rule,
                context,
                authorization_uri,
            } => facts(
                401,
                "step_up_required",
                Challenge::InsufficientClaims {
                    authorization_uri: authorization_uri.clone(),
                    context: context.clone(),
                },
                format!(
                    "Rule {rule} asks for a stronger sign-in, authentication context {context}; \
                     sign in again with the claims of this challenge"
                ),
            ),

            Self::KeysUnavailable { .. } => facts(
                502,
                "keys_unavailable",
                None,
                "The issuer's keys can't be had right now, so no token can be verified; your token \
                 may be fine: try again shortly",
            ),
            Self::UpstreamNotAllowed { .. } => facts(
                403,
                "upstream_not_allowed",
                InsufficientScope,
                "You are permitted, but this address leads to a service that the gateway's credential \
                 is not meant for; check the host and path, or report the request id to the gateway's \
                 operator",
            ),
            Self::NotAMember { reason, .. } => facts(
                403,
                "not_a_member",
                InsufficientScope,
                format!(
                    "You are permitted, but there is no Hugging Face token for you: {}",
                    reason.text()
                ),
            ),
            Self::CredentialUnavailable { .. } => facts(
                502,
                "credential_unavailable",
                None,
                "You are permitted, but the gateway's own Hugging Face credential can't be had right \
                 now; your token is fine: try again shortly",
            ),
            Self::RevocationUnavailable { .. } => facts(
                502,
                "revocation_unavailable",
                None,
                "The list of revoked callers can't be had right now, so nobody can be let in; your \
                 token may be fine: try again shortly",
            ),
            Self::CredentialRejected { .. } => facts(
                502,
                "credential_rejected",
                None,
                "The endpoint refused the credential of this gateway; your own token is fine, and \
                 trying again does not help: report the request id to the gateway's operator",
            ),
            Self::EndpointUnavailable(why) => facts(502, "endpoint_unavailable", None, why.text()),
            Self::ModelNotFound { model } => facts(
                404,
                "model_not_found",
                None,
                format!(
                    "The model {} does not exist or you do not have access to it",
                    excerpt(model)
                ),
            ),
            Self::ModelsUnreadable(_) => facts(
                502,
                "models_unreadable",
                None,
                "The endpoint's list of models can't be read, so that it can't be told which of \
                 them are yours; report the request id to the gateway's operator",
            ),
            Self::Internal(_) => facts(
                500,
                "internal",
                None,
                "The gateway failed to decide and so denies; report the request id to its operator",
            ),
        }
    }
}

fn facts(
    status: u16,
    code: &'static str,
    challenge: Challenge,
    text: impl Into<Cow<'static, str>>,
) -> Facts {
    Facts {
        status,
        code,
        text: text.into(),
        challenge,
    }
}
