// SPDX-License-Identifier: Apache-2.0
//! What administrators are shown, as JSON.

use estafette_store::{
    accounts::{Account, Device, RegistrationToken},
    identity::GuestInvitation,
    people::{AuditLine, Person},
    upstream::UpstreamLink,
};
use serde_json::{Value, json};

/// A state in one word, for lists.
fn state(account: &Account, now_ms: i64) -> &'static str {
    match account {
        Account { erased: true, .. } => "erased",
        Account { deactivated: true, .. } => "deactivated",
        Account { locked: true, .. } => "locked",
        Account { expires_ms: Some(expires), .. } if *expires <= now_ms => "expired",
        Account { suspended: true, .. } => "suspended",
        _ => "active",
    }
}

pub(super) fn listed(account: &Account, name: Option<String>, now_ms: i64) -> Value {
    json!({
        "user_id": account.user_id,
        "name": name,
        "state": state(account, now_ms),
        "admin": account.is_admin,
        "created_ms": account.created_ms,
        "seen_ms": account.seen_ms,
    })
}

pub(super) fn shown(
    account: &Account,
    person: &Person,
    name: Option<String>,
    (devices, now_ms): (usize, i64),
) -> Value {
    json!({
        "user_id": account.user_id,
        "name": name,
        "email": person.details.email,
        "organisation": person.details.organisation_id,
        "organisation_name": person.details.organisation_name,
        "organisation_fixed": person.details.organisation_fixed,
        "state": state(account, now_ms),
        "guest": person.details.guest,
        "invited_by": person.invited_by,
        "red_list": person.red_list,
        "admin": account.is_admin,
        "locked": account.locked,
        "suspended": account.suspended,
        "deactivated": account.deactivated,
        "closed_by_admin": person.closed_by_admin,
        "erased": account.erased,
        "password": account.password_hash.is_some(),
        "appservice": account.appservice_id,
        "devices": devices,
        "created_ms": account.created_ms,
        "seen_ms": account.seen_ms,
        "expires_ms": account.expires_ms,
        "never_expires": person.details.endless,
        "reminders": person.reminders,
    })
}

pub(super) fn link(link: &UpstreamLink) -> Value {
    json!({ "provider": link.provider, "subject": link.subject })
}

pub(super) fn device(device: &Device, client: Option<String>) -> Value {
    json!({
        "device_id": device.device_id,
        "name": device.display_name,
        "client": client,
        "created_ms": device.created_ms,
        "seen_ms": device.seen.as_ref().map(|seen| seen.at_ms),
        "seen_ip": device.seen.as_ref().map(|seen| seen.ip.clone()),
        "user_agent": device.seen.as_ref().and_then(|seen| seen.user_agent.clone()),
    })
}

pub(super) fn registration_token(token: &RegistrationToken, now_ms: i64) -> Value {
    json!({
        "token": token.token,
        "uses_allowed": token.uses_allowed,
        "used": token.used,
        "expires_ms": token.expires_ms,
        "valid": token.is_valid(now_ms),
    })
}

pub(super) fn invitation(invitation: &GuestInvitation) -> Value {
    json!({
        "address": invitation.address,
        "invited_by": invitation.invited_by,
        "expires_ms": invitation.expires_ms,
    })
}

pub(super) fn audit_line(line: &AuditLine) -> Value {
    json!({
        "seq": line.seq,
        "at_ms": line.at_ms,
        "actor": line.actor,
        "act": line.act,
        "subject": line.subject,
        "details": serde_json::from_str::<Value>(&line.details).unwrap_or_default(),
        "reason": line.reason,
        "sha256": hex(&line.sha256),
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
