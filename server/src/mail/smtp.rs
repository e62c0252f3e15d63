//! Delivery to a mail server. The SMTP dialogue is lettre's; its order is here and not in lettre's transport, because what a
//! refusal means depends on when it comes: before the mail is named it is about this server, after that about the mail. And
//! a mail server that hangs once it has taken the mail must not make us send it twice.
//!
//! ```text
//! connect · TLS · AUTH │ MAIL · RCPT · DATA · text     │ QUIT
//! always worth another │ 4xx and silence: another try, │ doesn't matter
//! try                  │ 5xx: never                    │
//! ```

use super::transport::{Accepted, DeliveryError, Outgoing, Transport};
use app::domain::{id::MailId, time::Timestamp};
use async_trait::async_trait;
use lettre::{
    Address,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Quit, Rcpt},
        extension::ClientId,
        response::Response,
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::timeout;
use url::{Host, Url};

/// A URL that names no mail server, said without its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Not a URL, or one without a host.
    #[error("it is not a URL of the form smtps://user:password@host or smtp://user:password@host:587?tls=required")]
    Malformed,
    /// Another protocol.
    #[error("`{0}` is not a mail protocol: use smtps or smtp")]
    Scheme(String),
    /// Another value of `tls`.
    #[error("tls=`{0}` is unknown: use required or opportunistic")]
    Tls(String),
    /// Name or password.
    #[error("its user and password can't be read: write special characters as %XX, a percent sign as %25")]
    Credentials,
    /// The password would travel in the clear.
    #[error("it could send the password unencrypted: use smtps:// or add ?tls=required")]
    Unencrypted,
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// Not at all.
    None,
    /// When the server offers it; whoever sits in between can prevent it.
    Opportunistic,
    /// By STARTTLS, or no mail.
    Required,
    /// From the first byte.
    Implicit,
}

/// A mail server, and how to talk to it.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    hello: ClientId,
}

impl Server {
    /// Reads `smtps://user:password@host:465` (encrypted from the start), `smtp://user:password@host:587?tls=required`
    /// (STARTTLS), `…?tls=opportunistic`, or `smtp://host:25` (not encrypted). User and password, percent-encoded, and the
    /// port may be left out. A path is the name for EHLO, instead of this machine's.
    ///
    /// # Errors
    /// Says what is wrong, never with the password.
    pub fn parse(url: &str) -> Result<Self, ServerUrlError> {
        let url = Url::parse(url).map_err(|_| ServerUrlError::Malformed)?;
        let (encryption, usual_port) = encryption(&url)?;
        let credentials = credentials(&url)?;
        let may_be_clear = matches!(encryption, Encryption::None | Encryption::Opportunistic);
        if credentials.is_some() && may_be_clear && !is_this_machine(&url) {
            return Err(ServerUrlError::Unencrypted);
        }
        let host = match url.host() {
            Some(Host::Domain(host)) if !host.is_empty() => host.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(ServerUrlError::Malformed),
        };
        let name = url.path().trim_matches('/');
        let hello = if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) };
        Ok(Self { host, port: url.port().unwrap_or(usual_port), encryption, credentials, hello })
    }
}

