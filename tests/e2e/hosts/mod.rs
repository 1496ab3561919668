//! The real .wasm in strict hosts with the rules of Envoy and of ngx_wasm_module. A strict host panics on every call on which
//! the real host would abort, crash or hang. No proxy runs, and the test controls the clock.

mod bodies;
mod decisions;
mod exchange;
mod handover;
mod keys;
mod limits;
mod nginx;
mod stripping;
mod workers;

use serde_json::{Value, json};
use std::time::Duration;
use strict_host::{Answer, Fate, Fields, Host, Rules, Settings, field};
use testbed::keys::{self as key, SigningKey};
use testbed::mint::Token;
use testbed::persona::{AUDIENCE, Persona, TENANT, issuer_v2};

/// The credential, the only one that the upstream receives.
const CREDENTIAL: &str = "hf_credential_of_the_tests";
/// A name that both hosts accept: a cluster in Envoy, host and port in nginx.
const ENTRA: &str = "login.microsoftonline.com:443";
const OPS: &str = "ops.contoso.com:443";

fn settings() -> Value {
    json!({
        "issuers": [{
            "name": "contoso",
            "entra": {"tenants": [TENANT]},
            "audiences": [AUDIENCE],
            "jwks": {"cluster": ENTRA},
        }],
        "credentials": [{"name": "hf-read", "value": CREDENTIAL}],
        "endpoints": [
            {"hosts": ["llama.contoso.com"], "model": "meta-llama/Llama-3.1-8B-Instruct"},
            {"paths": ["/v1/**"], "model_from": "body"},
        ],
        "rules": [
            {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
            {"name": "by-host", "match": {"hosts": ["llama.contoso.com"], "models": ["meta-llama/*"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
            {"name": "scientists", "match": {"paths": ["/v1/**"], "hosts": ["hf.contoso.com"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ],
        // Kong's log shows warnings only.
        "audit": {"level": "warn"},
    })
}

/// A filter in a strict host.
struct Gateway {
    host: Host,
}

impl Gateway {
    /// A filter without keys.
    fn cold(rules: Rules, settings: &Value) -> Self {
        Self::start(Settings::new(rules, settings))
    }

    fn start(settings: Settings) -> Self {
        let host = Host::start(settings).unwrap_or_else(|logs| panic!("{logs:#?}"));
        Self { host }
    }

    /// A filter with Entra's keys and without pending calls.
    fn warm(rules: Rules, settings: &Value) -> Self {
        let mut gateway = Self::cold(rules, settings);
        gateway.host.tick();
        gateway.publish(&[&key::rsa()]);
        gateway
    }

    /// Answers every pending call for keys, including the calls that result from it.
    fn publish(&mut self, keys: &[&SigningKey]) {
        while self.host.answer(ENTRA, jwks(keys)) {}
    }

    fn rules(&self) -> Rules {
        self.host.rules()
    }

    fn chat(&mut self, token: &str) -> u32 {
        let headers = self.chat_headers(token);
        self.host.open(headers, true)
    }

    fn chat_headers(&self, token: &str) -> Fields {
        let bearer = format!("Bearer {token}");
        let fields = [("authorization", bearer.as_str())];
        headers(
            self.rules(),
            "POST",
            "hf.contoso.com",
            "/v1/models",
            &fields,
        )
    }

    fn get(&mut self, host: &str, path: &str, fields: &[(&str, &str)]) -> u32 {
        let headers = headers(self.rules(), "GET", host, path, fields);
        self.host.open(headers, true)
    }

    /// Returns the state of a request: `forwarded`, `held`, or the code of the reply.
    fn code(&self, id: u32) -> String {
        match self.host.fate(id) {
            Fate::Held => "held".to_owned(),
            Fate::Replied(reply) => reply.header("x-error-code").unwrap_or_default(),
            Fate::Forwarded(headers) => {
                let authorization = field(headers, "authorization");
                assert_eq!(authorization, Some(format!("Bearer {CREDENTIAL}")));
                "forwarded".to_owned()
            }
        }
    }

    /// Sends a request with the token, ends it, and returns its code.
    fn outcome(&mut self, token: &str) -> String {
        let id = self.chat(token);
        let code = self.code(id);
        self.host.end(id);
        code
    }

    /// Returns the audit records since the last call.
    fn audit(&mut self) -> Vec<Value> {
        let logs = self.host.logs();
        let records = logs
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        records.collect()
    }
}

/// Returns the headers of a request as each host passes them: in nginx, `:authority` is the server name.
fn headers(rules: Rules, method: &str, host: &str, path: &str, fields: &[(&str, &str)]) -> Fields {
    let pseudo_headers = [(":method", method), (":path", path), (":scheme", "https")];
    let authority = match rules {
        Rules::Envoy => vec![(":authority", host)],
        Rules::Nginx => vec![(":authority", "kong"), ("host", host)],
    };
    let all = pseudo_headers.iter().chain(&authority).chain(fields);
    all.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn jwks(keys: &[&SigningKey]) -> Answer {
    let issuer = issuer_v2(TENANT);
    let jwk = |key: &&SigningKey| key.to_entra_jwk("microsoftonline.com", Some(&issuer));
    let keys: Vec<Value> = keys.iter().map(jwk).collect();
    Answer::ok(json!({ "keys": keys }).to_string())
}

fn ada() -> Token {
    Token::of(Persona::Ada)
}

/// Declares a test that runs under the rules of both hosts.
macro_rules! in_both_hosts {
    ($($(#[$attribute:meta])* fn $name:ident($rules:ident: Rules) $body:block)*) => {$(
        mod $name {
            use super::*;

            fn check($rules: Rules) $body

            $(#[$attribute])*
            #[test]
            fn under_envoy_rules() {
                check(Rules::Envoy);
            }

            $(#[$attribute])*
            #[test]
            fn under_nginx_rules() {
                check(Rules::Nginx);
            }
        }
    )*};
}
use in_both_hosts;

const SECOND: Duration = Duration::from_secs(1);
