//! Tests of the bodies that the scanner accepts and rejects, for any division into pieces.

use super::*;
use serde_json::{Value, json};

fn scan(pieces: &[&[u8]], limit: usize) -> Model {
    let mut scanner = Scanner::new(limit);
    for piece in pieces {
        // The first failure is final; later pieces must not change it.
        let _ = scanner.feed(piece);
    }
    scanner.finish()
}

/// Scans the body as a whole, split in two at every position, and byte by byte.
fn scan_every_way(body: &[u8]) -> Model {
    let whole = scan(&[body], 10_000);
    for at in 0..=body.len() {
        let (left, right) = body.split_at(at);
        assert_eq!(scan(&[left, right], 10_000), whole, "split at {at}");
    }
    let bytes: Vec<_> = body.chunks(1).collect();
    assert_eq!(scan(&bytes, 10_000), whole, "byte by byte");
    whole
}

fn named(name: &str) -> Model {
    Model::Named(name.into())
}

const MISSING: Model = Model::Unavailable(BodyUnavailable::Missing);

#[test]
fn model_is_found_at_any_position() {
    for body in [
        r#"{"model":"org/name"}"#,
        r#" { "model" : "org/name" , "x" : 1 } "#,
        r#"{"x":[1,-2.5e+3,0,true,false,null,{"y":[]}],"model":"org/name"}"#,
        r#"{"messages":[{"model":"other","content":"\"model\":\"x\""}],"model":"org/name"}"#,
        r#"{"x":{"model":"other"},"model":"org/name:fastest","models":"x","mode":"y"}"#,
        r#"{"\u006dod\u0065l":"org\/n\u0061me"}"#,
        r#"{"":"","modelmodel":1,"mo\u0000del":2,"é😀":"😀é\ud83d\ude00","model":"org/name"}"#,
        r#"{"content":"half \ud83d of \udE00 a pair","model":"org/name"}"#,
        "{\"a\":\"\u{7f}\",\r\n\t\"model\":\"org/name\"}\n",
    ] {
        assert_eq!(scan_every_way(body.as_bytes()), named("org/name"), "{body}");
    }
    assert_eq!(
        scan_every_way(r#"{"model":"ö/\u00e9\ud83d\ude00"}"#.as_bytes()),
        named("ö/é😀")
    );
}

#[test]
fn missing_model_is_reported() {
    for body in [
        "{}",
        r#"{"x":{"model":"org/name"}}"#,
        r#"{"model":null}"#,
        r#"{"model":""}"#,
        r#"{"model":"tgi"}"#,
        r#"{"model":"https://x.example"}"#,
        r#"{"mod":"l"}"#,
        // A model that is not a string.
        r#"{"model":1}"#,
        r#"{"model":["a/b"]}"#,
        r#"{"model":{"id":"a/b"}}"#,
        r#"{"model":{"model":"a/b"}}"#,
        r#"{"model":true}"#,
        // JSON that is not an object.
        r#"["model","a/b"]"#,
        r#"[{"model":"a/b"}]"#,
        r#" "model" "#,
        "null",
        "true\n",
        "-1.5e3",
        "0",
        "17 ",
    ] {
        assert_eq!(scan_every_way(body.as_bytes()), MISSING, "{body}");
    }
    assert_eq!(scan(&[], 10), Model::None);
    assert_eq!(scan(&[b"", b""], 10), Model::None);
}

#[test]
fn ambiguous_body_is_rejected() {
    for body in [
        // A second model, in any spelling, at any position.
        r#"{"model":"a/b","model":"c/d"}"#,
        r#"{"model":"a/b","model":"a/b"}"#,
        r#"{"model":null,"model":"a/b"}"#,
        r#"{"model":"a/b","x":[{"y":{}}],"\u006dodel":"c/d"}"#,
        r#"{"model":"a/b","MODEL":"c/d"}"#,
        r#"{"Model":"a/b"}"#,
        r#"{"mod\ud800el":"a/b"}"#,
        r#"{"model":"a/b\ud800"}"#,
        r#"{"model":"\ude00a/b"}"#,
        r#"{"model":"\ud83d\ud83d\ude00"}"#,
        r#"{"model":"\ud83d\n"}"#,
        // Names that two servers could read differently.
        r#"{"model":" a/b"}"#,
        r#"{"model":"a/../b"}"#,
    ] {
        let model = scan_every_way(body.as_bytes());
        assert!(
            matches!(model, Model::Unavailable(BodyUnavailable::Ambiguous(_))),
            "{body}: {model:?}"
        );
    }
}

#[test]
fn malformed_body_is_rejected() {
    for body in [
        r#"{"model":nul}"#,
        r#"{"model":"a/b"}x"#,
        r#"{"model":"a/b"}{"model":"c/d"}"#,
        r#"{"model":"a/b""#,
        r#"{"model":"a/b",}"#,
        r#"{"model":"a/b","x"}"#,
        r#"{"model":"a/b","x":}"#,
        r#"{"model":"a/b","x":01}"#,
        r#"{"model":"a/b","x":1.}"#,
        r#"{"model":"a/b","x":-}"#,
        r#"{"model":"a/b","x":1e}"#,
        r#"{"model":"a/b","x":NaN}"#,
        r#"{"model":"a/b","x":[1,]}"#,
        r#"{"model":"a/b","x":[1}}"#,
        r#"{"model":"a/b","x":{"y":1]}"#,
        r#"{"model":"a/b","x":"\x"}"#,
        r#"{"model":"a/b","x":"\u00g0"}"#,
        r#"{'model':'a/b'}"#,
        r#"{"model":"a/b" /* c */}"#,
        r#"{model:"a/b"}"#,
        r#"{,"model":"a/b"}"#,
        r#"["a/b""#,
        r#"["a/b"],"#,
        r#""model":"a/b""#,
        r#""model"#,
        "nul",
        "nulls",
        "-",
        "1.",
        "01",
        "1,2",
        "+1",
        " ",
        "model=a/b",
        "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\na/b\r\n--x--",
        "\u{feff}{\"model\":\"a/b\"}",
        "{\"model\":\"a/b\",\"x\":\"\n\"}",
        "{\u{a0}\"model\":\"a/b\"}",
    ] {
        let model = scan_every_way(body.as_bytes());
        assert!(
            matches!(model, Model::Unavailable(BodyUnavailable::Unreadable(_))),
            "{body}: {model:?}"
        );
    }
    for bytes in [
        b"{\"model\":\"a/b\",\"x\":\"\xff\"}".as_slice(),
        b"{\"model\":\"a/b\",\"x\":\"\xc0\xaf\"}",
        b"{\"model\":\"a/b\",\"x\":\"\xed\xa0\x80\"}",
        b"{\"model\":\"a/b\",\"x\":\"\xf4\x90\x80\x80\"}",
        b"{\"model\":\"a/b\",\"x\":\"\xe2\x82\"}",
        b"{\"model\":\"a/b\xe2\x82\\n\"}",
        b"{\0\"\0m\0o\0d\0e\0l\0",
    ] {
        let model = scan_every_way(bytes);
        assert!(
            matches!(model, Model::Unavailable(BodyUnavailable::Unreadable(_))),
            "{bytes:?}: {model:?}"
        );
    }
}

#[test]
fn body_over_a_limit_is_rejected() {
    let body = br#"{"model":"a/b"}"#;
    assert_eq!(scan(&[body], body.len()), named("a/b"));
    let limit = body.len() - 1;
    let too_large = Model::Unavailable(BodyUnavailable::TooLarge { limit });
    assert_eq!(scan(&[body], limit), too_large);
    for at in 0..body.len() {
        let (left, right) = body.split_at(at);
        assert_eq!(scan(&[left, right, b"}}}"], limit), too_large);
    }
    // An earlier error takes precedence over the size limit, for any division into pieces.
    assert!(matches!(
        scan(&[b"x", body], 10),
        Model::Unavailable(BodyUnavailable::Unreadable(_))
    ));
    assert!(matches!(
        scan(&[b"x................"], 10),
        Model::Unavailable(BodyUnavailable::Unreadable(_))
    ));
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        scan(
            &[format!(r#"{{"x":{open}{close},"model":"a/b"}}"#).as_bytes()],
            10_000,
        )
    };
    assert_eq!(nested(127), named("a/b"));
    assert_eq!(
        nested(128),
        Model::Unavailable(BodyUnavailable::Unreadable("its JSON is nested too deeply"))
    );
    let long = |length| json!({ "model": "m".repeat(length) }).to_string();
    assert_eq!(
        scan(&[long(512).as_bytes()], 10_000),
        named(&"m".repeat(512))
    );
    assert!(matches!(
        scan(&[long(513).as_bytes()], 10_000),
        Model::Unavailable(BodyUnavailable::Ambiguous(_))
    ));
}

/// A generator with a fixed seed (xorshift64*), so that every run uses the same bodies.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let next = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        usize::try_from(next % end.max(1) as u64).unwrap()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => self.below(2).eq(&0).into(),
            2 => (self.below(100_000) as f64 / 7.0 - 99.0).into(),
            3 => self.below(1000).into(),
            4 | 5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let members = (0..self.below(5)).map(|_| (self.text(), self.value(depth)));
        Value::Object(members.collect())
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 12] = [
            "model", "a/b", "\"", "\\", "\n", "é", "😀", "\u{0}", ":", "{", "x", "mod",
        ];
        (0..self.below(3))
            .map(|_| PARTS[self.below(PARTS.len())])
            .collect()
    }

    fn pieces<'a>(&mut self, mut body: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !body.is_empty() {
            let (piece, rest) = body.split_at(1 + self.below(body.len().min(9)));
            pieces.push(piece);
            body = rest;
        }
        pieces
    }
}

