//! The transport against a mail server of its own, which says what its script says.

use super::*;
use crate::mail::Message;
use app::domain::text::EmailAddress;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What a mail server answers, and to what: the first line that begins so. Everything else is answered as usual.
type Script = &'static [(&'static str, Say)];

#[derive(Clone, Copy)]
enum Say {
    /// This line, or lines.
    Line(&'static str),
    /// Nothing, ever.
    Nothing,
    /// Good-bye without a word.
    HangUp,
}

/// The script's words for the first thing a server says, and for the end of the text.
const GREETING: &str = "(greeting)";
const TEXT_END: &str = "(end of text)";

/// What a server got: its lines, `.` included, over all connections.
type Heard = Arc<Mutex<Vec<String>>>;

async fn mail_server(script: Script) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let writing_down = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that hangs up is no failure of the test.
            let _ = converse(stream, script, &writing_down).await;
        }
    });
    (port, heard)
}

async fn converse(stream: TcpStream, script: Script, heard: &Heard) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut in_text = false;
    let mut cue = GREETING.to_owned();
    loop {
        let answer = script.iter().find(|(begin, _)| cue.starts_with(begin)).map(|(_, say)| *say);
        match answer.or_else(|| usual(&cue, in_text)) {
            Some(Say::Line(line)) => {
                in_text = line.starts_with("354");
                stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            }
            Some(Say::Nothing) => std::future::pending().await,
            Some(Say::HangUp) => return Ok(()),
            None => {}
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        cue = line.trim_end_matches("\r\n").to_owned();
        heard.lock().unwrap().push(cue.clone());
        if in_text {
            cue = if cue == "." { TEXT_END.to_owned() } else { String::new() };
        }
    }
}

fn usual(cue: &str, in_text: bool) -> Option<Say> {
    match cue {
        GREETING => Some(Say::Line("220 mail.example.org ESMTP")),
        TEXT_END => Some(Say::Line("250 2.0.0 Ok: queued as 7")),
        _ if in_text => None,
        _ if cue.starts_with("EHLO") => Some(Say::Line("250-mail.example.org\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000")),
        _ if cue.starts_with("AUTH") => Some(Say::Line("235 2.7.0 welcome")),
        "DATA" => Some(Say::Line("354 go on")),
        "QUIT" => Some(Say::Line("221 bye")),
        _ => Some(Say::Line("250 Ok")),
    }
}

fn smtp(url: &str) -> Smtp {
    let from = "Countersign <countersign@example.org>".parse().unwrap();
    let smtp = Smtp::new(&url.into(), from, &"https://id.example.org".parse().unwrap()).unwrap();
    let brief = Duration::from_secs(1);
    Smtp { patience: Patience { dialogue: brief, text: brief, farewell: brief }, ..smtp }
}

fn mail() -> Outgoing {
    Outgoing {
        id: MailId::from_bytes([1; 16]),
        written_at: Timestamp::from_millis(1_795_343_400_000),
        message: Message {
            to: EmailAddress::parse("ada@example.org").unwrap(),
            subject: "Activate Łódź & Söhne on Countersign: your code".into(),
            text: "Hello,\n\n    1234 5678 9012 3456\n\n.a line with a dot\n".into(),
            html: "<p>Hello,</p>\n".into(),
        },
    }
}

async fn delivered(script: Script) -> (Result<Accepted, DeliveryError>, Vec<String>) {
    let (port, heard) = mail_server(script).await;
    let outcome = smtp(&format!("smtp://127.0.0.1:{port}/id.example.org")).deliver(&mail()).await;
    let heard = heard.lock().unwrap().clone();
    (outcome, heard)
}

