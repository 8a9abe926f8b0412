//! Other terms for a worker: in force at once for all that begins, and one after the other for the
//! sessions that run.

use super::core::{Core, REVIEWED_AT_ONCE};
use crate::{
    connection::Terms,
    session::{Event, RoomRules, Rules},
};
use std::{cell::RefCell, sync::Arc};
use tokio::{sync::mpsc, task};

/// Terms on their way to a worker.
#[derive(Debug)]
pub(crate) struct Reload {
    /// What is in force from now on.
    pub(crate) terms: Arc<Terms>,
    /// Dropped once every session of the worker goes by them.
    pub(crate) done: mpsc::Sender<()>,
}

/// Puts the terms into force. Reloads of one worker come one after the other.
pub(super) async fn reload(core: &RefCell<Core>, Reload { terms, done }: Reload) {
    let rules = Arc::clone(&terms.rules);
    core.borrow_mut().desk.terms = terms;
    let mut rooms = Some(0);
    while let Some(from) = rooms {
        rooms = core.borrow_mut().review_rooms(&rules.rooms, from);
        task::yield_now().await;
    }
    let mut editions = Editions { newest: rules, kept: Vec::new() };
    let mut sessions = Some(0);
    while let Some(from) = sessions {
        sessions = core.borrow_mut().review_rules(&mut editions, from);
        task::yield_now().await;
    }
    drop(done);
}

/// The newest rules, as sessions have them that keep the limits they began with. Sessions of the
/// same limits share theirs.
#[derive(Debug)]
pub(super) struct Editions {
    newest: Arc<Rules>,
    /// One for each set of limits that differs from the newest and that a session still has.
    kept: Vec<Arc<Rules>>,
}

impl Editions {
    /// The newest rules with the limits of `old`.
    fn after(&mut self, old: &Rules) -> Arc<Rules> {
        let fits = |rules: &&Arc<Rules>| rules.auth == old.auth && rules.session == old.session;
        let known = std::iter::once(&self.newest).chain(&self.kept).find(fits);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let edition = Arc::new(Rules {
            auth: old.auth.clone(),
            session: old.session.clone(),
            rooms: self.newest.rooms.clone(),
            features: old.features,
        });
        self.kept.push(Arc::clone(&edition));
        edition
    }
}

impl Core {
    fn review_rooms(&mut self, rules: &RoomRules, from: usize) -> Option<usize> {
        let now = self.tick().time;
        let next = self.rooms.review((self.desk.worker, rules), now, from);
        self.carry_out();
        next
    }

    /// Other rules are in force: tells the next connections, from this place of the table on.
    /// Returns the place to go on from, `None` behind the last one. Whoever enters meanwhile begins
    /// with them.
    fn review_rules(&mut self, editions: &mut Editions, from: usize) -> Option<usize> {
        self.tick();
        let next = from + REVIEWED_AT_ONCE;
        for place in from..next.min(self.connections.capacity()) {
            if let Some(connection) = self.connections.get_mut(place) {
                let rules = editions.after(connection.rules());
                connection.on_event(Event::RulesChanged(rules), &mut self.desk);
                connection.flush(&mut self.desk);
            }
        }
        self.carry_out();
        (next < self.connections.capacity()).then_some(next)
    }
}
