//! One thread: its connections, its rooms, its timers.
//!
//! A [`Worker`] is a set of tasks on one single-threaded runtime. A connection never leaves its
//! worker, so nothing here is locked; workers exchange only room items (through their inboxes)
//! and the few commands of [`Control`]. A worker does not own its thread: several can share a
//! runtime in a simulation.

pub(crate) mod clock;
mod core;
mod engine;
mod hall;
pub(crate) mod reload;
#[cfg(test)]
mod tests;
mod turn;
mod visit;
pub(crate) mod wheel;

use crate::{
    connection::{Entrance, Shared, Terms},
    protocol::identity::Signer,
    room::{ConnKey, WorkerIndex},
    session::Event,
};
use clock::Clock;
use core::Core;
use engine::Engine;
use reload::Reload;
use std::{
    cell::RefCell, fmt, future::Future, net::SocketAddr, pin::Pin, rc::Rc, sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    task,
    time::{self, Instant},
};
use visit::Visit;

/// Commands that wait for a worker.
pub(crate) const CONTROLS: usize = 1_024;
/// The drain ends connections between these parts of its time, in percent.
const LAST_CALLS_PERCENT: (u64, u64) = (20, 80);

/// What a worker is told from outside.
#[derive(Debug)]
pub(crate) enum Control {
    /// A new socket, not yet registered with any runtime.
    Accept(std::net::TcpStream, SocketAddr),
    /// A newer connection of the same user takes the place of this one.
    Replace(ConnKey),
    /// The user of this connection may not stay.
    Revoke(ConnKey),
    /// A key is gone: end the sessions that rest on it.
    RemoveKey(Signer),
    /// Other terms are in force.
    Reload(Reload),
    /// End every connection within this time, in milliseconds, then return.
    Drain(u64),
}

/// Takes a new socket through the handshake; lives above the workers.
pub(crate) trait Reception: Send + Sync {
    /// What enters, or `None` if the socket was served otherwise (plain HTTP, a refusal).
    fn receive(&self, stream: std::net::TcpStream, peer: SocketAddr) -> Receiving;
}

/// A handshake under way, on the worker's own runtime.
pub(crate) type Receiving = Pin<Box<dyn Future<Output = Option<Box<Entrance>>>>>;

/// What a worker needs to know of its server.
#[derive(Clone)]
pub(crate) struct Place {
    /// Which worker it is.
    pub(crate) index: WorkerIndex,
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// The terms that it begins with.
    pub(crate) terms: Arc<Terms>,
    /// Receives new sockets.
    pub(crate) reception: Arc<dyn Reception>,
    /// The clocks.
    pub(crate) clock: Clock,
    /// The controls of all workers, in order. Only their server keeps them open, so that its end
    /// is the end of its workers.
    pub(crate) controls: Arc<[mpsc::WeakSender<Control>]>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("index", &self.index).finish_non_exhaustive()
    }
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    place: Place,
    core: Rc<RefCell<Core>>,
    /// Blown by a task that panics: whatever it left behind, this worker goes no further.
    fuse: Rc<Notify>,
}

impl Worker {
    /// A worker at `place`.
    pub(crate) fn new(place: Place) -> Self {
        let core = Rc::new(RefCell::new(Core::new(&place)));
        Self { place, core, fuse: Rc::default() }
    }

    /// Serves until it is told to drain, until nobody can tell it anything any more, or until one
    /// of its tasks panics.
    pub(crate) async fn run(self, controls: mpsc::Receiver<Control>) {
        let fuse = Rc::clone(&self.fuse);
        let engine = Engine::new(Rc::clone(&self.core));
        let engine = task::spawn_local(async move {
            let _fuse = Fuse(fuse);
            engine.await;
        });
        let fuse = Rc::clone(&self.fuse);
        tokio::select! {
            biased;
            () = fuse.notified() => {}
            () = self.serve(controls) => {}
        }
        engine.abort();
    }

    async fn serve(&self, mut controls: mpsc::Receiver<Control>) {
        while let Some(control) = controls.recv().await {
            match control {
                Control::Accept(stream, peer) => self.accept(stream, peer),
                Control::Replace(key) => self.core.borrow_mut().tell(key, Event::Replaced),
                Control::Revoke(key) => self.core.borrow_mut().tell(key, Event::Revoked),
                Control::RemoveKey(signer) => self.remove_key(signer).await,
                Control::Reload(reload) => reload::reload(&self.core, reload).await,
                Control::Drain(within_ms) => return self.drain(within_ms, &mut controls).await,
            }
        }
    }

    fn accept(&self, stream: std::net::TcpStream, peer: SocketAddr) {
        let receiving = self.place.reception.receive(stream, peer);
        task::spawn_local(Visit::begin(&self.core, &self.fuse, receiving));
    }

    /// Asks every session whether it rests on a key that is gone, some at a time.
    async fn remove_key(&self, signer: Signer) {
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.core.borrow_mut().remove_key(signer, from);
            task::yield_now().await;
        }
    }

    /// Spreads the ends of all connections over the time that there is.
    async fn drain(&self, within_ms: u64, controls: &mut mpsc::Receiver<Control>) {
        let (from, to) = LAST_CALLS_PERCENT;
        self.core.borrow_mut().drain(within_ms * from / 100, within_ms * to / 100);
        let deadline = Instant::now() + Duration::from_millis(within_ms);
        loop {
            let emptied = Core::emptied(Rc::clone(&self.core));
            tokio::select! {
                biased;
                () = emptied => return,
                () = time::sleep_until(deadline) => return self.core.borrow_mut().finish(),
                control = controls.recv() => match control {
                    Some(Control::Accept(stream, peer)) => self.accept(stream, peer),
                    Some(Control::Replace(key)) => self.core.borrow_mut().tell(key, Event::Replaced),
                    Some(Control::Revoke(key)) => self.core.borrow_mut().tell(key, Event::Revoked),
                    Some(Control::RemoveKey(signer)) => self.remove_key(signer).await,
                    Some(Control::Reload(reload)) => reload::reload(&self.core, reload).await,
                    Some(Control::Drain(_)) => {}
                    None => return,
                },
            }
        }
    }
}

/// Held by every task: the runtime swallows a panic, the worker must not.
#[derive(Debug)]
struct Fuse(Rc<Notify>);

impl Drop for Fuse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}
