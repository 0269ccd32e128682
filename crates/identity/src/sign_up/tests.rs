// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::Ordering;

use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, UpstreamStore as _,
    people::{AdminAct, AuditEntry},
    upstream::LinkReason,
};
use http::StatusCode;

use crate::{
    IdentityConfig,
    config::MailTransport,
    testing::{Answer, TestBrowser, TestIdentity},
};

mod guesses;

pub(crate) const PASSWORD: &str = "ocean lantern granite violin";

const POLICY: &str = r#"
[organisations.important]
name = "Ministère important"
label = "Important"
domains = ["important.com", "*.important.com"]

[organisations.other]
name = "Autre ministère"
homeserver = "other.fr"
url = "https://chat.other.fr"
domains = ["other.com"]

[guests]
name = "Invités"
label = "Externe"
"#;

/// A site with mail and a policy.
pub(crate) struct Site {
    pub(crate) test: TestIdentity,
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut IdentityConfig)) -> Self {
        Self::of(POLICY, change)
    }

    /// With another policy.
    pub(crate) fn with_policy(policy: &str) -> Self {
        Self::of(policy, |_| {})
    }

    fn of(text: &str, change: impl FnOnce(&mut IdentityConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.toml");
        std::fs::write(&policy, text).unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
        let test = TestIdentity::with(|config| {
            config.sign_up.enabled = true;
            config.policy.file = policy;
            config.policy.internal_secret_file = secret;
            config.mail.transport = MailTransport::Folder;
            config.mail.from = "Estafette <no-reply@x.fr>".into();
            config.mail.folder = folder.path().join("mail");
            change(config);
        });
        Self { test, folder }
    }

    /// The files of the database as they are on the disk.
    pub(crate) fn database(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.test.folder()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Every mail so far, oldest first.
    pub(crate) async fn mails(&self) -> Vec<String> {
        while self.test.identity.deliver_due().await.unwrap() > 0 {}
        let mut mails: Vec<(u64, String)> = std::fs::read_dir(self.folder.path().join("mail"))
            .unwrap()
            .map(|file| {
                let path = file.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let id = name.rsplit('-').next().unwrap().parse().unwrap();
                (id, std::fs::read_to_string(&path).unwrap())
            })
            .collect();
        mails.sort();
        mails.into_iter().map(|(_, mail)| mail).collect()
    }

    /// The code of the last mail, which must be for `address`.
    pub(crate) async fn code_for(&self, address: &str) -> String {
        let mail = self.mails().await.pop().expect("a mail was sent");
        assert!(mail.contains(&format!("To: {address}\r\n")), "{mail}");
        let subject = mail.split("Subject: ").nth(1).unwrap();
        let code = subject[..9].replace(' ', "");
        assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{mail}");
        code
    }

    /// Signs up and returns the browser and the last answer.
    pub(crate) async fn sign_up(&self, address: &str) -> (TestBrowser<'_>, Answer) {
        self.sign_up_with(address, &[("password", PASSWORD), ("again", PASSWORD)]).await
    }

    /// The same by the button for no password.
    pub(crate) async fn sign_up_without_password(
        &self,
        address: &str,
    ) -> (TestBrowser<'_>, Answer) {
        self.sign_up_with(address, &[("password", ""), ("again", ""), ("without", "yes")]).await
    }

    /// Proves a mailbox, and is shown what that opens.
    pub(crate) async fn prove(&self, browser: &mut TestBrowser<'_>, address: &str) -> Answer {
        ask(browser, address).await;
        let code = self.code_for(&address.to_ascii_lowercase()).await;
        browser.follow().await;
        browser.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
        browser.follow().await
    }

    async fn sign_up_with(
        &self,
        address: &str,
        fields: &[(&str, &str)],
    ) -> (TestBrowser<'_>, Answer) {
        let mut browser = self.test.browser();
        self.prove(&mut browser, address).await;
        let answer = browser.submit("/_estafette/sign-up/account", fields).await;
        (browser, answer)
    }

    /// Signs in by a code and returns the last answer, which leads to `onward`.
    pub(crate) async fn sign_in_by_code(
        &self,
        browser: &mut TestBrowser<'_>,
        address: &str,
        onward: &str,
    ) -> Answer {
        let start = "/_estafette/sign-in/mail";
        browser.open(&crate::code::with_onward(start, onward)).await;
        browser.submit(start, &[("address", address)]).await;
        let code = self.code_for(address).await;
        browser.follow().await;
        browser.submit("/_estafette/sign-in/mail/code", &[("code", &code)]).await
    }
}

/// Types an address on the first page.
pub(crate) async fn ask(browser: &mut TestBrowser<'_>, address: &str) -> Answer {
    browser.open("/_estafette/sign-up?continue=/oauth2/authorize%3Fx").await;
    browser.submit("/_estafette/sign-up", &[("address", address)]).await
}

/// Another code than this one.
fn wrong(code: &str) -> String {
    format!("{:08}", (code.parse::<u32>().unwrap() + 1) % 100_000_000)
}

/// Otherwise an agent does not get from an address to an account, or the account is not theirs.
#[tokio::test]
async fn an_address_becomes_an_account_and_a_session() {
    let site = Site::start();
    let (mut browser, answer) = site.sign_up("Jane.SMITH@sg.important.com").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/oauth2/authorize?x"));
    let store = &site.test.identity.store;
    let person = store.person_by_email("jane.smith@sg.important.com").await.unwrap().unwrap();
    assert_eq!(person.details.organisation_id.as_deref(), Some("important"));
    assert!(!person.details.guest && person.details.expires_ms.is_none());
    let localpart = person.user_id.localpart();
    assert!(localpart.len() == 11 && !localpart.contains("jane"), "the id gives the address away");
    let profile = store.profile(&person.user_id).await.unwrap().unwrap();
    assert_eq!(profile, [("displayname".into(), "\"Jane Smith [Important]\"".into())]);
    // Signed in, and able to do so again by the address.
    assert_eq!(browser.open("/_estafette/sign-in").await.status, StatusCode::SEE_OTHER);
    let mut other = site.test.browser();
    other.open("/_estafette/sign-in").await;
    let fields = [("who", " JANE.smith@sg.important.com "), ("password", PASSWORD)];
    assert_eq!(other.submit("/_estafette/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
}

/// Otherwise the mail goes to one domain and the trust to another (B17, CVE-2019-11340).
#[tokio::test]
async fn a_malformed_address_is_refused_with_a_sentence_and_kept_in_the_field() {
    let site = Site::start();
    let mut browser = site.test.browser();
    for address in [
        "a@evil.com@important.com",
        "a@evil.com\n@important.com",
        "a@important.com\n",
        "\"a@evil.com\"@important.com",
        "a@ımportant.com",
        "a@important.com,b@evil.com",
        "a",
        "",
    ] {
        let answer = ask(&mut browser, address).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{address:?}");
        assert!(answer.body.contains("aria-describedby=\"address-hint address-error\""));
        let shown = address.replace('"', "&quot;");
        assert!(answer.body.contains(&format!("value=\"{shown}\"")), "{address:?} is lost");
    }
    assert!(site.mails().await.is_empty());
}

/// Otherwise one mailbox makes as many accounts as its owner types endings, all under one name.
#[tokio::test]
async fn a_mailbox_has_one_account_however_many_names_it_has() {
    let site = Site::start();
    site.sign_up("jean.martin@important.com").await;
    let sent = site.mails().await.len();
    for address in ["jean.martin+1@important.com", "new+@sub.important.com"] {
        let mut browser = site.test.browser();
        let answer = ask(&mut browser, address).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(answer.body.contains("without the “+”"), "{}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{address}\"")), "what was typed is kept");
    }
    assert_eq!(site.mails().await.len(), sent, "nobody is written to");
}

/// Otherwise the answer to an address tells strangers whether it has an account (F-24).
#[tokio::test]
async fn an_address_with_an_account_is_answered_like_one_without() {
    let site = Site::start();
    site.sign_up("known@important.com").await;
    let known = site.test.identity.store.person_by_email("known@important.com").await.unwrap();
    site.test.identity.host.deactivate(&known.unwrap().user_id, false).await.unwrap();
    site.sign_up("alice@important.com").await;
    let mut pairs = Vec::new();
    for address in ["alice@important.com", "nobod@important.com", "known@important.com"] {
        for path in ["/_estafette/sign-up", "/_estafette/password/reset"] {
            let mut browser = site.test.browser();
            browser.address = format!("10.0.0.{}", pairs.len());
            browser.open(path).await;
            let asked = browser.submit(path, &[("address", address)]).await;
            let page = browser.follow().await;
            let mut headers = asked.headers.clone();
            headers.remove("set-cookie");
            pairs.push((
                path,
                asked.status,
                headers,
                asked.body,
                page.status,
                page.headers,
                page.body.len(),
            ));
        }
    }
    for other in pairs.iter().skip(2) {
        let first = &pairs[usize::from(other.0 != pairs[0].0)];
        assert_eq!(first, other);
    }
}

/// Otherwise a mailbox could be proven by guessing, or one proof used twice (F-23, T-I4).
#[tokio::test]
async fn a_code_is_tried_five_times_used_once_and_worth_nothing_elsewhere() {
    let site = Site::start();
    site.test.host.limits.store(false, Ordering::SeqCst);
    let mut browser = site.test.browser();
    ask(&mut browser, "a@important.com").await;
    let code = site.code_for("a@important.com").await;
    browser.follow().await;
    // Not in another browser, and not before it is asked for.
    let mut thief = site.test.browser();
    ask(&mut thief, "b@important.com").await;
    thief.follow().await;
    let stolen = thief.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What is no code costs no try.
    let slip = browser.submit("/_estafette/sign-up/code", &[("code", "12345")]).await;
    assert!(slip.body.contains("eight digits") && slip.body.contains("value=\"12345\""));
    for left in (1..5).rev() {
        let answer = browser.submit("/_estafette/sign-up/code", &[("code", &wrong(&code))]).await;
        assert!(answer.body.contains(&format!("You have {left} ")), "{}", answer.body);
        assert!(answer.body.contains("aria-invalid=\"true\""));
    }
    let last = browser.submit("/_estafette/sign-up/code", &[("code", &wrong(&code))]).await;
    assert!(last.body.contains("This code no longer works"));
    // The right one comes too late; the account page stays shut.
    browser.open("/_estafette/sign-up/code").await;
    assert_eq!(browser.open("/_estafette/sign-up/account").await.status, StatusCode::SEE_OTHER);
    // A new one works once.
    ask(&mut browser, "a@important.com").await;
    let code = site.code_for("a@important.com").await;
    browser.follow().await;
    let wide = char::from_u32(u32::from('０') + code[3..4].parse::<u32>().unwrap()).unwrap();
    let spaced = format!(" {}-{wide} {}.", &code[..3], &code[4..]);
    let right = browser.submit("/_estafette/sign-up/code", &[("code", &spaced)]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    browser.follow().await;
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let made = browser.submit("/_estafette/sign-up/account", &fields).await;
    assert_eq!(made.location(), "/oauth2/authorize?x");
    assert!(
        browser
            .open("/_estafette/sign-up/account")
            .await
            .location()
            .starts_with("/_estafette/sign-up?")
    );
}

/// Otherwise an old mail opens an account, or a mailbox is flooded.
#[tokio::test]
async fn codes_end_and_are_not_sent_without_bound() {
    let site = Site::start();
    site.test.host.limits.store(false, Ordering::SeqCst);
    let mut browser = site.test.browser();
    ask(&mut browser, "a@important.com").await;
    let code = site.code_for("a@important.com").await;
    browser.follow().await;
    site.test.host.advance(10 * 60 * 1000);
    let late = browser.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    assert!(late.body.contains("This code no longer works"));
    // With all limits in memory off: what the disk remembers.
    for n in 0..7 {
        let mut other = site.test.browser();
        other.address = format!("10.0.0.{n}");
        let answer = ask(&mut other, "a@important.com").await;
        let expected = if n < 5 { StatusCode::SEE_OTHER } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(answer.status, expected, "{n}");
    }
    assert_eq!(site.mails().await.len(), 6);
    site.test.host.advance(60 * 1000);
    assert_eq!(ask(&mut browser, "a@important.com").await.status, StatusCode::SEE_OTHER);
}

/// Otherwise somebody signs up twice, or loses the account that there is.
#[tokio::test]
async fn an_existing_account_is_shown_to_whoever_holds_the_mailbox() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let mut browser = site.test.browser();
    let page = site.prove(&mut browser, "A@important.com").await;
    assert!(page.body.contains("You already have an account"));
    // The address goes along to whichever way in is chosen.
    for way in ["sign-in", "sign-in/mail", "password/reset"] {
        let query = "continue=%2Foauth2%2Fauthorize%3Fx&amp;login_hint=a%40important.com";
        assert!(page.body.contains(&format!("/_estafette/{way}?{query}")), "{way}: {}", page.body);
    }
}

/// Otherwise somebody whom an administrator shut out lets themselves in again by their mailbox.
#[tokio::test]
async fn what_an_administrator_closed_stays_closed() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let store = &site.test.identity.store;
    let user_id = store.person_by_email("a@important.com").await.unwrap().unwrap().user_id;
    let entry = AuditEntry { actor: "op".into(), reason: None, now_ms: 0 };
    let acts = vec![AdminAct::Deactivate(false)];
    site.test.identity.host.administer(entry, Some(&user_id), acts).await.unwrap();
    let mut browser = site.test.browser();
    let page = site.prove(&mut browser, "a@important.com").await;
    assert!(page.body.contains("This account is closed"), "{}", page.body);
    let mut forged = page.body.clone();
    forged = forged.split("form_token").next().unwrap().to_owned();
    assert!(!forged.contains("sign-up/account"), "a form to bring it back is offered");
    assert!(store.person(&user_id).await.unwrap().unwrap().deactivated);
}

