//! The table of users: how many connections each one holds, over all workers.

use crate::{
    config::OnUserLimit,
    protocol::identity::{Identity, Principal},
};
use dashmap::{DashMap, Entry};
use std::{collections::VecDeque, sync::Arc};

/// Where a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The number of its worker.
    pub(crate) worker: u16,
    /// Its number there, never used again for another connection.
    pub(crate) connection: u64,
}

/// How many connections a user may hold, and what happens above that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserCap {
    /// So many.
    pub(crate) connections: u32,
    /// What becomes of one more.
    pub(crate) on_limit: OnUserLimit,
}

/// What [`Users::admit`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Come in.
    Admitted,
    /// The user holds as many connections as allowed (4430).
    Refused,
    /// Come in; the oldest connection of the user has lost its seat and must go (4423).
    Replacing(Place),
}

/// The seats of all users. It holds one entry for each connection that is signed in, so that the
/// cap on connections bounds it, and none for a user without one.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// The oldest seat first. Guards stay inside this file's functions, one at a time.
    seats: DashMap<Principal, VecDeque<Place>>,
}

impl Users {
    /// Asks for a seat. The cap may differ from token to token, and from rules to rules: a seat
    /// that is held stays held when a later cap is lower.
    pub(crate) fn admit(&self, identity: &Arc<Identity>, place: Place, cap: UserCap) -> Admission {
        let UserCap { connections, on_limit } = cap;
        let seats = self.seats.entry(Principal(Arc::clone(identity)));
        // Most users have one connection.
        let mut seats = seats.or_insert_with(|| VecDeque::with_capacity(1));
        if seats.contains(&place) {
            return Admission::Admitted;
        }
        // A cap of 0 would leave an entry without seats behind: the least is 1, as for quotas.
        if seats.len() < connections.max(1) as usize {
            seats.push_back(place);
            return Admission::Admitted;
        }
        match on_limit {
            OnUserLimit::Refuse => Admission::Refused,
            OnUserLimit::ReplaceOldest => {
                let oldest = seats.pop_front();
                seats.push_back(place);
                oldest.map_or(Admission::Admitted, Admission::Replacing)
            }
        }
    }

    /// Users that hold a seat.
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Those whom `wanted` picks. Looks at every user, a part of the table at a time.
    pub(crate) fn pick(&self, wanted: &dyn Fn(&Principal) -> bool) -> Vec<Principal> {
        let seats = self.seats.iter();
        seats.filter(|seats| wanted(seats.key())).map(|seats| seats.key().clone()).collect()
    }

    /// Whether a user holds a seat.
    pub(crate) fn has(&self, user: &Principal) -> bool {
        self.seats.contains_key(user)
    }

    /// Where the connections of a user live; nowhere if it holds no seat.
    pub(crate) fn places(&self, user: &Principal) -> Vec<Place> {
        self.seats.get(user).map(|seats| seats.iter().copied().collect()).unwrap_or_default()
    }

