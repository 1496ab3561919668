//! Bodies of given sizes: prompts, answers, and the events of a stream.

use strict_host::traffic::RESPONSE_BODY;

/// A piece of a long text as JSON writes it: source code, with escapes.
const CODE: &str = r#"    if token.is_none() {\n        return Err(Denial::TokenMissing(\"Authorization\"));\n    }\n    let caller = verify(token, &keys)?;\n"#;
/// The last two events of a stream.
const LAST_EVENTS: [&str; 2] = [
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":21,"completion_tokens":300,"total_tokens":321}}"#,
    "[DONE]",
];

/// A chat request of at most this size, which names its model last.
pub fn prompt(size: usize) -> String {
    let with = |content: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"{content}"}}],"max_tokens":64,"model":"meta-llama/Llama-3.1-8B-Instruct"}}"#
        )
    };
    with(&code(size.saturating_sub(with("").len())))
}

/// A chat completion of at most this size, which reports its usage last.
pub fn answer(size: usize) -> String {
    const CONTENT: &str = "The gate is open to those who are known.";
    let around = RESPONSE_BODY.len() - CONTENT.len();
    RESPONSE_BODY.replace(CONTENT, &code(size.saturating_sub(around)))
}

/// Source code of at most this length.
fn code(length: usize) -> String {
    CODE.repeat(length / CODE.len())
}

/// An event of a chat completion, padded to this size. An event that is too small for a whole chunk contains only a token.
pub fn event(size: usize) -> String {
    const CHUNK: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"delta":{"content":"*"},"finish_reason":null}]}"#;
    const TOKEN: &str = r#"{"t":"*"}"#;
    const AROUND: usize = "data: \n\n".len();
    const MIN_CHUNK: usize = CHUNK.len() + AROUND;
    let data = match size {
        0..MIN_CHUNK => TOKEN,
        _ => CHUNK,
    };
    let fill = size.saturating_sub(data.len() + AROUND) + 1;
    framed(&data.replace('*', &"a".repeat(fill)))
}

/// The end of a stream: its usage, and the event that ends it.
pub fn last_events() -> String {
    LAST_EVENTS.map(framed).concat()
}

fn framed(data: &str) -> String {
    format!("data: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_given_size() {
        for size in [20, 199, 200, 1000] {
            let event = event(size);
            assert_eq!(event.len(), size, "{event}");
        }
    }

    #[test]
    fn prompt_and_answer_are_json_of_about_the_given_size() {
        for size in [1_000, 64_000, 1_000_000] {
            for (text, last) in [(prompt(size), "model"), (answer(size), "usage")] {
                assert!((size - CODE.len()..=size).contains(&text.len()), "{size}");
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
                let from_end = text.len() - text.rfind(&format!("\"{last}\":")).unwrap();
                assert!(from_end < 100, "{last} is {from_end} bytes before the end");
            }
        }
    }
}
