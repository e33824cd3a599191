//! Sends the metrics of a run to a collector of OpenTelemetry: protobuf over HTTP, every ten seconds
//! and at the end. Whatever goes wrong with that never disturbs the run.

use super::board::Shared;
use super::otlp_message::{Source, message};
use super::serve::give_way;
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::transport::{AllowedHost, ApiClient, Guard, GuardError, Resolver, SetUpError, Settings};
use crate::transport::{Transport, TransportFault};
use bytes::Bytes;
use http::{Request, Uri, header};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use tokio::time::timeout;

/// Pause between two messages.
const EVERY: Duration = Duration::from_secs(10);

/// How long the last message may take, however often it has to be tried.
const LAST: Duration = Duration::from_secs(10);

/// How often the last message is tried.
const LAST_TRIES: usize = 3;

/// Pause between those tries.
const PAUSE: Duration = Duration::from_millis(500);

/// How often somebody looks whether the last message is still waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Where a collector takes metrics, unless its address says otherwise.
const PATH: &str = "/v1/metrics";

/// A collector, as a person named it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Collector {
    uri: Uri,
    is_here: bool,
}

/// Why no metrics can be sent to an address.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address.
    #[error("`--otlp` cannot send there: {0}")]
    Guard(#[from] GuardError),
    /// A collector on the host that is tested: what it is sent would be load on the tenant.
    #[error("`--otlp` names `{host}`, which is the tenant's")]
    Tenant {
        /// The host.
        host: String,
    },
    /// The client.
    #[error(transparent)]
    Client(#[from] SetUpError),
    /// The thread.
    #[error("the thread that sends metrics could not be started")]
    Thread(#[from] io::Error),
}

impl Remedy for OtlpError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.remedy(),
            Self::Guard(_) | Self::Tenant { .. } => Some(
                "name a collector's own host, such as `http://127.0.0.1:4318`; \
                 one on this machine can pass on what it gets"
                    .to_owned(),
            ),
            Self::Thread(_) => None,
        }
    }
}

/// Reads the address of a collector; without a path its usual one is taken.
pub fn collector(text: &str) -> Result<Collector, String> {
    let example = "write the address of a collector, such as `http://127.0.0.1:4318`";
    let uri: Uri = text.parse().map_err(|_| example.to_owned())?;
    let host = AllowedHost::of(&uri).ok_or_else(|| example.to_owned())?;
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.filter(|path| path.as_str() != "/");
    parts.path_and_query = Some(path.unwrap_or_else(|| http::uri::PathAndQuery::from_static(PATH)));
    let uri = Uri::from_parts(parts).map_err(|_| example.to_owned())?;
    match Guard::new([host]).admit(&uri) {
        Ok(_) => Ok(Collector { uri, is_here: true }),
        Err(GuardError::NotAcknowledged { .. }) => Ok(Collector { uri, is_here: false }),
        Err(error) => Err(error.to_string()),
    }
}

impl Collector {
    /// Whether it is on this machine.
    pub const fn is_here(&self) -> bool {
        self.is_here
    }

    /// A client that reaches this collector and nothing else.
    ///
    /// The guard lets a load generator call nothing beyond loopback that is not acknowledged. A
    /// collector elsewhere is let through because a person named it on the command line of this
    /// run, it is not the tenant, and it is sent a message every ten seconds and no load. The client
    /// is its own: what measured exchanges may call does not change by a hair.
    fn client(&self, clock: Clock) -> Result<ApiClient, OtlpError> {
        let host = AllowedHost::of(&self.uri).ok_or(GuardError::NoHost)?;
        let guard = Guard::new([host]);
        let guard = if self.is_here { guard } else { guard.acknowledged() };
        let settings = Settings {
            connect_timeout: Duration::from_secs(2),
            reply_timeout: Duration::from_secs(5),
            max_reply: 64 << 10,
            run_header: None,
            ..Settings::default()
        };
        Ok(Transport::new(guard, &settings, Resolver::System, clock)?.api_client()?)
    }