/// Otherwise whoever was away comes back to nothing, or comes back against the policy.
#[tokio::test]
async fn a_deactivated_account_comes_back_where_the_policy_says_so() {
    for reactivation in [true, false] {
        let site = Site::with(|config| config.sign_up.reactivation = reactivation);
        site.sign_up("a@important.com").await;
        let store = &site.test.identity.store;
        let user_id = store.person_by_email("a@important.com").await.unwrap().unwrap().user_id;
        site.test.identity.host.deactivate(&user_id, false).await.unwrap();
        let mut browser = site.test.browser();
        let page = site.prove(&mut browser, "a@important.com").await;
        if !reactivation {
            assert!(page.body.contains("This account is closed"));
            continue;
        }
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        let answer = browser.submit("/_estafette/sign-up/account", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let person = store.person_by_email("a@important.com").await.unwrap().unwrap();
        assert_eq!((person.user_id, person.deactivated), (user_id, false));
    }
}

/// Otherwise whoever is given the address years later gets the account of who had it before: the
/// rooms' memory of its name, its settings, and its keys.
#[tokio::test]
async fn an_account_comes_back_for_days_and_then_the_address_makes_another() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    for (days, title) in [(29, "Reactivate my account"), (30, "Create my account")] {
        let site = Site::with(|config| config.sign_up.reactivation_days = 30);
        site.sign_up("a@important.com").await;
        let store = &site.test.identity.store;
        let before = store.person_by_email("a@important.com").await.unwrap().unwrap().user_id;
        site.test.identity.host.deactivate(&before, false).await.unwrap();
        site.test.host.advance(days * DAY_MS);
        let mut browser = site.test.browser();
        let page = site.prove(&mut browser, "a@important.com").await;
        assert!(page.body.contains(title), "{days}: {}", page.body);
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        browser.submit("/_estafette/sign-up/account", &fields).await;
        let now = store.person_by_email("a@important.com").await.unwrap().unwrap();
        assert_eq!((now.user_id == before, now.deactivated), (days < 30, false));
        assert_eq!(store.person(&before).await.unwrap().unwrap().deactivated, days >= 30);
    }
}

