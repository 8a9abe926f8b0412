//! What came of a run: counted while it goes on, told at the end.

use crate::{
    count::{Count, histogram},
    cut::Cut,
    ledger::{Audit, Ledger},
    place::{Entry, Step},
    server::Memory,
};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Reasons told in full.
const REASONS: usize = 8;

/// What all bots count together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Bots that were in all their rooms once.
    pub(crate) ready: Count,
    /// Bots that have every message acknowledged, after the chat.
    pub(crate) idle: Count,
    /// Bots that have heard everything.
    pub(crate) done: Count,
    /// Messages made.
    pub(crate) published: Count,
    /// Messages sent again.
    pub(crate) sent_again: Count,
    /// Acknowledged as published before.
    pub(crate) duplicates: Count,
    /// Cuts of connections that had not caught up yet.
    pub(crate) early: Count,
    /// What contradicts the protocol or what others heard.
    pub(crate) wrong: Count,
    /// Messages never acknowledged.
    pub(crate) unanswered: Count,
    /// Messages not heard at the end.
    pub(crate) missing: Count,
    recovered: Count,
    unrecovered: Count,
    live: Count,
    replayed: Count,
    again: Count,
    gaps: Count,
    reconnects: Count,
    more: Mutex<More>,
}

#[derive(Debug)]
struct More {
    cuts: BTreeMap<&'static str, u64>,
    /// Why lines were lost that we did not cut.
    lost_lines: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    caught_up: Histogram<u64>,
}

impl Default for More {
    fn default() -> Self {
        Self {
            cuts: Cut::ALL.iter().map(|(_, name)| (*name, 0)).collect(),
            lost_lines: BTreeMap::new(),
            refused: BTreeMap::new(),
            caught_up: histogram(),
        }
    }
}

impl Tally {
    fn more(&self) -> MutexGuard<'_, More> {
        self.more.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// We cut a connection.
    pub(crate) fn cut(&self, cut: Cut) {
        let name = Cut::ALL.iter().find(|(known, _)| *known == cut).map_or("", |(_, name)| name);
        *self.more().cuts.entry(name).or_default() += 1;
    }

    /// A connection ended that we did not cut.
    pub(crate) fn lost_line(&self, why: String) {
        *self.more().lost_lines.entry(why).or_default() += 1;
    }

    /// The server refused something for now.
    pub(crate) fn refused(&self, code: &str) {
        *self.more().refused.entry(code.to_owned()).or_default() += 1;
    }

    /// A bot came into a room.
    pub(crate) fn entry(&self, entry: Entry) {
        match entry {
            Entry::New => {}
            Entry::Recovered => self.recovered.add(1),
            Entry::Unrecovered { lost } => {
                self.unrecovered.add(1);
                self.gaps.add(lost);
            }
            Entry::Wrong => self.wrong.add(1),
        }
    }

    /// A bot heard a message.
    pub(crate) fn step(&self, step: Step) {
        match step {
            Step::Live => self.live.add(1),
            Step::Replayed => self.replayed.add(1),
            Step::Again => self.again.add(1),
            Step::Gap { lost } => {
                self.live.add(1);
                self.gaps.add(lost);
            }
            Step::Wrong => self.wrong.add(1),
        }
    }

    /// A bot has come back and has everything that it missed.
    pub(crate) fn caught_up(&self, took: Duration) {
        self.reconnects.add(1);
        self.more().caught_up.saturating_record(took.as_micros() as u64);
    }

    /// Cuts so far.
    pub(crate) fn cuts(&self) -> u64 {
        self.more().cuts.values().sum()
    }

    /// Messages heard so far.
    pub(crate) fn heard(&self) -> u64 {
        self.live.get() + self.replayed.get()
    }

    /// Faults seen so far: each is a loss, or worse.
    pub(crate) fn faults(&self) -> u64 {
        self.gaps.get() + self.again.get() + self.wrong.get()
    }
}

