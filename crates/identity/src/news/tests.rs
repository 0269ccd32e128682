// SPDX-License-Identifier: Apache-2.0
//! Without these only a thief would know what was done to an account.

use estafette_store::PeopleStore as _;

use super::News;
use crate::{pages::Language, sign_up::tests::Site};

#[tokio::test]
async fn each_piece_of_news_is_written_in_both_languages_and_without_a_link() {
    let site = Site::start();
    for (news, french, english) in [
        (News::PasswordChanged, "mot de passe de votre compte", "password of your"),
        (News::Deactivated, "fermé", "closed"),
        (News::AddressSet, "n’est plus celle de votre compte", "no longer the address"),
        (News::NewDevice, "nouvel appareil", "new device"),
        (News::KeysMayBeReset, "clés de chiffrement", "encryption keys"),
        (News::SubjectLinked, "reliée à votre compte", "linked to your"),
        (News::SubjectUnlinked, "détacher de votre compte", "detached from your"),
    ] {
        site.test.identity.tell("a@important.com", news).await;
        let mail = site.mails().await.pop().unwrap();
        let text = readable(&mail);
        assert!(text.contains("To: a@important.com"), "{text}");
        assert!(text.contains(french) && text.contains(english), "{text}");
        assert!(!text.contains("http"), "{text}");
        let asked = Some(Language::English);
        site.test.identity.tell_in("a@important.com", news, asked).await;
        let text = readable(&site.mails().await.pop().unwrap());
        assert!(text.contains(english) && !text.contains(french), "{text}");
    }
}

#[tokio::test]
async fn new_devices_are_told_of_unless_the_operator_says_not_to() {
    for (tell_new_devices, mails) in [(true, 1), (false, 0)] {
        let site = Site::with(|config| config.mail.tell_new_devices = tell_new_devices);
        site.test.identity.tell("a@important.com", News::NewDevice).await;
        site.test.identity.tell("a@important.com", News::PasswordChanged).await;
        assert_eq!(site.mails().await.len(), mails + 1);
    }
}

#[tokio::test]
async fn an_account_that_is_being_set_up_is_not_written_to_about_its_first_devices() {
    let site = Site::start();
    site.sign_up("ada@important.com").await;
    let known = site.test.identity.store.person_by_email("ada@important.com").await.unwrap();
    let ada = known.unwrap().user_id;
    let before = site.mails().await.len();
    for (minutes, mails) in [(0, 0), (59, 0), (1, 1)] {
        site.test.host.advance(minutes * 60_000);
        site.test.identity.tell_of_device(&ada).await;
        assert_eq!(site.mails().await.len(), before + mails, "after {minutes} minutes more");
    }
}

#[tokio::test]
async fn leave_to_replace_keys_is_told_to_the_mailbox() {
    let site = Site::start();
    let (mut browser, _) = site.sign_up("ada@important.com").await;
    let path = "/_estafette/account?action=org.matrix.cross_signing_reset";
    browser.open(path).await;
    browser.submit("/_estafette/account/cross-signing-reset", &[]).await;
    let text = readable(&site.mails().await.pop().unwrap());
    assert!(text.contains("To: ada@important.com") && text.contains("keys may be replaced"));
    let known = site.test.identity.store.person_by_email("ada@important.com").await.unwrap();
    assert!(known.is_some());
}

#[tokio::test]
async fn the_api_refuses_the_passwords_that_the_pages_refuse() {
    let site = Site::start();
    let weakness = |password| site.test.identity.password_weakness(password, "ada@important.com");
    for (password, why) in [
        ("aaaaaaaa", "at least 12"),
        ("aaaaaaaaaaaaaaaa", "soon be guessed"),
        ("ada@important.com", "soon be guessed"),
    ] {
        let sentence = weakness(password).unwrap();
        assert!(sentence.contains(why), "{password}: {sentence}");
    }
    let long = "ocean lantern granite ".repeat(60);
    assert!(weakness(&long).unwrap().contains("too long"));
    assert_eq!(weakness("ocean lantern granite violin"), None);
}

/// A mail as it is read: quoted-printable undone.
fn readable(mail: &str) -> String {
    let mut bytes = Vec::new();
    let joined = mail.replace("=\r\n", "");
    let mut rest = joined.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| first == b'=').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
