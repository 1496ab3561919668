//! The meaning of the codes of decisions.

use super::evaluator::Outcome;

/// The codes of decisions that rules make, or that depend on the rule that permits.
pub const BY_RULES: [&str; 11] = [
    "permitted",
    "no_rule",
    "rule_unsatisfied",
    "denied_by_rule",
    "groups_overage",
    "step_up_required",
    "upstream_not_allowed",
    "not_a_member",
    "model_missing",
    "body_unreadable",
    "model_not_found",
];

/// Codes of denials that have nothing to do with rules: the record does not contain their cause.
const NOT_BY_RULES: [&str; 6] = [
    "request_ambiguous",
    "credential_unavailable",
    "internal",
    "mcp_session_unknown",
    "mcp_unreadable",
    "models_unreadable",
];

/// The codes of denials that have nothing to do with rules, for requests that need a token.
const BY_TOKENS: [&str; 12] = [
    "audience_mismatch",
    "key_unknown",
    "keys_unavailable",
    "not_a_member",
    "revocation_unavailable",
    "token_bound",
    "token_expired",
    "token_for_another_api",
    "token_lifetime",
    "token_malformed",
    "token_not_yet_valid",
    "token_revoked",
];

/// Whether a recorded denial may have the same cause in the new configuration, although its rules permit the request.
pub fn may_recur(code: &str, outcome: &Outcome) -> bool {
    let needs_token = outcome.code != "anonymous";
    NOT_BY_RULES.contains(&code) || needs_token && BY_TOKENS.contains(&code)
}
