//! Every clause in `catalogue.txt` has a test.

#[test]
fn every_clause_has_a_test() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let lines = include_str!("catalogue.txt").lines();
    let clauses: Vec<[&str; 3]> = lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            parts.try_into().expect("a clause, a file and a test")
        })
        .collect();
    for [clause, file, test] in &clauses {
        let text = std::fs::read_to_string(format!("{tests}/it/{file}"));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            text.contains(&format!("fn {test}(")),
            "{clause}: no {test} in {file}"
        );
    }
    for section in 1..=12 {
        let name = format!("RFC 8725 §3.{section} ");
        assert!(
            clauses.iter().any(|[clause, ..]| clause.starts_with(&name)),
            "{name}"
        );
    }
    println!("attacks: {} clauses", clauses.len());
}
