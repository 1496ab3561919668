//! The host calls that the filter needs. None of them panics: an unexpected status becomes `None` or has
//! no effect.
//!
//! The SDK's own wrappers panic on unknown statuses, and on headers that are not UTF-8, which a caller can
//! send. Source: the proxy-wasm ABI 0.2.1 specification.
#![allow(unsafe_code)]

use crate::http::headers::{Field, Headers};
use crate::time::Timestamp;
use std::ptr::null_mut;

pub const OK: u32 = 0;
pub const NOT_FOUND: u32 = 1;
pub const CAS_MISMATCH: u32 = 8;
pub const INTERNAL_FAILURE: u32 = 10;

#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Map {
    Request = 0,
    Response = 2,
    CallResponse = 6,
}

#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_shared_data(
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        name: *const u8,
        name_size: usize,
        data: *const u8,
        size: usize,
        cas: u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_done() -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

pub fn log(level: log::Level, text: &str) {
    let level = match level {
        log::Level::Trace => 0,
        log::Level::Debug => 1,
        log::Level::Info => 2,
        log::Level::Warn => 3,
        log::Level::Error => 4,
    };
    // SAFETY: pointer and size describe a live string.
    unsafe { proxy_log(level, text.as_ptr(), text.len()) };
}

/// Returns the current time, or the epoch if the host has no clock; in that case, no token is valid yet.
pub fn now() -> Timestamp {
    clock().0
}

/// Returns the current time, and the same time in nanoseconds with the host's precision.
pub fn clock() -> (Timestamp, u64) {
    let mut nanos = 0;
    // SAFETY: the pointer is to a live u64.
    unsafe { proxy_get_current_time_nanoseconds(&mut nanos) };
    (Timestamp::from_millis(nanos / 1_000_000), nanos)
}

pub fn set_tick_period(millis: u32) {
    // SAFETY: the call takes a number only.
    unsafe { proxy_set_tick_period_milliseconds(millis) };
}

/// Returns at most `max` bytes from the start of a buffer.
pub fn buffer(buffer: Buffer, max: usize) -> Option<Vec<u8>> {
    piece(buffer, 0, max)
}

/// Returns at most `max` bytes of a buffer, from `start`.
pub fn piece(buffer: Buffer, start: usize, max: usize) -> Option<Vec<u8>> {
    // SAFETY: the host writes both, or neither.
    owned(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, start, max, data, size) })
}

/// Replaces the first `size` bytes of a buffer.
#[must_use]
pub fn replace(buffer: Buffer, size: usize, with: &[u8]) -> bool {
    // SAFETY: pointer and size describe live bytes.
    let status =
        unsafe { proxy_set_buffer_bytes(buffer as u32, 0, size, with.as_ptr(), with.len()) };
    status == OK
}

/// Returns all header fields of a map as raw bytes.
pub fn headers(map: Map) -> Option<Headers> {
    // SAFETY: the host writes both, or neither.
    let pairs = owned(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })?;
    let fields = unpack(&pairs)?;
    Some(Headers::over(pairs, fields))
}

pub fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    owned(|data, size| {
        // SAFETY: pointer and size describe a live string; the host writes data and size, or neither.
        unsafe { proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size) }
    })
}

#[must_use]
pub fn set_header(map: Map, name: &str, value: &str) -> bool {
    let (map, text) = (map as u32, value.as_ptr());
    // SAFETY: pointers and sizes describe live strings.
    let status = unsafe {
        proxy_replace_header_map_value(map, name.as_ptr(), name.len(), text, value.len())
    };
    status == OK
}

#[must_use]
pub fn remove_header(map: Map, name: &str) -> bool {
    // SAFETY: pointer and size describe a live string.
    let status = unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    status == OK
}

/// Returns a property by its path, whose parts are separated by zero bytes.
pub fn property(path: &str) -> Option<Vec<u8>> {
    // SAFETY: pointer and size describe a live string; the host writes data and size, or neither.
    owned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Returns the host's status for reading a property.
pub fn property_status(path: &str) -> u32 {
    let mut status = OK;
    // Taking ownership frees the value.
    let _ = owned(|data, size| {
        // SAFETY: pointer and size describe a live string; the host writes data and size, or neither.
        status = unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) };
        status
    });
    status
}

