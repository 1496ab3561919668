//! Totals of records, grouped by one of their fields.

use super::layout::fit;
use super::{member_of, tokens};
use crate::report::printable;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, Write};

/// The maximum number of groups; a log can contain any number of models.
const MAX_GROUPS: usize = 10_000;

pub struct Groups {
    member: &'static str,
    groups: HashMap<String, Sums>,
    /// The number of records that did not fit into `MAX_GROUPS` groups.
    rest: Sums,
    without: Sums,
}

#[derive(Clone, Default)]
struct Sums {
    permitted: u64,
    denied: u64,
    tokens: u64,
    /// Requests whose usage is unknown or incomplete.
    unknown: u64,
}

impl Groups {
    pub fn by(member: &'static str) -> Self {
        Self {
            member,
            groups: HashMap::new(),
            rest: Sums::default(),
            without: Sums::default(),
        }
    }

    pub fn add(&mut self, record: &Value) {
        let is_full = self.groups.len() >= MAX_GROUPS;
        let name = member_of(record, self.member);
        let sums = match name {
            None => &mut self.without,
            Some(name) if is_full && !self.groups.contains_key(name) => &mut self.rest,
            Some(name) => self.groups.entry(name.to_owned()).or_default(),
        };
        sums.add(record);
    }

    /// Writes the groups, the largest first. Names are truncated to fit `width` columns, except codes.
    pub fn write(
        self,
        is_json: bool,
        width: Option<usize>,
        output: &mut impl Write,
    ) -> io::Result<()> {
        const NUMBERS: usize = 41;
        let longest = width.filter(|_| self.member != "code");
        let longest = longest.map_or(usize::MAX, |width| width.saturating_sub(NUMBERS));
        let mut groups: Vec<(Option<String>, Sums)> = Vec::new();
        groups.extend(
            self.groups
                .into_iter()
                .map(|(name, sums)| (Some(name), sums)),
        );
        groups.push((None, self.without));
        groups.sort_by(|(a, one), (b, other)| other.count().cmp(&one.count()).then(a.cmp(b)));
        if self.rest.count() > 0 {
            groups.push((Some("(others)".to_owned()), self.rest));
        }
        groups.retain(|(_, sums)| sums.count() > 0);
        if !is_json {
            let name = self.member.to_uppercase();
            writeln!(
                output,
                "{:>9}  {:>7}  {:>10}  {:>7}  {name}",
                "PERMITTED", "DENIED", "TOKENS", "UNKNOWN"
            )?;
        }
        for (name, sums) in groups {
            let Sums {
                permitted,
                denied,
                tokens,
                unknown,
            } = sums;
            match is_json {
                true => {
                    let group = json!({self.member: name, "permitted": permitted, "denied": denied,
                                       "tokens": tokens, "usage_unknown": unknown});
                    writeln!(output, "{group}")?;
                }
                false => {
                    let name = name.unwrap_or_else(|| "-".to_owned());
                    let name = fit(&printable(&name), longest);
                    writeln!(
                        output,
                        "{permitted:>9}  {denied:>7}  {tokens:>10}  {unknown:>7}  {name}"
                    )?;
                }
            }
        }
        Ok(())
    }
}

impl Sums {
    fn add(&mut self, record: &Value) {
        let is_permitted = record["decision"] == "permit";
        match is_permitted {
            true => self.permitted += 1,
            false => self.denied += 1,
        }
        self.tokens = self.tokens.saturating_add(tokens(record).unwrap_or(0));
        // A record without usage belongs to a request that no model answered.
        self.unknown += u64::from(record["usage"]["unknown"].is_string());
    }

    const fn count(&self) -> u64 {
        self.permitted + self.denied
    }
}