/// Otherwise the mailbox brings back, without the provider, whom the provider shuts out; or a guest
/// is back whom nobody invited again.
#[tokio::test]
async fn a_mailbox_alone_brings_back_neither_a_subject_nor_a_guest() {
    const PROVIDER: &str = "id = \"idp\"\nname = \"Provider\"\nissuer = \"https://idp.fr\"\n\
        client_id = \"estafette\"\nclient_secret = \"secret\"\ndomains = [\"*\"]\n";
    let opening = format!("{PROVIDER}mailbox_opens_accounts = true");
    let cases = [
        ("a@important.com", PROVIDER, false, "This account is closed"),
        ("a@important.com", &opening, false, "Reactivate my account"),
        ("g@y.com", "", false, "You need an invitation"),
        ("g@y.com", "", true, "Reactivate my account"),
    ];
    for (address, provider, invited, expected) in cases {
        let site = Site::with(|config| {
            config.sign_up.reactivation = true;
            let configured = (!provider.is_empty()).then(|| toml::from_str(provider).unwrap());
            config.upstream = configured.into_iter().collect();
        });
        let store = &site.test.identity.store;
        let host = site.test.account("host", PASSWORD).await;
        let invite = || store.invite_guest("g@y.com", &host, 1_700_000_900_000);
        invite().await.unwrap();
        site.sign_up(address).await;
        let user_id = store.person_by_email(address).await.unwrap().unwrap().user_id;
        if !provider.is_empty() {
            store.link_upstream("idp", "subject", &user_id, LinkReason::Proven).await.unwrap();
        }
        site.test.identity.host.deactivate(&user_id, false).await.unwrap();
        if invited {
            invite().await.unwrap();
        }
        site.test.host.advance(61_000);
        let mut browser = site.test.browser();
        let page = site.prove(&mut browser, address).await;
        assert!(page.body.contains(expected), "{address} {provider}: {}", page.body);
        let back = page.body.contains("action=\"/_estafette/sign-up/account\"");
        assert_eq!(back, expected.starts_with("Reactivate"), "{}", page.body);
        if back {
            let fields = [("password", PASSWORD), ("again", PASSWORD)];
            browser.submit("/_estafette/sign-up/account", &fields).await;
        }
        assert_eq!(store.person(&user_id).await.unwrap().unwrap().deactivated, !back);
    }
}

