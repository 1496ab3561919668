//! A directory that answers delta queries like Microsoft Graph, and knows which of its changes a list must have
//! received.

use super::super::super::id::Id;
use super::*;
use std::collections::{BTreeMap, BTreeSet};
use testbed::directory::delta::{Change, Object, Objects, Position, Query};

/// The fault of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Busy,
    Failure,
    Timeout,
    HalfPage,
    ForeignLink,
    /// All state tokens are discarded.
    Gone,
    BadRequest,
    /// The page begins with changes that were reported before.
    Replay,
    EmptyPage,
}

impl Fault {
    pub const ALL: [Self; 9] = [
        Self::Busy,
        Self::Failure,
        Self::Timeout,
        Self::HalfPage,
        Self::ForeignLink,
        Self::Gone,
        Self::BadRequest,
        Self::Replay,
        Self::EmptyPage,
    ];
}

#[derive(Debug)]
pub struct Graph {
    pub collection: Collection,
    pub page_size: usize,
    /// The number of answered calls.
    pub asked: usize,
    objects: Objects,
    /// The time from which the sessions of a user are valid.
    sessions_from: BTreeMap<String, Timestamp>,
    /// State tokens of an earlier epoch are discarded; calls with them are answered with this status.
    epoch: u32,
    gone: u16,
    faults: Vec<Fault>,
    /// The positions in the log up to which the last answer, and the last complete round, have reported it in full.
    reported: usize,
    complete: usize,
    /// Objects whose deletion no answer reports, because they were deleted before a full pass and the list did not know
    /// them.
    lost: BTreeSet<String>,
    /// The applications that an answer named.
    named: BTreeSet<String>,
}

/// The object's id.
pub fn guid(object: u32) -> String {
    format!(
        "{object:08x}-aaaa-4bbb-8ccc-{:012x}",
        u64::from(object) * 0x9e37_79b9
    )
}

fn app(object: u32) -> String {
    format!("{object:08x}-0000-4000-8000-000000000000")
}

impl Graph {
    pub fn new(collection: Collection, objects: u32) -> Self {
        let mut graph = Self {
            collection,
            page_size: 100,
            asked: 0,
            objects: Objects::default(),
            sessions_from: BTreeMap::new(),
            epoch: 1,
            gone: 410,
            faults: Vec::new(),
            reported: 0,
            complete: 0,
            lost: BTreeSet::new(),
            named: BTreeSet::new(),
        };
        (0..objects).for_each(|_| graph.create());
        graph
    }

    pub fn create(&mut self) {
        let object = u32::try_from(self.objects.iter().count()).unwrap();
        let new = Object {
            enabled: true,
            app: (self.collection == Collection::ServicePrincipals).then(|| app(object)),
            sessions_from: None,
            deleted: false,
        };
        self.objects.add(&guid(object), new);
    }

    pub fn disable(&mut self, object: u32) {
        self.objects.enable(&guid(object), false);
    }

    pub fn enable(&mut self, object: u32) {
        self.objects.enable(&guid(object), true);
    }

    pub fn delete(&mut self, object: u32) {
        self.objects.delete(&guid(object));
    }

    pub fn restore(&mut self, object: u32) {
        if self.objects.restore(&guid(object)) {
            self.lost.remove(&guid(object));
        }
    }

    pub fn revoke_sessions(&mut self, object: u32, now: Timestamp) {
        if self.collection == Collection::Users {
            let whole = Timestamp::from_secs(now.as_secs());
            let id = guid(object);
            if self.objects.revoke_sessions(&id, &whole.to_rfc3339()) {
                self.sessions_from.insert(id, whole);
            }
        }
    }

    pub fn fail(&mut self, fault: Fault, times: u8) {
        match fault {
            Fault::Gone | Fault::BadRequest => self.discard_state(fault),
            fault => (0..times).for_each(|_| self.faults.push(fault)),
        }
    }

    /// Discards all state tokens.
    pub fn discard_state(&mut self, fault: Fault) {
        self.epoch += 1;
        self.gone = if fault == Fault::Gone { 410 } else { 400 };
    }

