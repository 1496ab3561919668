//! The identifiers of Contoso: tenants, applications, groups.

/// Contoso's tenant.
pub const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// Fabrikam's tenant, whose users have no access.
pub const GUEST_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// The tenant of personal Microsoft accounts; its keys are in the common key set.
pub const CONSUMER_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The gateway's API: its client id is the audience of v2 tokens.
pub const AUDIENCE: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The gateway's App ID URI: the audience of v1 tokens.
pub const AUDIENCE_URI: &str = "api://00001111-aaaa-2222-bbbb-3333cccc4444";
/// An unrelated API of the same tenant.
pub const OTHER_AUDIENCE: &str = "00000003-0000-0ff1-ce00-000000000000";
/// Microsoft Graph's App ID URI.
pub const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";

/// The notebook that data scientists sign in with (a public client).
pub const NOTEBOOK_CLIENT: &str = "2f3a7c1e-5b0d-4d57-9c1f-0c8e6f1b7a42";
/// The nightly job: a confidential client with the role Model.Query.
pub const BATCH_CLIENT: &str = "b8a1d6f0-3c52-4f0e-8f64-1d9f20c4e7a3";
/// A confidential client of the tenant that was never given a role.
pub const LURKER_CLIENT: &str = "c4d0e9b2-7711-4a39-a5c8-6a2be0f3d915";
/// The client id of the managed identity.
pub const ROBOT_CLIENT: &str = "d5e7f3c4-2a60-4b8b-b7de-94c1a8e05f26";
/// The client id of the agent identity.
pub const SCOUT_CLIENT: &str = "e6f8a4d5-3b71-4c9c-98ef-a5d2b9f16037";
/// The blueprint that the agent identity was created from.
pub const AGENT_BLUEPRINT: &str = "f7a9b5e6-4c82-4dad-89f0-b6e3ca027148";
/// The client in the Keycloak realm.
pub const REALM_CLIENT: &str = "hf-notebook";

/// The data scientists' group.
pub const SCIENTISTS_GROUP: &str = "11111111-1111-1111-1111-111111111111";

/// The managed identity's resource.
pub const ROBOT_RESOURCE: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourcegroups/ml/providers/Microsoft.ManagedIdentity/userAssignedIdentities/robot";

/// The issuer of the generic OIDC realm. Reached through an Envoy cluster, so the name need not resolve.
pub const REALM_ISSUER: &str = "https://keycloak.contoso.com/realms/ml";
/// The audience of the realm's tokens.
pub const REALM_AUDIENCE: &str = "hf";

/// The nonce in the header of Graph's tokens.
pub(super) const GRAPH_NONCE: &str = "4yBkiyqFPm1yyMVKiRHPCN0CBpGQIVmQpEZMcYQyU3Y";

/// A v2 issuer of the public cloud.
pub fn issuer_v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

/// A v1 issuer of the public cloud; it ends in a slash.
pub fn issuer_v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}
