//! The keys of an issuer, by every way to name them, and what goes with which.

use super::*;
use std::path::PathBuf;

/// The names that are tested here, and not row by row.
pub(super) const NAMES: &[&str] = &[
    "secret",
    "secret_file",
    "public_key_file",
    "jwks_file",
    "jwks_url",
    "discovery",
    "previous_secret",
    "previous_secret_file",
    "previous_until",
    "algorithms.0",
    "stale_ms",
    "ca_file",
    "end_sessions_of_removed_keys",
];

const SECRET: &str = "secret = 'sesame-sesame-sesame-sesame-sesame'\n";
const URL: &str = "jwks_url = 'https://app.example/keys'\n";

/// The first issuer is these lines.
fn issuer(lines: &str) -> Result<Config, ConfigError> {
    file(&format!("rooms.default = 'open'\n[[issuer]]\n{lines}"))
}

fn key(lines: &str) -> KeyConfig {
    issuer(lines).unwrap_or_else(|error| panic!("{error}")).issuers.remove(0).key
}

fn set(lines: &str) -> KeySet {
    let KeyConfig::Set(set) = key(lines) else { panic!("a set: {lines}") };
    set
}

/// The one problem of an issuer, without its place in the file.
fn problem(lines: &str) -> String {
    let mut all = issuer(lines).unwrap_err().problems;
    assert_eq!(all.len(), 1, "{all:?}");
    let Problem { key, what, .. } = all.remove(0);
    format!("{key}: {what}")
}

#[test]
fn every_source_of_a_set_is_read() {
    let file = set("jwks_file = 'keys.json'\n");
    assert_eq!(file.from, KeysFrom::File(PathBuf::from("keys.json")));
    assert_eq!((file.stale_ms, file.ca_file, file.algorithms.len()), (3_600_000, None, 0));
    let url = set(&format!(
        "{URL}ca_file = 'ca.pem'\nstale_ms = 5\n\
         algorithms = ['RS256', 'ES256']\n"
    ));
    assert_eq!(url.from, KeysFrom::Url("https://app.example/keys".into()));
    assert_eq!((url.stale_ms, url.ca_file.map(|of| of.0)), (5, Some(PathBuf::from("ca.pem"))));
    assert_eq!(url.algorithms, ["RS256", "ES256"]);
    let by_variables = Config::load(Sources {
        environment: vec![
            ("VESTIBULE_ROOMS__DEFAULT".into(), "open".into()),
            ("VESTIBULE_ISSUER__0__JWKS_URL".into(), "https://app.example/keys".into()),
            ("VESTIBULE_ISSUER__0__ALGORITHMS__0".into(), "RS256".into()),
            ("VESTIBULE_ISSUER__0__END_SESSIONS_OF_REMOVED_KEYS".into(), "true".into()),
        ],
        ..Sources::default()
    });
    let issuer = by_variables.unwrap().issuers.remove(0);
    let KeyConfig::Set(set) = issuer.key else { panic!("a set") };
    assert!(issuer.end_sessions_of_removed_keys && set.algorithms == ["RS256"]);
}

#[test]
fn discovery_is_the_issuer_unless_it_is_set() {
    let discovered = issuer("discovery = 'https://login.example/t'\n").unwrap();
    assert_eq!(discovered.issuers[0].iss.as_deref(), Some("https://login.example/t"));
    assert!(!discovered.warnings.iter().any(|it| it.contains("`iss`")));
    let set = issuer("discovery = 'https://login.example/t'\niss = 'other'\n").unwrap();
    assert_eq!(set.issuers[0].iss.as_deref(), Some("other"));
    assert_eq!(
        problem("discovery = 'https://login.example/t/.well-known/openid-configuration'\n"),
        "issuer.0.discovery: takes the issuer itself, as its tokens have it in `iss`: write \
         \"https://login.example/t\", or what stands as `issuer` in that document"
    );
}

#[test]
fn keys_come_over_tls_or_from_this_machine() {
    for url in [
        "http://127.0.0.1:8080/keys",
        "HTTP://localhost/keys",
        "http://localhost/keys",
        "http://[::1]:1/keys",
    ] {
        let config = issuer(&format!("jwks_url = '{url}'\niss = 'a'\naud = ['b']\n")).unwrap();
        assert_eq!(
            config.warnings,
            [format!(
                "issuer \"default\": its keys are fetched without TLS, from {url}: whoever can \
                 answer there decides who gets in"
            )]
        );
    }
    for url in [
        "http://app.example/keys",
        "http://localhost.app.example/",
        "http://127.0.0.1.app.example/",
        "ftp://app.example/keys",
        "app.example/keys",
        "https://",
        "https://app.example/a key",
        "",
    ] {
        for way in ["jwks_url", "discovery"] {
            let said = problem(&format!("{way} = '{url}'\n"));
            assert!(said.starts_with(&format!("issuer.0.{way}: {url:?}")), "{said}");
        }
    }
}

