//! The upstream that a permitted request was finally sent to. Any change of the headers, including those
//! made by this filter, makes Envoy select the route again, and a route that matches on a changed header may lead to a
//! cluster other than the permitted one. The final cluster is known only when the response begins.

use crate::gate::{Gate, Notice, StreamId};
use crate::http::cluster::Cluster;
use crate::metrics;

impl Gate {
    /// Whether [`Gate::note_upstream`] must be called when the upstream of a request is final: at the
    /// response's headers, or at the end of the stream.
    pub fn needs_upstream(&self, id: StreamId) -> bool {
        let exchange = self.exchanges.get(&id);
        self.wanted.cluster()
            && exchange.is_some_and(|exchange| exchange.permitted && !exchange.upstream_noted)
    }

    /// Records the cluster that a request was sent to, as read by [`Wanted::read_cluster`]. Logs an error
    /// if it is not the permitted cluster.
    ///
    /// [`Wanted::read_cluster`]: crate::gate::Wanted::read_cluster
    pub fn note_upstream(&mut self, id: StreamId, name: Option<&[u8]>) {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return;
        };
        let actual = Cluster::reported_like(name, &exchange.cluster);
        exchange.upstream_noted = true;
        exchange.record.note_upstream_cluster(&actual);
        if actual.name().is_none() || actual == exchange.cluster {
            return;
        }
        let name = |cluster: Option<&str>| cluster.unwrap_or("an unknown cluster").to_owned();
        let text = format!(
            "request {}: permitted for cluster {:?}, but sent to cluster {:?} with credential {}, because \
             a route matches on a header that this filter sets or removes; remove that route",
            exchange.record.request_id,
            name(exchange.record.cluster.as_deref()),
            name(exchange.record.upstream_cluster.as_deref()),
            exchange.record.credential.as_deref().unwrap_or("none"),
        );
        self.notices
            .push(Notice::Count(metrics::CLUSTER_CHANGED.into()));
        self.notices.push(Notice::Log(log::Level::Error, text));
    }
}
