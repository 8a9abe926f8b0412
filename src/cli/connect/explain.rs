//! What went wrong, in words, and what to do about it.

use super::address::Address;
use crate::{
    client::{Closed, Error, Refused},
    protocol::{
        close_code::{Advice, CloseCode},
        error_code::ErrorCode,
    },
};
use std::io::{self, ErrorKind};

/// What is known about the connection that failed.
pub(super) struct About<'a> {
    pub(super) address: &'a Address,
    /// Whether the sign-in succeeded once.
    pub(super) signed_in: bool,
    /// Whether the token is made here.
    pub(super) mint: bool,
}

impl About<'_> {
    /// What happened in the first line, what it means and what to do in the others.
    pub(super) fn explain(&self, error: &Error) -> Vec<String> {
        match error {
            Error::Connect { source, .. } => self.unreachable(source),
            Error::Handshake { status } => self.no_websocket(*status),
            Error::Closed(closed) => self.closed(closed),
            Error::Timeout { what: "connection", after } => said([
                format!("{} does not answer: nothing for {} s", self.address, after.as_secs()),
                "A firewall may swallow what is sent, or what listens there is no web server. Try \
                 it on the machine of the server itself."
                    .to_owned(),
            ]),
            Error::Transport(why) if !self.signed_in => said([
                format!("what answers at {} does not speak WebSocket: {why}", self.address),
                "It is another kind of service, or a port that expects TLS.".to_owned(),
            ]),
            Error::Silent { after } => said([
                format!("the line is dead: nothing came for {} s", after.as_secs()),
                "The network in between lost it, or the server hangs.".to_owned(),
            ]),
            Error::Unintelligible { .. } => said([
                error.to_string(),
                "What answers there is no Vestibule, or one that speaks a later protocol."
                    .to_owned(),
            ]),
            Error::Address { .. }
            | Error::Timeout { .. }
            | Error::Transport(_)
            | Error::Refused(_)
            | Error::Oversize { .. }
            | Error::Backlog { .. }
            | Error::Token(_) => said([error.to_string()]),
        }
    }

    fn unreachable(&self, why: &io::Error) -> Vec<String> {
        let Address { host, port, .. } = self.address;
        if why.kind() == ErrorKind::ConnectionRefused {
            return said([
                format!("nobody listens at {host}, port {port}"),
                "Start the server there: `vestibule dev` to try it, `vestibule serve --config \
                 FILE` to run it. Its log line \"listening\" names the address; 127.0.0.1 can be \
                 reached from the same machine only."
                    .to_owned(),
            ]);
        }
        // A name that is not found has no error number of its own.
        if why.raw_os_error().is_none() {
            return said([
                format!("the name {host} has no address: {why}"),
                "Look for a slip in it, or write the address itself.".to_owned(),
            ]);
        }
        said([
            format!("{host}, port {port}, cannot be reached: {why}"),
            "The network, a firewall or the address is at fault: no server has answered."
                .to_owned(),
        ])
    }

    fn no_websocket(&self, status: u16) -> Vec<String> {
        let Address { path, .. } = self.address;
        let usual = self.address.with_path("/ws");
        let (what, todo) = match status {
            404 if path != "/ws" => (
                format!("no WebSocket endpoint at {path}"),
                format!("Vestibule's is /ws: try {usual}"),
            ),
            404 => (
                "no WebSocket endpoint there".to_owned(),
                "Another server answers, or a proxy in front that does not pass /ws on.".to_owned(),
            ),
            400 | 426 => (
                "not taken as a WebSocket request".to_owned(),
                "A proxy in front drops the headers that open a WebSocket: it must speak HTTP/1.1 \
                 and pass `Upgrade` and `Connection: upgrade` on."
                    .to_owned(),
            ),
            401 | 407 => (
                "a proxy in front asks for a sign-in of its own".to_owned(),
                "Vestibule never answers so: its sign-in is the first message. Take the proxy's \
                 away from this path."
                    .to_owned(),
            ),
            403 => (
                "this origin is not let in".to_owned(),
                "`gate.origins` of the server lists those that are; without --origin none is \
                 sent, which passes there: then it was a proxy in front."
                    .to_owned(),
            ),
            429 | 503 => (
                "no place at the moment".to_owned(),
                "The server is full or stops, or a proxy in front has none to pass to. Try again \
                 in a few seconds."
                    .to_owned(),
            ),
            502 | 504 => (
                "the proxy in front does not reach the server".to_owned(),
                "Is Vestibule up, and does the proxy have its address?".to_owned(),
            ),
            301 | 302 | 303 | 307 | 308 => (
                "it wants us elsewhere, most likely to TLS".to_owned(),
                "This client does not speak TLS yet: connect to the server behind the proxy."
                    .to_owned(),
            ),
            _ => (
                "a web server, but no WebSocket endpoint".to_owned(),
                format!("Vestibule's is /ws: try {usual}"),
            ),
        };
        said([format!("HTTP {status} from {}: {what}", self.address), todo])
    }

    fn closed(&self, closed: &Closed) -> Vec<String> {
        let code = CloseCode::from_code(closed.code);
        let name = match code {
            Some(code) => format!("{} {}", closed.code, code.name()),
            None => format!("{} {}", closed.code, closed.reason).trim_end().to_owned(),
        };
        let what = match (self.signed_in, closed.code) {
            (_, 1005 | 1006) => "the line was cut without a word".to_owned(),
            (false, _) => format!("the server refused the sign-in: {name}"),
            (true, _) => format!("the server closed the connection: {name}"),
        };
        let mut lines = vec![what];
        lines.extend(closed.message.clone().or(code.map(|code| code.message().to_owned())));
        lines.extend(code.and_then(|code| self.more(code)).map(str::to_owned));
        if code.is_none() {
            lines.push(general(closed).to_owned());
        }
        if let Some(after_ms) = closed.after_ms() {
            lines.push(format!("Try again in {} s.", after_ms.div_ceil(1_000)));
        }
        lines
    }

    /// What the message of the server cannot know.
    fn more(&self, code: CloseCode) -> Option<&'static str> {
        match code {
            CloseCode::TokenInvalid if self.mint => Some(
                "The token made here has not the key, `iss` or `aud` that the server asks for: \
                 with --config FILE of the server it has them all.",
            ),
            CloseCode::TokenInvalid => Some(
                "`vestibule token check --config FILE < token`, with the configuration of the \
                 server, says which rule it breaks.",
            ),
            CloseCode::TokenExpired => Some(
                "`vestibule token check` says when it ended; `vestibule token mint` makes one.",
            ),
            CloseCode::Internal | CloseCode::Overloaded => {
                Some("The log of the server knows more.")
            }
            CloseCode::Protocol | CloseCode::Binary | CloseCode::Utf8 => {
                Some("This client sends no such thing: a proxy in between may mangle frames.")
            }
            CloseCode::TooManyConnections => {
                Some("`limits.connections_per_user` of the server is the cap for one user.")
            }
            CloseCode::AuthTimeout => {
                Some("This client sends its token at once: the way there is slow, or the server.")
            }
            CloseCode::Normal
            | CloseCode::GoingAway
            | CloseCode::TooBig
            | CloseCode::Restart
            | CloseCode::BadMessage
            | CloseCode::AuthRequired
            | CloseCode::Forbidden
            | CloseCode::UnsupportedProtocol
            | CloseCode::PrincipalMismatch
            | CloseCode::Revoked
            | CloseCode::TokenNotYetValid
            | CloseCode::SlowConsumer
            | CloseCode::HeartbeatTimeout
            | CloseCode::Replaced
            | CloseCode::RateLimited => None,
        }
    }
}

