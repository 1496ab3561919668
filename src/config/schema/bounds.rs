//! Formats and bounds that the wire types refer to in the schema.

pub(in crate::config) use super::super::compile::{
    MOST_BYTES, MOST_ENTRIES, MOST_HOPS, MOST_REVOCATIONS,
};
use crate::keys::algorithm::Algorithm;
pub(in crate::config) use crate::usage::charge::MOST as MOST_CHARGED;

pub(in crate::config) const NAME: &str = "^[a-z0-9-]{1,63}$";
/// Visible ASCII.
pub(in crate::config) const BILL_TO: &str = "^[!-~]+$";
pub(in crate::config) const GUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
pub(in crate::config) const TENANT: &str =
    "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|^\\*$";
pub(in crate::config) const DOMAIN: &str = "^[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$";
pub(in crate::config) const URI: &str = "^https?://";
/// Hours and minutes, up to 24:00.
pub(in crate::config) const TIME_OF_DAY: &str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
/// The JSON types of a scalar claim.
pub(in crate::config) const SCALAR: [&str; 3] = ["string", "number", "boolean"];

pub(in crate::config) fn algorithms() -> Vec<&'static str> {
    let names = Algorithm::ALL.map(Algorithm::name).into_iter();
    names.chain(["Ed25519"]).collect()
}
