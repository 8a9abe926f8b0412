//! The server as the upkeep of its verifier sees it: readiness, keys that are gone, and users.

use super::{http::Site, ticket_desk::TicketDesk};
use crate::{
    connection::Shared,
    protocol::identity::{Principal, Signer},
    ticket::Purge,
    token::{House, Upkeep, Verifier},
    worker::Control,
};
use parking_lot::Mutex;
use std::{collections::HashSet, mem, sync::Arc};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

/// Passes on what the upkeep of a verifier has to say.
#[derive(Debug)]
pub(super) struct Household {
    site: Arc<Site>,
    desk: Arc<TicketDesk>,
    shared: Arc<Shared>,
    /// Keys that the workers have not heard of yet: each once, so that the keys of all issuers
    /// bound it.
    removed: Mutex<Vec<Signer>>,
    /// Users whose sessions are to end: each once, so that the users that are here bound it.
    revoked: Mutex<HashSet<Principal>>,
    news: Notify,
}

impl Household {
    pub(super) fn new(site: Arc<Site>, desk: Arc<TicketDesk>, shared: Arc<Shared>) -> Arc<Self> {
        let (removed, revoked) = (Mutex::default(), Mutex::default());
        Arc::new(Self { site, desk, shared, removed, revoked, news: Notify::new() })
    }

    /// Tells the desk and every worker of each key that is gone, and those that serve a user who
    /// may not stay, for as long as it is polled.
    pub(super) async fn spread_news(&self, workers: &[mpsc::Sender<Control>]) -> ! {
        loop {
            self.news.notified().await;
            let removed = mem::take(&mut *self.removed.lock());
            for signer in removed {
                tracing::info!("a key is gone, the sessions that rest on it end");
                // First: a ticket that is used meanwhile opens a session, which ends below.
                self.desk.purge(Purge::Signer(signer)).await;
                // Once more: what was used before it may wait for something else than the key.
                self.shared.gone.note(signer);
                for worker in workers {
                    // One that is gone has no sessions.
                    let _ = worker.send(Control::RemoveKey(signer)).await;
                }
            }
            let revoked = mem::take(&mut *self.revoked.lock());
            for user in revoked {
                for place in self.shared.users.places(&user) {
                    let Some(worker) = workers.get(usize::from(place.worker)) else { continue };
                    let _ = worker.send(Control::Revoke(place.connection.into())).await;
                }
            }
        }
    }
}

impl House for Household {
    fn ready(&self) {
        self.site.set_ready();
    }

    fn key_removed(&self, signer: Signer) {
        self.shared.gone.note(signer);
        let mut removed = self.removed.lock();
        if !removed.contains(&signer) {
            removed.push(signer);
        }
        self.news.notify_one();
    }

    fn users(&self, wanted: &dyn Fn(&Principal) -> bool) -> Vec<Principal> {
        self.shared.users.pick(wanted)
    }

    fn is_here(&self, user: &Principal) -> bool {
        self.shared.users.has(user)
    }

    fn revoke(&self, user: &Principal) {
        if self.is_here(user) {
            self.revoked.lock().insert(user.clone());
            self.news.notify_one();
        }
    }
}

/// The upkeep of a verifier at work, on a task of its own: its panic is not the server's, and its
/// slowness delays nobody. It ends with this value.
#[derive(Debug)]
pub(super) struct Keeping(JoinSet<()>);

impl Keeping {
    pub(super) fn begin(verifier: &Arc<dyn Verifier>, house: Arc<dyn House>) -> Self {
        let upkeep: Upkeep = Arc::clone(verifier).upkeep(house);
        let mut tasks = JoinSet::new();
        tasks.spawn(upkeep);
        Self(tasks)
    }

    /// Ready if the upkeep ended or panicked, which it must not.
    pub(super) async fn ended(&mut self) {
        // There is one task, so the set is not empty the first time.
        let _ = self.0.join_next().await;
    }
}
