//! How often a source is asked, and how long its answers count.

/// How often a source of keys is asked, and how long what it said counts. All times are in
/// milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For one fetch as a whole.
    pub fetch_ms: u64,
    /// A set is fresh at least this long, whatever the source says.
    pub least_fresh_ms: u64,
    /// A set is fresh at most this long, whatever the source says.
    pub most_fresh_ms: u64,
    /// How long a set is fresh where the source says nothing.
    pub silent_fresh_ms: u64,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause_ms: u64,
    /// The longest pause after a failure.
    pub longest_pause_ms: u64,
    /// How long beyond its freshness a set counts while the source does not answer.
    pub stale_ms: u64,
    /// The least time between two fetches that unknown `kid`s ask for.
    pub cool_down_ms: u64,
    /// How long the answer that there is no such `kid` is remembered.
    pub unknown_ms: u64,
    /// The least time between the two looks that find a key gone.
    pub absence_ms: u64,
}

/// The most unknown `kid`s of one source that are remembered.
pub const UNKNOWN_KEY_IDS: usize = 1_024;
/// The most tokens that wait for one source at a time.
pub const ASKERS: usize = 4_096;

impl Bounds {
    /// For a file: a look every 2 s, and the last good set counts until there is a better one.
    pub const FILE: Self = Self {
        fetch_ms: 5_000,
        least_fresh_ms: 2_000,
        most_fresh_ms: 2_000,
        silent_fresh_ms: 2_000,
        first_pause_ms: 2_000,
        longest_pause_ms: 2_000,
        stale_ms: u64::MAX,
        cool_down_ms: 1_000,
        unknown_ms: 2_000,
        absence_ms: 600_000,
    };
    /// For an address.
    pub const REMOTE: Self = Self {
        fetch_ms: 5_000,
        least_fresh_ms: 60_000,
        most_fresh_ms: 86_400_000,
        silent_fresh_ms: 600_000,
        first_pause_ms: 1_000,
        longest_pause_ms: 60_000,
        stale_ms: 3_600_000,
        cool_down_ms: 10_000,
        unknown_ms: 30_000,
        absence_ms: 600_000,
    };
}