/// The model as serde_json reads it from the same bytes.
fn expected(body: &[u8]) -> Result<Model, ()> {
    let Value::Object(members) = crate::json::parse_strict(body).map_err(|_| ())? else {
        return Ok(MISSING);
    };
    let folded = members
        .keys()
        .filter(|key| key.eq_ignore_ascii_case("model"));
    match (folded.count(), members.get("model")) {
        (1, Some(Value::String(text))) => Ok(name::named(text)),
        (0, None) | (1, Some(_)) => Ok(MISSING),
        _ => Err(()),
    }
}

#[test]
fn random_value_is_read_like_serde_json_reads_it() {
    let mut random = Random(7);
    for _ in 0..4000 {
        let mut value = match random.below(4) {
            0 => random.value(4),
            _ => random.object(4),
        };
        if let Some(members) = value.as_object_mut() {
            match random.below(4) {
                0 => drop(members.insert("model".to_owned(), random.value(2))),
                1 | 2 => drop(members.insert("model".to_owned(), random.text().into())),
                _ => {}
            }
        }
        let body = value.to_string().into_bytes();
        let model = scan(&random.pieces(&body), 100_000);
        match expected(&body) {
            Ok(expected) => assert_eq!(model, expected, "{value}"),
            Err(()) => assert!(
                matches!(model, Model::Unavailable(BodyUnavailable::Ambiguous(_))),
                "{value}"
            ),
        }
        let unreadable = matches!(model, Model::Unavailable(BodyUnavailable::Unreadable(_)));
        assert!(!unreadable, "well-formed JSON: {value}");
    }
}

