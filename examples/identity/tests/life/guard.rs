//! Pages of others, forms, pages of our own.

use crate::world::{ORIGIN, World};
use axum::http::{Method, StatusCode, header};
use serde_json::json;

const ROUTES: [&str; 6] =
    ["/login", "/login/code", "/login/code/verify", "/refresh", "/logout", "/app/ticket"];

#[tokio::test]
async fn pages_of_others_change_nothing() {
    let world = World::new().await;
    let pair = world.cookie("alice").await.cookie();
    for path in ROUTES {
        for origin in ["https://evil.example", "http://id.example", "https://id.example:1", "null"]
        {
            let answer = world.post_with(path, &[("origin", origin)], json!({})).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {origin}");
        }
        // A cookie without an origin: no browser sends that.
        let answer = world.post_with(path, &[("cookie", &pair)], json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with a cookie");
    }
    let page = world.get("/app", &[("cookie", &pair)]).await;
    assert_eq!(page.status, StatusCode::OK, "nobody was signed out");
}

#[tokio::test]
async fn bodies_are_small_json_objects() {
    let world = World::new().await;
    let form = "user=alice&password=sesame-sesame-sesame".to_owned();
    let headers = [("origin", ORIGIN), ("content-type", "application/x-www-form-urlencoded")];
    let answer = world.ask(Method::POST, "/login", &headers, form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let long = json!({ "user": "alice", "password": "x".repeat(20_000) });
    assert_eq!(world.post("/login", long).await.status, StatusCode::BAD_REQUEST);
    for odd in [json!({}), json!([]), json!({ "user": "a b", "password": "x" })] {
        assert_eq!(world.post("/login", odd).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn pages_run_what_has_their_nonce() {
    let world = World::new().await;
    let pair = world.cookie("alice").await.cookie();
    let mut nonces = Vec::new();
    for (path, headers) in [("/", vec![]), ("/app", vec![("cookie", &*pair)]), ("/", vec![])] {
        let page = world.get(path, &headers).await;
        assert_eq!(page.status, StatusCode::OK);
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        let (_, rest) = policy.split_once("script-src 'nonce-").expect("a nonce");
        let nonce = rest.split('\'').next().expect("a nonce").to_owned();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.text.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!page.text.contains("{{"), "{}", page.text);
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        nonces.push(nonce);
    }
    assert!(nonces[0] != nonces[1] && nonces[0] != nonces[2]);
    for (path, kind) in [("/style.css", "text/css"), ("/socket.js", "text/javascript")] {
        let answer = world.get(path, &[]).await;
        let found = answer.headers[header::CONTENT_TYPE].to_str().expect("ASCII");
        assert!(found.starts_with(kind), "{path}: {found}");
    }
    assert_eq!(world.get("/none.js", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_directory_answers_whoever_has_its_key() {
    let world = World::new().await;
    world.login("alice").await;
    let question = json!({ "kind": "user", "issuer": ORIGIN, "subject": "alice" });
    for key in ["Bearer wrong", "Bearer ", "Basic a-key-of-the-directory", ""] {
        let headers = [("authorization", key)];
        let answer = world.post_with("/directory", &headers, question.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{key}");
    }
    let answer = world.post_with("/directory", &[], question).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let key = [("authorization", "Bearer a-key-of-the-directory")];
    let password =
        json!({ "kind": "password", "user": "alice", "password": "sesame-sesame-sesame" });
    for other in [json!({ "kind": "user", "issuer": "https://x", "subject": "alice" }), password] {
        let answer = world.post_with("/directory", &key, other).await;
        assert_eq!(answer.member("status"), "unknown");
    }
}

#[tokio::test]
async fn without_vestibule_there_is_a_page_and_no_ticket() {
    let world = World::new().await;
    let pair = world.cookie("alice").await.cookie();
    let page = world.get("/app", &[("cookie", &pair)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("data-ticket=\"\""), "{}", page.text);
    let shown = [("origin", ORIGIN), ("cookie", &*pair)];
    let ticket = world.post_with("/app/ticket", &shown, json!({})).await;
    assert_eq!(ticket.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ticket.member("message"), "try again later", "why is for the log");
}
