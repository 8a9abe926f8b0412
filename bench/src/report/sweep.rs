//! The sweep: how the cost grows with the size of rooms and of payloads, a chart for each.

use super::figures::{Figures, Summary};
use super::lines::{self, Axis, Line, Point};
use super::markdown::{figure, missing};
use super::number::plain;
use super::scenario::{Scenario, peer_title};
use super::svg::{Chart, capital};
use std::collections::{BTreeMap, BTreeSet};

/// The scenario's name in the results.
pub(crate) const NAME: &str = "sweep";

/// What the variant of a run in the sweep says: `1000x128` is a room of 1,000 and 128 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    members: u32,
    bytes: u32,
}

impl Step {
    fn parse(variant: &str) -> Option<Self> {
        let (members, bytes) = variant.split_once('x')?;
        let step = Self { members: members.parse().ok()?, bytes: bytes.parse().ok()? };
        (step.members > 0 && step.bytes > 0).then_some(step)
    }
}

/// One of the two sizes, and the other one, which stands still while the first grows.
struct Direction {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    growing: fn(Step) -> u32,
    standing: fn(Step) -> u32,
    /// How the size that stands is spoken of.
    of: fn(u32) -> String,
}

const DIRECTIONS: [Direction; 2] = [
    Direction {
        name: "sweep-members",
        title: "How the cost grows with the room",
        axis: "members of the room",
        growing: |step| step.members,
        standing: |step| step.bytes,
        of: |bytes| format!("payloads of {} bytes", plain(f64::from(bytes))),
    },
    Direction {
        name: "sweep-payload",
        title: "How the cost grows with the payload",
        axis: "bytes of payload",
        growing: |step| step.bytes,
        standing: |step| step.members,
        of: |members| format!("a room of {} members", plain(f64::from(members))),
    },
];

/// A chart for each size that was varied.
pub(crate) fn charts(scenario: Scenario<'_>, figures: &Figures<'_>) -> Vec<Chart> {
    DIRECTIONS.iter().filter_map(|direction| chart(scenario, figures, direction)).collect()
}

fn chart(scenario: Scenario<'_>, figures: &Figures<'_>, direction: &Direction) -> Option<Chart> {
    let standing = longest(figures, direction)?;
    let mut all: Vec<Line<'_>> = Vec::new();
    for series in &figures.series {
        let Some(step) = Step::parse(series.variant) else { continue };
        let Some(cost) = series.summary(&scenario.headline) else { continue };
        // A logarithm has no place for what costs nothing.
        if (direction.standing)(step) != standing || cost.min <= 0.0 {
            continue;
        }
        let point = Point { x: (direction.growing)(step), cost };
        match all.iter_mut().find(|line| line.peer == series.peer) {
            Some(line) => line.points.push(point),
            None => all.push(Line { peer: series.peer, points: vec![point] }),
        }
    }
    for line in &mut all {
        line.points.sort_by_key(|point| point.x);
    }
    let subtitle = format!(
        "{}, lower is better ({}; logarithmic axes)",
        capital(scenario.headline.title),
        (direction.of)(standing)
    );
    let axis = Axis { title: direction.axis, values: values(&all)? };
    let text = lines::draw(direction.title, &subtitle, &axis, &all);
    Some(Chart { name: direction.name.into(), text })
}

/// The standing size at which the other one took most values; `None` if it took one at most.
fn longest(figures: &Figures<'_>, direction: &Direction) -> Option<u32> {
    let steps: Vec<Step> =
        figures.series.iter().filter_map(|series| Step::parse(series.variant)).collect();
    let stops: BTreeSet<u32> = steps.iter().map(|step| (direction.standing)(*step)).collect();
    let grown = |stop: u32| {
        let at = steps.iter().filter(|step| (direction.standing)(**step) == stop);
        at.map(|step| (direction.growing)(*step)).collect::<BTreeSet<u32>>().len()
    };
    stops.into_iter().max_by_key(|stop| grown(*stop)).filter(|stop| grown(*stop) > 1)
}

/// The sizes that were measured, if there are two at least.
fn values(all: &[Line<'_>]) -> Option<Vec<u32>> {
    let points = all.iter().flat_map(|line| &line.points);
    let values: BTreeSet<u32> = points.map(|point| point.x).collect();
    (values.len() > 1).then(|| values.into_iter().collect())
}

/// The table of the sweep: a line for each step, a column for each peer.
pub(crate) fn table(scenario: Scenario<'_>, figures: &Figures<'_>) -> String {
    let mut peers: Vec<&str> = Vec::new();
    let mut steps: BTreeMap<Step, &str> = BTreeMap::new();
    for series in &figures.series {
        if !peers.contains(&series.peer) {
            peers.push(series.peer);
        }
        steps.extend(Step::parse(series.variant).map(|step| (step, series.variant)));
    }
    let heads: Vec<&str> = peers.iter().map(|peer| peer_title(peer)).collect();
    let mut text = format!(
        "{}:\n\n| members | bytes | {} |\n|{}\n",
        capital(scenario.headline.title),
        heads.join(" | "),
        "--:|".repeat(peers.len() + 2)
    );
    for (step, variant) in steps {
        let cost = |peer: &&str| {
            let series = figures.find(peer, variant);
            series.map_or_else(missing, |series| figure(series.summary(&scenario.headline)))
        };
        let cells: Vec<String> = peers.iter().map(cost).collect();
        let sizes = [step.members, step.bytes].map(|size| plain(f64::from(size)));
        text.push_str(&format!("| {} | {} |\n", sizes.join(" | "), cells.join(" | ")));
    }
    text
}

/// The ends of what was measured.
pub(crate) fn span(all: &[Line<'_>]) -> (f64, f64) {
    let costs = all.iter().flat_map(|line| &line.points).map(|point| point.cost);
    costs.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), Summary { min, max, .. }| {
        (low.min(min), high.max(max))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_sweep() {
        assert_eq!(Step::parse("1000x128"), Some(Step { members: 1000, bytes: 128 }));
        for wrong in ["", "x", "10", "10x", "0x5", "-1x5", "10x5x3"] {
            assert_eq!(Step::parse(wrong), None, "{wrong}");
        }
    }
}
