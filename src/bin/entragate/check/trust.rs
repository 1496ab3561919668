//! Findings about clusters whose server is not verified.

use super::finding::Findings;
use super::ids;
use crate::deployment::Place;
use crate::deployment::filters::Host;
use crate::deployment::tls::Trust;

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The keys that tokens are verified with.
    Keys,
    /// A secret of the filter is sent or fetched.
    Secret,
    /// Requests with the Hugging Face credential.
    Upstream,
    /// The revocation feed or audit records, transferred without a secret.
    Feed,
    /// A service on the same machine.
    Local,
}

/// Reports a cluster whose server is not verified.
pub fn judge(
    host: Host,
    trust: Trust,
    purpose: Purpose,
    cluster: &str,
    place: &Place,
    findings: &mut Findings,
) {
    let (kind, wrong) = match trust {
        Trust::Verified | Trust::Local | Trust::Unseen => return,
        Trust::Plain => (&ids::CLUSTER_WITHOUT_TLS, "has no TLS"),
        Trust::AnyCertificate => (&ids::CLUSTER_WITHOUT_CA, "accepts any certificate"),
        Trust::AnyName => (
            &ids::CLUSTER_WITHOUT_SAN,
            "accepts the certificate of any host",
        ),
        Trust::ByVersion(missing) => {
            let message = format!(
                "the DestinationRule has no `{missing}`, without which older versions of Istio do not verify \
                 the certificate; add it"
            );
            let place = place.clone();
            findings.add(&ids::ISTIO_TLS_BY_VERSION, place, Some(cluster), message);
            return;
        }
    };
    let (kind, lost) = match purpose {
        Purpose::Local => return,
        Purpose::Keys => (
            kind,
            "anyone on the network can replace the keys that tokens are verified with",
        ),
        Purpose::Secret => (kind, "anyone on the network can read the secret"),
        Purpose::Upstream => (
            kind,
            "anyone on the network can read the Hugging Face credential",
        ),
        Purpose::Feed => (
            &ids::FEED_NOT_VERIFIED,
            "anyone on the network can read and change what is sent",
        ),
    };
    let cure = cure(host, trust);
    let message = format!("the connection {wrong}, so {lost}; {cure}");
    findings.add(kind, place.clone(), Some(cluster), message);
}

fn cure(host: Host, trust: Trust) -> &'static str {
    match (host, trust) {
        (Host::Kong, Trust::Plain) => "use https, and set `tls_verify: true`",
        (Host::Kong, _) => "set `tls_verify: true`, and the CAs in `ca_certificates` or kong.conf",
        (Host::Istio | Host::EnvoyFilter, Trust::Plain) => {
            "add a DestinationRule with `tls: {mode: SIMPLE, caCertificates: …, subjectAltNames: […]}`"
        }
        (Host::Istio | Host::EnvoyFilter, _) => {
            "remove insecureSkipVerify, and set caCertificates and subjectAltNames"
        }
        (Host::EnvoyGateway, _) => {
            "set `tls` with CAs in the Backend, or a TLS transport socket with a CA and a SAN match in the patch"
        }
        (_, Trust::Plain) => "add a TLS transport socket with a CA and a SAN match",
        (_, Trust::AnyName) => {
            "add match_typed_subject_alt_names, or auto_sni with auto_san_validation"
        }
        _ => "add trusted_ca to its validation_context",
    }
}
