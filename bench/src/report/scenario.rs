//! The scenarios: what each of them shows, and in which columns.

use super::metric::{
    self, CONNECT_CPU, CONNECT_RATE, CONNECTIONS, CPU, GENERATOR, IDLE_CPU, MEMORY, Metric, P50,
    P99, P999, RATE, SERVER, SYSCALLS,
};
use crate::results::Results;

/// One scenario of the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario<'a> {
    /// Its name in the results.
    pub(crate) name: &'a str,
    /// Its heading.
    pub(crate) title: &'a str,
    /// What happens in it.
    pub(crate) what: &'static str,
    /// What its chart shows, and its ratios compare.
    pub(crate) headline: Metric,
    /// What else its table shows, where it was measured.
    pub(crate) columns: &'static [Metric],
    /// The variant of the floor that others are compared with.
    pub(crate) floor: &'static str,
}

const FLOW: &[Metric] = &[RATE, P50, P99, P999, SYSCALLS, SERVER, GENERATOR];
const LOOP: &[Metric] = &[CPU, P50, P99, P999, SYSCALLS, SERVER, GENERATOR];
const REST: &[Metric] = &[IDLE_CPU, CONNECTIONS];
const CONNECT: &[Metric] = &[CONNECT_RATE, P50, P99, SERVER, GENERATOR, CONNECTIONS];
const EVERYTHING: &[Metric] = &[
    RATE,
    P50,
    P99,
    P999,
    SYSCALLS,
    MEMORY,
    IDLE_CPU,
    CONNECT_CPU,
    CONNECT_RATE,
    CONNECTIONS,
    SERVER,
    GENERATOR,
];

const fn known(
    name: &'static str,
    title: &'static str,
    what: &'static str,
    headline: Metric,
    columns: &'static [Metric],
) -> Scenario<'static> {
    Scenario { name, title, what, headline, columns, floor: "" }
}

const KNOWN: [Scenario<'static>; 12] = [
    known(
        "fan50",
        "Fan-out at 50 messages a second",
        "One room of 1,000 members, 50 messages a second: 50,000 deliveries a second.",
        metric::CPU,
        FLOW,
    ),
    known(
        "fan100",
        "Fan-out at 100 messages a second",
        "One room of 1,000 members, 100 messages a second: 100,000 deliveries a second.",
        metric::CPU,
        FLOW,
    ),
    Scenario {
        name: "W16",
        title: "Fan-out as fast as it goes",
        what: "One room of 1,000 members; a message is published as soon as fewer than 16 are under \
               way.",
        headline: metric::RATE,
        columns: LOOP,
        floor: "k16",
    },
    known(
        "rooms2k",
        "Small rooms, 2,000 messages a second",
        "100 rooms of 10 members: 20,000 deliveries a second.",
        metric::CPU,
        FLOW,
    ),
    known(
        "rooms10k",
        "Small rooms, 10,000 messages a second",
        "100 rooms of 10 members: 100,000 deliveries a second.",
        metric::CPU,
        FLOW,
    ),
    known(
        "million",
        "A million deliveries a second",
        "One room of 1,000 members, 1,000 messages a second, whether they are kept up with or not.",
        metric::CPU,
        FLOW,
    ),
    known(
        "large",
        "A room of 10,000 beside rooms of 2",
        "How long the members of small rooms wait while a large one is served.",
        metric::P99,
        &[CPU, RATE, P50, P999, SERVER, GENERATOR],
    ),
    known(
        "idle",
        "Memory at rest",
        "10,000 connections that say nothing, but for heartbeats.",
        metric::MEMORY,
        REST,
    ),
    known(
        "connect",
        "Connecting",
        "Handshake, sign-in with a token, and a room, by many at once.",
        metric::CONNECT_CPU,
        CONNECT,
    ),
    known(
        "reconnect",
        "Coming back after a mass disconnect",
        "9,000 connections are cut and come back at once, while others go on talking.",
        metric::CONNECT_CPU,
        CONNECT,
    ),
    known(
        "slow",
        "Slow readers among fast ones",
        "Some members of a room read too slowly; the others should not notice.",
        metric::P99,
        &[CPU, RATE, P50, P999, SERVER, GENERATOR],
    ),
    known(
        super::sweep::NAME,
        "How the cost grows",
        "The same load in rooms and with payloads of several sizes.",
        metric::CPU,
        FLOW,
    ),
];

/// The scenarios that were run: the known ones in their order, and then the others.
pub(crate) fn of(results: &Results) -> Vec<Scenario<'_>> {
    let ran = |name: &str| results.runs.iter().any(|run| run.scenario == name);
    let mut scenarios: Vec<Scenario<'_>> =
        KNOWN.into_iter().filter(|known| ran(known.name)).collect();
    for run in &results.runs {
        let name = run.scenario.as_str();
        if !scenarios.iter().any(|scenario| scenario.name == name) {
            let other = known("", "", "", metric::CPU, EVERYTHING);
            scenarios.push(Scenario { name, title: name, ..other });
        }
    }
    scenarios
}

/// How a peer in a variant is called in tables and charts.
pub(crate) fn title(peer: &str, variant: &str) -> String {
    let peer = peer_title(peer);
    match variant {
        "" => peer.into(),
        "k16" => format!("{peer}, 16 frames a write"),
        other => format!("{peer}, {other}"),
    }
}

/// How a peer is called.
pub(crate) fn peer_title(peer: &str) -> &str {
    match peer {
        "vestibule" => "Vestibule",
        "floor" => "Floor",
        "naive" => "tokio-tungstenite",
        "uws" => "uWebSockets.js",
        "socketio" => "Socket.IO",
        other => other,
    }
}
