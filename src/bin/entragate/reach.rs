//! A summary of the callers that can use each credential, in the terms of the rules.

use entragate::config::Config;
use entragate::credential::Source;
use entragate::pattern::Pattern;
use entragate::policy::rule::{Effect, Mode, Rule};

/// Returns one line for each credential, followed by one for each rule that permits its use.
pub fn of(config: &Config) -> Vec<String> {
    let credentials = config.credentials.iter().enumerate();
    credentials
        .flat_map(|(index, credential)| {
            let kind = match &credential.source {
                Source::Fixed(_) => "",
                Source::Polled(_) => ", polled from a secret store,",
                Source::Exchanged(_) => ", one token per user,",
            };
            let name = &credential.name;
            let clusters: Vec<_> = credential.clusters.iter().map(Pattern::as_str).collect();
            let sent = if clusters.is_empty() {
                String::new()
            } else {
                format!(", sent to {} only,", clusters.join(" or "))
            };
            let ways = ways(config, index);
            let callers = if ways.is_empty() { " no caller" } else { ":" };
            let head = format!("credential {name}{kind}{sent} is available to{callers}");
            [head].into_iter().chain(ways)
        })
        .collect()
}

fn ways(config: &Config, credential: usize) -> Vec<String> {
    let policy = &config.policy;
    let anonymous = policy.anonymous.iter();
    let anonymous = anonymous
        .filter(|rule| rule.credential == Some(credential))
        .map(|rule| format!("  rule {}: anyone, without a token", rule.name));
    let opens = |rule: &&Rule| {
        let effect = Effect::Allow {
            credential: Some(credential),
        };
        rule.mode == Mode::Enforce && rule.effect == effect
    };
    let rules = policy.rules.iter().filter(opens).map(|rule| {
        let issuers = match rule.matches.issuers.as_slice() {
            [] => String::new(),
            issuers => format!(", with a token of {}", issuers.join(" or ")),
        };
        format!("  rule {}: {}{issuers}", rule.name, rule.require.describe())
    });
    anonymous.chain(rules).collect()
}
