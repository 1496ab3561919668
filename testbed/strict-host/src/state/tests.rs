//! The rules that the strict host enforces.

use super::*;
use crate::rules::map;
use serde_json::json;

fn state(rules: Rules, step: Step) -> State {
    let settings = Settings::new(rules, &json!({"cluster": "up:80"}));
    let mut state = State::new(settings, 1);
    state.step = step;
    state.streams.insert(2, Stream::new(fields(&[("a", "1")])));
    state
}

/// A host that is called with the headers of a request.
fn request(rules: Rules, own: &[(&str, &str)]) -> State {
    let mut state = state(rules, Step::RequestHeaders);
    state.streams.insert(2, Stream::new(fields(own)));
    state.effective = 2;
    state
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    fields.iter().map(field).collect()
}

fn call(state: &mut State, cluster: &str, path: &str) -> Answered<u32> {
    let headers = [(":method", "GET"), (":authority", "h"), (":path", path)];
    state.call(cluster, fields(&headers), Vec::new(), 1000)
}

fn reply() -> LocalReply {
    LocalReply {
        status: 401,
        headers: Vec::new(),
        body: Vec::new(),
        details: String::new(),
        grpc_status: 16,
    }
}

#[test]
fn nginx_aborts_on_calls_from_unsupported_callbacks() {
    for (step, context, is_allowed) in [
        (Step::VmStart, 1, false),
        (Step::Configure, 1, false),
        (Step::Tick, 1, true),
        (Step::CallResponse, 1, false),
        (Step::RequestHeaders, 2, true),
        (Step::CallResponse, 2, true),
        (Step::ResponseHeaders, 2, false),
        (Step::Log, 2, false),
    ] {
        let mut state = state(Rules::Nginx, step);
        state.effective = context;
        let called = call(&mut state, "h:80", "/");
        assert_eq!(called.is_ok(), is_allowed, "{step:?} of {context}");
    }
}

#[test]
fn nginx_aborts_on_addresses_that_envoy_rejects() {
    for (cluster, path) in [("", "/"), ("h:x", "/"), ("h:99999", "/"), ("h:80", "")] {
        let called = call(&mut state(Rules::Nginx, Step::Tick), cluster, path);
        assert!(called.is_err(), "{cluster:?} {path:?}");
        let called = call(&mut state(Rules::Envoy, Step::Tick), cluster, path);
        assert_eq!(called, Ok(Err(Status::BadArgument)), "{cluster:?} {path:?}");
    }
    let called = call(&mut state(Rules::Envoy, Step::Configure), "up:80", "/");
    assert!(matches!(called, Ok(Ok(_))));
}

#[test]
fn nginx_aborts_on_missing_functions() {
    let mut nginx = state(Rules::Nginx, Step::Configure);
    assert!(nginx.foreign("verify_signature", &[]).is_err());
    assert!(nginx.shared_data("key").is_err());
    assert!(nginx.set_shared_data("key", b"value", 0).is_err());
    assert!(nginx.set_tick_period(50).is_ok());
    assert!(nginx.set_tick_period(50).is_err(), "already set");
    assert_eq!(
        nginx.property("ngx\0nginx_version"),
        Ok(Err(Status::InternalFailure))
    );
    let mut envoy = state(Rules::Envoy, Step::Configure);
    assert_eq!(envoy.foreign("no such", &[]), Ok(Err(Status::NotFound)));
    assert_eq!(envoy.shared_data("key"), Ok(Err(Status::NotFound)));
    assert_eq!(
        envoy.property("ngx\0nginx_version"),
        Ok(Err(Status::NotFound))
    );
}

