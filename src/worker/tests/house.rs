//! Workers, what they share, and streams that lead to them.

use super::{
    clerk::{Clerk, wait},
    peer::{Peer, auth, join},
    pipe::{Watched, pipe},
    replay::Replay,
};
use crate::{
    broker::{Epochs, MemoryBroker},
    config::OnUserLimit,
    connection::{Entrance, Judged, Shared, Slot, Stream, Terms, Visitor, stream::Queued},
    gate::{
        gone::KeyMoment,
        users::{UserCap, Users},
        verifications::Verifications,
    },
    metrics::Metric,
    protocol::{
        identity::Login,
        limits::{AuthLimits, SessionLimits},
        room_name::RoomName,
        room_rules::RoomRules,
    },
    relay::Relay,
    room::trace::{Who, recorder},
    session::{Arrival, Opening, Rules},
    worker::{
        CONTROLS, Control, Place, Receiving, Reception, Worker, clock::Clock, core::Core,
        reload::Reload, turn::Pace, visit::Visit,
    },
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    runtime::Builder,
    sync::mpsc,
    task::{self, JoinHandle, LocalSet},
    time::Instant,
};

/// Who writes to the stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Egress {
    /// Whoever holds the worker.
    Direct,
    /// The connection's own task.
    Queued,
}

/// What a house is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) egress: Egress,
    pub(super) workers: usize,
    /// Bytes between a worker and a peer that does not read.
    pub(super) wire_bytes: usize,
    pub(super) limits: SessionLimits,
    pub(super) rooms: RoomRules,
    /// What all rooms may remember together, in bytes.
    pub(super) memory_bytes: Option<usize>,
    pub(super) on_user_limit: OnUserLimit,
    pub(super) connections_per_user: u32,
    pub(super) pace: Pace,
}

impl Plan {
    /// Defaults, but rates that no test meets by accident.
    pub(super) fn new(egress: Egress, workers: usize) -> Self {
        let limits = SessionLimits {
            messages_per_s: 100_000,
            burst: 100_000,
            joins_per_s: 100_000,
            others_per_s: 100_000,
            others_burst: 100_000,
            ..SessionLimits::default()
        };
        Self {
            egress,
            workers,
            wire_bytes: 16 * 1024,
            limits,
            rooms: RoomRules::open(),
            memory_bytes: None,
            on_user_limit: OnUserLimit::Refuse,
            connections_per_user: 32,
            pace: Pace::default(),
        }
    }
}

impl Plan {
    /// What it says to workers.
    pub(super) fn terms(&self) -> Arc<Terms> {
        let rules = Rules {
            auth: AuthLimits::default(),
            session: self.limits.clone(),
            rooms: self.rooms.clone(),
            features: &["recovery", "history", "ephemeral", "room_token", "refresh"],
        };
        let cap = UserCap { connections: self.connections_per_user, on_limit: self.on_user_limit };
        Arc::new(Terms::new(rules, Arc::new(Clerk), cap))
    }
}

/// Plays a scenario with one worker and with two, in both ways out.
pub(super) fn everywhere(scenario: impl AsyncFn(&House)) {
    everywhere_with(|_| {}, scenario);
}

/// The same, with plans that `change` changed.
pub(super) fn everywhere_with(change: impl Fn(&mut Plan), scenario: impl AsyncFn(&House)) {
    for egress in [Egress::Direct, Egress::Queued] {
        for workers in [1, 2] {
            println!("{egress:?}, {workers} worker(s)");
            let mut plan = Plan::new(egress, workers);
            change(&mut plan);
            play(plan, &scenario);
        }
    }
}

/// Plays a scenario once.
pub(super) fn play(plan: Plan, scenario: impl AsyncFn(&House)) {
    let clock = Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&clock.expect("a runtime"), async {
        recorder::begin();
        let house = House::build(plan);
        scenario(&house).await;
        house.check_that_nothing_is_left().await;
        recorder::end();
    });
}

/// Two or fewer workers on one runtime.
pub(super) struct House {
    pub(super) shared: Arc<Shared>,
    pub(super) cores: Vec<Rc<RefCell<Core>>>,
    pub(super) controls: Arc<[mpsc::Sender<Control>]>,
    pub(super) plan: Plan,
    open: Arc<AtomicUsize>,
    begun: Instant,
    workers: RefCell<Vec<JoinHandle<()>>>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    next: Cell<usize>,
    /// Those in force.
    rules: Arc<Mutex<RoomRules>>,
    /// Holds what the rooms did against the model.
    pub(super) replay: RefCell<Replay>,
}

/// Simulated streams come in behind the handshake.
struct NoDoor;

