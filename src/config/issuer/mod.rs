//! The issuers: whose tokens are accepted, and what their tokens must say.

mod key;
mod together;

use super::{ClaimNames, IssuerConfig, KeyConfig, KeysFrom, Origin, TypePolicy, check::Check};
use crate::{
    fetch::Address,
    protocol::{identity::Quotas, time::Wall},
};

/// The most issuers of a server.
pub const ISSUERS_MAX: usize = 64;
/// The longest name of a claim, in bytes.
const CLAIM_BYTES: usize = 128;

/// Claims whose meaning is registered: nothing else may be read from them (RFC 7519 4.1, and
/// `sid` of OpenID Connect).
const REGISTERED: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"];
/// Registered claims that cannot name a user: they are no strings, or another one in each token.
const NO_SUBJECT: [&str; 5] = ["aud", "exp", "nbf", "iat", "jti"];

const TYPE_POLICY: &[(&str, TypePolicy)] =
    &[("lax", TypePolicy::Lax), ("strict", TypePolicy::Strict)];

impl IssuerConfig {
    /// Where it stands, as in `issuer.0`.
    pub fn place(&self) -> String {
        format!("issuer.{}", self.number)
    }

    /// What is left unchecked or in the clear, for people.
    pub fn warnings(&self) -> Vec<String> {
        let (name, place) = (&self.name, self.place());
        let unchecked = [("iss", self.iss.is_none()), ("aud", self.aud.is_empty())]
            .into_iter()
            .filter(|(_, absent)| *absent)
            .map(|(claim, _)| {
                format!(
                    "issuer {name:?}: the `{claim}` of tokens is not checked: {place}.{claim} is \
                     not set"
                )
            });
        let clear = self.plain_source().map(|url| {
            format!(
                "issuer {name:?}: its keys are fetched without TLS, from {url}: whoever can answer \
                 there decides who gets in"
            )
        });
        unchecked.chain(clear).collect()
    }

    /// What the time of day says about it, for people.
    pub fn warnings_at(&self, now: Wall) -> Vec<String> {
        let KeyConfig::Secret { previous: Some(previous), .. } = &self.key else {
            return Vec::new();
        };
        let (name, place) = (&self.name, self.place());
        let over = previous.until <= now;
        let over = over.then(|| {
            format!(
                "issuer {name:?}: the previous secret is no longer accepted, {place}.previous_until \
                 has passed: remove both"
            )
        });
        over.into_iter().collect()
    }

    /// The address of its keys, if it is none of https, without its query: that may be a secret.
    fn plain_source(&self) -> Option<&str> {
        let KeyConfig::Set(set) = &self.key else { return None };
        match &set.from {
            KeysFrom::File(_) => None,
            KeysFrom::Url(url) | KeysFrom::Discovery(url) => {
                let plain = Address::parse(url).is_ok_and(|address| !address.is_encrypted());
                url.split('?').next().filter(|_| plain)
            }
        }
    }
}

impl Check {
    /// All issuers, if all of them can be used.
    pub(super) fn issuers(&mut self) -> Option<Vec<IssuerConfig>> {
        let count = self.raw.len("issuer");
        if count == 0 {
            self.missing(
                "issuer",
                "not set: say whose tokens are accepted, in the file ([[issuer]] with \
                 `secret_file`, `public_key_file`, `jwks_url` or another of its keys) or in the \
                 environment (VESTIBULE_ISSUER__0__SECRET)",
            );
            return None;
        }
        if count > ISSUERS_MAX {
            let what = format!("{count} are set: up to {ISSUERS_MAX} are taken");
            self.missing("issuer", &what);
            return None;
        }
        self.several(count);
        let issuers: Vec<_> = (0..count).map(|number| self.issuer(number)).collect();
        issuers.into_iter().collect()
    }

