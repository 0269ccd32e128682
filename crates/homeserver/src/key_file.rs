// SPDX-License-Identifier: Apache-2.0
//! The file that holds the server's signing key: made once, readable by its owner alone.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::clock::{Random, random_letters};

/// Why the signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot use the signing key file {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is not `ed25519 <version> <unpadded base64 of 32 bytes>`.
    #[error("the signing key file {0} is malformed")]
    Malformed(PathBuf),
}

/// A key as its file holds it.
pub(crate) struct StoredKey {
    /// The version in the key id `ed25519:<version>`.
    pub(crate) version: String,
    /// The secret seed.
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

/// Reads the key at `path`, or makes one there when there is none.
pub(crate) fn load_or_create(path: &Path, random: &dyn Random) -> Result<StoredKey, KeyFileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            parse(&Zeroizing::new(text)).ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            create(path, random).map_err(|error| KeyFileError::File(path.to_owned(), error))
        }
        Err(error) => Err(KeyFileError::File(path.to_owned(), error)),
    }
}

fn parse(text: &str) -> Option<StoredKey> {
    let mut words = text.split_ascii_whitespace();
    let ("ed25519", version, secret, None) =
        (words.next()?, words.next()?, words.next()?, words.next())
    else {
        return None;
    };
    let secret = Zeroizing::new(STANDARD_NO_PAD.decode(secret).ok()?);
    let seed = Zeroizing::new(<[u8; 32]>::try_from(secret.as_slice()).ok()?);
    Some(StoredKey { version: version.to_owned(), seed })
}

fn create(path: &Path, random: &dyn Random) -> std::io::Result<StoredKey> {
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(seed.as_mut_slice());
    let version = format!("a_{}", random_letters(random, b"abcdefghijklmnopqrstuvwxyz", 4));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let text = Zeroizing::new(format!("ed25519 {version} {}\n", STANDARD_NO_PAD.encode(*seed)));
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(StoredKey { version, seed })
}
