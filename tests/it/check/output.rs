//! The printed findings, and their exit statuses.

use super::*;

const SECRET: &str = "hf_abcdefghijklmnopqrstuvwxyz";

#[test]
fn text_begins_with_file_line_level_and_name() {
    let text = changed(ENVOY, &[("normalize_path: true", "normalize_path: false")]);
    let file = cli::file(".yaml", &text);
    let path = file.path().to_str().unwrap();
    let outcome = cli::entragate(&["check", path], "");
    let line = text
        .lines()
        .position(|line| line.contains("normalize_path"))
        .unwrap()
        + 1;
    let expected = format!("{path}:{line}: warning: [gateway] normalize_path is not true");
    let found = outcome.err.lines().any(|line| line.starts_with(&expected));
    assert!(found, "{expected}\n{}", outcome.err);
    assert!(!outcome.err.contains("static_resources"), "{}", outcome.err);
}

#[test]
fn configuration_errors_name_the_rule_and_the_json_path() {
    let text = changed(
        ALONE,
        &[(
            "credential: hf-read}\n- {name: others",
            "credential: hf-raed}\n- {name: others",
        )],
    );
    let outcome = cli::entragate(&["check", "-"], &text);
    let expected = "standard input:13: error: [team] rules[0].credential: ";
    assert_eq!(outcome.status, 1);
    assert!(
        outcome.err.starts_with(expected) || outcome.err.contains(&format!("\n{expected}")),
        "{}",
        outcome.err
    );
}

#[test]
fn json_is_a_list_of_findings() {
    let (status, findings) = check(&changed(ALONE, &[("env: HF_READ", "value: hf_x")]), &[]);
    assert_eq!(status, 0);
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(finding["path"], "credentials[0].value");
    assert_eq!(finding["line"], 11);
    assert_eq!(finding["level"], "warning");
    assert_eq!(finding["id"], "secret_in_configuration");
    assert_eq!(finding["name"], "hf-read");
    assert!(finding["message"].as_str().unwrap().contains("; use `env`"));
    let (status, findings) = check(ALONE, &[]);
    assert_eq!((status, findings), (0, Vec::new()));
}

#[test]
fn exit_status_depends_on_the_worst_level() {
    let note = &changed(ALONE, &[("env: HF_READ", "env: HF_OTHER")]);
    let warning = &changed(ALONE, &[("env: HF_READ", "value: hf_x")]);
    let error = &changed(ALONE, &[("env: HF_READ", "env: hf_x")]);
    for (text, plain, strict) in [(note, 0, 0), (warning, 0, 1), (error, 1, 1)] {
        assert_eq!(check(text, &[]).0, plain, "{text}");
        assert_eq!(check(text, &["--strict"]).0, strict, "{text}");
    }
    assert_eq!(check(note, &["--env"]).0, 1);
}

#[test]
fn secret_in_place_of_a_variables_name_is_never_printed() {
    for base in [ENVOY, ALONE, ISTIO, GATEWAY, KONG] {
        let text = base.replace("env: HF_READ", &format!("env: {SECRET}"));
        for options in [
            &["check", "-"][..],
            &["check", "-", "--env"],
            &["check", "-", "--json"],
        ] {
            let outcome = cli::entragate(options, &text);
            let all = outcome.out + &outcome.err;
            assert_eq!(outcome.status, 1, "{all}");
            assert!(all.contains("env_is_secret"), "{all}");
            assert!(!all.contains("hf_abc"), "{options:?}: {all}");
        }
    }
}

#[test]
fn help_describes_strict_and_json() {
    let help = cli::entragate(&["check", "--help"], "").out;
    for part in [
        "--strict",
        "--json",
        "--list",
        "level    error, warning or note",
        "  1  errors; with --strict",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
}

#[test]
fn documentation_has_the_table_of_all_findings() {
    let table = cli::entragate(&["check", "--list"], "").out;
    let page = docs::read("docs/check.md");
    assert!(
        page.contains(&table),
        "docs/check.md: replace the table with the output of `entragate check --list`"
    );
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), listed().len());
}
