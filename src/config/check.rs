//! Raw values become a [`Config`]: ranges, words, addresses, and what must stand together.

use super::{
    Config, ConfigError, IssuerConfig, LogConfig, LogFormat, LogLevel, OnUserLimit, Origin, Places,
    keys::{self, Shape, Unset},
    raw::{RawConfig, Sourced, Value},
    sources::Surroundings,
};
use crate::protocol::limits::{AuthLimits, SessionLimits};
use std::net::SocketAddr;

/// The transport takes this many times `limits.message_bytes`, and never less than the default.
const TRANSPORT_FACTOR: u32 = 4;

/// Checks everything and reports all problems at once.
pub(super) fn check(raw: RawConfig) -> Result<Config, ConfigError> {
    let mut check = Check { raw };
    let listen = check.listen();
    let workers = check.integer("workers");
    let connections = check.integer("connections");
    let drain_ms = check.integer("drain_ms");
    let demo = check.truth("demo");
    let auth = check.auth();
    let session = check.session();
    let rooms = check.rooms(session.message_bytes);
    let history_total_bytes = check.integer("rooms.history_total_bytes");
    let origins = check.origins();
    let tickets = check.tickets();
    let room_path = check.room_path();
    let places = check.places();
    let accepts_per_s = check.small("gate.accepts_per_s");
    let trusted_proxies = check.trusted_proxies();
    let connections_per_user = check.small("limits.connections_per_user");
    let on_user_limit = check.word("limits.on_user_limit", ON_USER_LIMIT).unwrap_or_default();
    let log = LogConfig {
        level: check.word("log.level", LOG_LEVEL).unwrap_or_default(),
        format: check.word("log.format", LOG_FORMAT).unwrap_or_default(),
    };
    let admin = check.admin();
    let issuers = check.issuers();
    let directory = check.directory(issuers.as_deref(), auth.deadline_ms);
    let sources = check.sources(Surroundings {
        origins: &origins,
        tickets: tickets.is_some(),
        passwords: directory.as_ref().is_some_and(|it| it.passwords.is_some()),
    });
    let RawConfig { problems, mut warnings, .. } = check.raw;
    warnings.extend(issuers.iter().flatten().flat_map(IssuerConfig::warnings));
    match (rooms, issuers) {
        (Some(rooms), Some(issuers)) if problems.is_empty() => Ok(Config {
            listen,
            workers: usize::try_from(workers).unwrap_or(0),
            connections: usize::try_from(connections).unwrap_or(0),
            drain_ms,
            demo,
            auth,
            session,
            rooms,
            history_total_bytes: usize::try_from(history_total_bytes).unwrap_or(usize::MAX),
            origins,
            sources,
            room_path,
            places,
            accepts_per_s,
            trusted_proxies,
            connections_per_user,
            on_user_limit,
            issuers,
            tickets,
            directory,
            admin,
            log,
            warnings,
        }),
        _ => Err(ConfigError { problems, warnings }),
    }
}

const ON_USER_LIMIT: &[(&str, OnUserLimit)] =
    &[("refuse", OnUserLimit::Refuse), ("replace_oldest", OnUserLimit::ReplaceOldest)];
const LOG_LEVEL: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const LOG_FORMAT: &[(&str, LogFormat)] =
    &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];

/// The values that are left, and the problems so far. After a problem a check goes on with the
/// default, so that one run shows them all.
pub(super) struct Check {
    pub(super) raw: RawConfig,
}

/// The general parts.
impl Check {
    /// A number in its range, or its default.
    pub(super) fn integer(&mut self, key: &str) -> u64 {
        let Some(Unset::Number(default)) = keys::find(key).map(|key| key.unset) else {
            // A slip of ours: no configuration loads with it, and no test passes.
            self.missing(key, "is no number of the table of keys");
            return 0;
        };
        self.optional(key).unwrap_or(default)
    }

    /// A number in its range, if it is set.
    pub(super) fn optional(&mut self, key: &str) -> Option<u64> {
        let Some(Sourced { value: Value::Integer(number), origin }) = self.raw.take(key) else {
            return None;
        };
        self.in_range(key, number, origin)
    }

    /// `number` as the table of keys wants it; else it is reported.
    pub(super) fn in_range(&mut self, key: &str, number: i64, origin: Origin) -> Option<u64> {
        let Some(Shape::Integer { least, most, unit }) = keys::find(key).map(|key| key.shape)
        else {
            self.missing(key, "is no number of the table of keys");
            return None;
        };
        let found = u64::try_from(number).ok().filter(|number| (least..=most).contains(number));
        if found.is_none() {
            let what = format!("{number} is out of range: {least} to {most} ({unit})");
            self.raw.problem(origin, key, what);
        }
        found
    }

    /// [`Check::integer`] for what fits 32 bits.
    pub(super) fn small(&mut self, key: &str) -> u32 {
        u32::try_from(self.integer(key)).unwrap_or(u32::MAX)
    }

