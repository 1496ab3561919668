//! The table of all denials, from which replies, audit records and metrics are derived.

use super::{Challenge, Denial};
use crate::text::excerpt;
use std::borrow::Cow;

/// The facts of a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub status: u16,
    /// Stable name, used in the reply, the audit record, the response code details and the metrics.
    pub code: &'static str,
    /// What happened and what to do, for the caller. It contains no secret and has no trailing period.
    pub text: Cow<'static, str>,
    pub challenge: Challenge,
}

impl Denial {
    /// Returns the facts of a denial. There is no `_` arm, so a new denial must state its facts.
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
                "The request names no model, and the rules depend on the model; set the member model \
                 of the JSON body to org/name",
            ),
            Self::BodyUnreadable(reason) => facts(
                400,
                "body_unreadable",
                None,
                format!(
                    "The request body could not be read: {reason}; send one JSON object in UTF-8 with \
                     content-type application/json"
                ),
            ),
            Self::BodyTooLarge { limit } => facts(
                413,
                "body_too_large",
                None,
                format!(
                    "The request body is longer than {limit} bytes, the limit for bodies on which the \
                     decision depends; send a shorter body"
                ),
            ),
            Self::BodyTimeout { limit } => facts(
                408,
                "body_timeout",
                None,
                format!(
                    "The request body, on which the decision depends, did not arrive within {} ms; send \
                     it without pauses, or try again on a faster connection",
                    limit.as_millis()
                ),
            ),
            Self::InspectionUnavailable(_) => facts(
                502,
                "inspection_unavailable",
                None,
                "The gateway already holds as many request bodies as it can; your request may be \
                 valid: try again shortly",
            ),

            Self::TokenMissing { unread } => {
                let text: Cow<'static, str> = match unread {
                    Option::None => "Send a Microsoft Entra ID access token for this API in the \
                                     Authorization header, as: Bearer <token>"
                        .into(),
                    Some(header) => format!(
                        "The gateway does not read tokens from the header {header} (token.headers does \
                         not list it); send a Microsoft Entra ID access token for this API in the \
                         Authorization header, as: Bearer <token>"
                    )
                    .into(),
                };
                facts(401, "token_missing", Bare, text)
            }
            Self::TokenMalformed(reason) => facts(
                401,
                "token_malformed",
                InvalidToken,
                format!("The token can't be read: {reason}; request a new access token"),
            ),
            Self::TokenTooLarge { bytes, limit } => facts(
                401,
                "token_too_large",
                InvalidToken,
                format!(
                    "The token has {bytes} bytes, which exceeds the limit of {limit}; request a token \
                     with fewer claims"
                ),
            ),
            Self::TokenEncrypted => facts(
                401,
                "token_encrypted",
                InvalidToken,
                "The token is encrypted (JWE); send a signed access token instead",
            ),
            Self::TokenBound => facts(
                401,
                "token_bound",
                InvalidToken,
                "The token requires proof of possession; send a plain bearer token instead",
            ),
            Self::TokenForAnotherApi(reason) => facts(
                401,
                "token_for_another_api",
                InvalidToken,
                format!(
                    "The token is not an access token for this API: {reason}; request a token with a \
                     scope of this API"
                ),
            ),
            Self::HuggingFaceToken => facts(
                401,
                "hugging_face_token",
                InvalidToken,
                "This is a Hugging Face token, but this gateway adds the Hugging Face credential \
                 itself; send a Microsoft Entra ID access token instead, and revoke the Hugging \
                 Face token if it was shared",
            ),
            Self::AlgorithmNotAllowed { algorithm } => facts(
                401,
                "algorithm_not_allowed",
                InvalidToken,
                format!("The token's algorithm {algorithm} is not accepted for its issuer"),
            ),
            Self::IssuerUnknown { issuer } => facts(
                401,
                "issuer_unknown",
                InvalidToken,
                format!("The token's issuer {issuer} is not trusted by this gateway"),
            ),
            Self::KeyUnknown { issuer } => facts(
                401,
                "key_unknown",
                InvalidToken,
                format!(
                    "The token's signing key is not in the key set of issuer {issuer}; request a new \
                     token"
                ),
            ),
            Self::KeyNotForIssuer { issuer } => facts(
                401,
                "key_unknown",
                InvalidToken,
                format!(
                    "The token's signing key is not valid for the token's tenant at issuer {issuer}; \
                     request a new token"
                ),
            ),
            Self::SignatureInvalid => facts(
                401,
                "signature_invalid",
                InvalidToken,
                "The token's signature is invalid; request a new access token",
            ),
            Self::AudienceMismatch {
                issuer, audience, ..
            } => {
                let audience = audience.as_deref().unwrap_or("(none)");
                facts(
                    401,
                    "audience_mismatch",
                    InvalidToken,
                    format!(
                        "The token's audience {audience} is not one that this gateway accepts from \
                         issuer {issuer}; request a token with a scope of this API"
                    ),
                )
            }
            Self::TenantNotAllowed { tenant } => facts(
                401,
                "tenant_not_allowed",
                InvalidToken,
                format!("The token is from tenant {tenant}, which this gateway does not allow"),
            ),
            Self::ClientNotAllowed { client } => facts(
                401,
                "client_not_allowed",
                InvalidToken,
                format!(
                    "The token was issued to client {client}, which this gateway does not allow"
                ),
            ),
            Self::TokenExpired { expired } => facts(
                401,
                "token_expired",
                InvalidToken,
                format!(
                    "The token expired at {}; request a new one",
                    expired.to_rfc3339()
                ),
            ),
            Self::TokenNotYetValid { valid_from } => facts(
                401,
                "token_not_yet_valid",
                InvalidToken,
                format!(
                    "The token is not valid before {}; check the clocks of the issuer and the gateway",
                    valid_from.to_rfc3339()
                ),
            ),
            Self::TokenLifetime { seconds, limit } => facts(
                401,
                "token_lifetime",
                InvalidToken,
                match seconds {
                    Some(seconds) => format!(
                        "The token is valid for {seconds} s, which exceeds the limit of {limit} s; \
                         request a token with a shorter lifetime"
                    ),
                    Option::None => format!(
                        "The token has no iat, so its lifetime can't be checked against the limit of \
                         {limit} s; request a token with an iat"
                    ),
                },
            ),
            Self::TokenRevoked { .. } => facts(
                401,
                "token_revoked",
                InvalidToken,
                "The token has been revoked; sign in again, or ask your administrator why",
            ),

            Self::NoRule { lacks_version } => facts(
                403,
                "no_rule",
                InsufficientScope,
                if *lacks_version {
                    "You are authenticated, but no rule permits this request, whose path lacks /v1; end the \
                     client's base URL in /v1"
                } else {
                    "You are authenticated, but no rule permits this request"
                },
            ),
            Self::RuleUnsatisfied {
                rule, requirement, ..
            } => facts(
                403,
                "rule_unsatisfied",
                InsufficientScope,
                format!("You are authenticated, but rule {rule} requires {requirement}"),
            ),
            Self::DeniedByRule { rule } => facts(
                403,
                "denied_by_rule",
                InsufficientScope,
                format!("Rule {rule} denies this request"),
            ),
            Self::GroupsOverage { rule, lookup } => {
                let advice = match lookup {
                    Option::None => "; ask your administrator for an app role instead",
                    Some(_) => ", and looking them up in Microsoft Graph failed; try again shortly",
                };
                facts(
                    403,
                    "groups_overage",
                    InsufficientScope,
                    format!(
                        "Rule {rule} requires a group, but you are in too many groups for your token \
                         to list them{advice}"
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
                    "Rule {rule} requires a stronger sign-in (authentication context {context}); \
                     sign in again with the claims of this challenge"
                ),
            ),

            Self::KeysUnavailable { .. } => facts(
                502,
                "keys_unavailable",
                None,
                "The issuer's signing keys are temporarily unavailable, so your token can't be \
                 verified; it may be valid: try again shortly",
            ),
            Self::UpstreamNotAllowed { .. } => facts(
                403,
                "upstream_not_allowed",
                InsufficientScope,
                "You are permitted, but this address is routed to a service to which the gateway's credential may \
                 not be sent; check the host and path, or report the request id to the gateway's operator",
            ),
            Self::NotAMember { reason, .. } => facts(
                403,
                "not_a_member",
                InsufficientScope,
                format!(
                    "You are permitted, but the gateway can't get a Hugging Face token for you: {}",
                    reason.text()
                ),
            ),
            Self::CredentialUnavailable { .. } => facts(
                502,
                "credential_unavailable",
                None,
                "You are permitted, but the gateway's Hugging Face credential is temporarily \
                 unavailable; your token is valid: try again shortly",
            ),
            Self::RevocationUnavailable { .. } => facts(
                502,
                "revocation_unavailable",
                None,
                "The list of revoked callers is temporarily unavailable, so no caller can be \
                 permitted; your token may be valid: try again shortly",
            ),
            Self::CredentialRejected { .. } => facts(
                502,
                "credential_rejected",
                None,
                "The endpoint rejected the gateway's credential; your own token is valid, and a retry \
                 does not help: report the request id to the gateway's operator",
            ),
            Self::EndpointUnavailable(why) => facts(502, "endpoint_unavailable", None, why.text()),
            Self::QuotaExceeded(limit) => facts(429, "quota_exceeded", None, limit.text()),
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
                "The endpoint's list of models can't be read, so it can't be filtered for you; report \
                 the request id to the gateway's operator",
            ),
            Self::McpSessionUnknown => facts(
                404,
                "mcp_session_unknown",
                None,
                "The MCP session does not exist, or another caller opened it; open a new session \
                 with initialize",
            ),
            Self::McpUnreadable(_) => facts(
                502,
                "mcp_unreadable",
                None,
                "The MCP server's response can't be read, so it can't be passed on to you; report the \
                 request id to the gateway's operator",
            ),
            Self::Internal(_) => facts(
                500,
                "internal",
                None,
                "The gateway could not decide because of an internal error, so the request is \
                 denied; report the request id to the gateway's operator",
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
