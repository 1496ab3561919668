//! The gate under any order of events: only permitted requests are forwarded, only the genuine token is permitted while it is
//! valid, and the amount of pending work stays bounded.

use super::{TENANT, jwk, load};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::config::Config;
use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::{Call, Connection, Gate, Ruling, Step, StreamId};
use entragate::http::headers::Headers;
use entragate::keys::jwk::Key;
use entragate::time::Timestamp;
use entragate::token::jws::Unverified;
use entragate::token::signature::{CheckedBy, SignatureCheck};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

const START: u64 = 1_795_000_000;
const EXPIRES: u64 = START + 4000;
const SKEW: Duration = Duration::from_secs(60);
const MAX_STALE: Duration = Duration::from_secs(3600);
const CREDENTIAL: &str = "credential";
const GOOD_BODY: &[u8] = br#"{"model":"good/one","stream":false}"#;
const BAD_BODY: &[u8] = br#"{"model":"bad/one","stream":false}"#;

static SETTINGS: LazyLock<Config> = LazyLock::new(|| {
    load(&json!({
        "issuers": [{
            "name": "contoso", "entra": {"tenants": [TENANT]}, "audiences": ["a"],
            "jwks": {"cluster": "entra", "refresh": "10m", "max_stale": "1h", "cooldown": "5s"},
        }],
        "cache": {"entries": 2, "ttl": "30s"},
        "wait": {"requests": 3, "timeout": "2s"},
        "credentials": [{"name": "c", "value": CREDENTIAL, "clusters": ["hf"]}],
        "rules": [
            {"name": "health", "match": {"paths": ["/health"]}, "anonymous": true},
            {"name": "chat", "match": {"paths": ["/v1/chat"], "models": ["good/*"]}, "require": {"role": "R"}, "credential": "c"},
            {"name": "plain", "match": {"paths": ["/plain"]}, "require": {"role": "R"}, "credential": "c"},
        ],
    }))
});

/// Ada's token, signed by the issuer.
static GENUINE: LazyLock<String> = LazyLock::new(|| token("k", "R", EXPIRES));

fn token(kid: &str, role: &str, expires: u64) -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    let claims = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "tid": TENANT, "aud": "a", "oid": "o",
        "sub": "s", "azp": "c", "scp": "x", "ver": "2.0", "roles": [role], "iat": START, "nbf": START, "exp": expires,
    });
    let segment = |value: &serde_json::Value| BASE64URL.encode(value.to_string());
    format!("{}.{}.AAAA", segment(&header), segment(&claims))
}

/// Accepts only the genuine token with the issuer's own key.
struct GenuineOnly;

impl SignatureCheck for GenuineOnly {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        (token.token == *GENUINE && key.kid.as_deref() == Some("k")).then_some(CheckedBy::Wasm)
    }
}

/// The part of a stream's request that was sent.
struct Sent {
    genuine: bool,
    path: &'static str,
    /// The upstream cluster that the host selected.
    cluster: &'static str,
    body: &'static [u8],
    /// The number of bytes of the body sent so far.
    sent_bytes: usize,
}

struct World {
    gate: Gate,
    now: Timestamp,
    streams: BTreeMap<StreamId, Sent>,
    calls: Vec<Call>,
    last_id: StreamId,
    /// The time of the last answer with a valid key set, even if the gate did not use it.
    good_keys: Option<Timestamp>,
}

/// Two bytes per event: its kind and its parameter.
pub fn gate(data: &[u8]) {
    let now = Timestamp::from_secs(START);
    let mut world = World {
        gate: Gate::new(SETTINGS.clone(), now),
        now,
        streams: BTreeMap::new(),
        calls: Vec::new(),
        last_id: 0,
        good_keys: None,
    };
    for event in data.chunks_exact(2).take(400) {
        world.apply(event[0], event[1]);
        world.check_open_streams();
    }
}

impl World {
    fn apply(&mut self, event: u8, parameter: u8) {
        match event % 9 {
            0 => self.advance(u64::from(parameter) * 50),
            1 => self.advance(u64::from(parameter) * 10_000),
            2 | 3 => self.begin(parameter),
            4 => self.answer(parameter),
            5 => self.resume_pending(),
            6 => self.send_body(parameter),
            7 => {
                if let Some(id) = self.pick(parameter) {
                    self.streams.remove(&id);
                    self.gate
                        .finish(id, (parameter & 1 == 0).then_some(200), self.now);
                    self.gate.forget(id);
                }
            }
            _ => {
                // The host may ask about streams that never existed or have ended.
                assert!(!self.gate.is_permitted(u32::MAX));
                assert!(self.gate.resume(u32::MAX, self.now, &GenuineOnly).is_none());
                assert!(
                    self.gate
                        .body(u32::MAX, Some(b"{}"), true, self.now, &GenuineOnly)
                        .is_none()
                );
            }
        }
    }

    fn advance(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
        self.gate.tick(self.now);
    }

    fn begin(&mut self, parameter: u8) {
        self.last_id += 1;
        let id = self.last_id;
        let path = ["/plain", "/v1/chat", "/health", "/other"][usize::from(parameter >> 6)];
        let bearer = match parameter & 7 {
            0..=2 => GENUINE.clone(),
            3 => token("unknown", "R", EXPIRES),
            4 => token("k", "R", EXPIRES + 1), // not signed
            5 => "x.y.z".into(),
            6 => String::new(),
            _ => format!("{},{}", *GENUINE, *GENUINE),
        };
        let genuine = parameter & 7 <= 2;
        let authorization = format!("Bearer {bearer}");
        let mut headers = Headers::from_iter([
            (":method", "POST"),
            (":path", path),
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ]);
        headers.is_all = parameter & 8 != 0;
        let body = if parameter & 16 != 0 {
            GOOD_BODY
        } else {
            BAD_BODY
        };
        let cluster = if parameter & 34 == 32 { "other" } else { "hf" };
        self.streams.insert(
            id,
            Sent {
                genuine,
                path,
                cluster,
                body,
                sent_bytes: 0,
            },
        );
        assert!(
            self.gate
                .strip_credentials(&headers)
                .contains(&"authorization".to_owned())
        );
        let connection = self.connection(cluster);
        let ruling = self
            .gate
            .begin(id, headers, connection, self.now, &GenuineOnly);
        self.check(id, &ruling);
    }

