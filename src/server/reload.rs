//! Other settings for a server that runs: nobody is dropped, and each worker goes over as a whole.

use super::{
    Settings,
    handshake::FrontDoor,
    household::{Household, Keeping},
    http::Site,
    ticket_desk::TicketDesk,
};
use crate::{
    connection::{Shared, Terms},
    directory::Checked,
    gate::users::UserCap,
    protocol::{identity::Signer, room_name::RoomRef, time::Wall},
    ticket::Purge,
    token::House,
    worker::{Control, clock::Clock, reload::Reload},
};
use parking_lot::{Mutex, RwLock};
use std::{fmt, net::SocketAddr, sync::Arc};
use tokio::{
    sync::{mpsc, oneshot},
    task,
};

/// Orders that wait for the server; whoever gives one more waits.
const ORDERS: usize = 4;
/// Rooms whose bounds are changed before other tasks have their turn.
const ROOMS_AT_ONCE: usize = 256;

/// The terms in force, for whoever is no worker, and how they came about.
#[derive(Debug)]
pub(super) struct Current {
    terms: RwLock<Arc<Terms>>,
    tally: Mutex<Tally>,
}

/// How often the configuration was read again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// With settings that are or were in force.
    pub(super) applied: u64,
    /// With a fault.
    pub(super) refused: u64,
    /// When settings were last put into force.
    pub(super) last: Option<Wall>,
}

impl Current {
    pub(super) fn new(terms: Arc<Terms>) -> Arc<Self> {
        Arc::new(Self { terms: RwLock::new(terms), tally: Mutex::default() })
    }

    /// The newest terms.
    pub(super) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read())
    }

    pub(super) fn tally(&self) -> Tally {
        *self.tally.lock()
    }
}

/// What `settings` say to workers; the desk goes by them, too.
pub(super) fn terms(settings: Settings, desk: &TicketDesk) -> Arc<Terms> {
    let Settings { rules, verifier, tickets, directory, .. } = settings;
    let (connections_per_user, on_user_limit) =
        (settings.connections_per_user, settings.on_user_limit);
    let verifier = desk.follow(tickets, verifier);
    // Outside of all that may judge: whatever was shown, its user is asked about.
    let verifier = match directory {
        Some(checks) => Arc::new(Checked::new(verifier, checks)),
        None => verifier,
    };
    let user_cap = UserCap { connections: connections_per_user, on_limit: on_user_limit };
    Arc::new(Terms::new(rules, verifier, user_cap))
}

/// What judges handshakes at `addr`, by `settings`.
pub(super) fn site(settings: &Settings, addr: SocketAddr, desk: &Arc<TicketDesk>) -> Site {
    let demo = settings.demo.clone().on(addr);
    Site::new(settings.origins.clone())
        .reading(settings.sources.clone())
        .with_rooms_at(settings.room_path.clone())
        .behind(settings.trusted_proxies.clone())
        .with_desk(Arc::clone(desk))
        .with_demo(demo, settings.rules.auth.deadline_ms)
}

/// What a server is asked to do while it runs.
#[derive(Debug)]
pub(super) enum Order {
    Reload(Box<Settings>, oneshot::Sender<()>),
    EndSessions(Vec<Signer>),
    Refused,
}

/// The server does not serve: it has not begun, drains, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotServing;

impl fmt::Display for NotServing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server drains or has ended: nothing was changed")
    }
}

impl std::error::Error for NotServing {}

/// Changes a server while it serves; a clone changes the same one.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    orders: mpsc::Sender<Order>,
}

impl ServerHandle {
    /// Puts other settings into force and drops nobody; ready once they are in force everywhere.
    ///
    /// From then on new connections are judged by them alone, and every token by their verifier.
    /// Sessions that run keep the limits of their `auth_ok`; what the rules say about rooms counts
    /// for everybody: memberships without the right to stay get `left` with `forbidden`, and rooms
    /// remember as much as they may now. The upkeep of the old verifier ends; sources of keys that
    /// the new one shares with it keep what they have.
    ///
    /// `listen`, `workers`, `connections`, `places`, `accepts_per_s`, `drain_ms` and `admin` stay
    /// as they were, whatever `settings` say. Reloads take effect one after the other.
    ///
    /// # Errors
    /// [`NotServing`], at the latest when the server ends.
    pub async fn reload(&self, settings: Settings) -> Result<(), NotServing> {
        let (done, in_force) = oneshot::channel();
        self.order(Order::Reload(Box::new(settings), done)).await?;
        in_force.await.map_err(|_| NotServing)
    }

