// SPDX-License-Identifier: Apache-2.0
//! What administrators do, by whatever way they ask: one act, its line in the audit log, and what
//! follows from it in this process.

use estafette_core::ids::UserId;
use estafette_store::{
    PeopleStore as _,
    accounts::AccountFlag,
    people::{AdminAct, AdminOutcome, AuditEntry, Placed, Placement},
};
use http::StatusCode;

use crate::{
    ApiError, ApiResult, Server,
    account_changes::AccountChange,
    auth::{self, Requester},
    people::{self, AccountNews},
};

/// Does `acts` to `subject` (for invitations: nobody), all of them or none. Rooms hear of it behind
/// this call.
///
/// Errors: 503 when too much waits to be told to rooms; what the store says.
pub async fn administer(
    server: &Server,
    entry: AuditEntry,
    subject: Option<&UserId>,
    acts: Vec<AdminAct>,
) -> ApiResult<AdminOutcome> {
    let told: Vec<AccountChange> = acts.iter().filter_map(told).collect();
    if !told.is_empty() {
        server.account_changes.check_room()?;
    }
    let ends_proofs = acts.iter().any(ends_proofs);
    let erases = |act: &AdminAct| matches!(act, AdminAct::Deactivate(_) | AdminAct::Reactivate(_));
    let erases = acts.iter().any(erases);
    let mut all_news = Vec::new();
    for act in &acts {
        all_news.extend(news(server, subject, act).await?);
    }
    let outcome = server.store.administer_all(entry, subject.map(UserId::as_str), acts).await?;
    if let (Some(user_id), true) = (subject, outcome.is_done()) {
        if erases {
            server.erased.forget();
        }
        if ends_proofs {
            auth::forget_proofs(server, user_id);
        }
        for change in told {
            server.account_changes.push(user_id.clone(), change);
        }
        for (mailbox, news) in all_news {
            people::tell(server, Some(&mailbox), news).await;
        }
    }
    Ok(outcome)
}

/// What an act is to its owner, and the mailbox that hears of it.
async fn news(
    server: &Server,
    subject: Option<&UserId>,
    act: &AdminAct,
) -> ApiResult<Option<(String, AccountNews)>> {
    let news = match act {
        AdminAct::SetPassword(..) => AccountNews::PasswordChanged,
        AdminAct::Deactivate(_) | AdminAct::Lapse(_) => AccountNews::Deactivated,
        AdminAct::SetEmail(_) | AdminAct::SetAddress(_) => AccountNews::AddressSet,
        _ => return Ok(None),
    };
    let Some(user_id) = subject else { return Ok(None) };
    let same = match act {
        AdminAct::SetEmail(email) => email.as_ref(),
        AdminAct::SetAddress(placement) => Some(&placement.email),
        _ => None,
    };
    let mailbox = people::mailbox(server, user_id).await?;
    Ok(mailbox.filter(|mailbox| same != Some(mailbox)).map(|mailbox| (mailbox, news)))
}

/// Moves people to where they belong. Rooms hear of new names behind this call.
///
/// Errors: 503 when too much waits to be told to rooms; what the store says.
pub async fn place(
    server: &Server,
    entry: AuditEntry,
    placements: Vec<(UserId, Placement)>,
) -> ApiResult<Vec<Placed>> {
    server.account_changes.check_room()?;
    let placed = server.store.place_people(entry, placements).await?;
    for placed in placed.iter().filter(|placed| placed.shown_anew) {
        server.account_changes.push(placed.user_id.clone(), AccountChange::Profile);
    }
    Ok(placed)
}

/// What an act has to tell rooms.
fn told(act: &AdminAct) -> Option<AccountChange> {
    match act {
        AdminAct::Deactivate(_) | AdminAct::Lapse(_) => Some(AccountChange::Leave),
        AdminAct::SetProfileField(name, _) if matches!(&**name, "displayname" | "avatar_url") => {
            Some(AccountChange::Profile)
        }
        // The name may follow the address.
        AdminAct::SetAddress(_) => Some(AccountChange::Profile),
        _ => None,
    }
}

/// Whether what was given out on the strength of earlier proofs ends with an act.
fn ends_proofs(act: &AdminAct) -> bool {
    matches!(
        act,
        AdminAct::Deactivate(_)
            | AdminAct::Lapse(_)
            | AdminAct::SetPassword(..)
            | AdminAct::LinkPassword(_)
            | AdminAct::DeleteDevices(_)
            | AdminAct::SetFlag(AccountFlag::Locked, true)
    )
}

/// What [`administer`] does, for whoever asks by the API: the answer is the Matrix error where
/// nothing was done.
pub(crate) async fn administer_as(
    server: &Server,
    requester: &Requester,
    subject: Option<&UserId>,
    acts: Vec<AdminAct>,
) -> ApiResult<()> {
    let actor = requester.user_id.to_string();
    let entry = AuditEntry { actor, reason: None, now_ms: server.now_ms() };
    for act in &acts {
        if let (Some(user_id), AdminAct::SetProfileField(field, Some(value))) = (subject, act)
            && field == "displayname"
            && let Ok(name) = serde_json::from_str::<String>(value)
        {
            people::check_label(server, user_id, &name).await?;
        }
    }
    match administer(server, entry, subject, acts).await? {
        AdminOutcome::Done | AdminOutcome::Deleted(_) => Ok(()),
        AdminOutcome::NoAccount => Err(ApiError::not_found("There is no such user.")),
        AdminOutcome::NoToken => Err(ApiError::not_found("There is no such registration token.")),
        AdminOutcome::NoInvitation => Err(ApiError::not_found("There is no such invitation.")),
        AdminOutcome::Guest => Err(ApiError::forbidden("A guest cannot be an administrator.")),
        AdminOutcome::NoLink => Err(ApiError::not_found("No provider knows the user.")),
        AdminOutcome::Taken => {
            let message = "The user id or the address is taken.";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "M_USER_IN_USE", message))
        }
        AdminOutcome::TooLarge => {
            let message = "The profile would be larger than 64 KiB.";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "M_PROFILE_TOO_LARGE", message))
        }
    }
}

#[cfg(test)]
mod tests;
