// SPDX-License-Identifier: Apache-2.0
//! What administrators do, each act together with its line of the audit log.

use estafette_core::ids::UserId;
use serde_json::{Value, json};

use super::{audit, lapsing, person, placing};
use crate::{
    StoreError, StoreResult,
    accounts::{AccountFlag, Devices, ProfileOutcome, TokenHash},
    identity::GuestInvitation,
    people::{
        AdminAct, AdminOutcome, AuditEntry, CreatePersonOutcome, PersonDetails, PutPersonOutcome,
    },
    sqlite::{
        Tx,
        accounts::{devices, invitations, life, profile},
        device_rows::Indexes,
        identity::{forget_browsers, guests},
        third_party_invites,
    },
};

pub(super) fn administer(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    subject: Option<&str>,
    act: &AdminAct,
) -> StoreResult<AdminOutcome> {
    let outcome = match (act, subject) {
        (AdminAct::Note(..), _) => AdminOutcome::Done,
        (AdminAct::PutRegistrationToken(token), _) => {
            invitations::put(tx.conn, token)?;
            AdminOutcome::Done
        }
        (AdminAct::DeleteRegistrationToken(token), _) => {
            if invitations::delete(tx.conn, token)? {
                AdminOutcome::Done
            } else {
                AdminOutcome::NoToken
            }
        }
        (AdminAct::InviteGuest(invitation), sponsor) => {
            invite(tx, entry.now_ms, sponsor, invitation)?
        }
        (AdminAct::RevokeGuest(address), _) => {
            if guests::end(tx.conn, address)? {
                third_party_invites::end_all_of(tx.conn, address)?;
                AdminOutcome::Done
            } else {
                AdminOutcome::NoInvitation
            }
        }
        (_, None) => return Err(StoreError::Conflict("an act on an account needs the account")),
        (act, Some(user_id)) => {
            let user_id = UserId::parse(user_id)
                .map_err(|_| StoreError::Conflict("an act on an account needs a user id"))?;
            match act {
                AdminAct::Lapse(expired_by_ms) => {
                    let times = (*expired_by_ms, entry.now_ms);
                    if lapsing::lapse(indexes, tx, &user_id, times)? {
                        AdminOutcome::Done
                    } else {
                        AdminOutcome::NoAccount
                    }
                }
                act => on_account(indexes, tx, &user_id, act)?,
            }
        }
    };
    if let AdminOutcome::Done | AdminOutcome::Deleted(_) = outcome {
        let (name, details) = describe(act, &outcome);
        audit::append(tx, entry, subject, (&name, &details))?;
    }
    Ok(outcome)
}

/// Lets a guest sign up. A sponsor must have an account that works.
fn invite(
    tx: &Tx<'_>,
    now_ms: i64,
    sponsor: Option<&str>,
    invitation: &GuestInvitation,
) -> StoreResult<AdminOutcome> {
    if let Some(sponsor) = sponsor {
        let user_id = UserId::parse(sponsor)
            .map_err(|_| StoreError::Conflict("a sponsor is named by a user id"))?;
        if life::active_nid(tx.conn, &user_id)?.is_none() {
            return Ok(AdminOutcome::NoAccount);
        }
    }
    guests::sweep(tx.conn, now_ms)?;
    guests::invite(tx.conn, invitation)?;
    Ok(AdminOutcome::Done)
}

fn on_account(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    act: &AdminAct,
) -> StoreResult<AdminOutcome> {
    let known = match act {
        AdminAct::Create(account, details) => {
            return Ok(match person::create(indexes, tx, account, details)? {
                CreatePersonOutcome::Created => AdminOutcome::Done,
                CreatePersonOutcome::Taken | CreatePersonOutcome::EmailTaken => AdminOutcome::Taken,
                CreatePersonOutcome::TokenInvalid => AdminOutcome::NoToken,
                CreatePersonOutcome::NotInvited => AdminOutcome::NoInvitation,
            });
        }
        AdminAct::SetFlag(flag, value) => {
            if (*flag, *value) == (AccountFlag::Locked, true) {
                forget_browsers(tx.conn, user_id, None)?;
            }
            life::set_flag(indexes, tx, user_id, *flag, *value)?
        }
        AdminAct::SetPassword(hash, sign_out) => {
            let known = life::active_nid(tx.conn, user_id)?.is_some();
            life::set_password(tx.conn, user_id, hash.as_ref())?;
            if let (true, Some(gone)) = (known, sign_out) {
                devices::delete(indexes, tx, user_id, gone)?;
                forget_browsers(tx.conn, user_id, None)?;
            }
            known
        }
        AdminAct::Deactivate(erase) => life::deactivate(indexes, tx, user_id, *erase)?,
        AdminAct::Reactivate(hash) => life::reactivate(tx, user_id, hash.as_ref())?,
        AdminAct::DeleteDevices(gone) => {
            if life::nid(tx.conn, user_id)?.is_none() {
                return Ok(AdminOutcome::NoAccount);
            }
            if *gone == Devices::All {
                forget_browsers(tx.conn, user_id, None)?;
            }
            return devices::delete(indexes, tx, user_id, gone).map(AdminOutcome::Deleted);
        }
        AdminAct::SetProfileField(name, value) => {
            return Ok(match profile::set(tx.conn, user_id, name, value.as_deref())? {
                ProfileOutcome::Set { .. } => AdminOutcome::Done,
                ProfileOutcome::TooLarge => AdminOutcome::TooLarge,
                ProfileOutcome::NoAccount => AdminOutcome::NoAccount,
            });
        }
        AdminAct::SetEmail(email) => {
            return change(indexes, tx, user_id, |details| details.email.clone_from(email));
        }
        AdminAct::SetAddress(placement) => {
            return placing::set_address(indexes, tx, user_id, placement);
        }
        AdminAct::SetExpiry(until) => {
            return change(indexes, tx, user_id, |details| {
                (details.expires_ms, details.endless) = (*until, until.is_none());
            });
        }
        AdminAct::SetOrganisation(organisation) => {
            let (id, name) = organisation.clone().unzip();
            return change(indexes, tx, user_id, |details| {
                (details.organisation_id, details.organisation_name) = (id, name);
            });
        }
        AdminAct::Note(..)
        | AdminAct::Lapse(_)
        | AdminAct::InviteGuest(_)
        | AdminAct::RevokeGuest(_)
        | AdminAct::PutRegistrationToken(_)
        | AdminAct::DeleteRegistrationToken(_) => true,
    };
    Ok(if known { AdminOutcome::Done } else { AdminOutcome::NoAccount })
}

