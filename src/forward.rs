//! What a permitted request carries to the upstream, and what no request ever does.

use crate::token::claim_path::ClaimPath;

/// The compiled form of `forward`.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    /// Header (lower case) and what of the identity it tells the upstream.
    pub identity_headers: Vec<(String, IdentityField)>,
    /// Value of `X-HF-Bill-To`.
    pub bill_to: Option<String>,
}

/// What an identity header can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityField {
    Object,
    Client,
    Tenant,
    Subject,
    Issuer,
    Kind,
    /// Any scalar claim.
    Claim(ClaimPath),
}
