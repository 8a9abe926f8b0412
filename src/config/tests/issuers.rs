//! Several issuers beside each other, and the names of claims.

use super::*;

const KEY: &str = "secret = 'sesame-sesame-sesame-sesame-sesame'\n";

/// Issuers with a key each, and with these lines.
fn issuers(lines: &[&str]) -> Result<Config, ConfigError> {
    let issuers = lines.iter().map(|lines| format!("[[issuer]]\n{KEY}{lines}\n"));
    file(&format!("rooms.default = 'open'\n{}", issuers.collect::<String>()))
}

#[test]
fn several_stand_side_by_side() {
    let config = issuers(&[
        "iss = 'a'\nuser_prefix = 'a:'",
        "iss = 'b'\nuser_prefix = 'b:'",
        "iss = 'c'\nuser_prefix = 'ab:'\nname = 'third'",
    ])
    .unwrap();
    let names: Vec<_> = config.issuers.iter().map(|of| (of.number, &*of.name)).collect();
    assert_eq!(names, [(0, "default"), (1, "issuer-1"), (2, "third")]);
    let warned: Vec<_> = config.warnings.iter().map(|it| it.split(": ").next().unwrap()).collect();
    assert_eq!(warned, ["issuer \"default\"", "issuer \"issuer-1\"", "issuer \"third\""]);
    assert!(config.warnings[1].contains("issuer.1.aud is not set"), "{:?}", config.warnings);
}

#[test]
fn several_can_come_from_the_environment() {
    let config = environment(&[
        ("VESTIBULE_ISSUER__0__ISS", "a"),
        ("VESTIBULE_ISSUER__0__USER_PREFIX", "a:"),
        ("VESTIBULE_ISSUER__1__ISS", "b"),
        ("VESTIBULE_ISSUER__1__USER_PREFIX", "b:"),
        ("VESTIBULE_ISSUER__1__DISCOVERY", "https://b"),
    ])
    .unwrap();
    assert_eq!(config.issuers.len(), 2);
}

#[test]
fn nobody_of_one_passes_for_somebody_of_another() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["iss = 'a'\nuser_prefix = 'a:'", "user_prefix = 'b:'"],
            "v.toml:7: issuer.1.iss: not set: with several issuers each must have its own, since a \
             token's `iss` says whose rules and keys judge it",
        ),
        (
            &["iss = 'a'\nuser_prefix = 'a:'", "iss = 'a'\nuser_prefix = 'b:'"],
            "v.toml:8: issuer.1.iss: \"a\" is the issuer of issuer.0.iss (v.toml:4) too: each must \
             have its own",
        ),
        (
            &["iss = 'a'\nuser_prefix = 'a:'", "iss = 'b'"],
            "v.toml:7: issuer.1.user_prefix: not set: with several issuers each must have one, such \
             as \"app:\", so that no user can take the name of another issuer's",
        ),
        (
            &["iss = 'a'\nuser_prefix = ''", "iss = 'b'\nuser_prefix = 'b:'"],
            "v.toml:3: issuer.0.user_prefix: not set: with several issuers each must have one, such \
             as \"app:\", so that no user can take the name of another issuer's",
        ),
        (
            &["iss = 'a'\nuser_prefix = 'a'", "iss = 'b'\nuser_prefix = 'ab'"],
            "v.toml:9: issuer.1.user_prefix: \"ab\" and the \"a\" of issuer.0.user_prefix \
             (v.toml:5) are the same or one begins with the other: a user of one issuer could have \
             the name of the other's",
        ),
        (
            &["iss = 'a'\nuser_prefix = 'ab'", "iss = 'b'\nuser_prefix = 'a'"],
            "v.toml:9: issuer.1.user_prefix: \"a\" and the \"ab\" of issuer.0.user_prefix \
             (v.toml:5) are the same or one begins with the other: a user of one issuer could have \
             the name of the other's",
        ),
        (
            &["iss = 'a'\nuser_prefix = 'a:'\nname = 'issuer-1'", "iss = 'b'\nuser_prefix = 'b:'"],
            "configuration: issuer.1.name: \"issuer-1\" is the name of issuer.0.name (v.toml:6) \
             too: each must have its own",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(texts(issuers(lines)), [*expected]);
    }
    let discovered = "rooms.default = 'open'\n[[issuer]]\ndiscovery = 'https://a'\nuser_prefix = \
                      'a:'\n[[issuer]]\nsecret = 'x'\niss = 'https://a'\nuser_prefix = 'b:'\n";
    assert_eq!(
        texts(file(discovered)),
        ["v.toml:7: issuer.1.iss: \"https://a\" is the issuer of issuer.0.discovery (v.toml:3) \
          too: each must have its own"]
    );
    let many = |count: usize| {
        let lines: Vec<_> =
            (0..count).map(|at| format!("iss = '{at}'\nuser_prefix = '{at}:'")).collect();
        issuers(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(many(ISSUERS_MAX).unwrap().issuers.len(), ISSUERS_MAX);
    assert_eq!(
        texts(many(ISSUERS_MAX + 1)),
        ["configuration: issuer: 65 are set: up to 64 are taken"]
    );
}

#[test]
fn each_claim_has_one_meaning() {
    for (lines, expected) in [
        (
            "rooms_claim = 'exp'",
            "v.toml:4: issuer.0.rooms_claim: `exp` has its own meaning in every token: name \
             another claim",
        ),
        (
            "info_claim = 'sub'",
            "v.toml:4: issuer.0.info_claim: `sub` has its own meaning in every token: name another \
             claim",
        ),
        (
            "subject_claim = 'jti'",
            "v.toml:4: issuer.0.subject_claim: `jti` has its own meaning in every token: name \
             another claim",
        ),
        (
            "subject_claim = 'info'",
            "v.toml:4: issuer.0.subject_claim: `info` is also what issuer.0.info_claim reads: name \
             another claim",
        ),
        (
            "limits_claim = ''",
            "v.toml:4: issuer.0.limits_claim: takes 1 to 128 bytes of text without control \
             characters",
        ),
    ] {
        assert_eq!(texts(issuers(&[lines])), [expected]);
    }
    let swapped = issuers(&["rooms_claim = 'limits'\nlimits_claim = 'rooms'"]).unwrap();
    assert_eq!(&*swapped.issuers[0].claims.rooms, "limits");
    for subject in ["sub", "sid", "iss", "https://app.example/user"] {
        assert!(issuers(&[&format!("subject_claim = '{subject}'")]).is_ok(), "{subject}");
    }
}
