//! `vestibule keygen` and `vestibule token`, with every kind of key and every claim.

use crate::{Dir, SECRET, run};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};

/// What a token says.
fn claims(token: &str) -> Value {
    let claims = token.trim().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn mint(args: &[&str]) -> (Value, String) {
    let all = [&["token", "mint", "--secret-env", "SECRET", "--sub", "alice"], args].concat();
    let (code, out, err) = run(&all, &[("SECRET", SECRET)], "");
    assert_eq!(code, 0, "{args:?}: {err}");
    (claims(&out), err)
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_key_of_keygen_signs_what_a_server_with_its_configuration_takes() {
    let algorithms = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "EdDSA",
    ];
    for algorithm in algorithms {
        let dir = Dir::new(&format!("keygen-{algorithm}"));
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let secret = algorithm.starts_with("HS");
        let out = at(if secret { "my-secret" } else { "my.pem" });
        let (code, said, err) = run(&["keygen", algorithm, "--out", &out], &[], "");
        assert_eq!((code, err.as_str()), (0, ""), "{algorithm}");
        assert_eq!(mode(&out), 0o600, "{algorithm}");
        let private = fs::read_to_string(&out).unwrap();
        assert!(!said.contains(private.lines().nth(1).unwrap_or(private.trim())), "{said}");
        // The configuration that it prints, and the rest that every one needs.
        let printed: String = said
            .lines()
            .skip_while(|line| *line != "  [[issuer]]")
            .take_while(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect();
        let config = dir.file("v.toml", &format!("rooms.default = 'open'\n{printed}"));
        let (code, _, err) = run(&["config", "check", "--config", &config], &[], "");
        assert_eq!(code, 0, "{algorithm}: {err}");
        // The command that it prints.
        let command = said.lines().find_map(|line| line.trim().strip_prefix("vestibule "));
        let command: Vec<&str> = command.unwrap().split(' ').collect();
        let (code, token, err) = run(&command, &[], "");
        assert_eq!(code, 0, "{algorithm}: {err}");
        let (code, out, err) = run(&["token", "check", "--config", &config], &[], &token);
        assert_eq!(code, 0, "{algorithm}: {out}{err}");
        if !secret {
            let public = at("public.pem");
            let args = ["token", "check", "--public-key-file", &public, "--algorithm", algorithm];
            assert_eq!(run(&args, &[], &token).0, 0, "{algorithm}");
        }
    }
}

#[test]
fn no_key_is_overwritten_and_no_half_of_a_pair_is_left() {
    let dir = Dir::new("overwrite");
    let out = dir.file("private.pem", "old");
    let (code, said, err) = run(&["keygen", "ES256", "--out", &out], &[], "");
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(err.contains("private.pem exists already and is not overwritten"), "{err}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "old");
    let public = dir.file("public.pem", "old");
    let fresh = dir.path().join("fresh.pem");
    let args = ["keygen", "EdDSA", "--out", fresh.to_str().unwrap()];
    let (code, _, err) = run(&args, &[], "");
    assert_eq!(code, 1);
    assert!(err.contains("public.pem exists already"), "{err}");
    assert!(!fresh.exists());
    assert_eq!(fs::read_to_string(public).unwrap(), "old");
    let cases = [
        (&["keygen", "none"][..], "HS256"),
        (&["keygen", "--public-out", "x"], "takes a secret"),
        (&["keygen", "RS256", "--bits", "1024"], "2048"),
    ];
    for (args, text) in cases {
        let (code, _, err) = run(args, &[], "");
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(text), "{err}");
    }
}

#[test]
fn every_claim_has_its_flag() {
    let (claims, err) = mint(&[
        "--exp",
        "1900000000",
        "--nbf",
        "1700000000",
        "--iat",
        "1600000000",
        "--jti",
        "t1",
        "--sid",
        "s1",
        "--iss",
        "i",
        "--aud",
        "a",
        "--aud",
        "b",
        "--rooms",
        r#"{"lobby": "*"}"#,
        "--limits",
        r#"{"rooms": 2}"#,
        "--info",
        r#"{"name": "Alice"}"#,
        "--claim",
        "admin=true",
        "--claim",
        "team=\"red\"",
    ]);
    assert_eq!(err, "");
    assert_eq!(
        claims,
        json!({
            "sub": "alice", "iss": "i", "aud": ["a", "b"], "exp": 1_900_000_000,
            "nbf": 1_700_000_000, "iat": 1_600_000_000, "jti": "t1", "sid": "s1",
            "rooms": {"lobby": "*"}, "limits": {"rooms": 2}, "info": {"name": "Alice"},
            "admin": true, "team": "red",
        })
    );
}

#[test]
fn times_from_now_and_random_names() {
    let (claims, err) = mint(&["--exp", "+10m", "--nbf=-1m", "--jti", "--iat", "+0"]);
    assert_eq!(err, "");
    let seconds = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("nbf"), 660);
    assert_eq!(seconds("exp") - seconds("iat"), 600);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
    let (expired, err) = mint(&["--exp", "-1m"]);
    assert!(expired["exp"].is_u64());
    assert!(err.starts_with("warning: a server would refuse this token: "), "{err}");
}

#[test]
fn a_token_for_one_room_is_no_sign_in() {
    let (claims, err) = mint(&["--room", "lobby", "--allow", "join,send"]);
    assert_eq!((&claims["room"], &claims["allow"]), (&json!("lobby"), &json!(["join", "send"])));
    assert!(claims.get("rooms").is_none());
    assert!(!err.contains("would refuse"), "{err}");
    let (_, err) = mint(&["--room", "lobby", "--allow", "send"]);
    assert!(err.contains("does not allow `join`"), "{err}");
}

#[test]
fn claims_of_a_wrong_form_are_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--room", "lobby"], "--allow"),
        (&["--allow", "join"], "--room"),
        (&["--room", "a b", "--allow", "join"], "--room a b: "),
        (&["--room", "a", "--allow", "fly"], "--allow fly: write some of join,send"),
        (&["--room", "a", "--allow", "join", "--rooms", "{}"], "cannot be used with"),
        (&["--limits", "5"], "--limits 5: write a JSON object"),
        (&["--info", "{"], "--info {: write a JSON object"),
        (&["--exp", "soon"], "Unix seconds"),
        (&["--exp", "+1h", "--ttl", "1h"], "cannot be used with"),
    ];
    for (args, text) in cases {
        let all = [&["token", "mint", "--secret-env", "SECRET", "--sub", "alice"], *args].concat();
        let (code, out, err) = run(&all, &[("SECRET", SECRET)], "");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
}
