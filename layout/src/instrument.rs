//! Instruments a module so that it reports each called function, direct call and conditional branch to the host.

use std::convert::Infallible;

use strict_host::{BRANCHED, CALLED, ENTERED};
use wasm_encoder::{
    CodeSection, EntityType, ImportSection, Instruction, Module, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{CodeSectionReader, ImportSectionReader, Parser, TypeSectionReader};

use crate::module;

pub type Error = reencode::Error<Infallible>;

/// Returns `wasm` with calls of three more imports. Each of its own functions begins with a call of [`ENTERED`] with its index in
/// `wasm`. Each `if` and `br_if` passes its condition through [`BRANCHED`], with its number among these instructions. Each direct
/// call is preceded by a call of [`CALLED`] with its number. Both numbers count from 0 in the order of `wasm`.
///
/// # Errors
/// `wasm` is not a module.
pub fn instrument(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut instrumentation = Instrumentation {
        imported: module::imported_functions(wasm)?,
        entered_type: 0,
        branches: 0,
        calls: 0,
    };
    let mut module = Module::new();
    instrumentation.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Instrumentation {
    /// The number of functions that the original imports; the new imports follow them.
    imported: u32,
    /// The type of the first new import; the types of the others follow it.
    entered_type: u32,
    /// The number of conditional branches so far.
    branches: u32,
    /// The number of direct calls so far.
    calls: u32,
}

impl Reencode for Instrumentation {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let new = if function >= self.imported { 3 } else { 0 };
        Ok(function + new)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        self.entered_type = types.len();
        types.ty().function([ValType::I32], []);
        types
            .ty()
            .function([ValType::I32, ValType::I32], [ValType::I32]);
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_import_section(self, imports, section)?;
        for ((module, name), r#type) in [ENTERED, BRANCHED, CALLED]
            .into_iter()
            .zip(self.entered_type..)
        {
            imports.import(module, name, EntityType::Function(r#type));
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for (index, body) in (self.imported..).zip(section) {
            let body = body?;
            let mut function = self.new_function_with_parsed_locals(&body)?;
            let entered = self.imported;
            function
                .instructions()
                .i32_const(index.cast_signed())
                .call(entered);
            let mut instructions = body.get_operators_reader()?;
            while !instructions.eof() {
                let instruction = self.parse_instruction(&mut instructions)?;
                if let Instruction::If(_) | Instruction::BrIf(_) = instruction {
                    let branch = self.branches.cast_signed();
                    function
                        .instructions()
                        .i32_const(branch)
                        .call(self.imported + 1);
                    self.branches += 1;
                }
                if let Instruction::Call(_) = instruction {
                    let call = self.calls.cast_signed();
                    function
                        .instructions()
                        .i32_const(call)
                        .call(self.imported + 2);
                    self.calls += 1;
                }
                function.instruction(&instruction);
            }
            code.function(&function);
        }
        Ok(())
    }
}
