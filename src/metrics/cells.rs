//! Where the cells of each metric stand.

use super::{
    row::Row,
    table::{Metric, TABLE},
};

/// How many metrics there are.
pub(super) const METRICS: usize = Metric::StartTime as usize + 1;

/// How many cells they take together.
pub(super) const CELLS: usize = FIRST[METRICS];

/// The first cell of each metric, and the end.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const FIRST: [usize; METRICS + 1] = {
    assert!(TABLE.len() == METRICS, "every metric has a row");
    let mut first = [0; METRICS + 1];
    let mut at = 0;
    while at < METRICS {
        assert!(TABLE[at].metric as usize == at, "the table is in the order of the metrics");
        first[at + 1] = first[at] + TABLE[at].series() * TABLE[at].width();
        at += 1;
    }
    first
};

impl Metric {
    /// Its row.
    #[expect(clippy::indexing_slicing, reason = "every metric has a row, says the compiler")]
    pub(crate) const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Where the cells of one of its series begin.
    #[expect(clippy::indexing_slicing, reason = "every metric has a row, says the compiler")]
    pub(super) const fn cell(self, series: usize) -> usize {
        FIRST[self as usize] + series * self.row().width()
    }
}
