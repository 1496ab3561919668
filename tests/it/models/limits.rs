//! Limits on the number, the size and the duration of held bodies.

use super::*;
use entragate::http::headers::Headers;
use entragate::metrics::Gauge;

pub fn limited(limits: Value) -> Value {
    let mut settings = by_model();
    settings["limits"] = limits;
    settings
}

/// Sends a request whose body must be read and has not arrived.
fn open(bench: &mut Bench) -> (StreamId, String) {
    let (id, ruling) = sent("/v1/x", "{}").begin(bench);
    (id, code_of(&ruling))
}

/// A request whose body can't name a model and is therefore not read.
pub fn picture(path: &str) -> Sent<'_> {
    Sent {
        content_type: "image/png",
        ..sent(path, "x")
    }
}

/// Returns the value of a gauge.
fn gauge(bench: &Bench, name: &str) -> u64 {
    let gauges = bench.gate.gauges(bench.now);
    let found = gauges.into_iter().find(|gauge| gauge.name == name);
    let Gauge { value, .. } = found.unwrap_or_else(|| panic!("no gauge {name}"));
    value
}

pub fn held(bench: &Bench) -> (u64, u64) {
    let (bodies, bytes) = ("entragate.held.bodies", "entragate.held.bytes");
    (gauge(bench, bodies), gauge(bench, bytes))
}

/// Returns the number of times that a limit was reached since the last call, and the audit records.
fn exceeded(bench: &mut Bench, limit: &str) -> (usize, Vec<Value>) {
    let name = format!("entragate.held.exceeded.{limit}");
    let notices = bench.gate.take_notices();
    let is_count = |notice: &&Notice| matches!(notice, Notice::Count(counted) if *counted == name);
    let count = notices.iter().filter(is_count).count();
    let records = notices.into_iter().filter_map(|notice| match notice {
        Notice::Audit(_, line) => Some(serde_json::from_str(&line).unwrap()),
        _ => None,
    });
    (count, records.collect())
}

