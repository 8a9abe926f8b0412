//! Mistakes in the rule of delivery that one could make: the exploration has to find each.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    /// A member goes live one message before the worker's position.
    LiveTooSoon,
    /// A member goes live while a batch is handed out.
    LiveWithinBatch,
    /// An outbox that takes a part leaves its member live.
    OverflowUnnoticed,
    /// The message that did not fit is skipped.
    OverflowOneTooFar,
    /// The last message that did fit is read again.
    OverflowOneTooNear,
    /// A join goes to the front of the queue.
    JoinOvertakes,
    /// A leave goes to the front of the queue.
    LeaveOvertakes,
    /// A message that nobody remembers goes to the front of the queue.
    EphemeralOvertakes,
    /// It is passed on although a batch was gathered.
    EphemeralWithinBatch,
    /// Members that catch up are told, too.
    ToldBehind,
    /// A look at the history goes to the front of the queue.
    LookOvertakes,
    /// A join takes effect although a batch was gathered.
    JoinWithinBatch,
    /// Only a worker without members takes its position from a join: members that are gone and
    /// not taken out yet keep an old one.
    StalePosition,
    /// Somebody who leaves and then vanishes is counted out twice.
    CountedOutTwice,
    /// History is read beyond the worker's position, and who is beyond it is live.
    ReadTooFar,
    /// A reader whose next message is forgotten goes on with the oldest one.
    GapUnnoticed,
    /// A position is covered although the message behind it is forgotten.
    CoversOneTooMany,
    /// Who gave its seat up is still served.
    ServedWhenGone,
    /// A key that is remembered counts again.
    KeyForgotten,
}

impl Flaw {
    /// All of them.
    pub(super) const ALL: [Self; 19] = [
        Self::LiveTooSoon,
        Self::LiveWithinBatch,
        Self::OverflowUnnoticed,
        Self::OverflowOneTooFar,
        Self::OverflowOneTooNear,
        Self::JoinOvertakes,
        Self::LeaveOvertakes,
        Self::EphemeralOvertakes,
        Self::EphemeralWithinBatch,
        Self::ToldBehind,
        Self::LookOvertakes,
        Self::JoinWithinBatch,
        Self::StalePosition,
        Self::CountedOutTwice,
        Self::ReadTooFar,
        Self::GapUnnoticed,
        Self::CoversOneTooMany,
        Self::ServedWhenGone,
        Self::KeyForgotten,
    ];
}
