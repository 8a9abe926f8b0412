//! Addresses that may be asked: `https`, or `http` to this host alone.

use rustls::pki_types::ServerName;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The longest address, in bytes.
pub const ADDRESS_BYTES: usize = 2_048;

/// An address that may be asked: `https://…`, or `http://…` to a loopback address or `localhost`.
///
/// It has no user, no password and no fragment. It displays as it was written; for debugging only
/// whom it asks is shown, because a query may be a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: Box<str>,
    host: Host,
    port: u16,
    /// Where the path begins in `text`; at its end if there is none.
    target: usize,
    encrypted: bool,
}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// A name for the resolver.
    Name(Box<str>),
    /// An address literal.
    Literal(IpAddr),
    /// `localhost`: no resolver is asked (RFC 6761 6.3).
    Here,
}

impl Address {
    /// Checks `text` as an address that may be asked.
    ///
    /// # Errors
    /// [`AddressFault`], for people.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        if text.len() > ADDRESS_BYTES {
            return Err(AddressFault::Long { bytes: text.len() });
        }
        if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7E)) {
            return Err(AddressFault::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressFault::Scheme)?;
        let encrypted = scheme.eq_ignore_ascii_case("https");
        if !encrypted && !scheme.eq_ignore_ascii_case("http") {
            return Err(AddressFault::Scheme);
        }
        if rest.contains('#') {
            return Err(AddressFault::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let target = text.len() - path.len();
        // The request line takes it as it stands: it must be what a URI can be (RFC 3986 3.3).
        let is_path = path.parse::<hyper::http::uri::PathAndQuery>().is_ok();
        if !path.is_empty() && !is_path {
            return Err(AddressFault::Path);
        }
        let (host, port) = self::authority(authority)?;
        if !encrypted && !host.is_here() {
            return Err(AddressFault::Plain);
        }
        let port = port.unwrap_or(if encrypted { 443 } else { 80 });
        Ok(Self { text: text.into(), host, port, target, encrypted })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is asked over TLS.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Host and, where it is not the usual one, port: the Host header, and the name in the log.
    pub fn authority(&self) -> String {
        let usual = if self.encrypted { 443 } else { 80 };
        let host = &self.host;
        if self.port == usual { host.to_string() } else { format!("{host}:{}", self.port) }
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they go into the request line.
    pub(super) fn target(&self) -> String {
        let path = self.text.get(self.target..).unwrap_or_default();
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.authority())
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, AddressFault> {
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let literal: Ipv6Addr = inner.parse().map_err(|_| AddressFault::Host)?;
            return Ok(Self::Literal(literal.into()));
        }
        if let Ok(literal) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Literal(literal.into()));
        }
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Self::Here);
        }
        // What a certificate can be for; `127.1` and the like are no names, and no literals.
        let numeric = text.rsplit('.').next().is_some_and(is_number);
        match ServerName::try_from(text) {
            Ok(ServerName::DnsName(_)) if !numeric => {
                Ok(Self::Name(text.to_ascii_lowercase().into()))
            }
            Ok(_) | Err(_) => Err(AddressFault::Host),
        }
    }

    /// Whether it is this host, whatever a resolver says.
    fn is_here(&self) -> bool {
        match self {
            Self::Name(_) => false,
            Self::Literal(literal) => literal.is_loopback(),
            Self::Here => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Literal(IpAddr::V4(literal)) => literal.fmt(f),
            Self::Literal(IpAddr::V6(literal)) => write!(f, "[{literal}]"),
            Self::Here => f.write_str("localhost"),
        }
    }
}

/// A last label that some resolvers read as an address: no name of a host ends with one
/// (WHATWG URL, "ends in a number").
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn authority(text: &str) -> Result<(Host, Option<u16>), AddressFault> {
    if text.contains('@') {
        return Err(AddressFault::User);
    }
    let end = text.rfind(']').map_or(0, |at| at + 1);
    let colon = text.get(end..).and_then(|rest| rest.find(':')).map(|at| end + at);
    let (host, port) = match colon.and_then(|at| text.split_at_checked(at)) {
        Some((host, port)) => (host, Some(self::port(port.strip_prefix(':').unwrap_or(port))?)),
        None => (text, None),
    };
    Ok((Host::parse(host)?, port))
}

fn port(digits: &str) -> Result<u16, AddressFault> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| plain && *port != 0);
    port.ok_or(AddressFault::Port)
}

/// Why a text is no address that may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// Longer than [`ADDRESS_BYTES`].
    Long {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// A character that no address has: a space, a control character, one beyond ASCII.
    Character,
    /// It begins with neither `https://` nor `http://`.
    Scheme,
    /// It names a user.
    User,
    /// The host is no name and no address literal.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// The path or the query is none.
    Path,
    /// It has a fragment.
    Fragment,
    /// It is `http` to another host.
    Plain,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { bytes } => {
                write!(f, "the address has {bytes} bytes and {ADDRESS_BYTES} are allowed")
            }
            Self::Character => f.write_str(
                "the address has a space, a control character or one beyond ASCII: write names in \
                 their xn-- form and other characters as %XX",
            ),
            Self::Scheme => f.write_str("the address must begin with https://"),
            Self::User => f.write_str("the address must not name a user or a password"),
            Self::Host => f.write_str(
                "the host of the address is neither a name nor an IP address (IPv6 stands in [])",
            ),
            Self::Port => f.write_str("the port of the address must be a number from 1 to 65535"),
            Self::Path => f.write_str("the path of the address has characters that must be %XX"),
            Self::Fragment => f.write_str("the address must have no fragment (#...)"),
            Self::Plain => f.write_str(
                "plain http is for this host alone (127.0.0.1, [::1], localhost): write https://",
            ),
        }
    }
}

