//! `entragate audit --verify` on the records of the filter: the changes that it finds, and the changes that are allowed.

use crate::command_line as cli;
use crate::support;

use cli::{Outcome, entragate};
use entragate::gate::{HostLimits, Notice};
use serde_json::{Value, json};
use support::*;

/// Sends an anonymous and a denied request, and returns the lines of the log.
fn pair(bench: &mut Bench) -> Vec<String> {
    let get = |path| {
        [
            (":method", "GET"),
            (":path", path),
            (":authority", "h"),
            ("user-agent", "curl/8"),
        ]
    };
    for path in ["/health", "/v1/models"] {
        let (id, _) = bench.send(&get(path));
        bench.gate.finish(id, Some(200), bench.now);
    }
    logged(bench)
}

fn logged(bench: &mut Bench) -> Vec<String> {
    let notices = bench.gate.take_notices().into_iter();
    let lines = notices.filter_map(|notice| match notice {
        Notice::Audit(_, line) => Some(line),
        Notice::Count(_) | Notice::Add(..) | Notice::Observe(..) | Notice::Log(..) => None,
    });
    lines.collect()
}

/// Returns the records that the worker has exported so far.
fn exported(bench: &mut Bench) -> Vec<Value> {
    bench.advance(60);
    let calls = std::mem::take(&mut bench.calls).into_iter();
    let bodies = calls.filter(|call| call.callout.target.path == "/in");
    bodies
        .flat_map(|call| serde_json::from_slice::<Vec<Value>>(&call.callout.body).unwrap())
        .collect()
}

fn with_audit(audit: Value) -> Value {
    let mut settings = settings();
    settings["audit"] = audit;
    settings
}

fn exporting(log: &str) -> Value {
    let export = json!({"cluster": "monitor", "uri": "https://monitor/in"});
    with_audit(json!({"log": log, "export": export}))
}

/// The log of two workers, one of which is restarted: chains of 10, 6 and 4 records.
fn log_of_workers() -> Vec<String> {
    let mut lines = Vec::new();
    let mut workers = [Bench::warm(&settings()), Bench::warm(&settings())];
    for round in 0..5 {
        if round == 3 {
            workers[1] = Bench::warm(&settings());
        }
        for worker in &mut workers {
            lines.extend(pair(worker));
        }
    }
    lines
}

fn in_envoys_log(lines: &[String]) -> String {
    let prefix = "[2026-11-23 01:00:00.000][12][info][wasm] [context.cc:1195] wasm log a b c: ";
    let lines = lines.iter().map(|line| format!("{prefix}{line}\n"));
    format!(
        "[2026-11-23][info][main] starting main dispatch loop\n{}",
        lines.collect::<String>()
    )
}

fn verify(log: &str, options: &[&str]) -> Outcome {
    let file = cli::file(".log", log);
    let name = file.path().to_str().unwrap();
    entragate(&[&["audit", "--verify", name], options].concat(), "")
}

fn assert_intact(log: &str, options: &[&str]) {
    let outcome = verify(log, options);
    assert_eq!(outcome.status, 0, "{}{}\n{log}", outcome.out, outcome.err);
}

/// Returns the kinds of the findings.
fn kinds(lines: &[String]) -> Vec<String> {
    let outcome = verify(&in_envoys_log(lines), &["--json"]);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let kinds: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcome.status, i32::from(!kinds.is_empty()), "{report}");
    assert_eq!(report["intact"], kinds.is_empty());
    kinds
}

fn chain_of(line: &str) -> (String, u64) {
    let record: Value = serde_json::from_str(line).unwrap();
    (
        record["instance"].as_str().unwrap().to_owned(),
        record["seq"].as_u64().unwrap(),
    )
}

/// Returns whether the chain has records before and after this one.
fn is_inner(lines: &[String], line: &str) -> (bool, bool) {
    let (instance, seq) = chain_of(line);
    let chain = lines.iter().map(|line| chain_of(line));
    let chain: Vec<u64> = chain
        .filter(|record| record.0 == instance)
        .map(|record| record.1)
        .collect();
    (
        chain.iter().any(|record| *record < seq),
        chain.iter().any(|record| *record > seq),
    )
}

#[test]
fn several_workers_restarts_and_rotated_files_are_intact() {
    let lines = log_of_workers();
    assert_intact(&in_envoys_log(&lines), &[]);
    assert_intact(&in_envoys_log(&lines[7..]), &[]);
    let files = [&lines[..9], &lines[9..]].map(|part| cli::file(".log", &in_envoys_log(part)));
    let names = files.each_ref().map(|file| file.path().to_str().unwrap());
    let outcome = entragate(&["audit", "--verify", names[0], names[1]], "");
    assert_eq!(outcome.status, 0, "{}", outcome.out);
    assert!(
        outcome.out.ends_with("20 records of 3 instances: intact\n"),
        "{}",
        outcome.out
    );
    let reversed = entragate(&["audit", "--verify", names[1], names[0]], "");
    assert_eq!(reversed.status, 1, "{}", reversed.out);
    let piped = entragate(&["audit", "--verify", "-"], &in_envoys_log(&lines));
    assert_eq!(piped.status, 0, "{}", piped.out);
}