impl Reception for NoDoor {
    fn receive(&self, _: std::net::TcpStream, _: SocketAddr) -> Receiving {
        Box::pin(future::ready(None))
    }
}

impl House {
    fn build(plan: Plan) -> Self {
        let rules = Arc::new(Mutex::new(plan.rooms.clone()));
        let newest = Arc::clone(&rules);
        let history = move |room: &RoomName| newest.lock().terms(room.borrowed()).history;
        let broker = MemoryBroker::with_bounds(history, Epochs::seeded(1));
        let broker = match plan.memory_bytes {
            Some(cap) => broker.capped(cap),
            None => broker,
        };
        let replay = Replay::new(plan.workers, plan.rooms.clone(), plan.memory_bytes.is_some());
        let replay = RefCell::new(replay);
        let shared = Arc::new(Shared {
            relay: Relay::new(broker, plan.workers, 1_000),
            users: Users::default(),
            verifications: Arc::new(Verifications::default()),
            metrics: Arc::default(),
            refusals: Arc::default(),
            gone: Arc::default(),
        });
        let terms = plan.terms();
        let (controls, receivers): (Vec<_>, Vec<_>) =
            (0..plan.workers).map(|_| mpsc::channel(CONTROLS)).unzip();
        let controls: Arc<[_]> = controls.into();
        let clock = Clock::simulated();
        let (mut cores, mut workers) = (Vec::new(), Vec::new());
        for (index, receiver) in receivers.into_iter().enumerate() {
            let worker = Worker::new(Place {
                index: u16::try_from(index).expect("a few workers"),
                shared: Arc::clone(&shared),
                terms: Arc::clone(&terms),
                reception: Arc::new(NoDoor),
                clock,
                controls: controls.iter().map(mpsc::Sender::downgrade).collect(),
            });
            worker.core.borrow_mut().rooms.pace = plan.pace;
            cores.push(Rc::clone(&worker.core));
            workers.push(task::spawn_local(worker.run(receiver)));
        }
        Self {
            shared,
            cores,
            controls,
            plan,
            open: Arc::default(),
            begun: Instant::now(),
            workers: workers.into(),
            tasks: RefCell::default(),
            next: Cell::new(0),
            rules,
            replay,
        }
    }

    /// Puts other terms into force, as a server does; back once everybody goes by them.
    pub(super) async fn reload(&self, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.plan.clone();
        change(&mut plan);
        // What was done until here was done by the old ones.
        self.check_steps();
        self.replay.borrow_mut().rules = plan.rooms.clone();
        *self.rules.lock() = plan.rooms.clone();
        let terms = plan.terms();
        let (done, mut all_done) = mpsc::channel(1);
        for control in self.controls.iter() {
            let reload = Reload { terms: Arc::clone(&terms), done: done.clone() };
            control.send(Control::Reload(reload)).await.expect("a worker");
        }
        drop(done);
        assert_eq!(all_done.recv().await, None);
        let relay = &self.shared.relay;
        let now = self.cores[0].borrow().clock().now().wall;
        relay.rebound(&relay.all_rooms(), |room| plan.rooms.terms(room).history, now);
    }

