//! Who may sign tokens for us, and what their tokens must say: the compiled form of `issuers`.

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
    /// `aud` must hold one of these: a GUID in any case, any other text exactly.
    pub audiences: Vec<String>,
    /// Allowed client ids; empty allows all.
    pub clients: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub claims: ClaimNames,
    /// The claims that are kept besides: whatever the configuration can ask for. The same for all.
    pub kept: RetainedClaims,
}

/// What decides whether an `iss` is this issuer's.
#[derive(Clone, Debug)]
pub enum Authority {
    Entra(Entra),
    /// Any OpenID Connect provider; `iss` must equal this text.
    Oidc {
        issuer: String,
    },
}

/// Microsoft Entra ID: which tenants, of which cloud, in which token versions.
#[derive(Clone, Debug)]
pub struct Entra {
    pub tenants: Tenants,
    pub cloud: Cloud,
    pub v1: bool,
    pub v2: bool,
}

/// The tenant allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    Any,
    /// Lower-case GUIDs; the claims of thousands of tokens share them.
    Listed(Vec<Arc<str>>),
}

impl Tenants {
    pub fn allow(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tenants) => tenants.iter().any(|t| t.eq_ignore_ascii_case(tenant)),
        }
    }

    /// The one that is written exactly so.
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
    /// Host of the v2 issuer, of its key sets and of its token endpoint.
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGov => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// Host of Microsoft Graph. The US Department of Defense has one of its own.
    pub const fn graph_host(self) -> &'static str {
        match self {
            Self::Public => "graph.microsoft.com",
            Self::UsGov => "graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Host of the v1 issuer.
    pub const fn sts_host(self) -> &'static str {
        match self {
            Self::Public | Self::UsGov => "sts.windows.net",
            Self::China => "sts.chinacloudapi.cn",
        }
    }

    /// Hosts that the `issuer` of this cloud's keys may name: the Government's keys carry the public
    /// cloud's or their own, China's discovery has two names.
    pub const fn key_issuer_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Public => &["login.microsoftonline.com"],
            Self::UsGov => &["login.microsoftonline.us", "login.microsoftonline.com"],
            Self::China => &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        }
    }

    /// Values of a key's `cloud_instance_name` that belong to this cloud.
    pub const fn instance_names(self) -> &'static [&'static str] {
        match self {
            Self::Public => &["microsoftonline.com"],
            Self::UsGov => &["microsoftonline.us"],
            Self::China => &["partner.microsoftonline.cn", "chinacloudapi.cn"],
        }
    }
}

/// A token version of Entra (the API's manifest picks it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Entra {
    /// The `iss` that this cloud writes for `tenant`.
    pub fn issuer(&self, version: Version, tenant: &str) -> String {
        self.issuer_parts(version, tenant).concat()
    }

    /// Whether it is that.
    pub fn is_issuer(&self, iss: &str, version: Version, tenant: &str) -> bool {
        consists_of(iss, self.issuer_parts(version, tenant))
    }

    fn issuer_parts<'t>(&self, version: Version, tenant: &'t str) -> [&'t str; 5] {
        match version {
            Version::V1 => ["https://", self.cloud.sts_host(), "/", tenant, "/"],
            Version::V2 => ["https://", self.cloud.login_host(), "/", tenant, "/v2.0"],
        }
    }

    /// Reads an `iss` back into version and tenant, if it has one of this cloud's forms and an
    /// accepted version. The tenant need not be allowed.
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

/// Which claims hold what rules ask for.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    pub roles: ClaimList,
    pub groups: ClaimList,
    /// `None`: `scope`, else `scp`.
    pub scope: Option<ClaimPath>,
    /// `None`: Entra's `appid` (v1) or `azp` (v2); of others `azp`, else `appid`, else `client_id`.
    pub client: Option<ClaimPath>,
    pub object: ClaimPath,
    pub tenant: ClaimPath,
    pub kind: KindRule,
}

/// Whether two ids are the same: GUIDs in any case, others exactly.
pub fn same_id(own: &str, wanted: &str) -> bool {
    own == wanted || (is_guid(own) && own.eq_ignore_ascii_case(wanted))
}

/// Whether the text is a GUID in its hyphenated form.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The issuer that an `iss` picks, before any key is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Index into the configured issuers.
    Issuer(usize),
    /// An Entra issuer of a cloud we trust, but of a tenant we do not.
    ForeignTenant,
    Unknown,
}

pub fn select(issuers: &[Issuer], iss: &str) -> Selected {
    let mut foreign = false;
    for (index, issuer) in issuers.iter().enumerate() {
        match &issuer.authority {
            Authority::Oidc { issuer } if issuer == iss => return Selected::Issuer(index),
            Authority::Oidc { .. } => {}
            Authority::Entra(entra) => match entra.read_issuer(iss) {
                Some((_, tenant)) if entra.tenants.allow(tenant) => {
                    return Selected::Issuer(index);
                }
                Some(_) => foreign = true,
                None => {}
            },
        }
    }
    match foreign {
        true => Selected::ForeignTenant,
        false => Selected::Unknown,
    }
}
