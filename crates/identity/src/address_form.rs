// SPDX-License-Identifier: Apache-2.0
//! The first page of whatever a mailbox proves: where the address is typed that a code goes to.

use estafette_core::email_address::EmailAddress;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    code::{self, Purpose},
    pages::{
        Browser, Field, Page, PageResult,
        layout::error_summary,
        words::code::{Code, address_error},
    },
    sign_in::Onward,
};

/// What is typed there, or comes with a link.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    address: String,
    #[serde(default)]
    login_hint: String,
    #[serde(flatten)]
    pub(crate) onward: Onward,
}

impl Asked {
    /// What was typed. Keyboards put spaces around it; nothing else is taken away.
    pub(crate) fn typed(&self) -> &str {
        let typed = if self.address.is_empty() { &self.login_hint } else { &self.address };
        typed.trim_matches(' ')
    }

    /// The address, or the sentence that says why it is none.
    pub(crate) fn parsed(&self, browser: &Browser) -> Result<EmailAddress, &'static str> {
        parsed(&browser.words().code, self.typed())
    }
}

/// An address, or the sentence that says why it is none.
pub(crate) fn parsed(words: &Code, typed: &str) -> Result<EmailAddress, &'static str> {
    match typed {
        "" => Err(words.address_missing),
        typed => EmailAddress::parse(typed).map_err(|error| address_error(words, error)),
    }
}

/// What one such page has of its own.
pub(crate) struct AddressPage {
    /// Its heading.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) text: Option<&'static str>,
    /// What the field is called.
    pub(crate) label: &'static str,
    /// What is to be typed.
    pub(crate) hint: Option<&'static str>,
    /// Where the form goes.
    pub(crate) action: &'static str,
    /// Other ways on, below the form.
    pub(crate) ways: Markup,
}

impl AddressPage {
    /// The page, with what was typed and what was `wrong` with it.
    pub(crate) fn render(&self, browser: &Browser, asked: &Asked, wrong: Option<&str>) -> Page {
        let errors: Vec<(&str, &str)> = wrong.iter().map(|why| ("address", *why)).collect();
        let form = html! {
            input type="hidden" name="continue" value=(asked.onward.path());
            (Field {
                name: "address", label: self.label, kind: "text", value: asked.typed(),
                autocomplete: "email", hint: self.hint, error: wrong,
            }.render())
            div.actions { button type="submit" { (browser.words().sign_up.send) } }
        };
        let body = html! {
            h1 { (self.title) }
            (error_summary(browser.words().frame.errors_title, &errors))
            @if let Some(text) = self.text { p { (text) } }
            (browser.form(self.action, &form))
            (self.ways)
        };
        let refused = StatusCode::UNPROCESSABLE_ENTITY;
        Page::new(self.title, body).status(if wrong.is_some() { refused } else { StatusCode::OK })
    }
}

/// Sends a code to the mailbox of an account that it opens. Everybody else is answered alike, and
/// is not written to (F-24).
pub(crate) async fn send_to_owner(
    browser: &Browser,
    purpose: &Purpose,
    asked: &Asked,
    page: &AddressPage,
) -> PageResult {
    let address = match asked.parsed(browser) {
        Ok(address) => address,
        Err(why) => return Ok(browser.show(&page.render(browser, asked, Some(why)))),
    };
    let nobodys = browser.identity.opened_by_mailbox(&address).await?.is_none();
    code::send(browser, purpose, &address, nobodys, asked.onward.path()).await
}
