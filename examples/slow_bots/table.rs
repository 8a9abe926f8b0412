//! What slow members cost the others: runs with them beside runs without.

use crate::{server::Memory, slow::Fate, watch::Closed};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write};

/// What came of one run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Whether every other member heard everything, once and in order.
    pub(crate) clean: bool,
    /// Messages that somebody else has not heard.
    pub(crate) lost: u64,
    /// Messages heard by the others.
    pub(crate) deliveries: u64,
    /// From sending to each delivery, in microseconds.
    pub(crate) p50_us: u64,
    /// The same, for the slowest hundredth.
    pub(crate) p99_us: u64,
    /// Of the server, with nobody in it.
    pub(crate) idle: Memory,
    /// And at the end.
    pub(crate) end: Memory,
    /// Whom the server closed.
    pub(crate) closed: Vec<Closed>,
    /// What became of the slow ones.
    pub(crate) fates: Vec<(&'static str, Fate)>,
}

/// All runs.
#[derive(Debug)]
pub(crate) struct Table {
    /// What was asked for, in words.
    pub(crate) scene: String,
    /// Alternating with the ones below.
    pub(crate) without: Vec<Outcome>,
    pub(crate) with: Vec<Outcome>,
}

/// A figure in the middle of others, and the two at the ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut all: Vec<f64> = figures.collect();
        all.sort_by(f64::total_cmp);
        let at = |place: usize| all.get(place).copied().unwrap_or_default();
        let last = all.len().saturating_sub(1);
        Self { low: at(0), median: at(last / 2), high: at(last) }
    }

    fn spoken(self, unit: &str) -> String {
        format!("{:.1} {unit} ({:.1} to {:.1})", self.median, self.low, self.high)
    }
}

impl Table {
    /// Whether nobody else lost anything, and slow members found no gap up to where they were cut.
    pub(crate) fn is_clean(&self) -> bool {
        let mut all = self.without.iter().chain(&self.with);
        all.all(|run| run.clean && run.fates.iter().all(|(_, fate)| !fate.gap))
    }

    /// For people and documents: a table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let runs = self.with.len();
        let mut text = format!(
            "{}\n\n| median of {runs} (least to most) | without | with the two |\n|---|---|---|\n",
            self.scene
        );
        let mut row = |name: &str, of: &dyn Fn(&[Outcome]) -> String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {} | {} |", of(&self.without), of(&self.with));
        };
        let figure = |unit: &'static str, of: fn(&Outcome) -> f64| {
            move |runs: &[Outcome]| Spread::of(runs.iter().map(of)).spoken(unit)
        };
        row("latency of the others, p50", &figure("ms", |run| run.p50_us as f64 / 1_000.0));
        row("latency of the others, p99", &figure("ms", |run| run.p99_us as f64 / 1_000.0));
        let total = |of: fn(&Outcome) -> u64| {
            move |runs: &[Outcome]| runs.iter().map(of).sum::<u64>().to_string()
        };
        row("deliveries to the others", &total(|run| run.deliveries));
        row("lost by the others", &total(|run| run.lost));
        row("memory of the server at most", &figure("MiB", |run| mib(run.end.highest)));
        row("memory of the server at the end", &figure("MiB", |run| mib(run.end.resident)));
        row("closed by the server", &|runs| closes(runs));
        let names = self.with.first().into_iter().flat_map(|run| &run.fates);
        for (name, _) in names {
            row(&format!("found in the end by {name}"), &|runs| fates(runs, name));
        }
        let verdict = if self.is_clean() { "nobody else lost anything" } else { "NOT CLEAN" };
        let _ = write!(text, "\nVerdict: {verdict}.");
        text
    }

    /// For a program to read; `clean` is the verdict.
    pub(crate) fn json(&self) -> String {
        let runs = |runs: &[Outcome]| runs.iter().map(Outcome::json).collect::<Vec<_>>();
        let (without, with) = (runs(&self.without), runs(&self.with));
        format!("{:#}", json!({ "clean": self.is_clean(), "without": without, "with": with }))
    }
}

