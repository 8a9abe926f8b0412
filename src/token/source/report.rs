//! What the log says of a source: one line for each change, never a key.

use super::{SourceSettings, fault::SourceFault};
use crate::{protocol::time::Time, token::ring::Note};

/// The most keys left out that one line tells of.
const NOTES: usize = 4;

/// What a good look brought.
#[derive(Debug)]
pub(super) enum News {
    /// The same text as before.
    None,
    /// Another set.
    Set {
        /// How many keys can be used.
        keys: usize,
        /// What is left out, and why.
        notes: Vec<Note>,
    },
}

/// How the source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    /// It works, or was never asked.
    #[default]
    Good,
    /// It fails since then; the keys that it brought count.
    Failing(Time),
    /// It fails since then, and has no keys that count.
    Down(Time),
}

/// Writes a line when something changes.
#[derive(Debug, Default)]
pub(super) struct Report {
    health: Health,
}

impl Report {
    /// Whether the end of the last set would be news.
    pub(super) fn awaits_the_end(&self) -> bool {
        matches!(self.health, Health::Failing(_))
    }

    pub(super) fn good(&mut self, at: &SourceSettings, now: Time, news: &News) {
        let (issuer, source) = (&*at.issuer, &at.location);
        let failing = match std::mem::take(&mut self.health) {
            Health::Good => None,
            Health::Failing(since) | Health::Down(since) => Some(now.since(since)),
        };
        if let Some(failing_ms) = failing {
            tracing::info!(issuer, %source, failing_ms, "the source of keys answers again");
        }
        let News::Set { keys, notes } = news else { return };
        if notes.is_empty() {
            tracing::info!(issuer, %source, keys, "fetched keys");
        } else {
            let left_out = notes.len();
            let why = sentence(notes);
            tracing::info!(issuer, %source, keys, left_out, %why, "fetched keys, left some out");
        }
    }

    /// `left_ms` is how long the last set counts, if there is one.
    pub(super) fn bad(
        &mut self,
        at: &SourceSettings,
        now: Time,
        fault: &SourceFault,
        left_ms: Option<u64>,
    ) {
        let (issuer, source) = (&*at.issuer, &at.location);
        let usable_ms = left_ms.filter(|left| *left > 0);
        match (self.health, usable_ms) {
            (Health::Good, Some(usable_ms)) => {
                self.health = Health::Failing(now);
                tracing::warn!(
                    issuer, %source, why = %fault, usable_ms,
                    "no keys from the source: the last ones count meanwhile"
                );
            }
            (Health::Good, None) => {
                self.health = Health::Down(now);
                tracing::error!(
                    issuer, %source, why = %fault,
                    "no keys from the source: the issuer's tokens get 1011 until it has some"
                );
            }
            (Health::Failing(_), None) => self.over(at),
            (Health::Failing(_) | Health::Down(_), Some(_)) | (Health::Down(_), None) => {
                tracing::debug!(issuer, %source, why = %fault, "still no keys from the source");
            }
        }
    }

    /// The last set no longer counts.
    pub(super) fn over(&mut self, at: &SourceSettings) {
        let Health::Failing(since) = self.health else { return };
        self.health = Health::Down(since);
        let (issuer, source) = (&*at.issuer, &at.location);
        tracing::error!(
            issuer, %source,
            "the last keys of the source count no longer: the issuer's tokens get 1011 until it \
             answers"
        );
    }

    /// Keys are gone, and the sessions that they vouch for end.
    pub(super) fn gone(&self, at: &SourceSettings, keys: usize) {
        let (issuer, source) = (&*at.issuer, &at.location);
        tracing::warn!(issuer, %source, keys, "keys are gone for good: their sessions end");
    }
}

fn sentence(notes: &[Note]) -> String {
    let mut said: Vec<_> = notes.iter().take(NOTES).map(ToString::to_string).collect();
    if let Some(more @ 1..) = notes.len().checked_sub(NOTES) {
        said.push(format!("and {more} more"));
    }
    said.join("; ")
}
