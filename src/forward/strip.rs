//! The headers of a caller's request that must not reach the upstream.

use super::{BILL_TO, Forwarding, SCALE_UP, TRACESTATE, continued_trace};
use crate::http::headers::{Headers, fold, is_same_name};
use crate::model::catalog;
use crate::token::bearer::TokenLocation;

/// Headers with which a caller could authenticate, bill someone else or hold connections open. Hugging Face reads some
/// of them.
pub const NEVER_FORWARDED: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    BILL_TO,
    SCALE_UP,
];
/// Headers that could make the upstream return only part of a list of models, or no list.
const NEVER_WITH_LISTS: [&str; 5] = [
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
];

/// The names of the headers to remove, compiled from the configuration.
#[derive(Clone, Debug)]
pub struct StripList {
    never: Vec<String>,
    filters_lists: bool,
    /// The [`shape`]s of all names of headers to remove.
    shapes: u64,
}

impl StripList {
    pub fn new(locations: &[TokenLocation], forwarding: &Forwarding) -> Self {
        let locations = locations.iter().map(|location| &location.header);
        let identity = forwarding.identity_headers.iter().map(|(name, _)| name);
        let never: Vec<String> = NEVER_FORWARDED
            .into_iter()
            .map(str::to_owned)
            .chain(locations.chain(identity).cloned())
            .collect();
        let names = never.iter().map(String::as_str).chain(NEVER_WITH_LISTS);
        let shapes = names
            .chain([TRACESTATE])
            .fold(0, |shapes, name| shapes | shape(name.as_bytes()));
        Self {
            filters_lists: forwarding.filter_models,
            shapes,
            never,
        }
    }

    /// Returns the names, as the caller spelled them, of the headers that must be removed before anything
    /// else happens. Spelling matters: servers that pass headers as variables (CGI, WSGI) read `x_api_key`
    /// as `x-api-key`.
    pub fn present<'h>(&self, headers: &'h Headers) -> Vec<&'h str> {
        let mut present = Vec::new();
        let mut partial = Vec::new();
        // Most headers have a shape that none of the names has.
        let candidates = headers
            .iter()
            .filter(|(own, _)| self.shapes & shape(own) != 0);
        for (own, _) in candidates {
            let is = |name: &str| is_same_name(own, name);
            let list = if self.never.iter().any(|name| is(name))
                || (is(TRACESTATE) && breaks_trace(headers))
            {
                &mut present
            } else if NEVER_WITH_LISTS.into_iter().any(is) {
                &mut partial
            } else {
                continue;
            };
            // A name that matches one of these is ASCII.
            list.extend(std::str::from_utf8(own));
        }
        if self.filters_lists && !partial.is_empty() && catalog::may_be_listing(headers) {
            present.append(&mut partial);
        }
        present.sort_unstable();
        present.dedup();
        present
    }
}

/// Whether a `tracestate` would go upstream with a trace to which it does not belong.
fn breaks_trace(headers: &Headers) -> bool {
    headers.has(TRACESTATE) && continued_trace(headers).is_none()
}

/// Returns a bit for the length and the first byte of a name. Names that are equal for [`is_same_name`] have the
/// same bit.
fn shape(name: &[u8]) -> u64 {
    let first = name.first().copied().map_or(0, fold);
    1 << ((name.len() + usize::from(first)) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::IdentityField;

    #[test]
    fn every_spelling_of_every_name_is_present() {
        let forwarding = Forwarding {
            identity_headers: vec![("-x-oid_".into(), IdentityField::Object)],
            filter_models: true,
            ..Forwarding::default()
        };
        let list = StripList::new(&[], &forwarding);
        let request = [(":method", "GET"), (":path", "/v1/models")];
        let names = NEVER_FORWARDED.into_iter().chain(NEVER_WITH_LISTS);
        for name in names.chain(["-x-oid_", TRACESTATE]) {
            for spelling in [
                name.to_owned(),
                name.replace('-', "_"),
                name.replace('_', "-"),
            ] {
                let header = [
                    (spelling.as_str(), "1"),
                    ("accept", "*/*"),
                    (TRACESTATE, "a=b"),
                ];
                let headers = Headers::from_iter(request.into_iter().chain(header));
                let present = list.present(&headers);
                assert!(
                    present.contains(&spelling.as_str()),
                    "{spelling}: {present:?}"
                );
                assert!(!present.contains(&"accept"), "{spelling}");
            }
        }
    }
}
