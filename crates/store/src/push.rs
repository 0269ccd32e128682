// SPDX-License-Identifier: Apache-2.0
//! Pushers, what has been pushed, and how far application services have been told.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, EventId, RoomId, UserId};

use crate::{Position, StoreResult};

/// Where a user's notifications go (Client-Server API, `POST /pushers/set`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pusher {
    /// Whose notifications.
    pub user_id: UserId,
    /// Which application.
    pub app_id: String,
    /// The address within the application.
    pub pushkey: String,
    /// How: `http`.
    pub kind: String,
    /// The application's name for people.
    pub app_display_name: String,
    /// The device's name for people.
    pub device_display_name: String,
    /// A set of device-specific rules.
    pub profile_tag: Option<String>,
    /// The preferred language.
    pub lang: String,
    /// Further data as JSON text: `url`, `format` and what the client added.
    pub data: String,
    /// Whether notifications are sent (MSC3881).
    pub enabled: bool,
    /// The device that made it. It goes with the device (E10).
    pub device_id: Option<DeviceId>,
    /// When it was last set, in ms since the epoch.
    pub set_ms: i64,
}

/// A notification that waits for its gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The pusher ([`PushStore::pushers`] gives its number).
    pub pusher_nid: i64,
    /// The event's position.
    pub pos: Position,
    /// The event's room.
    pub room_id: RoomId,
    /// The event.
    pub event_id: EventId,
    /// How to present it, as JSON text.
    pub tweaks: String,
    /// When it was decided, in ms since the epoch.
    pub ts_ms: i64,
}

/// How far pushing has come, written in one act.
#[derive(Debug, Clone, Default)]
pub struct PushProgress {
    /// Every event up to here was looked at for every pusher.
    pub pos: Position,
    /// Notifications up to `pos` that were not accepted yet.
    pub waiting: Vec<Outgoing>,
    /// Notifications that wait no longer: (pusher, position).
    pub done: Vec<(i64, Position)>,
}

/// How far an application service has been told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppserviceProgress {
    /// It has accepted everything up to here.
    pub pos: Position,
    /// The id of the last transaction made.
    pub txn_id: u64,
    /// The transaction that it has not accepted yet: its body and the position it reaches.
    pub pending: Option<(String, Position)>,
}

/// What the store promises about pushing.
#[async_trait]
pub trait PushStore: Send + Sync {
    /// Sets a pusher, replacing the user's one of the same `app_id` and `pushkey`. Unless `append`,
    /// removes those of other users with the same two. `false`, and nothing written, when the user
    /// has `max` pushers already.
    async fn set_pusher(&self, pusher: Pusher, append: bool, max: u64) -> StoreResult<bool>;

    /// Removes a user's pusher; whether there was one.
    async fn remove_pusher(
        &self,
        user_id: &UserId,
        app_id: &str,
        pushkey: &str,
    ) -> StoreResult<bool>;

    /// Removes a pusher that its gateway rejected, with what waits for it.
    async fn remove_rejected(&self, pusher_nid: i64) -> StoreResult<()>;

    /// The pushers of one user, or of everybody, oldest first, with their numbers.
    async fn pushers(&self, user_id: Option<&UserId>) -> StoreResult<Vec<(i64, Pusher)>>;

    /// How far pushing has come, and what waits.
    async fn push_progress(&self) -> StoreResult<(Position, Vec<Outgoing>)>;

    /// Records how far pushing has come. Positions only move forward.
    async fn save_push_progress(&self, progress: PushProgress) -> StoreResult<()>;

    /// How far an application service has been told; one that is new starts at `start`.
    async fn appservice_progress(
        &self,
        appservice_id: &str,
        start: Position,
    ) -> StoreResult<AppserviceProgress>;

    /// Records how far an application service has been told.
    async fn save_appservice_progress(
        &self,
        appservice_id: &str,
        progress: AppserviceProgress,
    ) -> StoreResult<()>;
}
