//! Properties of a request's connection and route, read from the host only if the configuration refers
//! to them, or the audit record contains them.

use crate::config::{ClientAddress, Config};
use crate::credential::Credential;
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::policy::context::{Peer, RequestContext};
use crate::policy::membership::Directory;
use crate::policy::requirement::Condition;
use crate::time::Timestamp;
use std::net::{IpAddr, SocketAddr};

const SOURCE_ADDRESS: &str = "source\0address";
const PEER_URI: &str = "connection\0uri_san_peer_certificate";
const CLUSTER: &str = "xds\0cluster_name";

/// Reads one of the host's properties by its path, whose parts are separated by zero bytes.
pub type Property<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The connection properties that the configuration needs.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    source: Option<ClientAddress>,
    peer: bool,
    cluster: bool,
}

/// The connection properties of one request, as the host reports them.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    source_address: Option<Vec<u8>>,
    peer_uri: Option<Vec<u8>>,
    cluster: Option<Vec<u8>>,
}

impl Connection {
    /// Returns the cluster that the host has chosen. `last` is the cluster of an earlier request.
    pub fn cluster(&self, last: &Cluster) -> Cluster {
        Cluster::reported_like(self.cluster.as_deref(), last)
    }
}

impl Wanted {
    pub fn by(config: &Config) -> Self {
        let policy = &config.policy;
        let source = config.audit.has_records()
            || policy.has_condition(|part| matches!(part, Condition::Source(_)));
        Self {
            source: source.then_some(config.client_address),
            peer: policy.has_condition(|part| matches!(part, Condition::Peer(_))),
            cluster: names_clusters(config),
        }
    }

    /// Whether the configuration refers to clusters.
    pub fn cluster(self) -> bool {
        self.cluster
    }

    /// Reads the current cluster of a request, if the configuration refers to clusters.
    pub fn read_cluster(self, property: Property<'_>) -> Option<Vec<u8>> {
        self.cluster.then(|| property(CLUSTER)).flatten()
    }

    /// Reads the properties that the configuration needs.
    pub fn read(self, property: Property<'_>) -> Connection {
        let read = |wanted: bool, path| wanted.then(|| property(path)).flatten();
        let from_host = self.source == Some(ClientAddress::Connection);
        Connection {
            source_address: read(from_host, SOURCE_ADDRESS),
            peer_uri: read(self.peer, PEER_URI),
            cluster: self.read_cluster(property),
        }
    }

    /// Returns the request context that rules can refer to.
    pub fn context(
        self,
        now: Timestamp,
        headers: &Headers,
        connection: &Connection,
    ) -> RequestContext {
        let source = self.source.and_then(|client_address| match client_address {
            ClientAddress::Connection => {
                let text = std::str::from_utf8(connection.source_address.as_deref()?).ok()?;
                address(text)
            }
            ClientAddress::Forwarded(hop) => forwarded(headers, hop),
        });
        let peer = match (self.peer, connection.peer_uri.as_deref()) {
            (false, _) => Peer::Unknown,
            (true, None | Some([])) => Peer::Absent,
            (true, Some(uri)) => match std::str::from_utf8(uri) {
                Ok(uri) => Peer::Uri(uri.to_owned()),
                Err(_) => Peer::Unknown,
            },
        };
        RequestContext {
            now,
            source,
            peer,
            directory: Directory::NotQueried,
        }
    }
}

fn names_clusters(config: &Config) -> bool {
    let limited = |credential: &Credential| !credential.clusters.is_empty();
    config.credentials.iter().any(limited)
        || config.endpoints.name_clusters()
        || config.policy.names_clusters()
}

/// Returns the `hop`-th entry of `x-forwarded-for` from the right. Callers can forge the entries to the left of it.
fn forwarded(headers: &Headers, hop: usize) -> Option<IpAddr> {
    let values: Vec<&[u8]> = headers.all("x-forwarded-for").collect();
    let entries = values
        .iter()
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','));
    let entry = entries.into_iter().nth(hop.checked_sub(1)?)?;
    address(std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']))
}

/// Parses an address with or without a port; hosts and proxies write both.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse().ok();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = text.parse::<SocketAddr>().ok();
    with_port
        .map(|address| address.ip())
        .or_else(bare)
        .or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_with_or_without_port_is_parsed() {
        for (text, expected) in [
            ("10.0.0.1:4711", Some("10.0.0.1")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("::ffff:10.0.0.1", Some("::ffff:10.0.0.1")),
            ("", None),
            ("@/run/socket", None),
            ("unknown", None),
            ("10.0.0.1:x", None),
            ("10.0.0.1, 10.0.0.2", None),
            ("010.0.0.1", None),
        ] {
            assert_eq!(
                address(text),
                expected.map(|text| text.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn forwarded_entries_are_counted_from_the_right_across_fields() {
        let headers = Headers::from_iter([
            ("x-forwarded-for", "6.6.6.6, 5.5.5.5"),
            ("x-other", "9.9.9.9"),
            ("X-Forwarded-For", "4.4.4.4,unknown ,2.2.2.2:80,\t1.1.1.1 "),
        ]);
        for (hop, expected) in [
            (0, None),
            (1, Some("1.1.1.1")),
            (2, Some("2.2.2.2")),
            (3, None),
            (4, Some("4.4.4.4")),
            (5, Some("5.5.5.5")),
            (6, Some("6.6.6.6")),
            (7, None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(forwarded(&headers, hop), expected, "{hop}");
        }
        assert_eq!(forwarded(&Headers::default(), 1), None);
    }

    #[test]
    fn property_that_no_rule_needs_is_not_read() {
        let nothing = Wanted {
            source: None,
            peer: false,
            cluster: false,
        };
        nothing.read(&|path| panic!("{path:?}"));
        let forwarded = Wanted {
            source: Some(ClientAddress::Forwarded(1)),
            peer: false,
            cluster: false,
        };
        forwarded.read(&|path| panic!("{path:?}"));
        let now = Timestamp::from_secs(0);
        let known = nothing.context(now, &Headers::default(), &Connection::default());
        assert_eq!(
            known,
            RequestContext {
                now,
                source: None,
                peer: Peer::Unknown,
                directory: Directory::NotQueried,
            }
        );
    }
}
