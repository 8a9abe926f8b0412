//! Why a server stopped by itself.

use std::{fmt, io};

/// Why a server stopped before it was told to.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// A worker's thread could not be started.
    Start(io::Error),
    /// A worker's thread ended by itself.
    WorkerDied,
    /// The upkeep of the verifier ended or panicked: nobody looks after its keys any more.
    Upkeep,
    /// The listener is broken.
    Accept(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "a worker could not be started: {error}"),
            Self::WorkerDied => f.write_str("a worker thread ended; the log says why"),
            Self::Upkeep => f.write_str("the verifier's upkeep ended, its keys would grow stale"),
            Self::Accept(error) => write!(f, "the listener no longer accepts: {error}"),
        }
    }
}

impl std::error::Error for RunError {}
