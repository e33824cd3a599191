//! Mail: what is written, and its delivery by a few workers with a bounded queue.

use super::mail_carrier::Carrier;
use super::settings::Mail;
use crate::base::secret::Secret;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A mail to be sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Address.
    pub to: String,
    /// What it is about.
    pub kind: Kind,
    /// The code in it, if any.
    pub code: Option<Secret>,
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Prove that the address is yours.
    Verification,
    /// Recover your password.
    Recovery,
    /// Your account is ready; no code.
    Welcome,
}

impl Letter {
    /// HTML, subject and plain text.
    pub(super) fn texts(&self) -> (String, &'static str, String) {
        let (_, subject, text) = self.kind.texts();
        let code = self.code.as_ref().map_or("", |code| code.expose());
        let marked = text.replace("{code}", &format!("<b>{code}</b>")).replace("\n\n", "</p><p>");
        let html = format!("<!doctype html><html><body><p>{marked}</p></body></html>");
        (html, subject, text.replace("{code}", code))
    }
}

impl Kind {
    /// Name, subject and text; `{code}` stands for the code.
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Verification => {
                ("verification", "Verify your email address", "Your verification code is: {code}")
            }
            Self::Recovery => (
                "recovery",
                "Recover your password",
                "Your recovery code is: {code}\n\nThe code is good for a few minutes.",
            ),
            Self::Welcome => (
                "welcome",
                "Welcome",
                "Your address is verified and your account is ready. There is nothing to enter.",
            ),
        }
    }
}

/// Workers, each with a connection of its own. A recipient's mails all go to one worker, so that
/// they arrive in the order they were sent.
/// The mail client leaves Nagle's algorithm on, so that a delivery takes some 40 ms whatever the
/// server does; so many workers deliver more than a thousand mails a second all the same.
const WORKERS: usize = 64;

/// Failures kept with their details.
const FAILURES_KEPT: usize = 100;

/// Delivers letters and counts what became of them.
#[derive(Debug)]
pub struct Mailer {
    line: Option<Line>,
    tally: Arc<Tally>,
}

#[derive(Debug)]
struct Line {
    queues: Vec<mpsc::Sender<Letter>>,
    post: Arc<Post>,
}

/// The carrier, and what became of the letters.
#[derive(Debug)]
struct Post {
    carrier: Carrier,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    unsent: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<Value>>,
}

impl Mailer {
    /// A mailer and its workers, which end when the mailer is dropped. Must be called in a runtime.
    /// The settings were checked with [`check`].
    pub fn start(settings: &Mail, capacity: usize) -> (Self, Vec<JoinHandle<()>>) {
        let tally = Arc::<Tally>::default();
        let Ok(Some(carrier)) = Carrier::of(settings) else {
            return (Self { line: None, tally }, Vec::new());
        };
        let post = Arc::new(Post { carrier, tally: tally.clone() });
        let (mut queues, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..WORKERS {
            let (queue, mut letters) = mpsc::channel::<Letter>(capacity.div_ceil(WORKERS).max(1));
            let post = post.clone();
            queues.push(queue);
            workers.push(tokio::spawn(async move {
                while let Some(letter) = letters.recv().await {
                    post.deliver(&letter).await;
                }
            }));
        }
        (Self { line: Some(Line { queues, post }), tally }, workers)
    }

    /// Delivers now and returns when the mail server has answered.
    pub async fn deliver(&self, letters: &[Letter]) {
        for letter in letters {
            self.tally.written.fetch_add(1, Ordering::Relaxed);
            match &self.line {
                Some(line) => line.post.deliver(letter).await,
                None => _ = self.tally.unsent.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    /// Leaves letters to the workers. A full queue is a failed delivery.
    pub fn post(&self, letters: Box<[Letter]>) {
        for letter in letters {
            self.tally.written.fetch_add(1, Ordering::Relaxed);
            let Some(line) = &self.line else {
                self.tally.unsent.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let worker = letter
                .to
                .bytes()
                .fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
            let Some(queue) = line.queues.get(worker % WORKERS) else { continue };
            if let Err(error) = queue.try_send(letter) {
                let (mpsc::error::TrySendError::Full(letter)
                | mpsc::error::TrySendError::Closed(letter)) = error;
                self.tally.fail(&letter, "the queue is full");
            }
        }
    }

    /// What became of the letters. `waiting` are those under way.
    pub fn truth(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        let (delivered, failed, unsent) =
            (read(&tally.delivered), read(&tally.failed), read(&tally.unsent));
        let written = read(&tally.written);
        json!({
            "written": written,
            "delivered": delivered,
            "failed": failed,
            "unsent": unsent,
            "waiting": written.saturating_sub(delivered + failed + unsent),
            "failures": *tally.failures.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

/// Whether mail can be sent as the settings say; if not, why.
pub fn check(settings: &Mail) -> Result<(), String> {
    Carrier::of(settings).map(|_| ())
}

impl Post {
    async fn deliver(&self, letter: &Letter) {
        match self.carrier.deliver(letter).await {
            Ok(()) => _ = self.tally.delivered.fetch_add(1, Ordering::Relaxed),
            Err(error) => self.tally.fail(letter, &error),
        }
    }
}

impl Tally {
    fn fail(&self, letter: &Letter, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < FAILURES_KEPT {
            let kind = letter.kind.texts().0;
            failures.push(json!({ "to": letter.to, "kind": kind, "why": why }));
        }
    }
}
