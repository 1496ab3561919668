//! Typical gateway traffic for the real filter in the strict host, for tools that count instructions or called functions.
//!
//! The traffic is the same in each process, at any time: a tool that adapts the filter to it writes the same file each time.

use std::error::Error;

use serde_json::{Map, Value, json};

use testbed::{
    envoy::EnvoyConfig,
    keys::SigningKey,
    mint::Token,
    persona::{Persona, TENANT, issuer_v2},
};

use crate::{Answer, Fate, Fields, Host, Rules, Settings};

/// When the traffic takes place, in seconds since 1970.
const NOW: u64 = 1_790_000_000;

/// The body of a request.
pub const REQUEST_BODY: &str = r#"{"model":"meta-llama/Llama-3.1-8B-Instruct","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"Who may pass?"}],"max_tokens":64,"temperature":0.2}"#;
/// The body of a response, as long as a short completion.
pub const RESPONSE_BODY: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"message":{"role":"assistant","content":"The gate is open to those who are known."},"finish_reason":"stop"}],"usage":{"prompt_tokens":21,"completion_tokens":11,"total_tokens":32}}"#;

/// The events of a streamed response, each of which arrives on its own.
pub const EVENTS: [&str; 5] = [
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"meta-llama/Llama-3.1-8B-Instruct\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"meta-llama/Llama-3.1-8B-Instruct\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" gate\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"meta-llama/Llama-3.1-8B-Instruct\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\":\\n\\n\\\"open\\\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"meta-llama/Llama-3.1-8B-Instruct\",\"choices\":[],\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":3,\"total_tokens\":24}}\n\n",
    "data: [DONE]\n\n",
];

/// The stage of a request that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Headers,
    Body,
    Response,
    End,
}

/// The filter under the shipped policy, holding its issuer's keys.
pub struct Traffic {
    pub host: Host,
    key: SigningKey,
}

impl Traffic {
    /// Starts the filter under the policy of `envoy.yaml`, with these top-level members in place of its own. `wasm`: a filter other than
    /// the built one.
    ///
    /// # Errors
    /// `envoy.yaml` can't be read, or the filter refuses the policy.
    pub fn start(wasm: Option<Vec<u8>>, changes: &Value) -> Result<Self, Box<dyn Error>> {
        let policy = changed(&EnvoyConfig::from_user_file()?.policy(), changes);
        let mut settings = Settings::new(Rules::Envoy, &policy);
        settings.wasm = wasm;
        settings.now = NOW;
        settings
            .environment
            .insert("HF_TOKEN_READ".into(), "credential".into());
        let cluster = ("xds.cluster_name".into(), "huggingface".into());
        settings.properties.extend([cluster]);
        let mut host = Host::start(settings).map_err(|logs| logs.join("\n"))?;
        let key = SigningKey::from_seed(0);
        host.tick();
        let jwk = key.to_entra_jwk("microsoftonline.com", Some(&issuer_v2(TENANT)));
        host.answer("entra", Answer::ok(json!({"keys": [jwk]}).to_string()));
        Ok(Self { host, key })
    }

    /// Sends a request with this token, responds to it if it is permitted, and ends it. Calls `after` for each stage.
    pub fn pass(&mut self, token: &Token, after: impl FnMut(&Host, Stage)) {
        let fields = self.signed(token);
        self.exchange(fields, "application/json", &[RESPONSE_BODY], after);
    }

    /// The same with a response that is streamed.
    pub fn pass_stream(&mut self, token: &Token) {
        let fields = self.signed(token);
        self.exchange(fields, "text/event-stream", &EVENTS, |_, _| ());
    }

    /// The same without a token.
    pub fn pass_without_token(&mut self) {
        let fields = headers(None).map(field).collect();
        self.exchange(fields, "application/json", &[RESPONSE_BODY], |_, _| ());
    }

    fn signed(&self, token: &Token) -> Fields {
        let token = token.clone().signed_by(&self.key).build();
        let authorization = format!("Bearer {token}");
        headers(Some(&authorization)).map(field).collect()
    }

    fn exchange(
        &mut self,
        headers: Fields,
        content_type: &str,
        response: &[&str],
        mut after: impl FnMut(&Host, Stage),
    ) {
        let host = &mut self.host;
        let id = host.open(headers, false);
        after(host, Stage::Headers);
        // Not forwarded yet if a rule needs the body.
        if !matches!(host.fate(id), Fate::Replied(_)) {
            host.body(id, REQUEST_BODY.as_bytes(), true);
        }
        after(host, Stage::Body);
        if matches!(host.fate(id), Fate::Forwarded(_)) {
            let content_type = field(("content-type", content_type));
            let pieces: Vec<&[u8]> = response.iter().map(|piece| piece.as_bytes()).collect();
            host.respond_in_pieces(id, 200, vec![content_type], &pieces);
        }
        after(host, Stage::Response);
        host.end(id);
        after(host, Stage::End);
    }
}

/// This persona's token, valid when the traffic takes place.
pub fn token(persona: Persona) -> Token {
    Token::at(persona, NOW)
}

/// The token of one of many permitted callers.
pub fn caller(index: u64) -> Token {
    token(Persona::Ada).claim("oid", oid(index))
}

/// The object id of one of many callers.
pub fn oid(index: u64) -> String {
    format!("690222be-ff1a-4d56-abd1-{index:012}")
}

/// Top-level members of `policy` replaced by those of `changes`.
pub fn changed(policy: &Value, changes: &Value) -> Value {
    let mut all: Map<String, Value> = policy.as_object().cloned().unwrap_or_default();
    all.extend(changes.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// A request's headers as Envoy passes them, with or without a token.
pub fn headers(authorization: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let before = [
        (":authority", "gateway.contoso.com"),
        (":path", "/v1/chat/completions"),
        (":method", "POST"),
        (":scheme", "http"),
        ("content-type", "application/json"),
        ("user-agent", "client"),
        ("accept", "*/*"),
    ];
    let after = [
        ("content-length", "180"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "0c4dd1b2-3f7e-4a6f-9a53-64a1c1fe2b60"),
    ];
    let authorization = authorization.map(|value| ("authorization", value));
    before.into_iter().chain(authorization).chain(after)
}

fn field((name, value): (&str, &str)) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_in_each_process() {
        let token = caller(0).signed_by(&SigningKey::from_seed(0)).build();
        let signature = token.rsplit('.').next().unwrap();
        assert_eq!(&signature[..22], "c2NQvdX12mth7twv8JK6hZ");
    }
}
