// SPDX-License-Identifier: Apache-2.0
//! Who somebody is: browsers that are signed in, codes, addresses, organisations, mail to send.

use async_trait::async_trait;
use estafette_core::{guesses::Wrong, ids::UserId};

use crate::{
    StoreResult,
    accounts::{PasswordHash, TokenHash},
    people::{Person, PersonDetails},
};

/// Somebody who is signed in with a browser, and what became of their account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: BrowserSession,
    /// When the account stops working until it is renewed, in ms since the epoch.
    pub account_expires_ms: Option<i64>,
    /// See [`Account::suspended`](crate::accounts::Account::suspended).
    pub suspended: bool,
}

/// A browser that somebody signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Who.
    pub user_id: UserId,
    /// When, in ms since the epoch.
    pub created_ms: i64,
    /// When they last proved who they are, as far as that is known; else 0.
    pub proven_ms: i64,
    /// When it was last used, to the hour.
    pub seen_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// What it is called, coarsely; empty where that is not known.
    pub name: String,
}

/// That a stranger may sign up, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestInvitation {
    /// The canonical e-mail address.
    pub address: String,
    /// By whom: the sponsor's user id, or `operator (uid 1000)` on the server's own machine.
    pub invited_by: String,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

/// A code to be sent by mail, to be typed into the same browser.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// The browser that asks.
    pub browser: TokenHash,
    /// What it is for. A new code takes the place of the one before for the same purpose.
    pub purpose: &'static str,
    /// Whose mailbox is to be proven.
    pub address: String,
    /// The code, keyed with the browser's cookie.
    pub mac: [u8; 32],
    /// How often one may be wrong when no other code was asked for the address lately; each that
    /// was takes [`EMAIL_CODE_TRIES_LESS`](estafette_core::limits::EMAIL_CODE_TRIES_LESS) away.
    pub tries: u32,
    /// How often one may be wrong however many were asked for.
    pub tries_min: u32,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
    /// The mail that carries it.
    pub mail: NewMail,
    /// Nobody is written to, and nobody can tell: all else is done alike. The mail waits with an
    /// empty recipient, to be thrown away when its turn comes.
    pub to_nobody: bool,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
    /// From where it is asked for.
    pub source: String,
    /// How many codes one address may be sent within `window_ms`.
    pub asked_max: u32,
    /// The same for one source.
    pub asked_by_source_max: u32,
    /// How many codes one address may be sent in a day at the request of one source.
    pub asked_by_source_per_day_max: u32,
    /// See `asked_max`.
    pub window_ms: i64,
    /// What "lately" means for `tries`.
    pub memory_ms: i64,
}

/// What became of a [`NewCode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeOutcome {
    /// It is durable, together with its mail.
    Kept,
    /// Nothing was written: too many were asked for this address.
    TooMany {
        /// When the next one may be asked for, in ms since the epoch.
        again_ms: i64,
    },
}

/// What became of a change of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOutcome {
    /// It is durable.
    Changed,
    /// Nothing was written: the address belongs to somebody else, or to an account that an
    /// administrator closed, or there is no such account.
    Taken,
    /// Nothing was written: the account is a guest's, and nobody has invited the address.
    NotInvited,
}

/// What became of a code that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryOutcome {
    /// It is right. The address is proven until the given time; the code is worth nothing more.
    Proven(String),
    /// It is wrong, and may be tried so many times more.
    Wrong {
        /// How many.
        tries_left: u32,
    },
    /// There is no code to try: none was asked for, it has ended, or it was tried too often.
    Ended,
}

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// To whom: the canonical address.
    pub recipient: String,
    /// What it says, sealed with a key that the store does not know.
    pub sealed: Vec<u8>,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
    /// After which it is of no use and no longer sent.
    pub expires_ms: i64,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailText {
    /// As it was [queued](NewMail::sealed).
    Sealed(Vec<u8>),
    /// In clear, by a program that did not seal yet.
    Clear {
        /// Its subject.
        subject: String,
        /// Its plain text.
        body: String,
    },
}

