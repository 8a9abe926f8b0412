//! The naive server: tokio-tungstenite with its defaults, put together as tutorials do it. A task that
//! reads, one that writes, an unbounded channel between them, rooms in a `DashMap`, one flush for
//! each message.

use super::{Setting, listen, say_listening};
use dashmap::DashMap;
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

type Rooms = DashMap<String, HashMap<u64, UnboundedSender<Message>>>;

struct Server {
    rooms: Rooms,
    key: DecodingKey,
    heartbeat: Option<Duration>,
    clients: AtomicU64,
}

#[derive(Deserialize)]
struct Request<'a> {
    r#type: &'a str,
    room: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Answer<'a> {
    AuthOk { user: &'a str },
    Joined { room: &'a str },
    Message { room: &'a str, from: From<'a>, payload: &'a RawValue },
}

#[derive(Serialize)]
struct From<'a> {
    user: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Serves until it is ended.
///
/// # Errors
/// What the system says about sockets.
pub fn serve(setting: &Setting) -> io::Result<()> {
    let server = Arc::new(Server {
        rooms: DashMap::new(),
        key: DecodingKey::from_secret(setting.secret.as_bytes()),
        heartbeat: (setting.heartbeat_s > 0).then(|| Duration::from_secs(setting.heartbeat_s)),
        clients: AtomicU64::new(0),
    });
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::from_std(listen(setting.listen)?)?;
        say_listening()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(handle(Arc::clone(&server), stream));
        }
    })
}

async fn handle(server: Arc<Server>, stream: TcpStream) {
    let Ok(socket) = accept_async(stream).await else { return };
    let id = server.clients.fetch_add(1, Ordering::Relaxed);
    let (sink, mut source) = socket.split();
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(write(sink, receiver, server.heartbeat));
    let mut client = Client { server, id, user: None, rooms: Vec::new(), sender };
    while let Some(Ok(message)) = source.next().await {
        if let Message::Text(text) = message
            && client.heed(&text).is_none()
        {
            break;
        }
    }
    for room in &client.rooms {
        if let Some(mut members) = client.server.rooms.get_mut(room) {
            members.remove(&client.id);
        }
        client.server.rooms.remove_if(room, |_, members| members.is_empty());
    }
}

type Sink = futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>;

async fn write(mut sink: Sink, mut inbox: UnboundedReceiver<Message>, heartbeat: Option<Duration>) {
    let mut pings = tokio::time::interval(heartbeat.unwrap_or(Duration::from_secs(86_400)));
    pings.tick().await;
    loop {
        let message = tokio::select! {
            message = inbox.recv() => message,
            _ = pings.tick() => Some(Message::Ping(Default::default())),
        };
        let Some(message) = message else { return };
        if sink.send(message).await.is_err() {
            return;
        }
    }
}

struct Client {
    server: Arc<Server>,
    id: u64,
    user: Option<String>,
    rooms: Vec<String>,
    sender: UnboundedSender<Message>,
}

impl Client {
    /// Does what a text asks for; `None` ends the connection.
    fn heed(&mut self, text: &str) -> Option<()> {
        let request: Request<'_> = serde_json::from_str(text).ok()?;
        match (request.r#type, &self.user) {
            ("auth", _) => self.sign_in(serde_json::from_str(request.payload?.get()).ok()?),
            ("join", Some(_)) => self.join(request.room?),
            ("message", Some(user)) => self.publish(user, &request.room?, request.payload?),
            _ => None,
        }
    }

    fn sign_in(&mut self, token: &str) -> Option<()> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["bench"]);
        let token = jsonwebtoken::decode(token, &self.server.key, &validation);
        let Claims { sub } = token.ok()?.claims;
        self.answer(&Answer::AuthOk { user: &sub })?;
        self.user = Some(sub);
        Some(())
    }

    fn join(&mut self, room: String) -> Option<()> {
        self.answer(&Answer::Joined { room: &room })?;
        let mut members = self.server.rooms.entry(room.clone()).or_default();
        members.insert(self.id, self.sender.clone());
        self.rooms.push(room);
        Some(())
    }

    fn publish(&self, user: &str, room: &str, payload: &RawValue) -> Option<()> {
        let answer = Answer::Message { room, from: From { user }, payload };
        let message = Message::text(serde_json::to_string(&answer).ok()?);
        let members = self.server.rooms.get(room)?;
        members.get(&self.id)?;
        for member in members.values() {
            let _ = member.send(message.clone());
        }
        Some(())
    }

    fn answer(&self, answer: &Answer<'_>) -> Option<()> {
        self.sender.send(Message::text(serde_json::to_string(answer).ok()?)).ok()
    }
}
