//! `entragate schema` prints valid schemas that accept the shipped files.

use crate::command_line as cli;
use crate::pages as docs;

use serde_json::Value;

fn schema(arguments: &[&str]) -> Value {
    let outcome = cli::entragate(&[&["schema"], arguments].concat(), "");
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
    serde_json::from_str(&outcome.out).unwrap()
}

fn errors(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The configurations in documentation and shipped files, by file.
fn configurations() -> Vec<(&'static str, Value)> {
    let readme = docs::blocks(&docs::read("README.md"), "yaml");
    let readme = readme.iter().map(|block| ("README.md", docs::yaml(block)));
    let envoy = docs::yaml(&docs::read("envoy.yaml"));
    let shipped = envoy
        .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/configuration/value")
        .unwrap();
    readme.chain([("envoy.yaml", shipped.clone())]).collect()
}

#[test]
fn shipped_configurations_pass_and_a_mistake_fails() {
    let newer = jsonschema::draft202012::new(&schema(&[])).unwrap();
    let kong = schema(&["--kong"]);
    let older = jsonschema::draft4::new(&kong["config_schema"]).unwrap();
    for (file, mut config) in configurations() {
        for validator in [&newer, &older] {
            assert_eq!(errors(validator, &config), Vec::<String>::new(), "{file}");
        }
        config["rules"][0]["paths"] = serde_json::json!(["/health"]);
        for validator in [&newer, &older] {
            let errors = errors(validator, &config);
            assert!(
                errors.iter().any(|text| text.starts_with("/rules/0: ")),
                "{errors:?}"
            );
        }
    }
}

#[test]
fn schemas_are_valid() {
    for arguments in [&[][..], &["--audit"]] {
        let schema = schema(arguments);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        jsonschema::draft202012::meta::validate(&schema).unwrap();
    }
    let kong = schema(&["--kong"]);
    assert_eq!(kong.as_object().unwrap().len(), 1);
    let schema = &kong["config_schema"];
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#");
    jsonschema::draft4::meta::validate(schema).unwrap();
    // draft-04 ignores keywords of later drafts, so they would have no effect.
    let text = schema.to_string();
    for newer in ["\"const\"", "\"$defs\"", "\"if\"", "#/$defs/", "\"$id\""] {
        assert!(!text.contains(newer), "{newer}");
    }
}

#[test]
fn audit_record_matches_its_schema() {
    let validator = jsonschema::draft202012::new(&schema(&["--audit"])).unwrap();
    let line = entragate::audit::Record::default().line();
    let mut record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(errors(&validator, &record), Vec::<String>::new());
    record.as_object_mut().unwrap().remove("code");
    record["duration_ms"] = "7ms".into();
    assert_eq!(errors(&validator, &record).len(), 2);
}

#[test]
fn several_formats_are_rejected() {
    assert_eq!(
        cli::entragate(&["schema", "--kong", "--audit"], "").status,
        2
    );
}

#[test]
fn reference_is_up_to_date() {
    let outcome = cli::entragate(&["schema", "--markdown"], "");
    let same = outcome.out == docs::read("docs/configuration.md");
    assert!(same, "docs/configuration.md is out of date: run make docs");
}
