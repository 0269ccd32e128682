// SPDX-License-Identifier: Apache-2.0
//! The few client-server calls that load and checkers need, over one raw connection.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::http::{Connection, escape};

/// How accounts are made on the server under test.
#[derive(Debug, Clone)]
pub enum Access {
    /// `POST /register` with `m.login.dummy`.
    Open,
    /// `POST /_synapse/admin/v1/register` with this shared secret.
    SharedSecret(String),
}

/// One logged-in device.
#[derive(Debug, Clone)]
pub struct Account {
    /// `@localpart:server`.
    pub user_id: String,
    /// Its device.
    pub device_id: String,
    /// Its access token.
    pub token: String,
}

/// The password of every account made here.
pub const PASSWORD: &str = "correct horse battery staple";

/// An answer that was not a success.
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// `errcode`, or nothing.
    pub errcode: String,
    /// The whole body, as far as it is text.
    pub body: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

impl std::error::Error for Refused {}

/// A connection with the account that speaks on it.
#[derive(Debug)]
pub struct Client {
    /// The connection.
    pub connection: Connection,
    /// Who asks; none before registration.
    pub account: Option<Account>,
}

impl Client {
    /// A client of a server without an account.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self { connection: Connection::new(address), account: None }
    }

    /// A client that speaks for `account`.
    pub fn new(address: SocketAddr, account: &Account) -> Self {
        Self { connection: Connection::new(address), account: Some(account.clone()) }
    }

    /// As [`Self::new`] over a connection that never sends a request twice.
    pub fn once(address: SocketAddr, account: &Account) -> Self {
        Self { connection: Connection::once(address), account: Some(account.clone()) }
    }

    /// One request; 2xx gives its JSON.
    ///
    /// # Errors
    /// [`Refused`] for another status, else what the connection says.
    pub async fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let token = self.account.as_ref().map(|account| account.token.as_str());
        let answer = self.connection.request(method, path, token, &bytes).await?;
        if (200..300).contains(&answer.status) {
            return serde_json::from_slice(answer.body)
                .with_context(|| format!("{method} {path}: not JSON"));
        }
        let text = String::from_utf8_lossy(answer.body).into_owned();
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let errcode = json.get("errcode").and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Refused { status: answer.status, errcode, body: text }.into())
    }

    /// As [`Self::call`], repeated while the server asks for patience (429, 503), two minutes at
    /// most. For what prepares a measurement, never inside one.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn patient(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        for _ in 0..240 {
            let error = match self.call(method, path, body).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.downcast_ref::<Refused>() {
                Some(refused) if matches!(refused.status, 429 | 503) => {
                    let wait = retry_after_ms(&refused.body).clamp(10, 500);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                _ => return Err(error.context(format!("{method} {path}"))),
            }
        }
        bail!("{method} {path}: refused for two minutes")
    }

    /// Registers and becomes `username`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn register(&mut self, username: &str, access: &Access) -> Result<Account> {
        self.account = None;
        let answer = match access {
            Access::Open => self.register_openly(username).await?,
            Access::SharedSecret(secret) => self.register_by_secret(username, secret).await?,
        };
        let account = account_of(&answer)?;
        self.account = Some(account.clone());
        Ok(account)
    }

    async fn register_openly(&mut self, username: &str) -> Result<Value> {
        let path = "/_matrix/client/v3/register";
        let mut body = json!({
            "username": username, "password": PASSWORD, "auth": {"type": "m.login.dummy"},
        });
        let error = match self.patient("POST", path, &body).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let session = error
            .downcast_ref::<Refused>()
            .filter(|refused| refused.status == 401)
            .and_then(|refused| serde_json::from_str::<Value>(&refused.body).ok())
            .and_then(|json| Some(json.get("session")?.as_str()?.to_owned()));
        let Some(session) = session else { return Err(error) };
        if let Some(fields) = body.as_object_mut() {
            fields.insert("auth".to_owned(), json!({"type": "m.login.dummy", "session": session}));
        }
        self.patient("POST", path, &body).await
    }

    /// The dialect of Synapse's administration tools: a MAC over nonce, name and password.
    async fn register_by_secret(&mut self, username: &str, secret: &str) -> Result<Value> {
        use hmac::{KeyInit, Mac};
        let path = "/_synapse/admin/v1/register";
        let answer = self.patient("GET", path, &Value::Null).await?;
        let nonce = text(&answer, "nonce")?;
        let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes())
            .map_err(|_| anyhow!("bad shared secret"))?;
        mac.update(format!("{nonce}\0{username}\0{PASSWORD}\0notadmin").as_bytes());
        let mac: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let body = json!({
            "nonce": nonce, "username": username, "password": PASSWORD, "admin": false, "mac": mac,
        });
        self.patient("POST", path, &body).await
    }

    /// Logs in with the password and becomes the new device.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn login(&mut self, user_id: &str) -> Result<Account> {
        self.account = None;
        let body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user_id},
            "password": PASSWORD,
        });
        let answer = self.patient("POST", "/_matrix/client/v3/login", &body).await?;
        let account = account_of(&answer)?;
        self.account = Some(account.clone());
        Ok(account)
    }

    /// Creates a room and answers its id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_room(&mut self, body: &Value) -> Result<String> {
        let answer = self.patient("POST", "/_matrix/client/v3/createRoom", body).await?;
        text(&answer, "room_id")
    }

    /// Joins a room.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn join(&mut self, room_id: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/join/{}", escape(room_id));
        self.patient("POST", &path, &json!({})).await.map(drop)
    }

    /// Our user id, or nothing before registration.
    pub fn user_id(&self) -> &str {
        self.account.as_ref().map_or("", |account| &account.user_id)
    }
}

/// The path that sends one message event.
pub fn send_path(room_id: &str, event_type: &str, txn_id: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/send/{event_type}/{}", escape(room_id), escape(txn_id))
}

/// A text field of an answer.
///
/// # Errors
/// When it is absent.
pub fn text(json: &Value, field: &str) -> Result<String> {
    let value = json.get(field).and_then(Value::as_str);
    value.map(str::to_owned).with_context(|| format!("no {field} in {json}"))
}

fn account_of(json: &Value) -> Result<Account> {
    Ok(Account {
        user_id: text(json, "user_id")?,
        device_id: text(json, "device_id")?,
        token: text(json, "access_token")?,
    })
}

fn retry_after_ms(body: &str) -> u64 {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    json.get("retry_after_ms").and_then(Value::as_u64).unwrap_or(100)
}

/// Runs `jobs` of them at once on tasks of this runtime and answers their results in order.
///
/// # Errors
/// The first error of any.
pub async fn in_parallel<T, F, Fut>(jobs: usize, at_once: usize, make: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    let mut done: Vec<(usize, T)> = Vec::with_capacity(jobs);
    for index in 0..jobs {
        if running.len() >= at_once
            && let Some(finished) = running.join_next().await
        {
            done.push(finished??);
        }
        let job = make(index);
        running.spawn(async move { job.await.map(|value| (index, value)) });
    }
    while let Some(finished) = running.join_next().await {
        done.push(finished??);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, value)| value).collect())
}
