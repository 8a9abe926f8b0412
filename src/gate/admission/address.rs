//! For whom places are counted: an IPv4 address, or the networks around an IPv6 one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Who a place is counted for. Whoever has one IPv6 address has the whole /64 (RFC 6177 2), so
/// that one stands for them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Address {
    /// An IPv4 address, also where it came mapped into IPv6 (RFC 4291 2.5.5.2).
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

/// The first 48 bits of an IPv6 address: what a site is usually given (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site([u8; 6]);

impl Address {
    /// Who `ip` is counted for.
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// The site around it, if it has one.
    pub(crate) const fn site(self) -> Option<Site> {
        match self {
            Self::V4(_) => None,
            Self::V6([a, b, c, d, e, f, ..]) => Some(Site([a, b, c, d, e, f])),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(f),
            Self::V6([a, b, c, d, e, f_, g, h]) => {
                let octets = [*a, *b, *c, *d, *e, *f_, *g, *h, 0, 0, 0, 0, 0, 0, 0, 0];
                write!(f, "{}/64", Ipv6Addr::from(octets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Address {
        Address::of(text.parse().unwrap())
    }

    #[test]
    fn a_64_is_one_and_a_48_is_a_site() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("2001:db8:1:2::1").site(), of("2001:db8:1:3::1").site());
        assert_ne!(of("2001:db8:1:2::1").site(), of("2001:db8:2:2::1").site());
        assert_eq!(of("192.0.2.1").site(), None);
    }

    #[test]
    fn a_mapped_address_is_the_one_that_it_maps() {
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn says_what_it_counts() {
        assert_eq!(of("192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }
}