    fn connection(&self, cluster: &str) -> Connection {
        let is_cluster = |path: &str| path == "xds\0cluster_name";
        self.gate
            .wanted()
            .read(&|path| is_cluster(path).then(|| cluster.as_bytes().to_vec()))
    }

    fn answer(&mut self, parameter: u8) {
        if self.calls.is_empty() {
            return;
        }
        let call = self
            .calls
            .remove(usize::from(parameter >> 4) % self.calls.len());
        let keys = |kids: &[&str]| {
            let keys: Vec<_> = kids.iter().map(|kid| jwk(kid)).collect();
            Answer::Response {
                status: 200,
                body: json!({ "keys": keys }).to_string().into_bytes(),
            }
        };
        let answer = match parameter & 7 {
            0..=2 => {
                self.good_keys = Some(self.now);
                keys(&["k", "other"])
            }
            3 => keys(&["other"]),
            4 => Answer::Response {
                status: 200,
                body: b"{\"keys\":[]}".to_vec(),
            },
            5 => Answer::Response {
                status: 503,
                body: Vec::new(),
            },
            6 => Answer::Failed(CalloutError::Interrupted),
            _ => Answer::Response {
                status: 200,
                body: vec![b'{'; usize::from(parameter)],
            },
        };
        self.gate.answered(call.call_id, answer, self.now);
    }

    fn resume_pending(&mut self) {
        for id in self.gate.take_wakeups() {
            if let Some(ruling) = self.gate.resume(id, self.now, &GenuineOnly) {
                self.check(id, &ruling);
            }
        }
    }

    fn send_body(&mut self, parameter: u8) {
        let Some(id) = self.pick(parameter) else {
            return;
        };
        let sent = self.streams.get_mut(&id).expect("the picked stream exists");
        let rest = sent.body.len() - sent.sent_bytes;
        let size = usize::from(parameter >> 3).min(rest);
        let piece = &sent.body[sent.sent_bytes..sent.sent_bytes + size];
        sent.sent_bytes += size;
        let is_last = sent.sent_bytes == sent.body.len();
        if self.gate.wants_body(id)
            && let Some(ruling) = self
                .gate
                .body(id, Some(piece), is_last, self.now, &GenuineOnly)
        {
            self.check(id, &ruling);
        }
    }

    fn pick(&self, parameter: u8) -> Option<StreamId> {
        let at = usize::from(parameter) % self.streams.len().max(1);
        self.streams.keys().nth(at).copied()
    }

    fn check(&mut self, id: StreamId, ruling: &Ruling) {
        let permitted = matches!(ruling.step, Step::Forward(_));
        assert_eq!(
            self.gate.is_permitted(id),
            permitted,
            "a request is permitted if and only if it is forwarded"
        );
        let Step::Forward(edits) = &ruling.step else {
            return;
        };
        let sent = &self.streams[&id];
        let authorization = edits.iter().find(|edit| edit.name == "authorization");
        if sent.path == "/health" {
            assert!(
                authorization.is_none(),
                "an anonymous request gets no credential"
            );
            return;
        }
        assert!(sent.genuine, "forwarded without the genuine token");
        assert_ne!(sent.path, "/other", "no rule permits this path");
        assert_eq!(
            sent.cluster, "hf",
            "the credential is not meant for this cluster"
        );
        assert!(
            self.now < Timestamp::from_secs(EXPIRES).plus(SKEW),
            "forwarded after the token expired"
        );
        assert!(
            self.good_keys
                .is_some_and(|then| self.now.since(then) <= MAX_STALE),
            "the keys are older than max_stale"
        );
        if sent.path == "/v1/chat" {
            assert!(
                sent.body == GOOD_BODY && sent.sent_bytes == sent.body.len(),
                "forwarded before the complete body named a permitted model"
            );
        }
        assert_eq!(
            authorization.map(|edit| edit.value.as_str()),
            Some("Bearer credential")
        );
        self.check_new_request();
    }

    /// However long a request waited or its body took, a caller that is forwarded now would also be forwarded if the request
    /// arrived now.
    fn check_new_request(&mut self) {
        self.last_id += 1;
        let authorization = format!("Bearer {}", *GENUINE);
        let mut headers = Headers::from_iter([
            (":method", "POST"),
            (":path", "/plain"),
            ("authorization", authorization.as_str()),
        ]);
        headers.is_all = true;
        let (id, now) = (self.last_id, self.now);
        let connection = self.connection("hf");
        let ruling = self.gate.begin(id, headers, connection, now, &GenuineOnly);
        assert!(
            matches!(ruling.step, Step::Forward(_)),
            "forwarded with a key that is no longer in the key set"
        );
        self.gate.finish(id, Some(200), now);
    }

    fn check_open_streams(&mut self) {
        self.calls.extend(self.gate.take_calls());
        self.gate.take_notices();
        for (id, sent) in &self.streams {
            let may_be_permitted = sent.genuine || sent.path == "/health";
            assert!(may_be_permitted || !self.gate.is_permitted(*id));
        }
    }
}
