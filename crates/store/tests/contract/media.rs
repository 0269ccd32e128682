// SPDX-License-Identifier: Apache-2.0
//! Without these a file could vanish while somebody refers to it, or stay after the last reference.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    MediaStore as _,
    fact::NoSink,
    media::{Content, Upload, UploadOutcome},
    sqlite::{SqliteOptions, SqliteStore},
};

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(folder.path().join("db")), Arc::new(NoSink)).unwrap()
}

fn upload(media_id: &str, owner: &str, reserved: bool) -> Upload {
    Upload {
        media_id: media_id.into(),
        owner: UserId::parse(owner).unwrap(),
        now_ms: 1_000,
        reserved,
        account_bytes_max: 0,
    }
}

fn content(byte: u8) -> Content {
    Content {
        sha256: [byte; 32],
        bytes: 10,
        content_type: Some("text/plain".into()),
        filename: None,
    }
}

#[tokio::test]
async fn a_content_lives_as_long_as_somebody_refers_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let finish = async |id: &str, owner: &str| {
        store.finish_upload(upload(id, owner, false), content(7)).await.unwrap()
    };
    assert_eq!(finish("a", "@a:x.fr").await, UploadOutcome::Stored);
    assert_eq!(finish("b", "@b:x.fr").await, UploadOutcome::Stored);
    assert!(store.delete_media("a").await.unwrap());
    assert!(!store.delete_media("a").await.unwrap());
    assert!(store.media("a").await.unwrap().is_none());
    assert_eq!(store.media("b").await.unwrap().unwrap().content, Some(content(7)));
    assert!(store.doomed(10).await.unwrap().is_empty());
    assert!(store.delete_media("b").await.unwrap());
    assert_eq!(store.doomed(10).await.unwrap(), [[7; 32]]);
    assert!(!store.has_content(&[7; 32]).await.unwrap());
    // Uploaded again before its file was removed: it is wanted again.
    finish("c", "@a:x.fr").await;
    assert!(store.doomed(10).await.unwrap().is_empty());
    store.delete_media("c").await.unwrap();
    store.forget_doomed(&[7; 32]).await.unwrap();
    assert!(store.doomed(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reserved_id_takes_one_upload_of_its_owner_before_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert!(store.reserve_media(upload("a", "@a:x.fr", true), 2_000, 2).await.unwrap());
    assert!(store.reserve_media(upload("b", "@a:x.fr", true), 2_000, 2).await.unwrap());
    assert!(!store.reserve_media(upload("c", "@a:x.fr", true), 2_000, 2).await.unwrap());
    assert!(store.media("a").await.unwrap().unwrap().content.is_none());
    let finish = async |upload: Upload| store.finish_upload(upload, content(1)).await.unwrap();
    assert_eq!(finish(upload("x", "@a:x.fr", true)).await, UploadOutcome::Unknown);
    assert_eq!(finish(upload("a", "@b:x.fr", true)).await, UploadOutcome::NotYours);
    let late = Upload { now_ms: 2_000, ..upload("a", "@a:x.fr", true) };
    assert_eq!(finish(late).await, UploadOutcome::Unknown);
    assert_eq!(finish(upload("a", "@a:x.fr", true)).await, UploadOutcome::Stored);
    assert_eq!(finish(upload("a", "@a:x.fr", true)).await, UploadOutcome::Overwrite);
    assert!(
        store.reserve_media(upload("c", "@a:x.fr", true), 2_000, 2).await.unwrap(),
        "a finished upload is pending no longer"
    );
    assert_eq!(store.expire_media(2_000).await.unwrap(), 2);
    assert!(store.media("b").await.unwrap().is_none());
    assert!(store.media("a").await.unwrap().is_some());
}

#[tokio::test]
async fn the_quota_counts_what_the_account_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let small = |id: &str| Upload { account_bytes_max: 25, ..upload(id, "@a:x.fr", false) };
    let finish =
        async |upload: Upload, byte| store.finish_upload(upload, content(byte)).await.unwrap();
    assert_eq!(finish(small("a"), 1).await, UploadOutcome::Stored);
    assert_eq!(finish(small("b"), 2).await, UploadOutcome::Stored);
    let full = UploadOutcome::QuotaExceeded;
    assert_eq!(store.check_upload(small("c"), 10).await.unwrap(), full);
    assert_eq!(finish(small("c"), 3).await, full);
    assert!(store.media("c").await.unwrap().is_none(), "nothing was written");
    store.delete_media("a").await.unwrap();
    assert_eq!(finish(small("c"), 3).await, UploadOutcome::Stored);
    let owner = UserId::parse("@a:x.fr").unwrap();
    assert_eq!(store.media_usage(&owner).await.unwrap(), (2, 20));
    let listed = store.media_of(&owner, 0, 1).await.unwrap();
    assert_eq!(listed[0].1.media_id, "c");
    let older = store.media_of(&owner, listed[0].0, 10).await.unwrap();
    assert_eq!(older.iter().map(|(_, m)| m.media_id.as_str()).collect::<Vec<_>>(), ["b"]);
}
