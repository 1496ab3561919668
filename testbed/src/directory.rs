//! A stand-in for the delta queries of Microsoft Graph on users and service principals ("Use delta query to track changes"):
//! pages of random size, throttling, discarded state, and outages.

pub mod delta;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use delta::{Object, Objects, Query};

use crate::{
    recorded::Recorded,
    server::lock,
    stub::{Answer, Stub},
};

/// A page of changes may begin with some that were reported before.
const REPEATED: usize = 2;

/// A running directory. Clones share it.
#[derive(Clone)]
pub struct Directory {
    stub: Stub,
    state: Arc<Mutex<State>>,
}

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    User,
    ServicePrincipal,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::User, Kind::ServicePrincipal];

    fn collection(self) -> &'static str {
        match self {
            Kind::User => "users",
            Kind::ServicePrincipal => "servicePrincipals",
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// One of this many requests is throttled (429 with `Retry-After: 1`); 0: none.
    pub throttled_one_in: u32,
    /// One of this many responses is cut in half; 0: none.
    pub cut_one_in: u32,
    /// One of this many requests fails with status 503; 0: none.
    pub failing_one_in: u32,
    /// Every request of this kind fails with status 500.
    pub outage: Option<Kind>,
}

struct State {
    collections: BTreeMap<Kind, Objects>,
    /// State tokens of an earlier epoch are discarded.
    epoch: u32,
    largest_page: usize,
    faults: Faults,
    random: u64,
    passes: usize,
}

impl Directory {
    /// Starts with TLS and this many enabled users.
    pub async fn start(users: u32) -> io::Result<Directory> {
        let stub = Stub::start(&["localhost"]).await?;
        let state = State {
            collections: Kind::ALL.map(|kind| (kind, Objects::default())).into(),
            epoch: 1,
            largest_page: 999,
            faults: Faults::default(),
            random: 0x9E37_79B9_7F4A_7C15,
            passes: 0,
        };
        let directory = Directory {
            stub,
            state: Arc::new(Mutex::new(state)),
        };
        for user in 0..users {
            directory.add(Kind::User, &user_id(user), None);
        }
        for kind in Kind::ALL {
            let state = directory.state.clone();
            let path = format!("/v1.0/{}/delta", kind.collection());
            directory
                .stub
                .answer(&path, move |request| lock(&state).answer(kind, request));
        }
        Ok(directory)
    }

    pub fn addr(&self) -> SocketAddr {
        self.stub.addr()
    }

    pub fn is_tls(&self) -> bool {
        self.stub.is_tls()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.stub.requests()
    }

    /// The number of full passes that have begun.
    pub fn passes(&self) -> usize {
        lock(&self.state).passes
    }

    /// Adds an enabled object. `app` is the client id of a service principal.
    pub fn add(&self, kind: Kind, id: &str, app: Option<&str>) {
        let object = Object {
            enabled: true,
            app: app.map(str::to_owned),
            sessions_from: (kind == Kind::User).then(|| "2020-01-01T00:00:00Z".to_owned()),
            deleted: false,
        };
        self.change(kind, |own| own.add(id, object));
    }

    /// Enables or disables an object.
    pub fn enable(&self, kind: Kind, id: &str, enabled: bool) {
        self.change(kind, |own| own.enable(id, enabled));
    }

    pub fn delete(&self, kind: Kind, id: &str) {
        self.change(kind, |own| own.delete(id));
    }

    /// Revokes the sign-in sessions of a user from before a time (RFC 3339).
    pub fn revoke_sessions(&self, id: &str, from: &str) {
        self.change(Kind::User, |own| {
            own.revoke_sessions(id, from);
        });
    }

    /// Discards all state tokens: the next request with one is answered 410.
    pub fn discard_state(&self) {
        lock(&self.state).epoch += 1;
    }

    pub fn set_faults(&self, faults: Faults) {
        lock(&self.state).faults = faults;
    }

    pub fn set_largest_page(&self, objects: usize) {
        lock(&self.state).largest_page = objects.max(1);
    }

    fn change(&self, kind: Kind, change: impl FnOnce(&mut Objects)) {
        let mut state = lock(&self.state);
        change(state.collections.entry(kind).or_default());
    }
}

/// The id of a user by its number.
pub fn user_id(user: u32) -> String {
    let mixed = u64::from(user).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!(
        "{user:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        mixed >> 48,
        mixed >> 36 & 0xfff,
        mixed >> 24 & 0xfff,
        mixed & 0xffff_ffff_ffff
    )
}

impl State {
    /// Xorshift64 (Marsaglia 2003).
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn hits(&mut self, one_in: u32) -> bool {
        let random = self.next();
        one_in > 0 && random.is_multiple_of(u64::from(one_in))
    }

    fn answer(&mut self, kind: Kind, request: &Recorded) -> Answer {
        let is_signed = |token: &str| !token.is_empty();
        if request.method != "GET" || !request.bearer().is_some_and(is_signed) {
            return error(401, "InvalidAuthenticationToken");
        }
        if self.faults.outage == Some(kind) {
            return error(500, "InternalServerError");
        }
        if self.hits(self.faults.throttled_one_in) {
            return error(429, "TooManyRequests").header("retry-after", "1");
        }
        if self.hits(self.faults.failing_one_in) {
            return error(503, "ServiceUnavailable");
        }
        let Some(page) = self.page(kind, request) else {
            let location = format!("https://{}/v1.0/{}/delta", request.host, kind.collection());
            return error(410, "resyncRequired").header("location", &location);
        };
        let mut answer = Answer::json(200, &page);
        if self.hits(self.faults.cut_one_in) {
            answer.body.truncate(answer.body.len() / 2);
        }
        answer
    }

    /// `None`: the state token is discarded.
    fn page(&mut self, kind: Kind, request: &Recorded) -> Option<Value> {
        let preferred = request
            .header("prefer")
            .and_then(|value| value.strip_prefix("odata.maxpagesize=")?.parse().ok());
        let largest = self.largest_page.min(preferred.unwrap_or(100)) as u64;
        let size = usize::try_from(self.next() % largest + 1).ok()?;
        // An empty page may have a next link too.
        let size = if self.hits(16) { 0 } else { size };
        let salt = self.next();
        let own = self.collections.get(&kind)?;
        let position = match Query::parse(&request.path)? {
            Query::All => {
                self.passes += 1;
                own.first()
            }
            Query::After { epoch, .. } if epoch != self.epoch => return None,
            Query::After { position, .. } => position,
        };
        let page = own.page(position, size, REPEATED);
        let root = format!("https://{}/v1.0", request.host);
        Some(page.to_json(&root, kind.collection(), self.epoch, salt))
    }
}

fn error(status: u16, code: &str) -> Answer {
    let error = json!({"error": {"code": code, "message": code, "innerError": {"date": "2026-11-29T00:00:00"}}});
    Answer::json(status, &error)
}
