//! A row of the table of metrics: kind, unit, label, who keeps the value.

use super::table::Metric;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows, from 0 at the start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a value was at most each of these bounds, in its unit of counting.
    Histogram(&'static [u64]),
}

/// What is counted, and how much of the exposed unit one of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    None,
    /// Bytes.
    Bytes,
    /// Counted in milliseconds, exposed in seconds.
    Millis,
    /// Counted in microseconds, exposed in seconds.
    Micros,
}

impl Unit {
    /// How many decimal places the exposed number has.
    pub(super) const fn places(self) -> usize {
        match self {
            Self::None | Self::Bytes => 0,
            Self::Millis => 3,
            Self::Micros => 6,
        }
    }
}

/// Who keeps the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The cells: it is counted where it happens.
    Cells,
    /// Somebody else, who is asked for each exposition.
    Asked,
}

/// A label and its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it can be, in the order of the cells.
    pub(crate) words: &'static [&'static str],
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Which one.
    pub(crate) metric: Metric,
    /// The name, suffix included.
    pub(crate) name: &'static str,
    /// Its kind.
    pub(crate) kind: Kind,
    /// Its unit.
    pub(crate) unit: Unit,
    /// Its label, if it has one.
    pub(crate) label: Option<Label>,
    /// Who keeps it.
    pub(crate) keeper: Keeper,
    /// What it says, for people.
    pub(crate) help: &'static str,
}

impl Row {
    pub(super) const fn by(self, name: &'static str, words: &'static [&'static str]) -> Self {
        Self { label: Some(Label { name, words }), ..self }
    }

    pub(super) const fn of(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn asked(self) -> Self {
        Self { keeper: Keeper::Asked, ..self }
    }

    /// How many series it has, the parts of a histogram not counted.
    pub(super) const fn series(&self) -> usize {
        match self.label {
            Some(label) => label.words.len(),
            None => 1,
        }
    }

    /// How many cells one series takes: a histogram's buckets, the one without a bound, and the
    /// sum.
    pub(super) const fn width(&self) -> usize {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Histogram(bounds) => bounds.len() + 2,
        }
    }
}

pub(super) const fn row(metric: Metric, name: &'static str, kind: Kind, help: &'static str) -> Row {
    Row { metric, name, kind, unit: Unit::None, label: None, keeper: Keeper::Cells, help }
}

pub(super) const fn counter(metric: Metric, name: &'static str, help: &'static str) -> Row {
    row(metric, name, Kind::Counter, help)
}

pub(super) const fn gauge(metric: Metric, name: &'static str, help: &'static str) -> Row {
    row(metric, name, Kind::Gauge, help)
}
