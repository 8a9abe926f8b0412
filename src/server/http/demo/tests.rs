//! The routes of the demo: what each says, to whom, and under which headers.

use super::{
    super::{Site, plain::tests::ask},
    *,
};

use crate::protocol::{
    close_code::CloseCode,
    error_code::{ErrorCode, Retry},
};

/// Tokens that say what was asked for.
struct Words;

impl DemoTokens for Words {
    fn token(&self, user: &str, expires_in_ms: i64) -> Option<String> {
        (user != "nobody").then(|| format!("{user} {expires_in_ms}"))
    }
}

fn site(demo: Demo) -> Arc<Site> {
    Arc::new(Site::new(vec![]).with_demo(demo, 7_000))
}

fn with_tokens() -> Arc<Site> {
    site(Demo::PageWithTokens(Arc::new(Words)))
}

async fn get(path: &str, more: &str, site: &Arc<Site>) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n");
    ask(&request, request.len(), site).await
}

const OWN: &str = "Host: localhost:7000\r\nOrigin: http://localhost:7000\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const WISH: &str = r#"{"user":"ann","expires_in_ms":1000}"#;

async fn post(headers: &str, body: &str, site: &Arc<Site>) -> String {
    let length = body.len();
    let head = format!("POST /demo/token HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n");
    ask(&format!("{head}{body}"), head.len(), site).await
}

