//! The transport of one connection: stream, inbound, outbox and the close path.

use super::{
    inbound::{Contexts, Inbound, Incoming, Policy},
    stream::Stream,
};
use crate::{
    outbox::{Frame, Outbox, Refused},
    protocol::time::Time,
};
use std::{
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll},
};

/// Frames handed to one vectored write.
const WRITE_SLICES: usize = 64;
/// Bytes read at a time, into the scratch of the worker.
pub(crate) const READ_BYTES: usize = 16 * 1024;
/// Bytes that the close path discards before it resets the connection.
const DRAIN_BYTES: usize = 64 * 1024;
/// How long the close path waits for the peer's FIN before the verdict, in milliseconds.
const CLOSE_BEFORE_AUTH_MS: u64 = 1_000;
/// How long the close path waits for the peer's FIN after the verdict, in milliseconds.
const CLOSE_AFTER_AUTH_MS: u64 = 5_000;

/// What all connections of a worker use in turn.
#[derive(Debug)]
pub(crate) struct Kit {
    /// Where bytes are read to.
    pub(crate) scratch: Box<[u8]>,
    /// Contexts that assemble messages.
    pub(crate) contexts: Contexts,
}

impl Default for Kit {
    fn default() -> Self {
        Self { scratch: vec![0; READ_BYTES].into(), contexts: Contexts::new() }
    }
}

/// How a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Everything is with the kernel.
    Done,
    /// The rest goes when the stream takes bytes again: the connection's task must be woken.
    Blocked,
    /// The stream is broken.
    Broken,
}

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// This many bytes in the scratch.
    Bytes(usize),
    /// The peer's FIN, or the stream is broken.
    Ended,
}

/// The life of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The outbox is sealed: flush, half-close, discard, never wait beyond the deadline.
    Closing {
        deadline: Time,
        discarded: usize,
        fin_sent: bool,
    },
    Over,
}

/// Stream, inbound and outbox of one connection.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Stream,
    inbound: Inbound,
    outbox: Outbox,
    /// Bytes that were read while the session does not want input; at most [`READ_BYTES`].
    stash: Vec<u8>,
    phase: Phase,
    blocked: bool,
    /// When the last byte came.
    pub(crate) heard: Time,
    /// When the last data frame was queued.
    pub(crate) spoke: Time,
}

impl Transport {
    /// The transport behind the 101; `early` are bytes that came along with the handshake.
    pub(crate) fn new(
        stream: Stream,
        policy: Arc<Policy>,
        outbox_bytes: u32,
        early: Vec<u8>,
    ) -> Self {
        Self {
            stream,
            inbound: Inbound::new(policy),
            outbox: Outbox::new(outbox_bytes),
            stash: early,
            phase: Phase::Open,
            blocked: false,
            heard: Time::default(),
            spoke: Time::default(),
        }
    }

    /// The next message of `input`.
    pub(crate) fn next(&mut self, contexts: &mut Contexts, input: &mut &[u8]) -> Option<Incoming> {
        self.inbound.next(contexts, input)
    }

