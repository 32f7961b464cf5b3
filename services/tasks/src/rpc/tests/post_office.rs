//! A mail server that speaks SMTP over a real socket: it remembers what came, and answers as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::notify::{MailSettings, Mailer, SmtpTls};

/// A mail as it came, with its envelope.
#[derive(Debug, Clone, Default)]
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
}

impl Letter {
    /// Values of a header; long ones are put together again.
    pub(super) fn headers(&self, name: &str) -> Vec<String> {
        let (head, _) = self.data.split_once("\r\n\r\n").expect("a head");
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let of = |line: &str| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        head.split("\r\n").filter_map(of).collect()
    }

    pub(super) fn header(&self, name: &str) -> String {
        let found = self.headers(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0].clone()
    }

    /// All of it, with the line breaks of quoted-printable taken out.
    pub(super) fn words(&self) -> String {
        self.data.replace("=\r\n", "").replace("=3D", "=")
    }
}

#[derive(Default)]
struct Desk {
    came: Mutex<Vec<Letter>>,
    said: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<&'static str, VecDeque<&'static str>>>,
    offers: &'static str,
    /// Encrypts, if it can.
    tls: Option<TlsAcceptor>,
}

impl Desk {
    fn answer(&self, stage: &str, usual: &'static str) -> &'static str {
        let mut answers = self.answers.lock().expect("unharmed");
        answers.get_mut(stage).and_then(VecDeque::pop_front).unwrap_or(usual)
    }
}

/// The server, as long as this is held.
pub(super) struct PostOffice {
    port: u16,
    desk: Arc<Desk>,
    /// Who trusts this trusts its certificate, which is for 127.0.0.1.
    certificate: String,
    task: JoinHandle<()>,
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PostOffice {
    /// Offers what is named besides the ordinary: `AUTH PLAIN`, `STARTTLS`. In the clear, or from there on, nothing is encrypted.
    pub(super) async fn offering(offers: &'static str) -> Self {
        Self::open(offers, None, String::new(), false).await
    }

    /// Encrypts: from the first byte, or when it is asked to.
    pub(super) async fn encrypting(at_once: bool) -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .expect("a key that fits");
        let tls = TlsAcceptor::from(Arc::new(config));
        Self::open("STARTTLS", Some(tls), own.cert.pem(), at_once).await
    }

    async fn open(
        offers: &'static str,
        tls: Option<TlsAcceptor>,
        certificate: String,
        at_once: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let desk = Arc::new(Desk { offers, tls, ..Desk::default() });
        let at = desk.clone();
        // Of the test alone, and ended with it.
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                // Whoever breaks off has said enough.
                let _ = if at_once { encrypted(stream, &at, true).await } else { greeted(stream, &at).await };
            }
        });
        Self { port, desk, certificate, task }
    }

    pub(super) async fn new() -> Self {
        Self::offering("8BITMIME").await
    }

    /// The next answer at a stage: `HELLO`, `AUTH`, `FROM`, `TO`, `DATA` and, when all of a mail is there, `TAKEN`. An empty one
    /// hangs up.
    pub(super) fn answers(&self, stage: &'static str, answer: &'static str) {
        self.desk.answers.lock().expect("unharmed").entry(stage).or_default().push_back(answer);
    }

    /// What came since the last look.
    pub(super) fn came(&self) -> Vec<Letter> {
        std::mem::take(&mut self.desk.came.lock().expect("unharmed"))
    }

    /// Every command that was said.
    pub(super) fn said(&self) -> Vec<String> {
        self.desk.said.lock().expect("unharmed").clone()
    }

    /// Its certificate, as the operator would have it: in a file.
    pub(super) fn certificate(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &self.certificate).expect("write");
        file
    }

    pub(super) fn settings(&self) -> MailSettings {
        MailSettings {
            smtp_host: Some("127.0.0.1".into()),
            smtp_port: Some(self.port),
            smtp_tls: SmtpTls::None,
            smtp_from: Some("Mission Control <mc@mc.example.com>".parse().expect("a mailbox")),
            ..MailSettings::default()
        }
    }

    pub(super) fn mailer(&self) -> Option<Mailer> {
        self.settings().mailer().expect("settings that work")
    }
}

/// Begins in the clear.
async fn greeted(stream: TcpStream, desk: &Desk) -> std::io::Result<()> {
    match converse(stream, desk, true).await? {
        Some(stream) => encrypted(stream, desk, false).await,
        None => Ok(()),
    }
}

/// Goes on, or begins, where nobody can listen.
async fn encrypted(stream: TcpStream, desk: &Desk, begins: bool) -> std::io::Result<()> {
    let Some(tls) = &desk.tls else { return Ok(()) };
    desk.said.lock().expect("unharmed").push("(encrypted)".into());
    let mut stream = tls.accept(stream).await?;
    converse(&mut stream, desk, begins).await.map(drop)
}

/// Converses to its end; answers with the stream if it is to be encrypted from here.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    desk: &Desk,
    begins: bool,
) -> std::io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    let mut letter = Letter::default();
    if begins {
        stream.write_all(format!("{}\r\n", desk.answer("HELLO", "220 post office")).as_bytes()).await?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        let inside = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        desk.said.lock().expect("unharmed").push(line.clone());
        let hello = format!("250-post office\r\n250 {}", desk.offers);
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => hello.as_str(),
            "STARTTLS" => "220 go ahead",
            "AUTH" => desk.answer("AUTH", "235 welcome"),
            "MAIL" => {
                letter = Letter { from: inside(), ..Letter::default() };
                desk.answer("FROM", "250 ok")
            }
            "RCPT" => {
                letter.to.push(inside());
                desk.answer("TO", "250 ok")
            }
            "DATA" => desk.answer("DATA", "354 go on"),
            "QUIT" => "221 bye",
            _ => "500 what?",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        stream.flush().await?;
        match answer {
            "354 go on" => {
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(None);
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    letter.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                desk.came.lock().expect("unharmed").push(letter.clone());
                match desk.answer("TAKEN", "250 taken") {
                    "" => return Ok(None),
                    answer => stream.write_all(format!("{answer}\r\n").as_bytes()).await?,
                }
                stream.flush().await?;
            }
            "221 bye" => return Ok(None),
            "220 go ahead" => return Ok(Some(stream.into_inner())),
            _ => {}
        }
    }
}
