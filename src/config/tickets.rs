//! `[tickets]`: whether tickets are given out, and how long they live.

use super::check::Check;

/// How tickets are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketPolicy {
    /// How long one lives, in milliseconds; never longer than its token.
    pub life_ms: u64,
    /// How many there are at a time; over it none is given out.
    pub held: usize,
}

impl Default for TicketPolicy {
    fn default() -> Self {
        Self { life_ms: 60_000, held: 65_536 }
    }
}

impl Check {
    /// `None` is off.
    pub(super) fn tickets(&mut self) -> Option<TicketPolicy> {
        let enabled = self.truth("tickets.enabled");
        let policy = TicketPolicy {
            life_ms: self.integer("tickets.life_ms"),
            held: self.small("tickets.held") as usize,
        };
        enabled.then_some(policy)
    }
}
