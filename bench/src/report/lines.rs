//! A chart of lines on two logarithmic axes: how something grows, one line for each peer.

use super::figures::Summary;
use super::number::{plain, short};
use super::scenario::peer_title;
use super::svg::{Anchor, Canvas, FLOOR, HEAD, MARGIN, WIDTH, Words, class};
use super::sweep::span;

const LEFT: f64 = MARGIN + 44.0;
const NAMES: f64 = 150.0;
const PLOT: (f64, f64) = (WIDTH - LEFT - NAMES - MARGIN, 300.0);
const BOTTOM: f64 = HEAD + PLOT.1;
const HEIGHT: f64 = BOTTOM + 86.0;
/// The least distance of two names.
const LEADING: f64 = 18.0;

/// What one peer did.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) peer: &'a str,
    /// From left to right.
    pub(crate) points: Vec<Point>,
}

/// The cost at one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) x: u32,
    pub(crate) cost: Summary,
}

/// The horizontal axis: what it stands for, and the sizes that it is marked with, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Axis<'a> {
    pub(crate) title: &'a str,
    pub(crate) values: Vec<u32>,
}

/// Where a value lies on an axis: 0 at `from`, 1 at `to`.
fn share(value: f64, (from, to): (f64, f64)) -> f64 {
    (value / from).ln() / (to / from).ln()
}

struct Scale {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scale {
    fn x(&self, value: u32) -> f64 {
        LEFT + PLOT.0 * share(f64::from(value), self.x)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - PLOT.1 * share(value, self.y)
    }
}

/// The whole chart. There are two sizes at least, and no cost is zero.
pub(crate) fn draw(title: &str, subtitle: &str, axis: &Axis<'_>, lines: &[Line<'_>]) -> String {
    let mut canvas = Canvas::default();
    let marks = marks(span(lines));
    let ends = |values: &[f64]| {
        let first = values.first().copied().unwrap_or(1.0);
        (first, values.last().copied().unwrap_or(10.0 * first))
    };
    let sizes: Vec<f64> = axis.values.iter().map(|value| f64::from(*value)).collect();
    let scale = Scale { x: ends(&sizes), y: ends(&marks) };
    grid(&mut canvas, &scale, axis, &marks);
    // Vestibule comes last, and so lies on top.
    let (ours, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.peer == "vestibule");
    for one in others.into_iter().chain(ours) {
        line(&mut canvas, &scale, one);
    }
    names(&mut canvas, &scale, lines);
    if lines.iter().any(|line| line.peer == "floor") {
        canvas.text((MARGIN, HEIGHT - 18.0), Anchor::Start, "tick", FLOOR);
    }
    let said: Vec<String> = lines.iter().map(said).collect();
    let words = Words {
        title: title.into(),
        subtitle: subtitle.into(),
        description: format!("Lines: {subtitle}. {}.", said.join("; ")),
    };
    canvas.finish(HEIGHT, &words)
}

/// The numbers 1, 2, 3, 5 and 7 of each decade, from the last one below the span to the first one above.
fn marks((min, max): (f64, f64)) -> Vec<f64> {
    let (from, to) = (min.log10().floor() as i32, max.log10().floor() as i32);
    let decade = |power: i32| [1.0, 2.0, 3.0, 5.0, 7.0].map(|lead| lead * 10_f64.powi(power));
    let all: Vec<f64> = (from..=to + 1).flat_map(decade).collect();
    let below = all.iter().rposition(|mark| *mark <= min).unwrap_or(0);
    let above = all.iter().position(|mark| *mark >= max).unwrap_or(all.len());
    let count = (above + 1).saturating_sub(below).max(2);
    all.into_iter().skip(below).take(count).collect()
}

fn grid(canvas: &mut Canvas, scale: &Scale, axis: &Axis<'_>, marks: &[f64]) {
    let right = LEFT + PLOT.0;
    for mark in marks {
        let y = scale.y(*mark);
        canvas.line((LEFT, y), (right, y), "grid");
        canvas.text((LEFT - 10.0, y + 4.0), Anchor::End, "tick", &plain(*mark));
    }
    canvas.line((LEFT, BOTTOM), (right, BOTTOM), "axis");
    for value in &axis.values {
        let x = scale.x(*value);
        canvas.line((x, BOTTOM), (x, BOTTOM + 5.0), "axis");
        canvas.text((x, BOTTOM + 20.0), Anchor::Middle, "tick", &plain(f64::from(*value)));
    }
    canvas.text((LEFT + PLOT.0 / 2.0, BOTTOM + 42.0), Anchor::Middle, "soft", axis.title);
}

fn line(canvas: &mut Canvas, scale: &Scale, line: &Line<'_>) {
    let class = class(line.peer);
    let at = |point: &Point| (scale.x(point.x), scale.y(point.cost.median));
    let points: Vec<(f64, f64)> = line.points.iter().map(at).collect();
    canvas.polyline(&points, &format!("line {class}"));
    for point in &line.points {
        let x = scale.x(point.x);
        let range = ((x, scale.y(point.cost.min)), (x, scale.y(point.cost.max)));
        canvas.line(range.0, range.1, &format!("spread {class}"));
        canvas.dot(at(point), &format!("dot {class}"));
    }
}

/// The names of the lines at their right ends, moved apart where these are close.
fn names(canvas: &mut Canvas, scale: &Scale, lines: &[Line<'_>]) {
    let end = |line: &Line<'_>| line.points.last().map(|point| scale.y(point.cost.median));
    let mut names: Vec<(f64, String)> =
        lines.iter().filter_map(|line| Some((end(line)?, line.peer.into()))).collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lowest = BOTTOM - LEADING * names.len().saturating_sub(1) as f64;
    let mut least = HEAD;
    for (place, (wanted, peer)) in names.iter().enumerate() {
        let most = lowest + LEADING * place as f64;
        let y = wanted.max(least).min(most);
        least = y + LEADING;
        let strength = if peer == "vestibule" { "strong" } else { "" };
        let class = format!("name {} {strength}", class(peer));
        canvas.text((LEFT + PLOT.0 + 14.0, y + 4.5), Anchor::Start, &class, peer_title(peer));
    }
}

fn said(line: &Line<'_>) -> String {
    let point =
        |point: &Point| format!("{} at {}", short(point.cost.median), plain(f64::from(point.x)));
    let points: Vec<String> = line.points.iter().map(point).collect();
    format!("{}: {}", peer_title(line.peer), points.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_decades_holds_what_was_measured() {
        assert_eq!(marks((3.0, 14.0)), [3.0, 5.0, 7.0, 10.0, 20.0]);
        assert_eq!(marks((5.0, 5.0)), [5.0, 7.0]);
        let small: Vec<String> = marks((0.12, 0.9)).into_iter().map(plain).collect();
        assert_eq!(small, ["0.1", "0.2", "0.3", "0.5", "0.7", "1"]);
        for (min, max) in [(0.07, 900.0), (1.0, 1.0), (99.0, 101.0)] {
            let marks = marks((min, max));
            assert!(marks[0] <= min && *marks.last().unwrap() >= max, "{marks:?}");
        }
    }
}
