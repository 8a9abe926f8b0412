//! The admin listener over its real sockets: who gets in, what it answers, how long it waits.

use super::*;
use crate::{
    config::{AdminConfig, LoopbackAddr},
    metrics::{Count, Handshake, Metrics, Reading},
};
use std::{
    env, fs,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "a-key-of-the-tests";

struct Counted(Metrics);

impl Census for Counted {
    fn take(&self) -> Sheet {
        let mut sheet = self.0.sheet();
        sheet.set(Reading::Workers, 2);
        figures(&mut sheet);
        sheet
    }

    fn up_ms(&self) -> u64 {
        61_000
    }

    fn crowds(&self) -> Vec<(String, usize)> {
        vec![("192.0.2.7".to_owned(), 31)]
    }
}

fn admin(key: Option<AdminKey>) -> Admin {
    let metrics = Metrics::default();
    metrics.count(Count::Handshake(Handshake::Upgraded));
    Admin::new(Counted(metrics), key)
}

fn key() -> AdminKey {
    AdminKey::new(KEY.as_bytes()).unwrap()
}

fn on_a_port() -> (SocketAddr, JoinHandle<()>) {
    let addr = LoopbackAddr::new(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let config = AdminConfig::Loopback { addr, key: key() };
    let bound = Bound::bind(&config).unwrap();
    let addr = bound.place().parse().unwrap();
    let listener = bound.listen().unwrap();
    (addr, tokio::spawn(admin(Some(key())).run(listener)))
}

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vestibule-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn config(&self) -> AdminConfig {
        AdminConfig::Unix { path: self.0.join("s"), key: None }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One exchange: the connection is closed behind the answer.
async fn ask(mut io: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    let request = format!("{head}\r\nHost: a\r\nConnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, io.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

async fn ask_port(addr: SocketAddr, head: &str) -> String {
    ask(TcpStream::connect(addr).await.unwrap(), head).await
}

#[tokio::test]
async fn a_port_opens_with_the_key_only() {
    let (addr, running) = on_a_port();
    let answer = ask_port(addr, "GET /metrics HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.to_lowercase().contains("www-authenticate: bearer"), "{answer}");
    assert!(answer.contains("admin.key") && !answer.contains("vestibule_"), "{answer}");
    let head = format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {KEY}");
    let answer = ask_port(addr, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{answer}");
    assert!(answer.contains("\nvestibule_handshakes_total{outcome=\"upgraded\"} 1\n"), "{answer}");
    assert!(answer.contains("\nvestibule_workers 2\n"), "{answer}");
    running.abort();
}

#[tokio::test]
async fn a_socket_is_private_and_answers_every_route() {
    let folder = Folder::new();
    let bound = Bound::bind(&folder.config()).unwrap();
    let path = folder.0.join("s");
    assert_eq!(bound.place(), format!("unix:{}", path.display()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let running = tokio::spawn(admin(None).run(bound.listen().unwrap()));
    for (head, wanted) in [
        ("GET / HTTP/1.1", "200 OK"),
        ("GET /metrics HTTP/1.1", "200 OK"),
        ("GET /healthz HTTP/1.1", "200 OK"),
        ("HEAD /metrics HTTP/1.1", "200 OK"),
        ("GET /metrics?x=y HTTP/1.1", "200 OK"),
        ("GET /else HTTP/1.1", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "405 Method Not Allowed"),
        ("nonsense", "400 Bad Request"),
    ] {
        let answer = ask(UnixStream::connect(&path).await.unwrap(), head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {wanted}")), "{head}: {answer}");
        if head.starts_with("HEAD") {
            assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        }
    }
    let page = ask(UnixStream::connect(&path).await.unwrap(), "GET / HTTP/1.1").await;
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(page.contains("Up for 1 min 1 s."), "{page}");
    // The file goes with the listener.
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(!path.exists());
}

/// An exchange on a connection that stays.
async fn ask_again(stream: &mut TcpStream) {
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        assert!(timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap() > 0);
    }
}

#[tokio::test]
async fn a_connection_serves_several_requests_while_others_wait_for_a_place() {
    let (addr, running) = on_a_port();
    let mut taken = Vec::new();
    for _ in 0..CONNECTIONS {
        taken.push(TcpStream::connect(addr).await.unwrap());
    }
    let head = format!("GET /healthz HTTP/1.1\r\nAuthorization: Bearer {KEY}");
    let waiting = tokio::spawn(async move { ask_port(addr, &head).await });
    for _ in 0..10 {
        ask_again(taken.last_mut().unwrap()).await;
    }
    assert!(!waiting.is_finished(), "there is no place");
    taken.pop();
    let answer = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    running.abort();
}

#[tokio::test]
async fn a_socket_that_a_dead_server_left_is_replaced_and_nothing_else_is() {
    let folder = Folder::new();
    let path = folder.0.join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket(), "left behind");
    let listener = Bound::bind(&folder.config()).unwrap();
    let refused = Bound::bind(&folder.config()).unwrap_err();
    assert!(refused.to_string().contains("another server listens there"), "{refused}");
    assert!(path.exists(), "the one that lives keeps its file");
    drop(listener);
    fs::write(&path, "somebody's").unwrap();
    let refused = Bound::bind(&folder.config()).unwrap_err();
    assert!(refused.to_string().contains("is no socket"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
}

#[tokio::test]
async fn a_file_that_somebody_else_put_there_is_left_alone() {
    let folder = Folder::new();
    let path: &Path = &folder.0.join("s");
    let listener = Bound::bind(&folder.config()).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, "somebody's").unwrap();
    drop(listener);
    assert!(path.exists());
}

/// The other end of a served connection, on a clock that runs by itself when all wait.
fn served(bytes: usize) -> (DuplexStream, JoinHandle<()>) {
    let (near, far) = duplex(bytes);
    (near, tokio::spawn(async move { admin(None).serve(far).await }))
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_left_in_time() {
    let (mut near, serving) = served(1_024);
    near.write_all(b"GET /metrics HTTP/1.1\r\nHost").await.unwrap();
    let began = Instant::now();
    serving.await.unwrap();
    assert_eq!(began.elapsed().as_millis() / 1_000, u128::from(HEAD_MS / 1_000));
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_no_answer_is_left_in_time() {
    let (mut near, serving) = served(64);
    near.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let began = Instant::now();
    serving.await.unwrap();
    assert_eq!(began.elapsed().as_millis() / 1_000, u128::from(WRITE_MS / 1_000));
}
