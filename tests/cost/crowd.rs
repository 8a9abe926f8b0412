//! A room full of peers, one of whom speaks.

use crate::{
    peer::{Peer, message, request},
    programs::Program,
    support::{self, token},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The payload of each message, in bytes.
const PAYLOAD_BYTES: usize = 128;
/// Messages before the first that counts: queues and buffers have grown.
const WARM_UP: usize = 3;

/// The secret of the tokens, as text.
pub(crate) fn secret() -> String {
    String::from_utf8(token::SECRET.to_vec()).expect("text")
}

/// One worker, and nothing that limits a crowd or its one author.
pub(crate) fn settings(secret: &str) -> [(&str, &str); 5] {
    [
        ("VESTIBULE_WORKERS", "1"),
        ("VESTIBULE_ISSUER__0__SECRET", secret),
        ("VESTIBULE_LIMITS__MESSAGES_PER_S", "1000000"),
        ("VESTIBULE_LIMITS__BURST", "1000000"),
        // A Ping that falls due while it is counted is the price of time, not of messages.
        ("VESTIBULE_HEARTBEAT__INTERVAL_MS", "600000"),
    ]
}

/// The members of a room.
pub(crate) struct Crowd(Vec<Peer>);

impl Crowd {
    /// So many members of one room of `server`, where `at_once` messages were passed on already,
    /// and again.
    pub(crate) fn gather(server: &Program, members: usize, at_once: usize) -> Self {
        raise_descriptor_limit();
        let addr = server.addr.parse().expect("an address");
        let enter = |n| {
            let mut peer = Peer::dial(addr);
            peer.upgrade();
            peer.write(&message(&support::peer::auth(&format!("user-{n:05}"))));
            peer.expect("auth_ok");
            peer.write(&request("join", "hall", ""));
            peer.expect("joined");
            peer
        };
        let mut crowd = Self((0..members).map(enter).collect());
        crowd.rounds(WARM_UP, at_once);
        crowd
    }

    /// Publishes `at_once` messages in one write, waits until every member has all of them and the
    /// author its answers, and does so again.
    ///
    /// One write of the author is one segment, which the worker reads as a whole: how many messages
    /// are gathered for a member's write does not depend on who runs when.
    pub(crate) fn rounds(&mut self, rounds: usize, at_once: usize) {
        let text = "x".repeat(PAYLOAD_BYTES);
        let publish = request("message", "hall", &format!(r#","id":"1","payload":"{text}""#));
        let publish = publish.repeat(at_once);
        for _ in 0..rounds {
            self.0[0].write(&publish);
            // The answers are written when the requests are read, the messages behind them in a
            // turn of the worker.
            self.0[0].expect_all("ack", at_once);
            for peer in &mut self.0 {
                peer.expect_all("message", at_once);
            }
        }
    }
}

/// Sockets of a thousand peers are more than most systems let a process have unasked.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    raised.expect("a process may go as far as its hard limit");
}
