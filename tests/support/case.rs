//! One request with its context, and its outcome.

use super::{Bench, ada, code_of, header_of, with_rules};
use serde_json::{Value, json};
use testbed::mint::Token;
use testbed::persona::Persona;

/// A request, the time, and the context that rules can refer to.
pub struct Case {
    pub token: Token,
    pub now: u64,
    pub properties: Vec<(&'static str, &'static str)>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub hops: u64,
}

impl Case {
    pub fn of(token: Token) -> Self {
        let (properties, headers) = (Vec::new(), Vec::new());
        Self {
            token,
            now: testbed::mint::now(),
            properties,
            headers,
            hops: 0,
        }
    }

    pub fn ada() -> Self {
        Self::of(ada())
    }

    /// Ada's request at `now`, with a token issued at that time.
    pub fn at(now: u64) -> Self {
        Self {
            now,
            ..Self::of(Token::at(Persona::Ada, now))
        }
    }

    pub fn from(address: &'static str) -> Self {
        Self {
            properties: vec![("source.address", address)],
            ..Self::ada()
        }
    }

    pub fn forwarded(hops: u64, headers: &[&'static str]) -> Self {
        let headers = headers
            .iter()
            .map(|value| ("x-forwarded-for", *value))
            .collect();
        Self {
            hops,
            headers,
            ..Self::from("10.0.0.1:1")
        }
    }

    pub fn with_certificate(uri: &'static str) -> Self {
        Self {
            properties: vec![("connection.uri_san_peer_certificate", uri)],
            ..Self::ada()
        }
    }

    pub fn code(&self, rules: Value) -> String {
        let mut settings = with_rules(rules);
        settings["client_address"] = json!({"trusted_hops": self.hops});
        self.run(&settings).0
    }

    /// Returns the code, the challenge of the reply and the audit record.
    pub fn run(&self, settings: &Value) -> (String, Option<String>, Value) {
        let mut bench = Bench::warm(settings);
        bench.now = entragate::time::Timestamp::from_secs(self.now);
        for (name, value) in &self.properties {
            bench
                .properties
                .insert((*name).into(), value.as_bytes().to_vec());
        }
        let authorization = format!("Bearer {}", self.token.build());
        let mut fields = vec![
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "x"),
            ("authorization", authorization.as_str()),
        ];
        fields.extend(&self.headers);
        let (id, ruling) = bench.send(&fields);
        let code = code_of(&ruling);
        let challenge = (code != "permitted").then(|| header_of(&ruling, "www-authenticate"));
        bench.gate.finish(id, Some(200), bench.now);
        (code, challenge.flatten(), bench.audit().remove(0))
    }

    pub fn describe(&self) -> String {
        format!(
            "{} {:?} {:?} {}",
            self.now,
            self.properties,
            self.headers,
            self.token.claims_value()
        )
    }
}
