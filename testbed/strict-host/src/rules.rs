//! The constants of the proxy-wasm ABI 0.2.1, and the two sets of rules.

/// The host whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Envoy 1.40.
    Envoy,
    /// ngx_wasm_module of April 2025, the engine of Kong 3.4 to 3.9: see `nginx`.
    Nginx,
}

impl Rules {
    pub const ALL: [Self; 2] = [Self::Envoy, Self::Nginx];
}

/// The status of a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    CasMismatch = 8,
    InternalFailure = 10,
}

/// The reason for which a host aborts the filter, hangs, crashes or lets a request bypass it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap(pub String);

/// A value or a status, or the trap that ends the filter.
pub type Answered<T> = Result<Result<T, Status>, Trap>;

pub fn trap<T>(text: impl Into<String>) -> Result<T, Trap> {
    Err(Trap(text.into()))
}

/// The current callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    VmStart,
    Configure,
    Tick,
    RequestHeaders,
    RequestBody,
    ResponseHeaders,
    ResponseBody,
    CallResponse,
    Log,
    Done,
}

/// Header maps.
pub mod map {
    pub const REQUEST: u32 = 0;
    pub const RESPONSE: u32 = 2;
    pub const CALL_RESPONSE: u32 = 6;
}

/// Buffers.
pub mod buffer {
    pub const REQUEST_BODY: u32 = 0;
    pub const RESPONSE_BODY: u32 = 1;
    pub const CALL_RESPONSE_BODY: u32 = 4;
    pub const CONFIGURATION: u32 = 7;
}
