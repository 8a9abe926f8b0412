//! The admin listener: metrics and a page for people, apart from the public port.
//!
//! It runs on the runtime of the server, never on a worker's, so that it answers while workers
//! are busy and while they drain.

mod listener;
mod overview;
mod pages;
mod patience;
mod process;
#[cfg(test)]
mod tests;

pub(super) use listener::Bound;
pub(super) use process::figures;

use super::{
    accept::{EXHAUSTED_MS, Trouble},
    http::{HEAD_BYTES, HEADER_LINES},
};
use crate::{config::AdminKey, metrics::Sheet};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use listener::Listener;
use patience::Patience;
use std::{convert::Infallible, fmt, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::JoinSet,
    time::Instant,
};

/// Connections at a time; more wait in the queue of the kernel.
const CONNECTIONS: usize = 16;
/// From one answer to the whole head of the next request, in milliseconds.
const HEAD_MS: u64 = 20_000;
/// How long a peer may take no byte of an answer, in milliseconds.
const WRITE_MS: u64 = 5_000;

/// Asked for everything that is known at this moment.
pub(super) trait Census: Send + Sync + 'static {
    /// All values.
    fn take(&self) -> Sheet;

    /// How long the server has been there, in milliseconds.
    fn up_ms(&self) -> u64;

    /// The addresses that hold most places in the vestibule, and how many.
    fn crowds(&self) -> Vec<(String, usize)>;
}

/// Serves the admin routes.
pub(super) struct Admin {
    census: Box<dyn Census>,
    key: Option<AdminKey>,
    /// What the page compares with.
    before: pages::Before,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Admin {
    /// Answers what `census` knows to those who have the key, if there is one.
    pub(super) fn new(census: impl Census, key: Option<AdminKey>) -> Self {
        Self { census: Box::new(census), key, before: pages::Before::default() }
    }

    /// Accepts until it is dropped, or until the listener is broken.
    pub(super) async fn run(self, listener: Listener) {
        let this = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut guests = JoinSet::new();
        loop {
            while guests.try_join_next().is_some() {}
            // Never closed: it lives as long as this.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok(stream) => {
                    let this = Arc::clone(&this);
                    guests.spawn(async move {
                        let _place = place;
                        this.serve(stream).await;
                    });
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::OneSocket => {}
                    Trouble::Broken => {
                        return tracing::error!(%error, "the admin listener no longer accepts");
                    }
                    Trouble::Exhausted => {
                        let until = Instant::now() + Duration::from_millis(EXHAUSTED_MS);
                        tokio::time::sleep_until(until).await;
                    }
                },
            }
        }
    }

    /// Serves one connection to its end.
    async fn serve(&self, io: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, Infallible>(self.answer(&request))
        });
        let io = Patience::new(io, Duration::from_millis(WRITE_MS));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(HEAD_MS))
            .max_headers(HEADER_LINES)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(io), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection of the admin listener ended");
        }
    }
}
