// SPDX-License-Identifier: Apache-2.0
//! What can be typed after `estafette admin`.

mod links;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Subcommand};
use estafette_core::limits::POLICY_FILE_BYTES_MAX;
use estafette_identity::admin::{AdminCommand, AuditView, NewUser, UserFlag};

const DAY_MS: i64 = 86_400_000;
const DAYS_MAX: i64 = 36_500;

/// Administers the running server. USER is a user id, a localpart or an e-mail address.
#[derive(Debug, Args)]
pub(crate) struct Admin {
    /// The configuration file of the server (TOML): it says where the data folder is.
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Prints the answer as one line of JSON: `{"done": …}`, `{"refused": "…"}` (status 1),
    /// `{"unreachable": "…"}` where no server could be asked (3), or `{"failed": "…"}` where no
    /// answer came and it may have been done (4).
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Why; written to the audit log.
    #[arg(long, global = true)]
    pub(crate) reason: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Area,
}

/// What is administered.
#[derive(Debug, Subcommand)]
pub(crate) enum Area {
    /// Accounts.
    #[command(subcommand)]
    Users(Users),
    /// Devices.
    #[command(subcommand)]
    Devices(Devices),
    /// Sessions.
    #[command(subcommand)]
    Sessions(Sessions),
    /// Organisations.
    #[command(subcommand)]
    Organisations(Organisations),
    /// The policy of organisations.
    #[command(subcommand)]
    Policy(Policy),
    /// Invitations to register with a token.
    #[command(subcommand)]
    RegistrationTokens(RegistrationTokens),
    /// Invitations of guests, who are of no organisation of the policy.
    #[command(subcommand)]
    Invitations(Invitations),
    /// What administrators did.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Lists accounts, oldest first.
    List {
        /// Part of the user id or the name, or the whole e-mail address.
        #[arg(long)]
        search: Option<String>,
        /// Lists deactivated ones too.
        #[arg(long)]
        deactivated: bool,
        /// How many to skip.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many to list.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Shows everything about one account.
    Show { user: String },
    /// Makes an account and prints once the link by which its password is chosen.
    Create {
        /// The localpart; without it one that tells nothing is drawn.
        #[arg(long)]
        localpart: Option<String>,
        /// The display name; without it the one that the address gives.
        #[arg(long)]
        name: Option<String>,
        /// The e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// The organisation's id, whatever the policy says; without it the policy decides.
        #[arg(long)]
        organisation: Option<String>,
        /// The account is a guest's, whatever the policy says.
        #[arg(long)]
        guest: bool,
        /// The account may administer the server by the API.
        #[arg(long)]
        admin: bool,
        /// The account ends in so many days; without it one with an address lasts as long as those
        /// that people sign up for.
        #[arg(long)]
        days: Option<i64>,
        /// The account never ends.
        #[arg(long, conflicts_with = "days")]
        never_expires: bool,
        /// Mails the link to the address instead of printing it.
        #[arg(long, requires = "email")]
        mail: bool,
    },
    /// Locks an account: every request is refused until it is unlocked, sessions stay.
    Lock { user: String },
    /// Unlocks an account.
    Unlock { user: String },
    /// Suspends an account: its owner reads, leaves rooms, and does nothing else.
    Suspend { user: String },
    /// Lifts a suspension.
    Unsuspend { user: String },
    /// Ends an account's validity now, until it is renewed.
    Expire { user: String },
    /// Renews an account.
    Renew {
        user: String,
        /// For so many days from now.
        #[arg(long, required_unless_present = "never_expires", conflicts_with = "never_expires")]
        days: Option<i64>,
        /// For ever.
        #[arg(long)]
        never_expires: bool,
    },
    /// Says whether somebody is reminded by mail before the account ends.
    SetReminders {
        user: String,
        /// `true` or `false`.
        #[arg(action = clap::ArgAction::Set)]
        value: bool,
    },
    /// Ends an account: sessions, devices and keys go, its rooms are left.
    Deactivate { user: String },
    /// Brings a deactivated account back and prints once the link by which its password is chosen.
    Reactivate {
        user: String,
        /// Mails the link to the account's address instead of printing it.
        #[arg(long)]
        mail: bool,
    },
    /// Ends an account and erases its profile, address and settings.
    Erase { user: String },
    /// Corrects a display name.
    SetName { user: String, name: String },
    /// Corrects an e-mail address: organisation, guest or not, and name follow it by the policy.
    SetEmail {
        user: String,
        /// The address.
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        email: Option<String>,
        /// The account has no address from now on: nobody signs in, is found or reminded by it.
        #[arg(long)]
        remove: bool,
        /// The account stays where it is, whatever the policy says.
        #[arg(long, requires = "email", conflicts_with = "remove")]
        keep_organisation: bool,
    },
    /// Says whether somebody may administer the server by the API.
    SetAdmin {
        user: String,
        /// `true` or `false`.
        #[arg(action = clap::ArgAction::Set)]
        value: bool,
    },
    /// Takes a password, ends all sessions, and prints once the link by which a new password is
    /// chosen. It works once, for a day.
    ResetPassword {
        user: String,
        /// Mails the link to the account's address instead of printing it.
        #[arg(long)]
        mail: bool,
    },
    /// Who people are at other providers.
    #[command(flatten)]
    Links(links::Links),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Devices {
    /// Lists somebody's devices.
    List { user: String },
    /// Deletes devices: their sessions and keys end at once.
    Delete {
        user: String,
        #[arg(required = true)]
        devices: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// Lists somebody's devices, the browsers in which they are signed in to the server's pages,
    /// and who they are at other providers.
    List { user: String },
    /// Ends all of somebody's sessions at once, on every device and in every browser.
    Revoke { user: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Organisations {
    /// Lists the organisations of the policy and how many people they have.
    List,
    /// Moves people to where the policy places them: organisation, guest or not, and the name that
    /// their address gives. Who has nowhere to go is listed and stays.
    Apply {
        /// Says who would be moved, and changes nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Prints which accounts another policy would move. Changes nothing.
    Check {
        /// The policy file (TOML).
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationTokens {
    /// Lists them.
    List,
    /// Makes one and prints it.
    Create {
        /// How many accounts it may make; without it any number.
        #[arg(long)]
        uses: Option<u64>,
        /// It ends in so many days.
        #[arg(long)]
        days: Option<i64>,
    },
    /// Ends one.
    Delete { token: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Invitations {
    /// Lets whoever holds a mailbox sign up as a guest, once, and mails them the link.
    Create {
        /// The e-mail address.
        address: String,
        /// The user who answers for the guest; the mail, the account and the audit log name them.
        #[arg(long, value_name = "USER")]
        sponsor: Option<String>,
        /// The invitation ends in so many days.
        #[arg(long, default_value_t = 14)]
        expires_days: i64,
    },
    /// Lists those that are pending, by address.
    List {
        /// How many to skip.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many to list.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Takes one back.
    Revoke { address: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Shows the newest lines.
    Show {
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// Only lines before this number.
        #[arg(long)]
        before: Option<u64>,
        /// Only what concerns this user.
        #[arg(long)]
        user: Option<String>,
        /// Checks the whole log, and fails where a line was changed or is missing.
        #[arg(long)]
        verify: bool,
    },
}

impl Area {
    /// The request that it stands for.
    pub(crate) fn asked(&self) -> Result<AdminCommand, String> {
        Ok(match self {
            Self::Users(users) => users.asked()?,
            Self::Devices(Devices::List { user }) => {
                AdminCommand::DeviceList { user: user.clone() }
            }
            Self::Devices(Devices::Delete { user, devices }) => {
                AdminCommand::DeviceDelete { user: user.clone(), devices: devices.clone() }
            }
            Self::Sessions(Sessions::List { user }) => {
                AdminCommand::SessionList { user: user.clone() }
            }
            Self::Sessions(Sessions::Revoke { user }) => {
                AdminCommand::SessionRevoke { user: user.clone() }
            }
            Self::Organisations(Organisations::List) => AdminCommand::OrganisationList,
            Self::Organisations(Organisations::Apply { dry_run }) => {
                AdminCommand::OrganisationApply { dry_run: *dry_run }
            }
            Self::Policy(Policy::Check { file }) => {
                AdminCommand::PolicyCheck { policy: policy_text(file)? }
            }
            Self::RegistrationTokens(RegistrationTokens::List) => {
                AdminCommand::RegistrationTokenList
            }
            Self::RegistrationTokens(RegistrationTokens::Create { uses, days }) => {
                let expires_ms = days.map(in_days).transpose()?;
                AdminCommand::RegistrationTokenCreate { uses: *uses, expires_ms }
            }
            Self::RegistrationTokens(RegistrationTokens::Delete { token }) => {
                AdminCommand::RegistrationTokenDelete { token: token.clone() }
            }
            Self::Invitations(invitations) => invitations.asked()?,
            Self::Audit(Audit::Show { limit, before, user, verify }) => {
                AdminCommand::Audit(AuditView {
                    limit: *limit,
                    before: *before,
                    user: user.clone(),
                    verify: *verify,
                })
            }
        })
    }
}

impl Invitations {
    fn asked(&self) -> Result<AdminCommand, String> {
        Ok(match self {
            Self::Create { address, sponsor, expires_days } => AdminCommand::InvitationCreate {
                address: address.clone(),
                sponsor: sponsor.clone(),
                expires_ms: in_days(*expires_days)?,
            },
            Self::List { from, limit } => {
                AdminCommand::InvitationList { from: *from, limit: *limit }
            }
            Self::Revoke { address } => AdminCommand::InvitationRevoke { address: address.clone() },
        })
    }
}

impl Users {
    fn asked(&self) -> Result<AdminCommand, String> {
        use AdminCommand as C;
        let switch =
            |user: &String, flag, value| C::UserSetFlag { user: user.clone(), flag, value };
        Ok(match self {
            Self::List { search, deactivated, from, limit } => C::UserList {
                search: search.clone(),
                deactivated: *deactivated,
                from: *from,
                limit: *limit,
            },
            Self::Show { user } => C::UserShow { user: user.clone() },
            Self::Create {
                localpart,
                name,
                email,
                organisation,
                guest,
                admin,
                days,
                never_expires,
                mail,
            } => C::UserCreate(NewUser {
                localpart: localpart.clone(),
                name: name.clone(),
                email: email.clone(),
                organisation: organisation.clone(),
                guest: *guest,
                admin: *admin,
                expires_ms: days.map(in_days).transpose()?,
                never_expires: *never_expires,
                mail: *mail,
            }),
            Self::Lock { user } => switch(user, UserFlag::Locked, true),
            Self::Unlock { user } => switch(user, UserFlag::Locked, false),
            Self::Suspend { user } => switch(user, UserFlag::Suspended, true),
            Self::Unsuspend { user } => switch(user, UserFlag::Suspended, false),
            Self::SetAdmin { user, value } => switch(user, UserFlag::Admin, *value),
            Self::Expire { user } => {
                C::UserSetExpiry { user: user.clone(), until_ms: Some(now_ms()) }
            }
            Self::Renew { user, days, .. } => {
                C::UserSetExpiry { user: user.clone(), until_ms: days.map(in_days).transpose()? }
            }
            Self::SetReminders { user, value } => {
                C::UserSetReminders { user: user.clone(), value: *value }
            }
            Self::Deactivate { user } => C::UserDeactivate { user: user.clone(), erase: false },
            Self::Erase { user } => C::UserDeactivate { user: user.clone(), erase: true },
            Self::Reactivate { user, mail } => {
                C::UserReactivate { user: user.clone(), mail: *mail }
            }
            Self::SetName { user, name } => {
                C::UserSetName { user: user.clone(), name: name.clone() }
            }
            Self::SetEmail { user, email, keep_organisation, .. } => C::UserSetEmail {
                user: user.clone(),
                email: email.clone(),
                keep_organisation: *keep_organisation,
            },
            Self::ResetPassword { user, mail } => {
                C::UserResetPassword { user: user.clone(), mail: *mail }
            }
            Self::Links(links) => links.asked(),
        })
    }
}

/// A policy file, of which the server reads no more than it takes.
fn policy_text(file: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    let bytes = opened.take(POLICY_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(bytes).unwrap_or(u64::MAX) > POLICY_FILE_BYTES_MAX {
        let why = format!("the file is larger than {POLICY_FILE_BYTES_MAX} bytes");
        return Err(format!("{}: {why}", file.display()));
    }
    Ok(text)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn in_days(days: i64) -> Result<i64, String> {
    if (1..=DAYS_MAX).contains(&days) {
        return Ok(now_ms() + days * DAY_MS);
    }
    Err(format!("the number of days is from 1 to {DAYS_MAX}"))
}

#[cfg(test)]
mod tests;
