// SPDX-License-Identifier: Apache-2.0
//! Connecting: resolve once, judge each address, connect to exactly the address that was judged.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::AddressGuard;

/// How long one address may take to accept a connection.
const CONNECT_TIMEOUT_S: u64 = 10;
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 8;

/// The answer to "which addresses has this name".
pub(super) type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Turns a name into addresses. Handed in, so that tests can lie.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, with `port`.
    fn resolve(&self, host: String, port: u16) -> Resolved;
}

/// The operating system's resolver.
#[derive(Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String, port: u16) -> Resolved {
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }
}

/// All addresses of a name were refused.
#[derive(Debug, thiserror::Error)]
#[error("the address is not allowed")]
pub(super) struct RefusedAddress;

/// A connector that asks the guard about the address it is about to use.
#[derive(Clone)]
pub(super) struct GuardedConnector {
    guard: Arc<AddressGuard>,
    resolver: Arc<dyn Resolve>,
}

impl GuardedConnector {
    pub(super) fn new(guard: AddressGuard, resolver: Arc<dyn Resolve>) -> Self {
        Self { guard: Arc::new(guard), resolver }
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.resolver.resolve(host, port).await?,
        };
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut refused = false;
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            if !self.guard.allows(address.ip()) {
                refused = true;
                continue;
            }
            let limit = Duration::from_secs(CONNECT_TIMEOUT_S);
            match tokio::time::timeout(limit, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        if refused && failure.kind() == io::ErrorKind::NotFound {
            failure = io::Error::new(io::ErrorKind::PermissionDenied, RefusedAddress);
        }
        Err(failure)
    }
}

impl tower::Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
