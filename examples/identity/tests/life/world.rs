//! A service on a port of the system's choice, with alice and bob, and somebody who asks it.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use identity::{
    clock::{Clock, ManualClock, Seconds},
    secret::Secret,
    service::Service,
    store::Store,
    tokens::Issuer,
    users::{self, Login},
    vestibule::Vestibule,
    web::{self, Site},
};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, time::timeout};

pub(crate) const ORIGIN: &str = "https://id.example";
pub(crate) const PASSWORD: &str = "sesame-sesame-sesame";
pub(crate) const DIRECTORY_KEY: &str = "a-key-of-the-directory";
/// How long anything may take before a test fails; far beyond what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Some moment.
pub(crate) const BEGAN: Seconds = 1_800_000_000;

/// A folder that is gone with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-identity-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An answer, as far as anybody looks at it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    pub(crate) fn member(&self, name: &str) -> String {
        let value = &self.json()[name];
        value.as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// `name=value` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> String {
        let line = self.headers[header::SET_COOKIE].to_str().expect("ASCII");
        line.split(';').next().expect("a pair").to_owned()
    }
}

/// The service, and its clock.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: Folder,
    addr: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = Folder::new();
        let clock = Arc::new(ManualClock::at(BEGAN));
        let issuer = Issuer { iss: ORIGIN.to_owned(), aud: "chat".to_owned() };
        let service = Service::open(&folder.0, issuer, clock.clone()).expect("a service");
        add(&folder.0, "alice", Some("alice@mail.example"));
        add(&folder.0, "bob", None);
        let site = Site {
            service,
            // Nobody is there: the browser test has the real one.
            vestibule: Vestibule::at("http://127.0.0.1:1").expect("an address"),
            origin: ORIGIN.to_owned(),
            directory_key: Some(Secret::new(DIRECTORY_KEY)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let router = web::router(site).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { clock, folder, addr, client: client() }
    }

    /// What another process does to the same database.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.folder.0).expect("the database")
    }

    pub(crate) fn now(&self) -> Seconds {
        self.clock.now()
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers, String::new()).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let all: Vec<_> = [("content-type", "application/json")]
            .into_iter()
            .chain(headers.iter().copied())
            .collect();
        self.ask(Method::POST, path, &all, body.to_string()).await
    }

    /// As a page of the service asks.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, &[("origin", ORIGIN)], body).await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        ask(&self.client, self.addr, (method, path, headers, body)).await
    }

    pub(crate) async fn login(&self, user: &str) -> Answer {
        let answer = self.post("/login", json!({ "user": user, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/refresh", json!({ "refresh_token": token })).await
    }

    /// What Vestibule hears of somebody.
    pub(crate) async fn standing(&self, user: &str) -> String {
        let key = format!("Bearer {DIRECTORY_KEY}");
        let question = json!({ "kind": "user", "issuer": ORIGIN, "subject": user });
        let answer = self.post_with("/directory", &[("authorization", &key)], question).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.member("status")
    }

    /// Asks for a code, and reads it in the outbox.
    pub(crate) async fn code(&self, user: &str) -> (String, String) {
        let before = self.outbox().len();
        let asked = self.post("/login/code", json!({ "user": user })).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        let letter = async {
            loop {
                match self.outbox().get(before..) {
                    Some(letter) if letter.ends_with('\n') => break letter.to_owned(),
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let letter = timeout(PATIENCE, letter).await.expect("a letter");
        (asked.member("challenge"), code_in(&letter))
    }

    pub(crate) fn outbox(&self) -> String {
        fs::read_to_string(self.folder.0.join("outbox")).unwrap_or_default()
    }

    /// Signs in with a code; the cookie.
    pub(crate) async fn cookie(&self, user: &str) -> Answer {
        let (challenge, code) = self.code(user).await;
        let answer = self.verify(&challenge, &code).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        answer
    }

    pub(crate) async fn verify(&self, challenge: &str, code: &str) -> Answer {
        self.post("/login/code/verify", json!({ "challenge": challenge, "code": code })).await
    }
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn ask(
    client: &Client<HttpConnector, Full<Bytes>>,
    addr: SocketAddr,
    (method, path, headers, body): (Method, &str, &[(&str, &str)], String),
) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("http://{addr}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body)).expect("a request");
    let answer = client.request(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    Answer { status: head.status, headers: head.headers, text }
}

/// The six digits of a letter.
pub(crate) fn code_in(letter: &str) -> String {
    let (_, rest) = letter.split_once("your code is ").expect("a code");
    rest.split(',').next().expect("six digits").to_owned()
}

fn add(folder: &Path, name: &str, email: Option<&str>) {
    let login = |text| Login::parse(text).expect("a name");
    let store = Store::open(folder).expect("the database");
    let rooms = ["lobby".to_owned()];
    let added = store.transact(|tx| {
        users::add(tx, &login(name), email.map(login).as_ref(), &Secret::new(PASSWORD), &rooms)
    });
    added.expect("a new user");
}
