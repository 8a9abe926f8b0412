//! Moments as people write them in a configuration (RFC 3339).

use crate::protocol::time::Wall;

/// The moment that `text` names: date, time of day and zone, from 1970 on.
pub(super) fn parse(text: &str) -> Option<Wall> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(zone)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // A leap second is the first moment after it.
    let of_day = hour < 24 && minute < 60 && second <= 60;
    let of_year = (1970..=9999).contains(&year) && (1..=days(year, month)?).contains(&day);
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !(of_day && of_year && digits) {
        return None;
    }
    let seconds = ((since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    u64::try_from(seconds - offset_s(zone)?).ok().map(|s| Wall::from_ms(s * 1_000))
}

/// Numbers of fixed widths with `between` between them.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (slot, width) in found.iter_mut().zip(widths) {
        let part = parts.next()?;
        let plain = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *slot = part.parse().ok().filter(|_| plain)?;
    }
    parts.next().is_none().then_some(found)
}

/// How far the clocks of a zone are ahead, in seconds.
fn offset_s(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, offset) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(offset), _) => (1, offset),
        (None, Some(offset)) => (-1, offset),
        (None, None) => return None,
    };
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month.
fn days(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(28 + i64::from(is_leap(year))),
        _ => None,
    }
}

/// Days from the first of 1970 to a date that is one.
fn since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - 477;
    let months: i64 = (1..month).filter_map(|month| days(year, month)).sum();
    (year - 1970) * 365 + leaps + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:01.999z", 1_000),
            ("2000-02-29 12:00:00Z", 951_825_600_000),
            ("2026-12-31T00:00:00Z", 1_798_675_200_000),
            ("2026-12-31T01:30:00+01:30", 1_798_675_200_000),
            ("2026-12-30T19:00:00-05:00", 1_798_675_200_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            assert_eq!(parse(text), Some(Wall::from_ms(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-12-31",
            "2026-12-31T00:00:00",
            "00:00:00Z",
            "2026-12-31T00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-12-31T24:00:00Z",
            "2026-12-31T00:60:00Z",
            "2026-12-31T00:00:61Z",
            "2026-12-31T00:00:00.Z",
            "2026-12-31T00:00:00+0100",
            "2026-12-31T00:00:00+24:00",
            "2026-12-31T00:00:00Zulu",
            "2026-12-31T00:00:00é",
            "26-12-31T00:00:00Z",
            "+026-12-31T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "1798675200",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_follow_each_other(day in 0_u64..2_932_896) {
            // The date of a day by counting, the day of that date by the formula.
            let (mut year, mut left) = (1970, day as i64);
            while left >= 365 + i64::from(is_leap(year)) {
                left -= 365 + i64::from(is_leap(year));
                year += 1;
            }
            let mut month = 1;
            while left >= days(year, month).unwrap() {
                left -= days(year, month).unwrap();
                month += 1;
            }
            let text = format!("{year}-{month:02}-{:02}T00:00:00Z", left + 1);
            prop_assert_eq!(parse(&text), Some(Wall::from_ms(day * 86_400_000)), "{}", text);
        }

        #[test]
        fn no_text_panics(text in "[0-9TZtz:+ .é-]{0,32}") {
            let _ = parse(&text);
        }
    }
}
