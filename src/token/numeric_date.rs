//! NumericDate (RFC 7519 2): decimal seconds to whole milliseconds, exactly and never rounded up.

use crate::protocol::{limits::INTEGER_MAX, time::Wall};

/// A time that is negative or beyond 2^53 - 1 milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfRange;

/// Decimal digits of the largest time in milliseconds.
const DIGITS_MAX: i64 = 16;

/// Reads the text of a JSON number as seconds since 1970.
///
/// The arithmetic is decimal: a double would move some fractions by a millisecond.
pub(super) fn parse(number: &str) -> Result<Wall, OutOfRange> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| digit.wrapping_sub(b'0'));
    let Some(leading_zeros) = digits().position(|digit| digit != 0) else {
        return Ok(Wall::from_ms(0));
    };
    // The value in milliseconds has this many digits before its point.
    let point = length(whole).saturating_add(parse_exponent(exponent)).saturating_add(3);
    let significant = point.saturating_sub(length_of(leading_zeros));
    if negative || significant > DIGITS_MAX {
        return Err(OutOfRange);
    }
    let taken = usize::try_from(significant).unwrap_or(0);
    let padded = digits().skip(leading_zeros).chain(std::iter::repeat(0)).take(taken);
    let ms = padded.fold(0_u64, |ms, digit| ms.saturating_mul(10).saturating_add(digit.into()));
    if ms > INTEGER_MAX { Err(OutOfRange) } else { Ok(Wall::from_ms(ms)) }
}

/// An exponent that does not fit is as far away as one that does.
fn parse_exponent(text: &str) -> i64 {
    let limit = if text.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
    text.parse().map_or(limit, |exponent: i64| exponent.clamp(i64::MIN / 4, i64::MAX / 4))
}

fn length(text: &str) -> i64 {
    length_of(text.len())
}

fn length_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(number: &str) -> u64 {
        parse(number).expect(number).as_ms()
    }

    #[test]
    fn keeps_milliseconds_and_cuts_the_rest() {
        let table = [
            ("0", 0),
            ("-0", 0),
            ("0.0e99", 0),
            ("1300819380", 1_300_819_380_000),
            ("1300819380.5", 1_300_819_380_500),
            ("1300819380.999", 1_300_819_380_999),
            ("1300819380.9999999999999999999", 1_300_819_380_999),
            ("1.3e9", 1_300_000_000_000),
            ("1.3E+9", 1_300_000_000_000),
            ("13000000000e-1", 1_300_000_000_000),
            ("0.001", 1),
            ("0.0019", 1),
            ("0.0009", 0),
            ("1e-400", 0),
            ("0.000000000000000000000000000000000000001e42", 1_000_000),
            ("9007199254740.991", 9_007_199_254_740_991),
        ];
        for (number, expected) in table {
            assert_eq!(ms(number), expected, "{number}");
        }
    }

    #[test]
    fn refuses_what_is_no_possible_time() {
        let table = [
            "-1",
            "-0.0001",
            "-1e-400",
            "9007199254740.992",
            "9999999999999",
            "10000000000000",
            "1e13",
            "1e300",
            "1e99999999999999999999",
            "1792512000000000000",
        ];
        for number in table {
            assert_eq!(parse(number), Err(OutOfRange), "{number}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_decimal_seconds(ms in 0..=INTEGER_MAX) {
            let plain = format!("{}.{:03}", ms / 1_000, ms % 1_000);
            prop_assert_eq!(parse(&plain), Ok(Wall::from_ms(ms)));
            prop_assert_eq!(parse(&format!("{ms}e-3")), Ok(Wall::from_ms(ms)));
            prop_assert_eq!(parse(&format!("{plain}9")), Ok(Wall::from_ms(ms)));
        }

        #[test]
        fn any_text_has_an_answer(text in "-?[0-9]{0,30}(\\.[0-9]{0,30})?([eE][+-]?[0-9]{0,25})?") {
            let _ = parse(&text);
        }
    }
}
