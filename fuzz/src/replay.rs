// SPDX-License-Identifier: Apache-2.0
//! A corpus as an ordinary test: each file, and each with changes by a fixed chance. Shared by the
//! tests of the crates whose targets they are.

use std::{fs, path::Path};

/// How many changed copies of each file are tried; `ESTAFETTE_COPIES` says otherwise.
const CHANGED_COPIES: usize = 200;

fn changed_copies() -> usize {
    let wanted = std::env::var("ESTAFETTE_COPIES").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(CHANGED_COPIES)
}

/// A fixed sequence of numbers (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).unwrap()
    }

    /// Changes, removes, repeats or inserts a few bytes.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(12)).min(bytes.len());
            match self.below(5) {
                0 if at < end => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.extend_from_within(at..end),
                3 => {
                    let words: [&[u8]; 10] = [
                        b"null",
                        b"-0",
                        b"1e9",
                        b"\"\"",
                        b"{}",
                        b"[]",
                        b"9007199254740992",
                        b"\\ud800",
                        b"\0",
                        b"true",
                    ];
                    let word = words[self.below(words.len())];
                    bytes.splice(at..end, word.iter().copied());
                }
                _ => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        bytes
    }
}

/// Runs a target on every file of its corpus, and on changed copies of each.
pub(crate) fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is there");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        println!("{}", file.display());
        target(&bytes);
        for _ in 0..changed_copies() {
            target(&chance.change(&bytes));
        }
    }
}
