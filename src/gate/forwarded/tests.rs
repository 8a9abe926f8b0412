//! What a client can write about itself, and what comes of it: nothing.

use super::{
    Doubt, FORWARDED, Finding, HOPS, X_FORWARDED_FOR, find, must_introduce,
    proxy_v2::{Fault, HEADER_BYTES, Progress, is_header, parse},
};
use crate::config::{AddressSource, TrustedProxies};
use proptest::prelude::*;
use std::net::IpAddr;

/// A trusted proxy, and somebody on the internet.
const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two networks of proxies, one of each version.
fn proxies(source: AddressSource) -> TrustedProxies {
    let networks = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|text| text.parse().unwrap());
    TrustedProxies::new(networks.into(), source).unwrap()
}

/// What comes of the lines of one header.
fn found(source: AddressSource, peer: &str, header: &str, lines: &[&str]) -> Finding {
    find(&proxies(source), ip(peer), |name| {
        let lines = if name == header { lines } else { &[] };
        lines.iter().map(|line| line.as_bytes())
    })
}

fn x_forwarded_for(lines: &[&str]) -> (IpAddr, Option<Doubt>) {
    let Finding { client, doubt } =
        found(AddressSource::XForwardedFor, PROXY, X_FORWARDED_FOR, lines);
    (client, doubt)
}

fn forwarded(lines: &[&str]) -> (IpAddr, Option<Doubt>) {
    let Finding { client, doubt } = found(AddressSource::Forwarded, PROXY, FORWARDED, lines);
    (client, doubt)
}

/// Lines as the last trusted proxy sends them on, and the client.
const HONEST: &[(&[&str], &str)] = &[
    (&["203.0.113.7"], "203.0.113.7"),
    (&["203.0.113.7:4711"], "203.0.113.7"),
    (&["  203.0.113.7\t"], "203.0.113.7"),
    (&["2001:db8::7"], "2001:db8::7"),
    (&["[2001:db8::7]"], "2001:db8::7"),
    (&["[2001:db8::7]:4711"], "2001:db8::7"),
    (&["::ffff:203.0.113.7"], "203.0.113.7"),
    (&["[::ffff:203.0.113.7]:4711"], "203.0.113.7"),
    // Over trusted hops, in one line or several.
    (&["203.0.113.7, 10.9.9.9"], "203.0.113.7"),
    (&["203.0.113.7,10.9.9.9,2001:db8:ffff::1"], "203.0.113.7"),
    (&["203.0.113.7", "10.9.9.9"], "203.0.113.7"),
    (&["203.0.113.7, ::ffff:10.9.9.9"], "203.0.113.7"),
    // Somebody inside: all are trusted, the first one is the client.
    (&["10.8.8.8, 10.9.9.9"], "10.8.8.8"),
    (&["10.8.8.8"], "10.8.8.8"),
    // Empty elements do not count.
    (&["203.0.113.7,"], "203.0.113.7"),
    (&["203.0.113.7, ,, 10.9.9.9, ,"], "203.0.113.7"),
    (&["203.0.113.7", ""], "203.0.113.7"),
    (&["", "203.0.113.7", " , "], "203.0.113.7"),
];

/// What the client sent stands first; the proxy wrote [`CLIENT`] behind it, or in a line after it.
const SPOOFED: &[&str] = &[
    "6.6.6.6",
    "6.6.6.6, 7.7.7.7",
    "10.9.9.9",
    "6.6.6.6, 10.9.9.9",
    "6.6.6.6, 10.9.9.9, 10.9.9.8",
    "6.6.6.6 10.9.9.9",
    "::ffff:10.9.9.9",
    "unknown",
    "\"6.6.6.6",
    "6.6.6.6\"",
    "for=6.6.6.6",
    "_hidden, ,,",
    ",",
    " ",
    ";",
    "[",
    "6.6.6.6\\",
    "'6.6.6.6' or 1=1",
    "\u{e9}\u{fffd}",
];

#[test]
fn an_honest_proxy_names_the_client() {
    for (lines, client) in HONEST {
        assert_eq!(x_forwarded_for(lines), (ip(client), None), "{lines:?}");
    }
}

#[test]
fn what_the_client_writes_before_it_changes_nothing() {
    for sent in SPOOFED {
        let (joined, spaced) = (format!("{sent},{CLIENT}"), format!("{sent}, {CLIENT}, 10.1.1.1"));
        for lines in [&[joined.as_str()][..], &[&spaced], &[sent, CLIENT], &[sent, sent, CLIENT]] {
            assert_eq!(x_forwarded_for(lines), (ip(CLIENT), None), "{lines:?}");
        }
        let element = format!("for={CLIENT};proto=http;by=\"[2001:db8::1]\"");
        let (joined, spaced) = (format!("{sent},{element}"), format!("{sent} , {element}"));
        for lines in [&[joined.as_str()][..], &[&spaced], &[sent, &element]] {
            assert_eq!(forwarded(lines), (ip(CLIENT), None), "{lines:?}");
        }
    }
    let huge = vec!["10.9.9.9"; 1_000].join(",");
    assert_eq!(x_forwarded_for(&[&huge, CLIENT]), (ip(CLIENT), None));
}

