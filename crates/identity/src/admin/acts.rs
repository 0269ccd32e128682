// SPDX-License-Identifier: Apache-2.0
//! What each command does.

mod invitations;
mod links;
mod organisations;
mod passwords;
mod placing;
mod sessions;

use std::sync::Arc;

use estafette_core::{
    directory::{disguises, fold},
    email_address::EmailAddress,
    ids::{DeviceId, UserId},
    limits::{ACCOUNTS_PER_PAGE_MAX, DISPLAYNAME_BYTES_MAX, REASON_BYTES_MAX},
};
use estafette_store::{
    AccountStore as _, PeopleStore as _, StoreError, UpstreamStore as _,
    accounts::{Account, AccountFlag, AccountPage, Devices, NewAccount, RegistrationToken},
    people::{AdminAct, AdminOutcome, AuditEntry, AuditPage},
};
use serde_json::{Value, json};

use super::{
    protocol::{AdminAnswer, AdminCommand, AdminRequest, AuditView, NewUser, UserFlag},
    render,
};
use crate::{HostError, Identity, policy::shown_name};

/// Letters that cannot be taken for others when they are read aloud.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";
/// Letters of a registration token that is drawn: 100 bits.
const TOKEN_LETTERS: usize = 20;
/// Letters of a localpart that is drawn.
const LOCALPART_LETTERS: usize = 12;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("There is no user {0:?} on this server.")]
    NoUser(String),
    #[error("{0}")]
    Wrong(String),
    #[error("The server is busy; try again.")]
    Busy,
    #[error("The server could not do it: {0}.")]
    Broken(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            error => Self::Broken(error.to_string()),
        }
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Limited { .. } | HostError::Overloaded => Self::Busy,
            HostError::WeakPassword(sentence) => Self::Wrong(sentence),
            error => Self::Broken(error.to_string()),
        }
    }
}

fn wrong(sentence: impl Into<String>) -> Refusal {
    Refusal::Wrong(sentence.into())
}

/// Who asks, and with what.
struct Administration<'a> {
    identity: &'a Arc<Identity>,
    actor: String,
    reason: Option<String>,
}

/// Does what is asked for.
pub(super) async fn act(
    identity: &Arc<Identity>,
    actor: String,
    request: AdminRequest,
) -> AdminAnswer {
    let reason = request.reason.filter(|reason| !reason.trim().is_empty());
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        return AdminAnswer::Refused("The reason is too long.".into());
    }
    let administration = Administration { identity, actor, reason };
    let (changes, user) = (request.command.changes(), request.command.user().map(str::to_owned));
    match administration.run(request.command).await {
        Ok(shown) => AdminAnswer::Done(shown),
        Err(refusal) => {
            if let Some(command) = changes {
                administration.note_refusal(&command, user).await;
            }
            AdminAnswer::Refused(refusal.to_string())
        }
    }
}

