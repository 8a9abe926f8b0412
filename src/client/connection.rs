//! One WebSocket connection as two halves: a sender of requests, a receiver of messages.

use super::{Closed, Error, Frame, Options, Publish, Received, Since, Watch, request};
use crate::protocol::SUBPROTOCOL;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        client::IntoClientRequest,
        handshake::client::Request,
        http::{HeaderName, HeaderValue, header},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

/// Bytes read at a time. The default of 128 KiB is for a few connections, not for thousands.
const READ_BYTES: usize = 4 * 1024;
/// Bytes gathered before a write.
const WRITE_BYTES: usize = 4 * 1024;
/// How long the server may take to hang up after a Close.
const HANG_UP: Duration = Duration::from_secs(1);
/// RFC 6455 7.1.5: a Close without a code, and none at all.
const NO_CODE: u16 = 1005;
const NO_CLOSE: u16 = 1006;

type Socket = WebSocketStream<TcpStream>;

/// Opens a connection; nothing is said on it yet.
pub(super) async fn open(url: &str, options: &Options) -> Result<(Sender, Receiver), Error> {
    let after = options.connect_timeout;
    let socket = timeout(after, handshake(url, options))
        .await
        .map_err(|_| Error::Timeout { what: "connection", after })??;
    let (sink, stream) = socket.split();
    let most = options.message_bytes;
    let watch = options.watch.clone();
    Ok((Sender { sink, most, watch: watch.clone() }, Receiver::new(stream, watch)))
}

async fn handshake(url: &str, options: &Options) -> Result<Socket, Error> {
    let request = request(url, options)?;
    let tcp = reach(url, &request, options).await?;
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BYTES;
    config.write_buffer_size = WRITE_BYTES;
    // Room for one message, its header and the control frames before it.
    config.max_write_buffer_size = 2 * WRITE_BYTES + options.message_bytes;
    config.max_message_size = Some(options.message_bytes);
    config.max_frame_size = Some(options.message_bytes);
    match client_async_with_config(request, tcp, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => {
            Err(Error::Handshake { status: answer.status().as_u16() })
        }
        Err(other) => Err(Error::Transport(Box::new(other))),
    }
}

/// The handshake request for `url`.
fn request(url: &str, options: &Options) -> Result<Request, Error> {
    let bad = |why: String| Error::Address { url: url.to_owned(), why };
    let mut request = url.into_client_request().map_err(|error| bad(error.to_string()))?;
    if request.uri().scheme_str() != Some("ws") {
        return Err(bad("this client speaks ws:// only, TLS is left to a proxy".to_owned()));
    }
    let mut set = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).map_err(|error| bad(error.to_string()))?;
        request.headers_mut().insert(name, value);
        Ok::<(), Error>(())
    };
    if options.subprotocol {
        set(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)?;
    }
    if let Some(origin) = &options.origin {
        set(header::ORIGIN, origin)?;
    }
    Ok(request)
}

/// The TCP connection under the handshake, to the first address that takes it.
async fn reach(url: &str, request: &Request, options: &Options) -> Result<TcpStream, Error> {
    let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']);
    let port = request.uri().port_u16().unwrap_or(80);
    let failed = |source| Error::Connect { url: url.to_owned(), source };
    let mut last = std::io::Error::other("the name has no address");
    for address in lookup_host((host, port)).await.map_err(failed)? {
        match dial(address, options).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

async fn dial(address: SocketAddr, options: &Options) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = options.local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// The half that asks.
#[derive(Debug)]
pub struct Sender {
    sink: SplitSink<Socket, Message>,
    /// Bytes of the longest message sent.
    most: usize,
    watch: Option<Watch>,
}

impl Sender {
    /// Signs in, or refreshes the session with a newer token.
    ///
    /// # Errors
    /// [`Error::Transport`] if the connection has ended; the receiver knows why.
    pub async fn auth(&mut self, token: &str, id: Option<&str>) -> Result<(), Error> {
        self.text(encoded(request::auth(token, id))?).await
    }

    /// Joins a room, from `since` on if there is a position.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn join(
        &mut self,
        room: &str,
        since: Option<&Since>,
        id: Option<&str>,
    ) -> Result<(), Error> {
        self.text(encoded(request::join(room, since, id))?).await
    }

    /// Leaves a room.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn leave(&mut self, room: &str, id: Option<&str>) -> Result<(), Error> {
        self.text(encoded(request::leave(room, id))?).await
    }

    /// Publishes a message.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn publish(&mut self, message: &Publish<'_>) -> Result<(), Error> {
        self.text(encoded(message.to_json())?).await
    }

    /// Asks for up to `limit` (1 to 100) messages that a room remembers, the newest ones below
    /// `before`.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn history(
        &mut self,
        room: &str,
        before: Option<u64>,
        limit: u32,
        id: Option<&str>,
    ) -> Result<(), Error> {
        self.text(encoded(request::history(room, before, limit, id))?).await
    }

    /// Asks for a `pong`.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn ping(&mut self, id: Option<&str>) -> Result<(), Error> {
        self.text(encoded(request::ping(id))?).await
    }

    /// Sends any text, well-formed or not.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Error> {
        let (text, most) = (text.into(), self.most);
        let bytes = text.len();
        if bytes > most {
            return Err(Error::Oversize { bytes, most });
        }
        self.frame(Message::Text(text)).await
    }

    /// Ends the connection; the receiver then sees how the server took it.
    ///
    /// # Errors
    /// As [`Sender::auth`].
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.frame(Message::Close(Some(frame))).await
    }

    async fn frame(&mut self, message: Message) -> Result<(), Error> {
        if let (Some(watch), Some(frame)) = (&self.watch, seen(&message)) {
            watch.sent(frame);
        }
        self.sink.send(message).await.map_err(|error| {
            // That one holds the message, which may be a token.
            let full = matches!(error, tungstenite::Error::WriteBufferFull(_));
            let plain = || std::io::Error::other("the write buffer is full").into();
            Error::Transport(Box::new(if full { plain() } else { error }))
        })
    }
}

