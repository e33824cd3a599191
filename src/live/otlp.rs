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
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
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
    thread: JoinHandle<Sendings>,
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
        let uri = collector.uri.clone();
        let post = Post { client, uri, board, source, clock };
        let thread = Builder::new().name("otlp".to_owned()).spawn(move || {
            give_way();
            let mut sendings = Sendings::default();
            while told.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let done = runtime.block_on(post.send());
                sendings.note(done, &say);
            }
            let done = runtime.block_on(post.send_the_last());
            sendings.note(done, &say);
            sendings
        })?;
        Ok(Self { over, thread })
    }

    /// Sends the last numbers and says how it went. Ends in bounded time.
    pub fn finish(self) -> Sendings {
        drop(self.over);
        self.thread.join().unwrap_or_default()
    }
}

impl Sendings {
    fn note(&mut self, done: Result<(), Trouble>, say: &Say) {
        match done {
            Ok(()) => (self.sent, self.last) = (self.sent + 1, None),
            Err(trouble) => {
                if self.failed == 0 {
                    say(&format!("metrics were not taken: {trouble}; the run goes on"));
                }
                (self.failed, self.last) = (self.failed + 1, Some(trouble.to_string()));
            }
        }
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
}
