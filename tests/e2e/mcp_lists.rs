//! Lists of tools through a real Envoy: bodies of several pieces, both protocols, and bodies that can't be filtered.

use super::gateway::{Gateway, header, http2};
use serde_json::{Value, json};
use testbed::hf::Mode;
use testbed::persona::Persona;
use testbed::reqwest::{Client, Response};

const SECRET: &str = "delete_";
/// The number of tools in a list: about 600 KB, several pieces of a stream.
const COUNT: usize = 6000;

async fn gateway() -> Gateway {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            let rule = |name: &str, mcp: Value| {
                json!({"name": name, "match": {"paths": ["/mcp"], "mcp": mcp},
                       "require": {"role": "Model.Query"}, "credential": "hf-read"})
            };
            policy["rules"] = json!([
                rule("list", json!({"methods": ["tools/list"]})),
                rule("tools", json!({"tools": ["model_*"]})),
            ]);
        })
    });
    gateway.await
}

fn list() -> Value {
    let tool = |index: usize| {
        let name = if index.is_multiple_of(2) {
            "model_"
        } else {
            SECRET
        };
        json!({"name": format!("{name}{index}"), "description": "ä".repeat(30)})
    };
    let tools: Vec<Value> = (0..COUNT).map(tool).collect();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "cacheScope": "public"}})
}

fn permitted() -> Value {
    let mut list = list();
    let tools = list["result"]["tools"].as_array_mut().unwrap();
    tools.retain(|tool| !tool["name"].as_str().unwrap().starts_with(SECRET));
    list["result"]["cacheScope"] = json!("private");
    list
}

fn answer(kind: &str, body: String) -> Mode {
    let headers = [("content-type", kind), ("etag", "\"1\"")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Mode::Fixed {
        status: 200,
        headers: headers.to_vec(),
        body,
    }
}

async fn tools_list(gateway: &Gateway, client: &Client) -> Response {
    let request = client.post(format!("{}/mcp", gateway.envoy.url()));
    let request = request.bearer_auth(gateway.token(Persona::Ada));
    let request = request.header("accept-encoding", "gzip");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    request.json(&message).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_list_is_filtered_in_json_and_events() {
    let gateway = gateway().await;
    let stream = format!(
        ": hello\r\n\r\nid: 1\r\nevent: message\r\ndata: {}\r\n\r\nid: 2\r\ndata:\r\n\r\n",
        list()
    );
    for client in [gateway.client.clone(), http2()] {
        gateway
            .hf
            .set_mode(answer("application/json", list().to_string()));
        let response = tools_list(&gateway, &client).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "etag")),
            (200, "")
        );
        let text = response.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), permitted());

        gateway
            .hf
            .set_mode(answer("text/event-stream", stream.clone()));
        let response = tools_list(&gateway, &client).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "etag")),
            (200, "")
        );
        let text = response.text().await.unwrap();
        let message = text
            .strip_prefix(": hello\r\n\r\nid: 1\r\nevent: message\r\ndata: ")
            .unwrap();
        let message = message
            .strip_suffix("\r\n\r\nid: 2\r\ndata:\r\n\r\n")
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(message).unwrap(), permitted());
    }
    for seen in gateway.hf.requests() {
        assert_eq!(seen.headers_named("accept-encoding"), ["identity"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_list_reaches_no_caller() {
    let gateway = gateway().await;
    let long = json!({"x": "x".repeat(1 << 20)}).to_string();
    for (kind, body, status) in [
        ("application/json", format!("{}]", list()), 502),
        ("text/plain", SECRET.to_owned(), 502),
        (
            "text/event-stream",
            format!("data: {}]\n\ndata: 1\n\n", list()),
            200,
        ),
        (
            "text/event-stream",
            format!("data: {SECRET}\ndata: {long}\n\ndata: 1\n\n"),
            200,
        ),
    ] {
        gateway.hf.set_mode(answer(kind, body));
        let response = tools_list(&gateway, &gateway.client).await;
        assert_eq!(response.status(), status);
        let text = response.text().await.unwrap();
        assert!(
            text.contains("(mcp_unreadable)") && !text.contains(SECRET),
            "{text:.300}"
        );
        assert!(
            status == 502 || text.ends_with("\n\ndata: 1\n\n"),
            "{text:.300}"
        );
    }
}
