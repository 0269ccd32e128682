// SPDX-License-Identifier: Apache-2.0
//! Leave that somebody gives on the pages of this server for what a client asks (Client-Server API,
//! "SSO during User-Interactive Authentication"): for accounts whose proof is no password.

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::UIA_DEVICES_NAMED_MAX,
};
use estafette_store::OauthStore as _;

use super::{Stage, UiaSession};
use crate::{ApiResult, Server};

/// What a request does once it is let through, for its user to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Replaces the cross-signing keys.
    ReplaceKeys,
    /// Signs devices out.
    EndDevices {
        /// The first of them.
        named: Vec<DeviceId>,
        /// How many there are.
        count: usize,
    },
    /// Sets a password.
    SetPassword,
    /// Signs in another device.
    SignInDevice,
    /// Ends the account.
    Deactivate {
        /// Whether what it wrote is hidden from those who come later.
        erase: bool,
    },
}

impl Purpose {
    /// Signing out these devices.
    pub fn end_devices(devices: &[DeviceId]) -> Self {
        let named = devices.iter().take(UIA_DEVICES_NAMED_MAX).cloned().collect();
        Self::EndDevices { named, count: devices.len() }
    }
}

/// What a client asks its user's leave for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// From which device.
    pub device_id: Option<DeviceId>,
    /// What for.
    pub purpose: Purpose,
    /// Whether the leave was given.
    pub given: bool,
}

/// What `user_id` is asked in the session of that id. `None` when it is not under way, is somebody
/// else's, or has nothing to do with our pages: whoever asks learns no more.
pub fn ask_leave(server: &Server, session_id: &str, user_id: &UserId) -> Option<Asked> {
    let asked = server.auth.uia.with(session_id, server.now_ms(), |session| {
        let purpose = session.purpose.clone().filter(|_| session.may_be_allowed_by(user_id))?;
        let given = session.completed.contains(&Stage::Sso);
        Some(Asked { device_id: session.device_id.clone(), purpose, given })
    });
    asked.flatten()
}

/// Completes `m.login.sso` in the session of that id, for its own user alone. `false`: as `None` of
/// [`ask_leave`].
pub fn give_leave(server: &Server, session_id: &str, user_id: &UserId) -> bool {
    let given = server.auth.uia.with(session_id, server.now_ms(), |session| {
        let may = session.may_be_allowed_by(user_id);
        if may {
            session.completed.insert(Stage::Sso);
        }
        may
    });
    given.unwrap_or(false)
}

/// Whether a stage that is proven on the account pages was.
pub(super) async fn is_given(
    server: &Server,
    session: &UiaSession,
    stage: Stage,
) -> ApiResult<bool> {
    if stage == Stage::Sso {
        return Ok(session.completed.contains(&stage));
    }
    let (Some(user_id), now_ms) = (&session.user_id, server.now_ms()) else { return Ok(false) };
    let device_id = session.device_id.as_ref();
    Ok(server.store.has_cross_signing_approval(user_id, device_id, now_ms).await?)
}

impl UiaSession {
    /// From which device its request came.
    pub(crate) fn device_id(&self) -> Option<&DeviceId> {
        self.device_id.as_ref()
    }

    fn may_be_allowed_by(&self, user_id: &UserId) -> bool {
        self.user_id.as_ref() == Some(user_id) && self.offered.contains(&Stage::Sso)
    }
}
