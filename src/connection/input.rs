//! From bytes to events: reads as long as the session wants input, and sets the rest aside.

use super::{
    Connection, Desk,
    inbound::Incoming,
    transport::{READ_BYTES, Read},
};
use crate::metrics::Count;
use crate::session::{Event, TransportFault};
use std::{
    mem,
    task::{Context, Poll},
};

/// Reads of one connection before its neighbours have their turn.
const READS_PER_TURN: usize = 4;

impl Connection {
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>, desk: &mut Desk) {
        for _ in 0..READS_PER_TURN {
            self.deaf = !self.wants_input();
            if self.deaf {
                return self.read_ahead(cx, desk);
            }
            if self.transport.has_stash() {
                let stash = self.transport.take_stash();
                self.take_in(&stash, desk);
                continue;
            }
            // The scratch is lent out while its bytes are looked at.
            let mut scratch = mem::take(&mut desk.kit.scratch);
            let read = self.transport.poll_fill(cx, &mut scratch, desk.now.time);
            if let Poll::Ready(Read::Bytes(n)) = read {
                desk.recorder.add(Count::ReceivedByte, n);
                self.take_in(scratch.get(..n).unwrap_or_default(), desk);
            }
            desk.kit.scratch = scratch;
            match read {
                Poll::Ready(Read::Bytes(_)) => {}
                Poll::Ready(Read::Ended) => return self.step(Event::Eof, desk),
                Poll::Pending => return,
            }
        }
        cx.waker().wake_by_ref();
    }

    pub(super) fn wants_input(&self) -> bool {
        self.transport.is_open() && self.session.wants_input()
    }

    /// While the verdict takes its time a peer may go: what it pipelined is set aside, as far as
    /// there is room for it, to see its FIN.
    fn read_ahead(&mut self, cx: &mut Context<'_>, desk: &mut Desk) {
        while self.session.reads_ahead() {
            let room = READ_BYTES.saturating_sub(self.transport.stash_bytes());
            let into = desk.kit.scratch.get_mut(..room).unwrap_or_default();
            if into.is_empty() {
                return;
            }
            match self.transport.poll_fill(cx, into, desk.now.time) {
                Poll::Ready(Read::Bytes(n)) => {
                    desk.recorder.add(Count::ReceivedByte, n);
                    let bytes = desk.kit.scratch.get(..n).unwrap_or_default();
                    self.transport.set_aside(bytes);
                }
                Poll::Ready(Read::Ended) => return self.step(Event::Eof, desk),
                Poll::Pending => return,
            }
        }
    }

    /// Takes messages out of `bytes` until the session wants no more; the rest is set aside.
    fn take_in(&mut self, bytes: &[u8], desk: &mut Desk) {
        let mut input = bytes;
        while self.wants_input() {
            let Some(incoming) = self.transport.next(&mut desk.kit.contexts, &mut input) else {
                return;
            };
            let event = match &incoming {
                Incoming::Text(text) => {
                    desk.recorder.count(Count::Received);
                    Event::Text(text.as_str())
                }
                Incoming::TooBig => Event::TooBig,
                Incoming::Ping(payload) => Event::Ping(payload),
                Incoming::Pong(_) => Event::Pong,
                Incoming::Close(code) => Event::PeerClose(*code),
                Incoming::Fault(fault) => Event::Fault(*fault),
                // The policy of a session refuses binary frames by their header.
                Incoming::Binary(_) => Event::Fault(TransportFault::Binary),
            };
            self.step(event, desk);
        }
        if self.transport.is_open() {
            self.transport.set_aside(input);
        }
    }
}