    /// [`Check::optional`] for what fits 32 bits.
    pub(super) fn optional_small(&mut self, key: &str) -> Option<u32> {
        self.optional(key).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// False unless it is set to true.
    pub(super) fn truth(&mut self, key: &str) -> bool {
        self.truth_unless(key, false)
    }

    /// What it is set to, or `unset`.
    pub(super) fn truth_unless(&mut self, key: &str, unset: bool) -> bool {
        match self.raw.take(key) {
            Some(Sourced { value: Value::Boolean(truth), .. }) => truth,
            Some(Sourced { value: Value::Text(_) | Value::Integer(_), .. }) | None => unset,
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Option<(String, Origin)> {
        match self.raw.take(key)? {
            Sourced { value: Value::Text(text), origin } => Some((text, origin)),
            Sourced { value: Value::Integer(_) | Value::Boolean(_), .. } => None,
        }
    }

    /// A text of 1 to `max` bytes without control characters.
    pub(super) fn plain(&mut self, key: &str, max: usize) -> Option<Box<str>> {
        let (text, origin) = self.text(key)?;
        if (1..=max).contains(&text.len()) && !text.chars().any(char::is_control) {
            return Some(text.into());
        }
        let what = format!("takes 1 to {max} bytes of text without control characters");
        self.raw.problem(origin, key, what);
        None
    }

    pub(super) fn plain_list(&mut self, key: &str, max: usize) -> Vec<Box<str>> {
        (0..self.raw.len(key)).filter_map(|at| self.plain(&format!("{key}.{at}"), max)).collect()
    }

    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, origin) = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let what = format!("{text:?} is none of {}", known.join(", "));
            self.raw.problem(origin, key, what);
        }
        found
    }

    pub(super) fn missing(&mut self, key: &str, what: &str) {
        self.raw.problem(Origin::Default, key, what.to_owned());
    }
}

/// The tables.
impl Check {
    fn listen(&mut self) -> SocketAddr {
        const DEFAULT: SocketAddr =
            SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7000);
        let Some((text, origin)) = self.text("listen") else { return DEFAULT };
        text.parse().unwrap_or_else(|_| {
            let what = format!(
                "{text:?} is no address with a port: write \"127.0.0.1:7000\", \"0.0.0.0:7000\" \
                 or \"[::]:7000\""
            );
            self.raw.problem(origin, "listen", what);
            DEFAULT
        })
    }

    fn auth(&mut self) -> AuthLimits {
        let default = AuthLimits::default();
        let promised = default.deadline_ms;
        let deadline_ms = self.integer("auth.deadline_ms");
        if deadline_ms < promised {
            self.raw.warnings.push(format!(
                "auth.deadline_ms = {deadline_ms} is less than the {promised} that the protocol \
                 promises to clients"
            ));
        }
        AuthLimits { deadline_ms, ..default }
    }

    fn session(&mut self) -> SessionLimits {
        let default = SessionLimits::default();
        let message_bytes = self.small("limits.message_bytes");
        let limits = SessionLimits {
            message_bytes,
            transport_bytes: default
                .transport_bytes
                .max(message_bytes.saturating_mul(TRANSPORT_FACTOR)),
            messages_per_s: self.small("limits.messages_per_s"),
            burst: self.small("limits.burst"),
            rooms: self.small("limits.rooms"),
            outbox_bytes: self.small("limits.outbox_bytes"),
            session_age_ms: self.session_age_ms(),
            heartbeat_interval_ms: self.integer("heartbeat.interval_ms"),
            heartbeat_timeout_ms: self.integer("heartbeat.timeout_ms"),
            ..default
        };
        if limits.outbox_bytes < limits.message_bytes {
            self.raw.warnings.push(format!(
                "limits.outbox_bytes = {} is less than limits.message_bytes = {}: the largest \
                 messages fill a member's queue alone",
                limits.outbox_bytes, limits.message_bytes
            ));
        }
        limits
    }

    fn session_age_ms(&mut self) -> u64 {
        const MINUTE_MS: u64 = 60_000;
        let age_ms = self.integer("auth.session_age_ms");
        if (1..MINUTE_MS).contains(&age_ms) {
            self.raw.warnings.push(format!(
                "auth.session_age_ms = {age_ms} lets every client connect anew within a minute"
            ));
        }
        age_ms
    }

    fn places(&mut self) -> Places {
        // Before the value is taken.
        let origin = self.raw.origin("gate.hard_places").cloned();
        let places = Places {
            places: self.small("gate.places") as usize,
            hard_places: self.small("gate.hard_places") as usize,
            share: self.small("gate.share") as usize,
        };
        if places.hard_places <= places.places {
            let origin = origin.unwrap_or(Origin::Default);
            let what = format!(
                "{} is not above gate.places = {}: it counts those, and the sockets that are being \
                 closed, so that nobody could be pushed out for a newcomer",
                places.hard_places, places.places
            );
            self.raw.problem(origin, "gate.hard_places", what);
        }
        places
    }

    fn origins(&mut self) -> Vec<Box<str>> {
        let texts = (0..self.raw.len("gate.origins")).map(|at| format!("gate.origins.{at}"));
        let mut origins = Vec::new();
        for key in texts {
            let Some((text, origin)) = self.text(&key) else { continue };
            if is_origin(&text) {
                origins.push(text.into());
            } else {
                let what = format!(
                    "{text:?} is no origin as browsers send it: write \"https://app.example\" \
                     (lower case, no path, no final slash, the port only if unusual) or \"null\""
                );
                self.raw.problem(origin, &key, what);
            }
        }
        origins
    }
}

/// Whether `text` is an origin in the form of RFC 6454 6.2, as browsers send it.
pub(crate) fn is_origin(text: &str) -> bool {
    if text == "null" {
        return true;
    }
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
    let named = scheme.bytes().all(|b| b.is_ascii_lowercase() || b"0123456789+-.".contains(&b));
    named
        && !scheme.is_empty()
        && !host.is_empty()
        && host.bytes().all(|byte| plain(byte) && !b"/?#@*".contains(&byte))
}
