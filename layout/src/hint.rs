//! Adds branch hints to a module (the custom section `metadata.code.branch_hint` of the WebAssembly proposal "Branch Hinting").
//!
//! V8 places the code behind an unlikely branch at the end of its function, so the code that requests do execute
//! takes fewer cache lines. Engines that don't know the section ignore it.

use strict_host::Branches;
use wasm_encoder::{BranchHint, BranchHints, Module, RawSection};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::module;

/// Returns the module with a hint for each conditional branch of `wasm` that was executed and always went the same way.
///
/// # Errors
/// `wasm` is not a module.
pub fn hint(wasm: &[u8], branches: &Branches) -> wasmparser::Result<Vec<u8>> {
    let hints = hints(wasm, branches)?;
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::CodeSectionStart { .. } = payload {
            module.section(&hints);
        }
        if let Some((id, range)) = payload.as_section() {
            let data = &wasm[range.start as usize..range.end as usize];
            module.section(&RawSection { id, data });
        }
    }
    Ok(module.finish())
}

fn hints(wasm: &[u8], branches: &Branches) -> wasmparser::Result<BranchHints> {
    let mut hints = BranchHints::new();
    let mut function = module::imported_functions(wasm)?;
    let mut branch = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            let mut of_function = Vec::new();
            for offset in conditional_branches(&body)? {
                if let Some(value) = always(branches, branch) {
                    of_function.push(BranchHint {
                        branch_func_offset: offset,
                        branch_hint_value: value,
                    });
                }
                branch += 1;
            }
            if !of_function.is_empty() {
                hints.function_hints(function, of_function);
            }
            function += 1;
        }
    }
    Ok(hints)
}

/// The offset of each `if` and `br_if` from the start of the body.
fn conditional_branches(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<u32>> {
    let start = body.range().start;
    let mut offsets = Vec::new();
    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
        if let (Operator::If { .. } | Operator::BrIf { .. }, offset) = operator? {
            offsets.push((offset - start) as u32);
        }
    }
    Ok(offsets)
}

/// The hint for a branch that always went the same way: 1 if its condition was never zero, 0 if it was always zero.
fn always(branches: &Branches, branch: u32) -> Option<u32> {
    match (
        branches.zero.contains(&branch),
        branches.nonzero.contains(&branch),
    ) {
        (false, true) => Some(1),
        (true, false) => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        BlockType, CodeSection, EntityType, Function, FunctionSection, ImportSection, TypeSection,
    };
    use wasmparser::KnownCustom;

    /// A module with an imported function, a function without branches, and one with two `if` and a `br_if`.
    fn sample() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("host", "any", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        functions.function(0).function(0);
        let mut code = CodeSection::new();
        let mut empty = Function::new([]);
        empty.instructions().end();
        code.function(&empty);
        let mut branching = Function::new([(3, wasm_encoder::ValType::I64)]);
        let mut instructions = branching.instructions();
        for _ in 0..2 {
            let condition = instructions.i32_const(1);
            condition.if_(BlockType::Empty).end();
        }
        instructions.i32_const(0).br_if(0).end();
        code.function(&branching);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&code);
        module.finish()
    }

    /// The hints of a module: function, the operator at the offset, and the hint.
    fn hints_of(wasm: &[u8]) -> Vec<(u32, String, bool)> {
        let mut bodies = Vec::new();
        let mut hints = Vec::new();
        for payload in Parser::new(0).parse_all(wasm).map(Result::unwrap) {
            match payload {
                Payload::CodeSectionEntry(body) => bodies.push(body),
                Payload::CustomSection(section) => {
                    assert!(bodies.is_empty(), "hints must precede the code");
                    let KnownCustom::BranchHints(section) = section.as_known() else {
                        panic!("a section {}", section.name());
                    };
                    for function in section {
                        let function = function.unwrap();
                        let of_function = function.hints.into_iter().map(Result::unwrap);
                        hints.extend(of_function.map(|hint| (function.func, hint)));
                    }
                }
                _ => (),
            }
        }
        let operator = |function: u32, offset: u32| {
            let body = &bodies[function as usize - 1];
            let position = body.range().start + u64::from(offset);
            let mut operators = body
                .get_operators_reader()
                .unwrap()
                .into_iter_with_offsets();
            let (operator, _) = operators
                .find_map(|operator| operator.ok().filter(|(_, at)| *at == position))
                .expect("an operator at the offset");
            format!("{operator:?}")
        };
        hints
            .into_iter()
            .map(|(function, hint)| (function, operator(function, hint.func_offset), hint.taken))
            .collect()
    }

    #[test]
    fn one_sided_branches_are_hinted() {
        let branches = Branches {
            zero: [1, 2].into(),
            nonzero: [0, 1].into(),
        };
        let hinted = hint(&sample(), &branches).unwrap();
        assert_eq!(
            hints_of(&hinted),
            [
                (2, "If { blockty: Empty }".to_owned(), true),
                (2, "BrIf { relative_depth: 0 }".to_owned(), false),
            ]
        );
    }

    #[test]
    fn branches_that_were_not_executed_are_not_hinted() {
        let hinted = hint(&sample(), &Branches::default()).unwrap();
        assert!(hints_of(&hinted).is_empty());
    }
}
