//! What came of a run: counted while it goes on, told at the end.

use crate::{
    count::{Count, histogram},
    ledger::Ledger,
};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Failures told in full.
const FAILURES: usize = 5;

/// What all bots count together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Bots in their room.
    pub(crate) ready: Count,
    /// Bots that have nothing to publish any more.
    pub(crate) idle: Count,
    /// Bots that have heard everything.
    pub(crate) done: Count,
    /// Bots that lost their connection.
    pub(crate) failed: Count,
    /// Messages sent.
    pub(crate) published: Count,
    /// Messages that the server committed.
    pub(crate) acknowledged: Count,
    /// Messages that the server refused.
    pub(crate) refused: Count,
    /// Messages heard.
    pub(crate) deliveries: Count,
    /// Messages not heard.
    pub(crate) lost: Count,
    /// Messages heard again.
    pub(crate) duplicates: Count,
    /// Messages heard at another place than others heard them, or that are not ours.
    pub(crate) order_breaks: Count,
    /// From sending to each delivery, and from opening to being in the room.
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    latency: Histogram<u64>,
    entrance: Histogram<u64>,
    failures: BTreeMap<String, u64>,
}

impl Default for Times {
    fn default() -> Self {
        Self { latency: histogram(), entrance: histogram(), failures: BTreeMap::new() }
    }
}

impl Tally {
    /// Adds latencies that a bot has gathered, in microseconds.
    pub(crate) fn latencies(&self, gathered: &mut Vec<u64>) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.drain(..).for_each(|us| times.latency.saturating_record(us));
    }

    /// Notes that a bot is in its room.
    pub(crate) fn entered(&self, took: Duration) {
        let us = took.as_micros() as u64;
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.entrance.saturating_record(us);
        drop(times);
        self.ready.add(1);
    }

    /// Notes why a bot, or a message, came to nothing.
    pub(crate) fn why(&self, why: String) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        *times.failures.entry(why).or_default() += 1;
    }
}

/// The numbers of a run.
#[derive(Debug)]
pub(crate) struct Report {
    numbers: Value,
    clean: bool,
}

impl Report {
    /// Counts together what the bots and their ledgers know.
    pub(crate) fn new(
        connections: u32,
        took: Duration,
        tally: &Tally,
        ledgers: &[Arc<Ledger>],
    ) -> Self {
        let times = tally.times.lock().unwrap_or_else(PoisonError::into_inner);
        let author_breaks: u64 = ledgers.iter().map(|ledger| ledger.author_breaks()).sum();
        let order_breaks = tally.order_breaks.get() + author_breaks;
        let unanswered =
            tally.published.get().saturating_sub(tally.acknowledged.get() + tally.refused.get());
        let expected: u64 =
            ledgers.iter().map(|ledger| ledger.head() * u64::from(ledger.members)).sum();
        let seconds = took.as_secs_f64();
        let faults = [
            tally.lost.get(),
            tally.duplicates.get(),
            order_breaks,
            unanswered,
            tally.refused.get(),
            tally.failed.get(),
        ];
        let heard = tally.deliveries.get() == expected && expected > 0;
        let clean = heard && faults.iter().all(|count| *count == 0);
        let numbers = json!({
            "clean": clean,
            "connections": connections,
            "rooms": ledgers.len(),
            "seconds": seconds,
            "published": tally.published.get(),
            "acknowledged": tally.acknowledged.get(),
            "refused": tally.refused.get(),
            "unanswered": unanswered,
            "deliveries": tally.deliveries.get(),
            "deliveries_expected": expected,
            "deliveries_per_s": tally.deliveries.get() as f64 / seconds.max(f64::EPSILON),
            "lost": tally.lost.get(),
            "duplicates": tally.duplicates.get(),
            "order_breaks": order_breaks,
            "failed_connections": tally.failed.get(),
            "failures": times.failures,
            "latency_us": percentiles(&times.latency),
            "entrance_us": percentiles(&times.entrance),
        });
        Self { numbers, clean }
    }

    /// Whether all that was published arrived everywhere, once and in one order.
    pub(crate) const fn is_clean(&self) -> bool {
        self.clean
    }

    /// As JSON; `clean` is the verdict.
    pub(crate) fn json(&self) -> String {
        format!("{:#}", self.numbers)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let n = &self.numbers;
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:>22}  {value}");
        };
        line("connections", format!("{} in {} rooms", n["connections"], n["rooms"]));
        line("entrance", spoken(&n["entrance_us"]));
        line(
            "published",
            format!(
                "{} ({} acknowledged, {} refused, {} unanswered)",
                n["published"], n["acknowledged"], n["refused"], n["unanswered"]
            ),
        );
        line(
            "deliveries",
            format!(
                "{} of {} in {:.1} s, {:.0}/s",
                n["deliveries"],
                n["deliveries_expected"],
                n["seconds"].as_f64().unwrap_or_default(),
                n["deliveries_per_s"].as_f64().unwrap_or_default()
            ),
        );
        line("latency", spoken(&n["latency_us"]));
        line(
            "faults",
            format!(
                "{} lost, {} duplicates, {} order breaks, {} failed connections",
                n["lost"], n["duplicates"], n["order_breaks"], n["failed_connections"]
            ),
        );
        for (why, count) in n["failures"].as_object().into_iter().flatten().take(FAILURES) {
            line("failure", format!("{count} times: {why}"));
        }
        let verdict =
            if self.clean { "everything arrived, once, in one order" } else { "NOT CLEAN" };
        line("verdict", verdict.to_owned());
        text.truncate(text.trim_end().len());
        text
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Value {
    json!({
        "p50": histogram.value_at_quantile(0.5),
        "p90": histogram.value_at_quantile(0.9),
        "p99": histogram.value_at_quantile(0.99),
        "p999": histogram.value_at_quantile(0.999),
        "max": histogram.max(),
    })
}

/// Microseconds as milliseconds.
fn spoken(percentiles: &Value) -> String {
    let ms = |name: &str| percentiles[name].as_f64().unwrap_or_default() / 1_000.0;
    format!(
        "p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
        ms("p50"),
        ms("p90"),
        ms("p99"),
        ms("p999"),
        ms("max")
    )
}
