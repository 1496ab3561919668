//! Tests of which entry applies, and of which model is trusted without a matching entry.

use super::*;

fn endpoint(host: &str, path: &str, source: Source) -> Endpoint {
    Endpoint {
        hosts: vec![Pattern::host(host)],
        paths: vec![Pattern::path(path)],
        source,
        ..Endpoint::default()
    }
}

fn named(name: &str) -> Model {
    Model::Named(name.into())
}

fn fixed(name: &str) -> Source {
    Source::Fixed(name.into())
}

fn model(endpoints: &Endpoints, host: &str, cluster: &str, path: &str, has_body: bool) -> Model {
    let cluster = Cluster::reported(Some(cluster.as_bytes()));
    let target = Target {
        host,
        cluster: &cluster,
        path,
    };
    match endpoints.model(target, has_body) {
        BeforeBody::Final(model) => model,
        BeforeBody::NeedsBody(_) => Model::Unread,
    }
}

#[test]
fn first_matching_entry_applies_and_no_match_is_unknown() {
    let endpoints = Endpoints(vec![
        endpoint("llama.x", "/v1/**", fixed("meta/llama")),
        endpoint("*.x", "/models/**", Source::Body),
        endpoint("*.x", "/p/**", Source::Path),
        endpoint("llama.x", "**", fixed("never")),
    ]);
    for (host, path, expected) in [
        ("llama.x", "/v1/chat", named("meta/llama")),
        ("other.x", "/models/a/b", Model::Unread),
        (
            "other.x",
            "/p/x",
            Model::Unavailable(BodyUnavailable::Missing),
        ),
        ("llama.x", "/embed", named("never")),
        ("else", "/models/a/b", Model::Unknown),
        ("else", "/v1/chat", Model::Unknown),
        ("llama.x.", "/v1/chat", Model::Unknown),
    ] {
        let got = model(&endpoints, host, "", path, true);
        assert_eq!(got, expected, "{host}{path}");
    }
    for (host, path, expected) in [
        ("else", "/v1/models", Model::Unknown),
        ("llama.x", "/v1/models", named("meta/llama")),
        ("other.x", "/models/a/b", Model::None),
    ] {
        let got = model(&endpoints, host, "", path, false);
        assert_eq!(got, expected, "{host}{path}");
    }
}

#[test]
fn unreported_cluster_matches_no_entry() {
    let at = |cluster: &str, source| Endpoint {
        clusters: vec![Pattern::cluster(cluster)],
        source,
        ..Endpoint::default()
    };
    let endpoints = Endpoints(vec![
        at("llama", fixed("meta/llama")),
        at("router-*", Source::Body),
    ]);
    for (cluster, expected) in [
        ("llama", named("meta/llama")),
        ("router-eu", Model::Unread),
        ("team-b", Model::Unknown),
        ("", Model::Unknown),
    ] {
        let got = model(&endpoints, "any.x", cluster, "/v1/chat", true);
        assert_eq!(got, expected, "{cluster}");
    }
}

#[test]
fn body_is_trusted_only_below_v1() {
    let by_path = Endpoints(vec![Endpoint {
        paths: vec![Pattern::path("/*/v1/**")],
        ..Endpoint::default()
    }]);
    for endpoints in [&Endpoints::default(), &by_path] {
        for (path, expected, bodiless) in [
            ("/v1/chat/completions", Model::Unread, Model::None),
            ("/v1", Model::Unknown, Model::None),
            ("/generate", Model::Unknown, Model::None),
            ("/v1x/chat", Model::Unknown, Model::None),
            // The path decides, and the body must agree.
            ("/models/a/b", Model::Unread, named("a/b")),
            (
                "/models/tgi",
                Model::Unavailable(BodyUnavailable::Missing),
                Model::Unavailable(BodyUnavailable::Missing),
            ),
            // The path may not decide, but the body must not contradict it.
            ("/x/models/a/b", Model::Unread, Model::None),
        ] {
            assert_eq!(model(endpoints, "h", "", path, true), expected, "{path}");
            assert_eq!(model(endpoints, "h", "", path, false), bodiless, "{path}");
        }
    }
    let provider = "/together/v1/chat/completions";
    assert_eq!(model(&by_path, "h", "", provider, true), Model::Unread);
    let none = Endpoints::default();
    assert_eq!(model(&none, "h", "", provider, true), Model::Unknown);
}