#[tokio::test]
async fn a_mail_travels_with_both_parts_and_all_headers() {
    let (outcome, heard) = delivered(&[]).await;
    assert_eq!(outcome, Ok(Accepted::Handed("250 2.0.0 Ok: queued as 7".into())));
    insta::assert_snapshot!(heard.join("\n"), @r#"
    EHLO id.example.org
    MAIL FROM:<countersign@example.org>
    RCPT TO:<ada@example.org>
    DATA
    From: Countersign <countersign@example.org>
    To: ada@example.org
    Subject: Activate =?utf-8?b?xYHDs2TFug==?= & =?utf-8?b?U8O2aG5l?= on
     Countersign: your code
    Date: Sun, 22 Nov 2026 10:30:00 +0000
    Message-ID: <ma-01040-g2081-040g2081040g2081@id.example.org>
    Auto-Submitted: auto-generated
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="ma-01040-g2081-040g2081040g2081-parts"

    --ma-01040-g2081-040g2081040g2081-parts
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 7bit

    Hello,

        1234 5678 9012 3456

    ..a line with a dot

    --ma-01040-g2081-040g2081040g2081-parts
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: 7bit

    <p>Hello,</p>

    --ma-01040-g2081-040g2081040g2081-parts--

    .
    QUIT
    "#);
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes() {
    let (port, heard) = mail_server(&[]).await;
    let smtp = smtp(&format!("smtp://127.0.0.1:{port}"));
    smtp.deliver(&mail()).await.unwrap();
    smtp.deliver(&mail()).await.unwrap();
    let heard = heard.lock().unwrap().clone();
    let (first, second) = heard.split_at(heard.len() / 2);
    assert_eq!(first, second);
    assert!(first.contains(&"Message-ID: <ma-01040-g2081-040g2081040g2081@id.example.org>".to_owned()), "{first:#?}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let scripts: [(Script, &str); 12] = [
        (&[("RCPT", Say::Line("451 4.7.1 greylisted, try later"))], "451 4.7.1 greylisted, try later"),
        (&[("MAIL", Say::Line("452 4.3.1 disk full"))], "452 4.3.1 disk full"),
        (&[(TEXT_END, Say::Line("421 4.3.2 shutting down"))], "421 4.3.2 shutting down"),
        (&[(GREETING, Say::Line("554 5.3.2 no mail today"))], "554 5.3.2 no mail today"),
        (&[(GREETING, Say::Nothing)], "the mail server didn't answer in time while connecting"),
        (&[("EHLO", Say::Nothing)], "the mail server didn't answer in time while connecting"),
        (&[("RCPT", Say::Nothing)], "the mail server didn't answer in time before the text"),
        (&[(TEXT_END, Say::Nothing)], "the mail server didn't answer in time after the text"),
        (&[(GREETING, Say::HangUp)], "response error: incomplete response"),
        (&[("DATA", Say::HangUp)], "response error: incomplete response"),
        (&[(TEXT_END, Say::HangUp)], "response error: incomplete response"),
        (&[("MAIL", Say::Line("what?"))], "response error"),
    ];
    for (script, words) in scripts {
        let (outcome, _) = delivered(script).await;
        assert!(matches!(&outcome, Err(DeliveryError::Passing(said)) if said.starts_with(words)), "{words}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_is_about_the_mail_and_final_is_not() {
    let scripts: [(Script, &str); 3] = [
        (&[("RCPT", Say::Line("550-5.1.1 no such user\r\n550 5.1.1 see example.org"))], "550 5.1.1 no such user see example.org"),
        (&[("MAIL", Say::Line("553 5.7.1 not your address"))], "553 5.7.1 not your address"),
        (&[(TEXT_END, Say::Line("554 5.7.1 looks like spam"))], "554 5.7.1 looks like spam"),
    ];
    for (script, words) in scripts {
        assert_eq!(delivered(script).await.0, Err(DeliveryError::Permanent(words.into())));
    }
}

#[tokio::test]
async fn a_server_that_never_says_goodbye_has_the_mail_all_the_same() {
    for say in [Say::Nothing, Say::HangUp, Say::Line("500 what?")] {
        let script: Script = match say {
            Say::Nothing => &[("QUIT", Say::Nothing)],
            Say::HangUp => &[("QUIT", Say::HangUp)],
            Say::Line(_) => &[("QUIT", Say::Line("500 what?"))],
        };
        assert_eq!(delivered(script).await.0, Ok(Accepted::Handed("250 2.0.0 Ok: queued as 7".into())));
    }
}

#[tokio::test]
async fn a_wrong_password_is_about_this_server_and_passes_when_it_is_mended() {
    let (port, heard) = mail_server(&[("AUTH", Say::Line("535 5.7.8 authentication failed"))]).await;
    let outcome = smtp(&format!("smtp://ada:p%40ss@127.0.0.1:{port}")).deliver(&mail()).await;
    assert_eq!(outcome, Err(DeliveryError::Passing("535 5.7.8 authentication failed".into())));
    // \0ada\0p@ss
    assert!(heard.lock().unwrap().contains(&"AUTH PLAIN AGFkYQBwQHNz".to_owned()));
}

#[tokio::test]
async fn without_the_encryption_that_was_asked_for_nothing_is_sent() {
    let (port, heard) = mail_server(&[]).await;
    for url in [format!("smtp://ada:hunter2@127.0.0.1:{port}?tls=required"), format!("smtps://ada:hunter2@127.0.0.1:{port}")] {
        let outcome = smtp(&url).deliver(&mail()).await;
        assert!(matches!(&outcome, Err(DeliveryError::Passing(said)) if !said.contains("hunter2")), "{outcome:?}");
    }
    assert!(!heard.lock().unwrap().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
    assert!(smtp(&format!("smtp://127.0.0.1:{port}?tls=opportunistic")).deliver(&mail()).await.is_ok());
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for host in [format!("127.0.0.1:{port}"), "mail.invalid".into()] {
        let outcome = smtp(&format!("smtp://{host}")).deliver(&mail()).await;
        assert!(matches!(outcome, Err(DeliveryError::Passing(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_subject_that_would_begin_another_header_is_not_sent() {
    let (port, heard) = mail_server(&[]).await;
    for subject in ["Hi\r\nBcc: eve@example.org", "Hi\nBcc: eve@example.org", "Hi\0"] {
        let mut mail = mail();
        mail.message.subject = subject.into();
        let outcome = smtp(&format!("smtp://127.0.0.1:{port}")).deliver(&mail).await;
        assert!(matches!(outcome, Err(DeliveryError::Permanent(_))), "{outcome:?}");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_repeats_the_code_is_not_kept() {
    let (outcome, _) = delivered(&[(TEXT_END, Say::Line("550 5.7.1 spam: ' 1234 5678 9012 3456 '"))]).await;
    assert_eq!(outcome, Err(DeliveryError::Permanent("the mail server's answer repeats the mail's text and isn't kept".into())));
}

#[test]
fn answers_are_one_short_line() {
    assert_eq!(presentable("250 a\r\n\0b", "text"), "250 a b");
    assert_eq!(presentable(&"x".repeat(10_000), "text").len(), 300);
}

#[test]
fn urls_are_read_or_refused_without_saying_the_password() {
    for (url, host, port, encryption) in [
        ("smtps://ada:hunter2@mail.example.org", "mail.example.org", 465, Encryption::Implicit),
        ("smtp://ada:hunter2@mail.example.org?tls=required", "mail.example.org", 587, Encryption::Required),
        ("smtp://mail.example.org:2525/?tls=opportunistic", "mail.example.org", 2525, Encryption::Opportunistic),
        ("smtp://mail.example.org", "mail.example.org", 25, Encryption::None),
        ("smtp://ada:hunter2@localhost:1025", "localhost", 1025, Encryption::None),
        ("smtp://ada:hunter2@[::1]:1025", "::1", 1025, Encryption::None),
    ] {
        let server = Server::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!((server.host.as_str(), server.port, server.encryption), (host, port, encryption), "{url}");
    }
    for (url, error) in [
        ("mail.example.org", ServerUrlError::Malformed),
        ("smtp:ada:hunter2@mail", ServerUrlError::Malformed),
        ("https://ada:hunter2@mail.example.org", ServerUrlError::Scheme("https".into())),
        ("smtp://ada:hunter2@mail.example.org?tls=maybe", ServerUrlError::Tls("maybe".into())),
        ("smtp://ada:hunter2@mail.example.org", ServerUrlError::Unencrypted),
        ("smtp://ada:hunter2@mail.example.org?tls=opportunistic", ServerUrlError::Unencrypted),
        ("smtps://ada:hunter2%@mail.example.org", ServerUrlError::Credentials),
        ("smtps://ada@mail.example.org", ServerUrlError::Credentials),
    ] {
        let refused = Server::parse(url).err();
        assert_eq!(refused, Some(error), "{url}");
        assert!(!refused.unwrap().to_string().contains("hunter2"));
    }
}
