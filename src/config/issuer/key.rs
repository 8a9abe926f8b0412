//! The keys of an issuer: the ways to name them, and what goes with which.

use super::{
    super::{
        KEY_FILE_BYTES, KeyConfig, KeySet, KeysFrom, Origin, PreviousSecret, Secret, check::Check,
        moment, raw::read_bounded,
    },
    stands_at,
};
use crate::{fetch::Address, protocol::time::Wall};
use base64::{Engine, engine::general_purpose::STANDARD};

/// The JOSE names of the algorithms that a token may be signed with (RFC 7518 3.1, RFC 8037 3.1).
const ALGORITHMS: &[(&str, &str)] = &[
    ("HS256", "HS256"),
    ("HS384", "HS384"),
    ("HS512", "HS512"),
    ("RS256", "RS256"),
    ("RS384", "RS384"),
    ("RS512", "RS512"),
    ("PS256", "PS256"),
    ("PS384", "PS384"),
    ("PS512", "PS512"),
    ("ES256", "ES256"),
    ("ES384", "ES384"),
    ("EdDSA", "EdDSA"),
];

/// The ways to name the keys of an issuer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Secret,
    SecretFile,
    PublicKeyFile,
    JwksFile,
    JwksUrl,
    Discovery,
}

impl Way {
    const ALL: [(Self, &str); 6] = [
        (Self::Secret, "secret"),
        (Self::SecretFile, "secret_file"),
        (Self::PublicKeyFile, "public_key_file"),
        (Self::JwksFile, "jwks_file"),
        (Self::JwksUrl, "jwks_url"),
        (Self::Discovery, "discovery"),
    ];
}

const SECRETS: &[Way] = &[Way::Secret, Way::SecretFile];
const SETS: &[Way] = &[Way::JwksFile, Way::JwksUrl, Way::Discovery];
const FETCHED: &[Way] = &[Way::JwksUrl, Way::Discovery];

/// Keys that go with some ways only.
const COMPANIONS: [(&str, &[Way]); 6] = [
    ("previous_secret", SECRETS),
    ("previous_secret_file", SECRETS),
    ("previous_until", SECRETS),
    ("algorithms", SETS),
    ("stale_ms", FETCHED),
    ("ca_file", FETCHED),
];

const NO_UNTIL: &str = "needs `previous_until`, from when on it is refused, such as \
                        previous_until = \"2026-12-31T00:00:00Z\"";

impl KeyConfig {
    /// The `iss` that discovery stands for.
    pub(super) fn discovered_issuer(&self) -> Option<Box<str>> {
        match self {
            Self::Set(KeySet { from: KeysFrom::Discovery(issuer), .. }) => Some(issuer.clone()),
            Self::Set(_) | Self::Secret { .. } | Self::PublicKey(_) => None,
        }
    }
}

impl Check {
    pub(super) fn algorithm(&mut self, number: usize) -> Option<&'static str> {
        self.word(&format!("issuer.{number}.algorithm"), ALGORITHMS)
    }

    /// The keys, and where they are named.
    pub(super) fn key(&mut self, number: usize) -> Option<(KeyConfig, Origin)> {
        let at = |name: &str| format!("issuer.{number}.{name}");
        let set: Vec<_> = Way::ALL
            .iter()
            .filter_map(|(way, name)| Some((*way, at(name), self.raw.origin(&at(name))?.clone())))
            .collect();
        match set.as_slice() {
            [(way, key, origin)] => {
                self.companions(number, *way);
                self.key_of(number, *way, key).map(|key| (key, origin.clone()))
            }
            [] => {
                let what = "has no key: set `secret`, `secret_file`, `public_key_file`, \
                            `jwks_file`, `jwks_url` or `discovery`";
                self.missing(&format!("issuer.{number}"), what);
                None
            }
            [(_, first, at), (_, second, origin), ..] => {
                let what = format!("cannot stand beside {}: set one of them", stands_at(first, at));
                self.raw.problem(origin.clone(), second, what);
                None
            }
        }
    }

    fn key_of(&mut self, number: usize, way: Way, key: &str) -> Option<KeyConfig> {
        match way {
            Way::Secret | Way::SecretFile => {
                let current = self.secret_at(key, way == Way::SecretFile);
                let previous = self.previous(number);
                let current = current?;
                let previous = previous.ok()?;
                Some(KeyConfig::Secret { current, previous })
            }
            Way::PublicKeyFile => {
                self.key_file(key).map(|(pem, _)| KeyConfig::PublicKey(pem.into()))
            }
            Way::JwksFile => {
                let (text, origin) = self.text(key)?;
                let path = self.raw.resolve(&text, &origin);
                self.key_set(number, KeysFrom::File(path))
            }
            Way::JwksUrl => {
                let url = self.url(key)?;
                self.key_set(number, KeysFrom::Url(url))
            }
            Way::Discovery => {
                let issuer = self.discovery(key)?;
                self.key_set(number, KeysFrom::Discovery(issuer))
            }
        }
    }

    fn key_set(&mut self, number: usize, from: KeysFrom) -> Option<KeyConfig> {
        let at = |name: &str| format!("issuer.{number}.{name}");
        let algorithms = (0..self.raw.len(&at("algorithms")))
            .filter_map(|i| self.word(&format!("{}.{i}", at("algorithms")), ALGORITHMS))
            .collect();
        let stale_ms = self.integer(&at("stale_ms"));
        let ca_file = self.text(&at("ca_file"));
        let ca_file = ca_file.map(|(text, origin)| (self.raw.resolve(&text, &origin), origin));
        Some(KeyConfig::Set(KeySet { from, algorithms, stale_ms, ca_file }))
    }

    /// Reports what is set beside the keys and does not go with them.
    fn companions(&mut self, number: usize, way: Way) {
        let name = |way| Way::ALL.iter().find(|(known, _)| *known == way).map_or("", |(_, n)| n);
        for (companion, ways) in COMPANIONS.iter().filter(|(_, ways)| !ways.contains(&way)) {
            let key = format!("issuer.{number}.{companion}");
            let origin = self.raw.origin(&key).or_else(|| self.raw.origin(&format!("{key}.0")));
            let Some(origin) = origin.cloned() else { continue };
            let wanted: Vec<_> = ways.iter().map(|way| format!("`{}`", name(*way))).collect();
            let what = format!("goes with {}, not with `{}`", wanted.join(", "), name(way));
            self.raw.problem(origin, &key, what);
        }
    }
}

