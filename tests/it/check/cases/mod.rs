//! One configuration with each finding, and a variant without it.

mod cluster;
mod configuration;
mod connection;
mod host;
mod rate_limit;
mod route;
mod uri;

use super::*;

/// A finding and its cause.
pub struct Case {
    id: &'static str,
    /// The rule, cluster, route or plugin that the finding names.
    name: Option<&'static str>,
    base: &'static str,
    bad: Changes,
    /// The changes that differ from `bad` only in the cause.
    good: Changes,
    /// A text in the line that the finding reports.
    line: &'static str,
}

fn all() -> Vec<&'static Case> {
    let groups = [
        configuration::CASES,
        host::CASES,
        cluster::CASES,
        route::CASES,
        connection::CASES,
        rate_limit::CASES,
        uri::CASES,
    ];
    groups.into_iter().flatten().collect()
}

/// Returns how the finding of a case differs from the expected one, or `None` if it does not.
fn difference(case: &Case) -> Option<String> {
    let text = changed(case.base, case.bad);
    let (_, findings) = check(&text, &[]);
    let mut with_id = findings.iter().filter(|finding| finding["id"] == case.id);
    let (Some(finding), None) = (with_id.next(), with_id.next()) else {
        return Some(format!(
            "expected exactly one finding, found: {findings:#?}"
        ));
    };
    let line = text.lines().position(|line| line.contains(case.line));
    let line = line.map(|line| line as u64 + 1);
    let message = finding["message"].as_str().unwrap();
    let found = (
        finding["name"].as_str(),
        finding["line"].as_u64(),
        message.contains("; "),
    );
    let expected = (case.name, line, true);
    (line.is_none() || found != expected)
        .then(|| format!("found {found:?}, expected {expected:?}: {finding:#}"))
}

#[test]
fn each_finding_is_reported_at_its_cause() {
    let differences = all().into_iter().filter_map(|case| {
        let difference = difference(case)?;
        Some(format!("{} {:?}: {difference}", case.id, case.bad))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn variant_without_the_cause_does_not_have_the_finding() {
    for case in all() {
        let text = changed(case.base, case.good);
        let (_, findings) = check(&text, &[]);
        assert!(
            !ids(&findings).contains(case.id),
            "{} {:?}: {findings:#?}",
            case.id,
            case.good
        );
    }
}

#[test]
fn exit_status_follows_the_levels() {
    let levels: std::collections::BTreeMap<String, String> = listed().into_iter().collect();
    for case in all() {
        let text = changed(case.base, case.bad);
        let (status, findings) = check(&text, &[]);
        let (strict, _) = check(&text, &["--strict"]);
        let has = |level: &str| findings.iter().any(|finding| finding["level"] == level);
        assert_eq!(
            status,
            i32::from(has("error")),
            "{}: {findings:#?}",
            case.id
        );
        assert_eq!(
            strict,
            i32::from(has("error") || has("warning")),
            "{}",
            case.id
        );
        let finding = findings
            .iter()
            .find(|finding| finding["id"] == case.id)
            .unwrap();
        assert_eq!(finding["level"], levels[case.id].as_str(), "{}", case.id);
    }
}

#[test]
fn every_finding_has_a_case() {
    let tested: BTreeSet<&str> = all().iter().map(|case| case.id).collect();
    // Findings about files without a plugin configuration are tested in files.rs; the container's environment is tested below.
    let elsewhere = [
        "file_unusable",
        "filter_not_found",
        "variable_not_in_container",
    ];
    let tested: BTreeSet<&str> = tested.into_iter().chain(elsewhere).collect();
    let listed = listed();
    let listed: BTreeSet<&str> = listed.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(tested, listed);
}

#[test]
fn container_without_the_variable_is_reported() {
    let base = kubernetes();
    let bad = base.replacen("{name: HF_READ, value: x}, ", "", 1);
    let (status, findings) = check(&bad, &[]);
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(
        (status, &finding["id"]),
        (0, &"variable_not_in_container".into())
    );
    assert_eq!(
        (&finding["name"], &finding["line"]),
        (&"envoy".into(), &11.into())
    );
    let unknown = bad.replacen("env: [", "envFrom: []\n        env: [", 1);
    assert_eq!(check(&unknown, &[]).1, Vec::<Value>::new());
}