/// What the server had in memory, at three moments; `None` if it is none of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memories {
    /// With nobody in it.
    pub(crate) idle: Memory,
    /// With everybody in it, before the chat.
    pub(crate) ready: Memory,
    /// With everybody in it, when all is said.
    pub(crate) end: Memory,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) clients: u32,
    pub(crate) rooms: u32,
    pub(crate) rooms_each: u32,
    pub(crate) seconds: f64,
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
        scene: Scene,
        tally: &Tally,
        ledgers: &[Arc<Ledger>],
        memories: Option<Memories>,
    ) -> Self {
        let audits: Vec<Audit> = ledgers.iter().map(|ledger| ledger.audit()).collect();
        let sum = |of: fn(&Audit) -> u64| audits.iter().map(of).sum::<u64>();
        let heads: u64 = ledgers.iter().map(|ledger| ledger.head()).sum();
        let faults = json!({
            "lost": tally.gaps.get() + tally.missing.get(),
            "heard_twice": tally.again.get(),
            "published_twice": sum(|audit| audit.twice),
            "contradictions": tally.wrong.get() + sum(|audit| audit.disagreements),
            "acknowledged_and_misplaced": sum(|audit| audit.misplaced),
            "numbers_unheard": sum(|audit| audit.unheard),
            "unanswered": tally.unanswered.get(),
            "published_and_unacknowledged": sum(|audit| audit.unacknowledged),
            "never_came_in": u64::from(scene.clients) - tally.ready.get(),
        });
        let none = faults.as_object().into_iter().flatten().all(|(_, count)| *count == 0);
        let clean = none && heads > 0 && tally.published.get() == heads;
        let more = tally.more();
        let numbers = json!({
            "clean": clean,
            "seed": scene.seed,
            "clients": scene.clients,
            "rooms": scene.rooms,
            "rooms_each": scene.rooms_each,
            "seconds": scene.seconds,
            "cuts": more.cuts.values().sum::<u64>(),
            "cuts_by_kind": more.cuts,
            "cuts_before_caught_up": tally.early.get(),
            "lost_lines": more.lost_lines,
            "refused": more.refused,
            "reconnects": tally.reconnects.get(),
            "recovered_true": tally.recovered.get(),
            "recovered_false": tally.unrecovered.get(),
            "published": tally.published.get(),
            "acknowledged": sum(|audit| audit.acknowledged),
            "sent_again": tally.sent_again.get(),
            "duplicates_acknowledged": tally.duplicates.get(),
            "deliveries": tally.heard(),
            "replayed": tally.replayed.get(),
            "faults": faults,
            "caught_up_us": {
                "p50": more.caught_up.value_at_quantile(0.5),
                "p99": more.caught_up.value_at_quantile(0.99),
                "max": more.caught_up.max(),
            },
            "server_bytes": memories.map(|memories| json!({
                "idle": memories.idle.resident,
                "ready": memories.ready.resident,
                "highest": memories.end.highest,
                "end": memories.end.resident,
            })),
        });
        Self { numbers, clean }
    }

    /// Whether every message arrived everywhere, once and in order.
    pub(crate) const fn is_clean(&self) -> bool {
        self.clean
    }

    /// As JSON; `clean` is the verdict.
    pub(crate) fn json(&self) -> String {
        format!("{:#}", self.numbers)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.lines().into_iter().chain(self.reasons()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:>28}  {value}");
        }
        let verdict =
            if self.clean { "nothing lost, nothing twice, one order" } else { "NOT CLEAN" };
        let _ = write!(text, "{:>28}  {verdict}", "verdict");
        text
    }

    /// A table for a document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = "| | |\n|---|---|\n".to_owned();
        for (name, value) in self.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let n = Numbers(&self.numbers);
        let mut lines = vec![("clients", n.scene()), ("cuts", n.cuts())];
        lines.push(("of these, while coming back", n.count("/cuts_before_caught_up")));
        lines.push(("came back and caught up", n.returns()));
        lines.push(("published", n.published()));
        let (all, replayed) = (n.count("/deliveries"), n.count("/replayed"));
        lines.push(("heard", format!("{all}, {replayed} of them replayed")));
        lines.push(("faults", n.faults()));
        lines.push(("from TCP connect to caught up", n.times()));
        lines.extend(n.memory().map(|memory| ("memory of the server", memory)));
        lines
    }

    /// What the server did without being asked.
    fn reasons(&self) -> impl Iterator<Item = (&'static str, String)> {
        let kinds = [("lost_lines", "line lost, not by us"), ("refused", "refused for now")];
        kinds.into_iter().flat_map(|(name, spoken)| {
            let reasons = self.numbers.get(name).and_then(Value::as_object);
            let told = reasons.into_iter().flatten().take(REASONS);
            told.map(move |(why, count)| (spoken, format!("{count} times: {why}")))
        })
    }
}

