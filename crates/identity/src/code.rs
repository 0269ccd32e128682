// SPDX-License-Identifier: Apache-2.0
//! Codes sent by mail: eight digits that prove a mailbox, in the browser that asked for them.
//!
//! A code is kept as a MAC keyed with the browser's cookie, which is not kept: whoever reads the
//! database cannot try the million codes, and a code that somebody is talked out of is worth
//! nothing in another browser. It is tried five times at most, used once, and ends after ten
//! minutes. What it proves holds for one purpose, and is used up by it.
//!
//! Guesses at a mailbox are bounded by the codes that it is sent, which are shared out as guesses
//! at passwords are ([`estafette_core::guesses`]), never by what others try: whoever has a code in
//! hand types it, whatever strangers do meanwhile.

use axum::response::Response;
use estafette_core::{
    email_address::EmailAddress,
    guesses::{Origin, Standing},
    limits::{
        EMAIL_CODE_DIGITS, EMAIL_CODE_S, EMAIL_CODE_TRIES, EMAIL_CODE_TRIES_MIN,
        EMAIL_CODES_MEMORY_S, EMAIL_CODES_PER_SOURCE, EMAIL_CODES_PER_SOURCE_AND_DAY,
        EMAIL_CODES_PER_WINDOW, EMAIL_CODES_WINDOW_S, EMAIL_PROOF_S,
    },
};
use estafette_store::{
    IdentityStore as _, PeopleStore as _,
    identity::{CodeOutcome, NewCode, TryOutcome},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    Host, astray,
    mail::letters::{self, CodeFor},
    pages::{
        Browser, Field, Page, Trouble,
        layout::{error_summary, status},
    },
    sign_in::Onward,
    sign_up::{SIGN_UP, is_of_guests},
};

/// What an address is proven for, and the pages that do so.
pub(crate) struct Purpose {
    /// Its name in the store.
    pub(crate) name: &'static str,
    /// What the mail says.
    pub(crate) letter: CodeFor,
    /// Whether whoever asks is signed in, and has shown that they are.
    pub(crate) signed_in: bool,
    /// The page where an address is typed, to which the form to send again posts.
    pub(crate) start: &'static str,
    /// The page where the code is typed.
    pub(crate) page: &'static str,
    /// The page that the proof opens.
    pub(crate) next: &'static str,
}

/// With what the page of the code is opened.
#[derive(Deserialize)]
pub(crate) struct Shown {
    /// [`AGAIN`]: it is not the first code.
    #[serde(default)]
    sent: String,
    #[serde(flatten)]
    onward: Onward,
}

/// See [`Shown::sent`].
const AGAIN: &str = "again";

/// What is typed on the page of the code.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    code: String,
    #[serde(flatten)]
    pub(crate) onward: Onward,
}

/// Sends a code and leads to the page where it is typed.
///
/// With `to_nobody` everything is the same, but no mail is sent: strangers cannot tell whether an
/// account exists. Whoever asks again too early is shown where the code that they have is typed.
pub(crate) async fn send(
    browser: &Browser,
    purpose: &Purpose,
    address: &EmailAddress,
    to_nobody: bool,
    onward: &str,
) -> Result<Response, Trouble> {
    let waits = waits_for(browser, purpose, address.as_str()).await?;
    match put(browser, purpose, address, to_nobody).await {
        Ok(()) => {
            let mut query = vec![("continue", onward)];
            query.extend(waits.then_some(("sent", AGAIN)));
            Ok(browser.redirect(&with_query(purpose.page, &query)))
        }
        Err(Trouble::Limited { retry_after_s }) if waits => {
            let said = (browser.words().code.too_early)(retry_after_s);
            let page = page(browser, purpose, address.as_str(), onward, &Said::Notice(said));
            let mut answer = browser.show(&page.status(StatusCode::TOO_MANY_REQUESTS));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            Ok(answer)
        }
        Err(trouble) => Err(trouble),
    }
}