#[test]
fn the_hop_that_wrote_something_else_counts_itself() {
    let unreadable = Some(Doubt::Unreadable(X_FORWARDED_FOR));
    for garbage in [
        "unknown",
        "_hidden",
        "unix:",
        "(null)",
        "localhost",
        "203.0.113.7 10.9.9.9",
        "203.0.113",
        "203.0.113.07",
        "203.0.113.7:",
        "203.0.113.7:x",
        "203.0.113.7:65536",
        "203.0.113.7:+1",
        "2001:db8::7%eth0",
        "[2001:db8::7",
        "2001:db8::7]",
        "[2001:db8::7]4711",
        "[203.0.113.7]",
        "\"203.0.113.7\"",
        "http://203.0.113.7",
        "203.0.113.7/32",
    ] {
        assert_eq!(x_forwarded_for(&[garbage]), (ip(PROXY), unreadable), "{garbage}");
        let hop = format!("6.6.6.6, {garbage}, 10.9.9.9");
        assert_eq!(x_forwarded_for(&[&hop]), (ip("10.9.9.9"), unreadable), "{garbage}");
    }
}

#[test]
fn a_proxy_that_names_nobody_counts_itself() {
    for lines in [&[][..], &[""], &[" , ,", ","]] {
        let unnamed = Some(Doubt::Unnamed(X_FORWARDED_FOR));
        assert_eq!(x_forwarded_for(lines), (ip(PROXY), unnamed), "{lines:?}");
        assert_eq!(forwarded(lines), (ip(PROXY), Some(Doubt::Unnamed(FORWARDED))), "{lines:?}");
    }
}

#[test]
fn there_is_an_end_to_the_walk() {
    let hops = |count| format!("{CLIENT}, {}", vec!["10.9.9.9"; count].join(", "));
    assert_eq!(x_forwarded_for(&[&hops(HOPS - 1)]), (ip(CLIENT), None));
    let too_many = Some(Doubt::TooManyHops(X_FORWARDED_FOR));
    assert_eq!(x_forwarded_for(&[&hops(HOPS)]), (ip("10.9.9.9"), too_many));
}

#[test]
fn nobody_else_is_believed_and_a_claim_is_noticed() {
    use AddressSource::{Forwarded, ProxyV2, XForwardedFor};
    for source in [XForwardedFor, Forwarded, ProxyV2] {
        for (peer, header) in
            [(CLIENT, X_FORWARDED_FOR), (CLIENT, FORWARDED), ("2001:db8::7", X_FORWARDED_FOR)]
        {
            let doubt = Some(Doubt::Untrusted(header));
            let expected = Finding { client: ip(peer), doubt };
            assert_eq!(found(source, peer, header, &["6.6.6.6"]), expected);
        }
        let silent = Finding { client: ip(CLIENT), doubt: None };
        assert_eq!(found(source, CLIENT, X_FORWARDED_FOR, &[]), silent);
    }
}

#[test]
fn one_source_is_believed_and_no_other() {
    let unnamed = |name| Finding { client: ip(PROXY), doubt: Some(Doubt::Unnamed(name)) };
    let of = |source, header, value| found(source, PROXY, header, &[value]);
    assert_eq!(
        of(AddressSource::XForwardedFor, FORWARDED, "for=6.6.6.6"),
        unnamed(X_FORWARDED_FOR)
    );
    assert_eq!(of(AddressSource::Forwarded, X_FORWARDED_FOR, "6.6.6.6"), unnamed(FORWARDED));
    for (header, value) in [(FORWARDED, "for=6.6.6.6"), (X_FORWARDED_FOR, "6.6.6.6")] {
        let itself = Finding { client: ip(PROXY), doubt: None };
        assert_eq!(of(AddressSource::ProxyV2, header, value), itself, "whatever {header} says");
    }
}

#[test]
fn only_trusted_peers_introduce_and_only_where_that_is_the_source() {
    for (source, peer, must) in [
        (AddressSource::ProxyV2, PROXY, true),
        (AddressSource::ProxyV2, "::ffff:10.0.0.1", true),
        (AddressSource::ProxyV2, CLIENT, false),
        (AddressSource::XForwardedFor, PROXY, false),
        (AddressSource::Forwarded, PROXY, false),
    ] {
        assert_eq!(must_introduce(&proxies(source), ip(peer)), must, "{source:?} {peer}");
    }
}

