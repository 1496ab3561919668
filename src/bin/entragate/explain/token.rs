//! The content of the caller's token, whether or not the token is accepted.

use super::question::Question;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entragate::config::Config;
use entragate::json::raw::{Object, Raw};
use entragate::time::Timestamp;
use entragate::token::bearer;
use entragate::token::claims::{Claims, Fact};
use entragate::token::issuer::{Selected, select};
use serde_json::{Value, json};
use std::time::Duration;

/// The facts in a token.
pub struct TokenFacts {
    now: Timestamp,
    issuer: Option<String>,
    audiences: Vec<String>,
    /// In seconds since 1970.
    expires: Option<u64>,
    /// The claims as the filter reads them; `None` if the issuer is not configured or the claims are malformed.
    claims: Option<Claims>,
}

/// Reads the token in the request. Returns `None` if there is none, or if its payload is not a JSON object.
pub fn read(question: &Question, config: &Config) -> Option<TokenFacts> {
    let rules = &config.token;
    let token = bearer::extract(&question.headers, &rules.locations, usize::MAX).ok()?;
    let payload = token.token().ok()?.split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let payload = String::from_utf8(payload).ok()?;
    let all = Object::read(&payload)?;
    let issuer = all
        .get("iss")
        .and_then(Raw::text)
        .map(|iss| iss.into_owned());
    let configured = match select(&config.issuers, issuer.as_deref().unwrap_or_default()) {
        Selected::Issuer(index) => config.issuers.get(index),
        Selected::ForeignTenant(_) | Selected::Unknown => None,
    };
    let expires = all.get("exp").and_then(Raw::number);
    Some(TokenFacts {
        now: question.now,
        issuer,
        audiences: texts(all.get("aud")),
        expires: expires.filter(|secs| *secs >= 0.0).map(|secs| secs as u64),
        claims: configured.and_then(|issuer| Claims::read(issuer, &all).ok()),
    })
}

fn texts(value: Option<Raw<'_>>) -> Vec<String> {
    match value.and_then(Raw::value) {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

impl TokenFacts {
    /// Labels and values, for people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            (
                "issuer",
                self.issuer.clone().unwrap_or_else(|| "none".to_owned()),
            ),
            (
                "audience",
                joined(self.audiences.iter().map(String::as_str)),
            ),
            ("expires", self.expiry()),
        ];
        if let Some(claims) = &self.claims {
            let list = |fact: Fact, texts: &[Box<str>]| {
                let unclear = if claims.unclear.has(fact) {
                    " (the claim is in an unexpected form)"
                } else {
                    ""
                };
                joined(texts.iter().map(|text| &**text)) + unclear
            };
            let groups = if claims.groups.overage {
                "too many for the token to list".to_owned()
            } else {
                list(Fact::Groups, &claims.groups.listed)
            };
            let kind = claims.kind.map_or("unknown", |kind| kind.name());
            lines.extend([
                ("roles", list(Fact::Roles, &claims.roles)),
                ("groups", groups),
                ("scopes", list(Fact::Scopes, &claims.scopes)),
                ("kind", kind.to_owned()),
            ]);
        }
        lines
    }

    fn expiry(&self) -> String {
        let Some(secs) = self.expires else {
            return "unknown".to_owned();
        };
        let expires = Timestamp::from_secs(secs);
        let span = |from: Timestamp, to: Timestamp| {
            let whole = Duration::from_secs(to.since(from).as_secs());
            humantime::format_duration(whole).to_string()
        };
        let relative = if expires > self.now {
            format!("in {}", span(self.now, expires))
        } else {
            format!("{} ago", span(expires, self.now))
        };
        format!("{} ({relative})", expires.to_rfc3339())
    }

    pub fn json(&self) -> Value {
        let claims = self.claims.as_ref();
        json!({
            "issuer": self.issuer,
            "audiences": self.audiences,
            "expires": self.expires.map(|secs| Timestamp::from_secs(secs).to_rfc3339()),
            "roles": claims.map(|claims| &claims.roles),
            "groups": claims.map(|claims| &claims.groups.listed),
            "groups_overage": claims.map(|claims| claims.groups.overage),
            "scopes": claims.map(|claims| &claims.scopes),
            "kind": claims.and_then(|claims| claims.kind).map(|kind| kind.name()),
        })
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<&str> = texts.collect();
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}
