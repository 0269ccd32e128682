// SPDX-License-Identifier: Apache-2.0
//! People who use matrix-sdk, for tests against the server that `ESTAFETTE_TEST_URL` names.
#![recursion_limit = "512"]

pub mod browser;

use std::{collections::HashSet, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use matrix_sdk::{
    Client, Room, SlidingSyncList, SlidingSyncMode,
    config::SyncSettings,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::{
        OwnedEventId, OwnedRoomId, RoomId,
        api::client::{account::register, uiaa},
        events::room::message::{MessageType, OriginalSyncRoomMessageEvent},
    },
    sliding_sync::Version,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Longest wait for anything.
pub const WITHIN: Duration = Duration::from_secs(60);

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

/// Which of the two ways to sync a person uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// `GET /_matrix/client/v3/sync`.
    Classic,
    /// Simplified sliding sync.
    Sliding,
}

/// A decrypted message as the client showed it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub event_id: OwnedEventId,
    /// Its content.
    pub content: MessageType,
}

/// One person's client, syncing in the background until dropped.
pub struct Person {
    /// The client.
    pub client: Client,
    shown: mpsc::UnboundedReceiver<Shown>,
    /// What was shown before a restart: sliding sync starts with the latest messages again.
    before: HashSet<OwnedEventId>,
    sync: JoinHandle<Result<()>>,
}

impl Drop for Person {
    fn drop(&mut self) {
        self.sync.abort();
    }
}

/// The server under test.
pub fn server_url() -> Result<String> {
    std::env::var("ESTAFETTE_TEST_URL")
        .context("ESTAFETTE_TEST_URL names no server; run `cargo xtask clients`")
}

/// A name that no earlier run used.
pub fn new_name(stem: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{stem}{:x}", now.map_or(0, |now| now.as_nanos()))
}

/// A client with its store in `folder`.
pub async fn client(folder: &Path) -> Result<Client> {
    let settings = EncryptionSettings {
        auto_enable_cross_signing: true,
        backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
        auto_enable_backups: false,
    };
    Ok(Client::builder()
        .homeserver_url(server_url()?)
        .sqlite_store(folder, None)
        .with_encryption_settings(settings)
        .build()
        .await?)
}

/// Creates an account without logging in.
pub async fn register(name: &str, folder: &Path) -> Result<()> {
    let mut request = register::v3::Request::new();
    request.username = Some(name.to_owned());
    request.password = Some(PASSWORD.to_owned());
    request.inhibit_login = true;
    request.auth = Some(uiaa::AuthData::Dummy(uiaa::Dummy::new()));
    client(folder).await?.matrix_auth().register(request).await?;
    Ok(())
}

impl Person {
    /// Logs in with the password as a new device.
    pub async fn login(name: &str, folder: &Path, sync: Sync) -> Result<Self> {
        let client = client(folder).await?;
        client
            .matrix_auth()
            .login_username(name, PASSWORD)
            .initial_device_display_name("A test")
            .send()
            .await?;
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        Self::start(client, HashSet::new(), sync).await
    }

    /// Stops the client; something happens; another goes on with its session and its store.
    pub async fn restart<T, Fut>(
        self,
        folder: &Path,
        sync: Sync,
        meanwhile: impl FnOnce() -> Fut,
    ) -> Result<Self>
    where
        Fut: Future<Output = Result<T>>,
    {
        let session = self.client.matrix_auth().session().context("not logged in")?;
        let before = self.before.clone();
        drop(self);
        meanwhile().await?;
        let client = client(folder).await?;
        client.restore_session(session).await?;
        Self::start(client, before, sync).await
    }

    async fn start(client: Client, before: HashSet<OwnedEventId>, sync: Sync) -> Result<Self> {
        let (sender, shown) = mpsc::unbounded_channel();
        let own = client.user_id().context("not logged in")?.to_owned();
        client.add_event_handler(move |event: OriginalSyncRoomMessageEvent| {
            let sender = sender.clone();
            let foreign = event.sender != own;
            async move {
                if foreign {
                    let content = event.content.msgtype;
                    let _ = sender.send(Shown { event_id: event.event_id, content });
                }
            }
        });
        let task = match sync {
            Sync::Classic => tokio::spawn(follow_classic(client.clone())),
            Sync::Sliding => tokio::spawn(follow_sliding(client.clone())),
        };
        Ok(Self { client, shown, before, sync: task })
    }

    /// The next message of somebody else.
    pub async fn next_shown(&mut self) -> Result<Shown> {
        loop {
            match tokio::time::timeout(WITHIN, self.shown.recv()).await {
                Ok(Some(shown)) if !self.before.insert(shown.event_id.clone()) => {}
                Ok(Some(shown)) => return Ok(shown),
                Ok(None) => bail!("the client is gone"),
                Err(_) => {
                    bail!("no message within {WITHIN:?}; sync over: {}", self.sync.is_finished())
                }
            }
        }
    }

    /// Waits for the next message and expects this text.
    pub async fn expect_text(&mut self, text: &str) -> Result<OwnedEventId> {
        let shown = self.next_shown().await?;
        match &shown.content {
            MessageType::Text(content) if content.body == text => Ok(shown.event_id),
            other => bail!("expected {text:?}, was shown {other:?}"),
        }
    }

    /// The room, once the client knows of it.
    pub async fn room(&self, room_id: &RoomId) -> Result<Room> {
        let id: OwnedRoomId = room_id.to_owned();
        eventually("the room is known", || async { Ok(self.client.get_room(&id)) }).await
    }
}

async fn follow_classic(client: Client) -> Result<()> {
    let settings = SyncSettings::default().timeout(Duration::from_secs(5));
    client.sync(settings).await?;
    Ok(())
}

async fn follow_sliding(client: Client) -> Result<()> {
    use matrix_sdk::ruma::events::StateEventType;
    let state = |kind: StateEventType, key: &str| (kind, key.to_owned());
    let list = SlidingSyncList::builder("all")
        .sync_mode(SlidingSyncMode::new_growing(20))
        .timeline_limit(10)
        .required_state(vec![
            state(StateEventType::RoomCreate, ""),
            state(StateEventType::RoomEncryption, ""),
            state(StateEventType::RoomName, ""),
            state(StateEventType::RoomPowerLevels, ""),
            state(StateEventType::RoomMember, "$LAZY"),
            state(StateEventType::RoomMember, "$ME"),
        ]);
    let sliding = client
        .sliding_sync("all")?
        .version(Version::Native)
        .with_all_extensions()
        .add_list(list)
        .poll_timeout(Duration::from_secs(5))
        .build()
        .await?;
    let stream = sliding.sync();
    let mut stream = std::pin::pin!(stream);
    while let Some(update) = stream.next().await {
        update?;
    }
    Ok(())
}

/// Asks until there is an answer, within [`WITHIN`].
pub async fn eventually<T, Fut>(what: &str, mut ask: impl FnMut() -> Fut) -> Result<T>
where
    Fut: Future<Output = Result<Option<T>>>,
{
    let end = tokio::time::Instant::now() + WITHIN;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if tokio::time::Instant::now() > end {
            bail!("not within {WITHIN:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