impl Administration<'_> {
    async fn run(&self, command: AdminCommand) -> Result<Value, Refusal> {
        use AdminCommand as C;
        match command {
            C::UserList { search, deactivated, from, limit } => {
                self.list_users(search, deactivated, (from, limit)).await
            }
            C::UserShow { user } => self.show_user(&self.account(&user).await?.user_id).await,
            C::UserCreate(new) => self.create_user(new).await,
            C::UserSetFlag { user, flag, value } => {
                let flag = match flag {
                    UserFlag::Admin => AccountFlag::Admin,
                    UserFlag::Locked => AccountFlag::Locked,
                    UserFlag::Suspended => AccountFlag::Suspended,
                };
                self.change(&user, AdminAct::SetFlag(flag, value)).await
            }
            C::UserSetExpiry { user, until_ms } => {
                self.change(&user, AdminAct::SetExpiry(until_ms)).await
            }
            C::UserSetReminders { user, value } => {
                self.change(&user, AdminAct::SetReminders(value)).await
            }
            C::UserDeactivate { user, erase } => {
                self.change(&user, AdminAct::Deactivate(erase)).await
            }
            C::UserReactivate { user, mail } => self.reactivate(&user, mail).await,
            C::UserSetName { user, name } => self.set_name(&user, &name).await,
            C::UserSetEmail { user, email, keep_organisation } => {
                self.set_email(&user, email, keep_organisation).await
            }
            C::UserResetPassword { user, mail } => self.reset_password(&user, mail).await,
            C::UserUnlink { user, provider } => self.unlink(&user, provider).await,
            C::UserUnlinkAll { provider, domain, dry_run } => {
                self.unlink_all(&provider, domain, dry_run).await
            }
            C::DeviceList { user } => self.list_devices(&user).await,
            C::DeviceDelete { user, devices } => self.delete_devices(&user, devices).await,
            C::SessionList { user } => self.list_sessions(&user).await,
            C::SessionRevoke { user } => {
                self.act_on(&user, AdminAct::DeleteDevices(Devices::All)).await
            }
            C::OrganisationList => self.list_organisations().await,
            C::OrganisationApply { dry_run } => self.apply_policy(dry_run).await,
            C::PolicyCheck { policy } => self.check_policy(&policy).await,
            C::RegistrationTokenList => self.list_tokens().await,
            C::RegistrationTokenCreate { uses, expires_ms } => {
                self.create_token(uses, expires_ms).await
            }
            C::RegistrationTokenDelete { token } => {
                self.administer(None, AdminAct::DeleteRegistrationToken(token)).await?;
                Ok(json!({}))
            }
            C::InvitationCreate { address, sponsor, expires_ms } => {
                self.invite(&address, sponsor, expires_ms).await
            }
            C::InvitationList { from, limit } => self.list_invitations(from, limit).await,
            C::InvitationRevoke { address } => self.revoke_invitation(&address).await,
            C::Audit(view) => self.audit(view).await,
        }
    }

    /// Puts on record that somebody tried to change something and was refused. Nothing of what
    /// they typed, which may be an address or worse.
    async fn note_refusal(&self, command: &str, user: Option<String>) {
        let account = match user {
            Some(user) => self.account(&user).await.ok(),
            None => None,
        };
        let details = json!({ "command": command }).to_string();
        let act = vec![AdminAct::Note("refused".into(), details)];
        let subject = account.as_ref().map(|account| &account.user_id);
        if let Err(error) = self.identity.host.administer(self.entry(), subject, act).await {
            tracing::warn!(%error, command, "a refused administrative act is not on record");
        }
    }

    /// The account that was meant.
    async fn account(&self, user: &str) -> Result<Account, Refusal> {
        let store = &self.identity.store;
        let unknown = || Refusal::NoUser(user.to_owned());
        let server_name = self.identity.host.server_name();
        let user_id = if user.starts_with('@') {
            UserId::parse(user).map_err(|_| unknown())?
        } else if user.contains('@') {
            let email = EmailAddress::parse(user).map_err(|_| unknown())?;
            store.person_by_email(email.as_str()).await?.ok_or_else(unknown)?.user_id
        } else {
            UserId::from_localpart(user, server_name).map_err(|_| unknown())?
        };
        store.account(&user_id).await?.ok_or_else(unknown)
    }

    fn entry(&self) -> AuditEntry {
        AuditEntry {
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            now_ms: self.identity.host.now_ms(),
        }
    }

    async fn administer(
        &self,
        subject: Option<&UserId>,
        act: AdminAct,
    ) -> Result<AdminOutcome, Refusal> {
        self.administer_all(subject, vec![act]).await
    }

    /// All of it or nothing.
    async fn administer_all(
        &self,
        subject: Option<&UserId>,
        acts: Vec<AdminAct>,
    ) -> Result<AdminOutcome, Refusal> {
        match self.identity.host.administer(self.entry(), subject, acts).await? {
            AdminOutcome::NoAccount => Err(wrong(
                "The account is deactivated, or not in a state for this. Nothing was changed.",
            )),
            AdminOutcome::NoToken => Err(wrong("There is no such registration token.")),
            AdminOutcome::NoInvitation => {
                Err(wrong("No invitation waits for this address. Nothing was changed."))
            }
            AdminOutcome::Taken => {
                Err(wrong("The user id or the address belongs to another account."))
            }
            AdminOutcome::Guest => Err(wrong("A guest cannot be an administrator.")),
            AdminOutcome::NoLink => Err(wrong("No such provider knows this account.")),
            AdminOutcome::TooLarge => Err(wrong("The profile would be too large.")),
            done => Ok(done),
        }
    }

    /// Does something to an account and shows what was gone by it.
    async fn act_on(&self, user: &str, act: AdminAct) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        match self.administer(Some(&user_id), act).await? {
            AdminOutcome::Deleted(devices) => {
                Ok(json!({ "user_id": user_id, "deleted_devices": devices }))
            }
            _ => Ok(json!({ "user_id": user_id })),
        }
    }

    /// Does something to an account and shows it as it then is.
    async fn change(&self, user: &str, act: AdminAct) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        self.administer(Some(&user_id), act).await?;
        self.show_user(&user_id).await
    }

    async fn name_of(&self, user_id: &UserId) -> Result<Option<String>, Refusal> {
        Ok(shown_name(&self.identity.store, user_id).await?)
    }

    async fn list_users(
        &self,
        search: Option<String>,
        deactivated: bool,
        (from, limit): (u64, u64),
    ) -> Result<Value, Refusal> {
        let search = search.map(|text| fold(text.trim()));
        let limit = limit.clamp(1, ACCOUNTS_PER_PAGE_MAX);
        let page = AccountPage { from, limit, search, deactivated };
        let (accounts, total) = self.identity.store.accounts(page).await?;
        let now_ms = self.identity.host.now_ms();
        let mut users = Vec::with_capacity(accounts.len());
        for account in &accounts {
            users.push(render::listed(account, self.name_of(&account.user_id).await?, now_ms));
        }
        Ok(json!({ "total": total, "users": users }))
    }

    async fn show_user(&self, user_id: &UserId) -> Result<Value, Refusal> {
        let store = &self.identity.store;
        let unknown = || Refusal::NoUser(user_id.to_string());
        let account = store.account(user_id).await?.ok_or_else(unknown)?;
        let person = store.person(user_id).await?.ok_or_else(unknown)?;
        let devices = store.devices(user_id).await?.len();
        let now_ms = self.identity.host.now_ms();
        let name = self.name_of(user_id).await?;
        let mut shown = render::shown(&account, &person, name, (devices, now_ms));
        let links = store.upstream_links(user_id).await?;
        if let Some(members) = shown.as_object_mut() {
            members.insert("providers".into(), links.iter().map(render::link).collect());
        }
        Ok(shown)
    }

    async fn create_user(&self, new: NewUser) -> Result<Value, Refusal> {
        let host = &self.identity.host;
        let localpart = new.localpart.clone().unwrap_or_else(|| self.draw(LOCALPART_LETTERS));
        let user_id = UserId::from_localpart(&localpart, host.server_name())
            .map_err(|error| wrong(format!("The localpart cannot be used: {error}.")))?;
        let details = self.new_details(&new)?;
        let own = details.organisation_id.as_deref();
        let name = new.name.as_deref().map(|name| self.display_name(name, own)).transpose()?;
        let name = name.or_else(|| details.derived_name.clone());
        let link = self.link(details.email.as_deref(), new.mail)?;
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: None,
            appservice_id: None,
            is_admin: new.admin,
            displayname: name,
            registration_token: None,
            login: None,
            now_ms: host.now_ms(),
        };
        let act = AdminAct::Create(Box::new(account), Box::new(details));
        self.act_with_link(&user_id, Some(act), link).await
    }

    async fn set_name(&self, user: &str, name: &str) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        let person = self.identity.store.person(&user_id).await?;
        let own = person.and_then(|person| person.details.organisation_id);
        let value = Value::from(self.display_name(name, own.as_deref())?).to_string();
        self.change(user_id.as_str(), AdminAct::SetProfileField("displayname".into(), Some(value)))
            .await
    }

    async fn delete_devices(&self, user: &str, devices: Vec<String>) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        let known = self.identity.store.devices(&user_id).await?;
        let mut gone = Vec::with_capacity(devices.len());
        for device in devices {
            let unknown = || wrong(format!("{user_id} has no device {device:?}."));
            let device_id = DeviceId::parse(&device).map_err(|_| unknown())?;
            if !known.iter().any(|known| known.device_id == device_id) {
                return Err(unknown());
            }
            gone.push(device_id);
        }
        let act = AdminAct::DeleteDevices(Devices::These(gone));
        self.act_on(user_id.as_str(), act).await
    }

    async fn list_tokens(&self) -> Result<Value, Refusal> {
        let now_ms = self.identity.host.now_ms();
        let tokens = self.identity.store.registration_tokens().await?;
        let tokens = tokens.iter().map(|token| render::registration_token(token, now_ms));
        Ok(json!({ "registration_tokens": tokens.collect::<Vec<_>>() }))
    }

    async fn create_token(
        &self,
        uses: Option<u64>,
        expires_ms: Option<i64>,
    ) -> Result<Value, Refusal> {
        let token = self.draw(TOKEN_LETTERS);
        let token = RegistrationToken { token, uses_allowed: uses, used: 0, expires_ms };
        self.administer(None, AdminAct::PutRegistrationToken(token.clone())).await?;
        Ok(render::registration_token(&token, self.identity.host.now_ms()))
    }

    async fn audit(&self, view: AuditView) -> Result<Value, Refusal> {
        let store = &self.identity.store;
        let subject = match &view.user {
            Some(user) => Some(self.account(user).await?.user_id.to_string()),
            None => None,
        };
        let limit = view.limit.min(ACCOUNTS_PER_PAGE_MAX);
        let lines = store.audit_lines(AuditPage { before: view.before, limit, subject }).await?;
        let lines: Vec<Value> = lines.iter().map(render::audit_line).collect();
        if !view.verify {
            return Ok(json!({ "lines": lines }));
        }
        let verdict = store.verify_audit().await?;
        if let Some((seq, what)) = verdict.broken {
            return Err(wrong(format!("The audit log was tampered with at line {seq}: {what}.")));
        }
        let head = render::hex(&verdict.head);
        Ok(json!({ "lines": lines, "verified": verdict.lines, "head": head }))
    }

    /// A display name that somebody of the organisation `own` may have.
    fn display_name(&self, name: &str, own: Option<&str>) -> Result<String, Refusal> {
        let name = name.trim();
        if name.is_empty() || name.len() > DISPLAYNAME_BYTES_MAX || name.chars().any(disguises) {
            let why =
                "on one line and without characters that show nothing or turn the text around";
            return Err(wrong(format!("A name has 1 to {DISPLAYNAME_BYTES_MAX} bytes, {why}.")));
        }
        match self.identity.policy.borrowed_label(name, own) {
            Some(other) => Err(wrong(format!(
                "{name:?} has the label of {:?}, of which the account is not.",
                other.id
            ))),
            None => Ok(name.to_owned()),
        }
    }

    /// Unpredictable letters.
    fn draw(&self, letters: usize) -> String {
        let mut bytes = vec![0; letters];
        self.identity.host.fill_random(&mut bytes);
        let letter = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied();
        bytes.into_iter().filter_map(letter).map(char::from).collect()
    }
}

fn address(text: &str) -> Result<EmailAddress, Refusal> {
    EmailAddress::parse(text.trim())
        .map_err(|error| wrong(format!("This is no e-mail address that can be used: {error}.")))
}

#[cfg(test)]
pub(super) mod tests;