/// Returns how many bytes of the effective context's request have arrived, headers included. Envoy counts
/// them on arrival, whether or not it delivers them to filters.
pub fn received() -> Option<u64> {
    let bytes = property("request\0total_size")?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Sets filter state `wasm.<name>`.
pub fn set_filter_state(name: &str, value: &str) {
    // SAFETY: pointers and sizes describe live strings.
    unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

/// Answers the request of the effective context.
#[must_use]
pub fn reply(
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    details: &str,
    grpc_status: i32,
) -> bool {
    let headers = pack(headers);
    // SAFETY: pointers and sizes describe live buffers.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    };
    status == OK
}

/// Selects the context of the following calls. Returns false if the context no longer exists.
#[must_use]
pub fn set_effective_context(context: u32) -> bool {
    // SAFETY: the call takes a number only.
    unsafe { proxy_set_effective_context(context) == OK }
}

/// Resumes the paused request of the effective context.
pub fn resume_request() {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: the call takes a number only.
    unsafe { proxy_continue_stream(HTTP_REQUEST) };
}

/// Resumes the paused response of the effective context.
pub fn resume_response() {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: the call takes a number only.
    unsafe { proxy_continue_stream(HTTP_RESPONSE) };
}

/// Calls a foreign function, which the host provides beyond the ABI. `None`: the function does not exist or
/// failed. Some hosts abort the VM on an unknown name, so call it only on a host that is known to have it.
pub fn call_foreign(name: &str, argument: &[u8]) -> Option<Vec<u8>> {
    let (text, bytes) = (name.as_ptr(), argument.as_ptr());
    owned(|data, size| {
        // SAFETY: pointers and sizes describe live buffers; the host writes data and size, or neither.
        unsafe { proxy_call_foreign_function(text, name.len(), bytes, argument.len(), data, size) }
    })
}

/// Returns an entry of the shared data of this `vm_id`, with its `cas`. `Err` is the host's status. Hosts
/// without shared data abort the VM, so call it only on a host that is known to have it.
pub fn shared_data(name: &str) -> Result<Option<(Vec<u8>, u32)>, u32> {
    let (mut cas, mut status) = (0, OK);
    let value = owned(|data, size| {
        // SAFETY: pointer and size describe a live string; the host writes data, size and cas, or nothing.
        status = unsafe { proxy_get_shared_data(name.as_ptr(), name.len(), data, size, &mut cas) };
        status
    });
    match (status, value) {
        (OK, Some(value)) => Ok(Some((value, cas))),
        (NOT_FOUND, _) => Ok(None),
        (status, _) => Err(status),
    }
}

/// Writes an entry of the shared data and returns the host's status.
pub fn set_shared_data(name: &str, value: &[u8], cas: u32) -> u32 {
    // SAFETY: pointers and sizes describe live bytes.
    unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), cas) }
}

/// Completes a shutdown for which `on_done` returned false. Some hosts abort the VM on this call.
pub fn done() {
    // SAFETY: the call takes no arguments.
    unsafe { proxy_done() };
}

#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Metric {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

pub fn define_metric(kind: Metric, name: &str) -> Option<u32> {
    let mut id = 0;
    // SAFETY: pointer and size describe a live string, the last pointer is to a live u32.
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) };
    (status == OK).then_some(id)
}

/// Adds to a counter or a gauge; for a gauge the number may be negative.
pub fn move_metric(id: u32, by: i64) {
    // SAFETY: the call takes numbers only.
    unsafe { proxy_increment_metric(id, by) };
}

/// Sets a gauge, or adds a value to a histogram.
pub fn record_metric(id: u32, value: u64) {
    // SAFETY: the call takes numbers only.
    unsafe { proxy_record_metric(id, value) };
}

/// Takes ownership of a buffer that the host allocated through `proxy_on_memory_allocate`.
fn owned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut data: *mut u8 = null_mut();
    let mut size = 0;
    match call(&mut data, &mut size) == OK {
        true if data.is_null() => Some(Vec::new()),
        // SAFETY: the SDK's allocator created the buffer as a boxed slice of exactly this size.
        true => Some(unsafe { Vec::from_raw_parts(data, size, size) }),
        false => None,
    }
}

/// Parses a serialized map: the count, the sizes of each name and value, then each name and value followed
/// by a zero. `None` if the map is inconsistent.
fn unpack(bytes: &[u8]) -> Option<Vec<Field>> {
    let number = |at: usize| -> Option<usize> {
        let four = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
    };
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let count = number(0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut fields = Vec::with_capacity(count.min(bytes.len()));
    for field in 0..count {
        let sizes = field * 8 + 4;
        let mut take = |size: usize| {
            let piece = at..at.checked_add(size)?;
            at = piece.end.checked_add(1)?;
            (piece.end <= bytes.len()).then_some(piece)
        };
        fields.push((take(number(sizes)?)?, take(number(sizes + 4)?)?));
    }
    Some(fields)
}

fn pack(fields: &[(&str, &str)]) -> Vec<u8> {
    // The usual size of a denial's headers.
    let mut bytes = Vec::with_capacity(768);
    let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    bytes.extend(number(fields.len()));
    for (name, value) in fields {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for (name, value) in fields {
        for text in [name, value] {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}