    /// Ends the sessions whose token a key of these signed (4411), and the memberships that rest on
    /// a room token of it: for keys that went with a reload. Give the order behind it.
    ///
    /// # Errors
    /// [`NotServing`].
    pub async fn end_sessions(&self, signers: Vec<Signer>) -> Result<(), NotServing> {
        self.order(Order::EndSessions(signers)).await
    }

    /// Counts settings that were refused before they got here, for the metrics.
    ///
    /// # Errors
    /// [`NotServing`].
    pub async fn note_refusal(&self) -> Result<(), NotServing> {
        self.order(Order::Refused).await
    }

    async fn order(&self, order: Order) -> Result<(), NotServing> {
        self.orders.send(order).await.map_err(|_| NotServing)
    }
}

/// Where a handle's orders arrive.
pub(super) fn handle() -> (ServerHandle, mpsc::Receiver<Order>) {
    let (orders, received) = mpsc::channel(ORDERS);
    (ServerHandle { orders }, received)
}

/// Carries orders out.
pub(super) struct Helm {
    pub(super) current: Arc<Current>,
    pub(super) shared: Arc<Shared>,
    pub(super) controls: Arc<[mpsc::Sender<Control>]>,
    pub(super) door: Arc<FrontDoor>,
    pub(super) household: Arc<Household>,
    pub(super) keeping: Keeping,
    pub(super) desk: Arc<TicketDesk>,
    pub(super) addr: SocketAddr,
    pub(super) clock: Clock,
}

impl Helm {
    /// Carries orders out, one after the other. Ready if the upkeep of the verifier ended.
    pub(super) async fn steer(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                biased;
                () = self.keeping.ended() => return,
                Some(order) = orders.recv() => match order {
                    Order::Reload(settings, done) => {
                        self.reload(*settings).await;
                        // Whoever asked may not want to know.
                        let _ = done.send(());
                    }
                    Order::EndSessions(signers) => {
                        signers.into_iter().for_each(|signer| self.household.key_removed(signer));
                    }
                    Order::Refused => self.current.tally.lock().refused += 1,
                },
            }
        }
    }

    async fn reload(&mut self, settings: Settings) {
        let site = site(&settings, self.addr, &self.desk).succeeding(&self.door.site());
        let terms = terms(settings, &self.desk);
        *self.current.terms.write() = Arc::clone(&terms);
        let house = Arc::clone(&self.household) as Arc<_>;
        // The old upkeep goes on until nobody asks its verifier any more.
        let keeping = Keeping::begin(&terms.verifier, house);
        self.door.move_to(Arc::new(site));
        self.tell_workers(&terms).await;
        if !self.desk.is_open() {
            // They must not come back with a reload that gives tickets out again.
            self.desk.purge(Purge::All).await;
        }
        self.rebound_rooms(&terms).await;
        self.keeping = keeping;
        let mut tally = self.current.tally.lock();
        tally.applied += 1;
        tally.last = Some(self.clock.now().wall);
    }

    /// Hands the terms to all workers and waits until each session goes by them.
    async fn tell_workers(&self, terms: &Arc<Terms>) {
        let (done, mut all_done) = mpsc::channel(1);
        for control in self.controls.iter() {
            let reload = Reload { terms: Arc::clone(terms), done: done.clone() };
            // One that is gone has no sessions.
            let _ = control.send(Control::Reload(reload)).await;
        }
        drop(done);
        // Nothing is ever sent: it ends when the last worker is done.
        let _ = all_done.recv().await;
    }

    /// Lets every room remember as much as it may now. Rooms that open meanwhile ask for the newest
    /// terms.
    async fn rebound_rooms(&self, terms: &Terms) {
        let rules = &terms.rules.rooms;
        let bounds = |room: RoomRef<'_>| rules.terms(room).history;
        for rooms in self.shared.relay.all_rooms().chunks(ROOMS_AT_ONCE) {
            self.shared.relay.rebound(rooms, bounds, self.clock.now().wall);
            task::yield_now().await;
        }
    }
}