impl Outcome {
    fn json(&self) -> Value {
        let closed = self.closed.iter().map(|it| json!({ "code": it.code, "after_s": it.after_s }));
        let fates = self.fates.iter().map(|(name, fate)| {
            json!({ "who": name, "heard": fate.heard, "gap": fate.gap, "end": fate.end })
        });
        json!({
            "clean": self.clean,
            "lost": self.lost,
            "deliveries": self.deliveries,
            "latency_us": { "p50": self.p50_us, "p99": self.p99_us },
            "server_bytes": {
                "idle": self.idle.resident,
                "highest": self.end.highest,
                "end": self.end.resident,
            },
            "closed": closed.collect::<Vec<_>>(),
            "slow": fates.collect::<Vec<_>>(),
        })
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// What one of the slow members found in all runs, and how it ended.
fn fates(runs: &[Outcome], name: &str) -> String {
    let all = || runs.iter().flat_map(|run| &run.fates).filter(|(of, _)| *of == name);
    let (least, most) =
        (all().map(|(_, fate)| fate.heard).min(), all().map(|(_, it)| it.heard).max());
    let ends: BTreeSet<&str> = all().map(|(_, fate)| fate.end.as_str()).collect();
    let ends: Vec<&str> = ends.into_iter().collect();
    match (least, most) {
        (Some(least), Some(most)) => {
            let span = if least == most { "" } else { &format!("{least} to ") };
            format!("{span}{most} messages in order, then {}", ends.join(" or "))
        }
        (None, _) | (_, None) => "-".to_owned(),
    }
}

/// `slow_consumer` after 36, 38 s: by code, of all runs.
fn closes(runs: &[Outcome]) -> String {
    let all: Vec<&Closed> = runs.iter().flat_map(|run| &run.closed).collect();
    let codes: BTreeSet<&str> = all.iter().map(|it| it.code.as_str()).collect();
    let spoken = codes.into_iter().map(|code| {
        let of = all.iter().filter(|it| it.code == code);
        let mut after: Vec<u64> = of.map(|it| it.after_s).collect();
        after.sort_unstable();
        let after: Vec<String> = after.iter().map(u64::to_string).collect();
        format!("`{code}` after {} s", after.join(", "))
    });
    let spoken: Vec<String> = spoken.collect();
    if spoken.is_empty() { "nobody".to_owned() } else { spoken.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(p50_us: u64) -> Outcome {
        Outcome {
            clean: true,
            lost: 0,
            deliveries: 1,
            p50_us,
            p99_us: 2 * p50_us,
            idle: Memory::default(),
            end: Memory::default(),
            closed: vec![Closed { code: "slow_consumer".to_owned(), after_s: p50_us / 1_000 }],
            fates: Vec::new(),
        }
    }

    #[test]
    fn the_middle_of_five_counts() {
        let spread = Spread::of([5.0, 1.0, 4.0, 2.0, 3.0].into_iter());
        assert_eq!(spread, Spread { low: 1.0, median: 3.0, high: 5.0 });
        assert_eq!(spread.spoken("ms"), "3.0 ms (1.0 to 5.0)");
    }

    #[test]
    fn one_loss_or_gap_spoils_it() {
        let mut table = Table {
            scene: "a room".to_owned(),
            without: vec![outcome(1_000)],
            with: vec![outcome(38_000), outcome(4_000)],
        };
        assert!(table.is_clean(), "{table:?}");
        let text = table.markdown();
        assert!(text.contains("`slow_consumer` after 4, 38 s |"), "{text}");
        let fate = Fate { heard: 3, gap: false, end: "`slow_consumer`".to_owned() };
        table.with[0].fates.push(("the one that reads nothing", fate));
        let text = table.markdown();
        assert!(text.contains("| - | 3 messages in order, then `slow_consumer` |"), "{text}");
        table.with[0].fates[0].1.gap = true;
        assert!(!table.is_clean());
        table.with[0].fates.clear();
        table.without[0].clean = false;
        assert!(!table.is_clean());
    }
}
