//! The bytes of a request head, which may hold a secret: of a handshake nothing stays behind.

use super::http::HEAD_BYTES;
use std::{io, mem, ops::Deref};
use tokio::{io::AsyncReadExt, net::TcpStream};
use zeroize::Zeroizing;

/// What most requests take, in bytes.
const REQUEST_BYTES: usize = 1_024;

/// What was read of a request; wiped when it goes, and when it moves to grow.
#[derive(Default)]
pub(super) struct Head(Zeroizing<Vec<u8>>);

impl Head {
    /// Reads on; returns how many bytes came. Who says nothing costs no buffer.
    pub(super) async fn read(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        stream.readable().await?;
        self.make_room();
        stream.read_buf(&mut *self.0).await
    }

    /// Forgets the first `length` bytes.
    pub(super) fn skip(&mut self, length: usize) {
        let length = length.min(self.0.len());
        self.0.drain(..length);
    }

    /// What stands behind the first `length` bytes.
    pub(super) fn behind(&self, length: usize) -> &[u8] {
        self.0.get(length..).unwrap_or_default()
    }

    /// Everything, for whoever parses it again.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        mem::take(&mut self.0)
    }

    /// Grows by hand: a vector that grows leaves what it held where it was.
    fn make_room(&mut self) {
        if self.0.len() < self.0.capacity() {
            return;
        }
        let capacity = (2 * self.0.len()).clamp(REQUEST_BYTES, REQUEST_BYTES + HEAD_BYTES);
        let capacity = capacity.max(self.0.len() + REQUEST_BYTES);
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(&self.0);
        self.0 = larger;
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
