//! Every source alone, and all of them together.

use super::*;
use crate::protocol::{
    client_message::Token,
    credential::{Password, Unreadable},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use proptest::prelude::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";

fn token(text: &str) -> Credential<'static> {
    Credential::Token(Token::new(text.to_owned()))
}

/// A request with the query and the header lines of this text: `?query`, then `name: value`.
fn with<T>(text: &str, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let (query, lines) = text.split_once('\n').unwrap_or((text, ""));
    let lines = lines.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.map(|(name, value)| (name, value.as_bytes()));
    look(&Request::new(query.strip_prefix('?'), Page::Listed, lines))
}

fn read(name: &str, text: &str) -> Reading {
    let source = Source::named(name).unwrap();
    let detail = source.detail.map_or("", |detail| detail.unset);
    with(text, |request| (source.read)(request, detail))
}

/// Reads all sources as they are by default.
fn all(mode: Mode, text: &str) -> Result<Option<Credential<'static>>, SourceFault> {
    with(text, |request| Sources::all(mode).read(request))
}

/// What every source finds that is said in its own way, and how to say it.
fn saying(name: &str, secret: &str) -> String {
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    match name {
        "authorization" => format!("\nAuthorization: Bearer {secret}"),
        "basic" => format!("\nAuthorization: Basic {}", STANDARD.encode(format!("ann:{secret}"))),
        "cookie" => format!("\nCookie: a=b; vestibule_token={secret}; c=d"),
        "subprotocol" => format!(
            "\nSec-WebSocket-Protocol: vestibule.v1, \
             base64url.bearer.authorization.vestibule.{}",
            encoded(secret)
        ),
        "query_ticket" => format!("?a=b&ticket={secret}"),
        "query_token" => format!("?token={secret}&a=b"),
        "query_scheme" => format!("?JWT%20{secret}"),
        other => panic!("{other} is said by nobody"),
    }
}

fn meant(name: &str, secret: &str) -> Credential<'static> {
    match name {
        "basic" => Credential::Password(Password::new("ann", secret)),
        "query_ticket" => Credential::Ticket(Token::new(secret.to_owned())),
        _ => token(secret),
    }
}

#[test]
fn every_source_finds_its_own_and_nothing_else() {
    for source in SOURCES {
        assert!(source.key.ends_with(source.name) && source.key.starts_with("auth.sources."));
        for other in SOURCES {
            for secret in [JWT, ""] {
                let found = read(source.name, &saying(other.name, secret));
                let expected = if source == other {
                    Reading::Shown(meant(source.name, secret))
                } else {
                    Reading::Absent
                };
                assert_eq!(found, expected, "{source:?} reads what {other:?} says: {secret:?}");
            }
        }
        assert_eq!(read(source.name, ""), Reading::Absent);
        let together = all(Mode::Optional, &saying(source.name, JWT));
        assert_eq!(together, Ok(Some(meant(source.name, JWT))));
    }
}

#[test]
fn a_header_is_read_as_http_writes_it() {
    for line in [
        "authorization:bearer   TOKEN  ",
        "AUTHORIZATION: BEARER TOKEN",
        "Authorization: Bearer\tTOKEN",
    ] {
        let line = format!("\n{}", line.replace("TOKEN", JWT));
        assert_eq!(read("authorization", &line), Reading::Shown(token(JWT)), "{line}");
    }
    let elsewhere = ["Bearerx y", "Digest x", "Basic eDp5", ""];
    for other in elsewhere {
        assert_eq!(read("authorization", &format!("\nAuthorization: {other}")), Reading::Absent);
    }
    assert_eq!(read("authorization", "\nAuthorization: Bearer"), Reading::Shown(token("")));
}

#[test]
fn a_password_has_a_user_and_may_have_colons() {
    let basic =
        |pair: &[u8]| read("basic", &format!("\nAuthorization: Basic {}", STANDARD.encode(pair)));
    let shown =
        |user, password| Reading::Shown(Credential::Password(Password::new(user, password)));
    assert_eq!(basic(b"ann:a:b"), shown("ann", "a:b"));
    assert_eq!(basic(b":"), shown("", ""));
    let unreadable = |fault| Reading::Shown(Credential::Unreadable(fault));
    assert_eq!(basic(b"ann"), unreadable(Unreadable::Colon));
    assert_eq!(basic(b"\xFF:a"), unreadable(Unreadable::Utf8));
    for text in ["!", "YTpi=", "YTpiYw"] {
        let line = format!("\nAuthorization: Basic {text}");
        assert_eq!(read("basic", &line), unreadable(Unreadable::Base64), "{text}");
    }
}

#[test]
fn a_cookie_is_the_one_of_its_name() {
    let cookie = |line: &str| read("cookie", &format!("\nCookie: {line}"));
    for line in [
        "vestibule_token=T",
        "vestibule_token=\"T\"",
        "a=1;vestibule_token=T",
        "x_vestibule_token=U; vestibule_token=T; vestibule_token=T",
        "vestibule_token =T ; vestibule_token_x=U",
    ] {
        assert_eq!(cookie(line), Reading::Shown(token("T")), "{line}");
    }
    let two_lines = "\nCookie: vestibule_token=T\nCookie: vestibule_token=U";
    assert_eq!(read("cookie", two_lines), Reading::Several, "somebody tossed one in");
    assert_eq!(cookie("vestibule_token; Vestibule_Token=T"), Reading::Absent);
}

