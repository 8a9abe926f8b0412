//! The shape of `results.json`: what a run of the benchmark leaves, and what reports are made of.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that one call of the benchmark measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where it was measured.
    pub machine: Machine,
    /// The version of each peer that ran, by its name.
    pub versions: BTreeMap<String, String>,
    /// How it was measured.
    pub settings: Settings,
    /// Each run, in the order in which they were made: round by round, and in each round scenario by
    /// scenario and peer by peer.
    pub runs: Vec<Run>,
    /// What did not run.
    pub skipped: Vec<Skipped>,
}

/// Where it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The model name of the processor.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// The release of the kernel, and how its TCP avoids congestion.
    pub kernel: String,
    /// The name of the distribution.
    pub os: String,
    /// Main memory.
    pub memory_bytes: u64,
    /// When the measurement began, in UTC: `2026-11-23T00:53:00Z`.
    pub date: String,
}

/// How it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Rounds over all scenarios and peers.
    pub repetitions: u32,
    /// The length of the measured window of one run.
    pub seconds: f64,
    /// The size of the text that is published, unless a scenario varies it.
    pub payload_bytes: usize,
}

/// One peer in one scenario, once. What a scenario does not measure is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The scenario: `fan50`, `W16`, `rooms2k` and so on.
    pub scenario: String,
    /// The peer: `vestibule`, `floor`, `naive`, `ws`, `uws`, `socketio`.
    pub peer: String,
    /// What sets this run apart within its scenario and peer, such as `k16`, `cork` or `RS256`; empty
    /// for the plain one.
    pub variant: String,
    /// The repetition that it belongs to, from 1.
    pub round: u32,
    /// Deliveries that were due for all that was published, over the whole run.
    pub expected: Option<u64>,
    /// Deliveries that arrived, over the whole run.
    pub deliveries: Option<u64>,
    /// Deliveries that never arrived.
    pub lost: Option<u64>,
    /// Deliveries that arrived more than once.
    pub duplicates: Option<u64>,
    /// Deliveries that arrived after a later one of the same author.
    pub reordered: Option<u64>,
    /// The length of the measured window, as it turned out.
    pub seconds: Option<f64>,
    /// Processor time of the server's process tree in the window, by the deliveries received in it.
    pub cpu_us_per_delivery: Option<f64>,
    /// Deliveries received in the window, by its length.
    pub deliveries_per_s: Option<f64>,
    /// The share of one core that the server took in the window; 100 is all of it.
    pub server_cpu_percent: Option<f64>,
    /// The same of the load generator: near 100, figures are the generator's and not the server's.
    pub generator_cpu_percent: Option<f64>,
    /// From the moment when a message was due to be sent until each delivery of it.
    pub latency_ms: Option<Latency>,
    /// Connections that were open.
    pub connections: Option<u64>,
    /// Resident memory of the process tree above that of the server without connections, by them.
    pub rss_bytes_per_connection: Option<f64>,
    /// Connections that were opened, signed in and put into a room, by second.
    pub connects_per_s: Option<f64>,
    /// Processor time of the server's process tree for one of these.
    pub cpu_us_per_connect: Option<f64>,
    /// The share of one core that the server took while nobody said anything.
    pub idle_cpu_percent: Option<f64>,
    /// System calls of the process tree by delivery, from a run of their own.
    pub syscalls_per_delivery: Option<f64>,
    /// What whoever reads the figures should know: settings, oddities.
    pub notes: Vec<String>,
}

/// Quantiles of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// One in a hundred took longer.
    pub p99: f64,
    /// One in a thousand took longer.
    pub p999: f64,
    /// The longest one.
    pub max: f64,
}

/// A peer, or one scenario of a peer, that did not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The peer; with its scenario, `peer/scenario`, if only that was skipped.
    pub peer: String,
    /// Why, for people.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_may_be_left_out() {
        let run: Run =
            serde_json::from_str(r#"{"scenario":"W16","peer":"ws","round":2,"lost":0}"#).unwrap();
        assert_eq!((run.round, run.lost, run.expected), (2, Some(0), None));
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
        assert!(text.contains(r#""expected":null"#), "{text}");
    }
}
