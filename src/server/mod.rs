//! What listens: accept, handshake, plain HTTP, drain.

mod accept;
mod admin;
#[cfg(test)]
mod autobahn;
mod census;
mod court;
mod descriptors;
mod doubts;
mod entropy;
mod farewell;
mod guest_book;
mod handshake;
mod head;
mod heard;
mod household;
pub(crate) mod http;
mod introduction;
mod reload;
mod run_error;
mod settings;
mod standing;
#[cfg(test)]
mod tests;
mod ticket_desk;

use crate::{
    broker::{Epochs, MemoryBroker},
    config::AdminConfig,
    connection::Shared,
    gate::{guest::Gate, users::Users},
    protocol::room_name::RoomName,
    relay::Relay,
    worker::{CONTROLS, Control, Place, Worker, clock::Clock},
};
use accept::Acceptor;
use admin::Admin;
use census::Survey;
use court::Court;
use doubts::Doubts;
use futures_util::stream::{FuturesUnordered, StreamExt};
use guest_book::GuestBook;
use handshake::{FrontDoor, House};
use household::{Household, Keeping};
use http::Site;
pub use http::{Demo, DemoTokens};
use reload::{Current, Helm};
pub use reload::{NotServing, ServerHandle};
pub use run_error::RunError;
pub use settings::Settings;
use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicUsize},
    thread,
    time::Duration,
};
use ticket_desk::{Lent, TicketDesk};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// What this server offers (`features` of `auth_ok`).
pub const FEATURES: &[&str] = &["recovery", "history", "ephemeral", "room_token", "refresh"];
/// Rooms of one process, the resting ones included.
pub(crate) const ROOMS: usize = 1_000_000;
/// What a worker is given beyond `drain_ms` to return, in milliseconds.
const DRAIN_GRACE_MS: u64 = 1_000;

/// A server that listens and does not serve yet.
///
/// A program that embeds it and collects the lines of the `log` crate should take at most DEBUG
/// from `tungstenite`: at TRACE it prints whole messages, tokens included.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    admin: Option<admin::Bound>,
    settings: Settings,
    handle: ServerHandle,
    orders: mpsc::Receiver<reload::Order>,
}

impl Server {
    /// Binds the public port, and the admin listener if there is one.
    ///
    /// # Errors
    /// Which of them cannot be opened, and what the system says: it is taken, the address is not
    /// ours, no permission.
    pub fn bind(settings: Settings) -> io::Result<Self> {
        let listener = accept::listen(settings.listen)
            .map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", settings.listen)))?;
        let admin = settings.admin.as_ref().map(admin::Bound::bind).transpose()?;
        let (handle, orders) = reload::handle();
        Ok(Self { listener, admin, settings, handle, orders })
    }

    /// What changes it while it runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the admin listener stands, as `admin.listen` would say it.
    pub fn admin_place(&self) -> Option<String> {
        self.admin.as_ref().map(admin::Bound::place)
    }

    /// Serves until `shutdown` is ready, then drains: `/readyz` and upgrades answer 503, sessions
    /// get `reconnect` and are closed with 1012 within `drain_ms`.
    ///
    /// The verifier's [upkeep](crate::token::Verifier::upkeep) runs beside all this until the drain
    /// is over. `/readyz` is 503 until it says [`ready`](crate::token::House::ready), and 200 from then on:
    /// an outage of the keys' source later is answered with 1011 or `internal`, connection by
    /// connection, because sessions that run are served, and a load balancer that takes every
    /// instance out at once helps nobody.
    ///
    /// # Errors
    /// [`RunError`] if a worker, the listener or the upkeep fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        // The handle is kept: orders must not end because nobody outside has one.
        let Self { listener, admin, settings, handle: _handle, orders } = self;
        let admin = admin.zip(settings.admin.clone());
        let (drain_ms, accepts_per_s) = (settings.drain_ms, settings.accepts_per_s);
        let workers = match settings.workers {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            n => n,
        };
        let addr = listener.local_addr().map_err(RunError::Accept)?;
        let capacity = descriptors::connections(settings.connections);
        let mut crew = Crew::start(settings, workers, addr, capacity).map_err(RunError::Start)?;
        let site = Arc::clone(&crew.site);
        let (controls, door) = (Arc::clone(&crew.controls), Arc::clone(&crew.door));
        let acceptor = Acceptor::new(listener, controls, Arc::clone(&site), door, accepts_per_s)
            .map_err(RunError::Accept)?;
        let accepting = acceptor.run();
        // Ends with this function.
        let _admin = crew.serve_admin(admin, capacity).map_err(RunError::Accept)?;
        let household =
            Household::new(Arc::clone(&site), Arc::clone(&crew.desk), Arc::clone(&crew.shared));
        let verifier = Arc::clone(&crew.current.terms().verifier);
        let keeping = Keeping::begin(&verifier, Arc::clone(&household) as _);
        let steering = crew.helm(Arc::clone(&household), keeping, addr).steer(orders);
        let controls = Arc::clone(&crew.controls);
        let news = household.spread_news(&controls);
        // What steers holds the upkeep: it stays until the drain is over.
        tokio::pin!(accepting, news, steering);
        tokio::select! {
            biased;
            () = shutdown => {}
            _ = crew.ends.next() => return Err(RunError::WorkerDied),
            () = &mut steering => return Err(RunError::Upkeep),
            error = &mut accepting => return Err(RunError::Accept(error)),
            never = &mut news => never,
        }
        tracing::info!(drain_ms, "draining");
        site.drain();
        tokio::select! {
            biased;
            () = crew.drain(drain_ms) => Ok(()),
            // The listener answers 503 until everybody has gone.
            error = &mut accepting => Err(RunError::Accept(error)),
            never = &mut news => never,
        }
    }
}

