//! The file of `--ssf`: the streams to poll.

use super::set::Expected;
use crate::deployment::{Document, load};
use crate::failure::Failure;
use crate::input::UNREADABLE;
use entragate::fetch::callout::Target;
use entragate::secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The longest life of an Entra token.
const TOKEN_LIFE: Duration = Duration::from_secs(28 * 3600);

/// What users write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    state: PathBuf,
    subjects: Option<PathBuf>,
    token_life: Option<String>,
    streams: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStream {
    name: String,
    poll: String,
    issuer: String,
    audience: String,
    jwks: String,
    /// A value, because a message of the parser could show a token that was written here.
    token: Option<Value>,
    subject_issuers: Option<Vec<String>>,
    #[serde(default)]
    session_ids: bool,
    wait: Option<String>,
    interval: Option<String>,
    max_stale: Option<String>,
}

/// All streams.
#[derive(Debug)]
pub struct Settings {
    pub state: PathBuf,
    pub subjects: Option<PathBuf>,
    pub token_life: Duration,
    pub streams: Vec<StreamSettings>,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    pub name: String,
    pub poll: Target,
    pub jwks: Target,
    pub token: Option<PollToken>,
    pub expected: Expected,
    /// The transmitter's sessions are the `sid` of tokens.
    pub has_session_ids: bool,
    /// How long a poll waits for events.
    pub wait: Duration,
    /// The shortest time between two polls that bring nothing.
    pub interval: Duration,
    pub max_stale: Duration,
}

/// Where the token for polls is: a variable, or a file, which is read for every poll.
#[derive(Clone)]
pub enum PollToken {
    Fixed(Arc<Secret>),
    File(PathBuf),
}

impl std::fmt::Debug for PollToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PollToken")
    }
}

impl PollToken {
    /// Returns the token.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Fixed(secret) => Ok(Secret::new(secret.expose().to_owned())),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Secret::new(text.trim().to_owned())),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
        }
    }
}

/// Reads the file.
///
/// # Errors
/// All errors with their lines.
pub fn load(file: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Failure> {
    let deployment = load::load(&[file.to_owned()]).map_err(Failure::unusable)?;
    let [document] = deployment.documents.as_slice() else {
        return Err(Failure::of(UNREADABLE, file, "must contain one document"));
    };
    let invalid = |path: &str, text: String| Failure::invalid(document, path, &text);
    let wire: Wire = serde_json::from_value(document.root().value.clone())
        .map_err(|error| invalid("", error.to_string()))?;
    if wire.streams.is_empty() {
        return Err(invalid("streams", "must not be empty".to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut streams = Vec::new();
    for (index, value) in wire.streams.iter().enumerate() {
        let path = format!("streams[{index}]");
        let own: WireStream = serde_json::from_value(value.clone())
            .map_err(|error| invalid(&path, error.to_string()))?;
        let stream = compile(own, &path, document, env)?;
        if !names.insert(stream.name.clone()) {
            let text = "must be different from the names of other streams";
            return Err(invalid(&format!("{path}.name"), text.to_owned()));
        }
        streams.push(stream);
    }
    Ok(Settings {
        state: wire.state,
        subjects: wire.subjects,
        token_life: duration(wire.token_life.as_deref(), TOKEN_LIFE)
            .map_err(|text| invalid("token_life", text))?,
        streams,
    })
}

fn compile(
    own: WireStream,
    path: &str,
    document: &Document,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<StreamSettings, Failure> {
    let invalid =
        |member: &str, text: &str| Failure::invalid(document, &format!("{path}.{member}"), text);
    let target = |member: &str, uri: &str| {
        let target = Target::parse("", uri);
        let target = target.map_err(|error| invalid(member, &error.to_string()))?;
        // Plain HTTP shows the token and lets anyone answer.
        let host = match target.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &target.authority,
        };
        if target.scheme == "http" && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
            return Err(invalid(
                member,
                "must begin with https://, except on this machine",
            ));
        }
        Ok(target)
    };
    let time = |member: &str, text: &Option<String>, default: u64| {
        let default = Duration::from_secs(default);
        duration(text.as_deref(), default).map_err(|text| invalid(member, &text))
    };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if own.name.is_empty() || !own.name.bytes().all(is_plain) {
        return Err(invalid("name", "must consist of a-z, 0-9 and -"));
    }
    let token = match own.token.as_ref().map(source) {
        None => None,
        Some(Some(("file", file))) => Some(PollToken::File(file.into())),
        Some(Some(("env", name))) => {
            let value = env(name).filter(|value| !value.is_empty());
            let text = format!("the environment variable \"{name}\" is not set; set it");
            let value = value.ok_or_else(|| invalid("token.env", &text))?;
            Some(PollToken::Fixed(Arc::new(Secret::new(value))))
        }
        Some(_) => return Err(invalid("token", "must be {env: NAME} or {file: PATH}")),
    };
    let wait = time("wait", &own.wait, 20)?;
    let max_stale = time("max_stale", &own.max_stale, 600)?;
    if max_stale < wait.saturating_mul(2) {
        return Err(invalid("max_stale", "must be at least twice `wait`"));
    }
    Ok(StreamSettings {
        wait,
        max_stale,
        poll: target("poll", &own.poll)?,
        jwks: target("jwks", &own.jwks)?,
        interval: time("interval", &own.interval, 2)?,
        name: own.name,
        token,
        expected: Expected {
            subject_issuers: own.subject_issuers.unwrap_or(vec![own.issuer.clone()]),
            issuer: own.issuer,
            audience: own.audience,
        },
        has_session_ids: own.session_ids,
    })
}

/// The only member of an object, if it is a text.
fn source(token: &Value) -> Option<(&str, &str)> {
    let mut members = token.as_object()?.iter();
    let (name, value) = members.next()?;
    members.next().is_none().then_some((name, value.as_str()?))
}

fn duration(text: Option<&str>, default: Duration) -> Result<Duration, String> {
    let Some(text) = text else {
        return Ok(default);
    };
    let span = humantime::parse_duration(text).ok();
    let span = span.filter(|span| !span.is_zero());
    span.ok_or_else(|| "must be a duration, such as 20s or 10m".to_owned())
}
