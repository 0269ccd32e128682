// SPDX-License-Identifier: Apache-2.0
//! Addresses in tests: `org.fr` is an organisation of this server, `other.fr` of another one,
//! `guest.fr` is everybody else's, and nobody is expected from anywhere else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use estafette_core::{
    email_address::EmailAddress,
    ids::{DeviceId, UserId},
};
use estafette_store::{
    IdentityStore as _, PeopleStore as _,
    accounts::{NewAccount, NewLogin, TokenHash, TokenPair},
    identity::{MailText, NewMail},
    people::{CreatePersonOutcome, PersonDetails, PutPersonOutcome},
};

use super::TestServer;
use crate::address_book::{AddressBook, Standing};

/// What stands for identity.
#[derive(Default)]
pub(crate) struct Book {
    /// Whether no mail is sent.
    pub mute: AtomicBool,
    /// Whether `guest.fr` has become an organisation.
    pub guests_are_members: AtomicBool,
    /// How often mail was said to be queued.
    pub queued: AtomicUsize,
}

impl AddressBook for Book {
    fn standing(&self, address: &EmailAddress) -> Standing {
        match address.domain() {
            "org.fr" => Standing::Member,
            "guest.fr" if self.guests_are_members.load(Ordering::SeqCst) => Standing::Member,
            "guest.fr" => Standing::Guest,
            "other.fr" => Standing::Elsewhere,
            _ => Standing::Nobody,
        }
    }

    fn invites(&self) -> bool {
        !self.mute.load(Ordering::SeqCst)
    }

    fn invitation(
        &self,
        address: &EmailAddress,
        inviter: Option<&EmailAddress>,
        expires_ms: i64,
    ) -> Option<NewMail> {
        Some(NewMail {
            recipient: address.to_string(),
            sealed: inviter.map_or("nobody in particular", EmailAddress::as_str).into(),
            now_ms: 0,
            expires_ms,
        })
    }

    fn mail_queued(&self) {
        self.queued.fetch_add(1, Ordering::SeqCst);
    }
}

impl TestServer {
    /// Gives the server somebody who knows addresses.
    pub(crate) fn with_book(&self) -> Arc<Book> {
        let book = Arc::new(Book::default());
        let _ = self.server.address_book.set(Arc::clone(&book) as _);
        book
    }

    /// Gives an account (made when it is needed) an address.
    pub(crate) async fn person(&self, user_id: &str, address: &str, guest: bool) {
        self.token_of(user_id).await;
        let user_id = UserId::parse(user_id).unwrap();
        let details =
            PersonDetails { email: Some(address.into()), guest, ..PersonDetails::default() };
        let put = self.server.store.put_person(&user_id, details).await.unwrap();
        assert_eq!(put, PutPersonOutcome::Put);
    }

    /// Signs up with an address, as identity does it.
    pub(crate) async fn sign_up(
        &self,
        user_id: &str,
        address: &str,
        guest: bool,
    ) -> CreatePersonOutcome {
        let token = format!("token of {user_id}");
        let tokens = TokenPair { access: TokenHash::of(&token), expires_ms: None, refresh: None };
        let device_id = DeviceId::parse("D").unwrap();
        let account = NewAccount {
            user_id: UserId::parse(user_id).unwrap(),
            password_hash: None,
            appservice_id: None,
            is_admin: false,
            displayname: Some("Somebody".into()),
            registration_token: None,
            login: Some(NewLogin { device_id, display_name: None, tokens }),
            now_ms: self.server.now_ms(),
        };
        let details =
            PersonDetails { email: Some(address.into()), guest, ..PersonDetails::default() };
        let outcome = self.server.store.create_person(account, details).await.unwrap();
        if outcome == CreatePersonOutcome::Created {
            self.tokens.lock().insert(user_id.to_owned(), token);
        }
        outcome
    }

    /// Who was written to, and what.
    pub(crate) async fn mails(&self) -> Vec<(String, String)> {
        let mails = self.server.store.due_mail(self.server.now_ms(), 1_000).await.unwrap();
        let text = |text| match text {
            MailText::Sealed(sealed) => String::from_utf8(sealed).unwrap(),
            MailText::Clear { body, .. } => body,
        };
        mails.into_iter().map(|mail| (mail.recipient, text(mail.text))).collect()
    }
}
