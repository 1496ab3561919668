//! Lines that a process wrote, and waiting for a line.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use super::EnvoyError;
use crate::server::lock;

/// How much of a log goes into an error.
const TAIL: usize = 25;

pub(crate) struct Log {
    lines: Mutex<Vec<String>>,
    /// The number of lines; waiters watch it.
    count: watch::Sender<usize>,
}

impl Log {
    pub(super) fn new() -> Log {
        Log {
            lines: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(super) fn push(&self, line: String) {
        self.guard().push(line);
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.guard().clone()
    }

    pub(crate) fn tail(&self) -> String {
        let lines = self.guard();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// The first result of `find`, over past and future lines.
    pub(crate) async fn wait<T>(
        &self,
        deadline: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, EnvoyError> {
        timeout(deadline, self.next(&mut 0, find))
            .await
            .map_err(|_| EnvoyError::NotLogged {
                after: deadline,
                log: self.tail(),
            })
    }

    /// Like [`Log::wait`], from line `from` on and without a deadline; moves `from` to the line after it.
    pub(super) async fn next<T>(&self, from: &mut usize, find: impl Fn(&str) -> Option<T>) -> T {
        let mut count = self.count.subscribe();
        loop {
            let available = *count.borrow_and_update();
            while *from < available {
                let found = find(&self.guard()[*from]);
                *from += 1;
                if let Some(found) = found {
                    return found;
                }
            }
            if count.changed().await.is_err() {
                // `self` owns the sender, so the channel is open during this borrow.
                std::future::pending::<()>().await;
            }
        }
    }

    fn guard(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.lines)
    }
}

/// The audit record in a line like `[…][info][wasm] […] wasm log <plugin> <root> <vm>: {…}`.
pub(super) fn audit_record(line: &str) -> Option<Value> {
    let (_, logged) = line.split_once("wasm log ")?;
    let start = logged.find(": {")? + 2;
    serde_json::from_str(&logged[start..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_records_are_distinguished_from_other_lines() {
        let prefix = "[2026-01-01 00:00:00.000][7][info][wasm] [source/extensions/common/wasm/context.cc:1195]";
        let record =
            format!("{prefix} wasm log entragate entragate entragate: {{\"code\":\"permitted\"}}");
        assert_eq!(audit_record(&record).unwrap()["code"], "permitted");
        assert!(audit_record(&format!("{prefix} wasm log entragate: keys: {{not JSON")).is_none());
        assert!(audit_record("[info][main] starting: {\"a\": 1}").is_none());
    }
}
