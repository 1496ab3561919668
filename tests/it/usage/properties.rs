//! Properties of the usage of any response, however it is split.

use super::*;
use proptest::prelude::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key = prop_oneof!["usage|model|error|details|prompt_tokens|.{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// A line of a stream. Some lines report usage, a model or an error. Events that report nothing are skipped if they arrive whole.
fn any_line() -> impl Strategy<Value = String> {
    let data = prop::sample::select(vec![
        r#"{"model":"org/a","choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"model":"org/b","choices":[{"delta":{"content":"\"usage\" \\ \n"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\u00e9"}}],"model":"org/c"}"#,
        r#"{"model":"org/d","usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
        r#"{"usage":null,"model":"org/e"}"#,
        r#"{"type":"\u0065rror"}"#,
        r#"{"type":"error"}"#,
        r#"{"response":{"status":"failed","model":"org/f"}}"#,
        r#"{"error":{"type":"overloaded","message":"model"}}"#,
        r#"{"details":{"generated_tokens":5,"input_length":6}}"#,
        r#"{"t":"a"}"#,
        r#""usage":{"prompt_tokens":8}}"#,
        r#"{"a":"#,
        "[DONE]",
        "",
    ]);
    let field = prop::sample::select(vec!["data: ", "data:", "data", ": ", "\u{feff}data: "]);
    let line = prop_oneof![
        8 => (field, data).prop_map(|(field, data)| format!("{field}{data}")),
        1 => prop::sample::select(vec!["event: error", "event: delta", "event", "id: 1"])
            .prop_map(str::to_owned),
    ];
    let end = prop::sample::select(vec![
        "\n\n", "\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n", "\r\n", "\n\n\n",
    ]);
    (line, end).prop_map(|(line, end)| format!("{line}{end}"))
}

fn pieces<'b>(body: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    at.extend([0, body.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn usage_is_the_same_for_any_chunking(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        for (headers, body, expected) in corpus() {
            prop_assert_eq!(read(headers, &pieces(body.as_bytes(), &cuts), true), expected);
        }
    }

    #[test]
    fn stream_in_any_pieces_reports_the_same_as_byte_by_byte(
        lines in prop::collection::vec(any_line(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let body = lines.concat();
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        let expected = read(SSE, &bytes, true);
        prop_assert_eq!(read(SSE, &[body.as_bytes()], true), expected.clone());
        prop_assert_eq!(read(SSE, &pieces(body.as_bytes(), &cuts), true), expected);
    }

    /// The reader finds the same counts as serde_json in any document.
    #[test]
    fn any_document_has_the_same_counts_as_in_serde_json(
        rest in any_json(), usage in any_json(), pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let document = json!({"a": rest, "model": rest, "usage": usage, "z": [rest, usage]});
        let body = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let read = read(JSON, &pieces(body.as_bytes(), &cuts), true);
        let count = &usage["prompt_tokens"];
        let is_count = |float: &f64| float.is_sign_positive() && float.fract() == 0.0 && *float < 2_f64.powi(53);
        let float = || count.as_f64().filter(is_count).map(|float| float as u64);
        prop_assert_eq!(read.prompt_tokens, count.as_u64().or_else(float));
        let model = rest.as_str().map(str::to_owned);
        prop_assert_eq!(read.model, model);
        prop_assert_ne!(read.unknown, Some(Unknown::NotJson));
    }

    #[test]
    fn arbitrary_bytes_cause_no_panic(body in prop::collection::vec(any::<u8>(), 0..200), sse in any::<bool>()) {
        let headers = if sse { SSE } else { JSON };
        read(headers, &[&body], true);
        read(headers, &[&body], false);
    }
}
