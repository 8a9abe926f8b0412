//! The admin listener.

use super::*;
use std::{env, path::PathBuf, process};

const KEY: &str = "a-key-of-16-and-more";

fn admin(lines: &str) -> Result<Config, ConfigError> {
    file(&format!("{LEAST}[admin]\n{lines}"))
}

#[test]
fn a_socket_needs_no_key_and_a_port_does() {
    assert_eq!(admin("").unwrap().admin, None);
    let path = PathBuf::from("vestibule.sock");
    let socket = admin("listen = 'unix:vestibule.sock'").unwrap().admin;
    assert_eq!(socket, Some(AdminConfig::Unix { path: path.clone(), key: None }));
    let key = AdminKey::new(KEY.as_bytes());
    let both = admin(&format!("listen = 'unix:vestibule.sock'\nkey = '{KEY}'")).unwrap().admin;
    assert_eq!(both, Some(AdminConfig::Unix { path, key: key.clone() }));
    for text in ["127.0.0.1:7001", "127.9.9.9:0", "[::1]:7001", "[::ffff:127.0.0.1]:1"] {
        let config = admin(&format!("listen = '{text}'\nkey = '{KEY}'")).unwrap();
        let addr = LoopbackAddr::new(text.parse().unwrap()).unwrap();
        let wanted = AdminConfig::Loopback { addr, key: key.clone().unwrap() };
        assert_eq!(config.admin, Some(wanted));
        assert!(!format!("{config:?}").contains(KEY), "a key is not printed");
    }
}

#[test]
fn it_can_come_from_the_environment() {
    let config = environment(&[
        ("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:7001"),
        ("VESTIBULE_ADMIN__KEY", KEY),
    ]);
    assert!(matches!(config.unwrap().admin, Some(AdminConfig::Loopback { .. })));
}

#[test]
fn a_key_can_stand_in_a_file_and_a_socket_beside_the_configuration() {
    let folder = env::temp_dir().join(format!("vestibule-admin-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("admin-key"), format!("{KEY}\r\n")).unwrap();
    let text = format!("{LEAST}[admin]\nlisten = 'unix:run/s'\nkey_file = 'admin-key'\n");
    fs::write(folder.join("v.toml"), text).unwrap();
    let mut raw = RawConfig::default();
    raw.read_file(&folder.join("v.toml"));
    let path = folder.join("run/s");
    let key = AdminKey::new(KEY.as_bytes());
    assert_eq!(check::check(raw).unwrap().admin, Some(AdminConfig::Unix { path, key }));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_wrong_is_told() {
    let keyed = |listen: &str| format!("listen = '{listen}'\nkey = '{KEY}'");
    for (lines, wanted) in [
        ("listen = '127.0.0.1:7001'".to_owned(), "admin.listen: a port needs a key"),
        (keyed("0.0.0.0:7001"), "can be reached from elsewhere"),
        (keyed("192.0.2.1:7001"), "can be reached from elsewhere"),
        (keyed("localhost:7001"), "is neither a socket nor a loopback address"),
        (keyed("7001"), "is neither a socket nor a loopback address"),
        (keyed("unix:"), "is no path of a socket"),
        (keyed("unix:run/"), "is no path of a socket"),
        (keyed(&format!("unix:/{}", "a".repeat(107))), "(108 bytes) is no path of a socket"),
        (format!("key = '{KEY}'"), "admin.key: opens nothing: admin.listen is not set"),
        ("listen = '127.0.0.1:1'\nkey = 'fifteen-letters'".to_owned(), "takes 16 to 1024"),
        ("listen = '127.0.0.1:1'\nkey = 'with a space inside'".to_owned(), "takes 16 to 1024"),
        ("listen = '127.0.0.1:1'\nkey_file = 'nowhere'".to_owned(), "cannot read nowhere"),
        (format!("{}\nkey_file = 'k'", keyed("127.0.0.1:1")), "cannot stand beside admin.key"),
    ] {
        let texts = texts(admin(&lines));
        assert_eq!(texts.len(), 1, "{lines}: {texts:?}");
        assert!(texts[0].contains(wanted), "{lines}: {}", texts[0]);
        assert!(!texts[0].contains(KEY) && !texts[0].contains("fifteen"), "{}", texts[0]);
    }
}
