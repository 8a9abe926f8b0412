//! Every limit that a peer can meet, with its default and unit; `protocol.md` states the same.

/// Limits before the verdict: minimums of v1, an implementation may allow more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthLimits {
    /// From the 101 to the queued verdict, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes on the wire from the 101 to the end of the first message, headers counted.
    pub wire_bytes: u32,
    /// Frames from the 101 to the end of the first message, of every kind.
    pub frames: u32,
    /// The longest token, in bytes.
    pub token_bytes: usize,
}

impl Default for AuthLimits {
    fn default() -> Self {
        Self { deadline_ms: 10_000, wire_bytes: 20 * 1024, frames: 64, token_bytes: 8 * 1024 }
    }
}

/// Limits of a session after the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// The largest message, in bytes; over it `too_big`.
    pub message_bytes: u32,
    /// The largest message that the transport takes, in bytes; over it 1009.
    pub transport_bytes: u32,
    /// The most fragments of one message; over it 1009.
    pub fragments: u32,
    /// `message`s a second.
    pub messages_per_s: u32,
    /// `message`s at once.
    pub burst: u32,
    /// `join`s a second; the burst is `rooms`.
    pub joins_per_s: u32,
    /// Everything else a second (`leave`, `ping`, control frames).
    pub others_per_s: u32,
    /// Everything else at once.
    pub others_burst: u32,
    /// `auth`s a second after the verdict: each may cost a signature check.
    pub refreshes_per_s: u32,
    /// `auth`s at once after the verdict.
    pub refreshes_burst: u32,
    /// Rooms of one connection.
    pub rooms: u32,
    /// Requests without an answer; at this many the server stops reading.
    pub in_flight: u32,
    /// Bytes queued for one connection; over it the slow-consumer rule.
    pub outbox_bytes: u32,
    /// Refusals over a rate in a row; the last one is 4429.
    pub refusals: u32,
    /// `bad_message` and `duplicate_id` within `bug_window_ms`; the last one is 4400.
    pub bugs: u32,
    /// The window of `bugs`, in milliseconds.
    pub bug_window_ms: u64,
    /// Invalid refreshes a minute; the next one is 4429.
    pub invalid_refreshes: u32,
    /// The longest that a pending refresh holds the expiry back, in milliseconds.
    pub refresh_grace_ms: u64,
    /// How long a session may last, in milliseconds, up to a tenth less so that not all end at
    /// once; 0 is for ever.
    pub session_age_ms: u64,
    /// Between two server Pings, in milliseconds (plus or minus 10 %).
    pub heartbeat_interval_ms: u64,
    /// From a Ping to the last sign of life, in milliseconds.
    pub heartbeat_timeout_ms: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            transport_bytes: 256 * 1024,
            fragments: 1_024,
            messages_per_s: 10,
            burst: 20,
            joins_per_s: 10,
            others_per_s: 50,
            others_burst: 200,
            refreshes_per_s: 1,
            refreshes_burst: 20,
            rooms: 128,
            in_flight: 64,
            outbox_bytes: 1024 * 1024,
            refusals: 20,
            bugs: 20,
            bug_window_ms: 60_000,
            invalid_refreshes: 3,
            refresh_grace_ms: 10_000,
            session_age_ms: 0,
            heartbeat_interval_ms: 25_000,
            heartbeat_timeout_ms: 10_000,
        }
    }
}

/// The deepest nesting of JSON, the outer object counted as 1.
pub const JSON_DEPTH: usize = 16;
/// The longest `id` and `idempotency_key`, in characters.
pub const ID_CHARS: usize = 64;
/// The longest `epoch`, in characters.
pub const EPOCH_CHARS: usize = 32;
/// The longest `payload` of a text `ping`, in bytes.
pub const PING_BYTES: usize = 64;
/// The messages of a `history` answer if no `limit` is given.
pub const PAGE_MESSAGES: u32 = 50;
/// The most messages of a `history` answer.
pub const PAGE_MESSAGES_MAX: u32 = 100;
/// The most bytes of a `history` answer that holds more than one message.
pub const PAGE_BYTES: usize = 256 * 1024;
/// The largest integer, 2^53 - 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// The longest reason of a Close, in bytes (RFC 6455 5.5).
pub const REASON_BYTES: usize = 123;
/// The longest `info` claim, in bytes of its text.
pub const INFO_BYTES: usize = 1_024;