    /// Takes what was set aside.
    pub(crate) fn take_stash(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stash)
    }

    /// Sets bytes aside, behind the others, until the session wants input again.
    pub(crate) fn set_aside(&mut self, rest: &[u8]) {
        self.stash.extend_from_slice(rest);
    }

    /// Bytes that were set aside.
    pub(crate) fn stash_bytes(&self) -> usize {
        self.stash.len()
    }

    /// Whether bytes were set aside.
    pub(crate) fn has_stash(&self) -> bool {
        !self.stash.is_empty()
    }

    /// Reads once into `scratch`.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        now: Time,
    ) -> Poll<Read> {
        self.stream.poll_read(cx, scratch).map(|result| match result {
            Ok(n) if n > 0 => {
                self.heard = now;
                Read::Bytes(n)
            }
            Ok(_) | Err(_) => Read::Ended,
        })
    }

    /// Queues a frame; `Ping` and `Pong` are no data.
    pub(crate) fn push(&mut self, frame: Frame) -> Result<(), Refused> {
        self.outbox.push(frame)
    }

    /// Queues a data frame.
    pub(crate) fn push_data(&mut self, frame: Frame, now: Time) -> Result<(), Refused> {
        self.outbox.push(frame)?;
        self.spoke = now;
        Ok(())
    }

    /// What waits to be written.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Drops whole queued frames: a slow consumer must go.
    pub(crate) fn cut(&mut self) {
        self.outbox.cut();
    }

    /// Queues the Close, seals the outbox and enters the close path.
    pub(crate) fn close(&mut self, frame: Frame, now: Time, was_ready: bool) {
        self.outbox.close(frame);
        if self.phase == Phase::Open {
            let patience = if was_ready { CLOSE_AFTER_AUTH_MS } else { CLOSE_BEFORE_AUTH_MS };
            let deadline = now + patience;
            self.phase = Phase::Closing { deadline, discarded: 0, fin_sent: false };
            self.stash = Vec::new();
        }
    }

    /// Gives the close path, if it has begun, until `deadline` at most.
    pub(crate) fn hurry(&mut self, deadline: Time) {
        if let Phase::Closing { deadline: later, .. } = &mut self.phase {
            *later = deadline.min(*later);
        }
    }

    /// Gives up without a word.
    pub(crate) fn abandon(&mut self) {
        self.phase = Phase::Over;
    }

    /// Gives up with a reset: the peer did not take its Close in time.
    pub(crate) fn reset(&mut self) {
        self.stream.reset_on_drop();
        self.phase = Phase::Over;
    }

    /// Whether messages may still come and go.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// When the close path gives up.
    pub(crate) fn close_deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Closing { deadline, .. } => Some(deadline),
            Phase::Open | Phase::Over => None,
        }
    }

    /// Writes what waits, without a task. Does nothing while an earlier write is blocked.
    pub(crate) fn flush(&mut self) -> Flush {
        if self.blocked {
            return Flush::Blocked;
        }
        while !self.outbox.is_empty() {
            let stream = &mut self.stream;
            let written = gather(&self.outbox, |slices| stream.try_write(slices));
            match self.wrote(written) {
                Flush::Done => {}
                stop @ (Flush::Blocked | Flush::Broken) => return stop,
            }
        }
        Flush::Done
    }

    /// Writes what waits, or arms the task.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Flush> {
        while !self.outbox.is_empty() {
            let stream = &mut self.stream;
            match gather(&self.outbox, |slices| stream.poll_write(cx, slices)) {
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
                Poll::Ready(written) => {
                    if self.wrote(written) == Flush::Broken {
                        return Poll::Ready(Flush::Broken);
                    }
                }
            }
        }
        self.blocked = false;
        Poll::Ready(Flush::Done)
    }

    fn wrote(&mut self, result: io::Result<usize>) -> Flush {
        match result {
            Ok(0) => Flush::Broken,
            Ok(n) => {
                self.outbox.advance(n);
                Flush::Done
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked = true;
                Flush::Blocked
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Flush::Done,
            Err(_) => Flush::Broken,
        }
    }

    /// Goes on with the close path as far as it goes now.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) {
        if self.poll_flush(cx) == Poll::Ready(Flush::Broken) {
            self.phase = Phase::Over;
        }
        let Phase::Closing { fin_sent, .. } = &mut self.phase else { return };
        if self.outbox.is_empty() && !*fin_sent {
            match self.stream.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => *fin_sent = true,
                Poll::Ready(Err(_)) => self.phase = Phase::Over,
                Poll::Pending => {}
            }
        }
        self.discard(cx, scratch);
    }

    /// Reads and forgets, so that the peer's bytes do not turn our Close into a reset.
    fn discard(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) {
        while let Phase::Closing { discarded, .. } = &mut self.phase {
            match self.stream.poll_read(cx, scratch) {
                Poll::Pending => return,
                Poll::Ready(Ok(n)) if n > 0 => {
                    *discarded += n;
                    if *discarded > DRAIN_BYTES {
                        self.reset();
                    }
                }
                // A FIN before ours is out does not stop what is queued.
                Poll::Ready(Ok(_)) if !self.outbox.is_empty() => return,
                Poll::Ready(Ok(_) | Err(_)) => self.phase = Phase::Over,
            }
        }
    }
}

/// Shows `write` what is next. One piece needs no list, which would cost as much as the rest of the
/// way to the system call.
fn gather<R>(outbox: &Outbox, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
    if let Some(bytes) = outbox.only() {
        return write(&[IoSlice::new(bytes)]);
    }
    let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
    let count = outbox.slices(&mut slices);
    write(slices.get(..count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connection::stream::Socket,
        protocol::limits::{AuthLimits, SessionLimits},
    };
    use std::{cell::Cell, rc::Rc, task::Waker};

    /// Takes as many bytes as it has space for, and counts who wrote.
    struct Sink {
        space: Rc<Cell<usize>>,
        by_task: Rc<Cell<usize>>,
    }

    impl Sink {
        fn put(&self, slices: &[IoSlice<'_>]) -> usize {
            let n = slices.iter().map(|slice| slice.len()).sum::<usize>().min(self.space.get());
            self.space.set(self.space.get() - n);
            n
        }
    }

    impl Socket for Sink {
        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            match self.put(slices) {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                n => Ok(n),
            }
        }

        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.by_task.set(self.by_task.get() + 1);
            match self.put(slices) {
                0 => Poll::Pending,
                n => Poll::Ready(Ok(n)),
            }
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn reset_on_drop(&mut self) {}
    }

    #[test]
    fn a_stream_that_was_blocked_is_written_to_directly_again() {
        let (space, by_task) = (Rc::new(Cell::new(5)), Rc::default());
        let sink = Sink { space: Rc::clone(&space), by_task: Rc::clone(&by_task) };
        let policy = Policy::new(Some(&AuthLimits::default()), &SessionLimits::default());
        let stream = Stream::Other(Box::new(sink));
        let mut transport = Transport::new(stream, Arc::new(policy), 1_000, Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        transport.push(Frame::ping(b"0123456789")).unwrap();
        assert_eq!(transport.flush(), Flush::Blocked);
        space.set(100);
        assert_eq!(transport.flush(), Flush::Blocked, "only the task knows when there is space");
        assert_eq!((transport.poll_flush(&mut cx), by_task.get()), (Poll::Ready(Flush::Done), 1));
        transport.push(Frame::ping(b"")).unwrap();
        assert_eq!((transport.flush(), by_task.get()), (Flush::Done, 1));
        assert_eq!(space.get(), 100 - 7 - 2);
    }
}
