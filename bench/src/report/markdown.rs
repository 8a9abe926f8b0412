//! The report in words: report.md.

use super::Page;
use super::figures::{Figures, Series, Summary};
use super::metric::{GENERATOR, Metric};
use super::number::{ratio, short, times};
use super::scenario::{self, Scenario, peer_title};
use super::{sweep, targets};
use crate::results::{Results, Run, Skipped};
use std::collections::BTreeSet;

/// From this share of its core on, the generator and not the server may be what is measured.
const GENERATOR_BUSY: f64 = 85.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The whole report: what was measured and how, the targets, and the sections of the scenarios.
pub(crate) fn document(results: &Results, sections: &[String], config: Option<&str>) -> String {
    let mut parts = vec![
        "# Vestibule beside its peers\n".to_owned(),
        machine(results),
        method(results),
        format!("## Targets\n\n{}\n{}", TARGETS, targets::table(results)),
    ];
    parts.extend(sections.iter().cloned());
    parts.extend(skipped(results));
    parts.extend(config.map(configuration));
    parts.join("\n")
}

const TARGETS: &str = "\
Computed from the medians below. What is a matter of time has an allowance of 15 %, which is said where
it was needed; counts and sizes have none.
";

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let memory = short(machine.memory_bytes as f64 / GIB);
    let versions: String = results
        .versions
        .iter()
        .map(|(peer, version)| format!("| {} | {} |\n", peer_title(peer), cell(version)))
        .collect();
    format!(
        "Measured {} on {}, {} cores, {memory} GiB; {}, Linux {}.\n\n\
         | peer | version |\n|---|---|\n{versions}",
        machine.date, machine.cpu, machine.cores, machine.os, machine.kernel
    )
}

fn method(results: &Results) -> String {
    let settings = &results.settings;
    let (rounds, seconds, bytes) = (settings.repetitions, settings.seconds, settings.payload_bytes);
    format!(
        "## Method\n\n\
         - One server at a time, on a core of its own; the generator of the load has another. All is \
         loopback: compare ratios, a network costs less processor time for each delivery.\n\
         - Rounds: {rounds}, interleaved over all peers; a figure is the median of the rounds, with the \
         lowest and the highest in brackets.\n\
         - Each window lasts {} s; payloads have {bytes} bytes where nothing else is said; nothing is \
         compressed.\n\
         - CPU is the time, user and system, of the server's whole process tree. On loopback it holds \
         the receiver's half of TCP too.\n\
         - Latency runs from the moment at which a message was due to be sent until its delivery, so \
         that a server that stalls cannot hide it. The floor sends bytes and does nothing else.\n",
        short(seconds)
    )
}

/// The section of one scenario.
pub(crate) fn section(scenario: Scenario<'_>, figures: &Figures<'_>, charts: &[Page]) -> String {
    let what =
        if scenario.what.is_empty() { String::new() } else { format!("{}\n\n", scenario.what) };
    let picture = |page: &Page| format!("![{}]({})\n\n", scenario.title, page.name);
    let pictures: String = charts.iter().map(picture).collect();
    let (title, name) = (scenario.title, scenario.name);
    let heading = if title == name { format!("`{name}`") } else { format!("{title} (`{name}`)") };
    let table = if name == sweep::NAME { sweep::table } else { table };
    let (table, notes) = (table(scenario, figures), notes(figures));
    format!("## {heading}\n\n{what}{pictures}{table}{notes}")
}

