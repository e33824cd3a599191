//! The connection to the group's NATS server, and its stream of results. The only file that names the client.

use super::message::{self, LARGEST, MessageError, Report};
use super::name::Name;
use super::order::{Answer, Presence, Reply, Request};
use super::server::{Access, Credentials, CredentialsError};
pub use super::wire_error::WireError;
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use async_nats::connection::State;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::{Acker, PublishMessage};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Message, RequestErrorKind, Subject, Subscriber,
};
use bytes::Bytes;
use futures_util::StreamExt;
use nkeys::{KeyPair, KeyPairType};
use std::time::Duration;

/// How long a result is kept that nobody fetches.
pub const LONGEST_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How many bytes of results nobody fetched are kept. A server that has less room keeps what it has room for.
pub const MOST_KEPT: i64 = 4 << 30;

/// Within this time the stream knows a message that it has already.
const KNOWN_AGAIN: Duration = Duration::from_secs(600);

/// What was fetched and not acknowledged for so long is delivered again: long enough to bring what a thousand agents told
/// to a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a connection is tried for life: two missed answers end it.
const PING: Duration = Duration::from_secs(3);

/// How long a connection may take to come about, and an answer of the server.
const ANSWER: Duration = Duration::from_secs(5);

/// The longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Most messages that are fetched at once, and most bytes of them.
const BATCH: (usize, usize) = (256, 16 * LARGEST);

/// A connection to the server as a member of a group. Clones are the same connection. Lost, it is made again for as long
/// as there is somebody who holds it.
#[derive(Clone)]
pub struct Wire {
    client: Client,
    streams: Context,
    group: Name,
    server: String,
    is_encrypted: bool,
}

impl Wire {
    /// Connects once. What keeps that from coming about is told; later connections are tried for ever.
    pub async fn connect(access: &Access, group: &Name, who: &str) -> Result<Self, WireError> {
        let server = access.server.to_string();
        let options = options(access, who).map_err(|error| WireError::NotConnected {
            server: server.clone(),
            why: error.to_string(),
            remedy: error.remedy(),
            may_pass: false,
        })?;
        let client = options.connect(&server).await.map_err(|error| {
            let (why, remedy) = not_connected(&error, access);
            let may_pass = may_pass(&error);
            WireError::NotConnected { server: server.clone(), why, remedy, may_pass }
        })?;
        let mut streams = jetstream::new(client.clone());
        streams.set_timeout(ANSWER);
        let is_encrypted = access.demands_tls() || client.server_info().tls_required;
        Ok(Self { client, streams, group: group.clone(), server, is_encrypted })
    }

    /// Whether nobody on the way can read what is said.
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The group.
    pub const fn group(&self) -> &Name {
        &self.group
    }

    fn subject(&self, rest: &str) -> String {
        format!("gander.{}.{rest}", self.group)
    }

    fn other(&self, error: impl std::fmt::Display) -> WireError {
        WireError::Other { server: self.server.clone(), why: error.to_string() }
    }

    /// Asks everybody in the group, and takes the answers that come in that time.
    pub async fn ask_all(
        &self,
        request: &Request,
        wait: Duration,
    ) -> Result<Vec<Answer>, WireError> {
        let inbox = self.client.new_inbox();
        let mut answers = self.listen(inbox.clone()).await?;
        let (subject, text) = (self.subject("all"), self.fitting(request)?);
        let sent = self.client.publish_with_reply(subject, inbox, text).await;
        sent.map_err(|error| self.other(error))?;
        let mut heard = Vec::new();
        let _ = tokio::time::timeout(wait, async {
            while let Some(message) = answers.next().await {
                // Whoever speaks another language is not of this group.
                if let Ok(reply) = message::read::<Reply>(Reply::WHAT, &message.payload) {
                    heard.push(reply.answer);
                }
            }
        })
        .await;
        Ok(heard)
    }

    /// Asks one agent, once.
    pub async fn ask(
        &self,
        agent: &Name,
        request: &Request,
        patience: Duration,
    ) -> Result<Answer, WireError> {
        let text = self.fitting(request)?;
        let asked = async_nats::Request::new().payload(text).timeout(Some(patience));
        let subject = self.subject(&format!("agent.{agent}"));
        let message = self.client.send_request(subject, asked).await.map_err(|error| {
            let agent = agent.to_string();
            match error.kind() {
                RequestErrorKind::TimedOut => WireError::NoAnswer { agent },
                RequestErrorKind::NoResponders => WireError::NobodyHears { agent },
                _ => self.other(error),
            }
        })?;
        Ok(message::read::<Reply>(Reply::WHAT, &message.payload)?.answer)
    }

