//! The report of a small run.

use super::*;
use crate::results::{Latency, Machine, Run, Settings, Skipped};

const CONFIG: &str = "[limits]\nmessages_per_s = 1000000\n";

fn one(scenario: &str, peer: &str, variant: &str, round: u32) -> Run {
    Run {
        scenario: scenario.into(),
        peer: peer.into(),
        variant: variant.into(),
        round,
        ..Run::default()
    }
}

/// Three rounds of which the second is the median, and the others lie 10 % around it.
fn rounds(results: &mut Results, of: (&str, &str, &str), set: impl Fn(&mut Run, f64)) {
    for (round, factor) in [(1, 1.1), (2, 1.0), (3, 0.9)] {
        let mut run = one(of.0, of.1, of.2, round);
        set(&mut run, factor);
        results.runs.push(run);
    }
}

fn fan(results: &mut Results) {
    let peers = [
        ("vestibule", 5.4),
        ("floor", 4.88),
        ("uws", 6.04),
        ("ws", 10.4),
        ("naive", 8.0),
        ("socketio", 13.9),
    ];
    for (peer, cpu) in peers {
        rounds(results, ("fan50", peer, ""), |run, factor| {
            run.cpu_us_per_delivery = Some(cpu * factor);
            run.latency_ms = Some(Latency { p50: 3.0, p99: 7.1, p999: 13.0, max: 20.0 });
            run.lost = Some(0);
            run.syscalls_per_delivery = (peer == "vestibule").then_some(1.02);
        });
    }
}

fn loops(results: &mut Results) {
    let peers = [
        ("vestibule", "", 1_600_000.0),
        ("floor", "", 338_000.0),
        ("floor", "k16", 2_000_000.0),
        ("uws", "", 1_436_000.0),
        ("ws", "", 156_000.0),
        ("socketio", "", 130_000.0),
    ];
    for (peer, variant, rate) in peers {
        rounds(results, ("W16", peer, variant), |run, factor| {
            run.deliveries_per_s = Some(rate * factor);
            run.generator_cpu_percent = Some(if variant == "k16" { 90.0 } else { 50.0 });
            run.syscalls_per_delivery = (peer == "vestibule").then_some(0.09);
        });
    }
}

fn sweeps(results: &mut Results) {
    for (peer, cost) in [
        ("vestibule", 5.2),
        ("floor", 4.9),
        ("uws", 6.1),
        ("ws", 10.2),
        ("naive", 7.8),
        ("socketio", 13.5),
    ] {
        let rooms = [10, 100, 1000, 10_000].map(|members| (members, 128));
        for (members, bytes) in rooms.into_iter().chain([(1000, 16), (1000, 1024), (1000, 8192)]) {
            let cost =
                cost * (1.0 + 12.0 / f64::from(members)) * (1.0 + f64::from(bytes) / 20_000.0);
            rounds(results, ("sweep", peer, &format!("{members}x{bytes}")), |run, factor| {
                run.cpu_us_per_delivery = Some(cost * factor);
            });
        }
    }
}

fn sample() -> Results {
    let mut results = Results {
        machine: Machine {
            cpu: "Some Processor".into(),
            cores: 2,
            kernel: "6.18".into(),
            os: "Debian 12".into(),
            memory_bytes: 24 << 30,
            date: "2026-11-23T00:53:00Z".into(),
        },
        versions: [("vestibule".into(), "0.1.0".into()), ("ws".into(), "8.23.0".into())].into(),
        settings: Settings { repetitions: 3, seconds: 10.0, payload_bytes: 128 },
        runs: Vec::new(),
        skipped: vec![Skipped { peer: "uws/million".into(), why: "there is no node here".into() }],
    };
    fan(&mut results);
    loops(&mut results);
    sweeps(&mut results);
    results
}

fn page(name: &str) -> String {
    let pages = pages(&sample(), Some(CONFIG));
    pages.into_iter().find(|page| page.name == name).map(|page| page.text).unwrap()
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in:\n{text}");
}

#[test]
fn the_report_and_a_chart_for_each_scenario() {
    let names: Vec<String> = pages(&sample(), None).into_iter().map(|page| page.name).collect();
    let expected = ["report.md", "fan50.svg", "W16.svg", "sweep-members.svg", "sweep-payload.svg"];
    assert_eq!(names, expected);
    for name in expected.into_iter().skip(1) {
        has(&page("report.md"), &format!("]({name})"));
    }
}

