// SPDX-License-Identifier: Apache-2.0
//! Where somebody opens the link of an invitation in a browser that is signed in.

use estafette_core::{email_address::EmailAddress, ids::UserId};
use maud::html;

use super::SIGN_UP;
use crate::{
    address_form::Asked,
    owner::Owner,
    pages::{Browser, Page, PageResult},
    sign_in::with_hint,
};

/// Leads on whoever is signed in, unless the link is for somebody else: then they choose.
pub(super) async fn show(browser: &Browser, user_id: &UserId, asked: &Asked) -> PageResult {
    let onward = asked.onward.path();
    let invited = EmailAddress::parse(asked.typed()).ok();
    let owner = Owner::of(&browser.identity, user_id).await?;
    let own = owner.email.as_deref();
    let Some(invited) = invited.filter(|invited| own != Some(invited.as_str())) else {
        return Ok(browser.redirect(onward));
    };
    let words = &browser.words().sign_up;
    let body = html! {
        h1 { (words.signed_in_title) }
        p { (words.link_is_for) " " strong { (invited) } ". " (words.browser_is_of) }
        (owner.shown())
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue"
                value=(with_hint(SIGN_UP.start, onward, invited.as_str()));
            div.actions {
                button type="submit" { (words.sign_out_first) }
                a.button.second href=(browser.place(onward)) { (words.stay) }
            }
        }))
    };
    Ok(browser.show(&Page::new(words.signed_in_title, body)))
}
