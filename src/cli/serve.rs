//! `vestibule serve`, and the running of a server until a signal.

use super::{args::ServeArgs, clock, config, logging, outcome::Failure, verifier};
use crate::{
    config::Config,
    server::{Demo, FEATURES, Server, Settings},
    session::Rules,
};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

pub(super) fn serve(args: ServeArgs) -> Result<(), Failure> {
    let (file, flags) = args.split();
    let config = config::load(file, flags)?;
    let demo = if config.demo { Demo::Page } else { Demo::Off };
    run(config, demo, |_| Ok(()))
}

/// Runs a server until a signal stops it. `ready` is told where it listens, before it serves.
pub(super) fn run(
    config: Config,
    demo: Demo,
    ready: impl FnOnce(SocketAddr) -> Result<(), Failure>,
) -> Result<(), Failure> {
    logging::start(config.log)?;
    for warning in config.warnings.iter().chain(&config.warnings_at(clock::wall())) {
        tracing::warn!("{warning}");
    }
    let server = Server::bind(Settings { demo, ..settings(config)? })
        .map_err(|why| Failure::Failed(format!("cannot listen on {why}")))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(async {
        // Before anybody can know that the server is there: a signal must not find it deaf.
        let signals = Signals::new().map_err(failed)?;
        let addr = server.local_addr().map_err(failed)?;
        let admin = server.admin_place();
        tracing::info!(%addr, admin, "listening");
        ready(addr)?;
        until_a_signal(server, signals).await
    });
    // A resolver or a disk that is asked for keys and hangs must not hold the end.
    runtime.shutdown_background();
    served
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

fn settings(config: Config) -> Result<Settings, Failure> {
    let verifier = Arc::new(verifier::verifier(&config)?);
    Ok(Settings {
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
        demo: Demo::Off,
        origins: config.origins.into_iter().map(String::from).collect(),
        places: config.places,
        accepts_per_s: config.accepts_per_s,
        trusted_proxies: config.trusted_proxies,
        connections_per_user: config.connections_per_user,
        on_user_limit: config.on_user_limit,
        verifier,
        admin: config.admin,
    })
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
