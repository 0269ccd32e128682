// SPDX-License-Identifier: Apache-2.0
//! People: who an account's owner is, how long the account works, who may search whom, and what
//! administrators did.

use async_trait::async_trait;
use estafette_core::{
    ids::{DeviceId, UserId},
    name_label::relabelled,
};

use crate::{
    StoreResult,
    accounts::{AccountFlag, Devices, NewAccount, PasswordHash, RegistrationToken},
    identity::{GuestInvitation, NewMail, PasswordLink},
};

/// The global account data by which people hide themselves:
/// `{"hide_profile": true}`. `false` alone shows them again. The name is the one that Tchap's
/// clients use.
pub const RED_LIST: &str = "im.vector.hide_profile";

/// What identity knows of an account's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonDetails {
    /// The canonical e-mail address. The store compares addresses byte by byte.
    pub email: Option<String>,
    /// The organisation's id in the policy.
    pub organisation_id: Option<String>,
    /// The organisation's name, by whose words its people are found.
    pub organisation_name: Option<String>,
    /// Whether this is a guest: found by nobody, finds nobody.
    pub guest: bool,
    /// When the account stops working until it is renewed, in ms since the epoch.
    pub expires_ms: Option<i64>,
    /// The display name that the address gave last. A profile with another one was corrected.
    pub derived_name: Option<String>,
    /// Whether an administrator said which organisation it is, whatever the policy says.
    pub organisation_fixed: bool,
    /// Whether an administrator said that the account never ends.
    pub endless: bool,
}

/// Where somebody belongs, by the policy or by an administrator's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// The canonical address that decides.
    pub email: String,
    /// See [`PersonDetails::organisation_id`].
    pub organisation_id: Option<String>,
    /// See [`PersonDetails::organisation_name`].
    pub organisation_name: Option<String>,
    /// See [`PersonDetails::guest`].
    pub guest: bool,
    /// See [`PersonDetails::organisation_fixed`].
    pub organisation_fixed: bool,
    /// The display name that the address gives. It takes the place of the one that was given
    /// before, of none, and of the localpart; a name that was corrected gets its label alone.
    /// `None`: the address gives no name.
    pub derived_name: Option<String>,
    /// When an account ends that has no end yet, unless it is never to end.
    pub expires_ms: Option<i64>,
}

/// Somebody whom [`PeopleStore::place_people`] moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Who.
    pub user_id: UserId,
    /// Whether rooms have something to be told: another display name, or that somebody is a guest
    /// or no longer one.
    pub shown_anew: bool,
}

/// A person and the state of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub user_id: UserId,
    /// What is known.
    pub details: PersonDetails,
    /// Whether the person is found by the exact e-mail address alone.
    pub red_list: bool,
    /// Whether the person is reminded before the account ends.
    pub reminders: bool,
    /// See [`Account::is_admin`](crate::accounts::Account::is_admin).
    pub admin: bool,
    /// See [`Account::locked`](crate::accounts::Account::locked).
    pub locked: bool,
    /// See [`Account::suspended`](crate::accounts::Account::suspended).
    pub suspended: bool,
    /// See [`Account::deactivated`](crate::accounts::Account::deactivated).
    pub deactivated: bool,
    /// Whether an administrator ended the account, who alone brings it back.
    pub closed_by_admin: bool,
    /// When the account ended, in ms since the epoch. `None`: it has not, or longer ago than that
    /// is written down.
    pub deactivated_ms: Option<i64>,
    /// Who invited a guest: a user id, or `operator (uid 1000)`.
    pub invited_by: Option<String>,
    /// Since when the account has its address, in ms since the epoch: since it was made, where
    /// nothing else is known.
    pub email_since_ms: i64,
}

impl Person {
    /// Whether whoever holds the mailbox may bring the account back.
    pub fn may_come_back(&self) -> bool {
        self.deactivated && !self.closed_by_admin && !self.locked
    }
}

impl Person {
    /// The name that somebody has by a placement, who is called `shown`: the one that the address
    /// gives, or the corrected one with the label of where they belong now. `None`: the same as
    /// before.
    pub fn renamed(&self, shown: Option<&str>, placement: &Placement) -> Option<String> {
        let given = placement.derived_name.as_deref();
        let name = match (given, shown) {
            (Some(given), shown) if self.follows(shown) => Some(given.to_owned()),
            (Some(given), Some(shown)) => relabelled(shown, given),
            // A guest has no organisation's label, whatever else is not known.
            (None, Some(shown)) if placement.guest && !self.details.guest => relabelled(shown, ""),
            _ => None,
        };
        name.filter(|name| shown != Some(name))
    }

    /// Whether the name that the profile shows is nobody's choice, so that it follows the address:
    /// the one that the address gave, none, or, where no address gave any yet, the localpart.
    pub fn follows(&self, shown: Option<&str>) -> bool {
        match (shown, &self.details.derived_name) {
            (None, _) => true,
            (Some(shown), Some(given)) => shown == given,
            (Some(shown), None) => shown == self.user_id.localpart(),
        }
    }
}

