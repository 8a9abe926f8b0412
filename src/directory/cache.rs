//! What a directory said of late: bounded, and each answer only for a moment.

use super::Standing;
use crate::protocol::identity::Principal;
use std::{collections::HashMap, mem, time::Duration};
use tokio::time::Instant;

/// The answers of a moment. Two generations: when the younger one is full, it becomes the older
/// one, and what was older is forgotten.
#[derive(Debug)]
pub(super) struct Cache {
    /// Of one generation.
    capacity: usize,
    young: HashMap<Principal, Known>,
    old: HashMap<Principal, Known>,
}

/// An answer, and until when it counts.
#[derive(Clone, Debug)]
struct Known {
    standing: Standing,
    until: Instant,
}

impl Cache {
    /// Room for `users`.
    pub(super) fn new(users: usize) -> Self {
        Self { capacity: users.div_ceil(2), young: HashMap::new(), old: HashMap::new() }
    }

    /// What counts now.
    pub(super) fn get(&self, user: &Principal, now: Instant) -> Option<Standing> {
        let known = self.young.get(user).or_else(|| self.old.get(user))?;
        (now < known.until).then(|| known.standing.clone())
    }

    /// Keeps an answer for `life` from `asked` on.
    pub(super) fn put(
        &mut self,
        user: Principal,
        standing: Standing,
        asked: Instant,
        life: Duration,
    ) {
        // What was said before counts no longer, however long it would have.
        self.old.remove(&user);
        self.young.remove(&user);
        if self.capacity == 0 || life.is_zero() {
            return;
        }
        if self.young.len() >= self.capacity {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(user, Known { standing, until: asked + life });
    }

    /// How many are kept, those included whose time is over.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::tests;
    use proptest::prelude::*;

    fn user(n: u16) -> Principal {
        tests::user(&n.to_string())
    }

    #[test]
    fn an_answer_counts_from_the_question_on_and_the_newest_alone() {
        let now = Instant::now();
        let mut cache = Cache::new(10);
        cache.put(user(1), Standing::Disabled, now, Duration::from_secs(5));
        let at = |cache: &Cache, s| cache.get(&user(1), now + Duration::from_secs(s));
        assert_eq!(at(&cache, 4), Some(Standing::Disabled));
        assert_eq!(at(&cache, 5), None);
        cache.put(user(1), Standing::Unknown, now, Duration::from_secs(1));
        assert_eq!((at(&cache, 0), at(&cache, 1)), (Some(Standing::Unknown), None));
        cache.put(user(1), Standing::Unknown, now, Duration::ZERO);
        assert_eq!((at(&cache, 0), cache.len()), (None, 0));
    }

    proptest! {
        #[test]
        fn it_never_grows_over_its_bound_and_never_says_what_was_not_said_last(
            users in 0_usize..9, puts in prop::collection::vec((0..20_u16, any::<bool>()), 0..100),
        ) {
            let now = Instant::now();
            let mut cache = Cache::new(users);
            let mut last = HashMap::new();
            for (n, disabled) in puts {
                let standing = if disabled { Standing::Disabled } else { Standing::Unknown };
                cache.put(user(n), standing.clone(), now, Duration::from_secs(1));
                last.insert(n, standing);
                prop_assert!(cache.len() <= users.next_multiple_of(2));
                for (n, standing) in &last {
                    let known = cache.get(&user(*n), now);
                    prop_assert!(known.is_none_or(|known| known == *standing));
                }
                let newest = cache.get(&user(n), now);
                prop_assert_eq!(newest.is_some(), users > 0);
            }
        }
    }
}
