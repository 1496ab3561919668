//! The MCP tools that a caller may call, for lists of tools.

use super::requirement::Facts;
use super::rule::{Match, Policy};
use super::view::Applicable;
use crate::mcp::{Mcp, Message};
use crate::model::request::Request;
use crate::policy::context::RequestContext;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use std::sync::Arc;

/// The tools that one caller may call at one place: host, path and cluster.
#[derive(Clone, Debug)]
pub struct ToolView {
    /// A POST to the place.
    call: Request,
    issuer: Option<Arc<str>>,
    /// The rules that can match the POST, in the order in which they decide, and whether each permits it.
    rules: Vec<(Match, bool)>,
}

impl ToolView {
    /// Returns whether a tool with this name may be shown to the caller, that is, whether a call of the tool is
    /// permitted.
    pub fn shows(&self, name: &str) -> bool {
        let Some(message) = Message::call(name) else {
            return false;
        };
        let call = Request {
            mcp: Mcp::Message(Arc::new(message)),
            ..self.call.clone()
        };
        let issuer = self.issuer.as_deref();
        // If it is unknown whether a rule matches, a deny rule counts as matching, and an allow rule does not.
        let applies = |(matches, permits): &&(Match, bool)| {
            matches.may_cover(&call, issuer).unwrap_or(!permits)
        };
        self.rules
            .iter()
            .find(applies)
            .is_some_and(|(_, permits)| *permits)
    }
}

impl Policy {
    /// Returns the tools that a caller may call at the place of a request. Without a token, anonymous rules decide; they are
    /// evaluated before all other rules, so deny rules do not apply. `is_sent` returns whether a rule's credential may be sent
    /// to the cluster of the request.
    pub fn tools(
        &self,
        request: &Request,
        caller: Option<(&Verified<Claims>, &RequestContext)>,
        is_sent: &dyn Fn(Option<usize>) -> bool,
    ) -> ToolView {
        let call = call_at(request);
        let may_match = |matches: &Match| matches.covers_target(&call);
        let anonymous = self.anonymous.iter();
        let anonymous = anonymous.filter(|rule| may_match(&rule.matches));
        let anonymous = anonymous.map(|rule| (&rule.matches, is_sent(rule.credential)));
        let Applicable { deny, allow } = match caller {
            Some((caller, context)) => self.applicable(Facts::of(caller, context), &may_match),
            None => Applicable::default(),
        };
        let deny = deny.into_iter().map(|rule| (&rule.matches, false));
        let allow = allow.into_iter();
        let allow = allow.map(|(rule, credential)| (&rule.matches, is_sent(credential)));
        let all = anonymous.chain(deny).chain(allow);
        ToolView {
            rules: all
                .map(|(matches, permits)| (matches.clone(), permits))
                .collect(),
            issuer: caller.map(|(caller, _)| caller.issuer.clone()),
            call,
        }
    }

    /// Returns whether the tools that the caller may call depend on groups that were not looked up yet.
    pub fn tools_need_groups(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        context: &RequestContext,
    ) -> bool {
        let call = call_at(request);
        self.list_needs_groups(caller, context, |matches| {
            matches.covers_target(&call) && matches.allows_issuer(Some(&caller.issuer))
        })
    }
}

/// Returns a POST to the place of a request.
fn call_at(request: &Request) -> Request {
    Request {
        method: "POST".into(),
        ..request.clone()
    }
}