#[test]
fn shared_data_cas_follows_each_hosts_rules() {
    let mut envoy = state(Rules::Envoy, Step::Tick);
    let mut nginx = state(Rules::Nginx, Step::Tick);
    nginx.settings.has_shared_data = true;
    for state in [&mut envoy, &mut nginx] {
        assert_eq!(state.set_shared_data("key", b"1", 0), Ok(Ok(())));
        assert_eq!(
            state.set_shared_data("key", b"2", 7),
            Ok(Err(Status::CasMismatch))
        );
        assert_eq!(state.set_shared_data("key", b"2", 1), Ok(Ok(())));
    }
    assert_eq!(
        envoy.set_shared_data("key", b"3", 0),
        Ok(Ok(())),
        "unconditional"
    );
    assert_eq!(
        nginx.set_shared_data("key", b"3", 0),
        Ok(Err(Status::CasMismatch))
    );
}

#[test]
fn second_reply_or_reply_after_the_end_aborts() {
    for rules in Rules::ALL {
        let mut state = state(rules, Step::RequestHeaders);
        state.effective = 2;
        assert_eq!(state.reply(reply()), Ok(Ok(())));
        assert!(state.reply(reply()).is_err(), "a second reply");
        state.streams.insert(2, Stream::new(Vec::new()));
        state.streams.get_mut(&2).unwrap().forward(rules);
        assert!(state.reply(reply()).is_err(), "it has gone upstream");
    }
    // A reply in place of the upstream's response.
    for step in [Step::ResponseHeaders, Step::ResponseBody] {
        for rules in Rules::ALL {
            let mut state = state(rules, step);
            state.effective = 2;
            state.streams.get_mut(&2).unwrap().forward(rules);
            let replied = state.reply(reply());
            assert_eq!(replied.is_ok(), rules == Rules::Envoy, "nginx hangs");
        }
    }
}

#[test]
fn envoy_headers_are_unavailable_after_resume() {
    let mut envoy = state(Rules::Envoy, Step::CallResponse);
    assert_eq!(envoy.set_effective_context(9), Ok(Err(Status::BadArgument)));
    assert_eq!(envoy.set_effective_context(2), Ok(Ok(())));
    assert_eq!(envoy.header(map::REQUEST, "A"), Ok(Ok(b"1".to_vec())));
    assert_eq!(envoy.continue_stream(), Ok(Ok(())));
    let late = envoy.set_header(map::REQUEST, "authorization", Some(b"x"));
    assert_eq!(late, Ok(Err(Status::BadArgument)));
    envoy.response = Some(Response::default());
    assert!(
        envoy.header(map::CALL_RESPONSE, ":status").is_err(),
        "the call failed midway"
    );
}

#[test]
fn nginx_root_context_cannot_access_a_request() {
    let mut nginx = state(Rules::Nginx, Step::CallResponse);
    assert_eq!(nginx.set_effective_context(2), Ok(Ok(())), "it says");
    assert!(nginx.header(map::REQUEST, "a").is_err());
    assert!(nginx.continue_stream().is_err());
}

#[test]
fn nginx_corrupts_memory_when_a_map_of_more_than_100_headers_is_read() {
    for (count, is_read) in [(100, true), (101, false)] {
        let mut nginx = request(Rules::Nginx, &[]);
        let many = (0..count).map(|number| (format!("x-{number}"), Vec::new()));
        nginx.streams.insert(2, Stream::new(many.collect()));
        assert_eq!(nginx.pairs(map::REQUEST).is_ok(), is_read, "{count}");
        let single = nginx.header(map::REQUEST, "x-0");
        assert_eq!(single, Ok(Ok(Vec::new())), "a single header can be read");
    }
}

#[test]
fn nginx_increments_counters_only() {
    const COUNTER: u32 = 0;
    const GAUGE: u32 = 1;
    for rules in Rules::ALL {
        let mut state = state(rules, Step::Tick);
        let counter = state.define_metric(COUNTER, "c").unwrap().unwrap();
        let gauge = state.define_metric(GAUGE, "g").unwrap().unwrap();
        assert_eq!(state.increment_metric(counter, 2), Ok(Ok(())));
        assert_eq!(state.metric(counter), Ok(Ok(2)));
        assert_eq!(state.record_metric(gauge, 7), Ok(Ok(())));
        assert_eq!(state.metric(gauge), Ok(Ok(7)));
        let is_envoy = rules == Rules::Envoy;
        assert_eq!(state.increment_metric(gauge, -1).is_ok(), is_envoy);
        assert_eq!(state.record_metric(counter, 1).is_ok(), is_envoy);
        let long = state.define_metric(COUNTER, &"x".repeat(300));
        assert_eq!(long.is_ok(), is_envoy);
    }
}

