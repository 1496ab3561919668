//! The imports of the filter: numbers and pointers in, a status out. `state` implements their effects.

use wasmi::{Error, Linker};

use super::guest::{Guest, aborted, allocate, pack, read, text, unpack, write};
use super::rules::{Answered, Status, Trap};
use super::state::State;
use super::stream::LocalReply;

type Called = Result<u32, Error>;

const ENV: &str = "env";

/// Defines the functions that a proxy-wasm filter may import. `proxy_get_log_level` is not among them:
/// importing it breaks ngx_wasm_module even if it is never called.
pub(super) fn define(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    calls(linker)?;
    maps(linker)?;
    streams(linker)?;
    shared(linker)?;
    unused(linker)
}

fn calls(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        ENV,
        "proxy_log",
        |mut guest: Guest, level: u32, at: u32, size: u32| {
            let text = text(&guest, at, size)?;
            guest.data_mut().logs.push((level, text));
            Ok::<u32, Error>(0)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_current_time_nanoseconds",
        |mut guest: Guest, to: u32| {
            let now = guest.data().now;
            write(&mut guest, to, &now.to_le_bytes())?;
            Ok::<u32, Error>(0)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_tick_period_milliseconds",
        |mut guest: Guest, millis: u32| done(guest.data_mut().set_tick_period(millis)),
    )?;
    linker.func_wrap(
        ENV,
        "proxy_http_call",
        |mut guest: Guest,
         at: u32,
         size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         _trailers: u32,
         _trailers_size: u32,
         millis: u32,
         to: u32|
         -> Called {
            let cluster = text(&guest, at, size)?;
            let headers = unpack(&read(&guest, headers, headers_size)?)?;
            let body = read(&guest, body, body_size)?;
            let called = guest.data_mut().call(&cluster, headers, body, millis);
            number(&mut guest, called, to)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_call_foreign_function",
        |mut guest: Guest,
         at: u32,
         size: u32,
         argument: u32,
         argument_size: u32,
         to: u32,
         to_size: u32|
         -> Called {
            let name = text(&guest, at, size)?;
            let argument = read(&guest, argument, argument_size)?;
            let answer = guest.data_mut().foreign(&name, &argument);
            bytes(&mut guest, answer, to, to_size)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_define_metric",
        |mut guest: Guest, kind: u32, at: u32, size: u32, to: u32| -> Called {
            let name = text(&guest, at, size)?;
            let id = guest.data_mut().define_metric(kind, &name);
            number(&mut guest, id, to)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_increment_metric",
        |mut guest: Guest, id: u32, by: i64| done(guest.data_mut().increment_metric(id, by)),
    )?;
    linker.func_wrap(
        ENV,
        "proxy_record_metric",
        |mut guest: Guest, id: u32, value: u64| done(guest.data_mut().record_metric(id, value)),
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_metric",
        |mut guest: Guest, id: u32, to: u32| -> Called {
            match guest.data().metric(id).map_err(aborted)? {
                Ok(value) => write(&mut guest, to, &value.to_le_bytes()).map(|()| 0),
                Err(status) => Ok(status as u32),
            }
        },
    )?;
    Ok(())
}

fn maps(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        ENV,
        "proxy_get_buffer_bytes",
        |mut guest: Guest, kind: u32, start: u32, max: u32, to: u32, to_size: u32| -> Called {
            let piece = guest.data_mut().buffer(kind, start as usize, max as usize);
            bytes(&mut guest, piece, to, to_size)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_buffer_bytes",
        |mut guest: Guest, kind: u32, start: u32, old: u32, at: u32, size: u32| -> Called {
            let new = read(&guest, at, size)?;
            let state = guest.data_mut();
            done(state.set_buffer(kind, start as usize, old as usize, &new))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_header_map_pairs",
        |mut guest: Guest, kind: u32, to: u32, to_size: u32| -> Called {
            let pairs = guest.data_mut().pairs(kind);
            let packed = pairs.map(|pairs| pairs.map(|pairs| pack(&pairs)));
            bytes(&mut guest, packed, to, to_size)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_header_map_value",
        |mut guest: Guest, kind: u32, at: u32, size: u32, to: u32, to_size: u32| -> Called {
            let name = text(&guest, at, size)?;
            let value = guest.data_mut().header(kind, &name);
            bytes(&mut guest, value, to, to_size)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_replace_header_map_value",
        |mut guest: Guest, kind: u32, at: u32, size: u32, value: u32, value_size: u32| -> Called {
            let name = text(&guest, at, size)?;
            let value = read(&guest, value, value_size)?;
            done(guest.data_mut().set_header(kind, &name, Some(&value)))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_add_header_map_value",
        |mut guest: Guest, kind: u32, at: u32, size: u32, value: u32, value_size: u32| -> Called {
            let name = text(&guest, at, size)?;
            let value = read(&guest, value, value_size)?;
            done(guest.data_mut().add_header(kind, &name, &value))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_remove_header_map_value",
        |mut guest: Guest, kind: u32, at: u32, size: u32| -> Called {
            let name = text(&guest, at, size)?;
            done(guest.data_mut().set_header(kind, &name, None))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_get_property",
        |mut guest: Guest, at: u32, size: u32, to: u32, to_size: u32| -> Called {
            let path = text(&guest, at, size)?;
            let value = guest.data_mut().property(&path);
            bytes(&mut guest, value, to, to_size)
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_property",
        |mut guest: Guest, at: u32, size: u32, value: u32, value_size: u32| -> Called {
            let path = text(&guest, at, size)?;
            let value = read(&guest, value, value_size)?;
            done(guest.data_mut().set_property(&path, &value))
        },
    )?;
    Ok(())
}

fn streams(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        ENV,
        "proxy_send_local_response",
        |mut guest: Guest,
         status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: i32|
         -> Called {
            let reply = LocalReply {
                status,
                details: text(&guest, details, details_size)?,
                body: read(&guest, body, body_size)?,
                headers: unpack(&read(&guest, headers, headers_size)?)?,
                grpc_status,
            };
            done(guest.data_mut().reply(reply))
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_effective_context",
        |mut guest: Guest, context: u32| done(guest.data_mut().set_effective_context(context)),
    )?;
    linker.func_wrap(
        ENV,
        "proxy_continue_stream",
        |mut guest: Guest, _stream: u32| done(guest.data_mut().continue_stream()),
    )?;
    Ok(())
}

fn shared(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        ENV,
        "proxy_get_shared_data",
        |mut guest: Guest, at: u32, size: u32, to: u32, to_size: u32, to_cas: u32| -> Called {
            let key = text(&guest, at, size)?;
            match guest.data_mut().shared_data(&key).map_err(aborted)? {
                Ok((value, cas)) => {
                    write(&mut guest, to_cas, &cas.to_le_bytes())?;
                    bytes(&mut guest, Ok(Ok(value)), to, to_size)
                }
                Err(status) => Ok(status as u32),
            }
        },
    )?;
    linker.func_wrap(
        ENV,
        "proxy_set_shared_data",
        |mut guest: Guest, at: u32, size: u32, value: u32, value_size: u32, cas: u32| -> Called {
            let key = text(&guest, at, size)?;
            let value = read(&guest, value, value_size)?;
            done(guest.data_mut().set_shared_data(&key, &value, cas))
        },
    )?;
    Ok(())
}

/// Functions that the SDK imports and the filter must not call.
fn unused(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    macro_rules! forbid {
        ($($name:literal: ($($parameter:ident: $kind:ty),*);)*) => {$(
            linker.func_wrap(ENV, $name, |_: Guest, $($parameter: $kind),*| -> Called {
                $(let _ = $parameter;)*
                Err(aborted(Trap(format!("{} must not be called", $name))))
            })?;
        )*};
    }
    forbid! {
        "proxy_done": ();
        "proxy_close_stream": (stream: u32);
        "proxy_get_status": (a: u32, b: u32, c: u32);
        "proxy_set_header_map_pairs": (a: u32, b: u32, c: u32);
        "proxy_register_shared_queue": (a: u32, b: u32, c: u32);
        "proxy_resolve_shared_queue": (a: u32, b: u32, c: u32, d: u32, e: u32);
        "proxy_dequeue_shared_queue": (a: u32, b: u32, c: u32);
        "proxy_enqueue_shared_queue": (a: u32, b: u32, c: u32);
        "proxy_grpc_cancel": (a: u32);
        "proxy_grpc_close": (a: u32);
        "proxy_grpc_send": (a: u32, b: u32, c: u32, d: u32);
        "proxy_grpc_stream": (a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32);
        "proxy_grpc_call": (a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32, j: u32, k: u32, l: u32);
    }
    Ok(())
}

fn done(answered: Answered<()>) -> Called {
    let status = answered.map_err(aborted)?.err();
    Ok(status.unwrap_or(Status::Ok) as u32)
}

fn number(guest: &mut Guest, answered: Answered<u32>, to: u32) -> Called {
    match answered.map_err(aborted)? {
        Ok(number) => write(guest, to, &number.to_le_bytes()).map(|()| Status::Ok as u32),
        Err(status) => Ok(status as u32),
    }
}

/// Passes bytes in memory that the filter allocates; passes nothing if there are none.
fn bytes(guest: &mut Guest, answered: Answered<Vec<u8>>, to: u32, to_size: u32) -> Called {
    let value = match answered.map_err(aborted)? {
        Ok(value) => value,
        Err(status) => return Ok(status as u32),
    };
    let size = value.len() as u32;
    let at = match size {
        0 => 0,
        _ => allocate(guest, size)?,
    };
    if size > 0 {
        write(guest, at, &value)?;
    }
    write(guest, to, &at.to_le_bytes())?;
    write(guest, to_size, &size.to_le_bytes())?;
    Ok(Status::Ok as u32)
}
