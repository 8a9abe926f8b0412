//! Where one bot stands in one room: what it has, and whether what comes next fits behind it.

use crate::ledger::{Ledger, Said};
use serde_json::json;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};
use vestibule::client::{JoinedReceived, MessageReceived};

/// A bot in a room, over all its connections.
#[derive(Debug)]
pub(crate) struct Place {
    /// The room.
    pub(crate) ledger: Arc<Ledger>,
    /// Whether the current connection is in the room.
    pub(crate) here: bool,
    /// Epoch and `seq` of the last message, once it was in the room.
    since: Option<(String, u64)>,
    /// The `seq` up to which messages are replayed, until they are there.
    until: Option<u64>,
}

/// What `joined` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It was never here before.
    New,
    /// What was missed follows: all of it, the server says.
    Recovered,
    /// Messages were missed for good.
    Unrecovered {
        /// How many at least.
        lost: u64,
    },
    /// `joined` contradicts what was heard before.
    Wrong,
}

/// What a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next one, live.
    Live,
    /// The next one of those that were missed.
    Replayed,
    /// One that it had.
    Again,
    /// One after others that never came.
    Gap {
        /// How many.
        lost: u64,
    },
    /// Not what others heard there, nothing that bots say, or not in a room.
    Wrong,
}

impl Place {
    /// Nowhere yet.
    pub(crate) const fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, here: false, since: None, until: None }
    }

    /// The request that brings one in, from where one was.
    pub(crate) fn join(&self) -> String {
        let room = &self.ledger.room;
        match &self.since {
            None => json!({ "type": "join", "room": room }),
            Some((epoch, seq)) => {
                json!({ "type": "join", "room": room, "since": { "epoch": epoch, "seq": seq } })
            }
        }
        .to_string()
    }

    /// The connection is gone.
    pub(crate) fn leave(&mut self) {
        self.here = false;
        self.until = None;
    }

    /// The last message it has; 0 before the first.
    pub(crate) fn seq(&self) -> u64 {
        self.since.as_ref().map_or(0, |(_, seq)| *seq)
    }

    /// In the room, with everything that was missed.
    pub(crate) const fn is_caught_up(&self) -> bool {
        self.here && self.until.is_none()
    }

    /// Takes the answer to its `join`.
    pub(crate) fn joined(&mut self, joined: &JoinedReceived) -> Entry {
        let same = self.ledger.same_epoch(&joined.epoch);
        let before = self.since.take();
        let first_time = !std::mem::replace(&mut self.here, true);
        let (entry, seq) = match (&before, joined.recovered) {
            (None, None) => (Entry::New, joined.seq),
            (Some((epoch, seq)), Some(true)) if *epoch == joined.epoch && *seq <= joined.seq => {
                (Entry::Recovered, *seq)
            }
            (Some((_, seq)), Some(false)) => {
                // Of another incarnation nobody can tell: one at least.
                let lost = if same { joined.seq.saturating_sub(*seq) } else { 0 };
                (Entry::Unrecovered { lost: lost.max(1) }, joined.seq)
            }
            (None | Some(_), None | Some(_)) => (Entry::Wrong, joined.seq),
        };
        self.until = (seq < joined.seq).then_some(joined.seq);
        self.since = Some((joined.epoch.clone(), seq));
        if same && first_time { entry } else { Entry::Wrong }
    }

    /// Takes a message of the room; `user` is the bot's own name.
    pub(crate) fn hear(&mut self, message: &MessageReceived, user: &str) -> Step {
        let (Some((_, last)), Some(seq), true) = (&mut self.since, message.seq, self.here) else {
            return Step::Wrong;
        };
        if seq <= *last {
            return Step::Again;
        }
        let lost = seq - *last - 1;
        *last = seq;
        let replayed = self.until.is_some();
        if self.until.is_some_and(|until| seq >= until) {
            self.until = None;
        }
        let agrees = said(message, user).is_some_and(|said| self.ledger.hear(seq, said));
        match (agrees, lost) {
            (false, _) => Step::Wrong,
            (true, 1..) => Step::Gap { lost },
            (true, 0) if replayed => Step::Replayed,
            (true, 0) => Step::Live,
        }
    }
}

