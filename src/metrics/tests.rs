//! The table keeps the rules of Prometheus, every cell has one owner, and nothing is lost.

use super::{
    row::{Keeper, Unit},
    table::TABLE,
    *,
};
use crate::protocol::close_code::CloseCode;
use proptest::prelude::*;
use std::{collections::BTreeSet, thread};

/// Everything that can be counted, once.
fn counts() -> Vec<Count> {
    let mut all = vec![
        Count::Verdict(Verdict::Accepted),
        Count::Verdict(Verdict::Gone),
        Count::End(End::Client),
        Count::End(End::Lost),
        Count::Received,
        Count::Published,
        Count::Duplicate,
        Count::Ephemeral,
        Count::EphemeralDropped,
        Count::Page,
        Count::Delivery,
        Count::CatchUp,
        Count::ReceivedByte,
        Count::SentByte,
    ];
    all.extend(AcceptFault::ALL.iter().copied().map(Count::AcceptFault));
    all.extend(Handshake::ALL.iter().copied().map(Count::Handshake));
    all.extend(Rule::ALL.iter().copied().map(Count::Rejection));
    all.extend(TicketEvent::ALL.iter().copied().map(Count::Ticket));
    for code in CloseCode::ALL {
        all.extend([Count::Verdict(Verdict::Refused(*code)), Count::End(End::Server(*code))]);
    }
    all.extend(ErrorCode::ALL.iter().copied().map(Count::Error));
    all
}

fn levels() -> Vec<Level> {
    let mut all = vec![Level::Member];
    all.extend(State::ALL.iter().copied().map(Level::Connection));
    all.extend(Lookup::ALL.iter().copied().map(Level::Lookup));
    all
}

#[test]
fn every_cell_belongs_to_one_thing_that_happens() {
    let cells = |kind: Kind| {
        let rows = TABLE.iter().filter(move |row| row.kind == kind && row.keeper == Keeper::Cells);
        let cells = rows.flat_map(|row| (0..row.series()).map(|at| row.metric.cell(at)));
        cells.collect::<BTreeSet<_>>()
    };
    let counted: Vec<_> = counts().into_iter().map(Count::cell).collect();
    assert_eq!(counted.len(), cells(Kind::Counter).len(), "two things share a cell");
    assert_eq!(counted.into_iter().collect::<BTreeSet<_>>(), cells(Kind::Counter));
    let raised: Vec<_> = levels().into_iter().map(Level::cell).collect();
    assert_eq!(raised.len(), cells(Kind::Gauge).len(), "two things share a cell");
    assert_eq!(raised.into_iter().collect::<BTreeSet<_>>(), cells(Kind::Gauge));
}

#[test]
fn words_stand_at_the_cells_of_their_values() {
    assert_eq!(Verdict::WORDS[Verdict::Accepted.at()], "auth_ok");
    assert_eq!(Verdict::WORDS[Verdict::Gone.at()], "gone");
    for code in CloseCode::ALL {
        assert_eq!(Verdict::WORDS[Verdict::Refused(*code).at()], code.name());
        assert_eq!(End::WORDS[End::Server(*code).at()], code.name());
    }
    for code in ErrorCode::ALL {
        assert_eq!(labels::ERRORS[error_at(*code)], code.as_str());
    }
    assert_eq!(Handshake::TooLarge.word(), "too_large");
    let in_order = |at: &mut dyn Iterator<Item = usize>, words: &[&str]| {
        assert!(at.eq(0..words.len()), "{words:?}");
    };
    in_order(&mut Outcome::ALL.iter().map(|it| it.at()), Outcome::WORDS);
    in_order(&mut labels::Source::ALL.iter().map(|it| it.at()), labels::Source::WORDS);
    in_order(&mut labels::Reloading::ALL.iter().map(|it| it.at()), labels::Reloading::WORDS);
    in_order(&mut labels::Squeeze::ALL.iter().map(|it| it.at()), labels::Squeeze::WORDS);
    in_order(&mut labels::Waiting::ALL.iter().map(|it| it.at()), labels::Waiting::WORDS);
    in_order(&mut labels::Bound::ALL.iter().map(|it| it.at()), labels::Bound::WORDS);
    in_order(&mut labels::Rank::ALL.iter().map(|it| it.at()), labels::Rank::WORDS);
    in_order(&mut labels::Look::ALL.iter().map(|it| it.at()), labels::Look::WORDS);
    in_order(&mut labels::Occupancy::ALL.iter().map(|it| it.at()), labels::Occupancy::WORDS);
}

