// SPDX-License-Identifier: Apache-2.0
//! `estafette serve`: from a configuration to a server that stops cleanly.

use std::{error::Error, path::Path, sync::Arc};

use estafette_homeserver::{
    Server,
    clock::{OsRandom, SystemClock},
    config::Config,
    http,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs until SIGTERM or SIGINT. As process 1 too: both signals have handlers of their own.
pub(crate) fn run(file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let config = Config::load(file, std::env::vars())?;
    let filter = EnvFilter::try_new(&config.log)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listening = http::listen(&config.listener).await?;
    let server = Server::open(config, Arc::new(SystemClock), Arc::new(OsRandom))?;
    tracing::info!(
        address = %listening.address()?,
        server_name = %server.server_name,
        data_dir = %server.config.data_dir.display(),
        "estafette is ready"
    );
    let serving =
        tokio::spawn(listening.serve(http::router(Arc::clone(&server)), server.stopping()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    server.stop();
    serving.await?;
    Ok(())
}
