//! The rules about rooms: what holds in which ones.

use super::check::Check;
use crate::protocol::{
    grant::Pattern,
    room_rules::{Access, HistoryBounds, RoomRate, RoomRule, RoomRules, RoomTerms, SlowConsumer},
};

const ACCESS: &[(&str, Access)] = &[("open", Access::Open), ("granted", Access::Granted)];
const SLOW_CONSUMER: &[(&str, SlowConsumer)] =
    &[("catch_up", SlowConsumer::CatchUp), ("close", SlowConsumer::Close)];

/// What a rule takes over, or may not go beyond.
#[derive(Clone, Copy)]
struct Above {
    history: HistoryBounds,
    message_bytes: u32,
}

impl Check {
    /// `message_bytes` is the most that any session may send.
    pub(super) fn rooms(&mut self, message_bytes: u32) -> Option<RoomRules> {
        let count = self.raw.len("rooms.rule");
        if count > RoomRules::MAX {
            let what = format!("{count} are set: up to {} are taken", RoomRules::MAX);
            self.missing("rooms.rule", &what);
            return None;
        }
        let history = self.history();
        let above = Above { history, message_bytes };
        let rules: Vec<_> = (0..count).map(|at| self.rule(at, above)).collect();
        let default = if count > 0 && self.raw.origin("rooms.default").is_none() {
            // Who names some rooms has thought of the others: they stay closed.
            Some(Access::Granted)
        } else {
            self.default_access()
        };
        let default = RoomTerms::new(default?).with_history(history);
        Some(RoomRules::new(rules.into_iter().collect::<Option<_>>()?, default))
    }

    fn history(&mut self) -> HistoryBounds {
        HistoryBounds {
            count: self.small("rooms.history.count") as usize,
            age_ms: self.integer("rooms.history.age_ms"),
            bytes: self.small("rooms.history.bytes") as usize,
        }
    }

    fn default_access(&mut self) -> Option<Access> {
        if self.raw.origin("rooms.default").is_none() {
            self.missing(
                "rooms.default",
                "not set: choose \"open\" (whoever is signed in may join every room) or \
                 \"granted\" (only the rooms that the token's `rooms` claim names)",
            );
        }
        self.word("rooms.default", ACCESS)
    }

    fn rule(&mut self, at: usize, above: Above) -> Option<RoomRule> {
        let place = format!("rooms.rule.{at}");
        let pattern = self.pattern(&place, at);
        let key = format!("{place}.access");
        if self.raw.origin(&key).is_none() {
            let origin = self.raw.first_origin(&format!("{place}."));
            let what = "not set: choose \"open\" or \"granted\"";
            self.raw.problem(origin, &key, what.to_owned());
        }
        let access = self.word(&key, ACCESS);
        let ephemeral = self.truth_unless(&format!("{place}.ephemeral"), true);
        let message_bytes = self.room_message_bytes(&place, above.message_bytes);
        let rate = self.room_rate(&place);
        let slow_consumer = self.word(&format!("{place}.slow_consumer"), SLOW_CONSUMER);
        let coalesce_ms = self.optional_small(&format!("{place}.coalesce_ms"));
        let history = self.room_history(&place, above.history);
        let terms = RoomTerms {
            access: access?,
            history,
            ephemeral,
            message_bytes,
            rate,
            slow_consumer: slow_consumer.unwrap_or_default(),
            coalesce_ms: coalesce_ms.and_then(|ms| u16::try_from(ms).ok()).unwrap_or(0),
        };
        Some(RoomRule { pattern: pattern?, terms })
    }

