//! The file of `--ssf`: the streams to poll.

mod token;

use super::poll_token;
use super::set::Expected;
use crate::deployment::{Document, load};
use crate::failure::Failure;
use crate::input::UNREADABLE;
use entragate::fetch::callout::Target;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The maximum lifetime of an Entra token.
const TOKEN_LIFE: Duration = Duration::from_secs(28 * 3600);

/// The settings as users write them.
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
    /// Untyped, because an error message of the parser could show a token that was written here.
    token: Option<Value>,
    subject_issuers: Option<Vec<String>>,
    #[serde(default)]
    session_ids: bool,
    #[serde(default)]
    issues_tokens: bool,
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
    pub token: Option<poll_token::Source>,
    pub expected: Expected,
    /// The transmitter's session ids are the `sid` of tokens.
    pub has_session_ids: bool,
    /// The transmitter issues the tokens of its accounts, and issues none for a disabled account.
    pub issues_tokens: bool,
    /// How long a poll waits for events.
    pub wait: Duration,
    /// The minimum time between two polls that return no events.
    pub interval: Duration,
    pub max_stale: Duration,
}

/// Reads the file.
///
/// # Errors
/// All errors, with their lines.
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
        let compiler = Compiler {
            document,
            path,
            env,
        };
        let stream = compiler.stream(own)?;
        if !names.insert(stream.name.clone()) {
            let text = "must be different from the names of other streams";
            return Err(compiler.invalid("name", text));
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

/// The input for compiling one stream.
struct Compiler<'c> {
    document: &'c Document,
    /// The path of the stream.
    path: String,
    env: &'c dyn Fn(&str) -> Option<String>,
}

impl Compiler<'_> {
    fn invalid(&self, member: &str, text: &str) -> Failure {
        Failure::invalid(self.document, &format!("{}.{member}", self.path), text)
    }

    fn target(&self, member: &str, uri: &str) -> Result<Target, Failure> {
        let target = Target::parse("", uri);
        let target = target.map_err(|error| self.invalid(member, &error.to_string()))?;
        // Plain HTTP would disclose the token, and anyone on the network could answer.
        let host = match target.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &target.authority,
        };
        if target.scheme == "http" && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
            let text = "must begin with https://, except on this machine";
            return Err(self.invalid(member, text));
        }
        Ok(target)
    }

    fn duration(
        &self,
        member: &str,
        text: Option<&str>,
        default: u64,
    ) -> Result<Duration, Failure> {
        let default = Duration::from_secs(default);
        duration(text, default).map_err(|text| self.invalid(member, &text))
    }

    fn stream(&self, own: WireStream) -> Result<StreamSettings, Failure> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if own.name.is_empty() || !own.name.bytes().all(is_plain) {
            return Err(self.invalid("name", "must consist of a-z, 0-9 and -"));
        }
        let token = own.token.as_ref().map(|token| token::compile(token, self));
        let wait = self.duration("wait", own.wait.as_deref(), 20)?;
        let max_stale = self.duration("max_stale", own.max_stale.as_deref(), 600)?;
        if max_stale < wait.saturating_mul(2) {
            return Err(self.invalid("max_stale", "must be at least twice `wait`"));
        }
        Ok(StreamSettings {
            wait,
            max_stale,
            poll: self.target("poll", &own.poll)?,
            jwks: self.target("jwks", &own.jwks)?,
            interval: self.duration("interval", own.interval.as_deref(), 2)?,
            name: own.name,
            token: token.transpose()?,
            expected: Expected {
                subject_issuers: own.subject_issuers.unwrap_or(vec![own.issuer.clone()]),
                issuer: own.issuer,
                audience: own.audience,
            },
            has_session_ids: own.session_ids,
            issues_tokens: own.issues_tokens,
        })
    }
}

fn duration(text: Option<&str>, default: Duration) -> Result<Duration, String> {
    let Some(text) = text else {
        return Ok(default);
    };
    let span = humantime::parse_duration(text).ok();
    let span = span.filter(|span| !span.is_zero());
    span.ok_or_else(|| "must be a duration, such as 20s or 10m".to_owned())
}
