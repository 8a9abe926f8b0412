//! What is refused, and in which words.

use super::*;

/// Path, value and the text of the refusal.
fn refused(cases: &[(&str, &str, &str)]) {
    for (path, value, expected) in cases {
        assert_eq!(texts(file(&document(path, value))), [*expected]);
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    let cases: &[(&str, &str)] = &[
        ("lisen = 'x'", "v.toml:1: lisen: unknown key; did you mean `listen`?"),
        ("deadline_ms = 5", "v.toml:1: deadline_ms: unknown key; did you mean `auth.deadline_ms`?"),
        (
            "[limits]\nbrust = 5",
            "v.toml:2: limits.brust: unknown key; did you mean `limits.burst`?",
        ),
        (
            "[cluster]\nlisten = 'x'",
            "v.toml:1: cluster: unknown key; known here: listen, workers, connections, drain_ms, \
             demo, auth, issuer, tickets, directory, heartbeat, gate, limits, rooms, admin, log",
        ),
        (
            "[gate]\nchairs = 5",
            "v.toml:2: gate.chairs: unknown key; known here: places, hard_places, share, accepts_per_s, origins, trusted_proxies, forwarded",
        ),
        (
            "[[rooms.rule]]\nhistory = 5",
            "v.toml:2: rooms.rule.0.history: is a table: write [rooms.rule.history]",
        ),
        (
            "[auth.deadline_ms]\nx = 5",
            "v.toml:1: auth.deadline_ms: takes a whole number, not a table",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(texts(file(&format!("{text}\n")))[0], *expected);
    }
    let issuer = texts(file(&format!("{LEAST}keys = 'https://a'\n")));
    assert!(issuer[0].starts_with("v.toml:4: issuer.0.keys: unknown key; known here: name, iss"));
}

#[test]
fn values_out_of_range_or_of_another_type_are_refused() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "listen",
            "'localhost'",
            "v.toml:2: listen: \"localhost\" is no address with a port: write \"127.0.0.1:7000\", \
             \"0.0.0.0:7000\" or \"[::]:7000\"",
        ),
        ("listen", "7000", "v.toml:2: listen: takes a string, not an integer"),
        ("workers", "257", "v.toml:2: workers: 257 is out of range: 0 to 256 (threads)"),
        ("workers", "-1", "v.toml:2: workers: -1 is out of range: 0 to 256 (threads)"),
        ("workers", "1.5", "v.toml:2: workers: takes a whole number, not a float"),
        ("auth", "5", "v.toml:2: auth: is a table: write [auth]"),
        (
            "auth.deadline_ms",
            "10",
            "v.toml:2: auth.deadline_ms: 10 is out of range: 20 to 600000 (milliseconds)",
        ),
        ("limits.burst", "0", "v.toml:2: limits.burst: 0 is out of range: 1 to 1000000 (messages)"),
        (
            "limits.on_user_limit",
            "'evict'",
            "v.toml:2: limits.on_user_limit: \"evict\" is none of \"refuse\", \"replace_oldest\"",
        ),
        (
            "gate.hard_places",
            "1024",
            "v.toml:2: gate.hard_places: 1024 is not above gate.places = 1024: it counts those, and \
             the sockets that are being closed, so that nobody could be pushed out for a newcomer",
        ),
        ("gate.origins", "'*'", "v.toml:2: gate.origins: is a list: write [\"...\", \"...\"]"),
    ];
    refused(cases);
    assert_eq!(
        texts(environment(&[("VESTIBULE_WORKERS", "many")])),
        ["VESTIBULE_WORKERS: workers: \"many\" is not a whole number"]
    );
    assert_eq!(
        texts(flag("log.level", "loud")),
        ["--flag: log.level: \"loud\" is none of \"error\", \"warn\", \"info\", \"debug\", \
             \"trace\""]
    );
}

#[test]
fn words_and_names_of_the_wrong_form_are_refused() {
    refused(&[
        (
            "gate.origins.0",
            "'https://A.example/'",
            "v.toml:2: gate.origins.0: \"https://A.example/\" is no origin as browsers send it: \
             write \"https://app.example\" (lower case, no path, no final slash, the port only if \
             unusual) or \"null\"",
        ),
        (
            "gate.trusted_proxies.0",
            "'10.0.0.1/8'",
            "v.toml:2: gate.trusted_proxies.0: \"10.0.0.1/8\" has bits set behind its prefix: the \
             network is 10.0.0.0/8, the address alone 10.0.0.1",
        ),
        (
            "rooms.default",
            "'closed'",
            "v.toml:1: rooms.default: \"closed\" is none of \"open\", \"granted\"",
        ),
        (
            "issuer.0.algorithm",
            "'none'",
            "v.toml:4: issuer.0.algorithm: \"none\" is none of \"HS256\", \"HS384\", \"HS512\", \
             \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \
             \"ES384\", \"EdDSA\"",
        ),
        (
            "issuer.0.name",
            "''",
            "v.toml:4: issuer.0.name: takes 1 to 64 bytes of text without control characters",
        ),
        (
            "issuer.0.required_claims.roles",
            "['a']",
            "v.toml:4: issuer.0.required_claims.roles: takes a string, a whole number, or true or \
             false, not an array",
        ),
    ]);
}

#[test]
fn what_is_missing_or_too_much_is_said() {
    assert_eq!(
        texts(file("")),
        [
            "configuration: rooms.default: not set: choose \"open\" (whoever is signed in may \
             join every room) or \"granted\" (only the rooms that the token's `rooms` claim names)",
            "configuration: issuer: not set: say whose tokens are accepted, in the file \
             ([[issuer]] with `secret_file`, `public_key_file`, `jwks_url` or another of its keys) \
             or in the environment (VESTIBULE_ISSUER__0__SECRET)",
        ]
    );
    assert_eq!(
        texts(file("rooms.default = 'open'\n[issuer]\nsecret = 'b'\n"))[0],
        "v.toml:2: issuer: is a list of tables: write [[issuer]]"
    );
    assert_eq!(
        texts(file("rooms.default = 'open'\n[[issuer]]\n")),
        ["configuration: issuer.0: has no key: set `secret`, `secret_file`, `public_key_file`, \
             `jwks_file`, `jwks_url` or `discovery`"]
    );
    assert_eq!(
        texts(environment(&[("VESTIBULE_ISSUER__0__SECRET_FILE", "s")])),
        ["VESTIBULE_ISSUER__0__SECRET_FILE: issuer.0.secret_file: cannot stand beside \
             issuer.0.secret (v.toml:3): set one of them"]
    );
}

#[test]
fn no_message_and_no_print_shows_a_secret() {
    let bad = [
        "[[issuer]]\nsecret = \"sesame\n",
        "[[issuer]]\nsecret = 'sesame' sesame\n",
        "[[issuer]]\nsecret = ['sesame']\n",
        "[[issuer]]\nsecret = 'base64:sesame!'\nsecret_file = 'x'\n",
        "[[issuer]]\nsecret = 'base64:sesame!'\n",
    ];
    for text in bad {
        let error = file(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    }
    let config = file(LEAST).unwrap();
    assert!(!format!("{config:?}").contains("sesame"));
    let flag = Flag { name: "--x", key: "issuer.0.secret", value: "sesame".into() };
    assert!(!format!("{flag:?}").contains("sesame"));
}

#[test]
fn a_text_that_is_no_toml_is_refused_with_its_line() {
    let error = texts(file("workers = 1\nworkers = 2\n"));
    assert!(error[0].starts_with("v.toml:2: not TOML: duplicate key"), "{error:?}");
}
