//! The configuration reference in Markdown, from its JSON Schema.

use serde_json::{Map, Value};
use std::fmt::Write;

/// Returns the reference: a section for the configuration, then one for each type that it references, in the order of
/// the first reference.
pub fn of(schema: &Value) -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut names = references(schema, Vec::new());
    section(&mut text, "Top level", schema);
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        let Some(definition) = schema["$defs"].get(&name) else {
            break;
        };
        names = references(definition, names);
        section(&mut text, &name, definition);
        at += 1;
    }
    text
}

const INTRODUCTION: &str = "\
# Configuration reference

Every field of the plugin configuration. **This file is generated** by `make docs` (`entragate schema --markdown`) from the
types and comments in `src/config/wire/`. Examples are in the
[README](../README.md#configuration) and in the [recipes](recipes.md). `entragate schema` prints the same as a JSON Schema
for editors. `entragate check` also finds the errors that a schema cannot express.

Unknown fields and `null` are errors. A field in **bold** is required. Durations are an integer and a unit:
`500ms`, `5s`, `10m`, `24h`.
";

fn section(text: &mut String, name: &str, shape: &Value) {
    let _ = write!(text, "\n## {name}\n\n");
    if let Some(description) = description(shape) {
        let _ = write!(text, "{description}\n\n");
    }
    if let Some(choice) = exclusive(shape) {
        let _ = write!(text, "{choice}\n\n");
    }
    match shape["properties"].as_object() {
        Some(fields) => table(text, "field", &rows(fields, &required(shape))),
        None => table(text, "choice", &choices(shape)),
    }
}

fn table(text: &mut String, first: &str, rows: &[[String; 3]]) {
    let _ = write!(text, "| {first} | type | meaning |\n| --- | --- | --- |\n");
    for [name, kind, meaning] in rows {
        let _ = writeln!(text, "| {name} | {kind} | {meaning} |");
    }
}

/// Required fields first.
fn rows(fields: &Map<String, Value>, required: &[&str]) -> Vec<[String; 3]> {
    let row = |(name, shape): (&String, &Value)| {
        let name = if required.contains(&name.as_str()) {
            format!("**`{name}`**")
        } else {
            format!("`{name}`")
        };
        [name, kind(shape), meaning(shape)]
    };
    let (first, then): (Vec<_>, Vec<_>) = fields
        .iter()
        .partition(|(name, _)| required.contains(&name.as_str()));
    first.into_iter().chain(then).map(row).collect()
}

/// The rows of a choice: a word, or an object with one member.
fn choices(shape: &Value) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    let mut word = |value: &Value, description: String| {
        rows.push([
            format!("`{}`", plain(value)),
            "word".to_owned(),
            description,
        ]);
    };
    let words = shape["enum"].as_array().into_iter().flatten();
    words.for_each(|value| word(value, String::new()));
    for choice in shape["oneOf"].as_array().into_iter().flatten() {
        if let Some(value) = choice.get("const") {
            word(value, meaning(choice));
        }
        let words = choice["enum"].as_array().into_iter().flatten();
        words.for_each(|value| word(value, String::new()));
    }
    for choice in shape["oneOf"].as_array().into_iter().flatten() {
        for (name, inner) in choice["properties"].as_object().into_iter().flatten() {
            rows.push([format!("`{name}`"), kind(inner), meaning(choice)]);
        }
    }
    // A choice that is determined by the form of the value has no name.
    let forms = shape["anyOf"].as_array().into_iter().flatten();
    let forms = forms.filter(|form| form.get("description").is_some());
    rows.extend(forms.map(|form| ["—".to_owned(), kind(form), meaning(form)]));
    rows
}

fn kind(shape: &Value) -> String {
    if let Some(name) = shape["$ref"]
        .as_str()
        .and_then(|target| target.rsplit('/').next())
    {
        return match name {
            "Duration" => "duration".to_owned(),
            name => format!("[{name}](#{})", name.to_lowercase()),
        };
    }
    if let Some(words) = shape["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", plain(word)))
            .collect();
        return words.join(", ");
    }
    match &shape["type"] {
        Value::String(kind) => match kind.as_str() {
            "array" => format!("list of {}", kind_of_items(shape)),
            "object" => format!("name → {}", self::kind(&shape["additionalProperties"])),
            "integer" => "number".to_owned(),
            "string" => "string".to_owned(),
            "boolean" => "true or false".to_owned(),
            other => other.to_owned(),
        },
        Value::Array(_) => "string, number, true or false".to_owned(),
        _ => "any".to_owned(),
    }
}

fn kind_of_items(shape: &Value) -> String {
    match &shape["items"] {
        items if items.get("type").is_some() || items.get("$ref").is_some() => kind(items),
        _ => "any".to_owned(),
    }
}

fn meaning(shape: &Value) -> String {
    description(shape).unwrap_or_default().replace('|', "\\|")
}

/// The description, on one line.
fn description(shape: &Value) -> Option<String> {
    let words = shape["description"].as_str()?.split_whitespace();
    Some(words.collect::<Vec<_>>().join(" "))
}

/// The fields of which exactly one, or at most one, may be set.
fn exclusive(shape: &Value) -> Option<String> {
    shape.get("properties")?;
    let choices = shape["oneOf"].as_array()?;
    let names: Vec<String> = choices
        .iter()
        .flat_map(|choice| required(choice))
        .map(|name| format!("`{name}`"))
        .collect();
    let most = if choices.len() > names.len() {
        "At most"
    } else {
        "Exactly"
    };
    Some(format!("{most} one of {}.", names.join(", ")))
}

fn required(shape: &Value) -> Vec<&str> {
    let names = shape["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Adds the names of the types that this schema references, except durations.
fn references(shape: &Value, mut names: Vec<String>) -> Vec<String> {
    match shape {
        Value::Object(members) => {
            for (key, member) in members {
                match member
                    .as_str()
                    .and_then(|target| target.strip_prefix("#/$defs/"))
                {
                    Some(name) if key == "$ref" => {
                        if name != "Duration" && !names.iter().any(|known| known == name) {
                            names.push(name.to_owned());
                        }
                    }
                    _ if key == "$defs" => {}
                    _ => names = references(member, names),
                }
            }
            names
        }
        Value::Array(items) => items
            .iter()
            .fold(names, |names, item| references(item, names)),
        _ => names,
    }
}
