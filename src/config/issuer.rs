//! The issuer: whose tokens are accepted, and the key that they are checked with.

use super::{
    IssuerConfig, KEY_FILE_BYTES, KeyConfig, Origin, Secret, check::Check, raw::read_bounded,
};
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

impl IssuerConfig {
    /// What is left unchecked, for people.
    pub fn warnings(&self) -> Vec<String> {
        [("iss", self.iss.is_none()), ("aud", self.aud.is_empty())]
            .into_iter()
            .filter(|(_, absent)| *absent)
            .map(|(claim, _)| {
                format!("the `{claim}` of tokens is not checked: issuer.0.{claim} is not set")
            })
            .collect()
    }
}

impl Check {
    pub(super) fn issuer(&mut self) -> Option<IssuerConfig> {
        match self.raw.len("issuer") {
            0 => {
                self.missing(
                    "issuer",
                    "not set: say whose tokens are accepted, in the file ([[issuer]] with \
                     `secret`, `secret_file` or `public_key_file`) or in the environment \
                     (VESTIBULE_ISSUER__0__SECRET)",
                );
                None
            }
            1 => self.the_issuer(),
            more => {
                let what = format!("{more} are set: this version takes exactly one [[issuer]]");
                self.missing("issuer", &what);
                None
            }
        }
    }

    fn the_issuer(&mut self) -> Option<IssuerConfig> {
        let name = self.plain("issuer.0.name", 64).unwrap_or_else(|| "default".into());
        let iss = self.plain("issuer.0.iss", 1_024);
        let aud = self.plain_list("issuer.0.aud", 1_024);
        let key = self.key();
        let leeway_ms = self.integer("issuer.0.leeway_ms");
        let claims = self.raw.take_all("issuer.0.required_claims.");
        let claims = claims.into_iter().map(|(name, of)| (name.into(), of.value.into_json()));
        let subject_integers = self.truth("issuer.0.subject_integers");
        let algorithm = self.word("issuer.0.algorithm", ALGORITHMS);
        let subject_claim = self.plain("issuer.0.subject_claim", 128).unwrap_or("sub".into());
        let user_prefix = self.user_prefix();
        // Everything has been looked at: only now may a missing key end it.
        let (key, key_origin) = key?;
        Some(IssuerConfig {
            name,
            iss,
            aud,
            key,
            key_origin,
            algorithm,
            leeway_ms,
            subject_claim,
            subject_integers,
            required_claims: claims.collect(),
            user_prefix,
        })
    }

    /// An empty prefix is none.
    fn user_prefix(&mut self) -> Box<str> {
        let key = "issuer.0.user_prefix";
        match self.text(key) {
            None => Box::default(),
            Some((text, _)) if text.len() <= 64 && !text.chars().any(char::is_control) => {
                text.into()
            }
            Some((_, origin)) => {
                let what = "takes up to 64 bytes of text without control characters";
                self.raw.problem(origin, key, what.into());
                Box::default()
            }
        }
    }

    /// Exactly one of the three ways to name a key.
    fn key(&mut self) -> Option<(KeyConfig, Origin)> {
        const WAYS: [&str; 3] =
            ["issuer.0.secret", "issuer.0.secret_file", "issuer.0.public_key_file"];
        let set: Vec<(&str, Origin)> =
            WAYS.iter().filter_map(|way| Some((*way, self.raw.origin(way)?.clone()))).collect();
        match set.as_slice() {
            [(way, _)] if *way == WAYS[0] => self.secret(way),
            [(way, _)] if *way == WAYS[1] => self.secret_file(way),
            [(way, _)] => self.public_key_file(way),
            [] => {
                let what = "has no key: set `secret`, `secret_file` or `public_key_file`";
                self.missing("issuer.0", what);
                None
            }
            [(first, at), (second, origin), ..] => {
                let what = format!("cannot stand beside {first} ({at}): set one of them");
                self.raw.problem(origin.clone(), second, what);
                None
            }
        }
    }

    fn secret(&mut self, key: &str) -> Option<(KeyConfig, Origin)> {
        let (text, origin) = self.text(key)?;
        let bytes = parse_secret(text.as_bytes());
        self.keep_secret(key, origin, bytes)
    }

    fn secret_file(&mut self, key: &str) -> Option<(KeyConfig, Origin)> {
        let (bytes, origin) = self.key_file(key)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.keep_secret(key, origin, parse_secret(line))
    }

    fn keep_secret(
        &mut self,
        key: &str,
        origin: Origin,
        bytes: Option<Vec<u8>>,
    ) -> Option<(KeyConfig, Origin)> {
        let what = match bytes {
            Some(bytes) if !bytes.is_empty() => {
                return Some((KeyConfig::Secret(Secret::new(bytes)), origin));
            }
            Some(_) => "is empty",
            None => "what follows `base64:` is no base64 (RFC 4648 section 4)",
        };
        self.raw.problem(origin, key, what.into());
        None
    }

    fn public_key_file(&mut self, key: &str) -> Option<(KeyConfig, Origin)> {
        let (bytes, origin) = self.key_file(key)?;
        Some((KeyConfig::PublicKey(bytes.into()), origin))
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

/// The bytes of a secret: of its text, or of what stands in base64 behind `base64:`.
fn parse_secret(text: &[u8]) -> Option<Vec<u8>> {
    match text.strip_prefix(b"base64:") {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(text.to_vec()),
    }
}
