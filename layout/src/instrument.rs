//! Instruments a module: it reports each function that is called to the host.

use std::convert::Infallible;

use testbed::vm::ENTERED;
use wasm_encoder::{
    CodeSection, EntityType, ImportSection, Instruction, Module, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{CodeSectionReader, ImportSectionReader, Parser, TypeSectionReader};

use crate::module;

pub type Error = reencode::Error<Infallible>;

/// Returns the module in which each of its own functions begins with a call of the import [`ENTERED`], with the function's
/// index in `wasm`.
///
/// # Errors
/// `wasm` is not a module.
pub fn instrument(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut instrumentation = Instrumentation {
        imported: module::imported_functions(wasm)?,
        entered_type: 0,
    };
    let mut module = Module::new();
    instrumentation.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Instrumentation {
    /// The number of functions that the original imports; the new import follows them.
    imported: u32,
    /// The type of the new import.
    entered_type: u32,
}

impl Reencode for Instrumentation {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(function + u32::from(function >= self.imported))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        self.entered_type = types.len();
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_import_section(self, imports, section)?;
        let (module, name) = ENTERED;
        imports.import(module, name, EntityType::Function(self.entered_type));
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
            function.instructions().i32_const(index.cast_signed());
            function.instruction(&Instruction::Call(self.imported));
            let mut instructions = body.get_operators_reader()?;
            while !instructions.eof() {
                function.instruction(&self.parse_instruction(&mut instructions)?);
            }
            code.function(&function);
        }
        Ok(())
    }
}
