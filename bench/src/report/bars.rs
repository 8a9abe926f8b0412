//! A chart of bars: one for each peer and variant, the best on top, with the range of its rounds.

use super::figures::{Figures, Series, Summary};
use super::number::{plain, short, ticks};
use super::scenario::{Scenario, title};
use super::svg::{Anchor, Canvas, Chart, FLOOR, HEAD, MARGIN, WIDTH, Words, capital, class};

const LABELS: f64 = 190.0;
const VALUES: f64 = 70.0;
const LEFT: f64 = MARGIN + LABELS;
const PLOT: f64 = WIDTH - LEFT - VALUES - MARGIN;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;
const FOOT: f64 = 40.0;
/// What the line that explains the floor takes.
const FLOOR_NOTE: f64 = 22.0;
/// Half of the height of a whisker's end.
const WHISKER: f64 = 4.0;
/// A range below this is narrower than what would show it.
const NARROW: f64 = 6.0;

struct Bar<'a> {
    series: &'a Series<'a>,
    summary: Summary,
}

impl Bar<'_> {
    fn name(&self) -> String {
        title(self.series.peer, self.series.variant)
    }
}

/// The chart of a scenario's headline; `None` if fewer than two have it.
pub(crate) fn chart(scenario: Scenario<'_>, figures: &Figures<'_>) -> Option<Chart> {
    let measured =
        |series| Some(Bar { series, summary: Series::summary(series, &scenario.headline)? });
    let mut bars: Vec<Bar<'_>> = figures.series.iter().filter_map(measured).collect();
    let less = scenario.headline.less_is_better;
    bars.sort_by(|a, b| {
        let order = a.summary.median.total_cmp(&b.summary.median);
        if less { order } else { order.reverse() }
    });
    if bars.len() < 2 {
        return None;
    }
    let words = words(scenario, &bars);
    let mut canvas = draw(&bars);
    let bottom = HEAD + ROW * bars.len() as f64 + FOOT;
    let floor = bars.iter().any(|bar| bar.series.peer == "floor");
    if floor {
        canvas.text((MARGIN, bottom + 4.0), Anchor::Start, "tick", FLOOR);
    }
    let text = canvas.finish(bottom + if floor { FLOOR_NOTE } else { 0.0 }, &words);
    Some(Chart { name: scenario.name.into(), text })
}

fn words(scenario: Scenario<'_>, bars: &[Bar<'_>]) -> Words {
    let metric = &scenario.headline;
    let better = if metric.less_is_better { "shorter is better" } else { "longer is better" };
    let rounds = bars.iter().map(|bar| bar.summary.rounds).max().unwrap_or(0);
    let of = if rounds > 1 {
        format!("medians of {rounds} rounds, and their range")
    } else {
        "one round".into()
    };
    let value = |bar: &Bar<'_>| format!("{} {}", bar.name(), short(bar.summary.median));
    let values: Vec<String> = bars.iter().map(value).collect();
    let subtitle = format!("{}, {better} ({of})", capital(metric.title));
    Words {
        title: scenario.title.into(),
        description: format!("Bars: {subtitle}. {}.", values.join("; ")),
        subtitle,
    }
}

fn draw(bars: &[Bar<'_>]) -> Canvas {
    let mut canvas = Canvas::default();
    let ticks = ticks(bars.iter().fold(0.0, |max, bar| bar.summary.max.max(max)));
    let end = ticks.last().copied().unwrap_or(1.0);
    let x = |value: f64| LEFT + PLOT * value / end;
    let bottom = HEAD + ROW * bars.len() as f64;
    for tick in ticks {
        let line = if tick == 0.0 { "axis" } else { "grid" };
        canvas.line((x(tick), HEAD), (x(tick), bottom), line);
        canvas.text((x(tick), bottom + 18.0), Anchor::Middle, "tick", &plain(tick));
    }
    let mut y = HEAD + ROW / 2.0;
    for bar in bars {
        row(&mut canvas, bar, y, x);
        y += ROW;
    }
    canvas
}

fn row(canvas: &mut Canvas, bar: &Bar<'_>, y: f64, x: impl Fn(f64) -> f64) {
    let Summary { median, min, max, rounds } = bar.summary;
    let peer = bar.series.peer;
    let strength = if peer == "vestibule" { "strong" } else { "" };
    let baseline = y + 4.5;
    canvas.text((LEFT - 12.0, baseline), Anchor::End, strength, &bar.name());
    let class = format!("bar {}", class(peer));
    canvas.bar((LEFT, y - BAR / 2.0), (x(median) - LEFT, BAR), &class);
    if rounds > 1 && x(max) - x(min) >= NARROW {
        for class in ["halo", "range"] {
            canvas.line((x(min), y), (x(max), y), class);
            for end in [min, max] {
                canvas.line((x(end), y - WHISKER), (x(end), y + WHISKER), class);
            }
        }
    }
    canvas.text((x(max.max(median)) + 10.0, baseline), Anchor::Start, strength, &short(median));
}