    /// What is asked of an agent from now on, and of everybody.
    pub async fn orders(&self, agent: &Name) -> Result<Orders, WireError> {
        let own = self.listen(self.subject(&format!("agent.{agent}"))).await?;
        let of_all = self.listen(self.subject("all")).await?;
        self.client.flush().await.map_err(|error| self.other(error))?;
        Ok(Orders { own, of_all, client: self.client.clone() })
    }

    /// Says how the agent is.
    pub async fn beat(&self, presence: &Presence) -> Result<(), WireError> {
        let subject = self.subject(&format!("beat.{}", presence.agent));
        let sent = self.client.publish(subject, message::write(presence).into()).await;
        sent.map_err(|error| self.other(error))
    }

    /// How agents are, from now on.
    pub async fn beats(&self) -> Result<Heard, WireError> {
        Ok(Heard(self.listen(self.subject("beat.*")).await?))
    }

    /// Says that the run has a conductor.
    pub async fn conduct(&self, run: &RunId) -> Result<(), WireError> {
        let run: Name = run.as_str().parse()?;
        let sent = self.client.publish(self.subject(&format!("conductor.{run}")), Bytes::new());
        sent.await.map_err(|error| self.other(error))
    }

    /// When a conductor of the run is heard, from now on.
    pub async fn conductors(&self, run: &RunId) -> Result<Heard, WireError> {
        let run: Name = run.as_str().parse()?;
        Ok(Heard(self.listen(self.subject(&format!("conductor.{run}"))).await?))
    }

    async fn listen(&self, subject: String) -> Result<Subscriber, WireError> {
        self.client.subscribe(subject).await.map_err(|error| self.other(error))
    }

    /// A request as bytes, unless the server would not take so many.
    fn fitting(&self, request: &Request) -> Result<Bytes, WireError> {
        let text = message::write(request);
        let most = self.client.max_payload();
        if most > 0 && text.len() > most {
            return Err(WireError::TooLarge { bytes: text.len(), server: self.server.clone() });
        }
        Ok(text.into())
    }

    fn stream_name(&self) -> String {
        format!("gander-{}", self.group)
    }

    /// Makes the group's stream, if it is not there. What is fetched and acknowledged goes out of it again; what finds no
    /// room in it is not taken, and its sender keeps it.
    pub async fn open_stream(&self) -> Result<(), WireError> {
        let config = |max_bytes| Config {
            name: self.stream_name(),
            subjects: vec![self.subject("results.>")],
            description: Some("results of gander's agents".to_owned()),
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_age: LONGEST_KEPT,
            max_bytes,
            duplicate_window: KNOWN_AGAIN,
            num_replicas: 1,
            ..Config::default()
        };
        let no_stream = |why: String| WireError::NoStream { server: self.server.clone(), why };
        let Err(first) = self.streams.get_or_create_stream(config(MOST_KEPT)).await else {
            return Ok(());
        };
        match self.streams.get_or_create_stream(config(-1)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(no_stream(first.to_string())),
        }
    }

    /// Puts one report into the stream, once however often it is said, and returns when it is safe there.
    pub async fn publish(
        &self,
        run: &RunId,
        agent: &Name,
        (id, text): (&str, Bytes),
    ) -> Result<(), WireError> {
        let run: Name = run.as_str().parse()?;
        let subject = self.subject(&format!("results.{run}.{agent}"));
        let bytes = text.len();
        let message = PublishMessage::build().payload(text).message_id(id);
        let failed = |error: PublishError| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => {
                WireError::TooLarge { bytes, server: self.server.clone() }
            }
            PublishErrorKind::StreamNotFound => {
                WireError::NoStream { server: self.server.clone(), why: error.to_string() }
            }
            _ => self.other(error),
        };
        let stored = self.streams.send_publish(subject, message).await.map_err(failed)?;
        stored.await.map(drop).map_err(failed)
    }

    /// The same for a conductor that begins: what was given to one before it comes again at once.
    pub async fn take_over(&self, run: &RunId) -> Result<Results, WireError> {
        let name: Name = run.as_str().parse()?;
        if let Ok(stream) = self.streams.get_stream(self.stream_name()).await {
            let _ = stream.delete_consumer(name.as_str()).await;
        }
        self.results(run).await
    }

    /// What agents have to tell of a run: everything that no conductor has acknowledged yet, and what comes.
    pub async fn results(&self, run: &RunId) -> Result<Results, WireError> {
        let run: Name = run.as_str().parse()?;
        let stream = self.streams.get_stream(self.stream_name()).await;
        let stream = stream.map_err(|error| self.other(error))?;
        let config = pull::Config {
            durable_name: Some(run.to_string()),
            filter_subject: self.subject(&format!("results.{run}.>")),
            ack_policy: AckPolicy::Explicit,
            ack_wait: PATIENCE,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(run.as_str(), config).await;
        let consumer = consumer.map_err(|error| self.other(error))?;
        Ok(Results { consumer, run, wire: self.clone() })
    }
}

