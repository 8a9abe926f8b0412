//! A secret that has no way to be printed by accident.

use super::{KEY_FILE_BYTES, Origin, check::Check, raw::read_bounded};
use std::fmt;

/// The bytes of a shared secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes. Keep them out of logs, errors and metrics.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A line of text, the key that it was set by, and where.
pub(super) type Line = (&'static str, Vec<u8>, Origin);

/// Something is wrong, and has been reported.
pub(super) struct Faulty;

impl Check {
    /// A line of text that may be a secret, from the configuration or from a file; one final
    /// newline of the file is not part of it.
    pub(super) fn line(
        &mut self,
        here: &'static str,
        in_file: &'static str,
    ) -> Result<Option<Line>, Faulty> {
        let beside = self.raw.origin(here).cloned();
        if let (Some(at), Some(origin)) = (beside, self.raw.origin(in_file).cloned()) {
            let what = format!("cannot stand beside {here} ({at}): set one of them");
            self.raw.problem(origin, in_file, what);
            return Err(Faulty);
        }
        if let Some((text, origin)) = self.text(here) {
            return Ok(Some((here, text.into_bytes(), origin)));
        }
        let Some((path, origin)) = self.text(in_file) else { return Ok(None) };
        let path = self.raw.resolve(&path, &origin);
        match read_bounded(&path, KEY_FILE_BYTES) {
            Ok(mut bytes) => {
                for end in [b"\n", b"\r"] {
                    let kept = bytes.strip_suffix(end).map_or(bytes.len(), <[u8]>::len);
                    bytes.truncate(kept);
                }
                Ok(Some((in_file, bytes, origin)))
            }
            Err(why) => {
                let what = format!("cannot read {}: {why}", path.display());
                self.raw.problem(origin, in_file, what);
                Err(Faulty)
            }
        }
    }
}