#[tokio::test]
async fn without_the_demo_nothing_of_it_is_there() {
    let site = site(Demo::Off);
    let welcome = get("/", "", &site).await;
    assert!(welcome.contains("content-type: text/plain"), "{welcome}");
    let paths = ASSETS.iter().map(|asset| asset.path).filter(|path| *path != "/");
    for path in paths.chain(["/demo/options.json", "/demo/token"]) {
        let answer = get(path, "", &site).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    assert!(post(&format!("{OWN}{JSON}"), WISH, &site).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn every_file_comes_with_the_headers_that_lock_the_page() {
    for site in [site(Demo::Page), with_tokens()] {
        for asset in ASSETS {
            let answer = get(asset.path, "", &site).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{}", asset.path);
            for line in [
                &format!("content-type: {}", asset.content_type),
                &format!("content-security-policy: {POLICY}"),
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
                "cache-control: no-cache",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-resource-policy: same-origin",
            ] {
                assert!(answer.contains(&format!("\r\n{line}\r\n")), "{}: {line}", asset.path);
            }
            assert!(answer.ends_with(&format!("\r\n\r\n{}", asset.body)), "{}", asset.path);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let site = site(Demo::Page);
    let answer = get("/demo/app.js", "", &site).await;
    let tag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a tag");
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let answer = get("/demo/app.js", &format!("If-None-Match: {known}\r\n"), &site).await;
        assert!(answer.starts_with("HTTP/1.1 304 ") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.contains(&format!("etag: {tag}\r\n")), "{answer}");
    }
    let answer = get("/demo/app.js", "If-None-Match: \"other\"\r\n", &site).await;
    assert!(answer.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn files_and_options_take_get_and_head() {
    for path in ["/", "/demo/app.js", "/demo/options.json"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let answer = ask(&request, 3, &with_tokens()).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"));
    }
    let answer =
        get("/demo/token", OWN.split_once("\r\n").expect("a line").1, &with_tokens()).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: POST\r\n"), "{answer}");
}

#[tokio::test]
async fn the_options_say_whether_there_are_tokens() {
    let answer = get("/demo/options.json", "", &site(Demo::Page)).await;
    assert!(answer.ends_with(r#"{"tokens":false,"deadline_ms":7000}"#), "{answer}");
    let answer = get("/demo/options.json", "", &with_tokens()).await;
    assert!(answer.ends_with(r#"{"tokens":true,"deadline_ms":7000}"#), "{answer}");
}

#[tokio::test]
async fn the_own_page_on_this_machine_is_given_tokens() {
    let site = with_tokens();
    for host in ["localhost:7000", "127.0.0.1:7000", "[::1]:7000", "localhost"] {
        let own =
            format!("Host: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        let answer = post(&format!("{own}{JSON}"), WISH, &site).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"token":"ann 1000"}"#), "{answer}");
    }
    let past = r#"{"user":"ann","expires_in_ms":-5000}"#;
    let answer = post(&format!("{OWN}{JSON}"), past, &site).await;
    assert!(answer.ends_with(r#"{"token":"ann -5000"}"#), "{answer}");
}

#[tokio::test]
async fn nobody_else_is_given_a_token() {
    let foreign = [
        // A foreign page, one of another port, a document without origin, no browser at all.
        "Host: localhost:7000\r\nOrigin: https://evil.example\r\n".to_owned(),
        "Host: localhost:7000\r\nOrigin: http://localhost:3000\r\n".to_owned(),
        "Host: localhost:7000\r\nOrigin: null\r\n".to_owned(),
        "Host: localhost:7000\r\n".to_owned(),
        // A foreign name that resolves to this machine, and an address that is not loopback.
        "Host: evil.example\r\nOrigin: http://evil.example\r\n".to_owned(),
        "Host: 10.0.0.1:7000\r\nOrigin: http://10.0.0.1:7000\r\n".to_owned(),
        // Nobody knows which of two a reader believes.
        format!("{OWN}Host: evil.example\r\n"),
        format!("{OWN}Origin: https://evil.example\r\n"),
        // What the browser itself calls foreign, and what came through a proxy.
        format!("{OWN}Sec-Fetch-Site: cross-site\r\n"),
        format!("{OWN}Sec-Fetch-Site: same-site\r\n"),
        format!("{OWN}X-Forwarded-For: 1.2.3.4\r\n"),
        format!("{OWN}Forwarded: for=1.2.3.4\r\n"),
        format!("{OWN}Via: 1.1 proxy\r\n"),
    ];
    for headers in foreign {
        let answer = post(&format!("{headers}{JSON}"), WISH, &with_tokens()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{headers}{answer}");
        assert!(answer.contains(r#"{"error":"forbidden","#), "{headers}{answer}");
    }
    let answer = post(&format!("{OWN}{JSON}"), WISH, &site(Demo::Page)).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "no tokens without a desk: {answer}");
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_told_why() {
    let long = format!(r#"{{"user":"{}","expires_in_ms":1}}"#, "a".repeat(65));
    let huge = format!("{WISH}{}", " ".repeat(2_000));
    let cases = [
        (format!("{OWN}Content-Type: text/plain\r\n"), WISH, "415"),
        (OWN.to_owned(), WISH, "415"),
        (format!("{OWN}{JSON}"), huge.as_str(), "413"),
        (format!("{OWN}{JSON}"), "", "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"ann"}"#, "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"","expires_in_ms":1}"#, "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"a\nb","expires_in_ms":1}"#, "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"ann","expires_in_ms":86400001}"#, "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"ann","expires_in_ms":-86400001}"#, "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"ann","expires_in_ms":1,"admin":true}"#, "400"),
        (format!("{OWN}{JSON}"), long.as_str(), "400"),
        (format!("{OWN}{JSON}"), r#"{"user":"nobody","expires_in_ms":1}"#, "500"),
    ];
    for (headers, body, status) in cases {
        let answer = post(&headers, body, &with_tokens()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {answer}");
        assert!(answer.contains(r#"{"error":""#), "{answer}");
    }
}

#[test]
fn tokens_stay_at_home() {
    let demo = Demo::PageWithTokens(Arc::new(Words));
    for addr in ["127.0.0.1:1", "[::1]:1", "127.9.9.9:1"] {
        let kept = demo.clone().on(addr.parse().expect("an address"));
        assert!(matches!(kept, Demo::PageWithTokens(_)), "{addr}");
    }
    for addr in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "[2001:db8::1]:1"] {
        let left = demo.clone().on(addr.parse().expect("an address"));
        assert!(matches!(left, Demo::Page), "{addr}");
    }
}

/// The strings of the line of `codes.js` that begins with `key`.
fn strings(table: &str, key: &str) -> Vec<String> {
    let line = table.lines().find_map(|line| line.strip_prefix(&format!("  {key}: ")));
    let line = line.unwrap_or_else(|| panic!("codes.js does not know {key}"));
    serde_json::from_str(line.trim_end_matches(',')).expect("a list of strings")
}

/// The lines of one table of `codes.js`.
fn table(name: &str) -> &'static str {
    let codes = include_str!("codes.js");
    let (_, rest) = codes.split_once(&format!("const {name} = {{\n")).expect("a table");
    rest.split_once("\n};").expect("its end").0
}

#[test]
fn the_page_knows_every_code_as_the_server_means_it() {
    let closes = table("CLOSES");
    assert_eq!(closes.lines().count(), CloseCode::ALL.len());
    for code in CloseCode::ALL {
        let said = strings(closes, &code.code().to_string());
        assert_eq!(
            said.get(..2),
            Some(&[code.name().to_owned(), code.retry().as_str().into()][..])
        );
        assert_eq!(said.len(), 4, "{}: what it means, and what to do", code.name());
    }
    let errors = table("ERRORS");
    assert_eq!(errors.lines().count(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert_eq!(strings(errors, code.as_str())[0], code.retry().as_str());
    }
    let words = table("RETRY");
    assert_eq!(words.lines().count(), Retry::ALL.len());
    assert!(Retry::ALL.iter().all(|retry| words.contains(&format!("  {}: ", retry.as_str()))));
}

#[test]
fn the_page_explains_every_type_of_message() {
    let specification = include_str!("../../../../protocol.md");
    let (_, table) = specification.split_once("| type | from | feature |").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let meanings = include_str!("meanings.js");
    let (client, server) = meanings.split_once("const SERVER = {").expect("two tables");
    let mut seen = 0;
    for row in rows {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let explains = if cells[2] == "client" { client } else { server };
        assert!(explains.contains(&format!("\n  {}: ", cells[1])), "{} of {}", cells[1], cells[2]);
        seen += 1;
    }
    assert!(seen > 20, "only {seen} types were found: the search is broken");
}
