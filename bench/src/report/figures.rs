//! What the rounds of a scenario have in common: medians and ranges, by peer and variant.

use super::metric::Metric;
use crate::results::{Results, Run};

/// The middle and the ends of what the rounds measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) rounds: usize,
}

impl Summary {
    /// `None` if nothing was measured.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let rounds = values.len();
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((rounds - 1) / 2)?, values.get(rounds / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min, max, rounds })
    }
}

/// One peer in one variant of a scenario: its rounds.
#[derive(Clone, Debug)]
pub(crate) struct Series<'a> {
    pub(crate) peer: &'a str,
    pub(crate) variant: &'a str,
    pub(crate) runs: Vec<&'a Run>,
}

impl Series<'_> {
    /// What the rounds measured of a metric.
    pub(crate) fn summary(&self, metric: &Metric) -> Option<Summary> {
        Summary::of(self.runs.iter().filter_map(|run| (metric.of)(run)).collect())
    }

    /// The median of a metric.
    pub(crate) fn median(&self, metric: &Metric) -> Option<f64> {
        self.summary(metric).map(|summary| summary.median)
    }

    /// A count added up over the rounds; `None` if no round counted it.
    pub(crate) fn total(&self, count: fn(&Run) -> Option<u64>) -> Option<u64> {
        self.runs.iter().filter_map(|run| count(run)).reduce(u64::saturating_add)
    }
}

/// All that was measured in one scenario.
#[derive(Clone, Debug)]
pub(crate) struct Figures<'a> {
    pub(crate) series: Vec<Series<'a>>,
}

impl<'a> Figures<'a> {
    /// The figures of a scenario, in the order in which peers and variants first ran.
    pub(crate) fn of(results: &'a Results, scenario: &str) -> Self {
        let mut series: Vec<Series<'a>> = Vec::new();
        for run in results.runs.iter().filter(|run| run.scenario == scenario) {
            let same =
                |known: &&mut Series<'a>| known.peer == run.peer && known.variant == run.variant;
            match series.iter_mut().find(same) {
                Some(known) => known.runs.push(run),
                None => {
                    series.push(Series { peer: &run.peer, variant: &run.variant, runs: vec![run] })
                }
            }
        }
        Self { series }
    }

    /// A peer in one variant.
    pub(crate) fn find(&self, peer: &str, variant: &str) -> Option<&Series<'a>> {
        self.series.iter().find(|series| series.peer == peer && series.variant == variant)
    }

    /// What others are compared with: the peer in the variant preferred, or in the first that it has.
    pub(crate) fn reference(&self, peer: &str, variant: &str) -> Option<&Series<'a>> {
        let first = || self.series.iter().find(|series| series.peer == peer);
        self.find(peer, variant).or_else(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_rounds() {
        let of = |values: &[f64]| Summary::of(values.to_vec());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0]), Some(Summary { median: 3.0, min: 3.0, max: 3.0, rounds: 1 }));
        let odd = Summary { median: 2.0, min: 1.0, max: 9.0, rounds: 3 };
        assert_eq!(of(&[9.0, 1.0, 2.0]), Some(odd));
        assert_eq!(of(&[1.0, 2.0, 4.0, 8.0]).unwrap().median, 3.0);
    }
}
