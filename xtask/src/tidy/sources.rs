// SPDX-License-Identifier: Apache-2.0
//! The text files of the repository that are ours.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::shell;

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[
    "target",
    "node_modules",
    ".git",
    "dist",
    "data",
    "corpus",
    "corpus-found",
    "vectors",
    "__pycache__",
    "test-results",
];

/// Kinds of files that are read.
const KINDS: &[&str] =
    &["rs", "py", "mjs", "js", "ts", "tsx", "md", "toml", "yml", "yaml", "sh", "sql", "css"];

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root, with slashes.
    pub(super) path: String,
    /// What comes after the last dot.
    pub(super) kind: String,
    pub(super) text: String,
}

impl Source {
    /// Whether it is Rust.
    pub(super) fn is_rust(&self) -> bool {
        self.kind == "rs"
    }

    /// Whether it holds tests and nothing else.
    pub(super) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.split('/').any(|part| part == "tests")
            || name == "tests.rs"
            || name == "contract.rs"
            || name.contains(".test.")
            || name.contains(".spec.")
    }

    /// The name of the module that the file is.
    pub(super) fn module(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    /// Numbered lines, from one.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Numbered lines before the tests that stand at the end of the file.
    pub(super) fn lines_without_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self
            .lines()
            .zip(self.text.lines().skip(1))
            .find(|((_, line), next)| *line == "#[cfg(test)]" && next.starts_with("mod "))
            .map_or(usize::MAX, |((number, _), _)| number);
        self.lines().take_while(move |(number, _)| *number < end)
    }
}

/// All files of the kinds that the rules speak of.
pub(super) fn read_all() -> Result<Vec<Source>> {
    let root = shell::root();
    let mut found = Vec::new();
    read_folder(&root, &root, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn read_folder(root: &Path, folder: &Path, found: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if SKIPPED.contains(&name) {
            continue;
        }
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if path.is_dir() {
            read_folder(root, &path, found)?;
        } else if KINDS.contains(&kind) {
            let relative = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{relative} is not UTF-8 text"))?;
            found.push(Source { path: relative, kind: kind.to_owned(), text });
        }
    }
    Ok(())
}