    fn issuer(&mut self, number: usize) -> Option<IssuerConfig> {
        let at = |name: &str| format!("issuer.{number}.{name}");
        let name = self.plain(&at("name"), 64).unwrap_or_else(|| default_name(number));
        let iss = self.plain(&at("iss"), 1_024);
        let aud = self.plain_list(&at("aud"), 1_024);
        let key = self.key(number);
        let algorithm = self.algorithm(number);
        let end_sessions_of_removed_keys = self.truth(&at("end_sessions_of_removed_keys"));
        let typ = self.word(&at("typ"), TYPE_POLICY).unwrap_or_default();
        let leeway_ms = self.integer(&at("leeway_ms"));
        let max_lifetime_ms = Some(self.integer(&at("max_lifetime_ms"))).filter(|ms| *ms > 0);
        let claims = self.raw.take_all(&at("required_claims."));
        let claims = claims.into_iter().map(|(name, of)| (name.into(), of.value.into_json()));
        let subject_integers = self.truth(&at("subject_integers"));
        let names = self.claim_names(number);
        let user_prefix = self.user_prefix(&at("user_prefix"));
        let ceiling = Quotas {
            messages_per_s: self.optional_small(&at("ceiling.messages_per_s")),
            rooms: self.optional_small(&at("ceiling.rooms")),
            connections: self.optional_small(&at("ceiling.connections")),
        };
        // Everything has been looked at: only now may a missing key end it.
        let (key, key_origin) = key?;
        let iss = iss.or_else(|| key.discovered_issuer());
        Some(IssuerConfig {
            number,
            name,
            iss,
            aud,
            key,
            key_origin,
            algorithm,
            end_sessions_of_removed_keys,
            typ,
            leeway_ms,
            max_lifetime_ms,
            subject_claim: names.0,
            subject_integers,
            claims: names.1,
            required_claims: claims.collect(),
            user_prefix,
            ceiling,
        })
    }

    /// The claim of the subject, and those of everything else that is read from a token.
    fn claim_names(&mut self, number: usize) -> (Box<str>, ClaimNames) {
        const DEFAULTS: [&str; 6] = ["sub", "rooms", "limits", "info", "room", "allow"];
        let keys = ["subject", "rooms", "limits", "info", "room", "allow"]
            .map(|of| format!("issuer.{number}.{of}_claim"));
        let origins = keys.each_ref().map(|key| self.raw.origin(key).cloned());
        let mut names = DEFAULTS.map(Box::<str>::from);
        for (name, key) in names.iter_mut().zip(&keys) {
            if let Some(chosen) = self.plain(key, CLAIM_BYTES) {
                *name = chosen;
            }
        }
        for (at, (name, key)) in names.iter().zip(&keys).enumerate() {
            let Some(Some(origin)) = origins.get(at) else { continue };
            let reserved = if at == 0 { NO_SUBJECT.as_slice() } else { REGISTERED.as_slice() };
            let mut others = names.iter().zip(&keys).enumerate();
            let what = if reserved.contains(&&**name) {
                format!("`{name}` has its own meaning in every token: name another claim")
            } else if let Some((_, (_, other))) =
                others.find(|(i, (of, _))| *i != at && *of == name)
            {
                format!("`{name}` is also what {other} reads: name another claim")
            } else {
                continue;
            };
            self.raw.problem(origin.clone(), key, what);
        }
        let [subject, rooms, limits, info, room, allow] = names;
        (subject, ClaimNames { rooms, limits, info, room, allow })
    }

    /// An empty prefix is none.
    fn user_prefix(&mut self, key: &str) -> Box<str> {
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
}

/// The name of an issuer that has none: it stays when others come behind it.
fn default_name(number: usize) -> Box<str> {
    match number {
        0 => "default".into(),
        more => format!("issuer-{more}").into(),
    }
}

/// Text that names where a value was written, for a message about another.
fn stands_at(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Default => key.to_owned(),
        Origin::File { .. } | Origin::Variable(_) | Origin::Flag(_) => format!("{key} ({origin})"),
    }
}