/// What the URL asks for, and the port where that is usual.
fn encryption(url: &Url) -> Result<(Encryption, u16), ServerUrlError> {
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value);
    match (url.scheme(), tls.as_deref()) {
        ("smtps", _) => Ok((Encryption::Implicit, 465)),
        ("smtp", Some("required")) => Ok((Encryption::Required, 587)),
        ("smtp", Some("opportunistic")) => Ok((Encryption::Opportunistic, 587)),
        ("smtp", None) => Ok((Encryption::None, 25)),
        ("smtp", Some(other)) => Err(ServerUrlError::Tls(other.to_owned())),
        (other, _) => Err(ServerUrlError::Scheme(other.to_owned())),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ServerUrlError> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (_, None) => Err(ServerUrlError::Credentials),
        (user, Some(password)) => {
            let decoded = |text| percent_decoded(text).ok_or(ServerUrlError::Credentials);
            Ok(Some(Credentials::new(decoded(user)?, decoded(password)?)))
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(if byte == b'%' { digit()? * 16 + digit()? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// How long to wait for a mail server.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Until it is connected, encrypted and signed in; and again until it wants the text.
    dialogue: Duration,
    /// Until it has taken the text: some look for viruses first.
    text: Duration,
    /// Until it says good-bye.
    farewell: Duration,
}

impl Patience {
    /// All of it together is less than the worker's lease.
    const USUAL: Self = Self { dialogue: Duration::from_secs(10), text: Duration::from_secs(30), farewell: Duration::from_secs(1) };
}

/// Delivers to a mail server, over a connection for each mail.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    /// The right side of Message-IDs.
    domain: String,
    patience: Patience,
}

impl Smtp {
    /// Delivers to this server (see [`Server::parse`]) from this sender. Message-IDs end in the origin's host.
    ///
    /// # Errors
    /// When the URL can't be used.
    pub fn new(url: &SecretString, from: Mailbox, origin: &Url) -> Result<Self, ServerUrlError> {
        let domain = origin.host_str().unwrap_or("localhost").to_owned();
        Ok(Self { server: Server::parse(url.expose_secret())?, from, domain, patience: Patience::USUAL })
    }

    /// The mail as it travels: the same bytes at every attempt, so that a mail server that got it twice can tell.
    fn compose(&self, mail: &Outgoing) -> Result<lettre::Message, Box<dyn Error>> {
        mail.message.check_headers()?;
        let parts = MultiPart::alternative()
            .boundary(format!("{}-parts", mail.id))
            .singlepart(SinglePart::plain(mail.message.text.clone()))
            .singlepart(SinglePart::html(mail.message.html.clone()));
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient(mail)?))
            .subject(without_encoded_words(&mail.message.subject))
            .date(system_time(mail.written_at))
            .message_id(Some(message_id(mail.id, &self.domain)))
            // RFC 3834: nobody's holiday notice answers to this.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
            .multipart(parts)?;
        Ok(message)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let Server { host, port, encryption, credentials, hello } = &self.server;
        let tls = || TlsParameters::new(host.clone());
        let implicit = if *encryption == Encryption::Implicit { Some(tls()?) } else { None };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1((host.as_str(), *port), Some(self.patience.dialogue), hello, implicit, None).await?;
        let upgrade = match encryption {
            Encryption::Required => true,
            Encryption::Opportunistic => connection.can_starttls(),
            Encryption::None | Encryption::Implicit => false,
        };
        if upgrade {
            connection.starttls(tls()?, hello).await?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// Up to where the server wants the text.
    async fn announce(&self, connection: &mut AsyncSmtpConnection, to: Address) -> Result<(), lettre::transport::smtp::Error> {
        connection.command(Mail::new(Some(self.from.email.clone()), Vec::new())).await?;
        connection.command(Rcpt::new(to, Vec::new())).await?;
        connection.command(Data).await?;
        Ok(())
    }

    async fn send(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError> {
        let unwritable = |error: Box<dyn Error>| DeliveryError::Permanent(format!("the mail can't be written: {error}"));
        let bytes = self.compose(mail).map_err(unwritable)?.formatted();
        let to = recipient(mail).map_err(|error| unwritable(error.into()))?;

        let Patience { dialogue, text, farewell } = self.patience;
        let connected = timeout(dialogue, self.connect()).await.map_err(|_| silence("while connecting"))?;
        let mut connection = connected.map_err(|error| DeliveryError::Passing(words(&error)))?;
        timeout(dialogue, self.announce(&mut connection, to))
            .await
            .map_err(|_| silence("before the text"))?
            .map_err(|error| refusal(&error))?;
        let answer =
            timeout(text, connection.message(&bytes)).await.map_err(|_| silence("after the text"))?.map_err(|error| refusal(&error))?;

        // The mail is theirs now, however they part.
        let _ = timeout(farewell, connection.command(Quit)).await;
        Ok(Accepted::Handed(answer_of(&answer)))
    }
}

#[async_trait]
impl Transport for Smtp {
    async fn deliver(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError> {
        let told = |words: String| presentable(&words, &mail.message.text);
        match self.send(mail).await {
            Ok(Accepted::Handed(words)) => Ok(Accepted::Handed(told(words))),
            Ok(Accepted::Kept) => Ok(Accepted::Kept),
            Err(DeliveryError::Passing(words)) => Err(DeliveryError::Passing(told(words))),
            Err(DeliveryError::Permanent(words)) => Err(DeliveryError::Permanent(told(words))),
        }
    }
}

fn recipient(mail: &Outgoing) -> Result<Address, lettre::address::AddressError> {
    mail.message.to.as_str().parse()
}

/// A name that looks like an encoded word (RFC 2047) would be shown as what it encodes, which nobody has checked: the library
/// leaves it as it is. With an invisible word joiner in it, it is encoded itself, and shown as it was typed.
fn without_encoded_words(subject: &str) -> String {
    subject.replace("=?", "=\u{2060}?")
}

fn message_id(id: MailId, domain: &str) -> String {
    format!("<{id}@{domain}>")
}

fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or_default())
}

fn silence(when: &str) -> DeliveryError {
    DeliveryError::Passing(format!("the mail server didn't answer in time {when}"))
}

/// Once the mail is named, a 5xx is the server's last word about it (RFC 5321, section 4.2.1).
fn refusal(error: &lettre::transport::smtp::Error) -> DeliveryError {
    if error.is_permanent() { DeliveryError::Permanent(words(error)) } else { DeliveryError::Passing(words(error)) }
}

/// The server's answer with its code; of other errors, what happened.
fn words(error: &lettre::transport::smtp::Error) -> String {
    match (error.status(), error.source()) {
        (Some(code), Some(answer)) => format!("{code} {answer}"),
        (Some(code), None) => code.to_string(),
        (None, _) => error.to_string(),
    }
}

fn answer_of(response: &Response) -> String {
    format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "))
}

/// An answer for admins to read: one line, not too long, and nothing if it repeats the mail, as spam filters sometimes do:
/// the text holds a code, and must not survive in the database or in a log.
fn presentable(words: &str, text: &str) -> String {
    const LONGEST: usize = 300;
    /// The shortest line that gives something away; a code in four groups has 19.
    const TELLING: usize = 12;

    let squeezed = |text: &str| text.chars().filter(|char| char.is_alphanumeric()).collect::<String>();
    let said = squeezed(words);
    if text.lines().map(squeezed).any(|line| line.len() >= TELLING && said.contains(&line)) {
        return "the mail server's answer repeats the mail's text and isn't kept".into();
    }
    let line: String = words.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests;
