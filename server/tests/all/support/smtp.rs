//! A mail server that keeps every byte of what it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What it is told over one connection.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// The lines before and after the text.
    pub commands: Vec<String>,
    /// What came between DATA and the dot, as it came.
    pub text: Vec<u8>,
}

/// It listens as long as the test's runtime runs.
pub struct MailServer {
    port: u16,
    heard: Arc<Mutex<Vec<Conversation>>>,
}

impl MailServer {
    /// Takes every mail.
    pub async fn start() -> Self {
        Self::answering("250 2.1.5 ok").await
    }

    /// Says this to whoever names a recipient.
    pub async fn answering(recipient: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<Conversation>>>::default();
        let keeping = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut conversation = Conversation::default();
                // One that is cut off has come to its end, too.
                let _ = converse(stream, recipient, &mut conversation).await;
                keeping.lock().unwrap().push(conversation);
            }
        });
        Self { port, heard }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}/test", self.port)
    }

    /// So many conversations, once they have come to their end.
    pub async fn heard(&self, number: usize) -> Vec<Conversation> {
        for _ in 0..1000 {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= number {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} conversations instead of {number}", self.heard.lock().unwrap().len());
    }
}

async fn converse(stream: TcpStream, recipient: &str, said: &mut Conversation) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut answer = "220 mail.example.org ESMTP";
    let mut in_text = false;
    loop {
        if !answer.is_empty() {
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if in_text && line != b".\r\n" {
            said.text.extend(line);
            answer = "";
            continue;
        }
        let command = String::from_utf8_lossy(&line).trim_end_matches("\r\n").to_owned();
        answer = match command.split([' ', ':']).next().unwrap_or_default() {
            "." => "250 2.0.0 queued",
            "EHLO" => "250 mail.example.org",
            "RCPT" => recipient,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        in_text = command == "DATA";
        if command != "." {
            said.commands.push(command);
        }
    }
}

impl Conversation {
    /// The message's headers, in order, unfolded.
    pub fn headers(&self) -> Vec<(String, String)> {
        let text = String::from_utf8(self.text.clone()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").expect("an empty line ends the headers");
        headers(head)
    }

    /// The headers of each part, and its body as it travels.
    pub fn parts(&self) -> Vec<(Vec<(String, String)>, String)> {
        let text = String::from_utf8(self.text.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let boundary = head.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the parts have a boundary");
        let (inside, _) = body.split_once(&format!("--{boundary}--\r\n")).expect("the last boundary");
        let delimiter = format!("--{boundary}\r\n");
        let parts = inside.split(&delimiter).skip(1);
        parts.map(|part| part.split_once("\r\n\r\n").map(|(head, body)| (headers(head), body.to_owned())).unwrap()).collect()
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded
        .split("\r\n")
        .map(|line| line.split_once(": ").expect("a header's name"))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