/// Otherwise strangers get in, or are told by anybody whether they are invited.
#[tokio::test]
async fn strangers_need_an_invitation_and_other_organisations_their_own_server() {
    let site = Site::start();
    let mut browser = site.test.browser();
    let page = ask(&mut browser, "a@other.com").await;
    assert!(
        page.body.contains("https://chat.other.fr/_estafette/sign-up?login_hint=a%40other.com")
    );
    // Who was not invited is not written to, and cannot tell.
    let until = 1_700_000_000_000 + 1_000_000;
    let host = site.test.account("host", PASSWORD).await;
    site.test.identity.store.invite_guest("g@y.com", &host, until).await.unwrap();
    let mut pages = Vec::new();
    for address in ["x@y.com", "g@y.com"] {
        let mut browser = site.test.browser();
        assert_eq!(ask(&mut browser, address).await.status, StatusCode::SEE_OTHER);
        let page = browser.follow().await.body;
        assert!(page.contains("of no organisation here"), "{page}");
        let form = crate::testing::hidden_fields(&page, "/_estafette/sign-up/code").1;
        let token = &form.iter().find(|(name, _)| name == "form_token").unwrap().1;
        let again = crate::testing::hidden_fields(&page, "/_estafette/sign-up").1;
        let other = &again.iter().find(|(name, _)| name == "form_token").unwrap().1;
        pages.push(page.replace(token, "").replace(other, "").replace(address, ""));
    }
    assert_eq!(pages[0], pages[1]);
    let mails = site.mails().await;
    assert!(mails.len() == 1 && mails[0].contains("To: g@y.com"), "{mails:?}");
    site.test.host.advance(61_000);
    let page = site.prove(&mut site.test.browser(), "g@y.com").await;
    assert!(page.body.contains("G [Externe]"), "{}", page.body);
}

