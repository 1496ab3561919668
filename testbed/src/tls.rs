//! One throw-away certificate authority per process, and server certificates from it.
//!
//! The authority ends with the process; Envoy gets the CA's PEM through its own temporary directory and validates
//! names and chains.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, ServerConfig,
    client::WantsClientCert,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// A certificate authority whose key exists in memory only.
pub struct Ca {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The process's authority, which signs every stand-in's certificate.
pub fn ca() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(Ca::generate)
}

impl Ca {
    /// A new authority that no client trusts, for tests with a wrong CA; otherwise use [`ca`].
    pub fn generate() -> Ca {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "entragate testbed throw-away CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let certificate = params.self_signed(&key).expect("the CA signs itself");
        Ca {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// The CA certificate, for a `trusted_ca` file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A TLS server with a certificate for `names` (DNS names, wildcards or IP addresses).
    ///
    /// # Panics
    /// When a name is not a valid DNS name.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names are valid DNS names");
        let (certificate, key) = self.sign(params, ExtendedKeyUsagePurpose::ServerAuth);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports the default TLS versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("the certificate was made for this key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// A server certificate for `names` and its key, in PEM, for a listener of Envoy.
    ///
    /// # Panics
    /// When a name is not a valid DNS name.
    pub fn server_pem(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names are valid DNS names");
        let (certificate, key) = self.sign(params, ExtendedKeyUsagePurpose::ServerAuth);
        (certificate.pem(), key.serialize_pem())
    }

    /// A TLS client like [`Ca::client_config`], with a certificate whose subject alternative name is this URI.
    ///
    /// # Panics
    /// When the URI is not ASCII.
    pub fn client_config_as(&self, uri: &str) -> ClientConfig {
        let mut params = CertificateParams::default();
        let uri = uri.try_into().expect("URIs are ASCII");
        params.subject_alt_names = vec![SanType::URI(uri)];
        let (certificate, key) = self.sign(params, ExtendedKeyUsagePurpose::ClientAuth);
        self.trusting()
            .with_client_auth_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("the certificate was made for this key")
    }

    /// A TLS client that trusts this authority and no other.
    pub fn client_config(&self) -> ClientConfig {
        self.trusting().with_no_client_auth()
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> (Certificate, KeyPair) {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the CA signs any certificate");
        (certificate, key)
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .expect("the CA certificate is well-formed");
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports the default TLS versions")
            .with_root_certificates(roots)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
