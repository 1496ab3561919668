//! Trusted issuers and the checks on their tokens: the compiled form of `issuers`.

use super::claim_list::ClaimList;
use super::claim_path::ClaimPath;
use super::claim_set::RetainedClaims;
use super::kind::KindRule;
use crate::keys::algorithm::Algorithm;
use crate::text::consists_of;
use std::sync::Arc;

/// One trusted issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The configured name, as rules, audit and metrics use it.
    pub name: Arc<str>,
    pub authority: Authority,
    /// `aud` must contain one of these. GUIDs are compared case-insensitively, other values exactly.
    pub audiences: Arc<[String]>,
    /// The allowed client ids. Empty: all clients are allowed.
    pub clients: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub claims: ClaimNames,
    /// The other claims that are retained because the configuration refers to them. The same for all
    /// issuers.
    pub retained: RetainedClaims,
}

/// The kind of issuer, which determines the accepted values of `iss`.
#[derive(Clone, Debug)]
pub enum Authority {
    Entra(Entra),
    /// Any OpenID Connect provider; `iss` must equal this value.
    Oidc {
        issuer: String,
    },
}

/// Microsoft Entra ID: the accepted tenants, cloud and token versions.
#[derive(Clone, Debug)]
pub struct Entra {
    pub tenants: Tenants,
    pub cloud: Cloud,
    pub v1: bool,
    pub v2: bool,
    /// The API requests the facets as optional claims, so a token without them is not an agent's.
    pub agent_claims: bool,
}

/// The tenant allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    Any,
    /// GUIDs in lower case. Cached claims share them.
    Listed(Vec<Arc<str>>),
}

impl Tenants {
    pub fn allow(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tenants) => tenants.iter().any(|t| t.eq_ignore_ascii_case(tenant)),
        }
    }

    /// Returns the listed tenant with exactly this spelling.
    pub fn listed(&self, tenant: &str) -> Option<&Arc<str>> {
        match self {
            Self::Any => None,
            Self::Listed(tenants) => tenants.iter().find(|listed| ***listed == *tenant),
        }
    }
}

/// A national cloud of Entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    Public,
    UsGov,
    China,
}

impl Cloud {
    /// The host of the v2 issuer, its key sets and its token endpoint.
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGov => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The host of Microsoft Graph. The US Department of Defense uses a different host.
    pub const fn graph_host(self) -> &'static str {
        match self {
            Self::Public => "graph.microsoft.com",
            Self::UsGov => "graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The host of the v1 issuer.
    pub const fn sts_host(self) -> &'static str {
        match self {
            Self::Public | Self::UsGov => "sts.windows.net",
            Self::China => "sts.chinacloudapi.cn",
        }
    }

    /// The hosts that may appear in the `issuer` of this cloud's keys. US Government keys have the public
    /// cloud's host or their own; China's discovery documents have two hosts.
    pub const fn key_issuer_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Public => &["login.microsoftonline.com"],
            Self::UsGov => &["login.microsoftonline.us", "login.microsoftonline.com"],
            Self::China => &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        }
    }

    /// The values of a key's `cloud_instance_name` that belong to this cloud.
    pub const fn instance_names(self) -> &'static [&'static str] {
        match self {
            Self::Public => &["microsoftonline.com"],
            Self::UsGov => &["microsoftonline.us"],
            Self::China => &["partner.microsoftonline.cn", "chinacloudapi.cn"],
        }
    }
}

/// The version of an Entra token, selected in the API's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Entra {
    /// Returns the `iss` of the tenant's tokens in this cloud.
    pub fn issuer(&self, version: Version, tenant: &str) -> String {
        self.issuer_parts(version, tenant).concat()
    }

    /// Returns whether `iss` is the tenant's issuer in this cloud.
    pub fn is_issuer(&self, iss: &str, version: Version, tenant: &str) -> bool {
        consists_of(iss, self.issuer_parts(version, tenant))
    }

    fn issuer_parts<'t>(&self, version: Version, tenant: &'t str) -> [&'t str; 5] {
        match version {
            Version::V1 => ["https://", self.cloud.sts_host(), "/", tenant, "/"],
            Version::V2 => ["https://", self.cloud.login_host(), "/", tenant, "/v2.0"],
        }
    }

    /// Parses an `iss` into version and tenant, if it has one of this cloud's forms and an accepted
    /// version. Does not check that the tenant is allowed.
    pub fn read_issuer<'a>(&self, iss: &'a str) -> Option<(Version, &'a str)> {
        let accepted = [(Version::V2, self.v2), (Version::V1, self.v1)];
        accepted.into_iter().find_map(|(version, is_accepted)| {
            let [scheme, host, slash, _, end] = self.issuer_parts(version, "");
            let rest = iss.strip_prefix(scheme)?.strip_prefix(host)?;
            let tenant = rest.strip_prefix(slash)?.strip_suffix(end)?;
            (is_accepted && is_guid(tenant)).then_some((version, tenant))
        })
    }
}

/// The names of the claims that the filter reads.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    pub roles: ClaimList,
    pub groups: ClaimList,
    /// `None`: `scope`, otherwise `scp`.
    pub scope: Option<ClaimPath>,
    /// `None`: `appid` (v1) or `azp` (v2) for Entra; otherwise the first of `azp`, `appid` and `client_id`
    /// that is present.
    pub client: Option<ClaimPath>,
    pub object: ClaimPath,
    pub tenant: ClaimPath,
    pub kind: KindRule,
}

/// Returns whether two ids are equal. GUIDs are compared case-insensitively, other ids exactly.
pub fn same_id(own: &str, wanted: &str) -> bool {
    own == wanted || (is_guid(own) && own.eq_ignore_ascii_case(wanted))
}

/// Returns whether the text is a hyphenated GUID.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The issuer selected by an `iss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected<'t> {
    /// Index into the configured issuers.
    Issuer(usize),
    /// An Entra issuer of a configured cloud whose tenant is not allowed, with the tenant's id.
    ForeignTenant(&'t str),
    Unknown,
}

/// Selects the configured issuer for an `iss`.
pub fn select<'t>(issuers: &[Issuer], iss: &'t str) -> Selected<'t> {
    let mut foreign = None;
    for (index, issuer) in issuers.iter().enumerate() {
        match &issuer.authority {
            Authority::Oidc { issuer } if issuer == iss => return Selected::Issuer(index),
            Authority::Oidc { .. } => {}
            Authority::Entra(entra) => match entra.read_issuer(iss) {
                Some((_, tenant)) if entra.tenants.allow(tenant) => {
                    return Selected::Issuer(index);
                }
                Some((_, tenant)) => foreign = Some(tenant),
                None => {}
            },
        }
    }
    foreign.map_or(Selected::Unknown, Selected::ForeignTenant)
}
