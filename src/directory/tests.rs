//! A directory that a test holds in its hand, and what every test of users needs.

mod answers;
mod looks;
mod questions;
mod verdicts;

use super::*;
use crate::{
    protocol::{
        client_message::Token,
        credential::{Credential, Presentation},
        grant::{Grant, Permission},
        identity::{Login, Principal, Quotas, Signer},
        room_name::RoomRef,
        time::Wall,
    },
    token::{House, Rejection, Verification, Verifier},
};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    time::{self, Instant},
};

/// A directory that says what it is told to, when it is let to, and counts.
#[derive(Default)]
pub(super) struct Book {
    pub(super) standings: Mutex<HashMap<String, Outcome>>,
    pub(super) asked: Mutex<Vec<String>>,
    /// Answers that may go out; `None` lets all.
    gate: Option<Arc<Semaphore>>,
    /// The most questions there were at a time, and how many there are.
    pub(super) crowd: Arc<Mutex<(usize, usize)>>,
}

impl Book {
    pub(super) fn held() -> Self {
        Self { gate: Some(Arc::new(Semaphore::new(0))), ..Self::default() }
    }

    pub(super) fn say(&self, user: &str, outcome: Outcome) {
        self.standings.lock().insert(user.to_owned(), outcome);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    pub(super) fn let_go(&self, answers: usize) {
        self.gate.as_ref().expect("it is held").add_permits(answers);
    }

    fn answer(&self, user: &str) -> Lookup {
        self.asked.lock().push(user.to_owned());
        let outcome = self.standings.lock().get(user).cloned().unwrap_or(Ok(Standing::Unknown));
        let gate = self.gate.clone();
        let presence = Presence::enter(&self.crowd);
        Box::pin(async move {
            let _presence = presence;
            if let Some(gate) = gate {
                gate.acquire().await.expect("never closed").forget();
            }
            outcome
        })
    }
}

struct Presence(Arc<Mutex<(usize, usize)>>);

impl Presence {
    fn enter(crowd: &Arc<Mutex<(usize, usize)>>) -> Self {
        let mut count = crowd.lock();
        count.1 += 1;
        count.0 = count.0.max(count.1);
        Self(Arc::clone(crowd))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.lock().1 -= 1;
    }
}

impl Directory for Book {
    fn find(&self, user: Arc<Identity>) -> Lookup {
        self.answer(&user.subject)
    }

    fn check(&self, password: Password) -> Lookup {
        self.answer(&format!("{}:{}", password.user(), password.reveal()))
    }
}

pub(super) fn user(name: &str) -> Principal {
    Principal(Arc::new(Identity { issuer: None, subject: name.into(), user: name.into() }))
}

pub(super) fn active() -> Outcome {
    Ok(Standing::Active(Arc::default()))
}

pub(super) fn with(change: impl FnOnce(&mut Profile)) -> Outcome {
    let mut profile = Profile::default();
    change(&mut profile);
    Ok(Standing::Active(Arc::new(profile)))
}

pub(super) fn down() -> Outcome {
    Err(Unavailable::new("down"))
}

pub(super) fn register(book: &Arc<Book>, bounds: Bounds) -> Register {
    let register = Register::new(Arc::clone(book) as _, bounds);
    register.run_on(Handle::current());
    register
}

pub(super) const NO_CACHE: Bounds =
    Bounds { timeout_ms: 5_000, concurrency: 16, cache_ms: 0, cache_users: 100, recheck_ms: 0 };

/// Lets every task run that can.
pub(super) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
