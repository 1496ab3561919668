//! The command `entragate audit`.

use crate::command_line as cli;

use cli::{Outcome, entragate};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

fn record(n: usize, change: Value) -> String {
    let mut record = json!({
        "time": format!("2026-11-23T01:{:02}:00.000Z", n % 60), "request_id": format!("r{n}"), "trace_id": null,
        "code": "permitted", "decision": "permit", "reason": null, "issuer": "contoso",
        "oid": format!("oid-{}", n % 3), "client": "app", "rule": "scientists", "shadow": [],
        "model": format!("org/m{}", n % 2), "method": "POST", "host": "h", "path": "/v1/chat",
        "policy": "p", "upstream_status": 200, "duration_ms": n,
    });
    for (name, value) in change.as_object().unwrap() {
        record[name] = value.clone();
    }
    let prefix =
        "[2026-11-23 01:00:00.000][12][info][wasm] [source/extensions/common/wasm/context.cc:1195]";
    format!("{prefix} wasm log entragate entragate entragate: {record}\n")
}

fn denial(n: usize) -> String {
    record(
        n,
        json!({"code": "no_rule", "decision": "deny", "reason": "no rule", "rule": null,
                     "upstream_status": null}),
    )
}

/// 40 permits and 3 denials, with other log lines in between.
fn log() -> String {
    let mut log = String::from("[2026-11-23][info][main] starting main dispatch loop\n");
    for n in 0..40 {
        log += &record(
            n,
            json!({"usage": match n {
                0..28 => json!({"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}),
                28..30 => json!({"prompt_tokens": 10, "unknown": "cut_short"}),
                30..36 => json!({"unknown": "not_told"}),
                _ => Value::Null,
            }}),
        );
        log += "{\"time\":\"x\",\"code\":\"permitted\",\"path\":\"/\"}\n";
    }
    (40..43).for_each(|n| log += &denial(n));
    log
}

fn audit(arguments: &[&str]) -> Outcome {
    let file = cli::file(".log", &log());
    let all = [&["audit", file.path().to_str().unwrap()], arguments].concat();
    let outcome = entragate(&all, "");
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    outcome
}

fn json_lines(outcome: &Outcome) -> Vec<Value> {
    outcome
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn last_records_are_printed_in_order() {
    let outcome = audit(&[]);
    let rows: Vec<&str> = outcome.out.lines().collect();
    assert_eq!(rows.len(), 21);
    assert!(rows[0].starts_with("TIME (UTC)"), "{}", rows[0]);
    assert!(rows[1].contains("01:23:00"), "{}", rows[1]);
    assert!(rows[20].contains("no_rule") && rows[20].ends_with("POST /v1/chat  (no rule)"));
    assert!(
        !outcome.out.contains('\u{1b}'),
        "there are no colours in a pipe"
    );
    assert_eq!(audit(&["--last", "3"]).out.lines().count(), 4);
}

#[test]
fn records_are_filtered_by_denial_and_time() {
    let denied = json_lines(&audit(&["--denied", "--json"]));
    assert_eq!(denied.len(), 3);
    assert!(denied.iter().all(|record| record["code"] == "no_rule"));
    let since = ["--since", "2026-11-23T01:41:00Z", "--json"];
    let ids: Vec<Value> = json_lines(&audit(&since))
        .iter()
        .map(|record| record["request_id"].clone())
        .collect();
    assert_eq!(ids, ["r41", "r42"]);
    assert_eq!(audit(&["--since", "1s", "--json"]).out, "");
}

#[test]
fn records_are_counted_by_group() {
    let groups = json_lines(&audit(&["--by", "model", "--json"]));
    let expected = [
        json!({"model": "org/m0", "permitted": 20, "denied": 2, "tokens": 150, "usage_unknown": 4}),
        json!({"model": "org/m1", "permitted": 20, "denied": 1, "tokens": 150, "usage_unknown": 4}),
    ];
    assert_eq!(groups, expected);
    let groups = json_lines(&audit(&["--by", "rule", "--json"]));
    assert_eq!(
        (&groups[0]["rule"], &groups[0]["permitted"]),
        (&json!("scientists"), &json!(40))
    );
    assert_eq!(
        (&groups[1]["rule"], &groups[1]["denied"]),
        (&Value::Null, &json!(3))
    );
    let table = audit(&["--by", "oid", "--denied"]).out;
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].ends_with("OID") && rows.len() == 4, "{table}");
}

/// The names of the fields are those of the filter's own record.
#[test]
fn token_sums_use_the_filters_own_records() {
    let mut written = entragate::audit::Record::default();
    written.usage = Some(entragate::usage::Usage {
        prompt_tokens: Some(3),
        completion_tokens: Some(7),
        total_tokens: Some(10),
        model: Some("org/served".into()),
        ..Default::default()
    });
    let mut written: Value = serde_json::from_str(&written.line()).unwrap();
    for member in ["request_id", "code", "decision", "policy", "time"] {
        written[member] = json!("permit");
    }
    let log = format!("{}{written}\n", record(0, json!({})));
    let file = cli::file(".log", &log);
    let outcome = entragate(
        &[
            "audit",
            file.path().to_str().unwrap(),
            "--by",
            "model",
            "--json",
        ],
        "",
    );
    let expected = [
        json!({"model": "org/m0", "permitted": 1, "denied": 0, "tokens": 0, "usage_unknown": 0}),
        json!({"model": "org/served", "permitted": 1, "denied": 0, "tokens": 10, "usage_unknown": 0}),
    ];
    assert_eq!(json_lines(&outcome), expected);
}

#[test]
fn ecs_output_has_flat_names_and_the_same_values() {
    let lines = json_lines(&audit(&["--denied", "--last", "1", "--ecs"]));
    let expected = json!({
        "@timestamp": "2026-11-23T01:42:00.000Z", "ecs.version": "8.17.0", "event.id": "r42",
        "event.action": "no_rule", "event.outcome": "failure", "event.reason": "no rule",
        "event.kind": "event", "event.category": ["iam"], "event.dataset": "entragate.audit",
        "entragate.issuer": "contoso", "user.id": "oid-0", "entragate.client": "app",
        "gen_ai.request.model": "org/m0", "http.request.method": "POST", "url.domain": "h",
        "url.path": "/v1/chat", "rule.version": "p", "event.duration": 42_000_000_u64,
    });
    assert_eq!(lines, [expected]);
}

/// Each member of the record has its own ECS field.
#[test]
fn ecs_output_has_a_field_for_every_member() {
    let more = json!({
        "tid": "tenant", "claims": {"preferred_username": "ada@contoso.com", "dept": "r", "name": "Ada"},
        "source_ip": "10.0.0.1", "user_agent": "curl/8", "status": 502, "upstream_status": 401,
        "instance": "3f2a", "seq": 7, "prev": "ab", "kid": "k",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "model": "served"},
    });
    let file = cli::file(".log", &record(1, more));
    let outcome = entragate(&["audit", file.path().to_str().unwrap(), "--ecs"], "");
    let line: Value = serde_json::from_str(&outcome.out).unwrap();
    for (field, expected) in [
        ("organization.id", json!("tenant")),
        ("user.name", json!("ada@contoso.com")),
        ("user.full_name", json!("Ada")),
        ("entragate.claims.dept", json!("r")),
        ("source.ip", json!("10.0.0.1")),
        ("user_agent.original", json!("curl/8")),
        ("http.response.status_code", json!(502)),
        ("entragate.upstream_status", json!(401)),
        ("service.ephemeral_id", json!("3f2a")),
        ("event.sequence", json!(7)),
        ("entragate.prev", json!("ab")),
        ("entragate.kid", json!("k")),
        ("gen_ai.usage.input_tokens", json!(3)),
        ("gen_ai.usage.output_tokens", json!(4)),
        ("entragate.usage.total_tokens", json!(7)),
        ("gen_ai.response.model", json!("served")),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
}

#[test]
fn standard_input_is_processed_line_by_line() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_entragate"))
        .args(["audit", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 0..3 {
        input.write_all(record(n, json!({})).as_bytes()).unwrap();
        if n == 0 {
            assert!(rows.next().unwrap().unwrap().starts_with("TIME"));
        }
        // The row is printed before more input is written.
        assert!(rows.next().unwrap().unwrap().contains(&format!("oid-{n}")));
    }
    drop(input);
    assert!(rows.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn invalid_arguments_are_reported() {
    let missing = entragate(&["audit", "/nowhere/at/all"], "");
    assert_eq!(missing.status, 2);
    assert!(missing.err.contains("/nowhere/at/all"), "{}", missing.err);
    let since = entragate(&["audit", "-", "--since", "yesterday"], "");
    assert_eq!(since.status, 2);
    assert!(since.err.contains("15m"), "{}", since.err);
}

/// Runs `entragate audit FILE` in a terminal of that width; the output with its colours.
fn in_terminal(width: u16, file: &str, environment: &[(&str, &str)]) -> String {
    const PROGRAM: &str = "import fcntl, os, pty, struct, sys, termios\n\
        width, *command = sys.argv[1:]\n\
        own, its = pty.openpty()\n\
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(width), 0, 0))\n\
        if os.fork() == 0:\n    \
            os.dup2(its, 1); os.close(own); os.execv(command[0], command)\n\
        os.close(its)\n\
        try:\n    \
            while text := os.read(own, 65536): os.write(1, text)\n\
        except OSError: pass\n\
        os.wait()\n";
    let mut python = Command::new("python3");
    let program = env!("CARGO_BIN_EXE_entragate");
    python.args(["-c", PROGRAM, &width.to_string(), program, "audit", file]);
    python
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color");
    python.envs(environment.iter().copied());
    let outcome = cli::run(&mut python, "");
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    outcome.out.replace('\r', "")
}

#[test]
fn table_fits_the_terminal_and_is_coloured_there_only() {
    let records: Vec<String> = ["permitted", "revocation_unavailable"]
        .into_iter()
        .map(|code| {
            let reason = "a reason that is longer than the rest of the line has room for";
            json!({"time": "2026-11-23T01:00:00.007Z", "decision": "deny", "code": code, "policy": "p", "request_id": "r",
                "oid": "6902e92c-0000-4000-8000-000000000001", "path": "/v1/chat/completions", "reason": reason})
            .to_string()
        })
        .collect();
    let log = cli::file(".log", &records.join("\n"));
    let file = log.path().to_str().unwrap();
    for width in [80, 120] {
        let shown = in_terminal(width, file, &[]);
        assert!(
            shown.contains("\u{1b}[1m\u{1b}[31mrevocation_unavailable"),
            "{shown:?}"
        );
        let plain = in_terminal(width, file, &[("NO_COLOR", "1")]);
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert_eq!(plain, anstream::adapter::strip_str(&shown).to_string());
        let widest = plain.lines().map(|line| line.chars().count()).max();
        assert!(
            widest.is_some_and(|widest| widest <= usize::from(width)),
            "{plain}"
        );
        for code in ["permitted", "revocation_unavailable"] {
            assert!(plain.contains(&format!(" {code} ")), "{plain}");
        }
    }
    let piped = cli::entragate(&["audit", file], "").out;
    assert!(!piped.contains('\u{1b}'), "{piped:?}");
    assert_eq!(piped.lines().count(), 3, "one line for each record");
}

/// Requests of two callers on two days: known and unknown usage, a refusal, a denial, and one without a model.
fn charged_log() -> String {
    let of = |n: usize, day: u32, change: Value| {
        let mut all = json!({"time": format!("2026-11-{day}T23:59:00.000Z"), "oid": "ada"});
        let members = change.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        record(n, all)
    };
    let usage =
        json!({"usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}});
    let part = json!({"usage": {"completion_tokens": 7, "unknown": "cut_short"}});
    let unknown = json!({"usage": {"unknown": "not_told"}});
    let of_get = json!({"usage": {"unknown": "not_told"}, "method": "PUT"});
    let refused = json!({"code": "quota_exceeded", "reason": "x", "upstream_status": null});
    [
        of(0, 23, usage.clone()),
        of(1, 23, part),
        of(2, 23, unknown),
        of(3, 23, of_get),
        of(4, 23, refused),
        of(5, 24, usage.clone()),
        of(6, 24, json!({"oid": "ben", "usage": {"total_tokens": 90}})),
        of(7, 24, json!({"oid": null})),
        of(8, 24, json!({"decision": "deny", "code": "no_rule"})),
    ]
    .concat()
}

#[test]
fn charges_are_shown_by_caller_and_day_beside_the_budget() {
    let file = cli::file(".log", &charged_log());
    let audit = |arguments: &[&str]| {
        let path = file.path().to_str().unwrap();
        let all = [&["audit", path, "--by", "oid", "--tokens"], arguments].concat();
        let outcome = entragate(&all, "");
        assert_eq!(outcome.status, 0, "{}", outcome.err);
        outcome
    };
    let terms = ["--per", "day", "--budget", "80", "--unknown-tokens", "50"];
    let expected = [
        json!({"day": "2026-11-23", "oid": "ada", "requests": 5, "refused": 1, "tokens": 87, "left": 0}),
        json!({"day": "2026-11-24", "oid": "ben", "requests": 1, "refused": 0, "tokens": 90, "left": 0}),
        json!({"day": "2026-11-24", "oid": "ada", "requests": 1, "refused": 0, "tokens": 30, "left": 50}),
        json!({"day": "2026-11-24", "oid": null, "requests": 1, "refused": 0, "tokens": 0, "left": 80}),
    ];
    let shown = audit(&[&terms[..], &["--json"]].concat());
    assert_eq!(json_lines(&shown), expected);
    let table = audit(&terms).out;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["DAY", "REQUESTS", "REFUSED", "TOKENS", "LEFT", "OID"],
            ["2026-11-23", "5", "1", "87", "0", "ada"],
            ["2026-11-24", "1", "0", "90", "0", "ben"],
            ["2026-11-24", "1", "0", "30", "50", "ada"],
            ["2026-11-24", "1", "0", "0", "80", "-"],
        ]
    );
    let total = json_lines(&audit(&["--json"]));
    let ada = json!({"oid": "ada", "requests": 6, "refused": 1, "tokens": 67});
    assert_eq!(total[1], ada, "{total:?}");
    let months = json_lines(&audit(&["--per", "month", "--json"]));
    assert_eq!(months[0]["month"], "2026-11");
    assert_eq!(months.len(), 3);
}

#[test]
fn charges_require_a_field() {
    for arguments in [
        &["--tokens"][..],
        &["--by", "oid", "--per", "day"],
        &["--by", "oid", "--budget", "5"],
    ] {
        let all = [&["audit", "-"], arguments].concat();
        assert_eq!(entragate(&all, "").status, 2, "{arguments:?}");
    }
}
