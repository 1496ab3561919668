//! Output: the table, JUnit XML, annotations and coverage.

use super::*;
use std::process::Command;

fn two_cases() -> Value {
    let health = json!({"method": "GET", "path": "/health"});
    json!({"cases": [
        {"name": "open", "caller": "none", "request": health, "expect": {"permit": "health"}},
        {"name": "closed, or not", "caller": "none", "request": health, "expect": {"deny": "token_missing"}},
    ]})
}

#[test]
fn table_names_each_case_and_its_difference() {
    let mut settings = policy();
    settings["rules"] = json!([settings["rules"][0], settings["rules"][1]]);
    let outcome = test_on(&settings, &two_cases(), &[]);
    assert_eq!(outcome.status, 1);
    let expected = "\
ok      open            anonymous  health
failed  closed, or not  anonymous  health
        expected the denial token_missing, found a permit
not covered by the cases:
  rule contractors decides no case
  in rule contractors, no case depends on: role 'Contractor'
2 cases, 1 failed
";
    assert_eq!(outcome.out, expected);
}

#[test]
fn junit_report_has_a_failure_with_the_difference() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let path = report.path().to_str().unwrap();
    let outcome = test_on(&policy(), &two_cases(), &["--junit", path]);
    assert_eq!(outcome.status, 1);
    let xml = std::fs::read_to_string(path).unwrap();
    for part in [
        "<testsuites name=\"entragate test\" tests=\"2\" skipped=\"0\" failures=\"1\" errors=\"0\">",
        "<testsuite name=\"cases\" tests=\"2\" skipped=\"0\" errors=\"0\" failures=\"1\">",
        "<testcase name=\"open\"",
        "<failure message=\"expected the denial token_missing, found a permit\"",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    let outcome = test_on(&policy(), &two_cases(), &["--junit", "/nowhere/report.xml"]);
    assert_eq!(outcome.status, 2);
}

#[test]
fn failures_are_annotated_on_github_only() {
    let mut settings = policy();
    settings["rules"] = json!([settings["rules"][0]]);
    let file = cli::file(
        ".yaml",
        "cases:\n- name: a\n  caller: none\n  request: {method: GET, path: /health}\n  expect: no_rule\n",
    );
    let policy = file.path().to_str().unwrap();
    let run = |set: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
        command
            .args(["test", "-", "--policy", policy])
            .env_remove("GITHUB_ACTIONS");
        command.envs(set.map(|set| ("GITHUB_ACTIONS", set)));
        cli::run(&mut command, &settings.to_string()).out
    };
    let line = format!(
        "::error file={policy},line=2,title=a::expected the code no_rule, found anonymous\n"
    );
    assert!(run(Some("true")).ends_with(&line), "{}", run(Some("true")));
    assert!(!run(None).contains("::error"));
}

#[test]
fn coverage_lists_rules_and_clauses_that_decide_no_case() {
    let chat = json!({"method": "POST", "path": "/v1/chat/completions", "model": "meta-llama/x"});
    let case = |name: &str, caller: Value| json!({"name": name, "caller": caller, "request": chat, "expect": {"shadow": []}});
    let settings = policy();
    let coverage = |cases: Value| results(&settings, cases).1["coverage"].clone();
    // The role permits the request, regardless of the kind and of the strength of the sign-in.
    let querier = case(
        "a",
        json!({"issuer": "contoso", "roles": ["Model.Query"], "kind": "user"}),
    );
    let first = coverage(json!([querier]));
    let rules = json!(["health", "contractors", "writers", "office", "observed"]);
    assert_eq!(first["undecided_rules"], rules);
    let clauses = |coverage: &Value, rule: &str| -> Vec<String> {
        let all = coverage["undecided_clauses"].as_array().unwrap().iter();
        let of_rule = all.filter(|clause| clause["rule"] == rule);
        of_rule
            .map(|clause| clause["clause"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        clauses(&first, "llama"),
        ["multifactor authentication", "a caller of kind 'user'"]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(clauses(&first, "contractors"), Vec::<String>::new());
    assert_eq!(clauses(&first, "observed"), Vec::<String>::new());
    assert_eq!(clauses(&first, "writers"), ["role 'Admin'"]);
    let strong = case(
        "b",
        json!({"issuer": "contoso", "kind": "user", "mfa": true}),
    );
    let both = coverage(json!([querier, strong]));
    assert_eq!(clauses(&both, "llama"), Vec::<String>::new());
}
