//! The directory of users.

use super::*;
use std::{env, path::PathBuf, process};

const URL: &str = "url = 'https://app.example/users?x=sesame'\n";
const SQL: &str = "dsn = 'postgres://v:sesame@db/app'\nquery = 'select active where id = $1'\n";

fn directory(lines: &str) -> Result<Config, ConfigError> {
    file(&format!("{LEAST}name = 'app'\n[directory]\n{lines}"))
}

fn good(lines: &str) -> DirectoryConfig {
    let config = directory(lines).unwrap_or_else(|why| panic!("{lines}: {why}"));
    assert!(!format!("{config:?}").contains("sesame"), "secrets are not printed: {config:?}");
    config.directory.unwrap()
}

#[test]
fn nobody_is_asked_unless_an_address_or_a_database_is_named() {
    assert_eq!(file(LEAST).unwrap().directory, None);
    let nobody = directory("timeout_ms = 60000\n").unwrap();
    assert_eq!(nobody.directory, None);
    assert!(!nobody.warnings.concat().contains("directory"), "{nobody:?}");
}

#[test]
fn an_address_has_a_key_and_defaults() {
    let found = good(&format!("{URL}key = 'sesame-sesame'\nca_file = 'ca.pem'\n"));
    let DirectoryFrom::Url { url, key } = &found.from else { panic!("{found:?}") };
    assert_eq!(&**url, "https://app.example/users?x=sesame");
    assert_eq!(key.as_ref().unwrap().reveal(), b"sesame-sesame");
    assert_eq!(found.ca_file, Some(PathBuf::from("ca.pem")));
    let bounds = (found.timeout_ms, found.concurrency, found.cache_ms, found.cache_users);
    assert_eq!((bounds, found.recheck_ms), ((5_000, 16, 10_000, 10_000), 60_000));
    let passwords = found.passwords.unwrap();
    assert_eq!((&*passwords.issuer, passwords.session_ms), ("app", 3_600_000));
    let set = good(&format!(
        "{URL}timeout_ms = 20\nconcurrency = 1\ncache_ms = 2\ncache_users = 3\nrecheck_ms = 4\n\
         password_session_ms = 5000\npassword_issuer = 'app'\n"
    ));
    let bounds = (set.timeout_ms, set.concurrency, set.cache_ms, set.cache_users, set.recheck_ms);
    assert_eq!((bounds, set.passwords.unwrap().session_ms), ((20, 1, 2, 3, 4), 5_000));
}

#[test]
fn a_database_is_asked_with_queries() {
    let found = good(SQL);
    let DirectoryFrom::Sql { dsn, query, password_query } = &found.from else {
        panic!("{found:?}")
    };
    assert_eq!(dsn.reveal(), b"postgres://v:sesame@db/app");
    assert_eq!((&**query, password_query), ("select active where id = $1", &None));
    assert_eq!(found.passwords, None, "nobody can judge them");
    let found = good(&format!("{SQL}password_query = 'select 1 where n = $1'\n"));
    assert!(found.passwords.is_some());
}

#[test]
fn with_several_issuers_one_must_be_named_for_passwords() {
    let two = |lines: &str| {
        let issuer = |name| {
            format!(
                "[[issuer]]\nname = '{name}'\niss = '{name}'\nuser_prefix = '{name}-'\nsecret = 's'\n"
            )
        };
        let issuers = issuer("a") + &issuer("b");
        file(&format!("rooms.default = 'open'\n{issuers}[directory]\n{URL}{lines}"))
    };
    assert_eq!(two("").unwrap().directory.unwrap().passwords, None);
    let named = two("password_issuer = 'b'").unwrap().directory.unwrap();
    assert_eq!(&*named.passwords.unwrap().issuer, "b");
    let texts = texts(two("password_issuer = 'c'"));
    assert!(texts[0].contains("\"c\" is the name of no issuer"), "{texts:?}");
}

#[test]
fn passwords_are_taken_where_somebody_can_judge_them() {
    let basic = |lines: &str| {
        let pages = "gate.origins = ['https://app.example']\nauth.sources.basic = 'optional'\n";
        file(&format!("{pages}{LEAST}[directory]\n{lines}"))
    };
    for lines in [URL.to_owned(), format!("{SQL}password_query = 'select 1 where n = $1'\n")] {
        assert!(basic(&lines).is_ok(), "{lines}");
    }
    let texts = texts(basic(SQL));
    assert!(texts[0].contains("auth.sources.basic") && texts[0].contains("password_query"));
}

#[test]
fn secrets_may_stand_in_files() {
    let folder = env::temp_dir().join(format!("vestibule-directory-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("key"), "sesame\r\n").unwrap();
    fs::write(folder.join("dsn"), "sqlite:/x\n").unwrap();
    let load = |lines: &str| {
        fs::write(folder.join("v.toml"), format!("{LEAST}[directory]\n{lines}")).unwrap();
        let mut raw = RawConfig::default();
        raw.read_file(&folder.join("v.toml"));
        check::check(raw).unwrap().directory.unwrap().from
    };
    let DirectoryFrom::Url { key: Some(key), .. } = load(&format!("{URL}key_file = 'key'\n"))
    else {
        panic!("no key")
    };
    assert_eq!(key.reveal(), b"sesame");
    let DirectoryFrom::Sql { dsn, .. } = load("dsn_file = 'dsn'\nquery = '$1'\n") else {
        panic!("no database")
    };
    assert_eq!(dsn.reveal(), b"sqlite:/x");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_wrong_is_told() {
    for (lines, wanted) in [
        ("url = 'http://app.example/'".to_owned(), "directory.url: "),
        (format!("{URL}{SQL}"), "directory.url: cannot stand beside directory.dsn (v.toml:"),
        (format!("{URL}key = 'with space'"), "directory.key: takes 1 to 1024 characters of ASCII"),
        (format!("{URL}key = ''"), "directory.key: takes 1 to 1024 characters of ASCII"),
        (format!("{URL}key = 'a'\nkey_file = 'b'"), "cannot stand beside directory.key"),
        (format!("{URL}key_file = 'nowhere'"), "cannot read nowhere"),
        (format!("{URL}query = '$1'"), "directory.query: goes with directory.dsn"),
        (format!("{SQL}key = 'a'"), "directory.key: goes with directory.url"),
        ("key = 'a'".to_owned(), "directory.key: goes with directory.url"),
        ("query = '$1'".to_owned(), "directory.query: goes with directory.dsn"),
        ("ca_file = 'a'".to_owned(), "directory.ca_file: asks nobody"),
        ("dsn = 'sqlite:/x'".to_owned(), "directory.dsn: needs directory.query"),
        ("dsn = 'sqlite:/x'\nquery = 'select 1'".to_owned(), "of SQL with `$1` in it"),
        (format!("{URL}concurrency = 0"), "directory.concurrency: 0 is out of range: 1 to 1024"),
        ("recheck_ms = -1".to_owned(), "directory.recheck_ms: -1 is out of range"),
    ] {
        let texts = texts(directory(&lines));
        assert_eq!(texts.len(), 1, "{lines}: {texts:?}");
        assert!(texts[0].contains(wanted), "{lines}: {}", texts[0]);
        assert!(!texts[0].contains("sesame"), "{}", texts[0]);
    }
    let late = directory(&format!("{URL}timeout_ms = 10000")).unwrap();
    assert!(late.warnings.iter().any(|it| it.contains("directory.timeout_ms")), "{late:?}");
}
