//! Reorders the functions of a module.

use std::convert::Infallible;

use wasm_encoder::{
    CodeSection, FunctionSection, Module,
    reencode::{Reencode, utils},
};
use wasmparser::{CodeSectionReader, CustomSectionReader, FunctionSectionReader, Parser};

use crate::{instrument::Error, module};

/// Returns `wasm` with the functions of `first` (indices in `wasm`) at the front, in this order. All other functions keep their
/// order. Custom sections are dropped, since nothing needs them at run time.
///
/// # Errors
/// `wasm` is not a module.
pub fn arrange(wasm: &[u8], first: &[u32]) -> Result<Vec<u8>, Error> {
    let imported = module::imported_functions(wasm)?;
    let mut arranged = Reordering::new(imported, module::function_types(wasm)?.len() as u32, first);
    let mut module = Module::new();
    arranged.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Reordering {
    imported: u32,
    /// By new position: the index of the function among the module's own functions.
    order: Vec<usize>,
    /// By index among the module's own functions: the new position.
    positions: Vec<u32>,
}

impl Reordering {
    fn new(imported: u32, own: u32, first: &[u32]) -> Self {
        let mut is_first = vec![false; own as usize];
        let mut order = Vec::with_capacity(own as usize);
        let own_indices = first.iter().filter_map(|index| index.checked_sub(imported));
        for index in own_indices.map(|index| index as usize) {
            if let Some(seen @ false) = is_first.get_mut(index) {
                *seen = true;
                order.push(index);
            }
        }
        order.extend((0..is_first.len()).filter(|index| !is_first[*index]));
        let mut positions = vec![0; order.len()];
        for (position, index) in (0..).zip(&order) {
            positions[*index] = position;
        }
        Self {
            imported,
            order,
            positions,
        }
    }
}

impl Reencode for Reordering {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let own_index = function.checked_sub(self.imported);
        let position = own_index.and_then(|index| self.positions.get(index as usize));
        Ok(position.map_or(function, |position| self.imported + position))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        let types: Vec<u32> = section.into_iter().collect::<Result<_, _>>()?;
        for index in self.order.clone() {
            functions.function(self.type_index(types[index])?);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        let bodies: Vec<_> = section.into_iter().collect::<Result<_, _>>()?;
        for index in self.order.clone() {
            utils::parse_function_body(self, code, bodies[index].clone())?;
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{call_result, sample};
    use wasmparser::Payload;

    /// The sizes of the module's own functions, in their order.
    fn sizes(wasm: &[u8]) -> Vec<usize> {
        let payloads = Parser::new(0).parse_all(wasm).map(Result::unwrap);
        payloads
            .filter_map(|payload| match payload {
                Payload::CodeSectionEntry(body) => Some(body.as_bytes().len()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn calls_reach_moved_functions() {
        let sample = sample();
        assert_eq!(call_result(&sample), 1111);
        assert_eq!(sizes(&sample), [4, 4, 5, 16]);
        for (first, expected) in [
            (&[][..], [4, 4, 5, 16]),
            (&[4], [16, 4, 4, 5]),
            (&[3, 2], [5, 4, 4, 16]),
            // The import stays where it is; an index that appears twice moves once; an index that does not exist has no effect.
            (&[4, 0, 3, 4, 99], [16, 5, 4, 4]),
        ] {
            let arranged = arrange(&sample, first).unwrap();
            assert_eq!(call_result(&arranged), 1111, "{first:?}");
            assert_eq!(sizes(&arranged), expected, "{first:?}");
            assert_eq!(arrange(&arranged, &[]).unwrap(), arranged, "{first:?}");
        }
    }

    #[test]
    fn instrumented_module_returns_the_same_result() {
        assert_eq!(
            call_result(&crate::instrument::instrument(&sample()).unwrap()),
            1111
        );
    }

    #[test]
    fn invalid_module_is_rejected() {
        for wasm in [&b""[..], b"\0asm", b"not a module"] {
            assert!(arrange(wasm, &[]).is_err());
        }
    }
}
