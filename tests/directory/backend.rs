//! The backend of an application, as its callback is asked: with users, moods, and a count.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What it does with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers.
    Good,
    /// Says this, byte for byte, and hangs up.
    Says(&'static str),
    /// Reads the question and is silent, until its mood changes; then it hangs up.
    Silent,
}

#[derive(Default)]
struct Book {
    users: HashMap<String, Value>,
    asked: HashMap<String, usize>,
    key: String,
    by_issuer: bool,
}

struct Shared {
    book: Mutex<Book>,
    mood: watch::Sender<Mood>,
    total: watch::Sender<usize>,
}

/// A callback on a port that the system picks.
pub(crate) struct Backend {
    shared: Arc<Shared>,
    addr: SocketAddr,
    serving: Option<JoinSet<()>>,
}

impl Backend {
    /// One without users.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            book: Mutex::default(),
            mood: watch::Sender::new(Mood::Good),
            total: watch::Sender::new(0),
        });
        let mut backend = Self { shared, addr, serving: None };
        backend.serve(listener);
        backend
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut visits = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a client");
                visits.spawn(visit(Arc::clone(&shared), stream));
                while visits.try_join_next().is_some() {}
            }
        });
        self.serving = Some(tasks);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/users", self.addr)
    }

    /// Hangs up on everybody, and nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut tasks) = self.serving.take() {
            tasks.shutdown().await;
        }
    }

    /// Listens again where it did.
    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.addr).await.expect("its own port");
        self.serve(listener);
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// What it says of a user from now on.
    pub(crate) fn say(&self, user: &str, answer: Value) {
        self.book().users.insert(user.to_owned(), answer);
    }

    pub(crate) fn active(&self, user: &str) {
        self.say(user, json!({"status": "active"}));
    }

    pub(crate) fn disable(&self, user: &str) {
        self.say(user, json!({"status": "disabled"}));
    }

    /// Users of an issuer are kept as `app NAME` from now on.
    pub(crate) fn tell_issuers_apart(&self) {
        self.book().by_issuer = true;
    }

    /// How often it was asked about a user.
    pub(crate) fn asked_about(&self, user: &str) -> usize {
        self.book().asked.get(user).copied().unwrap_or(0)
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.shared.total.borrow()
    }

    /// Ready once it was asked so often.
    pub(crate) async fn was_asked(&self, times: usize) {
        let mut total = self.shared.total.subscribe();
        let wait = total.wait_for(|total| *total >= times);
        crate::support::soon("a question", wait).await.expect("the backend lives");
    }

    /// The `Authorization` of the last question.
    pub(crate) fn key(&self) -> String {
        self.book().key.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock().expect("no panic")
    }
}

/// One question, and what comes of it.
async fn visit(shared: Arc<Shared>, mut stream: TcpStream) {
    let Some((head, body)) = question(&mut stream).await else { return };
    assert!(head.starts_with("POST /users HTTP/1.1\r\n"), "{head}");
    let question: Value = serde_json::from_slice(&body).expect("JSON");
    let text = |name: &str| question[name].as_str().unwrap_or_default();
    let by_issuer = shared.book.lock().expect("no panic").by_issuer;
    let user = match text("kind") {
        "user" if by_issuer && !question["issuer"].is_null() => format!("app {}", text("subject")),
        "user" => text("subject").to_owned(),
        "password" => format!("{} {}", text("user"), text("password")),
        other => panic!("no such question: {other:?}"),
    };
    let answer = {
        let mut book = shared.book.lock().expect("no panic");
        *book.asked.entry(user.clone()).or_default() += 1;
        let line = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        book.key = line.unwrap_or_default().to_owned();
        book.users.get(&user).cloned().unwrap_or_else(|| json!({"status": "unknown"}))
    };
    let mut mood = shared.mood.subscribe();
    shared.total.send_modify(|total| *total += 1);
    let now = mood.borrow_and_update().clone();
    let text = match now {
        Mood::Good => {
            let answer = answer.to_string();
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
        }
        Mood::Says(text) => text.to_owned(),
        Mood::Silent => {
            let _ = mood.changed().await;
            return;
        }
    };
    // The client may have left.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Head, in lower case where it counts, and body; `None` if the client leaves before the end.
async fn question(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).expect("text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.expect("a length").parse().expect("a number");
    while read.len() < end + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, read[end..end + length].to_vec()))
}
