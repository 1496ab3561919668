//! Pages as Microsoft Graph documents them, and invalid pages.

use super::*;
use serde_json::{Value, json};

const ADA: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const NEXT: &str = "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=abc";
const DELTA: &str = "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=def";
const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn graph() -> Target {
    Target::parse("graph", "https://graph.microsoft.com/v1.0/").unwrap()
}

fn read_text(text: &str) -> Result<Page, PageError> {
    read(text.as_bytes(), &graph(), NOW)
}

fn page(value: Value) -> Result<Page, PageError> {
    read_text(
        &json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
        "@odata.deltaLink": DELTA, "value": value})
        .to_string(),
    )
}

fn only(object: Value) -> Result<Change, PageError> {
    page(json!([object])).map(|page| page.changes[0])
}

#[test]
fn properties_that_are_absent_or_null_are_unchanged() {
    let unchanged = Change {
        object: Id::of(ADA).unwrap(),
        is_removed: false,
        enabled: None,
        app: None,
        sessions_from: None,
    };
    let null = json!({"id": ADA, "accountEnabled": null, "appId": null,
        "signInSessionsValidFromDateTime": null, "@removed": null, "displayName": [1, {"a": {}}]});
    for object in [json!({"id": ADA}), json!({"id": ADA.to_uppercase()}), null] {
        assert_eq!(only(object), Ok(unchanged));
    }
    let app = "11111111-2222-3333-4444-555555555555";
    let full = json!({"id": ADA, "accountEnabled": false, "appId": app,
        "signInSessionsValidFromDateTime": "2026-11-18T08:53:20Z", "@removed": {"reason": "changed"}});
    let expected = Change {
        is_removed: true,
        enabled: Some(false),
        app: Id::of(app),
        sessions_from: Some(Timestamp::from_secs(1_794_992_000)),
        ..unchanged
    };
    assert_eq!(only(full), Ok(expected));
    assert_eq!(
        only(json!({"id": ADA, "accountEnabled": true}))
            .unwrap()
            .enabled,
        Some(true)
    );
    assert!(
        only(json!({"id": ADA, "@removed": "?"}))
            .unwrap()
            .is_removed
    );
}

#[test]
fn empty_page_has_its_link() {
    let delta = page(json!([])).unwrap();
    assert!(delta.changes.is_empty());
    assert_eq!(
        delta.next,
        Next::Delta(Link("/v1.0/users/delta?$deltatoken=def".into()))
    );
    let next = read_text(&json!({"value": [], "@odata.nextLink": NEXT}).to_string()).unwrap();
    assert_eq!(
        next.next,
        Next::Page(Link("/v1.0/users/delta?$skiptoken=abc".into()))
    );
    assert!(!format!("{delta:?}{next:?}").contains("token="));
}

#[test]
fn unreadable_time_is_now_and_a_fraction_is_rounded_up() {
    let time = |time: Value| {
        only(json!({"id": ADA, "signInSessionsValidFromDateTime": time}))
            .unwrap()
            .sessions_from
    };
    for (text, secs) in [
        ("2026-11-18T08:53:20Z", 1_794_992_000),
        ("2026-11-18T08:53:20.0000000Z", 1_794_992_000),
        ("2026-11-18T08:53:19.0000001Z", 1_794_992_000),
        ("0001-01-01T00:00:00Z", 0),
        ("1968-02-29T00:00:00Z", 0),
        ("1970-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(
            time(json!(text)),
            Some(Timestamp::from_secs(secs)),
            "{text}"
        );
    }
    for bad in [
        json!("yesterday"),
        json!(""),
        json!(1_794_992_000),
        json!({}),
        json!("2026-11-18T08:53:20+01:00"),
        json!("0001-13-01T00:00:00Z"),
        json!("2026-02-30T00:00:00Z"),
        json!("20é6"),
    ] {
        assert_eq!(time(bad.clone()), Some(NOW), "{bad}");
    }
}

#[test]
fn page_with_any_unreadable_part_is_rejected_as_a_whole() {
    use PageError::*;
    let whole = json!({"value": [{"id": ADA, "accountEnabled": false}], "@odata.nextLink": NEXT})
        .to_string();
    for cut in 0..whole.len() {
        assert_eq!(
            read_text(&whole[..cut]).unwrap_err(),
            NotAnObject,
            "cut at {cut}"
        );
    }
    for (text, error) in [
        ("[]", NotAnObject),
        ("\u{feff}{}", NotAnObject),
        (r#"{"value":[]}"#, NotOneLink),
        (r#"{"value":[],"value":[]}"#, NotAnObject),
        (r#"{"value":[{"id":1,"id":2}]}"#, NotAnObject),
    ] {
        assert_eq!(read_text(text).unwrap_err(), error, "{text}");
    }
    assert_eq!(
        read(b"{\"value\":[],\"\xff\":1}", &graph(), NOW).unwrap_err(),
        NotAnObject
    );
    let both = json!({"value": [], "@odata.nextLink": NEXT, "@odata.deltaLink": DELTA});
    assert_eq!(read_text(&both.to_string()).unwrap_err(), NotOneLink);
    for value in [json!(null), json!({}), json!("")] {
        assert_eq!(page(value).unwrap_err(), NoList);
    }
    for object in [
        json!(1),
        json!(null),
        json!([]),
        json!({}),
        json!({"id": null}),
        json!({"id": "ada"}),
        json!({"id": 1}),
    ] {
        assert_eq!(
            page(json!([{"id": ADA}, object])).unwrap_err(),
            NoId { item: 1 }
        );
    }
    let bad = |property| BadProperty { item: 0, property };
    for value in [json!("true"), json!(0), json!("False"), json!({})] {
        assert_eq!(
            only(json!({"id": ADA, "accountEnabled": value})),
            Err(bad("accountEnabled"))
        );
    }
    for value in [json!("app"), json!(1), json!([])] {
        assert_eq!(only(json!({"id": ADA, "appId": value})), Err(bad("appId")));
    }
}

#[test]
fn link_to_another_place_is_refused() {
    use PageError::*;
    let link = |link: Value| {
        read_text(&json!({"value": [], "@odata.deltaLink": link}).to_string()).unwrap_err()
    };
    for other in [
        "http://graph.microsoft.com/v1.0/users/delta",
        "https://graph.microsoft.com:8443/v1.0/users/delta",
        "https://graph.microsoft.com.example/v1.0/users/delta",
        "https://graph.microsoft.us/v1.0/users/delta",
        "https://example/https://graph.microsoft.com/",
    ] {
        assert_eq!(link(json!(other)), ForeignLink, "{other}");
    }
    for bad in [
        json!(""),
        json!("/v1.0/users/delta"),
        json!("//graph.microsoft.com/"),
        json!(1),
        json!({}),
        json!("https://graph.microsoft.com@example/"),
        json!("https://graph.microsoft.com/a b"),
        json!("https://graph.microsoft.com/\r\nx: y"),
        json!("https://graph.microsoft.com/#x"),
    ] {
        assert_eq!(link(bad.clone()), BadLink, "{bad}");
    }
    let long = format!("{DELTA}{}", "x".repeat(LONGEST_LINK));
    assert_eq!(link(json!(long)), LinkTooLong);
    assert!(
        read_text(
            &json!({"value": [], "@odata.deltaLink": DELTA.replace("graph.", "GRAPH.")})
                .to_string()
        )
        .is_ok()
    );
}
