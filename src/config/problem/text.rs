//! What the user reads of each problem.

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
            Self::NotJson(error) => write!(f, "the configuration is no JSON: {error}"),
            Self::NotStruct(error) => {
                write!(f, "the configuration is no google.protobuf.Struct: {error}")
            }

            Self::UnknownField {
                suggestion: Some(meant),
                ..
            } => {
                write!(f, "no such field; did you mean \"{meant}\"?")
            }
            Self::UnknownField { expected: [], .. } => f.write_str("no such field; remove it"),
            Self::UnknownField {
                expected,
                suggestion: None,
            } => {
                write!(
                    f,
                    "no such field; remove it, or use one of {}",
                    List(expected)
                )
            }
            Self::Missing => f.write_str("is required; add it"),
            Self::WrongType { expected, found } => write!(f, "must be {expected}, but is {found}"),
            Self::NotDuration { text } => write!(
                f,
                "{} is no duration; write a whole number and a unit, as in 500ms, 5s, 10m or 24h",
                Excerpt(text)
            ),
            Self::UnknownChoice {
                found,
                expected,
                suggestion,
            } => {
                match found {
                    Some(found) => write!(f, "{} is not known", Excerpt(found))?,
                    None => f.write_str("what stands there is not known")?,
                }
                match suggestion {
                    Some(meant) => write!(f, "; did you mean \"{meant}\"?"),
                    None => write!(f, "; use one of {}", List(expected)),
                }
            }
            Self::NotOneChoice { found: 0, expected } => {
                write!(f, "is empty; give it one of {}", List(expected))
            }
            Self::NotOneChoice { found, expected } => {
                write!(
                    f,
                    "has {found} members; give it exactly one of {}",
                    List(expected)
                )?;
                match expected.contains(&"all") {
                    true => f.write_str(", combining several under \"all\" or \"any\""),
                    false => Ok(()),
                }
            }
            Self::BareChoice { choice } => {
                write!(f, "\"{choice}\" needs a value; write {{{choice}: …}}")
            }
            Self::Unreadable(error) => f.write_str(error),

            Self::BadName { name } => write!(
                f,
                "{} is no name; use 1 to 63 of the characters a-z, 0-9 and -",
                Excerpt(name)
            ),
            Self::DuplicateName { first } => {
                write!(f, "{first} has this name already; choose another")
            }
            Self::Dangling {
                kind,
                name,
                suggestion,
            } => {
                write!(f, "no {kind} is named {}", Excerpt(name))?;
                match suggestion {
                    Some(meant) => write!(f, "; did you mean {}?", Excerpt(meant)),
                    None => write!(f, "; add it under `{kind}s`, or name one that stands there"),
                }
            }

            Self::EmptyList { otherwise } => write!(f, "is an empty list; {otherwise}"),
            Self::ExactlyOne { of, found } => match found.as_slice() {
                [] => write!(f, "give it exactly one of {}; it has none", List(of)),
                found => write!(
                    f,
                    "give it exactly one of {}; it has {}: keep one of them",
                    List(of),
                    List(found)
                ),
            },
            Self::Useless { beside } => write!(f, "means nothing beside {beside}; remove it"),

            Self::EmptyText => f.write_str("is an empty text; fill it in or remove it"),
            Self::BadText { rule } => f.write_str(rule),
            Self::NotGuid { what, text } => write!(
                f,
                "{} is no {what}; write the GUID, as in aaaabbbb-0000-cccc-1111-dddd2222eeee",
                Excerpt(text)
            ),
            Self::WildcardNotAlone => f.write_str(
                "\"*\" accepts every tenant; let it stand alone or remove it and list the tenants",
            ),
            Self::SymmetricAlgorithm { name } => write!(
                f,
                "{} is symmetric: whoever can check such a token can also forge it, so it is never \
                 accepted; remove it, and have tokens signed with RS256, ES256 or EdDSA",
                Excerpt(name)
            ),
            Self::NoneAlgorithm => {
                f.write_str("\"none\" means unsigned tokens, which are never accepted; remove it")
            }
            Self::UnknownAlgorithm { name, suggestion } => {
                write!(f, "{} is no algorithm we know", Excerpt(name))?;
                match suggestion {
                    Some(meant) => write!(f, "; did you mean \"{meant}\"?"),
                    None => f.write_str(
                        "; use one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
                    ),
                }
            }
            Self::BadUri(error) => write!(f, "is no address for a callout: it {error}"),
            Self::TooShort { least } => {
                write!(f, "is too short; give it at least {}", Shown(*least))
            }
            Self::TooLong { most } => write!(f, "is too long; give it at most {}", Shown(*most)),
            Self::OutOfRange { least, most } => {
                write!(f, "is out of bounds; choose from {least} to {most}")
            }
            Self::StaleBeforeRefresh { refresh, max_stale } => write!(
                f,
                "{} is shorter than `refresh` ({}), so that a good answer would lapse between \
                 two fetches; raise max_stale or lower refresh",
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
                "holds no key that could check a token: {error}; write the public keys of a JWKS"
            ),
            Self::BadClaimPath => f.write_str(
                "is no claim; write a member's name, or a JSON Pointer that begins with / and \
                 escapes ~ as ~0 and / as ~1",
            ),
            Self::NotScalar => {
                f.write_str("must be a text, a number, true or false; a claim is compared with it")
            }
            Self::BadPattern { rule } => f.write_str(rule),

            Self::BadHeaderName => f.write_str(
                "is no header name; use letters, digits and any of !#$%&'*+-.^_`|~ (RFC 9110)",
            ),
            Self::ReservedHeader { why } => {
                write!(f, "can't be used: {why}; choose another header")
            }
            Self::DuplicateHeader { first } => {
                write!(f, "{first} names this header already; remove one of them")
            }

            Self::OverlappingIssuers { other, name, iss } => write!(
                f,
                "accepts iss {} like {other} ({}), but a token must pick one issuer; remove one of \
                 them, or give them different tenants, clouds or versions",
                Excerpt(iss),
                Excerpt(name)
            ),

            Self::OneTenant => f.write_str(
                "Microsoft Graph tells the groups of one tenant's members only; list exactly one \
                 tenant in entra.tenants, and give each tenant an issuer of its own",
            ),
            Self::OtherTenant { tenant } => write!(
                f,
                "is another tenant than the issuer's, whose members Graph would not know; write \
                 {tenant}"
            ),
            Self::TooManyGroups { groups, most } => write!(
                f,
                "rules name {groups} groups, but at most {most} are looked up for a caller; use \
                 app roles, or fewer groups"
            ),

            Self::MissingVariable { name } => write!(
                f,
                "the environment has no {}; set it where the proxy starts and let the VM see it \
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
                    " can't stand in a header: it must be visible ASCII without blanks; give the \
                     token alone, without \"Bearer\"",
                )
            }

            Self::ExchangeForNobody => f.write_str(
                "an anonymous rule has no caller whose name could be exchanged for a token; name \
                 another credential",
            ),
            Self::ExchangeForManyTenants { issuer } => write!(
                f,
                "issuer {} accepts several tenants, whose administrators could name your people \
                 as theirs, and Hugging Face would believe it; let `match.issuers` name issuers of \
                 one tenant only, or name another credential",
                Excerpt(issuer)
            ),
            Self::NoRequirement => f.write_str(
                "is required in a rule that allows; to let any authenticated caller in, write \
                 {issuer: <name>}",
            ),
            Self::NoCredential => f.write_str(
                "is required in a rule that allows; name the credential that replaces the caller's \
                 token",
            ),
            Self::DenyWithCredential => {
                f.write_str("a rule that denies forwards nothing; remove the credential")
            }
            Self::NotForAnonymous { field } => write!(
                f,
                "an anonymous rule asks for no token, so {field} can't apply; remove it, or remove \
                 `anonymous`"
            ),
            Self::AnonymousEverywhere => f.write_str(
                "an anonymous rule that matches everything would let everyone in; name its paths, \
                 hosts or methods",
            ),
        }
    }
}
