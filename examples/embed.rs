//! The server inside a program of one's own, with a verifier of one's own: here a table of keys
//! stands for the session store that the program already has.
//!
//! ```sh
//! cargo run --example embed
//! ```
//! Then sign in with `{"type":"auth","payload":"key-of-ann"}`, or as bob.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    process::ExitCode,
    sync::Arc,
};
use vestibule::{
    protocol::{
        client_message::Token,
        identity::{Identity, Login},
        time::Wall,
    },
    server::{Server, Settings},
    token::{Class, Rejection, Verification, Verifier},
};

/// How long a key opens a session before the client has to send it again.
const SESSION_MS: u64 = 3_600_000;

/// A session store: who holds which key.
struct Keys {
    users: HashMap<&'static str, &'static str>,
    hasher: RandomState,
}

impl Keys {
    fn login(&self, key: &str, user: &str, now: Wall) -> Login {
        let identity = Identity { issuer: None, subject: user.into(), user: user.into() };
        // Rooms are open here; where they need a grant, `grant` says which ones the user may join.
        Login {
            issued_at: Some(now),
            mark: self.hasher.hash_one(key),
            ..Login::new(identity, now + SESSION_MS)
        }
    }
}

impl Verifier for Keys {
    // Where the answer takes a query, return `Verification::Pending` with its future: the server
    // bounds how many run at a time, and the sign-in deadline covers it.
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification {
        let key = token.reveal();
        Verification::Done(match self.users.get(key) {
            Some(user) => Ok(Box::new(self.login(key, user, now))),
            None => Err(Rejection::Custom { class: Class::Invalid, why: "no such key".into() }),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let users = HashMap::from([("key-of-ann", "ann"), ("key-of-bob", "bob")]);
    let keys = Keys { users, hasher: RandomState::new() };
    match serve(Arc::new(keys)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until Ctrl-C.
async fn serve(keys: Arc<Keys>) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings { workers: 1, ..Settings::new(keys) };
    let server = Server::bind(settings)?;
    println!("listening on ws://{}/ws, Ctrl-C stops", server.local_addr()?);
    let shutdown = async {
        // Without a signal handler there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(server.run(shutdown).await?)
}
