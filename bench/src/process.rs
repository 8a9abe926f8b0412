//! What the system knows about a process and its children: processor time and memory.

use rustix::{
    process::{Pid, Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use std::{fs, io, time::Duration};

/// The length of a tick in `/proc/PID/stat`: the kernel shows hundredths of a second to all.
const TICK: Duration = Duration::from_millis(10);
/// Processes of one tree that are looked at.
const MAX_TREE: usize = 1000;

/// A process and its descendants, as they are now.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let (Some(&pid), true) = (all.get(at), all.len() < MAX_TREE) {
        for task in tasks(pid) {
            let children = fs::read_to_string(format!("{task}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

fn tasks(pid: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().to_string_lossy().into_owned())
}

/// Processor time of a process and its descendants, to the nanosecond, of the threads that live.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    let of_task = |task: String| {
        let text = fs::read_to_string(format!("{task}/schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tree(pid).into_iter().flat_map(tasks).filter_map(of_task).sum())
}

/// The same in ticks, with the threads that have ended: less exact, but nothing escapes it.
#[must_use]
pub fn cpu_ticks(pid: u32) -> Duration {
    let of_process = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may have blanks; it ends with the last parenthesis. User is field 14.
        let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(11);
        let (user, system) = (fields.next()?, fields.next()?);
        Some(user.parse::<u32>().ok()? + system.parse::<u32>().ok()?)
    };
    TICK * tree(pid).into_iter().filter_map(of_process).sum::<u32>()
}

/// Resident memory of a process and its descendants, in bytes; shared pages count for each.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    let of_process = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    tree(pid).into_iter().filter_map(of_process).sum::<u64>() * 1024
}

/// Processor time of this thread.
#[must_use]
pub fn own_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Keeps this thread, and what it starts from now on, on one core, or frees it (`None`).
///
/// # Errors
/// There is no such core.
pub fn pin(core: Option<usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).max(2);
    (0..cores.min(CpuSet::MAX_CPU))
        .filter(|at| core.is_none_or(|core| core == *at))
        .for_each(|core| set.set(core));
    Ok(sched_setaffinity(None::<Pid>, &set)?)
}

/// Lifts the number of files that may be open to what is allowed, and says it.
///
/// # Errors
/// What the system says.
pub fn lift_files() -> io::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_tell_the_same_time() {
        let own = std::process::id();
        let (before, ticks) = (cpu_time(own), cpu_ticks(own));
        while cpu_ticks(own) < ticks + 8 * TICK {
            std::hint::black_box(tree(own));
        }
        let spent = cpu_time(own).saturating_sub(before);
        assert!(spent > 4 * TICK, "{spent:?} of at least 80 ms");
        assert!(resident_bytes(own) > 1 << 20);
    }
}
