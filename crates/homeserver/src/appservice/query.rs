// SPDX-License-Identifier: Apache-2.0
//! Asking application services whether a user or a room of theirs should exist (Application Service
//! API, "Querying"). They make what should be there before they answer.

use estafette_core::{
    ids::{RoomAlias, UserId},
    limits::APPSERVICE_QUERY_TIMEOUT_S,
};
use http::Method;

use super::{
    Registration,
    request::{encode, send},
};
use crate::Server;

impl Server {
    /// Lets application services make the room that `alias` should name. Whether one said so.
    pub(crate) async fn ask_for_alias(&self, alias: &RoomAlias) -> bool {
        let path = format!("/_matrix/app/v1/rooms/{}", encode(alias.as_str()));
        for appservice in self.appservices.all() {
            if appservice.is_interested_in_alias(alias) && self.says_yes(appservice, &path).await {
                return true;
            }
        }
        false
    }

    /// Lets application services make the user. Whether one said so.
    pub(crate) async fn ask_for_user(&self, user_id: &UserId) -> bool {
        let path = format!("/_matrix/app/v1/users/{}", encode(user_id.as_str()));
        for appservice in self.appservices.all() {
            let claims = appservice.owns_user(user_id) && *user_id != appservice.sender;
            if claims && self.says_yes(appservice, &path).await {
                return true;
            }
        }
        false
    }

    async fn says_yes(&self, appservice: &Registration, path: &str) -> bool {
        let asked = (Method::GET, path);
        let answer = send(self, appservice, asked, String::new(), APPSERVICE_QUERY_TIMEOUT_S).await;
        match answer {
            Ok(answer) => answer.status.is_success(),
            Err(error) => {
                tracing::debug!(id = appservice.id, %error, "an application service was not asked");
                false
            }
        }
    }
}
