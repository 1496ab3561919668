//! The charts: what grows, and the rows that measure it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{entra::Entra, persona::AUDIENCE};

use super::{
    Point,
    plot::{Kind, Unit},
};
use crate::{
    bodies::{self, EVENT_USAGE},
    native::Chain,
    policies::rules_by_model,
    requests::Requests,
    rows::{Check, Row, caching},
    stage::{Filters, Listener, Record},
    tokens,
    upstream::Asked,
};

const EVENTS: [usize; 7] = [10, 30, 100, 300, 1_000, 3_000, 10_000];
const PROMPTS: [usize; 6] = [1_000, 10_000, 100_000, 1_000_000, 3_000_000, 10_000_000];
const TOKENS: [usize; 8] = [1, 10, 100, 1_000, 4_000, 10_000, 30_000, 100_000];
const ISSUERS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// The size of the caches in the chart of tokens, which is the default of our filter.
const CACHED: u32 = 4_096;
/// The maximum number of requests drawn for a point of the chart of tokens, after which they repeat: enough to fill the caches of both
/// workers.
const MOST_DRAWN: usize = 16_000;
/// `limits.body_inspected`, by default, and the listener's buffer in `envoy.yaml`: a longer prompt is refused.
const LONGEST_INSPECTED: usize = 1 << 20;
const LONGEST_BUFFERED: usize = 2 << 20;

pub struct Chart {
    /// The end of the file's name.
    pub name: &'static str,
    pub title: &'static str,
    pub x_label: &'static str,
    pub x_unit: Unit,
    /// True for a cost that is proportional to the quantity on the horizontal axis.
    pub is_y_logarithmic: bool,
    pub series: Vec<Series>,
}

pub struct Series {
    pub kind: Kind,
    pub points: Vec<Point>,
}

impl Chart {
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.map(|point| &point.row)
    }
}

pub fn all(entra: &Entra) -> Vec<Chart> {
    vec![
        events(entra),
        prompts(entra),
        many_tokens(entra),
        issuers(entra),
    ]
}

fn events(entra: &Entra) -> Chart {
    let tokens = tokens::permitted(entra);
    let [ours, native] = EVENT_USAGE.listeners;
    let row = |kind: Kind, events: usize| {
        let asked = Asked::Stream { size: 200, events };
        let (listener, check) = match kind {
            Kind::None => ("none", Check::None),
            Kind::Native => (native, Check::NativeCache),
            Kind::Ours => (ours, Check::Cache),
        };
        Row {
            listener,
            check,
            ..base(Requests::asking(&tokens, asked), (4_000 / events).max(8))
        }
    };
    Chart {
        name: "events",
        title: "Streams: a response of events of 200 bytes, whose usage is read",
        x_label: "events of a response",
        x_unit: Unit::Count,
        is_y_logarithmic: true,
        series: series("events", &EVENTS, row),
    }
}

fn prompts(entra: &Entra) -> Chart {
    let tokens = tokens::permitted(entra);
    let row = |kind: Kind, size: usize| {
        let (listener, check, longest) = match kind {
            Kind::None => ("none", Check::None, usize::MAX),
            Kind::Native => ("native-model", Check::NativeCache, LONGEST_BUFFERED),
            Kind::Ours => (MODEL, Check::Cache, LONGEST_INSPECTED),
        };
        let requests = Requests::prompts(&tokens, size);
        let is_refused = size > longest;
        let requests = if is_refused {
            requests.refused()
        } else {
            requests
        };
        Row {
            listener,
            check,
            ..base(requests, (40_000_000 / size).clamp(8, 2_000))
        }
    };
    Chart {
        name: "prompts",
        title: "Prompts: a request that names its model last, where a rule needs the model",
        x_label: "length of the prompt",
        x_unit: Unit::Bytes,
        is_y_logarithmic: true,
        series: series("prompts", &PROMPTS, row),
    }
}

fn many_tokens(entra: &Entra) -> Chart {
    let draws = TOKENS.map(|count| (count, draw(count)));
    let drawn: BTreeSet<usize> = draws.iter().flat_map(|(_, draw)| draw).copied().collect();
    let signed = tokens::numbered(entra, &drawn);
    let row = |kind: Kind, count: usize| {
        let draw = draws.iter().find(|(own, _)| *own == count);
        let numbers = draw.into_iter().flat_map(|(_, numbers)| numbers);
        let tokens: Vec<String> = numbers.map(|number| signed[number].clone()).collect();
        let (listener, check) = match kind {
            Kind::None => ("none", Check::None),
            Kind::Native => (named("tokens", kind, count), Check::NativePartlyCached),
            Kind::Ours => (named("tokens", kind, count), Check::PartlyCached),
        };
        Row {
            listener,
            check,
            ..base(Requests::permitted(&tokens), 2_000)
        }
    };
    Chart {
        name: "tokens",
        title: "Tokens: each request has one of them at random; the caches hold 4,096",
        x_label: "tokens in use",
        x_unit: Unit::Count,
        is_y_logarithmic: false,
        series: series("tokens", &TOKENS, row),
    }
}

