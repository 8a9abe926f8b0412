//! When the publications of an open loop are due.

/// An open loop: publications are due at a steady rate, whatever became of the earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start_ns: u64,
    per_s: u32,
    made: u64,
}

impl Schedule {
    /// A schedule of `per_s` publications a second from `start_ns` on.
    #[must_use]
    pub fn new(start_ns: u64, per_s: u32) -> Self {
        Self { start_ns, per_s: per_s.max(1), made: 0 }
    }

    /// When the next publication is due.
    #[must_use]
    pub fn next_ns(&self) -> u64 {
        // Split up, so that nothing is rounded twice and nothing overflows.
        let (per_s, second) = (u64::from(self.per_s), 1_000_000_000);
        let (seconds, rest) = (self.made / per_s, self.made % per_s);
        self.start_ns + seconds * second + rest * second / per_s
    }

    /// Takes the next publication if it is due at `now_ns`: its index and when it was due.
    pub fn take(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        let due = self.next_ns();
        (due <= now_ns).then(|| {
            self.made += 1;
            (self.made - 1, due)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_still_due_at_its_time() {
        let mut schedule = Schedule::new(1_000, 4);
        assert_eq!(schedule.take(999), None);
        assert_eq!(schedule.take(1_000), Some((0, 1_000)));
        assert_eq!(schedule.take(1_000), None);
        assert_eq!(schedule.take(500_001_000), Some((1, 250_001_000)));
        assert_eq!(schedule.take(500_001_000), Some((2, 500_001_000)));
        assert_eq!(schedule.take(500_001_000), None);
    }

    #[test]
    fn an_uneven_rate_does_not_drift() {
        let mut schedule = Schedule::new(0, 3);
        let due: Vec<u64> =
            (0..7).filter_map(|_| schedule.take(u64::MAX)).map(|(_, at)| at).collect();
        assert_eq!(due.last(), Some(&2_000_000_000));
        assert!(due.is_sorted());
    }
}
