//! Headers that refuse a token; every one is genuinely signed with the application's secret.

use super::{
    Row,
    making::{APP, Good, KINDS, STRICT, bare, claims_with, header, under},
};
use crate::{
    protocol::json::Kind,
    token::{Algorithm, HeaderFault, fixtures::keys},
};

pub(super) fn rows() -> Vec<Row> {
    [algorithms(), extensions(), types(), strings()].into_iter().flatten().collect()
}

fn algorithms() -> Vec<Row> {
    let alg = |name: &str| header(&format!(r#"{{"alg":"{name}"}}"#));
    let mut rows = vec![
        Row::app("no alg", header(r#"{"typ":"JWT"}"#), HeaderFault::AlgorithmMissing),
        Row::app("an empty header", header("{}"), HeaderFault::AlgorithmMissing),
        Row::app("ALG", header(r#"{"ALG":"HS256"}"#), HeaderFault::AlgorithmMissing),
        Row::app("alg with a space", header(r#"{"alg ":"HS256"}"#), HeaderFault::AlgorithmMissing),
    ];
    for name in ["none", "None", "NONE", "nOnE", "non\\u0065"] {
        rows.push(Row::app(format!("alg {name}"), alg(name), HeaderFault::AlgorithmNone));
    }
    let unknown = [
        "",
        "hs256",
        "Hs256",
        "HS256 ",
        " HS256",
        "HS256\\u0000",
        "HS-256",
        "HS257",
        "SHA256",
        "HS256,none",
        "none ",
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A256KW",
        "PBES2-HS256+A128KW",
        "ES512",
        "ES256K",
        "Ed25519",
        "Ed448",
        "RS1",
        "HS1",
        "ML-DSA-44",
        "\\u041dS256",
    ];
    for name in unknown {
        rows.push(Row::app(format!("alg {name:?}"), alg(name), HeaderFault::AlgorithmUnknown));
    }
    let key = Algorithm::Hs256;
    for token in Algorithm::ALL.iter().copied().filter(|other| *other != key) {
        let fault = HeaderFault::AlgorithmMismatch { key, token };
        rows.push(Row::app(format!("renamed {token}"), alg(token.as_str()), fault));
        let foreign = keys(token).0.sign(&claims_with(&[])).expect("a token");
        rows.push(Row::app(format!("a true {token}"), foreign, fault));
    }
    // The same secret, and another algorithm of the family.
    let rs256 = bare(Algorithm::Rs256);
    for token in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256] {
        let fault = HeaderFault::AlgorithmMismatch { key: Algorithm::Rs256, token };
        let sibling = keys(token).0.sign(&claims_with(&[])).expect("a token");
        rows.push(Row::new(&rs256, format!("{token} to a key for RS256"), sibling, fault));
    }
    rows
}

fn extensions() -> Vec<Row> {
    let members: &[(&'static str, &[&str])] = &[
        (
            "crit",
            &[
                "[]",
                r#"["exp"]"#,
                r#"["alg"]"#,
                r#"["b64"]"#,
                r#"["crit"]"#,
                r#"["kid","kid"]"#,
                r#"["unknown"]"#,
                "[null]",
                r#""exp""#,
                "null",
                "0",
                "false",
                "true",
                "{}",
            ],
        ),
        ("b64", &["false", "true", "null", r#""false""#, "0", "[]"]),
        ("zip", &[r#""DEF""#, r#""GZ""#, r#""""#, "null", "true"]),
        ("enc", &[r#""A256GCM""#, r#""none""#, "null", "{}"]),
        ("epk", &["{}", r#"{"kty":"EC"}"#, "null", r#""""#]),
    ];
    let row = |member, value: &str, text: String| {
        Row::app(format!("{member} {value}"), header(&text), HeaderFault::Forbidden(member))
    };
    let each = members.iter().flat_map(|(member, values)| {
        values.iter().map(move |value| {
            row(member, value, format!(r#"{{"alg":"HS256","{member}":{value}}}"#))
        })
    });
    each.chain([
        row("crit", "in disguise", r#"{"alg":"HS256","\u0063rit":["exp"]}"#.into()),
        row("crit", "and b64", r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#.into()),
        row("crit", "and what it names", r#"{"alg":"HS256","crit":["x"],"x":1}"#.into()),
        row("zip", "in disguise", r#"{"alg":"HS256","zi\u0070":"DEF"}"#.into()),
        row("enc", "like a JWE", r#"{"alg":"dir","enc":"A128GCM","typ":"JWT"}"#.into()),
    ])
    .collect()
}

fn types() -> Vec<Row> {
    let typ = |typ: &str| header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#));
    let mut rows = Vec::new();
    let others = [
        "",
        "id_token+jwt",
        "id+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "rt+jwt",
        "refresh+jwt",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "JOSE",
        "JOSE+JSON",
        "vc+sd-jwt",
        "text/jwt",
        "jwt/application",
        "application/",
        "JWT ",
        " JWT",
        "JWT;v=1",
        "at +jwt",
        "at%2Bjwt",
        "\\u0458wt",
    ];
    for other in others {
        rows.push(Row::app(format!("typ {other:?}"), typ(other), HeaderFault::Type));
    }
    for other in ["", "JWT", "jwt", "application/jwt", "at-jwt", "at+jwt ", "logout+jwt"] {
        let fault = HeaderFault::NotAnAccessToken;
        rows.push(Row::new(&STRICT, format!("strictly: typ {other:?}"), typ(other), fault));
    }
    let absent = header(r#"{"alg":"HS256"}"#);
    rows.push(Row::new(&STRICT, "strictly: no typ", absent, HeaderFault::TypeMissing));
    for cty in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        let nested = header(&format!(r#"{{"alg":"HS256","cty":"{cty}"}}"#));
        rows.push(Row::app(format!("cty {cty}"), nested, HeaderFault::Nested));
    }
    let inner =
        under(r#"{"alg":"HS256","cty":"JWT","typ":"JWT"}"#, r#""eyJhbGciOiJub25lIn0.e30.""#);
    rows.push(Row::app("a token in a token", inner, HeaderFault::Nested));
    rows
}

fn strings() -> Vec<Row> {
    let mut rows = Vec::new();
    for member in ["alg", "typ", "cty", "kid"] {
        for (value, found) in KINDS.iter().filter(|(_, kind)| *kind != Kind::String) {
            let alg = if member == "alg" { "" } else { r#""alg":"HS256","# };
            let text = header(&format!(r#"{{{alg}"{member}":{value}}}"#));
            let fault = HeaderFault::NotAString { member, found: *found };
            rows.push(Row::app(format!("{member} is {value}"), text, fault));
        }
    }
    rows
}

/// With a single key a `kid` says nothing, and keys inside of a token are not looked at.
pub(super) fn good() -> Vec<Good> {
    let kids = [
        "",
        "../../etc/passwd",
        "/dev/null",
        "' OR 1=1 --",
        "a\\u0000b",
        "http://evil.example/jwks",
        "\\u0430pp",
        "{{7*7}}",
        "$(id)",
    ];
    let kid = |kid: &str| {
        let token = header(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#));
        (format!("kid {kid:?}"), APP.clone(), token)
    };
    let brought = ["jwk", "jku", "x5c", "x5u"].map(|member| {
        let token = header(&format!(r#"{{"alg":"HS256","{member}":"https://evil.example/keys"}}"#));
        (member.to_owned(), APP.clone(), token)
    });
    let long = header(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(65_536)));
    let types =
        ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"].map(|typ| {
            let token = header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#));
            (format!("typ {typ}"), APP.clone(), token)
        });
    let strict = ["at+jwt", "AT+JWT", "application/at+jwt"].map(|typ| {
        let token = header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#));
        (format!("strictly: typ {typ}"), STRICT.clone(), token)
    });
    kids.into_iter()
        .map(kid)
        .chain(brought)
        .chain(types)
        .chain(strict)
        .chain([("a kid of 64 KiB".into(), APP.clone().with_token_bytes(100_000), long)])
        .collect()
}
