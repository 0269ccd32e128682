// SPDX-License-Identifier: Apache-2.0
//! To-device messages: kept for each device until it says that it has them (I4).

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

use crate::{Position, StoreResult};

/// A message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToDeviceMessage {
    /// Whose device.
    pub user_id: UserId,
    /// The device, or `None` for each of the user's devices (`*`).
    pub device_id: Option<DeviceId>,
    /// The event as the device will see it: `type`, `sender`, `content`.
    pub json: Arc<str>,
}

/// Which request sends: what makes a retry act once (I2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToDeviceTxn {
    /// Who sends.
    pub sender: UserId,
    /// The device that sends; none for an application service.
    pub device_id: Option<DeviceId>,
    /// The type in the request's path.
    pub event_type: String,
    /// The client's transaction id.
    pub txn_id: String,
}

/// The queues of to-device messages.
#[async_trait]
pub trait ToDeviceStore {
    /// Queues `messages` in their order, in one transaction with the memory of `txn`.
    ///
    /// If `txn` was carried out before, nothing happens (E1). Devices that do not exist are passed
    /// over. Records `ToDevice` for each device.
    async fn send_to_device(
        &self,
        txn: Option<ToDeviceTxn>,
        messages: Vec<ToDeviceMessage>,
    ) -> StoreResult<()>;

    /// At most `limit` messages that the device was not given up to `td`, oldest first.
    ///
    /// `td` is the position of the last message that an answer to this device contained, 0 before
    /// the first. A `td` that never was such a position skips nothing (E2). Needs no read of the
    /// database when no message waits.
    async fn to_device_after(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        td: Position,
        limit: usize,
    ) -> StoreResult<Vec<(Position, String)>>;

    /// Deletes the messages up to `td`, which the device has shown to have.
    ///
    /// Nothing happens unless `td` is the position of a message that waits for this very device:
    /// a number that was not delivered to it acknowledges nothing (E2). Nothing is written when
    /// there is nothing to delete. The caller need not wait for it.
    async fn acknowledge_to_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        td: Position,
    ) -> StoreResult<()>;

    /// The position of the last message that waits for a device; 0 when none does. From memory.
    fn last_to_device(&self, user_id: &UserId, device_id: &DeviceId) -> Position;
}
