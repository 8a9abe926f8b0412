//! SIGHUP: the configuration is read again, and put into force if all of it is right.

use super::{clock, directory, logging::Dial, outcome::Failure, serve, verifier};
use crate::{
    config::{Changes, Config},
    directory::Register,
    server::{NotServing, ServerHandle, Settings},
    token::source::AnyKeys,
};
use std::{future, sync::Arc};
use tokio::{signal::unix::Signal, task};

/// Reads the configuration as it was read at the start.
pub(super) type Again = Arc<dyn Fn() -> Result<Config, Failure> + Send + Sync>;

/// Puts configurations into force, one after the other.
pub(super) struct Reloader {
    again: Again,
    server: ServerHandle,
    dial: Dial,
    /// What the server began with: parts of it stay until a restart.
    first: Config,
    now: InForce,
}

/// What was put into force last.
#[derive(Clone)]
pub(super) struct InForce {
    pub(super) config: Config,
    /// Of its issuers, in their order.
    pub(super) keys: Vec<AnyKeys>,
    /// Of its directory, if it has one.
    pub(super) register: Option<Register>,
}

/// A configuration with all that it names read and checked.
struct Next {
    state: InForce,
    settings: Settings,
}

impl Reloader {
    /// For a server that began with `now`.
    pub(super) fn new(again: Again, server: ServerHandle, dial: Dial, now: InForce) -> Self {
        Self { again, server, dial, first: now.config.clone(), now }
    }

    /// Reloads at each signal. Signals that come meanwhile are one reload more.
    pub(super) async fn at_each(mut self, mut hangups: Signal) -> ! {
        while hangups.recv().await.is_some() {
            if let Err(NotServing) = self.reload().await {
                tracing::warn!("not reloaded: the server stops");
            }
        }
        future::pending().await
    }

    async fn reload(&mut self) -> Result<(), NotServing> {
        let (again, known) = (Arc::clone(&self.again), self.now.clone());
        // A disk may take its time.
        let next = task::spawn_blocking(move || next(&again, &known)).await;
        let next = next.unwrap_or_else(|why| Err(Failure::Failed(why.to_string())));
        match next {
            Ok(next) => self.put_into_force(next).await,
            Err(failure) => {
                let why = failure.into_text();
                tracing::error!("not reloaded, the old configuration stays in force: {why}");
                self.server.note_refusal().await
            }
        }
    }

    async fn put_into_force(&mut self, next: Next) -> Result<(), NotServing> {
        let Next { state, settings } = next;
        let InForce { config, keys, .. } = &state;
        for warning in config.warnings.iter().chain(&config.warnings_at(clock::wall())) {
            tracing::warn!("{warning}");
        }
        let Changes { applied, .. } = self.now.config.changes(config);
        let Changes { restart, .. } = self.first.changes(config);
        let removed = verifier::removed_keys((&self.now.config, &self.now.keys), (config, keys));
        self.dial.turn_to(config.log.level);
        self.server.reload(settings).await?;
        if !removed.is_empty() {
            self.server.end_sessions(removed).await?;
        }
        self.now = state;
        let changed = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
        tracing::info!(changed, "reloaded");
        if !restart.is_empty() {
            tracing::warn!(keys = restart.join(", "), "some changes wait for a restart");
        }
        Ok(())
    }
}

/// Reads and checks everything; sources of keys and a directory that did not change are those of
/// `known`.
fn next(again: &Again, known: &InForce) -> Result<Next, Failure> {
    let config = again()?;
    let issuers = verifier::renewed(&config, &known.keys)?;
    let keys = issuers.iter().map(|(_, keys)| keys.clone()).collect();
    let asked = known.config.directory.as_ref().zip(known.register.as_ref());
    let directory = directory::checks(&config, asked)?;
    let register = directory.as_ref().map(|checks| checks.register.clone());
    let settings = Settings { directory, ..serve::settings(config.clone(), issuers) };
    Ok(Next { state: InForce { config, keys, register }, settings })
}
