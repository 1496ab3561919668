//! Follows the directories with the filter's own state machine, and writes the revocations as a feed.

use super::client::Client;
use super::moment::Moment;
use entragate::decision::{DirectoryGround, ListUnavailable};
use entragate::fetch::callout::Answer;
use entragate::fetch::refresh::Attempt;
use entragate::revocation::directory::{
    Collection, DirectoryList, Id, ListError, PageCall, Progress,
};
use entragate::service_auth::auth::{ServiceTokenId, ServiceTokens};
use entragate::service_auth::service_token;
use entragate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The lists of all directories.
pub struct Collector {
    client: Client,
    tokens: ServiceTokens,
    lists: Vec<Followed>,
}

/// A list, and the ids of its entries as written, which the list itself does not keep.
struct Followed {
    list: DirectoryList,
    /// The revoked users, or all service principals: after Microsoft Graph has discarded its state, a full pass does
    /// not list deleted service principals.
    objects: HashMap<Id, String>,
    /// The applications of all service principals.
    apps: HashMap<Id, String>,
    pages: u32,
    /// When the list was up to date. The list itself uses only the system clock.
    complete: Option<Moment>,
}

/// An event to report to the user.
pub enum Event {
    /// A page of a full pass has arrived: the list, the number of pages, and the entries so far.
    Page(String, u32, usize),
    /// A list is up to date. `changed`: it has changed.
    Complete { changed: bool },
    /// A line for the log.
    Log(String),
}

impl Collector {
    pub fn new(client: Client, tokens: ServiceTokens, lists: Vec<DirectoryList>) -> Self {
        let followed = |list| Followed {
            list,
            objects: HashMap::new(),
            apps: HashMap::new(),
            pages: 0,
            complete: None,
        };
        let lists = lists.into_iter().map(followed).collect();
        Self {
            client,
            tokens,
            lists,
        }
    }

    /// Makes the calls that are due, and reports the results.
    pub fn tick(&mut self, now: impl Fn() -> Timestamp, report: &mut dyn FnMut(Event)) {
        for (id, attempt, callout) in self.tokens.due(now()) {
            let answer = self.client.call(&callout);
            self.token_answered(id, attempt, answer, now(), report);
        }
        for index in 0..self.lists.len() {
            let Some(followed) = self.lists.get_mut(index) else {
                return;
            };
            let auth = followed.list.source().auth.clone();
            if self.tokens.is_coming(Some(&auth), now()) {
                continue;
            }
            let mut call = followed.list.due(now());
            while let Some(PageCall {
                attempt,
                number,
                callout,
            }) = call.take()
            {
                let authorized = self.tokens.authorize(callout, Some(&auth), now());
                let answer = match authorized {
                    Ok(callout) => self.client.call(&callout),
                    Err(error) => Answer::Failed(error),
                };
                if answer.status() == Some(401)
                    && let Some((id, attempt, callout)) = self.tokens.refused(Some(&auth), now())
                {
                    let answer = self.client.call(&callout);
                    self.token_answered(id, attempt, answer, now(), report);
                }
                let Some(followed) = self.lists.get_mut(index) else {
                    return;
                };
                call = followed.answered((attempt, number, answer), &self.client, now(), report);
            }
        }
    }

    fn token_answered(
        &mut self,
        id: ServiceTokenId,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
        report: &mut dyn FnMut(Event),
    ) {
        let answered = self.tokens.answered(id, attempt, answer, now);
        if let Some((service_token::Progress::Failed(error), name)) = answered {
            let text = format!("a token of the {name} could not be fetched: {error}");
            report(Event::Log(text));
            return;
        }
        for followed in &mut self.lists {
            followed.list.hurry(now);
        }
    }

    /// Reports whether the feed may be served.
    ///
    /// # Errors
    /// The reason: a list is not complete yet, or stale.
    pub fn availability(&self, now: Moment) -> Result<(), String> {
        for Followed { list, complete, .. } in &self.lists {
            let max_stale = list.source().schedule.max_stale;
            let by_age = match complete {
                None => Some(ListUnavailable::NeverFetched),
                Some(complete) if now.since(*complete) > max_stale => Some(ListUnavailable::Stale),
                Some(_) => None,
            };
            if let Some(reason) = list.unavailable(now.wall).or(by_age) {
                return Err(format!("{} {}", list.name(), reason.text()));
            }
        }
        Ok(())
    }

