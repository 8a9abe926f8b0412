//! Room patterns and grants against a matcher that tries everything.

use super::json;
use vestibule::protocol::{
    grant::{Grant, Pattern, Permission},
    room_name::RoomRef,
};

/// The first line is a pattern, the others are rooms: it parses and matches as the naive one does.
pub fn pattern(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let pattern = lines.next().unwrap_or_default();
    let parsed = Pattern::parse(pattern);
    assert_eq!(parsed.is_ok(), is_pattern(pattern), "{pattern:?}");
    let Ok(parsed) = parsed else { return };
    for room in lines.chain([pattern]) {
        let name = RoomRef::parse(room);
        assert_eq!(name.is_ok(), is_room(room), "{room:?}");
        if let Ok(name) = name {
            assert_eq!(parsed.matches(name), matches(pattern, room), "{pattern:?} {room:?}");
        }
    }
}

/// The first line is a `rooms` claim, the others are rooms: what it grants there is the sum of its
/// patterns.
pub fn grant(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (claim, rooms) = text.split_once('\n').unwrap_or((text, "lobby"));
    let parsed = Grant::parse(claim);
    let naive = rules(claim);
    assert_eq!(parsed.is_ok(), naive.is_some(), "{claim}");
    let (Ok(grant), Some(rules)) = (parsed, naive) else { return };
    for room in rooms.split('\n').chain(rules.iter().map(|(pattern, _)| pattern.as_str())) {
        let Ok(name) = RoomRef::parse(room) else { continue };
        for permission in Permission::ALL {
            let granting = rules.iter().any(|(pattern, words)| {
                words.iter().any(|word| word == "*" || word == permission.as_str())
                    && matches(pattern, room)
            });
            assert_eq!(grant.allows(name, *permission), granting, "{permission:?} in {room}");
            assert_eq!(grant.permissions(name).contains(*permission), granting);
        }
    }
}

fn is_room(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._:|@-".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(known)
}

fn is_pattern(text: &str) -> bool {
    let segments: Vec<_> = text.split(':').collect();
    let (last, others) = segments.split_last().expect("a segment");
    let plain = |segment: &str| segment.is_empty() || is_room(segment);
    let fits = (1..=128).contains(&text.len());
    fits && others.iter().all(|segment| *segment == "*" || plain(segment))
        && (["*", "**"].contains(last) || plain(last))
}

/// Whether the segments of a room can be dealt out to those of a pattern.
fn matches(pattern: &str, room: &str) -> bool {
    fn deal(pattern: &[&str], room: &[&str]) -> bool {
        match (pattern, room) {
            ([], []) => true,
            (["**"], rest) => !rest.is_empty() && rest.iter().all(|segment| !segment.is_empty()),
            (["*", pattern @ ..], [segment, room @ ..]) => {
                !segment.is_empty() && deal(pattern, room)
            }
            ([word, pattern @ ..], [segment, room @ ..]) => word == segment && deal(pattern, room),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }
    let [pattern, room] = [pattern, room].map(|text| text.split(':').collect::<Vec<_>>());
    deal(&pattern, &room)
}

/// Every pattern of a claim with its words; `None` if it is no grant.
fn rules(claim: &str) -> Option<Vec<(String, Vec<String>)>> {
    let known = |word: &String| Permission::ALL.iter().any(|one| one.as_str() == word);
    let rule = |(pattern, value): (String, String)| {
        let star = serde_json::from_str::<String>(&value).ok().filter(|word| word == "*");
        let words = match star {
            Some(star) => vec![star],
            None => serde_json::from_str::<Vec<String>>(&value).ok()?,
        };
        let good = words == ["*"] || words.iter().all(known);
        (good && is_pattern(&pattern)).then_some((pattern, words))
    };
    json::members(claim)?.into_iter().map(rule).collect()
}
