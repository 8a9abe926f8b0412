//! Makes a report of the results: `report.md` and a chart for each scenario, as SVG.

mod bars;
mod figures;
mod lines;
mod markdown;
mod metric;
mod number;
mod scenario;
mod svg;
mod sweep;
mod targets;
#[cfg(test)]
mod tests;

use crate::results::Results;
use figures::Figures;
use std::fs;
use std::path::{Path, PathBuf};

/// What `vestibule-bench report` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The results.json of a run
    results: PathBuf,
    /// Where report.md and its charts go; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The configuration that Vestibule was measured with, to be shown in the report
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its name within the folder of the report.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Reads the results and writes the report.
///
/// # Errors
/// The results or the configuration cannot be read, or the report cannot be written.
pub fn run(args: &Args) -> Result<(), String> {
    let results = serde_json::from_str(&read(&args.results)?)
        .map_err(|error| format!("{} holds no results: {error}", args.results.display()))?;
    let config = args.config.as_deref().map(read).transpose()?;
    write(&results, config.as_deref(), &args.out)
}

/// Writes the report of these results; `config` is what Vestibule was configured with.
///
/// # Errors
/// It cannot be written.
pub fn write(results: &Results, config: Option<&str>, out: &Path) -> Result<(), String> {
    let failed = |error| format!("{} cannot be written: {error}", out.display());
    fs::create_dir_all(out).map_err(failed)?;
    for page in pages(results, config) {
        fs::write(out.join(page.name), page.text).map_err(failed)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// The whole report: `report.md`, and the charts that it shows.
#[must_use]
pub fn pages(results: &Results, config: Option<&str>) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut sections = Vec::new();
    for scenario in scenario::of(results) {
        let figures = Figures::of(results, scenario.name);
        let charts = charts(scenario, &figures);
        sections.push(markdown::section(scenario, &figures, &charts));
        pages.extend(charts);
    }
    let text = markdown::document(results, &sections, config);
    pages.insert(0, Page { name: "report.md".into(), text });
    pages
}

fn charts(scenario: scenario::Scenario<'_>, figures: &Figures<'_>) -> Vec<Page> {
    let charts = if scenario.name == sweep::NAME {
        sweep::charts(scenario, figures)
    } else {
        bars::chart(scenario, figures).into_iter().collect()
    };
    let page = |chart: svg::Chart| Page { name: format!("{}.svg", chart.name), text: chart.text };
    charts.into_iter().map(page).collect()
}
