//! Access of the gate to Envoy's shared data. The gate stays borrowed during these calls, since the host calls
//! back only to allocate memory.

use super::abi;
use crate::sharing::{Entry, SharedData, Unavailable};

pub struct HostData;

impl SharedData for HostData {
    fn get(&self, name: &str) -> Result<Option<Entry>, Unavailable> {
        match abi::shared_data(name) {
            Ok(found) => Ok(found.map(|(value, cas)| Entry { value, cas })),
            Err(_) => Err(Unavailable),
        }
    }

    fn set(&self, name: &str, value: &[u8], cas: u32) -> Result<bool, Unavailable> {
        match abi::set_shared_data(name, value, cas) {
            abi::OK => Ok(true),
            abi::CAS_MISMATCH => Ok(false),
            _ => Err(Unavailable),
        }
    }
}
