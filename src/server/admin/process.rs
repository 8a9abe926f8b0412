//! What the system knows about this process. Values that it does not tell are left out.

use crate::metrics::{Reading, Sheet};
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};
use std::fs;

/// Notes memory, processor time and descriptors.
pub(crate) fn figures(sheet: &mut Sheet) {
    if let Some(bytes) = resident() {
        sheet.set(Reading::ResidentMemory, bytes);
    }
    sheet.set(Reading::Cpu, cpu_us());
    if let Some(open) = open_descriptors() {
        sheet.set(Reading::OpenDescriptors, open);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        sheet.set(Reading::MaxDescriptors, most);
    }
}

/// Resident memory in bytes (proc(5), `VmRSS`, in kibibytes).
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Processor time of all threads, in microseconds.
fn cpu_us() -> u64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(spent.tv_sec), u64::try_from(spent.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000 + nanos.unwrap_or(0) / 1_000
}

/// Open descriptors. Newer kernels say it in the size of the folder (proc(5), since 6.2).
fn open_descriptors() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => u64::try_from(fs::read_dir(FOLDER).ok()?.count()).ok(),
        size => Some(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metric, Metrics};
    use std::fs::File;

    #[test]
    fn the_system_knows_us() {
        let mut sheet = Metrics::default().sheet();
        figures(&mut sheet);
        assert!(sheet.total(Metric::ResidentMemory) > 1024 * 1024);
        assert!(sheet.total(Metric::Cpu) > 0);
        let _open: Vec<_> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        figures(&mut sheet);
        let open = sheet.total(Metric::OpenDescriptors);
        assert!(open > 200 && open <= sheet.total(Metric::MaxDescriptors), "{open}");
    }
}