/// The numbers of a report, in words.
struct Numbers<'a>(&'a Value);

impl Numbers<'_> {
    fn count(&self, path: &str) -> String {
        spelled(self.0.pointer(path).and_then(Value::as_u64).unwrap_or_default())
    }

    fn part(&self, path: &str, of: f64) -> f64 {
        self.0.pointer(path).and_then(Value::as_f64).unwrap_or_default() / of
    }

    fn scene(&self) -> String {
        let seconds = self.part("/seconds", 1.0);
        let (clients, rooms) = (self.count("/clients"), self.count("/rooms"));
        let (each, seed) = (self.count("/rooms_each"), &self.0["seed"]);
        format!("{clients} in {rooms} rooms, {each} rooms each, {seconds} s, seed {seed}")
    }

    fn cuts(&self) -> String {
        let kind = |name: &str| self.count(&format!("/cuts_by_kind/{name}"));
        format!(
            "{}: {} by FIN, {} by RST, {} inside a frame of the client, {} inside one of the \
             server, {} by silence",
            self.count("/cuts"),
            kind("fin"),
            kind("reset"),
            kind("half_sent"),
            kind("half_read"),
            kind("silent")
        )
    }

    fn returns(&self) -> String {
        let (yes, no) = (self.count("/recovered_true"), self.count("/recovered_false"));
        format!("{} times; `recovered` true {yes}, false {no}", self.count("/reconnects"))
    }

    fn published(&self) -> String {
        let (again, known) = (self.count("/sent_again"), self.count("/duplicates_acknowledged"));
        format!("{}; sent again {again}, known already {known}", self.count("/published"))
    }

    fn faults(&self) -> String {
        let faults = self.0["faults"].as_object().into_iter().flatten();
        let faults = faults.map(|(name, count)| format!("{} {count}", name.replace('_', " ")));
        faults.collect::<Vec<_>>().join(", ")
    }

    fn times(&self) -> String {
        let ms = |name: &str| self.part(&format!("/caught_up_us/{name}"), 1_000.0);
        format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", ms("p50"), ms("p99"), ms("max"))
    }

    fn memory(&self) -> Option<String> {
        let mib = |name: &str| self.part(&format!("/server_bytes/{name}"), 1_048_576.0);
        let known = self.0["server_bytes"].is_object();
        known.then(|| {
            format!(
                "{:.1} MiB with nobody in it, {:.1} MiB with all clients, {:.1} MiB at most, \
                 {:.1} MiB at the end",
                mib("idle"),
                mib("ready"),
                mib("highest"),
                mib("end")
            )
        })
    }
}

/// With a comma before each three digits.
fn spelled(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: Scene = Scene { seed: 1, clients: 1, rooms: 1, rooms_each: 1, seconds: 1.0 };

    #[test]
    fn numbers_are_spelled() {
        let all = [0, 999, 1_000, 123_456, 1_234_567].map(spelled);
        assert_eq!(all, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn one_lost_message_spoils_the_run() {
        let ledgers = [Arc::new(Ledger::new("r".to_owned()))];
        let said = crate::ledger::Said { mark: 1, hash: 1 };
        assert!(ledgers[0].hear(1, said));
        ledgers[0].acknowledge(1, 1);
        let tally = Tally::default();
        tally.ready.add(1);
        tally.published.add(1);
        let report = Report::new(SCENE, &tally, &ledgers, None);
        assert!(report.is_clean(), "{}", report.text());
        tally.step(Step::Gap { lost: 1 });
        let report = Report::new(SCENE, &tally, &ledgers, None);
        assert!(!report.is_clean() && report.text().ends_with("NOT CLEAN"), "{}", report.text());
        assert!(report.text().contains("lost 1"), "{}", report.text());
        assert!(!report.markdown().contains("memory"), "{}", report.markdown());
    }
}
