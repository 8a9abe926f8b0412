//! The byte stream under a connection, and its two ways out.
//!
//! A `Direct` stream takes a write from whoever holds the worker: the fan-out writes to it without
//! waking the connection's task. A `Queued` one (TLS, simulated streams) is written by the
//! connection's own task. Both are a [`Socket`]; only `try_write` differs.

use std::{
    fmt,
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// What a connection needs of its byte stream.
pub(crate) trait Socket: Unpin {
    /// Reads what is there; 0 is the peer's FIN.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes what the stream takes now, without a task; `WouldBlock` if it takes nothing.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Writes, or arms the task for the moment when the stream takes bytes again.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;
    /// Flushes and sends our FIN.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Makes the coming drop a reset instead of an orderly end.
    fn reset_on_drop(&mut self);
}

/// Plain TCP is direct and needs no indirection; everything else is boxed.
pub(crate) enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// Any other stream.
    #[cfg_attr(not(test), expect(dead_code, reason = "TLS and simulations come in here"))]
    Other(Box<dyn Socket>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Other(_) => "Other",
        })
    }
}

impl Stream {
    fn socket(&mut self) -> &mut dyn Socket {
        match self {
            Self::Tcp(stream) => stream,
            Self::Other(socket) => socket.as_mut(),
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_read(cx, into)
    }

    pub(super) fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => try_write(stream, slices),
            Self::Other(socket) => socket.try_write(slices),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write(cx, slices)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }

    pub(super) fn reset_on_drop(&mut self) {
        self.socket().reset_on_drop();
    }
}

impl Socket for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_read(self, cx, into)
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        try_write(self, slices)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            match try_write(self, slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self).shutdown(Shutdown::Write))
    }

    fn reset_on_drop(&mut self) {
        // Best effort: if it fails, the drop is an orderly end after all.
        let _ = socket2::SockRef::from(&*self).set_linger(Some(std::time::Duration::ZERO));
    }
}

/// A stream that only its own task can write to.
#[cfg_attr(not(test), expect(dead_code, reason = "TLS and simulations come in here"))]
#[derive(Debug)]
pub(crate) struct Queued<T>(pub(crate) T);

impl<T: AsyncRead + AsyncWrite + Unpin> Socket for Queued<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_read(&mut self.0, cx, into)
    }

    fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn reset_on_drop(&mut self) {}
}

/// One slice is a `send`, which the kernel serves faster than a `writev` of one.
fn try_write(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [one] => stream.try_write(one),
        many => stream.try_write_vectored(many),
    }
}

/// A read that does not fill `into` has emptied a TCP socket: the runtime knows, and saves the call
/// that would only say so.
fn poll_read<T: AsyncRead + Unpin>(
    stream: &mut T,
    cx: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