/// Keeps a new code and the mail that brings it. Errors: [`Trouble::Limited`].
async fn put(
    browser: &Browser,
    purpose: &Purpose,
    address: &EmailAddress,
    to_nobody: bool,
) -> Result<(), Trouble> {
    let identity = &browser.identity;
    let from = asker(browser, purpose, address).await?;
    identity.host.begin_code(address.as_str(), browser.address, &from)?;
    let now_ms = identity.host.now_ms();
    let expires_ms = now_ms.saturating_add((EMAIL_CODE_S * 1000).cast_signed());
    let code = draw(&*identity.host);
    let service = &identity.config.service_name;
    let letter = letters::code(browser.language, service, purpose.letter, &code);
    let mail = identity.compose(address.as_str(), letter, Some(expires_ms));
    let new = NewCode {
        browser: browser.key(),
        purpose: purpose.name,
        address: address.to_string(),
        mac: browser.mac(&["code", purpose.name, &code]),
        tries: EMAIL_CODE_TRIES,
        tries_min: EMAIL_CODE_TRIES_MIN,
        expires_ms,
        mail,
        to_nobody,
        now_ms,
        source: match browser.user_id() {
            // A new session is no new place.
            Some(user_id) if purpose.signed_in => format!("sessions of {user_id}"),
            _ => from.name(),
        },
        asked_max: EMAIL_CODES_PER_WINDOW,
        asked_by_source_max: EMAIL_CODES_PER_SOURCE,
        asked_by_source_per_day_max: match from.standing {
            // Many people are there, and one of them must not use up the others' day.
            Standing::House => u32::MAX,
            _ => EMAIL_CODES_PER_SOURCE_AND_DAY,
        },
        window_ms: (EMAIL_CODES_WINDOW_S * 1000).cast_signed(),
        memory_ms: (EMAIL_CODES_MEMORY_S * 1000).cast_signed(),
    };
    match identity.store.put_code(new).await? {
        CodeOutcome::Kept => {
            identity.mailer.wake();
            Ok(())
        }
        CodeOutcome::TooMany { again_ms } => {
            let wait_ms = again_ms.saturating_sub(now_ms).max(0).cast_unsigned();
            Err(Trouble::Limited { retry_after_s: wait_ms.div_ceil(1000) })
        }
    }
}

/// How whoever asks for a code stands to the address. The same is done for an address that is
/// nobody's.
async fn asker(
    browser: &Browser,
    purpose: &Purpose,
    address: &EmailAddress,
) -> Result<Origin, Trouble> {
    if purpose.signed_in {
        return Ok(browser.session_origin());
    }
    let owner = browser.identity.store.person_by_email(address.as_str()).await?;
    let owner = owner.as_ref().map(|person| person.user_id.as_str());
    browser.origin(owner.unwrap_or(address.as_str())).await
}

/// The page where the code is typed; the way back where there is none to type.
pub(crate) async fn show(
    browser: &Browser,
    purpose: &Purpose,
    shown: &Shown,
) -> Result<Response, Trouble> {
    let now_ms = browser.identity.host.now_ms();
    let onward = shown.onward.path();
    match browser.identity.store.code(browser.key(), purpose.name, now_ms).await? {
        None => Ok(browser.redirect(&with_onward(purpose.start, onward))),
        Some((_, true)) => Ok(browser.redirect(&with_onward(purpose.next, onward))),
        Some((address, false)) => {
            let words = &browser.words().code;
            let said = match (shown.sent == AGAIN, is_sent(browser, purpose, &address)) {
                (false, _) => Said::Nothing,
                (true, true) => Said::Notice(words.sent_again.into()),
                (true, false) => Said::Notice(words.asked_again.into()),
            };
            Ok(browser.show(&page(browser, purpose, &address, onward, &said)))
        }
    }
}

