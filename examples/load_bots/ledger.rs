//! What a room said, written down once and compared by everybody who hears it.

use std::sync::atomic::{AtomicU64, Ordering};

/// One room: which message stands at each `seq`.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The room's name.
    pub(crate) room: String,
    /// Bots in it.
    pub(crate) members: u32,
    /// At `seq - 1` the mark of the message, 0 while nobody has heard it.
    marks: Box<[AtomicU64]>,
    /// The highest `seq` that was acknowledged.
    head: AtomicU64,
}

/// Whether what is heard agrees with what others heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// It does, or this is the first to hear it.
    Agrees,
    /// Another message stands at this `seq`.
    Differs,
}

impl Ledger {
    /// A room for `planned` messages of `members` bots.
    pub(crate) fn new(room: String, members: u32, planned: u64) -> Self {
        let marks = (0..planned).map(|_| AtomicU64::new(0)).collect();
        Self { room, members, marks, head: AtomicU64::new(0) }
    }

    /// The mark of the message `number` (from 0) of `bot`; never 0.
    pub(crate) const fn mark(bot: u32, number: u32) -> u64 {
        ((bot as u64 + 1) << 32) | number as u64
    }

    /// Compares the message at `seq` with what others heard there.
    pub(crate) fn hear(&self, seq: u64, mark: u64) -> Agreement {
        let place = usize::try_from(seq).ok().and_then(|seq| self.marks.get(seq.checked_sub(1)?));
        // More messages than were planned: somebody else talks in our room.
        let Some(place) = place else { return Agreement::Differs };
        match place.compare_exchange(0, mark, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Agreement::Agrees,
            Err(known) if known == mark => Agreement::Agrees,
            Err(_) => Agreement::Differs,
        }
    }

    /// Notes that the message at `seq` is acknowledged.
    pub(crate) fn acknowledge(&self, seq: u64) {
        self.head.fetch_max(seq, Ordering::Relaxed);
    }

    /// The highest `seq` that was acknowledged.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    /// Messages of one author that stand in another order than they were sent.
    pub(crate) fn author_breaks(&self) -> u64 {
        let mut latest = std::collections::HashMap::new();
        let marks = self.marks.iter().map(|mark| mark.load(Ordering::Relaxed));
        let breaks = marks.filter(|mark| *mark != 0).filter(|mark| {
            let before = latest.insert(mark >> 32, *mark);
            before.is_some_and(|before| before >= *mark)
        });
        breaks.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_hear_settles_it() {
        let ledger = Ledger::new("r".to_owned(), 2, 2);
        assert_eq!(ledger.hear(1, Ledger::mark(0, 0)), Agreement::Agrees);
        assert_eq!(ledger.hear(1, Ledger::mark(0, 0)), Agreement::Agrees);
        assert_eq!(ledger.hear(1, Ledger::mark(1, 0)), Agreement::Differs);
        for beyond in [0, 3, u64::MAX] {
            assert_eq!(ledger.hear(beyond, Ledger::mark(0, 1)), Agreement::Differs);
        }
    }

    #[test]
    fn an_author_keeps_the_order_of_sending() {
        let ledger = Ledger::new("r".to_owned(), 2, 4);
        for (seq, (bot, number)) in [(0, 0), (1, 0), (0, 2), (0, 1)].into_iter().enumerate() {
            ledger.hear(seq as u64 + 1, Ledger::mark(bot, number));
        }
        assert_eq!(ledger.author_breaks(), 1);
    }
}
