//! `entragate audit --verify`: reports records that are missing, changed or out of order.
//!
//! Each worker numbers its records, and each record contains the hash of the worker's previous line. A chain can begin
//! and end anywhere in the files: logs are rotated, and workers start and stop.

use super::lines::Logged;
use super::unique::has_unique_members;
use crate::report::printable;
use entragate::audit::chain::LineHash;
use entragate::audit::restore;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};

/// The chains in some files.
pub struct Verification {
    files: Vec<String>,
    chains: BTreeMap<String, Chain>,
    /// The number of records that belong to no chain, as earlier versions wrote them.
    unchained: u64,
    /// Whether the lines may be in any order.
    any_order: bool,
}

#[derive(Default)]
struct Chain {
    /// In the order in which they were read.
    entries: Vec<Entry>,
    first_time: String,
    last_time: String,
}

#[derive(Clone, Debug)]
struct Entry {
    seq: u64,
    prev: Option<LineHash>,
    /// The hash of the line as it was read.
    read: LineHash,
    /// The hash of the line as the filter writes it, if another program has rewritten the record.
    restored: Option<LineHash>,
    file: usize,
    line: u64,
}

/// The result for one chain.
#[derive(Debug, Serialize)]
struct Summary {
    instance: String,
    /// The number of different records.
    records: u64,
    from: u64,
    to: u64,
    first_time: String,
    last_time: String,
    /// The number of additional copies of records.
    copies: u64,
    #[serde(skip)]
    findings: Vec<Finding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Missing,
    Changed,
    OutOfOrder,
    Conflicting,
}

#[derive(Debug, Serialize)]
struct Finding {
    kind: Kind,
    file: String,
    line: u64,
    instance: String,
    message: String,
}

impl Verification {
    /// `files` are the names of the files.
    pub fn new(files: Vec<String>, any_order: bool) -> Self {
        Self {
            files,
            chains: BTreeMap::new(),
            unchained: 0,
            any_order,
        }
    }

    /// Adds a record of the file with this index.
    pub fn add(&mut self, file: usize, logged: &Logged) {
        let record = &logged.record;
        let text = |member: &str| record[member].as_str();
        let (Some(instance), Some(seq)) = (text("instance"), record["seq"].as_u64()) else {
            self.unchained += 1;
            return;
        };
        let restored = record.as_object().map(restore::line);
        let restored = restored.filter(|line| *line != logged.text);
        let restored = restored.filter(|_| has_unique_members(&logged.text));
        let chain = self.chains.entry(instance.to_owned()).or_default();
        let time = text("time").unwrap_or_default();
        if chain.entries.is_empty() {
            time.clone_into(&mut chain.first_time);
        }
        time.clone_into(&mut chain.last_time);
        chain.entries.push(Entry {
            seq,
            prev: text("prev").and_then(LineHash::parse),
            read: LineHash::of(&logged.text),
            restored: restored.as_deref().map(LineHash::of),
            file,
            line: logged.line,
        });
    }

    /// Writes the findings and the chains. Returns whether all chains are intact, and there is at least one.
    pub fn finish(self, is_json: bool, output: &mut impl Write) -> io::Result<bool> {
        let Self {
            files,
            chains,
            unchained,
            any_order,
        } = self;
        let chains = chains.into_iter();
        let summaries: Vec<Summary> = chains
            .map(|(instance, chain)| chain.check(instance, &files, any_order))
            .collect();
        let findings: Vec<&Finding> = summaries.iter().flat_map(|own| &own.findings).collect();
        let is_intact = findings.is_empty() && !summaries.is_empty();
        if is_json {
            let report = serde_json::json!({"intact": is_intact, "findings": findings,
                                            "instances": summaries, "unchained": unchained});
            writeln!(output, "{report}")?;
            return Ok(is_intact);
        }
        for finding in &findings {
            writeln!(output, "{finding}")?;
        }
        write_table(&summaries, output)?;
        if unchained > 0 {
            writeln!(
                output,
                "{unchained} records have no instance and seq; they cannot be verified"
            )?;
        }
        let records: u64 = summaries.iter().map(|own| own.records).sum();
        let verdict = match (is_intact, summaries.is_empty()) {
            (true, _) => "intact".to_owned(),
            (false, true) => "no audit records with instance and seq".to_owned(),
            (false, false) => count_of(findings.len()),
        };
        writeln!(
            output,
            "{records} records of {} instances: {verdict}",
            summaries.len()
        )?;
        Ok(is_intact)
    }
}

fn count_of(findings: usize) -> String {
    let ending = if findings == 1 { "" } else { "s" };
    format!("{findings} finding{ending}")
}

