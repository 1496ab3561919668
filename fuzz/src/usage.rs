//! The reader of usage: the size of the pieces of a response does not change the result, memory use is bounded, and a plain
//! parse of its events finds the same counts.

use entragate::http::headers::Headers;
use entragate::json;
use entragate::usage::{Meter, Usage};
use serde_json::Value;

/// The maximum length of a reader's debug output in bytes: one short JSON token and a few names.
const MAX_HELD: usize = 16 * 1024;

type Counts = [Option<u64>; 3];

/// Target: the body of a response. The first byte gives its form (odd: server-sent events) and the size of its pieces.
pub fn usage(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let is_stream = first % 2 == 1;
    let whole = read(is_stream, std::iter::once(body), false);
    let size = usize::from(first / 2) + 1;
    for size in [1, size] {
        let pieces = read(is_stream, body.chunks(size), false);
        assert_eq!(pieces, whole, "pieces of {size} bytes change the result");
    }
    let ended = read(is_stream, body.chunks(size), true);
    assert_eq!(ended, whole, "an empty last piece changes the result");
    if let Some(expected) = parsed(is_stream, body) {
        let reported = [
            whole.prompt_tokens,
            whole.completion_tokens,
            whole.total_tokens,
        ];
        assert_eq!(reported, expected, "{}", String::from_utf8_lossy(body));
    }
}

fn read<'b>(
    is_stream: bool,
    pieces: impl ExactSizeIterator<Item = &'b [u8]>,
    ends_empty: bool,
) -> Usage {
    let kind = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let mut meter = Meter::new(&Headers::from_iter([("content-type", kind)]));
    let last = pieces.len().checked_sub(1).filter(|_| !ends_empty);
    for (index, piece) in pieces.enumerate() {
        meter.feed(Some(piece), Some(index) == last);
        // Debug formatting is slow, so the state is only inspected for every 64th piece.
        if index % 64 == 0 {
            assert!(format!("{meter:?}").len() < MAX_HELD, "{meter:?}");
        }
    }
    if last.is_none() {
        meter.feed(Some(&[]), true);
    }
    meter.finish()
}

/// Returns the prompt, completion and total tokens if the body is well-formed and reports them only in OpenAI's form.
fn parsed(is_stream: bool, body: &[u8]) -> Option<Counts> {
    let text = std::str::from_utf8(body).ok()?;
    // Other forms of reporting usage (messages, TGI, Groq), and names with escapes.
    let others = [
        "\\", "cache_", "details", "message", "x_groq", "response", "input_", "output_",
    ];
    if others.iter().any(|other| text.contains(other)) {
        return None;
    }
    let documents = if is_stream {
        events(text)
    } else {
        vec![text.to_owned()]
    };
    let mut found = [None; 3];
    for document in documents {
        if is_stream && ["", "[DONE]"].contains(&document.trim()) {
            continue;
        }
        let document = Value::Object(json::parse_object(document.as_bytes()).ok()?);
        let names = ["prompt_tokens", "completion_tokens", "total_tokens"];
        for (slot, name) in found.iter_mut().zip(names) {
            *slot = count(&document["usage"][name]).or(*slot);
        }
    }
    let [prompt, completion, total] = found;
    let sum = || prompt?.checked_add(completion?);
    Some([prompt, completion, total.or_else(sum)])
}

/// Accepts an integer, or a float that is exactly an integer.
fn count(value: &Value) -> Option<u64> {
    let exact = |float: &f64| float.is_sign_positive() && *float < 9_007_199_254_740_992.0;
    let float = || value.as_f64().filter(exact);
    let whole = || float().filter(|float| float.trunc() == *float);
    value.as_u64().or_else(|| whole().map(|float| float as u64))
}

/// Returns the data of each event according to WHATWG HTML §9.2.6, except that the last event may lack its empty line.
fn events(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = vec![Vec::<&str>::new()];
    for line in text.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        match (line, field) {
            ("", _) => events.push(Vec::new()),
            (_, "data") => {
                let value = value.strip_prefix(' ').unwrap_or(value);
                events
                    .last_mut()
                    .expect("there is at least one event")
                    .push(value);
            }
            _ => {}
        }
    }
    events.iter().map(|lines| lines.join("\n")).collect()
}
