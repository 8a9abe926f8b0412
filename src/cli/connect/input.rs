//! What is typed or piped in: a thread that reads lines, and the commands among them.

use super::pages::Look;
use std::{
    io::{self, BufRead, Read},
    thread,
};
use tokio::sync::mpsc::{Receiver, channel};

/// Lines read ahead of what has been sent.
const LINES: usize = 16;
/// The longest line, in bytes; no server takes a message that is as long.
const LINE_BYTES: u64 = 32 * 1024 * 1024;

/// The messages of a page without a number.
const PAGE: u32 = 20;

/// Reads standard input line by line on a thread of its own: no read of a terminal can be
/// cancelled. The channel ends with the input.
pub(super) fn lines() -> Receiver<io::Result<String>> {
    let (sender, receiver) = channel(LINES);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = read(&mut input) {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// The next line without its end; `None` at the end of the input.
pub(super) fn read(input: &mut impl BufRead) -> Option<io::Result<String>> {
    let mut line = Vec::new();
    match input.take(LINE_BYTES).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            Some(Ok(String::from_utf8_lossy(text).into_owned()))
        }
        Err(why) => Some(Err(why)),
    }
}

/// A line of a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Say(String),
    Join(String),
    /// The current room without a name.
    Leave(Option<String>),
    Room(String),
    /// A page of what the current room remembers.
    Look(Look),
    Help,
    Quit,
    Nothing,
    /// A command that is none, or lacks its room, or has a number that is none.
    Unknown(String),
}

impl Typed {
    pub(super) fn parse(line: &str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return if line.trim().is_empty() { Self::Nothing } else { Self::Say(line.to_owned()) };
        };
        if command.starts_with('/') {
            return Self::Say(command.to_owned());
        }
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let room = Some(rest.trim()).filter(|room| !room.is_empty()).map(str::to_owned);
        match (name, room) {
            ("join" | "j", Some(room)) => Self::Join(room),
            ("room" | "r", Some(room)) => Self::Room(room),
            ("leave" | "part", room) => Self::Leave(room),
            ("history", count) => Self::look(line, count, Look::Newest),
            ("earlier", count) => Self::look(line, count, Look::Earlier),
            ("help" | "h" | "?", _) => Self::Help,
            ("quit" | "q" | "exit", _) => Self::Quit,
            _ => Self::Unknown(line.to_owned()),
        }
    }

    fn look(line: &str, count: Option<String>, look: impl Fn(u32) -> Look) -> Self {
        let count = count.map_or(Ok(PAGE), |count| count.parse());
        count.map_or_else(|_| Self::Unknown(line.to_owned()), |count| Self::Look(look(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_begin_with_a_slash() {
        let cases = [
            ("hello /quit", Typed::Say("hello /quit".into())),
            ("//etc/hosts", Typed::Say("/etc/hosts".into())),
            ("/join  team:red ", Typed::Join("team:red".into())),
            ("/join", Typed::Unknown("/join".into())),
            ("/room a", Typed::Room("a".into())),
            ("/leave", Typed::Leave(None)),
            ("/leave a", Typed::Leave(Some("a".into()))),
            ("/history", Typed::Look(Look::Newest(20))),
            ("/history 5", Typed::Look(Look::Newest(5))),
            ("/earlier 7", Typed::Look(Look::Earlier(7))),
            ("/history of", Typed::Unknown("/history of".into())),
            ("/earlier -1", Typed::Unknown("/earlier -1".into())),
            ("/quit", Typed::Quit),
            ("/?", Typed::Help),
            ("/usr/bin", Typed::Unknown("/usr/bin".into())),
            ("  ", Typed::Nothing),
        ];
        for (line, typed) in cases {
            assert_eq!(Typed::parse(line), typed, "{line}");
        }
    }

    #[test]
    fn lines_end_in_every_way() {
        let mut input = &b"one\r\ntwo\n\n\xFFthree"[..];
        let mut lines = Vec::new();
        while let Some(line) = read(&mut input) {
            lines.push(line.unwrap());
        }
        assert_eq!(lines, ["one", "two", "", "\u{fffd}three"]);
    }
}
