// SPDX-License-Identifier: Apache-2.0
//! What is said of an address that does not belong to this server, so that nobody waits here for a
//! mail that another server would send.
//!
//! It is said by the policy alone, as the look-up says it to everybody: the same for every address
//! that a rule stands for, whether it has an account or not (F-24).

use estafette_core::email_address::EmailAddress;
use maud::{Markup, html};

use crate::{code::with_query, pages::Browser, policy::Organisation};

/// The notice; `path` is the page that does the same on the other server. `None`: the address
/// belongs here, or this server knows no organisation.
pub(crate) fn notice(browser: &Browser, address: &EmailAddress, path: &str) -> Option<Markup> {
    let (identity, words) = (&browser.identity, &browser.words().sign_up);
    if identity.policy.is_empty() {
        return None;
    }
    let Some(organisation) = identity.policy.organisation_of(address) else {
        return Some(html! { p.notice { (words.nobodys) } });
    };
    (organisation.homeserver != *identity.host.server_name()).then(|| {
        html! {
            div.notice {
                p { strong { (words.elsewhere_title) "." } }
                (elsewhere(browser, address, organisation, path))
            }
        }
    })
}

/// Whose the address is, and the way to their server.
pub(crate) fn elsewhere(
    browser: &Browser,
    address: &EmailAddress,
    organisation: &Organisation,
    path: &str,
) -> Markup {
    let words = &browser.words().sign_up;
    let hint = [("login_hint", address.as_str())];
    let link = organisation.url.as_ref().map(|url| with_query(&format!("{url}{path}"), &hint));
    html! {
        p { (words.elsewhere) " " strong { (organisation.name) } "." }
        @if let Some(link) = link {
            div.actions { a.button href=(link) { (words.elsewhere_go) } }
        } @else {
            p { (words.elsewhere_server) " " strong { (organisation.homeserver) } "." }
        }
    }
}

#[cfg(test)]
mod tests;
