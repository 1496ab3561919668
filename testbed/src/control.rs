//! A small local server that issues fresh tokens, so that a person at a terminal can act as any persona.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use crate::{entra::Entra, persona::Persona, server::Server, tls};

/// A running control server; dropping it stops it.
pub struct Control {
    server: Server,
}

impl Control {
    /// Starts on an ephemeral port of 127.0.0.1, without TLS.
    pub async fn start(entra: &Entra) -> io::Result<Control> {
        let app = Router::new()
            .route("/", get(personas))
            .route("/token/{persona}", get(token))
            .route("/rotate", post(rotate))
            .route("/ca.pem", get(async || tls::ca().pem().to_owned()))
            .with_state(Arc::new(entra.clone()));
        let server = Server::start(app, None).await?;
        Ok(Control { server })
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }
}

async fn token(State(entra): State<Arc<Entra>>, Path(name): Path<String>) -> Response {
    match name.parse::<Persona>() {
        Ok(persona) => entra.token(persona).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, format!("{error}\n")).into_response(),
    }
}

async fn rotate(State(entra): State<Arc<Entra>>) -> String {
    format!(
        "tokens are signed by {} from now on\n",
        entra.rotate().kid()
    )
}

async fn personas() -> String {
    table()
}

/// All personas: the name, the result under the policy in `envoy.yaml`, and a description.
pub fn table() -> String {
    let mut table = format!(
        "{:<16}{:<28}{}\n",
        "persona", "answer by envoy.yaml", "token"
    );
    for persona in Persona::ALL {
        let (status, code) = persona.verdict();
        let answer = format!("{status} {code}");
        table += &format!("{:<16}{answer:<28}{}\n", persona.name(), persona.about());
    }
    table
}