fn reply(ruling: Ruling) -> entragate::reply::Reply {
    match ruling.step {
        Step::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn held_bodies_are_limited_by_inspections() {
    let mut bench = Bench::warm(&limited(json!({"inspections": 3})));
    let opened: Vec<_> = (0..5).map(|_| open(&mut bench)).collect();
    let codes: Vec<&str> = opened.iter().map(|(_, code)| code.as_str()).collect();
    assert_eq!(codes[..3], ["inspecting"; 3]);
    assert_eq!(codes[3..], ["inspection_unavailable"; 2]);
    assert_eq!(held(&bench).0, 3);
    assert!(!bench.gate.wants_body(opened[4].0));
    bench.gate.finish(opened[4].0, Some(502), bench.now);
    let (count, records) = exceeded(&mut bench, "inspections");
    assert_eq!(count, 2);
    assert_eq!(records[0]["code"], "inspection_unavailable");
    let reason = records[0]["reason"].as_str().unwrap();
    assert!(reason.contains("limits.inspections"), "{reason}");
    // Another request fits after a decision, and after a caller has hung up.
    let llama = body("meta/llama");
    let ruling = feed(&mut bench, opened[0].0, llama.as_bytes(), 9).unwrap();
    assert_eq!(code_of(&ruling), "permitted");
    bench.gate.finish(opened[1].0, None, bench.now);
    assert_eq!(held(&bench).0, 1);
    assert_eq!(open(&mut bench).1, "inspecting");
    assert_eq!(open(&mut bench).1, "inspecting");
    assert_eq!(open(&mut bench).1, "inspection_unavailable");
}

#[test]
fn request_whose_body_is_not_read_does_not_count() {
    let mut bench = Bench::warm(&limited(json!({"inspections": 1})));
    open(&mut bench);
    let code = picture("/models/meta/x").end(&mut bench).0;
    assert_eq!(code, "permitted");
    let (_, ruling) = sent("/v1/x", "{}").begin(&mut bench);
    let reply = reply(ruling);
    assert_eq!(reply.status, 502);
    let retry = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "retry-after");
    assert_eq!(retry.map(|(_, value)| &**value), Some("2"));
}

#[test]
fn held_bytes_are_limited_by_inspected_bytes() {
    let limits = json!({"body_inspected": 100, "inspected_bytes": 100});
    let mut bench = Bench::warm(&limited(limits));
    let ids: Vec<StreamId> = (0..3).map(|_| open(&mut bench).0).collect();
    let piece = |bench: &mut Bench, id, bytes: usize| {
        let piece = format!("{{\"x\":\"{}", "x".repeat(bytes - 6));
        bench
            .gate
            .body(id, Some(piece.as_bytes()), false, bench.now, &Portable)
    };
    assert_eq!(piece(&mut bench, ids[0], 60), None);
    assert_eq!(piece(&mut bench, ids[1], 40), None);
    assert_eq!(held(&bench), (3, 100));
    let refused = piece(&mut bench, ids[2], 6).expect("the piece exceeds the limit");
    assert_eq!(code_of(&refused), "inspection_unavailable");
    assert_eq!(held(&bench), (2, 100));
    assert_eq!(piece(&mut bench, ids[2], 6), None, "the request has ended");
    assert_eq!(exceeded(&mut bench, "inspected_bytes").0, 1);
    // The bytes of an ended request are released.
    bench.gate.finish(ids[0], None, bench.now);
    assert_eq!(held(&bench), (1, 40));
    bench.gate.forget(ids[1]);
    assert_eq!(held(&bench), (0, 0));
    let llama = body("meta/llama");
    for _ in 0..9 {
        let (id, _) = open(&mut bench);
        let ruling = feed(&mut bench, id, llama.as_bytes(), 9).unwrap();
        assert_eq!(code_of(&ruling), "permitted");
    }
    assert_eq!(held(&bench), (0, 0));
}

#[test]
fn body_of_a_parked_request_counts() {
    let limits = json!({"body_inspected": 100, "inspected_bytes": 100});
    let mut bench = Bench::cold(&limited(limits));
    // A request whose body is read, and one whose body is only held.
    let llama = body("meta/llama");
    let (read, ruling) = sent("/v1/x", &llama).begin(&mut bench);
    assert_eq!(ruling.step, Step::Wait);
    assert_eq!(feed(&mut bench, read, llama.as_bytes(), 9), None);
    let (unread, ruling) = picture("/models/meta/x").begin(&mut bench);
    assert_eq!(ruling.step, Step::Wait);
    assert!(!bench.gate.wants_body(unread));
    assert_eq!(bench.gate.body_held(unread, 20), None);
    assert_eq!(bench.gate.body_held(unread, 30), None);
    assert_eq!(held(&bench), (0, llama.len() as u64 + 30));
    let refused = bench
        .gate
        .body_held(unread, 100)
        .expect("the piece exceeds the limit");
    assert_eq!(code_of(&refused), "inspection_unavailable");
    assert_eq!(
        bench.gate.body_held(unread, 200),
        None,
        "the request has ended"
    );
    assert_eq!(held(&bench), (0, llama.len() as u64));
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(read, "permitted".to_owned())]);
    assert_eq!(held(&bench), (0, 0));
}

#[test]
fn inspection_timeout_applies_without_further_events() {
    let mut bench = Bench::warm(&limited(json!({"inspection_timeout": "10s"})));
    let (slow, _) = open(&mut bench);
    bench.advance(1);
    for _ in 0..8 {
        let piece = bench
            .gate
            .body(slow, Some(b" "), false, bench.now, &Portable);
        assert_eq!(piece, None);
        bench.advance(1);
        assert_eq!(bench.resume_woken(), []);
    }
    // Only the passing of time ends the wait.
    bench.advance(1);
    assert_eq!(bench.resume_woken(), [(slow, "body_timeout".to_owned())]);
    bench.gate.finish(slow, Some(408), bench.now);
    let (count, records) = exceeded(&mut bench, "inspection_timeout");
    assert_eq!(count, 1);
    assert_eq!(records[0]["code"], "body_timeout");
    assert_eq!(records[0]["oid"].as_str().map(str::len), Some(36));
    assert_eq!(held(&bench), (0, 0));
    bench.advance(100);
    assert_eq!(bench.resume_woken(), []);
}

#[test]
fn inspection_timeout_starts_with_the_headers() {
    let mut settings = limited(json!({"inspection_timeout": "10s"}));
    settings["wait"] = json!({"timeout": "1m"});
    let mut bench = Bench::cold(&settings);
    let (id, ruling) = sent("/v1/x", "{}").begin(&mut bench);
    assert_eq!(ruling.step, Step::Wait);
    bench.advance(9);
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "inspecting".to_owned())]);
    bench.advance(1);
    assert_eq!(bench.resume_woken(), [(id, "body_timeout".to_owned())]);
}

