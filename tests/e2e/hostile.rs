//! Malformed requests that no regular client sends: the filter continues to serve.

use super::gateway::{Gateway, SOON};
use testbed::client::raw_http;
use testbed::persona::Persona;

async fn send(gateway: &Gateway, head: &[u8]) -> String {
    let mut bytes = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_vec();
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(b"\r\n");
    let answer = raw_http(gateway.envoy.addr(), &bytes, SOON).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_headers_are_refused_and_the_next_request_succeeds() {
    let gateway = Gateway::with(|config| config.max_request_headers_kb(512)).await;
    let token = gateway.token(Persona::Ada);
    let bearer = format!("authorization: Bearer {token}\r\n");
    let long = format!("authorization: Bearer {}\r\n", "a".repeat(300_000));
    let many_groups = format!("x-long: {}\r\n{bearer}", "g".repeat(300_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "not UTF-8",
            b"authorization: Bearer \xff\xfe.\x80.x\r\n".to_vec(),
            "token_malformed",
        ),
        ("300 KB token", long.into_bytes(), "token_too_large"),
        (
            "twice",
            format!("{bearer}{bearer}").into_bytes(),
            "token_malformed",
        ),
        (
            "comma",
            format!("authorization: Bearer {token},{token}\r\n").into_bytes(),
            "token_malformed",
        ),
        (
            "tab",
            format!("authorization: Bearer\t{token}\r\n").into_bytes(),
            "token_missing",
        ),
        (
            "scheme twice",
            format!("authorization: Bearer Bearer {token}\r\n").into_bytes(),
            "token_malformed",
        ),
    ];
    for (label, head, code) in cases {
        let answer = send(&gateway, &head).await;
        assert!(
            answer.contains(&format!("x-error-code: {code}\r\n")),
            "{label}: {answer}"
        );
        assert_eq!(gateway.chat(&token).await.status(), 200, "after {label}");
    }
    for (label, head) in [
        (
            "other header not UTF-8",
            [b"x-odd: \xff\xfe\r\n".as_slice(), bearer.as_bytes()].concat(),
        ),
        ("300 KB header", many_groups.into_bytes()),
    ] {
        let answer = send(&gateway, &head).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{label}: {answer}");
    }
    // Every status so far came from the filter or the endpoint: no VM terminated.
    assert!(
        !gateway
            .envoy
            .log_lines()
            .iter()
            .any(|line| line.contains("[critical]"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unsafe_request_id_is_not_echoed() {
    let gateway = Gateway::with(|config| {
        config.connection_manager(|manager| {
            manager["preserve_external_request_id"] = true.into();
            // Otherwise Envoy copies the caller's value into the response without checks.
            manager["always_set_request_id_in_response"] = false.into();
        })
    })
    .await;
    let answer = send(&gateway, b"x-request-id: \xff\xff\r\n").await;
    assert!(answer.contains("x-request-id: entragate-"), "{answer}");
    let answer = send(&gateway, b"x-request-id: mine-1\r\n").await;
    assert!(answer.contains("x-request-id: mine-1\r\n"), "{answer}");
}
