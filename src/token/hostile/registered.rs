//! Registered claims of every wrong kind, missing, doubled and beyond their bounds.

use super::{
    Row,
    making::{
        APP, KINDS, app_rules, bare, claims, claims_and, claims_without, faulty, kind, of, signed,
    },
};
use crate::{
    protocol::json::{FaultKind, Kind},
    token::{Algorithm, ClaimFault, IssuerRules, Part},
};

pub(super) fn rows() -> Vec<Row> {
    [kinds(), audiences(), numbers(), doubled(), missing(), names()].into_iter().flatten().collect()
}

fn kinds() -> Vec<Row> {
    let mut rows = Vec::new();
    for claim in ["iss", "sub", "jti", "sid"] {
        for (value, found) in KINDS.iter().filter(|(_, kind)| *kind != Kind::String) {
            let fault = kind(claim, "a string", *found);
            rows.push(Row::app(
                format!("{claim} is {value}"),
                signed(&claims(claim, value)),
                fault,
            ));
        }
        for value in ["1e300", "-1", "9007199254740993", "-0"] {
            let fault = kind(claim, "a string", Kind::Number);
            rows.push(Row::app(
                format!("{claim} is {value}"),
                signed(&claims(claim, value)),
                fault,
            ));
        }
    }
    for claim in ["exp", "nbf", "iat"] {
        for (value, found) in KINDS.iter().filter(|(_, kind)| *kind != Kind::Number) {
            let fault = kind(claim, "a number", *found);
            rows.push(Row::app(
                format!("{claim} is {value}"),
                signed(&claims(claim, value)),
                fault,
            ));
        }
        for value in [r#""1792000060""#, r#""2026-10-14T18:27:40Z""#, r#""""#, r#""Infinity""#] {
            let fault = kind(claim, "a number", Kind::String);
            rows.push(Row::app(
                format!("{claim} is {value}"),
                signed(&claims(claim, value)),
                fault,
            ));
        }
    }
    // One that contains ours is not ours.
    let arrays = [r#"["https://app.example"]"#, r#"["https://app.example","b"]"#];
    for value in arrays {
        let fault = kind("iss", "a string", Kind::Array);
        rows.push(Row::app(format!("iss is {value}"), signed(&claims("iss", value)), fault));
    }
    let object = r#"{"https://app.example":1}"#;
    let fault = kind("iss", "a string", Kind::Object);
    rows.push(Row::app("iss is an object with ours", signed(&claims("iss", object)), fault));
    // The rules ask for no `iss`: it must be a string all the same.
    let fault = kind("iss", "a string", Kind::Number);
    rows.push(Row::new(
        &bare(Algorithm::Hs256),
        "iss that nobody asked for",
        signed(&claims("iss", "1")),
        fault,
    ));
    rows
}

fn audiences() -> Vec<Row> {
    let expected = "a string or an array of strings";
    let mut rows = Vec::new();
    for verifier in [APP.clone(), of(IssuerRules { aud: Vec::new(), ..app_rules() })] {
        let asked =
            if verifier.iter().all(|(rules, _)| rules.aud.is_empty()) { ", unasked" } else { "" };
        for (value, found) in
            KINDS.iter().filter(|(_, kind)| !matches!(kind, Kind::String | Kind::Array))
        {
            let fault = kind("aud", expected, *found);
            let bare = signed(&claims("aud", value));
            rows.push(Row::new(&verifier, format!("aud is {value}{asked}"), bare, fault.clone()));
            let inside = signed(&claims("aud", &format!(r#"["chat",{value}]"#)));
            rows.push(Row::new(&verifier, format!("aud has {value}{asked}"), inside, fault));
        }
        let nested = signed(&claims("aud", r#"[["chat"]]"#));
        let fault = kind("aud", expected, Kind::Array);
        rows.push(Row::new(&verifier, format!("aud in a list in a list{asked}"), nested, fault));
        let named = signed(&claims("aud", r#"{"chat":true}"#));
        let fault = kind("aud", expected, Kind::Object);
        rows.push(Row::new(&verifier, format!("aud is an object with ours{asked}"), named, fault));
    }
    let others = [
        r#""""#,
        r#""Chat""#,
        r#""chat ""#,
        r#""chat,other""#,
        r#""chat other""#,
        r#""cha""#,
        r#""chat\u0000""#,
        r#""*""#,
        r#""\u0441hat""#,
        "[]",
        r#"[""]"#,
        r#"["x","y"]"#,
        r#"["https://app.example"]"#,
    ];
    for value in others {
        let fault = ClaimFault::Audience;
        rows.push(Row::app(
            format!("for another: aud is {value}"),
            signed(&claims("aud", value)),
            fault,
        ));
    }
    rows
}

fn numbers() -> Vec<Row> {
    let beyond = [
        "-1",
        "-0.001",
        "-1e-400",
        "-1792000060",
        "9007199254740.992",
        "9007199254741",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "1e13",
        "1e19",
        "1e300",
        "1e400",
        "1e99999999999999999999",
        "1792000060000000000",
        "0.1e999999",
    ];
    let times = ["exp", "nbf", "iat"];
    let each = times.iter().flat_map(|claim| beyond.iter().map(move |value| (*claim, *value)));
    each.map(|(claim, value)| {
        Row::app(
            format!("{claim} is {value}"),
            signed(&claims(claim, value)),
            ClaimFault::Time(claim),
        )
    })
    .collect()
}

fn doubled() -> Vec<Row> {
    let mut rows = Vec::new();
    let values = [
        ("iss", "iss", r#""https://app.example""#),
        ("aud", "\\u0061ud", r#""chat""#),
        ("sub", "su\\u0062", r#""bob""#),
        ("exp", "e\\u0078p", "1893456000"),
        ("nbf", "nb\\u0066", "1"),
        ("iat", "\\u0069at", "1"),
        ("jti", "j\\u0074i", r#""b""#),
        ("sid", "\\u0073id", r#""b""#),
        ("token_type", "token\\u005ftype", r#""access""#),
        ("rooms", "room\\u0073", "{}"),
        ("limits", "limit\\u0073", "{}"),
        ("info", "inf\\u006f", "{}"),
        ("private", "privat\\u0065", "1"),
    ];
    for (claim, escaped, value) in values {
        for (how, again) in [("twice", claim), ("twice, once escaped", escaped)] {
            if (how, claim) == ("twice, once escaped", "iss") {
                continue;
            }
            let whole = claims_without(claim);
            let first = whole.strip_suffix('}').expect("an object");
            let text = format!(r#"{first},"{claim}":{value},"¶{again}":{value}}}"#);
            let (text, fault) = faulty(Part::Claims, &text, FaultKind::Duplicate);
            rows.push(Row::app(format!("{claim} {how}"), signed(&text), fault));
        }
    }
    let (text, fault) = faulty(
        Part::Claims,
        &claims_and(r#","¶\u0069ss":"https://evil.example""#),
        FaultKind::Duplicate,
    );
    rows.push(Row::app("iss of two issuers", signed(&text), fault));
    rows
}

fn missing() -> Vec<Row> {
    let without = |claim: &str| signed(&claims_without(claim));
    vec![
        Row::app("no iss", without("iss"), ClaimFault::Issuer),
        Row::app("no aud", without("aud"), ClaimFault::Audience),
        Row::app("no exp", without("exp"), ClaimFault::Missing("exp".into())),
        Row::app("no sub", without("sub"), ClaimFault::Missing("sub".into())),
        Row::app(
            "nothing required",
            without("token_type"),
            ClaimFault::Required("token_type".into()),
        ),
        Row::app("no claims", signed("{}"), ClaimFault::Issuer),
        Row::new(&bare(Algorithm::Hs256), "no claims, no rules", signed("{}"), {
            ClaimFault::Missing("exp".into())
        }),
        Row::app("EXP", signed(&claims_without("exp").replace('}', r#","EXP":1792000060}"#)), {
            ClaimFault::Missing("exp".into())
        }),
    ]
}

/// Subjects and issuers that are strings, and not ours or no names.
fn names() -> Vec<Row> {
    let sub = |value: &str| signed(&claims("sub", &format!("\"{value}\"")));
    let long = |text: &str, count: usize| {
        let bytes = text.len() * count;
        let fault = ClaimFault::SubjectLength { bytes };
        Row::app(format!("a user of {bytes} bytes of {text}"), sub(&text.repeat(count)), fault)
    };
    let mut rows = vec![
        long("a", 0),
        long("a", 256),
        long("a", 4_000),
        long("\u{e9}", 128),
        long("\u{1f600}", 64),
    ];
    for control in
        ["\\u0000", "\\n", "\\t", "\\u001b[31m", "\\u007f", "\\u0085", "\\u009f", "\u{7f}"]
    {
        let fault = ClaimFault::SubjectControl;
        rows.push(Row::app(format!("{control:?} in a user"), sub(&format!("ann{control}")), fault));
    }
    let issuers = [
        "",
        "https://app.example/",
        "https://App.example",
        "HTTPS://app.example",
        "app.example",
        "http://app.example",
        "https://app.example ",
        "https://app.example\\u0000",
        "//app.example",
        "https://app.example.evil.example",
        "https://\\u0430pp.example",
        "https://app.example:443",
    ];
    for iss in issuers {
        let token = signed(&claims("iss", &format!("\"{iss}\"")));
        rows.push(Row::app(format!("iss is {iss:?}"), token, ClaimFault::Issuer));
    }
    rows
}
