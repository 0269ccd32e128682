// SPDX-License-Identifier: Apache-2.0
//! Passwords: argon2id, a bounded number at once, off the async threads.
//!
//! Parameters: 46 MiB of memory, 1 pass, 1 lane, 16 bytes of salt, 32 bytes of output: the first
//! of the settings of equal strength that OWASP's Password Storage Cheat Sheet recommends for
//! argon2id. They stand in each hash, so older hashes stay valid when they are raised.
//!
//! The setting with 19 MiB and 2 passes is as strong, but pieces of up to 32 MiB come from the
//! allocator's arenas and stay there: 14 MiB for each hash, nearly a gigabyte after sixty. Larger
//! ones are mapped and given back at once.

use std::sync::{Arc, mpsc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};
use estafette_core::limits::{PASSWORD_BYTES_MAX, PASSWORD_HASHES_MAX, PASSWORD_QUEUE_MAX};
use estafette_store::accounts::PasswordHash;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::{ApiError, ApiResult, clock::Random};

/// Memory in KiB.
const MEMORY_KIB: u32 = 47_104;
/// Passes.
const PASSES: u32 = 1;
/// Lanes.
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Hashes and checks passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    /// What is checked where there is no password, so that it takes as long.
    nobodys: PasswordHash,
    queue: mpsc::SyncSender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Passwords {
    /// Passwords with the parameters of this module.
    pub fn new(random: &dyn Random) -> Result<Self, ApiError> {
        Self::with(random, MEMORY_KIB, PASSES)
    }

    /// Passwords that take no time, for tests of other things.
    #[cfg(test)]
    pub(crate) fn quick(random: &dyn Random) -> Self {
        Self::with(random, Params::MIN_M_COST, Params::MIN_T_COST).unwrap()
    }

    fn with(random: &dyn Random, memory_kib: u32, passes: u32) -> Result<Self, ApiError> {
        let params = Params::new(memory_kib, passes, LANES, None).map_err(ApiError::internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(secret.as_mut_slice());
        let nobodys = hash(&argon2, secret.as_slice(), &salt(random))?;
        let (queue, jobs) = mpsc::sync_channel(PASSWORD_QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..PASSWORD_HASHES_MAX {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&jobs))
                .map_err(ApiError::internal)?;
        }
        Ok(Self { argon2, nobodys, queue })
    }

    /// The hash to keep of a new password. 503 when too many wait.
    pub async fn hash(&self, random: &dyn Random, password: &str) -> ApiResult<PasswordHash> {
        let (argon2, salt) = (self.argon2.clone(), salt(random));
        let password = Zeroizing::new(password.to_owned());
        self.run(move || hash(&argon2, password.as_bytes(), &salt)).await?
    }

    /// Whether `password` is the one of `kept`. Takes as long, and is `false`, where there is none.
    pub(crate) async fn matches(
        &self,
        password: &str,
        kept: Option<&PasswordHash>,
    ) -> ApiResult<bool> {
        let (argon2, exists) = (self.argon2.clone(), kept.is_some());
        let kept = kept.unwrap_or(&self.nobodys).clone();
        let password = Zeroizing::new(password.to_owned());
        self.run(move || {
            let kept = phc::PasswordHash::new(&kept.0).map_err(ApiError::internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &kept).is_ok() && exists)
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> ApiResult<T> {
        let (answer, done) = oneshot::channel();
        // Done also when nobody waits for it any more.
        let job: Job = Box::new(move || {
            let _ = answer.send(work());
        });
        self.queue.try_send(job).map_err(|_| ApiError::overloaded())?;
        done.await.map_err(ApiError::internal)
    }
}

/// Does what is in the queue, one after the other, as long as somebody can put something there.
fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The lock is let go before the work begins.
        let Ok(job) = jobs.lock().recv() else { return };
        // A hash that panics fails its caller alone.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

fn salt(random: &dyn Random) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    salt
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> ApiResult<PasswordHash> {
    let hash: phc::PasswordHash =
        argon2.hash_password_with_salt(password, salt).map_err(ApiError::internal)?;
    Ok(PasswordHash(hash.to_string()))
}

/// Refuses a new password that is too short or too long.
///
/// Client-Server API, "Password management": `M_WEAK_PASSWORD`. Length is what counts (NIST SP
/// 800-63B): no classes of characters are asked for.
pub fn check_new(password: &str, length_min: usize) -> ApiResult<()> {
    if password.chars().count() < length_min {
        let message = format!("The password must have at least {length_min} characters.");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "M_WEAK_PASSWORD", message));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(ApiError::invalid_param(format!(
            "The password may have at most {PASSWORD_BYTES_MAX} bytes."
        )));
    }
    Ok(())
}
