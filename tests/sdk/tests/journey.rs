// SPDX-License-Identifier: Apache-2.0
//! What two people do with a messenger, through an unmodified matrix-sdk.
#![recursion_limit = "512"]

use anyhow::{Context, Result, bail};
use estafette_sdk_tests::{PASSWORD, Person, Sync, WITHIN, eventually, new_name, register};
use matrix_sdk::{
    Room, RoomState,
    attachment::AttachmentConfig,
    encryption::recovery::RecoveryState,
    media::{MediaFormat, MediaRequestParameters},
    ruma::{
        EventId, RoomId,
        api::client::{room::create_room, uiaa},
        events::{
            InitialStateEvent, room::encryption::RoomEncryptionEventContent,
            room::message::{MessageType, RoomMessageEventContent},
        },
    },
};
use tempfile::TempDir;

struct Two {
    alice: Person,
    bob: Person,
    alice_name: String,
    folders: [TempDir; 2],
}

async fn two_people(sync: Sync) -> Result<Two> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let (alice_name, bob_name) = (new_name("alice"), new_name("bob"));
    let throwaway = tempfile::tempdir()?;
    register(&alice_name, throwaway.path()).await?;
    register(&bob_name, throwaway.path()).await?;
    let alice = Person::login(&alice_name, folders[0].path(), sync).await?;
    let bob = Person::login(&bob_name, folders[1].path(), sync).await?;
    Ok(Two { alice, bob, alice_name, folders })
}

/// Alice creates an encrypted room and invites Bob, who joins.
async fn encrypted_room(alice: &Person, bob: &Person) -> Result<(Room, Room)> {
    let bob_id = bob.client.user_id().context("bob is logged in")?.to_owned();
    let mut request = create_room::v3::Request::new();
    request.invite = vec![bob_id.clone()];
    request.name = Some("Two people".to_owned());
    request.initial_state = vec![
        InitialStateEvent::with_empty_state_key(
            RoomEncryptionEventContent::with_recommended_defaults(),
        )
        .to_raw_any(),
    ];
    let room_id = alice.client.create_room(request).await?.room_id().to_owned();
    let invited = eventually("bob is invited", || async {
        Ok(bob.client.get_room(&room_id).filter(|room| room.state() == RoomState::Invited))
    })
    .await?;
    invited.join().await?;
    let bobs = joined(bob, &room_id).await?;
    let alices = joined(alice, &room_id).await?;
    eventually("alice sees bob in the room", || async {
        let member = alices.get_member(&bob_id).await?;
        let joined = member.is_some_and(|member| {
            *member.membership()
                == matrix_sdk::ruma::events::room::member::MembershipState::Join
        });
        Ok(joined.then_some(()))
    })
    .await?;
    Ok((alices, bobs))
}

async fn joined(person: &Person, room_id: &RoomId) -> Result<Room> {
    eventually("the room is joined and encrypted", || async {
        let room = person.client.get_room(room_id);
        let Some(room) = room.filter(|room| room.state() == RoomState::Joined) else {
            return Ok(None);
        };
        Ok(room.latest_encryption_state().await?.is_encrypted().then_some(room))
    })
    .await
}

async fn say(room: &Room, text: &str) -> Result<matrix_sdk::ruma::OwnedEventId> {
    Ok(room.send(RoomMessageEventContent::text_plain(text)).await?.response.event_id)
}

/// What Alice writes while Bob's client does not run.
const MEANWHILE: &str = "Written while Bob was away";

/// Text both ways, an encrypted file, and a restart of one side on its own store.
async fn converse(sync: Sync) -> Result<()> {
    let Two { mut alice, mut bob, folders, .. } = two_people(sync).await?;
    let (alices, bobs) = encrypted_room(&alice, &bob).await?;
    say(&alices, "Bonjour Bob").await?;
    bob.expect_text("Bonjour Bob").await?;
    say(&bobs, "Bonjour Alice").await?;
    alice.expect_text("Bonjour Alice").await?;

    let file: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let kind = mime::APPLICATION_OCTET_STREAM;
    bobs.send_attachment("plans.bin", &kind, file.clone(), AttachmentConfig::new()).await?;
    let MessageType::File(shown) = alice.next_shown().await?.content else {
        bail!("alice was not shown a file");
    };
    if !matches!(shown.source, matrix_sdk::ruma::events::room::MediaSource::Encrypted(_)) {
        bail!("the file in an encrypted room is not encrypted");
    }
    let request = MediaRequestParameters { source: shown.source, format: MediaFormat::File };
    let received = alice.client.media().get_media_content(&request, false).await?;
    assert!(received == file, "the file changed on its way");

    // Bob's client stops; Alice writes meanwhile; it starts again with the same store.
    drop(bobs);
    let mut bob = bob.restart(folders[1].path(), sync, || say(&alices, MEANWHILE)).await?;
    bob.expect_text(MEANWHILE).await?;
    let bobs = joined(&bob, alices.room_id()).await?;
    say(&bobs, "I am back").await?;
    alice.expect_text("I am back").await?;
    Ok(())
}

