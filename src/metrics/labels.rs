//! The labels of metrics: closed sets of words of ours, so that no peer can add a series.

use crate::protocol::{close_code::CloseCode, error_code::ErrorCode};

/// An enumeration whose variants are the values of a label, in the order of its cells.
macro_rules! label {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $value:literal,)+ }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            #[allow(dead_code, reason = "not every label is asked for all of its values")]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The words, in the same order.
            pub(super) const WORDS: &'static [&'static str] = &[$($value,)+];

            /// Which of them this is.
            pub(super) const fn at(self) -> usize {
                self as usize
            }

        }
    };
}

label! {
    /// How far a socket has come.
    State {
        /// Accepted; no 101 yet, or a plain request.
        Handshake => "handshake",
        /// No verdict yet.
        Unauthenticated => "unauthenticated",
        /// Signed in.
        Authenticated => "authenticated",
        /// The Close is on its way.
        Closing => "closing",
    }
}

label! {
    /// What became of a new socket.
    Handshake {
        /// The 101.
        Upgraded => "upgraded",
        /// A plain request, answered.
        Plain => "plain",
        /// No handshake of RFC 6455, or no HTTP: 400, 405, 426.
        Malformed => "malformed",
        /// The head is over its cap: 431.
        TooLarge => "too_large",
        /// The origin is not on the list: 403.
        Origin => "origin",
        /// The server is full: 503.
        Full => "full",
        /// The vestibule is over its hard cap: 503.
        Crowded => "crowded",
        /// No credential where one is required before the upgrade, or a bad one: 401 or 403; 503 if
        /// nobody can judge it.
        Unauthorized => "unauthorized",
        /// The server stops: 503.
        Draining => "draining",
        /// Not done in time.
        Timeout => "timeout",
        /// Its place in the vestibule went to somebody else.
        Evicted => "evicted",
        /// The peer left, or the socket broke.
        Gone => "gone",
    }
}

impl Handshake {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.get(self.at()).copied().unwrap_or_default()
    }
}

label! {
    /// Whether a first message was accepted.
    Outcome {
        /// `auth_ok`.
        Accepted => "accepted",
        /// Anything else.
        Refused => "refused",
    }
}

label! {
    /// The rule that a refused credential broke, in classes: the log names the rule itself.
    Rule {
        /// No compact JWS of two strict JSON objects.
        Form => "form",
        /// A member of the header that is forbidden or of a wrong kind, or a wrong `typ`.
        Header => "header",
        /// No `alg`, `none`, an unknown one, or not the key's.
        Algorithm => "algorithm",
        /// No key of the issuer fits its `kid`.
        Key => "key",
        /// The signature does not match.
        Signature => "signature",
        /// `iss`.
        Issuer => "issuer",
        /// `aud`.
        Audience => "audience",
        /// A claim that is missing, of a wrong kind, or not as required.
        Claims => "claims",
        /// It lives longer than it may.
        Lifetime => "lifetime",
        /// A room token as a login, or the other way round.
        Purpose => "purpose",
        /// `nbf` or `iat` in the future.
        NotYetValid => "not_yet_valid",
        /// `exp` is over.
        Expired => "expired",
        /// Valid, not allowed here.
        Forbidden => "forbidden",
        /// Revoked.
        Revoked => "revoked",
        /// The key source or directory does not answer.
        Unavailable => "unavailable",
        /// A ticket that was used, is too old or was never given out, or of another origin.
        Ticket => "ticket",
        /// A user and a password that do not fit.
        Password => "password",
        /// The directory does not know the user.
        User => "user",
        /// A rule of an embedder's own verifier.
        Custom => "custom",
    }
}

label! {
    /// What became of a ticket, or of the wish for one.
    TicketEvent {
        /// Given out.
        Issued => "issued",
        /// Let somebody in.
        Redeemed => "redeemed",
        /// Refused: never given out, used, or too old.
        Unknown => "unknown",
        /// Refused: it is for pages of another origin.
        Origin => "origin",
        /// Refused: its token is over.
        Expired => "expired",
        /// Gone for a newer one of the same user.
        Displaced => "displaced",
        /// Not given out: the store is full.
        Full => "full",
        /// Neither given out nor taken: the store cannot be reached.
        Unavailable => "unavailable",
    }
}

label! {
    /// Why the listener could not accept.
    AcceptFault {
        /// One socket broke before it was taken.
        Socket => "socket",
        /// No descriptor or no memory: newcomers wait.
        Exhausted => "exhausted",
    }
}

label! {
    /// Whether anybody is in a room.
    Occupancy {
        /// Somebody is.
        Occupied => "occupied",
        /// Nobody is, and it still remembers.
        Resting => "resting",
    }
}

