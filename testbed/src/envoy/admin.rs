//! Envoy's admin interface.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, time::Duration};

use serde_json::Value;

use super::EnvoyError;
use crate::server::runtime;

/// The address Envoy wrote once it had bound its ephemeral port.
pub(super) fn read_address(file: &Path) -> Option<SocketAddr> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

pub(super) async fn ready(admin: SocketAddr) -> bool {
    get(admin, "/ready").await.is_ok()
}

/// The listeners' real addresses by name; at least one.
pub(super) async fn listeners(
    admin: SocketAddr,
) -> Result<BTreeMap<String, SocketAddr>, EnvoyError> {
    const PATH: &str = "/listeners?format=json";
    let answer = json(admin, PATH).await?;
    let address = |status: &Value| {
        let name = status["name"].as_str()?.to_owned();
        let socket = &status["local_address"]["socket_address"];
        let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
        let host = socket["address"].as_str()?.parse().ok()?;
        Some((name, SocketAddr::new(host, port)))
    };
    let listeners: BTreeMap<_, _> = answer["listener_statuses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(address)
        .collect();
    if listeners.is_empty() {
        return Err(unexpected(PATH, format!("no listener in {answer}")));
    }
    Ok(listeners)
}

pub(super) async fn stats(admin: SocketAddr) -> Result<BTreeMap<String, u64>, EnvoyError> {
    let answer = json(admin, "/stats?format=json").await?;
    let number = |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
    let stats = answer["stats"].as_array().into_iter().flatten();
    Ok(stats.filter_map(number).collect())
}

async fn json(admin: SocketAddr, path: &str) -> Result<Value, EnvoyError> {
    let text = get(admin, path).await?;
    serde_json::from_str(&text).map_err(|error| unexpected(path, error.to_string()))
}

/// The body of a 200.
pub(super) async fn get(admin: SocketAddr, path: &str) -> Result<String, EnvoyError> {
    let url = format!("http://{admin}{path}");
    // On the testbed's runtime, independently of the caller's.
    let asking = runtime().spawn(async move {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::ca().client_config())
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await
    });
    match asking.await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(unexpected(path, error.to_string())),
        Err(error) => Err(unexpected(path, error.to_string())),
    }
}

fn unexpected(path: &str, why: String) -> EnvoyError {
    EnvoyError::Admin {
        path: path.to_owned(),
        why,
    }
}
