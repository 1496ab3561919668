//! The additions of deploy/kubernetes to `envoy.yaml` in a real Envoy: TLS on the listener, with a certificate that is replaced
//! in the way that Kubernetes replaces the files of a Secret.

use super::docs;
use super::gateway::{SOON, chat, wait_until};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use testbed::client::client;
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::hf::HuggingFace;
use testbed::persona::Persona;
use testbed::reqwest::Client;
use testbed::tls;

/// Returns a file of the ConfigMap, with paths in `directory` instead of those in the container.
fn config_map(name: &str, directory: &Path) -> String {
    let text = docs::read("deploy/kubernetes/entragate.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let data = documents.iter().find_map(|document| document.get("data"));
    let file = data.unwrap()[name].as_str().unwrap();
    let directory = directory.to_str().unwrap();
    let moved = |file: &str, name: &str| {
        file.replace(
            &format!("/etc/envoy/{name}"),
            &format!("{directory}/{name}"),
        )
    };
    moved(&moved(file, "tls"), "certificate.yaml")
}

/// Writes the files of a Secret as the kubelet does: a directory for the version, then atomically the link to it.
fn mount(secret: &Path, version: &str, host: &str) {
    let (certificate, key) = tls::ca().server_pem(&[host]);
    let directory = secret.join(version);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("tls.crt"), certificate).unwrap();
    fs::write(directory.join("tls.key"), key).unwrap();
    let new = secret.join("..data_tmp");
    symlink(version, &new).unwrap();
    fs::rename(new, secret.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        if !secret.join(name).exists() {
            symlink(Path::new("..data").join(name), secret.join(name)).unwrap();
        }
    }
}

/// Sends a request over a new connection. Returns `None` if TLS fails for this host name.
async fn status_over_tls(addr: SocketAddr, host: &str, token: &str) -> Option<u16> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls::ca().client_config())
        .no_proxy()
        .timeout(SOON)
        .resolve(host, addr)
        .build()
        .unwrap();
    let url = format!("https://{host}:{}/v1/chat/completions", addr.port());
    let request = client.post(url).bearer_auth(token).json(&chat());
    let response = request.send().await.ok()?;
    Some(response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_listener_serves_the_certificate_of_its_secret() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("tls");
    mount(&secret, "..1", "hf.contoso.com");
    let certificate = config_map("certificate.yaml", directory.path());
    fs::write(directory.path().join("certificate.yaml"), certificate).unwrap();
    let (entra, hf) = (
        Entra::start().await.unwrap(),
        HuggingFace::start().await.unwrap(),
    );
    let config = EnvoyConfig::from_yaml(&config_map("envoy.yaml", directory.path())).unwrap();
    let config = config
        .upstream("entra", entra.addr(), entra.is_tls())
        .upstream("huggingface", hf.addr(), hf.is_tls())
        .environment("HF_TOKEN_READ", &hf.token());
    let envoy = Envoy::start(config)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let token = entra.token(Persona::Ada);
    let addr = envoy.addr();
    let served = || async { status_over_tls(addr, "hf.contoso.com", &token).await == Some(200) };
    wait_until("callers are served over TLS", served).await;
    assert_eq!(
        status_over_tls(addr, "renewed.contoso.com", &token).await,
        None
    );
    let plain = client().get(format!("http://{addr}/health"));
    let plain = plain.send().await;
    assert!(plain.is_err(), "requests without TLS are not served");
    mount(&secret, "..2", "renewed.contoso.com");
    let renewed =
        || async { status_over_tls(addr, "renewed.contoso.com", &token).await == Some(200) };
    wait_until("the new certificate is served", renewed).await;
}
