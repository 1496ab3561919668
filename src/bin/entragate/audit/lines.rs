//! The audit records in the lines of a log.

use serde_json::Value;
use std::io::{self, BufRead, Read};

/// The maximum length of a line that is parsed; records are much shorter.
const MAX_LINE: u64 = 1 << 20;

/// A record in a log.
#[derive(Debug)]
pub struct Logged {
    /// The record's JSON as the log contains it.
    pub text: String,
    pub record: Value,
    /// The number of the line, from 1.
    pub line: u64,
}

/// Iterator over the records of a log, in order. Lines without a record are skipped.
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn of(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line; returns false at the end. The rest of a line that is too long is skipped.
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let read = self
            .input
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)?;
        if read as u64 == MAX_LINE && !self.line.ends_with(b"\n") {
            self.line.clear();
            self.input.skip_until(b'\n')?;
        }
        Ok(read > 0)
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Logged>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            if let Some((text, record)) = record(&String::from_utf8_lossy(&self.line)) {
                let line = self.number;
                return Some(Ok(Logged { text, record, line }));
            }
        }
    }
}

/// Returns the record that is the line, or that follows Envoy's `wasm log` at its end. The line may also be a member
/// of a JSON object, as container runtimes and Envoy's JSON log write it. JSON that a caller places in the middle of
/// an access log line is not a record.
fn record(line: &str) -> Option<(String, Value)> {
    let line = line.trim();
    if !line.starts_with('{') {
        return logged(line);
    }
    let object: Value = serde_json::from_str(line).ok()?;
    if is_record(&object) {
        return Some((line.to_owned(), object));
    }
    ["log", "message", "msg"]
        .iter()
        .find_map(|member| logged(object[*member].as_str()?.trim()))
}

fn logged(line: &str) -> Option<(String, Value)> {
    let (before, after) = line.split_once("wasm log ")?;
    let (plugin, _) = after.split_once(": {")?;
    if before.contains('"') || plugin.contains(['"', ':']) {
        return None;
    }
    let text = after.get(plugin.len() + 2..)?;
    let record = serde_json::from_str(text).ok()?;
    is_record(&record).then(|| (text.to_owned(), record))
}

fn is_record(value: &Value) -> bool {
    ["time", "request_id", "code", "decision", "policy"]
        .iter()
        .all(|member| value[*member].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> String {
        json!({"time": "t", "request_id": "r", "code": "permitted", "decision": "permit",
               "policy": "p", "path": "/ wasm log x: {"})
        .to_string()
    }

    fn read(log: &str) -> usize {
        Lines::of(log.as_bytes()).map(Result::unwrap).count()
    }

    #[test]
    fn record_is_found_in_every_log_format() {
        let sample = sample();
        let envoy = format!(
            "[2026-11-23 01:00:00.000][12][info][wasm] [source/extensions/common/wasm/context.cc:1195] \
             wasm log entragate entragate entragate: {sample}"
        );
        for line in [
            sample.clone(),
            envoy.clone(),
            format!("2026-11-23T01:00:00Z stderr F {envoy}"),
            json!({"log": format!("{envoy}\n"), "stream": "stderr"}).to_string(),
            json!({"level": "info", "message": format!("wasm log a a: {sample}")}).to_string(),
        ] {
            let log = format!("noise\n{line}\r\n\n{{}}\n{line}");
            let found: Vec<Logged> = Lines::of(log.as_bytes()).map(Result::unwrap).collect();
            let places: Vec<(u64, &str)> = found
                .iter()
                .map(|own| (own.line, own.text.as_str()))
                .collect();
            assert_eq!(places, [(2, sample.as_str()), (5, &sample)], "{line}");
        }
    }

    #[test]
    fn text_from_a_caller_in_another_line_is_not_a_record() {
        let sample = sample();
        for line in [
            format!(r#"[t] "GET /{sample} HTTP/1.1" 403 - "curl" "id" "host" "-""#),
            format!(r#"[t] "GET / HTTP/1.1" 403 - "wasm log a a: {sample}""#),
            format!(r#"[t] "GET / HTTP/1.1" 403 - "x" wasm log a a: {sample}"#),
            json!({"path": sample, "user_agent": format!("wasm log a a: {sample}")}).to_string(),
            json!({"path": "/", "code": "permitted"}).to_string(),
        ] {
            assert_eq!(read(&line), 0, "{line}");
        }
    }

    #[test]
    fn endless_line_is_skipped_in_bounded_memory() {
        let endless = io::repeat(b'x').take(5 << 20);
        let log = endless.chain(io::Cursor::new(format!("\n{}\n", sample())));
        let mut lines = Lines::of(io::BufReader::new(log));
        assert!(lines.next().unwrap().is_ok());
        assert!(lines.line.capacity() <= 4 << 20);
        assert!(lines.next().is_none());
    }
}
