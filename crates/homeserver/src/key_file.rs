// SPDX-License-Identifier: Apache-2.0
//! Files that hold the server's keys: made once, readable by their owner alone.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::clock::{Random, random_letters};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot use the key file {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is not what this server writes: an algorithm, perhaps a version, a secret.
    #[error("the key file {0} is malformed")]
    Malformed(PathBuf),
}

/// A key as its file holds it.
pub(crate) struct StoredKey {
    /// The version in the key id `ed25519:<version>`.
    pub(crate) version: String,
    /// The secret seed.
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

/// Reads the signing key at `path`, or makes one there when there is none. Its file is
/// `ed25519 <version> <unpadded base64 of 32 bytes>`.
pub(crate) fn load_or_create(path: &Path, random: &dyn Random) -> Result<StoredKey, KeyFileError> {
    let text = read_or_create(path, || {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut_slice());
        let version = format!("a_{}", random_letters(random, b"abcdefghijklmnopqrstuvwxyz", 4));
        Zeroizing::new(format!("ed25519 {version} {}\n", STANDARD_NO_PAD.encode(*seed)))
    })?;
    parse(&text).ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
}

/// The text at `path`; where there is none, what `make` gives, once it is safely there.
pub(crate) fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Zeroizing<String>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let outcome = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = make();
            write_new(path, &text).map(|()| text)
        }
        read => read.map(Zeroizing::new),
    };
    outcome.map_err(|error| KeyFileError::File(path.to_owned(), error))
}

/// Reads a secret at `path`, or makes one there when there is none. Its file is unpadded Base64 of
/// 32 bytes.
pub fn secret(path: &Path, random: &dyn Random) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let text = read_or_create(path, || {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(secret.as_mut_slice());
        Zeroizing::new(format!("{}\n", STANDARD_NO_PAD.encode(*secret)))
    })?;
    let bytes = STANDARD_NO_PAD.decode(text.trim()).map(Zeroizing::new);
    let secret = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    secret.map(Zeroizing::new).ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
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

/// Whole or not at all: a start that is cut short must not leave an empty key behind, which would
/// stop every later one.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    /// Otherwise a server that was cut off at its first start would never start again, or would
    /// come back under another key.
    #[test]
    fn a_key_that_was_not_finished_is_made_again_and_a_finished_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        std::fs::write(path.with_extension("unfinished"), "ed255").unwrap();
        let made = load_or_create(&path, &SeededRandom::new(1)).unwrap();
        let again = load_or_create(&path, &SeededRandom::new(2)).unwrap();
        assert_eq!(made.seed, again.seed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