/// Tries what was typed. Leads on when it is right.
pub(crate) async fn check(
    browser: &Browser,
    purpose: &Purpose,
    typed: &Typed,
) -> Result<Response, Trouble> {
    let identity = &browser.identity;
    let (now_ms, onward) = (identity.host.now_ms(), typed.onward.path());
    let waiting = identity.store.code(browser.key(), purpose.name, now_ms).await?;
    let address = match waiting {
        None => return Ok(ended(browser, purpose, onward)),
        // Another page of this browser was faster.
        Some((_, true)) => return Ok(browser.redirect(&with_onward(purpose.next, onward))),
        Some((address, false)) => address,
    };
    identity.host.limit_proof(&format!("code in {}", browser.name()))?;
    let digits = digits(&typed.code);
    let words = &browser.words().code;
    if digits.len() != EMAIL_CODE_DIGITS as usize || !digits.bytes().all(|b| b.is_ascii_digit()) {
        // A slip of the finger costs no try.
        let wrong = Said::Wrong(&typed.code, words.not_a_code.to_owned());
        let page = page(browser, purpose, &address, onward, &wrong);
        return Ok(browser.show(&page));
    }
    let Some(asked_for) = parsed(Some(address.clone()))? else { return Err(Trouble::NotFound) };
    let from = asker(browser, purpose, &asked_for).await?;
    // The first try of a code waits for nobody: what others at the address do, who slip or guess,
    // keeps no newcomer out.
    let is_first = identity.store.begin_first_try(browser.key(), purpose.name).await?;
    if !is_first {
        identity.host.limit_source(&format!("codes from {}", browser.address))?;
    }
    // Who is signed in has a lane to ask for codes by, which would bring as many free tries.
    let free = is_first && !purpose.signed_in;
    let counted = identity.host.begin_code_try(browser.address, &from, free)?;
    let mac = browser.mac(&["code", purpose.name, &digits]);
    let until_ms = now_ms.saturating_add((EMAIL_PROOF_S * 1000).cast_signed());
    let tried = identity.store.try_code(browser.key(), purpose.name, mac, now_ms, until_ms);
    match tried.await? {
        TryOutcome::Proven(_) => {
            note(browser, purpose, "code_right");
            identity.host.code_was_right(&address, browser.address, &from, counted);
            Ok(browser.redirect(&with_onward(purpose.next, onward)))
        }
        TryOutcome::Ended => Ok(ended(browser, purpose, onward)),
        TryOutcome::Wrong { tries_left } => {
            note(browser, purpose, "code_wrong");
            let wrong = Said::Wrong(&typed.code, (words.wrong)(tries_left));
            Ok(browser.show(&page(browser, purpose, &address, onward, &wrong)))
        }
    }
}

/// Writes to the log of accounts what became of a code. Whose it is shows in what it opens.
fn note(browser: &Browser, purpose: &Purpose, event: &str) {
    let (purpose, source) = (purpose.name, browser.address);
    tracing::info!(target: "account", event, purpose, %source, "account");
}

/// Whether a code sent to `address` waits to be typed into this browser.
pub(crate) async fn waits_for(
    browser: &Browser,
    purpose: &Purpose,
    address: &str,
) -> Result<bool, Trouble> {
    let now_ms = browser.identity.host.now_ms();
    let code = browser.identity.store.code(browser.key(), purpose.name, now_ms).await?;
    Ok(code.is_some_and(|(waiting, proven)| waiting == address && !proven))
}

/// Whose mailbox is proven. `None`: nobody's, or the proof has ended.
pub(crate) async fn proven(
    browser: &Browser,
    purpose: &Purpose,
) -> Result<Option<EmailAddress>, Trouble> {
    let now_ms = browser.identity.host.now_ms();
    let code = browser.identity.store.code(browser.key(), purpose.name, now_ms).await?;
    parsed(code.filter(|(_, proven)| *proven).map(|(address, _)| address))
}

/// The same, used up: whoever gets the address is the only one who does.
pub(crate) async fn use_proof(
    browser: &Browser,
    purpose: &Purpose,
) -> Result<Option<EmailAddress>, Trouble> {
    let now_ms = browser.identity.host.now_ms();
    parsed(browser.identity.store.use_proof(browser.key(), purpose.name, now_ms).await?)
}

/// The digits of a code as people type it: apart, with a dash or a final dot, or in full width.
/// Anything else stays, and makes it none.
fn digits(typed: &str) -> String {
    let between = |c: &char| !c.is_whitespace() && !matches!(c, '-' | '–' | '.');
    let digit = |c: char| match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
        c => c,
    };
    typed.chars().filter(between).map(digit).collect()
}

fn parsed(address: Option<String>) -> Result<Option<EmailAddress>, Trouble> {
    let parse = |address: String| {
        EmailAddress::parse(&address).map_err(|error| Trouble::Broken(error.to_string()))
    };
    address.map(parse).transpose()
}