/// Shared secrets.
impl Check {
    fn secret_at(&mut self, key: &str, is_file: bool) -> Option<Secret> {
        let (bytes, origin) = if is_file {
            let (bytes, origin) = self.key_file(key)?;
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            (parse_secret(line.strip_suffix(b"\r").unwrap_or(line)), origin)
        } else {
            let (text, origin) = self.text(key)?;
            (parse_secret(text.as_bytes()), origin)
        };
        let what = match bytes {
            Some(bytes) if !bytes.is_empty() => return Some(Secret::new(bytes)),
            Some(_) => "is empty",
            None => "what follows `base64:` is no base64 (RFC 4648 section 4)",
        };
        self.raw.problem(origin, key, what.into());
        None
    }

    /// The secret before this one.
    ///
    /// # Errors
    /// It is wrong, and that has been reported.
    fn previous(&mut self, number: usize) -> Result<Option<PreviousSecret>, ()> {
        let at = |name: &str| format!("issuer.{number}.{name}");
        let keys = [at("previous_secret"), at("previous_secret_file"), at("previous_until")];
        let origins = keys.each_ref().map(|key| self.raw.origin(key).cloned());
        let [text, file, until] = &keys;
        let (wrong, origin, what) = match origins {
            [None, None, None] => return Ok(None),
            [Some(_), None, Some(_)] => return self.previous_at(text, false, until).ok_or(()),
            [None, Some(_), Some(_)] => return self.previous_at(file, true, until).ok_or(()),
            [None, None, Some(origin)] => {
                let what = "says until when, but not which: set `previous_secret` or \
                            `previous_secret_file` too";
                (until, origin, what.to_owned())
            }
            [Some(first), Some(second), _] => {
                let what =
                    format!("cannot stand beside {}: set one of them", stands_at(text, &first));
                (file, second, what)
            }
            [Some(origin), None, None] => (text, origin, NO_UNTIL.to_owned()),
            [None, Some(origin), None] => (file, origin, NO_UNTIL.to_owned()),
        };
        self.raw.problem(origin, wrong, what);
        Err(())
    }

    fn previous_at(
        &mut self,
        key: &str,
        is_file: bool,
        until: &str,
    ) -> Option<Option<PreviousSecret>> {
        let origin = self.raw.origin(key)?.clone();
        let secret = self.secret_at(key, is_file);
        let until = self.moment(until);
        Some(Some(PreviousSecret { secret: secret?, origin, until: until? }))
    }

    fn moment(&mut self, key: &str) -> Option<Wall> {
        let (text, origin) = self.text(key)?;
        let moment = moment::parse(&text);
        if moment.is_none() {
            let what = format!(
                "{text:?} is no moment with its zone: write \"2026-12-31T00:00:00Z\", or +02:00 in \
                 place of Z"
            );
            self.raw.problem(origin, key, what);
        }
        moment
    }

    fn key_file(&mut self, key: &str) -> Option<(Vec<u8>, Origin)> {
        let (text, origin) = self.text(key)?;
        let path = self.raw.resolve(&text, &origin);
        match read_bounded(&path, KEY_FILE_BYTES) {
            Ok(bytes) => Some((bytes, origin)),
            Err(why) => {
                let what = format!("cannot read {}: {why}", path.display());
                self.raw.problem(origin, key, what);
                None
            }
        }
    }
}

/// Addresses.
impl Check {
    /// An address that keys may be fetched from.
    fn url(&mut self, key: &str) -> Option<Box<str>> {
        let (text, origin) = self.text(key)?;
        match Address::parse(&text) {
            Ok(_) => Some(text.into()),
            Err(fault) => {
                self.raw.problem(origin, key, format!("{:?}: {fault}", shown(&text)));
                None
            }
        }
    }

    fn discovery(&mut self, key: &str) -> Option<Box<str>> {
        const WELL_KNOWN: &str = "/.well-known/";
        let origin = self.raw.origin(key)?.clone();
        let url = self.url(key)?;
        if let Some((issuer, _)) = url.split_once(WELL_KNOWN) {
            let what = format!(
                "takes the issuer itself, as its tokens have it in `iss`: write {issuer:?}, or what \
                 stands as `issuer` in that document"
            );
            self.raw.problem(origin, key, what);
            return None;
        }
        Some(url)
    }
}

/// The bytes of a secret: of its text, or of what stands in base64 behind `base64:`.
fn parse_secret(text: &[u8]) -> Option<Vec<u8>> {
    match text.strip_prefix(b"base64:") {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(text.to_vec()),
    }
}

/// An address without what may be a secret in it: a password, a query.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) if rest.contains('@') => format!("{scheme}://…"),
        None if url.contains('@') => "…".to_owned(),
        Some(_) | None => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}