/// What a ratio compares with: the head of its column, and the figure.
type Reference = (&'static str, f64);

fn references(scenario: Scenario<'_>, figures: &Figures<'_>) -> Vec<Reference> {
    let median = |head, peer, variant| {
        let series = figures.reference(peer, variant)?;
        Some((head, series.median(&scenario.headline)?))
    };
    let floor = median("to the floor", "floor", scenario.floor);
    floor.into_iter().chain(median("to Vestibule", "vestibule", "")).collect()
}

fn table(scenario: Scenario<'_>, figures: &Figures<'_>) -> String {
    let measured =
        |metric: &&Metric| figures.series.iter().any(|series| series.summary(metric).is_some());
    let headline = Some(scenario.headline).filter(|metric| measured(&metric));
    let references = references(scenario, figures);
    let columns: Vec<&Metric> = scenario.columns.iter().filter(measured).collect();
    let counted = figures.series.iter().any(|series| faults(series).is_some());

    let mut heads = vec!["peer".to_owned()];
    heads.extend(headline.map(|metric| metric.title.to_owned()));
    heads.extend(references.iter().map(|(head, _)| (*head).to_owned()));
    heads.extend(columns.iter().map(|metric| metric.title.to_owned()));
    heads.extend(counted.then(|| "lost, doubled, out of order".to_owned()));
    let mut text = format!("| {} |\n|---{}|\n", heads.join(" | "), "|--:".repeat(heads.len() - 1));

    for series in &figures.series {
        let mut cells = vec![name(series)];
        if let Some(metric) = &headline {
            cells.push(figure(series.summary(metric)));
            cells.extend(references.iter().map(|(_, to)| compared(series, metric, *to)));
        }
        cells.extend(columns.iter().map(|metric| figure(series.summary(metric))));
        cells.extend(counted.then(|| faults(series).unwrap_or_else(missing)));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// What stands where nothing was measured.
pub(crate) fn missing() -> String {
    "–".into()
}

fn name(series: &Series<'_>) -> String {
    let title = cell(&scenario::title(series.peer, series.variant));
    if series.peer == "vestibule" { format!("**{title}**") } else { title }
}

/// A median and its range.
pub(crate) fn figure(summary: Option<Summary>) -> String {
    match summary {
        None => missing(),
        Some(Summary { median, rounds: 1, .. }) => short(median),
        Some(Summary { median, min, max, .. }) => {
            format!("{} [{}-{}]", short(median), short(min), short(max))
        }
    }
}

fn compared(series: &Series<'_>, metric: &Metric, to: f64) -> String {
    let compared = series.median(metric).and_then(|median| ratio(median, to));
    compared.map_or_else(missing, times)
}

/// What went wrong with deliveries, over all rounds; `None` if nobody counted.
fn faults(series: &Series<'_>) -> Option<String> {
    let counts: [fn(&Run) -> Option<u64>; 3] =
        [|run| run.lost, |run| run.duplicates, |run| run.reordered];
    let totals = counts.map(|count| series.total(count));
    if totals.iter().all(Option::is_none) {
        return None;
    }
    let said = totals.map(|total| total.map_or_else(missing, |total| total.to_string()));
    Some(said.join(", "))
}

/// What went wrong with deliveries, if anything did.
fn faulty(series: &Series<'_>) -> Option<String> {
    let total = |count| series.total(count).unwrap_or(0);
    let lost = total(|run| run.lost);
    let (doubled, reordered) = (total(|run| run.duplicates), total(|run| run.reordered));
    (lost + doubled + reordered > 0).then(|| {
        format!(
            "deliveries over all rounds: {lost} lost, {doubled} doubled, {reordered} out of order"
        )
    })
}

/// What the runs say about themselves, each thing once.
fn notes(figures: &Figures<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for series in &figures.series {
        let busy = series.median(&GENERATOR).filter(|share| *share >= GENERATOR_BUSY);
        let busy = busy.map(|share| {
            format!(
                "the generator was at {} % of its core, and may be what is measured",
                short(share)
            )
        });
        let notes = series.runs.iter().flat_map(|run| run.notes.iter().cloned());
        for note in notes.chain(busy).chain(faulty(series)) {
            let line = format!("- {}: {note}\n", name(series));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() { String::new() } else { format!("\n{}", lines.concat()) }
}

fn skipped(results: &Results) -> Option<String> {
    let line = |skipped: &Skipped| format!("- {}: {}\n", skipped.peer, skipped.why);
    // What fails in every round is said once.
    let lines: BTreeSet<String> = results.skipped.iter().map(line).collect();
    let text: String = lines.into_iter().collect();
    (!text.is_empty()).then(|| format!("## Not measured\n\n{text}"))
}

fn configuration(config: &str) -> String {
    format!(
        "## Configuration\n\n\
         What Vestibule was started with. Everything else, history, idempotency keys, heartbeat, \
         metrics and logging among it, stood at its default.\n\n```toml\n{}\n```\n",
        config.trim_end()
    )
}

/// Text as it may stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