    /// A full pass lists only objects that exist. Deletions since the last complete round are detected only if the list
    /// knew the object, as it knows service principals that an answer named.
    fn note_lost(&mut self) {
        let lost: Vec<String> = match self.collection {
            Collection::Users => {
                let unreported = self.objects.log()[self.complete..].iter();
                let deleted = unreported.filter(|(_, change)| *change == Change::Deleted);
                deleted.map(|(id, _)| id.clone()).collect()
            }
            Collection::ServicePrincipals => {
                let deleted = self.objects.iter().filter(|(_, own)| own.deleted);
                let unknown = deleted.filter(|(_, own)| !self.is_named(own));
                unknown.map(|(id, _)| id.clone()).collect()
            }
        };
        self.lost.extend(lost);
    }

    fn is_named(&self, object: &Object) -> bool {
        object
            .app
            .as_ref()
            .is_some_and(|app| self.named.contains(app))
    }

    /// Notes that the last answer completed a round.
    pub fn note_complete(&mut self) {
        self.complete = self.reported;
    }

    pub fn answer(&mut self, callout: &Callout, _: Timestamp) -> Answer {
        self.asked += 1;
        assert_eq!(callout.target.authority, "graph.microsoft.com");
        let fault = self.faults.pop();
        match fault {
            Some(Fault::Busy) => return busy(3),
            Some(Fault::Failure) => return status(500),
            Some(Fault::Timeout) => return Answer::Failed(CalloutError::Interrupted),
            _ => {}
        }
        let path = &callout.target.path;
        let position = match Query::parse(path).expect("a query that Graph accepts") {
            Query::All => {
                assert!(path.contains("?$select=id,"));
                self.note_lost();
                self.objects.first()
            }
            Query::After { epoch, .. } if epoch != self.epoch => return status(self.gone),
            Query::After { position, .. } => position,
        };
        let is_of_log = matches!(position, Position::Log(_));
        let size = match fault {
            Some(Fault::EmptyPage) if is_of_log => 0,
            _ => self.page_size,
        };
        let repeated = if fault == Some(Fault::Replay) { 3 } else { 0 };
        let page = self.objects.page(position, size, repeated);
        self.reported = page.next.reported();
        let root = match fault {
            Some(Fault::ForeignLink) => "https://graph.microsoft.example/v1.0",
            _ => "https://graph.microsoft.com/v1.0",
        };
        let json = page.to_json(root, "users", self.epoch, self.asked as u64);
        let mut text = json.to_string();
        match fault {
            Some(Fault::HalfPage) => text.truncate(text.len() / 2),
            Some(Fault::ForeignLink) => {}
            _ => {
                let apps = page.value.iter().filter_map(|own| own["appId"].as_str());
                self.named.extend(apps.map(str::to_owned));
            }
        }
        body(text)
    }

    /// Compares a complete list with the directory, as far as the answers have reported it.
    pub fn check(&self, list: &DirectoryList, now: Timestamp) {
        let unreported = &self.objects.log()[self.complete..];
        for (id, own) in self.objects.iter() {
            if self.lost.contains(id) || unreported.iter().any(|(changed, _)| changed == id) {
                continue;
            }
            let entries = list.entries();
            let is_listed = |issued| entries.of_object(Id::of(id).unwrap(), issued).is_some();
            let is_revoked = own.deleted || !own.enabled;
            // A token from the future is affected only by the state of the account.
            assert_eq!(
                is_listed(Some(now.plus(SECOND))),
                is_revoked,
                "object {id}: {own:?} {list:?}"
            );
            if let Some(from) = self.sessions_from.get(id).filter(|_| !is_revoked) {
                assert!(
                    is_listed(Some(from.minus(SECOND))) && is_listed(None),
                    "object {id}: {own:?}"
                );
                assert!(!is_listed(Some(*from)));
            }
            if let Some(app) = own.app.as_ref().filter(|_| self.is_named(own)) {
                let app = entries.of_app(Id::of(app).unwrap());
                assert_eq!(
                    app.is_some(),
                    is_revoked,
                    "application of object {id}: {own:?}"
                );
            }
        }
    }
}
