// SPDX-License-Identifier: Apache-2.0
//! The content of the lossy disk: what is, and what would be if the power went now.
//!
//! A file keeps its current bytes and, for every page written since its last flush, the bytes that
//! the disk still holds. A folder keeps its current and its flushed entries. Flushing a file does
//! not flush the folder that names it, as POSIX has it.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::{OsStr, OsString},
};

use crate::random::Random;

/// Bytes that a disk writes as a whole.
pub(super) const SECTOR: usize = 512;

/// Bytes that the kernel writes back as a whole.
pub(super) const PAGE: usize = 4_096;

/// The number of the root folder.
pub(super) const ROOT: u64 = 1;

/// A file or a folder.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) mode: u16,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    File(File),
    Folder(Folder),
}

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) data: Vec<u8>,
    flushed_len: usize,
    /// What the disk holds of each page that changed since the last flush.
    before: HashMap<usize, Vec<u8>>,
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) entries: BTreeMap<OsString, u64>,
    flushed: BTreeMap<OsString, u64>,
}

/// All files.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) nodes: HashMap<u64, Node>,
    last: u64,
    /// The power is gone: nothing reaches the disk any more.
    pub(super) dead: bool,
}

impl File {
    /// Overwrites from `offset`, growing as needed.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.remember(offset.min(self.data.len()), end.max(offset));
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        if let Some(slice) = self.data.get_mut(offset..end) {
            slice.copy_from_slice(bytes);
        }
    }

    /// Cuts or extends with zeros.
    pub(super) fn resize(&mut self, len: usize) {
        self.remember(len.min(self.data.len()), len.max(self.data.len()));
        self.data.resize(len, 0);
    }

    /// Everything now current is on the disk.
    pub(super) fn flush(&mut self) {
        self.before.clear();
        self.flushed_len = self.data.len();
    }

    /// Keeps what the disk holds of the pages of a range that is about to change.
    fn remember(&mut self, from: usize, to: usize) {
        for page in from / PAGE..to.div_ceil(PAGE) {
            let (data, flushed) = (&self.data, self.flushed_len);
            self.before.entry(page).or_insert_with(|| {
                let start = (page * PAGE).min(flushed);
                let end = ((page + 1) * PAGE).min(flushed);
                data.get(start..end).unwrap_or_default().to_vec()
            });
        }
    }

    /// The power was gone: of each page not flushed, the old or, in `survive` of 100 cases, the
    /// new bytes are there, and some of those pages only in part.
    fn lose(&mut self, survive: u64, random: &mut Random) {
        let new = std::mem::take(&mut self.data);
        let keeps_length = survive > 0 && random.chance(50);
        let len = if keeps_length { new.len() } else { self.flushed_len };
        let mut data = new.clone();
        data.resize(len, 0);
        let mut pages: Vec<usize> = self.before.keys().copied().collect();
        pages.sort_unstable();
        for page in pages {
            let old = self.before.remove(&page).unwrap_or_default();
            let torn = random.chance(20);
            let survives = random.chance(survive);
            for (index, sector) in (page * PAGE..(page + 1) * PAGE).step_by(SECTOR).enumerate() {
                if survives && !(torn && random.chance(50)) {
                    continue;
                }
                for (offset, at) in (sector..sector + SECTOR).enumerate() {
                    if let Some(byte) = data.get_mut(at) {
                        *byte = old.get(index * SECTOR + offset).copied().unwrap_or(0);
                    }
                }
            }
        }
        self.data = data;
        self.flush();
    }
}

impl Folder {
    /// The names now current are on the disk.
    pub(super) fn flush(&mut self) {
        self.flushed = self.entries.clone();
    }
}

impl Volume {
    /// An empty root folder.
    pub(super) fn new() -> Self {
        let root = Node { mode: 0o755, content: Content::Folder(Folder::default()) };
        Self { nodes: HashMap::from([(ROOT, root)]), last: ROOT, dead: false }
    }

    /// Adds a file or folder under a name. None where there is no such folder.
    pub(super) fn add(&mut self, parent: u64, name: &OsStr, node: Node) -> Option<u64> {
        let number = self.last + 1;
        self.folder(parent)?.entries.insert(name.to_owned(), number);
        self.nodes.insert(number, node);
        self.last = number;
        Some(number)
    }