#[test]
fn a_subprotocol_that_cannot_be_read_is_a_bad_credential() {
    let offer = |text: &str| read("subprotocol", &format!("\nSec-WebSocket-Protocol: a, {text}"));
    let prefix = "base64url.bearer.authorization.vestibule.";
    let unreadable = |fault| Reading::Shown(Credential::Unreadable(fault));
    assert_eq!(offer(&format!("{prefix}!")), unreadable(Unreadable::Base64));
    assert_eq!(
        offer(&format!("{prefix}{}", URL_SAFE_NO_PAD.encode([0xFF]))),
        unreadable(Unreadable::Utf8)
    );
    assert_eq!(offer(prefix), Reading::Shown(token("")));
    assert_eq!(offer(&format!("{prefix}YQ, {prefix}Yg")), Reading::Several);
    assert!(carries_token(prefix.as_bytes()) && !carries_token(b"vestibule.v1"));
}

#[test]
fn a_query_is_decoded_once() {
    let of = |name: &str, query: &str| read(name, query);
    assert_eq!(of("query_token", "?token=a%2Eb"), Reading::Shown(token("a.b")));
    assert_eq!(of("query_token", "?token=a%252Eb"), Reading::Shown(token("a%2Eb")));
    assert_eq!(of("query_token", "?token=a&token=a"), Reading::Shown(token("a")));
    assert_eq!(of("query_token", "?token=a&token=b"), Reading::Several);
    assert_eq!(of("query_token", "?Token=a&xtoken=b"), Reading::Absent);
    for query in ["?JWT%20T", "?jwt+T", "?Jwt%20%54"] {
        assert_eq!(of("query_scheme", query), Reading::Shown(token("T")), "{query}");
    }
    assert_eq!(of("query_scheme", "?JWT"), Reading::Shown(token("")));
    for query in ["?JWTT", "?Bearer%20T", "?a=JWT%20T", "?"] {
        assert_eq!(of("query_scheme", query), Reading::Absent, "{query}");
    }
    let broken = Reading::Shown(Credential::Unreadable(Unreadable::Utf8));
    assert_eq!(of("query_scheme", "?JWT%20%FF"), broken);
}

#[test]
fn credentials_that_differ_are_refused_and_equal_ones_are_one() {
    let both = |query: &str, bearer: &str| {
        all(Mode::Optional, &format!("?token={query}\nAuthorization: Bearer {bearer}"))
    };
    assert_eq!(both(JWT, JWT), Ok(Some(token(JWT))));
    assert_eq!(both(JWT, "other"), Err(SourceFault::Several));
    assert_eq!(both("", JWT), Err(SourceFault::Several), "an empty one is one");
    let ticket = format!("?token={JWT}&ticket={JWT}");
    let one = Credential::Ticket(Token::new(JWT.to_owned()));
    assert_eq!(all(Mode::Optional, &ticket), Ok(Some(one)), "it stays a ticket");
    let password = format!("{}\nCookie: vestibule_token=ann", saying("basic", "ann"));
    assert_eq!(all(Mode::Optional, &password), Err(SourceFault::Several));
}

#[test]
fn missing_passes_only_where_it_may() {
    assert_eq!(all(Mode::Optional, ""), Ok(None));
    assert_eq!(all(Mode::Required, ""), Err(SourceFault::Missing));
    assert_eq!(all(Mode::Off, &saying("cookie", JWT)), Ok(None), "nobody looks");
    assert_eq!(Sources::default(), Sources::all(Mode::Off));
}

#[test]
fn what_browsers_send_by_themselves_is_taken_from_listed_pages_alone() {
    for source in SOURCES {
        let choice = Choice { source, mode: Mode::Optional, detail: None };
        let sources = Sources::new([choice]).unwrap();
        for page in [Page::None, Page::Listed, Page::Unlisted] {
            let text = saying(source.name, JWT);
            let taken = with(&text, |request| sources.read(&request.at(page)));
            let expected = match (source.name, page) {
                ("cookie", Page::None | Page::Unlisted) | ("basic", Page::Unlisted) => false,
                (_, Page::None | Page::Listed | Page::Unlisted) => true,
            };
            assert_eq!(taken.is_ok(), expected, "{source:?} {page:?}");
            let nothing = with("", |request| sources.read(&request.at(page)));
            assert_eq!(nothing, Ok(None), "who shows nothing is asked nothing");
        }
    }
}

#[test]
fn nothing_of_a_request_can_be_printed() {
    with("?token=sesame\nCookie: vestibule_token=sesame", |request| {
        assert!(!format!("{request:?}").contains("sesame"));
    });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_not(
        query in prop::option::of(".{0,80}"),
        headers in prop::collection::vec(
            (
                prop::sample::select(vec!["authorization", "cookie", "Sec-WebSocket-Protocol"]),
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..80),
                    "(Bearer|Basic|vestibule_token=|base64url\\.bearer\\.authorization\\.vestibule\\.)[ -~]{0,30}"
                        .prop_map(String::into_bytes),
                ],
            ),
            0..6,
        ),
    ) {
        let lines = headers.iter().map(|(name, value)| (*name, value.as_slice()));
        let request = Request::new(query.as_deref(), Page::Listed, lines);
        for source in SOURCES {
            let _ = (source.read)(&request, source.detail.map_or("", |detail| detail.unset));
        }
        let _ = Sources::all(Mode::Required).read(&request);
    }
}