/// Without it the clients of today could not talk through `/v3/sync`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_converse_over_classic_sync() -> Result<()> {
    converse(Sync::Classic).await
}

/// Without it Element X could not talk through us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_converse_over_sliding_sync() -> Result<()> {
    converse(Sync::Sliding).await
}

/// Without it a lost phone would mean lost history, and no device could be trusted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_device_recovers_identity_and_history() -> Result<()> {
    let Two { alice, mut bob, alice_name, folders: _folders } =
        two_people(Sync::Classic).await?;
    cross_sign(&alice, &alice_name).await?;
    let key = alice.client.encryption().recovery().enable().await?;
    assert_eq!(alice.client.encryption().recovery().state(), RecoveryState::Enabled);
    let (alices, _bobs) = encrypted_room(&alice, &bob).await?;
    let said = say(&alices, "Kept in the backup").await?;
    bob.expect_text("Kept in the backup").await?;
    alice.client.encryption().backups().wait_for_steady_state().await?;
    let room_id = alices.room_id().to_owned();
    drop((alice, alices));

    let folder = tempfile::tempdir()?;
    let phone = Person::login(&alice_name, folder.path(), Sync::Classic).await?;
    let room = joined(&phone, &room_id).await?;
    phone.client.encryption().recovery().recover(&key).await?;
    let status = phone.client.encryption().cross_signing_status().await;
    let status = status.context("no cross-signing status")?;
    assert!(status.has_master && status.has_self_signing && status.has_user_signing);
    eventually("the new device is verified by its owner", || async {
        let device = phone.client.encryption().get_own_device().await?;
        Ok(device.filter(|device| device.is_cross_signed_by_owner()).map(drop))
    })
    .await?;
    let text = eventually("the old message is readable", || readable(&room, &said)).await?;
    assert_eq!(text, "Kept in the backup");
    // The verification is public: Bob sees it too.
    let user_id = phone.client.user_id().context("logged in")?.to_owned();
    let device_id = phone.client.device_id().context("logged in")?.to_owned();
    eventually("bob sees the new device as signed", || async {
        let device = bob.client.encryption().get_device(&user_id, &device_id).await?;
        Ok(device.filter(|device| device.is_cross_signed_by_owner()).map(drop))
    })
    .await
}

/// Cross-signing is set up at log-in; where it is not, with the password.
async fn cross_sign(person: &Person, name: &str) -> Result<()> {
    let encryption = person.client.encryption();
    if encryption.cross_signing_status().await.is_some_and(|status| status.is_complete()) {
        return Ok(());
    }
    let Err(error) = encryption.bootstrap_cross_signing(None).await else { return Ok(()) };
    let response = error.as_uiaa_response().context("no user-interactive authentication")?;
    let user = uiaa::UserIdentifier::Matrix(uiaa::MatrixUserIdentifier::new(name.to_owned()));
    let mut password = uiaa::Password::new(user, PASSWORD.to_owned());
    password.session = response.session.clone();
    encryption.bootstrap_cross_signing(Some(uiaa::AuthData::Password(password))).await?;
    Ok(())
}

/// The text of an event, once it can be decrypted.
async fn readable(room: &Room, event_id: &EventId) -> Result<Option<String>> {
    let event = tokio::time::timeout(WITHIN, room.event(event_id, None)).await??;
    if event.encryption_info().is_none() {
        return Ok(None);
    }
    let json: serde_json::Value = serde_json::from_str(event.raw().json().get())?;
    Ok(json.pointer("/content/body").and_then(|body| body.as_str()).map(str::to_owned))
}
