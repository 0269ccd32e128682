// SPDX-License-Identifier: Apache-2.0
//! Receiving a body of any size: hashed and written while it arrives, never whole in memory.
//!
//! Chunks are gathered into batches. While one batch is being written by a blocking thread, the
//! next is read from the socket; a slow sender holds no thread.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use estafette_core::limits::UPLOAD_SILENCE_S;
use estafette_store::media::ContentHash;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{MediaFiles, files::blocking};

/// Bytes that are handed to the disk at once.
const BATCH_BYTES: usize = 1 << 20;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// More bytes than allowed.
    #[error("the upload is too large")]
    TooLarge,
    /// The sender went away.
    #[error("the upload ended early")]
    Interrupted,
    /// The sender was silent for too long.
    #[error("the upload came too slowly")]
    TooSlow,
    /// The disk refused.
    #[error("cannot write the upload: {0}")]
    File(#[from] io::Error),
}

/// A whole body, flushed to a file that is removed unless it is placed.
pub(crate) struct Received {
    /// The hash of its bytes.
    pub(crate) sha256: ContentHash,
    /// How many bytes.
    pub(crate) bytes: u64,
    file: Temporary,
}

impl Received {
    pub(super) fn path(&self) -> &Path {
        &self.file.0
    }
}

/// A file that is removed when nobody moved it away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The file being written and the hash of what is in it.
struct Sink {
    file: File,
    hash: Sha256,
    temporary: Temporary,
}

impl Sink {
    fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { file, hash: Sha256::new(), temporary: Temporary(path) })
    }

    fn write(mut self, batch: &[Bytes]) -> io::Result<Self> {
        for chunk in batch {
            self.file.write_all(chunk)?;
            self.hash.update(chunk);
        }
        Ok(self)
    }

    fn finish(self, bytes: u64) -> io::Result<Received> {
        self.file.sync_all()?;
        Ok(Received { sha256: self.hash.finalize().into(), bytes, file: self.temporary })
    }
}

/// A sink that is here, or away with the thread that writes.
enum Writing {
    /// A write failed.
    Ended,
    Idle(PathBuf),
    Busy(JoinHandle<io::Result<Sink>>),
}

impl Writing {
    /// Hands a batch over once the one before it is written.
    async fn push(&mut self, batch: Vec<Bytes>) -> io::Result<()> {
        let task = match mem::replace(self, Self::Ended) {
            Self::Ended => return Err(io::ErrorKind::BrokenPipe.into()),
            Self::Idle(path) => {
                tokio::task::spawn_blocking(move || Sink::create(path)?.write(&batch))
            }
            Self::Busy(task) => {
                let sink = task.await.map_err(io::Error::other)??;
                tokio::task::spawn_blocking(move || sink.write(&batch))
            }
        };
        *self = Self::Busy(task);
        Ok(())
    }

    /// Waits for what is being written, so that its file is gone afterwards.
    async fn abandon(self) {
        if let Self::Busy(task) = self {
            let _ = task.await;
        }
    }

    async fn finish(self, batch: Vec<Bytes>, bytes: u64) -> io::Result<Received> {
        match self {
            Self::Ended => Err(io::ErrorKind::BrokenPipe.into()),
            Self::Idle(path) => {
                blocking(move || Sink::create(path)?.write(&batch)?.finish(bytes)).await
            }
            Self::Busy(task) => {
                let sink = task.await.map_err(io::Error::other)??;
                blocking(move || sink.write(&batch)?.finish(bytes)).await
            }
        }
    }
}

impl MediaFiles {
    /// Receives `body` into a flushed temporary file; `word` must be new each time. When it fails,
    /// the file is gone.
    pub(crate) async fn receive(
        &self,
        body: Body,
        bytes_max: u64,
        word: &str,
    ) -> Result<Received, ReceiveError> {
        let mut writing = Writing::Idle(self.incoming(word));
        match gather(body, bytes_max, &mut writing).await {
            Ok((batch, bytes)) => Ok(writing.finish(batch, bytes).await?),
            Err(error) => {
                writing.abandon().await;
                Err(error)
            }
        }
    }
}

/// Reads a body to its end. Gives the last batch and the number of bytes; the batches before are
/// with `writing`.
async fn gather(
    mut body: Body,
    bytes_max: u64,
    writing: &mut Writing,
) -> Result<(Vec<Bytes>, u64), ReceiveError> {
    let mut batch = Vec::new();
    let (mut batch_bytes, mut bytes) = (0, 0_u64);
    let silence_max = Duration::from_secs(UPLOAD_SILENCE_S);
    loop {
        let frame = match tokio::time::timeout(silence_max, body.frame()).await {
            Err(_) => return Err(ReceiveError::TooSlow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(ReceiveError::Interrupted),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(chunk) = frame.into_data() else { continue };
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(ReceiveError::TooLarge);
        }
        batch_bytes += chunk.len();
        batch.push(chunk);
        if batch_bytes >= BATCH_BYTES {
            writing.push(mem::take(&mut batch)).await?;
            batch_bytes = 0;
        }
    }
    Ok((batch, bytes))
}
