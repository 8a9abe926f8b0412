//! What a token allows: room patterns to permissions (the `rooms` claim).

use super::room_name::RoomRef;

/// One thing a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Join, and stay.
    Join,
    /// Publish.
    Send,
    /// Read history.
    History,
    /// See who is there.
    Presence,
}

/// Who may join and send where the token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody who is signed in.
    Open,
    /// Only those whose token grants it.
    Granted,
}

/// The rooms that a token opens. It grants; it never joins by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Box<str>,
    permissions: u8,
}

/// Why a `rooms` claim is malformed (4411).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadGrant;

impl Grant {
    /// Parses the text of a `rooms` claim: an object of pattern to `"*"` or a list of permissions.
    ///
    /// # Errors
    /// [`BadGrant`] if anything in it is malformed, a pattern that is none included.
    pub fn parse(claim: &str) -> Result<Self, BadGrant> {
        todo!("{claim}")
    }

    /// Whether `permission` is granted in `room`; overlapping patterns add up.
    pub fn allows(&self, room: RoomRef<'_>, permission: Permission) -> bool {
        todo!("{room:?} {permission:?} {:?}", self.rules)
    }
}
