//! A bounded pipe in memory: the wire between a worker and a simulated peer.

use crate::connection::stream::Socket;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// Reads of one stream at one moment of simulated time that no honest task needs.
const SPIN: usize = 20_000;

/// One direction.
#[derive(Debug, Default)]
struct Wire {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has finished.
    fin: bool,
    /// The writer is gone with a reset.
    reset: bool,
    /// The reader is gone.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// One end of a pipe.
#[derive(Debug)]
pub(super) struct End {
    input: Rc<RefCell<Wire>>,
    output: Rc<RefCell<Wire>>,
    resets: bool,
}

/// Two ends; `capacity` bytes fit into each direction.
pub(super) fn pipe(capacity: usize) -> (End, End) {
    let wire = || Rc::new(RefCell::new(Wire { capacity, ..Wire::default() }));
    let (one, other) = (wire(), wire());
    let end = |input: &Rc<_>, output: &Rc<_>| End {
        input: Rc::clone(input),
        output: Rc::clone(output),
        resets: false,
    };
    (end(&one, &other), end(&other, &one))
}

impl End {
    fn poll_take(&self, cx: &Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.input.borrow_mut();
        if wire.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if wire.bytes.is_empty() && !wire.fin {
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = wire.bytes.len().min(into.len());
        for (slot, byte) in into.iter_mut().zip(wire.bytes.drain(..n)) {
            *slot = byte;
        }
        wake(&mut wire.writer);
        Poll::Ready(Ok(n))
    }

    fn put(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = self.output.borrow_mut();
        if wire.deaf {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = wire.capacity - wire.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = wire.bytes.len();
        wire.bytes.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
        wake(&mut wire.reader);
        Ok(wire.bytes.len() - before)
    }

    fn poll_put(&self, cx: &Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.put(slices) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.output.borrow_mut().writer = Some(cx.waker().clone());
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    fn finish(&self) {
        let mut wire = self.output.borrow_mut();
        wire.fin = true;
        wake(&mut wire.reader);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.output.borrow_mut().reset = self.resets;
        self.finish();
        let mut wire = self.input.borrow_mut();
        wire.deaf = true;
        wake(&mut wire.writer);
    }
}

/// The worker's end as a stream that can be written to without its task.
impl Socket for End {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_take(cx, into)
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.put(slices)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_put(cx, slices)
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }

    fn reset_on_drop(&mut self) {
        self.resets = true;
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.poll_take(cx, buffer.initialize_unfilled()))?;
        buffer.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_put(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

/// Panics when a task looks at its stream over and over while time stands still.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    since: Instant,
    looks: usize,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, since: Instant::now(), looks: 0 }
    }

    fn look(&mut self) {
        let now = Instant::now();
        if now > self.since {
            (self.since, self.looks) = (now, 0);
        }
        self.looks += 1;
        assert!(self.looks < SPIN, "a task spins");
    }
}

impl<S: Socket> Socket for Watched<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.look();
        self.stream.poll_read(cx, into)
    }

    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.look();
        self.stream.try_write(slices)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look();
        self.stream.poll_write(cx, slices)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }

    fn reset_on_drop(&mut self) {
        self.stream.reset_on_drop();
    }
}
