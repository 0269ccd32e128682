// SPDX-License-Identifier: Apache-2.0
//! Uploaded files: kept by content, counted by reference, served with care.
//!
//! A content is one file named by its SHA-256 (`files`), whatever its number of media ids; the
//! store knows which id has which content. No name that anybody gave ever becomes part of a path
//! (T-M1). Order of an upload: bytes and folder flushed, then the row, then 200 (I1).

use std::{io, path::Path, time::Duration};

use estafette_core::{ids::UserId, limits::MEDIA_THUMBNAILERS_MAX};
use estafette_store::{
    MediaStore as _, StoreError,
    media::{Content, ContentHash, Media, Upload, UploadOutcome},
};
use http::HeaderValue;
use tokio::sync::{Notify, Semaphore};

use crate::{Shared, clock::random_word};

pub(crate) mod disposition;
mod files;
mod receive;
mod serve;
pub(crate) mod thumbnail;

pub use files::MediaFiles;
pub use receive::ReceiveError;
pub(crate) use receive::Received;
pub(crate) use serve::{FileBody, open_body};
use thumbnail::{Request as ThumbnailRequest, Thumbnail, ThumbnailError};

/// How often expired reservations and doomed files are looked for.
const SWEEP_INTERVAL_S: u64 = 600;
/// Doomed contents handled at a time.
const SWEEP_BATCH: usize = 256;

/// Everything about media that is not in the store.
pub struct MediaService {
    /// The files.
    pub files: MediaFiles,
    /// Told whenever a reserved id gets its content.
    arrivals: Notify,
    thumbnailers: Semaphore,
}

/// Why an upload was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The body did not arrive whole.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The file could not be put in place.
    #[error("cannot keep the file: {0}")]
    File(#[from] io::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id, the account or the quota does not allow it.
    #[error("the upload is not allowed: {0:?}")]
    Refused(UploadOutcome),
}

impl MediaService {
    /// Opens the folder of files under `data_dir`.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        Ok(Self {
            files: MediaFiles::open(&data_dir.join("media"))?,
            arrivals: Notify::new(),
            thumbnailers: Semaphore::new(MEDIA_THUMBNAILERS_MAX),
        })
    }

    /// Keeps what was received under `upload.media_id`. When it returns `Ok`, the file and the row
    /// are durable.
    pub(crate) async fn keep(
        &self,
        server: &Shared,
        upload: Upload,
        received: Received,
        content_type: Option<String>,
        filename: Option<String>,
    ) -> Result<(), UploadError> {
        let content =
            Content { sha256: received.sha256, bytes: received.bytes, content_type, filename };
        let reserved = upload.reserved;
        // Held until the row stands, so that no removal of the same content comes between.
        let held = self.files.lock(&content.sha256).await;
        self.files.place(received).await?;
        let outcome = server.store.finish_upload(upload, content).await?;
        drop(held);
        if outcome != UploadOutcome::Stored {
            return Err(UploadError::Refused(outcome));
        }
        if reserved {
            self.arrivals.notify_waiters();
        }
        Ok(())
    }

    /// The media of `media_id`. One that waits for its upload is waited for, `wait` at most.
    pub(crate) async fn wait_for(
        &self,
        server: &Shared,
        media_id: &str,
        wait: Duration,
    ) -> Result<Option<Media>, StoreError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            // Registered before looking: an arrival in between is not missed.
            let arrival = self.arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            let media = server.store.media(media_id).await?;
            let waits = media.as_ref().is_some_and(|media| {
                media.content.is_none()
                    && media.expires_ms.is_some_and(|expires| expires > server.now_ms())
            });
            if !waits || tokio::time::timeout_at(deadline, arrival).await.is_err() {
                return Ok(media);
            }
        }
    }

    /// A thumbnail of a content: from the cache, or made now.
    pub(crate) async fn thumbnail(
        &self,
        content: &ContentHash,
        request: ThumbnailRequest,
    ) -> Result<Thumbnail, ThumbnailError> {
        thumbnail::get(&self.files, &self.thumbnailers, content, request).await
    }

    /// Deletes a media id, and its file when nothing else has that content. `false` when there is
    /// no such id.
    pub async fn delete(&self, server: &Shared, media_id: &str) -> Result<bool, UploadError> {
        let deleted = server.store.delete_media(media_id).await?;
        if deleted {
            self.remove_doomed(server).await?;
        }
        Ok(deleted)
    }

    /// Removes the files of contents that nobody refers to any more.
    async fn remove_doomed(&self, server: &Shared) -> Result<(), UploadError> {
        loop {
            let doomed = server.store.doomed(SWEEP_BATCH).await?;
            for sha256 in &doomed {
                let held = self.files.lock(sha256).await;
                // Somebody may have uploaded the same content since the list was made.
                if !server.store.has_content(sha256).await? {
                    self.files.remove(sha256).await?;
                    server.store.forget_doomed(sha256).await?;
                }
                drop(held);
            }
            if doomed.len() < SWEEP_BATCH {
                return Ok(());
            }
        }
    }

    /// Forgets expired reservations and removes doomed files.
    pub(crate) async fn sweep(&self, server: &Shared) -> Result<(), UploadError> {
        server.store.expire_media(server.now_ms()).await?;
        self.remove_doomed(server).await
    }
}

/// The version of a content, or of what is made of it, for caches.
pub(crate) fn etag(content: &ContentHash, variant: &str) -> HeaderValue {
    let tag = format!("\"{}{variant}\"", files::hex(content));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A media id that nobody can guess.
pub(crate) fn new_media_id(server: &Shared) -> String {
    random_word(&*server.random, 18)
}

/// An upload of `owner` under `media_id`, now.
pub(crate) fn upload_of(
    server: &Shared,
    owner: &UserId,
    media_id: String,
    reserved: bool,
) -> Upload {
    Upload {
        media_id,
        owner: owner.clone(),
        now_ms: server.now_ms(),
        reserved,
        account_bytes_max: server.config.media.account_bytes_max,
    }
}

/// Sweeps from time to time, for as long as the server lives.
pub(crate) async fn run_sweeper(server: std::sync::Weak<crate::Server>) {
    let mut interval = tokio::time::interval(Duration::from_secs(SWEEP_INTERVAL_S));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(server) = server.upgrade() else { return };
        if let Err(error) = server.media.sweep(&server).await {
            tracing::warn!(%error, "sweeping media failed; it is tried again later");
        }
    }
}