/// Malformed bodies never cause a panic, and the model is always the one that serde_json reads.
#[test]
fn malformed_body_never_yields_another_model_than_serde_json() {
    let mut random = Random(8);
    let mut named_some = 0;
    for round in 0..30_000 {
        let mut body = match round % 2 {
            0 => {
                br#"{"model":"a/b","x":[1,"\u00e9\ud83d\ude00",{"model":-1.5e3}],"y":"caf\u00e9"}"#
                    .to_vec()
            }
            _ => {
                let mut value = random.object(3);
                value["model"] = "a/b".into();
                value.to_string().into_bytes()
            }
        };
        for _ in 0..=random.below(3) {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body[at] = random.below(256) as u8,
                1 => body.insert(at, b"\"\\{}[]:,\0\xff0eu"[random.below(13)]),
                2 if body.len() > 1 => drop(body.remove(at)),
                _ => body.truncate(at + 1),
            }
        }
        let model = scan(&random.pieces(&body), 100_000);
        assert_eq!(scan(&[&body], 100_000), model);
        if let Model::Named(_) = model {
            named_some += 1;
            // serde_json rejects two things that the scanner accepts outside the model: duplicate members (in strict
            // mode) and unpaired surrogates.
            if let Ok(expected) = expected(&body) {
                assert_eq!(model, expected, "{}", String::from_utf8_lossy(&body));
            }
        }
    }
    assert!(named_some > 1000, "{named_some}");
}
