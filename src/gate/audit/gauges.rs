//! Gauges: the age of keys, credentials and the revocation feed, and the fill level of bounded resources.

use crate::gate::Gate;
use crate::metrics::Gauge;
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
        if let Some(feed) = &self.revocation {
            gauges.push(Gauge::revocation_unusable(!feed.is_usable(now)));
            let fetched = feed.fetched();
            gauges.extend(fetched.map(|at| Gauge::revocation_fetched(at.as_secs())));
        }
        gauges
    }
}
