//! `vestibule serve`, and the running of a server until a signal.

use super::{
    args::ServeArgs,
    clock, config, directory, logging,
    outcome::Failure,
    reload::{Again, InForce, Reloader},
    verifier,
};
use crate::{
    config::Config,
    server::{Demo, FEATURES, Server, Settings},
    session::Rules,
    token::{Issuers, source::AnyKeys},
};
use std::{convert::Infallible, future, io, net::SocketAddr, sync::Arc};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

pub(super) fn serve(args: ServeArgs) -> Result<(), Failure> {
    let (file, flags) = args.split();
    let again: Again = Arc::new(move || config::load(file.clone(), flags.clone()));
    let config = again()?;
    let demo = demo(&config);
    run(config, demo, Some(again), |_| Ok(()))
}

/// Runs a server until a signal stops it; `again` reads its configuration anew at SIGHUP. `ready`
/// is told where it listens, before it serves.
pub(super) fn run(
    config: Config,
    demo: Demo,
    again: Option<Again>,
    ready: impl FnOnce(SocketAddr) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let dial = logging::start(config.log)?;
    for warning in config.warnings.iter().chain(&config.warnings_at(clock::wall())) {
        tracing::warn!("{warning}");
    }
    let issuers = verifier::verifier(&config)?;
    let keys = issuers.iter().map(|(_, keys)| keys.clone()).collect();
    let directory = directory::checks(&config, None)?;
    let register = directory.as_ref().map(|checks| checks.register.clone());
    let server = Settings { demo, directory, ..settings(config.clone(), issuers) };
    let server =
        Server::bind(server).map_err(|why| Failure::Failed(format!("cannot listen on {why}")))?;
    let reloader = again.map(|again| {
        Reloader::new(again, server.handle(), dial, InForce { config, keys, register })
    });
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(async {
        // Before anybody can know that the server is there: a signal must not find it deaf.
        let signals = Signals::new().map_err(failed)?;
        let reloading = reloading(reloader).map_err(failed)?;
        let addr = server.local_addr().map_err(failed)?;
        let admin = server.admin_place();
        tracing::info!(%addr, admin, "listening");
        ready(addr)?;
        tokio::select! {
            biased;
            ended = until_a_signal(server, signals) => ended,
            never = reloading => match never {},
        }
    });
    // A resolver or a disk that is asked for keys and hangs must not hold the end.
    runtime.shutdown_background();
    served
}

/// Listens for SIGHUP, where that has a meaning.
fn reloading(reloader: Option<Reloader>) -> io::Result<impl Future<Output = Infallible>> {
    let hangups = |reloader| signal(SignalKind::hangup()).map(|hangups| (reloader, hangups));
    let hangups = reloader.map(hangups).transpose()?;
    Ok(async {
        match hangups {
            Some((reloader, hangups)) => reloader.at_each(hangups).await,
            None => future::pending().await,
        }
    })
}

/// The first signal drains, the second one ends it.
async fn until_a_signal(server: Server, mut signals: Signals) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel();
    let serving = server.run(async {
        // Never dropped unsent: `watching` lives as long as this.
        let _ = stopped.await;
    });
    let watching = async {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        let _ = stop.send(());
        signals.next().await
    };
    tokio::select! {
        biased;
        result = serving => result.map_err(|why| Failure::Failed(why.to_string())),
        name = watching => Err(Failure::Failed(format!("stopped at once by a second {name}"))),
    }
}

fn demo(config: &Config) -> Demo {
    if config.demo { Demo::Page } else { Demo::Off }
}

/// What a server with this configuration is made of, but for its directory and what only `dev` has.
pub(super) fn settings(config: Config, verifier: Issuers<AnyKeys>) -> Settings {
    Settings {
        demo: demo(&config),
        verifier: Arc::new(verifier),
        listen: config.listen,
        workers: config.workers,
        connections: config.connections,
        drain_ms: config.drain_ms,
        rules: Rules {
            auth: config.auth,
            session: config.session,
            rooms: config.rooms,
            features: FEATURES,
        },
        history_total_bytes: config.history_total_bytes,
        origins: config.origins.into_iter().map(String::from).collect(),
        sources: config.sources,
        room_path: config.room_path,
        places: config.places,
        accepts_per_s: config.accepts_per_s,
        trusted_proxies: config.trusted_proxies,
        connections_per_user: config.connections_per_user,
        on_user_limit: config.on_user_limit,
        tickets: config.tickets,
        directory: None,
        admin: config.admin,
    }
}

/// The signals that stop a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn failed(why: io::Error) -> Failure {
    Failure::Failed(why.to_string())
}
