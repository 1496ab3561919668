//! Time and address. Moments or addresses that no condition distinguishes form one cell, which has one of them as an
//! example.

use crate::prove::solver::{Lit, Solver};
use crate::prove::three::Three;
use entragate::policy::cidr::Cidr;
use entragate::policy::window::Window;
use entragate::time::Timestamp;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};

/// Monday, 2026-01-05, at midnight UTC.
const MONDAY: u64 = 1_767_571_200;
const MINUTES_OF_WEEK: u64 = 10_080;

/// The moments of a week. Exactly one cell is true.
pub struct Moments(pub Vec<(Timestamp, Lit)>);

impl Moments {
    /// Divides the week at every minute at which a window begins or ends.
    pub fn of(solver: &mut Solver, windows: &[Window]) -> Self {
        let moment = |minute: u64| Timestamp::from_secs(MONDAY + minute * 60);
        let values = |at: Timestamp| -> Vec<bool> {
            windows.iter().map(|window| window.holds(at)).collect()
        };
        let mut seen = HashSet::new();
        let mut cells = Vec::new();
        for at in (0..MINUTES_OF_WEEK).map(moment) {
            if seen.insert(values(at)) {
                cells.push((at, solver.variable()));
            }
        }
        let literals: Vec<Lit> = cells.iter().map(|(_, literal)| *literal).collect();
        solver.exactly_one(&literals);
        Self(cells)
    }

    pub fn within(&self, solver: &mut Solver, window: &Window) -> Three {
        let inside = self.0.iter().filter(|(at, _)| window.holds(*at));
        Three::known(solver.any(inside.map(|(_, literal)| *literal)))
    }
}

/// The addresses of clients. Exactly one cell is true, or the address is unknown.
pub struct Addresses {
    pub cells: Vec<(IpAddr, Lit)>,
    pub unknown: Lit,
}

impl Addresses {
    /// Divides the addresses where a range begins or ends.
    pub fn of(solver: &mut Solver, ranges: &[Cidr]) -> Self {
        // IPv4 addresses are a separate range: some IPv6 ranges exclude them.
        let mapped = [0, 0xffff_0000_0000, 0x1_0000_0000_0000];
        let mut starts: Vec<u128> = mapped.to_vec();
        for range in ranges {
            starts.extend(edges(range));
        }
        // Common addresses first, since the first cell with a value is shown.
        let common = ["192.0.2.1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().ok());
        let edges = starts
            .into_iter()
            .map(|bits| Some(IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()));
        let mut seen = HashSet::new();
        let mut cells = Vec::new();
        for address in common.into_iter().chain(edges).flatten() {
            let values: Vec<bool> = ranges.iter().map(|range| range.contains(address)).collect();
            if seen.insert(values) {
                cells.push((address, solver.variable()));
            }
        }
        let unknown = solver.usual();
        let cell_literals = cells.iter().map(|(_, literal)| *literal);
        let literals: Vec<Lit> = cell_literals.chain([unknown]).collect();
        solver.exactly_one(&literals);
        Self { cells, unknown }
    }

    pub fn within(&self, solver: &mut Solver, ranges: &[Cidr]) -> Three {
        let is_inside = |address: &IpAddr| ranges.iter().any(|range| range.contains(*address));
        let inside = self.cells.iter().filter(|(address, _)| is_inside(address));
        let inside = solver.any(inside.map(|(_, literal)| *literal));
        Three {
            yes: inside,
            no: solver.all([!inside, !self.unknown]),
        }
    }
}

/// The first address of a range and the first address after it, in the IPv6 form.
fn edges(range: &Cidr) -> Vec<u128> {
    let text = range.to_string();
    let Some((address, length)) = text.split_once('/') else {
        return Vec::new();
    };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else {
        return Vec::new();
    };
    let (first, bits) = match address {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), 32 - length),
        IpAddr::V6(v6) => (v6.to_bits(), 128 - length),
    };
    let size = 1_u128.checked_shl(bits);
    let behind = size.and_then(|size| first.checked_add(size));
    [Some(first), behind].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use entragate::policy::window::{Days, TimeOfDay, UtcOffset};

    #[test]
    fn every_minute_of_the_week_has_a_cell_with_its_values() {
        let window = |days: &[u8], from: &str, to: &str, offset: &str| Window {
            days: days.iter().fold(Days::NONE, |days, day| days.with(*day)),
            from: TimeOfDay::parse(from).unwrap(),
            to: TimeOfDay::parse(to).unwrap(),
            offset: UtcOffset::parse(offset).unwrap(),
        };
        let windows = [
            window(&[0, 1, 2, 3, 4], "08:00", "18:00", "+01:00"),
            window(&[6], "22:00", "06:00", "-03:30"),
            window(&[2], "00:00", "24:00", "Z"),
        ];
        let mut solver = Solver::new();
        let moments = Moments::of(&mut solver, &windows);
        assert!(moments.0.len() <= 8, "{}", moments.0.len());
        for (at, _) in &moments.0 {
            // The week that begins on Monday, 2026-01-05.
            let day = at.to_rfc3339()[..10].to_owned();
            assert!(("2026-01-05"..="2026-01-11").contains(&&*day), "{day}");
        }
        let values = |at: Timestamp| windows.map(|window| window.holds(at));
        for minute in 0..2 * 7 * 1440 {
            let at = Timestamp::from_secs(1_900_000_000 + minute * 60);
            let cell = moments.0.iter().find(|(own, _)| values(*own) == values(at));
            assert!(cell.is_some(), "{minute}");
        }
    }

    /// Every address has the values of some cell.
    fn assert_cells(ranges: &[&str], addresses: &[&str]) {
        let parsed = ranges
            .iter()
            .map(|text| Cidr::parse(text).unwrap_or_else(|_| Cidr::parse("::1").unwrap()));
        let parsed: Vec<Cidr> = parsed.collect();
        let mut solver = Solver::new();
        let cells = Addresses::of(&mut solver, &parsed).cells;
        let values = |address: IpAddr| -> Vec<bool> {
            parsed.iter().map(|range| range.contains(address)).collect()
        };
        for text in addresses {
            let address: IpAddr = text.parse().unwrap();
            let found = cells.iter().any(|(own, _)| values(*own) == values(address));
            assert!(found, "{ranges:?} {text}");
        }
    }

    #[test]
    fn every_address_has_a_cell_with_its_values() {
        assert_cells(
            &[
                "10.0.0.0/8",
                "10.1.0.0/16",
                "::/0",
                "2001:db8::/32",
                "0.0.0.0/0",
                "10.0.0.1",
                "::ffff:0:0/95",
            ],
            &[
                "0.0.0.0",
                "9.255.255.255",
                "10.0.0.0",
                "10.0.0.1",
                "10.0.0.2",
                "10.1.0.0",
                "10.1.255.255",
                "10.2.0.0",
                "11.0.0.0",
                "255.255.255.255",
                "::",
                "::1",
                "::2",
                "2001:db7:ffff::",
                "2001:db8::",
                "2001:db8:ffff::1",
                "2001:db9::",
                "::fffe:ffff:ffff",
                "::1:0:0:0",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        );
        // The rest of a range begins after another range.
        assert_cells(&["10.0.0.0/8", "10.0.0.0/16"], &["10.0.0.0", "10.1.0.0"]);
        assert_cells(
            &["2001:db8::/32", "2001:db8::/48"],
            &["2001:db8::", "2001:db8:1::"],
        );
    }
}