#[test]
fn a_table_shows_medians_ranges_and_ratios() {
    let report = page("report.md");
    has(&report, "| **Vestibule** | 5.40 [4.86-5.94] | 1.11× | 1.00× |");
    has(&report, "| uWebSockets.js | 6.04 [5.44-6.64] | 1.24× | 1.12× |");
    has(&report, "| 0, –, – |");
    // The floor with 16 frames a write is what W16 is compared with.
    has(&report, "| **Vestibule** | 1.60M [1.44M-1.76M] | 0.80× | 1.00× |");
    has(&report, "| Floor, 16 frames a write | 2.00M [1.80M-2.20M] | 1.00× | 1.25× |");
    let sweep = "| members | bytes | Vestibule | Floor | uWebSockets.js | ws | tokio-tungstenite | \
                 Socket.IO |";
    has(&report, sweep);
    has(&report, "| 10,000 | 128 | 5.24 [4.72-5.76] |");
    has(&report, "- Floor, 16 frames a write: the generator was at 90.0 % of its core");
}

#[test]
fn targets_are_judged_by_the_medians() {
    let report = page("report.md");
    let verdicts = [
        "floor's | ≤ 1.2× | ≤ 1.05× | 1.11× | **reached** |",
        "uWebSockets.js | ≤ 1.05× | – | 0.89× | **reached** |",
        "fan50: system calls per delivery | ≤ 1.05 | – | 1.02 | **reached** |",
        "W16: system calls per delivery | ≤ 0.08 | ≤ 0.065 | 0.090 | **missed** |",
        "rooms2k: CPU per delivery to uWebSockets.js | ≤ 1× | ≤ 0.85× | – | not measured |",
    ];
    for verdict in verdicts {
        has(&report, verdict);
    }
}

#[test]
fn the_allowance_is_for_times_and_is_named() {
    let mut results = sample();
    let ours = |run: &&mut Run| run.peer == "vestibule" && run.scenario == "fan50";
    for run in results.runs.iter_mut().filter(ours) {
        run.cpu_us_per_delivery = Some(4.88 * 1.3);
    }
    let verdict = |results: &Results| pages(results, None).swap_remove(0).text;
    has(&verdict(&results), "| 1.30× | reached within the allowance |");
    for run in results.runs.iter_mut().filter(ours) {
        run.cpu_us_per_delivery = Some(4.88 * 1.4);
    }
    has(&verdict(&results), "| 1.40× | **missed** |");
}

#[test]
fn one_bad_round_is_enough_to_have_lost_something() {
    let mut results = sample();
    rounds(&mut results, ("million", "vestibule", ""), |run, factor| {
        run.lost = Some(if factor > 1.0 { 3 } else { 0 });
    });
    let report = pages(&results, None).swap_remove(0).text;
    has(&report, "- **Vestibule**: deliveries over all rounds: 3 lost, 0 doubled, 0 out of order");
    has(&report, "million: deliveries lost | ≤ 0 | – | 3 | **missed** |");
}

#[test]
fn what_is_to_be_known_beside_the_figures() {
    let report = page("report.md");
    has(&report, "Measured 2026-11-23T00:53:00Z on Some Processor, 2 cores, 24.0 GiB; Debian 12");
    has(&report, "| ws | 8.23.0 |");
    has(&report, "- uws/million: there is no node here");
    has(&report, "```toml\n[limits]\nmessages_per_s = 1000000\n```");
}

#[test]
fn a_scenario_that_nobody_described_has_its_table_too() {
    let mut results = sample();
    rounds(&mut results, ("new", "ws", ""), |run, factor| run.connects_per_s = Some(10.0 * factor));
    let report = pages(&results, None).swap_remove(0).text;
    has(
        &report,
        "## `new`\n\n| peer | connects per second |\n|---|--:|\n| ws | 10.0 [9.00-11.0] |",
    );
}

#[test]
fn charts_say_in_words_what_they_show() {
    let chart = page("fan50.svg");
    has(&chart, "role=\"img\" aria-labelledby=\"title description\"");
    has(&chart, "CPU µs per delivery, shorter is better (medians of 3 rounds, and their range)");
    has(&chart, "Floor 4.88; Vestibule 5.40; uWebSockets.js 6.04;");
    has(&page("W16.svg"), "Floor, 16 frames a write 2.00M; Vestibule 1.60M; uWebSockets.js 1.44M;");
    let sweep = page("sweep-payload.svg");
    has(&sweep, "CPU µs per delivery, lower is better (a room of 1,000 members; logarithmic axes)");
    assert_eq!(sweep.matches("<polyline").count(), 6, "{sweep}");
}

#[test]
fn files_are_written_where_they_are_asked_for() {
    let folder = std::env::temp_dir().join(format!("vestibule-report-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let results = folder.join("results.json");
    fs::write(&results, serde_json::to_string(&sample()).unwrap()).unwrap();
    let args = Args { results, out: folder.join("out"), config: None };
    super::run(&args).unwrap();
    assert!(folder.join("out/report.md").is_file());
    let missing = Args { config: Some(folder.join("none.toml")), ..args };
    has(&super::run(&missing).unwrap_err(), "none.toml cannot be read");
    fs::remove_dir_all(&folder).unwrap();
}
