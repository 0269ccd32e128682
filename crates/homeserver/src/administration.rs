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

/// Does `act` to `subject` (for invitations: nobody). Rooms hear of it behind this call.
///
/// Errors: 503 when too much waits to be told to rooms; what the store says.
pub async fn administer(
    server: &Server,
    entry: AuditEntry,
    subject: Option<&UserId>,
    act: AdminAct,
) -> ApiResult<AdminOutcome> {
    let told = match &act {
        AdminAct::Deactivate(_) | AdminAct::Lapse(_) => Some(AccountChange::Leave),
        AdminAct::SetProfileField(name, _) if matches!(&**name, "displayname" | "avatar_url") => {
            Some(AccountChange::Profile)
        }
        // The name may follow the address.
        AdminAct::SetAddress(_) => Some(AccountChange::Profile),
        _ => None,
    };
    if told.is_some() {
        server.account_changes.check_room()?;
    }
    let ends_proofs = matches!(
        act,
        AdminAct::Deactivate(_)
            | AdminAct::Lapse(_)
            | AdminAct::SetPassword(..)
            | AdminAct::DeleteDevices(_)
            | AdminAct::SetFlag(AccountFlag::Locked, true)
    );
    let erases = matches!(act, AdminAct::Deactivate(_) | AdminAct::Reactivate(_));
    let news = news(server, subject, &act).await?;
    let outcome = server.store.administer(entry, subject.map(UserId::as_str), act).await?;
    if let (Some(user_id), AdminOutcome::Done | AdminOutcome::Deleted(_)) = (subject, &outcome) {
        if erases {
            server.erased.forget();
        }
        if ends_proofs {
            auth::forget_proofs(server, user_id);
        }
        if let Some(change) = told {
            server.account_changes.push(user_id.clone(), change);
        }
        if let Some((mailbox, news)) = news {
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
    for placed in placed.iter().filter(|placed| placed.renamed) {
        server.account_changes.push(placed.user_id.clone(), AccountChange::Profile);
    }
    Ok(placed)
}

/// What [`administer`] does, for whoever asks by the API: the answer is the Matrix error where nothing was done.
pub(crate) async fn administer_as(
    server: &Server,
    requester: &Requester,
    subject: Option<&UserId>,
    act: AdminAct,
) -> ApiResult<()> {
    let actor = requester.user_id.to_string();
    let entry = AuditEntry { actor, reason: None, now_ms: server.now_ms() };
    match administer(server, entry, subject, act).await? {
        AdminOutcome::Done | AdminOutcome::Deleted(_) => Ok(()),
        AdminOutcome::NoAccount => Err(ApiError::not_found("There is no such user.")),
        AdminOutcome::NoToken => Err(ApiError::not_found("There is no such registration token.")),
        AdminOutcome::NoInvitation => Err(ApiError::not_found("There is no such invitation.")),
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
