//! `[auth.sources]`: every source by itself, and what it needs beside it.

use super::*;
use crate::credential::{Needs, Pages, SOURCES};

/// A document in which every source has what it needs, with these lines in front.
fn with(lines: &str) -> Result<Config, ConfigError> {
    let more = "gate.origins = ['https://app.example']\ntickets.enabled = true";
    file(&format!("{lines}\n{more}\n{LEAST}"))
}

fn active(config: &Config) -> Vec<&'static str> {
    config.sources.active().map(|source| source.name).collect()
}

/// What this configuration has for every source.
fn can_be_judged(needs: Needs) -> bool {
    match needs {
        Needs::Issuers | Needs::Tickets => true,
        Needs::Passwords => false,
    }
}

#[test]
fn each_is_switched_on_by_itself_and_warns_where_it_is_weaker() {
    assert_eq!(active(&with("").unwrap()), [""; 0]);
    for source in SOURCES.iter().filter(|source| can_be_judged(source.needs)) {
        for (mode, required) in [("optional", false), ("required", true)] {
            let config = with(&format!("{} = '{mode}'", source.key)).unwrap();
            assert_eq!(active(&config), [source.name]);
            assert_eq!(config.sources.required(), required);
            let warned = config.warnings.iter().filter(|line| line.starts_with(source.key));
            assert_eq!(warned.count(), usize::from(source.weakness.is_some()), "{source:?}");
        }
        assert_eq!(active(&with(&format!("{} = 'off'", source.key)).unwrap()), [""; 0]);
    }
}

#[test]
fn whoever_has_to_list_its_pages_is_told() {
    for source in SOURCES.iter().filter(|source| can_be_judged(source.needs)) {
        let on = format!("{} = 'optional'\ntickets.enabled = true\n", source.key);
        let lists = [String::new(), "gate.origins = ['https://app.example', 'null']\n".to_owned()];
        for list in lists {
            let loaded = file(&format!("{on}{list}{LEAST}"));
            match source.pages {
                Pages::Any => assert_eq!(active(&loaded.unwrap()), [source.name]),
                Pages::ListedOrNone | Pages::Listed => {
                    let error = texts(loaded);
                    assert!(error[0].starts_with("v.toml:1: auth.sources."), "{error:?}");
                    assert!(error[0].contains("list the origins"), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let error = texts(with("auth.sources.basic = 'required'"));
    assert_eq!(error.len(), 1);
    assert!(error[0].contains("only a user directory can check them"), "{error:?}");
    let asks = "auth.sources.basic = 'required'\ndirectory.url = 'https://app.example/users'";
    assert_eq!(active(&with(asks).unwrap()), ["basic"]);
    let error = texts(file(&format!("auth.sources.query_ticket = 'optional'\n{LEAST}")));
    assert!(error[0].contains("set tickets.enabled = true"), "{error:?}");
}

#[test]
fn one_mode_for_all() {
    let both = "auth.sources.cookie = 'MODE'\nauth.sources.authorization = 'required'\n";
    let required = with(&both.replace("MODE", "required")).unwrap();
    assert_eq!(active(&required), ["authorization", "cookie"]);
    let error = texts(with(&both.replace("MODE", "optional")));
    assert_eq!(
        error,
        ["v.toml:1: auth.sources.cookie: is optional while auth.sources.authorization is \
          required: nobody gets in without a credential, so make both required, and one of them \
          will do (auth.sources.cookie = \"required\"), or both optional"]
    );
}

#[test]
fn words_are_words() {
    let config = with("auth.sources.cookie_name = 'jwt'\nauth.sources.cookie = 'optional'\n");
    assert!(format!("{:?}", config.unwrap().sources).contains("jwt"));
    for bad in ["", "a b", "a=b", "a;b", "ä", &"a".repeat(65)] {
        let error = texts(with(&format!("auth.sources.cookie_name = '{bad}'")));
        assert!(error[0].contains("1 to 64 letters, digits"), "{error:?}");
    }
    let error = texts(with("auth.sources.query_token_name = 'ticket'"));
    assert!(error[0].contains("another source looks"), "{error:?}");
    let error = texts(with("auth.sources.cookie = 'on'"));
    assert!(error[0].ends_with(r#"is none of "off", "optional", "required""#), "{error:?}");
    let error = texts(with("rooms.path = '/{room}'"));
    assert!(error[0].contains("begins with /ws/"), "{error:?}");
}