fn issuers(entra: &Entra) -> Chart {
    let row = |kind: Kind, count: usize| {
        let tokens = tokens::of_issuers(entra, &issuer_urls(count));
        let (listener, check) = match kind {
            Kind::None => ("none", Check::None),
            Kind::Native => (named("issuers", kind, count), Check::Native),
            Kind::Ours => (named("issuers", kind, count), Check::Host),
        };
        Row {
            listener,
            check,
            ..base(Requests::permitted(&tokens), 2_000)
        }
    };
    Chart {
        name: "issuers",
        title: "Issuers: one token of each in rotation, and every token is verified",
        x_label: "issuers",
        x_unit: Unit::Count,
        is_y_logarithmic: false,
        series: series("issuers", &ISSUERS, row),
    }
}

/// The listener that reads the model with the default limits.
const MODEL: &str = "ours-model-by-default";

pub fn listeners(entra: &Entra) -> Vec<Listener> {
    let listener = |name, filters| Listener {
        name,
        filters,
        record: Record::Line,
        has_quotas: false,
    };
    let mut listeners = bodies::listeners();
    listeners.push(Listener {
        record: Record::None,
        ..listener("none", Filters::None)
    });
    let mut model = rules_by_model(1);
    model["cache"] = json!({"ttl": "1h"});
    listeners.push(listener(MODEL, Filters::Ours(model)));
    for count in TOKENS {
        let ours = Filters::Ours(caching(CACHED as usize));
        let native = Filters::Native(Chain::caching(CACHED));
        listeners.push(listener(named("tokens", Kind::Ours, count), ours));
        listeners.push(listener(named("tokens", Kind::Native, count), native));
    }
    for count in ISSUERS {
        let issuers = issuer_urls(count);
        let ours = Filters::Ours(policy_of_issuers(entra, &issuers));
        let native = Filters::Native(Chain::cold().of_issuers(issuers));
        listeners.push(listener(named("issuers", Kind::Ours, count), ours));
        listeners.push(listener(named("issuers", Kind::Native, count), native));
    }
    listeners
}

/// Accepts these issuers, and verifies every token.
fn policy_of_issuers(entra: &Entra, issuers: &[String]) -> Value {
    let keys: Vec<Value> = entra
        .published_keys()
        .iter()
        .map(|key| key.to_jwk())
        .collect();
    let issuer = |(number, url): (usize, &String)| {
        json!({
            "name": format!("issuer-{number}"),
            "oidc": {"issuer": url},
            "audiences": [AUDIENCE],
            "jwks": {"inline": {"keys": keys}},
        })
    };
    let issuers: Vec<Value> = issuers.iter().enumerate().map(issuer).collect();
    json!({"issuers": issuers, "cache": {"ttl": "0s"}})
}

fn issuer_urls(count: usize) -> Vec<String> {
    let url = |number| format!("https://issuer-{number}.contoso.com");
    (0..count).map(url).collect()
}

fn series(name: &str, xs: &[usize], row: impl Fn(Kind, usize) -> Row) -> Vec<Series> {
    let series = |kind: Kind| {
        let point = |x: &usize| Point {
            x: *x,
            row: Row {
                name: named(name, kind, *x),
                ..row(kind, *x)
            },
        };
        Series {
            kind,
            points: xs.iter().map(point).collect(),
        }
    };
    Kind::ALL.map(series).into()
}

/// Leaked because the names of rows and listeners are `&'static str`.
fn named(chart: &str, kind: Kind, x: usize) -> &'static str {
    format!("{chart}, {}, {x}", kind.name()).leak()
}

fn base(requests: Requests, count: usize) -> Row {
    Row {
        name: "",
        about: "",
        listener: "",
        requests,
        check: Check::None,
        has_quotas: false,
        count,
    }
}

/// Numbers of tokens out of `count`, drawn at random but the same in every run.
fn draw(count: usize) -> Vec<usize> {
    let mut state = 1_u64;
    let mut next = || {
        // Knuth's linear congruential generator; its upper bits are random enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let length = MOST_DRAWN.min(4 * count);
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_tokens_exceed_the_caches_if_more_tokens_are_in_use() {
        for count in TOKENS {
            let drawn = draw(count);
            let distinct = drawn.iter().collect::<BTreeSet<_>>().len();
            assert!(drawn.iter().all(|number| *number < count));
            if count > CACHED as usize {
                // Each worker gets about half of the requests.
                let half: BTreeSet<_> = drawn[..drawn.len() / 2].iter().collect();
                assert!(half.len() > CACHED as usize, "{count}: {}", half.len());
            } else {
                assert!(distinct * 10 >= count * 9, "{count}: {distinct}");
            }
        }
    }
}
