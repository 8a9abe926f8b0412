//! Several issuers, room tokens, and secrets that are being replaced, as an operator meets them.

use crate::{Dir, PRIVATE, PUBLIC, SECRET, check, mint, run};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

/// Two issuers: an application with a secret, a partner with a key pair.
fn two(dir: &Dir) -> String {
    dir.file("secret", SECRET);
    dir.file("public.pem", PUBLIC);
    dir.file(
        "v.toml",
        "[rooms]\ndefault = 'open'\n\
         [[issuer]]\nname = 'app'\niss = 'https://app'\naud = ['chat']\nsecret_file = 'secret'\n\
         user_prefix = 'app:'\n\
         [[issuer]]\nname = 'partner'\niss = 'https://partner'\naud = ['chat']\n\
         public_key_file = 'public.pem'\nuser_prefix = 'partner:'\ntyp = 'strict'\n\
         rooms_claim = 'https://partner/rooms'\n",
    )
}

fn part(token: &str, number: usize) -> Value {
    let part = token.trim().split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn the_token_says_which_issuer_judges_it() {
    let dir = Dir::new("two");
    let config = two(&dir);
    let private = dir.file("private.pem", PRIVATE);
    let app = mint(&["--config", &config, "--issuer", "app", "--sub", "ann"]);
    let (code, out) = check(&["--config", &config], &app);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("user:    app:ann\n") && out.ends_with("issuer:  app (https://app)\n"));
    let partner = mint(&[
        "--config",
        &config,
        "--issuer",
        "partner",
        "--sub",
        "ann",
        "--key-file",
        &private,
        "--kid",
        "k1",
        "--rooms",
        r#"{"lobby": "*"}"#,
    ]);
    assert_eq!(part(&partner, 0), json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }));
    assert_eq!(part(&partner, 1)["https://partner/rooms"], json!({ "lobby": "*" }));
    let (code, out) = check(&["--config", &config], &partner);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("user:    partner:ann\n"), "{out}");
    assert!(out.ends_with("issuer:  partner (https://partner)\n"), "{out}");
    // A key of one issuer signs nothing for another.
    let claim = ["--claim", "iss=\"https://partner\""];
    let forged = [&["--config", &config, "--issuer", "app", "--sub", "ann"][..], &claim].concat();
    let (code, out) = check(&["--config", &config], &mint(&forged));
    assert_eq!(code, 1);
    assert!(out.starts_with("refused: "), "{out}");
    assert!(out.ends_with("issuer:  partner (https://partner)\n"), "{out}");
    let foreign = mint(&["--secret-env", "SECRET", "--sub", "ann", "--iss", "https://else"]);
    let (code, out) = check(&["--config", &config], &foreign);
    assert_eq!(code, 1);
    assert!(out.ends_with("issuer:  none of app (https://app), partner (https://partner)\n"));
    assert!(!out.contains("https://else"), "{out}");
}

#[test]
fn with_several_issuers_one_must_be_named() {
    let dir = Dir::new("named");
    let config = two(&dir);
    let cases: &[(&[&str], &str)] = &[
        (
            &["token", "mint", "--sub", "a"],
            "several issuers: say which one with --issuer NAME; there is app, partner",
        ),
        (
            &["token", "mint", "--sub", "a", "--issuer", "other"],
            "--issuer other: no issuer has this name; there is app, partner",
        ),
        (&["token", "check", "--aud", "x"], "say which one with --issuer NAME"),
        (&["token", "mint", "--sub", "a", "--issuer", "partner"], "--key-file"),
    ];
    for (args, text) in cases {
        let (code, out, err) = run(&[args, &["--config", &config][..]].concat(), &[], "a.b.c");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
    let other = mint(&["--config", &config, "--issuer", "app", "--sub", "a", "--aud", "x"]);
    assert_eq!(part(&other, 1)["aud"], "x");
    assert_eq!(check(&["--config", &config], &other).0, 1);
    assert_eq!(check(&["--config", &config, "--issuer", "app", "--aud", "x"], &other).0, 0);
}

#[test]
fn a_room_token_is_told_from_a_login() {
    let source = ["--secret-env", "SECRET"];
    let room = ["--sub", "ann", "--room", "team:1", "--allow", "join,send"];
    let token = mint(&[&source[..], &room].concat());
    let (code, out) = check(&source, &token);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("valid: a token for one room, to be sent with a `join`"), "{out}");
    assert!(out.contains("room:    team:1\nallows:  join, send\nuser:    ann\n"), "{out}");
    let expired = mint(&[&source[..], &room, &["--exp", "-1h"]].concat());
    let (code, out) = check(&source, &expired);
    assert_eq!(code, 1);
    assert!(out.starts_with("refused, as a token for one room: `exp`"), "{out}");
    assert!(out.contains("clients see: token_expired\n"), "{out}");
}

