// SPDX-License-Identifier: Apache-2.0
//! The frame of every page, its headers, and the parts that forms are made of (WCAG 2.2 AA).

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use super::{STYLE_URL, language::Language, words};
use crate::{Identity, page_links};

/// What a page shows.
pub(crate) struct Page {
    title: String,
    body: Markup,
    status: StatusCode,
    /// Sources besides this server that a form of the page may lead to.
    form_targets: Vec<String>,
    /// Where it goes on to by itself.
    onward: Option<String>,
}

impl Page {
    /// A page with its title (of the window) and what stands in its `main`, a heading included.
    pub(crate) fn new(title: &str, body: Markup) -> Self {
        let (title, status) = (title.to_owned(), StatusCode::OK);
        Self { title, body, status, form_targets: Vec::new(), onward: None }
    }

    /// The same with another status than 200.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same that goes on to a URL by itself, by a navigation that is no form's.
    pub(crate) fn goes_on_to(mut self, url: &str) -> Self {
        self.onward = Some(url.to_owned());
        self
    }

    /// Lets a form of the page end at `target`, a redirect URI: Chromium holds redirects after a
    /// form against `form-action` (CSP level 3 §6.4.1). Its scheme and host alone are allowed.
    pub(crate) fn may_lead_to(mut self, target: &str) -> Self {
        let Some((scheme, rest)) = target.split_once(':') else { return self };
        let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
        // To others leads a page in between (`oauth::consent::back_to_client`).
        let source = match (scheme, host) {
            ("http" | "https", Some(host)) => format!("{scheme}://{host}"),
            _ => return self,
        };
        // Nothing that could end the directive or the header, and no IPv6 address.
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:/".contains(&byte);
        if source.bytes().all(safe) {
            self.form_targets.push(source);
        }
        self
    }
}

/// The page as an answer.
pub(super) fn response(identity: &Identity, language: Language, page: &Page) -> Response {
    let words = &words::of(language).frame;
    let service_name = &identity.config.service_name;
    let has_failed = page.status.is_client_error() || page.status.is_server_error();
    let failed = if has_failed { words.error } else { "" };
    let html = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                @if let Some(url) = &page.onward {
                    meta http-equiv="refresh" content={ "0;url=" (url) };
                }
                // WCAG 2.4.2: who hears the title alone hears what happened.
                title { (failed) (page.title) " · " (service_name) }
                link rel="stylesheet" href=(*STYLE_URL);
            }
            body {
                a.skip href="#main" { (words.skip) }
                header { p.service { (service_name) } }
                main id="main" tabindex="-1" { (page.body) }
                footer {
                    (page_links::foot(identity, language))
                    p { (words.footer) }
                }
            }
        }
    };
    let mut response = Response::new(Body::from(html.into_string()));
    *response.status_mut() = page.status;
    guard(response.headers_mut(), &page.form_targets);
    response
}

/// Headers of every page: it runs nothing, is framed by nobody, is kept nowhere (T-I8).
fn guard(headers: &mut HeaderMap, form_targets: &[String]) {
    let mut policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self'"
        .to_owned();
    for target in form_targets {
        policy.push(' ');
        policy.push_str(target);
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// One field of a form, with what was typed and what is wrong with it.
pub(crate) struct Field<'a> {
    /// Its name in the form and its id on the page.
    pub(crate) name: &'a str,
    /// What is asked for.
    pub(crate) label: &'a str,
    /// `text` or `password`.
    pub(crate) kind: &'a str,
    /// What stands in it.
    pub(crate) value: &'a str,
    /// What browsers and password managers may fill in (HTML, "Autofill").
    pub(crate) autocomplete: &'a str,
    /// What helps to fill it in.
    pub(crate) hint: Option<&'a str>,
    /// What is wrong with what was typed.
    pub(crate) error: Option<&'a str>,
}

impl Field<'_> {
    /// The label, its hint, what is wrong, and the field, tied together for screen readers.
    pub(crate) fn render(&self) -> Markup {
        let hint_id = format!("{}-hint", self.name);
        let error_id = format!("{}-error", self.name);
        let described: Vec<&str> =
            [self.hint.map(|_| hint_id.as_str()), self.error.map(|_| error_id.as_str())]
                .into_iter()
                .flatten()
                .collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        // No `type=email`: browsers write the domain of such a field in Punycode, unseen, and
        // whoever slipped would wait for a mail that goes elsewhere.
        let keyboard = match self.autocomplete {
            "one-time-code" => Some("numeric"),
            "email" => Some("email"),
            _ => None,
        };
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                @if let Some(hint) = self.hint { p.hint id=(hint_id) { (hint) } }
                @if let Some(error) = self.error { p.error id=(error_id) { (error) } }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.autocomplete) inputmode=[keyboard] required
                    autocapitalize="none" spellcheck="false"
                    aria-describedby=[described] aria-invalid=[self.error.map(|_| "true")];
            }
        }
    }
}

/// What is wrong with a form, first on its page and focused: each line leads to its field.
pub(crate) fn error_summary(title: &str, errors: &[(&str, &str)]) -> Markup {
    html! {
        @if !errors.is_empty() {
            div.summary role="alert" tabindex="-1" autofocus {
                h2 { (title) }
                ul {
                    @for (field, error) in errors {
                        li { a href={ "#" (field) } { (error) } }
                    }
                }
            }
        }
    }
}

/// What has just happened, first on its page and focused (WCAG 2.2, 4.1.3).
pub(crate) fn status(text: &str) -> Markup {
    html! { p.notice role="status" tabindex="-1" autofocus { (text) } }
}
