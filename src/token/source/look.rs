//! One look at a source: a file is read, or an address is asked, within one deadline.

use super::{SourceSettings, fault::SourceFault, location::Location};
use crate::{
    fetch::{self, Address, Answer, Limits, Trust},
    token::ring::SET_BYTES,
};
use bytes::Bytes;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, timeout_at},
};

/// What a look brought.
pub(super) struct Brought {
    /// The text of a set.
    pub(super) text: Bytes,
    /// How long it is fresh, in milliseconds, if the source says so.
    pub(super) fresh_ms: Option<u64>,
}

/// Looks at one source, one look at a time.
#[derive(Debug, Default)]
pub(super) struct Looker {
    text: Disk<io::Result<Bytes>>,
    trust: Disk<Result<Trust, fetch::TrustFault>>,
}

impl Looker {
    pub(super) async fn look(&mut self, at: &SourceSettings) -> Result<Brought, SourceFault> {
        let deadline = Instant::now() + Duration::from_millis(at.bounds.fetch_ms);
        let (set, said) = match &at.location {
            Location::File(path) => {
                let path = path.clone();
                let text = self.text.ask(deadline, move || read(&path)).await?;
                let text = text.map_err(|why| SourceFault::File(why.to_string().into()))?;
                return Ok(Brought { text, fresh_ms: None });
            }
            Location::Set(address) => (address.clone(), None),
            Location::Discovery(discovery) => {
                let description = self.get(discovery.document(), at, deadline).await?;
                let fresh = description.caching.fresh_s();
                (discovery.read(&description.body)?, fresh)
            }
        };
        let answer = self.get(&set, at, deadline).await?;
        // Description and set are fetched together: the shorter life is that of both.
        let fresh_s = [said, answer.caching.fresh_s()].into_iter().flatten().min();
        let fresh_ms = fresh_s.map(|seconds| seconds.saturating_mul(1_000));
        Ok(Brought { text: answer.body, fresh_ms })
    }

    async fn get(
        &mut self,
        address: &Address,
        at: &SourceSettings,
        deadline: Instant,
    ) -> Result<Answer, SourceFault> {
        let trust = if address.is_encrypted() {
            let ca_file = at.ca_file.clone();
            // Read each time, so that authorities can change while the server runs.
            let trust = self.trust.ask(deadline, move || Trust::load(ca_file.as_deref())).await?;
            trust.map_err(SourceFault::Trust)?
        } else {
            Trust::nobody().map_err(SourceFault::Trust)?
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        Ok(fetch::get(address, &trust, Limits { deadline_ms, body_bytes: SET_BYTES }).await?)
    }
}

/// Reads a file of up to [`SET_BYTES`], and a byte more, so that a longer one is seen to be.
fn read(path: &Path) -> io::Result<Bytes> {
    // A pipe or a terminal would block for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(SET_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(text.into())
}

/// A question to a disk that may not answer. One is asked at a time: where the answer is late, the
/// next to ask waits for it, so that threads do not pile up behind a disk that hangs.
#[derive(Debug)]
struct Disk<T> {
    late: Option<JoinHandle<T>>,
}

impl<T> Default for Disk<T> {
    fn default() -> Self {
        Self { late: None }
    }
}

impl<T: Send + 'static> Disk<T> {
    async fn ask(
        &mut self,
        deadline: Instant,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SourceFault> {
        let handle = self.late.get_or_insert_with(|| spawn_blocking(question));
        let answer = timeout_at(deadline, handle).await.map_err(|_| SourceFault::Late)?;
        self.late = None;
        // It does not panic, and is cancelled only with the whole runtime.
        answer.map_err(|_| SourceFault::Late)
    }
}
