//! What delta queries of Microsoft Graph report about the objects of one collection: a full pass in order of id, then the log of
//! changes ("Use delta query to track changes").

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A user or a service principal.
#[derive(Clone, Debug)]
pub struct Object {
    pub enabled: bool,
    /// The client id of a service principal.
    pub app: Option<String>,
    /// `signInSessionsValidFromDateTime` of a user: sessions that began before this time (RFC 3339) are revoked.
    pub sessions_from: Option<String>,
    pub deleted: bool,
}

/// What has changed about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new or restored, so all its properties are reported.
    Added,
    Enabled,
    Sessions,
    Deleted,
}

/// A collection, by id.
#[derive(Debug, Default)]
pub struct Objects {
    objects: BTreeMap<String, Object>,
    log: Vec<(String, Change)>,
}

/// A page of the answer to a query.
#[derive(Debug)]
pub struct Page {
    pub value: Vec<Value>,
    pub next: Position,
    /// Whether there is nothing more to report now.
    pub is_last: bool,
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// A full pass that began after this many changes continues at this id.
    Pass { began: usize, id: String },
    /// The log continues after this many changes.
    Log(usize),
}

/// The part of a query's URL that selects the page.
#[derive(Debug, PartialEq, Eq)]
pub enum Query {
    /// A new full pass.
    All,
    /// The page after an earlier one. State of an earlier epoch may be discarded.
    After { epoch: u32, position: Position },
}

impl Objects {
    pub fn add(&mut self, id: &str, object: Object) {
        self.objects.insert(id.to_owned(), object);
        self.log.push((id.to_owned(), Change::Added));
    }

    pub fn enable(&mut self, id: &str, enabled: bool) {
        self.change(id, Change::Enabled, |own| own.enabled = enabled);
    }

    pub fn delete(&mut self, id: &str) {
        self.change(id, Change::Deleted, |own| own.deleted = true);
    }

    /// Returns false if there is no such object.
    pub fn revoke_sessions(&mut self, id: &str, from: &str) -> bool {
        let from = Some(from.to_owned());
        self.change(id, Change::Sessions, |own| own.sessions_from = from)
    }

    fn change(&mut self, id: &str, change: Change, make: impl FnOnce(&mut Object)) -> bool {
        let Some(own) = self.objects.get_mut(id).filter(|own| !own.deleted) else {
            return false;
        };
        make(own);
        self.log.push((id.to_owned(), change));
        true
    }

    /// Returns false if there is no such deleted object.
    pub fn restore(&mut self, id: &str) -> bool {
        let Some(own) = self.objects.get_mut(id).filter(|own| own.deleted) else {
            return false;
        };
        own.deleted = false;
        self.log.push((id.to_owned(), Change::Added));
        true
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Object)> {
        self.objects.iter()
    }

    pub fn log(&self) -> &[(String, Change)] {
        &self.log
    }

    /// The beginning of a full pass.
    pub fn first(&self) -> Position {
        let (began, id) = (self.log.len(), String::new());
        Position::Pass { began, id }
    }

    /// Returns up to `size` objects or changes from a position on. A page of changes begins with up to `repeated` changes that were
    /// reported before.
    pub fn page(&self, position: Position, size: usize, repeated: usize) -> Page {
        match position {
            Position::Pass { began, id } => self.page_of_pass(began, id, size),
            Position::Log(from) => self.page_of_log(from, size, repeated),
        }
    }

    fn page_of_pass(&self, began: usize, id: String, size: usize) -> Page {
        let mut present = self.objects.range(id..).filter(|(_, own)| !own.deleted);
        let value = present.by_ref().take(size);
        let value = value.map(|(id, own)| shown(id, own, Change::Added));
        let value = value.collect();
        let next = present.next().map(|(id, _)| id.clone());
        Page {
            value,
            is_last: next.is_none(),
            next: match next {
                Some(id) => Position::Pass { began, id },
                None => Position::Log(began),
            },
        }
    }

    fn page_of_log(&self, from: usize, size: usize, repeated: usize) -> Page {
        let end = from.saturating_add(size).min(self.log.len());
        let changes = self.log.get(from.saturating_sub(repeated)..end);
        let value = changes.unwrap_or_default().iter();
        Page {
            value: value
                .map(|(id, change)| shown(id, &self.objects[id], *change))
                .collect(),
            next: Position::Log(end),
            is_last: end == self.log.len(),
        }
    }
}

fn shown(id: &str, own: &Object, change: Change) -> Value {
    if own.deleted {
        return json!({"id": id, "@removed": {"reason": "changed"}});
    }
    let mut shown = json!({ "id": id });
    let is = |property| change == property || change == Change::Added;
    if is(Change::Enabled) {
        shown["accountEnabled"] = json!(own.enabled);
    }
    if is(Change::Added)
        && let Some(app) = &own.app
    {
        shown["appId"] = json!(app);
    }
    if is(Change::Sessions)
        && let Some(from) = &own.sessions_from
    {
        shown["signInSessionsValidFromDateTime"] = json!(from);
    }
    shown
}

impl Page {
    /// The body of the response. `root`: the URL of the API; `salt` makes the links of empty pages differ.
    pub fn to_json(&self, root: &str, collection: &str, epoch: u32, salt: u64) -> Value {
        let (member, token) = match self.is_last {
            true => ("@odata.deltaLink", "$deltatoken"),
            false => ("@odata.nextLink", "$skiptoken"),
        };
        let position = match &self.next {
            Position::Pass { began, id } => format!("{began}~{id}"),
            Position::Log(from) => from.to_string(),
        };
        let link = format!("{root}/{collection}/delta?{token}={epoch}~{salt:x}~{position}");
        let context = format!("{root}/$metadata#{collection}");
        json!({"@odata.context": context, member: link, "value": self.value})
    }
}

impl Position {
    /// The number of changes that the previous pages have reported.
    pub fn reported(&self) -> usize {
        match self {
            Position::Pass { began, .. } | Position::Log(began) => *began,
        }
    }
}

impl Query {
    /// Parses the query of a request's path. `None`: Graph would refuse it.
    pub fn parse(path: &str) -> Option<Query> {
        let (_, query) = path.split_once('?')?;
        let (name, value) = query.split_once('=')?;
        let parts: Vec<&str> = value.split('~').collect();
        let position = match (name, &parts[..]) {
            ("$select", _) => return Some(Query::All),
            ("$skiptoken", [_, _, began, id]) => Position::Pass {
                began: began.parse().ok()?,
                id: (*id).to_owned(),
            },
            ("$skiptoken" | "$deltatoken", [_, _, from]) => Position::Log(from.parse().ok()?),
            _ => return None,
        };
        let epoch = parts[0].parse().ok()?;
        Some(Query::After { epoch, position })
    }
}
