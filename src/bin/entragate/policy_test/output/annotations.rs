//! Annotations of GitHub Actions: one line for each failure, which GitHub shows next to the line of the policy file.

use super::Results;

pub fn of(results: &Results<'_>) -> String {
    let failed = results.cases.iter().filter(|case| !case.holds());
    let line = |outcome: &crate::policy_test::run::Outcome<'_>| {
        annotation(
            results.file,
            outcome.case.line,
            &outcome.case.name,
            &outcome.differences.join("; "),
        )
    };
    let open = results.proofs().filter(|proof| !proof.is_proved());
    let proofs = open.map(|proof| {
        let message = format!("{}: {}", proof.result(), proof.reason());
        annotation(results.file, proof.line, proof.name, &message)
    });
    failed.map(line).chain(proofs).collect()
}

fn annotation(file: &str, line: Option<u64>, title: &str, message: &str) -> String {
    let line = line.map(|line| format!(",line={line}")).unwrap_or_default();
    format!(
        "::error file={}{line},title={}::{}\n",
        property(file),
        property(title),
        data(message)
    )
}

/// Escapes a message, as GitHub's workflow commands require.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotation_escapes_its_delimiters() {
        assert_eq!(
            annotation("a,b.yaml", Some(3), "x: y", "50%\nof"),
            "::error file=a%2Cb.yaml,line=3,title=x%3A y::50%25%0Aof\n"
        );
        assert_eq!(
            annotation("a", None, "t", "m"),
            "::error file=a,title=t::m\n"
        );
    }
}
