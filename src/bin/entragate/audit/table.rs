//! Records as rows of a table.

use super::{ecs, model, tokens};
use crate::report::{Colour, paint, printable};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Names and widths of all columns except the last, which takes the remaining width.
const COLUMNS: [(&str, usize); 8] = [
    ("TIME (UTC)", 19),
    ("CODE", 18),
    ("CALLER", 36),
    ("RULE", 14),
    ("MODEL", 28),
    ("STATUS", 6),
    ("MS", 7),
    ("TOKENS", 7),
];

/// How a record is shown.
#[derive(Clone, Copy)]
pub enum Form {
    Json,
    Ecs,
    Rows { coloured: bool },
}

pub struct Table<W> {
    form: Form,
    has_header: bool,
    output: W,
}

impl<W: Write> Table<W> {
    pub fn new(form: Form, output: W) -> Self {
        Self {
            form,
            has_header: false,
            output,
        }
    }

    pub fn row(&mut self, record: &Value) -> io::Result<()> {
        match self.form {
            Form::Json => writeln!(self.output, "{record}")?,
            Form::Ecs => writeln!(self.output, "{}", ecs::of(record))?,
            Form::Rows { coloured } => self.cells(record, coloured)?,
        }
        // Flushed per record, so that a reader that follows sees it immediately.
        self.output.flush()
    }

    fn cells(&mut self, record: &Value, coloured: bool) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_header, true) {
            let names = COLUMNS.map(|(name, width)| format!("{name:width$}"));
            writeln!(self.output, "{}  REQUEST", names.join("  "))?;
        }
        let cells = COLUMNS.iter().zip(cells(record));
        let mut row = String::new();
        for (index, ((_, width), text)) in cells.enumerate() {
            let cell = format!("{:width$}", fit(&text, *width), width = *width);
            let cell = match index {
                1 => paint(&cell, colour(record), coloured),
                _ => cell,
            };
            row += &cell;
            row += "  ";
        }
        writeln!(self.output, "{row}{}", request(record))
    }
}

fn cells(record: &Value) -> [String; 8] {
    let text = |member: &str| printable(record[member].as_str().unwrap_or("-")).into_owned();
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    [
        text("time").replace('T', " "),
        text("code"),
        printable(caller(record).unwrap_or("-")).into_owned(),
        text("rule"),
        printable(model(record).unwrap_or("-")).into_owned(),
        number(status(record)),
        number(record["duration_ms"].as_u64()),
        number(tokens(record)),
    ]
}

/// The caller: the name that a person knows, if `audit.claims` lists a claim with it; otherwise an id.
fn caller(record: &Value) -> Option<&str> {
    const NAMES: [&str; 6] = [
        "preferred_username",
        "upn",
        "unique_name",
        "email",
        "name",
        "app_displayname",
    ];
    let name = NAMES.iter().find_map(|own| record["claims"][own].as_str());
    let id = ["oid", "client", "sub"]
        .iter()
        .find_map(|own| record[own].as_str());
    name.or(id)
}

/// The status that the caller received. Records of earlier versions have the upstream's only.
fn status(record: &Value) -> Option<u64> {
    let own = |member: &str| record[member].as_u64();
    own("status").or_else(|| own("upstream_status"))
}

/// The request and, for a denial, the reason.
fn request(record: &Value) -> String {
    let text = |member: &str| printable(record[member].as_str().unwrap_or_default());
    let mut request = format!("{} {}", text("method"), text("path"));
    if record["reason"].is_string() {
        let _ = write!(request, "  ({})", text("reason"));
    }
    request
}

fn colour(record: &Value) -> Colour {
    match (record["decision"].as_str(), record["code"].as_str()) {
        (Some("permit"), Some("permitted" | "anonymous" | "metadata")) => Colour::Green,
        (Some("permit"), _) => Colour::Yellow,
        _ => Colour::Red,
    }
}

fn fit(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        // The fraction and zone of a time are cut without an ellipsis.
        Some((end, _)) if text.get(end..end + 1) == Some(".") => {
            text.get(..end).unwrap_or_default().to_owned()
        }
        Some(_) => text
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn show(records: &[Value], form: Form) -> String {
        let mut output = Vec::new();
        let mut table = Table::new(form, &mut output);
        records.iter().for_each(|record| table.row(record).unwrap());
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn row_of_a_denial_shows_caller_request_and_reason() {
        let record = json!({"time": "2026-11-23T01:00:00.007Z", "code": "rule_unsatisfied", "decision": "deny",
            "oid": "6902e92c-0000-4000-8000-000000000001", "rule": "scientists", "model": null, "method": "POST",
            "path": "/v1/chat", "duration_ms": 3, "reason": "lacks a role", "usage": {"total_tokens": 42}});
        let shown = show(&[record], Form::Rows { coloured: false });
        let rows: Vec<&str> = shown.lines().collect();
        assert!(rows[0].starts_with("TIME (UTC)"));
        let expected = [
            "2026-11-23 01:00:00",
            "rule_unsatisfied",
            "6902e92c-0000-4000-8000-000000000001",
            "scientists",
            "-",
            "-",
            "3",
            "42",
            "POST /v1/chat",
            "(lacks a role)",
        ];
        let mut from = 0;
        for cell in expected {
            from += rows[1][from..]
                .find(cell)
                .unwrap_or_else(|| panic!("{cell} in {shown}"));
        }
    }

    #[test]
    fn row_shows_the_callers_name_if_the_record_has_it() {
        let mut record =
            json!({"code": "permitted", "oid": "6902e92c", "status": 502, "upstream_status": 401});
        let form = Form::Rows { coloured: false };
        assert!(show(&[record.clone()], form).contains("6902e92c"));
        record["claims"] = json!({"name": "Ada Lovelace", "preferred_username": "ada@contoso.com"});
        let shown = show(&[record], form);
        assert!(
            shown.contains("ada@contoso.com") && !shown.contains("6902e92c"),
            "{shown}"
        );
        assert!(shown.contains("502") && !shown.contains("401"), "{shown}");
    }

    #[test]
    fn control_characters_in_a_record_are_escaped() {
        let record =
            json!({"code": "no_rule", "path": "/\u{1b}[2J\u{202e}\u{2028}\r", "model": "a\u{7}"});
        let shown = show(&[record], Form::Rows { coloured: false });
        assert_eq!(shown.lines().count(), 2);
        assert!(
            shown.contains(r"/\u{1b}[2J\u{202e}\u{2028}\u{d}"),
            "{shown}"
        );
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2028}', '\r']));
    }

    #[test]
    fn json_form_prints_the_record_unchanged() {
        let record = json!({"code": "no_rule"});
        assert_eq!(show(&[record], Form::Json), "{\"code\":\"no_rule\"}\n");
    }
}
