//! Every key by every source, and every text that tells what is wrong.

mod admin;
mod directory;
mod issuer_keys;
mod issuers;
mod refused;
mod rooms;
mod sources;
mod tickets;

use super::*;
use crate::protocol::room_rules::{HistoryBounds, RoomTerms};
use std::fs;

const LEAST: &str =
    "rooms.default = \"open\"\n[[issuer]]\nsecret = \"sesame-sesame-sesame-sesame-sesame\"\n";

/// What holds where no rule matches.
fn terms(config: &Config) -> &RoomTerms {
    config.rooms.otherwise()
}

fn file(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml("v.toml", text, Vec::new())
}

/// [`LEAST`] overlaid by variables.
fn environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut raw = RawConfig::default();
    raw.read_text("v.toml", LEAST);
    raw.overlay_environment(variables.iter().map(|(n, v)| (n.into(), v.into())).collect());
    check::check(raw)
}

/// [`LEAST`] overlaid by flags.
fn flag(key: &'static str, value: &str) -> Result<Config, ConfigError> {
    let flag = Flag { name: "--flag", key, value: value.to_owned() };
    Config::from_toml("v.toml", LEAST, vec![flag])
}

fn texts(result: Result<Config, ConfigError>) -> Vec<String> {
    result.unwrap_err().problems.iter().map(Problem::to_string).collect()
}

