//! What is shown: messages on standard output, everything about them on standard error.

use super::super::{
    outcome::{self, Failure},
    style::{Paint, harmless},
};
use crate::client::{Frame, MessageReceived, Watch};
use serde_json::Value;
use std::io::{self, Write};
use tokio::time::Instant;

/// What is left of a token on the screen, in characters.
const TOKEN_CHARS: usize = 10;

#[derive(Clone, Copy)]
pub(super) struct Screen {
    out: Paint,
    err: Paint,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { out: Paint::of(&io::stdout()), err: Paint::of(&io::stderr()) }
    }

    /// A message of a room.
    pub(super) fn message(self, message: &MessageReceived) -> Result<(), Failure> {
        let room = harmless(&message.room);
        let user = message.from.as_ref().map_or("system".to_owned(), |from| harmless(&from.user));
        let payload = message.payload.get();
        let text = serde_json::from_str::<String>(payload).unwrap_or_else(|_| payload.to_owned());
        let (room, user) = (self.out.dim(&format!("[{room}]")), self.out.bold(&user));
        outcome::print(&format!("{room} {user}: {}\n", harmless(&text)))
    }

    /// Something that happened.
    pub(super) fn note(self, text: &str) {
        outcome::note(&self.err.dim(&format!("* {}", harmless(text))));
    }

    /// Something that went wrong, and what to do about it.
    pub(super) fn trouble(self, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            let line = harmless(line);
            outcome::note(&match at {
                0 => format!("{} {}", self.err.red("!"), self.err.bold(&line)),
                _ => format!("  {line}"),
            });
        }
    }

    /// Shows frames from now on.
    pub(super) fn watch(self) -> Watch {
        let began = Instant::now();
        Watch::new(move |sent, frame| {
            let at = began.elapsed().as_secs_f64();
            let arrow = if sent { "→" } else { "←" };
            let line = format!("{at:8.3} {arrow} {}", harmless(&text_of(frame)));
            // Nobody is left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "{}", self.err.cyan(&line));
        })
    }
}

fn text_of(frame: Frame<'_>) -> String {
    match frame {
        Frame::Text(text) => shortened(text),
        Frame::Ping => "ping (frame)".to_owned(),
        Frame::Pong => "pong (frame)".to_owned(),
        Frame::Close { code, reason } => format!("close {code} {reason}").trim_end().to_owned(),
    }
}

/// The text of a frame, with hardly anything left of a token.
fn shortened(text: &str) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    if members.get("type") != Some(&Value::from("auth")) {
        return text.to_owned();
    }
    let token = members.get("payload").and_then(Value::as_str).unwrap_or_default();
    // The beginning of a token is its header, which says nothing that is secret.
    let head: String = token.chars().take(TOKEN_CHARS).collect();
    let short = format!("{head}… ({} bytes)", token.len());
    members.insert("payload".to_owned(), short.into());
    let rest = members.iter().filter(|(name, _)| *name != "type");
    let rest: Vec<String> = rest.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{\"type\":\"auth\",{}}}", rest.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.signature";
        for id in ["", r#""id":"1","#] {
            let text = format!(r#"{{"type":"auth",{id}"payload":"{token}"}}"#);
            let shown = shortened(&text);
            assert_eq!(
                shown,
                format!(r#"{{"type":"auth",{id}"payload":"eyJhbGciOi… (46 bytes)"}}"#)
            );
        }
    }

    #[test]
    fn other_frames_are_shown_as_they_are() {
        for text in [r#"{"type":"message", "payload":12345678901234567890}"#, "no JSON"] {
            assert_eq!(shortened(text), text);
        }
        assert_eq!(text_of(Frame::Close { code: 1005, reason: "" }), "close 1005");
        assert_eq!(
            text_of(Frame::Close { code: 4411, reason: "token_invalid" }),
            "close 4411 token_invalid"
        );
    }
}
