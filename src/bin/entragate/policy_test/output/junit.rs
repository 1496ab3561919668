//! JUnit XML, for CI systems.

use super::{Proof, Results};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// # Errors
/// The report cannot be written as XML.
pub fn of(results: &Results<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("cases");
    for outcome in &results.cases {
        let status = if outcome.holds() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(outcome.differences.join("; "));
            status
        };
        let mut case = TestCase::new(outcome.case.name.as_str(), status);
        case.set_classname(results.file);
        suite.add_test_case(case);
    }
    let always = proofs("always", results.file, &results.always);
    let compare = proofs("compare", results.file, &results.compare);
    let mut report = Report::new("entragate test");
    report.add_test_suites(
        [suite, always, compare]
            .into_iter()
            .filter(|suite| suite.tests > 0),
    );
    report.to_string()
}

fn proofs(name: &str, file: &str, proofs: &[Proof<'_>]) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for proof in proofs {
        let status = if proof.is_proved() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("{}: {}", proof.result(), proof.reason()));
            status
        };
        let mut case = TestCase::new(proof.name, status);
        case.set_classname(file);
        suite.add_test_case(case);
    }
    suite
}