fn encoded(text: serde_json::Result<String>) -> Result<String, Error> {
    text.map_err(|error| Error::Unintelligible { why: error.to_string() })
}

/// A message as a [`Watch`] sees it; binary frames are never taken nor sent.
fn seen(message: &Message) -> Option<Frame<'_>> {
    match message {
        Message::Text(text) => Some(Frame::Text(text)),
        Message::Ping(_) => Some(Frame::Ping),
        Message::Pong(_) => Some(Frame::Pong),
        Message::Close(Some(frame)) => {
            Some(Frame::Close { code: frame.code.into(), reason: frame.reason.as_str() })
        }
        Message::Close(None) => Some(Frame::Close { code: NO_CODE, reason: "" }),
        Message::Binary(_) | Message::Frame(_) => None,
    }
}

/// The half that listens.
#[derive(Debug)]
pub struct Receiver {
    stream: SplitStream<Socket>,
    heard: Instant,
    patience: Option<Duration>,
    verdict: Option<String>,
    ended: Option<Closed>,
    watch: Option<Watch>,
}

impl Receiver {
    fn new(stream: SplitStream<Socket>, watch: Option<Watch>) -> Self {
        Self { stream, heard: now(), patience: None, verdict: None, ended: None, watch }
    }

    /// The next message. Frames of any kind count as life; from `auth_ok` on the receiver is no
    /// more patient than the server's heartbeat allows. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Closed`] from then on at the end, [`Error::Silent`] on a dead line,
    /// [`Error::Unintelligible`] if the server breaks the protocol.
    pub async fn next(&mut self) -> Result<Received, Error> {
        loop {
            if let Some(closed) = &self.ended {
                return Err(Error::Closed(closed.clone()));
            }
            match self.frame().await? {
                Some(Message::Text(text)) => return self.take(&text),
                Some(Message::Binary(_)) => {
                    return Err(Error::Unintelligible { why: "a binary frame".to_owned() });
                }
                Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Some(Message::Close(frame)) => self.hang_up(frame).await,
                None => self.end(NO_CLOSE, ""),
            }
        }
    }

    async fn frame(&mut self) -> Result<Option<Message>, Error> {
        let frame = match self.patience {
            None => self.stream.next().await,
            Some(after) => timeout_at(self.heard + after, self.stream.next())
                .await
                .map_err(|_| Error::Silent { after })?,
        };
        self.heard = now();
        match frame {
            Some(Ok(frame)) => {
                if let (Some(watch), Some(frame)) = (&self.watch, seen(&frame)) {
                    watch.received(frame);
                }
                Ok(Some(frame))
            }
            None
            | Some(Err(
                tungstenite::Error::Io(_)
                | tungstenite::Error::ConnectionClosed
                | tungstenite::Error::AlreadyClosed
                | tungstenite::Error::Protocol(
                    tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                ),
            )) => Ok(None),
            Some(Err(other)) => Err(Error::Transport(Box::new(other))),
        }
    }

    fn take(&mut self, text: &str) -> Result<Received, Error> {
        let received = Received::parse(text)
            .map_err(|error| Error::Unintelligible { why: error.to_string() })?;
        if let Received::AuthOk(welcome) = &received {
            let beat = welcome.heartbeat;
            let patience = beat.interval_ms.saturating_add(beat.timeout_ms);
            self.patience = Some(Duration::from_millis(patience));
        }
        if let Received::Error(fault) = &received
            && fault.fatal
        {
            self.verdict = Some(fault.message.clone());
        }
        Ok(received)
    }

    /// Notes the Close, then lets the answer to it go out until the server hangs up.
    async fn hang_up(&mut self, frame: Option<CloseFrame>) {
        match frame {
            Some(frame) => self.end(frame.code.into(), frame.reason.as_str()),
            None => self.end(NO_CODE, ""),
        }
        let rest = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _answered_or_not = timeout(HANG_UP, rest).await;
    }

    fn end(&mut self, code: u16, reason: &str) {
        let message = self.verdict.take();
        self.ended = Some(Closed { code, reason: reason.to_owned(), message });
    }
}

/// A client is all shell: it lives by the clock of its runtime.
pub(super) fn now() -> Instant {
    Instant::now()
}
