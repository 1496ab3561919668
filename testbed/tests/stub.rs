//! The stub for other services.

use serde_json::{Value, json};
use testbed::{
    client::client,
    stub::{Answer, ResponseFault, Stub},
};

#[tokio::test]
async fn stub_path_returns_its_response_and_records_requests() {
    let stub = Stub::start(&["vault", "localhost"]).await.unwrap();
    stub.on(
        "/v1/secret",
        Answer::json(200, &json!({"data": {"token": "x"}})).header("x-one", "1"),
    )
    .on(
        "/gone",
        Answer::bytes(200, "never").with(ResponseFault::Reset),
    );
    let get = async |path: &str| {
        client()
            .get(format!("{}{path}", stub.url()))
            .header("x-vault-token", "t")
            .send()
            .await
    };

    let answer = get("/v1/secret?v=1").await.unwrap();
    assert_eq!(answer.headers()["x-one"], "1");
    assert_eq!(answer.json::<Value>().await.unwrap()["data"]["token"], "x");
    assert!(get("/gone").await.is_err());
    assert_eq!(get("/elsewhere").await.unwrap().status(), 404);

    let seen = stub.take_requests();
    // A client may try a reset connection once more.
    assert!(seen.len() >= 3);
    assert_eq!(seen[0].path, "/v1/secret?v=1");
    assert_eq!(seen[0].header("x-vault-token"), Some("t"));
}