/// What is asked of an agent.
pub struct Orders {
    own: Subscriber,
    of_all: Subscriber,
    client: Client,
}

/// One question, and how to answer it.
pub struct Asked {
    /// What is asked; an error where it cannot be read.
    pub request: Result<Request, MessageError>,
    reply: Option<Subject>,
    client: Client,
}

impl Orders {
    /// The next one; none once the connection is given up.
    pub async fn next(&mut self) -> Option<Asked> {
        let message = tokio::select! {
            biased;
            message = self.own.next() => message,
            message = self.of_all.next() => message,
        };
        let Message { reply, payload, .. } = message?;
        let request = message::read::<Request>(Request::WHAT, &payload);
        Some(Asked { request, reply, client: self.client.clone() })
    }
}

impl Asked {
    /// Answers. Whoever hears no answer asks again.
    pub async fn answer(self, answer: Answer) {
        if let Some(to) = self.reply {
            let text = message::write(&Reply::of(answer));
            let _ = self.client.publish(to, text.into()).await;
            let _ = self.client.flush().await;
        }
    }
}

/// Signs of life.
pub struct Heard(Subscriber);

impl Heard {
    /// The next one, whatever it says; none once the connection is given up.
    pub async fn next(&mut self) -> Option<()> {
        self.0.next().await.map(drop)
    }

    /// The next one of an agent; none once the connection is given up. What cannot be read is passed over.
    pub async fn presence(&mut self) -> Option<Presence> {
        loop {
            let message = self.0.next().await?;
            if let Ok(presence) = message::read::<Presence>(Presence::WHAT, &message.payload) {
                return Some(presence);
            }
        }
    }
}

/// What agents have to tell of a run.
pub struct Results {
    consumer: PullConsumer,
    run: Name,
    wire: Wire,
}

/// One message of the stream. It is delivered again until it is acknowledged.
pub struct Delivered {
    /// What it says.
    pub report: Result<Report, MessageError>,
    /// What it is acknowledged by.
    pub receipt: Receipt,
}

/// What a message is acknowledged by.
pub struct Receipt {
    /// The place of the message in the stream: the same however often it is delivered.
    pub place: u64,
    acker: Acker,
}

impl Receipt {
    /// The message is safe, and need not come again.
    pub async fn acknowledge(self) {
        // One that is lost only brings the message once more.
        let _ = self.acker.ack().await;
    }
}

impl Results {
    /// What is there, at most for so long; nothing if there is nothing.
    pub async fn fetch(&self, wait: Duration) -> Result<Vec<Delivered>, WireError> {
        let (messages, bytes) = BATCH;
        let mut delivered = Vec::new();
        let fetching = async {
            let batch = self.consumer.batch().max_messages(messages).max_bytes(bytes).expires(wait);
            let mut batch = batch.messages().await.map_err(|error| self.wire.other(error))?;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| self.wire.other(error))?;
                let place = message.info().map_or(0, |info| info.stream_sequence);
                let (message, acker) = message.split();
                let report = message::read::<Report>(Report::WHAT, &message.payload);
                delivered.push(Delivered { report, receipt: Receipt { place, acker } });
            }
            Ok(())
        };
        // A server that goes away meanwhile never ends the batch.
        match tokio::time::timeout(wait + Duration::from_secs(1), fetching).await {
            Ok(Err(error)) if delivered.is_empty() => Err(error),
            _ => Ok(delivered),
        }
    }

    /// How much the stream still has of the run, fetched and not acknowledged included; none if that is not known now.
    pub async fn left(&mut self) -> Option<u64> {
        let info = self.consumer.info().await.ok()?;
        Some(info.num_pending + info.num_ack_pending as u64)
    }

    /// Everything of the run was fetched: nothing about it needs to be kept any more.
    pub async fn close(self) {
        let Self { run, wire, .. } = self;
        // What cannot be removed goes by its age.
        if let Ok(stream) = wire.streams.get_stream(wire.stream_name()).await {
            let _ = stream.delete_consumer(run.as_str()).await;
            let filter = wire.subject(&format!("results.{run}.>"));
            let _ = stream.purge().filter(filter).await;
        }
    }
}

