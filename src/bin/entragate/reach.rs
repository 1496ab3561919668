//! Which identities can reach which credential, in the words of the rules: so that whoever ships a
//! configuration sees who gets what.

use entragate::config::Config;
use entragate::credential::Source;
use entragate::pattern::Pattern;
use entragate::policy::describe::describe;
use entragate::policy::rule::{Effect, Mode, Rule};

/// One line for each credential, and one below it for each rule that opens it.
pub fn of(config: &Config) -> Vec<String> {
    let credentials = config.credentials.iter().enumerate();
    credentials
        .flat_map(|(index, credential)| {
            let kind = match &credential.source {
                Source::Fixed(_) => "",
                Source::Polled(_) => ", polled from a secret store,",
                Source::Exchanged(_) => ", one token per person,",
            };
            let name = &credential.name;
            let clusters: Vec<_> = credential.clusters.iter().map(Pattern::as_str).collect();
            let sent = match clusters.is_empty() {
                true => String::new(),
                false => format!(", sent to {} only,", clusters.join(" or ")),
            };
            let ways = ways(config, index);
            let head = match ways.is_empty() {
                true => format!("credential {name}{kind}{sent} can be reached by nobody"),
                false => format!("credential {name}{kind}{sent} can be reached by"),
            };
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
        format!("  rule {}: {}{issuers}", rule.name, describe(&rule.require))
    });
    anonymous.chain(rules).collect()
}