#[test]
fn deleted_line_is_found() {
    let lines = log_of_workers();
    for index in 0..lines.len() {
        let mut rest = lines.clone();
        let deleted = rest.remove(index);
        // A missing record at the start or the end of a chain cannot be detected.
        let expected: &[&str] = match is_inner(&lines, &deleted) {
            (true, true) => &["missing"],
            _ => &[],
        };
        assert_eq!(kinds(&rest), expected, "{deleted}");
    }
}

#[test]
fn changed_line_is_found() {
    let lines = log_of_workers();
    let edits: [(&str, &str); 5] = [
        (r#""decision":"permit""#, r#""decision":"deny""#),
        (r#""user_agent":"curl/8""#, r#""user_agent":"curl/9""#),
        (r#""method""#, r#""methods""#),
        (r#"{"time""#, r#"{"decision":"permit","time""#),
        (r#""kid":null"#, r#""kid":null,"added":1"#),
    ];
    let mut changed = 0;
    for (from, to) in edits {
        for index in 0..lines.len() {
            let mut others = lines.clone();
            others[index] = lines[index].replace(from, to);
            let (_, has_next) = is_inner(&lines, &lines[index]);
            if others[index] == lines[index] || !has_next {
                continue;
            }
            assert_eq!(kinds(&others), ["changed"], "{}", others[index]);
            changed += 1;
        }
    }
    assert!(changed > 70, "{changed}");
}

#[test]
fn reordered_line_is_found() {
    let lines = log_of_workers();
    for index in 1..lines.len() {
        let mut others = lines.clone();
        others.swap(index - 1, index);
        let is_same_chain = chain_of(&lines[index - 1]).0 == chain_of(&lines[index]).0;
        let expected: &[&str] = if is_same_chain {
            &["out_of_order"]
        } else {
            &[]
        };
        assert_eq!(kinds(&others), expected, "{index}");
        assert_intact(&in_envoys_log(&others), &["--any-order"]);
    }
}

#[test]
fn copy_is_allowed_but_another_record_with_the_same_number_is_found() {
    let mut lines = log_of_workers();
    lines.push(lines[3].clone());
    assert_eq!(kinds(&lines), Vec::<String>::new());
    let forged = lines[3].replace("curl/8", "curl/9");
    lines.push(forged);
    assert_eq!(kinds(&lines), ["conflicting"]);
}

#[test]
fn finding_names_file_line_and_record() {
    let mut lines = log_of_workers();
    let deleted = chain_of(&lines.remove(9));
    let outcome = verify(&in_envoys_log(&lines), &[]);
    let first = outcome.out.lines().next().unwrap();
    let expected = format!(
        "instance {}: record {}, before this one, is missing",
        deleted.0, deleted.1
    );
    assert!(first.ends_with(&expected), "{first}");
    assert!(outcome.out.contains(".log:"), "{first}");
    assert!(
        outcome
            .out
            .ends_with("19 records of 3 instances: 1 finding\n"),
        "{}",
        outcome.out
    );
}

#[test]
fn log_without_records_is_not_intact() {
    let outcome = verify("[2026-11-23][info][main] starting\n", &[]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.out.contains("no audit records"), "{}", outcome.out);
}

#[test]
fn record_rewritten_by_another_program_is_intact() {
    let lines = log_of_workers();
    let rewritten = lines.iter().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record.sort_all_objects();
        // The form in which Azure Monitor receives the record.
        record["TimeGenerated"] = record["time"].clone();
        record.to_string() + "\n"
    });
    let rewritten: Vec<String> = rewritten.collect();
    assert_intact(&rewritten.concat(), &[]);
    let changed = rewritten.concat().replacen("curl/8", "curl/9", 1);
    assert_eq!(verify(&changed, &[]).status, 1);
}

/// The forms in which the shippers in docs/audit.md store the log.
#[test]
fn shipped_log_is_intact_and_a_deletion_is_found() {
    let lines = log_of_workers();
    let page = crate::pages::read("docs/audit.md");
    for (shipper, member) in [("vector", "message"), ("fluent-bit", "log")] {
        let recipe = crate::pages::blocks(&page, &format!("yaml {shipper}")).remove(0);
        assert!(crate::pages::yaml(&recipe).is_object());
        let log = in_envoys_log(&lines);
        let shipped = log.lines().filter(|line| line.contains("\"seq\":"));
        let shipped =
            shipped.map(|line| json!({"stream": "stderr", member: line}).to_string() + "\n");
        let mut shipped: Vec<String> = shipped.collect();
        assert_eq!(shipped.len(), 20);
        assert_intact(&shipped.concat(), &[]);
        shipped.remove(8);
        assert_eq!(verify(&shipped.concat(), &[]).status, 1);
    }
}

#[test]
fn log_of_denials_is_a_chain() {
    let mut bench = Bench::warm(&with_audit(json!({"log": "denied"})));
    let lines: Vec<String> = (0..5).flat_map(|_| pair(&mut bench)).collect();
    assert_eq!(lines.len(), 5);
    assert_intact(&lines.join("\n"), &[]);
}

#[test]
fn log_and_export_share_a_chain_if_the_log_has_all_records() {
    let mut bench = Bench::warm(&exporting("all"));
    let lines: Vec<String> = (0..5).flat_map(|_| pair(&mut bench)).collect();
    let exported = exported(&mut bench);
    let records: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(exported, records);
    let both = records
        .iter()
        .chain(&exported)
        .map(|record| record.to_string() + "\n");
    assert_intact(&both.collect::<String>(), &[]);
}

/// A log that omits records, and one whose host truncates long lines.
#[test]
fn log_and_export_are_separate_chains_if_the_log_omits_records() {
    for (log, longest) in [("denied", None), ("off", None), ("all", Some(900))] {
        let mut bench = Bench::warm(&exporting(log));
        bench.gate.limit(HostLimits {
            log_line: longest,
            ..HostLimits::default()
        });
        bench.gate.take_notices();
        let long = "/long".repeat(200);
        let mut lines = Vec::new();
        for _ in 0..3 {
            lines.extend(pair(&mut bench));
            let (id, _) = bench.send(&[(":method", "GET"), (":path", &long), (":authority", "h")]);
            bench.gate.finish(id, None, bench.now);
            lines.extend(logged(&mut bench));
        }
        let exported = exported(&mut bench);
        assert_eq!(exported.len(), 9);
        let cut = lines
            .iter()
            .filter(|line| line.contains(r#""shortened":true"#))
            .count();
        assert_eq!(
            (lines.len(), cut),
            match log {
                "denied" => (6, 0),
                "off" => (0, 0),
                _ => (9, 3),
            }
        );
        let exported: String = exported
            .iter()
            .map(|record| record.to_string() + "\n")
            .collect();
        assert_intact(&exported, &[]);
        if !lines.is_empty() {
            assert_intact(&lines.join("\n"), &[]);
        }
        assert_intact(&format!("{exported}{}", lines.join("\n")), &[]);
    }
}

#[test]
fn record_has_sender_and_status() {
    let mut settings = settings();
    let mut bench = Bench::warm(&settings);
    bench
        .properties
        .insert("source.address".to_owned(), b"10.0.0.1:4711".to_vec());
    let line = pair(&mut bench).remove(0);
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["source_ip"], "10.0.0.1");
    assert_eq!(record["user_agent"], "curl/8");
    assert_eq!(record["status"], 200);
    settings["client_address"] = json!({"trusted_hops": 1});
    let mut bench = Bench::warm(&settings);
    let agent = format!("{}é\u{1b}", "a".repeat(255));
    let (id, _) = bench.send(&[
        (":method", "GET"),
        (":path", "/health"),
        (":authority", "h"),
        ("user-agent", &agent),
        ("x-forwarded-for", "192.0.2.1, ::ffff:192.0.2.7"),
    ]);
    bench.gate.finish(id, None, bench.now);
    let record = bench.audit().remove(0);
    assert_eq!(record["source_ip"], "192.0.2.7");
    assert_eq!(record["user_agent"], "a".repeat(255));
    assert_eq!(record["status"], Value::Null);
}

#[test]
fn denied_request_has_the_callers_trace_or_a_new_one() {
    let mut bench = Bench::warm(&settings());
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let request = [(":method", "GET"), (":path", "/v1/x"), (":authority", "h")];
    let (id, _) = bench.send(&[&request[..], &[("traceparent", &parent)]].concat());
    bench.gate.finish(id, Some(401), bench.now);
    let (id, _) = bench.send(&request);
    bench.gate.finish(id, Some(401), bench.now);
    let records = bench.audit();
    assert_eq!(records[0]["trace_id"], trace);
    assert_eq!(records[1]["trace_id"].as_str().unwrap().len(), 32);
    assert_ne!(records[1]["trace_id"], trace);
}
