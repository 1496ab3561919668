//! IPv4 and IPv6 address ranges such as `10.0.0.0/8`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address range. An IPv4 address is stored in its IPv6 form (`::ffff:a.b.c.d`), so that both
/// spellings of an address compare equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
    /// The address as written.
    address: IpAddr,
    length: u32,
}

/// Why a text is not a valid range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidrError {
    NotAddress,
    BadLength,
    /// Bits after the prefix are set: the author probably meant another range, or a single address.
    HostBits,
}

/// Length of the prefix `::ffff:` before an IPv4 address in its IPv6 form.
const MAPPED_BITS: u32 = 96;

impl Cidr {
    /// Parses `10.0.0.0/8`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// [`CidrError`] if the text is not a valid range.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::NotAddress)?;
        let (bits, width) = match address {
            IpAddr::V4(_) => (32, MAPPED_BITS),
            IpAddr::V6(_) => (128, 0),
        };
        let length = match length {
            None => bits,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|length| *length <= bits && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or(CidrError::BadLength)?,
        };
        let mask = u128::MAX.checked_shl(128 - width - length).unwrap_or(0);
        let network = to_number(address);
        if network & mask == network {
            Ok(Self {
                network,
                mask,
                address,
                length,
            })
        } else {
            Err(CidrError::HostBits)
        }
    }

    /// Returns whether the range contains the address. An IPv6 range wider than `::ffff:0:0/96`,
    /// such as `::/0`, contains no IPv4 address, because its author most likely did not mean IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let is_v4 = address.to_canonical().is_ipv4();
        let may_be_v4 = self.mask.leading_ones() >= MAPPED_BITS;
        to_number(address) & self.mask == self.network && (!is_v4 || may_be_v4)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

fn to_number(address: IpAddr) -> u128 {
    let v6: Ipv6Addr = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    v6.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_contains_exactly_its_addresses() {
        for (range, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("10.0.0.0/8", "::10.1.2.3", false),
            ("10.0.0.0/8", "a00::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("::/8", "::ffff:10.0.0.1", false),
            ("::ffff:0:0/96", "10.0.0.1", true),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.200", true),
        ] {
            let cidr = Cidr::parse(range).unwrap();
            assert_eq!(
                cidr.contains(address.parse().unwrap()),
                expected,
                "{range} {address}"
            );
        }
    }

    #[test]
    fn invalid_range_is_rejected() {
        for (text, error) in [
            ("", CidrError::NotAddress),
            ("10.0.0/8", CidrError::NotAddress),
            ("10.0.0.0.0/8", CidrError::NotAddress),
            ("localhost", CidrError::NotAddress),
            ("fe80::1%eth0/64", CidrError::NotAddress),
            ("10.0.0.0/33", CidrError::BadLength),
            ("10.0.0.0/+8", CidrError::BadLength),
            ("10.0.0.0/", CidrError::BadLength),
            ("10.0.0.0/8/8", CidrError::BadLength),
            ("::/129", CidrError::BadLength),
            ("10.0.0.1/8", CidrError::HostBits),
            ("2001:db8::1/32", CidrError::HostBits),
        ] {
            assert_eq!(Cidr::parse(text), Err(error), "{text}");
        }
        assert_eq!(Cidr::parse("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
    }
}
