//! Durations and times as people write them.

/// The longest duration, in seconds.
const YEAR_S: u64 = 366 * 86_400;
/// The last second that every reader of JSON keeps: 2^53 milliseconds.
const LAST_S: u64 = (1 << 53) / 1_000;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum When {
    /// Unix seconds.
    At(u64),
    /// Seconds after now.
    After(u64),
    /// Seconds before now.
    Before(u64),
}

impl When {
    /// The moment as Unix seconds, `now` being such too.
    pub(in super::super) const fn unix(self, now: u64) -> u64 {
        match self {
            Self::At(seconds) => seconds,
            Self::After(seconds) => now.saturating_add(seconds),
            Self::Before(seconds) => now.saturating_sub(seconds),
        }
    }
}

/// Seconds, or a number and a unit.
pub(super) fn parse_ttl(text: &str) -> Result<u64, String> {
    duration(text)
        .filter(|ttl| *ttl > 0)
        .ok_or_else(|| "write 90, 90s, 15m, 1h or 7d; 1 second to 366 days".to_owned())
}

/// Unix seconds, or a duration from now with its sign.
pub(super) fn parse_when(text: &str) -> Result<When, String> {
    let when = if let Some(rest) = text.strip_prefix('+') {
        duration(rest).map(When::After)
    } else if let Some(rest) = text.strip_prefix('-') {
        duration(rest).map(When::Before)
    } else {
        text.parse().ok().filter(|at| *at <= LAST_S).map(When::At)
    };
    when.ok_or_else(|| "write Unix seconds (1767225600), or from now: +15m, -1h, +0".to_owned())
}

fn duration(text: &str) -> Option<u64> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, seconds) = match unit {
        Some((unit, seconds)) => (text.strip_suffix(*unit).unwrap_or(text), *seconds),
        None => (text, 1),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = digits.parse().ok().filter(|_| plain);
    number.and_then(|number| number.checked_mul(seconds)).filter(|time| *time <= YEAR_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_have_units() {
        let good = [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)];
        for (text, seconds) in good {
            assert_eq!(parse_ttl(text), Ok(seconds));
        }
        for bad in
            ["", "m", "0", "-1", "+1", "1w", "400d", "1hh", "1.5h", "99999999999999999999d", "é"]
        {
            assert!(parse_ttl(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_absolute_or_from_now() {
        let good =
            [("1767225600", 1_767_225_600), ("0", 0), ("+15m", 1_900), ("-1h", 0), ("+0", 1_000)];
        for (text, unix) in good {
            assert_eq!(parse_when(text).map(|when| when.unix(1_000)), Ok(unix), "{text}");
        }
        for bad in ["", "+", "-", "15m", "++1", "+-1", "9007199254741", "now", "1e9", "-400d"] {
            assert!(parse_when(bad).is_err(), "{bad}");
        }
    }
}
