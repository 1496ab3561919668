//! Access logs, traces and headers that would contain the credential or a caller's token.

use super::finding::Findings;
use super::ids;
use super::scene::{Scene, text};
use crate::deployment::filters::Host;
use crate::deployment::node::Node;
use serde_json::Value;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let secret = secret_headers(scene);
    for root in roots(scene) {
        root.walk(&mut |node| {
            if let Some(header) = shown(node, &secret) {
                let message = format!(
                    "contains the request header {header:?}, which holds the credential or a caller's token; \
                     remove the reference"
                );
                findings.add(&ids::TOKEN_IN_LOG, node.place(), name_of(node), message);
            }
        });
    }
}

/// The settings that can refer to the requests of the filter.
fn roots<'d>(scene: &Scene<'d>) -> Vec<Node<'d>> {
    match scene.filter.host {
        Host::Envoy => {
            let manager =
                crate::deployment::envoy::connection_manager(scene.filter, scene.deployment);
            let listener = scene.filter.around("filter_chains");
            let listener = listener.and_then(|listener| listener.get("access_log"));
            let tables = crate::deployment::envoy::route_tables(scene.filter, scene.deployment);
            manager.into_iter().chain(listener).chain(tables).collect()
        }
        Host::Istio | Host::EnvoyFilter | Host::EnvoyGateway => scene.deployment.roots().collect(),
        Host::Kong | Host::Unknown => Vec::new(),
    }
}

fn secret_headers(scene: &Scene<'_>) -> Vec<String> {
    let mut names = vec!["authorization".to_owned()];
    let token = scene
        .given
        .pointer("/token/headers")
        .and_then(Value::as_array);
    let token = token.into_iter().flatten();
    names.extend(token.filter_map(|header| Some(text(header, "name")?.to_ascii_lowercase())));
    names
}

/// Messages show the last member of the path.
fn name_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.path.rsplit('.').next()
}

/// The secret header that a setting refers to.
fn shown(node: &Node<'_>, secret: &[String]) -> Option<String> {
    let is_secret = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        secret.contains(&name).then_some(name)
    };
    if let Some(text) = node.value.as_str() {
        return operators(text).find_map(|(name, argument)| match name.as_str() {
            "req" | "req_without_query" | "request_header" => {
                argument.split('?').find_map(is_secret)
            }
            "cel" => secret
                .iter()
                .find(|header| argument.to_ascii_lowercase().contains(header.as_str()))
                .cloned(),
            _ => None,
        });
    }
    // A custom tag of a trace.
    let tag = node
        .get("request_header")
        .and_then(|header| header.text("name"));
    // The gRPC access log.
    let listed = node.list("additional_request_headers_to_log");
    let listed = listed.iter().filter_map(|name| name.value.as_str());
    tag.into_iter().chain(listed).find_map(is_secret)
}

/// The command operators of a format, `%NAME(ARGUMENT):LENGTH%`, with their names in lower case.
fn operators(format: &str) -> impl Iterator<Item = (String, &str)> {
    let starts = format.match_indices('%');
    starts.filter_map(|(at, _)| {
        let rest = format.get(at + 1..)?;
        let (name, rest) = rest.split_once('(')?;
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // An argument may contain parentheses itself, as a CEL expression does.
        let end = rest.find(")%").or_else(|| rest.find(')'))?;
        plain.then(|| {
            (
                name.to_ascii_lowercase(),
                rest.get(..end).unwrap_or_default(),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_read_with_their_arguments() {
        let format = "[%START_TIME%] %REQ(X-A?Authorization):20% %CEL(request.headers['authorization'])% 100%\n";
        let found: Vec<(String, &str)> = operators(format).collect();
        let expected = [
            ("req".to_owned(), "X-A?Authorization"),
            ("cel".to_owned(), "request.headers['authorization']"),
        ];
        let same = found
            .iter()
            .zip(&expected)
            .all(|(found, expected)| found.0 == expected.0 && found.1.starts_with(expected.1));
        assert!(found.len() == 2 && same, "{found:?}");
    }
}