impl std::error::Error for AddressFault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> AddressFault {
        Address::parse(text).expect_err(text)
    }

    #[test]
    fn says_where_to_connect_and_what_to_ask() {
        let table = [
            ("https://a.example", "a.example", 443, "/", true),
            ("HTTPS://A.Example:8443/k?x=1&y", "a.example:8443", 8443, "/k?x=1&y", true),
            ("https://a_b.example?x", "a_b.example", 443, "/?x", true),
            ("https://192.0.2.7:443/%20/", "192.0.2.7", 443, "/%20/", true),
            ("https://[2001:db8::7]:444/", "[2001:db8::7]:444", 444, "/", true),
            ("http://localhost:80/k", "localhost", 80, "/k", false),
            ("http://LOCALHOST", "localhost", 80, "/", false),
            ("http://127.8.9.1:8080/k", "127.8.9.1:8080", 8080, "/k", false),
            ("http://[::1]", "[::1]", 80, "/", false),
            ("https://a.example//b//", "a.example", 443, "//b//", true),
        ];
        for (text, authority, port, target, encrypted) in table {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.authority(), authority, "{text}");
            assert_eq!((address.port(), address.target()), (port, target.to_owned()), "{text}");
            assert_eq!((address.is_encrypted(), address.as_str()), (encrypted, text));
        }
    }

    #[test]
    fn a_query_is_not_shown_for_debugging() {
        let address = Address::parse("https://a.example:444/keys?code=secret").expect("an address");
        assert_eq!(format!("{address:?}"), "Address(a.example:444)");
    }

    #[test]
    fn plain_http_is_for_this_host_alone() {
        for host in [
            "a.example",
            "127.0.0.1.example",
            "localhost.example",
            "10.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "[::]",
            "[fe80::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
        ] {
            assert_eq!(fault(&format!("http://{host}/keys")), AddressFault::Plain, "{host}");
        }
    }

    #[test]
    fn other_spellings_of_an_address_are_no_hosts() {
        for host in [
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "",
            ".",
            "a..b",
            "-a.example",
            "::1",
            "[::1",
            "::1]",
            "[1.2.3.4]",
            "[::1%25lo]",
            "a%2eb",
            "localhost.",
            "a,b",
            "a\\b",
            "*.example",
        ] {
            for scheme in ["http", "https"] {
                let text = format!("{scheme}://{host}/");
                let fault = Address::parse(&text);
                let refused = [AddressFault::Host, AddressFault::Port, AddressFault::Plain];
                assert!(fault.is_err_and(|it| refused.contains(&it)), "{text}");
            }
        }
    }

    #[test]
    fn each_part_has_its_fault() {
        let table = [
            ("", AddressFault::Scheme),
            ("a.example/keys", AddressFault::Scheme),
            ("https:a.example", AddressFault::Scheme),
            ("file:///etc/passwd", AddressFault::Scheme),
            ("ftp://a.example", AddressFault::Scheme),
            ("https://user@a.example", AddressFault::User),
            ("https://user:word@a.example", AddressFault::User),
            ("http://127.0.0.1@a.example/", AddressFault::User),
            ("https://a.example/#x", AddressFault::Fragment),
            ("https://a.example#@b", AddressFault::Fragment),
            ("https://a.example:0/", AddressFault::Port),
            ("https://a.example:/", AddressFault::Port),
            ("https://a.example:65536/", AddressFault::Port),
            ("https://a.example:+1/", AddressFault::Port),
            ("https://a.example::443/", AddressFault::Port),
            ("https://[2001:db8::7]::443/", AddressFault::Port),
            ("https://a.example/a b", AddressFault::Character),
            ("https://a.example/\r\nX: y", AddressFault::Character),
            ("https://ä.example/", AddressFault::Character),
            ("https://a.example/<>", AddressFault::Path),
        ];
        for (text, expected) in table {
            assert_eq!(fault(text), expected, "{text}");
            assert!(expected.to_string().len() > 20);
        }
        let long = format!("https://a.example/{}", "x".repeat(ADDRESS_BYTES));
        assert_eq!(fault(&long), AddressFault::Long { bytes: long.len() });
    }

    proptest! {
        #[test]
        fn whatever_passes_is_written_as_it_is_asked(text in "(https?://)?[ -~]{0,40}") {
            let Ok(address) = Address::parse(&text) else { return Ok(()) };
            let again = format!(
                "http{}://{}{}",
                if address.is_encrypted() { "s" } else { "" },
                address.authority(),
                address.target(),
            );
            let again = Address::parse(&again).expect(&again);
            prop_assert_eq!(again.host(), address.host());
            prop_assert_eq!(again.port(), address.port());
            prop_assert_eq!(again.target(), address.target());
            prop_assert!(address.is_encrypted() || address.host().is_here());
        }
    }
}
