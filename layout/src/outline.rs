//! Keeps V8 from inlining functions at calls that requests do not make.
//!
//! Envoy runs V8 without its baseline compiler, so V8 has no call counts, and inlines the first direct calls of each function,
//! whatever they are. That doubles the machine code of the filter and the time to compile it. V8 does not inline calls
//! through a table.

use std::{collections::BTreeMap, convert::Infallible};

use strict_host::Numbers;
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Module, TableType,
    reencode::{Reencode, utils},
};
use wasmparser::{CodeSectionReader, ElementSectionReader, Operator, Parser, Payload};

use crate::{instrument::Error, module};

/// Returns `wasm` with its direct calls, except those of imports and those that were made, turned into calls through its table.
/// `made` has the numbers of the direct calls that were made. `wasm` must have one table and must not grow it.
///
/// # Errors
/// `wasm` is not a module.
pub fn outline(wasm: &[u8], made: &Numbers) -> Result<Vec<u8>, Error> {
    let mut outlining = Outlining {
        imported: module::imported_functions(wasm)?,
        types: module::function_types(wasm)?,
        made,
        next_call: 0,
        slots: BTreeMap::new(),
        table_size: 0,
    };
    outlining.assign_slots(wasm)?;
    let mut module = Module::new();
    outlining.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Outlining<'a> {
    imported: u32,
    /// The type of each own function.
    types: Vec<u32>,
    made: &'a Numbers,
    /// The number of direct calls so far.
    next_call: u32,
    /// The place in the table of each function that is called through it; counted from the end of the original table.
    slots: BTreeMap<u32, u32>,
    /// The size of the original table.
    table_size: u32,
}

impl Outlining<'_> {
    fn assign_slots(&mut self, wasm: &[u8]) -> wasmparser::Result<()> {
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload? {
                for operator in body.get_operators_reader()? {
                    if let Operator::Call { function_index } = operator?
                        && self.is_outlined(function_index)
                    {
                        let next = self.slots.len() as u32;
                        self.slots.entry(function_index).or_insert(next);
                    }
                }
            }
        }
        self.next_call = 0;
        Ok(())
    }

    /// Whether the next direct call, which calls this function, goes through the table.
    fn is_outlined(&mut self, function: u32) -> bool {
        let call = self.next_call;
        self.next_call += 1;
        function >= self.imported && !self.made.contains(&call)
    }
}

impl Reencode for Outlining<'_> {
    type Error = Infallible;

    fn table_type(&mut self, table: wasmparser::TableType) -> Result<TableType, Error> {
        let mut table = utils::table_type(self, table)?;
        self.table_size = table.minimum as u32;
        table.minimum += self.slots.len() as u64;
        table.maximum = Some(table.minimum);
        Ok(table)
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: ElementSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_element_section(self, elements, section)?;
        let mut by_slot: Vec<(u32, u32)> = self.slots.iter().map(|(f, slot)| (*slot, *f)).collect();
        by_slot.sort_unstable();
        let functions: Vec<u32> = by_slot.into_iter().map(|(_, function)| function).collect();
        let first = ConstExpr::i32_const(self.table_size.cast_signed());
        elements.active(None, &first, Elements::Functions(functions.into()));
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for body in section {
            let body = body?;
            let mut function = self.new_function_with_parsed_locals(&body)?;
            let mut operators = body.get_operators_reader()?;
            while !operators.eof() {
                match operators.clone().read()? {
                    Operator::Call { function_index } if self.is_outlined(function_index) => {
                        operators.read()?;
                        let slot = self.table_size + self.slots[&function_index];
                        let r#type = self.types[(function_index - self.imported) as usize];
                        function
                            .instructions()
                            .i32_const(slot.cast_signed())
                            .call_indirect(0, r#type);
                    }
                    _ => {
                        function.instruction(&self.parse_instruction(&mut operators)?);
                    }
                }
            }
            code.function(&function);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{call_result, sample};

    /// The functions that are called directly.
    fn direct_calls(wasm: &[u8]) -> Vec<u32> {
        let mut called = Vec::new();
        for payload in Parser::new(0).parse_all(wasm).map(Result::unwrap) {
            if let Payload::CodeSectionEntry(body) = payload {
                for operator in body.get_operators_reader().unwrap() {
                    if let Operator::Call { function_index } = operator.unwrap() {
                        called.push(function_index);
                    }
                }
            }
        }
        called
    }

    #[test]
    fn calls_that_are_not_made_go_through_the_table() {
        let sample = sample();
        assert_eq!(direct_calls(&sample), [0, 1, 2]);
        for (made, expected) in [
            (&[0, 1, 2][..], &[0, 1, 2][..]),
            (&[1], &[0, 1]),
            // A call of an import stays, since it is never inlined.
            (&[], &[0]),
        ] {
            let outlined = outline(&sample, &made.iter().copied().collect()).unwrap();
            assert_eq!(direct_calls(&outlined), expected, "{made:?}");
            assert_eq!(call_result(&outlined), 1111, "{made:?}");
        }
    }
}
