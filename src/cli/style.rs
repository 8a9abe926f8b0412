//! Colour on terminals, and text of others made harmless for them.

use std::{env, io::IsTerminal};

/// Whether a stream is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    /// On a terminal, unless `NO_COLOR` is set to anything (no-color.org) or it is a dumb one.
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(stream.is_terminal() && !set("NO_COLOR") && !dumb)
    }

    pub(super) const fn is_on(self) -> bool {
        self.0
    }
}

/// What only `connect` paints.
#[cfg(feature = "client")]
impl Paint {
    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `text` without what a terminal would obey or what turns the order of letters around: such
/// characters are shown as escapes.
#[cfg(feature = "client")]
pub(super) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
#[cfg(feature = "client")]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(harmless("plain: ü 漢 🙂"), "plain: ü 漢 🙂");
        assert_eq!(harmless("\x1b[2Jx\ny\u{9b}31m\u{202e}z"), r"\u{1b}[2Jx\ny\u{9b}31m\u{202e}z");
    }

    #[test]
    fn paint_is_an_envelope_or_nothing() {
        assert_eq!(Paint(true).bold("x"), "\x1b[1mx\x1b[0m");
        assert_eq!(Paint(false).red("x"), "x");
    }
}
