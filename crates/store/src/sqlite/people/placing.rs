// SPDX-License-Identifier: Apache-2.0
//! Moving people to where they belong: organisation, guest or not, and the name that the address
//! gives, together.

use estafette_core::ids::UserId;
use serde_json::{Value, json};

use super::{audit, person};
use crate::{
    StoreResult,
    accounts::{AccountFlag, ProfileOutcome},
    people::{
        AdminOutcome, AuditEntry, Person, PersonDetails, Placed, Placement, PutPersonOutcome,
    },
    sqlite::{
        Tx,
        accounts::{life, profile},
        device_rows::Indexes,
    },
};

/// See [`PeopleStore::place_people`](crate::PeopleStore::place_people).
pub(super) fn place_all(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    placements: &[(UserId, Placement)],
) -> StoreResult<Vec<Placed>> {
    let mut placed = Vec::with_capacity(placements.len());
    for (user_id, placement) in placements {
        let known = person::one(tx.conn, user_id)?.filter(|known| !known.deactivated);
        let Some(known) = known else { continue };
        if known.details.email.as_ref() != Some(&placement.email)
            || known.details == details(&known, placement)
        {
            continue;
        }
        let from = known.details.organisation_id.clone();
        if let (PutPersonOutcome::Put, renamed) = place(indexes, tx, &known, placement)? {
            let told = json!({
                "from": from, "organisation": placement.organisation_id,
                "guest": placement.guest, "renamed": renamed,
            });
            let line = ("account.place", &*told.to_string());
            audit::append(tx, entry, Some(user_id.as_str()), line)?;
            if placement.guest {
                unmake_admin(indexes, tx, entry, user_id)?;
            }
            let shown_anew = renamed || known.details.guest != placement.guest;
            placed.push(Placed { user_id: user_id.clone(), shown_anew });
        }
    }
    Ok(placed)
}

/// Nobody who is a guest now administers the server, and whose line says so.
pub(super) fn unmake_admin(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    user_id: &UserId,
) -> StoreResult<()> {
    let account = life::account(tx.conn, user_id)?;
    if account.is_some_and(|account| account.is_admin) {
        life::set_flag(indexes, tx, user_id, AccountFlag::Admin, false)?;
        let line = ("account.unmake_admin", r#"{"guest":true}"#);
        audit::append(tx, entry, Some(user_id.as_str()), line)?;
    }
    Ok(())
}

/// Gives an account an address and what follows from it.
pub(super) fn set_address(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    placement: &Placement,
) -> StoreResult<AdminOutcome> {
    let known = person::one(tx.conn, user_id)?.filter(|known| !known.deactivated);
    let Some(known) = known else { return Ok(AdminOutcome::NoAccount) };
    Ok(match place(indexes, tx, &known, placement)?.0 {
        PutPersonOutcome::Put => AdminOutcome::Done,
        PutPersonOutcome::NoAccount => AdminOutcome::NoAccount,
        PutPersonOutcome::EmailTaken => AdminOutcome::Taken,
    })
}

fn details(known: &Person, placement: &Placement) -> PersonDetails {
    let before = &known.details;
    let first_end = if before.endless { None } else { placement.expires_ms };
    PersonDetails {
        email: Some(placement.email.clone()),
        organisation_id: placement.organisation_id.clone(),
        organisation_name: placement.organisation_name.clone(),
        guest: placement.guest,
        expires_ms: before.expires_ms.or(first_end),
        derived_name: placement.derived_name.clone().or_else(|| before.derived_name.clone()),
        organisation_fixed: placement.organisation_fixed,
        endless: before.endless,
    }
}

/// What became of it, and whether the display name is another one now.
fn place(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    known: &Person,
    placement: &Placement,
) -> StoreResult<(PutPersonOutcome, bool)> {
    let user_id = &known.user_id;
    let outcome = person::put(indexes, tx, user_id, &details(known, placement))?;
    if outcome == PutPersonOutcome::Put && known.details.guest != placement.guest {
        profile::note_to_tell(tx.conn, user_id)?;
    }
    let nid = life::nid(tx.conn, user_id)?;
    let (PutPersonOutcome::Put, Some(nid)) = (outcome, nid) else { return Ok((outcome, false)) };
    let shown = profile::text(tx.conn, nid, "displayname")?;
    let Some(name) = known.renamed(shown.as_deref(), placement) else {
        return Ok((outcome, false));
    };
    let value = Value::from(name).to_string();
    let set = profile::set(tx.conn, user_id, "displayname", Some(&value))?;
    Ok((outcome, matches!(set, ProfileOutcome::Set { changed: true })))
}
