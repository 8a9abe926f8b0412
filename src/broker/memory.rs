//! The broker that lives in the process: a bounded ring per room, gone with it.

use super::{
    AuthorCopy, Broker, Delivery, Draft, Epoch, Epochs, Gap, HistoryBounds, KEY_WINDOW_MS, Log,
    Memory, Publishing, ReadBudget, Receipt, ledger::Ledger, ring::Ring,
};
use crate::protocol::{room_name::RoomName, time::Wall};
use std::{fmt, hash::RandomState, sync::Arc};

/// Remembers in memory.
pub struct MemoryBroker {
    bounds: Box<dyn Fn(&RoomName) -> HistoryBounds + Send + Sync>,
    epochs: Epochs,
    hasher: RandomState,
    ledger: Arc<Ledger>,
}

impl MemoryBroker {
    /// What all rooms may remember together unless it is said otherwise, in bytes.
    pub const CAP_BYTES: usize = 256 * 1024 * 1024;

    /// A broker with the same bounds for every room.
    pub fn new(history: HistoryBounds, epochs: Epochs) -> Self {
        Self::with_bounds(move |_| history, epochs)
    }

    /// A broker that asks `bounds` when it opens a room.
    pub fn with_bounds(
        bounds: impl Fn(&RoomName) -> HistoryBounds + Send + Sync + 'static,
        epochs: Epochs,
    ) -> Self {
        let ledger = Ledger::new(Self::CAP_BYTES);
        Self { bounds: Box::new(bounds), epochs, hasher: RandomState::new(), ledger }
    }

    /// The same broker, before it opens a room, with `cap` bytes for all of them together.
    #[must_use]
    pub fn capped(self, cap: usize) -> Self {
        Self { ledger: Ledger::new(cap), ..self }
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").field("epochs", &self.epochs).finish_non_exhaustive()
    }
}

impl Broker for MemoryBroker {
    type Log = MemoryLog;

    fn open(&self, room: &RoomName) -> MemoryLog {
        let bounds = (self.bounds)(room);
        MemoryLog {
            epoch: self.epochs.draw(),
            head: 0,
            newest: Wall::default(),
            window_ms: window_ms(bounds),
            ring: Ring::new(bounds, self.hasher.clone(), Arc::clone(&self.ledger)),
        }
    }

    fn memory(&self) -> Memory {
        self.ledger.memory()
    }
}

/// The history of one room in memory.
#[derive(Debug)]
pub struct MemoryLog {
    epoch: Epoch,
    head: u64,
    /// When something last happened: `at_ms` never decreases.
    newest: Wall,
    /// How long a key counts.
    window_ms: u64,
    ring: Ring,
}

impl Log for MemoryLog {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    fn head(&self) -> u64 {
        self.head
    }

    fn publish(&mut self, draft: &Draft<'_>, now: Wall) -> Publishing {
        let at = now.max(self.newest);
        self.ring.expire(at);
        let known = draft.idempotency_key.and_then(|key| self.ring.find(draft.user, key, at));
        if let Some(receipt) = known {
            return Publishing::Duplicate(receipt);
        }
        self.head += 1;
        self.newest = at;
        let receipt = Receipt { seq: self.head, at_ms: at.as_ms() };
        let delivery = encode(draft, receipt);
        self.ring.push(at, delivery.clone(), draft.user, draft.idempotency_key);
        Publishing::Committed { receipt, delivery }
    }

    fn covers(&self, epoch: &str, seq: u64) -> bool {
        let reaches = || self.ring.oldest().is_some_and(|oldest| oldest - 1 <= seq);
        epoch == self.epoch.as_str() && (seq == self.head || seq < self.head && reaches())
    }

    fn after(
        &self,
        seq: u64,
        until: u64,
        budget: ReadBudget,
        out: &mut Vec<Delivery>,
    ) -> Result<(), Gap> {
        let until = until.min(self.head);
        if seq >= until {
            return Ok(());
        }
        if self.ring.oldest().is_none_or(|oldest| oldest - 1 > seq) {
            return Err(Gap);
        }
        let mut bytes = 0_usize;
        let wanted = self.ring.from(seq + 1).take_while(|record| record.delivery.seq <= until);
        for (count, record) in wanted.enumerate() {
            bytes = bytes.saturating_add(record.delivery.max_frame_bytes());
            if count > 0 && (count >= budget.frames || bytes > budget.bytes) {
                break;
            }
            out.push(record.delivery.clone());
        }
        Ok(())
    }

    fn before(&self, before: Option<u64>, budget: ReadBudget, out: &mut Vec<Delivery>) -> bool {
        let first = out.len();
        let mut bytes = 0_usize;
        let mut wanted = self.ring.below(before.unwrap_or(u64::MAX));
        let mut more = false;
        for (count, record) in wanted.by_ref().enumerate() {
            bytes = bytes.saturating_add(record.delivery.max_frame_bytes());
            more = count > 0 && (count >= budget.frames || bytes > budget.bytes);
            if more {
                break;
            }
            out.push(record.delivery.clone());
        }
        if let Some(page) = out.get_mut(first..) {
            page.reverse();
        }
        more
    }

    fn date(&mut self, now: Wall) -> Wall {
        self.newest = now.max(self.newest);
        self.newest
    }

    fn expire(&mut self, now: Wall) {
        self.ring.expire(now);
    }

    fn forgets_at(&self) -> Option<Wall> {
        self.ring.forgets_at()
    }

    fn held(&self) -> usize {
        self.ring.held()
    }