/// What became of an account made together with its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatePersonOutcome {
    /// Both are durable.
    Created,
    /// Nothing was written: the user id is or was somebody's.
    Taken,
    /// Nothing was written: the address belongs to an account that is not deactivated.
    EmailTaken,
    /// Nothing was written: the invitation is unknown, used up or too old.
    TokenInvalid,
    /// Nothing was written: no invitation of a guest is pending for the address.
    NotInvited,
    /// Nothing was written: an administrator ended or locked the account of the address.
    Closed,
}

/// What became of a change of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutPersonOutcome {
    /// It is durable.
    Put,
    /// Nothing was written: there is no such account.
    NoAccount,
    /// Nothing was written: the address belongs to another account that is not deactivated.
    EmailTaken,
}

/// Who does something as an administrator, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who: a user id, or `operator (uid 1000)` on the server's own machine.
    pub actor: String,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// When, in ms since the epoch.
    pub now_ms: i64,
}

/// Something that an administrator does. What is written to the audit log is made from it.
#[derive(Debug, Clone)]
pub enum AdminAct {
    /// Makes an account; the entry's whom is its user id.
    Create(Box<NewAccount>, Box<PersonDetails>),
    /// Switches a flag.
    SetFlag(AccountFlag, bool),
    /// Sets or removes the password and ends sessions.
    SetPassword(Option<PasswordHash>, Option<Devices>),
    /// Ends an account; `true` erases it.
    Deactivate(bool),
    /// Ends an account that expired at the given time (ms since the epoch) or before, and frees its
    /// address. Not where it was renewed meanwhile, is locked, or has ended.
    Lapse(i64),
    /// Brings a deactivated account back, unless it was erased.
    Reactivate(Option<PasswordHash>),
    /// Deletes devices with their sessions.
    DeleteDevices(Devices),
    /// Sets a profile field to a JSON text, or removes it.
    SetProfileField(String, Option<String>),
    /// Sets or removes the e-mail address, and nothing else.
    SetEmail(Option<String>),
    /// Gives an account an address and all that follows from it.
    SetAddress(Box<Placement>),
    /// Says until when the account works; `None`: for ever.
    SetExpiry(Option<i64>),
    /// Says whether the account's owner is reminded before its end.
    SetReminders(bool),
    /// Leaves an administrator whom the policy makes a guest what they are, because nobody else
    /// would administer the server. Changes nothing.
    KeepAdmin,
    /// Moves somebody to another organisation (id and name), or out of all.
    SetOrganisation(Option<(String, String)>),
    /// Adds an invitation or replaces its bounds.
    PutRegistrationToken(RegistrationToken),
    /// Removes an invitation.
    DeleteRegistrationToken(String),
    /// Takes the password, ends all sessions, and lets whoever has the link choose a new password.
    LinkPassword(PasswordLink),
    /// Lets a guest sign up with an address, once, and tells them; the entry's whom is the sponsor,
    /// if there is one.
    InviteGuest(GuestInvitation, Option<NewMail>),
    /// Takes the invitation of an address back.
    RevokeGuest(String),
    /// Forgets who somebody is at another provider, or at all of them, and signs out the browsers
    /// that its word signed in.
    Unlink(Option<String>),
    /// Something that changes nothing in the store, with its name and details as JSON.
    Note(String, String),
}

/// What became of an [`AdminAct`]. Only what was done has its line in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminOutcome {
    /// It is durable, together with its line.
    Done,
    /// The same, and these devices are gone.
    Deleted(Vec<DeviceId>),
    /// Nothing was written: there is no such account, or not in a state for this.
    NoAccount,
    /// Nothing was written: the user id, or the address, is somebody else's.
    Taken,
    /// Nothing was written: there is no such invitation, or it is used up.
    NoToken,
    /// Nothing was written: no invitation of a guest waits for the address.
    NoInvitation,
    /// Nothing was written: no guest is an administrator.
    Guest,
    /// Nothing was written: the provider does not know them.
    NoLink,
    /// Nothing was written: the profile would be too large.
    TooLarge,
}

impl AdminOutcome {
    /// Whether something is durable.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::Deleted(_))
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number: 1, 2, 3, …
    pub seq: u64,
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What, such as `account.lock`.
    pub act: String,
    /// Whom or what.
    pub subject: Option<String>,
    /// Details as a JSON object. Never a secret, never an e-mail address.
    pub details: String,
    /// Why.
    pub reason: Option<String>,
    /// SHA-256 over the line before it and all of the above.
    pub sha256: [u8; 32],
}

/// Which lines of the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditPage {
    /// Lines before this number; `None`: from the newest.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: u64,
    /// Only what concerns this user.
    pub subject: Option<String>,
}

/// What a walk along the audit log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the last line. Kept elsewhere, it proves later that nothing before it changed.
    pub head: [u8; 32],
    /// The first line that is not as it was written, and what is wrong. `None`: all is well.
    pub broken: Option<(u64, String)>,
}

