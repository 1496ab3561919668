//! The properties of a request that rules match: method, host, path, cluster, model and JSON-RPC messages.

use super::body::Content;
use super::endpoint::{BeforeBody, Endpoints, Target};
use super::{InPath, Model};
use crate::decision::Denial;
use crate::http::authority;
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::http::method::method;
use crate::http::path::normalize;
use crate::mcp::Mcp;
use std::sync::Arc;

/// A request as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: Arc<str>,
    /// Lower case, without port.
    pub host: Arc<str>,
    /// Without query, percent-decoded once, normalized.
    pub path: Arc<str>,
    /// The upstream cluster that the host selected.
    pub cluster: Cluster,
    pub model: Model,
    pub mcp: Mcp,
}

impl Request {
    /// Reads method, host and path from the pseudo-headers (or `host`), and the model if they determine it. For
    /// [`Model::Unread`], also returns what the path says about the model.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] if two servers could read the request differently.
    pub fn read(
        headers: &Headers,
        cluster: &Cluster,
        endpoints: &Endpoints,
    ) -> Result<(Self, InPath), Denial> {
        let method = method(headers).map_err(Denial::RequestAmbiguous)?;
        let host = authority::host(headers).map_err(Denial::RequestAmbiguous)?;
        let target = headers
            .text(":path")
            .ok_or(Denial::RequestAmbiguous("no readable path"))?;
        let path = normalize(target).map_err(Denial::RequestAmbiguous)?;
        let mut request = Self {
            model: Model::None,
            mcp: if headers.is_all {
                Mcp::None
            } else {
                Mcp::Unread
            },
            method: method.into(),
            host: (*host).into(),
            path: (*path).into(),
            cluster: cluster.clone(),
        };
        let (model, in_path) = match endpoints.model(request.target(), !headers.is_all) {
            BeforeBody::Final(model) => (model, InPath::Nothing),
            BeforeBody::NeedsBody(in_path) => (Model::Unread, in_path),
        };
        request.model = model;
        Ok((request, in_path))
    }

    /// Notes the properties that were read from the body. Properties that are already known remain.
    pub fn note_content(&mut self, content: &Content) {
        if self.model == Model::Unread {
            self.model = content.model.clone();
        }
        if self.mcp == Mcp::Unread {
            self.mcp = content.mcp.clone();
        }
    }

    /// Returns the destination.
    pub fn target(&self) -> Target<'_> {
        Target {
            host: &self.host,
            cluster: &self.cluster,
            path: &self.path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Request, Denial> {
        let headers = Headers::from_iter(fields.iter().copied());
        let read = Request::read(&headers, &Cluster::default(), &Endpoints::default());
        read.map(|(request, _)| request)
    }

    #[test]
    fn request_is_read_from_its_headers() {
        let request = [
            (":method", "POST"),
            (":path", "/v1/x?y"),
            (":authority", "H:1"),
        ];
        let request = read(&request).unwrap();
        assert_eq!((&*request.method, &*request.path), ("POST", "/v1/x"));
        assert_eq!(&*request.host, "h");
        assert!(read(&[]).is_err());
    }

    #[test]
    fn lower_case_and_echoing_methods_are_rejected() {
        for (method, is_read) in [
            ("GET", true),
            ("POST", true),
            ("M-SEARCH", true),
            ("get", false),
            ("Post", false),
            ("TRACE", false),
            ("TRACK", false),
            ("trace", false),
            ("", false),
            ("GET ", false),
            ("G\u{212a}T", false),
        ] {
            let fields = [(":method", method), (":path", "/"), (":authority", "h")];
            assert_eq!(read(&fields).is_ok(), is_read, "{method:?}");
        }
        assert!(read(&[(":path", "/"), (":authority", "h")]).is_err());
    }
}
