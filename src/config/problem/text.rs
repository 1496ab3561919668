//! The message of each problem.

use super::Problem;
use crate::config::excerpt::{Excerpt, List};
use crate::config::wire::span::Shown;
use std::fmt;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "no plugin configuration was given; set `configuration` (Envoy), `pluginConfig` \
                 (Istio) or `config` (Envoy Gateway, Kong)",
            ),
            Self::NotJson(error) => write!(f, "the configuration is not valid JSON: {error}"),
            Self::NotStruct(error) => {
                write!(f, "the configuration is not a valid google.protobuf.Struct: {error}")
            }

            Self::UnknownField {
                suggestion: Some(suggestion),
                ..
            } => {
                write!(f, "unknown field; did you mean \"{suggestion}\"?")
            }
            Self::UnknownField { expected: [], .. } => f.write_str("unknown field; remove it"),
            Self::UnknownField {
                expected,
                suggestion: None,
            } => {
                write!(
                    f,
                    "unknown field; remove it, or use one of {}",
                    List(expected)
                )
            }
            Self::Missing => f.write_str("is required; add it"),
            Self::WrongType { expected, found } => {
                write!(f, "must be {expected}, but is {found}")?;
                // YAML reads `yes`, `on` and `007` as values of another type.
                if *expected == "a string" && matches!(*found, "a number" | "true or false") {
                    f.write_str("; write it in quotes")?;
                }
                Ok(())
            }
            Self::NotDuration { text } => write!(
                f,
                "{} is not a valid duration; write an integer and a unit, as in 500ms, 5s, 10m or 24h",
                Excerpt(text)
            ),
            Self::UnknownChoice {
                found,
                expected,
                suggestion,
            } => {
                match found {
                    Some(found) => write!(f, "{} is not a known choice", Excerpt(found))?,
                    None => f.write_str("the value (not shown) is not a known choice")?,
                }
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean \"{suggestion}\"?"),
                    None => write!(f, "; use one of {}", List(expected)),
                }
            }
            Self::NotOneChoice { found: 0, expected } => {
                write!(f, "is empty; set exactly one of {}", List(expected))
            }
            Self::NotOneChoice { found, expected } => {
                write!(
                    f,
                    "has {found} members, but exactly one is allowed; use one of {}",
                    List(expected)
                )?;
                if expected.contains(&"all") {
                    f.write_str(", or combine several under \"all\" or \"any\"")?;
                }
                Ok(())
            }
            Self::BareChoice { choice } => {
                write!(f, "\"{choice}\" requires a value; write {{{choice}: …}}")
            }
            Self::Unreadable(error) => f.write_str(error),

            Self::BadName { name } => write!(
                f,
                "{} is not a valid name; use 1 to 63 of the characters a-z, 0-9 and -",
                Excerpt(name)
            ),
            Self::DuplicateName { first } => {
                write!(f, "{first} already has this name; choose another")
            }
            Self::UnknownReference {
                kind,
                name,
                suggestion,
            } => {
                write!(f, "no {kind} is named {}", Excerpt(name))?;
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean {}?", Excerpt(suggestion)),
                    None => write!(f, "; add it under `{kind}s`, or use a name that is defined there"),
                }
            }

            Self::EmptyList { otherwise } => write!(f, "is an empty list; {otherwise}"),
            Self::ExactlyOne { of, found } => {
                let of = List(of);
                if found.is_empty() {
                    write!(f, "requires exactly one of {of}, but has none; add one")
                } else {
                    let found = found.join(" and ");
                    write!(f, "requires exactly one of {of}, but has {found}; keep one of them")
                }
            }
            Self::NoEffect { with } => write!(f, "has no effect together with {with}; remove it"),

            Self::EmptyText => f.write_str("is an empty string; set it or remove it"),
            Self::BadText { rule } => f.write_str(rule),
            Self::NotGuid { what, text } => write!(
                f,
                "{} is not a valid {what}; write the GUID, as in aaaabbbb-0000-cccc-1111-dddd2222eeee",
                Excerpt(text)
            ),
            Self::WildcardNotAlone => f.write_str(
                "\"*\" accepts every tenant; make it the only entry, or remove it and list the tenants",
            ),
            Self::SymmetricAlgorithm { name } => write!(
                f,
                "{} is a symmetric algorithm: anyone who can verify a token can also forge one, so it is never \
                 accepted; remove it, and have tokens signed with RS256, ES256 or EdDSA",
                Excerpt(name)
            ),
            Self::NoneAlgorithm => {
                f.write_str("\"none\" means unsigned tokens, which are never accepted; remove it")
            }
            Self::UnknownAlgorithm { name, suggestion } => {
                write!(f, "{} is not a supported algorithm", Excerpt(name))?;
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean \"{suggestion}\"?"),
                    None => f.write_str(
                        "; use one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
                    ),
                }
            }
            Self::BadUri(error) => write!(f, "is not a valid URI for a callout: it {error}"),
            Self::TooShort { least } => {
                write!(f, "is too short; set it to at least {}", Shown(*least))
            }
            Self::TooLong { most } => write!(f, "is too long; set it to at most {}", Shown(*most)),
            Self::OutOfRange { least, most } => {
                write!(f, "is out of range; choose a value from {least} to {most}")
            }
            Self::StaleBeforeRefresh { refresh, max_stale } => write!(
                f,
                "{} is shorter than `refresh` ({}), so a valid response would expire between two fetches; raise \
                 max_stale or lower refresh",
                Shown(*max_stale),
                Shown(*refresh)
            ),
            Self::BelowBodyInspected { body_inspected } => write!(
                f,
                "is less than limits.body_inspected ({body_inspected}), so a body of that length could \
                 never be read; raise inspected_bytes or lower body_inspected"
            ),
            Self::BadKeySet(error) => write!(
                f,
                "contains no key that can verify a token: {error}; write the public keys of a JWKS"
            ),
            Self::BadClaimPath => f.write_str(
                "is not a valid claim path; write a member's name, or a JSON Pointer that begins with / and \
                 escapes ~ as ~0 and / as ~1",
            ),
            Self::NotScalar => {
                f.write_str("must be a string, a number, true or false, because a claim is compared with it")
            }
            Self::BadPattern { rule } => f.write_str(rule),

            Self::BadHeaderName => f.write_str(
                "is not a valid header name; use letters, digits and any of !#$%&'*+-.^_`|~ (RFC 9110)",
            ),
            Self::ReservedHeader { why } => {
                write!(f, "cannot be used: {why}; choose another header")
            }
            Self::DuplicateHeader { first } => {
                write!(f, "{first} already names this header; remove one of them")
            }

            Self::OverlappingIssuers { other, name, iss } => write!(
                f,
                "accepts the same iss {} as {other} ({}), but an iss must select exactly one issuer; remove one of \
                 them, or give them different tenants, clouds or versions",
                Excerpt(iss),
                Excerpt(name)
            ),

            Self::OneTenant => f.write_str(
                "Microsoft Graph returns the groups of one tenant's members only; list exactly one tenant in \
                 entra.tenants, and configure a separate issuer for each tenant",
            ),
            Self::OtherTenant { tenant } => write!(
                f,
                "is not the issuer's tenant, so Microsoft Graph would not find the issuer's callers; write \
                 {tenant}"
            ),
            Self::TooManyGroups { groups, most } => write!(
                f,
                "rules name {groups} groups, but at most {most} are looked up for a caller; use app roles or fewer \
                 groups"
            ),

            Self::MissingVariable { name } => write!(
                f,
                "the environment variable {} is not set; set it where the proxy starts and pass it to the VM \
                 (Envoy: vm_config.environment_variables.host_env_keys)",
                Excerpt(name)
            ),
            Self::EmptyVariable { name } => {
                write!(
                    f,
                    "the environment variable {} is empty; set it",
                    Excerpt(name)
                )
            }
            Self::BadSecret { variable } => {
                match variable {
                    Some(name) => write!(f, "the value of {}", Excerpt(name))?,
                    None => f.write_str("this value (not shown)")?,
                }
                f.write_str(
                    " cannot be sent in a header: it must be visible ASCII without spaces; set it to the token \
                     alone, without \"Bearer\"",
                )
            }

            Self::ExchangeForAnonymous => f.write_str(
                "an anonymous rule has no caller whose identity could be exchanged for a token; use another \
                 credential",
            ),
            Self::ExchangeForManyTenants { issuer } => write!(
                f,
                "issuer {} accepts several tenants, and any of their administrators could impersonate your users to \
                 Hugging Face; limit `match.issuers` to issuers of one tenant, or use another credential",
                Excerpt(issuer)
            ),
            Self::NoRequirement => f.write_str(
                "is required in an allow rule; to permit any authenticated caller, write \
                 {issuer: <name>}",
            ),
            Self::NoCredential => f.write_str(
                "is required in an allow rule; name the credential that replaces the caller's \
                 token",
            ),
            Self::DenyWithCredential => {
                f.write_str("a deny rule forwards no request; remove the credential")
            }
            Self::NotForAnonymous { field } => write!(
                f,
                "an anonymous rule requires no token, so {field} cannot apply; remove it, or remove \
                 `anonymous`"
            ),
            Self::AnonymousEverywhere => f.write_str(
                "an anonymous rule that matches every request would permit anyone; set its paths, hosts or methods",
            ),
        }
    }
}