    pub(super) fn folder(&mut self, number: u64) -> Option<&mut Folder> {
        match &mut self.nodes.get_mut(&number)?.content {
            Content::Folder(folder) => Some(folder),
            Content::File(_) => None,
        }
    }

    pub(super) fn file(&mut self, number: u64) -> Option<&mut File> {
        match &mut self.nodes.get_mut(&number)?.content {
            Content::File(file) => Some(file),
            Content::Folder(_) => None,
        }
    }

    /// As if everything had been flushed.
    pub(super) fn flush_all(&mut self) {
        for node in self.nodes.values_mut() {
            match &mut node.content {
                Content::File(file) => file.flush(),
                Content::Folder(folder) => folder.flush(),
            }
        }
    }

    /// The machine is back: what was not flushed is lost, whole or in part.
    pub(super) fn restore(&mut self, random: &mut Random) {
        let survive = random.pick(&[0, 0, 50, 90]).copied().unwrap_or(0);
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            match self.nodes.get_mut(&number).map(|node| &mut node.content) {
                Some(Content::File(file)) => file.lose(survive, random),
                Some(Content::Folder(folder)) => {
                    if survive == 0 || random.chance(50) {
                        folder.entries = folder.flushed.clone();
                    }
                    folder.flush();
                }
                None => {}
            }
        }
        self.drop_unnamed();
        self.dead = false;
    }

    /// Removes what no folder names, when nothing has it open any more.
    fn drop_unnamed(&mut self) {
        let mut named = vec![ROOT];
        let mut next = 0;
        while let Some(&number) = named.get(next) {
            if let Some(folder) = self.folder(number) {
                named.extend(folder.entries.values().copied());
            }
            next += 1;
        }
        self.nodes.retain(|number, _| named.contains(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(volume: &mut Volume, name: &str) -> u64 {
        let node = Node { mode: 0o644, content: Content::File(File::default()) };
        volume.add(ROOT, OsStr::new(name), node).unwrap()
    }

    /// Without it the power-loss run would lose nothing and prove nothing.
    #[test]
    fn flushed_bytes_stay_and_others_may_go() {
        for seed in 0..200 {
            let mut volume = Volume::new();
            let number = file(&mut volume, "f");
            volume.folder(ROOT).unwrap().flush();
            let kept = vec![1; 3 * PAGE + 100];
            volume.file(number).unwrap().write(0, &kept);
            volume.file(number).unwrap().flush();
            volume.file(number).unwrap().write(3 * PAGE + 100, &[2; PAGE]);
            volume.restore(&mut Random::new(seed));
            let data = &volume.file(number).unwrap().data;
            assert_eq!(data.get(..kept.len()).unwrap(), kept, "seed {seed}");
            if seed == 0 {
                assert!(data.len() <= kept.len() + PAGE);
            }
        }
    }

    /// Without it a truncation could outlive the power although nobody flushed it.
    #[test]
    fn an_unflushed_truncation_can_be_undone() {
        let mut undone = 0;
        for seed in 0..50 {
            let mut volume = Volume::new();
            let number = file(&mut volume, "f");
            volume.folder(ROOT).unwrap().flush();
            let file = volume.file(number).unwrap();
            file.write(0, &[7; 2 * PAGE]);
            file.flush();
            file.resize(0);
            volume.restore(&mut Random::new(seed));
            let data = &volume.file(number).unwrap().data;
            undone += usize::from(data == &vec![7; 2 * PAGE]);
        }
        assert!(undone > 20, "undone {undone} times");
    }

    /// Without it a file whose folder was never flushed would survive.
    #[test]
    fn an_unflushed_name_can_be_lost() {
        let mut lost = 0;
        for seed in 0..50 {
            let mut volume = Volume::new();
            let number = file(&mut volume, "f");
            volume.file(number).unwrap().write(0, b"data");
            volume.file(number).unwrap().flush();
            volume.restore(&mut Random::new(seed));
            lost += usize::from(volume.file(number).is_none());
        }
        assert!(lost > 10 && lost < 50, "lost {lost} times");
    }
}
