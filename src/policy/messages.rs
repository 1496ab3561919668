//! The JSON-RPC messages that a rule matches, and the decision about a batch of messages.

use super::context::RequestContext;
use super::decide::{Decision, Permit};
use super::requirement::Facts;
use super::rule::{Field, Policy};
use crate::decision::Denial;
use crate::mcp::{CALL, Mcp, Message};
use crate::model::request::Request;
use crate::pattern::Pattern;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use std::borrow::Cow;

const DIFFERENT: &str = "the messages of its batch are permitted with different credentials or payers; send them separately";

/// The JSON-RPC messages that a rule matches; without methods, all requests.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    pub methods: Vec<Pattern>,
    /// The tools that the rule matches in a call; without patterns, all tools. Other methods are not affected.
    pub tools: Vec<Pattern>,
    /// The rule denies. It then also matches calls that name no tool, and its patterns are in lower case and ignore
    /// case.
    pub denies: bool,
}

impl Messages {
    /// Returns whether the rule depends on the messages.
    pub fn are_named(&self) -> bool {
        !self.methods.is_empty()
    }

    /// Returns whether the rule matches only calls of tools.
    pub fn are_calls(&self) -> bool {
        let is_call = |pattern: &Pattern| pattern.as_str() == CALL;
        self.are_named() && self.methods.iter().all(is_call)
    }

    /// Returns whether the rule matches the messages of a request; `None` if they have not been read or cannot be read.
    /// Servers accept messages only with POST, so a rule that permits matches no other method.
    pub(super) fn cover(&self, request: &Request) -> Option<bool> {
        match &request.mcp {
            _ if !self.are_named() => Some(true),
            _ if !self.denies && *request.method != *"POST" => Some(false),
            Mcp::None => Some(false),
            Mcp::Unread | Mcp::Unavailable(_) => None,
            Mcp::Message(message) => Some(self.include(message)),
            Mcp::Batch(messages) => {
                let mut messages = messages.iter();
                Some(if self.denies {
                    messages.any(|message| self.include(message))
                } else {
                    messages.all(|message| self.include(message))
                })
            }
        }
    }

    /// Returns the field that does not match; `None` if there is none, or if that depends on the body.
    pub(super) fn mismatch(&self, request: &Request) -> Option<Field> {
        if self.cover(request) != Some(false) {
            return None;
        }
        let mut messages = request.mcp.messages().iter();
        let is_post = *request.method == *"POST";
        Some(match messages.find(|message| !self.include(message)) {
            Some(message) if !self.include_method(&message.method) => Field::McpMethods,
            Some(_) if is_post || self.denies => Field::McpTools,
            Some(_) | None => Field::Mcp,
        })
    }

    /// Returns whether the rule matches a message.
    pub fn include(&self, message: &Message) -> bool {
        self.include_method(&message.method)
            && (!message.is_call() || self.include_tool(message.tool.as_deref()))
    }

    fn include_method(&self, method: &str) -> bool {
        matches_any(&self.methods, &self.spelled(method))
    }

    /// Returns whether the rule matches a call of this tool, if it matches calls.
    pub fn include_tool(&self, tool: Option<&str>) -> bool {
        match tool {
            _ if self.tools.is_empty() => true,
            Some(tool) => matches_any(&self.tools, &self.spelled(tool)),
            None => self.denies,
        }
    }

    fn spelled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.denies {
            text.to_lowercase().into()
        } else {
            text.into()
        }
    }
}

fn matches_any(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

/// Returns one request for each message of a batch; `None` if the request is not a batch.
fn parts(request: &Request) -> Option<impl Iterator<Item = Request>> {
    let Mcp::Batch(messages) = &request.mcp else {
        return None;
    };
    Some(messages.iter().map(|message| Request {
        mcp: Mcp::Message(message.clone()),
        ..request.clone()
    }))
}

/// Joins the permits of the messages of a batch.
fn join(mut permits: impl Iterator<Item = Permit>) -> Option<Result<Permit, Denial>> {
    let first = permits.next()?;
    let is_same = |other: Permit| {
        other.credential() == first.credential() && other.bill_to() == first.bill_to()
    };
    Some(if permits.all(is_same) {
        Ok(first)
    } else {
        Err(Denial::RequestAmbiguous(DIFFERENT))
    })
}

impl Policy {
    /// Returns the permit of the first anonymous rule that matches; these rules require no token. A
    /// rule that depends on the body does not match while the body is unknown. A batch is permitted if each of its
    /// messages is permitted; otherwise it needs a token.
    ///
    /// # Errors
    /// The messages of a batch are permitted with different credentials.
    pub fn permit_anonymous(&self, request: &Request) -> Option<Result<Permit, Denial>> {
        let Some(parts) = parts(request) else {
            return self.permit_anonymous_message(request).map(Ok);
        };
        let permits: Option<Vec<Permit>> = parts
            .map(|part| self.permit_anonymous_message(&part))
            .collect();
        join(permits?.into_iter())
    }

    /// Returns whether the choice of the anonymous rule depends on a part of the body that is unknown or not read yet.
    pub fn anonymous_needs_body(&self, request: &Request) -> bool {
        match parts(request) {
            None => self.anonymous_message_needs_body(request),
            Some(mut parts) => parts.any(|part| self.anonymous_message_needs_body(&part)),
        }
    }

    /// Decides a request of an authenticated caller. If the decision depends on a body that is unknown, the request is
    /// denied. A batch is permitted if each of its messages is permitted with the same credential and payer.
    pub fn decide(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        context: &RequestContext,
    ) -> Decision {
        self.decide_all(request, Facts::of(caller, context))
    }

    pub(super) fn decide_all(&self, request: &Request, facts: Facts<'_>) -> Decision {
        let Some(parts) = parts(request) else {
            return self.decide_on(request, facts);
        };
        let mut permits = Vec::new();
        let mut shadow = Vec::new();
        for part in parts {
            let decision = self.decide_on(&part, facts);
            for entry in decision.shadow {
                if !shadow.contains(&entry) {
                    shadow.push(entry);
                }
            }
            match decision.outcome {
                Ok(permit) => permits.push(permit),
                outcome @ Err(_) => {
                    return Decision {
                        outcome,
                        shadow,
                        depends_on_body: decision.depends_on_body,
                    };
                }
            }
        }
        let empty = Err(Denial::Internal("a batch has no messages"));
        Decision {
            outcome: join(permits.into_iter()).unwrap_or(empty),
            shadow,
            depends_on_body: false,
        }
    }
}

#[cfg(test)]
mod tests;
