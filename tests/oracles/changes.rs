//! The ways to change a token: whatever somebody has once got wrong.

use super::{NOW_S, forge::Public, tokens::Draft};

/// Another JSON text.
pub(crate) type Rewrite = fn(String) -> Vec<u8>;
/// Another spelling.
pub(crate) type Respell = fn(String) -> String;
/// Another signature, from the input and the good one.
pub(crate) type Resign = fn(&Draft<'_>, input: &str, good: Vec<u8>) -> Vec<u8>;

/// One way to change a token.
#[derive(Clone)]
pub(crate) enum Change {
    /// Sets a member of the header (`0`) or the claims (`1`) to a JSON text.
    Set(usize, &'static str, String),
    /// The same, and the member that is there stays.
    Again(usize, &'static str, String),
    /// Takes a member out.
    Drop(usize, &'static str),
    /// Changes the JSON text of a part.
    Text(usize, Rewrite),
    /// Spells the base64url of a part (`2`: the signature) in another way; what is signed is signed
    /// as it is spelled.
    Spell(usize, Respell),
    /// Signs differently.
    Sign(Resign),
    /// Changes the finished token.
    Token(Respell),
    /// Both.
    Both(Box<[Change; 2]>),
}

/// Every way to change a token, with a name.
pub(crate) fn changes() -> Vec<(String, Change)> {
    let mut all = vec![("nothing".to_owned(), Change::Token(|token| token))];
    all.extend(header_changes());
    all.extend(claim_changes());
    all.extend(odd_values());
    all.extend(texts());
    all.extend(spellings());
    all.extend(signatures());
    all
}

/// Values that are JSON, of every kind.
const KINDS: [&str; 12] =
    ["null", "true", "false", "0", "1", "-1", "1.5", "\"\"", "\"x\"", "[]", "{}", "[\"x\"]"];

fn set(part: usize, name: &'static str, values: &[&str]) -> Vec<(String, Change)> {
    let set = |value: &&str| {
        let label: String = value.chars().take(60).collect();
        (format!("{name} = {label}"), Change::Set(part, name, (*value).to_owned()))
    };
    values.iter().map(set).collect()
}

fn header_changes() -> Vec<(String, Change)> {
    let named = [
        (
            "typ",
            &["\"jwt\"", "\"at+jwt\"", "\"application/at+JWT\"", "\"dpop+jwt\"", "\"JOSE\""][..],
        ),
        ("cty", &["\"JWT\"", "\"application/jwt\"", "\"json\""]),
        ("kid", &["\"k1\"", "\"../../etc/passwd\"", "\"' OR 1=1\""]),
        ("crit", &["[\"exp\"]", "[\"b64\"]", "[\"x\",\"x\"]"]),
        ("zip", &["\"DEF\""]),
        ("enc", &["\"A256GCM\""]),
        ("epk", &["{\"kty\":\"EC\"}"]),
        ("jwk", &["{\"kty\":\"oct\",\"k\":\"AAAA\"}"]),
        ("jku", &["\"https://evil.example/keys\""]),
        ("x5u", &["\"https://evil.example/cert\""]),
        (
            "alg",
            &[
                "\"none\"",
                "\"None\"",
                "\"HS256\"",
                "\"HS384\"",
                "\"HS512\"",
                "\"RS256\"",
                "\"ES256\"",
                "\"EdDSA\"",
                "\"Ed25519\"",
                "\"hs256\"",
                "\"HS256 \"",
                "[\"HS256\"]",
            ],
        ),
        ("foreign", &["{\"a\":[1,2,{\"b\":null}]}"]),
    ];
    let mut all: Vec<_> = named.iter().flat_map(|(name, values)| set(0, name, values)).collect();
    for name in ["typ", "cty", "kid", "crit", "b64", "zip", "x5c", "alg"] {
        all.extend(set(0, name, &KINDS));
        all.push((format!("no {name}"), Change::Drop(0, name)));
        all.push((format!("{name} again"), Change::Again(0, name, "\"none\"".to_owned())));
    }
    let listed = "[\"b64\"],\"b64\":true".to_owned();
    all.push(("b64 true in crit".to_owned(), Change::Set(0, "crit", listed)));
    let listed = "[\"b64\"],\"b64\":false".to_owned();
    all.push(("b64 false in crit".to_owned(), Change::Set(0, "crit", listed)));
    all
}

fn claim_changes() -> Vec<(String, Change)> {
    let mut all = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        all.extend(times(name));
    }
    for name in [
        "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "rooms", "limits", "info", "room",
        "private",
    ] {
        all.extend(set(1, name, &KINDS));
        all.push((format!("no {name}"), Change::Drop(1, name)));
        all.push((format!("{name} again"), Change::Again(1, name, "\"x\"".to_owned())));
    }
    let iss = [
        "\"https://app.example/\"",
        "\"https://APP.example\"",
        "[\"https://app.example\"]",
        "\"https:\\/\\/app.example\"",
        "\" https://app.example\"",
        "\"https://app.example\\u0000\"",
    ];
    let aud = [
        "[\"chat\"]",
        "[\"x\",\"chat\"]",
        "[\"chat\",1]",
        "[[\"chat\"]]",
        "\"chat \"",
        "\"CHAT\"",
        "[\"chat\",\"chat\"]",
        "{\"chat\":true}",
        "\"ch\\u0061t\"",
        "[\"x\",\"y\"]",
        "[\"chat\",null]",
    ];
    let sub = [
        "\"\\u0000\"",
        "\"a\\nb\"",
        "\"é\"",
        "\"\\ud83d\\ude00\"",
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "42",
    ];
    let long = format!("\"{}\"", "x".repeat(256));
    all.extend(set(1, "iss", &iss));
    all.extend(set(1, "aud", &aud));
    all.extend(set(1, "sub", &sub));
    all.extend(set(1, "sub", &[&long, &format!("\"{}\"", "x".repeat(255))]));
    all.extend(set(
        1,
        "rooms",
        &["{\"a:*\":[\"join\"]}", "{\"a b\":\"*\"}", "{\"a\":[\"admin\"]}"],
    ));
    all.extend(set(1, "limits", &["{\"rooms\":5}", "{\"rooms\":-1}", "{\"rooms\":1.5}"]));
    let info = format!("{{\"a\":\"{}\"}}", "x".repeat(1_100));
    all.extend(set(1, "info", &["{\"name\":\"Ann\"}", &info]));
    all.extend(set(1, "room", &["\"a\",\"allow\":[\"join\"]"]));
    all
}

/// Times around the borders, and in every spelling.
fn times(name: &'static str) -> Vec<(String, Change)> {
    let offsets = [
        "-600", "-6", "-5.001", "-5.0009", "-5", "-4.9995", "-4.999", "-4.5", "-4", "-1", "0",
        "0.5", "1", "4.999", "5", "5.0004", "5.001", "5.5", "5.999", "6", "7", "600",
    ];
    let near = offsets.iter().map(|offset| {
        // Decimal all the way: a double would blur what this is about.
        let micros = (offset.parse::<f64>().expect("a number") * 1e4).round() as i64;
        let at = NOW_S as i64 * 10_000 + micros;
        let (whole, rest) = (at / 10_000, at % 10_000);
        let text =
            if offset.contains('.') { format!("{whole}.{rest:04}") } else { whole.to_string() };
        (format!("{name} = now {offset}"), Change::Set(1, name, text))
    });
    let spelled = [
        "1.7920006e9",
        "1792000600.0",
        "17920006e2",
        "179200060000000e-5",
        "1.7920006E+9",
        "1e300",
        "1e400",
        "1e-400",
        "9007199254740991",
        "9007199254740993",
        "9007199254740.991",
        "9007199254740.992",
        "18446744073709551616",
        "-0",
        "0.0",
        "-1792000600",
        "-1e400",
        "\"1792000600\"",
        "\"1792000600.5\"",
        "\"2026-10-14\"",
        "[1792000600]",
        "253402300800",
        "1792000600000",
    ];
    near.chain(set(1, name, &spelled)).collect()
}

/// Values that parsers of JSON fall out over, in members that nobody reads and in some that are
/// read.
fn odd_values() -> Vec<(String, Change)> {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let odd = [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "0x1",
        "1e",
        "'x'",
        "undefined",
        "1e999",
        "-1e999",
        "1e-999",
        "123456789012345678901234567890",
        "-0.0",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\x41\"",
        "\"\\u00\"",
        "\"\u{1}\"",
        "\"\t\"",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[1 2]",
        "/**/1",
        "{\"__proto__\":{\"sub\":\"bob\"}}",
        "\"\u{feff}\"",
        "\"\u{fffe}\"",
    ];
    let mut all = Vec::new();
    for (part, name) in [(0, "odd"), (1, "odd"), (0, "kid"), (1, "sub"), (1, "jti"), (1, "exp")] {
        all.extend(set(part, name, &odd));
    }
    for part in [0, 1] {
        for depth in [14, 15, 16, 40] {
            all.push((format!("depth {depth}"), Change::Set(part, "odd", nested(depth))));
        }
        all.push(("depth 900".to_owned(), Change::Set(part, "odd", nested(900))));
        for digits in [4_300, 4_301] {
            let value = "1".repeat(digits);
            all.push((format!("{digits} digits"), Change::Set(part, "odd", value)));
        }
        all.push((
            "proto".to_owned(),
            Change::Set(part, "__proto__", "{\"sub\":\"bob\"}".to_owned()),
        ));
    }
    let long = format!("\"{}\"", "x".repeat(8_000));
    all.push(("8 KiB".to_owned(), Change::Set(1, "odd", long)));
    all
}

/// JSON texts, written in other ways.
fn texts() -> Vec<(String, Change)> {
    let ways: [(&str, Rewrite); 18] = [
        ("spaced", |text| text.replace(':', " :\t").replace(',', "\r\n,").into_bytes()),
        ("around", |text| format!(" \n{text}\r\n\t ").into_bytes()),
        ("vertical tab", |text| format!("{text}\u{b}").into_bytes()),
        ("no-break space", |text| format!("\u{a0}{text}").into_bytes()),
        ("byte-order mark", |text| format!("\u{feff}{text}").into_bytes()),
        ("UTF-16", |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16 with mark", |text| {
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect()
        }),
        ("UTF-32", |text| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("Latin-1", |text| [text.replace('}', ",\"l\":\"").as_bytes(), b"\xe9\"}"].concat()),
        ("surrogate bytes", |text| {
            [text.replace('}', ",\"l\":\"").as_bytes(), b"\xed\xa0\x80\"}"].concat()
        }),
        ("overlong", |text| [text.replace('}', ",\"l\":\"").as_bytes(), b"\xc0\xaf\"}"].concat()),
        ("in an array", |text| format!("[{text}]").into_bytes()),
        ("in a string", |text| format!("{text:?}").into_bytes()),
        ("twice", |text| format!("{text}{text}").into_bytes()),
        ("NUL behind", |text| format!("{text}\0").into_bytes()),
        ("comment", |text| format!("{text}//").into_bytes()),
        ("cut", |text| text.trim_end_matches('}').as_bytes().to_vec()),
        ("escaped names", |text| text.replace("\"a", "\"\\u0061").into_bytes()),
    ];
    let part = |part: usize| {
        ways.map(|(name, way)| (format!("part {part} {name}"), Change::Text(part, way)))
    };
    [0, 1].into_iter().flat_map(part).collect()
}

/// Ways to write base64url that are not it, and dots.
fn spellings() -> Vec<(String, Change)> {
    let ways: [(&str, Respell); 12] = [
        ("padded", |text| match text.len() % 4 {
            2 => format!("{text}=="),
            3 => format!("{text}="),
            _ => text,
        }),
        ("padded with one", |text| format!("{text}=")),
        ("padded with four", |text| format!("{text}====")),
        ("space behind", |text| format!("{text} ")),
        ("line feed behind", |text| format!("{text}\n")),
        ("space before", |text| format!(" {text}")),
        ("space inside", |text| {
            let (one, two) = text.split_at(text.len() / 2);
            format!("{one} {two}")
        }),
        ("standard alphabet", |text| text.replace('-', "+").replace('_', "/")),
        ("tail bits", tail_bits),
        ("one more character", |text| format!("{text}A")),
        ("NUL behind", |text| format!("{text}\0")),
        ("other letters", |text| format!("{text}é")),
    ];
    let part = |part: usize| {
        ways.map(|(name, way)| (format!("part {part} {name}"), Change::Spell(part, way)))
    };
    let tokens: [(&str, Respell); 12] = [
        ("Bearer", |token| format!("Bearer {token}")),
        ("space before the token", |token| format!(" {token}")),
        ("line end", |token| format!("{token}\r\n")),
        ("dot behind", |token| format!("{token}.")),
        ("dot before", |token| format!(".{token}")),
        ("four parts", |token| format!("{token}.AAAA")),
        ("five parts", |token| format!("{token}.AAAA.AAAA")),
        ("no signature", |token| {
            token.rsplit_once('.').map_or_else(String::new, |(input, _)| input.to_owned())
        }),
        ("empty signature", |token| {
            token.rsplit_once('.').map_or_else(String::new, |(input, _)| format!("{input}."))
        }),
        ("empty claims", |token| {
            let parts: Vec<_> = token.split('.').collect();
            format!("{}..{}", parts[0], parts[parts.len() - 1])
        }),
        ("JSON serialization", |token| {
            let parts: Vec<_> = token.split('.').collect();
            serde_json::json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]})
                .to_string()
        }),
        ("nothing left", |_| String::new()),
    ];
    let tokens = tokens.map(|(name, way)| (name.to_owned(), Change::Token(way)));
    [0, 1, 2].into_iter().flat_map(part).chain(tokens).collect()
}