/// The workers on their threads.
struct Crew {
    controls: Arc<[mpsc::Sender<Control>]>,
    door: Arc<FrontDoor>,
    /// The first one; later ones share its phase.
    site: Arc<Site>,
    desk: Arc<TicketDesk>,
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    current: Arc<Current>,
    clock: Clock,
    /// Each ready when its worker has returned or died.
    ends: FuturesUnordered<oneshot::Receiver<()>>,
}

impl Crew {
    fn start(
        settings: Settings,
        workers: usize,
        addr: SocketAddr,
        capacity: usize,
    ) -> io::Result<Self> {
        let epochs = Epochs::random().map_err(io::Error::other)?;
        let total_bytes = settings.history_total_bytes;
        let (gate, clock) = (Arc::new(Gate::new(settings.places)), Clock::system());
        let lent = Lent::new(&gate, clock);
        let desk = Arc::new(TicketDesk::new(lent.clone()));
        let site = Arc::new(reload::site(&settings, addr, &desk));
        let terms = reload::terms(settings, &desk);
        let current = Current::new(Arc::clone(&terms));
        let newest = Arc::clone(&current);
        let history =
            move |room: &RoomName| newest.terms().rules.rooms.terms(room.borrowed()).history;
        let broker = MemoryBroker::with_bounds(history, epochs).capped(total_bytes);
        let shared = Arc::new(Shared {
            relay: Relay::new(broker, workers, ROOMS),
            users: Users::default(),
            verifications: lent.verifications,
            metrics: lent.metrics,
            refusals: lent.refusals,
            gone: Arc::default(),
        });
        let open = Arc::new(AtomicUsize::new(0));
        let book = GuestBook::new(&shared.metrics, &shared.refusals, clock);
        let court = Court::new(&current, &shared, clock);
        let (doubts, site_now) = (Arc::new(Doubts::new()), Arc::clone(&site));
        let house = House { site: site_now, court, doubts, book, gate: Arc::clone(&gate), clock };
        let door = Arc::new(FrontDoor::new(house, open, capacity));
        let (controls, receivers): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| mpsc::channel(CONTROLS)).unzip();
        let controls: Arc<[_]> = controls.into();
        let colleagues: Arc<[_]> = controls.iter().map(mpsc::Sender::downgrade).collect();
        let ends = FuturesUnordered::new();
        for (index, receiver) in receivers.into_iter().enumerate() {
            let place = Place {
                index: u16::try_from(index).unwrap_or(u16::MAX),
                shared: Arc::clone(&shared),
                terms: Arc::clone(&terms),
                reception: Arc::clone(&door) as Arc<_>,
                clock,
                controls: Arc::clone(&colleagues),
            };
            ends.push(spawn(place, receiver)?);
        }
        Ok(Self { controls, door, site, desk, gate, shared, current, clock, ends })
    }

    /// What changes the crew while it works.
    fn helm(&self, household: Arc<Household>, keeping: Keeping, addr: SocketAddr) -> Helm {
        Helm {
            current: Arc::clone(&self.current),
            shared: Arc::clone(&self.shared),
            controls: Arc::clone(&self.controls),
            door: Arc::clone(&self.door),
            household,
            keeping,
            desk: Arc::clone(&self.desk),
            addr,
            clock: self.clock,
        }
    }

    /// Serves the admin routes, if there are any, until the set is dropped.
    fn serve_admin(
        &self,
        admin: Option<(admin::Bound, AdminConfig)>,
        capacity: usize,
    ) -> io::Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        if let Some((bound, config)) = admin {
            let survey = Survey {
                shared: Arc::clone(&self.shared),
                current: Arc::clone(&self.current),
                site: Arc::clone(&self.site),
                desk: Arc::clone(&self.desk),
                workers: self.controls.len(),
                capacity,
                gate: Arc::clone(&self.gate),
                clock: self.clock,
                began: self.clock.now(),
            };
            tasks.spawn(Admin::new(survey, config.key().cloned()).run(bound.listen()?));
        }
        Ok(tasks)
    }

    /// Ends every connection within `drain_ms`, and waits until every worker has returned.
    async fn drain(&mut self, drain_ms: u64) {
        for control in self.controls.iter() {
            // A worker that is gone has nothing to drain.
            let _ = control.send(Control::Drain(drain_ms)).await;
        }
        let patience = Duration::from_millis(drain_ms + DRAIN_GRACE_MS);
        let everybody = async { while self.ends.next().await.is_some() {} };
        if tokio::time::timeout(patience, everybody).await.is_err() {
            tracing::warn!("a worker did not return in time");
        }
        self.shared.refusals.finish();
    }
}

/// Starts one worker on a thread and a runtime of its own.
fn spawn(place: Place, controls: mpsc::Receiver<Control>) -> io::Result<oneshot::Receiver<()>> {
    let (done, end) = oneshot::channel();
    thread::Builder::new().name(format!("worker-{}", place.index)).spawn(move || {
        let runtime =
            match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime,
                Err(error) => return tracing::error!(%error, "a worker's runtime did not start"),
            };
        runtime.block_on(Worker::new(place).run(controls));
        // The receiver is gone when the server was dropped.
        let _ = done.send(());
    })?;
    Ok(end)
}
