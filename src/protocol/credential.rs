//! What a client shows to sign in, whichever way it came.

use super::client_message::Token;
use std::fmt;
use zeroize::Zeroizing;

/// A credential, by what can judge it. It has no way to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// A JWT, or a ticket in its place.
    Token(Token<'a>),
    /// A ticket, and nothing else: it came a way that no JWT may come.
    Ticket(Token<'a>),
    /// A user and a password (RFC 7617).
    Password(Password),
    /// Something that was meant as one of these and cannot be read.
    Unreadable(Unreadable),
}

/// Why a credential cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not in the base64 that belongs there.
    Base64,
    /// It is not in UTF-8.
    Utf8,
    /// No colon divides the user from the password.
    Colon,
}

/// A user and a password; wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    user: Zeroizing<String>,
    password: Zeroizing<String>,
}

/// A credential, and what its sender's handshake says about it.
#[derive(Clone, Debug)]
pub struct Presentation<'a> {
    /// What was shown.
    pub credential: Credential<'a>,
    /// The `Origin` of the handshake, if it had one: the page, in a browser.
    pub origin: Option<&'a str>,
}

impl Credential<'_> {
    /// Its length, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Token(token) | Self::Ticket(token) => token.reveal().len(),
            Self::Password(Password { user, password }) => user.len() + password.len(),
            Self::Unreadable(_) => 0,
        }
    }

    /// A credential that outlives its frame.
    pub fn into_owned(self) -> Credential<'static> {
        match self {
            Self::Token(token) => Credential::Token(token.into_owned()),
            Self::Ticket(ticket) => Credential::Ticket(ticket.into_owned()),
            Self::Password(password) => Credential::Password(password),
            Self::Unreadable(fault) => Credential::Unreadable(fault),
        }
    }
}

impl Password {
    /// Keeps both.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Zeroizing::new(user.into()), password: Zeroizing::new(password.into()) }
    }

    /// Whose it is said to be.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The secret. Keep it out of logs, errors and metrics.
    pub fn reveal(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl<'a> From<Token<'a>> for Credential<'a> {
    fn from(token: Token<'a>) -> Self {
        Self::Token(token)
    }
}

impl<'a> Presentation<'a> {
    /// A credential of which nothing else is known.
    pub fn new(credential: impl Into<Credential<'a>>) -> Self {
        Self { credential: credential.into(), origin: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_can_be_printed() {
        let shown = [
            Credential::Token(Token::new("sesame")),
            Credential::Ticket(Token::new("sesame")),
            Credential::Password(Password::new("sesame", "sesame")),
        ];
        for credential in shown {
            let printed = format!("{:?}", Presentation::new(credential));
            assert!(!printed.contains("sesame"), "{printed}");
        }
    }
}
