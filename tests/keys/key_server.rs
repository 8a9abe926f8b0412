//! A key server over TLS that does what a test wants, and counts what it is asked.

use super::{pair, soon};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certificate authority of a test, and the file that names it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a root");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-authority-{}-{number}.pem", process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, pair::pem("CERTIFICATE", root.der())).expect("written");
        Self { issuer: Issuer::new(params, key), file }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Vouches for a server with these names.
    fn vouch(&self, names: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(private))
            .expect("a certificate and its key");
        Arc::new(config).into()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// What the server does once it was asked.
#[derive(Clone)]
pub(crate) enum Reply {
    /// 200 with these header lines and this text.
    Text { lines: String, text: String },
    /// These bytes, as they are.
    Raw(Vec<u8>),
    /// Nothing, until the client goes.
    Hang,
    /// A head, then a byte now and then.
    Drip,
    /// Nothing, until it is let go; then 200 with this text.
    Held { text: String, go: watch::Receiver<bool> },
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text { lines: String::new(), text: text.into() }
    }

    pub(crate) fn cached(text: impl Into<String>, cache_control: &str) -> Self {
        let lines = format!("Cache-Control: {cache_control}\r\n");
        Self::Text { lines, text: text.into() }
    }

    pub(crate) fn status(status: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into())
    }
}

struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    /// Requests, the ones for unknown paths too.
    asked: watch::Sender<usize>,
}

/// A running key server.
pub(crate) struct KeyServer {
    pub(crate) addr: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl KeyServer {
    /// One whose certificate the authority signs, for `localhost` and 127.0.0.1.
    pub(crate) async fn start(authority: &Authority) -> Self {
        Self::with(Some(authority.vouch(&["localhost", "127.0.0.1"])), "https").await
    }

    /// One whose certificate is for another name.
    pub(crate) async fn named(authority: &Authority, name: &str) -> Self {
        Self::with(Some(authority.vouch(&[name])), "https").await
    }

    /// One without TLS.
    pub(crate) async fn plain() -> Self {
        Self::with(None, "http").await
    }

    async fn with(tls: Option<TlsAcceptor>, scheme: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { replies: Mutex::default(), asked: watch::Sender::new(0) });
        let serving = tokio::spawn(serve(listener, tls, Arc::clone(&shared)));
        Self { addr, scheme, shared, serving }
    }

    pub(crate) fn base(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.addr.port())
    }

    /// Where its set stands.
    pub(crate) fn keys(&self) -> String {
        format!("{}/keys", self.base())
    }

    pub(crate) fn reply(&self, reply: Reply) {
        self.reply_at("/keys", reply);
    }

    pub(crate) fn reply_at(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().expect("no panic").insert(path.to_owned(), reply);
    }

    /// How many requests have come.
    pub(crate) fn count(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// Ready once `count` requests have come, all together.
    pub(crate) async fn asked(&self, count: usize) {
        let mut asked = self.shared.asked.subscribe();
        soon("a request", asked.wait_for(|it| *it >= count)).await.expect("it runs");
    }

    /// Ready once one more request has come.
    pub(crate) async fn asked_again(&self) {
        self.asked(self.count() + 1).await;
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (tcp, _) = listener.accept().await.expect("a client");
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => converse(tcp, &shared).await,
                Some(tls) => greet(tls, tcp, &shared).await,
            }
        });
    }
}

async fn greet(tls: TlsAcceptor, tcp: TcpStream, shared: &Shared) {
    // A client that does not trust the certificate hangs up.
    if let Ok(stream) = tls.accept(tcp).await {
        converse(stream, shared).await;
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let request = String::from_utf8(request).expect("text");
    let path = request.split(' ').nth(1).expect("a path").to_owned();
    let reply = shared.replies.lock().expect("no panic").get(&path).cloned();
    shared.asked.send_modify(|asked| *asked += 1);
    let bytes = match reply {
        None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        Some(Reply::Raw(bytes)) => bytes,
        Some(Reply::Text { lines, text }) => ok(&lines, &text),
        Some(Reply::Held { text, mut go }) => {
            let _ = go.wait_for(|go| *go).await;
            ok("", &text)
        }
        Some(Reply::Hang) => {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            return;
        }
        Some(Reply::Drip) => return drip(stream).await,
    };
    // The client may have seen enough.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

fn ok(lines: &str, text: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {length}\r\n\r\n{text}").into_bytes()
}

async fn drip(mut stream: impl AsyncWrite + Unpin) {
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{".to_vec();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    while stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
        bytes = b" ".to_vec();
        pace.tick().await;
    }
}