    /// Gives a seat back; one that was lost or never held changes nothing.
    pub(crate) fn leave(&self, identity: &Arc<Identity>, place: Place) {
        let Entry::Occupied(mut seats) = self.seats.entry(Principal(Arc::clone(identity))) else {
            return;
        };
        seats.get_mut().retain(|held| *held != place);
        if seats.get().is_empty() {
            seats.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::HashMap, thread};

    fn identity(issuer: Option<&str>, subject: &str) -> Arc<Identity> {
        Arc::new(Identity {
            issuer: issuer.map(Into::into),
            subject: subject.into(),
            user: subject.into(),
        })
    }

    /// A table where the same happens above every cap.
    struct Table(Users, OnUserLimit);

    impl Table {
        fn admit(&self, who: &Arc<Identity>, place: Place, connections: u32) -> Admission {
            self.0.admit(who, place, UserCap { connections, on_limit: self.1 })
        }

        fn leave(&self, who: &Arc<Identity>, place: Place) {
            self.0.leave(who, place);
        }
    }

    fn place(connection: u64) -> Place {
        Place { worker: (connection % 3) as u16, connection }
    }

    #[test]
    fn the_cap_refuses_or_replaces_the_oldest() {
        let alice = identity(None, "alice");
        for (on_limit, third) in [
            (OnUserLimit::Refuse, Admission::Refused),
            (OnUserLimit::ReplaceOldest, Admission::Replacing(place(1))),
        ] {
            let users = Table(Users::default(), on_limit);
            assert_eq!(users.admit(&alice, place(1), 2), Admission::Admitted);
            assert_eq!(users.admit(&alice, place(2), 2), Admission::Admitted);
            assert_eq!(users.admit(&alice, place(3), 2), third);
            users.leave(&alice, place(2));
            assert_eq!(users.admit(&alice, place(4), 2), Admission::Admitted);
        }
    }

    #[test]
    fn a_principal_is_issuer_and_subject() {
        let users = Table(Users::default(), OnUserLimit::Refuse);
        let of = [identity(None, "a"), identity(Some(""), "a"), identity(Some("i"), "a")];
        for (at, one) in of.iter().enumerate() {
            assert_eq!(users.admit(one, place(at as u64), 1), Admission::Admitted);
        }
        let mut renamed = Identity::clone(&of[0]);
        renamed.user = "x:a".into();
        assert_eq!(users.admit(&Arc::new(renamed), place(9), 1), Admission::Refused);
    }

    #[test]
    fn a_replaced_connection_that_leaves_late_takes_no_seat_along() {
        let users = Table(Users::default(), OnUserLimit::ReplaceOldest);
        let alice = identity(None, "alice");
        users.admit(&alice, place(1), 1);
        assert_eq!(users.admit(&alice, place(2), 1), Admission::Replacing(place(1)));
        users.leave(&alice, place(1));
        assert_eq!(users.admit(&alice, place(3), 1), Admission::Replacing(place(2)));
    }

    #[test]
    fn workers_together_never_pass_the_cap() {
        let users = Table(Users::default(), OnUserLimit::Refuse);
        let alice = identity(None, "alice");
        let admitted: usize = thread::scope(|scope| {
            let count = |worker: u16| {
                let (users, alice) = (&users, &alice);
                scope.spawn(move || {
                    let seat = |connection| users.admit(alice, Place { worker, connection }, 50);
                    (0..100).filter(|at| seat(*at) == Admission::Admitted).count()
                })
            };
            let workers: Vec<_> = (0..4).map(count).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(admitted, 50);
    }

    proptest! {
        #[test]
        fn the_table_does_what_a_list_does(
            replace: bool,
            steps in prop::collection::vec((0..3_u8, 0..12_u64, 0..5_u32, any::<bool>()), 0..200),
        ) {
            let on_limit =
                if replace { OnUserLimit::ReplaceOldest } else { OnUserLimit::Refuse };
            let users = Table(Users::default(), on_limit);
            let mut model: HashMap<u8, Vec<Place>> = HashMap::new();
            for (user, connection, cap, enters) in steps {
                let who = identity(Some("i"), &user.to_string());
                // Connections are not shared by users.
                let place = place(connection * 3 + u64::from(user));
                let list = model.entry(user).or_default();
                if !enters {
                    users.leave(&who, place);
                    list.retain(|held| *held != place);
                    continue;
                }
                let expected = if list.contains(&place) {
                    Admission::Admitted
                } else if list.len() < cap.max(1) as usize {
                    list.push(place);
                    Admission::Admitted
                } else if replace {
                    list.push(place);
                    Admission::Replacing(list.remove(0))
                } else {
                    Admission::Refused
                };
                prop_assert_eq!(users.admit(&who, place, cap), expected);
            }
            model.retain(|_, list| !list.is_empty());
            prop_assert_eq!(users.0.seats.len(), model.len());
        }
    }
}
