// SPDX-License-Identifier: Apache-2.0
//! Whether secrets stand where they must not: in logs, even the most talkative, and in the data
//! (F-22).

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use memchr::memmem;
use serde_json::json;

use super::Verdict;

/// Files that are larger are not what a few people make.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Searches files and folders for all secrets. Fails the run where one is found.
pub(super) fn look(secrets: &[String], places: &[&Path]) -> Result<Verdict> {
    let mut files = Vec::new();
    for place in places {
        list(place, &mut files)?;
    }
    let mut found = Vec::new();
    let mut bytes = 0_u64;
    for file in &files {
        let content = fs::read(file)?;
        bytes += content.len() as u64;
        for secret in secrets {
            if memmem::find(&content, secret.as_bytes()).is_some() {
                found.push(format!("{} holds {secret:.12}…", file.display()));
            }
        }
    }
    ensure!(!secrets.is_empty() && bytes > 0, "nothing was looked for, or nowhere");
    let line = json!({
        "check": "secrets in logs and data", "secrets": secrets.len(), "files": files.len(),
        "bytes": bytes, "found": found.len(),
    });
    let wrong = (!found.is_empty()).then(|| found.join("\n"));
    Ok(Verdict { line, wrong })
}

fn list(place: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    if place.is_file() {
        ensure!(fs::metadata(place)?.len() <= FILE_BYTES_MAX, "{} is too large", place.display());
        files.push(place.to_owned());
        return Ok(());
    }
    if !place.is_dir() {
        // A socket.
        return Ok(());
    }
    for entry in fs::read_dir(place)? {
        list(&entry?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise nothing is found because nothing is looked at.
    #[test]
    fn a_secret_deep_in_a_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/log"), "nothing").unwrap();
        fs::write(folder.path().join("a/b/db"), b"\0\xff esa_secret \0").unwrap();
        let look = |secret: &str| look(&[secret.to_owned()], &[folder.path()]).unwrap();
        assert!(look("esa_secret").wrong.is_some_and(|found| found.contains("a/b/db")));
        assert!(look("esa_other").wrong.is_none());
        assert!(super::look(&[], &[folder.path()]).is_err());
    }
}
