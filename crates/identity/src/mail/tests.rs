// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, sync::Arc};

use estafette_store::{
    IdentityStore as _,
    identity::{MailText, NewMail, WaitingMail},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use super::{MAIL_AT_ONCE, UnderWay, letters::Letter, seal};
use crate::{
    Host as _,
    config::{MailTransport, SmtpSecurity},
    testing::TestIdentity,
};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/mail/fixtures").join(name)
}

/// A mail server on the loopback.
struct MailServer {
    port: u16,
    /// What was said to it, line by line.
    heard: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// `certificate`: whose certificate it shows; `starttls`: whether it offers STARTTLS;
    /// `answer`: what it says to the end of a mail.
    async fn start(certificate: &'static str, starttls: bool, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let words = Arc::clone(&heard);
        let chain =
            vec![CertificateDer::from_pem_file(fixture(&format!("{certificate}.pem"))).unwrap()];
        let key = PrivateKeyDer::from_pem_file(fixture(&format!("{certificate}.key"))).unwrap();
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"220 test\r\n").await.unwrap();
                if !converse(&mut stream, &words, starttls, answer).await {
                    continue;
                }
                if let Ok(stream) = acceptor.accept(stream.into_inner()).await {
                    words.lock().push("(TLS)".into());
                    converse(&mut BufReader::new(stream), &words, false, answer).await;
                }
            }
        });
        Self { port, heard }
    }
}

/// Speaks SMTP until the end, or until TLS is to begin (`true`).
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    heard: &Mutex<Vec<String>>,
    starttls: bool,
    answer: &str,
) -> bool {
    let (mut line, mut in_mail) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let said = line.trim_end().to_owned();
        heard.lock().push(said.clone());
        let reply = if in_mail {
            if said != "." {
                continue;
            }
            in_mail = false;
            format!("{answer}\r\n")
        } else if said.starts_with("EHLO") && starttls {
            "250-test\r\n250 STARTTLS\r\n".into()
        } else if said == "STARTTLS" {
            stream.write_all(b"220 go\r\n").await.unwrap();
            return true;
        } else if said == "DATA" {
            in_mail = true;
            "354 go\r\n".into()
        } else {
            "250 ok\r\n".into()
        };
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return false;
        }
    }
}

fn site(port: u16, security: SmtpSecurity) -> TestIdentity {
    TestIdentity::with(|config| {
        config.mail.transport = MailTransport::Smtp;
        config.mail.from = "Estafette <no-reply@x.fr>".into();
        config.mail.smtp.host = "localhost".into();
        config.mail.smtp.port = port;
        config.mail.smtp.security = security;
        config.mail.smtp.ca_file = fixture("ca.pem");
    })
}

async fn post(site: &TestIdentity) {
    let letter = Letter { subject: "Sujet".into(), body: "Bonjour\n.\nRCPT TO:<b@y.fr>\n".into() };
    site.identity.post("jane.smith@important.com", letter).await.unwrap();
}

/// How many mails wait, whenever their time may be.
async fn waiting(site: &TestIdentity) -> usize {
    site.identity.store.due_mail(site.identity.host.now_ms() + 4_000_000, 10).await.unwrap().len()
}

/// Otherwise no mail arrives, or it travels in clear.
#[tokio::test]
async fn a_mail_is_handed_over_under_tls() {
    let server = MailServer::start("localhost", true, "250 queued").await;
    let site = site(server.port, SmtpSecurity::Starttls);
    post(&site).await;
    assert_eq!(site.identity.deliver_due().await.unwrap(), 1);
    assert_eq!(waiting(&site).await, 0, "an accepted mail is kept");
    let heard = server.heard.lock().clone();
    // Strict servers refuse who calls itself localhost.
    assert!(heard.iter().filter(|line| line.starts_with("EHLO")).all(|line| line == "EHLO x.fr"));
    let tls = heard.iter().position(|line| line == "(TLS)").unwrap();
    assert!(heard[..tls].iter().all(|line| !line.contains('@')), "{heard:?}");
    let data = heard.iter().position(|line| line == "DATA").unwrap();
    let said = &heard[..data];
    let recipients: Vec<&String> = said.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<jane.smith@important.com>"]);
    assert!(heard.iter().any(|line| line == "Auto-Submitted: auto-generated"));
    assert!(heard.iter().any(|line| line == ".."), "a lone dot ended the mail");
}

