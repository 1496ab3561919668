//! JSON Schema of what is written. Native only.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of a type that is written, not read, in JSON Schema 2020-12.
pub(crate) fn written<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(without_format));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// `uint64` is a word of Rust's, which validators complain about.
pub fn without_format(schema: &mut Schema) {
    schema.remove("format");
}
