// SPDX-License-Identifier: Apache-2.0
//! What a process and its children used: processor time and memory, from `/proc`.

use std::{collections::HashMap, fs, path::Path};

/// The `/proc/<pid>/stat` figures that count here.
#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    /// Own time, in clock ticks.
    own_ticks: u64,
    /// Own time and that of children already waited for, in clock ticks.
    ticks: u64,
}

/// Processor time in seconds of `pid` and of all its descendants since they started.
///
/// Resolution is one clock tick (10 ms), so measure over a second or more.
pub fn cpu_s(pid: u32) -> f64 {
    let stats = all_stats();
    let ticks: u64 =
        tree(pid, &stats).iter().filter_map(|p| stats.get(p)).map(|stat| stat.ticks).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Processor time in seconds of this process alone.
pub fn cpu_s_alone() -> f64 {
    let ticks = read_stat(std::process::id()).map_or(0, |stat| stat.own_ticks);
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Proportional set size in bytes of `pid` and of all its descendants.
pub fn pss_bytes(pid: u32) -> u64 {
    sum_rollup(pid, "Pss:")
}

/// Resident set size in bytes of `pid` and of all its descendants.
pub fn rss_bytes(pid: u32) -> u64 {
    sum_rollup(pid, "Rss:")
}

/// Lets the largest resident set size of `pid` be counted anew, where the kernel allows that.
pub fn forget_peak_rss(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// The largest resident set size in bytes that `pid` had since its start or [`forget_peak_rss`].
pub fn peak_rss_bytes(pid: u32) -> u64 {
    field_bytes(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Bytes that the files below a folder take on disk (blocks, not lengths).
pub fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    let mut pending = vec![folder.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => pending.push(entry.path()),
                Ok(meta) => total += meta.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    total
}

/// Raises the soft limit of open files to the hard one, for this process and those it starts.
/// Answers the limit that holds afterwards.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn sum_rollup(pid: u32, field: &str) -> u64 {
    let stats = all_stats();
    let path = |pid| format!("/proc/{pid}/smaps_rollup");
    tree(pid, &stats).into_iter().map(|pid| field_bytes(&path(pid), field)).sum()
}

fn field_bytes(path: &str, field: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

fn tree(root: u32, stats: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(stats.iter().filter(|(_, s)| s.parent == parent).map(|(&pid, _)| pid));
        next += 1;
    }
    found
}

fn all_stats() -> HashMap<u32, Stat> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read_stat(pid)?)))
        .collect()
}

fn read_stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let own_ticks = number(11)? + number(12)?;
    let ticks = own_ticks + number(13)? + number(14)?;
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, own_ticks, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a server could look free of cost because nothing was read.
    #[test]
    fn this_process_uses_memory_and_time() {
        let pid = std::process::id();
        assert!(pss_bytes(pid) > 100_000);
        let start = cpu_s(pid);
        let mut sum = 0_u64;
        while cpu_s(pid) - start < 0.03 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_s(pid) > start);
    }
}
