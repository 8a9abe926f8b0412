//! Where codes go: there is no mail here, so that letters are lines of a file.

use crate::{clock::Seconds, error::Error, secret::Secret};
use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// How many letters wait at a time; further ones are lost, as with any mail.
const LETTERS: usize = 64;
/// The outbox begins anew when it has grown over this many bytes.
const OUTBOX: u64 = 64 * 1_024;

/// A code for somebody.
pub struct Letter {
    /// An e-mail address, or a name.
    pub to: String,
    /// The code.
    pub code: Secret,
    /// How long it is good.
    pub good_for: Seconds,
}

/// Takes letters. Whoever hands one in does not wait until it is written: what takes time for a
/// user who exists would take none for anybody else, and could be measured.
pub struct Post(SyncSender<Letter>);

impl Post {
    /// Writes to `outbox` in `folder`, which only its owner can read.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let (hand_in, letters) = sync_channel(LETTERS);
        let path = folder.join("outbox");
        thread::Builder::new()
            .name("post".to_owned())
            .spawn(move || deliver(&path, &letters))
            .map_err(|why| Error::internal(format!("no thread for the post: {why}")))?;
        Ok(Self(hand_in))
    }

    /// Hands a letter in.
    pub fn send(&self, letter: Letter) {
        if self.0.try_send(letter).is_err() {
            tracing::warn!("a letter is lost: too many at a time");
        }
    }
}

fn deliver(path: &PathBuf, letters: &Receiver<Letter>) {
    for Letter { to, code, good_for } in letters {
        let minutes = good_for / 60;
        let line = format!("To {to}: your code is {}, for {minutes} minutes\n", code.reveal());
        match write(path, &line) {
            // Never the letter itself: a code in a log is a way in.
            Ok(()) => tracing::info!(outbox = %path.display(), "a letter lies in the outbox"),
            Err(why) => tracing::error!(outbox = %path.display(), %why, "a letter is lost"),
        }
    }
}

fn write(path: &PathBuf, line: &str) -> std::io::Result<()> {
    let mut outbox = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if outbox.metadata()?.len() > OUTBOX {
        outbox.set_len(0)?;
    }
    outbox.write_all(line.as_bytes())
}
