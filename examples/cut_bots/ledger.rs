//! What a room said and what it acknowledged, written down once and compared by everybody.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The longest history written down, in messages.
const MESSAGES: u64 = 10_000_000;

/// One room.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The room's name.
    pub(crate) room: String,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// The incarnation that the first bot to join was told.
    epoch: Option<String>,
    /// At `seq - 1` the message, once somebody has heard it.
    said: Vec<Option<Said>>,
    /// The `seq` of what was acknowledged, by mark.
    acknowledged: HashMap<u64, u64>,
    /// Acknowledgements of one message that name different places.
    disagreements: u64,
}

/// A message as it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which message of which bot.
    pub(crate) mark: u64,
    /// Of its author, time and payload.
    pub(crate) hash: u64,
}

/// What is wrong in a room, and how much it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Messages that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Of these, not at the place that the `ack` named, or nowhere.
    pub(crate) misplaced: u64,
    /// Messages that stand at two places.
    pub(crate) twice: u64,
    /// Places up to the head that nobody heard anything at.
    pub(crate) unheard: u64,
    /// Messages that were never acknowledged to their author.
    pub(crate) unacknowledged: u64,
    /// Acknowledgements that contradict each other.
    pub(crate) disagreements: u64,
}

impl Ledger {
    /// A room in which nothing was said.
    pub(crate) fn new(room: String) -> Self {
        Self { room, book: Mutex::default() }
    }

    /// The mark of the message `number` of `bot`, both from 0.
    pub(crate) const fn mark(bot: u32, number: u32) -> u64 {
        ((bot as u64) << 32) | number as u64
    }

    /// Whether this is the one incarnation that everybody sees.
    pub(crate) fn same_epoch(&self, epoch: &str) -> bool {
        self.book().epoch.get_or_insert_with(|| epoch.to_owned()) == epoch
    }

    /// Notes what was heard at `seq`; false if others heard something else there.
    pub(crate) fn hear(&self, seq: u64, said: Said) -> bool {
        let place = match seq {
            1..=MESSAGES => (seq - 1) as usize,
            _ => return false,
        };
        let mut book = self.book();
        if book.said.len() <= place {
            book.said.resize(place + 1, None);
        }
        let known = book.said.get_mut(place).map(|known| *known.get_or_insert(said));
        known == Some(said)
    }

    /// Notes that a message is acknowledged at `seq`.
    pub(crate) fn acknowledge(&self, mark: u64, seq: u64) {
        let mut book = self.book();
        match book.acknowledged.entry(mark) {
            Entry::Vacant(vacant) => {
                vacant.insert(seq);
            }
            Entry::Occupied(known) if *known.get() == seq => {}
            Entry::Occupied(_) => book.disagreements += 1,
        }
    }

    /// The highest `seq` that anybody knows of.
    pub(crate) fn head(&self) -> u64 {
        self.book().head()
    }

    /// Compares what was heard with what was acknowledged.
    pub(crate) fn audit(&self) -> Audit {
        let book = self.book();
        let mut places: HashMap<u64, u64> = HashMap::new();
        let mut twice = 0;
        for (seq, said) in (1..).zip(&book.said) {
            if let Some(said) = said {
                twice += u64::from(places.insert(said.mark, seq).is_some());
            }
        }
        let acknowledged = &book.acknowledged;
        let misplaced = acknowledged.iter().filter(|(mark, seq)| places.get(mark) != Some(seq));
        let unacknowledged = places.keys().filter(|mark| !acknowledged.contains_key(mark));
        let heard = book.said.iter().flatten().count() as u64;
        Audit {
            acknowledged: acknowledged.len() as u64,
            misplaced: misplaced.count() as u64,
            twice,
            unheard: book.head() - heard,
            unacknowledged: unacknowledged.count() as u64,
            disagreements: book.disagreements,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn head(&self) -> u64 {
        let acknowledged = self.acknowledged.values().copied().max().unwrap_or_default();
        acknowledged.max(self.said.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u32) -> Said {
        Said { mark: Ledger::mark(1, number), hash: u64::from(number) }
    }

    #[test]
    fn a_room_in_which_all_is_well_has_no_faults() {
        let ledger = Ledger::new("r".to_owned());
        for seq in 1..=3 {
            assert!(ledger.hear(seq, said(seq as u32)));
            assert!(ledger.hear(seq, said(seq as u32)), "a second member");
            ledger.acknowledge(said(seq as u32).mark, seq);
        }
        assert_eq!(ledger.head(), 3);
        assert_eq!(ledger.audit(), Audit { acknowledged: 3, ..Audit::default() });
    }

    #[test]
    fn every_fault_is_found() {
        let ledger = Ledger::new("r".to_owned());
        assert!(ledger.same_epoch("a") && ledger.same_epoch("a") && !ledger.same_epoch("b"));
        assert!(ledger.hear(1, said(1)));
        assert!(!ledger.hear(1, Said { hash: 9, ..said(1) }), "another text");
        assert!(!ledger.hear(0, said(1)) && !ledger.hear(u64::MAX, said(1)), "no such place");
        assert!(ledger.hear(2, said(1)), "the same again, found by the audit");
        assert!(ledger.hear(4, said(4)), "and nobody heard 3");
        ledger.acknowledge(said(1).mark, 1);
        ledger.acknowledge(said(1).mark, 2);
        ledger.acknowledge(said(5).mark, 5);
        let audit = ledger.audit();
        assert_eq!(ledger.head(), 5);
        let expected = Audit {
            acknowledged: 2,
            misplaced: 2,
            twice: 1,
            unheard: 2,
            unacknowledged: 1,
            disagreements: 1,
        };
        assert_eq!(audit, expected);
    }
}
