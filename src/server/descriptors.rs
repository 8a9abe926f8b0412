//! The descriptor limit: raised at start, and the cap on connections that follows from it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are kept for everything but connections.
const RESERVED: usize = 64;

/// Raises the soft limit to the hard one and returns how many connections there may be:
/// `wanted`, or (for 0) what the limit allows.
pub(super) fn connections(wanted: usize) -> usize {
    let limit = raise();
    let possible = limit.saturating_sub(RESERVED).max(1);
    let capacity = if wanted == 0 { possible } else { wanted.min(possible) };
    if wanted > possible {
        tracing::warn!(wanted, possible, "the descriptor limit allows fewer connections");
    }
    tracing::info!(descriptors = limit, connections = capacity, "limits");
    capacity
}

fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit { current: maximum, maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the descriptor limit could not be raised");
        }
    }
    // No limit at all is as good as a billion.
    let now = getrlimit(Resource::Nofile).current.unwrap_or(1 << 30);
    usize::try_from(now).unwrap_or(usize::MAX)
}
