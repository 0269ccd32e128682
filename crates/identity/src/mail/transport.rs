// SPDX-License-Identifier: Apache-2.0
//! From the outbox to the next server, or to a folder.
//!
//! TLS is required and the certificate verified (CVE-2023-38686): there is no setting that makes
//! either optional, but for a server on the loopback.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{email_address::EmailAddress, ids::ServerName, limits::MAIL_TIMEOUT_S};
use estafette_store::identity::WaitingMail;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
        response::Category,
    },
};

use super::{letters::Letter, seal};
use crate::{
    Identity,
    config::{Mail, MailTransport, Smtp, SmtpSecurity},
};

/// Why mail cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The sender is missing or malformed.
    #[error("mail.from: {0}")]
    From(String),
    /// The folder is missing.
    #[error("mail.folder: {0}")]
    Folder(String),
    /// The server cannot be used as configured.
    #[error("mail.smtp: {0}")]
    Smtp(String),
}

/// What became of a mail that was handed over.
pub(super) enum Handed {
    /// The next server answers for it now.
    Accepted,
    /// It would be refused again.
    Refused(String),
    /// It may be accepted later.
    NotYet(String),
}

fn sender(config: &Mail) -> Result<Mailbox, MailError> {
    let from = config.from.parse();
    from.map_err(|error| MailError::From(format!("`{}`: {error}", config.from)))
}

enum Way {
    Folder(PathBuf),
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

/// A sender and a way out.
pub(super) struct Transport {
    from: Mailbox,
    way: Way,
}

impl Transport {
    /// `None` when no mail is sent.
    pub(super) fn open(config: &Mail, here: &ServerName) -> Result<Option<Self>, MailError> {
        let way = match config.transport {
            MailTransport::None => return Ok(None),
            MailTransport::Folder => {
                fs::create_dir_all(&config.folder).map_err(|error| {
                    MailError::Folder(format!("{}: {error}", config.folder.display()))
                })?;
                Way::Folder(config.folder.clone())
            }
            MailTransport::Smtp => Way::Smtp(Box::new(smtp(&config.smtp, here)?)),
        };
        Ok(Some(Self { from: sender(config)?, way }))
    }

    /// Says what is wrong, as [`open`](Self::open) would, and makes no folder.
    pub(super) fn check(config: &Mail, here: &ServerName) -> Result<(), MailError> {
        match config.transport {
            MailTransport::None => return Ok(()),
            MailTransport::Folder => {
                let mut above = config.folder.ancestors().filter(|path| path.exists());
                let relative = config.folder.is_relative() && !config.folder.as_os_str().is_empty();
                let may_be_made = above.next().map_or(relative, Path::is_dir);
                if !may_be_made {
                    let why = format!("{}: it cannot be made", config.folder.display());
                    return Err(MailError::Folder(why));
                }
            }
            MailTransport::Smtp => {
                smtp(&config.smtp, here)?;
            }
        }
        sender(config).map(|_| ())
    }

    pub(super) async fn hand_over(&self, identity: &Identity, mail: &WaitingMail) -> Handed {
        let Some(letter) = seal::letter(&*identity.host, mail) else {
            // The key may be put back: until then the mail waits, and ends with its time.
            return Handed::NotYet("it was sealed with another key than the server has now".into());
        };
        let message = match self.message(identity, mail, letter) {
            Ok(message) => message,
            Err(why) => return Handed::Refused(why),
        };
        match &self.way {
            Way::Folder(folder) => {
                let path = folder.join(format!("{}-{}.eml", identity.host.now_ms(), mail.id));
                match write(&path, &message.formatted()) {
                    Ok(()) => {
                        tracing::info!(file = %path.display(), "a mail was written");
                        Handed::Accepted
                    }
                    Err(error) => Handed::NotYet(error.to_string()),
                }
            }
            Way::Smtp(server) => match server.send(message).await {
                Ok(_) => Handed::Accepted,
                Err(error) if refuses_the_mail(&error) => Handed::Refused(error.to_string()),
                Err(error) => Handed::NotYet(chain(&error)),
            },
        }
    }

    fn message(
        &self,
        identity: &Identity,
        mail: &WaitingMail,
        letter: Letter,
    ) -> Result<Message, String> {
        // What is written to is what was parsed, matched and stored.
        let recipient = EmailAddress::parse(&mail.recipient).map_err(|error| error.to_string())?;
        let to = Address::new(recipient.local_part(), recipient.domain())
            .map_err(|error| error.to_string())?;
        let mut random = [0; 16];
        identity.host.fill_random(&mut random);
        let id = format!("<{}@{}>", URL_SAFE_NO_PAD.encode(random), self.from.email.domain());
        let now_ms = identity.host.now_ms().max(0).cast_unsigned();
        // RFC 3834: nobody's absence notice answers to it.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .date(UNIX_EPOCH + Duration::from_millis(now_ms))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.body)
            .map_err(|error| error.to_string())
    }
}

/// Who we say we are, RFC 5321 §4.1.1.1: our name, or our address where we have none. Mail servers
/// that are strict refuse `localhost`.
fn hello(config: &Smtp, here: &ServerName) -> ClientId {
    let name = if config.hello_name.is_empty() { here.host() } else { &config.hello_name };
    match name.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(name.to_owned()),
    }
}

fn smtp(config: &Smtp, here: &ServerName) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    if config.host.is_empty() {
        return Err(MailError::Smtp("`host` is missing".into()));
    }
    let tls = match config.security {
        SmtpSecurity::None if is_loopback(&config.host) => Tls::None,
        SmtpSecurity::None => {
            let why = "`security = \"none\"` is for a server on the loopback";
            return Err(MailError::Smtp(why.into()));
        }
        SmtpSecurity::Starttls => Tls::Required(tls_parameters(config)?),
        SmtpSecurity::Tls => Tls::Wrapper(tls_parameters(config)?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*config.host)
        .port(config.port)
        .tls(tls)
        .hello_name(hello(config, here))
        .timeout(Some(Duration::from_secs(MAIL_TIMEOUT_S / 2)));
    if !config.user.is_empty() {
        let password = read(&config.password_file)?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        builder = builder.credentials(Credentials::new(config.user.clone(), password));
    }
    Ok(builder.build())
}

fn tls_parameters(config: &Smtp) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if !config.ca_file.as_os_str().is_empty() {
        let certificate = Certificate::from_pem(read(&config.ca_file)?.as_bytes())
            .map_err(|error| MailError::Smtp(format!("ca_file: {error}")))?;
        builder =
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| MailError::Smtp(error.to_string()))
}

fn read(path: &Path) -> Result<String, MailError> {
    fs::read_to_string(path)
        .map_err(|error| MailError::Smtp(format!("{}: {error}", path.display())))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Writes a whole file or none, for its owner's eyes.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let unfinished = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&unfinished)?.write_all(bytes)?;
    fs::rename(unfinished, path)
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether a server will never take this mail, as far as its word goes. What it refuses of us (x3x:
/// authentication, RFC 4954 section 6) an operator can mend: no mail is lost by a wrong password.
fn refuses_the_mail(error: &smtp::Error) -> bool {
    error.is_permanent()
        && error.status().is_some_and(|code| code.category != Category::Unspecified3)
}
