//! Compiles `auth`: how the filter authenticates to a service.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::wire::service as wire;
use super::{Environment, credentials, issuers, optional, text};
use crate::fetch::callout::{Callout, Target, UriError, form};
use crate::service_auth::auth::{Auth, ServiceTokenId};
use crate::service_auth::service_token::Source;
use crate::token::issuer::is_guid;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The link-local address of the instance metadata service, the same on every Azure machine in every cloud.
const INSTANCE_METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Compiles each `auth` and collects the sources of service tokens, without duplicates.
pub(super) struct Auths<'e> {
    env: Environment<'e>,
    sources: Vec<Source>,
}

impl<'e> Auths<'e> {
    pub(super) fn new(env: Environment<'e>) -> Self {
        let sources = Vec::new();
        Self { env, sources }
    }

    pub(super) fn into_sources(self) -> Vec<Source> {
        self.sources
    }

    pub(super) fn compile(
        &mut self,
        wire: &wire::Auth,
        at: &str,
        findings: &mut Findings,
    ) -> Result<Auth, Reported> {
        let source = match wire {
            wire::Auth::Env(name) => {
                let at = path::member(at, "env");
                return credentials::variable(name, self.env, &at, findings).map(Auth::Fixed);
            }
            wire::Auth::ManagedIdentity(wire) => {
                managed_identity(wire, &path::member(at, "managed_identity"), findings)
            }
            wire::Auth::ClientCredentials(wire) => {
                let at = path::member(at, "client_credentials");
                client_credentials(wire, self.env, &at, findings)
            }
        }?;
        let known = self.sources.iter().position(|known| *known == source);
        let index = known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        Ok(Auth::ServiceToken(ServiceTokenId(index)))
    }
}

/// See Microsoft, "Use managed identities on a virtual machine to acquire an access token".
fn managed_identity(
    wire: &wire::ManagedIdentity,
    at: &str,
    findings: &mut Findings,
) -> Result<Source, Reported> {
    let cluster = text::filled(&wire.cluster, &path::member(at, "cluster"), findings);
    let is_resource = text::is_visible(&wire.resource) && !wire.resource.ends_with(DEFAULT);
    let rule =
        "is not a valid resource; write it without /.default, such as https://graph.microsoft.com";
    let resource = path::member(at, "resource");
    let resource = text::ruled(&wire.resource, is_resource, rule, &resource, findings);
    let client = optional(wire.client_id.as_deref(), |id| {
        issuers::guid(id, "client id", &path::member(at, "client_id"), findings)
    });
    let (cluster, resource, client) = (cluster?, resource?, client?);
    let mut query = vec![("api-version", "2018-02-01"), ("resource", &resource)];
    query.extend(client.as_deref().map(|client| ("client_id", client)));
    let uri = format!("{INSTANCE_METADATA}?{}", form::encode(&query));
    let target = target(&cluster, &uri, at, findings)?;
    Ok(Source {
        name: format!("managed identity for {resource}"),
        request: Callout::get(target, TIMEOUT).header("metadata", "true"),
    })
}

/// See Microsoft, "OAuth 2.0 client credentials flow", with a shared secret.
fn client_credentials(
    wire: &wire::ClientCredentials,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Source, Reported> {
    let cluster = text::filled(&wire.cluster, &path::member(at, "cluster"), findings);
    let rule = "is not a valid tenant; write its id (a GUID) or one of its domains";
    let tenant = path::member(at, "tenant");
    let tenant = text::ruled(
        &wire.tenant,
        is_tenant(&wire.tenant),
        rule,
        &tenant,
        findings,
    );
    let client = path::member(at, "client_id");
    let client = issuers::guid(&wire.client_id, "client id", &client, findings);
    let secret = path::member(&path::member(at, "client_secret"), "env");
    let secret = credentials::client_secret(&wire.client_secret.env, env, &secret, findings);
    let is_scope = text::is_visible(&wire.scope) && wire.scope.ends_with(DEFAULT);
    let rule = "is not a valid scope for client credentials; write the resource and /.default, such as \
                https://graph.microsoft.com/.default";
    let scope = path::member(at, "scope");
    let scope = text::ruled(&wire.scope, is_scope, rule, &scope, findings);
    let (cluster, tenant, client) = (cluster?, tenant?, client?);
    let (secret, scope) = (secret?, scope?);
    let host = issuers::cloud(wire.cloud).login_host();
    let uri = format!("https://{host}/{tenant}/oauth2/v2.0/token");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("client_secret", secret.expose()),
        ("scope", &scope),
    ];
    let target = target(&cluster, &uri, at, findings)?;
    Ok(Source {
        name: format!("client {client} for {scope}"),
        request: Callout::form(target, &fields, TIMEOUT),
    })
}

/// The suffix of every scope of the client credentials flow.
const DEFAULT: &str = "/.default";

/// Whether the text names one tenant, unlike `common` and `organizations`.
fn is_tenant(text: &str) -> bool {
    let is_domain = text.contains('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    is_guid(text) || is_domain
}

fn target(cluster: &str, uri: &str, at: &str, findings: &mut Findings) -> Result<Target, Reported> {
    let bad = |error: UriError| findings.add(at, Problem::BadUri(error));
    Target::parse(cluster, uri).map_err(bad)
}
