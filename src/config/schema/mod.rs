//! The JSON Schema of the plugin configuration, for editors and gateways. It is derived from the wire types and their
//! comments, so it always matches the parser.
//! A schema describes single values. References between names, limits of durations and other conditions across fields
//! are verified by [`load`](super::load).

pub(super) mod bounds;
mod refine;

use super::wire;
use crate::json::schema::without_format;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

/// The schema of a plugin configuration, in JSON Schema 2020-12.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<wire::Config>();
    schema.insert("title".to_owned(), "entragate plugin configuration".into());
    let mut schema = schema.to_value();
    refine::refine(&mut schema);
    schema
}

/// A field may be absent, but not null.
fn without_null(schema: &mut Schema) {
    without_format(schema);
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_mut_slice()
            && let Value::Object(members) = only.take()
        {
            schema.remove("anyOf");
            schema.ensure_object().extend(members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field and choice has a description, because descriptions are the users' reference.
    fn undescribed(schema: &Value) -> Vec<String> {
        let is_described = |shape: &Value| shape.get("description").is_some();
        let mut bare = Vec::new();
        let definitions = schema["$defs"].as_object().into_iter().flatten();
        for (name, definition) in definitions.chain([(&"root".to_owned(), schema)]) {
            let fields = definition["properties"].as_object().into_iter().flatten();
            let fields = fields.filter(|(_, shape)| !is_described(shape));
            bare.extend(fields.map(|(field, _)| format!("{name}.{field}")));
            let choices = definition["oneOf"].as_array().into_iter().flatten();
            let choices =
                choices.filter(|choice| choice.get("type").is_some() && !is_described(choice));
            bare.extend(choices.map(|choice| format!("{name}: {choice}")));
            let words = definition["enum"].as_array().into_iter().flatten();
            let words = words.filter(|_| !is_described(definition));
            bare.extend(words.map(|word| format!("{name}: {word}")));
        }
        bare
    }

    #[test]
    fn every_field_has_a_description() {
        for schema in [schema(), crate::audit::schema()] {
            assert_eq!(undescribed(&schema), Vec::<String>::new(), "has no comment");
        }
    }

    #[test]
    fn schema_allows_no_unknown_field_and_no_null() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], false);
        let text = schema.to_string();
        assert!(!text.contains("\"null\""), "{schema:#}");
        assert!(!text.contains("\"format\":\""), "{schema:#}");
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let open =
                definition["type"] == "object" && definition["additionalProperties"] != false;
            assert!(!open, "{name} takes any field");
        }
    }
}