#[test]
fn a_secret_is_replaced_without_a_gap() {
    let dir = Dir::new("previous");
    dir.file("old", SECRET);
    dir.file("new", "another-secret-another-secret-another");
    let text = |until: &str| {
        format!(
            "[rooms]\ndefault = 'open'\n[[issuer]]\niss = 'a'\naud = ['b']\nsecret_file = 'new'\n\
             previous_secret_file = 'old'\nprevious_until = {until}\n"
        )
    };
    let during = dir.file("during.toml", &text("9999-12-31T00:00:00Z"));
    let after = dir.file("after.toml", &text("2020-01-01T00:00:00Z"));
    let old = mint(&["--secret-env", "SECRET", "--sub", "ann", "--iss", "a", "--aud", "b"]);
    let new = mint(&["--config", &during, "--sub", "ann"]);
    for (config, token, expected) in
        [(&during, &old, 0), (&during, &new, 0), (&after, &old, 1), (&after, &new, 0)]
    {
        let (code, out) = check(&["--config", config], token);
        assert_eq!(code, expected, "{config}: {out}");
    }
    let (code, _, err) = run(&["config", "check", "--config", &after], &[], "");
    assert_eq!(code, 0);
    assert!(err.contains("the previous secret is no longer accepted"), "{err}");
    // Each key is judged, and its own line named.
    dir.file("old", "short");
    let (code, _, err) = run(&["config", "check", "--config", &during], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("during.toml:7: the secret has 5 bytes"), "{err}");
    dir.file("new", "short");
    let both = dir.file(
        "both.toml",
        &format!(
            "{}user_prefix = 'a'\n[[issuer]]\niss = 'b'\nuser_prefix = 'b'\nsecret = 'short'\n",
            text("9999-12-31T00:00:00Z")
        ),
    );
    let (code, _, err) = run(&["config", "check", "--config", &both], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("both.toml:6: ") && err.contains("both.toml:13: "), "{err}");
    assert!(err.contains("2 wrong; the server would not start"), "{err}");
}

/// The public key of the key pair, as its issuer publishes it.
const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1",
    "x":"ChzuOm7v9mZuow19e5NQp7iIWIZyaT-dOO9n_QH45mw"}]}"#;

#[test]
fn keys_are_read_where_the_configuration_says() {
    let dir = Dir::new("sources");
    let private = dir.file("private.pem", PRIVATE);
    let sign = ["--key-file", &private, "--kid", "k1", "--sub", "ann"];
    let token = mint(&[&sign[..], &["--iss", "i", "--aud", "a"]].concat());
    let config = |name: &str, key: &str| {
        let issuer = format!("[[issuer]]\niss = 'i'\naud = ['a']\n{key}\n");
        dir.file(name, &format!("rooms.default = 'open'\n{issuer}"))
    };

    let file = config("file.toml", "jwks_file = 'keys.json'");
    let (code, out, err) = run(&["config", "check", "--config", &file], &[], "");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("issuer \"default\": no keys from") && err.contains("keys.json"), "{err}");
    assert!(out.ends_with("with 1 warning\n"), "{out}");
    let (code, out, err) = run(&["token", "check", "--config", &file], &[], &token);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("clients see: 1011 internal\n"), "{out}");
    assert!(err.contains("warning: no keys of issuer \"default\" from"), "{err}");
    dir.file("keys.json", SET);
    let (code, _, err) = run(&["config", "check", "--config", &file], &[], "");
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, out, err) = run(&["token", "check", "--config", &file], &[], &token);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.starts_with("read the keys of issuer \"default\" from "), "{err}");

    let (host, key_server) = key_server();
    let url = config("url.toml", &format!("jwks_url = 'http://{host}/keys'"));
    let (code, out, err) = run(&["token", "check", "--config", &url], &[], &token);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains(&format!("read the keys of issuer \"default\" from {host}\n")), "{err}");
    key_server.join().unwrap();

    let lost = config("ca.toml", "jwks_url = 'https://localhost/keys'\nca_file = 'ca.pem'");
    let (code, _, err) = run(&["config", "check", "--config", &lost], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("ca.toml:6: cannot read") && err.contains("ca.pem"), "{err}");
}

/// Answers one request with the set.
fn key_server() -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let bytes = SET.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{SET}").unwrap();
    });
    (host, serving)
}