/// How many searches an account may still make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectoryBudget {
    /// How many, at `filled_ms`.
    pub tokens: f64,
    /// When that was, in ms since the epoch.
    pub filled_ms: i64,
}

/// What the store promises about people.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Makes an account and its person in one act. An address of an account that its owner ended
    /// moves here. A guest needs a pending invitation for the address. Whoever gets the address
    /// uses the invitation up, and keeps by whom it was.
    async fn create_person(
        &self,
        account: NewAccount,
        details: PersonDetails,
    ) -> StoreResult<CreatePersonOutcome>;

    /// Replaces what is known of an account's owner. The red list stays the person's own choice.
    /// A new `expires_ms` takes effect for [`session`](crate::AccountStore::session) before this
    /// returns.
    async fn put_person(
        &self,
        user_id: &UserId,
        details: PersonDetails,
    ) -> StoreResult<PutPersonOutcome>;

    /// What is known of an account's owner; deactivated ones included. `None` without an account;
    /// an account of which nothing is known has empty details.
    async fn person(&self, user_id: &UserId) -> StoreResult<Option<Person>>;

    /// Whose address this is; deactivated accounts included.
    async fn person_by_email(&self, email: &str) -> StoreResult<Option<Person>>;

    /// How many people each organisation has, by its id. Deactivated accounts do not count.
    async fn people_by_organisation(&self) -> StoreResult<Vec<(Option<String>, u64)>>;

    /// People in the order of their accounts, after `after` (exclusive), at most `limit`; for walks
    /// over everybody, such as a change of policy. Deactivated accounts are left out.
    async fn people_after(&self, after: Option<&UserId>, limit: u64) -> StoreResult<Vec<Person>>;

    /// Who administers the server and can at `now_ms`: no account that is deactivated, locked,
    /// suspended or expired. Oldest account first, at most `limit`.
    async fn administrators(&self, now_ms: i64, limit: u64) -> StoreResult<Vec<UserId>>;

    /// Accounts whose validity ends after `from_ms` and not after `until_ms`, soonest first, at
    /// most `limit`. Deactivated ones are left out.
    async fn people_expiring(
        &self,
        from_ms: i64,
        until_ms: i64,
        limit: u64,
    ) -> StoreResult<Vec<Person>>;

    /// Accounts that expired at `until_ms` or before and neither ended nor are locked, the longest
    /// expired first, at most `limit`.
    async fn people_lapsing(&self, until_ms: i64, limit: u64) -> StoreResult<Vec<Person>>;

    /// Accounts that [lapsed](AdminAct::Lapse) at `until_ms` or before and are neither back nor
    /// erased, the first to lapse first, at most `limit`.
    async fn lapsed_people(&self, until_ms: i64, limit: u64) -> StoreResult<Vec<UserId>>;

    /// People whose account has no end although nobody said that it shall have none, oldest account
    /// first, at most `limit`.
    async fn people_without_end(&self, limit: u64) -> StoreResult<Vec<UserId>>;

    /// Gives accounts that have none an end, in one act with one line of the audit log, and returns
    /// how many were given one. Takes effect for [`session`](crate::AccountStore::session) before
    /// this returns.
    async fn give_ends(&self, entry: AuditEntry, ends: Vec<(UserId, i64)>) -> StoreResult<u64>;

    /// Does what an administrator does and writes its line of the audit log, in one act.
    /// `subject` is whom or what it concerns; for accounts the user id.
    async fn administer(
        &self,
        entry: AuditEntry,
        subject: Option<&str>,
        act: AdminAct,
    ) -> StoreResult<AdminOutcome>;

    /// Moves people to where they belong, in one act, each with a line of the audit log, and
    /// returns whom it moved. Left out are those who have another address by now, are deactivated,
    /// or are there already.
    async fn place_people(
        &self,
        entry: AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> StoreResult<Vec<Placed>>;

    /// Does several things to one subject in one act, each with its line. The outcome is that of
    /// the last; or of the first that cannot be done, and then nothing was.
    async fn administer_all(
        &self,
        entry: AuditEntry,
        subject: Option<&str>,
        acts: Vec<AdminAct>,
    ) -> StoreResult<AdminOutcome>;

    /// Lines of the audit log, newest first.
    async fn audit_lines(&self, page: AuditPage) -> StoreResult<Vec<AuditLine>>;

    /// Walks along the whole audit log and checks each line.
    async fn verify_audit(&self) -> StoreResult<AuditVerdict>;

    /// How many searches an account could still make when that was last written down.
    async fn directory_budget(&self, user_id: &UserId) -> StoreResult<Option<DirectoryBudget>>;

    /// Writes down how many searches accounts may still make.
    async fn put_directory_budgets(
        &self,
        budgets: Vec<(UserId, DirectoryBudget)>,
    ) -> StoreResult<()>;
}