    fn room_history(&mut self, place: &str, everywhere: HistoryBounds) -> HistoryBounds {
        let mut bound = |name: &str| self.optional(&format!("{place}.history.{name}"));
        let size = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX);
        HistoryBounds {
            count: bound("count").map_or(everywhere.count, size),
            age_ms: bound("age_ms").unwrap_or(everywhere.age_ms),
            bytes: bound("bytes").map_or(everywhere.bytes, size),
        }
    }

    fn room_message_bytes(&mut self, place: &str, most: u32) -> Option<u32> {
        let key = format!("{place}.message_bytes");
        let origin = self.raw.origin(&key).cloned();
        let bytes = self.optional_small(&key)?;
        if bytes > most {
            let what = format!("{bytes} is over limits.message_bytes, which is {most}");
            self.raw.problem(origin?, &key, what);
        }
        Some(bytes)
    }

    fn room_rate(&mut self, place: &str) -> Option<RoomRate> {
        let (key, burst_key) = (format!("{place}.messages_per_s"), format!("{place}.burst"));
        let (origin, named) = (self.raw.origin(&burst_key).cloned(), self.raw.get(&key).is_some());
        let (messages_per_s, burst) = (self.optional_small(&key), self.optional_small(&burst_key));
        if let Some(origin) = origin.filter(|_| !named) {
            let what = "needs messages_per_s beside it: a burst is part of a rate".to_owned();
            self.raw.problem(origin, &burst_key, what);
        }
        let messages_per_s = messages_per_s?;
        Some(RoomRate { messages_per_s, burst: burst.unwrap_or(messages_per_s) })
    }

    fn pattern(&mut self, place: &str, at: usize) -> Option<Pattern> {
        let key = format!("{place}.match");
        let Some(sourced) = self.raw.get(&key) else {
            let origin = self.raw.first_origin(&format!("{place}."));
            let what = "not set: say which rooms the rule is for, such as \"team:*\"";
            self.raw.problem(origin, &key, what.to_owned());
            return None;
        };
        let origin = sourced.origin.clone();
        // Left in place: later rules are compared with it.
        let text = self.raw.text(&key)?.to_owned();
        let Ok(pattern) = Pattern::parse(&text) else {
            let what = format!(
                "{text:?} is no pattern: a room name whose parts between `:` may be `*` (one part) \
                 or, last, `**` (one part or more)"
            );
            self.raw.problem(origin, &key, what);
            return None;
        };
        let earlier = (0..at).map(|earlier| format!("rooms.rule.{earlier}.match"));
        let shadow =
            earlier.into_iter().find(|key| self.raw.text(key).is_some_and(|of| covers(of, &text)));
        if let Some(earlier) = shadow {
            self.raw.warnings.push(format!(
                "{origin}: {key}: {text:?} never counts: every such room is matched by {earlier}, \
                 which stands before it"
            ));
        }
        Some(pattern)
    }
}

/// Whether every room that `narrow` matches is matched by `wide`; both are patterns.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split(':'), narrow.split(':'));
    loop {
        match (wide.next(), narrow.next()) {
            (None, None) => return true,
            // `**` takes all that is left, but no empty part.
            (Some("**"), Some(first)) => return !first.is_empty() && narrow.all(|s| !s.is_empty()),
            (Some("*"), Some(part)) if !part.is_empty() && part != "**" => {}
            (Some(one), Some(other)) if one == other => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::room_name::RoomRef;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_covers_what_it_matches_always() {
        for (wide, narrow, expected) in [
            ("team:1", "team:1", true),
            ("team:*", "team:1", true),
            ("team:*", "team:*", true),
            ("team:**", "team:*", true),
            ("team:**", "team:*:**", true),
            ("**", "a", true),
            ("*", "**", false),
            ("team:1", "team:*", false),
            ("team:*", "team:a:b", false),
            ("team:**", "team", false),
            ("team:*", "team:", false),
            ("team:**", "team:a:", false),
            ("a::b", "a::b", true),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }

    proptest! {
        #[test]
        fn what_is_covered_matches_nothing_else(
            wide in "(a|b|\\*|)(:(a|b|\\*|)){0,2}(:\\*\\*)?",
            narrow in "(a|b|\\*|)(:(a|b|\\*|)){0,2}(:\\*\\*)?",
            room in "(a|b|)(:(a|b|)){0,3}",
        ) {
            let parsed = (Pattern::parse(&wide), Pattern::parse(&narrow), RoomRef::parse(&room));
            if let (Ok(outer), Ok(inner), Ok(room)) = parsed {
                let outside = inner.matches(room) && !outer.matches(room);
                prop_assert!(!(outside && covers(&wide, &narrow)), "{} {} {:?}", wide, narrow, room);
            }
        }
    }
}