    fn check_is_none_of(&self, tenant_hosts: &[String]) -> Result<(), OtlpError> {
        let own = AllowedHost::of(&self.uri).map(|host| without_port(&host.to_string()));
        let is_tenants = |host: &&String| Some(without_port(host)) == own;
        match tenant_hosts.iter().find(is_tenants) {
            // On one machine there may well be both.
            Some(host) if !self.is_here => Err(OtlpError::Tenant { host: host.clone() }),
            _ => Ok(()),
        }
    }
}

fn without_port(host: &str) -> String {
    let host = host.rsplit_once("://").map_or(host, |(_, host)| host);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Scheme, host and port: a path or query may hold a key.
impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", http::uri::Authority::as_str);
        write!(f, "{scheme}://{authority}")
    }
}

/// How the sending went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sendings {
    /// Messages that were taken.
    pub sent: u64,
    /// Messages that were not.
    pub failed: u64,
    /// Why the last one was not, if it was not: then the collector lacks the last numbers.
    pub last: Option<String>,
}

/// Tells a person something.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Sends until it is finished.
#[derive(Debug)]
pub struct Exporter {
    over: Sender<()>,
    /// Never told: ends when the thread does.
    gone: Receiver<()>,
    sendings: Arc<Mutex<Sendings>>,
    clock: Clock,
}

impl Exporter {
    /// Begins to send.
    pub fn start(
        collector: &Collector,
        (board, source): (Shared, Source),
        tenant_hosts: &[String],
        clock: Clock,
        say: Say,
    ) -> Result<Self, OtlpError> {
        collector.check_is_none_of(tenant_hosts)?;
        let client = collector.client(clock.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (over, told) = channel();
        let (going, gone) = channel::<()>();
        let sendings = Arc::new(Mutex::new(Sendings::default()));
        let (kept, own) = (Arc::clone(&sendings), clock.clone());
        let uri = collector.uri.clone();
        let post = Post { client, uri, board, source, clock };
        Builder::new().name("otlp".to_owned()).spawn(move || {
            let _until_the_end = going;
            give_way();
            while told.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let done = runtime.block_on(post.send());
                note(&kept, done, &say);
            }
            let done = runtime.block_on(post.send_the_last());
            note(&kept, done, &say);
        })?;
        Ok(Self { over, gone, sendings, clock: own })
    }

    /// Sends the last numbers and says how it went. Ends within ten seconds, and as soon as somebody
    /// has enough of it; a message that is on its way then counts as one that was not taken.
    pub fn finish(self, is_enough: impl Fn() -> bool) -> Sendings {
        drop(self.over);
        let began = self.clock.now();
        let is_late = || self.clock.now().saturating_duration_since(began) >= LAST;
        let mut last = None;
        while self.gone.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if is_enough() {
                last = Some("it was not waited for".to_owned());
                break;
            }
            if is_late() {
                last = Some(Trouble::Late.to_string());
                break;
            }
        }
        let mut sendings = locked(&self.sendings).clone();
        if last.is_some() {
            (sendings.failed, sendings.last) = (sendings.failed + 1, last);
        }
        sendings
    }
}

fn locked(sendings: &Mutex<Sendings>) -> MutexGuard<'_, Sendings> {
    sendings.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a message. Whoever is told of the first that was not taken may take their time.
fn note(sendings: &Mutex<Sendings>, done: Result<(), Trouble>, say: &Say) {
    let told = locked(sendings).note(done);
    if let Some(text) = told {
        say(&text);
    }
}

impl Sendings {
    /// Counts a message, and says what a person is to be told of it.
    fn note(&mut self, done: Result<(), Trouble>) -> Option<String> {
        let Err(trouble) = done else {
            (self.sent, self.last) = (self.sent + 1, None);
            return None;
        };
        let is_first = self.failed == 0;
        (self.failed, self.last) = (self.failed + 1, Some(trouble.to_string()));
        is_first.then(|| format!("metrics were not taken: {trouble}; the run goes on"))
    }
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Transport(#[from] TransportFault),
    #[error("the collector answered {status}")]
    Status { status: u16 },
    #[error("the collector turned down {points} of the numbers")]
    Rejected { points: i64 },
    #[error("the collector did not answer in time")]
    Late,
}

struct Post {
    client: ApiClient,
    uri: Uri,
    board: Shared,
    source: Source,
    clock: Clock,
}

impl Post {
    async fn send(&self) -> Result<(), Trouble> {
        let body = message(&self.board.read(), &self.source, self.clock.wall()).encode_to_vec();
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        let protobuf = header::HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(header::CONTENT_TYPE, protobuf);
        let reply = self.client.call(request).await?;
        let status = reply.status().as_u16();
        if !reply.status().is_success() {
            return Err(Trouble::Status { status });
        }
        // What is not a message of theirs says nothing of a rejection.
        let said = ExportMetricsServiceResponse::decode(reply.into_body()).unwrap_or_default();
        let points = said.partial_success.map_or(0, |partly| partly.rejected_data_points);
        if points > 0 { Err(Trouble::Rejected { points }) } else { Ok(()) }
    }