#[test]
fn forwarded_is_read_as_the_standard_writes_it() {
    for (line, client) in [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7", "203.0.113.7"),
        ("for=\"203.0.113.7\"", "203.0.113.7"),
        ("for=\"203.0.113.7:4711\"", "203.0.113.7"),
        ("for=\"203.0.113.7:_port\"", "203.0.113.7"),
        ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
        ("FOR=\"[2001:DB8::7]\";proto=https", "2001:db8::7"),
        ("proto=https;for=203.0.113.7;by=_lb", "203.0.113.7"),
        ("for=203.0.113.7; proto=https;;host=\"a, b; for=6.6.6.6\"", "203.0.113.7"),
        ("host=\"\\\"\\\\\";for=203.0.113.7", "203.0.113.7"),
        ("for=\"\\203.0.113.7\"", "203.0.113.7"),
        ("for=203.0.113.7;", "203.0.113.7"),
        // What the standard wants quoted and many do not quote.
        ("for=[2001:db8::7]:4711", "2001:db8::7"),
        ("for=203.0.113.7:4711;host=chat.example:443", "203.0.113.7"),
        // Over trusted hops.
        ("for=203.0.113.7, for=10.9.9.9", "203.0.113.7"),
        ("for=203.0.113.7;host=\"x,y\" , for=\"[2001:db8:ffff::1]\"", "203.0.113.7"),
    ] {
        assert_eq!(forwarded(&[line]), (ip(client), None), "{line}");
    }
    assert_eq!(forwarded(&["for=203.0.113.7", "for=10.9.9.9"]), (ip("203.0.113.7"), None));
}

#[test]
fn an_element_that_can_be_read_in_two_ways_names_nobody() {
    let unreadable = (ip(PROXY), Some(Doubt::Unreadable(FORWARDED)));
    for line in [
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden:80\"",
        "proto=https",
        "203.0.113.7",
        "for=6.6.6.6;for=203.0.113.7",
        "for=6.6.6.6;FOR=6.6.6.6",
        "for=",
        "for=\"203.0.113.7",
        "for=203.0.113.7\"",
        "for=\"203.0.113.7\"x",
        "for=203.0.113.7;host=\"",
        "for=203.0.113.7;host=a b",
        "for=203.0.113.7 for=6.6.6.6",
        "for =203.0.113.7;=x",
        "for==203.0.113.7",
        ";for=203.0.113.7;host",
    ] {
        assert_eq!(forwarded(&[line]), unreadable, "{line}");
    }
}

/// What a client can leave open, and what the proxy adds behind it.
#[test]
fn a_quote_left_open_swallows_nothing() {
    for sent in ["for=\"6.6.6.6", "for=6.6.6.6;x=\"", "for=\"", "x=\"\\", "\"\"\"", "a=\"\\\\\\\""]
    {
        for element in [
            "for=203.0.113.7",
            "for=\"203.0.113.7\"",
            "for=\"203.0.113.7:4711\";proto=http",
            "for=203.0.113.7;host=\"chat.example:443\";proto=https",
            "proto=http;host=\"a\\\"b\\\\\";for=203.0.113.7",
        ] {
            let line = format!("{sent}, {element}");
            assert_eq!(forwarded(&[&line]), (ip(CLIENT), None), "{line}");
        }
    }
}

/// A header of version 2.
fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

/// Addresses and ports of IPv4, source first.
const V4: &[u8] = &[203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x1b, 0x58];
const TLV: &[u8] = &[0x03, 0, 4, 1, 2, 3, 4];

fn v6(source: &str) -> Vec<u8> {
    let IpAddr::V6(source) = ip(source) else { panic!("{source}") };
    [&source.octets()[..], &[0; 16], &[0x12, 0x67, 0x1b, 0x58]].concat()
}

#[test]
fn a_header_names_the_client_or_the_proxy_itself() {
    let with_tlv = [V4, TLV].concat();
    let long = [V4, &[0; HEADER_BYTES - 28]].concat();
    for (bytes, client) in [
        (header(0x21, 0x11, V4), Some("203.0.113.7")),
        (header(0x21, 0x12, V4), Some("203.0.113.7")),
        (header(0x21, 0x11, &with_tlv), Some("203.0.113.7")),
        (header(0x21, 0x11, &long), Some("203.0.113.7")),
        (header(0x21, 0x21, &v6("2001:db8::7")), Some("2001:db8::7")),
        (header(0x21, 0x21, &v6("::ffff:203.0.113.7")), Some("203.0.113.7")),
        (header(0x21, 0x00, b""), None),
        (header(0x21, 0x00, TLV), None),
        (header(0x21, 0x31, &[0; 216]), None),
        // LOCAL: the proxy's own health check; what follows is not looked at.
        (header(0x20, 0x00, b""), None),
        (header(0x20, 0x11, V4), None),
        (header(0x20, 0x11, b"x"), None),
        (header(0x20, 0xff, TLV), None),
    ] {
        let length = bytes.len();
        let done = Progress::Done { client: client.map(ip), length };
        assert_eq!(parse(&bytes), done);
        assert_eq!(parse(&[&bytes, &b"GET /ws"[..]].concat()), done, "whatever follows");
        assert!(is_header(&bytes));
        for cut in 0..length {
            assert_eq!(parse(&bytes[..cut]), Progress::NeedMore, "{cut} of {length}");
        }
    }
}

