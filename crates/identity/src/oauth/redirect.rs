// SPDX-License-Identifier: Apache-2.0
//! Redirect URIs: which may be registered, which match, and how an answer travels on them
//! (Client-Server API, "Redirect URI validation"; RFC 8252, section 7; RFC 9700, section 2.1).

use estafette_core::limits::OAUTH_URI_BYTES_MAX;
use http::Uri;

/// What a client is (Client-Server API, "Client metadata", `application_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApplicationType {
    /// Lives in a browser.
    Web,
    /// Lives on a device.
    Native,
}

/// How the answer is put on the redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// After `?`.
    Query,
    /// After `#`, which browsers send to no server.
    Fragment,
}

/// The parts of an absolute `http` or `https` URI, as browsers and we agree upon them: whatever
/// two parsers could read differently is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WebUri<'a> {
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// In lower case, an IPv6 address with its brackets.
    pub(crate) host: &'a str,
    /// Where one is given.
    pub(crate) port: Option<u16>,
    /// Path and query.
    rest: &'a str,
}

impl<'a> WebUri<'a> {
    /// Reads one. `None` for anything else, also for one with a user, a fragment, or characters
    /// that must be escaped.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if !is_plain(text) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let end = inner.find(']')? + 2;
                let (host, port) = authority.split_at_checked(end)?;
                (host, port.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
        };
        let port = match port {
            Some(digits) => Some(digits.parse().ok().filter(|port| *port > 0)?),
            None if authority.len() > host.len() => return None,
            None => None,
        };
        let is_name = !host.is_empty()
            && !host.starts_with(['.', '-'])
            && !host.ends_with('.')
            && !host.contains("..")
            && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        let is_known = is_name || host == "[::1]";
        (is_known && text.parse::<Uri>().is_ok()).then_some(Self { scheme, host, port, rest })
    }

    /// Whether the host is the machine of the browser itself.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.host, "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether both have the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &WebUri<'_>) -> bool {
        (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
    }

    /// Whether the host is a name of the DNS with at least one dot, and no address.
    pub(crate) fn is_dns_name(&self) -> bool {
        let last = self.host.rsplit('.').next().unwrap_or_default();
        self.host.contains('.') && !last.is_empty() && !last.bytes().all(|b| b.is_ascii_digit())
    }

    /// Whether the host is `base` or below it.
    pub(crate) fn is_under(&self, base: &str) -> bool {
        let below = self.host.strip_suffix(base);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }
}

/// Characters of a URI without its fragment, none of which any parser changes or drops.
fn is_plain(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.len() <= OAUTH_URI_BYTES_MAX && text.bytes().all(plain)
}

/// Whether a client whose `client_uri` has the host `client_host` may register `uri`.
pub(crate) fn may_register(uri: &str, kind: ApplicationType, client_host: &str) -> bool {
    if !is_plain(uri) {
        return false;
    }
    if let Some(web) = WebUri::parse(uri) {
        let claimed = web.scheme == "https" && web.is_under(client_host);
        let loopback = kind == ApplicationType::Native
            && web.scheme == "http"
            && web.is_loopback()
            && web.port.is_none();
        return claimed || loopback;
    }
    kind == ApplicationType::Native && is_private_use(uri, client_host)
}

/// `fr.example.app:/callback` for `https://example.fr/`: the host backwards, then anything further,
/// and no authority.
fn is_private_use(uri: &str, client_host: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let mut backwards: Vec<&str> = client_host.split('.').collect();
    backwards.reverse();
    let backwards = backwards.join(".");
    let below = scheme.strip_prefix(&backwards);
    let owned = below.is_some_and(|below| below.is_empty() || below.starts_with('.'));
    // RFC 3986, section 3.1, in lower case: browsers compare schemes without regard to it.
    let legal = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'+'));
    owned && legal && scheme.contains('.') && !rest.starts_with("//")
}

/// Whether a request may name `asked` when `registered` was registered: the same text, or on the
/// loopback interface the same with any port.
pub(crate) fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Some(known), Some(asked)) = (WebUri::parse(registered), WebUri::parse(asked)) else {
        return false;
    };
    known.scheme == "http"
        && asked.scheme == "http"
        && known.is_loopback()
        && known.host == asked.host
        && known.port.is_none()
        && path(known.rest) == path(asked.rest)
}

/// Who gets an answer that is sent to a redirect URI, as far as that is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient<'a> {
    /// The web client that this server serves itself.
    OurClient,
    /// The host of `client_uri`.
    Publisher,
    /// Another host below that of `client_uri`, which may be anybody's: who holds a sub-domain, as
    /// of a public suffix, does not hold the domain.
    Host(&'a str),
    /// Whoever has the private scheme, or listens on the loopback interface, of the device: that is
    /// any application on it (RFC 8252, section 8.6).
    Device,
}

/// Who gets what is sent to `uri`. `client_host` is the host of the `client_uri`, `own_base_url`
/// where this server is.
pub(crate) fn recipient<'a>(
    uri: &'a str,
    client_host: &str,
    own_base_url: Option<&str>,
) -> Recipient<'a> {
    let Some(web) = WebUri::parse(uri) else { return Recipient::Device };
    if own_base_url.and_then(WebUri::parse).is_some_and(|own| own.same_origin(&web)) {
        return Recipient::OurClient;
    }
    match web.scheme {
        "https" if web.host == client_host => Recipient::Publisher,
        "https" => Recipient::Host(web.host),
        _ => Recipient::Device,
    }
}

fn path(rest: &str) -> &str {
    if rest.is_empty() { "/" } else { rest }
}

/// The redirect URI with the answer on it (RFC 6749, sections 4.1.2 and 4.1.2.1).
pub(crate) fn with_answer(uri: &str, mode: ResponseMode, answer: &[(&str, &str)]) -> String {
    let answer = serde_urlencoded::to_string(answer).unwrap_or_default();
    let mark = match mode {
        ResponseMode::Fragment => "#",
        ResponseMode::Query if uri.ends_with('?') || uri.ends_with('&') => "",
        ResponseMode::Query if uri.contains('?') => "&",
        ResponseMode::Query => "?",
    };
    format!("{uri}{mark}{answer}")
}

#[cfg(test)]
mod tests;
