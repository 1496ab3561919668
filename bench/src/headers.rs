//! A request's headers as Envoy hands them over, for what is counted without one.

pub fn of(authorization: &str) -> [(&str, &str); 12] {
    [
        (":authority", "gateway.contoso.com"),
        (":path", "/v1/chat/completions"),
        (":method", "POST"),
        (":scheme", "http"),
        ("content-type", "application/json"),
        ("user-agent", "bench"),
        ("accept", "*/*"),
        ("authorization", authorization),
        ("content-length", "180"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "0c4dd1b2-3f7e-4a6f-9a53-64a1c1fe2b60"),
    ]
}
