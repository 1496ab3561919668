//! Protected resource metadata (RFC 9728): a document with the authorization servers and scopes of this
//! resource. It is served without authentication, since a client reads it before it has a token.

use crate::decision::Grant;
use crate::model::request::Request;
use crate::reply::{Reply, ReplyContext};
use serde_json::{Value, json};

/// The path of the document. If the resource has a path, that path is appended.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// How long a client may keep the document, in seconds.
const MAX_AGE: &str = "max-age=3600";

/// The compiled form of `replies.protected_resource`.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    /// The document's URL, for challenges.
    pub address: String,
    /// The resource's path, which follows [`WELL_KNOWN`]; empty if it has none.
    path: String,
    /// The scopes, separated by spaces; empty if there are none.
    pub scope: String,
    document: String,
}

impl ProtectedResource {
    /// Creates the document of the resource `origin` + `path`. A path begins with a slash or is empty.
    pub fn new(origin: &str, path: &str, servers: &[String], scopes: &[String]) -> Self {
        let suffix = if path == "/" { "" } else { path };
        let mut document = json!({
            "resource": format!("{origin}{path}"),
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
        });
        if !scopes.is_empty()
            && let Value::Object(members) = &mut document
        {
            members.insert("scopes_supported".to_owned(), json!(scopes));
        }
        Self {
            address: format!("{origin}{WELL_KNOWN}{suffix}"),
            path: suffix.to_owned(),
            scope: scopes.join(" "),
            document: document.to_string(),
        }
    }

    /// Whether the request is for the document.
    pub fn is_asked_by(&self, request: &Request) -> bool {
        let rest = request.path.strip_prefix(WELL_KNOWN);
        let here = rest.is_some_and(|rest| rest.is_empty() || rest == self.path);
        here && matches!(&*request.method, "GET" | "HEAD")
    }

    pub fn reply(&self, reply_context: &ReplyContext) -> Reply {
        const NO_GRPC: i32 = -1;
        Reply {
            status: 200,
            headers: vec![
                ("content-type", "application/json".into()),
                ("cache-control", MAX_AGE.into()),
                ("x-request-id", reply_context.request_id.to_string().into()),
            ],
            body: self.document.clone(),
            frame: None,
            details: format!("entragate.{}", Grant::Metadata.code()),
            grpc_status: NO_GRPC,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request {
            method: method.into(),
            host: "x".into(),
            path: path.into(),
            cluster: crate::http::cluster::Cluster::default(),
            model: crate::model::Model::Unread,
            mcp: crate::mcp::Mcp::Unread,
        }
    }

    #[test]
    fn document_has_the_url_that_rfc_9728_requires() {
        for (path, address) in [
            ("", "https://h/.well-known/oauth-protected-resource"),
            ("/", "https://h/.well-known/oauth-protected-resource"),
            ("/v1", "https://h/.well-known/oauth-protected-resource/v1"),
            ("/v1/", "https://h/.well-known/oauth-protected-resource/v1/"),
        ] {
            let resource = ProtectedResource::new("https://h", path, &[], &[]);
            assert_eq!(resource.address, address);
            let own = address.strip_prefix("https://h").unwrap();
            for path in [WELL_KNOWN, own] {
                assert!(resource.is_asked_by(&request("GET", path)), "{path}");
                assert!(resource.is_asked_by(&request("HEAD", path)), "{path}");
                assert!(!resource.is_asked_by(&request("POST", path)), "{path}");
            }
            for path in [
                "/",
                "/v1",
                "/.well-known/oauth-protected-resources",
                "/.well-known/oauth-protected-resource/v2",
            ] {
                assert!(!resource.is_asked_by(&request("GET", path)), "{path}");
            }
        }
    }

    #[test]
    fn document_contains_servers_and_scopes() {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let (servers, scopes) = (texts(&["https://login/x"]), texts(&["api://hf/query", "b"]));
        let resource = ProtectedResource::new("https://h", "/v1", &servers, &scopes);
        let reply = resource.reply(&ReplyContext::default());
        let document: Value = serde_json::from_str(&reply.body).unwrap();
        let expected = json!({
            "resource": "https://h/v1", "authorization_servers": ["https://login/x"],
            "scopes_supported": ["api://hf/query", "b"], "bearer_methods_supported": ["header"],
        });
        assert_eq!(document, expected);
        assert_eq!(resource.scope, "api://hf/query b");
        assert_eq!(
            (reply.status, reply.details.as_str()),
            (200, "entragate.metadata")
        );
        let without =
            ProtectedResource::new("https://h", "", &servers, &[]).reply(&ReplyContext::default());
        assert!(!without.body.contains("scopes"), "{}", without.body);
    }
}
