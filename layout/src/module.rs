//! What has to be known of a module before it can be written anew.

use wasmparser::{Parser, Payload, TypeRef};

/// How many functions it imports: the indices of its own begin there.
pub fn imported_functions(wasm: &[u8]) -> wasmparser::Result<u32> {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                count += u32::from(matches!(import?.ty, TypeRef::Func(_)));
            }
        }
    }
    Ok(count)
}