/// Changes a part of what is known of an account's owner.
fn change(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    edit: impl FnOnce(&mut PersonDetails),
) -> StoreResult<AdminOutcome> {
    let known = person::one(tx.conn, user_id)?.filter(|known| !known.deactivated);
    let Some(mut known) = known else { return Ok(AdminOutcome::NoAccount) };
    edit(&mut known.details);
    Ok(match person::put(indexes, tx, user_id, &known.details)? {
        PutPersonOutcome::Put => AdminOutcome::Done,
        PutPersonOutcome::NoAccount => AdminOutcome::NoAccount,
        PutPersonOutcome::EmailTaken => AdminOutcome::Taken,
    })
}

/// The name of an act and what the log keeps of it: no secret, no address.
fn describe(act: &AdminAct, outcome: &AdminOutcome) -> (String, String) {
    let (name, details): (_, Value) = match act {
        AdminAct::Create(account, details) => (
            "account.create",
            json!({ "admin": account.is_admin, "guest": details.guest,
                    "organisation": details.organisation_id }),
        ),
        AdminAct::SetFlag(flag, value) => (flag_act(*flag, *value), json!({})),
        AdminAct::SetPassword(hash, sign_out) => (
            "account.set_password",
            json!({ "password": hash.is_some(), "signed_out": sign_out.is_some() }),
        ),
        AdminAct::Deactivate(true) => ("account.erase", json!({})),
        AdminAct::Deactivate(false) => ("account.deactivate", json!({})),
        AdminAct::Lapse(_) => ("account.lapse", json!({})),
        AdminAct::Reactivate(_) => ("account.reactivate", json!({})),
        AdminAct::DeleteDevices(_) => {
            let gone = match outcome {
                AdminOutcome::Deleted(gone) => gone.as_slice(),
                _ => &[],
            };
            ("device.delete", json!({ "devices": gone }))
        }
        AdminAct::SetProfileField(field, value) => {
            ("account.set_profile", json!({ "field": field, "removed": value.is_none() }))
        }
        AdminAct::SetEmail(email) => {
            ("account.set_email", json!({ "domain": email.as_deref().map(domain) }))
        }
        AdminAct::SetAddress(placement) => (
            "account.set_email",
            json!({ "domain": domain(&placement.email), "guest": placement.guest,
                    "organisation": placement.organisation_id,
                    "organisation_fixed": placement.organisation_fixed }),
        ),
        AdminAct::SetExpiry(until) => ("account.set_expiry", json!({ "until_ms": until })),
        AdminAct::SetOrganisation(organisation) => {
            let id = organisation.as_ref().map(|(id, _)| id);
            ("account.set_organisation", json!({ "organisation": id }))
        }
        AdminAct::PutRegistrationToken(token) => (
            "registration_token.put",
            json!({ "token": fingerprint(&token.token), "uses_allowed": token.uses_allowed,
                    "expires_ms": token.expires_ms }),
        ),
        AdminAct::DeleteRegistrationToken(token) => {
            ("registration_token.delete", json!({ "token": fingerprint(token) }))
        }
        AdminAct::InviteGuest(invitation) => (
            "guest.invite",
            json!({ "domain": domain(&invitation.address), "expires_ms": invitation.expires_ms }),
        ),
        AdminAct::RevokeGuest(address) => ("guest.revoke", json!({ "domain": domain(address) })),
        AdminAct::Note(name, details) => return (name.clone(), details.clone()),
    };
    (name.to_owned(), details.to_string())
}

/// All that the log keeps of an address.
fn domain(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default()
}

fn flag_act(flag: AccountFlag, value: bool) -> &'static str {
    match (flag, value) {
        (AccountFlag::Admin, true) => "account.make_admin",
        (AccountFlag::Admin, false) => "account.unmake_admin",
        (AccountFlag::Locked, true) => "account.lock",
        (AccountFlag::Locked, false) => "account.unlock",
        (AccountFlag::Suspended, true) => "account.suspend",
        (AccountFlag::Suspended, false) => "account.unsuspend",
    }
}

/// Tells invitations apart without letting anybody use them.
fn fingerprint(token: &str) -> String {
    let TokenHash(sha256) = TokenHash::of(token);
    sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
