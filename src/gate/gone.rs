//! Keys that are gone, for logins that were judged with one and belong to no worker yet.

use crate::protocol::identity::Signer;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Keys that are remembered; whoever was judged before the oldest of them counts as judged with one.
const RECENT: usize = 256;

/// The keys that went last. Workers look through their own sessions when a key goes: what is
/// still on its way to one would be missed.
#[derive(Debug, Default)]
pub(crate) struct GoneKeys(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// How many went in all.
    count: u64,
    /// The last of them, the newest at the end.
    last: VecDeque<Signer>,
}

/// A moment in the life of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyMoment(u64);

impl GoneKeys {
    /// This key is gone. To be said before any worker hears of it.
    pub(crate) fn note(&self, signer: Signer) {
        let mut ring = self.0.lock();
        ring.count += 1;
        if ring.last.len() == RECENT {
            ring.last.pop_front();
        }
        ring.last.push_back(signer);
    }

    /// Now; to be taken before a verifier is asked.
    pub(crate) fn moment(&self) -> KeyMoment {
        KeyMoment(self.0.lock().count)
    }

    /// Whether this key went since `then`, as far as anybody remembers.
    pub(crate) fn went(&self, signer: Signer, then: KeyMoment) -> bool {
        let ring = self.0.lock();
        let since = usize::try_from(ring.count - then.0).unwrap_or(usize::MAX);
        since > ring.last.len() || ring.last.iter().rev().take(since).any(|gone| *gone == signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_went_if_it_went_since() {
        let keys = GoneKeys::default();
        let [one, two] = [1, 2].map(Signer::from_number);
        let before = keys.moment();
        assert!(!keys.went(one, before));
        keys.note(one);
        let behind = keys.moment();
        assert!(keys.went(one, before) && !keys.went(two, before) && !keys.went(one, behind));
        for _ in 0..RECENT - 1 {
            keys.note(two);
        }
        assert!(keys.went(one, before) && !keys.went(one, behind));
        assert!(!keys.went(Signer::from_number(3), before));
        keys.note(two);
        assert!(keys.went(Signer::from_number(3), before), "nobody remembers that far back");
        assert_eq!(keys.0.lock().last.len(), RECENT);
    }
}
