//! What `entragate schema` prints: good schemas, which accept what we ship.

use crate::command_line as cli;
use crate::pages as docs;

use serde_json::Value;

fn schema(arguments: &[&str]) -> Value {
    let outcome = cli::entragate(&[&["schema"], arguments].concat(), "");
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
    serde_json::from_str(&outcome.out).unwrap()
}

fn complaints(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// What we show and ship, by file.
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
fn accepts_what_we_ship_and_refuses_a_mistake() {
    let newer = jsonschema::draft202012::new(&schema(&[])).unwrap();
    let kong = schema(&["--kong"]);
    let older = jsonschema::draft4::new(&kong["config_schema"]).unwrap();
    for (file, mut config) in configurations() {
        for validator in [&newer, &older] {
            assert_eq!(
                complaints(validator, &config),
                Vec::<String>::new(),
                "{file}"
            );
        }
        config["rules"][0]["paths"] = serde_json::json!(["/health"]);
        for validator in [&newer, &older] {
            let complaints = complaints(validator, &config);
            assert!(
                complaints.iter().any(|text| text.starts_with("/rules/0: ")),
                "{complaints:?}"
            );
        }
    }
}

#[test]
fn they_are_valid_schemas() {
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
    // Words of later drafts pass for unknown there, and mean nothing.
    let text = schema.to_string();
    for newer in ["\"const\"", "\"$defs\"", "\"if\"", "#/$defs/", "\"$id\""] {
        assert!(!text.contains(newer), "{newer}");
    }
}

#[test]
fn an_audit_record_is_as_its_schema_says() {
    let validator = jsonschema::draft202012::new(&schema(&["--audit"])).unwrap();
    let line = entragate::audit::Record::default().line();
    let mut record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(complaints(&validator, &record), Vec::<String>::new());
    record.as_object_mut().unwrap().remove("code");
    record["duration_ms"] = "7ms".into();
    assert_eq!(complaints(&validator, &record).len(), 2);
}

#[test]
fn one_form_at_a_time() {
    assert_eq!(
        cli::entragate(&["schema", "--kong", "--audit"], "").status,
        2
    );
}

#[test]
fn the_reference_is_up_to_date() {
    let outcome = cli::entragate(&["schema", "--markdown"], "");
    let same = outcome.out == docs::read("docs/configuration.md");
    assert!(
        same,
        "docs/configuration.md is older than src/config/wire: run make docs"
    );
}
