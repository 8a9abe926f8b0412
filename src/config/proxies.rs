//! Networks, and the proxies whose word about a client's address is taken.

use super::{Origin, check::Check};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// The most networks of trusted proxies.
pub const NETWORKS: usize = 1_000;
/// Where the 32 bits of an IPv4 address begin in the IPv6 address that maps it (RFC 4291 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A block of addresses (RFC 4632, RFC 4291 2.3). IPv4 networks that were written as mapped into
/// IPv6 are IPv4 networks.
///
/// ```
/// use vestibule::config::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
/// let wrong = "10.0.0.1/8".parse::<Network>().unwrap_err();
/// assert!(wrong.to_string().contains("the network is 10.0.0.0/8"));
/// # Ok::<_, vestibule::config::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of an address and the length of its prefix, in bits. Bits behind the prefix
    /// are cleared. `None` if the prefix is longer than the address.
    fn around(address: IpAddr, prefix: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(ip) => {
                let spare = 32_u32.checked_sub(u32::from(prefix))?;
                let mask = u32::MAX.checked_shl(spare).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let spare = 128_u32.checked_sub(u32::from(prefix))?;
                let mask = u128::MAX.checked_shl(spare).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        };
        Some(Self { first, prefix })
    }

    /// The same as an IPv4 network, if all of it is mapped.
    fn canonical(self) -> Self {
        match (self.first.to_canonical(), self.prefix.checked_sub(MAPPED_BITS)) {
            (first @ IpAddr::V4(_), Some(prefix)) if self.first.is_ipv6() => Self { first, prefix },
            _ => self,
        }
    }

    /// Whether `address` is one of it. A mapped address is the one that it maps.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4()
            && Self::around(address, self.prefix).is_some_and(|around| around == *self)
    }

    /// Whether it is every address of its version.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Takes `ADDRESS/PREFIX`, or an address alone, which is the network of that one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |fault| NetworkError { text: text.into(), fault };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong(Fault::Form))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(bits), number).ok_or(wrong(Fault::Prefix { bits }))?;
        let network = Self::around(address, prefix).ok_or(wrong(Fault::Prefix { bits }))?;
        if network.first != address {
            return Err(wrong(Fault::HostBits { network, address }));
        }
        Ok(network.canonical())
    }
}

/// A decimal number without sign and without zeros in front.
fn number(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = plain && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Why a text is no [`Network`], for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    text: Box<str>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Form,
    Prefix { bits: u8 },
    HostBits { network: Network, address: IpAddr },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.fault {
            Fault::Form => write!(
                f,
                "{text:?} is no network: write \"10.0.0.0/8\", \"2001:db8::/32\" or an address \
                 alone; names are not looked up"
            ),
            Fault::Prefix { bits } => {
                write!(f, "{text:?}: what follows the slash must be a number from 0 to {bits}")
            }
            Fault::HostBits { network, address } => write!(
                f,
                "{text:?} has bits set behind its prefix: the network is {network}, the address \
                 alone {address}"
            ),
        }
    }
}

impl std::error::Error for NetworkError {}

/// Where a trusted proxy says whose connection it passes on. One is believed, never several: what
/// a proxy does not set it passes on from the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSource {
    /// The header `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// The header `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, version 2: a binary header in front of the request.
    ProxyV2,
}

/// The proxies whose word about a client's address is taken, and where they say it. None by
/// default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Box<[Network]>,
    source: AddressSource,
}

impl TrustedProxies {
    /// Trusts whoever connects from these networks.
    ///
    /// # Errors
    /// [`TooManyNetworks`]: over [`NETWORKS`].
    pub fn new(networks: Vec<Network>, source: AddressSource) -> Result<Self, TooManyNetworks> {
        if networks.len() > NETWORKS {
            return Err(TooManyNetworks(networks.len()));
        }
        Ok(Self { networks: networks.into_boxed_slice(), source })
    }

    /// Whether `address` is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Where they say whose connection they pass on.
    pub fn source(&self) -> AddressSource {
        self.source
    }

    /// The networks, as they were given.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }
}

/// More networks than [`NETWORKS`]; how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyNetworks(pub usize);

impl fmt::Display for TooManyNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} networks of proxies are too many: up to {NETWORKS} are taken", self.0)
    }
}

impl std::error::Error for TooManyNetworks {}

/// The words of the configuration for [`AddressSource`].
const SOURCES: &[(&str, AddressSource)] = &[
    ("x-forwarded-for", AddressSource::XForwardedFor),
    ("forwarded", AddressSource::Forwarded),
    ("proxy-v2", AddressSource::ProxyV2),
];
/// What they mean.
pub(super) const SOURCE_WORDS: &[(&str, &str)] = &[
    ("x-forwarded-for", "the header X-Forwarded-For"),
    ("forwarded", "the header Forwarded (RFC 7239)"),
    ("proxy-v2", "the PROXY protocol, version 2; these proxies must begin with it"),
];