/// Otherwise whoever stands between us and the next server reads every code (CVE-2023-38686).
#[tokio::test]
async fn without_the_right_certificate_or_starttls_nothing_is_said() {
    for (certificate, starttls) in [("other.example", true), ("localhost", false)] {
        let server = MailServer::start(certificate, starttls, "250 queued").await;
        let site = site(server.port, SmtpSecurity::Starttls);
        post(&site).await;
        site.identity.deliver_due().await.unwrap();
        let heard = server.heard.lock().clone();
        assert!(heard.iter().all(|line| !line.contains("MAIL FROM")), "{heard:?}");
        assert_eq!(waiting(&site).await, 1, "the mail is lost");
    }
}

/// Otherwise links with secrets lead to another server of the same name, or nowhere.
#[test]
fn no_mail_leaves_before_the_server_knows_where_it_is() {
    let site = TestIdentity::start();
    let mut config = crate::IdentityConfig::default();
    config.mail.transport = MailTransport::Smtp;
    config.mail.from = "no-reply@x.fr".into();
    config.mail.smtp.host = "localhost".into();
    config.mail.smtp.security = SmtpSecurity::None;
    for base_url in [None, Some("https://chat.x.fr".to_owned())] {
        let known = base_url.is_some();
        *site.host.base_url.lock() = base_url;
        let store = site.identity.store.clone();
        let opened = crate::Identity::open(config.clone(), store, Arc::clone(&site.host) as _);
        let why = opened.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(why.contains("public_base_url"), !known, "{why}");
    }
}

/// Otherwise a mail server that is away for a moment loses mail, or is never left in peace.
#[tokio::test]
async fn what_is_not_accepted_is_tried_later_and_what_is_refused_is_not() {
    let server = MailServer::start("localhost", false, "451 later").await;
    let busy = site(server.port, SmtpSecurity::None);
    post(&busy).await;
    assert_eq!(busy.identity.deliver_due().await.unwrap(), 1);
    assert_eq!(busy.identity.deliver_due().await.unwrap(), 0, "it was tried again at once");
    busy.host.advance(10_000);
    assert_eq!(busy.identity.deliver_due().await.unwrap(), 1);
    // Three days later it is of no use any more.
    busy.host.advance(3 * 24 * 60 * 60 * 1000);
    assert_eq!(busy.identity.deliver_due().await.unwrap(), 0);
    assert_eq!(waiting(&busy).await, 0);
    let server = MailServer::start("localhost", false, "550 nobody").await;
    let refusing = site(server.port, SmtpSecurity::None);
    post(&refusing).await;
    refusing.identity.deliver_due().await.unwrap();
    assert_eq!(waiting(&refusing).await, 0);
}

