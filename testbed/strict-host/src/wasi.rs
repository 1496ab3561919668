//! The WASI preview 1 imports that Rust's standard library needs.

use wasmi::{Caller, Error, Linker};

use super::guest::{memory, read, write};
use super::state::State;

type Guest<'a> = Caller<'a, State>;
type Called = Result<i32, Error>;

const WASI: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;

pub(super) fn define(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        WASI,
        "random_get",
        |mut guest: Guest, at: u32, size: u32| -> Called {
            let mut bytes = vec![0; size as usize];
            guest.data_mut().random(&mut bytes);
            write(&mut guest, at, &bytes).map(|()| SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut guest: Guest, _clock: i32, _precision: i64, to: u32| -> Called {
            let now = guest.data().now;
            write(&mut guest, to, &now.to_le_bytes()).map(|()| SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut guest: Guest, count: u32, size: u32| -> Called {
            let variables = environment(&guest);
            let bytes: usize = variables.iter().map(Vec::len).sum();
            write(&mut guest, count, &(variables.len() as u32).to_le_bytes())?;
            write(&mut guest, size, &(bytes as u32).to_le_bytes()).map(|()| SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_get",
        |mut guest: Guest, mut pointers: u32, mut texts: u32| -> Called {
            for variable in environment(&guest) {
                write(&mut guest, pointers, &texts.to_le_bytes())?;
                write(&mut guest, texts, &variable)?;
                pointers += 4;
                texts += variable.len() as u32;
            }
            Ok(SUCCESS)
        },
    )?;
    // A panic's message ends up here: it is the reason that a test wants to see.
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut guest: Guest, _fd: i32, mut pieces: u32, count: u32, to: u32| -> Called {
            let mut written = Vec::new();
            for _ in 0..count {
                let piece = read(&guest, pieces, 8)?;
                let [at, size] = [0, 4].map(|start| {
                    let four = piece
                        .get(start..start + 4)
                        .and_then(|four| four.try_into().ok());
                    u32::from_le_bytes(four.unwrap_or_default())
                });
                written.extend(read(&guest, at, size)?);
                pieces += 8;
            }
            memory(&guest)?;
            write(&mut guest, to, &(written.len() as u32).to_le_bytes())?;
            let text = String::from_utf8_lossy(&written).into_owned();
            guest.data_mut().logs.push((5, text));
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "proc_exit",
        |_: Guest, code: i32| -> Result<(), Error> {
            Err(Error::new(format!("proc_exit({code}) must not be called")))
        },
    )?;
    Ok(())
}

fn environment(guest: &Guest) -> Vec<Vec<u8>> {
    let variables = guest.data().settings.environment.iter();
    variables
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}
