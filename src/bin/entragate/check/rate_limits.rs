//! Rate limits of Envoy that read the filter's state.

use super::filter_state::{Reference, references};
use super::finding::Findings;
use super::ids::{self, Kind};
use super::scene::Scene;
use crate::deployment::envoy;
use crate::deployment::node::Node;
use entragate::audit::filter_state::StateValue;
use entragate::config::Config;
use entragate::model::endpoint::Source;

/// The messages of the global and the local rate limit filter.
const FILTERS: [&str; 2] = ["RateLimit", "LocalRateLimit"];
const STREAM_DONE: &str = "apply_on_stream_done";

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    for root in scene.deployment.roots() {
        root.walk(&mut |node| {
            for limit in node.list("rate_limits") {
                check_limit(scene, &limit, findings);
            }
        });
    }
    order(scene, findings);
}

fn check_limit(scene: &Scene<'_>, limit: &Node<'_>, findings: &mut Findings) {
    let references = references(limit);
    for reference in &references {
        if let Some((kind, message)) = problem(scene, reference) {
            findings.add(kind, reference.node.place(), None, message);
        }
    }
    let counts =
        |reference: &&Reference<'_>| reference.value().is_some_and(StateValue::counts_tokens);
    let Some(charge) = references.iter().find(counts) else {
        return;
    };
    if !limit.is_true(STREAM_DONE) {
        let message = format!(
            "charges tokens when the request arrives, before they are known; set `{STREAM_DONE}: true` next to \
             hits_addend"
        );
        let kind = &ids::RATE_LIMIT_BEFORE_TOKENS;
        findings.add(kind, charge.node.place(), None, message);
    }
    if !asks_for_plain_responses(scene) {
        let message = "a caller that accepts compressed responses is charged only `usage.unknown_tokens` if the endpoint \
                       compresses them; set `accept-encoding: identity` in the route, with `request_headers_to_add`";
        let kind = &ids::RATE_LIMIT_COMPRESSED;
        findings.add(kind, charge.node.place(), None, message);
    }
    let usage = scene.config.and_then(|config| config.usage);
    if usage.is_some_and(|metering| metering.unknown_tokens == 0) {
        let message = "responses that report no usage, such as streams without include_usage, are charged nothing; \
                       set `usage: {unknown_tokens: N}`";
        findings.add_inside(
            &ids::RATE_LIMIT_UNKNOWN_TOKENS,
            scene.at("usage"),
            None,
            message,
        );
    }
}

/// Whether any setting of Envoy, Istio or the Gateway API changes the header with the encodings that the caller
/// accepts.
fn asks_for_plain_responses(scene: &Scene<'_>) -> bool {
    let is_header = |text: &str| text.eq_ignore_ascii_case("accept-encoding");
    let mut is_set = false;
    for root in scene.deployment.roots() {
        root.walk(&mut |node| {
            is_set |= node.value.as_str().is_some_and(is_header)
                || node.members().iter().any(|(name, _)| is_header(name));
        });
    }
    is_set
}

/// Returns the problem of one reference in a rate limit.
fn problem(scene: &Scene<'_>, reference: &Reference<'_>) -> Option<(&'static Kind, String)> {
    let skipped = "so Envoy skips the rate limit";
    let value = match reference.set_by(scene) {
        Ok(value) => value?,
        Err(not_set) => return Some((&ids::RATE_LIMIT_STATE_NOT_SET, not_set.with(skipped))),
    };
    if reference.text.contains("string(") && reference.text.contains("filter_state") {
        let message =
            format!("`string()` fails for the filter's state, {skipped}; remove `string()`");
        return Some((&ids::RATE_LIMIT_CEL_STRING, message));
    }
    if value == StateValue::Model && !knows_models(scene, scene.config?) {
        let message = "no rule and no endpoint names a model, so the model of a request to the OpenAI API is \
                       `unknown`; add `models: [\"**\"]` to the rules' `match`";
        return Some((&ids::RATE_LIMIT_MODEL_UNKNOWN, message.to_owned()));
    }
    None
}

fn knows_models(scene: &Scene<'_>, config: &Config) -> bool {
    let is_fixed = |source: &Source| matches!(source, Source::Fixed(_));
    let mut endpoints = config.endpoints.0.iter();
    scene.rule_on_models().is_some() || endpoints.any(|endpoint| is_fixed(&endpoint.source))
}

/// Reports rate limit filters that run before this filter and read its state.
fn order(scene: &Scene<'_>, findings: &mut Findings) {
    let manager = envoy::connection_manager(scene.filter, scene.deployment);
    let own = envoy::http_filter(scene.filter);
    let (Some(manager), Some(own)) = (manager, own) else {
        return;
    };
    let filters = manager.list("http_filters");
    let Some(place) = filters.iter().position(|entry| entry.path == own.path) else {
        return;
    };
    let (before, after) = filters.split_at(place);
    let of_routes = envoy::route_tables(scene.filter, scene.deployment);
    let of_routes = of_routes.iter().any(|table| !references(table).is_empty());
    for entry in before {
        let Some(message) = message_of(entry) else {
            continue;
        };
        // Routes configure the rate limit filter after this filter, if there is one.
        let is_last = !after.iter().any(|entry| message_of(entry) == Some(message));
        if !references(entry).is_empty() || (of_routes && is_last) {
            let text = "this rate limit filter runs before entragate, so the state that its limits read is not set \
                        yet; place it after entragate and before the router";
            let name = entry.text("name");
            findings.add(&ids::RATE_LIMIT_BEFORE_FILTER, entry.place(), name, text);
        }
    }
}

/// Returns the message of a rate limit filter.
fn message_of(entry: &Node<'_>) -> Option<&'static str> {
    let config = entry.get("typed_config")?;
    FILTERS.into_iter().find(|name| config.is_message(name))
}
