//! The page for people: the main numbers large, everything that is not zero below.

use crate::metrics::{Kind, Metric, Row, Sheet, TABLE, Unit};
use std::fmt::Write;

/// The page comes anew this often, in seconds.
const REFRESH_S: u64 = 5;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
"#;

const STYLE: &str = "<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
p, td, th { color: light-dark(#444, #bbb); }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem;
     list-style: none; padding: 0; }
li { border: 1px solid light-dark(#ccc, #444); border-radius: .5rem; padding: .75rem 1rem; }
b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums;
    color: light-dark(#111, #eee); }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; }
td, th { border-top: 1px solid light-dark(#ddd, #333); padding: .3rem .75rem .3rem 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.w { color: light-dark(#111, #eee); }
</style>
";

/// The page. `before` are older values, and how long ago they were taken, in milliseconds;
/// `crowds` are the addresses that hold most places in the vestibule.
pub(super) fn overview(
    sheet: &Sheet,
    up_ms: u64,
    before: Option<(u64, &Sheet)>,
    crowds: &[(String, usize)],
) -> String {
    let mut text = String::with_capacity(16 * 1_024);
    let state = match (sheet.total(Metric::Draining), sheet.total(Metric::Ready)) {
        (0, 0) => "not ready",
        (0, _) => "ready",
        _ => "draining",
    };
    let version = env!("CARGO_PKG_VERSION");
    // Here and below: writing to a String cannot fail.
    let _ = write!(
        text,
        "{HEAD}<meta http-equiv=\"refresh\" content=\"{REFRESH_S}\">\n\
         <title>{state} \u{2013} Vestibule</title>\n{STYLE}</head>\n<body>\n\
         <h1>Vestibule {version}: {state}</h1>\n\
         <p>Up for {up}. For programs: <a href=\"/metrics\">/metrics</a> (Prometheus), \
         <a href=\"/healthz\">/healthz</a>. This page comes anew every {REFRESH_S} seconds.</p>\n",
        up = span(up_ms / 1_000),
    );
    text.push_str("<ul>\n");
    for (value, words) in tiles(sheet, before) {
        let _ = writeln!(text, "<li><b>{value}</b>{words}</li>");
    }
    text.push_str("</ul>\n");
    addresses(&mut text, crowds);
    table(&mut text, sheet, before);
    text.push_str("</body>\n</html>\n");
    text
}

fn tiles(sheet: &Sheet, before: Option<(u64, &Sheet)>) -> Vec<(String, &'static str)> {
    let state = |word| grouped(sheet.labelled(Metric::Connections, word));
    let rate = |metric| match before {
        Some((ms, old)) => per_second(sheet.total(metric), old.total(metric), ms),
        None => "\u{2026}".to_owned(),
    };
    vec![
        (state("authenticated"), "connections signed in"),
        (state("unauthenticated"), "wait for a verdict"),
        (grouped(sheet.total(Metric::Users)), "users"),
        (grouped(sheet.total(Metric::Rooms)), "rooms"),
        (rate(Metric::Verdicts), "verdicts a second"),
        (rate(Metric::Published), "messages a second"),
        (rate(Metric::Deliveries), "deliveries a second"),
        (bytes(sheet.total(Metric::HistoryBytes)), "of history"),
        (bytes(sheet.total(Metric::ResidentMemory)), "of memory"),
    ]
}

/// Who holds most places. The metrics give no addresses: each would be a series of its own.
fn addresses(text: &mut String, crowds: &[(String, usize)]) {
    if crowds.is_empty() {
        return;
    }
    text.push_str(
        "<table>\n<tr><th>Holds most places without a verdict</th>\
         <th class=\"n\">Sockets</th></tr>\n",
    );
    for (address, held) in crowds {
        let _ = writeln!(
            text,
            "<tr><td class=\"w\">{}</td><td class=\"n\">{held}</td></tr>",
            escaped(address)
        );
    }
    text.push_str("</table>\n");
}

fn table(text: &mut String, sheet: &Sheet, before: Option<(u64, &Sheet)>) {
    text.push_str(
        "<table>\n<tr><th>What</th><th></th><th class=\"n\">Value</th>\
         <th class=\"n\">A second</th></tr>\n",
    );
    let plain = |row: &&Row| !matches!(row.kind, Kind::Histogram(_));
    for row in TABLE.iter().filter(plain).filter(|row| sheet.shows(row)) {
        // The head says these better, and what they count says when.
        if matches!(row.metric, Metric::BuildInfo | Metric::StartTime | Metric::LastReload) {
            continue;
        }
        let words = row.label.map_or(&[""][..], |label| label.words);
        for (at, word) in words.iter().enumerate() {
            let value = sheet.value(row.metric, at);
            if value == 0 {
                continue;
            }
            let rate = before.filter(|_| row.kind == Kind::Counter && row.unit != Unit::Micros);
            let rate = rate.map(|(ms, old)| per_second(value, old.value(row.metric, at), ms));
            let value = match row.unit {
                Unit::None => grouped(value),
                Unit::Bytes => bytes(value),
                Unit::Millis => span(value / 1_000),
                Unit::Micros => span(value / 1_000_000),
            };
            let _ = writeln!(
                text,
                "<tr><td title=\"{}\">{}</td><td class=\"w\">{word}</td><td class=\"n\">{value}</td>\
                 <td class=\"n\">{}</td></tr>",
                row.name,
                escaped(row.help),
                rate.unwrap_or_default(),
            );
        }
    }
    text.push_str("</table>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// `1,234,567`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How fast a counter grew, with one decimal place below 10.
fn per_second(new: u64, old: u64, ms: u64) -> String {
    let tenths = new.saturating_sub(old).saturating_mul(10_000) / ms.max(1);
    match (tenths / 10, tenths % 10) {
        (whole @ 0..10, tenth) if tenths > 0 => format!("{whole}.{tenth}"),
        (whole, _) => grouped(whole),
    }
}

fn bytes(value: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = value.saturating_mul(10);
    let mut unit = "bytes";
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1_024;
        unit = larger;
    }
    match (unit, tenths / 10, tenths % 10) {
        ("bytes", whole, _) => format!("{whole} bytes"),
        (unit, whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

/// `3 d 4 h`, `5 min 6 s`, `7 s`.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Count, Level, Metrics, Reading, State};

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!(
            [bytes(0), bytes(1_023), bytes(1_536), bytes(5 << 20)],
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB"]
        );
        assert_eq!([span(7), span(306), span(273_600)], ["7 s", "5 min 6 s", "3 d 4 h"]);
        assert_eq!(per_second(10, 10, 1_000), "0");
        assert_eq!(per_second(15, 10, 2_000), "2.5");
        assert_eq!(per_second(30_010, 10, 2_000), "15,000");
        assert_eq!(per_second(0, 10, 0), "0", "a server that was started anew");
    }

    #[test]
    fn the_page_shows_what_is_not_zero() {
        let metrics = Metrics::default();
        let recorder = metrics.recorder();
        recorder.raise(Level::Connection(State::Authenticated));
        recorder.add(Count::Published, 10);
        let old = metrics.sheet();
        recorder.add(Count::Published, 24_690);
        let mut sheet = metrics.sheet();
        sheet.set(Reading::Ready, 1);
        let page = overview(&sheet, 61_000, Some((2_000, &old)), &[("192.0.2.7".to_owned(), 31)]);
        for wanted in [
            "Vestibule 0.1.0: ready",
            "Up for 1 min 1 s.",
            "<b>1</b>connections signed in",
            "<b>12,345</b>messages a second",
            "<td class=\"w\">192.0.2.7</td><td class=\"n\">31</td>",
            "<td class=\"n\">24,700</td><td class=\"n\">12,345</td>",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing in\n{page}");
        }
        assert!(!page.contains("vestibule_deliveries_total"), "a zero");
        assert!(overview(&sheet, 0, None, &[]).contains("<b>\u{2026}</b>messages a second"));
    }
}