#[test]
fn nginx_sends_removed_headers_upstream() {
    let sent = |rules, change: fn(&mut State)| {
        let fields = [
            ("cookie", "1"),
            ("x", "1"),
            ("x", "2"),
            ("authorization", "a"),
        ];
        let mut state = request(rules, &fields);
        change(&mut state);
        let stream = state.streams.get_mut(&2).unwrap();
        stream.forward(rules);
        let Fate::Forwarded(headers) = &stream.fate else {
            panic!("{:?}", stream.fate)
        };
        let name = |(name, value): &(String, Vec<u8>)| {
            format!("{name}={}", String::from_utf8_lossy(value))
        };
        let mut sent: Vec<String> = headers.iter().map(name).collect();
        sent.sort();
        sent.join(" ")
    };
    let remove: fn(&mut State) = |state| {
        for name in ["cookie", "x", "authorization"] {
            let _ = state.set_header(map::REQUEST, name, None);
            let seen = state.header(map::REQUEST, name);
            assert_eq!(seen, Ok(Err(Status::NotFound)));
        }
    };
    assert_eq!(sent(Rules::Envoy, remove), "");
    assert_eq!(
        sent(Rules::Nginx, remove),
        "authorization=a cookie=1 x=1 x=2"
    );
    let empty: fn(&mut State) = |state| {
        for name in ["cookie", "x"] {
            let _ = state.set_header(map::REQUEST, name, Some(b""));
        }
    };
    assert_eq!(
        sent(Rules::Nginx, empty),
        "authorization=a cookie= x= x=2",
        "a second copy still passes"
    );
    let replace: fn(&mut State) = |state| {
        let _ = state.set_header(map::REQUEST, "authorization", None);
        let _ = state.set_header(map::REQUEST, "authorization", Some(b"b"));
    };
    assert_eq!(
        sent(Rules::Nginx, replace),
        "authorization=b cookie=1 x=1 x=2"
    );
}

#[test]
fn nginx_shows_the_details_of_a_reply_to_the_caller() {
    let detailed = || LocalReply {
        details: "entragate.token_expired".into(),
        ..reply()
    };
    for (rules, is_taken) in [(Rules::Envoy, true), (Rules::Nginx, false)] {
        let mut state = request(rules, &[]);
        assert_eq!(state.reply(detailed()).is_ok(), is_taken);
    }
}

#[test]
fn nginx_loses_the_reply_after_a_second_call_with_a_short_timeout() {
    for (millis, is_taken) in [(1, false), (1000, true)] {
        let mut nginx = request(Rules::Nginx, &[]);
        nginx.step = Step::CallResponse;
        let headers = [(":method", "GET"), (":authority", "h"), (":path", "/")];
        let called = nginx.call("h:80", fields(&headers), Vec::new(), millis);
        assert_eq!(called.is_ok(), is_taken, "{millis}");
    }
}

#[test]
fn nginx_logs_each_property_read_outside_a_request() {
    let mut nginx = state(Rules::Nginx, Step::Configure);
    assert!(nginx.property("ngx\0nginx_version").is_ok());
    assert!(nginx.property("xds\0node\0id").is_err());
}

#[test]
fn kongs_log_shows_warnings_and_cuts_long_lines() {
    use crate::nginx::shown;
    const INFO: u32 = 2;
    const WARN: u32 = 3;
    assert_eq!(shown(INFO, "a".into()), None);
    assert_eq!(shown(WARN, "a".into()).as_deref(), Some("a"));
    let cut = shown(WARN, "é".repeat(2000)).unwrap();
    assert!((1800..2047).contains(&cut.len()), "{}", cut.len());
}
