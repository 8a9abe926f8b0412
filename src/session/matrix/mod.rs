//! The state table: every event in every state, found by running the machine.
//!
//! `protocol.md` prints [`markdown`], and a test compares the two, so that the specification
//! cannot say what the code does not do.

mod bench;
mod cell;
mod rows;

use super::Phase;
use std::fmt::Write as _;

/// The columns, in order.
const PHASES: [Phase; 6] = [
    Phase::AwaitingAuth,
    Phase::Verifying,
    Phase::Ready,
    Phase::Refreshing,
    Phase::Closing,
    Phase::Closed,
];

/// The table in Markdown: a row for each event, a column for each state.
///
/// A cell names what the server does, in order. `close N` stands for the `error` (where the code
/// has one), the Close with its code, and the way to Closing; `→` names another next state;
/// `waits` means that the server looks at nothing that arrives in this state; `-` means nothing.
pub fn markdown() -> String {
    let mut table = String::from("| event |");
    for phase in PHASES {
        let _ = write!(table, " {phase} |");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(PHASES.len()));
    table.push('\n');
    for row in rows::ROWS {
        let _ = write!(table, "| {} |", row.name);
        for phase in PHASES {
            let _ = write!(table, " {} |", cell::render(row, phase));
        }
        table.push('\n');
    }
    table
}