/// The same bytes with a bit set that encodes nothing.
fn tail_bits(text: String) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (Some(last), true) = (text.chars().last(), text.len() % 4 > 1) else { return text };
    let at = alphabet.find(last).map_or(0, |at| at | 1);
    let kept = text.len() - last.len_utf8();
    let other = alphabet.chars().nth(at).unwrap_or(last);
    format!("{}{other}", text.get(..kept).unwrap_or_default())
}

/// Signatures that are not the key's.
fn signatures() -> Vec<(String, Change)> {
    let ways: [(&str, Resign); 9] = [
        ("of another key", |draft, input, _| {
            draft.signers[(draft.key + 1) % draft.signers.len()].sign(input.as_bytes())
        }),
        ("of another input", |draft, input, _| {
            draft.signers[draft.key].sign(input.to_uppercase().as_bytes())
        }),
        ("with the public key as secret", |draft, input, good| {
            match &draft.signers[draft.key].public {
                Public::Secret(_) => good,
                Public::Spki(_, pem) => {
                    let key =
                        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pem.as_bytes());
                    aws_lc_rs::hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
                }
            }
        }),
        ("one bit off", |_, _, mut good| {
            good[0] ^= 1;
            good
        }),
        ("last bit off", |_, _, mut good| {
            if let Some(last) = good.last_mut() {
                *last ^= 0x80;
            }
            good
        }),
        ("cut", |_, _, good| good[..good.len() / 2].to_vec()),
        ("with a byte more", |_, _, mut good| {
            good.push(0);
            good
        }),
        ("of zeros", |_, _, good| vec![0; good.len()]),
        ("empty", |_, _, _| Vec::new()),
    ];
    let mut all = ways.map(|(name, way)| (format!("signature {name}"), Change::Sign(way))).to_vec();
    // The classic of all attacks: the header says HMAC, and everybody knows the public key.
    let confused = ["\"HS256\"", "\"none\""].into_iter().flat_map(|algorithm| {
        let header = Change::Set(0, "alg", algorithm.to_owned());
        all.clone().into_iter().map(move |(name, sign)| {
            let both = Change::Both(Box::new([header.clone(), sign]));
            (format!("alg = {algorithm}, {name}"), both)
        })
    });
    let confused: Vec<_> = confused.collect();
    all.extend(confused);
    all
}
