//! The admin listener: where it stands, and the key that opens it.

use super::{Origin, check::Check, secret::Faulty};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// The shortest key of the admin listener, in bytes.
pub const ADMIN_KEY_MIN: usize = 16;
/// The longest one; it has to fit into a header.
pub const ADMIN_KEY_MAX: usize = 1_024;
/// The longest path of a unix socket, in bytes, the final zero of `sun_path` not counted (unix(7)).
const SOCKET_PATH_BYTES: usize = 107;

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminConfig {
    /// A unix socket that only the user of the server may open (mode 0600).
    Unix {
        /// Where it is made.
        path: PathBuf,
        /// Asked for beside the file's mode, if it is set.
        key: Option<AdminKey>,
    },
    /// A port of the loopback address: every program of the machine can knock there.
    Loopback {
        /// The port; 0 lets the system pick one.
        addr: LoopbackAddr,
        /// Asked for.
        key: AdminKey,
    },
}

impl AdminConfig {
    /// The key that is asked for, if one is.
    pub fn key(&self) -> Option<&AdminKey> {
        match self {
            Self::Unix { key, .. } => key.as_ref(),
            Self::Loopback { key, .. } => Some(key),
        }
    }
}

/// An address that only the machine itself reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopbackAddr(SocketAddr);

impl LoopbackAddr {
    /// `addr`, if it is a loopback address.
    pub fn new(addr: SocketAddr) -> Option<Self> {
        let ip: IpAddr = addr.ip().to_canonical();
        ip.is_loopback().then_some(Self(addr))
    }

    /// The address.
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

/// A key of the admin listener: visible ASCII, so that it fits into a header. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminKey(Box<[u8]>);

impl AdminKey {
    /// `text` as a key, if it is [`ADMIN_KEY_MIN`] to [`ADMIN_KEY_MAX`] bytes of visible ASCII.
    pub fn new(text: &[u8]) -> Option<Self> {
        let fits = (ADMIN_KEY_MIN..=ADMIN_KEY_MAX).contains(&text.len());
        (fits && text.iter().all(u8::is_ascii_graphic)).then(|| Self(text.into()))
    }

    /// The key. Keep it out of logs and errors.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(..)")
    }
}

/// What `admin.listen` says.
enum Place {
    Unix(PathBuf),
    Loopback(LoopbackAddr),
}

impl Check {
    /// The admin listener; `None` if it is off, or wrong.
    pub(super) fn admin(&mut self) -> Option<AdminConfig> {
        let Some((text, origin)) = self.text("admin.listen") else {
            for key in ["admin.key", "admin.key_file"] {
                if let Some((_, origin)) = self.text(key) {
                    let what = "opens nothing: admin.listen is not set";
                    self.raw.problem(origin, key, what.into());
                }
            }
            return None;
        };
        let key = self.admin_key();
        match (self.admin_place(&text, &origin)?, key) {
            (Place::Unix(path), key) => Some(AdminConfig::Unix { path, key: key.ok()? }),
            (Place::Loopback(addr), Ok(Some(key))) => Some(AdminConfig::Loopback { addr, key }),
            (Place::Loopback(_), Ok(None)) => {
                let what = "a port needs a key, as every program of the machine can reach it: set \
                            admin.key_file or admin.key, or listen on \"unix:vestibule.sock\"";
                self.raw.problem(origin, "admin.listen", what.into());
                None
            }
            (Place::Loopback(_), Err(Faulty)) => None,
        }
    }

    fn admin_place(&mut self, text: &str, origin: &Origin) -> Option<Place> {
        let what = if let Some(path) = text.strip_prefix("unix:") {
            let path = self.raw.resolve(path, origin);
            match path.as_os_str().len() {
                1..=SOCKET_PATH_BYTES if !text.ends_with([':', '/']) => {
                    return Some(Place::Unix(path));
                }
                bytes => format!(
                    "{} ({bytes} bytes) is no path of a socket: 1 to {SOCKET_PATH_BYTES} bytes, \
                     the name of a file last",
                    path.display()
                ),
            }
        } else {
            match text.parse().map(LoopbackAddr::new) {
                Ok(Some(addr)) => return Some(Place::Loopback(addr)),
                Ok(None) => format!(
                    "{text} can be reached from elsewhere, and the key would travel in the clear: \
                     take a loopback address (127.0.0.1:7001 or [::1]:7001) and put a proxy with \
                     TLS, or a collector, on this machine in front of it"
                ),
                Err(_) => format!(
                    "{text:?} is neither a socket nor a loopback address: write \
                     \"unix:vestibule.sock\" or \"127.0.0.1:7001\""
                ),
            }
        };
        self.raw.problem(origin.clone(), "admin.listen", what);
        None
    }

    /// The key, if one is set and right.
    fn admin_key(&mut self) -> Result<Option<AdminKey>, Faulty> {
        let Some((key, line, origin)) = self.line("admin.key", "admin.key_file")? else {
            return Ok(None);
        };
        if let Some(key) = AdminKey::new(&line) {
            return Ok(Some(key));
        }
        let what = format!(
            "takes {ADMIN_KEY_MIN} to {ADMIN_KEY_MAX} characters of ASCII that can be seen, no \
             spaces: `vestibule keygen` makes a good one"
        );
        self.raw.problem(origin, key, what);
        Err(Faulty)
    }
}
