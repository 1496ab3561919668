//! A directory that answers delta queries like Microsoft Graph: pages in order of id, then a log of changes.

use super::super::super::id::Id;
use super::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What goes wrong with an answer.
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

#[derive(Clone, Debug)]
struct Object {
    enabled: bool,
    sessions_from: Option<Timestamp>,
    is_deleted: bool,
}

#[derive(Debug)]
pub struct Graph {
    pub collection: Collection,
    pub page_size: usize,
    /// The number of answered calls.
    pub asked: usize,
    objects: BTreeMap<u32, Object>,
    /// The changed objects, with the property that changed.
    log: Vec<(u32, &'static str)>,
    /// Tokens of an earlier epoch are discarded, which is answered with the status.
    epoch: u32,
    gone: u16,
    faults: Vec<Fault>,
    /// The log up to here was reported in full by the last answer, and by the last complete round.
    reported: usize,
    complete: usize,
    /// Objects whose deletion no answer reports: it happened before a full pass, and the list did not know them.
    lost: Vec<u32>,
    /// The service principals whose application an answer named.
    named: RefCell<BTreeSet<u32>>,
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
            objects: BTreeMap::new(),
            log: Vec::new(),
            epoch: 1,
            gone: 410,
            faults: Vec::new(),
            reported: 0,
            complete: 0,
            lost: Vec::new(),
            named: RefCell::default(),
        };
        (0..objects).for_each(|_| graph.create());
        graph
    }

    pub fn create(&mut self) {
        let object = u32::try_from(self.objects.len()).unwrap();
        let new = Object {
            enabled: true,
            sessions_from: None,
            is_deleted: false,
        };
        self.objects.insert(object, new);
        self.log.push((object, "all"));
    }

    fn change(&mut self, object: u32, property: &'static str, change: impl Fn(&mut Object)) {
        let Some(own) = self.objects.get_mut(&object) else {
            return;
        };
        if own.is_deleted && property != "all" {
            return;
        }
        change(own);
        self.log.push((object, property));
    }

    pub fn disable(&mut self, object: u32) {
        self.change(object, "accountEnabled", |own| own.enabled = false);
    }

    pub fn enable(&mut self, object: u32) {
        self.change(object, "accountEnabled", |own| own.enabled = true);
    }

    pub fn delete(&mut self, object: u32) {
        self.change(object, "@removed", |own| own.is_deleted = true);
    }

    pub fn restore(&mut self, object: u32) {
        if self.objects.get(&object).is_some_and(|own| own.is_deleted) {
            self.lost.retain(|lost| *lost != object);
            self.change(object, "all", |own| own.is_deleted = false);
        }
    }

    pub fn revoke_sessions(&mut self, object: u32, now: Timestamp) {
        if self.collection == Collection::Users {
            let whole = Timestamp::from_secs(now.as_secs());
            self.change(object, "signInSessionsValidFromDateTime", |own| {
                own.sessions_from = Some(whole)
            });
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

    /// A full pass lists only what exists. Deletions since the last complete round are seen only if the list knew the
    /// object, as it knows service principals.
    fn note_lost(&mut self) {
        let lost: Vec<u32> = match self.collection {
            Collection::Users => {
                let unreported = self.log[self.complete..].iter();
                let deleted = unreported.filter(|(_, property)| *property == "@removed");
                deleted.map(|(object, _)| *object).collect()
            }
            Collection::ServicePrincipals => {
                let named = self.named.borrow();
                let is_lost =
                    |(object, own): &(&u32, &Object)| own.is_deleted && !named.contains(object);
                self.objects
                    .iter()
                    .filter(is_lost)
                    .map(|(object, _)| *object)
                    .collect()
            }
        };
        self.lost.extend(lost);
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
        let named = self.named.borrow().clone();
        let (_, query) = callout.target.path.split_once('?').unwrap();
        let (value, next) = match query.split_once('=').unwrap() {
            ("$select", properties) => {
                assert!(properties.starts_with("id,"));
                self.note_lost();
                self.pass(self.log.len(), 0)
            }
            (kind, token) => {
                let numbers: Vec<usize> = token
                    .split('.')
                    .map(|number| number.parse().unwrap())
                    .collect();
                if numbers[0] != self.epoch as usize {
                    return status(self.gone);
                }
                match kind {
                    "$skiptoken" if numbers.len() == 3 => self.pass(numbers[1], numbers[2]),
                    "$skiptoken" | "$deltatoken" => {
                        let replayed = if fault == Some(Fault::Replay) { 3 } else { 0 };
                        let from = numbers[1];
                        self.changes(
                            from,
                            from.saturating_sub(replayed),
                            fault == Some(Fault::EmptyPage),
                        )
                    }
                    _ => panic!("{query}"),
                }
            }
        };
        let (name, link) = next;
        let host = if fault == Some(Fault::ForeignLink) {
            "graph.microsoft.example"
        } else {
            "graph.microsoft.com"
        };
        let link = format!("https://{host}/v1.0/users/delta?{link}");
        let page = json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": value, name: link});
        let mut text = page.to_string();
        if fault == Some(Fault::HalfPage) {
            text.truncate(text.len() / 2);
        }
        if matches!(fault, Some(Fault::HalfPage | Fault::ForeignLink)) {
            *self.named.borrow_mut() = named;
        }
        body(text)
    }

    fn pass(&mut self, began: usize, from: usize) -> (Value, (&'static str, String)) {
        let present = self
            .objects
            .iter()
            .filter(|(object, own)| !own.is_deleted && **object >= from as u32);
        let mut page: Vec<_> = present.take(self.page_size + 1).collect();
        let next = (page.len() > self.page_size)
            .then(|| page.pop().unwrap())
            .map(|(object, _)| *object);
        let value = page
            .into_iter()
            .map(|(object, own)| self.shown(*object, own, "all"))
            .collect();
        let epoch = self.epoch;
        self.reported = began;
        (
            value,
            match next {
                Some(next) => (
                    "@odata.nextLink",
                    format!("$skiptoken={epoch}.{began}.{next}"),
                ),
                None => ("@odata.deltaLink", format!("$deltatoken={epoch}.{began}")),
            },
        )
    }

    fn changes(
        &mut self,
        from: usize,
        replayed_from: usize,
        is_empty: bool,
    ) -> (Value, (&'static str, String)) {
        let epoch = self.epoch;
        let size = if is_empty { 0 } else { self.page_size };
        let end = (from + size).min(self.log.len());
        let entry = |(object, property): &(u32, &'static str)| {
            self.shown(*object, &self.objects[object], property)
        };
        let value = self.log[replayed_from..end].iter().map(entry).collect();
        self.reported = end;
        (
            value,
            if end < self.log.len() {
                // An empty page must not have its own link.
                (
                    "@odata.nextLink",
                    format!(
                        "$skiptoken={epoch}.{end:0width$}",
                        width = self.asked % 7 + 1
                    ),
                )
            } else {
                ("@odata.deltaLink", format!("$deltatoken={epoch}.{end}"))
            },
        )
    }

    fn shown(&self, object: u32, own: &Object, property: &str) -> Value {
        let mut shown = json!({ "id": guid(object) });
        let is = |name| property == name || property == "all";
        if own.is_deleted {
            shown["@removed"] = json!({"reason": "changed"});
            return shown;
        }
        if is("accountEnabled") {
            shown["accountEnabled"] = json!(own.enabled);
        }
        if property == "all" && self.collection == Collection::ServicePrincipals {
            shown["appId"] = json!(app(object));
            self.named.borrow_mut().insert(object);
        }
        if let Some(from) = own.sessions_from
            && is("signInSessionsValidFromDateTime")
        {
            shown["signInSessionsValidFromDateTime"] = json!(from.to_rfc3339());
        }
        shown
    }

    /// Compares a complete list with the directory, as far as the answers have reported it.
    pub fn check(&self, list: &DirectoryList, now: Timestamp) {
        let unreported: Vec<u32> = self.log[self.complete..]
            .iter()
            .map(|(object, _)| *object)
            .collect();
        for (object, own) in self
            .objects
            .iter()
            .filter(|(object, _)| !unreported.contains(object))
        {
            let id = Id::of(&guid(*object)).unwrap();
            let is_listed = |issued| list.entries().of_object(id, issued).is_some();
            let is_revoked = own.is_deleted || !own.enabled;
            if self.lost.contains(object) {
                continue;
            }
            // A token from the future is affected only by the state of the account.
            assert_eq!(
                is_listed(Some(now.plus(SECOND))),
                is_revoked,
                "object {object}: {own:?} {list:?}"
            );
            if let Some(from) = own.sessions_from.filter(|_| !is_revoked) {
                assert!(
                    is_listed(Some(from.minus(SECOND))) && is_listed(None),
                    "object {object}: {own:?}"
                );
                assert!(!is_listed(Some(from)));
            }
            if self.named.borrow().contains(object) {
                let app = list.entries().of_app(Id::of(&app(*object)).unwrap());
                assert_eq!(
                    app.is_some(),
                    is_revoked,
                    "application of object {object}: {own:?}"
                );
            }
        }
    }
}
