// SPDX-License-Identifier: Apache-2.0
//! The mail to somebody whom an agent asks into a room and who has no account yet. The homeserver
//! queues it, in the transaction of the invitation.

use estafette_core::email_address::EmailAddress;
use estafette_store::identity::NewMail;

use crate::{Identity, display_name, mail::letters};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Identity {
    /// Whether invitations can be mailed and their recipients can make an account.
    pub fn invites(&self) -> bool {
        self.mailer.works() && (self.config.sign_up.enabled || !self.config.upstream.is_empty())
    }

    /// The mail of an invitation that lasts until `expires_ms`. `inviter` is the address of
    /// whoever invites: the mail has the name that the address gives, never one that its owner
    /// chose.
    pub fn room_invitation(
        &self,
        address: &EmailAddress,
        inviter: Option<&EmailAddress>,
        expires_ms: i64,
    ) -> NewMail {
        // Never the `Host` of the request: it is the inviter's to choose.
        let base = self.host.public_base_url();
        let base = base.unwrap_or_else(|| format!("https://{}", self.host.server_name()));
        let link = if self.offers_sign_up() {
            let query = serde_urlencoded::to_string([("login_hint", address.as_str())]);
            format!("{base}/_estafette/sign-up?{}", query.unwrap_or_default())
        } else {
            format!("{base}/")
        };
        let days = expires_ms.saturating_sub(self.host.now_ms()).max(0) / DAY_MS;
        let service = &self.config.service_name;
        let name = inviter.and_then(|address| {
            let organisation = self.policy.organisation_of(address)?;
            Some(display_name(address, organisation))
        });
        let letter = letters::room_invitation(service, name.as_deref(), (&link, days));
        self.compose(address.as_str(), letter, Some(expires_ms))
    }

    /// A mail was queued by somebody else.
    pub fn mail_was_queued(&self) {
        self.mailer.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestIdentity;

    /// Otherwise whoever invites can have the State write anything to anybody, or send them to a
    /// server of their own (CVE-2021-29432).
    #[test]
    fn the_mail_says_what_the_server_says_and_leads_here() {
        let test = TestIdentity::with(|config| {
            config.sign_up.enabled = true;
            config.policy.open = true;
            config.mail.transport = crate::config::MailTransport::Folder;
            config.mail.from = "no-reply@x.fr".into();
            config.mail.folder = std::env::temp_dir();
        });
        let address = EmailAddress::parse("a+b@guest.example").unwrap();
        let until_ms = 1_700_000_000_000 + 30 * DAY_MS;
        let inviter = EmailAddress::parse("jane.smith@x.fr").unwrap();
        let mail = test.identity.room_invitation(&address, Some(&inviter), until_ms);
        assert!(test.identity.invites());
        assert_eq!((mail.recipient.as_str(), mail.expires_ms), ("a+b@guest.example", until_ms));
        let link = "https://x.fr/_estafette/sign-up?login_hint=a%2Bb%40guest.example\n";
        let read = |mail: &NewMail| {
            crate::mail::seal::open(&*test.host, &mail.recipient, &mail.sealed).unwrap()
        };
        let letter = read(&mail);
        assert!(letter.body.contains(link), "{}", letter.body);
        assert!(letter.body.contains("Jane Smith [X]") && letter.body.contains("30 jours"));
        assert!(!letter.subject.contains("Jane"));
        let unnamed = read(&test.identity.room_invitation(&address, None, until_ms));
        assert!(!unnamed.body.contains("None") && !unnamed.body.contains("Some"));
    }

    /// Otherwise people would be invited who cannot come.
    #[test]
    fn nobody_is_invited_where_nobody_can_sign_up() {
        assert!(!TestIdentity::start().identity.invites());
    }
}
