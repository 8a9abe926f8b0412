//! Who a verified token speaks for, and what it lets them do.

use super::{
    grant::{Grant, Permissions},
    room_name::RoomName,
    time::Wall,
};
use serde_json::value::RawValue;
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The principal of a token: (`iss`, `sub`), and the public id that others see.
///
/// An absent `iss` is a value of its own: equal only to another absent one.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Identity {
    /// `iss`, if the token has one.
    pub issuer: Option<Box<str>>,
    /// `sub` (or the mapped claim): 1 to 255 bytes, no control characters.
    pub subject: Box<str>,
    /// The public id: the issuer's `user_prefix` and the subject.
    pub user: Arc<str>,
}

/// (`iss`, `sub`) alone, whatever the public id is: equal and hashed by these two.
#[derive(Clone, Debug)]
pub struct Principal(pub Arc<Identity>);

impl Principal {
    fn key(&self) -> (Option<&str>, &str) {
        (self.0.issuer.as_deref(), &self.0.subject)
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// What one verified token says: the result of a sign-in or of a refresh.
#[derive(Clone)]
pub struct Login {
    /// Whom it speaks for.
    pub identity: Arc<Identity>,
    /// The rooms it opens.
    pub grant: Arc<Grant>,
    /// `info`, a small JSON object shown to others; at most 1,024 bytes of text.
    pub info: Option<Arc<RawValue>>,
    /// Quotas that the token asks for; clamped by the session.
    pub quotas: Quotas,
    /// How far the issuer lets them go; an absent one is the server's default.
    pub ceiling: Quotas,
    /// `exp`, without leeway.
    pub expires_at: Wall,
    /// The leeway of the issuer, in milliseconds: expired at `expires_at + leeway_ms`.
    pub leeway_ms: u64,
    /// `iat`, if present: the token's life is `exp - iat`.
    pub issued_at: Option<Wall>,
    /// Tells one token from another without keeping it; the same token has the same mark.
    pub mark: u64,
    /// The key that it was signed with.
    pub signer: Signer,
}

impl Login {
    /// The least that a login says: who, and until when. It grants nothing and asks for nothing.
    pub fn new(identity: Identity, expires_at: Wall) -> Self {
        Self {
            identity: Arc::new(identity),
            grant: Arc::default(),
            info: None,
            quotas: Quotas::default(),
            ceiling: Quotas::default(),
            expires_at,
            leeway_ms: 0,
            issued_at: None,
            mark: 0,
            signer: Signer::default(),
        }
    }
}

impl Login {
    /// Messages a second, on a server whose default this is.
    pub fn messages_per_s(&self, default: u32) -> u32 {
        quota(self.quotas.messages_per_s, self.ceiling.messages_per_s, default)
    }

    /// Rooms of one connection, on a server whose default this is.
    pub fn rooms(&self, default: u32) -> u32 {
        quota(self.quotas.rooms, self.ceiling.rooms, default)
    }

    /// Connections of the user, on a server whose default this is.
    pub fn connections(&self, default: u32) -> u32 {
        quota(self.quotas.connections, self.ceiling.connections, default)
    }
}

/// What is `asked` for, the default if nothing is, between 1 and the ceiling; without one that is
/// the default, so that a token only lowers it.
fn quota(asked: Option<u32>, ceiling: Option<u32>, default: u32) -> u32 {
    asked.unwrap_or(default).min(ceiling.unwrap_or(default)).max(1)
}

/// Tells one key of one issuer from another: opaque, and the same as long as the process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signer(u64);

impl Signer {
    /// The signer with this number; who numbers keys keeps the numbers apart.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// What one verified room token says: rights in one room, for a while, beside a [`Login`].
#[derive(Clone, Debug)]
pub struct Pass {
    /// Whom it speaks for; it counts for the same principal alone.
    pub identity: Arc<Identity>,
    /// The one room.
    pub room: RoomName,
    /// What is allowed there.
    pub allow: Permissions,
    /// `exp`, without leeway.
    pub expires_at: Wall,
    /// The leeway of the issuer, in milliseconds: over at `expires_at + leeway_ms`.
    pub leeway_ms: u64,
    /// The key that it was signed with.
    pub signer: Signer,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("identity", &self.identity)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Quotas: those of the `limits` claim, or an issuer's ceiling. An absent one is the server's
/// default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Messages a second.
    pub messages_per_s: Option<u32>,
    /// Rooms of one connection.
    pub rooms: Option<u32>,
    /// Connections of one user.
    pub connections: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(issuer: Option<&str>) -> Identity {
        Identity { issuer: issuer.map(Into::into), subject: "ann".into(), user: "ann".into() }
    }

    #[test]
    fn an_absent_issuer_is_a_value_of_its_own() {
        assert_eq!(identity(None), identity(None));
        assert_ne!(identity(None), identity(Some("")));
        assert_ne!(identity(Some("a")), identity(Some("b")));
    }

    #[test]
    fn a_quota_moves_between_one_and_the_ceiling() {
        for (asked, ceiling, given) in [
            (None, None, 10),
            (Some(3), None, 3),
            (Some(30), None, 10),
            (Some(0), None, 1),
            (Some(30), Some(50), 30),
            (Some(80), Some(50), 50),
            (None, Some(50), 10),
            (None, Some(5), 5),
            (Some(80), Some(5), 5),
            (Some(80), Some(0), 1),
        ] {
            assert_eq!(quota(asked, ceiling, 10), given, "{asked:?} under {ceiling:?}");
        }
        let all =
            |n| Quotas { messages_per_s: Some(n), rooms: Some(n + 1), connections: Some(n + 2) };
        let login = Login::new(identity(None), Wall::from_ms(1));
        let login = Login { quotas: all(100), ceiling: all(200), ..login };
        let given = (login.messages_per_s(10), login.rooms(10), login.connections(10));
        assert_eq!(given, (100, 101, 102));
    }

    #[test]
    fn a_login_prints_no_claims() {
        let login = Login {
            identity: Arc::new(identity(None)),
            grant: Arc::default(),
            info: RawValue::from_string(r#"{"mail":"ann@example.org"}"#.to_owned())
                .ok()
                .map(Into::into),
            quotas: Quotas::default(),
            ceiling: Quotas::default(),
            expires_at: Wall::from_ms(1),
            leeway_ms: 0,
            issued_at: None,
            mark: 0x5EC2E7,
            signer: Signer::default(),
        };
        let printed = format!("{login:?}");
        assert!(login.info.is_some() && !printed.contains("mail"), "{printed}");
        assert!(!printed.contains("mark"), "{printed}");
    }
}
