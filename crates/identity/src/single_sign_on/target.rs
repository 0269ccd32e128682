// SPDX-License-Identifier: Apache-2.0
//! Where a client of the legacy API wants the browser back (`redirectUrl`).
//!
//! Such clients are registered nowhere, so any https address will do once a person said yes; what
//! is no place of a client, or what two parsers could read differently, is refused.

use estafette_core::limits::SSO_REDIRECT_BYTES_MAX;

use crate::oauth::redirect::WebUri;

/// Schemes of clients that are no reversed domain name. Every other scheme without a dot may be a
/// browser's or the system's own, and lead to a host that nobody was shown.
const CLIENTS: &[&str] = &["cinny", "element", "fluffychat", "nheko", "schildichat"];

/// A place that a browser may be sent to with a login token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Without query and fragment.
    base: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
    place: &'a str,
}

impl<'a> Target<'a> {
    /// Reads one: https, http to the machine of the browser itself, or the scheme of an application
    /// on it.
    pub(super) fn parse(url: &'a str) -> Option<Self> {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%#".contains(&byte);
        if url.len() > SSO_REDIRECT_BYTES_MAX || !url.bytes().all(plain) {
            return None;
        }
        let (rest, fragment) = cut(url, '#');
        if fragment.is_some_and(|fragment| fragment.contains('#')) {
            return None;
        }
        let (base, query) = cut(rest, '?');
        let place = match WebUri::parse(rest) {
            Some(web) if web.scheme == "https" || web.is_loopback() => authority(base)?,
            Some(_) => return None,
            None => private_scheme(base)?,
        };
        Some(Self { base, query, fragment, place })
    }

    /// What people are shown of it: host and port, or of an application the whole without query.
    pub(super) fn place(&self) -> &'a str {
        self.place
    }

    /// The same with the one `loginToken` in its query.
    pub(super) fn with_token(&self, token: &str) -> String {
        let kept = self.query.unwrap_or_default().split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !is_token(name)
        });
        let token = serde_urlencoded::to_string([("loginToken", token)]).unwrap_or_default();
        let query: Vec<&str> = kept.chain([token.as_str()]).collect();
        let fragment = self.fragment.map(|text| format!("#{text}")).unwrap_or_default();
        format!("{}?{}{fragment}", self.base, query.join("&"))
    }
}

/// Whether a name is `loginToken`, however it is encoded.
fn is_token(name: &str) -> bool {
    let pair: Vec<(String, String)> =
        serde_urlencoded::from_str(&format!("{name}=")).unwrap_or_default();
    pair.first().is_some_and(|(name, _)| name == "loginToken")
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Host and port of a web address.
fn authority(base: &str) -> Option<&str> {
    base.split_once("://")?.1.split('/').next()
}

/// The address of an application, which must lead on to something. Its scheme is in lower case (RFC
/// 3986, section 3.1) and a domain name in reverse (RFC 8252, section 7.1), or a known client's.
fn private_scheme(base: &str) -> Option<&str> {
    let (scheme, rest) = base.split_once(':')?;
    let legal = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'+'));
    let reversed = scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty());
    let named = reversed || CLIENTS.contains(&scheme);
    (legal && named && !rest.is_empty() && !rest.contains('@')).then_some(base)
}