/// Otherwise whoever has a copy of the database has the links and codes that open accounts: those
/// that wait, and those that left their traces.
#[tokio::test]
async fn what_a_mail_says_is_not_in_the_database() {
    let site = crate::sign_up::tests::Site::start();
    let store = &site.test.identity.store;
    let letter = || Letter { subject: "314159 : code".into(), body: "the link of Jeanne".into() };
    let kept_in = |database: &[u8]| {
        ["314159", "the link of Jeanne"]
            .iter()
            .any(|text| database.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    site.test.identity.post("jane.smith@important.com", letter()).await.unwrap();
    assert!(!kept_in(&site.database()), "while it waits");
    let mails = site.mails().await;
    assert!(mails[0].contains("314159") && mails[0].contains("the link of Jeanne"), "{mails:?}");
    assert!(!kept_in(&site.database()), "when it is gone");
    // It says nothing to anybody else.
    let mail = site.test.identity.compose("a@x.fr", letter(), None);
    let open = |recipient: &str, sealed: &[u8]| {
        let letter = seal::open(&*site.test.host, recipient, sealed);
        letter.map(|letter| (letter.subject, letter.body))
    };
    assert_eq!(open("a@x.fr", &mail.sealed), Some((letter().subject, letter().body)));
    assert_eq!(open("b@x.fr", &mail.sealed), None, "for another mailbox");
    let mut changed = mail.sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    for broken in [changed.as_slice(), &mail.sealed[..11], &[]] {
        assert_eq!(open("a@x.fr", broken), None);
    }
    assert_ne!(site.test.identity.compose("a@x.fr", letter(), None).sealed, mail.sealed);
    // What cannot be read waits for its key, and holds nothing back.
    store.put_mail(NewMail { sealed: changed, ..mail }).await.unwrap();
    site.test.identity.post("jane.smith@important.com", letter()).await.unwrap();
    assert_eq!(site.mails().await.len(), 2);
    assert_eq!(waiting(&site.test).await, 1);
}

/// Otherwise an upgrade loses the mail that waits.
#[test]
fn mail_that_was_queued_in_clear_is_sent() {
    let site = TestIdentity::start();
    let text = MailText::Clear { subject: "Sujet".into(), body: "Bonjour".into() };
    let mail = WaitingMail { id: 1, recipient: "a@x.fr".into(), text, tries: 0 };
    let letter = seal::letter(&*site.host, &mail).unwrap();
    assert_eq!((letter.subject.as_str(), letter.body.as_str()), ("Sujet", "Bonjour"));
}

/// Otherwise a wrong password in the configuration would empty the outbox.
#[tokio::test]
async fn who_is_not_let_in_keeps_the_mail() {
    let server = MailServer::start("localhost", false, "535 wrong password").await;
    let unknown = site(server.port, SmtpSecurity::None);
    post(&unknown).await;
    assert_eq!(unknown.identity.deliver_due().await.unwrap(), 1);
    assert_eq!(waiting(&unknown).await, 1);
}

/// Otherwise one recipient whose server hangs, or a round of reminders, holds up everybody's code.
#[tokio::test]
async fn a_code_waits_for_no_other_mail() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = site(hanging.local_addr().unwrap().port(), SmtpSecurity::None);
    let letter = || Letter { subject: "Sujet".into(), body: "Bonjour".into() };
    for nr in 0..100 {
        site.identity.post(&format!("a{nr}@y.fr"), letter()).await.unwrap();
    }
    let soon_ms = site.host.now_ms() + 600_000;
    let code = site.identity.compose("code@y.fr", letter(), Some(soon_ms));
    site.identity.store.put_mail(code).await.unwrap();
    let due = site.identity.store.due_mail(site.host.now_ms(), 3).await.unwrap();
    let to: Vec<&str> = due.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(to, ["code@y.fr", "a0@y.fr", "a1@y.fr"]);
    // Nobody answers, and as many are begun all the same as there is room for, each once.
    let mut under_way = UnderWay::default();
    assert_eq!(site.identity.begin_due(&mut under_way).await.unwrap(), MAIL_AT_ONCE);
    assert_eq!(site.identity.begin_due(&mut under_way).await.unwrap(), 0);
    let mut callers = Vec::new();
    for _ in 0..MAIL_AT_ONCE {
        callers.push(hanging.accept().await.unwrap());
    }
    // One is hung up on: another takes its place.
    drop(callers.pop());
    assert!(under_way.one_ends().await);
    assert_eq!(site.identity.begin_due(&mut under_way).await.unwrap(), 1);
    hanging.accept().await.unwrap();
}
