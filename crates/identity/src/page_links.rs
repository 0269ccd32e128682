// SPDX-License-Identifier: Apache-2.0
//! The links that an operator puts on the pages: terms of use, legal notice, data protection, the
//! statement on accessibility (RGAA), and the support (WCAG 2.2, 3.2.6).

use http::Uri;
use maud::{Markup, html};

use crate::{
    Identity, IdentityConfig,
    config::PageLink,
    pages::{Language, local_path, words},
};

/// How many links the foot of a page has at most.
const LINKS_MAX: usize = 12;

/// Says which link cannot be meant.
pub(crate) fn check(config: &IdentityConfig) -> Result<(), String> {
    if config.links.len() > LINKS_MAX {
        return Err(format!("links: more than {LINKS_MAX}"));
    }
    for (index, link) in config.links.iter().enumerate() {
        if link.label_fr.trim().is_empty() || link.label_en.trim().is_empty() {
            return Err(format!("links: link {} has no label in both languages", index + 1));
        }
        if !leads_somewhere(&link.url) {
            return Err(format!(
                "links: link {}: `{}` is neither https://… nor a path of this server",
                index + 1,
                link.url
            ));
        }
    }
    let (url, accept) = (&config.sign_up.terms_url, config.sign_up.accept_terms);
    if !url.is_empty() && !leads_somewhere(url) {
        return Err(format!(
            "sign_up.terms_url: `{url}` is neither https://… nor a path of this server"
        ));
    }
    if accept && url.is_empty() {
        return Err("sign_up.accept_terms needs sign_up.terms_url".into());
    }
    Ok(())
}

fn leads_somewhere(url: &str) -> bool {
    local_path(url).is_some() || is_web(url, &["https"])
}

fn is_web(url: &str, schemes: &[&str]) -> bool {
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed: Result<Uri, _> = url.parse();
    parsed.is_ok_and(|uri| {
        plain && uri.host().is_some() && uri.scheme_str().is_some_and(|it| schemes.contains(&it))
    })
}

impl PageLink {
    fn label(&self, language: Language) -> &str {
        match language {
            Language::French => &self.label_fr,
            Language::English => &self.label_en,
        }
    }
}

/// The page of the support, where there is one.
fn support_page(identity: &Identity) -> Option<String> {
    identity.host.support_page().filter(|url| is_web(url, &["https", "http"]))
}

/// The way to the support, for whoever gets no further alone.
pub(crate) fn support(identity: &Identity, language: Language) -> Markup {
    let label = words::of(language).frame.support;
    html! {
        @if let Some(url) = support_page(identity) { li { a href=(url) rel="help" { (label) } } }
    }
}

/// All of them, at the foot of a page and in the same order on each.
pub(crate) fn foot(identity: &Identity, language: Language) -> Markup {
    let words = &words::of(language).frame;
    let (links, support) = (&identity.config.links, support(identity, language));
    html! {
        @if !links.is_empty() || !support.0.is_empty() {
            nav aria-label=(words.links) {
                ul.foot {
                    @for link in links {
                        li { a href=(link.url) { (link.label(language)) } }
                    }
                    (support)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
