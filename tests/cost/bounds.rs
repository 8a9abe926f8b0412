//! What the server may cost, counted and never timed: one table for the tests that hold it and for
//! `docs/performance.md`.

/// The most that something may cost.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    /// What is counted.
    pub(crate) what: &'static str,
    /// In what.
    pub(crate) unit: &'static str,
    /// What it was when the bound was set.
    pub(crate) counted: f64,
    /// More than this fails.
    pub(crate) most: f64,
}

impl Bound {
    const fn new(what: &'static str, unit: &'static str, counted: f64, most: f64) -> Self {
        assert!(counted <= most, "what is counted keeps its bound");
        Self { what, unit, counted, most }
    }

    /// Prints what is counted now, and fails if it is too much.
    pub(crate) fn hold(&self, now: f64) {
        let Self { what, unit, counted, most } = self;
        println!("{what}: {now} {unit}, at most {most}; {counted} when that was set");
        assert!(now <= *most, "{what}: {now} {unit}, at most {most}");
    }
}

const CALLS: &str = "system calls a delivery";
const ALLOCATIONS: &str = "allocations a message";
const BYTES: &str = "bytes";
const INSTRUCTIONS: &str = "instructions";

/// The compiler that instructions are counted with: another one makes others. So does a change
/// elsewhere, by up to a fifth for a small step, because it moves what is compiled together: their
/// bounds leave room for that.
pub(crate) const COMPILER: &str = "1.95.0";

pub(crate) const SINGLE_CALLS: Bound =
    Bound::new("1,000 members, one message after the other", CALLS, 1.003, 1.02);
pub(crate) const GATHERED_CALLS: Bound =
    Bound::new("1,000 members, sixteen messages at once", CALLS, 0.063, 0.065);
pub(crate) const SMALL_ROOM_CALLS: Bound =
    Bound::new("10 members, one message after the other", CALLS, 1.3, 1.4);

pub(crate) const SINGLE_ALLOCATIONS: Bound =
    Bound::new("one to 1,000 members", ALLOCATIONS, 4.0, 6.0);
pub(crate) const GATHERED_ALLOCATIONS: Bound =
    Bound::new("one of sixteen at once to 1,000 members", ALLOCATIONS, 4.1, 6.0);
pub(crate) const EPHEMERAL_ALLOCATIONS: Bound =
    Bound::new("an ephemeral one to 1,000 members", ALLOCATIONS, 4.0, 6.0);

pub(crate) const SILENT: Bound = Bound::new("a silent socket", BYTES, 1_323.0, 1_400.0);
pub(crate) const HALF_SENT: Bound =
    Bound::new("one with half of its first message", BYTES, 2_619.0, 2_800.0);
pub(crate) const SIGNED_IN: Bound = Bound::new("one that is signed in", BYTES, 1_635.0, 1_850.0);
pub(crate) const MEMBER: Bound =
    Bound::new("a member of a room of a hundred", BYTES, 1_774.0, 2_048.0);
/// Its room has grown a little.
pub(crate) const BEHIND_LARGE: Bound =
    Bound::new("what stays of each that sent and got 60,000 bytes", BYTES, 119.0, 256.0);

/// With 20 of a user, and a grant of two rooms.
pub(crate) const TICKET: Bound = Bound::new("a ticket that waits to be used", BYTES, 640.0, 800.0);

pub(crate) const DECODE: Bound =
    Bound::new("a publish of 128 bytes is decoded", INSTRUCTIONS, 5_320.0, 6_000.0);
pub(crate) const VERIFY: Bound =
    Bound::new("a token signed with HS256 is judged", INSTRUCTIONS, 31_670.0, 36_000.0);
pub(crate) const STEP: Bound =
    Bound::new("a session takes a publish and its outcome", INSTRUCTIONS, 7_000.0, 8_200.0);
pub(crate) const SINGLE_INSTRUCTIONS: Bound = Bound::new(
    "the server passes a message on to 1,000 members",
    INSTRUCTIONS,
    548_500.0,
    690_000.0,
);
pub(crate) const GATHERED_INSTRUCTIONS: Bound =
    Bound::new("the same, for one of sixteen at once", INSTRUCTIONS, 47_290.0, 60_000.0);

/// Every bound, in the order of the document.
pub(crate) const BOUNDS: &[Bound] = &[
    SINGLE_CALLS,
    GATHERED_CALLS,
    SMALL_ROOM_CALLS,
    SINGLE_ALLOCATIONS,
    GATHERED_ALLOCATIONS,
    EPHEMERAL_ALLOCATIONS,
    SILENT,
    HALF_SENT,
    SIGNED_IN,
    MEMBER,
    BEHIND_LARGE,
    TICKET,
    DECODE,
    VERIFY,
    STEP,
    SINGLE_INSTRUCTIONS,
    GATHERED_INSTRUCTIONS,
];