/// Whether what keeps a connection from coming about may be another thing soon: a server that starts, a network.
fn may_pass(error: &async_nats::ConnectError) -> bool {
    use ConnectErrorKind::{Dns, Io, TimedOut};
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let is_of_tls = ["ertificate", "tls", "TLS"].iter().any(|word| cause.contains(word));
    matches!(error.kind(), Dns | Io | TimedOut) && !is_of_tls
}

/// Whether what was given as credentials could be any. Whether they are good only the server knows.
pub fn check_credentials(access: &Access) -> Result<(), CredentialsError> {
    options(access, "").map(drop)
}

/// How a connection is made.
fn options(access: &Access, who: &str) -> Result<ConnectOptions, CredentialsError> {
    let options = ConnectOptions::new()
        .name(format!("gander {who}"))
        .ping_interval(PING)
        .connection_timeout(ANSWER)
        .request_timeout(Some(ANSWER))
        // Servers that others tell of have been checked by nobody.
        .ignore_discovered_servers()
        .require_tls(access.demands_tls())
        .reconnect_delay_callback(|attempts| {
            let doubled = 2u64.saturating_pow(u32::try_from(attempts.min(16)).unwrap_or(16));
            Duration::from_millis(20 * doubled).min(LONGEST_PAUSE)
        });
    let options = match &access.authorities {
        Some(path) => options.add_root_certificates(path.clone()),
        None => options,
    };
    Ok(match &access.credentials {
        Credentials::None => options,
        Credentials::User(user, password) => {
            options.user_and_password(user.clone(), password.expose().clone())
        }
        Credentials::Token(token) => options.token(token.expose().clone()),
        Credentials::Nkey(seed) => {
            let pair = KeyPair::from_seed(seed.expose()).map_err(|_| CredentialsError::Seed)?;
            if pair.key_pair_type() != KeyPairType::User {
                return Err(CredentialsError::Seed);
            }
            options.nkey(seed.expose().clone())
        }
        Credentials::File(text) => {
            options.credentials(text.expose()).map_err(|_| CredentialsError::File)?
        }
    })
}

/// Why there is no connection, in words that help, and what to do.
fn not_connected(error: &async_nats::ConnectError, access: &Access) -> (String, Option<String>) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let of = |why: &str, remedy: &str| (why.to_owned(), Some(remedy.to_owned()));
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            let remedy = match &access.credentials {
                Credentials::None => {
                    "it wants to know who we are: give `--nats-creds FILE`, or set NATS_USER and NATS_PASSWORD, NATS_TOKEN \
                     or NATS_NKEY"
                }
                Credentials::File(_) => {
                    "does it know the account that these credentials are of, and were they revoked? `nsc push` tells it of \
                     accounts"
                }
                _ => "look at the credentials, and at the permissions of the user",
            };
            of("it does not let us in", remedy)
        }
        ConnectErrorKind::Dns => {
            (format!("its name is not known: {cause}"), Some("check `--nats`".to_owned()))
        }
        ConnectErrorKind::TimedOut => {
            of("it does not answer", "check `--nats`, and what is between")
        }
        ConnectErrorKind::Tls => (
            format!("no encrypted connection: {cause}"),
            Some(
                "name its authority with `--nats-ca FILE`, and the host as its certificate does"
                    .to_owned(),
            ),
        ),
        _ if cause.contains("ertificate") || cause.contains("tls") || cause.contains("TLS") => (
            format!("no encrypted connection: {cause}"),
            Some(
                "name its authority with `--nats-ca FILE`, and the host as its certificate does"
                    .to_owned(),
            ),
        ),
        _ => (
            if cause.is_empty() { error.to_string() } else { cause },
            Some(
                "start it (`nats-server --jetstream --store_dir DIR`), or check `--nats`"
                    .to_owned(),
            ),
        ),
    }
}
