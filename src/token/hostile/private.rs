//! What this server alone reads: the grant, quotas, `info`, and the two claims of room tokens.

use super::{
    Row,
    making::{APP, Good, KINDS, app_rules, claims, claims_with, kind, of, signed},
};
use crate::{
    protocol::json::Kind,
    token::{ClaimFault, IssuerRules, Issuers, KeyRing},
};

pub(super) fn rows() -> Vec<Row> {
    [objects(), grants(), quotas(), room_tokens(), mapped()].into_iter().flatten().collect()
}

fn objects() -> Vec<Row> {
    let mut rows = Vec::new();
    for claim in ["rooms", "limits", "info"] {
        for (value, found) in KINDS.iter().filter(|(_, kind)| *kind != Kind::Object) {
            let fault = kind(claim, "an object", *found);
            rows.push(Row::app(
                format!("{claim} is {value}"),
                signed(&claims(claim, value)),
                fault,
            ));
        }
    }
    for bytes in [1_025, 4_000] {
        let info = format!(r#"{{"n":"{}"}}"#, "a".repeat(bytes - 8));
        let fault = ClaimFault::InfoLength { claim: "info".into(), bytes };
        rows.push(Row::app(
            format!("info of {bytes} bytes"),
            signed(&claims("info", &info)),
            fault,
        ));
    }
    let spaced = format!("{{{}}}", " ".repeat(1_023));
    let fault = ClaimFault::InfoLength { claim: "info".into(), bytes: 1_025 };
    rows.push(Row::app("info of spaces", signed(&claims("info", &spaced)), fault));
    rows
}

fn grants() -> Vec<Row> {
    let long = format!(r#"{{"{}":"*"}}"#, "a".repeat(129));
    let grants = [
        r#"{"":"*"}"#,
        r#"{"a b":"*"}"#,
        r#"{"a/b":"*"}"#,
        r#"{"\u0430":"*"}"#,
        r#"{"a\u0000":"*"}"#,
        r#"{"a*":"*"}"#,
        r#"{"***":"*"}"#,
        r#"{"**:a":"*"}"#,
        r#"{"a:**:b":"*"}"#,
        r#"{"[a-z]":"*"}"#,
        r#"{"a":"join"}"#,
        r#"{"a":"**"}"#,
        r#"{"a":""}"#,
        r#"{"a":null}"#,
        r#"{"a":true}"#,
        r#"{"a":1}"#,
        r#"{"a":{}}"#,
        r#"{"a":["Join"]}"#,
        r#"{"a":["admin"]}"#,
        r#"{"a":["join",null]}"#,
        r#"{"a":["join","*"]}"#,
        r#"{"a":["*","*"]}"#,
        r#"{"a":[["join"]]}"#,
        r#"{"a":["join,send"]}"#,
        r#"{"b":"*","a":["fly"]}"#,
        &long,
    ];
    let fault = || ClaimFault::Rooms("rooms".into());
    grants
        .iter()
        .map(|grant| Row::app(format!("rooms: {grant}"), signed(&claims("rooms", grant)), fault()))
        .collect()
}

fn quotas() -> Vec<Row> {
    let mut rows = Vec::new();
    for member in ["messages_per_s", "rooms", "connections"] {
        let values = [
            "1.5",
            "1.0",
            "-1.5",
            "1e2",
            "1E2",
            "-1e2",
            "1e300",
            "0.0",
            "9007199254740992",
            "-9007199254740992",
            r#""1""#,
            r#""unlimited""#,
            "null",
            "true",
            "[]",
            "[1]",
            "{}",
        ];
        for value in values {
            let limits = format!(r#"{{"{member}":{value}}}"#);
            let fault = ClaimFault::Limits { claim: "limits".into(), member };
            rows.push(Row::app(
                format!("limits: {limits}"),
                signed(&claims("limits", &limits)),
                fault,
            ));
        }
    }
    rows
}

/// A room token whose claims are these.
fn room_token(room: &str, allow: &str) -> String {
    signed(&claims_with(&[("room", room), ("allow", allow)]))
}

fn room_tokens() -> Vec<Row> {
    let mut rows = Vec::new();
    let logins = [
        (r#""a""#, r#"["join"]"#),
        (r#""a""#, r#""*""#),
        (r#""a b""#, "[]"),
        ("null", "null"),
        ("1", "{}"),
        ("[]", "false"),
    ];
    for (room, allow) in logins {
        let name = format!("a room token as a login: {room}, {allow}");
        rows.push(Row::app(name, room_token(room, allow), ClaimFault::RoomToken));
    }
    let passes = [
        ("a login as a room token", claims_with(&[])),
        ("a login with a grant as a room token", claims("rooms", r#"{"a":"*"}"#)),
        ("a room and no permissions", claims("room", r#""a""#)),
        ("permissions and no room", claims("allow", r#"["join"]"#)),
        ("Room and Allow", claims_with(&[("Room", r#""a""#), ("Allow", r#""*""#)])),
        ("rooms and allow", claims_with(&[("rooms", r#"{"a":"*"}"#), ("allow", r#""*""#)])),
        ("room and allow inside", claims("info", r#"{"room":"a","allow":"*"}"#)),
    ];
    for (name, claims) in passes {
        rows.push(Row::app(name, signed(&claims), ClaimFault::NotForRoom).in_join());
    }
    for (value, found) in KINDS.iter().filter(|(_, kind)| *kind != Kind::String) {
        let token = room_token(value, r#"["join"]"#);
        let fault = kind("room", "a string", *found);
        rows.push(Row::app(format!("the room {value}"), token, fault).in_join());
    }
    let long = format!(r#""{}""#, "a".repeat(129));
    for room in
        [r#""""#, r#""a b""#, r#""a/b""#, r#""*""#, r#""a:*""#, r#""**""#, r#""\u0430""#, &long]
    {
        let fault = ClaimFault::Room("room".into());
        rows.push(
            Row::app(format!("the room {room}"), room_token(room, r#"["join"]"#), fault).in_join(),
        );
    }
    let allow = [
        r#""join""#,
        r#""""#,
        "null",
        "true",
        "1",
        "{}",
        r#"["fly"]"#,
        r#"["Join"]"#,
        "[null]",
        r#"["join",1]"#,
        r#"["join","*"]"#,
        r#"[["join"]]"#,
    ];
    for allow in allow {
        let fault = ClaimFault::Allow("allow".into());
        rows.push(
            Row::app(format!("to allow {allow}"), room_token(r#""a""#, allow), fault).in_join(),
        );
    }
    rows
}

fn namespaced() -> Issuers<KeyRing> {
    of(IssuerRules {
        subject_claim: "https://app.example/user".into(),
        subject_integers: true,
        rooms_claim: "https://app.example/rooms".into(),
        limits_claim: "https://app.example/limits".into(),
        info_claim: "https://app.example/info".into(),
        room_claim: "https://app.example/room".into(),
        allow_claim: "https://app.example/allow".into(),
        ..app_rules()
    })
}

const USER: (&str, &str) = ("https://app.example/user", "7");

fn mapped() -> Vec<Row> {
    let with = |name: &str, value: &str| signed(&claims_with(&[USER, (name, value)]));
    let room_token = |room: &str, allow: &str| {
        let room = ("https://app.example/room", room);
        signed(&claims_with(&[USER, room, ("https://app.example/allow", allow)]))
    };
    let info = format!(r#"{{"n":"{}"}}"#, "a".repeat(1_017));
    let unmapped = signed(&claims_with(&[USER, ("room", r#""a""#), ("allow", r#""*""#)]));
    let logins = [
        ("sub does not name the user", signed(&claims_with(&[])), {
            ClaimFault::Missing("https://app.example/user".into())
        }),
        ("rooms", with("https://app.example/rooms", r#"{"a":"x"}"#), {
            ClaimFault::Rooms("https://app.example/rooms".into())
        }),
        ("limits", with("https://app.example/limits", r#"{"rooms":"1"}"#), {
            ClaimFault::Limits { claim: "https://app.example/limits".into(), member: "rooms" }
        }),
        ("info", with("https://app.example/info", &info), {
            ClaimFault::InfoLength { claim: "https://app.example/info".into(), bytes: 1_025 }
        }),
        ("a room token", room_token(r#""a""#, r#""*""#), ClaimFault::RoomToken),
    ];
    let passes = [
        ("default names make no room token", unmapped, ClaimFault::NotForRoom),
        ("no room", room_token(r#""a b""#, r#""*""#), {
            ClaimFault::Room("https://app.example/room".into())
        }),
        ("no permissions", room_token(r#""a""#, "{}"), {
            ClaimFault::Allow("https://app.example/allow".into())
        }),
    ];
    let verifier = namespaced();
    let row = |(name, token, fault): (&str, String, ClaimFault)| {
        Row::new(&verifier, format!("mapped: {name}"), token, fault)
    };
    let passes = passes.into_iter().map(|case| row(case).in_join());
    logins.into_iter().map(row).chain(passes).chain(mapped_users()).collect()
}

/// A user who may be a whole number.
fn mapped_users() -> Vec<Row> {
    let verifier = namespaced();
    let row = |claim: &str, value: &str, expected, found| {
        let token = signed(&claims_with(&[USER, (claim, value)]));
        Row::new(&verifier, format!("mapped: {claim} {value}"), token, kind(claim, expected, found))
    };
    let either = "a string or a whole number below 2^53";
    let numbers = ["-1", "1.5", "1.0", "1e3", "9007199254740992", "1e300"];
    let numbers = numbers.iter().map(|value| (*value, either, Kind::Number));
    let others = KINDS.iter().filter(|(_, kind)| !matches!(kind, Kind::String | Kind::Number));
    let values: Vec<_> =
        numbers.chain(others.map(|(value, found)| (*value, "a string", *found))).collect();
    // What `sub` is registered as, it must be, also where it names nobody.
    let claims = ["https://app.example/user", "sub"];
    let each = claims.iter().flat_map(|claim| values.iter().map(move |value| (*claim, *value)));
    each.map(|(claim, (value, expected, found))| row(claim, value, expected, found)).collect()
}

pub(super) fn good() -> Vec<Good> {
    let app = |name: &str, value: &str| {
        (format!("{name} {value}"), APP.clone(), signed(&claims(name, value)))
    };
    let info = |bytes: usize| format!(r#"{{"n":"{}"}}"#, "a".repeat(bytes - 8));
    let mapped = |name: &str, value: &str| {
        (format!("mapped: {name}"), namespaced(), signed(&claims_with(&[USER, (name, value)])))
    };
    vec![
        app("info", &info(1_024)),
        app("rooms", "{}"),
        app("rooms", r#"{"a:**":["join"],"*":"*"}"#),
        app("limits", r#"{"rooms":-1,"messages_per_s":0,"connections":9007199254740991}"#),
        app("room", r#""a""#),
        app("allow", "1"),
        mapped("rooms", "1"),
        mapped("limits", "1"),
        mapped("info", "1"),
        mapped("https://app.example/rooms", r#"{"a":"*"}"#),
    ]
}

pub(super) fn good_in_join() -> Vec<Good> {
    let app =
        |room: &str, allow: &str| (format!("{room} {allow}"), APP.clone(), room_token(room, allow));
    let idle = claims_with(&[
        ("room", r#""a""#),
        ("allow", "[]"),
        ("rooms", "1"),
        ("limits", "1"),
        ("info", "1"),
    ]);
    let mapped = claims_with(&[
        USER,
        ("https://app.example/room", r#""a""#),
        ("https://app.example/allow", r#"["join"]"#),
        ("room", "1"),
    ]);
    vec![
        app(r#""a""#, r#"["join","send"]"#),
        app(r#""team:1""#, r#""*""#),
        app(r#""\u0061""#, r#"["*"]"#),
        ("what a login says".into(), APP.clone(), signed(&idle)),
        ("mapped".into(), namespaced(), signed(&mapped)),
    ]
}
