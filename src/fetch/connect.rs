//! From an address to a stream: resolver, TCP, TLS.

use super::{
    address::{Address, Host},
    fault::{FetchFault, Phase},
    trust::Trust,
};
use rustls::pki_types::ServerName;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{self, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_rustls::client::TlsStream;

/// The most addresses of one host that are tried.
const ADDRESSES: usize = 8;

/// Plain, to this host, or encrypted.
#[derive(Debug)]
pub(super) enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over it.
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// Connects before `deadline`.
pub(super) async fn connect(
    address: &Address,
    trust: &Trust,
    deadline: Instant,
) -> Result<Stream, FetchFault> {
    let addresses = timeout_at(deadline, resolve(address)).await;
    let addresses = addresses.map_err(|_| FetchFault::Late(Phase::Resolve))??;
    let tcp = first_that_answers(&addresses, deadline).await?;
    // One small request: it must not wait for company.
    let _ = tcp.set_nodelay(true);
    if !address.is_encrypted() {
        return Ok(Stream::Plain(tcp));
    }
    let shake = trust.connector().connect(server_name(address.host())?, tcp);
    let tls = timeout_at(deadline, shake).await.map_err(|_| FetchFault::Late(Phase::Handshake))?;
    let tls = tls.map_err(|why| no_tls(&why))?;
    Ok(Stream::Encrypted(Box::new(tls)))
}

/// TLS over a stream of somebody else's, who speaks `protocol` over it.
///
/// # Errors
/// The host is none, its certificate is not believed, or it does not speak TLS.
#[cfg(feature = "sql")]
pub(crate) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
    trust: &Trust,
    host: &str,
    protocol: &[u8],
    stream: S,
) -> io::Result<TlsStream<S>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    trust.connector_for(protocol).connect(name, stream).await
}

async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, FetchFault> {
    let port = address.port();
    let name = match address.host() {
        Host::Literal(literal) => return Ok(vec![SocketAddr::new(*literal, port)]),
        Host::Here => {
            let here = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(here.map(|ip| SocketAddr::new(ip, port)).into());
        }
        Host::Name(name) => &**name,
    };
    let found = net::lookup_host((name, port)).await;
    let found: Vec<_> =
        found.map_err(|why| FetchFault::Resolve(why.to_string().into()))?.take(ADDRESSES).collect();
    if found.is_empty() { Err(FetchFault::Resolve("no address".into())) } else { Ok(found) }
}

/// Tries one after the other. Each has an equal share of the time that is left, so that one that
/// swallows packets leaves some to the next.
async fn first_that_answers(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<TcpStream, FetchFault> {
    let mut last = FetchFault::Late(Phase::Connect);
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(now) / left.max(1);
        match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(why)) => last = FetchFault::Connect(why.to_string().into()),
            Err(_) => last = FetchFault::Late(Phase::Connect),
        }
    }
    Err(last)
}

fn server_name(host: &Host) -> Result<ServerName<'static>, FetchFault> {
    let name = match host {
        Host::Literal(literal) => return Ok(ServerName::IpAddress((*literal).into())),
        Host::Here => "localhost",
        Host::Name(name) => name,
    };
    ServerName::try_from(name.to_owned())
        .map_err(|why| FetchFault::Handshake(why.to_string().into()))
}

fn no_tls(why: &io::Error) -> FetchFault {
    let inner = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => FetchFault::Untrusted(why.to_string().into()),
        Some(_) | None => FetchFault::Handshake(why.to_string().into()),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Encrypted(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Encrypted(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
