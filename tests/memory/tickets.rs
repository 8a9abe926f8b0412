//! What a ticket costs while it waits to be used.

use crate::{
    bounds::TICKET,
    host::{alone, live_bytes},
    support::token::{self, now},
    user,
};
use serde_json::json;
use std::time::Instant;
use vestibule::{
    protocol::identity::Login,
    ticket::{Answer, MemoryStore, Purge, Ticket, TicketStore, TicketText},
};

const TICKETS: usize = 2_000;
/// Measurements, of which the largest counts.
const ROUNDS: usize = 3;
/// Of one user.
const EACH: usize = 20;

fn login(user: &str) -> Box<Login> {
    let claims =
        json!({"rooms": {"team:red": "*", "team:blue:**": ["join"]}, "info": {"name": user}});
    token::verifier().judge(&token::token_with(user, claims), now()).expect("a good token")
}

#[test]
fn cost_a_ticket_is_little() {
    let _alone = alone();
    // A server of the test before may still be giving memory back, which makes a round look less.
    let bytes = (0..ROUNDS).map(|_| round()).max().expect("some rounds");
    TICKET.hold(bytes as f64 / TICKETS as f64);
}

/// What all tickets together hold, in bytes.
#[expect(clippy::disallowed_methods, reason = "what it takes is printed, and nothing hangs on it")]
fn round() -> usize {
    let store = MemoryStore::new(TICKETS);
    let texts: Vec<_> = (0..TICKETS).map(|_| TicketText::draw().expect("random")).collect();
    let (before, at) = (live_bytes(), now());
    let mut took = 0;
    for (n, text) in texts.iter().enumerate() {
        let login = login(&user(n / EACH));
        let began = Instant::now();
        let ticket = Ticket { login, origin: None, expires_at: at + 60_000 };
        let kept = store.issue(text.key(), ticket, at);
        took += began.elapsed().as_nanos();
        assert!(matches!(kept, Answer::Now(Ok(_))));
    }
    assert_eq!(store.held(), TICKETS);
    println!("a ticket is kept in {} ns", took / TICKETS as u128);
    let bytes = live_bytes().saturating_sub(before);
    let began = Instant::now();
    for text in &texts {
        let taken = store.redeem(&text.key(), at);
        assert!(matches!(taken, Answer::Now(Ok(Some(_)))));
    }
    println!("a ticket is taken in {} ns", began.elapsed().as_nanos() / TICKETS as u128);
    assert_eq!(store.held(), 0);
    assert!(matches!(store.purge(Purge::All), Answer::Now(Ok(()))));
    bytes
}
