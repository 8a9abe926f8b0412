//! Texts that are no compact JWS of two strict JSON objects.

use super::{
    Row,
    making::{
        APP, HEADER, changed, claims_and, claims_with, faulty, hs256, put_together, signed, under,
    },
};
use crate::{
    protocol::json::FaultKind,
    token::{FormFault, Part, TOKEN_BYTES, fixtures::SECRET},
};

pub(super) fn rows() -> Vec<Row> {
    [parts(), alphabets(), texts(), json()].into_iter().flatten().collect()
}

fn parts() -> Vec<Row> {
    use FormFault::{EmptyPart, Encrypted, JsonSerialization, Parts, TooLong};
    let good = changed(|_| ());
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let long = |bytes: usize| TooLong { bytes, limit: TOKEN_BYTES };
    let stuffed = signed(&claims_and(&format!(r#","x":"{}""#, "x".repeat(7_000))));
    let bytes = stuffed.len();
    vec![
        Row::app("nothing", String::new(), Parts { found: 1 }),
        Row::app("a word", "token".into(), Parts { found: 1 }),
        Row::app("a header alone", header.into(), Parts { found: 1 }),
        Row::app("no signature and no dot", format!("{header}.{claims}"), Parts { found: 2 }),
        Row::app("four parts", format!("{good}.AAAA"), Parts { found: 4 }),
        Row::app("six parts", format!("{good}.AAAA.AAAA.AAAA"), Parts { found: 6 }),
        Row::app("a dot in front", format!(".{good}"), Parts { found: 4 }),
        Row::app("a dot behind", format!("{good}."), Parts { found: 4 }),
        Row::app("8 KiB of dots", ".".repeat(TOKEN_BYTES), Parts { found: TOKEN_BYTES + 1 }),
        Row::app("a dot more", ".".repeat(TOKEN_BYTES + 1), long(TOKEN_BYTES + 1)),
        Row::app("8 KiB between dots", format!("{header}.{}.{signature}", ".".repeat(8_000)), {
            Parts { found: 8_003 }
        }),
        Row::app("a genuine one, too long", stuffed, long(bytes)),
        Row::app("a megabyte less", "A".repeat(90_000), long(90_000)),
        Row::app("a JWE", format!("{header}.AAAA.AAAA.AAAA.AAAA"), Encrypted),
        Row::app("a JWE with a direct key", "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA".into(), Encrypted),
        Row::app("a JWS made five parts", format!("{good}.."), Encrypted),
        Row::app("four dots", "....".into(), Encrypted),
        Row::app(
            "flattened JSON",
            {
                format!(
                    r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#
                )
            },
            JsonSerialization,
        ),
        Row::app(
            "general JSON",
            {
                format!(
                    r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
                )
            },
            JsonSerialization,
        ),
        Row::app("JSON behind a space", format!(r#" {{"payload":"{claims}"}}"#), {
            Parts { found: 1 }
        }),
        Row::app("two dots", "..".into(), EmptyPart(Part::Header)),
        Row::app("no header", format!(".{claims}.{signature}"), EmptyPart(Part::Header)),
        Row::app("a detached payload", format!("{header}..{signature}"), EmptyPart(Part::Claims)),
        Row::app("no signature", format!("{header}.{claims}."), EmptyPart(Part::Signature)),
        Row::app(
            "alg none, no signature",
            put_together(r#"{"alg":"none"}"#, &claims_with(&[]), b""),
            EmptyPart(Part::Signature),
        ),
    ]
}

fn alphabets() -> Vec<Row> {
    use FormFault::{Alphabet, Length, Padding, TailBits};
    use Part::{Claims, Header, Signature};
    let good = changed(|_| ());
    let mut rows = vec![
        Row::app("Bearer in front", format!("Bearer {good}"), Alphabet(Header)),
        Row::app("a space in front", format!(" {good}"), Alphabet(Header)),
        Row::app("a byte-order mark in front", format!("\u{feff}{good}"), Alphabet(Header)),
        Row::app("in quotes", format!("\"{good}\""), Alphabet(Header)),
        Row::app("a space behind", format!("{good} "), Alphabet(Signature)),
        Row::app("a line break behind", format!("{good}\n"), Alphabet(Signature)),
        Row::app("CRLF behind", format!("{good}\r\n"), Alphabet(Signature)),
        Row::app("a NUL behind", format!("{good}\0"), Alphabet(Signature)),
        Row::app("words behind a NUL", format!("{good}\0admin"), Alphabet(Signature)),
        Row::app("a fragment behind", format!("{good}#x"), Alphabet(Signature)),
        Row::app("percent signs", good.replace('.', "%2E"), FormFault::Parts { found: 1 }),
        Row::app("full-width dots", good.replace('.', "\u{ff0e}"), FormFault::Parts { found: 1 }),
    ];
    for (part, at) in [(Header, 0), (Claims, 1), (Signature, 2)] {
        let with = |insert: &str| changed(|parts| parts[at].insert_str(4, insert));
        let behind = |tail: &str| changed(|parts| parts[at].push_str(tail));
        rows.extend([
            Row::app(format!("{part}: +"), with("+"), Alphabet(part)),
            Row::app(format!("{part}: /"), with("/"), Alphabet(part)),
            Row::app(format!("{part}: a space"), with(" "), Alphabet(part)),
            Row::app(format!("{part}: a tab"), with("\t"), Alphabet(part)),
            Row::app(format!("{part}: a line break"), with("\n"), Alphabet(part)),
            Row::app(format!("{part}: a NUL"), with("\0"), Alphabet(part)),
            Row::app(format!("{part}: a question mark"), with("?"), Alphabet(part)),
            Row::app(format!("{part}: a Cyrillic letter"), with("\u{430}"), Alphabet(part)),
            Row::app(format!("{part}: one ="), behind("="), Padding(part)),
            Row::app(format!("{part}: two ="), behind("=="), Padding(part)),
            Row::app(format!("{part}: ="), changed(|parts| parts[at] = "=".into()), Padding(part)),
            Row::app(format!("{part}: = between"), with("="), Padding(part)),
            Row::app(
                format!("{part}: an impossible length"),
                changed(|parts| parts[at] = "AAAAA".into()),
                Length(part),
            ),
            Row::app(format!("{part}: one letter"), changed(|parts| parts[at] = "A".into()), {
                Length(part)
            }),
            Row::app(format!("{part}: stray bits"), changed(|parts| parts[at] = "e31".into()), {
                TailBits(part)
            }),
        ]);
    }
    rows.push(Row::app(
        "a second spelling of a true signature",
        {
            changed(|parts| {
                // 32 bytes leave two bits of the last letter unused.
                let last = parts[2].pop().expect("a letter");
                parts[2].push(char::from(last as u8 + 1));
            })
        },
        TailBits(Signature),
    ));
    rows
}

/// Bytes that are no text, genuinely signed.
fn texts() -> Vec<Row> {
    let claims = claims_with(&[]);
    let header = |bytes: &[u8]| hs256(SECRET, bytes, claims.as_bytes());
    let payload = |bytes: &[u8]| hs256(SECRET, HEADER.as_bytes(), bytes);
    let latin = claims.replace("ann", "\u{e9}").into_bytes();
    let latin: Vec<u8> = latin.into_iter().filter(|byte| *byte != 0xC3).collect();
    let utf16: Vec<u8> = claims.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let deflated = b"\x78\x9c\xab\x56\x4a\xcc\x49";
    vec![
        Row::app("a header of broken UTF-8", header(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}"), {
            FormFault::NotUtf8(Part::Header)
        }),
        Row::app("an overlong quote", header(b"{\"alg\":\"HS256\",\"x\":\xc0\xa2\xc0\xa2}"), {
            FormFault::NotUtf8(Part::Header)
        }),
        Row::app("claims in Latin-1", payload(&latin), FormFault::NotUtf8(Part::Claims)),
        Row::app("claims with a surrogate in UTF-8", payload(b"{\"sub\":\"\xed\xa0\x80\"}"), {
            FormFault::NotUtf8(Part::Claims)
        }),
        Row::app(
            "claims in UTF-16 with a mark",
            payload(&[b"\xfe\xff".as_slice(), &utf16].concat()),
            FormFault::NotUtf8(Part::Claims),
        ),
        Row::app("deflated claims", payload(deflated), FormFault::NotUtf8(Part::Claims)),
    ]
}

/// Text that is no strict JSON object, genuinely signed; `¶` stands before the fault.
fn json() -> Vec<Row> {
    use FaultKind::{Depth, Duplicate, NotAnObject, String, Syntax};
    let deep = |open: &str, close: &str| {
        format!(r#"{{"x":{}¶{}{}}}"#, open.repeat(15), open, close.repeat(16))
    };
    let arrays = deep("[", "]");
    let objects = deep(r#"{"x":"#, "}").replace(r#"¶{"x":}"#, r#"¶{}"#);
    let shared: &[(&str, &str, FaultKind)] = &[
        ("a list", r#"¶["alg","HS256"]"#, NotAnObject),
        ("a string", r#"¶"alg""#, NotAnObject),
        ("a number", "¶1", NotAnObject),
        ("null", "¶null", NotAnObject),
        ("words", "¶alg: HS256", Syntax),
        ("a byte-order mark", "¶\u{feff}{}", Syntax),
        ("half an object", r#"{"alg":"HS256"¶"#, Syntax),
        ("a comma at the end", r#"{"alg":"HS256",¶}"#, Syntax),
        ("two objects", r#"{"alg":"HS256"}¶{"alg":"none"}"#, Syntax),
        ("a NUL behind", "{}¶\0", Syntax),
        ("a comment", r#"{¶/* */"alg":"HS256"}"#, Syntax),
        ("single quotes", r#"{¶'alg':'HS256'}"#, Syntax),
        ("a bare name", r#"{¶alg:"HS256"}"#, Syntax),
        ("NaN", r#"{"exp":¶NaN}"#, Syntax),
        ("Infinity", r#"{"exp":¶Infinity}"#, Syntax),
        ("a number in hex", r#"{"exp":0¶x7fffffff}"#, Syntax),
        ("a leading zero", r#"{"exp":0¶1792000060}"#, Syntax),
        ("a plus sign", r#"{"exp":¶+1792000060}"#, Syntax),
        ("a lone high surrogate", r#"{"x":"¶\ud800"}"#, String),
        ("a lone low surrogate", r#"{"x":"¶\udc00"}"#, String),
        ("surrogates the wrong way round", r#"{"x":"¶\udc00\ud800"}"#, String),
        ("an escape in hex", r#"{"x":"¶\x41"}"#, String),
        ("a bare NUL in a string", "{\"x\":\"¶\0\"}", String),
        ("a bare line break in a string", "{\"x\":\"¶\n\"}", String),
        ("a name twice", r#"{"x":1,"¶x":1}"#, Duplicate),
        ("an escaped name twice", r#"{"x":1,"¶\u0078":1}"#, Duplicate),
        ("a name twice, deeper", r#"{"x":[{"y":1,"¶y":2}]}"#, Duplicate),
        ("17 lists deep", &arrays, Depth),
        ("17 objects deep", &objects, Depth),
    ];
    let mut rows = Vec::new();
    for (name, text, kind) in shared {
        let (header, fault) = faulty(Part::Header, text, *kind);
        rows.push(Row::app(format!("header: {name}"), under(&header, &claims_with(&[])), fault));
        let (claims, fault) = faulty(Part::Claims, text, *kind);
        rows.push(Row::new(&APP, format!("claims: {name}"), signed(&claims), fault));
    }
    let twice = [
        ("two alg", r#"{"alg":"HS256","¶alg":"none"}"#),
        ("two alg, one escaped", r#"{"alg":"HS256","¶\u0061lg":"none"}"#),
        ("two typ", r#"{"alg":"HS256","typ":"JWT","¶typ":"JWT"}"#),
        ("two kid", r#"{"alg":"HS256","kid":"a","¶kid":"a"}"#),
        ("two kid, one escaped", r#"{"alg":"HS256","k\u0069d":"a","¶kid":"a"}"#),
    ];
    for (name, text) in twice {
        let (header, fault) = faulty(Part::Header, text, Duplicate);
        rows.push(Row::app(name, under(&header, &claims_with(&[])), fault));
    }
    rows
}