label! {
    /// Why a socket without a verdict found no place, or lost it.
    Squeeze {
        /// No place: the share of its address was taken.
        Share => "share",
        /// No place: all were taken, by sockets as young as itself.
        Places => "places",
        /// Refused with 503: there was no room for an explanation either.
        HardPlaces => "hard_places",
        /// Closed, for a newcomer.
        Evicted => "evicted",
        /// Without a place, and cut short because many were.
        Hurried => "hurried",
    }
}

label! {
    /// What a socket of the vestibule waits for.
    Waiting {
        /// Its verdict, or its handshake.
        Verdict => "verdict",
        /// Its end, or the word of a proxy for whom it came.
        End => "end",
    }
}

label! {
    /// A bound of the vestibule.
    Bound {
        /// Sockets that wait for a verdict.
        Places => "places",
        /// Those, and the ones that are being closed.
        HardPlaces => "hard_places",
        /// Of one address, once half of the places are taken.
        Share => "share",
    }
}

label! {
    /// A place among the addresses that hold most.
    Rank {
        /// It holds most.
        First => "1",
        /// Second to it.
        Second => "2",
        /// And so on.
        Third => "3",
        /// Fourth.
        Fourth => "4",
        /// Fifth.
        Fifth => "5",
    }
}

label! {
    /// Whether a source of keys has some that count.
    Source {
        /// It has.
        Usable => "usable",
        /// It has not: tokens of its issuer get 1011.
        Down => "down",
    }
}

label! {
    /// What a look at a source of keys brought.
    Look {
        /// A set.
        Good => "good",
        /// Nothing of use.
        Failed => "failed",
    }
}

label! {
    /// What a directory said of a user.
    Answer {
        /// It may come in.
        Active => "active",
        /// It may not.
        Disabled => "disabled",
        /// There is none, or the password is wrong.
        Unknown => "unknown",
        /// Nothing of use.
        Failed => "failed",
    }
}

label! {
    /// What became of a look at a user who was in.
    Recheck {
        /// It stays, or nobody knows.
        Stays => "stays",
        /// It had to go.
        Revoked => "revoked",
    }
}

label! {
    /// Why a directory was not asked.
    Spared {
        /// It was asked a moment ago.
        Cached => "cached",
        /// It is being asked.
        Shared => "shared",
    }
}

label! {
    /// What became of a configuration that was read again.
    Reloading {
        /// It is in force.
        Applied => "applied",
        /// It has a fault: the old one is in force.
        Refused => "refused",
    }
}

label! {
    /// What a lookup of a verifier does.
    Lookup {
        /// All places are taken.
        Waiting => "waiting",
        /// It has a place.
        Running => "running",
    }
}

/// What the first message of a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// `auth_ok`.
    Accepted,
    /// The client left before.
    Gone,
    /// Closed with this code.
    Refused(CloseCode),
}

impl Verdict {
    /// The words.
    pub(super) const WORDS: &'static [&'static str] =
        &before_codes::<{ 2 + CODES }>(&["auth_ok", "gone"]);

    pub(super) fn at(self) -> usize {
        match self {
            Self::Accepted => 0,
            Self::Gone => 1,
            Self::Refused(code) => 2 + code_at(code),
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client sent its Close.
    Client,
    /// The line ended without one.
    Lost,
    /// The server sent this code.
    Server(CloseCode),
}

impl End {
    /// The words.
    pub(super) const WORDS: &'static [&'static str] =
        &before_codes::<{ 2 + CODES }>(&["client", "lost"]);

    pub(super) fn at(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Lost => 1,
            Self::Server(code) => 2 + code_at(code),
        }
    }
}

/// How many close codes there are.
const CODES: usize = CloseCode::ALL.len();

fn code_at(code: CloseCode) -> usize {
    CloseCode::ALL.iter().position(|known| *known == code).unwrap_or(0)
}

/// These words and, behind them, the names of the close codes.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn before_codes<const N: usize>(own: &[&'static str]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = match at < own.len() {
            true => own[at],
            false => CloseCode::ALL[at - own.len()].name(),
        };
        at += 1;
    }
    words
}

/// The codes of errors that close nothing, in the order of their cells.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
pub(super) const ERRORS: &[&str] = &{
    let mut words = [""; ErrorCode::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = ErrorCode::ALL[at].as_str();
        at += 1;
    }
    words
};

/// Where the cell of an error is.
pub(super) fn error_at(code: ErrorCode) -> usize {
    ErrorCode::ALL.iter().position(|known| *known == code).unwrap_or(0)
}
