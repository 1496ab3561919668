//! The filter's memory: reading and writing data, and the encoding of maps.

use wasmi::{Caller, Error, Memory};

use super::rules::{Trap, trap};
use super::state::State;
use super::stream::Fields;

pub(super) type Guest<'a> = Caller<'a, State>;

pub(super) fn aborted(trap: Trap) -> Error {
    Error::new(trap.0)
}

pub(super) fn allocate(guest: &mut Guest, size: u32) -> Result<u32, Error> {
    let allocate = guest
        .get_export("proxy_on_memory_allocate")
        .and_then(wasmi::Extern::into_func)
        .ok_or_else(|| Error::new("the filter exports no allocator"))?;
    allocate.typed::<u32, u32>(&*guest)?.call(guest, size)
}

pub(super) fn memory(guest: &Guest) -> Result<Memory, Error> {
    guest
        .get_export("memory")
        .and_then(wasmi::Extern::into_memory)
        .ok_or_else(|| Error::new("the filter exports no memory"))
}

pub(super) fn read(guest: &Guest, at: u32, size: u32) -> Result<Vec<u8>, Error> {
    let (start, size) = (at as usize, size as usize);
    let memory = memory(guest)?.data(guest);
    let bytes = memory.get(start..start + size);
    bytes
        .map(<[u8]>::to_vec)
        .ok_or_else(|| Error::new("a pointer beyond the memory"))
}

pub(super) fn text(guest: &Guest, at: u32, size: u32) -> Result<String, Error> {
    String::from_utf8(read(guest, at, size)?).map_err(|_| Error::new("a text that is not UTF-8"))
}

pub(super) fn write(guest: &mut Guest, at: u32, bytes: &[u8]) -> Result<(), Error> {
    let memory = memory(guest)?;
    memory
        .write(&mut *guest, at as usize, bytes)
        .map_err(|_| Error::new("a pointer beyond the memory"))
}

/// Encodes a map: the number of fields, the sizes of each name and value, then each name and value followed by a zero byte.
pub(super) fn pack(fields: &Fields) -> Vec<u8> {
    let mut bytes = (fields.len() as u32).to_le_bytes().to_vec();
    for (name, value) in fields {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in fields {
        bytes.extend([name.as_bytes(), &[0], value, &[0]].concat());
    }
    bytes
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Fields, Error> {
    unpacked(bytes).map_err(aborted)
}

fn unpacked(bytes: &[u8]) -> Result<Fields, Trap> {
    let number = |at: usize| match bytes.get(at..at + 4) {
        Some(four) => Ok(u32::from_le_bytes(four.try_into().unwrap_or_default()) as usize),
        None => trap("a map that ends early"),
    };
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let count = number(0)?;
    let mut at = 4 + 8 * count;
    let mut take = |size: usize| {
        let piece = bytes.get(at..at + size);
        at += size + 1;
        piece.ok_or_else(|| Trap("a map that ends early".into()))
    };
    (0..count)
        .map(|field| {
            let name = take(number(4 + 8 * field)?)?;
            let value = take(number(8 + 8 * field)?)?.to_vec();
            let name = std::str::from_utf8(name);
            Ok((
                name.map_err(|_| Trap("a name that is not UTF-8".into()))?
                    .to_owned(),
                value,
            ))
        })
        .collect()
}
