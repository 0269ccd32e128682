// SPDX-License-Identifier: Apache-2.0
//! Identity on the embedded engine.

mod browsers;
mod codes;
pub(super) mod guesses;
pub(super) mod guests;
pub(super) mod outbox;
pub(super) mod password_links;
pub(super) mod validity;

use async_trait::async_trait;
use estafette_core::{guesses::Wrong, ids::UserId};

pub(super) use self::browsers::forget_browsers;
use super::{
    SqliteStore, Tx,
    accounts::{life, profile},
    device_rows::Indexes,
    people::person,
};
use crate::{
    StoreError, StoreResult,
    accounts::{PasswordHash, ProfileOutcome, TokenHash},
    identity::{
        AddressOutcome, BrowserSession, CodeOutcome, GuestInvitation, IdentityStore, NewCode,
        NewMail, Reminder, Renewal, Return, SignedIn, TryOutcome, WaitingMail,
    },
    people::{Person, PersonDetails, PutPersonOutcome},
};

#[async_trait]
impl IdentityStore for SqliteStore {
    async fn start_browser_session(
        &self,
        cookie: TokenHash,
        session: BrowserSession,
    ) -> StoreResult<()> {
        self.write(move |tx| browsers::start(tx.conn, &cookie, &session)).await
    }

    async fn browser_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<SignedIn>> {
        self.read(move |conn| browsers::find(conn, &cookie, now_ms)).await
    }

    async fn browser_sessions(
        &self,
        user_id: &UserId,
        now_ms: i64,
    ) -> StoreResult<Vec<(TokenHash, BrowserSession)>> {
        let user_id = user_id.clone();
        self.read(move |conn| browsers::of_user(conn, &user_id, now_ms)).await
    }

