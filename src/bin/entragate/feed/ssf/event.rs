//! The effect of an event on tokens (CAEP 1.0, RISC 1.0, SSF 1.0).

use super::subject::Subject;
use entragate::time::Timestamp;
use serde_json::Value;

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// The effect of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// All tokens are revoked until the account is enabled.
    Disable(Subject),
    Enable(Subject),
    /// All tokens are revoked until no token from before the event can be valid.
    Purge(Subject),
    /// Tokens that were issued before the event are revoked.
    EndTokens(Subject),
    /// The transmitter reports the stream's status.
    Stream(StreamStatus),
    /// The event ends no access, or is of an unknown type.
    Nothing,
}

/// The status of a stream (SSF 1.0, "Stream Status").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Enabled,
    /// Events are kept until the stream is enabled.
    Paused,
    /// Events are lost.
    Disabled,
}

/// One event of a SET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub effect: Effect,
    /// When the event happened, if the transmitter reports it.
    pub at: Option<Timestamp>,
    /// The name of the type, for counters: `other` if the type is unknown.
    pub name: &'static str,
}

/// An event that does not conform to its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The rule that the type of an event determines, without its payload.
#[derive(Clone, Copy)]
enum Rule {
    Disable,
    Enable,
    Purge,
    EndTokens,
    /// The event concerns the session of the subject, so an opaque subject may be a session.
    EndSession,
    /// Tokens are revoked unless the member has this value. `true`: the member is required.
    Unless(&'static str, &'static str, bool),
    Stream,
    Nothing,
}

/// The events, by type: the part after the prefix, and the rule.
const EVENTS: [(&str, &str, Rule); 24] = [
    (CAEP, "session-revoked", Rule::EndSession),
    (CAEP, "token-claims-change", Rule::EndTokens),
    (
        CAEP,
        "credential-change",
        Rule::Unless("change_type", "create", true),
    ),
    (
        CAEP,
        "assurance-level-change",
        Rule::Unless("change_direction", "increase", false),
    ),
    (
        CAEP,
        "device-compliance-change",
        Rule::Unless("current_status", "compliant", true),
    ),
    (CAEP, "session-established", Rule::Nothing),
    (CAEP, "session-presented", Rule::Nothing),
    (CAEP, "risk-level-change", Rule::Nothing),
    (RISC, "account-disabled", Rule::Disable),
    (RISC, "account-enabled", Rule::Enable),
    (RISC, "account-purged", Rule::Purge),
    (RISC, "sessions-revoked", Rule::EndTokens),
    (RISC, "account-credential-change-required", Rule::EndTokens),
    (RISC, "credential-compromise", Rule::EndTokens),
    (RISC, "identifier-changed", Rule::Nothing),
    (RISC, "identifier-recycled", Rule::Nothing),
    (RISC, "opt-in", Rule::Nothing),
    (RISC, "opt-out-initiated", Rule::Nothing),
    (RISC, "opt-out-cancelled", Rule::Nothing),
    (RISC, "opt-out-effective", Rule::Nothing),
    (RISC, "recovery-activated", Rule::Nothing),
    (RISC, "recovery-information-changed", Rule::Nothing),
    (SSF, "verification", Rule::Nothing),
    (SSF, "stream-updated", Rule::Stream),
];

/// Reads an event. `subject` is the SET's own subject (`sub_id`), which takes precedence over the subject in the event.
///
/// # Errors
/// [`Malformed`] if an event of a known type lacks a member that its definition requires.
pub fn read(
    kind: &str,
    payload: &Value,
    subject: Option<&Value>,
    issuers: &[String],
) -> Result<Event, Malformed> {
    let payload = payload.as_object().ok_or(Malformed)?;
    let is_of = |(prefix, name, _): &&(&str, &str, Rule)| kind.strip_prefix(prefix) == Some(name);
    let Some((_, name, rule)) = EVENTS.iter().find(is_of) else {
        let (effect, at, name) = (Effect::Nothing, None, "other");
        return Ok(Event { effect, at, name });
    };
    let subject = || {
        let subject = subject.or(payload.get("subject")).ok_or(Malformed)?;
        Subject::read(subject, issuers).map_err(|_| Malformed)
    };
    let member = |name: &str| match payload.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Malformed),
    };
    let effect = match *rule {
        Rule::Nothing => Effect::Nothing,
        Rule::Disable => Effect::Disable(subject()?),
        Rule::Enable => Effect::Enable(subject()?),
        Rule::Purge => Effect::Purge(subject()?),
        Rule::EndTokens => Effect::EndTokens(subject()?),
        Rule::EndSession => {
            let mut subject = subject()?;
            if subject.is_opaque {
                let names = subject.principals.iter().map(|own| own.name.clone());
                subject.sessions = names.collect();
            }
            Effect::EndTokens(subject)
        }
        Rule::Unless(name, harmless, is_required) => match member(name)? {
            Some(value) if value == harmless => Effect::Nothing,
            None if is_required => return Err(Malformed),
            Some(_) | None => Effect::EndTokens(subject()?),
        },
        Rule::Stream => Effect::Stream(match member("status")?.ok_or(Malformed)? {
            "enabled" => StreamStatus::Enabled,
            "paused" => StreamStatus::Paused,
            // An unknown status may lose events as well.
            _ => StreamStatus::Disabled,
        }),
    };
    let at = match payload.get("event_timestamp") {
        None => None,
        Some(at) => Some(timestamp(at).ok_or(Malformed)?),
    };
    Ok(Event { effect, at, name })
}

/// Reads a time in seconds since 1970, which may have a fraction.
pub fn timestamp(value: &Value) -> Option<Timestamp> {
    let secs = value.as_f64().filter(|secs| *secs >= 0.0)?;
    Some(Timestamp::from_millis((secs * 1000.0).round() as u64))
}
