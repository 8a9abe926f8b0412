//! The configuration: three sources, merged and checked once, valid by construction afterwards.
//!
//! A TOML file is overlaid by the environment (`VESTIBULE_` and the path of a key joined by `__`,
//! numbers for lists: `VESTIBULE_ISSUER__0__SECRET`), which is overlaid by flags. [`keys`] is the
//! one table of what can be set. Whatever is wrong is reported in one go, each problem with the
//! place that it comes from and without the value of a secret.

mod admin;
mod change;
mod check;
mod directory;
mod error;
mod issuer;
pub mod keys;
mod moment;
mod proxies;
mod raw;
mod reference;
mod rooms;
mod secret;
mod sources;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod tickets;

pub use admin::{ADMIN_KEY_MAX, ADMIN_KEY_MIN, AdminConfig, AdminKey, LoopbackAddr};
pub use change::Changes;
pub use directory::{DirectoryConfig, DirectoryFrom, PasswordConfig};
pub use error::{ConfigError, Origin, Problem};
pub use issuer::ISSUERS_MAX;
pub use proxies::{
    AddressSource, NETWORKS, Network, NetworkError, TooManyNetworks, TrustedProxies,
};
pub use reference::reference;
pub use secret::Secret;
pub use template::template;
pub use tickets::TicketPolicy;

use crate::{
    credential,
    protocol::{
        identity::Quotas,
        limits::{AuthLimits, SessionLimits},
        room_path::RoomPath,
        room_rules::RoomRules,
        time::Wall,
    },
};
pub(crate) use check::is_origin;
use raw::RawConfig;
pub(crate) use raw::read_bounded;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The largest configuration file, in bytes.
pub const FILE_BYTES: u64 = 1024 * 1024;
/// The largest file that holds a secret or a public key, in bytes.
pub const KEY_FILE_BYTES: u64 = 64 * 1024;
/// The most worker threads; a worker's number fits a `u16`.
pub const WORKERS_MAX: u64 = 256;

/// The configuration of a server. Every value has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public address; port 0 lets the system pick one.
    pub listen: SocketAddr,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Connections at a time; 0 derives the cap from the descriptor limit.
    pub connections: usize,
    /// From the first signal to the exit, in milliseconds.
    pub drain_ms: u64,
    /// Whether the page that shows the protocol stands at `/`.
    pub demo: bool,
    /// Limits before the verdict.
    pub auth: AuthLimits,
    /// Limits after it, heartbeat included.
    pub session: SessionLimits,
    /// What holds in which rooms.
    pub rooms: RoomRules,
    /// Memory that the history of all rooms may take, in bytes.
    pub history_total_bytes: usize,
    /// The origins that may open a connection, each as a browser sends it; empty lets all in.
    pub origins: Vec<Box<str>>,
    /// Which handshakes may bring a credential, and how.
    pub sources: credential::Sources,
    /// The path that names a room to join, if there is one.
    pub room_path: Option<RoomPath>,
    /// How many may wait for their verdict.
    pub places: Places,
    /// Sockets accepted a second.
    pub accepts_per_s: u32,
    /// The proxies whose word about the addresses of clients is taken.
    pub trusted_proxies: TrustedProxies,
    /// Connections of one user at a time.
    pub connections_per_user: u32,
    /// What happens over that cap.
    pub on_user_limit: OnUserLimit,
    /// Whose tokens are accepted: at least one issuer, at most [`ISSUERS_MAX`]; with several each
    /// has an `iss` of its own.
    pub issuers: Vec<IssuerConfig>,
    /// How tickets are given out; `None` is not at all.
    pub tickets: Option<TicketPolicy>,
    /// Who is asked about users; `None`: whoever has a good token comes in.
    pub directory: Option<DirectoryConfig>,
    /// The admin listener; `None` is off.
    pub admin: Option<AdminConfig>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// What is allowed but worth a line in the log at start.
    pub warnings: Vec<String>,
}

/// How many sockets may wait in the vestibule for their verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Sockets without a verdict.
    pub places: usize,
    /// Those, and sockets that are being closed without a good one.
    pub hard_places: usize,
    /// The fair share of one address; no cap while less than half of the places are taken.
    pub share: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { places: 1_024, hard_places: 2_048, share: 32 }
    }
}

/// What happens when a user opens one connection too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUserLimit {
    /// The new connection is closed (4430).
    #[default]
    Refuse,
    /// The oldest connection is closed (4423) and the new one takes its place.
    ReplaceOldest,
}

/// Whose tokens are accepted, and how they are judged.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Its number among the issuers, from 0.
    pub number: usize,
    /// A name for logs, of this issuer alone.
    pub name: Box<str>,
    /// The `iss` that a token must have; `None` leaves it unchecked.
    pub iss: Option<Box<str>>,
    /// The `aud` values of which a token must have one; empty leaves it unchecked.
    pub aud: Vec<Box<str>>,
    /// What signatures are checked with.
    pub key: KeyConfig,
    /// Where `key` was set, for messages about it.
    pub key_origin: Origin,
    /// The one algorithm of a single key, by its JOSE name (RFC 7518 3.1), and of those keys of a
    /// set that leave a choice; `None` where the key says it all.
    pub algorithm: Option<&'static str>,
    /// Whether sessions end when the key that signed their token is removed, from its set or from
    /// the configuration.
    pub end_sessions_of_removed_keys: bool,
    /// Which kinds of token are taken.
    pub typ: TypePolicy,
    /// Tolerance for clocks that differ, in milliseconds.
    pub leeway_ms: u64,
    /// The longest life of a token, in milliseconds; `None` leaves it to the token.
    pub max_lifetime_ms: Option<u64>,
    /// The claim that names the user.
    pub subject_claim: Box<str>,
    /// Whether that claim may be an integer (it becomes its decimal text).
    pub subject_integers: bool,
    /// The claims of everything else.
    pub claims: ClaimNames,
    /// Claims that a token must have, with exactly these values.
    pub required_claims: BTreeMap<Box<str>, serde_json::Value>,
    /// Stands before the subject in the public id of a user.
    pub user_prefix: Box<str>,
    /// How far the limits of a token may go.
    pub ceiling: Quotas,
}