/// A mail that waits to be accepted by the next server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMail {
    /// Its number.
    pub id: i64,
    /// To whom; empty: to nobody.
    pub recipient: String,
    /// What it says.
    pub text: MailText,
    /// How often it was tried.
    pub tries: u32,
}

/// A link by which somebody chooses a password, once. What it says is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordLink {
    /// What it says.
    pub token: TokenHash,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
    /// The mail that carries it. `None`: whoever made it passes it on.
    pub mail: Option<NewMail>,
}

/// What is known anew of an account that comes back.
#[derive(Debug, Clone)]
pub struct Return {
    /// Whose; the address must be the account's own.
    pub user_id: UserId,
    /// What is known of its owner now, the address included.
    pub details: PersonDetails,
    /// The display name.
    pub displayname: String,
    /// The new password, if there is one.
    pub password_hash: Option<PasswordHash>,
}

/// What a link for renewal stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// Whose account.
    pub user_id: UserId,
    /// Whether it was used.
    pub used: bool,
    /// Until when the account works now.
    pub account_expires_ms: Option<i64>,
}

/// A reminder that an account is about to end.
#[derive(Debug, Clone)]
pub struct Reminder {
    /// Whose account.
    pub user_id: UserId,
    /// When it ends.
    pub expires_ms: i64,
    /// How many days before that this reminds.
    pub days: u32,
    /// Whether it is sent although it was sent before: somebody asks for it.
    pub again: bool,
    /// What its link says.
    pub token: TokenHash,
    /// When the link ends.
    pub token_expires_ms: i64,
    /// The mail.
    pub mail: NewMail,
}

