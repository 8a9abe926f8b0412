//! The rules for the JOSE header against a reading of the same members by `serde_json`.

use super::json;
use vestibule::token::{
    Rejection, TypePolicy,
    header::{Header, Typ},
};

/// What passes keeps the rules as a naive reading sees them, and neither the order of members nor
/// the white space between them changes any verdict.
pub fn header(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let verdict = Header::parse(text);
    let Some(members) = json::members(text) else {
        assert!(matches!(verdict, Err(Rejection::Form(_))), "no strict object, yet {verdict:?}");
        return;
    };
    assert!(!matches!(verdict, Err(Rejection::Form(_))), "a strict object, yet {verdict:?}");
    let reversed = json::text(members.iter().rev());
    assert_eq!(Header::parse(&reversed), verdict, "told in another order");
    if let Ok(header) = verdict {
        passed(&header, &members);
    }
}

fn passed(header: &Header<'_>, members: &[(String, String)]) {
    let names = |name: &str| members.iter().any(|(known, _)| known == name);
    let string = |name: &str| {
        let (_, raw) = members.iter().find(|(known, _)| known == name)?;
        Some(serde_json::from_str::<String>(raw).expect("a member that must be a string"))
    };
    assert_eq!(string("alg").as_deref(), Some(header.algorithm.as_str()));
    assert_eq!(string("kid").as_deref(), header.key_id.as_deref());
    assert_eq!(header.brings_key, ["jwk", "jku", "x5c", "x5u"].into_iter().any(names));
    assert!(!["crit", "b64", "zip", "enc", "epk"].into_iter().any(names));
    let kind = string("typ").map(|typ| match &*typ.to_ascii_lowercase() {
        "jwt" | "application/jwt" => Typ::Jwt,
        "at+jwt" | "application/at+jwt" => Typ::AccessToken,
        _ => Typ::Other,
    });
    assert_eq!(header.typ, kind.unwrap_or(Typ::Absent));
    let lax = kind != Some(Typ::Other);
    assert_eq!(TypePolicy::Lax.judge(header.typ).is_ok(), lax);
    assert_eq!(TypePolicy::Strict.judge(header.typ).is_ok(), kind == Some(Typ::AccessToken));
    if let Some(cty) = string("cty") {
        assert!(!["jwt", "application/jwt"].contains(&&*cty.to_ascii_lowercase()), "cty {cty}");
    }
}
