//! What an answer says about how long it may be kept (RFC 9111).

use hyper::{HeaderMap, header};

/// What an answer says about how long it may be kept. Times are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caching {
    /// `max-age`: how long it is fresh, from its making.
    pub max_age_s: Option<u64>,
    /// `Age`: how long ago it was made, as far as a cache on the way tells.
    pub age_s: u64,
    /// `no-store` or `no-cache`: it asks not to be kept.
    pub unwanted: bool,
}

impl Caching {
    /// How long it is fresh from now on, in seconds; `None` if it does not say. What asks not to
    /// be kept is not fresh at all.
    pub fn fresh_s(&self) -> Option<u64> {
        if self.unwanted {
            return Some(0);
        }
        self.max_age_s.map(|max_age| max_age.saturating_sub(self.age_s))
    }

    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut caching = Self::default();
        let lines = headers.get_all(header::CACHE_CONTROL).iter();
        for directive in lines.filter_map(|line| line.to_str().ok()).flat_map(|it| it.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                caching.unwanted = true;
            } else if name.eq_ignore_ascii_case("max-age") {
                // Said twice, or in words: the shorter life is the safe one (RFC 9111 4.2.1).
                let seconds = seconds(value).unwrap_or(0);
                caching.max_age_s = Some(caching.max_age_s.map_or(seconds, |it| it.min(seconds)));
            }
        }
        let ages = headers.get_all(header::AGE).iter().filter_map(|line| line.to_str().ok());
        caching.age_s = ages.filter_map(seconds).max().unwrap_or(0);
        caching
    }
}

/// Delta-seconds (RFC 9111 1.2.2), plain or quoted; too many are the most.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Caching {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        Caching::read(&headers)
    }

    #[test]
    fn tells_how_long_it_is_fresh() {
        type Lines<'a> = &'a [(&'static str, &'a str)];
        let table: &[(Lines<'_>, Option<u64>)] = &[
            (&[], None),
            (&[("cache-control", "public")], None),
            (&[("cache-control", "max-age=600")], Some(600)),
            (&[("cache-control", "public, Max-Age=\"600\" , must-revalidate")], Some(600)),
            (&[("cache-control", "max-age=600"), ("age", "100")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "700")], Some(0)),
            (&[("cache-control", "max-age=600"), ("age", "soon")], Some(600)),
            (&[("cache-control", "max-age=600, max-age=60")], Some(60)),
            (&[("cache-control", "max-age=600"), ("cache-control", "max-age=60")], Some(60)),
            (&[("cache-control", "max-age=-1")], Some(0)),
            (&[("cache-control", "max-age=")], Some(0)),
            (&[("cache-control", "max-age=99999999999999999999")], Some(u64::MAX)),
            (&[("cache-control", "no-store, max-age=600")], Some(0)),
            (&[("cache-control", "max-age=600, no-cache")], Some(0)),
            (&[("cache-control", "s-maxage=600")], None),
            (&[("age", "5")], None),
        ];
        for (lines, fresh) in table {
            assert_eq!(read(lines).fresh_s(), *fresh, "{lines:?}");
        }
    }
}
