//! A stand-in for the delta queries of Microsoft Graph on users and service principals ("Use delta query to track changes"):
//! pages of random size, a log of changes, throttling, discarded state, and outages.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{
    recorded::Recorded,
    server::lock,
    stub::{Answer, Stub},
};

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

#[derive(Clone)]
struct Object {
    enabled: bool,
    app: Option<String>,
    sessions_from: String,
    deleted: bool,
}

#[derive(Default)]
struct Collection {
    objects: BTreeMap<String, Object>,
    /// Changed objects, with the property that changed.
    log: Vec<(String, &'static str)>,
}

struct State {
    collections: BTreeMap<Kind, Collection>,
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
            collections: Kind::ALL.map(|kind| (kind, Collection::default())).into(),
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
            sessions_from: "2020-01-01T00:00:00Z".to_owned(),
            deleted: false,
        };
        let mut state = lock(&self.state);
        let collection = state.collections.entry(kind).or_default();
        collection.objects.insert(id.to_owned(), object);
        collection.log.push((id.to_owned(), "all"));
    }

    /// Enables or disables an object.
    pub fn enable(&self, kind: Kind, id: &str, enabled: bool) {
        self.change(kind, id, "accountEnabled", |own| own.enabled = enabled);
    }

    /// Deletes an object, or restores it.
    pub fn delete(&self, kind: Kind, id: &str, deleted: bool) {
        self.change(kind, id, "all", |own| own.deleted = deleted);
    }

    /// Revokes the sign-in sessions of a user from before a time (RFC 3339).
    pub fn revoke_sessions(&self, id: &str, from: &str) {
        let property = "signInSessionsValidFromDateTime";
        self.change(Kind::User, id, property, |own| {
            from.clone_into(&mut own.sessions_from)
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

    fn change(&self, kind: Kind, id: &str, property: &'static str, change: impl Fn(&mut Object)) {
        let mut state = lock(&self.state);
        let collection = state.collections.entry(kind).or_default();
        if let Some(object) = collection.objects.get_mut(id) {
            change(object);
            collection.log.push((id.to_owned(), property));
        }
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
        let (_, query) = request.path.split_once('?').unwrap_or_default();
        let (name, token) = query.split_once('=')?;
        let preferred = request
            .header("prefer")
            .and_then(|value| value.strip_prefix("odata.maxpagesize=")?.parse().ok());
        let largest = self.largest_page.min(preferred.unwrap_or(100)) as u64;
        let size = usize::try_from(self.next() % largest + 1).ok()?;
        // An empty page may have a next link too.
        let size = if self.hits(16) { 0 } else { size };
        let epoch = self.epoch;
        let own = self.collections.get(&kind)?;
        let (value, link) = if name == "$select" {
            self.passes += 1;
            let began = own.log.len();
            pass(own, epoch, began, "", size)
        } else {
            let mut parts = token.split('~');
            if parts.next()?.parse() != Ok(epoch) {
                return None;
            }
            let position: usize = parts.next()?.parse().ok()?;
            match parts.next() {
                // The last part makes links of empty pages differ.
                Some(after) if name == "$skiptoken" && after != "log" => {
                    pass(own, epoch, position, after, size)
                }
                _ => changes(own, epoch, position, size),
            }
        };
        let (link_name, token_name, token) = link;
        let host = &request.host;
        let collection = kind.collection();
        let random = self.next();
        let link =
            format!("https://{host}/v1.0/{collection}/delta?{token_name}={token}~{random:x}");
        Some(
            json!({"@odata.context": format!("https://{host}/v1.0/$metadata#{collection}"), link_name: link, "value": value}),
        )
    }
}

type Link = (&'static str, &'static str, String);

fn pass(own: &Collection, epoch: u32, began: usize, after: &str, size: usize) -> (Value, Link) {
    let rest = own.objects.range(after.to_owned()..);
    let mut present = rest.filter(|(_, object)| !object.deleted);
    let page: Vec<Value> = present
        .by_ref()
        .take(size)
        .map(|(id, object)| shown(id, object, "all"))
        .collect();
    let link = match present.next() {
        Some((next, _)) => (
            "@odata.nextLink",
            "$skiptoken",
            format!("{epoch}~{began}~{next}"),
        ),
        None => (
            "@odata.deltaLink",
            "$deltatoken",
            format!("{epoch}~{began}"),
        ),
    };
    (Value::Array(page), link)
}

fn changes(own: &Collection, epoch: u32, from: usize, size: usize) -> (Value, Link) {
    // Changes may be reported again.
    let replayed = from.saturating_sub(2);
    let end = from.saturating_add(size).min(own.log.len());
    let log = own.log.get(replayed..end).unwrap_or_default();
    let page = log
        .iter()
        .filter_map(|(id, property)| Some(shown(id, own.objects.get(id)?, property)));
    let link = if end < own.log.len() {
        (
            "@odata.nextLink",
            "$skiptoken",
            format!("{epoch}~{end}~log"),
        )
    } else {
        ("@odata.deltaLink", "$deltatoken", format!("{epoch}~{end}"))
    };
    (Value::Array(page.collect()), link)
}

fn shown(id: &str, object: &Object, property: &str) -> Value {
    let mut shown = json!({ "id": id });
    if object.deleted {
        shown["@removed"] = json!({"reason": "changed"});
        return shown;
    }
    let is = |name| property == name || property == "all";
    if is("accountEnabled") {
        shown["accountEnabled"] = json!(object.enabled);
    }
    match &object.app {
        Some(app) if property == "all" => shown["appId"] = json!(app),
        None if is("signInSessionsValidFromDateTime") => {
            shown["signInSessionsValidFromDateTime"] = json!(object.sessions_from);
        }
        Some(_) | None => {}
    }
    shown
}

fn error(status: u16, code: &str) -> Answer {
    let error = json!({"error": {"code": code, "message": code, "innerError": {"date": "2026-11-29T00:00:00"}}});
    Answer::json(status, &error)
}
