//! The task of one socket, from the accept to the end: every one of them pays for its size.

use super::{Fuse, Receiving, core::Core};
use crate::room::ConnKey;
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::sync::Notify;

/// First the handshake, boxed and gone with the 101; then only a key into the worker's table.
#[derive(Debug)]
pub(super) struct Visit {
    stay: Stay,
    stage: Stage,
}

// The runtime adds what it needs and rounds up to the next 128 bytes.
const _: () = assert!(size_of::<Visit>() <= 40, "ten thousand are idle: keep it small");

/// How far it has come.
enum Stage {
    Handshake(Receiving),
    Connection(ConnKey),
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Handshake(_) => "Handshake",
            Self::Connection(_) => "Connection",
        })
    }
}

impl Visit {
    pub(super) fn begin(core: &Rc<RefCell<Core>>, fuse: &Rc<Notify>, receiving: Receiving) -> Self {
        core.borrow_mut().arrived();
        let stay = Stay { core: Rc::clone(core), _fuse: Fuse(Rc::clone(fuse)) };
        Self { stay, stage: Stage::Handshake(receiving) }
    }
}

impl Future for Visit {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stay, stage } = &mut *self;
        if let Stage::Handshake(receiving) = stage {
            let entrance = ready!(receiving.as_mut().poll(cx));
            stay.core.borrow_mut().received();
            let Some(entrance) = entrance else { return Poll::Ready(()) };
            let key = stay.core.borrow_mut().enter(*entrance);
            *stage = Stage::Connection(key);
        }
        if let Stage::Connection(key) = *stage {
            ready!(stay.core.borrow_mut().poll_connection(key, cx));
            stay.core.borrow_mut().leave(key);
        }
        Poll::Ready(())
    }
}

/// Held to the end: a drain waits for it.
#[derive(Debug)]
struct Stay {
    core: Rc<RefCell<Core>>,
    _fuse: Fuse,
}

impl Drop for Stay {
    fn drop(&mut self) {
        // Borrowed only while a panic unwinds through the core, and then nobody waits any more.
        if let Ok(mut core) = self.core.try_borrow_mut() {
            core.departed();
        }
    }
}
