//! Where the keys of an issuer come from: a file, an address, or what the issuer says of itself.

use super::fault::SourceFault;
use crate::{
    fetch::{Address, AddressFault},
    protocol::json,
};
use std::{fmt, path::PathBuf};

/// Where the keys of an issuer come from. Nothing in a token has a say in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file with a JWK or a JWK Set, looked at again and again.
    File(PathBuf),
    /// The address of a JWK Set.
    Set(Address),
    /// The issuer's own description says where its set is.
    Discovery(Discovery),
}

/// An issuer that describes itself (OpenID Connect Discovery 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    issuer: Box<str>,
    document: Address,
}

/// Where the description stands, below the issuer (OpenID Connect Discovery 1.0, 4).
const DOCUMENT: &str = "/.well-known/openid-configuration";

impl Location {
    /// The address of a JWK Set.
    ///
    /// # Errors
    /// [`AddressFault`] if it may not be asked.
    pub fn set(address: &str) -> Result<Self, AddressFault> {
        Address::parse(address).map(Self::Set)
    }

    /// The issuer whose description says where its set is. `issuer` is its identifier, as its
    /// tokens name it; the description must name it too, byte for byte.
    ///
    /// # Errors
    /// [`AddressFault`] if it may not be asked.
    pub fn discovery(issuer: &str) -> Result<Self, AddressFault> {
        let bare = issuer.strip_suffix('/').unwrap_or(issuer);
        // A query would swallow what is appended.
        if issuer.contains('?') {
            return Err(AddressFault::Path);
        }
        Address::parse(issuer)?;
        let document = Address::parse(&format!("{bare}{DOCUMENT}"))?;
        Ok(Self::Discovery(Discovery { issuer: issuer.into(), document }))
    }
}

/// What the log calls it: a path, or a host.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Set(address) => f.write_str(&address.authority()),
            Self::Discovery(discovery) => f.write_str(&discovery.document.authority()),
        }
    }
}

impl Discovery {
    /// Where the description stands.
    pub const fn document(&self) -> &Address {
        &self.document
    }

    /// Reads a description, and says where the set is.
    pub(super) fn read(&self, text: &[u8]) -> Result<Address, SourceFault> {
        let fault = |why| SourceFault::Discovery(why);
        let text = std::str::from_utf8(text).map_err(|_| fault(DiscoveryFault::NotJson))?;
        let members = json::object(text, &["issuer", "jwks_uri"]);
        let [issuer, jwks_uri] = members.map_err(|_| fault(DiscoveryFault::NotJson))?;
        let issuer = issuer.and_then(|raw| raw.as_str()).ok_or(fault(DiscoveryFault::NoIssuer))?;
        if *issuer != *self.issuer {
            return Err(fault(DiscoveryFault::OtherIssuer));
        }
        let uri = jwks_uri.and_then(|raw| raw.as_str());
        let uri = uri.ok_or(fault(DiscoveryFault::NoSet))?;
        let address = Address::parse(&uri).map_err(|why| fault(DiscoveryFault::Address(why)))?;
        // What came over TLS must not lead to what anybody on this host could answer.
        if self.document.is_encrypted() && !address.is_encrypted() {
            return Err(fault(DiscoveryFault::Address(AddressFault::Plain)));
        }
        Ok(address)
    }
}

/// How an issuer's description of itself cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryFault {
    /// It is no strict JSON object.
    NotJson,
    /// It does not say whose it is.
    NoIssuer,
    /// It is another issuer's.
    OtherIssuer,
    /// It does not say where the set is.
    NoSet,
    /// Its `jwks_uri` may not be asked.
    Address(AddressFault),
}

impl fmt::Display for DiscoveryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the issuer's description (openid-configuration) ")?;
        match self {
            Self::NotJson => f.write_str("is not strict JSON"),
            Self::NoIssuer => f.write_str("has no `issuer`"),
            Self::OtherIssuer => f.write_str(
                "names another `issuer` than the configured one: they must be equal, byte for byte",
            ),
            Self::NoSet => f.write_str("has no `jwks_uri`"),
            Self::Address(why) => write!(f, "has a `jwks_uri` that is not asked: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovery(issuer: &str) -> Discovery {
        match Location::discovery(issuer).expect(issuer) {
            Location::Discovery(discovery) => discovery,
            other @ (Location::File(_) | Location::Set(_)) => panic!("{other}"),
        }
    }

    #[test]
    fn the_description_stands_below_the_issuer() {
        let table = [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            (
                "https://a.example/t/v2.0",
                "https://a.example/t/v2.0/.well-known/openid-configuration",
            ),
            ("http://127.0.0.1:80", "http://127.0.0.1:80/.well-known/openid-configuration"),
        ];
        for (issuer, document) in table {
            assert_eq!(discovery(issuer).document().as_str(), document);
        }
        for issuer in
            ["http://a.example", "a.example", "https://a.example?x=", "https://a.example/#"]
        {
            assert!(Location::discovery(issuer).is_err(), "{issuer}");
        }
        let location = Location::discovery("https://a.example:444/tenant").expect("an issuer");
        assert_eq!(location.to_string(), "a.example:444");
    }

    #[test]
    fn a_description_names_its_issuer_and_its_set() {
        let here = discovery("https://a.example/");
        let read = |text: &str| match here.read(text.as_bytes()) {
            Err(SourceFault::Discovery(fault)) => Err(fault),
            Err(other) => panic!("{other}"),
            Ok(address) => Ok(address.as_str().to_owned()),
        };
        let good = r#"{"issuer":"https:\/\/a.example/","jwks_uri":"https://b.example/k","x":[]}"#;
        assert_eq!(read(good), Ok("https://b.example/k".to_owned()));
        let table = [
            ("<html>", DiscoveryFault::NotJson),
            (r#"{"issuer":"https://a.example/","issuer":"x"}"#, DiscoveryFault::NotJson),
            (r#"{"jwks_uri":"https://b.example/k"}"#, DiscoveryFault::NoIssuer),
            (r#"{"issuer":["https://a.example/"]}"#, DiscoveryFault::NoIssuer),
            (r#"{"issuer":"https://a.example"}"#, DiscoveryFault::OtherIssuer),
            (r#"{"issuer":"https://A.example/"}"#, DiscoveryFault::OtherIssuer),
            (r#"{"issuer":"https://a.example/"}"#, DiscoveryFault::NoSet),
            (r#"{"issuer":"https://a.example/","jwks_uri":null}"#, DiscoveryFault::NoSet),
        ];
        for (text, fault) in table {
            assert_eq!(read(text), Err(fault), "{text}");
        }
        for uri in ["http://b.example/k", "http://127.0.0.1/k", "file:///k", "//b.example/k"] {
            let text = format!(r#"{{"issuer":"https://a.example/","jwks_uri":"{uri}"}}"#);
            assert!(matches!(read(&text), Err(DiscoveryFault::Address(_))), "{uri}");
        }
        let local = discovery("http://localhost:1");
        let text = r#"{"issuer":"http://localhost:1","jwks_uri":"http://[::1]:2/k"}"#;
        assert!(local.read(text.as_bytes()).is_ok());
        assert!(local.read(b"\xff").is_err());
    }
}
