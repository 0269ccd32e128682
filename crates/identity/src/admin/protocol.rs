// SPDX-License-Identifier: Apache-2.0
//! One request and one answer per connection, each one line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is asked for, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminRequest {
    /// What.
    pub command: AdminCommand,
    /// Why; written to the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminAnswer {
    /// It is done; what there is to show.
    Done(Value),
    /// Nothing was done; one sentence that says why.
    Refused(String),
}

/// What may be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserFlag {
    /// Whether the user may administer the server by the API.
    Admin,
    /// Whether the account is locked.
    Locked,
    /// Whether the account is suspended.
    Suspended,
}

/// An account to be made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// The localpart; without it one that tells nothing is drawn.
    pub localpart: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The organisation's id.
    pub organisation: Option<String>,
    /// Whether it is a guest's.
    pub guest: bool,
    /// Whether it may administer the server by the API.
    pub admin: bool,
    /// When it ends, in ms since the epoch. Without it an account with an address works as long as
    /// one that somebody signed up for.
    pub expires_ms: Option<i64>,
    /// Whether it never ends.
    pub never_expires: bool,
    /// Whether the link by which its password is chosen is mailed instead of shown.
    pub mail: bool,
}

/// Which lines of the audit log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditView {
    /// How many, newest first.
    pub limit: u64,
    /// Only lines before this number.
    pub before: Option<u64>,
    /// Only what concerns this user.
    pub user: Option<String>,
    /// Whether the whole log is checked.
    pub verify: bool,
}

/// Everything that can be asked for. `user` is a user id, a localpart or an e-mail address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminCommand {
    /// Accounts, oldest first.
    UserList {
        /// Part of the user id or the name, or the whole address.
        search: Option<String>,
        /// Whether deactivated ones are listed.
        deactivated: bool,
        /// How many to skip.
        from: u64,
        /// How many at most.
        limit: u64,
    },
    /// Everything about one account.
    UserShow {
        /// Whose.
        user: String,
    },
    /// Makes an account, and a link by which its password is chosen.
    UserCreate(NewUser),
    /// Switches something.
    UserSetFlag {
        /// Whose.
        user: String,
        /// What.
        flag: UserFlag,
        /// To what.
        value: bool,
    },
    /// Says until when an account works.
    UserSetExpiry {
        /// Whose.
        user: String,
        /// Until when, in ms since the epoch; `None`: for ever.
        until_ms: Option<i64>,
    },
    /// Says whether somebody is reminded before the account ends.
    UserSetReminders {
        /// Whose.
        user: String,
        /// Whether.
        value: bool,
    },
    /// Ends an account.
    UserDeactivate {
        /// Whose.
        user: String,
        /// Whether its traces are erased too.
        erase: bool,
    },
    /// Brings an account back, and makes a link by which its password is chosen.
    UserReactivate {
        /// Whose.
        user: String,
        /// Whether the link is mailed instead of shown.
        #[serde(default)]
        mail: bool,
    },
    /// Corrects a display name.
    UserSetName {
        /// Whose.
        user: String,
        /// The name.
        name: String,
    },
    /// Corrects an e-mail address.
    UserSetEmail {
        /// Whose.
        user: String,
        /// The address; `None` removes it.
        email: Option<String>,
        /// Whether organisation, guest and name stay as they are, whatever the policy says.
        #[serde(default)]
        keep_organisation: bool,
    },
    /// Takes a password, ends all sessions, and makes a link by which a new one is chosen.
    UserResetPassword {
        /// Whose.
        user: String,
        /// Whether the link is mailed instead of shown.
        #[serde(default)]
        mail: bool,
    },
    /// Forgets who somebody is at another provider, who is then joined to the account anew.
    UserUnlink {
        /// Whose.
        user: String,
        /// Which provider; `None`: all.
        provider: Option<String>,
    },
    /// Does so for all people of a provider that changes how it names them.
    UserUnlinkAll {
        /// Which provider.
        provider: String,
        /// Only those with an address of this domain, exactly.
        domain: Option<String>,
        /// Whether they are only counted.
        dry_run: bool,
    },
    /// Somebody's devices.
    DeviceList {
        /// Whose.
        user: String,
    },
    /// Deletes devices.
    DeviceDelete {
        /// Whose.
        user: String,
        /// Which.
        devices: Vec<String>,
    },
    /// Everything by which somebody is signed in: devices, browsers on the server's pages, and who
    /// they are at other providers.
    SessionList {
        /// Whose.
        user: String,
    },
    /// Ends all sessions of somebody: devices, and browsers on the server's pages.
    SessionRevoke {
        /// Whose.
        user: String,
    },
    /// The organisations of the policy, and how many people each has.
    OrganisationList,
    /// Moves people to where the policy places them.
    OrganisationApply {
        /// Whether it is only said who would be moved.
        dry_run: bool,
    },
    /// Which accounts another policy would move. Changes nothing.
    PolicyCheck {
        /// The policy (TOML).
        policy: String,
    },
    /// Invitations to register.
    RegistrationTokenList,
    /// Makes one.
    RegistrationTokenCreate {
        /// How many accounts it may make.
        uses: Option<u64>,
        /// When it ends, in ms since the epoch.
        expires_ms: Option<i64>,
    },
    /// Ends one.
    RegistrationTokenDelete {
        /// Which.
        token: String,
    },
    /// Lets a guest sign up with an address, once, and mails them where mail is sent.
    InvitationCreate {
        /// Whose mailbox.
        address: String,
        /// The user who answers for the guest.
        sponsor: Option<String>,
        /// When the invitation ends, in ms since the epoch.
        expires_ms: i64,
    },
    /// Invitations of guests that are pending, by address.
    InvitationList {
        /// How many to skip.
        from: u64,
        /// How many at most.
        limit: u64,
    },
    /// Takes an invitation back.
    InvitationRevoke {
        /// Whose mailbox.
        address: String,
    },
    /// The audit log.
    Audit(AuditView),
}

impl AdminCommand {
    /// Its name in the protocol, where it changes something.
    pub(super) fn changes(&self) -> Option<String> {
        let looks = matches!(
            self,
            Self::UserList { .. }
                | Self::UserShow { .. }
                | Self::UserUnlinkAll { dry_run: true, .. }
                | Self::DeviceList { .. }
                | Self::SessionList { .. }
                | Self::OrganisationList
                | Self::OrganisationApply { dry_run: true }
                | Self::PolicyCheck { .. }
                | Self::RegistrationTokenList
                | Self::InvitationList { .. }
                | Self::Audit(_)
        );
        let named = if looks { None } else { serde_json::to_value(self).ok() };
        named.and_then(|named| match named {
            Value::String(name) => Some(name),
            Value::Object(named) => named.into_iter().next().map(|(name, _)| name),
            _ => None,
        })
    }

    /// Whom it is about.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::UserShow { user }
            | Self::UserSetFlag { user, .. }
            | Self::UserSetExpiry { user, .. }
            | Self::UserSetReminders { user, .. }
            | Self::UserDeactivate { user, .. }
            | Self::UserReactivate { user, .. }
            | Self::UserSetName { user, .. }
            | Self::UserSetEmail { user, .. }
            | Self::UserResetPassword { user, .. }
            | Self::UserUnlink { user, .. }
            | Self::DeviceList { user }
            | Self::DeviceDelete { user, .. }
            | Self::SessionList { user }
            | Self::SessionRevoke { user } => Some(user),
            _ => None,
        }
    }
}
