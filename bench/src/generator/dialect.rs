//! How a connection of each kind of peer gets from the open socket into its room, and what it says.

/// The way a peer is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Vestibule's own messages.
    Vestibule,
    /// Socket.IO, version 4 of its transport, over WebSocket alone.
    SocketIo,
    /// No messages at all: the path of the request names the room, and each text is for all in it.
    Raw,
}

/// How far a connection has come after its 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The server speaks first (Socket.IO).
    Greeting,
    /// The verdict on the token is due.
    Verdict,
    /// The answer to the join is due.
    Joining,
    /// In its room.
    Member,
}

/// What to do about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Ignore,
    /// Say this, and be at this stage.
    Say(String, Stage),
    /// Be at this stage.
    Be(Stage),
    /// Say this, at the same stage.
    Answer(&'static str),
    /// It went wrong: what the server said.
    Fail(String),
}

impl Dialect {
    /// The path of the request that opens the WebSocket.
    #[must_use]
    pub fn path(self, own: &str, room: u32) -> String {
        match self {
            Self::Vestibule => own.to_owned(),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Self::Raw => format!("/{room}"),
        }
    }

    /// What a client says once the WebSocket is open.
    #[must_use]
    pub fn opened(self, token: &str) -> Next {
        match self {
            Self::Vestibule => {
                Next::Say(format!(r#"{{"type":"auth","payload":"{token}"}}"#), Stage::Verdict)
            }
            Self::SocketIo => Next::Be(Stage::Greeting),
            Self::Raw => Next::Be(Stage::Member),
        }
    }

    /// What to do about a text that is no delivery.
    #[must_use]
    pub fn heard(self, stage: Stage, text: &[u8], token: &str, room: &str) -> Next {
        match self {
            Self::Raw => Next::Ignore,
            Self::Vestibule => heard_json(stage, text, room),
            Self::SocketIo => heard_socket_io(stage, text, token, room),
        }
    }

    /// What stands around a payload, in a message to `room`.
    #[must_use]
    pub fn message(self, room: &str) -> (String, &'static str) {
        match self {
            Self::Vestibule | Self::Raw => {
                (format!(r#"{{"type":"message","room":"{room}","payload":""#), r#""}"#)
            }
            Self::SocketIo => (format!(r#"42["message",{{"room":"{room}","payload":""#), r#""}]"#),
        }
    }
}

fn has(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(200).collect()
}

fn heard_json(stage: Stage, text: &[u8], room: &str) -> Next {
    if has(text, r#""type":"error""#) {
        return Next::Fail(quoted(text));
    }
    match stage {
        Stage::Verdict if has(text, r#""type":"auth_ok""#) => {
            Next::Say(format!(r#"{{"type":"join","room":"{room}"}}"#), Stage::Joining)
        }
        Stage::Joining if has(text, r#""type":"joined""#) => Next::Be(Stage::Member),
        Stage::Greeting | Stage::Verdict | Stage::Joining | Stage::Member => Next::Ignore,
    }
}

fn heard_socket_io(stage: Stage, text: &[u8], token: &str, room: &str) -> Next {
    match (stage, text) {
        (_, b"2") => Next::Answer("3"),
        (_, [b'4', b'4', ..] | [b'4', b'1', ..]) => Next::Fail(quoted(text)),
        (Stage::Greeting, [b'0', ..]) => {
            Next::Say(format!(r#"40{{"token":"{token}"}}"#), Stage::Verdict)
        }
        (Stage::Verdict, [b'4', b'0', ..]) => {
            Next::Say(format!(r#"420["join","{room}"]"#), Stage::Joining)
        }
        (Stage::Joining, [b'4', b'3', ..]) => Next::Be(Stage::Member),
        _ => Next::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vestibule_is_entered() {
        let dialect = Dialect::Vestibule;
        let auth = r#"{"type":"auth","payload":"T"}"#.to_owned();
        assert_eq!(dialect.opened("T"), Next::Say(auth, Stage::Verdict));
        let ok = br#"{"type":"auth_ok","v":1}"#;
        let join = r#"{"type":"join","room":"r1"}"#.to_owned();
        assert_eq!(dialect.heard(Stage::Verdict, ok, "T", "r1"), Next::Say(join, Stage::Joining));
        let joined = br#"{"type":"joined","room":"r1"}"#;
        assert_eq!(dialect.heard(Stage::Joining, joined, "T", "r1"), Next::Be(Stage::Member));
        let error = br#"{"type":"error","code":"forbidden"}"#;
        assert!(matches!(dialect.heard(Stage::Verdict, error, "T", "r1"), Next::Fail(_)));
    }

    #[test]
    fn socket_io_is_entered_and_kept_alive() {
        let dialect = Dialect::SocketIo;
        assert_eq!(dialect.opened("T"), Next::Be(Stage::Greeting));
        let connect = r#"40{"token":"T"}"#.to_owned();
        let open = br#"0{"sid":"x"}"#;
        let said = dialect.heard(Stage::Greeting, open, "T", "r1");
        assert_eq!(said, Next::Say(connect, Stage::Verdict));
        let join = r#"420["join","r1"]"#.to_owned();
        let said = dialect.heard(Stage::Verdict, br#"40{"sid":"y"}"#, "T", "r1");
        assert_eq!(said, Next::Say(join, Stage::Joining));
        assert_eq!(dialect.heard(Stage::Joining, b"430[]", "T", "r1"), Next::Be(Stage::Member));
        assert_eq!(dialect.heard(Stage::Member, b"2", "T", "r1"), Next::Answer("3"));
        let refused = dialect.heard(Stage::Verdict, br#"44{"message":"no"}"#, "T", "r1");
        assert_eq!(refused, Next::Fail(r#"44{"message":"no"}"#.to_owned()));
    }
}
