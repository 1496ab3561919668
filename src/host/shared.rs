//! Envoy's shared data, as the gate asks for it. The gate is borrowed meanwhile: the host calls back for
//! memory only.

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