    /// Returns the feed.
    pub fn feed(&self) -> Value {
        let (mut oids, mut clients) = (Vec::new(), Vec::new());
        let mut not_before = Map::new();
        for followed in &self.lists {
            let list = &followed.list;
            let mut objects: Vec<(&String, Id)> = followed
                .objects
                .iter()
                .map(|(id, text)| (text, *id))
                .collect();
            objects.sort();
            for (text, id) in objects {
                match list.entries().of_object(id, None) {
                    Some(DirectoryGround::NotBefore(limit)) => {
                        not_before.insert(text.clone(), json!(limit.as_secs()));
                    }
                    Some(_) => oids.push(text.clone()),
                    None => {}
                }
            }
            let apps = followed.apps.iter();
            let revoked = apps.filter(|(id, _)| list.entries().of_app(**id).is_some());
            clients.extend(revoked.map(|(_, text)| text.clone()));
        }
        clients.sort();
        json!({"oids": oids, "clients": clients, "not_before": not_before})
    }
}

impl Followed {
    fn answered(
        &mut self,
        (attempt, number, answer): (Attempt, u32, Answer),
        client: &Client,
        now: Timestamp,
        report: &mut dyn FnMut(Event),
    ) -> Option<PageCall> {
        let named = match &answer {
            Answer::Response { status: 200, body } => ids(body),
            Answer::Response { .. } | Answer::Failed(_) => Vec::new(),
        };
        let progress = self.list.answered(attempt, number, answer, now);
        // The changes of a page may be applied although its round fails, for example if there is no room for all
        // entries.
        if !matches!(progress, Progress::Late) {
            self.note(named);
        }
        match progress {
            Progress::Page(next) => {
                self.pages += 1;
                let entries = self.list.entries().len();
                report(Event::Page(self.list.name(), self.pages, entries));
                next
            }
            Progress::Restarted(next) => {
                self.pages = 0;
                let text = format!(
                    "{}: its state was discarded; all pages are fetched again",
                    self.list.name()
                );
                report(Event::Log(text));
                Some(next)
            }
            Progress::Renewed {
                changes,
                was_full_pass,
                ..
            } => {
                self.pages = 0;
                // Changes during a full pass are known only after the next round.
                if self.complete.is_some() || !was_full_pass {
                    self.complete = Some(Moment::now());
                }
                self.forget_unlisted();
                let changed = changes > 0 || was_full_pass;
                report(Event::Complete { changed });
                None
            }
            Progress::Failed { error, .. } => {
                let collection = self.list.collection();
                let text = match &error {
                    ListError::Callout(error) => client.explain(error),
                    error => error.text(collection),
                };
                report(Event::Log(format!(
                    "{} could not be fetched: {text}",
                    self.list.name()
                )));
                None
            }
            Progress::Late => None,
        }
    }

    /// Keeps the ids of a page that are revoked, as written.
    fn note(&mut self, named: Vec<(String, Option<String>)>) {
        let keeps_all = self.list.collection() == Collection::ServicePrincipals;
        for (object, app) in named {
            if let Some(id) = Id::of(&object)
                && (keeps_all || self.list.entries().of_object(id, None).is_some())
            {
                self.objects.insert(id, object.to_ascii_lowercase());
            }
            if keeps_all
                && let Some(app) = app
                && let Some(id) = Id::of(&app)
            {
                self.apps.insert(id, app.to_ascii_lowercase());
            }
        }
    }

    fn forget_unlisted(&mut self) {
        let entries = self.list.entries();
        if self.list.collection() == Collection::Users {
            self.objects
                .retain(|id, _| entries.of_object(*id, None).is_some());
        }
    }
}

/// The `id` and `appId` of each object of a page.
fn ids(page: &[u8]) -> Vec<(String, Option<String>)> {
    let page: Value = serde_json::from_slice(page).unwrap_or_default();
    let objects = page["value"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = objects.filter_map(|object| Some((text(&object["id"])?, text(&object["appId"]))));
    named.collect()
}
