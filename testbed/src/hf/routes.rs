//! One request: recorded, its credential checked, then answered by path.

use std::{future, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Extract},
    http::{Method, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{Mode, State, answers, openai, stream};
use crate::{recorded::Recorded, server::Abort};

/// Larger than anything that a test sends.
const MAX_BODY: usize = 64 << 20;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(handle).with_state(state)
}

async fn handle(Extract(state): Extract<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // An incomplete body means that the client disconnected, so it is not a request.
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let recorded = Recorded::new(&parts, body);
    state.record(recorded.clone());
    match state.mode() {
        Mode::Normal => answer(&state, &recorded, &parts.method, Duration::ZERO),
        Mode::Paced(gap) => answer(&state, &recorded, &parts.method, gap),
        Mode::Fixed {
            status,
            headers,
            body,
        } => fixed(status, headers, Body::from(body)),
        Mode::Endless { status, headers } => fixed(status, headers, stream::endless()),
        Mode::Stalled { status, body } => fixed(status, Vec::new(), stream::stalled(body)),
        Mode::Delay(delay) => {
            tokio::time::sleep(delay).await;
            answer(&state, &recorded, &parts.method, Duration::ZERO)
        }
        Mode::Hang => future::pending().await,
        Mode::Reset => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(Abort);
            response
        }
        Mode::ResetMidBody => stream::broken(stream::Break::Reset),
        Mode::StreamError => stream::broken(stream::Break::ErrorEvent),
    }
}

/// `gap` is the time between two events of a stream.
fn answer(state: &State, request: &Recorded, method: &Method, gap: Duration) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    if path == "/health" {
        return StatusCode::OK.into_response();
    }
    if !request.bearer().is_some_and(|token| state.accepts(token)) {
        return refused();
    }
    // The router's model paths have the same tasks.
    let (path, model) = match model_path(path) {
        Some((model, "")) => ("/", Some(model)),
        Some((model, rest)) if rest.starts_with("/pipeline/") => ("/", Some(model)),
        Some((model, rest)) => (rest, Some(model)),
        None => (path, None),
    };
    if method == Method::GET {
        return get(path);
    }
    if method != Method::POST {
        return json(
            StatusCode::METHOD_NOT_ALLOWED,
            &answers::error("Method Not Allowed"),
        );
    }
    match serde_json::from_slice(&request.body) {
        Ok(asked) => {
            let response = post(path, &asked, model.as_deref(), gap);
            if response.status().is_success() {
                state.bill(answers::bill(path, &asked));
            }
            response
        }
        Err(error) => json(
            StatusCode::UNPROCESSABLE_ENTITY,
            &answers::error(&format!(
                "Failed to parse the request body as JSON: {error}"
            )),
        ),
    }
}

fn get(path: &str) -> Response {
    match path {
        "/v1/models" => json(StatusCode::OK, &openai::models()),
        "/info" => json(StatusCode::OK, &answers::info()),
        "/metrics" => "# TYPE tgi_request_count counter\ntgi_request_count 1\n".into_response(),
        _ => match path.strip_prefix("/v1/models/").and_then(openai::model) {
            Some(model) => json(StatusCode::OK, &model),
            None => json(StatusCode::NOT_FOUND, &answers::error("Not Found")),
        },
    }
}

fn post(path: &str, asked: &Value, model: Option<&str>, gap: Duration) -> Response {
    let sse = |events| stream::respond(events, gap);
    let streams = asked["stream"].as_bool().unwrap_or(false);
    let ok = |body: Value| json(StatusCode::OK, &body);
    match path {
        "/v1/chat/completions" if streams => sse(stream::chat(asked)),
        "/v1/chat/completions" => ok(openai::chat(asked, model)),
        "/v1/completions" if streams => sse(stream::completion(asked)),
        "/v1/completions" => ok(openai::completion(asked)),
        "/v1/responses" if streams => sse(stream::response(asked)),
        "/v1/messages" if streams => sse(stream::message(asked)),
        "/v1/responses" => ok(openai::response(asked)),
        "/v1/messages" => ok(openai::message(asked)),
        "/v1/messages/count_tokens" => ok(openai::token_count(asked)),
        "/v1/embeddings" => ok(openai::embeddings(asked)),
        "/generate_stream" => sse(stream::generate(asked)),
        "/" if streams => sse(stream::generate(asked)),
        "/generate" => generated(asked, answers::generate(asked)),
        "/" => generated(asked, Value::Array(vec![answers::generate(asked)])),
        "/embed" => {
            let mut response = ok(answers::embed(asked));
            header(
                &mut response,
                "x-compute-tokens",
                answers::prompt_tokens(asked),
            );
            response
        }
        _ => json(StatusCode::NOT_FOUND, &answers::error("Not Found")),
    }
}

/// TGI reports usage in headers, except for streams.
fn generated(asked: &Value, body: Value) -> Response {
    let mut response = json(StatusCode::OK, &body);
    response.headers_mut().insert(
        "x-compute-type",
        "1-nvidia-a10g".parse().expect("a fixed header value"),
    );
    header(
        &mut response,
        "x-prompt-tokens",
        answers::prompt_tokens(asked),
    );
    header(
        &mut response,
        "x-generated-tokens",
        answers::generated_tokens(asked),
    );
    response
}

fn header(response: &mut Response, name: &'static str, value: usize) {
    response.headers_mut().insert(name, value.into());
}

/// `/hf-inference/models/{org}/{name}…` and `/models/{org}/{name}…` → model and the rest of the path.
fn model_path(path: &str) -> Option<(String, &str)> {
    let path = path.strip_prefix("/hf-inference").unwrap_or(path);
    let path = path.strip_prefix("/models/")?;
    let (org, path) = path.split_once('/')?;
    let end = path.find('/').unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    Some((format!("{org}/{name}"), rest))
}

fn refused() -> Response {
    let mut response = json(StatusCode::UNAUTHORIZED, &answers::unauthorized());
    let text = "Invalid username or password."
        .parse()
        .expect("a fixed header value");
    response.headers_mut().insert("x-error-message", text);
    response
}

pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let body = Body::from(body.to_string());
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

fn fixed(status: u16, headers: Vec<(String, String)>, body: Body) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(body).unwrap_or_else(|error| {
        let text = format!("the test's fixed answer is not a valid response: {error}");
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    })
}
