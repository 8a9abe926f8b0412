//! A real Django project in front of the program: its users on PostgreSQL and on SQLite, asked by a
//! query and by a callback, its tokens from Simple JWT. `./check tools` installs it.

use crate::{
    KEY,
    database::{Folder, Postgres},
    support::{Peer, peer::token_message},
    whole::{PATIENCE, Program, SECRET, installed, lines},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::Receiver,
};

const QUERY: &str = "select is_active as active from auth_user where cast(id as text) = $1";
const PASSWORD_QUERY: &str = "select id as subject, is_active as active, \
                              password as password_hash from auth_user where username = $1";

/// The project, running.
struct Project {
    process: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    port: u64,
}

impl Project {
    fn start(database: &str) -> Self {
        let mut python = Command::new(installed("target/venv/bin/python"));
        python.arg("tests/django/project.py").arg(database);
        python.current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut process =
            python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python");
        let answers = lines(process.stdout.take().expect("a pipe"));
        let orders = process.stdin.take();
        let mut project = Self { process, orders, answers, port: 0 };
        project.port = project.answer()["port"].as_u64().expect("a port");
        project
    }

    fn answer(&self) -> Value {
        let line = self.answers.recv_timeout(PATIENCE).expect("an answer");
        serde_json::from_str(&line).expect("JSON")
    }

    fn order(&mut self, order: Value) -> Value {
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{order}").expect("it reads");
        self.answer()
    }

    fn make(&mut self, name: &str) -> String {
        self.order(json!(["make", name]))["id"].as_str().expect("an id").to_owned()
    }

    fn token(&mut self, name: &str, kind: &str, lifetime_s: i64) -> String {
        let token = self.order(json!(["token", name, kind, lifetime_s]));
        token["token"].as_str().expect("a token").to_owned()
    }

    /// What its own view for sign-ins gives.
    fn sign_in(&self, name: &str) -> Value {
        let body = json!({"username": name, "password": "sesame"}).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port as u16)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let length = body.len();
        let request = format!(
            "POST /token/ HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {answer}"))
    }

    fn callback(&self) -> String {
        format!("http://127.0.0.1:{}/internal/users", self.port)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // It ends with its orders.
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}

/// The program beside the project, with this directory.
fn serve(directory: &[(&str, &str)]) -> Program {
    let mut settings = vec![
        ("VESTIBULE_ISSUER__0__SUBJECT_CLAIM", "user_id"),
        ("VESTIBULE_ISSUER__0__REQUIRED_CLAIMS__TOKEN_TYPE", "access"),
        ("VESTIBULE_AUTH__SOURCES__BASIC", "optional"),
        ("VESTIBULE_GATE__ORIGINS__0", "https://app.example"),
        ("VESTIBULE_DIRECTORY__CACHE_MS", "0"),
        ("VESTIBULE_DIRECTORY__RECHECK_MS", "200"),
    ];
    settings.extend_from_slice(directory);
    Program::serve(&settings)
}

async fn knock(addr: SocketAddr, token: &str) -> Peer {
    let mut peer = Peer::connect(addr).await;
    peer.say(token_message(token)).await;
    peer
}

async fn show_password(addr: SocketAddr, name: &str, password: &str) -> Peer {
    let mut peer = Peer::dial(addr).await;
    let shown = STANDARD.encode(format!("{name}:{password}"));
    peer.upgrade(&format!("Authorization: Basic {shown}\r\n")).await;
    peer
}

/// The whole life of users of Django.
async fn lives(project: &mut Project, program: &Program) {
    let addr: SocketAddr = program.addr.parse().expect("an address");
    let [ann, _eve, gone] = ["ann", "eve", "gone"].map(|name| project.make(name));
    // Valid: by the view that the application signs in with.
    let pair = project.sign_in("ann");
    let (access, refresh) = (pair["access"].clone(), pair["refresh"].clone());
    let access = access.as_str().unwrap_or_else(|| panic!("{pair}"));
    let mut here = knock(addr, access).await;
    assert_eq!(here.expect("auth_ok").await["user"], *ann);
    // A refresh token is signed with the same key.
    let refresh = refresh.as_str().expect("a token");
    knock(addr, refresh).await.closed(4411, "token_invalid", "refresh").await;
    let expired = project.token("ann", "access", -60);
    knock(addr, &expired).await.closed(4412, "token_expired", "refresh").await;
    for malformed in ["", "ann", &access[1..], &access[..access.len() - 4]] {
        knock(addr, malformed).await.closed(4411, "token_invalid", "refresh").await;
    }
    // Deleted, then disabled, after their tokens were made.
    let lasting = project.token("gone", "access", 300);
    knock(addr, &lasting).await.expect("auth_ok").await;
    project.order(json!(["delete", "gone"]));
    knock(addr, &lasting).await.closed(4411, "token_invalid", "refresh").await;
    assert_ne!(gone, ann);
    let eve = project.token("eve", "access", 300);
    project.order(json!(["active", "eve", false]));
    knock(addr, &eve).await.closed(4410, "revoked", "sign_in").await;
    // Passwords are Django's, and lead to the same user.
    let mut second = show_password(addr, "ann", "sesame").await;
    assert_eq!(second.expect("auth_ok").await["user"], *ann);
    for (name, password) in [("ann", "Sesame"), ("nobody", "sesame"), ("gone", "sesame")] {
        let mut peer = show_password(addr, name, password).await;
        peer.closed(4411, "token_invalid", "refresh").await;
    }
    show_password(addr, "eve", "sesame").await.closed(4410, "revoked", "sign_in").await;
    // Disabled while connected, on both ways.
    here.nothing_waits().await;
    project.order(json!(["active", "ann", false]));
    here.closed(4410, "revoked", "sign_in").await;
    second.closed(4410, "revoked", "sign_in").await;
    project.order(json!(["active", "ann", true]));
    knock(addr, access).await.expect("auth_ok").await;
}

async fn on(database: &str, dsn: &str) {
    let mut project = Project::start(database);
    let by_query = [
        ("VESTIBULE_DIRECTORY__DSN", dsn),
        ("VESTIBULE_DIRECTORY__QUERY", QUERY),
        ("VESTIBULE_DIRECTORY__PASSWORD_QUERY", PASSWORD_QUERY),
    ];
    let program = serve(&by_query);
    lives(&mut project, &program).await;
    assert!(program.stop().0.success());
    // The same once more, with other users, by the callback.
    for name in ["ann", "eve"] {
        project.order(json!(["delete", name]));
    }
    let url = project.callback();
    let program = serve(&[("VESTIBULE_DIRECTORY__URL", &url), ("VESTIBULE_DIRECTORY__KEY", KEY)]);
    lives(&mut project, &program).await;
    assert!(program.stop().0.success());
}

#[tokio::test]
async fn django_on_sqlite() {
    assert_eq!(SECRET, "sesame-sesame-sesame-sesame-sesame", "as the project has it");
    let folder = Folder::new("django");
    let file = folder.0.join("db.sqlite3");
    let path = file.display();
    on(&format!("sqlite://{path}"), &format!("sqlite:{path}")).await;
}

#[tokio::test]
async fn django_on_postgresql() {
    let postgres = Postgres::start();
    let host = postgres.folder().display().to_string();
    on(&format!("postgres:///postgres?host={host}&user=vestibule"), &postgres.dsn()).await;
}