/// The key of a message: its `id` too.
pub(crate) fn key(bot: u32, number: u32) -> String {
    format!("{bot}-{number}")
}

/// What `payload` wrote; `None` if a bot did not, or if the key is shown to the wrong ones.
fn said(message: &MessageReceived, user: &str) -> Option<Said> {
    let author = &message.from.as_ref()?.user;
    let payload = message.payload.get();
    let mut words = payload.trim_matches('"').split(' ');
    let bot = words.next()?.parse().ok()?;
    let number = words.next()?.parse().ok()?;
    let own = (author == user).then(|| key(bot, number));
    if *author != crate::bot::user(bot) || message.idempotency_key != own {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    (author, message.at_ms, payload).hash(&mut hasher);
    Some(Said { mark: Ledger::mark(bot, number), hash: hasher.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::client::Received;

    fn place() -> Place {
        Place::new(Arc::new(Ledger::new("r".to_owned())))
    }

    fn joined(seq: u64, epoch: &str, recovered: &str) -> JoinedReceived {
        let text = format!(
            r#"{{"type":"joined","room":"r","epoch":"{epoch}","seq":{seq},"recovered":{recovered}}}"#
        );
        let Ok(Received::Joined(joined)) = Received::parse(&text) else { panic!("{text}") };
        joined
    }

    fn message(seq: u64, number: u32, more: &str) -> MessageReceived {
        let text = format!(
            r#"{{"type":"message","room":"r","seq":{seq},"from":{{"user":"cut-bot-1"}},"at_ms":7,
                "payload":"1 {number} x"{more}}}"#
        );
        let Ok(Received::Message(message)) = Received::parse(&text) else { panic!("{text}") };
        *message
    }

    #[test]
    fn a_bot_that_comes_back_goes_on_where_it_was() {
        let mut place = place();
        assert!(!place.join().contains("since"));
        assert_eq!(place.joined(&joined(0, "e", "null")), Entry::New);
        assert_eq!(place.hear(&message(1, 1, ""), "other"), Step::Live);
        place.leave();
        assert_eq!(place.hear(&message(2, 2, ""), "other"), Step::Wrong, "nobody is here");
        assert!(place.join().contains(r#""since":{"epoch":"e","seq":1}"#), "{}", place.join());
        assert_eq!(place.joined(&joined(3, "e", "true")), Entry::Recovered);
        assert_eq!(place.hear(&message(2, 2, ""), "other"), Step::Replayed);
        assert!(!place.is_caught_up());
        assert_eq!(place.hear(&message(3, 3, ""), "other"), Step::Replayed);
        assert!(place.is_caught_up());
        assert_eq!(place.hear(&message(4, 4, ""), "other"), Step::Live);
        assert_eq!(place.seq(), 4);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut place = place();
        assert_eq!(place.joined(&joined(0, "e", "null")), Entry::New);
        assert_eq!(place.hear(&message(3, 3, ""), "other"), Step::Gap { lost: 2 });
        assert_eq!(place.hear(&message(3, 3, ""), "other"), Step::Again);
        let own = r#","idempotency_key":"1-4""#;
        assert_eq!(place.hear(&message(4, 4, own), "cut-bot-1"), Step::Live);
        assert_eq!(place.hear(&message(5, 5, own), "cut-bot-1"), Step::Wrong, "another key");
        assert_eq!(place.hear(&message(6, 6, own), "other"), Step::Wrong, "a key of others");
        assert_eq!(place.joined(&joined(6, "e", "true")), Entry::Wrong, "it is here");
        place.leave();
        assert_eq!(place.joined(&joined(5, "e", "true")), Entry::Wrong, "less than it has");
        place.leave();
        assert_eq!(place.joined(&joined(9, "e", "false")), Entry::Unrecovered { lost: 4 });
        place.leave();
        assert_eq!(place.joined(&joined(9, "f", "false")), Entry::Wrong, "a history that is lost");
    }
}