/// Otherwise one invitation lets somebody in again and again: after an erasure, or by two browsers
/// that proved the same mailbox.
#[tokio::test]
async fn an_invited_address_signs_up_once() {
    let site = Site::start();
    let host = site.test.account("host", PASSWORD).await;
    let store = &site.test.identity.store;
    store.invite_guest("g@y.com", &host, 1_700_000_000_000 + 1_000_000).await.unwrap();
    // A browser that waits on the page of the password while another uses the invitation up.
    let mut late = site.test.browser();
    ask(&mut late, "g@y.com").await;
    let code = site.code_for("g@y.com").await;
    late.follow().await;
    late.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    assert!(late.follow().await.body.contains("G [Externe]"));
    let (_, answer) = site.sign_up("g@y.com").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/oauth2/authorize?x"));
    let guest = store.person_by_email("g@y.com").await.unwrap().unwrap();
    assert!(guest.details.guest);
    store.deactivate_account(&guest.user_id, true, 1).await.unwrap();
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = late.submit("/_estafette/sign-up/account", &fields).await;
    assert!(answer.body.contains("You need an invitation"), "{}", answer.body);
    assert_eq!(store.person_by_email("g@y.com").await.unwrap(), None);
}

/// Otherwise passwords are weak, or what is wrong with them is not said.
#[tokio::test]
async fn weak_passwords_are_refused_with_the_reason() {
    let site = Site::start();
    let mut browser = site.test.browser();
    site.prove(&mut browser, "jane.smith@important.com").await;
    for (password, again, why) in [
        ("short", "short", "at least 12 characters"),
        ("password1234", "password1234", "soon be guessed"),
        ("jane.smith2024", "jane.smith2024", "soon be guessed"),
        ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "soon be guessed"),
        (PASSWORD, "ocean lantern granite violon", "different"),
        (&"é".repeat(300), "", "too long"),
    ] {
        let fields = [("password", password), ("again", again)];
        let answer = browser.submit("/_estafette/sign-up/account", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(answer.body.contains(why), "{password}: {}", answer.body);
        assert!(!answer.body.contains(password), "a password comes back");
    }
}

