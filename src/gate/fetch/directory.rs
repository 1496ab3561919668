//! Fetches of the lists of a directory.

use crate::fetch::callout::Answer;
use crate::gate::fetch::answers::{CallId, Origin};
use crate::gate::fetch::shared_resource::SharedResource;
use crate::gate::request::pending::Dependency;
use crate::gate::{Gate, Notice};
use crate::metrics;
use crate::revocation::directory::{PageCall, Progress};
use crate::time::Timestamp;
use log::Level;

impl Gate {
    /// Begins the calls for pages that are due.
    pub(in crate::gate) fn begin_due_pages(&mut self, now: Timestamp) {
        for index in 0..self.revocation.directories.len() {
            let Some(list) = self.revocation.directories.get_mut(index) else {
                return;
            };
            let waits_for_token = self
                .service_tokens
                .is_coming(Some(&list.source().auth), now);
            let call = (!waits_for_token).then(|| list.due(now)).flatten();
            let warning = list.take_warning(now).map(|reason| {
                let effect = list.source().on_stale.effect();
                format!("{} {}: {effect}", list.name(), reason.text())
            });
            let log = warning.map(|text| Notice::Log(Level::Error, text));
            self.notices.extend(log);
            self.call_for_page(index, call, now);
        }
    }

    fn call_for_page(&mut self, list: usize, call: Option<PageCall>, now: Timestamp) {
        if let Some(PageCall {
            attempt,
            number,
            callout,
        }) = call
        {
            let call_id = CallId::Directory {
                list,
                attempt,
                number,
            };
            self.call(call_id, callout, now);
        }
    }

    /// Returns the dependency whose requests must be woken.
    pub(in crate::gate) fn page_answered(
        &mut self,
        call_id: CallId,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Dependency> {
        let CallId::Directory {
            list: index,
            attempt,
            number,
        } = call_id
        else {
            return None;
        };
        let list = self.revocation.directories.get_mut(index)?;
        let progress = list.answered(attempt, number, answer, now);
        let fetched = list.refresh().last_good().unwrap_or(now);
        let resource = SharedResource::Directory(index);
        match &progress {
            Progress::Renewed { .. } => self.sharing.ended(resource, attempt, true, fetched),
            Progress::Failed { ended: true, .. } => {
                self.sharing.ended(resource, attempt, false, now);
            }
            Progress::Failed { ended: false, .. }
            | Progress::Page(_)
            | Progress::Restarted(_)
            | Progress::Late => {}
        }
        self.list_progressed(index, progress, Origin::Own, now)
    }

    /// Returns the dependency whose requests must be woken.
    pub(in crate::gate) fn list_progressed(
        &mut self,
        index: usize,
        progress: Progress,
        origin: Origin,
        now: Timestamp,
    ) -> Option<Dependency> {
        let list = self.revocation.directories.get(index)?;
        let (issuer, collection, name) = (&list.source().issuer, list.collection(), list.name());
        let count = |count: String| Notice::Count(count.into());
        if origin == Origin::Own && !matches!(progress, Progress::Late) {
            let page = metrics::revocation_page(issuer, collection.name());
            self.notices.push(count(page));
        }
        let round = |good| {
            let outcome = origin.outcome(good);
            count(metrics::directory_fetch(issuer, collection.name(), outcome))
        };
        match progress {
            Progress::Late => None,
            Progress::Page(call) => {
                self.call_for_page(index, call, now);
                None
            }
            Progress::Restarted(call) => {
                let text = format!(
                    "{name}: Microsoft Graph has discarded the state of the last fetch, so all \
                     pages are fetched again; the list remains in use"
                );
                self.notices.push(Notice::Log(Level::Warn, text));
                self.call_for_page(index, Some(call), now);
                None
            }
            Progress::Renewed {
                entries,
                changes,
                was_full_pass,
            } => {
                self.notices.push(round(true));
                let text = match (was_full_pass, changes) {
                    (false, 0) => None,
                    (false, _) => Some(format!("{name} changed: {entries} entries")),
                    (true, _) => Some(format!("{name} is complete: {entries} entries")),
                };
                let log = text.map(|text| Notice::Log(origin.level(), text));
                self.notices.extend(log);
                Some(Dependency::Revocation)
            }
            Progress::Failed { error, ended } => {
                let reason = error.text(collection);
                let effect = if ended {
                    "the list remains in use until max_stale"
                } else {
                    "the page is requested again"
                };
                self.notices.push(round(false));
                let text = format!("{name} could not be fetched: {reason}; {effect}");
                self.notices.push(Notice::Log(Level::Warn, text));
                ended.then_some(Dependency::Revocation)
            }
        }
    }
}
