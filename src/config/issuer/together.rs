//! Several issuers beside each other: nobody of one may pass for somebody of another.

use super::{default_name, stands_at};
use crate::config::{Origin, check::Check};

/// A text of one issuer, and where it was written.
struct Written {
    key: String,
    text: String,
    origin: Origin,
}

impl Check {
    /// What must hold between issuers, before their values are taken out.
    pub(super) fn several(&mut self, count: usize) {
        if count < 2 {
            return;
        }
        self.distinct_names(count);
        self.distinct_issuers(count);
        self.prefixes(count);
    }

    fn distinct_names(&mut self, count: usize) {
        let names = (0..count).map(|number| {
            let key = format!("issuer.{number}.name");
            self.written(&key).unwrap_or_else(|| Written {
                text: default_name(number).into(),
                origin: Origin::Default,
                key,
            })
        });
        let names: Vec<_> = names.collect();
        self.distinct(&names, "the name");
    }

    fn distinct_issuers(&mut self, count: usize) {
        let mut known = Vec::new();
        for number in 0..count {
            let key = format!("issuer.{number}.iss");
            // Discovery sets it, too.
            let discovery = format!("issuer.{number}.discovery");
            match self.written(&key).or_else(|| self.written(&discovery)) {
                Some(written) => known.push(written),
                None => self.must_be_set(
                    number,
                    &key,
                    "not set: with several issuers each must have its own, since a token's `iss` \
                     says whose rules and keys judge it",
                ),
            }
        }
        self.distinct(&known, "the issuer");
    }

    fn prefixes(&mut self, count: usize) {
        let mut known = Vec::new();
        for number in 0..count {
            let key = format!("issuer.{number}.user_prefix");
            match self.written(&key).filter(|prefix| !prefix.text.is_empty()) {
                Some(prefix) => known.push(prefix),
                None => self.must_be_set(
                    number,
                    &key,
                    "not set: with several issuers each must have one, such as \"app:\", so that \
                     no user can take the name of another issuer's",
                ),
            }
        }
        for (at, later) in known.iter().enumerate() {
            let clash = known.iter().take(at).find(|earlier| {
                let (one, other) = (&earlier.text, &later.text);
                one.starts_with(other.as_str()) || other.starts_with(one.as_str())
            });
            if let Some(earlier) = clash {
                let what = format!(
                    "{:?} and the {:?} of {} are the same or one begins with the other: a user of \
                     one issuer could have the name of the other's",
                    later.text,
                    earlier.text,
                    stands_at(&earlier.key, &earlier.origin)
                );
                self.raw.problem(later.origin.clone(), &later.key, what);
            }
        }
    }

    fn distinct(&mut self, all: &[Written], what: &str) {
        for (at, later) in all.iter().enumerate() {
            if let Some(earlier) = all.iter().take(at).find(|of| of.text == later.text) {
                let what = format!(
                    "{:?} is {what} of {} too: each must have its own",
                    later.text,
                    stands_at(&earlier.key, &earlier.origin)
                );
                self.raw.problem(later.origin.clone(), &later.key, what);
            }
        }
    }

    fn must_be_set(&mut self, number: usize, key: &str, what: &str) {
        let origin = self.raw.first_origin(&format!("issuer.{number}."));
        self.raw.problem(origin, key, what.to_owned());
    }

    fn written(&self, key: &str) -> Option<Written> {
        let (text, origin) = (self.raw.text(key)?.to_owned(), self.raw.origin(key)?.clone());
        Some(Written { key: key.to_owned(), text, origin })
    }
}