/// What to do about a code that has no name here.
fn general(closed: &Closed) -> &'static str {
    match (closed.code, closed.advice()) {
        (1005 | 1006, _) => {
            "The server ended, a proxy gave up on an idle line, or the network lost it."
        }
        (_, Advice::Never) => "Trying again will not help.",
        (_, Advice::NewCredential(_)) => "Get a new token and try again.",
        (_, Advice::SignIn) => "The user must sign in again.",
        (_, Advice::Backoff(_) | Advice::Now | Advice::Restart) => "Try again later.",
    }
}

/// A refusal that does not end the connection; `code` is stable, the rest for people.
pub(super) fn refusal(room: &str, code: &str, message: Option<&str>) -> Vec<String> {
    let known = ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code);
    let mut lines = vec![format!("refused in {room}: {code}")];
    lines.extend(message.or(known.map(ErrorCode::message)).map(str::to_owned));
    if known == Some(ErrorCode::Forbidden) {
        lines.push(format!(
            "The `rooms` claim of the token must name it: {{\"{room}\": [\"join\", \"send\"]}}"
        ));
    }
    lines
}

/// [`refusal`] of a message.
pub(super) fn unpublished(room: &str, refused: &Refused) -> Vec<String> {
    refusal(room, &refused.code, Some(&refused.message))
}