#[test]
fn what_may_be_a_secret_in_an_address_is_not_shown() {
    for (url, shown) in [
        ("https://user:hush@app.example/", "https://…"),
        ("https://user:hu/s?h@app.example/", "https://…"),
        ("user:hush@app.example", "…"),
        ("http://app.example/keys?apikey=hush", "http://app.example/keys"),
        ("https://app.example/keys#hush", "https://app.example/keys"),
    ] {
        let said = problem(&format!("jwks_url = '{url}'\n"));
        assert!(said.starts_with(&format!("issuer.0.jwks_url: {shown:?}: ")), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
    let url = "http://localhost/keys?apikey=hush";
    let config = issuer(&format!("jwks_url = '{url}'\niss = 'a'\naud = ['b']\n")).unwrap();
    assert!(config.warnings.iter().any(|warning| warning.contains("http://localhost/keys:")));
    assert!(!config.warnings.concat().contains("hush"));
}

#[test]
fn a_previous_secret_has_its_end() {
    for until in ["'2026-12-31T00:00:00Z'", "2026-12-31T00:00:00Z", "2026-12-31T02:00:00+02:00"] {
        let lines = format!("{SECRET}previous_secret = 'base64:AAE='\nprevious_until = {until}\n");
        let KeyConfig::Secret { previous: Some(previous), .. } = key(&lines) else {
            panic!("a previous secret: {until}")
        };
        assert_eq!(previous.secret.reveal(), [0, 1]);
        assert_eq!(previous.until, Wall::from_ms(1_798_675_200_000));
    }
    let over = issuer(&format!(
        "{SECRET}iss = 'a'\nprevious_secret = 'x'\nprevious_until = 2026-12-31T00:00:00Z\n"
    ))
    .unwrap();
    assert_eq!(over.warnings_at(Wall::from_ms(1_798_675_199_999)), [""; 0]);
    assert_eq!(
        over.warnings_at(Wall::from_ms(1_798_675_200_000)),
        ["issuer \"default\": the previous secret is no longer accepted, issuer.0.previous_until \
          has passed: remove both"]
    );
}

#[test]
fn half_a_previous_secret_is_refused() {
    let needs = "needs `previous_until`, from when on it is refused, such as previous_until = \
                 \"2026-12-31T00:00:00Z\"";
    for (lines, expected) in [
        ("previous_secret = 'x'\n", format!("issuer.0.previous_secret: {needs}")),
        ("previous_secret_file = 'x'\n", format!("issuer.0.previous_secret_file: {needs}")),
        (
            "previous_until = 2026-12-31T00:00:00Z\n",
            "issuer.0.previous_until: says until when, but not which: set `previous_secret` or \
             `previous_secret_file` too"
                .to_owned(),
        ),
        (
            "previous_secret = 'x'\nprevious_secret_file = 'x'\nprevious_until = 'x'\n",
            "issuer.0.previous_secret_file: cannot stand beside issuer.0.previous_secret \
             (v.toml:4): set one of them"
                .to_owned(),
        ),
        (
            "previous_secret = 'x'\nprevious_until = 'tomorrow'\n",
            "issuer.0.previous_until: \"tomorrow\" is no moment with its zone: write \
             \"2026-12-31T00:00:00Z\", or +02:00 in place of Z"
                .to_owned(),
        ),
        (
            "previous_secret = 'x'\nprevious_until = 2026-12-31\n",
            "issuer.0.previous_until: \"2026-12-31\" is no moment with its zone: write \
             \"2026-12-31T00:00:00Z\", or +02:00 in place of Z"
                .to_owned(),
        ),
        (
            "previous_secret = 'x'\nprevious_until = 5\n",
            "issuer.0.previous_until: takes a moment such as 2026-12-31T00:00:00Z, not an integer"
                .to_owned(),
        ),
        (
            "previous_secret = ''\nprevious_until = 2026-12-31T00:00:00Z\n",
            "issuer.0.previous_secret: is empty".to_owned(),
        ),
    ] {
        let all = issuer(&format!("{SECRET}{lines}")).unwrap_err().problems;
        let Problem { key, what, .. } = &all[0];
        assert_eq!(format!("{key}: {what}"), expected);
    }
}

#[test]
fn what_does_not_go_with_the_key_is_refused() {
    for (lines, expected) in [
        (
            "secret = 'x'\nca_file = 'ca.pem'\n",
            "issuer.0.ca_file: goes with `jwks_url`, `discovery`, not with `secret`",
        ),
        (
            "secret = 'x'\nalgorithms = ['HS256']\n",
            "issuer.0.algorithms: goes with `jwks_file`, `jwks_url`, `discovery`, not with `secret`",
        ),
        (
            "jwks_file = 'x'\nstale_ms = 5\n",
            "issuer.0.stale_ms: goes with `jwks_url`, `discovery`, not with `jwks_file`",
        ),
        (
            "jwks_file = 'x'\nprevious_secret = 'x'\n",
            "issuer.0.previous_secret: goes with `secret`, `secret_file`, not with `jwks_file`",
        ),
    ] {
        assert_eq!(problem(lines), expected);
    }
    let both = problem("jwks_file = 'x'\njwks_url = 'https://a'\n");
    assert_eq!(
        both,
        "issuer.0.jwks_url: cannot stand beside issuer.0.jwks_file (v.toml:3): set one of them"
    );
    let foreign = problem(&format!("{URL}algorithms = ['RS256', 'none']\n"));
    assert!(foreign.starts_with("issuer.0.algorithms.1: \"none\" is none of"), "{foreign}");
}

#[test]
fn no_print_shows_a_previous_secret() {
    let lines = "previous_secret = 'sesame'\nprevious_until = 2026-12-31T00:00:00Z\n";
    let config = issuer(&format!("{SECRET}{lines}")).unwrap();
    assert!(!format!("{config:?}").contains("sesame"));
    let error = issuer("previous_secret = 'base64:sesame!'\nprevious_until = 'x'\n").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
}