/// What the store promises about identity.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Keeps that whoever holds the cookie is `session.user_id`. What ended before
    /// `session.created_ms` is removed on this occasion.
    async fn start_browser_session(
        &self,
        cookie: TokenHash,
        session: BrowserSession,
    ) -> StoreResult<()>;

    /// Who holds the cookie. `None` when nobody is signed in with it, the session has ended, or the
    /// account is locked or deactivated. A new password, signing out everywhere and deactivation
    /// end it. Whether the account has expired or is suspended is the caller's to look at.
    async fn browser_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<SignedIn>>;

    /// The browsers that somebody is signed in with, the latest first.
    async fn browser_sessions(
        &self,
        user_id: &UserId,
        now_ms: i64,
    ) -> StoreResult<Vec<(TokenHash, BrowserSession)>>;

    /// Notes that a session is in use.
    async fn note_browser_use(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()>;

    /// Notes that whoever is signed in has just proven who they are. A session that has ended stays
    /// so.
    async fn note_browser_proof(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()>;

    /// Ends one session; one that is unknown is no error.
    async fn end_browser_session(&self, cookie: TokenHash) -> StoreResult<()>;

    /// Ends all sessions of somebody but one.
    async fn end_browser_sessions(
        &self,
        user_id: &UserId,
        but: Option<TokenHash>,
    ) -> StoreResult<()>;

    /// How often all browsers of an account were signed out: by another password, everywhere at
    /// once, by a lock, with the account's end. 0 where `subject` is no account's user id.
    async fn browsers_generation(&self, subject: &str) -> StoreResult<i64>;

    /// Keeps a wrong guess at a password for as long as it counts.
    async fn note_wrong_guess(&self, wrong: Wrong) -> StoreResult<()>;

    /// Keeps a code and queues its mail, in one act. `Busy` when too much mail waits, whether or
    /// not anybody is written to.
    async fn put_code(&self, code: NewCode) -> StoreResult<CodeOutcome>;

    /// Whether nobody has begun to try the code before. That is so once for each code.
    async fn begin_first_try(&self, browser: TokenHash, purpose: &'static str)
    -> StoreResult<bool>;

    /// Counts a try and compares, in one act and in constant time.
    async fn try_code(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        mac: [u8; 32],
        now_ms: i64,
        proven_until_ms: i64,
    ) -> StoreResult<TryOutcome>;

    /// The address that a code waits for, and whether it is proven.
    async fn code(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        now_ms: i64,
    ) -> StoreResult<Option<(String, bool)>>;

    /// Uses a proof up: whoever gets the address is the only one who does.
    async fn use_proof(
        &self,
        browser: TokenHash,
        purpose: &'static str,
        now_ms: i64,
    ) -> StoreResult<Option<String>>;

    /// Keeps when somebody accepted the terms of use; the last time counts. Only for an account
    /// that has a person.
    async fn accept_terms(&self, user_id: &UserId, now_ms: i64) -> StoreResult<()>;

    /// When somebody accepted the terms of use, in ms since the epoch.
    async fn terms_accepted(&self, user_id: &UserId) -> StoreResult<Option<i64>>;

    /// Queues a mail. `Busy` when too many wait.
    async fn put_mail(&self, mail: NewMail) -> StoreResult<()>;

    /// Mails whose time has come, oldest first, at most `limit`. Those that have ended are deleted.
    async fn due_mail(&self, now_ms: i64, limit: u64) -> StoreResult<Vec<WaitingMail>>;

    /// The next server has accepted a mail, or refused it for good: nothing of it is kept.
    async fn mail_done(&self, id: i64) -> StoreResult<()>;

    /// A mail was not accepted; it is tried again at `next_try_ms`.
    async fn mail_failed(&self, id: i64, next_try_ms: i64) -> StoreResult<()>;

    /// Lets a stranger sign up until `expires_ms`, once. It takes the place of the invitation
    /// before for the same address.
    async fn invite_guest(
        &self,
        address: &str,
        invited_by: &UserId,
        expires_ms: i64,
    ) -> StoreResult<()>;

    /// Whether an invitation for the address is pending.
    async fn is_invited(&self, address: &str, now_ms: i64) -> StoreResult<bool>;

    /// Pending invitations by address, after the first `from`, at most `limit`, and how many there
    /// are in all.
    async fn guest_invitations(
        &self,
        now_ms: i64,
        from: u64,
        limit: u64,
    ) -> StoreResult<(Vec<GuestInvitation>, u64)>;

    /// Brings a deactivated account back for whoever holds its mailbox, in one act. `false`, and
    /// nothing is written: it is not deactivated, an administrator ended or locked it, the address
    /// is no longer its own, or it is a guest's that no invitation is there for, which is used up.
    /// A suspension stays, and so does an administrator's word about organisation and end.
    async fn bring_back(&self, back: Return) -> StoreResult<bool>;

    /// Whose password a link chooses. `None` when it is unknown, used or has ended, or the account
    /// is locked or deactivated.
    async fn password_link(&self, token: TokenHash, now_ms: i64) -> StoreResult<Option<UserId>>;

    /// Uses a link up: sets the password and ends every session and browser of its owner, in one
    /// act. `None` as for [`password_link`](Self::password_link).
    async fn use_password_link(
        &self,
        token: TokenHash,
        password_hash: PasswordHash,
        now_ms: i64,
    ) -> StoreResult<Option<UserId>>;

    /// Whose account is not locked and ends until `until_ms`, and who was not yet reminded `days`
    /// or fewer days before that end, soonest first, at most `limit`.
    async fn to_remind(
        &self,
        now_ms: i64,
        until_ms: i64,
        days: u32,
        limit: u64,
    ) -> StoreResult<Vec<Person>>;

    /// Sends a reminder, unless one for the same end and as few days, or fewer, was sent. Earlier
    /// links end. Whether it was sent.
    async fn remind(&self, reminder: Reminder) -> StoreResult<bool>;

    /// What a link stands for. `None` when it is unknown or has ended.
    async fn renewal(&self, token: TokenHash, now_ms: i64) -> StoreResult<Option<Renewal>>;

    /// Renews an account by its link, once. The new end takes effect for
    /// [`session`](crate::AccountStore::session) before this returns. `false` when the link is
    /// unknown, used or has ended, or the account is deactivated.
    async fn renew(&self, token: TokenHash, now_ms: i64, expires_ms: i64) -> StoreResult<bool>;

    /// Gives an account another address since now, and ends the links that lie in the mailbox
    /// before. With the change, or not at all, `notice` is queued, and the invitation used up by
    /// which a guest may have the address.
    async fn change_address(
        &self,
        user_id: &UserId,
        address: &str,
        now_ms: i64,
        notice: Option<NewMail>,
    ) -> StoreResult<AddressOutcome>;
}
