//! The documentation is correct: its examples are accepted, its links resolve, and its lists are complete.

use crate::command_line as cli;
use crate::pages as docs;

use docs::{blocks, fenced, read};
use entragate::config;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// All pages of the documentation.
fn pages() -> Vec<String> {
    let top = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "bench/README.md",
    ]
    .map(str::to_owned);
    let deeper = ["docs", "deploy"]
        .iter()
        .flat_map(|folder| docs::files(folder, "md"));
    top.into_iter().chain(deeper).collect()
}

/// The blocks of this kind in all pages except docs/recipes.md, which has its own test.
fn blocks_of(information: &str) -> Vec<(String, String)> {
    let pages = pages().into_iter().filter(|page| page != "docs/recipes.md");
    pages
        .flat_map(|page| {
            let blocks = blocks(&read(&page), information);
            blocks.into_iter().map(move |block| (page.clone(), block))
        })
        .collect()
}

fn load(page: &str, value: &Value) {
    let env = |_: &str| Some("hf_example".to_owned());
    config::load_value(value, &env).unwrap_or_else(|errors| panic!("{page}: {errors}"));
}

#[test]
fn documented_configurations_are_accepted() {
    let whole = blocks_of("yaml");
    assert!(!whole.is_empty());
    for (page, block) in whole {
        load(&page, &docs::yaml(&block));
    }
    for (page, block) in blocks_of("yaml part") {
        let mut config = docs::yaml(&blocks(&read("README.md"), "yaml")[0]);
        let Value::Object(part) = docs::yaml(&block) else {
            panic!("{page}: {block}")
        };
        config.as_object_mut().unwrap().extend(part);
        load(&page, &config);
    }
}

#[test]
fn documented_streams_of_events_are_accepted() {
    let documented = blocks_of("yaml ssf").into_iter().map(|(_, block)| block);
    let help = cli::run(
        Command::new(env!("CARGO_BIN_EXE_entragate")).args(["feed", "--help"]),
        "",
    )
    .out;
    let (_, sample) = help
        .split_once("The file of --ssf (YAML or JSON):\n")
        .unwrap();
    let (sample, _) = sample.split_once("  docs/operating.md").unwrap();
    let all: Vec<String> = documented.chain([sample.to_owned()]).collect();
    assert_eq!(all.len(), 3);
    for settings in all {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ssf.yaml");
        std::fs::write(&file, settings.replace("/var/lib", "/not/there")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
        let outcome = cli::run(
            command
                .args(["feed", "--once", "--ssf"])
                .arg(&file)
                .env("SSF_TOKEN", "t")
                .env("SSF_SECRET", "s"),
            "",
        );
        // The settings are valid; the folder of the state does not exist.
        let expected = "error: --ssf: /not/there/entragate/ssf.json.lock: ";
        assert!(
            outcome.status == 2 && outcome.err.contains(expected),
            "{}\n{settings}",
            outcome.err
        );
    }
}

#[test]
fn picture_of_the_dashboard_is_up_to_date() {
    let dashboard = serde_json::from_str(&docs::read("deploy/monitoring/dashboard.json")).unwrap();
    let same = testbed::dashboard::svg(&dashboard) == docs::read("docs/dashboard.svg");
    assert!(same, "docs/dashboard.svg is out of date: run make docs");
}

#[test]
fn documented_policy_tests_pass_for_the_shipped_configuration() {
    let documented = blocks_of("yaml policy");
    assert!(documented.len() >= 2);
    for (page, block) in documented {
        let file = cli::file(".yaml", &block);
        let policy = file.path().to_str().unwrap();
        let outcome = cli::entragate(&["test", "envoy.yaml", "--policy", policy], "");
        assert_eq!(outcome.status, 0, "{page}: {}{}", outcome.out, outcome.err);
    }
}

#[test]
fn every_code_block_has_a_checked_kind() {
    const KINDS: [&str; 21] = [
        "yaml",
        "yaml part",
        "yaml clusters",
        "yaml virtual_hosts",
        "yaml transport_socket",
        "yaml tracing",
        "yaml values",
        "yaml ssf",
        "yaml policy",
        "yaml vector",
        "yaml fluent-bit",
        "json",
        "toml",
        "python",
        "js",
        "text",
        "mermaid",
        "sh run",
        "sh make",
        "sh manual",
        "",
    ];
    for page in pages() {
        for (information, block) in fenced(&read(&page)) {
            assert!(
                KINDS.contains(&information.as_str()),
                "{page}: ```{information}\n{block}"
            );
        }
    }
}

#[test]
fn documented_json_parses() {
    for (page, block) in blocks_of("json") {
        serde_json::from_str::<Value>(&block).unwrap_or_else(|error| panic!("{page}: {error}"));
    }
}

#[test]
fn documented_python_compiles() {
    for (page, block) in blocks_of("python") {
        let mut python = Command::new("python3")
            .args(["-c", "import ast, sys; ast.parse(sys.stdin.read())"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        python
            .stdin
            .take()
            .unwrap()
            .write_all(block.as_bytes())
            .unwrap();
        assert!(python.wait().unwrap().success(), "{page}: {block}");
    }
}

#[test]
fn documented_commands_succeed() {
    let mut ran = 0;
    for (page, block) in blocks_of("sh run") {
        for line in block.lines() {
            let line = line
                .strip_prefix("cargo run --bin entragate -- ")
                .or(line.strip_prefix("entragate "));
            let line = line.unwrap_or_else(|| {
                panic!("{page}: a block `sh run` may only run entragate: {block}")
            });
            let arguments: Vec<&str> = line.split_whitespace().collect();
            let outcome = cli::entragate(&arguments, "");
            assert_eq!(outcome.status, 0, "{page}: {line}: {}", outcome.err);
            ran += 1;
        }
    }
    assert!(ran >= 2);
    let makefile = read("Makefile");
    for (page, block) in blocks_of("sh make") {
        for line in block.lines() {
            let target = line
                .strip_prefix("make ")
                .and_then(|line| line.split_whitespace().next());
            let target = target.unwrap_or_else(|| panic!("{page}: {line}"));
            assert!(
                makefile.contains(&format!("\n{target}: ")),
                "{page}: no target {target}"
            );
        }
    }
}

#[test]
fn documented_audit_record_has_all_members_in_order() {
    let block = blocks(&read("docs/audit.md"), "json").remove(0);
    let shown: Map<_, _> = serde_json::from_str(&block).unwrap();
    let ours: Map<_, _> =
        serde_json::from_str(&entragate::audit::Record::default().line()).unwrap();
    let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&shown), keys(&ours));
}

#[test]
fn alert_has_a_section_in_its_runbook() {
    let rules = docs::yaml(&read("deploy/monitoring/alerts.yaml"));
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let page = read("docs/alerts.md");
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let names: Vec<&str> = rules
        .iter()
        .map(|rule| rule["alert"].as_str().unwrap())
        .collect();
    assert_eq!(sections, names);
    for (rule, name) in rules.iter().zip(names) {
        let link = format!("docs/alerts.md#{}", name.to_ascii_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], link);
    }
}

