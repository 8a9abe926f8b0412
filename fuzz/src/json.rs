//! The strict JSON pass against one built on `serde_json`.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::HashSet, fmt};
use vestibule::protocol::{
    json::{self, Kind, Raw},
    limits::{INTEGER_MAX, JSON_DEPTH},
};

/// A text is accepted exactly if the reference accepts it, and its values are the reference's.
pub fn json(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let ours = Raw::parse(text);
    let reference = serde_json::from_str::<&RawValue>(text).ok();
    let reference = reference.filter(|raw| is_strict(raw.get(), 1));
    assert_eq!(ours.is_ok(), reference.is_some(), "{ours:?}");
    if let (Ok(ours), Some(reference)) = (ours, reference) {
        assert_eq!(ours.text(), reference.get());
        same_value(ours);
    }
    let object = json::members(text);
    assert_eq!(object.is_ok(), ours.is_ok_and(|raw| raw.kind() == Kind::Object));
    if let (Ok(members), Some(reference)) = (object, members(text)) {
        let members: Vec<_> =
            members.map(|(name, value)| (name.into_owned(), value.text().to_owned())).collect();
        assert_eq!(members, reference);
    }
}

/// The members of a strict object in their order, each value as it stood.
pub(crate) fn members(text: &str) -> Option<Vec<(String, String)>> {
    let Object(members) = serde_json::from_str(text).ok()?;
    is_strict(text.trim_matches([' ', '\t', '\n', '\r']), 1)
        .then(|| members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect())
}

/// The text of an object with these members.
pub(crate) fn text<'a>(members: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let member = |(name, value): &(String, String)| {
        format!("{} :\t{value}", serde_json::to_string(name).expect("a string"))
    };
    let members: Vec<_> = members.into_iter().map(member).collect();
    format!("{{ {}\n}}", members.join(",\r\n"))
}

/// The names and values of an object; a name that stands twice is an error.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut members, mut names) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if !names.insert(name.clone()) {
                        return Err(serde::de::Error::custom("a name stands twice"));
                    }
                    members.push((name, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Once).map(Self)
    }
}

/// Whether a value that is JSON, without space around it, obeys the stricter rules too.
fn is_strict(text: &str, depth: usize) -> bool {
    match text.as_bytes().first() {
        Some(b'{') => {
            let members = serde_json::from_str::<Object<'_>>(text);
            depth <= JSON_DEPTH
                && members
                    .is_ok_and(|all| all.0.iter().all(|(_, raw)| is_strict(raw.get(), depth + 1)))
        }
        Some(b'[') => {
            let elements = serde_json::from_str::<Vec<&RawValue>>(text);
            depth <= JSON_DEPTH
                && elements.is_ok_and(|all| all.iter().all(|raw| is_strict(raw.get(), depth + 1)))
        }
        Some(b'"') => serde_json::from_str::<String>(text).is_ok(),
        _ => true,
    }
}

/// What can be read from a value is what the reference reads from its text.
fn same_value(raw: Raw<'_>) {
    let text = raw.text();
    assert_eq!(raw.as_str().map(String::from), serde_json::from_str(text).ok(), "{text}");
    assert_eq!(raw.as_bool(), serde_json::from_str(text).ok(), "{text}");
    let integer = serde_json::from_str(text).ok().filter(|number| *number <= INTEGER_MAX);
    assert_eq!(raw.as_integer(), integer, "{text}");
    if let Some(elements) = raw.elements() {
        let elements: Vec<_> = elements.collect();
        let reference = serde_json::from_str::<Vec<&RawValue>>(text).expect("an array");
        let texts = elements.iter().map(|element| element.text());
        assert!(texts.eq(reference.iter().map(|element| element.get())), "{text}");
        elements.into_iter().for_each(same_value);
    }
    if let Some(members) = raw.members() {
        members.for_each(|(_, value)| same_value(value));
    }
}
