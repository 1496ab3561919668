//! `token`: the source of the bearer token of polls.

use super::Compiler;
use crate::failure::Failure;
use crate::feed::ssf::poll_token::{Authentication, Grant, SecretSource, Source};
use entragate::secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The form fields that the grant itself sets.
const RESERVED: [&str; 3] = ["grant_type", "client_id", "client_secret"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireGrant {
    uri: String,
    client_id: String,
    /// Untyped, because an error message of the parser could show a secret that was written here.
    client_secret: Value,
    authentication: Option<WireAuthentication>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireAuthentication {
    Basic,
    Body,
}

/// Compiles the source of a token.
///
/// # Errors
/// The first error, with its line.
pub fn compile(value: &Value, stream: &Compiler<'_>) -> Result<Source, Failure> {
    match only_member(value) {
        Some(("client_credentials", grant @ Value::Object(_))) => {
            Ok(Source::Granted(compile_grant(grant, stream)?))
        }
        _ => {
            let choices = "{env: NAME}, {file: PATH} or {client_credentials: …}";
            Ok(Source::Given(secret(value, "token", choices, stream)?))
        }
    }
}

fn compile_grant(value: &Value, stream: &Compiler<'_>) -> Result<Grant, Failure> {
    const AT: &str = "token.client_credentials";
    let at = |member: &str| format!("{AT}.{member}");
    let wire: WireGrant = serde_json::from_value(value.clone())
        .map_err(|error| stream.invalid(AT, &error.to_string()))?;
    if let Some(name) = RESERVED
        .iter()
        .find(|name| wire.parameters.contains_key(**name))
    {
        let text = format!("must not contain {name}, which the grant itself sets");
        return Err(stream.invalid(&at("parameters"), &text));
    }
    let is_basic = matches!(wire.authentication, None | Some(WireAuthentication::Basic));
    let choices = "{env: NAME} or {file: PATH}";
    Ok(Grant {
        endpoint: stream.target(&at("uri"), &wire.uri)?,
        client_id: wire.client_id,
        client_secret: secret(&wire.client_secret, &at("client_secret"), choices, stream)?,
        authentication: if is_basic {
            Authentication::Basic
        } else {
            Authentication::Body
        },
        parameters: wire.parameters.into_iter().collect(),
    })
}

/// Compiles a secret that is in an environment variable or a file.
fn secret(
    value: &Value,
    at: &str,
    choices: &str,
    stream: &Compiler<'_>,
) -> Result<SecretSource, Failure> {
    match only_member(value) {
        Some(("file", Value::String(file))) => Ok(SecretSource::File(file.into())),
        Some(("env", Value::String(name))) => {
            let value = (stream.env)(name).filter(|value| !value.is_empty());
            let text = format!("the environment variable \"{name}\" is not set; set it");
            let value = value.ok_or_else(|| stream.invalid(&format!("{at}.env"), &text))?;
            Ok(SecretSource::Fixed(Secret::new(value)))
        }
        _ => Err(stream.invalid(at, &format!("must be {choices}"))),
    }
}

/// The only member of an object.
fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let mut members = value.as_object()?.iter();
    let (name, value) = members.next()?;
    members.next().is_none().then_some((name.as_str(), value))
}