    async fn note_browser_use(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()> {
        self.write(move |tx| browsers::note_use(tx.conn, &cookie, now_ms)).await
    }

    async fn note_browser_proof(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()> {
        self.write(move |tx| browsers::note_proof(tx.conn, &cookie, now_ms)).await
    }

    async fn end_browser_session(&self, cookie: TokenHash) -> StoreResult<()> {
        self.write(move |tx| browsers::end(tx.conn, &cookie)).await
    }

    async fn end_browser_sessions(
        &self,
        user_id: &UserId,
        but: Option<TokenHash>,
    ) -> StoreResult<()> {
        let user_id = user_id.clone();
        self.write(move |tx| forget_browsers(tx.conn, &user_id, but.as_ref())).await
    }

    async fn browsers_generation(&self, subject: &str) -> StoreResult<i64> {
        let subject = subject.to_owned();
        self.read(move |conn| browsers::generation(conn, &subject)).await
    }

    async fn note_wrong_guess(&self, wrong: Wrong) -> StoreResult<()> {
        self.write(move |tx| guesses::note(tx.conn, &wrong)).await
    }

    async fn put_code(&self, code: NewCode) -> StoreResult<CodeOutcome> {
        self.write(move |tx| codes::put(tx.conn, &code)).await
    }

    async fn begin_first_try(
        &self,
        browser: TokenHash,
        purpose: &'static str,
    ) -> StoreResult<bool> {
        self.write(move |tx| codes::begin_first_try(tx.conn, (&browser, purpose))).await
    }

    async fn try_code(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        mac: [u8; 32],
        now_ms: i64,
        proven_until_ms: i64,
    ) -> StoreResult<TryOutcome> {
        self.write(move |tx| {
            let key = (&browser, purpose);
            codes::try_code(tx.conn, key, &mac, now_ms, proven_until_ms)
        })
        .await
    }

    async fn code(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        now_ms: i64,
    ) -> StoreResult<Option<(String, bool)>> {
        self.read(move |conn| codes::find(conn, (&browser, purpose), now_ms)).await
    }

    async fn use_proof(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        now_ms: i64,
    ) -> StoreResult<Option<String>> {
        self.write(move |tx| codes::use_proof(tx.conn, (&browser, purpose), now_ms)).await
    }

    async fn accept_terms(&self, user_id: &UserId, now_ms: i64) -> StoreResult<()> {
        let user_id = user_id.clone();
        self.write(move |tx| person::accept_terms(tx.conn, &user_id, now_ms)).await
    }

    async fn terms_accepted(&self, user_id: &UserId) -> StoreResult<Option<i64>> {
        let user_id = user_id.clone();
        self.read(move |conn| person::terms_accepted(conn, &user_id)).await
    }

    async fn put_mail(&self, mail: NewMail) -> StoreResult<()> {
        self.write(move |tx| outbox::put(tx.conn, &mail).map(drop)).await
    }

    async fn due_mail(&self, now_ms: i64, limit: u64) -> StoreResult<Vec<WaitingMail>> {
        self.write(move |tx| outbox::due(tx.conn, now_ms, limit)).await
    }

    async fn mail_done(&self, id: i64) -> StoreResult<()> {
        self.write(move |tx| outbox::done(tx.conn, id)).await
    }

    async fn mail_failed(&self, id: i64, next_try_ms: i64) -> StoreResult<()> {
        self.write(move |tx| outbox::failed(tx.conn, id, next_try_ms)).await
    }

    async fn invite_guest(
        &self,
        address: &str,
        invited_by: &UserId,
        expires_ms: i64,
    ) -> StoreResult<()> {
        let (address, invited_by) = (address.to_owned(), invited_by.to_string());
        let invitation = GuestInvitation { address, invited_by, expires_ms };
        self.write(move |tx| guests::invite(tx.conn, &invitation)).await
    }

    async fn is_invited(&self, address: &str, now_ms: i64) -> StoreResult<bool> {
        let address = address.to_owned();
        self.read(move |conn| guests::is_invited(conn, &address, now_ms)).await
    }

    async fn guest_invitations(
        &self,
        now_ms: i64,
        from: u64,
        limit: u64,
    ) -> StoreResult<(Vec<GuestInvitation>, u64)> {
        self.read(move |conn| guests::pending(conn, now_ms, from, limit)).await
    }

    async fn bring_back(&self, back: Return) -> StoreResult<bool> {
        let indexes = self.indexes();
        self.write(move |tx| bring_back(&indexes, tx, &back)).await
    }

    async fn password_link(&self, token: TokenHash, now_ms: i64) -> StoreResult<Option<UserId>> {
        self.read(move |conn| password_links::owner(conn, &token, now_ms)).await
    }

    async fn use_password_link(
        &self,
        token: TokenHash,
        password_hash: PasswordHash,
        now_ms: i64,
    ) -> StoreResult<Option<UserId>> {
        let indexes = self.indexes();
        self.write(move |tx| password_links::use_up(&indexes, tx, &token, &password_hash, now_ms))
            .await
    }

    async fn to_remind(
        &self,
        now_ms: i64,
        until_ms: i64,
        days: u32,
        limit: u64,
    ) -> StoreResult<Vec<Person>> {
        self.read(move |conn| person::to_remind(conn, (now_ms, until_ms), days, limit)).await
    }

    async fn remind(&self, reminder: Reminder) -> StoreResult<bool> {
        self.write(move |tx| validity::remind(tx.conn, &reminder)).await
    }

    async fn renewal(&self, token: TokenHash, now_ms: i64) -> StoreResult<Option<Renewal>> {
        self.read(move |conn| validity::renewal(conn, &token, now_ms)).await
    }

    async fn renew(&self, token: TokenHash, now_ms: i64, expires_ms: i64) -> StoreResult<bool> {
        let indexes = self.indexes();
        self.write(move |tx| validity::renew(&indexes, tx, &token, now_ms, expires_ms)).await
    }

    async fn change_address(
        &self,
        user_id: &UserId,
        address: &str,
        now_ms: i64,
        notice: Option<NewMail>,
    ) -> StoreResult<AddressOutcome> {
        let (indexes, user_id, address) = (self.indexes(), user_id.clone(), address.to_owned());
        self.write(move |tx| {
            change_address(&indexes, tx, (&user_id, &address), now_ms, notice.as_ref())
        })
        .await
    }
}

fn change_address(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    (user_id, address): (&UserId, &str),
    now_ms: i64,
    notice: Option<&NewMail>,
) -> StoreResult<AddressOutcome> {
    let Some(person) = person::one(tx.conn, user_id)? else { return Ok(AddressOutcome::Taken) };
    if person::is_closed(tx.conn, address)? {
        return Ok(AddressOutcome::Taken);
    }
    let is_new = person.details.email.as_deref() != Some(address);
    let needs_invitation = person.details.guest && is_new;
    if needs_invitation && !guests::is_invited(tx.conn, address, now_ms)? {
        return Ok(AddressOutcome::NotInvited);
    }
    let details = PersonDetails { email: Some(address.to_owned()), ..person.details };
    if person::put(indexes, tx, user_id, &details)? != PutPersonOutcome::Put {
        return Ok(AddressOutcome::Taken);
    }
    if needs_invitation {
        person::use_invitation(tx.conn, user_id, address)?;
    }
    person::note_address(tx.conn, user_id, now_ms)?;
    if let Some(notice) = notice {
        outbox::put(tx.conn, notice)?;
    }
    Ok(AddressOutcome::Changed)
}

fn bring_back(indexes: &Indexes, tx: &mut Tx<'_>, back: &Return) -> StoreResult<bool> {
    let person = person::one(tx.conn, &back.user_id)?.filter(Person::may_come_back);
    let Some(person) = person.filter(|person| person.details.email == back.details.email) else {
        return Ok(false);
    };
    let details = kept(person.details, back.details.clone());
    if let (true, Some(email)) = (details.guest, &details.email)
        && guests::end(tx.conn, email)?.is_none()
    {
        return Ok(false);
    }
    if !life::reactivate(tx, &back.user_id, back.password_hash.as_ref())? {
        return Ok(false);
    }
    let conflict = || StoreError::Conflict("an account that comes back cannot be written");
    if person::put(indexes, tx, &back.user_id, &details)? != PutPersonOutcome::Put {
        return Err(conflict());
    }
    let name = serde_json::Value::from(&*back.displayname).to_string();
    match profile::set(tx.conn, &back.user_id, "displayname", Some(&name))? {
        ProfileOutcome::Set { .. } => Ok(true),
        ProfileOutcome::TooLarge | ProfileOutcome::NoAccount => Err(conflict()),
    }
}

/// What is known anew, save for what an administrator said.
fn kept(known: PersonDetails, mut new: PersonDetails) -> PersonDetails {
    if known.organisation_fixed {
        new.organisation_id = known.organisation_id;
        new.organisation_name = known.organisation_name;
        new.guest = known.guest;
        new.organisation_fixed = true;
    }
    if known.endless {
        new.expires_ms = None;
        new.endless = true;
    }
    new
}
