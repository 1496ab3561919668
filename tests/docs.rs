//! The documentation's examples hold.

#[path = "support/docs.rs"]
mod docs;

use docs::{blocks, read};
use entragate::config;
use std::path::Path;

#[test]
fn the_readmes_configuration_is_accepted() {
    let blocks = blocks(&read("README.md"), "yaml");
    assert!(!blocks.is_empty());
    for block in blocks {
        let value: serde_json::Value = serde_saphyr::from_str(&block).unwrap();
        let env = |name: &str| (name == "HF_TOKEN_READ").then(|| "hf_example".to_owned());
        config::load_value(&value, &env).unwrap_or_else(|errors| panic!("{errors}"));
    }
}

#[test]
fn the_readmes_audit_record_has_the_fields_of_ours() {
    let block = blocks(&read("README.md"), "json").remove(0);
    let shown: serde_json::Map<_, _> = serde_json::from_str(&block).unwrap();
    let ours: serde_json::Map<_, _> =
        serde_json::from_str(&entragate::audit::Record::default().line()).unwrap();
    let keys =
        |map: &serde_json::Map<String, serde_json::Value>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&shown), keys(&ours));
}

#[test]
fn every_code_has_its_row() {
    let (readme, decisions) = (read("README.md"), read("src/decision.rs"));
    let codes = decisions.lines().map(str::trim).filter_map(|line| {
        line.strip_prefix('"')?
            .strip_suffix("\",")
            .filter(|code| !code.contains(' '))
    });
    let mut count = 0;
    for code in codes {
        assert!(
            readme.contains(&format!("`{code}`")),
            "{code} is not in README.md"
        );
        count += 1;
    }
    assert!(count > 20, "found only {count} codes");
}

#[test]
fn links_within_the_repository_resolve() {
    for file in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(file);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let external = target.starts_with("http");
            assert!(
                external || Path::new(env!("CARGO_MANIFEST_DIR")).join(target).exists(),
                "{file}: {target}"
            );
        }
    }
}