/// Path, TOML and text of a value, and how to see it.
type Row = (&'static str, &'static str, &'static str, fn(&Config) -> String);

fn show(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// One row for every key but those about the keys of an issuer (`tests/issuer_keys.rs`), the rules
/// about rooms (`tests/rooms.rs`), the admin listener (`tests/admin.rs`) and the directory
/// (`tests/directory.rs`): they need others beside them.
const ROWS: &[Row] = &[
    ("listen", "\"[::1]:80\"", "[::1]:80", |c| c.listen.to_string()),
    ("workers", "3", "3", |c| show(c.workers)),
    ("connections", "900", "900", |c| show(c.connections)),
    ("drain_ms", "0x10", "16", |c| show(c.drain_ms)),
    ("demo", "true", "true", |c| show(c.demo)),
    ("auth.deadline_ms", "20_000", "20000", |c| show(c.auth.deadline_ms)),
    ("auth.session_age_ms", "86_400_000", "86400000", |c| show(c.session.session_age_ms)),
    ("issuer.0.name", "'app'", "app", |c| c.issuers[0].name.to_string()),
    ("issuer.0.iss", "'https://a'", "https://a", |c| c.issuers[0].iss.clone().unwrap().into()),
    ("issuer.0.aud.0", "'chat'", "chat", |c| c.issuers[0].aud.join(",")),
    ("issuer.0.algorithm", "'HS512'", "HS512", |c| c.issuers[0].algorithm.unwrap().into()),
    ("issuer.0.leeway_ms", "0", "0", |c| show(c.issuers[0].leeway_ms)),
    ("issuer.0.subject_claim", "'user_id'", "user_id", |c| c.issuers[0].subject_claim.to_string()),
    ("issuer.0.subject_integers", "true", "true", |c| show(c.issuers[0].subject_integers)),
    ("issuer.0.required_claims.token_type", "'access'", "access", |c| {
        c.issuers[0].required_claims["token_type"].as_str().unwrap().into()
    }),
    ("issuer.0.user_prefix", "'app:'", "app:", |c| c.issuers[0].user_prefix.to_string()),
    ("issuer.0.typ", "'strict'", "Strict", |c| show(c.issuers[0].typ)),
    ("issuer.0.max_lifetime_ms", "60000", "60000", |c| show(c.issuers[0].max_lifetime_ms.unwrap())),
    ("issuer.0.rooms_claim", "'a/r'", "a/r", |c| c.issuers[0].claims.rooms.to_string()),
    ("issuer.0.limits_claim", "'a/l'", "a/l", |c| c.issuers[0].claims.limits.to_string()),
    ("issuer.0.info_claim", "'a/i'", "a/i", |c| c.issuers[0].claims.info.to_string()),
    ("issuer.0.room_claim", "'a/1'", "a/1", |c| c.issuers[0].claims.room.to_string()),
    ("issuer.0.allow_claim", "'a/a'", "a/a", |c| c.issuers[0].claims.allow.to_string()),
    ("issuer.0.ceiling.messages_per_s", "21", "21", |c| {
        show(c.issuers[0].ceiling.messages_per_s.unwrap())
    }),
    ("issuer.0.ceiling.rooms", "22", "22", |c| show(c.issuers[0].ceiling.rooms.unwrap())),
    ("issuer.0.ceiling.connections", "23", "23", |c| {
        show(c.issuers[0].ceiling.connections.unwrap())
    }),
    ("heartbeat.interval_ms", "500", "500", |c| show(c.session.heartbeat_interval_ms)),
    ("heartbeat.timeout_ms", "600", "600", |c| show(c.session.heartbeat_timeout_ms)),
    ("gate.origins.0", "'https://a.example:8443'", "https://a.example:8443", |c| {
        c.origins.join(",")
    }),
    ("gate.places", "9", "9", |c| c.places.places.to_string()),
    ("gate.hard_places", "9999", "9999", |c| c.places.hard_places.to_string()),
    ("gate.share", "9", "9", |c| c.places.share.to_string()),
    ("gate.accepts_per_s", "9", "9", |c| c.accepts_per_s.to_string()),
    ("gate.trusted_proxies.0", "'10.0.0.0/8'", "10.0.0.0/8", |c| {
        c.trusted_proxies.networks()[0].to_string()
    }),
    ("gate.forwarded", "'proxy-v2'", "ProxyV2", |c| show(c.trusted_proxies.source())),
    ("limits.message_bytes", "1000", "1000", |c| show(c.session.message_bytes)),
    ("limits.messages_per_s", "11", "11", |c| show(c.session.messages_per_s)),
    ("limits.burst", "12", "12", |c| show(c.session.burst)),
    ("limits.rooms", "13", "13", |c| show(c.session.rooms)),
    ("limits.outbox_bytes", "65536", "65536", |c| show(c.session.outbox_bytes)),
    ("limits.connections_per_user", "14", "14", |c| show(c.connections_per_user)),
    ("limits.on_user_limit", "'replace_oldest'", "ReplaceOldest", |c| show(c.on_user_limit)),
    ("rooms.default", "'granted'", "true", |c| show(c.rooms == RoomRules::granted())),
    ("rooms.history.count", "1", "1", |c| show(terms(c).history.count)),
    ("rooms.history.age_ms", "2", "2", |c| show(terms(c).history.age_ms)),
    ("rooms.history.bytes", "3", "3", |c| show(terms(c).history.bytes)),
    ("rooms.history_total_bytes", "4", "4", |c| show(c.history_total_bytes)),
    ("rooms.path", "'/ws/{room}'", "/ws/{room}", |c| {
        c.room_path.as_ref().map_or_else(String::new, ToString::to_string)
    }),
    ("log.level", "'debug'", "Debug", |c| show(c.log.level)),
    ("log.format", "'json'", "Json", |c| show(c.log.format)),
];

/// `path = value` as a TOML document with [`LEAST`], list entries and tables in their own form.
fn document(path: &str, value: &str) -> String {
    let least = LEAST.strip_prefix("rooms.default = \"open\"\n").unwrap();
    let rooms = if path == "rooms.default" { "" } else { "rooms.default = \"open\"\n" };
    let entry = |path: &str| match path.strip_suffix(".0") {
        Some(list) => format!("{list} = [{value}]\n"),
        None => format!("{path} = {value}\n"),
    };
    match path.strip_prefix("issuer.0.") {
        Some(key) => format!("{rooms}{least}{}", entry(key)),
        None => format!("{rooms}{}{least}", entry(path)),
    }
}

fn variable(path: &str) -> String {
    format!("VESTIBULE_{}", path.replace('.', "__").to_uppercase())
}

#[test]
fn every_key_is_in_the_rows() {
    for key in keys::KEYS {
        let path = key.path.replace('#', "0").replace('*', "token_type");
        let elsewhere = path.starts_with("rooms.rule.0.")
            || path.starts_with("admin.")
            || path.starts_with("auth.sources.")
            || path.starts_with("tickets.")
            || path.starts_with("directory.")
            || path
                .strip_prefix("issuer.0.")
                .is_some_and(|name| issuer_keys::NAMES.contains(&name));
        assert!(elsewhere || ROWS.iter().any(|row| row.0 == path), "{path} has no row");
    }
}

#[test]
fn every_key_can_be_set_by_every_source() {
    for (path, toml, text, see) in ROWS {
        let by_file = file(&document(path, toml)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(see(&by_file), *text, "{path} by file");
        let by_variable = environment(&[(&variable(path), text_value(path, text))]).unwrap();
        assert_eq!(see(&by_variable), *text, "{path} by environment");
        let by_flag = flag(path, text_value(path, text)).unwrap();
        assert_eq!(see(&by_flag), *text, "{path} by flag");
    }
}

/// Words are shown by the name of their variant.
fn text_value<'a>(path: &str, shown: &'a str) -> &'a str {
    match (path, shown) {
        ("gate.forwarded", _) => "proxy-v2",
        ("limits.on_user_limit", _) => "replace_oldest",
        ("rooms.default", _) => "granted",
        ("issuer.0.typ", _) => "strict",
        ("log.level", _) => "debug",
        ("log.format", _) => "json",
        (_, shown) => shown,
    }
}

#[test]
fn the_least_gives_the_published_defaults() {
    let config = file(LEAST).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:7000");
    assert_eq!((config.workers, config.connections, config.drain_ms), (0, 0, 5_000));
    assert!(!config.demo);
    assert_eq!(config.auth, AuthLimits::default());
    assert_eq!(config.session, SessionLimits::default());
    assert_eq!(config.rooms, RoomRules::open());
    let history = HistoryBounds { count: 256, age_ms: 300_000, bytes: 1_048_576 };
    assert_eq!(terms(&config).history, history);
    assert!(config.origins.is_empty());
    assert_eq!(config.trusted_proxies, TrustedProxies::default());
    assert_eq!((config.connections_per_user, config.on_user_limit), (32, OnUserLimit::Refuse));
    assert_eq!(config.log, LogConfig { level: LogLevel::Info, format: LogFormat::Auto });
    let [issuer] = config.issuers.as_slice() else { panic!("one issuer") };
    assert_eq!(
        (&*issuer.name, issuer.leeway_ms, &*issuer.subject_claim),
        ("default", 5_000, "sub")
    );
    assert_eq!(issuer.key_origin, Origin::File { name: "v.toml".into(), line: 3 });
    assert!(!issuer.subject_integers && issuer.required_claims.is_empty());
    assert_eq!((issuer.typ, issuer.max_lifetime_ms), (TypePolicy::Lax, None));
    assert_eq!(issuer.ceiling, Quotas::default());
    let names = &issuer.claims;
    let names = [&names.rooms, &names.limits, &names.info, &names.room, &names.allow];
    assert_eq!(names.map(|name| &**name), ["rooms", "limits", "info", "room", "allow"]);
    assert_eq!(
        config.warnings,
        [
            "issuer \"default\": the `iss` of tokens is not checked: issuer.0.iss is not set",
            "issuer \"default\": the `aud` of tokens is not checked: issuer.0.aud is not set"
        ]
    );
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file() {
    let mut raw = RawConfig::default();
    raw.read_text("v.toml", &format!("workers = 1\ndrain_ms = 1\nconnections = 1\n{LEAST}"));
    raw.overlay_environment(vec![
        ("VESTIBULE_WORKERS".into(), "2".into()),
        ("VESTIBULE_DRAIN_MS".into(), "2".into()),
    ]);
    raw.overlay_flags(vec![Flag { name: "--workers", key: "workers", value: "3".into() }]);
    let config = check::check(raw).unwrap();
    assert_eq!((config.workers, config.drain_ms, config.connections), (3, 2, 1));
}

#[test]
fn the_environment_alone_is_enough() {
    let sources = Sources {
        environment: vec![
            ("VESTIBULE_ISSUER__0__SECRET".into(), "base64:c2VzYW1l".into()),
            ("VESTIBULE_ROOMS__DEFAULT".into(), "granted".into()),
            ("PATH".into(), "/bin".into()),
        ],
        ..Sources::default()
    };
    let config = Config::load(sources).unwrap();
    let KeyConfig::Secret { current, .. } = &config.issuers[0].key else { panic!("a secret") };
    assert_eq!(current.reveal(), b"sesame");
}

#[test]
fn lists_grow_by_their_numbers_whatever_the_order() {
    let names: Vec<(String, String)> = (0..12)
        .rev()
        .map(|at| (format!("VESTIBULE_ISSUER__0__AUD__{at}"), format!("a{at}")))
        .collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let config = environment(&pairs).unwrap();
    let expected: Vec<String> = (0..12).map(|at| format!("a{at}")).collect();
    assert_eq!(
        config.issuers[0].aud.iter().map(|aud| aud.to_string()).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        texts(environment(&[("VESTIBULE_GATE__ORIGINS__1", "null")])),
        ["VESTIBULE_GATE__ORIGINS__1: gate.origins.1: entry 0 is missing: number them from 0, \
             no gaps"]
    );
}

#[test]
fn foreign_variables_are_ignored_with_a_word() {
    let config = environment(&[
        ("VESTIBULE_PORT", "tcp://10.0.0.1:7000"),
        ("VESTIBULE_LIMITS", "x"),
        ("VESTIBULE_ISSUER__0__AUD", "chat"),
        ("VESTIBULE_ISSUER", "x"),
        ("VESTIBULE_LIMITS__BRUST", "9"),
        ("VESTIBULE_listen", "0.0.0.0:1"),
        ("VESTIBULE_ISSUER__0__JWKS", "https://a"),
        ("VESTIBULES", "9"),
    ])
    .unwrap();
    assert_eq!(config.issuers[0].aud.len(), 0);
    let mut ignored: Vec<_> = config.warnings.iter().filter(|w| w.contains("ignored")).collect();
    ignored.sort();
    assert_eq!(
        ignored,
        [
            "VESTIBULE_ISSUER names a list of tables: set VESTIBULE_ISSUER__0__KEY; it is ignored",
            "VESTIBULE_ISSUER__0__AUD names a list: set VESTIBULE_ISSUER__0__AUD__0, \
             VESTIBULE_ISSUER__0__AUD__1, and so on; it is ignored",
            "VESTIBULE_ISSUER__0__JWKS is no setting; it is ignored",
            "VESTIBULE_LIMITS names a table, not a value; it is ignored",
            "VESTIBULE_LIMITS__BRUST is no setting; did you mean VESTIBULE_LIMITS__BURST?; it is \
             ignored",
            "VESTIBULE_PORT is no setting; it is ignored",
            "VESTIBULE_listen is no setting; did you mean VESTIBULE_LISTEN?; it is ignored",
        ]
    );
}

#[test]
fn the_words_of_the_table_are_the_words_that_pass() {
    for key in keys::KEYS {
        let keys::Shape::Words(words) = key.shape else { continue };
        let path = key.path.replace('#', "0");
        let needy = ["rooms.rule.", "issuer.0.algorithms.", "auth.sources."];
        if needy.iter().any(|table| path.starts_with(table)) {
            // The same words as of a key that needs no others beside it.
            continue;
        }
        for (word, _) in words {
            file(&document(&path, &format!("'{word}'"))).unwrap_or_else(|e| panic!("{path}: {e}"));
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let error = texts(file(&document(&path, "'no such word'")));
        assert!(error[0].ends_with(&format!("is none of {}", known.join(", "))), "{error:?}");
    }
}

#[test]
fn files_are_found_beside_the_configuration_and_bounded() {
    let dir = std::env::temp_dir().join(format!("vestibule-config-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("v.toml");
    fs::write(&path, "rooms.default = 'open'\n[[issuer]]\nsecret_file = 'key'\n").unwrap();
    let load = || Config::load(Sources { document: Document::File(&path), ..Sources::default() });
    let missing = texts(load());
    assert!(missing[0].contains(":3: issuer.0.secret_file: cannot read "), "{missing:?}");
    for (content, bytes) in
        [("sesame\n", &b"sesame"[..]), ("sesame\n\n", b"sesame\n"), ("base64:AAE=\r\n", &[0, 1])]
    {
        fs::write(dir.join("key"), content).unwrap();
        let KeyConfig::Secret { current, .. } = load().unwrap().issuers.remove(0).key else {
            panic!("a secret")
        };
        assert_eq!(current.reveal(), bytes);
    }
    fs::write(dir.join("key"), "\n").unwrap();
    assert!(texts(load())[0].ends_with("issuer.0.secret_file: is empty"));
    fs::write(dir.join("key"), vec![b'a'; KEY_FILE_BYTES as usize + 1]).unwrap();
    assert!(texts(load())[0].ends_with("larger than 65536 bytes"));
    fs::write(&path, "rooms.default = 'open'\n[[issuer]]\npublic_key_file = 'key'\n").unwrap();
    fs::write(dir.join("key"), "-----BEGIN PUBLIC KEY-----\n").unwrap();
    assert!(
        matches!(load().unwrap().issuers.remove(0).key, KeyConfig::PublicKey(pem) if pem.len() == 27)
    );
    fs::write(&path, [0xFF]).unwrap();
    assert!(texts(load())[0].ends_with("v.toml is not UTF-8"));
    fs::remove_dir_all(&dir).unwrap();
    assert!(texts(load())[0].starts_with("configuration: cannot read "));
}

#[test]
fn claims_from_the_environment_have_their_types() {
    let config = environment(&[
        ("VESTIBULE_ISSUER__0__REQUIRED_CLAIMS__TENANT", "7"),
        ("VESTIBULE_ISSUER__0__REQUIRED_CLAIMS__EMAIL_VERIFIED", "true"),
    ])
    .unwrap();
    let claims = &config.issuers[0].required_claims;
    assert_eq!(claims["tenant"], serde_json::json!(7));
    assert_eq!(claims["email_verified"], serde_json::json!(true));
    let dotted = file(&format!("{LEAST}required_claims = {{ 'https://a/b.c' = 'x' }}\n")).unwrap();
    assert_eq!(dotted.issuers[0].required_claims["https://a/b.c"], serde_json::json!("x"));
}

#[test]
fn large_messages_raise_the_cap_of_the_transport() {
    let with = |bytes: &str| file(&document("limits.message_bytes", bytes)).unwrap();
    assert_eq!(with("1000").session.transport_bytes, 262_144);
    assert_eq!(with("1048576").session.transport_bytes, 4_194_304);
    let tight = file(&document("limits.outbox_bytes", "4096")).unwrap();
    let brief = file(&document("auth.session_age_ms", "59999")).unwrap();
    assert!(brief.warnings.iter().any(|w| w.contains("auth.session_age_ms = 59999 lets every")));
    assert!(tight.warnings.iter().any(|w| w.contains("limits.outbox_bytes = 4096 is less than")));
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_variable_panics(text in "\\PC{0,200}", name in "[A-Z0-9_]{0,40}") {
        let _ = file(&text);
        let mut raw = RawConfig::default();
        raw.overlay_environment(vec![(format!("VESTIBULE_{name}").into(), text.into())]);
        let _ = check::check(raw);
    }
}

#[test]
fn trust_in_everybody_or_in_nobody_is_worth_a_word() {
    let warnings = |gate: &str| {
        let config = file(&format!("gate = {{ {gate} }}\n{LEAST}")).unwrap();
        let ours = config.warnings.into_iter().filter(|warning| warning.starts_with("gate."));
        ours.collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("trusted_proxies = ['10.0.0.0/8', '::/0']"),
        ["gate.trusted_proxies has ::/0: any client can pretend to be another"]
    );
    assert_eq!(
        warnings("forwarded = 'forwarded'"),
        ["gate.forwarded is set and gate.trusted_proxies names nobody: nobody is believed"]
    );
    assert!(warnings("forwarded = 'forwarded', trusted_proxies = ['::1']").is_empty());
}
