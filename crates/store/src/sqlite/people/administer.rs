// SPDX-License-Identifier: Apache-2.0
//! What administrators do, each act together with its line of the audit log.

use estafette_core::ids::UserId;
use serde_json::{Value, json};

use super::{audit, lapsing, person, placing};
use crate::{
    StoreError, StoreResult,
    accounts::{AccountFlag, Devices, PasswordHash, ProfileOutcome, TokenHash},
    identity::{GuestInvitation, NewMail, PasswordLink},
    people::{
        AdminAct, AdminOutcome, AuditEntry, CreatePersonOutcome, PersonDetails, PutPersonOutcome,
    },
    sqlite::{
        Tx,
        accounts::{devices, invitations, life, profile},
        device_rows::Indexes,
        identity::{forget_browsers, guests, outbox, password_links},
        third_party_invites, upstream,
    },
};

/// The line of an act among several. An account that is made or brought back and the link by which
/// its password is chosen are one act to whoever does it, with one line.
#[derive(Clone, Copy)]
pub(super) enum Line<'a> {
    /// Of its own.
    Own,
    /// The same, and it tells of the link.
    WithLink(&'a PasswordLink),
    /// None: another one tells of it.
    Told,
}

impl<'a> Line<'a> {
    pub(super) fn of(acts: &'a [AdminAct], index: usize) -> Self {
        match acts {
            [AdminAct::Create(..) | AdminAct::Reactivate(_), AdminAct::LinkPassword(link)] => {
                if index == 0 {
                    Self::WithLink(link)
                } else {
                    Self::Told
                }
            }
            _ => Self::Own,
        }
    }
}

pub(super) fn administer(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    subject: Option<&str>,
    (act, line): (&AdminAct, Line<'_>),
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
        (AdminAct::InviteGuest(invitation, mail), sponsor) => {
            invite(tx, entry.now_ms, sponsor, (invitation, mail.as_ref()))?
        }
        (AdminAct::RevokeGuest(address), _) => {
            if guests::end(tx.conn, address)?.is_some() {
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
                act => on_account(indexes, tx, &user_id, act, entry.now_ms)?,
            }
        }
    };
    if outcome.is_done() && !matches!(line, Line::Told) {
        let (name, details) = describe(act, &outcome, line);
        audit::append(tx, entry, subject, (&name, &details))?;
        if let (AdminAct::SetAddress(placement), Some(user_id)) = (act, subject)
            && placement.guest
            && let Ok(user_id) = UserId::parse(user_id)
        {
            placing::unmake_admin(indexes, tx, entry, &user_id)?;
        }
    }
    Ok(outcome)
}

/// Lets a guest sign up and queues the mail that says so. A sponsor has an account that works.
fn invite(
    tx: &Tx<'_>,
    now_ms: i64,
    sponsor: Option<&str>,
    (invitation, mail): (&GuestInvitation, Option<&NewMail>),
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
    if let Some(mail) = mail {
        outbox::put(tx.conn, mail)?;
    }
    Ok(AdminOutcome::Done)
}

/// Takes the password, ends all sessions, and keeps a link by which a new one is chosen.
fn link_password(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    link: &PasswordLink,
    now_ms: i64,
) -> StoreResult<bool> {
    if life::active_nid(tx.conn, user_id)?.is_none() {
        return Ok(false);
    }
    life::set_password(tx.conn, user_id, None)?;
    devices::delete(indexes, tx, user_id, &Devices::All)?;
    password_links::put(tx.conn, user_id, link, now_ms)?;
    if let Some(mail) = &link.mail {
        outbox::put(tx.conn, mail)?;
    }
    Ok(true)
}

fn made(outcome: CreatePersonOutcome) -> AdminOutcome {
    match outcome {
        CreatePersonOutcome::Created => AdminOutcome::Done,
        CreatePersonOutcome::TokenInvalid => AdminOutcome::NoToken,
        CreatePersonOutcome::NotInvited => AdminOutcome::NoInvitation,
        _ => AdminOutcome::Taken,
    }
}

fn set_password(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    hash: Option<&PasswordHash>,
    sign_out: Option<&Devices>,
) -> StoreResult<bool> {
    let known = life::active_nid(tx.conn, user_id)?.is_some();
    life::set_password(tx.conn, user_id, hash)?;
    if let (true, Some(gone)) = (known, sign_out) {
        devices::delete(indexes, tx, user_id, gone)?;
        forget_browsers(tx.conn, user_id, None)?;
    }
    Ok(known)
}