/// A path with where to go on to.
pub(crate) fn with_onward(path: &str, onward: &str) -> String {
    with_query(path, &[("continue", onward)])
}

/// A path with a query.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    format!("{path}?{query}")
}

/// There is no code to try any more: where to ask for a new one.
fn ended(browser: &Browser, purpose: &Purpose, onward: &str) -> Response {
    let words = &browser.words().code;
    let body = html! {
        h1 { (words.ended_title) }
        p { (words.ended) }
        div.actions { a.button href=(with_onward(purpose.start, onward)) { (words.again) } }
    };
    browser.show(&Page::new(words.ended_title, body).status(StatusCode::UNPROCESSABLE_ENTITY))
}

/// What is said on the page of the code before anything else.
enum Said<'a> {
    Nothing,
    Notice(String),
    /// What was typed, and what is wrong with it.
    Wrong(&'a str, String),
}

/// Who may have no account is not told that a mail is on its way.
fn is_certain(purpose: &Purpose) -> bool {
    !matches!(purpose.letter, CodeFor::Reset | CodeFor::SignIn)
}

fn of_guests(browser: &Browser, purpose: &Purpose, address: &str) -> bool {
    purpose.name == SIGN_UP.name && is_of_guests(&browser.identity, address)
}

/// Whether it may be said that a mail is on its way.
fn is_sent(browser: &Browser, purpose: &Purpose, address: &str) -> bool {
    is_certain(purpose) && !of_guests(browser, purpose, address)
}

fn page(
    browser: &Browser,
    purpose: &Purpose,
    address: &str,
    onward: &str,
    said: &Said<'_>,
) -> Page {
    let words = &browser.words().code;
    let (typed, why) = match said {
        Said::Wrong(typed, why) => (*typed, Some(why.as_str())),
        _ => ("", None),
    };
    let errors: Vec<(&str, &str)> = why.iter().map(|why| ("code", *why)).collect();
    let astray = (!is_certain(purpose)).then(|| EmailAddress::parse(address).ok()).flatten();
    let astray = astray.and_then(|address| astray::notice(browser, &address, purpose.start));
    let sent = match (is_certain(purpose), of_guests(browser, purpose, address)) {
        (true, true) => words.sent_if_invited,
        (true, false) => words.sent,
        (false, _) => words.sent_if_known,
    };
    let form = html! {
        input type="hidden" name="continue" value=(onward);
        (Field {
            name: "code", label: words.label, kind: "text", value: typed,
            autocomplete: "one-time-code", hint: Some(words.hint), error: why,
        }.render())
        div.actions { button type="submit" { (words.submit) } }
    };
    let body = html! {
        h1 { (words.title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        @if let Said::Notice(notice) = said { (status(notice)) }
        @if let Some(astray) = astray { (astray) }
        p { (sent) " " strong { (address) } "." }
        (browser.form(purpose.page, &form))
        (again(browser, purpose, address, onward))
    };
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.title, body).status(status)
}

/// To be sent another code, or to type another address.
fn again(browser: &Browser, purpose: &Purpose, address: &str, onward: &str) -> Markup {
    let words = &browser.words().code;
    let form = html! {
        input type="hidden" name="continue" value=(onward);
        input type="hidden" name="address" value=(address);
        button.second type="submit" { (words.again) }
    };
    html! {
        h2 { (words.not_there) }
        p { (words.not_there_hint) }
        (browser.form(purpose.start, &form))
        @if !matches!(purpose.letter, CodeFor::Proof) {
            ul.links {
                li { a href=(with_onward(purpose.start, onward)) { (words.other_address) } }
            }
        }
    }
}

/// Six digits, each as likely as any other.
fn draw(host: &dyn Host) -> String {
    let codes = 10_u32.pow(EMAIL_CODE_DIGITS);
    let fair = u32::MAX - u32::MAX % codes;
    loop {
        let mut bytes = [0; 4];
        host.fill_random(&mut bytes);
        let drawn = u32::from_le_bytes(bytes);
        if drawn < fair {
            return format!("{:08}", drawn % codes);
        }
    }
}

#[cfg(test)]
mod tests;
