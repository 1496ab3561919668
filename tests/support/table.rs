//! A model of how Envoy selects the cluster of a request: virtual hosts, then routes.

use super::{Call, Dice, UPSTREAMS, Upstream, pick};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
struct Route {
    prefix: &'static str,
    route: Option<&'static str>,
    /// `None`: the cluster that `x-cluster` names.
    cluster: Option<&'static str>,
    is_weighted: bool,
}

#[derive(Clone, Debug)]
struct VirtualHost {
    domains: Vec<&'static str>,
    routes: Vec<Route>,
}

#[derive(Clone, Debug)]
pub struct Table {
    hosts: Vec<VirtualHost>,
    /// Whether `strip_any_host_port` and `strip_trailing_host_dot` are set.
    pub strips: bool,
}

impl Table {
    pub fn random(dice: Dice<'_>) -> Self {
        const DOMAINS: [&str; 8] = [
            "llama.example.com",
            "qwen.example.com",
            "llama.example.com:80",
            "*.example.com",
            "*.b.example.com",
            "team.*",
            "a.*",
            "*",
        ];
        let count = 1 + dice(3);
        let mut hosts: Vec<VirtualHost> = (0..count)
            .map(|_| VirtualHost {
                domains: Vec::new(),
                routes: (0..=dice(3)).map(|_| Route::random(dice)).collect(),
            })
            .collect();
        for domain in DOMAINS {
            if let Some(host) = hosts.get_mut(dice(count + 1)) {
                host.domains.push(domain);
            }
        }
        hosts.retain(|host| !host.domains.is_empty());
        Self {
            hosts,
            strips: dice(2) == 0,
        }
    }

    /// One host for each cluster, and one for requests without a cluster.
    pub fn by_host(dice: Dice<'_>) -> (Self, Vec<(&'static str, &'static str)>) {
        let mut named = vec![
            ("llama.example.com", "hf-llama"),
            ("qwen.example.com", "hf-qwen"),
            ("a.b.example.com", "team-b"),
        ];
        if dice(2) == 0 {
            named.swap_remove(dice(3));
        }
        let other = pick(dice, &["team-b", "other/svc", "hf-llama"]);
        let host = |domain, cluster| VirtualHost {
            domains: vec![domain],
            routes: vec![Route {
                prefix: "/",
                route: None,
                cluster: Some(cluster),
                is_weighted: false,
            }],
        };
        let mut hosts: Vec<_> = named
            .iter()
            .map(|(domain, to)| host(*domain, *to))
            .collect();
        hosts.push(host("*", other));
        let strips = true;
        (Self { hosts, strips }, named)
    }

    /// Returns the authority as filters and routes see it.
    pub fn seen(&self, authority: &str) -> String {
        let mut host = authority.to_owned();
        if !self.strips {
            return host;
        }
        match host.rfind('.') {
            Some(dot) if dot + 1 == host.len() || host[dot + 1..].starts_with(':') => {
                host.remove(dot);
            }
            _ => {}
        }
        if let Some((name, port)) = host.rsplit_once(':')
            && port.parse::<u32>().is_ok()
        {
            host.truncate(name.len());
        }
        host
    }

    /// Returns the cluster that Envoy selects for a request.
    pub fn choose(&self, call: &Call) -> Option<&'static str> {
        let host = self.seen(&call.authority).to_ascii_lowercase();
        let path = call.path.split('?').next().unwrap_or_default();
        let matches = |route: &&Route| {
            let is_same = route.route.is_none() || route.route == call.route;
            path.starts_with(route.prefix) && is_same
        };
        let route = self.virtual_host(&host)?.routes.iter().find(matches)?;
        let cluster = route.cluster.or(call.cluster)?;
        let is_known = |upstream: &&Upstream| upstream.cluster == cluster;
        UPSTREAMS
            .iter()
            .find(is_known)
            .map(|upstream| upstream.cluster)
    }

    /// Returns the virtual host: exact domains first, then the longest suffix wildcard, then the longest prefix wildcard.
    fn virtual_host(&self, host: &str) -> Option<&VirtualHost> {
        let rank = |domain: &str| match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
            _ if domain == host => Some((4, 0)),
            (Some(""), _) => Some((1, 0)),
            (Some(tail), _) if host.ends_with(tail) && host.len() > tail.len() => {
                Some((3, tail.len()))
            }
            (_, Some(front)) if host.starts_with(front) && host.len() > front.len() => {
                Some((2, front.len()))
            }
            _ => None,
        };
        let ranked = self.hosts.iter().flat_map(|virtual_host| {
            let ranks = virtual_host
                .domains
                .iter()
                .filter_map(|domain| rank(domain));
            ranks.map(move |rank| (rank, virtual_host))
        });
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, host)| host)
    }

    /// Returns the table as Envoy's `virtual_hosts`.
    pub fn as_envoy(&self) -> Value {
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.map(|(index, host)| {
            let routes: Vec<Value> = host.routes.iter().map(Route::as_envoy).collect();
            json!({"name": format!("host-{index}"), "domains": host.domains, "routes": routes})
        });
        hosts.collect()
    }
}

impl Route {
    fn random(dice: Dice<'_>) -> Self {
        let clusters = UPSTREAMS.map(|upstream| upstream.cluster);
        Self {
            prefix: pick(dice, &["/", "/", "/v1/", "/models/", "/team", "/v1/chat"]),
            route: (dice(3) == 0).then(|| pick(dice, &["a", "b"])),
            cluster: (dice(6) > 0).then(|| pick(dice, &clusters)),
            is_weighted: dice(4) == 0,
        }
    }

    fn as_envoy(&self) -> Value {
        let mut matches = json!({"prefix": self.prefix});
        if let Some(value) = self.route {
            matches["headers"] = json!([{"name": "x-route", "string_match": {"exact": value}}]);
        }
        let route = match self.cluster {
            None => json!({"cluster_header": "x-cluster"}),
            Some(cluster) if self.is_weighted => {
                json!({"weighted_clusters": {"clusters": [{"name": cluster, "weight": 7}]}})
            }
            Some(cluster) => json!({"cluster": cluster}),
        };
        json!({"match": matches, "route": route})
    }
}
