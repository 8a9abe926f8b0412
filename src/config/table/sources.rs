//! The keys of credential sources, as their table has them.

use super::{Key, text, words};
use crate::{
    config::keys::Unset,
    credential::{Detail, SOURCES, Source},
};

const MODES: &[(&str, &str)] = &[
    ("off", "not read"),
    ("optional", "judged in place of the first message; who shows nothing says it there"),
    ("required", "without a good credential no upgrade; of several sources one will do"),
];

/// Every key of every source.
pub(super) const KEYS: [Key; count()] = keys();

const fn count() -> usize {
    let mut count = 0;
    let mut rest = SOURCES;
    while let [source, more @ ..] = rest {
        count += if source.detail.is_some() { 2 } else { 1 };
        rest = more;
    }
    count
}

const fn keys() -> [Key; count()] {
    let mut keys = [text("", Unset::No, ""); count()];
    let mut free = keys.as_mut_slice();
    let mut rest = SOURCES;
    while let [source, more @ ..] = rest {
        rest = more;
        let Some((slot, behind)) = free.split_first_mut() else { break };
        *slot = switch(source);
        free = behind;
        if let Some(Detail { key, unset, meaning, .. }) = source.detail {
            let Some((slot, behind)) = free.split_first_mut() else { break };
            *slot = text(key, Unset::Text(unset), meaning);
            free = behind;
        }
    }
    keys
}

const fn switch(source: &Source) -> Key {
    words(source.key, MODES, Unset::Text("off"), source.meaning)
}
