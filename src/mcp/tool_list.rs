//! Lists of tools: the results of MCP's `tools/list` in JSON-RPC messages (MCP 2026-07-28, "Tools").

use crate::json::raw::{Object, Raw};
use std::borrow::Cow;
use std::ops::Range;

/// The `cacheScope` (MCP 2026-07-28) of a list that depends on the caller. Caches may serve a `public` list to other callers.
const PRIVATE: &str = "\"private\"";

/// Returns a message, or a batch of messages, with only those tools that `is_shown` accepts by name. Everything else
/// remains as written, except `cacheScope`, since the list depends on the caller.
///
/// # Errors
/// The reason why the text cannot be read.
pub fn filter<'t>(
    body: &'t [u8],
    is_shown: &dyn Fn(&str) -> bool,
) -> Result<Cow<'t, str>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let value = Raw::read(text).ok_or("it is not well-formed JSON")?;
    let mut edits = Edits {
        text,
        done: String::new(),
        at: 0,
    };
    filter_messages(value, is_shown, &mut edits)?;
    Ok(edits.finish())
}

fn filter_messages(
    value: Raw<'_>,
    is_shown: &dyn Fn(&str) -> bool,
    edits: &mut Edits<'_>,
) -> Result<(), &'static str> {
    if let Some(mut batch) = value.items() {
        return batch.try_for_each(|message| filter_messages(message, is_shown, edits));
    }
    let result = value.object().and_then(|message| message.get("result"));
    let Some(result) = result.and_then(Raw::object) else {
        return Ok(());
    };
    let Some(tools) = result.get("tools") else {
        return Ok(());
    };
    let tools_edit = (tools, shown(tools, is_shown)?);
    let scope_edit = result
        .get("cacheScope")
        .map(|scope| (scope, PRIVATE.into()));
    // Sorted by position in the text.
    let mut found: Vec<(Raw<'_>, Cow<'_, str>)> = scope_edit.into_iter().collect();
    found.push(tools_edit);
    found.sort_unstable_by_key(|(value, _)| value.start_in(edits.text));
    for (value, with) in found {
        edits.replace(value, &with);
    }
    Ok(())
}

/// Returns the array with only the shown tools.
fn shown<'t>(
    tools: Raw<'t>,
    is_shown: &dyn Fn(&str) -> bool,
) -> Result<Cow<'t, str>, &'static str> {
    let items = tools.items().ok_or("its tools are not an array")?;
    let is_kept = |tool: &Raw<'_>| {
        let name = tool.object().as_ref().and_then(name);
        name.is_some_and(|name| is_shown(&name))
    };
    let (kept, left): (Vec<Raw<'_>>, Vec<_>) = items.partition(is_kept);
    if left.is_empty() {
        return Ok(tools.as_written().into());
    }
    let kept: Vec<&str> = kept.into_iter().map(Raw::as_written).collect();
    Ok(["[", &kept.join(","), "]"].concat().into())
}

fn name<'t>(tool: &Object<'t>) -> Option<Cow<'t, str>> {
    tool.get("name")?.text()
}

/// Replacements in a text, made from its beginning to its end.
struct Edits<'t> {
    text: &'t str,
    done: String,
    /// The end of the part of the text that `done` covers.
    at: usize,
}

impl<'t> Edits<'t> {
    fn replace(&mut self, value: Raw<'_>, with: &str) {
        if value.as_written() == with {
            return;
        }
        let start = value.start_in(self.text);
        let before: Range<usize> = self.at..start;
        self.done
            .push_str(self.text.get(before).unwrap_or_default());
        self.done.push_str(with);
        self.at = start + value.as_written().len();
    }

    fn finish(self) -> Cow<'t, str> {
        if self.at == 0 {
            return self.text.into();
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        (self.done + rest).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(text: &str) -> Result<String, &'static str> {
        filter(text.as_bytes(), &|name| name.starts_with("hub_")).map(Cow::into_owned)
    }

    #[test]
    fn only_shown_tools_remain_and_everything_else_is_as_written() {
        for (text, expected) in [
            (
                r#" {"jsonrpc":"2.0", "id":1.50, "result":{"tools": [ {"name":"hub_a","x":[1e4]}, {"name":"b"},{"name":"hub_\u0063"} ],"nextCursor":"x","_meta":{"n":12345678901234567890123}}} "#,
                r#" {"jsonrpc":"2.0", "id":1.50, "result":{"tools": [{"name":"hub_a","x":[1e4]},{"name":"hub_\u0063"}],"nextCursor":"x","_meta":{"n":12345678901234567890123}}} "#,
            ),
            (
                r#"[{"result":{"tools":[{"name":"b"}]}},{"result":{}},[{"result":{"tools":[{"name":"c"},{"name":"hub_d"}]}}]]"#,
                r#"[{"result":{"tools":[]}},{"result":{}},[{"result":{"tools":[{"name":"hub_d"}]}}]]"#,
            ),
            (
                r#"{"result":{"cacheScope":"public","ttlMs":5,"tools":[{"name":"hub_a"}]}}"#,
                r#"{"result":{"cacheScope":"private","ttlMs":5,"tools":[{"name":"hub_a"}]}}"#,
            ),
            (
                r#"{"result":{"tools":[{"name":"b"}],"ttlMs":5,"\u0063acheScope":"public"}}"#,
                r#"{"result":{"tools":[],"ttlMs":5,"\u0063acheScope":"private"}}"#,
            ),
            (
                r#"{"r\u0065sult":{"to\u006fls":[{"n\u0061me":"b"},{"name":7},{"title":"hub_a"},"hub_a",["hub_a"],null]}}"#,
                r#"{"r\u0065sult":{"to\u006fls":[]}}"#,
            ),
        ] {
            assert_eq!(filtered(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn message_without_list_remains_as_written() {
        for text in [
            "1",
            "null",
            "[]",
            r#"{"tools":[{"name":"b"}]}"#,
            r#"{"params":{"tools":[{"name":"b"}]}}"#,
            r#"{"result":{"cacheScope":"public","content":[{"text":"tools"}]}}"#,
            r#"{"result":[{"tools":[]}]}"#,
            r#"{"result":{"tools":null}}"#,
            r#"{"error":{"code":-32001,"message":"b"}}"#,
        ] {
            assert!(matches!(
                filter(text.as_bytes(), &|_| false),
                Ok(Cow::Borrowed(same)) if same == text
            ));
        }
    }

    #[test]
    fn unreadable_list_is_an_error() {
        for text in [
            "",
            "{",
            "{} {}",
            r#"{"result":{"tools":{"b":{}}}}"#,
            r#"{"result":{"tools":"b"}}"#,
            r#"{"result":{"tools":[],"tools":[{"name":"b"}]}}"#,
            r#"{"result":{"tools":[{"name":"hub_a","name":"b"}]}}"#,
            r#"{"result":{"tools":[{"name":"\ud800"}]}}"#,
            r#"{"result":{"tools":[NaN]}}"#,
        ] {
            assert!(filtered(text).is_err(), "{text}");
        }
        assert!(filter(b"\"\xff\"", &|_| true).is_err());
    }
}