fn on_account(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    act: &AdminAct,
    now_ms: i64,
) -> StoreResult<AdminOutcome> {
    let known = match act {
        AdminAct::Create(account, details) if account.is_admin && details.guest => {
            return Ok(AdminOutcome::Guest);
        }
        AdminAct::Create(account, details) => {
            return Ok(made(person::create(indexes, tx, account, details)?));
        }
        AdminAct::SetFlag(AccountFlag::Admin, true)
            if person::one(tx.conn, user_id)?.is_some_and(|known| known.details.guest) =>
        {
            return Ok(AdminOutcome::Guest);
        }
        AdminAct::SetFlag(flag, value) => set_flag(indexes, tx, user_id, (*flag, *value))?,
        AdminAct::SetPassword(hash, sign_out) => {
            set_password(indexes, tx, user_id, hash.as_ref(), sign_out.as_ref())?
        }
        AdminAct::Deactivate(erase) => {
            let end = life::End { erase: *erase, by_admin: true, now_ms };
            life::deactivate(indexes, tx, user_id, end)?
        }
        AdminAct::LinkPassword(link) => link_password(indexes, tx, user_id, link, now_ms)?,
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
            return set_profile(tx, user_id, name, value.as_deref());
        }
        AdminAct::SetReminders(on) => person::set_reminders(tx.conn, user_id, *on)?,
        AdminAct::KeepAdmin => life::active_nid(tx.conn, user_id)?.is_some(),
        AdminAct::SetEmail(_)
        | AdminAct::SetAddress(_)
        | AdminAct::SetExpiry(_)
        | AdminAct::SetOrganisation(_) => return on_person(indexes, tx, user_id, act, now_ms),
        AdminAct::Unlink(provider) => {
            let known = upstream::unlink(tx.conn, user_id, provider.as_deref())?;
            return Ok(if known { AdminOutcome::Done } else { AdminOutcome::NoLink });
        }
        AdminAct::Note(..)
        | AdminAct::Lapse(_)
        | AdminAct::InviteGuest(..)
        | AdminAct::RevokeGuest(_)
        | AdminAct::PutRegistrationToken(_)
        | AdminAct::DeleteRegistrationToken(_) => true,
    };
    Ok(if known { AdminOutcome::Done } else { AdminOutcome::NoAccount })
}

/// What is done to what is known of an account's owner.
fn on_person(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    act: &AdminAct,
    now_ms: i64,
) -> StoreResult<AdminOutcome> {
    let outcome = match act {
        AdminAct::SetEmail(email) => {
            change(indexes, tx, user_id, |details| details.email.clone_from(email))?
        }
        AdminAct::SetAddress(placement) => placing::set_address(indexes, tx, user_id, placement)?,
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
        _ => return Err(StoreError::Conflict("an act on a person is on what is known of them")),
    };
    if outcome.is_done() {
        person::note_address(tx.conn, user_id, now_ms)?;
    }
    Ok(outcome)
}

fn set_profile(
    tx: &Tx<'_>,
    user_id: &UserId,
    name: &str,
    value: Option<&str>,
) -> StoreResult<AdminOutcome> {
    Ok(match profile::set(tx.conn, user_id, name, value)? {
        ProfileOutcome::Set { .. } => AdminOutcome::Done,
        ProfileOutcome::TooLarge => AdminOutcome::TooLarge,
        ProfileOutcome::NoAccount => AdminOutcome::NoAccount,
    })
}

/// Switches a flag; whoever is locked is signed out of every browser.
fn set_flag(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    (flag, value): (AccountFlag, bool),
) -> StoreResult<bool> {
    if (flag, value) == (AccountFlag::Locked, true) {
        forget_browsers(tx.conn, user_id, None)?;
    }
    life::set_flag(indexes, tx, user_id, flag, value)
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
fn describe(act: &AdminAct, outcome: &AdminOutcome, line: Line<'_>) -> (String, String) {
    let (name, mut details): (_, Value) = match act {
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
        AdminAct::SetReminders(on) => ("account.set_reminders", json!({ "reminders": on })),
        AdminAct::KeepAdmin => ("account.keep_admin", json!({ "policy": "guest" })),
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
        AdminAct::LinkPassword(link) => ("account.reset_password", told(link)),
        AdminAct::InviteGuest(invitation, mail) => (
            "guest.invite",
            json!({ "domain": domain(&invitation.address), "expires_ms": invitation.expires_ms,
                    "mailed": mail.is_some() }),
        ),
        AdminAct::RevokeGuest(address) => ("guest.revoke", json!({ "domain": domain(address) })),
        AdminAct::Unlink(provider) => ("account.unlink", json!({ "provider": provider })),
        AdminAct::Note(name, details) => return (name.clone(), details.clone()),
    };
    if let (Line::WithLink(link), Some(details)) = (line, details.as_object_mut()) {
        details.insert("password_link".into(), told(link));
    }
    (name.to_owned(), details.to_string())
}

/// All that the log keeps of a link.
fn told(link: &PasswordLink) -> Value {
    json!({ "mailed": link.mail.is_some(), "expires_ms": link.expires_ms })
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
