//! Requirements on the context of a request: address, time, certificate, strength of sign-in.

use crate::config::ClientAddress;
use crate::config::compile::{each, text};
use crate::config::error::{Findings, Reported};
use crate::config::path;
use crate::config::problem::Problem;
use crate::config::wire::{self, rule};
use crate::pattern::Pattern;
use crate::policy::cidr::{Cidr, CidrError};
use crate::policy::requirement::Condition;
use crate::policy::window::{Days, TimeOfDay, UtcOffset, Window};

/// Longer chains of proxies do not occur in practice.
pub(in crate::config) const MOST_HOPS: usize = 32;

pub(super) fn client_address(
    wire: &wire::ClientAddress,
    findings: &mut Findings,
) -> Result<ClientAddress, Reported> {
    let at = ("client_address", "trusted_hops");
    let hops = text::number(wire.trusted_hops, 0, 0..=MOST_HOPS, at, findings)?;
    Ok(match hops {
        0 => ClientAddress::Connection,
        hops => ClientAddress::Forwarded(hops),
    })
}

pub(super) fn context(
    context: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<Condition, Reported> {
    let number = context.strip_prefix('c').unwrap_or_default();
    let digits = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let obeys = digits && (1..=2).contains(&number.len());
    let rule = "is not a valid authentication context; write its id in Entra, c1 to c99";
    text::ruled(context, obeys, rule, at, findings).map(Condition::AuthContext)
}

pub(super) fn source(
    ranges: &[String],
    at: &str,
    findings: &mut Findings,
) -> Result<Condition, Reported> {
    if ranges.is_empty() {
        let otherwise = "list the ranges that clients may come from, such as 10.0.0.0/8";
        return Err(findings.add(at, Problem::EmptyList { otherwise }));
    }
    each(ranges, at, findings, |range, at, findings| {
        Cidr::parse(range).map_err(|error| {
            let rule = match error {
                CidrError::NotAddress => {
                    "is not a valid address range; write one such as 10.0.0.0/8 or 2001:db8::/32"
                }
                CidrError::BadLength => {
                    "has an invalid prefix length; write 0 to 32 after an IPv4 address, 0 to 128 \
                     after an IPv6 address"
                }
                CidrError::HostBits => {
                    "has bits set beyond its prefix; write the range's first address, or the one \
                     address without a prefix"
                }
            };
            findings.add(at, Problem::BadText { rule })
        })
    })
    .map(Condition::Source)
}

pub(super) fn time(
    wire: &rule::Window,
    at: &str,
    findings: &mut Findings,
) -> Result<Condition, Reported> {
    let days = days(wire.days.as_deref(), &path::member(at, "days"), findings);
    let from = clock(&wire.from, &path::member(at, "from"), findings);
    let to = clock(&wire.to, &path::member(at, "to"), findings);
    let offset = match wire.utc_offset.as_deref() {
        None => Ok(UtcOffset::default()),
        Some(offset) => UtcOffset::parse(offset).ok_or_else(|| {
            let rule = "is not a valid UTC offset; write one such as +01:00 or -03:30";
            findings.add(path::member(at, "utc_offset"), Problem::BadText { rule })
        }),
    };
    let (from, to) = (from?, to?);
    if from == to {
        let rule = "starts and ends at the same time; write 00:00 to 24:00 for whole days";
        return Err(findings.add(at, Problem::BadText { rule }));
    }
    Ok(Condition::Time(Window {
        days: days?,
        from,
        to,
        offset: offset?,
    }))
}

fn days(days: Option<&[rule::Day]>, at: &str, findings: &mut Findings) -> Result<Days, Reported> {
    match days {
        None => Ok(Days::ALL),
        Some([]) => {
            let otherwise = "list the days, or remove the field for every day";
            Err(findings.add(at, Problem::EmptyList { otherwise }))
        }
        Some(days) => Ok(days
            .iter()
            .fold(Days::NONE, |days, day| days.with(*day as u8))),
    }
}

fn clock(text: &str, at: &str, findings: &mut Findings) -> Result<TimeOfDay, Reported> {
    TimeOfDay::parse(text).ok_or_else(|| {
        let rule = "is not a valid time of day; write HH:MM, from 00:00 to 24:00";
        findings.add(at, Problem::BadText { rule })
    })
}

pub(super) fn peer(
    pattern: &str,
    at: &str,
    findings: &mut Findings,
) -> Result<Condition, Reported> {
    let obeys = text::is_visible(pattern) && (pattern.contains(':') || pattern.starts_with('*'));
    let rule = "is not a valid URI pattern; write one such as spiffe://contoso.com/ns/*/sa/nightly";
    text::ruled(pattern, obeys, rule, at, findings)
        .map(|pattern| Condition::Peer(Pattern::path(&pattern)))
}
