//! Replies to gRPC-Web calls. Hosts turn a reply to a gRPC call into its form, but not one to a gRPC-Web
//! call.

use crate::request::Headers;
use std::borrow::Cow;

const BINARY: &str = "application/grpc-web";
const TEXT: &str = "application/grpc-web-text";

/// The encoding of a gRPC-Web body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcWeb {
    Binary,
    /// Base64.
    Text,
}

impl GrpcWeb {
    /// The encoding that a call wants its answer in. `None`: it is not a gRPC-Web call.
    pub fn of(headers: &Headers) -> Option<Self> {
        let begins = |name, prefix| {
            let value = headers.text(name).unwrap_or_default();
            value.starts_with(prefix)
        };
        let is_text = begins("content-type", TEXT) || begins("accept", TEXT);
        begins("content-type", BINARY).then_some(match is_text {
            true => Self::Text,
            false => Self::Binary,
        })
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        }
    }
}

/// The headers from which clients read the status of a call that has no message: its trailers are sent
/// as headers of a 200 with an empty body (PROTOCOL-WEB, "trailers-only"). In the message, `%` is escaped
/// (PROTOCOL-HTTP2, "Status-Message"); it is printable ASCII already.
pub(super) fn trailers(status: i32, message: &str) -> Vec<(&'static str, Cow<'static, str>)> {
    vec![
        ("grpc-status", status.to_string().into()),
        ("grpc-message", message.replace('%', "%25").into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Asker, Detail, Dialect, ReplyStyle, reply};
    use super::*;
    use crate::decision::Denial;

    #[test]
    fn grpc_web_call_gets_the_encoding_it_accepts() {
        let (binary, text) = (GrpcWeb::Binary, GrpcWeb::Text);
        for (kind, accept, encoding) in [
            ("application/grpc-web", "*/*", Some(binary)),
            ("application/grpc-web+proto", "", Some(binary)),
            ("application/grpc-web-text", "", Some(text)),
            ("application/grpc-web-text+proto", "*/*", Some(text)),
            (
                "application/grpc-web+proto",
                "application/grpc-web-text",
                Some(text),
            ),
            ("application/grpc+proto", "application/grpc-web-text", None),
            ("application/json", "", None),
        ] {
            let fields = [
                (":path", "/v1/x"),
                ("content-type", kind),
                ("accept", accept),
            ];
            let headers = Headers::from_iter(fields);
            assert_eq!(GrpcWeb::of(&headers), encoding, "{kind} {accept}");
            let is_grpc_web = matches!(Dialect::of(&headers), Dialect::GrpcWeb(_));
            assert_eq!(is_grpc_web, encoding.is_some(), "{kind}");
        }
    }

    #[test]
    fn refused_grpc_web_call_gets_its_status_in_headers_of_a_200() {
        let style = ReplyStyle {
            realm: "hf".into(),
            detail: Detail::Full,
            protected_resource: None,
        };
        let denial = Denial::RuleUnsatisfied {
            rule: "r".into(),
            lacks: "role '50%'".into(),
        };
        for (encoding, kind) in [
            (GrpcWeb::Binary, "application/grpc-web+proto"),
            (GrpcWeb::Text, "application/grpc-web-text+proto"),
        ] {
            let asker = Asker {
                request_id: "id-1".into(),
                dialect: Dialect::GrpcWeb(encoding),
            };
            let reply = reply(&denial, &style, &asker);
            assert_eq!((reply.status, reply.body.as_str()), (200, ""));
            let header = |name| {
                let mut named = reply.headers.iter().filter(|(own, _)| *own == name);
                named.next().map_or("", |(_, value)| &**value)
            };
            assert_eq!(header("content-type"), kind);
            assert_eq!(header("grpc-status"), "7");
            assert!(header("grpc-message").contains("50%25"));
            assert!(header("grpc-message").ends_with("(rule_unsatisfied)"));
            assert_eq!(header("x-error-code"), "rule_unsatisfied");
            assert!(header("www-authenticate").contains("insufficient_scope"));
        }
    }
}
