//! What a configuration that was read again says otherwise, by key and without any value.

use super::{Config, IssuerConfig, KeyConfig};

/// What two configurations differ in, by the paths of keys as they stand in the table of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What a reload puts into force.
    pub applied: Vec<String>,
    /// What waits for a restart.
    pub restart: Vec<String>,
}

/// When a key that was changed counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// With the reload.
    Reload,
    /// At the next start.
    Restart,
}
use When::{Reload, Restart};

/// A key, or the table or list that it stands in, and whether two configurations agree on it.
type Part = (&'static str, When, fn(&Config, &Config) -> bool);

/// Everything but the issuers, in the order of the table of keys.
const PARTS: &[Part] = &[
    ("listen", Restart, |a, b| a.listen == b.listen),
    ("workers", Restart, |a, b| a.workers == b.workers),
    ("connections", Restart, |a, b| a.connections == b.connections),
    ("drain_ms", Restart, |a, b| a.drain_ms == b.drain_ms),
    ("demo", Reload, |a, b| a.demo == b.demo),
    ("auth.deadline_ms", Reload, |a, b| a.auth.deadline_ms == b.auth.deadline_ms),
    ("auth.session_age_ms", Reload, |a, b| a.session.session_age_ms == b.session.session_age_ms),
    ("auth.sources", Reload, |a, b| a.sources == b.sources),
    ("tickets", Reload, |a, b| a.tickets == b.tickets),
    ("heartbeat.interval_ms", Reload, |a, b| {
        a.session.heartbeat_interval_ms == b.session.heartbeat_interval_ms
    }),
    ("heartbeat.timeout_ms", Reload, |a, b| {
        a.session.heartbeat_timeout_ms == b.session.heartbeat_timeout_ms
    }),
    ("gate.places", Restart, |a, b| a.places.places == b.places.places),
    ("gate.hard_places", Restart, |a, b| a.places.hard_places == b.places.hard_places),
    ("gate.share", Restart, |a, b| a.places.share == b.places.share),
    ("gate.accepts_per_s", Restart, |a, b| a.accepts_per_s == b.accepts_per_s),
    ("gate.origins", Reload, |a, b| a.origins == b.origins),
    ("gate.trusted_proxies", Reload, |a, b| {
        a.trusted_proxies.networks() == b.trusted_proxies.networks()
    }),
    ("gate.forwarded", Reload, |a, b| a.trusted_proxies.source() == b.trusted_proxies.source()),
    ("limits.message_bytes", Reload, |a, b| a.session.message_bytes == b.session.message_bytes),
    ("limits.messages_per_s", Reload, |a, b| a.session.messages_per_s == b.session.messages_per_s),
    ("limits.burst", Reload, |a, b| a.session.burst == b.session.burst),
    ("limits.rooms", Reload, |a, b| a.session.rooms == b.session.rooms),
    ("limits.outbox_bytes", Reload, |a, b| a.session.outbox_bytes == b.session.outbox_bytes),
    ("limits.connections_per_user", Reload, |a, b| {
        a.connections_per_user == b.connections_per_user
    }),
    ("limits.on_user_limit", Reload, |a, b| a.on_user_limit == b.on_user_limit),
    ("rooms.default", Reload, |a, b| a.rooms.otherwise().access == b.rooms.otherwise().access),
    ("rooms.path", Reload, |a, b| a.room_path == b.room_path),
    ("rooms.history_total_bytes", Restart, |a, b| a.history_total_bytes == b.history_total_bytes),
    ("rooms.history", Reload, |a, b| a.rooms.otherwise().history == b.rooms.otherwise().history),
    ("rooms.rule", Reload, |a, b| a.rooms.rules() == b.rooms.rules()),
    ("directory", Reload, |a, b| a.directory == b.directory),
    ("admin", Restart, |a, b| a.admin == b.admin),
    ("log.level", Reload, |a, b| a.log.level == b.log.level),
    ("log.format", Restart, |a, b| a.log.format == b.log.format),
];

impl Config {
    /// What `newer` says otherwise. Issuers are told apart by their names.
    pub fn changes(&self, newer: &Self) -> Changes {
        let mut changes = Changes::default();
        for (key, when, agree) in PARTS {
            if !agree(self, newer) {
                match when {
                    Reload => changes.applied.push((*key).to_owned()),
                    Restart => changes.restart.push((*key).to_owned()),
                }
            }
        }
        let named =
            |config: &'_ Self, name: &str| config.issuers.iter().any(|it| *it.name == *name);
        for issuer in &newer.issuers {
            let name = &issuer.name;
            match self.issuers.iter().find(|old| old.name == *name) {
                None => changes.applied.push(format!("issuer {name} (added)")),
                Some(old) if !same_issuer(old, issuer) => {
                    changes.applied.push(format!("issuer {name}"));
                }
                Some(_) => {}
            }
        }
        let removed = self.issuers.iter().filter(|old| !named(newer, &old.name));
        changes.applied.extend(removed.map(|old| format!("issuer {} (removed)", old.name)));
        changes
    }
}

/// Whether two issuers are the same, wherever they were written.
fn same_issuer(a: &IssuerConfig, b: &IssuerConfig) -> bool {
    let IssuerConfig {
        number: _,
        name,
        iss,
        aud,
        key,
        key_origin: _,
        algorithm,
        end_sessions_of_removed_keys,
        typ,
        leeway_ms,
        max_lifetime_ms,
        subject_claim,
        subject_integers,
        claims,
        required_claims,
        user_prefix,
        ceiling,
    } = a;
    (name, iss, aud, algorithm) == (&b.name, &b.iss, &b.aud, &b.algorithm)
        && same_keys(key, &b.key)
        && *end_sessions_of_removed_keys == b.end_sessions_of_removed_keys
        && (typ, leeway_ms, max_lifetime_ms) == (&b.typ, &b.leeway_ms, &b.max_lifetime_ms)
        && (subject_claim, subject_integers) == (&b.subject_claim, &b.subject_integers)
        && (claims, required_claims) == (&b.claims, &b.required_claims)
        && (user_prefix, ceiling) == (&b.user_prefix, &b.ceiling)
}

fn same_keys(a: &KeyConfig, b: &KeyConfig) -> bool {
    match (a, b) {
        (
            KeyConfig::Secret { current, previous },
            KeyConfig::Secret { current: other, previous: before },
        ) => {
            let of = |it: &Option<super::PreviousSecret>| {
                it.as_ref().map(|it| (it.secret.clone(), it.until))
            };
            current == other && of(previous) == of(before)
        }
        (KeyConfig::PublicKey(a), KeyConfig::PublicKey(b)) => a == b,
        (KeyConfig::Set(a), KeyConfig::Set(b)) => {
            let ca_file = |it: &super::KeySet| it.ca_file.as_ref().map(|(path, _)| path.clone());
            (&a.from, &a.algorithms, a.stale_ms) == (&b.from, &b.algorithms, b.stale_ms)
                && ca_file(a) == ca_file(b)
        }
        (KeyConfig::Secret { .. } | KeyConfig::PublicKey(_) | KeyConfig::Set(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::keys::KEYS, *};

    /// The part of the table that a key belongs to.
    fn part(path: &str) -> Option<&'static str> {
        let fits = |part: &&'static str| {
            path.strip_prefix(*part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        PARTS.iter().map(|(part, ..)| *part).chain(["issuer"]).find(fits)
    }

    #[test]
    fn every_key_is_compared_and_nothing_else() {
        for key in KEYS {
            assert!(part(key.path).is_some(), "{} is not compared", key.path);
        }
        for (part, ..) in PARTS {
            let known = KEYS.iter().any(|key| self::part(key.path) == Some(part));
            assert!(known, "{part} is no key");
        }
    }

    fn load(text: &str) -> Config {
        Config::from_toml("v.toml", text, Vec::new()).unwrap()
    }

    const BASE: &str = "rooms.default = 'open'\n[[issuer]]\nname = 'app'\n\
                        secret = 'sesame-sesame-sesame-sesame-sesame'\n";

    #[test]
    fn where_something_stands_changes_nothing() {
        let moved = format!("# A comment.\n\n{BASE}");
        assert_eq!(load(BASE).changes(&load(&moved)), Changes::default());
    }

    #[test]
    fn issuers_are_named_and_their_values_are_not() {
        let secret = BASE.replace("sesame-s", "closed-s");
        let applied = |text: &str| load(BASE).changes(&load(text)).applied.join(", ");
        assert_eq!(applied(&secret), "issuer app");
        let previous = "previous_secret = 'closed-sesame-sesame-sesame-sesame'\n\
                        previous_until = '2100-01-01T00:00:00Z'\n";
        assert_eq!(applied(&format!("{BASE}{previous}")), "issuer app");
        assert_eq!(applied(&format!("{BASE}end_sessions_of_removed_keys = true\n")), "issuer app");
        let renamed = BASE.replace("'app'", "'web'");
        assert_eq!(applied(&renamed), "issuer web (added), issuer app (removed)");
        let set = BASE.replace("secret = 'sesame-sesame-sesame-sesame-sesame'", "jwks_file = 'x'");
        assert_eq!(applied(&set), "issuer app");
        assert_eq!(load(&set).changes(&load(&set)), Changes::default());
        let other = set.replace("'x'", "'y'");
        assert_eq!(load(&set).changes(&load(&other)).applied, ["issuer app"]);
    }
}
