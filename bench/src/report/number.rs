//! Numbers for people: three digits that mean something.

/// Three significant digits, thousands as `k` and millions as `M`: `0.257`, `6.04`, `1,375`, `144k`, `3.85M`.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    // The bounds lie where rounding would give a fourth digit.
    if size >= 999_500.0 {
        format!("{}M", digits(value / 1e6))
    } else if size >= 9_995.0 {
        format!("{}k", digits(value / 1e3))
    } else if size >= 999.5 {
        whole(value.round())
    } else {
        digits(value)
    }
}

/// A round number without the zeros that say how precise it is: `5`, `0.25`, `1.5M`, `8,192`.
pub(crate) fn plain(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e5 => (value / 1e3, "k"),
        size if size >= 1e3 => return whole(value),
        _ => (value, ""),
    };
    let text = format!("{scaled:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number from 1,000 to 999,999, with its thousands set off.
fn whole(value: f64) -> String {
    let (thousands, rest) = ((value / 1000.0).trunc(), (value % 1000.0).abs());
    format!("{thousands:.0},{rest:03.0}")
}

fn digits(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size == 0.0 || size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// How many times the second the first is; nothing if there is nothing to compare with.
pub(crate) fn ratio(value: f64, to: f64) -> Option<f64> {
    (to > 0.0).then(|| value / to)
}

/// `1.05×`.
pub(crate) fn times(ratio: f64) -> String {
    format!("{}×", if (0.1..9.995).contains(&ratio) { format!("{ratio:.2}") } else { short(ratio) })
}

/// The round numbers from 0 on that an axis up to `max` is marked with: about five, the last of them
/// not below `max`.
pub(crate) fn ticks(max: f64) -> Vec<f64> {
    let step = step(max);
    let count = (max / step - 1e-9).ceil().max(1.0);
    (0..=count as u32).map(|tick| f64::from(tick) * step).collect()
}

fn step(max: f64) -> f64 {
    if !(max.is_finite() && max > 0.0) {
        return 1.0;
    }
    let rough = max / 5.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let leading = [1.0, 2.0, 2.5, 5.0].into_iter().find(|lead| rough / magnitude <= *lead + 1e-9);
    leading.unwrap_or(10.0) * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_that_mean_something() {
        let cases = [
            (0.0, "0"),
            (0.0619, "0.062"),
            (0.257, "0.257"),
            (0.9996, "1.00"),
            (6.04, "6.04"),
            (9.996, "10.0"),
            (13.94, "13.9"),
            (460.4, "460"),
            (999.6, "1,000"),
            (1375.2, "1,375"),
            (9_994.9, "9,995"),
            (9_996.0, "10.0k"),
            (143_900.0, "144k"),
            (999_600.0, "1.00M"),
            (3_850_000.0, "3.85M"),
        ];
        for (value, expected) in cases {
            assert_eq!(short(value), expected, "{value}");
        }
    }

    #[test]
    fn round_numbers_have_no_zeros_behind_them() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (5.0, "5"),
            (100.0, "100"),
            (1250.0, "1,250"),
            (10_000.0, "10,000"),
            (500_000.0, "500k"),
            (1_500_000.0, "1.5M"),
        ];
        for (value, expected) in cases {
            assert_eq!(plain(value), expected, "{value}");
        }
    }

    #[test]
    fn ratios() {
        assert_eq!(ratio(3.0, 2.0).map(times).as_deref(), Some("1.50×"));
        assert_eq!(ratio(1000.0, 7.0).map(times).as_deref(), Some("143×"));
        assert_eq!(ratio(3.0, 40.0).map(times).as_deref(), Some("0.075×"));
        assert_eq!(ratio(3.0, 0.0), None);
    }

    #[test]
    fn an_axis_has_round_numbers_and_reaches_the_longest_bar() {
        assert_eq!(ticks(14.9), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(5.0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(ticks(0.8).len(), 5);
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        for max in [0.01, 0.3, 7.7, 101.0, 3_850_000.0] {
            let ticks = ticks(max);
            assert!((3..=7).contains(&ticks.len()), "{max}: {ticks:?}");
            assert!(*ticks.last().unwrap() >= max, "{max}: {ticks:?}");
        }
    }
}
