//! The embedded stand-in: a child process of the same binary on a free port, so that its processor
//! time and memory are never the generator's.

use super::exit::{Exit, Failure};
use crate::base::document::{Item, Place, Table, Value};
use crate::base::secret::Secret;
use crate::codes::door::ENCRYPTIONS;
use crate::codes::{Delivery, Way};
use crate::standin::Ready;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long a child may take until it listens. Making its signing key is most of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running child. It ends when this is dropped.
pub(super) struct Embedded {
    /// Where it listens, and the credentials that it made up.
    pub(super) ready: Ready,
    /// The child ends when this closes.
    _input: ChildStdin,
    _child: Child,
}

impl Embedded {
    /// Starts a child with the profile's `[stand_in]` settings that delivers its mail so.
    pub(super) async fn start(
        settings: Option<&Table>,
        mail: Option<&Delivery>,
    ) -> Result<Self, Failure> {
        let line = settings_line(settings, mail);
        let failure = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Exit::Bug, format!("the stand-in {what}: {error}"), None)
        };
        let program =
            std::env::current_exe().map_err(|error| failure("cannot be found", &error))?;
        let mut child = Command::new(program)
            .args(["stand-in", "--listen", "127.0.0.1:0", "--attached"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failure("could not be started", &error))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failure("has no pipes", &"asked for and not given"));
        };
        input
            .write_all(line.as_bytes())
            .await
            .map_err(|error| failure("does not listen", &error))?;
        let mut said = String::new();
        let mut output = BufReader::new(output);
        match tokio::time::timeout(PATIENCE, output.read_line(&mut said)).await {
            Err(_) => return Err(late()),
            Ok(read) => read.map_err(|error| failure("cannot be heard", &error))?,
        };
        let ready = serde_json::from_str(&said)
            .map_err(|error| failure("ended before it was ready", &error))?;
        Ok(Self { ready, _input: input, _child: child })
    }
}

/// That the child is there and does not listen: the machine's doing, as a rule.
fn late() -> Failure {
    let what = format!("the stand-in is not ready: it said nothing for {PATIENCE:?}");
    let remedy = "see that the machine is not busy with other work, and try again; or start \
         `gander stand-in` by itself and name what it prints as `[tenant]`";
    Failure::new(Exit::TenantNotUsable, what, Some(remedy))
}

/// One line of TOML: `stand_in = { … }`.
fn settings_line(settings: Option<&Table>, mail: Option<&Delivery>) -> String {
    let place = Place { document: "embedded".into(), line: 1, column: 1 };
    let mut table =
        settings.cloned().unwrap_or_else(|| Table { place: place.clone(), entries: Vec::new() });
    if let Some(mail) = mail {
        let item = |value| Item { place: place.clone(), value };
        let entry = |key: &str, value| (key.to_owned(), place.clone(), item(value));
        let entries = keys_of(mail).into_iter();
        let entries =
            entries.map(|(key, text)| entry(key, Value::Text { text, filled_in: true })).collect();
        let mail = Table { place: place.clone(), entries };
        let entries = vec![entry("mail", Value::Table(mail))];
        table.overlay(Table { place: place.clone(), entries });
    }
    format!("stand_in = {}\n", Value::Table(table).to_toml())
}

/// The keys of the stand-in's `[mail]` that lead to a source of codes. Its secrets go over a pipe to our
/// own child and nowhere else.
fn keys_of(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().clone());
    let way = match &delivery.way {
        Way::Smtp(server) => ("smtp", server.to_string()),
        Way::Http(url) => ("http", url.clone()),
    };
    let tls = ENCRYPTIONS.iter().find(|(_, tls)| *tls == delivery.tls).map(|(word, _)| *word);
    let others = [
        ("tls", tls.map(str::to_owned)),
        ("ca_pem", delivery.authority.clone()),
        ("user", delivery.user.clone()),
        ("password", secret(&delivery.password)),
        ("token", secret(&delivery.token)),
    ];
    let others = others.into_iter().filter_map(|(key, text)| Some((key, text?)));
    std::iter::once(way).chain(others).collect()
}
