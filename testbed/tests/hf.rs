//! The responses of the Hugging Face stand-in have the forms that real clients parse.

use serde_json::{Value, json};
use testbed::{
    client::{client, raw_http},
    hf::{HuggingFace, MODELS, Mode, random_token},
};

async fn post(hf: &HuggingFace, path: &str, body: Value) -> reqwest::Response {
    let url = format!("{}{path}", hf.url());
    client()
        .post(url)
        .bearer_auth(hf.token())
        .json(&body)
        .send()
        .await
        .unwrap()
}

use testbed::reqwest;

#[tokio::test]
async fn unauthorized_caller_gets_hugging_faces_401() {
    let hf = HuggingFace::start().await.unwrap();
    let url = format!("{}/v1/models", hf.url());
    for request in [
        client().get(&url),
        client().get(&url).bearer_auth(random_token()),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(
            answer.headers()["x-error-message"],
            "Invalid username or password."
        );
        assert_eq!(
            answer.json::<Value>().await.unwrap(),
            json!({"error": "Invalid username or password."})
        );
    }
    let health = client()
        .get(format!("{}/health", hf.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn chat_response_has_usage() {
    let hf = HuggingFace::start().await.unwrap();
    let asked = json!({"model": "tgi", "messages": [{"role": "user", "content": "one two three"}]});
    let answer: Value = post(&hf, "/v1/chat/completions", asked)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "You said: one two three"
    );
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8})
    );
    assert_eq!(answer["model"], "tgi");
}

#[tokio::test]
async fn chat_stream_ends_with_usage_and_done() {
    let hf = HuggingFace::start().await.unwrap();
    let asked = json!({"stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hello"}]});
    let answer = post(&hf, "/v1/chat/completions", asked).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await.unwrap();
    let data: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let (done, chunks) = data.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let chunks: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect();
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, "You said: hello");
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 4);
    assert!(chunks[0]["usage"].is_null());
}

#[tokio::test]
async fn every_other_api_responds_in_its_own_form() {
    let hf = HuggingFace::start().await.unwrap();
    let ask =
        async |path: &str, body: Value| post(&hf, path, body).await.json::<Value>().await.unwrap();
    let completion = ask("/v1/completions", json!({"prompt": "a b"})).await;
    assert_eq!(completion["choices"][0]["text"], "You said: a b");
    let response = ask("/v1/responses", json!({"input": "a b"})).await;
    assert_eq!(response["usage"]["input_tokens"], 2);
    assert_eq!(response["output"][0]["content"][0]["text"], "You said: a b");
    let message = ask(
        "/v1/messages",
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
    )
    .await;
    assert_eq!(
        message["usage"],
        json!({"input_tokens": 1, "output_tokens": 3})
    );
    let embeddings = ask("/v1/embeddings", json!({"input": ["a", "b c"]})).await;
    assert_eq!(embeddings["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        embeddings["usage"],
        json!({"prompt_tokens": 3, "total_tokens": 3})
    );
    let vectors = ask("/embed", json!({"inputs": "a"})).await;
    assert_eq!(vectors[0].as_array().unwrap().len(), 4);
    let echo = ask(
        &format!("/hf-inference/models/{}", MODELS[1]),
        json!({"inputs": "a"}),
    )
    .await;
    assert_eq!(echo[0]["generated_text"], "You said: a");
    let chat = ask(
        &format!("/hf-inference/models/{}/v1/chat/completions", MODELS[1]),
        json!({"messages": [{"role": "user", "content": "a"}]}),
    )
    .await;
    assert_eq!(chat["model"], MODELS[1]);
}

#[tokio::test]
async fn tgi_reports_usage_in_headers_or_its_last_event() {
    let hf = HuggingFace::start().await.unwrap();
    let asked = json!({"inputs": "a b c", "parameters": {"details": true}});
    let answer = post(&hf, "/generate", asked.clone()).await;
    assert_eq!(answer.headers()["x-prompt-tokens"], "3");
    assert_eq!(answer.headers()["x-generated-tokens"], "5");
    assert_eq!(
        answer.json::<Value>().await.unwrap()["details"]["generated_tokens"],
        5
    );
    let text = post(&hf, "/generate_stream", asked)
        .await
        .text()
        .await
        .unwrap();
    let last = text
        .lines()
        .rfind(|line| line.starts_with("data:"))
        .unwrap();
    let last: Value = serde_json::from_str(&last["data:".len()..]).unwrap();
    assert_eq!(last["details"]["input_length"], 3);
    assert_eq!(last["generated_text"], "You said: a b c");
}

#[tokio::test]
async fn requests_are_recorded_unchanged() {
    let hf = HuggingFace::start_plain().await.unwrap();
    let token = hf.token();
    let request = format!(
        "POST /v1/chat/completions?x=1 HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\
         x-twice: 1\r\nx-twice: 2\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let answer = raw_http(
        hf.addr(),
        request.as_bytes(),
        std::time::Duration::from_secs(5),
    )
    .await
    .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let seen = hf.take_requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("POST", "/v1/chat/completions?x=1")
    );
    assert_eq!(seen[0].host, "a.example");
    assert_eq!(seen[0].headers_named("X-Twice"), ["1", "2"]);
    assert_eq!(seen[0].bearer(), Some(token.as_str()));
    assert_eq!(seen[0].body.as_ref(), b"{}");
    assert!(hf.requests().is_empty());
}

#[tokio::test]
async fn configured_faults_take_effect() {
    let hf = HuggingFace::start_plain().await.unwrap();
    let ask = async || {
        let url = format!("{}/v1/chat/completions", hf.url());
        client()
            .post(url)
            .bearer_auth(hf.token())
            .json(&json!({"stream": true}))
            .send()
            .await
    };
    hf.set_mode(Mode::forbidden());
    assert_eq!(ask().await.unwrap().status(), 403);
    hf.set_mode(Mode::scaled_to_zero());
    assert_eq!(ask().await.unwrap().status(), 503);
    hf.set_mode(Mode::Reset);
    assert!(ask().await.is_err());
    hf.set_mode(Mode::ResetMidBody);
    assert!(ask().await.unwrap().text().await.is_err());
    hf.set_mode(Mode::StreamError);
    assert!(
        ask()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains(r#"data: {"error""#)
    );
    hf.set_mode(Mode::Normal);
    hf.set_accepted([random_token()]);
    assert_eq!(ask().await.unwrap().status(), 200);
}