    /// No later message makes up for the last one.
    async fn send_the_last(&self) -> Result<(), Trouble> {
        let tries = async {
            let mut done = self.send().await;
            for _ in 1..LAST_TRIES {
                if matches!(done, Ok(()) | Err(Trouble::Rejected { .. })) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                done = self.send().await;
            }
            done
        };
        timeout(LAST, tries).await.unwrap_or(Err(Trouble::Late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_collector_is_read_as_people_write_it() {
        for (text, uri, is_here) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics", true),
            ("http://localhost:4318/", "http://localhost:4318/v1/metrics", true),
            ("http://[::1]:4318/v1/metrics", "http://[::1]:4318/v1/metrics", true),
            ("https://otel.example.com/otlp?x=1", "https://otel.example.com/otlp?x=1", false),
            ("http://10.0.0.7:4318", "http://10.0.0.7:4318/v1/metrics", false),
        ] {
            let read = collector(text).unwrap();
            assert_eq!((read.uri.to_string().as_str(), read.is_here), (uri, is_here), "{text}");
        }
        for text in
            ["", "127.0.0.1:4318", "otel", "grpc://127.0.0.1:4317", "http://", "http://a:b@c/"]
        {
            assert!(collector(text).is_err(), "{text}");
        }
        let shown = collector("https://otel.example.com/otlp?key=hidden").unwrap().to_string();
        assert_eq!(shown, "https://otel.example.com");
    }

    #[test]
    fn a_collector_elsewhere_is_never_the_tenant() {
        let hosts = ["auth.example.com".to_owned(), "127.0.0.1:8910".to_owned()];
        for (text, is_fine) in [
            ("http://127.0.0.1:4318", true),
            ("https://otel.example.com", true),
            ("https://auth.example.com", false),
            ("https://AUTH.example.com:4318", false),
        ] {
            let found = collector(text).unwrap().check_is_none_of(&hosts);
            assert_eq!(found.is_ok(), is_fine, "{text}");
        }
    }

    /// Sends to one who takes connections and never answers.
    fn exporter(clock: Clock) -> (Exporter, std::net::TcpListener) {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = collector(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
        let board = Shared::new(super::super::board::Board::of_run("run", "1"));
        let source =
            Source { run_id: "run".to_owned(), version: "1".to_owned(), since: clock.wall() };
        let say: Say = Arc::new(|_| ());
        (Exporter::start(&collector, (board, source), &[], clock, say).unwrap(), silent)
    }

    #[test]
    fn who_has_enough_does_not_wait_for_a_collector_that_is_silent() {
        let (exporter, _silent) = exporter(Clock::system());
        let why = "it was not waited for".to_owned();
        let expected = Sendings { sent: 0, failed: 1, last: Some(why) };
        assert_eq!(exporter.finish(|| true), expected);
    }

    #[test]
    fn the_last_message_is_waited_for_ten_seconds_in_all() {
        let clock = Clock::by_hand(std::time::SystemTime::UNIX_EPOCH);
        let (exporter, _silent) = exporter(clock.clone());
        let looks = std::cell::Cell::new(0);
        let sendings = exporter.finish(|| {
            looks.set(looks.get() + 1);
            clock.advance(Duration::from_secs(2));
            false
        });
        assert_eq!((looks.get(), sendings.failed), (5, 1));
        assert_eq!(sendings.last.unwrap(), "the collector did not answer in time");
    }
}
