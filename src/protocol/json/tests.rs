//! Tests of the scan: each rule, and agreement with another parser on everything else.

use super::*;
use crate::protocol::limits::{INTEGER_MAX, JSON_DEPTH};
use proptest::prelude::*;

fn fault(text: &str) -> Option<FaultKind> {
    object(text, &[]).err().map(|fault| fault.kind)
}

fn raw(text: &str) -> Raw<'_> {
    Raw::parse(text).unwrap()
}

#[test]
fn names_are_picked_in_the_callers_order() {
    let text = " { \"b\" : [1, 2] , \"c\":null,\"a\":\"x\" } ";
    let [a, b, c, d] = object(text, &["a", "b", "c", "d"]).unwrap();
    assert_eq!(a.map(Raw::text), Some("\"x\""));
    assert_eq!(b.map(Raw::text), Some("[1, 2]"));
    assert_eq!(c.map(Raw::kind), Some(Kind::Null));
    assert_eq!(d, None);
}

#[test]
fn only_members_of_the_outer_object_are_picked() {
    assert_eq!(object(r#"{"x":{"a":1},"y":[{"a":2}]}"#, &["a"]), Ok([None]));
}

#[test]
fn escaped_names_are_found() {
    let [kind] = object(r#"{"t\u0079p\u0065":1}"#, &["type"]).unwrap();
    assert_eq!(kind.map(Raw::text), Some("1"));
    assert_eq!(object(r#"{"type\u0000":1}"#, &["type"]), Ok([None]));
}

#[test]
fn one_member_may_be_asked_for_twice() {
    let [one, two] = object(r#"{"a":1}"#, &["a", "a"]).unwrap();
    assert_eq!(one, two);
    assert!(one.is_some());
}

#[test]
fn duplicates_are_found_at_every_level() {
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"b":2,"a":1}"#,
        r#"{"":1,"":2}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"x":[0,[{"a":1,"a":2}]]}"#,
        r#"{"x":{"y":{}},"b":1,"x":2}"#,
    ] {
        assert_eq!(fault(text), Some(FaultKind::Duplicate), "{text}");
    }
    for text in [
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
        r#"{"x":[{"a":1},{"a":2}]}"#,
        r#"{"a":1,"A":2}"#,
        r#"{"a":1,"a ":2}"#,
    ] {
        assert_eq!(fault(text), None, "{text}");
    }
}

#[test]
fn duplicates_are_found_after_unescaping() {
    for text in [
        r#"{"a":1,"\u0061":2}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"\u006a":1,"\u006A":2}"#,
        r#"{"/":1,"\/":2}"#,
        r#"{"\n":1,"\u000a":2}"#,
        r#"{"é":1,"\u00e9":2}"#,
        r#"{"😀":1,"\ud83d\uDE00":2}"#,
        r#"{"\\":1,"\u005c":2}"#,
    ] {
        assert_eq!(fault(text), Some(FaultKind::Duplicate), "{text}");
    }
    assert_eq!(fault(r#"{"\\u0061":1,"a":2}"#), None);
}

#[test]
fn a_duplicate_is_found_among_many_names() {
    for extra in [r#","k77":0"#, r#","\u006b77":0"#] {
        let names: Vec<_> = (0..200).map(|name| format!("\"k{name}\":0")).collect();
        let text = format!("{{{}{extra}}}", names.join(","));
        let fault = object(&text, &[]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Duplicate);
        assert_eq!(fault.at, text.len() - extra.len() + 1);
    }
}

/// Without a sort this takes 80 million comparisons; the bound is generous for slow machines.
#[test]
fn a_frame_full_of_names_is_cheap() {
    let names: Vec<_> = (0..13_000).map(|name| format!("\"{name:x}\":")).collect();
    let text = format!("{{{}0}}", names.join("0,"));
    assert!(text.len() > 100_000);
    assert_eq!(object(&text, &["type"]), Ok([None]));
    let escaped = text.replace('1', "\\u0031");
    assert_eq!(object(&escaped, &["type"]), Ok([None]));
}

#[test]
fn depth_counts_the_outer_object_as_one() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let nested = |depth: usize| {
            let inner = depth - 2;
            format!("{{\"x\":{}[]{}}}", open.repeat(inner), close.repeat(inner))
        };
        assert_eq!(fault(&nested(JSON_DEPTH)), None);
        assert_eq!(fault(&nested(JSON_DEPTH + 1)), Some(FaultKind::Depth));
    }
    let flood = format!("{{\"x\":{}", "[".repeat(1 << 20));
    assert_eq!(fault(&flood), Some(FaultKind::Depth));
    assert!(Raw::parse(&"[".repeat(17)).is_err_and(|fault| fault.kind == FaultKind::Depth));
}

#[test]
fn lone_surrogates_are_refused() {
    for string in [
        r"\ud800",
        r"\udc00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\ud83d",
        r"\ud83d\u0041",
        r"\ude00\ud83d",
        r"\ud83d\ude0",
    ] {
        assert_eq!(fault(&format!("{{\"x\":\"{string}\"}}")), Some(FaultKind::String), "{string}");
        assert_eq!(fault(&format!("{{\"{string}\":1}}")), Some(FaultKind::String), "{string}");
    }
    assert_eq!(raw(r#""\ud83d\ude00 \uDBFF\uDFFF""#).as_str().unwrap(), "😀 \u{10FFFF}");
}

#[test]
fn strings_are_strict() {
    for string in ["\n", "\0", "\u{1f}", r"\x", r"\u12", r"\u12g4", r"\u+123", r"\", "\\\u{e9}"] {
        let text = format!("{{\"x\":\"{string}\"}}");
        assert!(fault(&text).is_some(), "{string:?}");
    }
    assert_eq!(fault("{\"x\":\"\u{7f}\u{2028}\u{feff}\u{10ffff}\"}"), None);
}

#[test]
fn escapes_mean_what_they_say() {
    let text = r#""\"\\\/\b\f\n\r\t\u00e9\u0000""#;
    assert_eq!(raw(text).as_str().unwrap(), "\"\\/\u{8}\u{c}\n\r\té\0");
    assert!(matches!(raw("\"plain\"").as_str(), Some(std::borrow::Cow::Borrowed("plain"))));
}

#[test]
fn numbers_follow_the_grammar() {
    for number in ["0", "-0", "10", "1.5", "0.0", "1e5", "1E+5", "-1.5e-05", "1e999", "1e00"] {
        assert_eq!(fault(&format!("{{\"x\":{number}}}")), None, "{number}");
    }
    for number in
        ["01", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "0x1", "-01", "NaN", "Infinity", "1_0"]
    {
        assert_eq!(fault(&format!("{{\"x\":{number}}}")), Some(FaultKind::Syntax), "{number}");
    }
}

#[test]
fn numbers_beyond_a_double_are_refused_on_demand() {
    let kind = |text| object_of_doubles(text, &[]).err().map(|fault| fault.kind);
    assert_eq!(kind(r#"{"x":[{"y":-1e309}]}"#), Some(FaultKind::Number));
    assert_eq!(kind(r#"{"x":[{"y":1.7e308}],"z":1e-999}"#), None);
}

#[test]
fn the_grammar_holds() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{} {}",
        "{}x",
        "{\"a\":\"",
        "{1:2}",
        "{\"a\":'b'}",
        "{}\0",
        "{\u{a0}}",
        "/**/{}",
        "\u{feff}{}",
        "{\u{feff}}",
        "{}\u{feff}",
        "{\"a\":{}",
    ] {
        assert_eq!(fault(text), Some(FaultKind::Syntax), "{text:?}");
    }
    for text in ["[]", " \"a\"", "1", "-1", "true", "false", "null"] {
        assert_eq!(fault(text), Some(FaultKind::NotAnObject), "{text:?}");
    }
    for text in ["{}", "\t\r\n {\t\r\n }\t\r\n ", "{\"a\" : [ ] , \"b\" : { } }"] {
        assert_eq!(fault(text), None, "{text:?}");
    }
}

#[test]
fn a_fault_says_where() {
    assert_eq!(object("{\"a\":1}x", &[]).unwrap_err().to_string(), "not JSON at byte 7");
    let twice = object("{\"a\":1,\"a\":1}", &[]).unwrap_err();
    assert_eq!(twice, JsonFault { kind: FaultKind::Duplicate, at: 8 });
}

#[test]
fn integers_are_plain_and_exact() {
    assert_eq!(raw("0").as_integer(), Some(0));
    assert_eq!(raw("9007199254740991").as_integer(), Some(INTEGER_MAX));
    for text in ["9007199254740992", "-1", "-0", "1.0", "1e2", "\"1\"", "true", "[1]"] {
        assert_eq!(raw(text).as_integer(), None, "{text}");
    }
    assert_eq!(raw(&"9".repeat(60)).as_integer(), None);
}

#[test]
fn values_are_read_by_their_kind() {
    assert_eq!(raw("true").as_bool(), Some(true));
    assert_eq!(raw("false").as_bool(), Some(false));
    assert_eq!(raw("\"true\"").as_bool(), None);
    assert_eq!(raw("-1.5e2").as_number(), Some(-150.0));
    assert_eq!(raw("1e309").as_number(), None);
    assert_eq!(raw("\"1\"").as_number(), None);
    assert_eq!(raw("null").as_number(), None);
    assert_eq!(raw("[]").as_str(), None);
    assert!(raw("{}").elements().is_none() && raw("[]").members().is_none());
}

#[test]
fn elements_and_members_iterate_in_order() {
    let list = raw(r#"[ 1 , "a,]\"\\" ,[2,[3]], {"b":[4]} , null ]"#);
    let texts: Vec<_> = list.elements().unwrap().map(Raw::text).collect();
    assert_eq!(texts, ["1", r#""a,]\"\\""#, "[2,[3]]", r#"{"b":[4]}"#, "null"]);
    let found: Vec<_> = members(" {\"\" : \"}\", \"\\u0061\":{\"b\":1} } ").unwrap().collect();
    assert_eq!(found[0], ("".into(), raw("\"}\"")));
    assert_eq!(found[1], ("a".into(), raw("{\"b\":1}")));
    assert_eq!(found.len(), 2);
    assert_eq!(raw("[]").elements().unwrap().count(), 0);
    assert_eq!(members("{ }").unwrap().count(), 0);
    assert!(members("{\"a\":1,\"a\":1}").is_err());
}

/// JSON text of every kind, with duplicates, escapes and deep nesting now and then.
fn json_text() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        "[a-c]{0,2}".prop_map(|text| format!("\"{text}\"")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        r#""(\\u[0-9a-fA-F]{4}|\\[bfnrt/]|[a-c]){0,3}""#,
    ];
    let leaf = prop_oneof![
        string.clone(),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
    ];
    let value = leaf.prop_recursive(4, 24, 5, move |inner| {
        let member = (string.clone(), inner.clone()).prop_map(|(name, value)| name + ":" + &value);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            prop::collection::vec(member, 0..12).prop_map(|list| format!("{{{}}}", list.join(","))),
        ]
    });
    // Now and then beyond the nesting limit, which random nesting never reaches.
    let value = (value, prop_oneof![4 => Just(0), 1 => 8..18_usize])
        .prop_map(|(value, wraps)| "[".repeat(wraps) + &value + &"]".repeat(wraps));
    prop::collection::vec(("\"[a-z]{1,3}\"", value), 0..4).prop_map(|members| {
        let members: Vec<_> =
            members.into_iter().map(|(name, value)| name + " :" + &value).collect();
        format!("{{{}}}", members.join(" ,"))
    })
}

/// How deep `text` nests; brackets within strings do not count.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What the scan refuses although it is JSON, judged in another way.
fn is_stricter_rule(text: &str, kind: FaultKind) -> bool {
    match kind {
        FaultKind::Depth => deepest(text) > JSON_DEPTH,
        FaultKind::Duplicate => true,
        FaultKind::String => text.contains("\\u"),
        FaultKind::NotAnObject => !text.trim_start().starts_with('{'),
        FaultKind::Syntax | FaultKind::Number => false,
    }
}

proptest! {
    #[test]
    fn accepts_and_refuses_as_another_parser(text in json_text(), cut in any::<(prop::sample::Index, u8)>()) {
        for text in [mutate(&text, cut), text] {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match object(&text, &[]) {
                Ok([]) => {
                    // Numbers beyond a double are the one thing that only they refuse.
                    let beyond = theirs.as_ref().is_err_and(|fault| fault.to_string().contains("out of range"));
                    prop_assert!(theirs.is_ok() || beyond, "{text}");
                }
                Err(fault) => {
                    prop_assert!(fault.at <= text.len());
                    prop_assert!(theirs.is_err() || is_stricter_rule(&text, fault.kind), "{text} {fault}");
                }
            }
        }
    }

    #[test]
    fn plain_bytes_are_counted_by_the_word_as_one_by_one(
        bytes in prop::collection::vec(prop_oneof![3 => 0x20..0x80_u8, 1 => any::<u8>()], 0..40),
    ) {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
        let expected = bytes.iter().position(special).unwrap_or(bytes.len());
        prop_assert_eq!(scan::plain_len(&bytes), expected);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = object(&text, &["a"]);
        let _ = Raw::parse(&text);
    }

    #[test]
    fn no_near_json_panics(text in r#"[{}\[\]",:\\u0-9a-fdD \-.eE]{0,40}"#) {
        let _ = object(&text, &["a"]);
        if let Ok(value) = Raw::parse(&text) {
            prop_assert_eq!(value.text(), text.trim());
        }
    }

    #[test]
    fn members_are_those_that_another_parser_finds(text in json_text()) {
        if let Ok(found) = members(&text) {
            let theirs: serde_json::Map<_, _> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(found.clone().count(), theirs.len());
            for (name, value) in found {
                let value: serde_json::Value = serde_json::from_str(value.text()).unwrap();
                prop_assert_eq!(Some(&value), theirs.get(name.as_ref()));
            }
        }
    }

    #[test]
    fn elements_are_those_that_another_parser_finds(text in json_text()) {
        let list = format!("[{text},{text}]");
        if let Ok(list) = Raw::parse(&list) {
            let theirs: Vec<serde_json::Value> = serde_json::from_str(list.text()).unwrap();
            let ours = list.elements().unwrap().map(|value| serde_json::from_str(value.text()).unwrap());
            prop_assert_eq!(ours.collect::<Vec<serde_json::Value>>(), theirs);
        }
    }

    #[test]
    fn strings_are_read_as_another_parser_does(text in any::<String>()) {
        let literal = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(raw(&literal).as_str().unwrap(), text);
    }
}

/// Replaces one character of `text`, or cuts it off there.
fn mutate(text: &str, (at, by): (prop::sample::Index, u8)) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    match by {
        0..=31 => chars.truncate(at),
        32..=126 => chars[at] = char::from(by),
        127.. => {
            let other = chars[usize::from(by) % chars.len()];
            chars.insert(at, other);
        }
    }
    chars.into_iter().collect()
}