/// Which kinds of token are taken, by `typ` in their header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypePolicy {
    /// `JWT`, `at+jwt`, or none.
    #[default]
    Lax,
    /// `at+jwt` alone (RFC 9068).
    Strict,
}

/// The claims that are read beside the registered ones; all of them differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The rooms that a token opens.
    pub rooms: Box<str>,
    /// Its own limits.
    pub limits: Box<str>,
    /// What others see of the user.
    pub info: Box<str>,
    /// The room of a room token.
    pub room: Box<str>,
    /// What a room token allows.
    pub allow: Box<str>,
}

/// What signatures are checked with.
#[derive(Clone, Debug)]
pub enum KeyConfig {
    /// A shared secret (HS256, HS384, HS512).
    Secret {
        /// The one to sign with.
        current: Secret,
        /// The one before it.
        previous: Option<PreviousSecret>,
    },
    /// A public key in PEM.
    PublicKey(Box<[u8]>),
    /// Public keys that may change while the server runs.
    Set(KeySet),
}

/// A secret that is being replaced.
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// Its bytes.
    pub secret: Secret,
    /// Where it was set, for messages about it.
    pub origin: Origin,
    /// From when on it is refused.
    pub until: Wall,
}

/// Where public keys come from.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// What is read.
    pub from: KeysFrom,
    /// The algorithms that are taken, by their JOSE names; empty: what each key says.
    pub algorithms: Vec<&'static str>,
    /// How long fetched keys count after they should have been fetched again, in milliseconds.
    pub stale_ms: u64,
    /// A file with certificates (PEM) that vouch for the server, in place of the system's, and
    /// where it was set.
    pub ca_file: Option<(PathBuf, Origin)>,
}

/// What public keys are read from.
#[derive(Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// A file.
    File(PathBuf),
    /// An address, of https or of this machine.
    Url(Box<str>),
    /// The address of an issuer, for OpenID discovery.
    Discovery(Box<str>),
}

impl fmt::Debug for KeysFrom {
    /// Without what may be a secret of an address: its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url(url) => f.debug_tuple("Url").field(&bare(url)).finish(),
            Self::Discovery(url) => f.debug_tuple("Discovery").field(&bare(url)).finish(),
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// Their form.
    pub format: LogFormat,
}

/// How important a line must be to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what went wrong on our side.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And the life of the server.
    #[default]
    Info,
    /// And the life of each connection.
    Debug,
    /// And every step; never payloads or tokens.
    Trace,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where a configuration comes from, the weakest source first.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// The weakest one; without it the environment must say enough.
    pub document: Document<'a>,
    /// Names and values, as of [`std::env::vars_os`].
    pub environment: Vec<(OsString, OsString)>,
    /// Flags of the command line.
    pub flags: Vec<Flag>,
}

/// A TOML document.
#[derive(Clone, Copy, Debug, Default)]
pub enum Document<'a> {
    /// Nothing.
    #[default]
    None,
    /// A file; relative paths in it are taken from its directory.
    File(&'a Path),
    /// A text; relative paths in it are taken from the working directory.
    Text {
        /// What messages call it.
        name: &'a str,
        /// The document.
        text: &'a str,
    },
}

/// One value of the command line.
#[derive(Clone)]
pub struct Flag {
    /// What a message calls it, such as `--listen`.
    pub name: &'static str,
    /// The path of the key that it sets, such as `log.level`.
    pub key: &'static str,
    /// Its text; may be a secret.
    pub value: String,
}

impl Flag {
    /// A flag that may have been left out.
    pub fn given(name: &'static str, key: &'static str, value: Option<String>) -> Option<Self> {
        value.map(|value| Self { name, key, value })
    }
}

impl std::fmt::Debug for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flag").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Config {
    /// What the time of day says about it, for people.
    pub fn warnings_at(&self, now: Wall) -> Vec<String> {
        self.issuers.iter().flat_map(|issuer| issuer.warnings_at(now)).collect()
    }

    /// Reads, merges and checks all sources.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn load(sources: Sources<'_>) -> Result<Self, ConfigError> {
        let mut raw = RawConfig::default();
        match sources.document {
            Document::None => {}
            Document::File(path) => raw.read_file(path),
            Document::Text { name, text } => raw.read_text(name, text),
        }
        raw.overlay_environment(sources.environment);
        raw.overlay_flags(sources.flags);
        check::check(raw)
    }

    /// Checks a TOML text, overlaid by `flags`; the environment is not looked at. Messages call
    /// the text `name`.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn from_toml(name: &str, text: &str, flags: Vec<Flag>) -> Result<Self, ConfigError> {
        let document = Document::Text { name, text };
        Self::load(Sources { document, flags, ..Sources::default() })
    }
}
