//! Mail by SMTP, over the server that the operator names.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use lettre::message::header::{self, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use mc_chassis::config::{Invalid, Secret};
use time::OffsetDateTime;

use super::send::Tried;
use crate::domain::notice::parcel::Mail;

/// Time for each command of the conversation, and for all of it.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How the conversation with the mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SmtpTls {
    /// It begins in the clear and says nothing of interest before it is encrypted; port 587.
    #[default]
    Starttls,
    /// It is encrypted from the first byte; port 465.
    Implicit,
    /// Not at all, for a server on this machine alone; port 25.
    None,
}

/// A password; `file:/run/secrets/smtp-password` is read from that file, without the end of its line.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl FromStr for Password {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(path) = text.strip_prefix("file:") else { return Ok(Self(text.to_owned())) };
        let path = path.strip_prefix("//").unwrap_or(path);
        let read =
            std::fs::read_to_string(path).map_err(|error| format!("cannot be read from {path}: {error}"))?;
        Ok(Self(read.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// How notifications go by mail.
#[derive(Debug, Clone, Default, Args)]
pub struct MailSettings {
    /// Server that mail goes out over. Without it none is sent, and nobody can make a channel by mail.
    #[arg(long, env = "MC_SMTP_HOST")]
    pub smtp_host: Option<String>,
    /// Its port: 587, 465 or 25, as MC_SMTP_TLS has it, where nothing is set.
    #[arg(long, env = "MC_SMTP_PORT")]
    pub smtp_port: Option<u16>,
    /// How the conversation is kept secret.
    #[arg(long, env = "MC_SMTP_TLS", value_enum, default_value_t)]
    pub smtp_tls: SmtpTls,
    /// Who this is to the server, if it wants to know.
    #[arg(long, env = "MC_SMTP_USER")]
    pub smtp_user: Option<String>,
    /// The password, or `file:` and the name of a file that holds it.
    #[arg(long, env = "MC_SMTP_PASSWORD", hide_env_values = true)]
    pub smtp_password: Option<Secret<Password>>,
    /// Whom mail is from: `Mission Control <mc@example.com>`.
    #[arg(long, env = "MC_SMTP_FROM")]
    pub smtp_from: Option<Mailbox>,
    /// Certificates (PEM) of authorities that are trusted for this server besides those of the machine.
    #[arg(long, env = "MC_SMTP_CA_FILE")]
    pub smtp_ca_file: Option<PathBuf>,
}

impl MailSettings {
    /// What sends mail; none where no server is named.
    ///
    /// # Errors
    /// They do not work together.
    pub fn mailer(&self) -> Result<Option<Mailer>, Invalid> {
        let Some(host) = &self.smtp_host else {
            let alone = [
                ("MC_SMTP_FROM", self.smtp_from.is_some()),
                ("MC_SMTP_USER", self.smtp_user.is_some()),
                ("MC_SMTP_PASSWORD", self.smtp_password.is_some()),
            ];
            return match alone.into_iter().find(|(_, set)| *set) {
                Some((setting, _)) => {
                    Err(Invalid::new("MC_SMTP_HOST", format!("must be set where {setting} is")))
                }
                None => Ok(None),
            };
        };
        let from = self.smtp_from.clone().ok_or_else(|| {
            Invalid::new("MC_SMTP_FROM", "must be set where MC_SMTP_HOST is, as in `Name <mc@example.com>`")
        })?;
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).timeout(Some(COMMAND_LIMIT));
        transport = match self.smtp_tls {
            SmtpTls::Starttls => transport.port(587).tls(Tls::Required(self.encryption(host)?)),
            SmtpTls::Implicit => transport.port(465).tls(Tls::Wrapper(self.encryption(host)?)),
            SmtpTls::None if is_this_machine(host) => transport.port(25),
            SmtpTls::None => {
                let problem = "may be none for a server on this machine alone: use starttls or implicit";
                return Err(Invalid::new("MC_SMTP_TLS", problem));
            }
        };
        if let Some(port) = self.smtp_port {
            transport = transport.port(port);
        }
        transport = match (&self.smtp_user, &self.smtp_password) {
            (Some(user), Some(password)) => {
                transport.credentials(Credentials::new(user.clone(), password.expose().0.clone()))
            }
            (None, None) => transport,
            (Some(_), None) => {
                return Err(Invalid::new("MC_SMTP_PASSWORD", "must be set where MC_SMTP_USER is"));
            }
            (None, Some(_)) => {
                return Err(Invalid::new("MC_SMTP_USER", "must be set where MC_SMTP_PASSWORD is"));
            }
        };
        Ok(Some(Mailer { transport: transport.build(), from }))
    }

    fn encryption(&self, host: &str) -> Result<TlsParameters, Invalid> {
        let wrong = |problem: String| Invalid::new("MC_SMTP_CA_FILE", problem);
        let mut tls = TlsParameters::builder(host.to_owned());
        if let Some(file) = &self.smtp_ca_file {
            let name = file.display();
            let pem =
                std::fs::read(file).map_err(|error| wrong(format!("cannot be read from {name}: {error}")))?;
            let certificate =
                Certificate::from_pem(&pem).map_err(|_| wrong(format!("{name} holds no certificate")))?;
            tls = tls.add_root_certificate(certificate);
        }
        tls.build().map_err(|error| wrong(error.to_string()))
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Sends mail.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Says that no person wrote it, so that nobody's absence answers (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// Sends a mail under an id, which is in its `Message-ID` however often it is tried: a reader shows it once.
    pub(super) async fn send(&self, to: &str, id: &str, mail: Mail, now: OffsetDateTime) -> Tried {
        let Ok(to) = to.parse() else {
            return refused("the address of the owner's account is none that mail can go to".to_owned());
        };
        let message = match self.message(to, id, mail, now) {
            Ok(message) => message,
            Err(error) => return refused(format!("the mail cannot be written: {error}")),
        };
        match tokio::time::timeout(TIME_LIMIT, self.transport.send(message)).await {
            Ok(Ok(_)) => Tried::Delivered { status: 250 },
            Ok(Err(error)) => failed(&error),
            Err(_) => {
                Tried::failed(format!("the mail server does not take it within {} s", TIME_LIMIT.as_secs()))
            }
        }
    }

    fn message(
        &self,
        to: Address,
        id: &str,
        mail: Mail,
        now: OffsetDateTime,
    ) -> Result<Message, lettre::error::Error> {
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .date(now.into())
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
    }
}

fn refused(error: String) -> Tried {
    Tried::Refused { status: 0, error }
}

/// What went wrong, without a word of the server's.
fn failed(error: &smtp::Error) -> Tried {
    let status = error.status().map_or(0, u16::from);
    let what = match status {
        // Of this mail or its receiver (RFC 5321): to try again is to be refused again. Other codes that begin with 5 are of
        // ourselves, which the operator can mend.
        550..=559 => {
            let error = format!("the mail server refuses it for good ({status})");
            return Tried::Refused { status: as_stored(status), error };
        }
        530 | 534 | 535 | 538 => format!("the mail server does not let us in ({status})"),
        500..=599 => format!("the mail server does not understand us ({status})"),
        400..=499 => format!("the mail server does not take it now ({status})"),
        _ if error.is_tls() => "no secure connection to the mail server".to_owned(),
        _ if error.is_client() => {
            "the mail server offers no way in that MC_SMTP_TLS and MC_SMTP_USER ask for".to_owned()
        }
        _ if error.is_timeout() => "the mail server does not answer".to_owned(),
        _ => "the mail server cannot be reached, or breaks off".to_owned(),
    };
    Tried::Failed { status: as_stored(status), error: what, asked: None, of_this_one: false }
}

fn as_stored(status: u16) -> i16 {
    i16::try_from(status).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MailSettings {
        MailSettings {
            smtp_host: Some("mail.example.com".into()),
            smtp_from: Some("Mission Control <mc@example.com>".parse().expect("a mailbox")),
            ..MailSettings::default()
        }
    }

    fn password(text: &str) -> Secret<Password> {
        text.parse().expect("a password")
    }

    #[test]
    fn settings_work_together_or_say_which_one_does_not() {
        assert!(MailSettings::default().mailer().expect("nothing set").is_none());
        assert!(settings().mailer().expect("a server").is_some());
        let in_the_clear =
            |host: &str| MailSettings { smtp_host: Some(host.into()), smtp_tls: SmtpTls::None, ..settings() };
        for here in ["localhost", "127.0.0.1", "127.8.9.1", "::1"] {
            assert!(in_the_clear(here).mailer().expect(here).is_some());
        }
        for (setting, wrong) in [
            ("MC_SMTP_HOST", MailSettings { smtp_host: None, ..settings() }),
            ("MC_SMTP_FROM", MailSettings { smtp_from: None, ..settings() }),
            ("MC_SMTP_PASSWORD", MailSettings { smtp_user: Some("mc".into()), ..settings() }),
            ("MC_SMTP_USER", MailSettings { smtp_password: Some(password("s3cret")), ..settings() }),
            ("MC_SMTP_CA_FILE", MailSettings { smtp_ca_file: Some("/nonexistent/ca".into()), ..settings() }),
            ("MC_SMTP_TLS", in_the_clear("mail.example.com")),
            ("MC_SMTP_TLS", in_the_clear("192.168.0.7")),
            ("MC_SMTP_TLS", in_the_clear("localhost.example.com")),
        ] {
            assert_eq!(wrong.mailer().expect_err(setting).setting, setting);
        }
    }

    #[test]
    fn nothing_in_a_subject_becomes_a_header_and_nothing_in_a_body_ends_it() {
        let mailer = settings().mailer().expect("a server").expect("set");
        for subject in [
            "Hi\r\nBcc: eve@example.com",
            "Hi\nBcc: eve@example.com",
            "Hi\r\n\r\nBcc: eve@example.com",
            "Hé\r\nBcc: eve@example.com",
        ] {
            let text = "a\r\n.\r\nMAIL FROM:<eve@example.com>\r\n".to_owned();
            let mail = Mail { subject: subject.into(), html: format!("<p>{text}</p>"), text };
            let to = "ada@example.com".parse().expect("an address");
            let message = mailer.message(to, "msg_1", mail, OffsetDateTime::UNIX_EPOCH).expect("written");
            let written = String::from_utf8(message.formatted()).expect("text");
            let (head, _) = written.split_once("\r\n\r\n").expect("a head");
            let names: Vec<_> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .filter_map(|line| line.split_once(':').map(|(name, _)| name))
                .collect();
            let all = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
            ];
            assert_eq!(names, all, "{head}");
            let envelope = message.envelope();
            assert_eq!(envelope.to().len(), 1, "{envelope:?}");
        }
    }

    #[test]
    fn password_comes_from_a_file_and_is_never_shown() {
        let file = std::env::temp_dir().join(format!("mc-smtp-password-{}", std::process::id()));
        std::fs::write(&file, " p w\r\n").expect("write");
        let read = password(&format!("file:{}", file.display()));
        std::fs::remove_file(&file).expect("remove");
        assert_eq!(read.expose().0, " p w");
        let given = MailSettings { smtp_password: Some(password("s3cret")), ..settings() };
        assert!(!format!("{given:?}").contains("s3cret"));
        let missing = "file:/nonexistent/password".parse::<Password>().expect_err("no file");
        assert!(missing.contains("/nonexistent/password"));
    }
}
