// SPDX-License-Identifier: Apache-2.0
//! Uploaded files: which media id has which content, and how often a content is referred to.
//!
//! The bytes are files named by their hash, kept by the caller. A content's file must be in place
//! before [`MediaStore::finish_upload`], and may go once [`MediaStore::doomed`] lists it. The
//! caller
//! holds a lock per content around placing and finishing, and around removing.

use async_trait::async_trait;
use estafette_core::ids::UserId;

use crate::StoreResult;

/// A SHA-256 of a content.
pub type ContentHash = [u8; 32];

/// Who uploads, under which id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The media id.
    pub media_id: String,
    /// The account.
    pub owner: UserId,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
    /// Whether the id was reserved before ([`MediaStore::reserve_media`]).
    pub reserved: bool,
    /// All uploads of the account may add up to this many bytes; 0 for no bound.
    pub account_bytes_max: u64,
}

/// What was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The hash of its bytes.
    pub sha256: ContentHash,
    /// How many bytes.
    pub bytes: u64,
    /// The type that the uploader gave.
    pub content_type: Option<String>,
    /// The name that the uploader gave.
    pub filename: Option<String>,
}

/// What became of an upload. Nothing was written unless [`UploadOutcome::Stored`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadOutcome {
    /// It is durable.
    Stored,
    /// The id was never reserved, or its reservation expired.
    Unknown,
    /// Another account reserved the id.
    NotYours,
    /// The id has a content already.
    Overwrite,
    /// The account's uploads would exceed its bound.
    QuotaExceeded,
}

/// A media id of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The media id.
    pub media_id: String,
    /// Who uploaded or reserved it.
    pub owner: UserId,
    /// When, in ms since the epoch.
    pub created_ms: i64,
    /// Until when a reserved id waits for its upload, in ms since the epoch.
    pub expires_ms: Option<i64>,
    /// Its content; `None` until it is uploaded.
    pub content: Option<Content>,
}

/// What the store promises about media.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Reserves `upload.media_id` until `expires_ms` for an upload that follows (MSC2246). `false`,
    /// and nothing written, when the account has `pending_max` reservations waiting already.
    async fn reserve_media(
        &self,
        upload: Upload,
        expires_ms: i64,
        pending_max: u64,
    ) -> StoreResult<bool>;

    /// Gives an id its content. The content's file must be in place.
    async fn finish_upload(&self, upload: Upload, content: Content) -> StoreResult<UploadOutcome>;

    /// What [`Self::finish_upload`] would say now, without writing, for a content of `bytes` bytes.
    async fn check_upload(&self, upload: Upload, bytes: u64) -> StoreResult<UploadOutcome>;

    /// A media id of this server.
    async fn media(&self, media_id: &str) -> StoreResult<Option<Media>>;

    /// Media of an account, newest first, those that are older than row `before` (0: the newest).
    async fn media_of(
        &self,
        owner: &UserId,
        before: i64,
        limit: usize,
    ) -> StoreResult<Vec<(i64, Media)>>;

    /// What an account's uploads add up to: files and bytes.
    async fn media_usage(&self, owner: &UserId) -> StoreResult<(u64, u64)>;

    /// Deletes a media id. When no other id has its content, the content is doomed. `false` when
    /// there is no such id.
    async fn delete_media(&self, media_id: &str) -> StoreResult<bool>;

    /// Deletes reservations that expired before `now_ms`; gives how many.
    async fn expire_media(&self, now_ms: i64) -> StoreResult<u64>;

    /// Contents whose files are to be removed.
    async fn doomed(&self, limit: usize) -> StoreResult<Vec<ContentHash>>;

    /// Whether any id has this content.
    async fn has_content(&self, sha256: &ContentHash) -> StoreResult<bool>;

    /// Forgets a doomed content after its file was removed.
    async fn forget_doomed(&self, sha256: &ContentHash) -> StoreResult<()>;
}
