//! The service over HTTP: routes, who may ask, and how much at a time.

mod answers;
mod api;
mod guard;
mod pages;

use crate::{
    error::Error,
    secret::Secret,
    service::{Service, Visit},
    vestibule::{Ticket, Vestibule},
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::spawn_blocking,
};

/// The longest body of a request, in bytes.
const BODY: usize = 16 * 1_024;
/// How many requests work at a time: each may check a password, which takes 19 MiB.
const AT_WORK: usize = 4;
/// How many requests work or wait for that; others hear 503.
const INSIDE: usize = 64;

/// What is served.
pub struct Site {
    /// Who decides.
    pub service: Service,
    /// Who gives tickets.
    pub vestibule: Vestibule,
    /// Where browsers find it: `https://HOST`.
    pub origin: String,
    /// What Vestibule has to show when it asks the user directory.
    pub directory_key: Option<Secret>,
}

/// The site, as its requests share it.
pub(crate) struct Shared {
    site: Site,
    inside: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
}

impl Shared {
    /// Lets the service work on a thread that may block. The work goes on if its client leaves,
    /// and keeps its place for as long.
    async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Service) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inside = self.inside.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let turn = self.at_work.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        let shared = self.clone();
        let done = spawn_blocking(move || {
            let value = work(&shared.site.service);
            drop((inside, turn));
            value
        });
        done.await.map_err(|_| Error::internal("a request has panicked"))?
    }

    /// A ticket in exchange for the token of a visit, which never gets into the browser.
    async fn ticket(&self, visit: &Visit) -> Result<Ticket, Error> {
        self.site.vestibule.ticket(&visit.access.token, &self.site.origin).await
    }
}

/// All routes.
pub fn router(site: Site) -> Router {
    let shared = Arc::new(Shared {
        site,
        inside: Arc::new(Semaphore::new(INSIDE)),
        at_work: Arc::new(Semaphore::new(AT_WORK)),
    });
    // What pages and apps ask for; nobody else's page may.
    let ours = Router::new()
        .route("/login", post(api::login))
        .route("/login/code", post(api::ask_code))
        .route("/login/code/verify", post(api::verify_code))
        .route("/refresh", post(api::refresh))
        .route("/logout", post(api::log_out))
        .route("/app/ticket", post(api::ticket))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::own_pages_only));
    Router::new()
        .merge(ours)
        .route("/", get(pages::start))
        .route("/app", get(pages::app))
        .route("/style.css", get(pages::style))
        .route("/{script}", get(pages::script))
        .route("/.well-known/jwks.json", get(api::jwks))
        .route("/directory", post(api::directory))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(guard::careful))
        .with_state(shared)
}

/// Serves until SIGTERM or SIGINT.
pub async fn serve(site: Site, listen: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let addr = listener.local_addr()?;
    let origin = site.origin.clone();
    tracing::info!(%addr, origin, "listening");
    let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        })
        .await
}