    /// Milliseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).expect("a short test")
    }

    /// A fresh connection, behind the 101; connections go to the workers in turn.
    pub(super) fn connect(&self) -> Peer {
        self.connect_with(Vec::new(), false)
    }

    /// The same with bytes that came along with the handshake.
    pub(super) fn connect_with(&self, early: Vec<u8>, unknown_subprotocol: bool) -> Peer {
        self.admit(Ipv4Addr::LOCALHOST.into(), early, unknown_subprotocol)
    }

    /// A fresh connection from another address.
    pub(super) fn connect_from(&self, address: IpAddr) -> Peer {
        self.admit(address, Vec::new(), false)
    }

    /// A connection whose credential was found good before its 101, when its keys were as at `since`.
    pub(super) fn connect_judged(&self, login: Login, since: KeyMoment) -> Peer {
        self.admit_with(|entrance| {
            entrance.arrival.opening = Opening::Judged;
            entrance.judged = Some(Judged { login: Box::new(login), since });
        })
    }

    fn admit(&self, address: IpAddr, early: Vec<u8>, unknown_subprotocol: bool) -> Peer {
        self.admit_with(|entrance| {
            entrance.early = early.into();
            entrance.unknown_subprotocol = unknown_subprotocol;
            entrance.visitor.address = address;
        })
    }

    fn admit_with(&self, adjust: impl FnOnce(&mut Entrance)) -> Peer {
        let (stream, peer) = match self.plan.egress {
            Egress::Direct => {
                let (ours, theirs) = pipe(self.plan.wire_bytes);
                (Stream::Other(Box::new(Watched::new(ours))), Peer::new(theirs))
            }
            Egress::Queued => {
                let (ours, theirs) = tokio::io::duplex(self.plan.wire_bytes);
                (Stream::Other(Box::new(Watched::new(Queued(ours)))), Peer::new(theirs))
            }
        };
        let number = self.next.replace(self.next.get() + 1);
        let mut entrance = Entrance {
            stream,
            early: Box::default(),
            unknown_subprotocol: false,
            arrival: Arrival::new(
                format!("c{number}"),
                u32::try_from(number).expect("a few connections"),
            ),
            judged: None,
            origin: None,
            slot: Slot::take(&self.open).0,
            visitor: Box::new(Visitor::new(Ipv4Addr::LOCALHOST.into(), None)),
        };
        adjust(&mut entrance);
        let core = Rc::clone(&self.cores[number % self.cores.len()]);
        let receiving = Box::pin(future::ready(Some(Box::new(entrance))));
        // A test hears of a panic by waiting for the task.
        let visit = Visit::begin(&core, &Rc::default(), receiving);
        self.tasks.borrow_mut().push(task::spawn_local(visit));
        peer
    }

    /// A connection with a good verdict.
    pub(super) async fn enter(&self, token: &str) -> Peer {
        let mut peer = self.connect();
        peer.send(&auth(token)).await;
        peer.expect("auth_ok").await;
        peer
    }

    /// A connection that is in `room`, and the answer to its join.
    pub(super) async fn enter_room(&self, token: &str, room: &str) -> (Peer, Value) {
        let mut peer = self.enter(token).await;
        peer.send(&join(room)).await;
        let joined = peer.expect("joined").await;
        (peer, joined)
    }

    /// Connections that take a place of the process.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether every worker works: one whose task panics ends.
    pub(super) fn works(&self) -> bool {
        self.workers.borrow().iter().all(|worker| !worker.is_finished())
    }

    /// Takes the workers, to wait for their end.
    pub(super) fn workers(&self) -> Vec<JoinHandle<()>> {
        self.workers.take()
    }

    /// The connection that its client knows by `id`, if it is still there.
    pub(super) fn who(&self, id: &str) -> Option<Who> {
        self.cores.iter().zip(0..).find_map(|(core, worker)| {
            let core = core.borrow();
            let mut all = core.connections.iter().map(|(_, connection)| connection);
            let connection = all.find(|connection| connection.id() == id)?.key();
            Some(Who { worker, connection })
        })
    }

    /// Whatever the rooms did since this was asked last is what the model does.
    pub(super) fn check_steps(&self) {
        self.replay.borrow_mut().take(recorder::take());
    }

    /// Every peer is gone: so is everything that was kept for it.
    async fn check_that_nothing_is_left(&self) {
        wait(15_000).await;
        for task in self.tasks.take() {
            task.await.expect("a connection's task neither hangs nor panics");
        }
        assert_eq!(self.open(), 0, "places of the process");
        assert_eq!(self.shared.users.len(), 0, "users");
        assert_eq!(self.shared.verifications.held(), (0, 0), "lookups");
        let sheet = self.shared.metrics.sheet();
        for level in [Metric::Connections, Metric::Members, Metric::Lookups] {
            assert_eq!(sheet.total(level), 0, "{level:?}");
        }
        let come = u64::try_from(self.next.get()).expect("a few connections");
        assert_eq!(sheet.total(Metric::Verdicts), come, "each first message has a verdict");
        assert_eq!(sheet.total(Metric::Closes), come, "each connection ended once");
        for (core, worker) in self.cores.iter().zip(0..) {
            let core = core.borrow();
            assert_eq!(core.connections.len(), 0, "connections of a worker");
            assert_eq!(core.rooms.len(), 0, "rooms of a worker");
            assert_eq!(self.shared.relay.waiting_bytes(worker), 0, "credit of an inbox");
        }
        self.check_steps();
        self.replay.borrow().is_complete();
        let (rooms, resting) = self.shared.relay.rooms();
        assert_eq!(rooms, resting, "rooms that are not empty");
        if self.workers.borrow().is_empty() {
            return;
        }
        let newest = self.rules.lock().clone();
        let all = newest.rules().iter().map(|rule| &rule.terms).chain([newest.otherwise()]);
        let age_ms = all.map(|terms| terms.history.age_ms).max().unwrap_or_default();
        // A wall clock may have been set back.
        wait(age_ms + 2_000 + Clock::set_back_ms()).await;
        assert_eq!(self.shared.relay.rooms(), (0, 0), "rooms that forgot everything");
        for worker in self.workers.take() {
            assert!(!worker.is_finished(), "a worker ended by itself");
        }
    }
}