/// https://prometheus.io/docs/practices/naming/
#[test]
fn names_follow_the_customs() {
    let mut names = BTreeSet::new();
    for row in TABLE {
        let name = row.name;
        assert!(names.insert(name), "{name} stands twice");
        assert!(name.starts_with("vestibule_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), row.kind == Kind::Counter, "{name}");
        let base = name.trim_end_matches("_total");
        let unit = match row.unit {
            Unit::None => "",
            Unit::Bytes => "_bytes",
            Unit::Millis | Unit::Micros => "_seconds",
        };
        assert!(base.ends_with(unit), "{name} has to end with {unit}");
        for part in ["_bucket", "_sum", "_count"] {
            assert!(!base.ends_with(part), "{name} reads like a part of a histogram");
        }
        assert!(row.help.ends_with('.') && !row.help.contains('\n'), "{name}: {}", row.help);
        if let Some(label) = row.label {
            let words: BTreeSet<_> = label.words.iter().collect();
            assert_eq!(words.len(), label.words.len(), "{name}: a word stands twice");
            assert!(!words.contains(&"") && label.name != "le", "{name}");
        }
        if let Kind::Histogram(bounds) = row.kind {
            assert!(bounds.is_sorted() && !bounds.is_empty(), "{name}");
        }
    }
}

#[test]
fn nothing_is_lost_between_threads() {
    let metrics = Metrics::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            let recorder = metrics.recorder();
            let metrics = &metrics;
            scope.spawn(move || {
                for _ in 0..10_000 {
                    recorder.count(Count::Delivery);
                    metrics.count(Count::Handshake(Handshake::Upgraded));
                }
                recorder.raise(Level::Member);
            });
        }
    });
    // Whoever is gone stays counted.
    let sheet = metrics.sheet();
    assert_eq!(sheet.value(Metric::Deliveries, 0), 40_000);
    assert_eq!(sheet.value(Metric::Handshakes, Handshake::Upgraded.at()), 40_000);
    assert_eq!(sheet.value(Metric::Members, 0), 4);
}

#[test]
fn what_one_raises_another_may_lower() {
    let metrics = Metrics::default();
    let (one, other) = (metrics.recorder(), metrics.recorder());
    let waiting = Level::Connection(State::Unauthenticated);
    one.raise(waiting);
    one.raise(waiting);
    other.lower(waiting);
    metrics.lower(waiting);
    assert_eq!(metrics.sheet().total(Metric::Connections), 0);
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let metrics = Metrics::default();
    let recorder = metrics.recorder();
    recorder.add(Count::SentByte, 1_500);
    recorder.verdict(Verdict::Accepted, 5);
    recorder.verdict(Verdict::Accepted, 6);
    recorder.verdict(Verdict::Refused(CloseCode::TokenInvalid), 30_000);
    let mut sheet = metrics.sheet();
    assert!(!sheet.expose().contains("process_cpu"), "nobody was asked");
    sheet.set(Reading::Cpu, 2_500_000);
    let text = sheet.expose();
    for wanted in [
        "# TYPE vestibule_sent_bytes_total counter\nvestibule_sent_bytes_total 1500\n",
        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 2.5\n",
        "vestibule_verdicts_total{verdict=\"auth_ok\"} 2\n",
        "vestibule_verdicts_total{verdict=\"token_invalid\"} 1\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"accepted\",le=\"0.002\"} 0\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"accepted\",le=\"0.005\"} 1\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"accepted\",le=\"0.01\"} 2\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"accepted\",le=\"+Inf\"} 2\n",
        "vestibule_time_to_verdict_seconds_sum{outcome=\"accepted\"} 0.011\n",
        "vestibule_time_to_verdict_seconds_count{outcome=\"accepted\"} 2\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"refused\",le=\"20\"} 0\n",
        "vestibule_time_to_verdict_seconds_bucket{outcome=\"refused\",le=\"+Inf\"} 1\n",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
}

proptest! {
    #[test]
    fn a_histogram_is_monotonic_and_complete(
        times in prop::collection::vec(0_u64..40_000, 0..200),
    ) {
        let metrics = Metrics::default();
        let recorder = metrics.recorder();
        for at in &times {
            recorder.verdict(Verdict::Accepted, *at);
        }
        let text = metrics.sheet().expose();
        let buckets = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("vestibule_time_to_verdict_seconds_bucket")?;
            let (labels, count) = rest.split_once(' ')?;
            let bound = labels.split("le=\"").nth(1)?.trim_end_matches("\"}").parse::<f64>().ok()?;
            labels.contains("accepted").then(|| (bound, count.parse::<usize>().unwrap()))
        });
        let mut seen = 0;
        for (bound, count) in buckets {
            let expected = times.iter().filter(|ms| **ms as f64 <= bound * 1_000.0 + 1e-6).count();
            prop_assert_eq!(count, expected, "at {}", bound);
            seen += 1;
        }
        prop_assert_eq!(seen, 15);
    }
}
