//! `auth`: who we are to a service that we call.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::wire::service::Auth;
use super::{Environment, credentials, unbuilt};
use crate::secret::Secret;

pub(super) fn compile(
    wire: &Auth,
    env: Environment<'_>,
    at: &str,
    findings: &mut Findings,
) -> Result<Secret, Reported> {
    match wire {
        Auth::Env(name) => credentials::variable(name, env, &path::member(at, "env"), findings),
        Auth::ManagedIdentity(_) => Err(unbuilt::managed_identity(at, findings)),
        Auth::ClientCredentials(_) => Err(unbuilt::client_credentials(at, findings)),
    }
}
