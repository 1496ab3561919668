use super::*;
use crate::json::parse_strict;
use crate::json::tests::values;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Asserts that both parsers give the same result.
fn compare(text: &[u8]) -> Result<(), TestCaseError> {
    let strict = parse_strict(text).ok();
    let text = std::str::from_utf8(text).ok();
    let raw = text.and_then(Raw::read);
    let value = raw.map(|raw| raw.value().unwrap());
    prop_assert_eq!(&value, &strict, "{:?}", text);
    let object = text.and_then(Object::read);
    prop_assert_eq!(
        object.is_some(),
        value.as_ref().is_some_and(Value::is_object)
    );
    if let (Some(raw), Some(value)) = (raw, value) {
        same(raw, &value)?;
    }
    Ok(())
}

/// Asserts that every accessor agrees with the value.
fn same(raw: Raw<'_>, value: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(raw.is_null(), value.is_null());
    prop_assert_eq!(raw.is_false(), *value == Value::Bool(false));
    prop_assert_eq!(raw.is_text(), value.is_string());
    let text = raw.text();
    prop_assert_eq!(text.as_deref(), value.as_str());
    prop_assert_eq!(raw.number(), value.as_f64());
    let items: Option<Vec<_>> = raw.items().map(Iterator::collect);
    prop_assert_eq!(items.as_ref().map(Vec::len), value.as_array().map(Vec::len));
    for (item, value) in items
        .iter()
        .flatten()
        .zip(value.as_array().into_iter().flatten())
    {
        same(*item, value)?;
    }
    let object = raw.object();
    prop_assert_eq!(
        object.as_ref().map(|own| own.0.len()),
        value.as_object().map(|own| own.len())
    );
    for (name, value) in value.as_object().into_iter().flatten() {
        let own = object.as_ref().and_then(|object| object.get(name));
        match own {
            Some(own) => same(own, value)?,
            None => prop_assert!(value.is_null(), "{name}"),
        }
        prop_assert!(
            object
                .as_ref()
                .is_some_and(|object| object.iter().any(|own| own.0 == name))
        );
    }
    Ok(())
}

/// Scalars that are valid or almost valid.
const SCALARS: [&str; 56] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "17",
    "01",
    "-01",
    "00",
    "1.5",
    "1.",
    ".5",
    "-",
    "+1",
    "-.5",
    "1e5",
    "1E+5",
    "1e-5",
    "1e",
    "1e+",
    "1e400",
    "-1e400",
    "1e-400",
    "0e99999999999",
    "1e99999999999",
    "1e-99999999999",
    "123456789012345678",
    "1234567890123456789",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "NaN",
    "Infinity",
    "inf",
    "nul",
    "nulls",
    "True",
    "1a",
    "1 2",
    "\"\"",
    "\"a\"",
    "\"\\u0061\"",
    "\"\\n\\\"\\\\\\/\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\"",
    "\"é漢🦀\"",
    "\"\t\"",
    "'a'",
];
const NAMES: [&str; 8] = [
    "\"a\"",
    "\"b\"",
    "\"\\u0061\"",
    "\"\"",
    "\"é\"",
    "\"\\u00e9\"",
    "\"a\\\"\"",
    "a",
];

