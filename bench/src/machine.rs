//! What a run says about where it was made.

use crate::results::Machine;
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

/// This machine, now.
#[must_use]
pub fn describe() -> Machine {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let unknown = || "unknown".to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Machine {
        cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(unknown),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: kernel(
            read("/proc/sys/kernel/osrelease").trim(),
            read("/proc/sys/net/ipv4/tcp_congestion_control").trim(),
        ),
        os: field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_else(unknown),
        memory_bytes: field(&read("/proc/meminfo"), "MemTotal", ':')
            .and_then(|value| value.split(' ').next()?.parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024),
        date: utc(now),
    }
}

/// How TCP paces what it sends moves figures, over loopback too.
fn kernel(release: &str, congestion: &str) -> String {
    format!("{release} (TCP: {congestion})")
}

/// The value that follows `name` in the first line that begins with it.
fn field(text: &str, name: &str, sign: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(sign)?.1.trim().trim_matches('"').to_owned())
}

/// Seconds since 1970 as RFC 3339 has them.
fn utc(seconds: u64) -> String {
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970, day);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = |year| 365 + u64::from(is_leap(year));
    while left >= days(year) {
        left -= days(year);
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_798_761_599), "2026-12-31T23:59:59Z");
        assert_eq!(utc(1_798_761_600), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn fields_are_found() {
        let text = "processor: 0\nmodel name\t: A: B\n";
        assert_eq!(field(text, "model name", ':').as_deref(), Some("A: B"));
        assert_eq!(field("PRETTY_NAME=\"X 1\"\n", "PRETTY_NAME", '=').as_deref(), Some("X 1"));
        assert_eq!(field(text, "flags", ':'), None);
    }
}
