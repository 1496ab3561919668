//! Microsoft Graph's `checkMemberGroups`: which of the given groups a user or an application is in,
//! directly or through nested groups.

use crate::fetch::callout::{Answer, Callout, CalloutError, Target};
use crate::json;
use crate::token::claims::Claims;
use crate::token::facets;
use crate::token::issuer::is_guid;
use crate::token::kind::Kind;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The maximum number of groups that Graph accepts in one call.
pub const MOST_GROUPS: usize = 20;
/// The size limit of a response. Twenty GUIDs take about 1 KB in JSON.
const MAX_BYTES: usize = 64 * 1024;

/// The claim with the caller's object id in the directory.
pub const OBJECT: &str = "oid";

/// The directory object whose groups are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The object id: a GUID in lower case.
    pub object: String,
    collection: &'static str,
}

impl Subject {
    /// Returns the caller as the directory knows it: by Entra's `oid`, even if rules match another
    /// claim as the object.
    pub fn of(caller: &Claims) -> Option<Self> {
        let object = caller.others.get(OBJECT)?;
        let object = object.as_str()?;
        let collection = match caller.kind {
            Some(Kind::User) => "users",
            Some(Kind::App) => "servicePrincipals",
            Some(Kind::Agent)
                if caller
                    .others
                    .get(facets::TYPE)
                    .is_some_and(|own| own == "user") =>
            {
                "users"
            }
            Some(Kind::Agent) => "servicePrincipals",
            // This path accepts every kind of object, but reading it requires more permissions
            // (Directory.Read.All).
            None => "directoryObjects",
        };
        is_guid(object).then(|| Self {
            object: object.to_ascii_lowercase(),
            collection,
        })
    }
}

/// Builds the call for at most [`MOST_GROUPS`] groups. `graph` is the address of Graph, including
/// the version.
pub fn request(graph: &Target, subject: &Subject, groups: &[String], timeout: Duration) -> Callout {
    let Subject { object, collection } = subject;
    let mut target = graph.clone();
    target.path = format!("{}{collection}/{object}/checkMemberGroups", graph.path);
    let body = json!({ "groupIds": groups }).to_string();
    Callout::post(target, "application/json", body.into_bytes(), timeout)
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    Callout(CalloutError),
    /// The object does not exist.
    UnknownCaller,
    /// Another error, with Graph's error code if the answer has one.
    Status(u16, Option<String>),
    TooLarge {
        bytes: usize,
    },
    /// Not a JSON object whose `value` is a list of GUIDs.
    NoList,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::UnknownCaller => f.write_str("the object does not exist"),
            Self::Status(status, code) => {
                write!(f, "the answer has status {status}")?;
                if let Some(code) = code {
                    write!(f, ", {code}")?;
                }
                match status {
                    403 => f.write_str(
                        "; the filter's app needs the permissions GroupMember.Read.All and User.Read.All \
                         (Application.Read.All for apps), granted by an administrator",
                    ),
                    _ => Ok(()),
                }
            }
            Self::TooLarge { bytes } => write!(
                f,
                "the answer of {bytes} bytes exceeds the limit of {MAX_BYTES}"
            ),
            Self::NoList => f.write_str("the answer is not a list of groups"),
        }
    }
}

/// Returns the groups of an answer, in lower case.
///
/// # Errors
/// [`GraphError`] if the answer cannot be used. An error must not be treated as "in none of the groups".
pub fn read(answer: Answer) -> Result<Vec<String>, GraphError> {
    let (status, body) = match answer {
        Answer::Response { status, body } => (status, body),
        Answer::Failed(error) => return Err(GraphError::Callout(error)),
    };
    if body.len() > MAX_BYTES {
        return Err(GraphError::TooLarge { bytes: body.len() });
    }
    match status {
        200 => list(&body).ok_or(GraphError::NoList),
        404 => Err(GraphError::UnknownCaller),
        _ => Err(GraphError::Status(status, json::error_code(&body))),
    }
}

fn list(body: &[u8]) -> Option<Vec<String>> {
    let members = json::parse_object(body).ok()?;
    let groups = members.get("value")?.as_array()?.iter();
    let group = |value: &Value| {
        let id = value.as_str().filter(|id| is_guid(id))?;
        Some(id.to_ascii_lowercase())
    };
    groups.map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "11111111-1111-1111-1111-11111111AAAA";

    fn read_answer(status: u16, body: &str) -> Result<Vec<String>, GraphError> {
        read(Answer::of(status, None, body.as_bytes().to_vec()))
    }

    #[test]
    fn malformed_list_is_rejected_as_a_whole() {
        let whole = json!({"@odata.context": "…", "value": [GROUP]}).to_string();
        assert_eq!(
            read_answer(200, &whole),
            Ok(vec![GROUP.to_ascii_lowercase()])
        );
        assert_eq!(read_answer(200, r#"{"value":[]}"#), Ok(Vec::new()));
        for garbage in [
            "",
            "[]",
            "{}",
            r#"{"value":null}"#,
            r#"{"value":"11111111-1111-1111-1111-111111111111"}"#,
            r#"{"value":["11111111-1111-1111-1111-111111111111",1]}"#,
            r#"{"value":["sales"]}"#,
            r#"{"value":[],"value":["11111111-1111-1111-1111-111111111111"]}"#,
            r#"{"value":[]} {}"#,
        ] {
            assert_eq!(
                read_answer(200, garbage),
                Err(GraphError::NoList),
                "{garbage}"
            );
        }
    }

    #[test]
    fn error_contains_only_graphs_code() {
        let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient"}}"#;
        let text = read_answer(403, denied).unwrap_err().to_string();
        assert!(text.starts_with(
            "the answer has status 403, Authorization_RequestDenied; the filter's app"
        ));
        let hostile = r#"{"error":{"code":"\n<b>"}}"#;
        assert_eq!(
            read_answer(500, hostile),
            Err(GraphError::Status(500, None))
        );
        assert_eq!(read_answer(404, ""), Err(GraphError::UnknownCaller));
        let bytes = 70_000;
        assert_eq!(
            read_answer(200, &"x".repeat(bytes)),
            Err(GraphError::TooLarge { bytes })
        );
    }
}