/// Texts that follow JSON's grammar except for invalid parts and duplicate names.
fn texts() -> impl Strategy<Value = String> {
    let blank = || select(vec!["", "", "", " ", "\n\t\r ", "\u{b}"]);
    let scalar = select(&SCALARS[..]).prop_map(str::to_owned);
    scalar.prop_recursive(4, 24, 4, move |inner| {
        let item = (blank(), inner, blank()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        let member = (blank(), select(&NAMES[..]), blank(), item.clone());
        let member = member.prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        prop_oneof![
            (blank(), vec(item, 0..4)).prop_map(|(a, items)| format!("[{a}{}]", items.join(","))),
            (blank(), vec(member, 0..4)).prop_map(|(a, all)| format!("{{{a}{}}}", all.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_round_trips(value in values(), is_pretty: bool) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        prop_assert!(Raw::read(&text).is_some());
        compare(text.as_bytes())?;
    }

    #[test]
    fn text_has_the_same_result_as_with_the_strict_parser(text in texts()) {
        compare(text.as_bytes())?;
    }

    #[test]
    fn damaged_text_has_the_same_result_as_with_the_strict_parser(
        text in texts(),
        damage in vec((any::<Index>(), select(b"{}[]\",:\\u0 1.eE-nt\x00\x1f\x7f\x80\xc3\xff".to_vec()), 0..3), 1..4),
    ) {
        let mut text = text.into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(text.len() + 1);
            match how {
                0 => text.insert(at, byte),
                _ if at == text.len() => text.truncate(at / 2),
                1 => text[at] = byte,
                _ => drop(text.remove(at)),
            }
        }
        compare(&text)?;
    }
}

#[test]
fn scalar_in_any_position_has_the_same_result_as_with_the_strict_parser() {
    for scalar in SCALARS {
        for text in [
            scalar.to_owned(),
            format!("[{scalar}]"),
            format!("{{{scalar}:{scalar}}}"),
            format!("{scalar},"),
        ] {
            compare(text.as_bytes()).unwrap();
        }
    }
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        "{]",
        "[}",
        "{} {}",
        "[],",
        "[,]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{,}",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "\u{feff}{}",
        "\"",
        "\"\\",
        "\"\\\"",
        "[\"a]",
        "{\"a\":{\"b\":1},\"b\":2}",
        "{\"a\":[{\"a\":1}],\"b\":{\"a\":1}}",
        "[{\"a\":1},{\"a\":1}]",
        "/**/{}",
        "{\"é\\",
    ] {
        compare(text.as_bytes()).unwrap();
    }
}

#[test]
fn any_byte_at_any_position_has_the_same_result_as_with_the_strict_parser() {
    for length in 0..20 {
        for at in 0..=length {
            for odd in
                (0..=0x7f_u8)
                    .map(char::from)
                    .chain(['\u{80}', 'é', '漢', '🦀', '\u{10ffff}'])
            {
                let (before, after) = ("x".repeat(at), "~".repeat(length - at));
                for odd in [odd.to_string(), format!("\\{odd}")] {
                    let text = format!("[\"{before}{odd}{after}\",\"\"]");
                    compare(text.as_bytes()).unwrap();
                }
            }
        }
    }
}

#[test]
fn maximum_depth_equals_that_of_the_strict_parser() {
    for depth in 120..=135 {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            for inner in ["1", "[]", "{}"] {
                let text = [open.repeat(depth), inner.to_owned(), close.repeat(depth)].concat();
                compare(text.as_bytes()).unwrap();
            }
        }
    }
    assert_eq!(Raw::read(&"[".repeat(100_000)), None);
}

#[test]
fn wide_values_do_not_count_as_deep() {
    for part in ["[]", "{}", "[{}]"] {
        let many = vec![part; 300].join(",");
        compare(format!(r#"{{"a":[{many}],"b":{{"c":[{many}]}}}}"#).as_bytes()).unwrap();
        assert!(Raw::read(&format!("[{many}]")).is_some());
    }
}

#[test]
fn duplicate_name_is_rejected_among_few_or_many() {
    for count in [
        2,
        MAX_PAIRWISE - 1,
        MAX_PAIRWISE,
        MAX_PAIRWISE + 1,
        2 * MAX_PAIRWISE,
        1000,
    ] {
        let names: Vec<usize> = (0..count).collect();
        let member = |name: &usize| format!("\"{name}\":{name}");
        for twice in [0, count / 2, count - 1] {
            let alone: Vec<String> = names.iter().map(member).collect();
            let again: Vec<String> = names.iter().chain([&twice]).map(member).collect();
            for (members, is_valid) in [(alone, true), (again, false)] {
                let text = format!("{{{}}}", members.join(","));
                assert_eq!(Object::read(&text).is_some(), is_valid, "{text}");
                let nested = format!("[{{\"x\":{text}}}]");
                assert_eq!(Raw::read(&nested).is_some(), is_valid, "{nested}");
            }
        }
    }
}