    fn claim(&self) -> usize {
        self.ring.claim()
    }

    fn shed(&mut self, bytes: usize) -> usize {
        self.ring.shed(bytes)
    }

    fn rebound(&mut self, bounds: HistoryBounds) {
        self.window_ms = window_ms(bounds);
        self.ring.rebound(bounds);
    }

    fn remembers(&self, now: Wall) -> Option<Wall> {
        let until = self.ring.last()?.at + self.window_ms;
        (now < until).then_some(until)
    }
}

/// How long a key counts where a room remembers so much.
fn window_ms(bounds: HistoryBounds) -> u64 {
    bounds.age_ms.min(KEY_WINDOW_MS)
}

/// The frames of a message that got its number.
fn encode(draft: &Draft<'_>, Receipt { seq, at_ms }: Receipt) -> Delivery {
    let author =
        draft.author_frame(seq, at_ms).map(|frame| AuthorCopy { user: draft.user.clone(), frame });
    Delivery { seq, frame: draft.frame(Some(seq), at_ms), author }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::broker::contract::broker_contract!(|history| MemoryBroker::new(
        history,
        Epochs::seeded(1)
    ));

    #[test]
    fn rooms_may_have_bounds_of_their_own() {
        let none = HistoryBounds { count: 0, ..HistoryBounds::default() };
        let broker = MemoryBroker::with_bounds(
            move |room| if room.as_str() == "brief" { none } else { HistoryBounds::default() },
            Epochs::seeded(1),
        );
        let user = "ada".into();
        for (name, remembers) in [("brief", false), ("long", true)] {
            let room = RoomName::parse(name).unwrap();
            let mut log = broker.open(&room);
            let draft = Draft {
                room: room.borrowed(),
                user: &user,
                info: None,
                payload: "1",
                idempotency_key: None,
            };
            log.publish(&draft, Wall::from_ms(1));
            assert_eq!(log.remembers(Wall::from_ms(1)).is_some(), remembers, "{name}");
        }
    }

    fn publish(log: &mut MemoryLog, at: u64, key: Option<&str>) -> Publishing {
        let room = RoomName::parse("lobby").unwrap();
        let draft = Draft {
            room: room.borrowed(),
            user: &"ada".into(),
            info: None,
            payload: "1",
            idempotency_key: key,
        };
        log.publish(&draft, Wall::from_ms(at))
    }

    #[test]
    fn other_bounds_count_from_now_on_and_for_what_is_remembered() {
        let room = RoomName::parse("lobby").unwrap();
        let all = HistoryBounds { count: 10, age_ms: 10_000, bytes: 1 << 20 };
        let mut log = MemoryBroker::new(all, Epochs::seeded(1)).open(&room);
        (1..=9).for_each(|at| {
            publish(&mut log, at * 1_000, None);
        });
        let epoch = log.epoch().clone();
        let covers = |log: &MemoryLog, seq| log.covers(epoch.as_str(), seq);
        log.rebound(HistoryBounds { count: 3, ..all });
        assert!(covers(&log, 6) && !covers(&log, 5) && log.head() == 9);
        log.rebound(all);
        assert!(!covers(&log, 5), "what was forgotten stays so");
        publish(&mut log, 9_500, None);
        assert!(covers(&log, 6), "there is room for more again");
        log.rebound(HistoryBounds { age_ms: 1_000, ..all });
        log.expire(Wall::from_ms(10_000));
        assert!(covers(&log, 9) && !covers(&log, 8));
        let until = Wall::from_ms(10_500);
        assert_eq!(log.remembers(Wall::from_ms(10_000)), Some(until), "keys count as long");
        let frame = log.ring.last().unwrap().delivery.frame.len();
        log.rebound(HistoryBounds { bytes: frame - 1, ..all });
        assert!(covers(&log, 10) && !covers(&log, 9), "too large for what is left");
        for none in [HistoryBounds { count: 0, ..all }, HistoryBounds { age_ms: 0, ..all }] {
            log.rebound(all);
            publish(&mut log, 10_001, None);
            log.rebound(none);
            assert_eq!((log.ring.oldest(), log.remembers(Wall::from_ms(10_001))), (None, None));
            let head = log.head();
            publish(&mut log, 10_002, None);
            assert_eq!((log.head(), log.ring.oldest()), (head + 1, None), "numbers go on");
        }
    }

    #[test]
    fn a_key_is_forgotten_with_the_message_that_other_bounds_take() {
        let room = RoomName::parse("lobby").unwrap();
        let all = HistoryBounds::default();
        let mut log = MemoryBroker::new(all, Epochs::seeded(1)).open(&room);
        publish(&mut log, 1, Some("k"));
        publish(&mut log, 2, Some("l"));
        log.rebound(HistoryBounds { count: 1, ..all });
        assert!(matches!(publish(&mut log, 3, Some("l")), Publishing::Duplicate(_)));
        assert!(matches!(publish(&mut log, 3, Some("k")), Publishing::Committed { .. }));
    }

    #[test]
    fn debug_shows_no_message() {
        let room = RoomName::parse("lobby").unwrap();
        let mut log = MemoryBroker::new(HistoryBounds::default(), Epochs::seeded(1)).open(&room);
        let user = "ada".into();
        let draft = Draft {
            room: room.borrowed(),
            user: &user,
            info: None,
            payload: r#""private""#,
            idempotency_key: None,
        };
        log.publish(&draft, Wall::from_ms(1));
        assert!(!format!("{log:?}").contains("private"));
    }
}
