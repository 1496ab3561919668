//! The subjects of events: subject identifiers (RFC 9493, SSF 1.0 §3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The maximum length of an identifier, in bytes.
const MAX_BYTES: usize = 1024;

/// A person or an app, as the transmitter identifies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Principal {
    pub name: String,
    /// Whether the name may be the caller's object id in tokens. Otherwise (for an email address, for example), only
    /// the file of `subjects` contains the object id.
    pub is_object: bool,
}

/// The parts of a subject that can be compared with tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub principals: Vec<Principal>,
    pub sessions: Vec<String>,
    /// Values of `jti`.
    pub tokens: Vec<String>,
    /// The subject is one opaque identifier, of an account or of a session.
    pub is_opaque: bool,
    /// The identifier of the session is not opaque, so tokens may use another id for it.
    pub is_session_unclear: bool,
}

/// A subject that does not conform to its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Subject {
    /// Reads a subject. `issuers` are the issuers whose `sub` is the caller's object id. An unknown format yields a
    /// subject without parts.
    ///
    /// # Errors
    /// A member that the format requires is missing, empty or too long.
    pub fn read(value: &Value, issuers: &[String]) -> Result<Self, Malformed> {
        let members = value.as_object().ok_or(Malformed)?;
        let mut subject = Self::default();
        match format(members)?.as_deref() {
            Some("aliases") => {
                let identifiers = members.get("identifiers").and_then(Value::as_array);
                let identifiers = identifiers.filter(|all| !all.is_empty());
                for identifier in identifiers.ok_or(Malformed)? {
                    subject.add_simple(identifier, issuers)?;
                }
            }
            // Drafts of SSF had no format for a complex subject.
            Some("complex") | None => subject.add_complex(members, issuers)?,
            Some(format) => {
                subject.is_opaque = format == "opaque";
                subject.add_simple(value, issuers)?;
            }
        }
        Ok(subject)
    }

    /// All members describe one principal. A token has no claim that could be compared with a device, a tenant or a
    /// group.
    fn add_complex(
        &mut self,
        members: &Map<String, Value>,
        issuers: &[String],
    ) -> Result<(), Malformed> {
        let parts = members.iter().filter(|(name, _)| *name != "format");
        let mut is_empty = true;
        for (name, part) in parts {
            is_empty = false;
            let mut own = Self::read(part, issuers)?;
            match name.as_str() {
                "user" => self.principals.append(&mut own.principals),
                "session" => {
                    self.is_session_unclear |= !own.is_opaque;
                    let named = own.principals.into_iter().filter(|own| own.is_object);
                    self.sessions.extend(named.map(|own| own.name));
                }
                _ => {}
            }
            self.tokens.append(&mut own.tokens);
        }
        if is_empty { Err(Malformed) } else { Ok(()) }
    }

    fn add_simple(&mut self, value: &Value, issuers: &[String]) -> Result<(), Malformed> {
        let members = value.as_object().ok_or(Malformed)?;
        let text = |name: &str| {
            let text = members.get(name).and_then(Value::as_str);
            let text = text.filter(|text| !text.is_empty() && text.len() <= MAX_BYTES);
            text.map(str::to_owned).ok_or(Malformed)
        };
        let mut add = |name: String, is_object: bool| {
            self.principals.push(Principal { name, is_object });
        };
        match format(members)?.as_deref() {
            Some("opaque") => add(text("id")?, true),
            Some("iss_sub") => {
                let (issuer, sub) = (text("iss")?, text("sub")?);
                if issuers.contains(&issuer) {
                    add(sub, true);
                } else {
                    add(format!("{issuer} {sub}"), false);
                }
            }
            // Addresses are compared case-insensitively.
            Some("email") => add(text("email")?.to_lowercase(), false),
            Some("phone_number") => add(text("phone_number")?, false),
            Some("account" | "uri") => add(text("uri")?, false),
            Some("did") => add(text("url")?, false),
            Some("jwt_id") => {
                text("iss")?;
                self.tokens.push(text("jti")?);
            }
            // Aliases contain no further aliases (RFC 9493 §3.2.8), nor complex subjects.
            Some("aliases" | "complex") | None => return Err(Malformed),
            Some(_) => {}
        }
        Ok(())
    }
}

/// Returns the format. RISC of 2018 calls it `subject_type`, with hyphens.
fn format(members: &Map<String, Value>) -> Result<Option<String>, Malformed> {
    let format = members.get("format").or(members.get("subject_type"));
    let Some(format) = format else {
        return Ok(None);
    };
    let format = format.as_str().ok_or(Malformed)?;
    Ok(Some(format.replace('-', "_")))
}
