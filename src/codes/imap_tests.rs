//! IMAP servers that misbehave; genuine ones are in `tests/codes`.

use super::credentials::Credentials;
use super::door::Encryption;
use super::extract::CodePattern;
use super::imap::{ImapError, ImapMailbox, ImapSettings};
use super::office::Office;
use super::reach::Reach;
use crate::base::clock::Clock;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const PASSWORD: &str = "hush-7f3k-Zq9";

/// What comes of a mailbox whose server answers one command otherwise. `TAG` stands for that of the command.
async fn opened(command: &'static str, answer: String) -> ImapError {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"* OK here\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let tag = line.split(' ').next().unwrap_or_default();
            let said = if line.contains(command) {
                answer.replace("TAG", tag)
            } else {
                format!("{tag} OK done\r\n")
            };
            // Whoever has heard enough goes away.
            let _ = write.write_all(said.as_bytes()).await;
        }
    });
    let settings = ImapSettings {
        server,
        tls: Encryption::Off,
        credentials: Credentials { user: "load".to_owned(), password: PASSWORD.to_owned().into() },
        folder: "INBOX".to_owned(),
        poll: Duration::from_secs(1),
    };
    let theirs = (Office::new(Clock::system()), Clock::system());
    let pattern = CodePattern::default();
    let opened = ImapMailbox::start(&settings, &pattern, theirs, &Reach::default()).await;
    serving.abort();
    opened.unwrap_err()
}

#[tokio::test]
async fn brackets_without_end_end_the_conversation_and_not_the_run() {
    let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\nTAG OK\r\n", "(".repeat(100_000));
    for command in ["LOGIN", "CAPABILITY", "EXAMINE"] {
        let told = opened(command, deep.clone()).await.to_string();
        assert!(told.contains("more than 50 opening brackets"), "{command}: {told}");
    }
}

#[tokio::test]
async fn a_password_that_comes_back_in_what_is_not_imap_is_not_told_in_any_form() {
    let numbers = |text: &str| {
        let bytes: Vec<_> = text.bytes().map(|byte| byte.to_string()).collect();
        bytes.join(", ")
    };
    for command in ["LOGIN", "CAPABILITY", "EXAMINE"] {
        let refusal = format!("TAG NO you said {PASSWORD}\r\n");
        // A server that does not say what it can do is asked all the same.
        let refusal = (command != "CAPABILITY").then_some(refusal);
        for answer in [format!("* ??? {PASSWORD}\r\n")].into_iter().chain(refusal) {
            let error = opened(command, answer).await;
            let told = format!("{error} {error:?}");
            for part in [PASSWORD.to_owned(), numbers(PASSWORD), numbers("hush")] {
                assert!(!told.contains(&part), "{command}: {told}");
            }
            assert!(told.contains("not IMAP") || told.contains("you said ***"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_long_refusal_is_cut() {
    let told = opened("LOGIN", format!("TAG NO {}\r\n", "no ".repeat(9_000))).await.to_string();
    assert!(told.contains("no no no") && told.len() < 400, "{told}");
}