impl Check {
    pub(super) fn trusted_proxies(&mut self) -> TrustedProxies {
        const LIST: &str = "gate.trusted_proxies";
        const SOURCE: &str = "gate.forwarded";
        let mut networks = Vec::new();
        for key in (0..self.raw.len(LIST)).map(|at| format!("{LIST}.{at}")) {
            let Some((text, origin)) = self.text(&key) else { continue };
            match text.parse::<Network>() {
                Ok(network) => networks.push(network),
                Err(why) => self.raw.problem(origin, &key, why.to_string()),
            }
        }
        if let Some(everybody) = networks.iter().find(|network| network.is_everybody()) {
            let what = format!("{LIST} has {everybody}: any client can pretend to be another");
            self.raw.warnings.push(what);
        }
        let source = self.word(SOURCE, SOURCES).unwrap_or_default();
        if networks.is_empty() && source != AddressSource::default() {
            let what = format!("{SOURCE} is set and {LIST} names nobody: nobody is believed");
            self.raw.warnings.push(what);
        }
        TrustedProxies::new(networks, source).unwrap_or_else(|why| {
            // The list is cut before it can become too long.
            self.raw.problem(Origin::Default, LIST, why.to_string());
            TrustedProxies::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn holds_its_own_and_nobody_else() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1/32", "::ffff:192.0.2.1", "::192.0.2.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::1", "127.0.0.1"),
            ("::/0", "::1", "::ffff:127.0.0.1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("::ffff:0:0/96", "1.2.3.4", "::1"),
        ] {
            assert!(network(text).contains(ip(inside)), "{inside} is in {text}");
            assert!(!network(text).contains(ip(outside)), "{outside} is not in {text}");
        }
    }

    #[test]
    fn one_network_has_one_form() {
        for (text, canonical) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:DB8:0:0::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(text).to_string(), canonical);
            assert_eq!(network(text), network(canonical));
        }
    }

    #[test]
    fn says_what_is_wrong_and_what_would_be_right() {
        let form = "is no network: write \"10.0.0.0/8\"";
        let prefix = "must be a number from 0 to ";
        for (text, words) in [
            ("", form),
            ("/8", form),
            ("proxy.internal", form),
            ("10.0.0.0/8/8", prefix),
            ("10.0.0", form),
            ("010.0.0.1", form),
            (" 10.0.0.1", form),
            ("[::1]", form),
            ("fe80::1%eth0", form),
            ("10.0.0.0/33", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("::/1000", "from 0 to 128"),
            ("10.0.0.0/", prefix),
            ("10.0.0.0/08", prefix),
            ("10.0.0.0/+8", prefix),
            ("10.0.0.0/-1", prefix),
            ("10.0.0.0/255.0.0.0", prefix),
            ("10.0.0.1/8", "the network is 10.0.0.0/8, the address alone 10.0.0.1"),
            ("2001:db8::1/32", "the network is 2001:db8::/32, the address alone 2001:db8::1"),
            ("1.2.3.4/0", "the network is 0.0.0.0/0"),
            ("::ffff:10.0.0.1/64", "the network is ::/64"),
        ] {
            let why = text.parse::<Network>().expect_err(text).to_string();
            assert!(why.starts_with(&format!("{text:?}")) && why.contains(words), "{why}");
        }
    }

    #[test]
    fn there_is_an_end_to_trust() {
        let networks = vec![network("10.0.0.0/8"); NETWORKS + 1];
        let most = networks.iter().copied().skip(1).collect();
        assert!(TrustedProxies::new(most, AddressSource::default()).is_ok());
        let why = TrustedProxies::new(networks, AddressSource::default()).unwrap_err();
        assert!(why.to_string().starts_with("1001 networks"), "{why}");
        assert!(!TrustedProxies::default().trusts(ip("127.0.0.1")), "nobody by default");
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_networks_around_it(bits: u128, v4: bool, prefix in 0_u8..=128) {
            let address = if v4 {
                IpAddr::from(bits.to_be_bytes().first_chunk::<4>().copied().unwrap())
            } else {
                IpAddr::from(bits.to_be_bytes()).to_canonical()
            };
            let prefix = if address.is_ipv4() { prefix % 33 } else { prefix };
            let around = Network::around(address, prefix).unwrap();
            prop_assert!(around.contains(address));
            prop_assert_eq!(around.to_string().parse(), Ok(around.canonical()));
            let text = format!("{address}/{prefix}");
            prop_assert_eq!(text.parse::<Network>().is_ok(), around.first == address);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-f:./%\\[\\]]{0,40}") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert!(network.contains(network.first));
            }
        }
    }
}
