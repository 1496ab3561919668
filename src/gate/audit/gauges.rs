//! Gauges: the age of keys, credentials and lists of revocations, and the fill level of bounded resources.

use crate::gate::Gate;
use crate::metrics::{DIRECTORY_CHANGED, DIRECTORY_FETCHED, Gauge};
use crate::time::Timestamp;

impl Gate {
    /// Returns the current values of all gauges. The host shell reads them once a second.
    pub fn gauges(&self, now: Timestamp) -> Vec<Gauge> {
        let parked = self.waiting.len() + self.inspections.len();
        let mut gauges = vec![
            Gauge::parked(parked),
            Gauge::held_bodies(self.held_bodies()),
            Gauge::held_bytes(self.bodies.bytes()),
            Gauge::cache_entries(self.cache.len()),
        ];
        if let Some(exporter) = &self.exporter {
            gauges.push(Gauge::export_queued(exporter.len()));
        }
        for (issuer, ring) in self.config.issuers.iter().zip(&self.issuer_keys) {
            gauges.push(Gauge::keys_unusable(&issuer.name, !ring.is_usable(now)));
            let fetched = ring.fetched();
            gauges.extend(fetched.map(|at| Gauge::keys_fetched(&issuer.name, at.as_secs())));
        }
        for (name, polled) in self.credential_store.polled() {
            gauges.push(Gauge::credential_unusable(name, polled.value(now).is_err()));
            let fetched = polled.fetched();
            gauges.extend(fetched.map(|at| Gauge::credential_fetched(name, at.as_secs())));
        }
        if let Some(feed) = &self.revocation.feed {
            gauges.push(Gauge::revocation_unusable(!feed.is_usable(now)));
            let fetched = feed.fetched();
            gauges.extend(fetched.map(|at| Gauge::revocation_fetched(at.as_secs())));
            let (entries, changed) = feed.content();
            gauges.push(Gauge::revocation_entries(entries));
            gauges.extend(changed.map(|at| Gauge::revocation_changed(at.as_secs())));
        }
        for list in &self.revocation.directories {
            let source = (&*list.source().issuer, list.collection().name());
            gauges.push(Gauge::directory_unusable(
                source,
                list.unavailable(now).is_some(),
            ));
            gauges.push(Gauge::directory_entries(source, list.entries().len()));
            let times = [
                (DIRECTORY_FETCHED, list.refresh().last_good()),
                (DIRECTORY_CHANGED, list.changed()),
            ];
            let gauge = |(of, at): (&str, Option<Timestamp>)| {
                at.map(|at| Gauge::directory_time(source, of, at.as_secs()))
            };
            gauges.extend(times.into_iter().filter_map(gauge));
        }
        gauges
    }
}
