//! Claims that are not in the token, because they did not fit.

use super::Texts;
use super::reader::{ClaimReader, Fact};
use crate::json::raw::Object;
use crate::token::claim_path::ClaimPath;
use crate::token::issuer::Issuer;

/// The contents of `_claim_names`.
#[derive(Default)]
pub(super) struct Elsewhere {
    pub groups: bool,
    pub others: Texts,
}

/// Reads `_claim_names`, which lists claims that are not in the token. Claims with a [`Fact`] become
/// unclear; the names of other retained claims are returned.
pub(super) fn read_elsewhere(
    issuer: &Issuer,
    all: &Object<'_>,
    reader: &mut ClaimReader,
) -> Elsewhere {
    let Some(names) = all.get("_claim_names") else {
        return Elsewhere::default();
    };
    let claims = &issuer.claims;
    let default_scopes = ["scope", "scp"].map(Some);
    let default_clients = ["azp", "appid", "client_id"].map(Some);
    let object = names.object();
    let is_elsewhere = |name: Option<&str>| match &object {
        Some(names) => name.is_some_and(|name| names.has(name)),
        // The claim names are unreadable, so any claim may be elsewhere.
        None => true,
    };
    let any = |configured: Option<Option<&str>>, defaults: &[Option<&str>]| match configured {
        Some(name) => is_elsewhere(name),
        None => defaults.iter().any(|name| is_elsewhere(*name)),
    };
    let mut note = |fact, is_elsewhere: bool| {
        if is_elsewhere {
            reader.unclear.add(fact);
        }
    };
    note(Fact::Roles, is_elsewhere(claims.roles.path.first()));
    note(
        Fact::Scopes,
        any(claims.scope.as_ref().map(ClaimPath::first), &default_scopes),
    );
    note(
        Fact::Client,
        any(
            claims.client.as_ref().map(ClaimPath::first),
            &default_clients,
        ),
    );
    note(Fact::Tenant, is_elsewhere(claims.tenant.first()));
    note(Fact::DirectoryRoles, is_elsewhere(Some("wids")));
    note(Fact::ManagedIdentity, is_elsewhere(Some("xms_mirid")));
    note(Fact::Session, is_elsewhere(Some("sid")));
    let is_token_id = is_elsewhere(Some("uti")) || is_elsewhere(Some("jti"));
    note(Fact::TokenId, is_token_id);
    let others = issuer
        .retained
        .names()
        .filter(|name| is_elsewhere(Some(name)));
    Elsewhere {
        groups: is_elsewhere(claims.groups.path.first()),
        others: others.map(Box::from).collect(),
    }
}
