//! Imports follow the list of modules in CONTRIBUTING: a module imports only modules above it, so there is no cycle between them.

use crate::pages as docs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Returns the modules in the order of CONTRIBUTING.
fn order() -> Vec<String> {
    let page = docs::read("CONTRIBUTING.md");
    let start = page
        .find("<!-- modules -->")
        .expect("CONTRIBUTING has a list of modules");
    let end = page
        .find("<!-- /modules -->")
        .expect("the list of modules has an end");
    let list = page[start..end]
        .lines()
        .filter(|line| line.starts_with("| `"));
    let modules = list.flat_map(|line| {
        let cell = line
            .trim_start_matches("| ")
            .split(" | ")
            .next()
            .unwrap_or_default();
        let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
        names.collect::<Vec<_>>()
    });
    modules.collect()
}

/// Collects all source files of the library.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Returns the modules that a text uses by `crate::…`, except in its tests.
fn used(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
        .filter(|module| !module.is_empty())
        .collect()
}

#[test]
fn every_import_points_to_a_module_above() {
    let order = order();
    let place: BTreeMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut edges = 0;
    for file in files {
        let source = file
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        let module = source.split('/').next().unwrap().trim_end_matches(".rs");
        let is_test = source.contains("tests") || source == "policy/reference.rs";
        if matches!(module, "bin" | "lib") || is_test {
            continue;
        }
        let Some(here) = place.get(module) else {
            wrong.push(format!(
                "{source}: the module {module} is not listed in CONTRIBUTING"
            ));
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        for other in used(&text).into_iter().filter(|other| *other != module) {
            edges += 1;
            match place.get(other) {
                None => wrong.push(format!("{source}: crate::{other} is not a listed module")),
                Some(there) if there >= here => {
                    wrong.push(format!("{source} uses {other}, which is below {module}"))
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(edges > 100, "only {edges} imports were found");
}

#[test]
fn imports_in_tests_and_comments_are_ignored() {
    let text = "use crate::a::B;\n//! crate::c\nfn f() { crate::d_e::f(crate::g) }\n#[cfg(test)]\nmod tests { use crate::h; }";
    assert_eq!(used(text), ["a", "d_e", "g"]);
}
