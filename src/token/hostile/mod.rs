//! Hostile tokens: how each is made, to whom it is shown, and the one rule that refuses it.

mod forms;
mod headers;
mod issuers;
mod kinds;
mod making;
mod private;
mod registered;
mod rings;
mod signatures;
mod times;

use super::{Issuers, KeyRing, Rejection, fixtures::NOW};
use std::collections::BTreeSet;

/// A token, and what must become of it.
struct Row {
    name: String,
    token: String,
    verifier: Issuers<KeyRing>,
    /// Shown in a `join` instead of an `auth`.
    in_join: bool,
    expected: Rejection,
}

impl Row {
    /// Shown in an `auth`.
    fn new(
        verifier: &Issuers<KeyRing>,
        name: impl Into<String>,
        token: String,
        expected: impl Into<Rejection>,
    ) -> Self {
        let (name, verifier, expected) = (name.into(), verifier.clone(), expected.into());
        Self { name, token, verifier, in_join: false, expected }
    }

    /// Shown in an `auth` of the application that most rows are about.
    fn app(name: impl Into<String>, token: String, expected: impl Into<Rejection>) -> Self {
        Self::new(&making::APP, name, token, expected)
    }

    /// Shown in a `join`.
    fn in_join(self) -> Self {
        Self { in_join: true, ..self }
    }

    fn verdict(&self) -> Result<(), Rejection> {
        if self.in_join {
            self.verifier.judge_pass(&self.token, NOW).map(drop)
        } else {
            self.verifier.judge(&self.token, NOW).map(drop)
        }
    }
}

fn all() -> Vec<Row> {
    let tables = [
        forms::rows,
        headers::rows,
        rings::rows,
        signatures::rows,
        registered::rows,
        times::rows,
        private::rows,
        kinds::rows,
        issuers::rows,
    ];
    tables.iter().flat_map(|table| table()).collect()
}

#[test]
fn every_hostile_token_meets_its_rule() {
    let rows = all();
    for Row { name, token, expected, .. } in &rows {
        assert!(token.len() < 100_000, "{name}");
        let words = format!("{expected} {expected:?}");
        let shown = |part: &str| part.len() > 11 && words.contains(part);
        assert!(!token.split('.').any(shown), "{name}: {words}");
    }
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let verdict = row.verdict();
            let as_expected = verdict.as_ref() == Err(&row.expected);
            (!as_expected).then(|| format!("{}: {verdict:?}, not {:?}", row.name, row.expected))
        })
        .collect();
    assert!(wrong.is_empty(), "of {} rows {} fail:\n{}", rows.len(), wrong.len(), wrong.join("\n"));
    assert!(rows.len() >= 900, "only {} rows", rows.len());
    let names: BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
    assert_eq!(names.len(), rows.len(), "a name stands twice");
}

