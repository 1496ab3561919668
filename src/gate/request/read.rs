//! Reads the properties that rules match from a request: from its headers, and from the part of its body that has
//! arrived.

use crate::decision::Denial;
use crate::gate::request::authorizer::Authorizer;
use crate::http::headers::Headers;
use crate::model::body::{Body, Needed, may_name_model};
use crate::model::request::Request;
use crate::model::{InPath, Model};

impl Authorizer<'_> {
    pub(super) fn read_request(&mut self, headers: &Headers) -> Result<Request, Denial> {
        let read = Request::read(headers, self.cluster, &self.config.endpoints);
        let (mut request, in_path) = read.inspect_err(|_| self.record.describe_unread(headers))?;
        self.record
            .describe_request(&request.method, &request.host, &request.path);
        if self.config.policy.expects_messages_at(&request) {
            self.reply_context.dialect = self.reply_context.dialect.for_messages();
        }
        self.read_session(&request, headers)?;
        self.read_body(&mut request, in_path, headers);
        self.note_body(&request);
        Ok(request)
    }

    /// Notes the properties that were read from the request's body.
    pub(super) fn note_body(&mut self, request: &Request) {
        self.record.note_model(&request.model);
        self.record.note_messages(&request.mcp);
        self.reply_context.message_id = request.mcp.id().cloned();
    }

    /// Sets the model and the JSON-RPC messages of a request from the part of the body read so far, if a rule needs
    /// them.
    fn read_body(&mut self, request: &mut Request, in_path: InPath, headers: &Headers) {
        let messages = self.config.policy.may_need_messages(request);
        let model = self.take_from_path(request, in_path, headers);
        let needed = Needed { model, messages };
        if matches!(self.body, Body::Unasked) && !needed.is_nothing() {
            *self.body = Body::expect(headers, self.config.limits.body_inspected, needed);
        }
        request.note_content(self.body.content());
    }

    /// Sets the model if the path determines it. If the body must be read for the model, returns what the path says
    /// about the model.
    fn take_from_path(
        &self,
        request: &mut Request,
        in_path: InPath,
        headers: &Headers,
    ) -> Option<InPath> {
        if request.model != Model::Unread {
            return None;
        }
        let is_needed = self.config.policy.may_need_model(request);
        let can_differ = may_name_model(headers) || !in_path.decides_without_body();
        match (is_needed, can_differ) {
            (true, true) => return Some(in_path),
            (true, false) => request.model = in_path.with_body(Model::None),
            (false, _) => request.model = in_path.without_body().unwrap_or(Model::Unread),
        }
        None
    }
}
