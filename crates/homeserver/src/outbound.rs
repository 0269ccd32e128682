// SPDX-License-Identifier: Apache-2.0
//! The one HTTP client by which this server reaches others: push gateways, application services,
//! and whatever else a user or another server can name.
//!
//! Every connection passes the [`AddressGuard`] with the address it really goes to, after the name
//! was resolved and again at each redirect (T-N1, T-N2, F-19). Answers are bounded in bytes and
//! time. There are no cookies, no proxies and no credentials that the caller did not give.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{StartError, config};

mod address;
mod connect;
mod tls;

pub use address::AddressGuard;
use connect::{GuardedConnector, RefusedAddress};
pub use connect::{Resolve, SystemResolver};

/// How long an idle connection is kept for the next request: less than the five seconds after which
/// common servers (Node.js, Apache) close theirs, since a request that meets the close is lost.
const IDLE_TIMEOUT_S: u64 = 4;
/// Idle connections kept per host.
const IDLE_PER_HOST_MAX: usize = 4;

/// The client. Cloning shares its connections.
#[derive(Clone)]
pub struct Outbound {
    client: GuardedClient,
    /// For URLs of the operator's own configuration.
    unguarded: GuardedClient,
}

type GuardedClient = Client<HttpsConnector<GuardedConnector>, Full<Bytes>>;

/// One request to somebody else.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The whole URL, `http` or `https`.
    pub url: String,
    /// Further headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long everything may take, name look-up and redirects included.
    pub timeout: Duration,
    /// How many bytes of answer are read before giving up.
    pub answer_bytes_max: usize,
    /// How many redirects are followed. 0 gives the redirect itself as the answer.
    pub redirects_max: u8,
    /// Whether the operator's own configuration names this URL. Only then may it lead to a private
    /// or loopback address that `outbound.allowed_networks` does not name; redirects may not.
    pub named_by_operator: bool,
}

impl OutboundRequest {
    /// A request with a JSON body.
    pub fn json(method: Method, url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            method,
            url: url.into(),
            headers,
            body: body.into(),
            timeout: Duration::from_secs(30),
            answer_bytes_max: 256 * 1024,
            redirects_max: 0,
            named_by_operator: false,
        }
    }

    /// Adds `Authorization: Bearer <token>`. `false` when the token cannot be a header.
    #[must_use]
    pub fn authorize(&mut self, token: &str) -> bool {
        let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else { return false };
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        true
    }
}

/// The answer of somebody else, whatever its status.
#[derive(Debug, Clone)]
pub struct OutboundResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. Never relayed to a client verbatim.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL is not an absolute `http` or `https` URL with a host and without credentials.
    #[error("the URL is not usable: {0}")]
    Url(&'static str),
    /// The address is private, loopback or otherwise not to be reached from here.
    #[error("the address is not allowed")]
    RefusedAddress,
    /// No connection, or it broke.
    #[error("cannot reach the other server: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the other server took too long")]
    TimedOut,
    /// The answer is larger than was asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// More redirects than allowed, or one that leads nowhere or out of TLS.
    #[error("too many redirects, or a wrong one")]
    Redirect,
}

impl Outbound {
    /// A client after the operator's configuration.
    pub fn new(config: &config::Outbound) -> Result<Self, StartError> {
        let guard = AddressGuard::new(&config.allowed_networks).map_err(StartError::Config)?;
        let tls = tls::client_config(&config.extra_ca).map_err(StartError::Config)?;
        Ok(Self::with(guard, Arc::new(SystemResolver), tls))
    }

    fn with(
        guard: AddressGuard,
        resolver: Arc<dyn Resolve>,
        tls: tokio_rustls::rustls::ClientConfig,
    ) -> Self {
        let client = |guard| {
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(GuardedConnector::new(guard, Arc::clone(&resolver)));
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(IDLE_TIMEOUT_S))
                .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
                .build(connector)
        };
        Self { client: client(guard), unguarded: client(AddressGuard::open()) }
    }

    /// Sends a request and reads the whole answer, within the request's limits.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, OutboundError> {
        let timeout = request.timeout;
        match tokio::time::timeout(timeout, self.send_unbounded(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::TimedOut),
        }
    }

    async fn send_unbounded(
        &self,
        mut request: OutboundRequest,
    ) -> Result<OutboundResponse, OutboundError> {
        let mut uri = check_url(&request.url)?;
        let mut hops = 0;
        loop {
            let answer = self.send_once(&request, &uri).await?;
            if request.redirects_max == 0 || !answer.status.is_redirection() {
                return Ok(answer);
            }
            let Some(location) = answer.headers.get(header::LOCATION) else {
                return Ok(answer);
            };
            hops += 1;
            let safe = matches!(request.method, Method::GET | Method::HEAD);
            if hops > request.redirects_max || !safe {
                return Err(OutboundError::Redirect);
            }
            let next = redirect_target(&uri, location)?;
            if next.authority() != uri.authority() {
                request.headers.remove(header::AUTHORIZATION);
            }
            uri = next;
        }
    }

    async fn send_once(
        &self,
        request: &OutboundRequest,
        uri: &Uri,
    ) -> Result<OutboundResponse, OutboundError> {
        let mut outgoing = Request::new(Full::new(request.body.clone()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        outgoing
            .headers_mut()
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("Estafette/", env!("CARGO_PKG_VERSION"))));
        // A redirect is the other side's word, not the operator's.
        let first = request.url.parse::<Uri>().is_ok_and(|first| first == *uri);
        let unguarded = request.named_by_operator && first;
        let client = if unguarded { &self.unguarded } else { &self.client };
        let response = client.request(outgoing).await.map_err(|error| told(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, request.answer_bytes_max).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                OutboundError::TooLarge
            } else {
                OutboundError::Unreachable(error.to_string())
            }
        })?;
        let (status, headers) = (parts.status, parts.headers);
        Ok(OutboundResponse { status, headers, body: body.to_bytes() })
    }
}

/// Checks that `url` is one that this client may be asked for, without looking at the address.
pub fn check_url(url: &str) -> Result<Uri, OutboundError> {
    let uri: Uri = url.parse().map_err(|_| OutboundError::Url("it is malformed"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(OutboundError::Url("it is neither http nor https"));
    }
    let authority = uri.authority().ok_or(OutboundError::Url("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(OutboundError::Url("it has credentials"));
    }
    if authority.host().is_empty() {
        return Err(OutboundError::Url("it has no host"));
    }
    Ok(uri)
}

fn redirect_target(from: &Uri, location: &HeaderValue) -> Result<Uri, OutboundError> {
    let location = location.to_str().map_err(|_| OutboundError::Redirect)?;
    let absolute = if location.starts_with('/') && !location.starts_with("//") {
        let scheme = from.scheme_str().unwrap_or("https");
        let authority = from.authority().ok_or(OutboundError::Redirect)?;
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let next = check_url(&absolute).map_err(|_| OutboundError::Redirect)?;
    if from.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
        return Err(OutboundError::Redirect);
    }
    Ok(next)
}

fn told(error: &hyper_util::client::legacy::Error) -> OutboundError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut text = String::new();
    while let Some(cause) = source {
        if cause.is::<RefusedAddress>() {
            return OutboundError::RefusedAddress;
        }
        // An io::Error hides the error it was made of from `source`.
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.get_ref().is_some_and(|inner| inner.is::<RefusedAddress>())
        {
            return OutboundError::RefusedAddress;
        }
        text = cause.to_string();
        source = cause.source();
    }
    OutboundError::Unreachable(text)
}

#[cfg(test)]
mod tests;
