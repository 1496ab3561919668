//! Converts the parts of JSON Schema 2020-12 that the configuration uses to draft-04, the only draft that Kong
//! supports.

use serde_json::{Map, Value, json};

/// Converts a schema to draft-04.
pub fn of(schema: Value) -> Value {
    let mut schema = schema_of(schema);
    schema["$schema"] = "http://json-schema.org/draft-04/schema#".into();
    schema
}

fn schema_of(schema: Value) -> Value {
    match schema {
        // Draft-04 has no boolean schemas.
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        Value::Object(members) => object_of(members),
        other => other,
    }
}

fn object_of(mut members: Map<String, Value>) -> Value {
    // Draft-04 ignores the other members of an object with `$ref`.
    if let Some(Value::String(target)) = members.remove("$ref") {
        return json!({"$ref": target.replace("#/$defs/", "#/definitions/")});
    }
    let mut older = Map::new();
    for (name, value) in members {
        let (name, value) = match name.as_str() {
            "$defs" => ("definitions".to_owned(), each_member(value)),
            "properties" => (name, each_member(value)),
            "const" => ("enum".to_owned(), json!([value])),
            // Here draft-04 allows a boolean.
            "additionalProperties" if value.is_boolean() => (name, value),
            "additionalProperties" | "items" | "not" => (name, schema_of(value)),
            "oneOf" | "anyOf" | "allOf" => (name, each_item(value)),
            _ => (name, value),
        };
        older.insert(name, value);
    }
    Value::Object(older)
}

fn each_member(schemas: Value) -> Value {
    match schemas {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, schema)| (name, schema_of(schema)))
            .collect(),
        other => other,
    }
}

fn each_item(schemas: Value) -> Value {
    match schemas {
        Value::Array(items) => items.into_iter().map(schema_of).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_keywords_are_converted_to_draft_04() {
        let newer = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
                "const": {"const": 1, "description": "a field of that name"},
                "any": true,
                "one": {"$ref": "#/$defs/One", "description": "a repeated description"},
            },
            "additionalProperties": false,
            "$defs": {"One": {"type": "array", "items": {"$ref": "#/$defs/One"}}},
            "oneOf": [{"required": ["any"]}, {"not": {"const": 2}}],
        });
        let older = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "properties": {
                "const": {"enum": [1], "description": "a field of that name"},
                "any": {},
                "one": {"$ref": "#/definitions/One"},
            },
            "additionalProperties": false,
            "definitions": {"One": {"type": "array", "items": {"$ref": "#/definitions/One"}}},
            "oneOf": [{"required": ["any"]}, {"not": {"enum": [2]}}],
        });
        assert_eq!(of(newer), older);
    }
}
