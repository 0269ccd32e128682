// SPDX-License-Identifier: Apache-2.0
//! Who takes part in all lives: accounts, their sync chains, key ledgers and counters.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    checker::{Counter, KeyLedger, Kind, Violation, check_counter, check_keys},
    sync_chain::SyncChain,
};
use crate::{
    http::escape,
    keys::DeviceKeys,
    matrix::{Access, Account, Client},
};

/// Accounts that send, sync, and write account data.
const PEOPLE: usize = 6;

/// Accounts whose one-time keys are claimed.
const KEY_OWNERS: usize = 2;

/// What is shared with tasks.
pub(super) type Shared<T> = Arc<Mutex<T>>;

/// Locks; a task that panicked while holding it has already failed the run.
pub(super) fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One device whose keys are claimed.
#[derive(Debug)]
pub(super) struct KeyOwner {
    pub(super) account: Account,
    pub(super) keys: DeviceKeys,
    pub(super) ledger: KeyLedger,
    /// The body of an upload that got no answer yet.
    pub(super) pending: Option<Value>,
}

/// Everybody.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) address: SocketAddr,
    pub(super) people: Vec<Account>,
    pub(super) chains: Vec<SyncChain>,
    pub(super) owners: Vec<Shared<KeyOwner>>,
    pub(super) counters: Vec<Shared<Counter>>,
}

impl Cast {
    pub(super) async fn gather(address: SocketAddr, seed: u64) -> Result<Self> {
        let mut accounts = Vec::new();
        for index in 0..PEOPLE + KEY_OWNERS {
            let name = format!("crash{seed:x}-{index}");
            accounts.push(Client::anonymous(address).register(&name, &Access::Open).await?);
        }
        let owners = accounts.split_off(PEOPLE).into_iter().zip(1..).map(|(account, index)| {
            let keys = DeviceKeys::new(&account, seed ^ index);
            Arc::new(Mutex::new(KeyOwner {
                account,
                keys,
                ledger: KeyLedger::default(),
                pending: None,
            }))
        });
        let owners: Vec<_> = owners.collect();
        for owner in &owners {
            upload_keys(address, owner, 50).await?;
        }
        let chains = accounts.iter().cloned().map(SyncChain::new).collect();
        let counters = accounts.iter().map(|_| Shared::default()).collect();
        Ok(Self { address, people: accounts, chains, owners, counters })
    }

    /// What holds at the end of each life, beyond rooms: keys and account data.
    pub(super) async fn verify(&mut self) -> Vec<Violation> {
        let mut found = Vec::new();
        for owner in &self.owners {
            let name = lock(owner).account.user_id.clone();
            // An upload without an answer is asked again; keys that went meanwhile stay gone.
            match upload_keys(self.address, owner, 0).await {
                Ok(()) => found.extend(check_keys(&name, &lock(owner).ledger)),
                Err(error) => found.push(unexpected("the upload of keys", &error)),
            }
        }
        for (counter, account) in self.counters.iter().zip(&self.people) {
            let stored = stored_counter(self.address, account).await;
            let counter = lock(counter).clone();
            match stored {
                Ok(stored) => found.extend(check_counter(&account.user_id, &counter, stored)),
                Err(error) => found.push(unexpected("reading account data", &error)),
            }
        }
        found
    }

    /// At the very end: claims every key that is left; none may have been given before.
    pub(super) async fn verify_last(&mut self) -> Vec<Violation> {
        let mut found = Vec::new();
        for owner in &self.owners {
            let Some(asker) = self.people.first() else { continue };
            let name = lock(owner).account.user_id.clone();
            let mut client = Client::new(self.address, asker);
            loop {
                match claim_one(&mut client, owner).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        found.push(unexpected("a claim", &error));
                        break;
                    }
                }
            }
            lock(owner).ledger.remaining = Some(0);
            found.extend(check_keys(&name, &lock(owner).ledger));
        }
        found
    }

    pub(super) fn keys_given(&self) -> usize {
        self.owners.iter().map(|owner| lock(owner).ledger.given.len()).sum()
    }
}

/// A violation for an answer that nothing explains.
pub(super) fn unexpected(what: &str, error: &anyhow::Error) -> Violation {
    Violation::new(Kind::Unexpected, format!("{what}: {error:#}"))
}

/// Uploads what is pending, else `count` new keys, and notes what the server counts.
pub(super) async fn upload_keys(
    address: SocketAddr,
    owner: &Shared<KeyOwner>,
    count: usize,
) -> Result<()> {
    let (account, body) = {
        let mut owner = lock(owner);
        let body = match owner.pending.take() {
            Some(body) => body,
            None if owner.ledger.uploaded.is_empty() => owner.keys.upload(count),
            None => json!({"one_time_keys": owner.keys.one_time_keys(count)}),
        };
        owner.pending = Some(body.clone());
        owner.ledger.unsure.extend(key_ids(&body));
        (owner.account.clone(), body)
    };
    let mut client = Client::once(address, &account);
    let answer = client.call("POST", "/_matrix/client/v3/keys/upload", &body).await?;
    let mut owner = lock(owner);
    owner.pending = None;
    for id in key_ids(&body) {
        owner.ledger.unsure.remove(&id);
        owner.ledger.uploaded.insert(id);
    }
    let remaining = answer.pointer("/one_time_key_counts/signed_curve25519");
    // While claims go on beside us the count says nothing; it is asked again at the end of a life.
    let remaining = remaining.and_then(Value::as_u64).unwrap_or(0);
    owner.ledger.remaining = (count == 0).then(|| usize::try_from(remaining).unwrap_or(0));
    Ok(())
}

fn key_ids(body: &Value) -> BTreeSet<String> {
    let keys = body.get("one_time_keys").and_then(Value::as_object);
    keys.into_iter().flatten().map(|(id, _)| id.clone()).collect()
}

/// Claims one key. False when there was none.
pub(super) async fn claim_one(client: &mut Client, owner: &Shared<KeyOwner>) -> Result<bool> {
    let account = lock(owner).account.clone();
    let (user_id, device_id) = (&account.user_id, &account.device_id);
    let body = json!({"one_time_keys": {user_id: {device_id: "signed_curve25519"}}});
    // One that gets no answer may have used up a key; the answer takes this back.
    lock(owner).ledger.unanswered += 1;
    let answer = client.call("POST", "/_matrix/client/v3/keys/claim", &body).await?;
    let keys = answer.get("one_time_keys").and_then(|users| users.get(user_id)?.get(device_id));
    let id = keys.and_then(Value::as_object).and_then(|keys| keys.keys().next());
    let mut owner = lock(owner);
    owner.ledger.unanswered -= 1;
    owner.ledger.given.extend(id.cloned());
    Ok(id.is_some())
}

/// Where one account counts.
pub(super) fn counter_path(account: &Account) -> String {
    let user = escape(&account.user_id);
    format!("/_matrix/client/v3/user/{user}/account_data/test.estafette.counter")
}

async fn stored_counter(address: SocketAddr, account: &Account) -> Result<u64> {
    let mut client = Client::new(address, account);
    match client.call("GET", &counter_path(account), &Value::Null).await {
        Ok(content) => Ok(content.get("value").and_then(Value::as_u64).unwrap_or(0)),
        Err(error) => match error.downcast_ref::<crate::matrix::Refused>() {
            Some(refused) if refused.status == 404 => Ok(0),
            _ => Err(error),
        },
    }
}
