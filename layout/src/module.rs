//! Properties of a module that are needed before it is rewritten.

use wasmparser::{Parser, Payload, TypeRef};

/// Returns the number of imported functions, which is also the index of the module's first own function.
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

/// Returns the index of the type of each own function.
pub fn function_types(wasm: &[u8]) -> wasmparser::Result<Vec<u32>> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::FunctionSection(section) = payload? {
            return section.into_iter().collect();
        }
    }
    Ok(Vec::new())
}
