// SPDX-License-Identifier: Apache-2.0
//! From a proven mailbox to an account: a new one, or the way back to the one that there is.

use estafette_core::{email_address::EmailAddress, ids::UserId, limits::LOCALPART_TRIES};
use estafette_store::{
    IdentityStore as _, PeopleStore as _,
    accounts::{NewAccount, PasswordHash},
    identity::Return,
    people::{CreatePersonOutcome, PersonDetails},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{SIGN_UP, check_offered, other_address};
use crate::{
    Identity, account_log, code,
    display_name::{display_name, opaque_localpart},
    new_password::{self, Chosen},
    pages::{Browser, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
    policy::Organisation,
    sign_in::{BY_CODE, Onward, with_hint},
};

#[derive(Deserialize)]
pub(super) struct Filled {
    #[serde(flatten)]
    chosen: Chosen,
    /// The button for no password says `yes`.
    #[serde(default)]
    without: String,
    /// The box says `yes`.
    #[serde(default)]
    terms: String,
    #[serde(flatten)]
    onward: Onward,
}

/// What was wrong with what was filled in, and what is not lost of it.
#[derive(Default)]
struct Refused {
    password: Option<(&'static str, String)>,
    /// Whether the box of the terms has to be ticked.
    terms: bool,
    ticked: bool,
}

/// Whether a box has to be ticked.
fn asks_for_terms(browser: &Browser) -> bool {
    browser.identity.config.sign_up.accept_terms
}

/// What whoever holds the mailbox may do.
enum Way {
    /// Make an account, with this name.
    New(Box<Organisation>),
    /// Bring back the deactivated one.
    Back(Box<Organisation>, UserId),
    /// There is one already.
    Exists,
    /// There was one, which only an administrator brings back.
    Closed,
    /// Strangers need an invitation.
    NotInvited,
    /// The policy has changed in the meantime.
    Nobodys,
}

pub(super) async fn show(browser: Browser, Query(onward): Query<Onward>) -> PageResult {
    check_offered(&browser.identity)?;
    let onward = onward.path();
    let Some(address) = code::proven(&browser, &SIGN_UP).await? else {
        return Ok(browser.redirect(&code::with_onward(SIGN_UP.start, onward)));
    };
    let way = way(&browser.identity, &address).await?;
    Ok(browser.show(&page(&browser, &address, &way, onward, &Refused::default())))
}

pub(super) async fn create(Posted { mut browser, form }: Posted<Filled>) -> PageResult {
    check_offered(&browser.identity)?;
    let onward = form.onward.path();
    let Some(address) = code::proven(&browser, &SIGN_UP).await? else {
        return Ok(browser.redirect(&code::with_onward(SIGN_UP.start, onward)));
    };
    let way = way(&browser.identity, &address).await?;
    let (Way::New(organisation) | Way::Back(organisation, _)) = &way else {
        return Ok(browser.show(&page(&browser, &address, &way, onward, &Refused::default())));
    };
    let ticked = form.terms == "yes";
    let chosen = match form.without == "yes" && browser.identity.offers_codes() {
        true => Ok(None),
        false => form.chosen.accepted(&browser, address.as_str()).map(Some),
    };
    let hash = match chosen {
        Ok(None) if ticked || !asks_for_terms(&browser) => None,
        Ok(Some(password)) if ticked || !asks_for_terms(&browser) => {
            Some(browser.identity.host.hash_password(&password).await?)
        }
        chosen => {
            let terms = asks_for_terms(&browser) && !ticked;
            let refused = Refused { password: chosen.err(), terms, ticked };
            return Ok(browser.show(&page(&browser, &address, &way, onward, &refused)));
        }
    };
    // One proof, one account: whoever comes second with the same one starts again.
    if code::use_proof(&browser, &SIGN_UP).await?.as_ref() != Some(&address) {
        return Ok(browser.redirect(&code::with_onward(SIGN_UP.start, onward)));
    }
    let user_id = match &way {
        Way::Back(_, user_id) => {
            browser.identity.bring_back(user_id, &address, organisation, hash).await?
        }
        _ => browser.identity.make_account(&address, organisation, hash).await?,
    };
    match user_id {
        Some(user_id) => {
            let back = matches!(way, Way::Back(..));
            account_log::note(if back { "brought_back" } else { "signed_up" }, &user_id, &browser);
            let identity = &browser.identity;
            if !identity.config.sign_up.terms_url.is_empty() {
                identity.store.accept_terms(&user_id, identity.host.now_ms()).await?;
            }
            browser.sign_in(&user_id).await?;
            Ok(browser.redirect(onward))
        }
        // Somebody was faster with the same mailbox.
        None => Ok(browser.redirect(&code::with_onward(SIGN_UP.start, onward))),
    }
}

async fn way(identity: &Identity, address: &EmailAddress) -> Result<Way, Trouble> {
    let here = identity.host.server_name();
    let organisation = identity.policy.organisation_of(address);
    let organisation = organisation.filter(|organisation| organisation.homeserver == *here);
    let Some(organisation) = organisation else { return Ok(Way::Nobodys) };
    let organisation = Box::new((**organisation).clone());
    let reactivation = identity.config.sign_up.reactivation;
    let back = match identity.store.person_by_email(address.as_str()).await? {
        Some(person) if !person.deactivated => {
            let is_long_expired = identity.is_long_expired(person.details.expires_ms);
            return Ok(if is_long_expired { Way::Closed } else { Way::Exists });
        }
        // The mailbox may have passed on: whoever has it now gets an account of their own.
        Some(person) if person.may_come_back() && identity.is_long_gone(&person) => None,
        Some(person) if !reactivation || !person.may_come_back() => return Ok(Way::Closed),
        // The mailbox alone would be a way around the provider, which shuts out who left.
        Some(person) if identity.known_by_subject(&person.user_id).await? => {
            return Ok(Way::Closed);
        }
        back => back,
    };
    let fixed = back.as_ref().filter(|person| person.details.organisation_fixed);
    let guest = fixed.map_or(organisation.guests, |person| person.details.guest);
    let now_ms = identity.host.now_ms();
    if guest && !identity.store.is_invited(address.as_str(), now_ms).await? {
        return Ok(Way::NotInvited);
    }
    Ok(match back {
        Some(person) => Way::Back(organisation, person.user_id),
        None => Way::New(organisation),
    })
}

impl Identity {
    /// Makes an account for a proven address, under an id that tells nothing and a name that the
    /// address gives. `None`: the address has an account by now, or one that an administrator
    /// closed, or the guest's invitation is used up or taken back.
    pub(crate) async fn make_account(
        &self,
        address: &EmailAddress,
        organisation: &Organisation,
        password_hash: Option<PasswordHash>,
    ) -> Result<Option<UserId>, Trouble> {
        let now_ms = self.host.now_ms();
        for _ in 0..LOCALPART_TRIES {
            let localpart = opaque_localpart(&*self.host);
            let user_id = UserId::from_localpart(&localpart, self.host.server_name())
                .map_err(|error| Trouble::Broken(error.to_string()))?;
            let account = NewAccount {
                user_id: user_id.clone(),
                password_hash: password_hash.clone(),
                appservice_id: None,
                is_admin: false,
                displayname: Some(display_name(address, organisation)),
                registration_token: None,
                login: None,
                now_ms,
            };
            let details = self.details(address, organisation);
            match self.store.create_person(account, details).await? {
                CreatePersonOutcome::Created => return Ok(Some(user_id)),
                CreatePersonOutcome::EmailTaken
                | CreatePersonOutcome::NotInvited
                | CreatePersonOutcome::Closed => return Ok(None),
                CreatePersonOutcome::Taken | CreatePersonOutcome::TokenInvalid => {}
            }
        }
        Err(Trouble::Broken("no localpart is free".into()))
    }

    /// Brings a deactivated account back for whoever holds its mailbox. `None`: it is back already,
    /// or an administrator has closed it meanwhile.
    async fn bring_back(
        &self,
        user_id: &UserId,
        address: &EmailAddress,
        organisation: &Organisation,
        hash: Option<PasswordHash>,
    ) -> Result<Option<UserId>, Trouble> {
        let back = Return {
            user_id: user_id.clone(),
            details: self.details(address, organisation),
            displayname: display_name(address, organisation),
            password_hash: hash,
        };
        if !self.store.bring_back(back).await? {
            return Ok(None);
        }
        self.host.profile_changed(user_id);
        Ok(Some(user_id.clone()))
    }

    fn details(&self, address: &EmailAddress, organisation: &Organisation) -> PersonDetails {
        let named = |text: &String| (!text.is_empty()).then(|| text.clone());
        PersonDetails {
            email: Some(address.to_string()),
            organisation_id: named(&organisation.id),
            organisation_name: named(&organisation.name),
            guest: organisation.guests,
            expires_ms: self.next_expiry_ms(),
            derived_name: Some(display_name(address, organisation)),
            ..PersonDetails::default()
        }
    }
}

fn page(
    browser: &Browser,
    address: &EmailAddress,
    way: &Way,
    onward: &str,
    refused: &Refused,
) -> Page {
    let words = &browser.words().sign_up;
    let (title, text) = match way {
        Way::New(organisation) | Way::Back(organisation, _) => {
            let back = matches!(way, Way::Back(..));
            return password_page(browser, address, organisation, back, onward, refused);
        }
        Way::Exists => words.exists,
        Way::Closed => words.closed,
        Way::NotInvited => words.not_invited,
        Way::Nobodys => (words.title, words.nobodys),
    };
    let body = html! {
        h1 { (title) }
        p { (text) }
        p { strong { (address) } }
        @if matches!(way, Way::Exists) {
            (ways_in(browser, address, onward))
        } @else {
            (other_address(browser, onward))
        }
    };
    Page::new(title, body)
}

/// The ways into the account that there is, with its address.
fn ways_in(browser: &Browser, address: &EmailAddress, onward: &str) -> Markup {
    let (words, sign_in) = (&browser.words().sign_up, &browser.words().sign_in);
    let way = |path| with_hint(path, onward, address.as_str());
    html! {
        div.actions {
            a.button href=(way("/_estafette/sign-in")) { (words.go_sign_in) }
            @if browser.identity.offers_codes() {
                a.button.second href=(way(BY_CODE)) { (sign_in.by_code) }
            }
            a.button.second href=(way("/_estafette/password/reset")) { (sign_in.forgotten) }
        }
    }
}

/// What whoever signs up accepts.
fn terms(browser: &Browser, refused: &Refused) -> Markup {
    let words = &browser.words().sign_up;
    let url = &browser.identity.config.sign_up.terms_url;
    let link = html! { a href=(url) { (words.terms) } };
    let described = refused.terms.then_some("terms-error");
    html! {
        @if url.is_empty() {
        } @else if asks_for_terms(browser) {
            div.field {
                @if refused.terms { p.error id="terms-error" { (words.terms_missing) } }
                div.box {
                    input id="terms" name="terms" type="checkbox" value="yes"
                        checked[refused.ticked] required aria-describedby=[described]
                        aria-invalid=[refused.terms.then_some("true")];
                    label for="terms" { (words.terms_by_a_box) " " (link) "." }
                }
            }
        } @else {
            p { (words.terms_by_going_on) " " (link) "." }
        }
    }
}

fn password_page(
    browser: &Browser,
    address: &EmailAddress,
    organisation: &Organisation,
    back: bool,
    onward: &str,
    refused: &Refused,
) -> Page {
    let words = &browser.words().sign_up;
    let wrong = refused.password.as_ref();
    let mut errors: Vec<(&str, &str)> = wrong.iter().map(|(field, why)| (*field, &**why)).collect();
    errors.extend(refused.terms.then_some(("terms", words.terms_missing)));
    let title = if back { words.back_title } else { words.account_title };
    let form = html! {
        input type="hidden" name="continue" value=(onward);
        (new_password::fields(browser, address.as_str(), wrong))
        (terms(browser, refused))
        div.actions {
            button type="submit" { (if back { words.bring_back } else { words.create }) }
            @if browser.identity.offers_codes() {
                button.second type="submit" name="without" value="yes" { (words.without) }
            }
        }
        @if browser.identity.offers_codes() { p.after { (words.without_hint) } }
    };
    let body = html! {
        h1 { (title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        dl {
            dt { (words.your_address) } dd { (address) }
            dt { (words.your_name) } dd { (display_name(address, organisation)) }
        }
        (browser.form(SIGN_UP.next, &form))
    };
    let is_refused = wrong.is_some() || refused.terms;
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(title, body).status(status)
}