/// What a verifier can say; the reasons of embedders and of key sources are met elsewhere.
const RULES: &[&str] = &[
    "Form(TooLong",
    "Form(JsonSerialization",
    "Form(Encrypted",
    "Form(Parts",
    "Form(EmptyPart(Header",
    "Form(EmptyPart(Claims",
    "Form(EmptyPart(Signature",
    "Form(Alphabet(Header",
    "Form(Alphabet(Claims",
    "Form(Alphabet(Signature",
    "Form(Padding(Header",
    "Form(Padding(Claims",
    "Form(Padding(Signature",
    "Form(Length(Header",
    "Form(Length(Claims",
    "Form(Length(Signature",
    "Form(TailBits(Header",
    "Form(TailBits(Claims",
    "Form(TailBits(Signature",
    "Form(NotUtf8(Header",
    "Form(NotUtf8(Claims",
    "Form(NotJson(Header, JsonFault { kind: Syntax",
    "Form(NotJson(Header, JsonFault { kind: String",
    "Form(NotJson(Header, JsonFault { kind: Depth",
    "Form(NotJson(Header, JsonFault { kind: Duplicate",
    "Form(NotJson(Header, JsonFault { kind: NotAnObject",
    "Form(NotJson(Claims, JsonFault { kind: Syntax",
    "Form(NotJson(Claims, JsonFault { kind: String",
    "Form(NotJson(Claims, JsonFault { kind: Depth",
    "Form(NotJson(Claims, JsonFault { kind: Duplicate",
    "Form(NotJson(Claims, JsonFault { kind: NotAnObject",
    "Header(AlgorithmMissing",
    "Header(AlgorithmNone",
    "Header(AlgorithmUnknown",
    "Header(AlgorithmMismatch",
    "Header(Forbidden(\"crit\"",
    "Header(Forbidden(\"b64\"",
    "Header(Forbidden(\"zip\"",
    "Header(Forbidden(\"enc\"",
    "Header(Forbidden(\"epk\"",
    "Header(NotAString { member: \"alg\"",
    "Header(NotAString { member: \"typ\"",
    "Header(NotAString { member: \"cty\"",
    "Header(NotAString { member: \"kid\"",
    "Header(Type)",
    "Header(TypeMissing",
    "Header(NotAnAccessToken",
    "Header(Nested",
    "Key(Unnamed",
    "Key(Unknown",
    "Signature",
    "Claim(Missing(\"exp\"",
    "Claim(Missing(\"sub\"",
    "Claim(Missing(\"https://app.example/user\"",
    "Claim(Kind { claim: \"https://app.example/user\"",
    "Claim(Kind { claim: \"iss\"",
    "Claim(Kind { claim: \"sub\"",
    "Claim(Kind { claim: \"aud\"",
    "Claim(Kind { claim: \"exp\"",
    "Claim(Kind { claim: \"nbf\"",
    "Claim(Kind { claim: \"iat\"",
    "Claim(Kind { claim: \"jti\"",
    "Claim(Kind { claim: \"sid\"",
    "Claim(Kind { claim: \"rooms\"",
    "Claim(Kind { claim: \"limits\"",
    "Claim(Kind { claim: \"info\"",
    "Claim(Kind { claim: \"room\"",
    "Claim(Time(\"exp\"",
    "Claim(Time(\"nbf\"",
    "Claim(Time(\"iat\"",
    "Claim(SubjectLength",
    "Claim(SubjectControl",
    "Claim(Issuer",
    "Claim(Audience",
    "Claim(Required",
    "Claim(Rooms",
    "Claim(Limits",
    "Claim(InfoLength",
    "Claim(Lifetime",
    "Claim(RoomToken",
    "Claim(NotForRoom",
    "Claim(Room(",
    "Claim(Allow",
    "NotYetValid { claim: \"nbf\"",
    "NotYetValid { claim: \"iat\"",
    "Expired",
];

#[test]
fn every_rule_has_a_hostile_token() {
    let met: BTreeSet<_> = all().iter().map(|row| format!("{:?}", row.expected)).collect();
    for rule in RULES {
        assert!(met.iter().any(|met| met.starts_with(rule)), "no row expects {rule}");
    }
    let listed = |met: &&String| RULES.iter().any(|rule| met.starts_with(rule));
    let strange: Vec<_> = met.iter().filter(|met| !listed(met)).collect();
    assert!(strange.is_empty(), "not among the rules: {strange:?}");
}

#[test]
fn the_good_neighbours_of_hostile_tokens_pass() {
    let neighbours = making::good().into_iter().chain(times::good()).chain(kinds::good());
    for (name, verifier, token) in neighbours.chain(headers::good()).chain(private::good()) {
        assert!(verifier.judge(&token, NOW).is_ok(), "{name}: {:?}", verifier.judge(&token, NOW));
    }
    for (name, verifier, token) in private::good_in_join() {
        let pass = verifier.judge_pass(&token, NOW);
        assert!(pass.is_ok(), "{name}: {pass:?}");
    }
}