#[test]
fn anything_else_ends_the_connection_as_soon_as_it_is_known() {
    let mut too_long = header(0x21, 0x11, V4);
    too_long[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    for (bytes, fault, known) in [
        (b"GET /ws HTTP/1.1\r\n".to_vec(), Fault::Missing, 1),
        (b"\r\nGET /ws HTTP/1.1\r\n".to_vec(), Fault::Missing, 3),
        (b"\x16\x03\x01".to_vec(), Fault::Missing, 1),
        (b"POST /".to_vec(), Fault::Missing, 2),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 7000\r\n".to_vec(), Fault::VersionOne, 6),
        (b"PROXY UNKNOWN\r\n".to_vec(), Fault::VersionOne, 6),
        (header(0x11, 0x11, V4), Fault::Unknown, 16),
        (header(0x31, 0x11, V4), Fault::Unknown, 16),
        (header(0x22, 0x11, V4), Fault::Unknown, 16),
        (header(0x21, 0x10, V4), Fault::Unknown, 16),
        (header(0x21, 0x13, V4), Fault::Unknown, 16),
        (header(0x21, 0x41, V4), Fault::Unknown, 16),
        (header(0x21, 0x01, V4), Fault::Unknown, 16),
        (header(0x21, 0x11, &V4[1..]), Fault::TooShort, 16),
        (header(0x21, 0x21, V4), Fault::TooShort, 16),
        (header(0x21, 0x31, &[0; 215]), Fault::TooShort, 16),
        (too_long, Fault::TooLong, 16),
    ] {
        for cut in 0..=bytes.len() {
            let expected = if cut < known { Progress::NeedMore } else { Progress::Refuse(fault) };
            assert_eq!(parse(&bytes[..cut]), expected, "{cut} of {:?}", bytes.escape_ascii());
        }
    }
}

/// Pieces of both headers, so that random lines come near the grammar.
fn junk() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("for=".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(",".to_owned()),
        Just(";".to_owned()),
        Just("10.9.9.9".to_owned()),
        Just("[2001:db8:ffff::1]:1".to_owned()),
        Just("6.6.6.6".to_owned()),
        "[ -~]{0,6}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_a_client_sends_the_proxys_word_counts(sent in junk(), address: [u8; 16], v4: bool) {
        let address = if v4 {
            IpAddr::from(*address.first_chunk::<4>().unwrap())
        } else {
            IpAddr::from(address).to_canonical()
        };
        prop_assume!(!proxies(AddressSource::default()).trusts(address));
        let (bare, quoted) = (address.to_string(), format!("for=\"{}\"", match address {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]:4711"),
        }));
        for (name, lines) in [("one line", vec![format!("{sent}, {bare}")]),
                              ("two lines", vec![sent.clone(), bare.clone()])] {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(x_forwarded_for(&lines), (address, None), "{}", name);
        }
        for lines in [vec![format!("{sent}, {quoted}")], vec![sent.clone(), quoted.clone()]] {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(forwarded(&lines), (address, None));
        }
    }

    /// Nobody but the peer, or somebody whom the header names at the right place.
    #[test]
    fn a_client_of_random_lines_is_vouched_for(lines in proptest::collection::vec(junk(), 0..4)) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        for (client, doubt) in [x_forwarded_for(&lines), forwarded(&lines)] {
            let trusted = proxies(AddressSource::default()).trusts(client);
            prop_assert!(trusted || doubt.is_none(), "in doubt a trusted hop counts");
        }
    }

    #[test]
    fn a_header_is_judged_the_same_in_any_pieces(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            (any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300))
                .prop_map(|(command, family, block)| header(command, family, &block)),
            (0x20_u8..0x23, 0_u8..0x34, proptest::collection::vec(any::<u8>(), 0..300))
                .prop_map(|(command, family, block)| header(command, family, &block)),
        ]
    ) {
        let whole = parse(&bytes);
        for cut in 0..bytes.len() {
            let part = parse(&bytes[..cut]);
            prop_assert!(part == Progress::NeedMore || part == whole, "{} bytes: {:?}", cut, part);
        }
        if let Progress::Done { length, .. } = whole {
            prop_assert!(length <= bytes.len() && length <= HEADER_BYTES);
            prop_assert_eq!(parse(&bytes[..length]), whole);
        }
    }
}
