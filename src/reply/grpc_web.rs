//! Replies to gRPC-Web calls. Hosts convert replies to gRPC calls, but not replies to gRPC-Web calls.
//!
//! The trailers are sent in the body. The protocol also allows them as headers of a response without a
//! body, but Envoy removes the content type of such a response, and scripts from another origin could
//! not read the headers.

use crate::http::headers::Headers;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const BINARY: &str = "application/grpc-web";
const TEXT: &str = "application/grpc-web-text";
/// The flags of a frame with trailers.
const TRAILERS: u8 = 0x80;

/// The encoding of a gRPC-Web body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcWeb {
    Binary,
    /// Base64.
    Text,
}

impl GrpcWeb {
    /// Returns the encoding in which a call expects its response. `None`: it is not a gRPC-Web call.
    pub fn of(headers: &Headers) -> Option<Self> {
        let content_type = headers.text("content-type").unwrap_or_default();
        if !content_type.starts_with(BINARY) {
            return None;
        }
        let accepted = headers.text("accept").unwrap_or_default();
        Some(
            if content_type.starts_with(TEXT) || accepted.starts_with(TEXT) {
                Self::Text
            } else {
                Self::Binary
            },
        )
    }

    /// Returns a body of one frame with the trailers (PROTOCOL-WEB).
    pub(super) fn frame(self, trailers: &str) -> Vec<u8> {
        let length = u32::try_from(trailers.len()).unwrap_or(u32::MAX);
        let frame = [&[TRAILERS], &length.to_be_bytes()[..], trailers.as_bytes()].concat();
        match self {
            Self::Binary => frame,
            Self::Text => BASE64_STANDARD.encode(frame).into_bytes(),
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        }
    }
}

/// Returns the trailers of a call without a message. `%` is escaped in the status message (PROTOCOL-HTTP2,
/// "Status-Message"), which is printable ASCII already.
pub(super) fn trailers(status: i32, message: &str) -> String {
    let message = message.replace('%', "%25");
    format!("grpc-status:{status}\r\ngrpc-message:{message}\r\n")
}

#[cfg(test)]
mod tests {
    use super::super::{Detail, Dialect, ReplyContext, ReplyStyle, reply};
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
    fn denied_grpc_web_call_gets_a_200_with_its_status_in_a_trailers_frame() {
        let style = ReplyStyle {
            realm: "hf".into(),
            detail: Detail::Full,
            protected_resource: None,
        };
        let denial = Denial::RuleUnsatisfied {
            rule: "r".into(),
            requirement: "role '50%'".into(),
            similar: None,
        };
        for (encoding, kind) in [
            (GrpcWeb::Binary, "application/grpc-web+proto"),
            (GrpcWeb::Text, "application/grpc-web-text+proto"),
        ] {
            let reply_context = ReplyContext {
                request_id: "id-1".into(),
                dialect: Dialect::GrpcWeb(encoding),
                message_id: None,
            };
            let reply = reply(&denial, &style, &reply_context);
            assert_eq!(reply.status, 200);
            let header = |name| {
                let mut named = reply.headers.iter().filter(|(own, _)| *own == name);
                named.next().map_or("", |(_, value)| &**value)
            };
            assert_eq!(header("content-type"), kind);
            assert_eq!(header("x-error-code"), "rule_unsatisfied");
            assert!(header("www-authenticate").contains("insufficient_scope"));
            let frame = match encoding {
                GrpcWeb::Binary => reply.content().into_owned(),
                GrpcWeb::Text => BASE64_STANDARD.decode(reply.content()).unwrap(),
            };
            let (head, trailers) = frame.split_at(5);
            let length = u32::try_from(trailers.len()).unwrap().to_be_bytes();
            assert_eq!(head, [&[0x80], &length[..]].concat());
            let trailers = std::str::from_utf8(trailers).unwrap();
            let message = trailers.strip_prefix("grpc-status:7\r\ngrpc-message:");
            let message = message.and_then(|rest| rest.strip_suffix("\r\n"));
            let message = message.unwrap_or_else(|| panic!("{trailers}"));
            assert!(message.contains("'50%25'"), "{message}");
            assert!(message.ends_with("(rule_unsatisfied)"), "{message}");
        }
    }
}