/// Otherwise pages are there that cannot work, or an unsafe configuration starts.
#[tokio::test]
async fn nothing_is_offered_that_is_not_configured() {
    let site = TestIdentity::start();
    let mut browser = site.browser();
    for path in ["/_estafette/sign-up", "/_estafette/password/reset"] {
        assert_eq!(browser.open(path).await.status, StatusCode::NOT_FOUND);
    }
    let page = browser.open("/_estafette/sign-in").await;
    assert!(!page.body.contains("/_estafette/sign-up"));
    let open = |change: fn(&mut IdentityConfig)| {
        let mut config = IdentityConfig::default();
        change(&mut config);
        let store = site.identity.store.clone();
        let host = std::sync::Arc::clone(&site.host);
        crate::Identity::open(config, store, host).err().map(|error| error.to_string())
    };
    let policy = |config: &mut IdentityConfig| config.sign_up.enabled = true;
    assert!(open(policy).unwrap().contains("policy.file"));
    let mail = |config: &mut IdentityConfig| {
        config.sign_up.enabled = true;
        config.policy.open = true;
    };
    assert!(open(mail).unwrap().contains("mail.transport"));
    let plain = |config: &mut IdentityConfig| {
        config.mail.transport = MailTransport::Smtp;
        config.mail.smtp.host = "mail.example.fr".into();
        config.mail.smtp.security = crate::config::SmtpSecurity::None;
    };
    assert!(open(plain).unwrap().contains("loopback"));
}

/// Otherwise the look-up reveals accounts, or servers are told what strangers may not know (B2).
#[tokio::test]
async fn the_look_up_answers_from_the_policy_alone_and_fails_closed() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let get = async |path: &str, secret: &str| {
        let request = http::Request::get(path).header("authorization", format!("Bearer {secret}"));
        site.test.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let path = "/_estafette/identity/v1/lookup?address=";
    let with = get(&format!("{path}a@important.com"), "").await;
    let without = get(&format!("{path}z@important.com"), "").await;
    assert_eq!((with.status, &with.body), (StatusCode::OK, &without.body));
    assert!(with.body.contains("\"homeserver\":\"x.fr\""), "{}", with.body);
    assert!(with.body.contains("\"guest\":false"), "{}", with.body);
    assert!(get(&format!("{path}g@y.com"), "").await.body.contains("\"guest\":true"));
    assert!(get(&format!("{path}A%40other.com"), "").await.body.contains("other.fr"));
    let bad = get(&format!("{path}a@b@important.com"), "").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let path = "/_estafette/identity/v1/internal/lookup?address=g@y.com";
    for wrong in ["", "0123456789abcdef0123456789abcdeg", "0123456789abcdef"] {
        assert_eq!(get(path, wrong).await.status, StatusCode::UNAUTHORIZED);
    }
    let secret = "0123456789abcdef0123456789abcdef";
    let answer = get(path, secret).await.body;
    assert!(answer.contains("\"invited\":false") && answer.contains("\"requires_invite\":true"));
    let host = site.test.account("host", PASSWORD).await;
    site.test.identity.store.invite_guest("g@y.com", &host, 1_700_000_000_500).await.unwrap();
    assert!(get(path, secret).await.body.contains("\"invited\":true"));
    site.test.host.advance(500);
    assert!(get(path, secret).await.body.contains("\"invited\":false"), "it has ended");
}

/// Otherwise the link of an invitation leads into the account of whoever else uses the computer.
#[tokio::test]
async fn a_link_for_somebody_else_says_who_is_signed_in() {
    let site = Site::start();
    let (mut browser, _) = site.sign_up("a@important.com").await;
    let own = "/_estafette/sign-up?continue=/x&login_hint=a%40important.com";
    assert_eq!(browser.open(own).await.location(), "/x");
    let link = "/_estafette/sign-up?continue=/x&login_hint=b%40important.com";
    let page = browser.open(link).await;
    for text in ["b@important.com", "a@important.com", "href=\"/x\""] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    browser.submit("/_estafette/sign-out", &[]).await;
    let page = browser.follow().await;
    assert!(page.body.contains("value=\"b@important.com\""), "{}", page.body);
    assert!(page.body.contains("value=\"/x\""), "{}", page.body);
}
