//! Records as rows of a table.

use super::layout::{self, Column, DATE_AND_TIME, Field, GAP, fit, pad};
use super::{ecs, is_served, model, tokens};
use crate::report::{GREEN, RED, YELLOW, paint, printable};
use anstyle::Style;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};
use textwrap::core::display_width;

/// How a record is shown.
#[derive(Clone, Copy)]
pub enum Form {
    Json,
    Ecs,
    /// Rows that fit `width` columns of the terminal; `None`: any width.
    Rows {
        width: Option<usize>,
    },
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
            Form::Rows { width } => self.cells(record, width)?,
        }
        // Flushed after each record, so that a program that follows the output sees it immediately.
        self.output.flush()
    }

    fn cells(&mut self, record: &Value, width: Option<usize>) -> io::Result<()> {
        let columns = layout::columns(width);
        if !std::mem::replace(&mut self.has_header, true) {
            let names = columns.iter().map(|own| pad(own.field.name(), own.width));
            let names = names.collect::<Vec<_>>().join(GAP);
            let request = if width.is_none() { "REQUEST" } else { "" };
            let header = [&names, GAP, request].concat();
            writeln!(self.output, "{}", header.trim_end())?;
        }
        let row = columns
            .iter()
            .map(|column| cell(record, *column))
            .collect::<Vec<_>>();
        let row = row.join(GAP);
        let request = request(record, &columns);
        let together = layout::total(&columns) + GAP.len() + display_width(&request);
        if width.is_none_or(|width| together <= width) {
            return writeln!(self.output, "{row}{GAP}{request}");
        }
        writeln!(self.output, "{}", row.trim_end())?;
        let options = textwrap::Options::new(width.unwrap_or(usize::MAX));
        let options = options.initial_indent(INDENT).subsequent_indent(INDENT);
        for line in textwrap::wrap(&request, options) {
            writeln!(self.output, "{line}")?;
        }
        Ok(())
    }
}

/// The indentation of a request on separate lines.
const INDENT: &str = "    ";

fn cell(record: &Value, column: Column) -> String {
    let text = text(record, column.field);
    let text = match column.field {
        Field::Time => time(&text, column.width),
        // A code is never truncated, even if the row becomes too long.
        Field::Code => text,
        _ => fit(&text, column.width),
    };
    let padded = pad(&text, column.width);
    match column.field {
        Field::Code => paint(&padded, colour(record)),
        _ => padded,
    }
}

fn text(record: &Value, field: Field) -> String {
    let text = |member: &str| printable(record[member].as_str().unwrap_or("-")).into_owned();
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    match field {
        Field::Time => text("time"),
        Field::Code => text("code"),
        Field::Caller => printable(caller(record).unwrap_or("-")).into_owned(),
        Field::Rule => text("rule"),
        Field::Model => printable(model(record).unwrap_or("-")).into_owned(),
        Field::Status => number(status(record)),
        Field::Duration => number(record["duration_ms"].as_u64()),
        Field::Tokens => number(tokens(record)),
    }
}

/// The caller: a name, if `audit.claims` lists a claim that contains one; otherwise an id.
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

/// The status that the caller received. Records of earlier versions have only the upstream's status.
fn status(record: &Value) -> Option<u64> {
    let own = |member: &str| record[member].as_u64();
    own("status").or_else(|| own("upstream_status"))
}

/// Date and time without fractional seconds and zone, or only the time of day.
fn time(text: &str, width: usize) -> String {
    let text = text.split(['.', 'Z']).next().unwrap_or_default();
    match (width < DATE_AND_TIME, text.split_once('T')) {
        (true, Some((_, time))) => time.to_owned(),
        _ => text.replace('T', " "),
    }
}

/// The request, with the fields that have no column and, for a denial, the reason.
fn request(record: &Value, columns: &[Column]) -> String {
    let member = |member: &str| printable(record[member].as_str().unwrap_or_default());
    let mut request = format!("{} {}", member("method"), member("path"));
    for name in ["mcp_method", "mcp_tool"] {
        if record[name].is_string() {
            let _ = write!(request, "  {}", member(name));
        }
    }
    let is_shown = |field: Field| columns.iter().any(|column| column.field == field);
    if let (Some(model), false) = (model(record), is_shown(Field::Model)) {
        let _ = write!(request, "  model {}", printable(model));
    }
    if let (Some(tokens), false) = (tokens(record), is_shown(Field::Tokens)) {
        let _ = write!(request, "  {tokens} tokens");
    }
    if record["reason"].is_string() {
        let _ = write!(request, "  ({})", member("reason"));
    }
    request
}

fn colour(record: &Value) -> Style {
    match record["decision"].as_str() {
        Some("permit") if is_served(record) => GREEN,
        Some("permit") => YELLOW,
        _ => RED,
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
        let shown = String::from_utf8(output).unwrap();
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn rows_fit_the_width_and_show_codes_in_full() {
        let record = |code: &str| {
            json!({"time": "2026-11-23T01:00:00.007Z", "code": code, "decision": "deny",
                "oid": "6902e92c-0000-4000-8000-000000000001", "rule": "scientists-of-the-north", "method": "POST",
                "model": "meta-llama/Llama-3.1-8B-Instruct", "path": "/v1/chat/completions", "duration_ms": 3,
                "reason": "rule scientists-of-the-north requires role 'Model.Query' or role 'Model.Admin'",
                "usage": {"total_tokens": 42}})
        };
        for width in [80, 100, 120, 200, 400] {
            for code in ["no_rule", "revocation_unavailable"] {
                let shown = show(&[record(code)], Form::Rows { width: Some(width) });
                for line in shown.lines() {
                    assert!(display_width(line) <= width, "{width}: {line}");
                }
                let words: Vec<&str> = shown.split_whitespace().collect();
                for whole in [code, "/v1/chat/completions", "'Model.Admin')"] {
                    assert!(words.contains(&whole), "{width}: {whole} in {shown}");
                }
                let tokens = ["42", "01:00:00"].map(|text| words.contains(&text));
                assert_eq!(tokens, [true; 2], "{width}: {shown}");
            }
        }
    }

    #[test]
    fn row_of_a_denial_shows_caller_request_and_reason() {
        let record = json!({"time": "2026-11-23T01:00:00.007Z", "code": "rule_unsatisfied", "decision": "deny",
            "oid": "6902e92c-0000-4000-8000-000000000001", "rule": "scientists", "model": null, "method": "POST",
            "path": "/v1/chat", "duration_ms": 3, "reason": "lacks a role", "usage": {"total_tokens": 42}});
        let shown = show(&[record], Form::Rows { width: None });
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
    fn row_shows_the_message_for_an_mcp_server() {
        let record = json!({"code": "no_rule", "method": "POST", "path": "/mcp", "mcp_method": "tools/call",
            "mcp_tool": "delete_repo", "reason": "no rule"});
        let shown = show(&[record], Form::Rows { width: None });
        let expected = "POST /mcp  tools/call  delete_repo  (no rule)\n";
        assert!(shown.ends_with(expected), "{shown}");
    }

    #[test]
    fn row_shows_the_callers_name_if_the_record_has_it() {
        let mut record =
            json!({"code": "permitted", "oid": "6902e92c", "status": 502, "upstream_status": 401});
        let form = Form::Rows { width: None };
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
        let shown = show(&[record], Form::Rows { width: None });
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
