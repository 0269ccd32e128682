// SPDX-License-Identifier: Apache-2.0
//! `estafette serve`: from a configuration to a server that stops cleanly.

use std::{
    error::Error,
    io::IsTerminal as _,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use axum::Router;
use estafette_homeserver::{
    Server, Shared,
    clock::{OsRandom, SystemClock},
    http, key_file,
};
use estafette_identity::{
    Identity, IdentityConfig,
    admin::{AdminSocket, SocketError},
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    host::{HomeserverHost, IdentityAddressBook},
    people::IdentityPeople,
    settings::Settings,
};

/// The file in the data folder by whose key mail that waits is sealed. Not to be kept where copies
/// of the database are.
const MAIL_KEY: &str = "mail.key";
/// What is logged of administrative acts.
const AUDIT: &str = "audit=info";
/// What is logged of who was let in or changed their account.
const ACCOUNTS: &str = "account=info";

/// Runs until SIGTERM or SIGINT. As process 1 too: both signals have handlers of their own.
pub(crate) fn run(file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(file)?;
    // Before anything listens: who waits for the port must not find it open and then closed.
    settings.check()?;
    if !settings.homeserver.core_dumps {
        forbid_dumps()?;
    }
    // Lines of the audit log and of the log of accounts leave the machine by this log, whatever
    // else is logged: operators have to keep them, and the first prove later that nobody wrote the
    // database anew.
    let filter = EnvFilter::try_new(&settings.homeserver.log)?
        .add_directive(AUDIT.parse()?)
        .add_directive(ACCOUNTS.parse()?);
    let is_terminal = std::io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

/// Keeps the memory of this process out of files and from other programs of the same user.
fn forbid_dumps() -> std::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listening = http::listen(&settings.homeserver.listener).await?;
    // Before the database: a second server must not open the same folder.
    std::fs::create_dir_all(&settings.homeserver.data_dir)?;
    let admin_socket = admin_socket(&settings.homeserver.data_dir)?;
    let server = Server::open(settings.homeserver, Arc::new(SystemClock), Arc::new(OsRandom))?;
    let enabled = settings.identity.enabled;
    let (identity, router) = join(&server, settings.identity)?;
    let background = enabled.then(|| tokio::spawn(Arc::clone(&identity).run()));
    let mut stopping = server.stopping();
    let administering = admin_socket.map(|socket| {
        tokio::spawn(socket.serve(identity, async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }))
    });
    tracing::info!(
        address = %listening.address()?,
        server_name = %server.server_name,
        data_dir = %server.config.data_dir.display(),
        "estafette is ready"
    );
    let serving = tokio::spawn(listening.serve(router, server.stopping()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    server.stop();
    if let Some(background) = background {
        background.abort();
    }
    serving.await?;
    if let Some(administering) = administering {
        administering.await?;
    }
    Ok(())
}

/// Puts identity and the homeserver together: what each knows of the other, and all routes.
pub(crate) fn join(
    server: &Shared,
    config: IdentityConfig,
) -> Result<(Arc<Identity>, Router), Box<dyn Error>> {
    let enabled = config.enabled;
    let imposed = enabled && !config.sign_up.display_name_editable;
    server.names_are_imposed.store(imposed, Ordering::Relaxed);
    if enabled {
        let providers = config.upstream.iter();
        let providers = providers.map(|one| (one.id.clone(), one.name.clone())).collect();
        let _ = server.single_sign_on.set(providers);
    }
    let mail_key = server.config.data_dir.join(MAIL_KEY);
    let mail_key = key_file::secret(&mail_key, &*server.random)?;
    let host = Arc::new(HomeserverHost(Arc::clone(server), mail_key));
    let identity = Identity::open(config, server.store.clone(), host)?;
    if enabled {
        let book = Arc::new(IdentityAddressBook(Arc::downgrade(&identity)));
        let _ = server.address_book.set(book);
        let _ = server.people.set(Arc::new(IdentityPeople(Arc::downgrade(&identity))));
    }
    let further = if enabled { identity.routes() } else { Router::new() };
    Ok((identity, http::router_with(Arc::clone(server), further)))
}

/// The socket for `estafette admin`. Messages matter more than administration: where there can be
/// none (a path beyond 107 bytes, a file system without sockets) the server says so and runs. Not
/// where another server holds the folder.
fn admin_socket(data_dir: &Path) -> Result<Option<AdminSocket>, SocketError> {
    match AdminSocket::listen(data_dir) {
        Ok(socket) => Ok(Some(socket)),
        Err(error @ SocketError::Taken(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "`estafette admin` cannot reach this server");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    /// Otherwise other programs of the same user read keys and passwords from the process.
    #[test]
    fn the_memory_of_the_process_is_its_own() {
        forbid_dumps().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
