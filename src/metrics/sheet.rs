//! All values at one moment: what was counted, added up, and what others were asked for.

use super::labels::{
    Answer, Bound, Look, Occupancy, Rank, Recheck, Reloading, Source, Spared, Squeeze, Waiting,
};
use super::{
    cells::{CELLS, METRICS},
    row::{Keeper, Row},
    table::Metric,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// A value that somebody else keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Always 1.
    BuildInfo,
    /// 1 while sessions can be opened.
    Ready,
    /// 1 while the server drains.
    Draining,
    /// Worker threads.
    Workers,
    /// Configurations that were read again.
    Reloads(Reloading),
    /// When the one in force was put into force, in milliseconds since the Unix epoch.
    LastReload,
    /// The cap on connections.
    ConnectionsMax,
    /// Sockets of the vestibule.
    GateSockets(Waiting),
    /// Its bounds.
    GateBound(Bound),
    /// Milliseconds that its oldest socket has waited.
    GateOldest,
    /// What the addresses hold that hold most.
    GateTop(Rank),
    /// Who found no place, or lost it.
    GateSqueezes(Squeeze),
    /// Tokens that brought a key.
    BroughtKeys,
    /// Tickets that were given out and not used.
    TicketsHeld,
    /// Sources of keys that have some.
    UsableSources,
    /// Sources of keys that have none.
    DownSources,
    /// Keys of sources.
    Keys,
    /// Looks at sources that brought a set.
    GoodLooks,
    /// Looks that did not.
    FailedLooks,
    /// Milliseconds since the last good look.
    KeyAge,
    /// Questions to the directory, by what it said.
    DirectoryAnswers(Answer),
    /// Questions that it was spared.
    DirectorySpared(Spared),
    /// Questions to it under way.
    DirectoryRunning,
    /// Looks at users who were in.
    DirectoryRechecks(Recheck),
    /// Users that are here.
    Users,
    /// Rooms that somebody is in.
    OccupiedRooms,
    /// Rooms that remember, with nobody in them.
    RestingRooms,
    /// What rooms remember, in bytes.
    HistoryBytes,
    /// How much that may be, in bytes.
    HistoryBytesMax,
    /// Messages that are remembered.
    HistoryMessages,
    /// Messages that were forgotten because memory was short.
    HistoryEvicted,
    /// Resident memory, in bytes.
    ResidentMemory,
    /// Processor time, in microseconds.
    Cpu,
    /// Open descriptors.
    OpenDescriptors,
    /// How many there may be.
    MaxDescriptors,
    /// Milliseconds since the Unix epoch.
    StartTime,
}

impl Reading {
    const fn place(self) -> (Metric, usize) {
        match self {
            Self::BuildInfo => (Metric::BuildInfo, 0),
            Self::Ready => (Metric::Ready, 0),
            Self::Draining => (Metric::Draining, 0),
            Self::Workers => (Metric::Workers, 0),
            Self::Reloads(outcome) => (Metric::Reloads, outcome.at()),
            Self::LastReload => (Metric::LastReload, 0),
            Self::ConnectionsMax => (Metric::ConnectionsMax, 0),
            Self::GateSockets(waiting) => (Metric::GateSockets, waiting.at()),
            Self::GateBound(bound) => (Metric::GateBounds, bound.at()),
            Self::GateOldest => (Metric::GateOldest, 0),
            Self::GateTop(rank) => (Metric::GateTop, rank.at()),
            Self::GateSqueezes(cause) => (Metric::GateSqueezes, cause.at()),
            Self::BroughtKeys => (Metric::BroughtKeys, 0),
            Self::TicketsHeld => (Metric::TicketsHeld, 0),
            Self::UsableSources => (Metric::KeySources, Source::Usable.at()),
            Self::DownSources => (Metric::KeySources, Source::Down.at()),
            Self::Keys => (Metric::Keys, 0),
            Self::GoodLooks => (Metric::KeyLooks, Look::Good.at()),
            Self::FailedLooks => (Metric::KeyLooks, Look::Failed.at()),
            Self::KeyAge => (Metric::KeyAge, 0),
            Self::DirectoryAnswers(answer) => (Metric::DirectoryAnswers, answer.at()),
            Self::DirectorySpared(why) => (Metric::DirectorySpared, why.at()),
            Self::DirectoryRunning => (Metric::DirectoryRunning, 0),
            Self::DirectoryRechecks(outcome) => (Metric::DirectoryRechecks, outcome.at()),
            Self::Users => (Metric::Users, 0),
            Self::OccupiedRooms => (Metric::Rooms, Occupancy::Occupied.at()),
            Self::RestingRooms => (Metric::Rooms, Occupancy::Resting.at()),
            Self::HistoryBytes => (Metric::HistoryBytes, 0),
            Self::HistoryBytesMax => (Metric::HistoryBytesMax, 0),
            Self::HistoryMessages => (Metric::HistoryMessages, 0),
            Self::HistoryEvicted => (Metric::HistoryEvicted, 0),
            Self::ResidentMemory => (Metric::ResidentMemory, 0),
            Self::Cpu => (Metric::Cpu, 0),
            Self::OpenDescriptors => (Metric::OpenDescriptors, 0),
            Self::MaxDescriptors => (Metric::MaxDescriptors, 0),
            Self::StartTime => (Metric::StartTime, 0),
        }
    }
}

/// All values at one moment. Its parts were read one after the other: a socket that changes its
/// state meanwhile may stand in two states or in none.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    cells: Box<[u64]>,
    /// Which metrics have been asked for.
    known: [bool; METRICS],
}

impl Default for Sheet {
    fn default() -> Self {
        Self { cells: vec![0; CELLS].into(), known: [false; METRICS] }
    }
}

impl Sheet {
    /// Adds the cells of a shard.
    pub(super) fn add(&mut self, shard: &[AtomicU64]) {
        for (sum, cell) in self.cells.iter_mut().zip(shard) {
            *sum = sum.wrapping_add(cell.load(Ordering::Relaxed));
        }
    }

    /// Notes what somebody else keeps. A metric that nobody was asked for is not shown.
    pub(crate) fn set(&mut self, reading: Reading, value: u64) {
        let (metric, series) = reading.place();
        if let Some(known) = self.known.get_mut(metric as usize) {
            *known = true;
        }
        if let Some(cell) = self.cells.get_mut(metric.cell(series)) {
            *cell = value;
        }
    }

    /// Whether there are values of this metric.
    pub(crate) fn shows(&self, row: &Row) -> bool {
        match row.keeper {
            Keeper::Cells => true,
            Keeper::Asked => self.known.get(row.metric as usize).is_some_and(|known| *known),
        }
    }

    /// The cells of one series.
    pub(super) fn series(&self, row: &Row, series: usize) -> &[u64] {
        let first = row.metric.cell(series);
        self.cells.get(first..first + row.width()).unwrap_or_default()
    }

    /// The value of one series of a counter or gauge.
    pub(crate) fn value(&self, metric: Metric, series: usize) -> u64 {
        self.series(metric.row(), series).first().copied().unwrap_or(0)
    }

    /// The value of the series with this word.
    pub(crate) fn labelled(&self, metric: Metric, word: &str) -> u64 {
        let label = metric.row().label;
        let at = label.and_then(|label| label.words.iter().position(|known| *known == word));
        at.map_or(0, |at| self.value(metric, at))
    }

    /// The sum of all series of a counter or gauge.
    pub(crate) fn total(&self, metric: Metric) -> u64 {
        (0..metric.row().series()).map(|at| self.value(metric, at)).sum()
    }
}
