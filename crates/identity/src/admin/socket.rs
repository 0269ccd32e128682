// SPDX-License-Identifier: Apache-2.0
//! The socket in the data folder.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use estafette_core::limits::{
    ADMIN_ANSWER_BYTES_MAX, ADMIN_CONNECTIONS_MAX, ADMIN_REQUEST_BYTES_MAX, ADMIN_TIMEOUT_S,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use super::protocol::{AdminAnswer, AdminRequest};
use crate::Identity;

/// The socket's name in the data folder.
pub const SOCKET_NAME: &str = "admin.sock";

/// Why the running server could not be asked, or cannot be asked from now on.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens there.
    #[error("no server is running on the data folder {0}: start it with `estafette serve`")]
    NoServer(PathBuf),
    /// The socket belongs to somebody else.
    #[error("you are not the user whom the server runs as, and may not administer it: {0}")]
    NotAllowed(PathBuf),
    /// Another server listens there.
    #[error("another server is running on the data folder {0}")]
    Taken(PathBuf),
    /// There is no way to it.
    #[error("cannot reach the server by the socket {0}: {1}")]
    Unreachable(PathBuf, std::io::Error),
    /// Anything else.
    #[error("cannot use the socket {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The other side speaks another version of the protocol, or went away.
    #[error("the server did not answer as expected: {0}")]
    Answer(String),
}

/// The server's end of the socket.
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Listens in the data folder, for this process's user alone.
    pub fn listen(data_dir: &Path) -> Result<Self, SocketError> {
        let path = data_dir.join(SOCKET_NAME);
        let failed = |error| SocketError::Io(path.clone(), error);
        match std::os::unix::net::UnixStream::connect(&path) {
            Ok(_) => return Err(SocketError::Taken(data_dir.into())),
            // What a server that was killed left behind.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(&path).map_err(failed)?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Serves until `stop` is complete, then takes the socket away.
    pub async fn serve(self, identity: Arc<Identity>, stop: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => break,
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors: wait for some to come back instead of spinning.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
            let identity = Arc::clone(&identity);
            tokio::spawn(async move {
                let limit = Duration::from_secs(ADMIN_TIMEOUT_S);
                match tokio::time::timeout(limit, converse(&identity, stream)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "an administrator was cut off"),
                    Err(_) => tracing::warn!("an administrator's request took too long"),
                }
                drop(permit);
            });
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads one request and answers it.
async fn converse(identity: &Arc<Identity>, stream: UnixStream) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    let (read, mut write) = stream.into_split();
    let answer = if uid != own && uid != 0 {
        tracing::warn!(uid, "somebody else tried to administer the server");
        AdminAnswer::Refused("Only the user whom the server runs as may do this.".into())
    } else {
        let limit = u64::try_from(ADMIN_REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
        let mut line = Vec::new();
        tokio::io::BufReader::new(read.take(limit)).read_until(b'\n', &mut line).await?;
        let actor = format!("operator (uid {uid})");
        match serde_json::from_slice::<AdminRequest>(&line) {
            Ok(request) => super::acts::act(identity, actor, request).await,
            Err(error) => AdminAnswer::Refused(format!("The request is malformed: {error}.")),
        }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.shutdown().await
}

/// Asks the server that runs on `data_dir`, and waits for its answer.
pub fn ask(data_dir: &Path, request: &AdminRequest) -> Result<AdminAnswer, SocketError> {
    use std::io::ErrorKind;
    let path = data_dir.join(SOCKET_NAME);
    let stream = std::os::unix::net::UnixStream::connect(&path);
    let mut stream = stream.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            SocketError::NoServer(data_dir.into())
        }
        ErrorKind::PermissionDenied => SocketError::NotAllowed(path.clone()),
        _ => SocketError::Unreachable(path.clone(), error),
    })?;
    let failed = |error| SocketError::Io(path.clone(), error);
    stream.set_read_timeout(Some(Duration::from_secs(2 * ADMIN_TIMEOUT_S))).map_err(failed)?;
    let mut line =
        serde_json::to_vec(request).map_err(|error| SocketError::Answer(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    let limit = u64::try_from(ADMIN_ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    let mut answer = String::new();
    BufReader::new(stream.take(limit)).read_line(&mut answer).map_err(failed)?;
    serde_json::from_str(&answer).map_err(|error| SocketError::Answer(error.to_string()))
}
