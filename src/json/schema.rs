//! JSON Schema of serialized types. Native only.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// Returns the JSON Schema (2020-12) of the serialized form of a type.
pub(crate) fn written<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(without_format));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// Removes `format`. Formats such as `uint64` are specific to Rust, and validators warn about them.
pub fn without_format(schema: &mut Schema) {
    schema.remove("format");
}
