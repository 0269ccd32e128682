// SPDX-License-Identifier: Apache-2.0
//! Whether a guess that is right at its beginning takes longer than one that is wrong there (F-25).
//! For `cargo xtask timing --secrets`: times mean nothing in a run of all tests.

use estafette_store::accounts::{NewLogin, PasswordHash, RegistrationToken, TokenPair};
use estafette_testkit::{
    random::Random,
    secret_times::{Class, Trial, guess},
};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::{clock::SeededRandom, testing::TestServer};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SESSIONS: usize = 500;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn secret(mark: &str, random: &mut Random) -> String {
    let letters = random.bytes(43).into_iter().map(|byte| char::from(LETTERS[byte as usize % 64]));
    format!("{mark}_{}", letters.collect::<String>())
}

/// Devices with a pair of tokens each.
async fn sessions(server: &TestServer) -> Vec<[String; 2]> {
    let user_id = UserId::parse("@a:x.fr").unwrap();
    server.token_of("@a:x.fr").await;
    let mut random = Random::new(1);
    let mut pairs = Vec::new();
    for number in 0..SESSIONS {
        let pair = [secret("esa", &mut random), secret("esr", &mut random)];
        let tokens = TokenPair {
            access: TokenHash::of(&pair[0]),
            expires_ms: None,
            refresh: Some(TokenHash::of(&pair[1])),
        };
        let device_id = DeviceId::parse(&format!("D{number}")).unwrap();
        let login = NewLogin { device_id, display_name: None, tokens };
        server.server.store.log_in(&user_id, login, 0).await.unwrap();
        pairs.push(pair);
    }
    pairs
}

#[test]
#[ignore = "measures"]
fn access_tokens() {
    let runtime = runtime();
    let server = runtime.block_on(TestServer::start());
    let pairs = runtime.block_on(sessions(&server));
    let wrong = |class, random: &mut Random| {
        guess(&random.pick(&pairs).unwrap()[0], "esa_".len(), class, random)
    };
    let look = |token: &String| {
        runtime.block_on(by_access_token(&server.server, TokenHash::of(token))).is_ok()
    };
    Trial::from_environment().compare("access token, look-up", wrong, look).check().unwrap();
}

#[test]
#[ignore = "measures"]
fn refresh_tokens() {
    let runtime = runtime();
    let server = runtime.block_on(TestServer::start());
    let pairs = runtime.block_on(sessions(&server));
    let wrong = |class, random: &mut Random| {
        guess(&random.pick(&pairs).unwrap()[1], "esr_".len(), class, random)
    };
    let next = TokenPair { access: TokenHash::of("a"), expires_ms: None, refresh: None };
    let look = |token: &String| {
        runtime.block_on(server.server.store.refresh(&TokenHash::of(token), next)).unwrap()
    };
    Trial::from_environment().compare("refresh token, look-up", wrong, look).check().unwrap();
}

/// Login tokens, nonces, OpenID tokens and UIA sessions are held alike.
#[test]
#[ignore = "measures"]
fn short_lived_tokens() {
    let mut random = Random::new(1);
    let held = ShortLived::new(60);
    let tokens: Vec<String> = (0..SESSIONS).map(|_| secret("esl", &mut random)).collect();
    for token in &tokens {
        held.put(token, (), 0).unwrap();
    }
    let wrong = |class, random: &mut Random| {
        guess(random.pick(&tokens).unwrap(), "esl_".len(), class, random)
    };
    let look = |token: &String| held.take(token, 0);
    Trial::from_environment().compare("short-lived token, look-up", wrong, look).check().unwrap();
}

#[test]
#[ignore = "measures"]
fn registration_tokens() {
    let runtime = runtime();
    let mut random = Random::new(1);
    let configured = secret("", &mut random);
    let server = runtime.block_on(TestServer::with(|config| {
        config.registration.token.clone_from(&configured);
    }));
    let stored: Vec<String> = (0..20).map(|_| secret("", &mut random)).collect();
    for token in stored.iter().cloned() {
        let token = RegistrationToken { token, uses_allowed: None, used: 0, expires_ms: None };
        runtime.block_on(server.server.store.put_registration_token(token)).unwrap();
    }
    let look = |token: &String| {
        runtime.block_on(uia::check_registration_token(&server.server, token)).unwrap().is_some()
    };
    let wrong = |class, random: &mut Random| guess(&configured, 0, class, random);
    let trial = Trial::from_environment();
    let configured = trial.compare("registration token of the configuration", wrong, look);
    let wrong = |class, random: &mut Random| guess(random.pick(&stored).unwrap(), 0, class, random);
    let stored = trial.compare("registration token, look-up", wrong, look);
    configured.check().and(stored.check()).unwrap();
}

/// With the least cost there is: what is between the hash and the answer shows best.
#[test]
#[ignore = "measures"]
fn passwords() {
    const PASSWORD: &str = "ocean lantern granite violin";
    let runtime = runtime();
    let random = SeededRandom::new(1);
    let passwords = Passwords::quick(&random);
    let kept = runtime.block_on(passwords.hash(&random, PASSWORD)).unwrap();
    let trial = Trial::from_environment();
    let wrong = |class, random: &mut Random| guess(PASSWORD, 0, class, random);
    let look = |given: &String| runtime.block_on(passwords.matches(given, Some(&kept))).unwrap();
    let guessed = trial.compare("password", wrong, look);
    let wrong = |class, random: &mut Random| {
        let given = secret("", random);
        (given, (class == Class::First).then(|| kept.clone()))
    };
    let look = |(given, kept): &(String, Option<PasswordHash>)| {
        runtime.block_on(passwords.matches(given, kept.as_ref())).unwrap()
    };
    let somebody = trial.compare("password of somebody and of nobody", wrong, look);
    guessed.check().and(somebody.check()).unwrap();
}