fn write_table(summaries: &[Summary], output: &mut impl Write) -> io::Result<()> {
    if summaries.is_empty() {
        return Ok(());
    }
    writeln!(
        output,
        "{:16}  {:>8}  {:>8}  {:>8}  {:19}  {:19}  RESULT",
        "INSTANCE", "RECORDS", "FROM", "TO", "FIRST (UTC)", "LAST (UTC)"
    )?;
    for own in summaries {
        let result = match own.findings.len() {
            0 => "intact".to_owned(),
            count => count_of(count),
        };
        writeln!(
            output,
            "{:16}  {:>8}  {:>8}  {:>8}  {:19}  {:19}  {result}",
            printable(&own.instance),
            own.records,
            own.from,
            own.to,
            second(&own.first_time),
            second(&own.last_time)
        )?;
    }
    Ok(())
}

/// Returns a time without fractional seconds.
fn second(time: &str) -> String {
    let second = time.get(..19).unwrap_or(time);
    printable(second).replace('T', " ")
}

impl Chain {
    fn check(self, instance: String, files: &[String], any_order: bool) -> Summary {
        let mut findings = Vec::new();
        let mut find = |kind, entry: &Entry, message| {
            findings.push(Finding {
                kind,
                file: files.get(entry.file).cloned().unwrap_or_default(),
                line: entry.line,
                instance: instance.clone(),
                message,
            });
        };
        let mut sorted: Vec<&Entry> = self.entries.iter().collect();
        sorted.sort_by_key(|entry| entry.seq);
        let mut copies = 0;
        let mut kept: Vec<&Entry> = Vec::new();
        for entry in sorted {
            match kept.last() {
                Some(last) if last.seq == entry.seq && last.is_copy(entry) => copies += 1,
                Some(last) if last.seq == entry.seq => find(
                    Kind::Conflicting,
                    entry,
                    format!("this record and another one both have number {}", entry.seq),
                ),
                Some(_) | None => kept.push(entry),
            }
        }
        for entry in kept.first().into_iter().filter(|first| first.seq == 1) {
            if entry.prev.is_some() {
                find(
                    Kind::Changed,
                    entry,
                    "record 1 has a record before it".to_owned(),
                );
            }
        }
        for pair in kept.windows(2) {
            let [before, entry] = pair else { continue };
            if before.seq + 1 < entry.seq {
                let (from, to) = (before.seq + 1, entry.seq - 1);
                let message = if from == to {
                    format!("record {from}, before this one, is missing")
                } else {
                    format!("records {from} to {to}, before this one, are missing")
                };
                find(Kind::Missing, entry, message);
            } else if !before.is_before(entry) {
                let message = format!(
                    "record {} or the prev of record {} was changed: they do not match",
                    before.seq, entry.seq
                );
                find(Kind::Changed, before, message);
            }
        }
        if !any_order {
            for (before, entry) in self.out_of_order() {
                let message = format!("record {} is after record {}", entry.seq, before.seq);
                find(Kind::OutOfOrder, entry, message);
            }
        }
        findings.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        Summary {
            instance,
            records: kept.len() as u64,
            from: kept.first().map_or(0, |entry| entry.seq),
            to: kept.last().map_or(0, |entry| entry.seq),
            first_time: self.first_time,
            last_time: self.last_time,
            copies,
            findings,
        }
    }

    /// Returns the records that come after a record with a higher number, each with that record. If several records in
    /// sequence were moved, only the first is returned; copies are not.
    fn out_of_order(&self) -> Vec<(&Entry, &Entry)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut latest: Option<&Entry> = None;
        let mut previous: Option<u64> = None;
        for entry in &self.entries {
            let is_copy = !seen.insert(entry.seq);
            let follows = previous.is_some_and(|previous| previous + 1 == entry.seq);
            if let Some(latest) = latest
                && entry.seq < latest.seq
                && !is_copy
                && !follows
            {
                found.push((latest, entry));
            }
            if latest.is_none_or(|latest| latest.seq < entry.seq) {
                latest = Some(entry);
            }
            previous = Some(entry.seq);
        }
        found
    }
}

impl Entry {
    fn hashes(&self) -> impl Iterator<Item = LineHash> {
        [Some(self.read), self.restored].into_iter().flatten()
    }

    fn is_copy(&self, other: &Self) -> bool {
        self.hashes()
            .any(|own| other.hashes().any(|hash| hash == own))
    }

    fn is_before(&self, next: &Self) -> bool {
        next.prev
            .is_some_and(|prev| self.hashes().any(|own| own == prev))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            instance,
            message,
            ..
        } = self;
        let instance = printable(instance);
        write!(f, "{file}:{line}: instance {instance}: {message}")
    }
}
