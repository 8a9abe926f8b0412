//! What can be read from a run, and how it is spoken of.

use crate::results::{Latency, Run};

/// One figure of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its name in the head of a table and the title of an axis, unit included.
    pub(crate) title: &'static str,
    /// Whether less of it is better.
    pub(crate) less_is_better: bool,
    /// The figure, in the unit of the title.
    pub(crate) of: fn(&Run) -> Option<f64>,
}

const fn less(title: &'static str, of: fn(&Run) -> Option<f64>) -> Metric {
    Metric { title, less_is_better: true, of }
}

const fn more(title: &'static str, of: fn(&Run) -> Option<f64>) -> Metric {
    Metric { title, less_is_better: false, of }
}

fn latency(run: &Run, of: fn(&Latency) -> f64) -> Option<f64> {
    run.latency_ms.as_ref().map(of)
}

const KIB: f64 = 1024.0;

pub(crate) const CPU: Metric = less("CPU µs per delivery", |run| run.cpu_us_per_delivery);
pub(crate) const RATE: Metric = more("deliveries per second", |run| run.deliveries_per_s);
pub(crate) const SERVER: Metric = less("server CPU %", |run| run.server_cpu_percent);
pub(crate) const GENERATOR: Metric = less("generator CPU %", |run| run.generator_cpu_percent);
pub(crate) const P50: Metric = less("p50 ms", |run| latency(run, |latency| latency.p50));
pub(crate) const P99: Metric = less("p99 ms", |run| latency(run, |latency| latency.p99));
pub(crate) const P999: Metric = less("p99.9 ms", |run| latency(run, |latency| latency.p999));
pub(crate) const SYSCALLS: Metric =
    less("system calls per delivery", |run| run.syscalls_per_delivery);
pub(crate) const MEMORY: Metric =
    less("KiB per connection", |run| run.rss_bytes_per_connection.map(|bytes| bytes / KIB));
pub(crate) const CONNECTIONS: Metric =
    more("connections", |run| run.connections.map(|count| count as f64));
pub(crate) const CONNECT_RATE: Metric = more("connects per second", |run| run.connects_per_s);
pub(crate) const CONNECT_CPU: Metric = less("CPU µs per connect", |run| run.cpu_us_per_connect);
pub(crate) const IDLE_CPU: Metric = less("idle CPU %", |run| run.idle_cpu_percent);
pub(crate) const LOST: Metric = less("deliveries lost", |run| run.lost.map(|count| count as f64));
