// SPDX-License-Identifier: Apache-2.0
//! A server with people in it, who signed up on its pages.

use std::{
    cell::RefCell,
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use crate::launch::Launch;

pub(super) const PASSWORD: &str = "ocean lantern granite violin";
const MAIL_WITHIN: Duration = Duration::from_secs(120);

/// Has a server keep pages and mail ready, and let nobody register by the API.
pub(super) fn prepare(launch: &mut Launch, mail: &std::path::Path) {
    for (key, value) in [
        ("REGISTRATION__OPEN", "false"),
        ("REGISTRATION__SHARED_SECRET", ""),
        ("IDENTITY__SIGN_UP__ENABLED", "true"),
        ("IDENTITY__SIGN_UP__PASSWORDLESS", "true"),
        ("IDENTITY__POLICY__OPEN", "true"),
        ("IDENTITY__MAIL__TRANSPORT", "folder"),
        ("IDENTITY__MAIL__FROM", "no-reply@bench.test"),
    ] {
        launch.set(&format!("ESTAFETTE__{key}"), value);
    }
    launch.set("ESTAFETTE__IDENTITY__MAIL__FOLDER", &mail.display().to_string());
}

/// The server, and who is there.
#[derive(Debug)]
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) mail: PathBuf,
    /// What lets somebody in and must stand nowhere (F-22).
    pub(super) secrets: RefCell<Vec<String>>,
}

/// Somebody who is there, or nobody, of the same length.
pub(super) fn address(known: bool, number: usize) -> String {
    let who = if known { "known" } else { "wrong" };
    format!("{who}.person{number:04}@bench.test")
}

impl World {
    /// Has somebody sign up. Returns the user id.
    pub(super) fn sign_up(&self, address: &str) -> Result<String> {
        let mut browser = Browser::new(self.address);
        let start = "/_estafette/sign-up";
        browser.open(start)?;
        let sent = browser.submit(&Request::form(start, &[("address", address)]))?;
        ensure!(sent.status == 303, "no code is sent: {} {}", sent.status, sent.body);
        let code = self.code(address)?;
        let fields = [("address", address), ("code", code.as_str())];
        browser.open(sent.location())?;
        let right = browser.submit(&Request::form("/_estafette/sign-up/code", &fields))?;
        ensure!(right.status == 303, "the code is not right: {}", right.body);
        browser.open(right.location())?;
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        let made = browser.submit(&Request::form("/_estafette/sign-up/account", &fields))?;
        ensure!(made.status == 303, "no account is made: {}", made.body);
        let page = browser.open("/_estafette/account?action=org.matrix.profile")?.body;
        self.secrets.borrow_mut().extend(browser.cookies().map(str::to_owned));
        let id = page.split('@').skip(1).find_map(|rest| {
            let id = rest.split(['<', '"', ' ']).next()?;
            id.ends_with(":bench.test").then(|| format!("@{id}"))
        });
        id.with_context(|| format!("the page names no user id: {page}"))
    }

    /// Asks for a code for an address, and leaves it at that: how often one was asked for is then
    /// the same for whoever is there and whoever is not.
    pub(super) fn ask_for_code(&self, address: &str) -> Result<()> {
        let mut browser = Browser::new(self.address);
        let start = "/_estafette/sign-up";
        browser.open(start)?;
        let sent = browser.submit(&Request::form(start, &[("address", address)]))?;
        ensure!(sent.status == 303, "no code is sent: {} {}", sent.status, sent.body);
        Ok(())
    }

    /// Logs somebody in who signed up. Returns the access token and the device id.
    pub(super) fn log_in(&self, user_id: &str) -> Result<(String, String)> {
        let body = json!({
            "type": "m.login.password", "password": PASSWORD, "refresh_token": true,
            "identifier": { "type": "m.id.user", "user": user_id },
        });
        let login = Request::json("/_matrix/client/v3/login", &body);
        let answer = Browser::new(self.address).ask(&login)?;
        let body: Value = serde_json::from_str(&answer.body)?;
        let said = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let device = said("device_id").with_context(|| answer.body.clone())?;
        self.secrets.borrow_mut().extend(said("refresh_token"));
        let token = said("access_token").context("no token")?;
        self.secrets.borrow_mut().push(token.clone());
        Ok((token, device))
    }

    /// The code in the mail to an address, waited for.
    fn code(&self, address: &str) -> Result<String> {
        let start = Instant::now();
        loop {
            if let Some(code) = self.code_now(address)? {
                return Ok(code);
            }
            ensure!(start.elapsed() < MAIL_WITHIN, "no mail to {address}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn code_now(&self, address: &str) -> Result<Option<String>> {
        for file in fs::read_dir(&self.mail)? {
            let path = file?.path();
            if path.extension().is_none_or(|kind| kind != "eml") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            if !text.contains(address) {
                continue;
            }
            // `1234 5678: …`, however many digits there are.
            let subject = text.split("Subject: ").nth(1).unwrap_or_default();
            let code: String = subject
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == ' ')
                .filter(char::is_ascii_digit)
                .collect();
            if !code.is_empty() {
                fs::remove_file(&path)?;
                return Ok(Some(code));
            }
        }
        Ok(None)
    }
}
