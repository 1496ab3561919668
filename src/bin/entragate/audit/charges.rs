//! The tokens that were charged, by a field of the records and by time, compared with a budget.

use super::layout::fit;
use super::member_of;
use crate::report::printable;
use clap::ValueEnum;
use entragate::usage::Usage;
use entragate::usage::charge::Charge;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The maximum number of rows; a log can contain any number of callers.
const MAX_ROWS: usize = 100_000;

/// The time windows of budgets, in UTC, as rate limit services define them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Per {
    Minute,
    Hour,
    Day,
    Month,
}

impl Per {
    const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The length of a window's name, which is the beginning of an RFC 3339 time.
    const fn length(self) -> usize {
        match self {
            Self::Minute => "2026-11-23T01:02".len(),
            Self::Hour => "2026-11-23T01".len(),
            Self::Day => "2026-11-23".len(),
            Self::Month => "2026-11".len(),
        }
    }
}

/// The options that determine which tokens are charged and shown.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub member: &'static str,
    pub per: Option<Per>,
    /// The tokens of each row.
    pub budget: Option<u64>,
    /// The gateway's `usage.unknown_tokens`.
    pub unknown_tokens: u64,
}

pub struct Charges {
    terms: Terms,
    rows: BTreeMap<(String, Option<String>), Sums>,
    /// The number of records that did not fit into `MAX_ROWS` rows.
    omitted: u64,
}

#[derive(Default)]
struct Sums {
    requests: u64,
    /// Requests that a rate limit refused.
    refused: u64,
    tokens: u64,
}

impl Charges {
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            rows: BTreeMap::new(),
            omitted: 0,
        }
    }

    /// Adds a record. Denials are not charged.
    pub fn add(&mut self, record: &Value) {
        if record["decision"] != "permit" {
            return;
        }
        let time = record["time"].as_str().unwrap_or_default();
        let length = self.terms.per.map_or(0, Per::length);
        let window = time.get(..length).unwrap_or(time).to_owned();
        let name = member_of(record, self.terms.member).map(str::to_owned);
        let key = (window, name);
        if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&key) {
            self.omitted += 1;
            return;
        }
        let sums = self.rows.entry(key).or_default();
        sums.requests += 1;
        sums.refused += u64::from(record["code"] == "quota_exceeded");
        let tokens = charged(record, self.terms.unknown_tokens);
        sums.tokens = sums.tokens.saturating_add(tokens);
    }

    /// Writes a row for each window and name: the windows in order, and in each the largest charge first.
    pub fn write(
        self,
        is_json: bool,
        width: Option<usize>,
        output: &mut impl Write,
    ) -> io::Result<()> {
        let terms = self.terms;
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_by(
            |((window, name), one), ((other_window, other_name), other)| {
                let by_window = window.cmp(other_window);
                let by_tokens = other.tokens.cmp(&one.tokens);
                by_window.then(by_tokens).then(name.cmp(other_name))
            },
        );
        if !is_json {
            let window = terms.per.map(|per| per.name().to_uppercase());
            let left = terms.budget.map(|_| "LEFT".to_owned());
            let name = terms.member.to_uppercase();
            let cells = ["REQUESTS", "REFUSED", "TOKENS"].map(str::to_owned);
            line(terms, window, cells, left, &name, output)?;
        }
        for ((window, name), sums) in rows {
            let left = terms
                .budget
                .map(|budget| budget.saturating_sub(sums.tokens));
            if is_json {
                writeln!(output, "{}", object(terms, &window, name, &sums, left))?;
                continue;
            }
            let name = printable(name.as_deref().unwrap_or("-")).into_owned();
            let longest = width.map_or(usize::MAX, |width| width.saturating_sub(terms.numbers()));
            let cells = [sums.requests, sums.refused, sums.tokens].map(|count| count.to_string());
            let left = left.map(|left| left.to_string());
            let window = terms.per.map(|_| printable(&window).into_owned());
            line(terms, window, cells, left, &fit(&name, longest), output)?;
        }
        if self.omitted > 0 {
            anstream::eprintln!(
                "{} requests are not shown, since there are more than {MAX_ROWS} rows; use --since",
                self.omitted
            );
        }
        Ok(())
    }
}

impl Terms {
    /// The width of the columns before the name.
    fn numbers(self) -> usize {
        let window = self.per.map_or(0, |per| per.length() + 2);
        let left = self.budget.map_or(0, |_| 12);
        window + 9 + 9 + 12 + left + 2
    }
}

fn line(
    terms: Terms,
    window: Option<String>,
    [requests, refused, tokens]: [String; 3],
    left: Option<String>,
    name: &str,
    output: &mut impl Write,
) -> io::Result<()> {
    if let Some(window) = window {
        let width = terms.per.map_or(0, Per::length);
        write!(output, "{window:<width$}  ")?;
    }
    write!(output, "{requests:>9}  {refused:>7}  {tokens:>10}")?;
    if let Some(left) = left {
        write!(output, "  {left:>10}")?;
    }
    writeln!(output, "  {name}")
}

fn object(
    terms: Terms,
    window: &str,
    name: Option<String>,
    sums: &Sums,
    left: Option<u64>,
) -> Value {
    let mut row = Map::new();
    if let Some(per) = terms.per {
        row.insert(per.name().to_owned(), window.into());
    }
    row.insert(terms.member.to_owned(), json!(name));
    row.insert("requests".to_owned(), sums.requests.into());
    row.insert("refused".to_owned(), sums.refused.into());
    row.insert("tokens".to_owned(), sums.tokens.into());
    if let Some(left) = left {
        row.insert("left".to_owned(), left.into());
    }
    row.into()
}

/// Returns the tokens that the filter has charged for this request.
fn charged(record: &Value, unknown_tokens: u64) -> u64 {
    let usage = &record["usage"];
    if !usage.is_object() {
        return 0;
    }
    let count = |member: &str| usage[member].as_u64();
    let usage = Usage {
        prompt_tokens: count("prompt_tokens"),
        completion_tokens: count("completion_tokens"),
        total_tokens: count("total_tokens"),
        ..Usage::default()
    };
    let unknown_tokens = if record["method"] == "POST" {
        unknown_tokens
    } else {
        0
    };
    Charge::of(&usage, unknown_tokens).total_tokens
}
