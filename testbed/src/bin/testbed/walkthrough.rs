//! The main calls, with the response to each and the request that reached the endpoint.

use std::error::Error;

use serde_json::{Value, json};
use testbed::{
    client::client,
    entra::BATCH_SECRET,
    persona::{AUDIENCE, BATCH_CLIENT, Persona, TENANT},
};

use crate::{run::Stage, show};

/// The path of all requests of the walkthrough.
pub const PATH: &str = "/v1/chat/completions";

/// One call and its outcome.
pub struct Call {
    pub title: &'static str,
    pub status: u16,
    pub expected: u16,
    pub body: String,
    /// The Authorization at the endpoint; `None` if the endpoint received no request.
    pub upstream: Option<Upstream>,
    pub as_expected: bool,
}

/// The request as it reached the endpoint.
pub struct Upstream {
    pub authorization: String,
    pub is_our_credential: bool,
    pub entra_token_arrived: bool,
}

/// Makes the calls and prints each as it is done.
pub async fn perform(stage: &Stage) -> Result<Vec<Call>, Box<dyn Error>> {
    println!("\nFour requests through the gateway:");
    let ada = stage.entra.token(Persona::Ada);
    let carl = stage.entra.token(Persona::Carl);
    let batch = client_credentials(stage).await?;
    let callers = [
        ("a caller without a token", None, 401),
        ("Ada, a data scientist", Some(ada), 200),
        ("Carl, a contractor", Some(carl), 403),
        (
            "a nightly job with a token from Entra's token endpoint",
            Some(batch),
            200,
        ),
    ];
    let mut calls = Vec::new();
    for (title, token, expected) in callers {
        let call = perform_one(stage, title, token.as_deref(), expected).await?;
        show::call(&call);
        calls.push(call);
    }
    Ok(calls)
}

/// The body of every call.
pub fn question() -> Value {
    json!({"model": "tgi", "messages": [{"role": "user", "content": "Hello from the desk"}]})
}

async fn perform_one(
    stage: &Stage,
    title: &'static str,
    token: Option<&str>,
    expected: u16,
) -> Result<Call, Box<dyn Error>> {
    stage.hf.take_requests();
    let mut request = client()
        .post(format!("{}{PATH}", stage.envoy.url()))
        .json(&question());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let body = answer.text().await?;
    let upstream = stage.hf.take_requests().pop().map(|seen| Upstream {
        authorization: seen.headers_named("authorization").join(", "),
        is_our_credential: seen.bearer() == Some(&stage.hf.token()),
        entra_token_arrived: token.is_some_and(|token| seen.contains(token)),
    });
    let upstream_is_right = match &upstream {
        Some(seen) => expected == 200 && seen.is_our_credential && !seen.entra_token_arrived,
        None => expected != 200,
    };
    Ok(Call {
        title,
        status,
        expected,
        body,
        upstream,
        as_expected: status == expected && upstream_is_right,
    })
}

/// A token that a program gets with its client id and secret.
async fn client_credentials(stage: &Stage) -> Result<String, Box<dyn Error>> {
    let scope = format!("{AUDIENCE}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", BATCH_CLIENT),
        ("client_secret", BATCH_SECRET),
        ("scope", &scope),
    ];
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", stage.entra.url());
    let answer: Value = client().post(url).form(&form).send().await?.json().await?;
    match answer["access_token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(format!("the Entra stand-in issued no token: {answer}").into()),
    }
}
