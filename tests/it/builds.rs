//! Builds of the workspace.

use crate::pages::root;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The features of each dependency, if those of the given kinds (`cargo tree --edges`) are built.
fn features(kinds: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--workspace"])
        .args(["--edges", kinds, "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}|{f}"])
        .current_dir(root())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let tree = String::from_utf8(output.stdout).unwrap();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('|').unwrap();
        let name_and_version: Vec<&str> = package.split(' ').take(2).collect();
        let entry = found.entry(name_and_version.join(" ")).or_default();
        entry.extend(features.split(',').map(str::to_owned));
    }
    found
}

/// Otherwise `make test` builds a dependency twice, with all that depend on it. The fix is a feature in testbed/Cargo.toml.
#[test]
fn dependencies_of_programs_and_of_tests_have_the_same_features() {
    let programs = features("normal,build");
    let tests = features("normal,build,dev");
    assert!(programs.len() > 200, "{}", programs.len());
    for (package, features) in programs {
        assert_eq!(features, tests[&package], "{package}");
    }
}
