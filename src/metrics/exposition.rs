//! The text that Prometheus reads, exposition format 0.0.4.

use super::{
    row::{Kind, Row, Unit},
    sheet::Sheet,
    table::TABLE,
};
use std::fmt::Write;

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Sheet {
    /// Every metric that has values, in the order of the table.
    pub(crate) fn expose(&self) -> String {
        let mut text = String::with_capacity(16 * 1_024);
        for row in TABLE.iter().filter(|row| self.shows(row)) {
            head(&mut text, row);
            for at in 0..row.series() {
                series(&mut text, row, at, self.series(row, at));
            }
        }
        text
    }
}

fn head(text: &mut String, row: &Row) {
    let kind = match row.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let help = row.help.replace('\\', r"\\").replace('\n', r"\n");
    // Here and below: writing to a String cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n", name = row.name);
}

fn series(text: &mut String, row: &Row, at: usize, cells: &[u64]) {
    let label = row.label.and_then(|label| Some((label.name, *label.words.get(at)?)));
    let Kind::Histogram(bounds) = row.kind else {
        let value = cells.first().copied().unwrap_or(0);
        return sample(text, row.name, [label, None], &decimal(value, row.unit));
    };
    let (bucket, mut count) = (format!("{}_bucket", row.name), 0_u64);
    for (at, cell) in cells.iter().take(bounds.len() + 1).enumerate() {
        count = count.wrapping_add(*cell);
        let bound = bounds.get(at).map_or("+Inf".to_owned(), |bound| decimal(*bound, row.unit));
        sample(text, &bucket, [label, Some(("le", &bound))], &count.to_string());
    }
    let sum = cells.last().copied().unwrap_or(0);
    sample(text, &format!("{}_sum", row.name), [label, None], &decimal(sum, row.unit));
    sample(text, &format!("{}_count", row.name), [label, None], &count.to_string());
}

fn sample(text: &mut String, name: &str, labels: [Option<(&str, &str)>; 2], value: &str) {
    text.push_str(name);
    let mut open = '{';
    for (name, word) in labels.into_iter().flatten() {
        let word = word.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let _ = write!(text, "{open}{name}=\"{word}\"");
        open = ',';
    }
    if open == ',' {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

/// A whole number in the unit that is exposed, exactly.
fn decimal(value: u64, unit: Unit) -> String {
    let places = unit.places();
    if places == 0 {
        return value.to_string();
    }
    let one = 10_u64.pow(u32::try_from(places).unwrap_or(0));
    let text = format!("{}.{:0places$}", value / one, value % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        assert_eq!(decimal(0, Unit::Millis), "0");
        assert_eq!(decimal(5, Unit::Millis), "0.005");
        assert_eq!(decimal(10_000, Unit::Millis), "10");
        assert_eq!(decimal(1_234_567, Unit::Micros), "1.234567");
        assert_eq!(decimal(1_700_000_000_120, Unit::Millis), "1700000000.12");
        assert_eq!(decimal(u64::MAX, Unit::Bytes), "18446744073709551615");
    }

    #[test]
    fn labels_are_escaped() {
        let mut text = String::new();
        sample(&mut text, "a", [Some(("b", "c\\d\"e\nf")), Some(("g", "h"))], "1");
        assert_eq!(text, "a{b=\"c\\\\d\\\"e\\nf\",g=\"h\"} 1\n");
    }
}
