// SPDX-License-Identifier: Apache-2.0
//! The listener: a bounded number of connections, time limits on slow ones, a clean stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use estafette_core::limits::{HEADER_READ_TIMEOUT_S, SHUTDOWN_GRACE_S};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::RemoteAddress;
use crate::config::Listener;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// The certificate or key cannot be used.
    #[error("cannot use the TLS certificate or key: {0}")]
    Tls(String),
}

/// A bound listener, ready to serve.
pub struct Listening {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    permits: Arc<Semaphore>,
}

/// Binds the configured address and loads the certificate, if any.
pub async fn listen(config: &Listener) -> Result<Listening, ListenError> {
    let tls = if config.tls_certificate.as_os_str().is_empty() {
        None
    } else {
        Some(tls_acceptor(config)?)
    };
    let listener = TcpListener::bind(config.address)
        .await
        .map_err(|error| ListenError::Bind(config.address, error))?;
    Ok(Listening { listener, tls, permits: Arc::new(Semaphore::new(config.connections_max)) })
}

/// Says what is wrong with the certificate and the key that are named, as [`listen`] would.
pub fn check_tls(config: &Listener) -> Result<(), ListenError> {
    if config.tls_certificate.as_os_str().is_empty() {
        return Ok(());
    }
    tls_acceptor(config).map(|_| ())
}

fn tls_acceptor(config: &Listener) -> Result<TlsAcceptor, ListenError> {
    use tokio_rustls::rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    };
    let failed = |error: &dyn std::fmt::Display| ListenError::Tls(error.to_string());
    let chain = CertificateDer::pem_file_iter(&config.tls_certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&config.tls_key).map_err(|error| failed(&error))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

impl Listening {
    /// The address that was bound, with its real port.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` turns true, then lets requests under way end within a bounded time.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { break };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, address)) = accepted else {
                // Out of file descriptors: wait for some to come back instead of spinning.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let connection = Connection { router: router.clone(), address };
            let tls = self.tls.clone();
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                connection.run(stream, tls, watcher).await;
                drop(permit);
            });
        }
        let grace = Duration::from_secs(SHUTDOWN_GRACE_S);
        if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
    }
}

struct Connection {
    router: Router,
    address: SocketAddr,
}

impl Connection {
    async fn run(
        self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.speak(stream, watcher).await;
        };
        let handshake = tls.accept(stream);
        let limit = Duration::from_secs(HEADER_READ_TIMEOUT_S);
        if let Ok(Ok(stream)) = tokio::time::timeout(limit, handshake).await {
            self.speak(stream, watcher).await;
        }
    }

    async fn speak<S>(self, stream: S, watcher: hyper_util::server::graceful::Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let remote = RemoteAddress(self.address.ip());
        let router = self.router;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(remote);
            router.clone().oneshot(request)
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEADER_READ_TIMEOUT_S))
            .max_buf_size(64 * 1024);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Serves a router on a listener until the runtime ends, for tests that need somebody to talk to.
#[cfg(test)]
pub(crate) async fn serve_plainly(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(64));
    let never = watch::Sender::new(false);
    Listening { listener, tls: None, permits }.serve(router, never.subscribe()).await;
}
