// SPDX-License-Identifier: Apache-2.0
//! Files named by the hash of their content.
//!
//! `media/ab/cdef…` holds a content, `media/incoming` what is being received,
//! `media/thumbnails/ab/…` what can be made again. All folders exist from the start, so that
//! flushing one folder makes a new file's name durable.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use estafette_store::media::ContentHash;
use tokio::sync::{Mutex, MutexGuard};

use super::receive::Received;

/// Contents share this many locks.
const LOCKS: usize = 64;

/// The folder of media files.
pub struct MediaFiles {
    root: PathBuf,
    locks: Vec<Mutex<()>>,
}

impl MediaFiles {
    /// Opens or makes the folder. What was being received when the server stopped is removed.
    pub fn open(root: &Path) -> io::Result<Self> {
        let incoming = root.join("incoming");
        // Made last, and so the sign that all the others are there.
        if !incoming.is_dir() {
            for folder in (0..=u8::MAX).map(|byte| format!("{byte:02x}")) {
                fs::create_dir_all(root.join(&folder))?;
                fs::create_dir_all(root.join("thumbnails").join(&folder))?;
            }
            File::open(root)?.sync_all()?;
            fs::create_dir(&incoming)?;
        }
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { root: root.to_owned(), locks: (0..LOCKS).map(|_| Mutex::new(())).collect() })
    }

    /// Where a content is.
    pub(crate) fn path(&self, sha256: &ContentHash) -> PathBuf {
        let (folder, name) = names(sha256);
        self.root.join(folder).join(name)
    }

    /// Where a thumbnail of a content is; `class` is one of our own names.
    pub(super) fn thumbnail_path(&self, sha256: &ContentHash, class: &str) -> PathBuf {
        let (folder, name) = names(sha256);
        self.root.join("thumbnails").join(folder).join(format!("{name}-{class}"))
    }

    /// A new file for something that is being received.
    pub(super) fn incoming(&self, word: &str) -> PathBuf {
        self.root.join("incoming").join(word)
    }

    /// Serialises placing, finishing and removing one content.
    pub(super) async fn lock(&self, sha256: &ContentHash) -> MutexGuard<'_, ()> {
        let [first, ..] = sha256;
        // `LOCKS` locks exist, and the index is below that.
        match self.locks.get(usize::from(*first) % LOCKS) {
            Some(lock) => lock.lock().await,
            None => std::future::pending().await,
        }
    }

    /// Moves what was received to its place and makes that durable. The content's lock is held.
    pub(super) async fn place(&self, received: Received) -> io::Result<()> {
        let target = self.path(&received.sha256);
        blocking(move || {
            if fs::metadata(&target).is_ok_and(|file| file.len() == received.bytes) {
                // The same content is here already, flushed by whoever placed it under this lock.
                return Ok(());
            }
            fs::rename(received.path(), &target)?;
            sync_folder_of(&target)
        })
        .await
    }

    /// Removes a content's file and everything made of it. The content's lock is held.
    pub(super) async fn remove(&self, sha256: &ContentHash) -> io::Result<()> {
        let target = self.path(sha256);
        let thumbnails = self.thumbnail_path(sha256, "");
        blocking(move || {
            match fs::remove_file(&target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            remove_with_prefix(&thumbnails)?;
            sync_folder_of(&target)
        })
        .await
    }
}

/// Writes a file that may be lost but must never be seen half written.
pub(super) fn write_cache_file(temporary: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = (|| {
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(temporary, target)
    })();
    if written.is_err() {
        let _ = fs::remove_file(temporary);
    }
    written
}

fn remove_with_prefix(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(prefix)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(());
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The folder and the file name of a content.
fn names(sha256: &ContentHash) -> (String, String) {
    let hex = hex(sha256);
    let (folder, name) = hex.split_at(2);
    (folder.to_owned(), name.to_owned())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Runs `job` where it may wait for the disk.
pub(super) async fn blocking<T, F>(job: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(job).await.map_err(io::Error::other)?
}