/// Sends a request whose response, a list of models, is held.
fn list(bench: &mut Bench) -> (StreamId, entragate::gate::Returned) {
    let bearer = format!("Bearer {}", ada().build());
    let mut headers = Headers::from_iter([
        (":method", "GET"),
        (":path", "/v1/models"),
        (":authority", "gateway.contoso.com"),
        ("authorization", bearer.as_str()),
    ]);
    headers.is_all = true;
    let (id, ruling) = bench.send_headers(headers);
    assert_eq!(code_of(&ruling), "permitted");
    let answer = Headers::from_iter([(":status", "200")]);
    (id, bench.gate.response(id, &answer, None))
}

fn listing(limits: Value) -> Value {
    let mut settings = with_rules(json!([{"name": "llama", "require": {"role": "Model.Query"}}]));
    settings["limits"] = limits;
    settings
}

fn code_of_return(returned: entragate::gate::Returned) -> String {
    let entragate::gate::Return::Replace(reply) = returned.step else {
        panic!("{returned:?}")
    };
    let code = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "x-error-code");
    code.unwrap().1.to_string()
}

#[test]
fn held_model_lists_count_toward_the_limits() {
    use entragate::gate::Return;
    let limits = json!({"inspections": 2, "body_inspected": 100, "inspected_bytes": 100, "inspection_timeout": "10s"});
    let mut bench = Bench::warm(&listing(limits));
    let (first, returned) = list(&mut bench);
    assert_eq!(returned.step, Return::Hold);
    let (second, returned) = list(&mut bench);
    assert_eq!(returned.step, Return::Hold);
    let (_, returned) = list(&mut bench);
    assert_eq!(code_of_return(returned), "inspection_unavailable");
    assert_eq!(exceeded(&mut bench, "inspections").0, 1);
    let piece = [b' '; 60];
    let feed = |bench: &mut Bench, id| bench.gate.response_body(id, Some(&piece), false);
    assert_eq!(feed(&mut bench, first), None);
    assert_eq!(held(&bench), (2, 60));
    let refused = feed(&mut bench, second).expect("the piece exceeds the limit");
    assert_eq!(code_of_return(refused), "inspection_unavailable");
    assert_eq!(held(&bench), (1, 60));
    assert_eq!(exceeded(&mut bench, "inspected_bytes").0, 1);
    // Only the passing of time ends the wait for the rest.
    bench.tick();
    bench.advance(9);
    assert!(!bench.gate.take_wakeups().contains(&first));
    bench.advance(1);
    assert!(bench.gate.take_wakeups().contains(&first));
    let late = bench.gate.resume_response(first, bench.now).unwrap();
    assert_eq!(code_of_return(late), "models_unreadable");
    assert_eq!(exceeded(&mut bench, "inspection_timeout").0, 1);
    assert_eq!(held(&bench), (0, 0));
    let (disconnected, returned) = list(&mut bench);
    assert_eq!(returned.step, Return::Hold);
    bench.gate.finish(disconnected, None, bench.now);
    assert_eq!(held(&bench), (0, 0));
}

#[test]
fn upstream_error_passes_if_it_cannot_be_held() {
    use entragate::gate::Return;
    let mut bench = Bench::warm(&listing(
        json!({"inspections": 1, "inspection_timeout": "10s"}),
    ));
    let refused = Headers::from_iter([(":status", "400")]);
    let ask = |bench: &mut Bench| {
        let (id, ruling) = bench.chat(&ada().build());
        assert_eq!(code_of(&ruling), "permitted");
        (id, bench.gate.response(id, &refused, None).step)
    };
    let (held, step) = ask(&mut bench);
    assert_eq!(step, Return::Hold);
    assert_eq!(
        ask(&mut bench).1,
        Return::Pass,
        "the error cannot be inspected within the limit"
    );
    assert_eq!(bench.gate.response_body(held, Some(b"{"), false), None);
    bench.tick();
    bench.advance(10);
    assert!(bench.gate.take_wakeups().contains(&held));
    let late = bench.gate.resume_response(held, bench.now).unwrap();
    assert_eq!(late.step, Return::Pass);
}