#[test]
fn readme_is_short_and_has_one_configuration() {
    let page = read("README.md");
    assert!(page.lines().count() <= 150, "{}", page.lines().count());
    assert_eq!(blocks(&page, "yaml").len(), 1);
    assert_eq!(blocks(&page, "mermaid").len(), 1);
}

#[test]
fn documentation_index_links_every_page() {
    let index = read("docs/README.md");
    for page in docs::files("docs", "md") {
        let name = page.trim_start_matches("docs/");
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "docs/README.md does not link to {name}"
        );
    }
}

/// Returns the codes with their status, read from the table of denials.
fn codes() -> BTreeMap<String, String> {
    let source = read("src/decision/facts.rs");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let status = pair[0].strip_suffix(',')?;
        let code = pair[1].strip_prefix('"')?.strip_suffix("\",")?;
        status.parse::<u16>().ok()?;
        Some((code.to_owned(), status.to_owned()))
    });
    // Entries with a short text are on one line.
    let inline = lines.iter().filter_map(|line| {
        let (status, rest) = line.split_once("facts(")?.1.split_once(", \"")?;
        status.parse::<u16>().ok()?;
        Some((rest.split_once('"')?.0.to_owned(), status.to_owned()))
    });
    pairs.chain(inline).collect()
}

#[test]
fn troubleshooting_explains_exactly_the_existing_codes() {
    let page = read("docs/troubleshooting.md");
    let explained = page.lines().filter_map(|line| {
        let (code, status) = line.strip_prefix("### `")?.split_once("` (")?;
        Some((code.to_owned(), status.trim_end_matches(')').to_owned()))
    });
    let (explained, codes) = (explained.collect::<BTreeMap<_, _>>(), codes());
    assert!(codes.len() > 20, "found only {} codes", codes.len());
    assert_eq!(
        explained, codes,
        "docs/troubleshooting.md and src/decision/facts.rs have different codes"
    );
}

#[test]
fn repository_links_resolve() {
    for page in pages() {
        let text = read(&page);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&page).parent().unwrap();
            let path = match file {
                "" => Path::new(&page).to_owned(),
                file => folder.join(file),
            };
            assert!(docs::root().join(&path).exists(), "{page}: {target}");
            if !anchor.is_empty() {
                let found = read(path.to_str().unwrap())
                    .lines()
                    .any(|line| slug(line).as_deref() == Some(anchor));
                assert!(found, "{page}: {target} has no such heading");
            }
        }
    }
}

/// Returns the anchor that GitHub generates for a heading.
fn slug(line: &str) -> Option<String> {
    let title = line
        .strip_prefix('#')?
        .trim_start_matches('#')
        .trim()
        .to_lowercase();
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.collect::<String>().replace(' ', "-"))
}