fn said<const N: usize>(lines: [String; N]) -> Vec<String> {
    lines.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn explain(error: &Error) -> Vec<String> {
        let address = Address::parse("ws://chat.example:7000/chat").unwrap();
        About { address: &address, signed_in: false, mint: false }.explain(error)
    }

    fn closed(code: u16, reason: &str) -> Error {
        Error::Closed(Closed { code, reason: reason.to_owned(), message: None })
    }

    #[test]
    fn every_close_code_of_the_server_says_what_and_what_to_do() {
        for code in CloseCode::ALL {
            let lines = explain(&closed(code.code(), code.name()));
            assert!(lines.len() >= 2, "{lines:?}");
            assert!(lines[0].contains(&code.code().to_string()), "{lines:?}");
            assert!(lines[0].contains(code.name()), "{lines:?}");
        }
    }

    #[test]
    fn codes_of_others_are_actionable_too() {
        for code in [1005, 1006, 3000, 4402, 4415, 4499, 4900] {
            let lines = explain(&closed(code, ""));
            assert_eq!(lines.len(), 2, "{lines:?}");
        }
        let lines = explain(&closed(4429, "rate_limited after=1500"));
        assert_eq!(lines.last().unwrap(), "Try again in 2 s.");
    }

    #[test]
    fn every_status_and_failure_of_the_line_has_its_words() {
        for status in [200, 301, 400, 401, 403, 404, 426, 429, 500, 502, 503] {
            let lines = explain(&Error::Handshake { status });
            assert!(lines.len() == 2 && lines[0].contains(&format!("HTTP {status}")), "{lines:?}");
        }
        let connect = |source| Error::Connect { url: "ws://x".into(), source };
        let cases = [
            (
                connect(ErrorKind::ConnectionRefused.into()),
                "nobody listens at chat.example, port 7000",
            ),
            (connect(io::Error::other("not known")), "the name chat.example has no address"),
            (connect(io::Error::from_raw_os_error(113)), "cannot be reached"),
            (
                Error::Timeout { what: "connection", after: Duration::from_secs(10) },
                "does not answer",
            ),
            (Error::Silent { after: Duration::from_secs(35) }, "nothing came for 35 s"),
        ];
        for (error, text) in cases {
            let lines = explain(&error);
            assert!(lines.len() == 2 && lines[0].contains(text), "{lines:?}");
        }
    }

    #[test]
    fn every_error_code_says_what_to_do() {
        for code in ErrorCode::ALL {
            let lines = refusal("lobby", code.as_str(), None);
            assert!(lines.len() >= 2 && lines[0].contains(code.as_str()), "{lines:?}");
        }
        assert_eq!(refusal("r", "later", Some("No.")), ["refused in r: later", "No."]);
    }
}
