//! What should carry the exchanges: reqwest, or hyper connections of our own? `cargo bench --bench
//! transport_choice` measures both again, and the transport that came of it, generator on one core
//! and canned replies on another.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use bytes::{Bytes, BytesMut};
use gander::base::clock::Clock;
use gander::standin::replay;
use gander::transport::{CONNECTIONS, Guard, Resolver, Session, Settings, Transport};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

const ROUNDS: usize = 3;
/// After every user has finished its first journey.
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(900);
/// Fresh connections leave their ports waiting; several addresses keep them from running out.
const ADDRESSES: u8 = 8;
/// The last is the transport as it is: with its guard, its cookie jar, its time-outs and limits.
const CLIENTS: [&str; 4] = ["reqwest", "hyper-task", "hyper-inline", "session"];
/// Scheme, meaning of `connections`, users. TLS with thousands of users on one core says nothing:
/// some wait for their handshake for longer than the measurement takes.
const CASES: [(&str, &str, &str); 9] = [
    ("http", "per-iteration", "50"),
    ("http", "per-iteration", "2000"),
    ("http", "per-user", "50"),
    ("http", "per-user", "2000"),
    ("http", "shared", "50"),
    ("http", "shared", "2000"),
    ("https", "per-iteration", "50"),
    ("https", "per-iteration", "200"),
    ("https", "per-user", "50"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--serve", certificate] => serve(Path::new(certificate)),
        ["--generate", client, scheme, connections, users, certificate, addresses] => {
            let addresses: Vec<SocketAddr> =
                addresses.split(',').map(|text| text.parse().expect("an address")).collect();
            let pem = std::fs::read(certificate).expect("the server's certificate");
            let transport = (client == "session")
                .then(|| transport(&addresses, scheme, connections, Path::new(certificate)));
            let case = Case { client, scheme, connections, tls: trusting(&pem), transport };
            generate(case, users.parse().expect("a number"), &addresses);
        }
        _ if arguments.contains(&"--bench") => conduct(),
        _ => println!("run by `cargo bench --bench transport_choice`"),
    }
}

// The conductor: every cell in a process of its own, the contenders in turn.

fn conduct() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certificate = folder.path().join("server.pem");
    let (mut server, _input, addresses) = start_server(&certificate);
    let mut cells: BTreeMap<(usize, usize), Vec<[f64; 2]>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (case, (scheme, connections, users)) in CASES.iter().enumerate() {
            for (client, name) in CLIENTS.iter().enumerate() {
                let output = on_core("0")
                    .args(["--generate", name, scheme, connections, users])
                    .args([certificate.as_os_str()])
                    .arg(&addresses[*scheme])
                    .stderr(Stdio::inherit())
                    .output()
                    .expect("a generator");
                assert!(output.status.success(), "{name} {scheme} {connections} {users}");
                let text = String::from_utf8_lossy(&output.stdout);
                let mut numbers = text.split_whitespace().map(|n| n.parse().expect("a number"));
                let cell = [(); 2].map(|()| numbers.next().expect("two numbers"));
                cells.entry((case, client)).or_default().push(cell);
            }
        }
    }
    server.kill().expect("the server, still there");
    server.wait().expect("the server's end");
    println!(
        "| scheme | connections | users | client | CPU s / 100 k steps [range] | peak RSS MB |"
    );
    println!("| --- | --- | --: | --- | --: | --: |");
    for ((case, client), mut rounds) in cells {
        rounds.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        let (scheme, connections, users) = CASES[case];
        println!(
            "| {scheme} | {connections} | {users} | {} | {:.2} [{:.2}–{:.2}] | {:.0} |",
            CLIENTS[client], median[0], least[0], most[0], median[1]
        );
    }
}

fn on_core(core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(std::env::current_exe().expect("this program"));
    command
}

/// Starts the server on the other core; returns its addresses by scheme.
fn start_server(certificate: &Path) -> (Child, ChildStdin, BTreeMap<String, String>) {
    let mut server = on_core("1")
        .arg("--serve")
        .arg(certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server");
    let lines = BufReader::new(server.stdout.take().expect("the server's output")).lines();
    let addresses = lines.take(2).map(|line| {
        let line = line.expect("a line of addresses");
        let (scheme, addresses) = line.split_once(' ').expect("scheme and addresses");
        (scheme.to_owned(), addresses.to_owned())
    });
    let addresses = addresses.collect();
    let input = server.stdin.take().expect("the server's input");
    (server, input, addresses)
}

// The server: canned replies with and without TLS, until its input closes.

fn serve(certificate: &Path) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::abort();
    });
    let names = (1..=ADDRESSES).map(|last| format!("127.0.0.{last}")).collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names.clone()).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server's TLS");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    std::fs::write(certificate, made.cert.pem()).expect("a written certificate");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut addresses = [Vec::new(), Vec::new()];
        for name in &names {
            for (tls, addresses) in addresses.iter_mut().enumerate() {
                let address = SocketAddr::new(name.parse().expect("an address"), 0);
                let listener = replay::listen(address).await.expect("a listener");
                addresses.push(listener.local_addr().expect("an address").to_string());
                if tls == 0 {
                    tokio::spawn(replay::serve(listener));
                } else {
                    tokio::spawn(serve_tls(listener, acceptor.clone()));
                }
            }
        }
        println!("http {}\nhttps {}", addresses[0].join(","), addresses[1].join(","));
        std::io::stdout().flush().expect("an open output");
        std::future::pending::<()>().await;
    });
}

async fn serve_tls(listener: tokio::net::TcpListener, acceptor: tokio_rustls::TlsAcceptor) {
    let address = listener.local_addr().expect("an address");
    let replies = Arc::new(replay::Replies::of(&format!("https://{address}")));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.set_nodelay(true);
        let (acceptor, replies) = (acceptor.clone(), replies.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = replay::converse(stream, &replies).await;
            }
        });
    }
}

// The generator: users in closed loops, each iteration a journey of five exchanges.

struct Case<'a> {
    client: &'a str,
    scheme: &'a str,
    connections: &'a str,
    tls: rustls::ClientConfig,
    transport: Option<Transport>,
}

/// The transport as a profile would make it.
fn transport(
    addresses: &[SocketAddr],
    scheme: &str,
    connections: &str,
    certificate: &Path,
) -> Transport {
    let hosts = addresses.iter().map(|address| format!("{scheme}://{address}"));
    let guard = Guard::new(hosts.map(|host| host.parse().expect("a host")));
    let connections = CONNECTIONS.iter().find(|(name, _)| *name == connections);
    let settings = Settings {
        connections: connections.map(|(_, connections)| *connections),
        connect_timeout: Duration::from_secs(30),
        ca_file: Some(certificate.to_owned()),
        ..Settings::default()
    };
    Transport::new(guard, &settings, Resolver::System, Clock::system()).expect("a transport")
}

/// One rustls configuration for everybody; nobody resumes a stranger's session.
fn trusting(certificate: &[u8]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate).expect("a certificate");
    roots.add(certificate).expect("a usable certificate");
    let mut config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

fn generate(case: Case<'_>, users: usize, addresses: &[SocketAddr]) {
    // A user that fails must not be missing silently.
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (steps, warm) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
    let maker = Arc::new(Maker {
        client: case.client.to_owned(),
        tls: case.tls.clone(),
        connector: tokio_rustls::TlsConnector::from(Arc::new(case.tls)),
        pool: Pool::default(),
        transport: case.transport,
    });
    for user in 0..users {
        let (steps, warm, maker) = (steps.clone(), warm.clone(), maker.clone());
        let origin = format!("{}://{}", case.scheme, addresses[user % addresses.len()]);
        let connections = case.connections.to_owned();
        // The one shared reqwest client is what the first user would make.
        let shared = maker.shared();
        runtime.spawn(async move {
            let mut own = if connections == "shared" { shared } else { maker.line() };
            journey(&mut own, &maker, &origin, &steps).await;
            warm.fetch_add(1, Ordering::Relaxed);
            loop {
                if connections == "per-iteration" {
                    own = maker.line();
                }
                journey(&mut own, &maker, &origin, &steps).await;
            }
        });
    }
    while warm.load(Ordering::Relaxed) < users {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(WARM_UP);
    let (before, cpu) = (steps.load(Ordering::Relaxed), cpu_seconds());
    std::thread::sleep(MEASURED);
    let (after, cpu) = (steps.load(Ordering::Relaxed), cpu_seconds() - cpu);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let done = (after - before) as f64;
    println!("{} {}", cpu / done * 1e5, peak_rss_mb());
    runtime.shutdown_background();
}

/// User and system time of this process so far, from the kernel's count of 10 ms ticks.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|n| n.parse::<f64>().expect("ticks")).sum();
    ticks / 100.0
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kilobytes = line.split_whitespace().next().unwrap_or_default().parse::<f64>();
    kilobytes.expect("kilobytes") / 1024.0
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    id: String,
    #[serde(default)]
    event_name: String,
    #[serde(default)]
    interaction_id: String,
    #[serde(default)]
    interaction_token: String,
    #[serde(default, rename = "_links")]
    links: Links,
    form: Option<serde_json::Value>,
}

#[derive(Default, serde::Deserialize)]
struct Links {
    next: Option<Link>,
}

#[derive(serde::Deserialize)]
struct Link {
    href: String,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: &'a str,
    event_name: &'a str,
    interaction_id: &'a str,
    parameters: Parameters<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    event_type: &'a str,
    data: Data<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    action_key: &'a str,
    form_data: [(&'a str, &'a str); 1],
}

const AUTHORIZE: &str = "/5a1d0c3e-7777-4a4a-8b8b-000000000001/as/authorize?response_type=code\
&client_id=0123&redirect_uri=https%3A%2F%2Fexample.com%2Fcallback&scope=openid\
&response_mode=pi.flow&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
&code_challenge_method=S256&acr_values=00112233445566778899aabbccddeeff";

async fn journey(line: &mut Line, maker: &Maker, origin: &str, steps: &AtomicU64) {
    let mut request = http::Request::get(format!("{origin}{AUTHORIZE}"));
    let mut body = Bytes::new();
    loop {
        let sent = request
            .header("accept", "application/json")
            .header("x-requested-with", "ping-sdk")
            .header("x-requested-platform", "javascript")
            .body(body)
            .expect("a request");
        let answered = line.exchange(maker, sent).await;
        let reply: Reply = serde_json::from_slice(&answered).expect("a reply");
        steps.fetch_add(1, Ordering::Relaxed);
        let Some(next) = reply.links.next else { return };
        assert!(reply.form.is_some(), "a form");
        let (id, token) = (&reply.interaction_id, &reply.interaction_token);
        let data = Data { action_key: "SIGNON", form_data: [("username", "ada@example.org")] };
        let answer = Answer {
            id: &reply.id,
            event_name: &reply.event_name,
            interaction_id: id,
            parameters: Parameters { event_type: "submit", data },
        };
        body = serde_json::to_vec(&answer).expect("a body").into();
        request = http::Request::post(next.href)
            .header("content-type", "application/json")
            .header("interactionid", id)
            .header("interactiontoken", token);
        // A session has a jar; the others are spared its cost.
        if maker.transport.is_none() {
            let cookies = format!("interactionId={id}; interactionToken={token}");
            request = request.header("cookie", cookies);
        }
    }
}

// The contenders.

struct Maker {
    client: String,
    tls: rustls::ClientConfig,
    connector: tokio_rustls::TlsConnector,
    pool: Pool,
    transport: Option<Transport>,
}

#[derive(Default)]
struct Pool {
    idle: Mutex<BTreeMap<String, Vec<Open>>>,
    reqwest: Mutex<Option<reqwest::Client>>,
}

/// What carries a user's exchanges.
enum Line {
    Reqwest(reqwest::Client),
    Own(Option<Open>),
    Pooled,
    Session(Box<Session>),
}

impl Maker {
    fn reqwest(&self) -> reqwest::Client {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(30))
            .timeout(Duration::from_secs(30));
        client.build().expect("a client")
    }

    fn line(&self) -> Line {
        match &self.transport {
            Some(transport) => Line::Session(Box::new(transport.session())),
            None if self.client == "reqwest" => Line::Reqwest(self.reqwest()),
            None => Line::Own(None),
        }
    }

    fn shared(&self) -> Line {
        match self.client.as_str() {
            "reqwest" => {}
            "session" => return self.line(),
            _ => return Line::Pooled,
        }
        let mut made = self.pool.reqwest.lock().expect("the client");
        Line::Reqwest(made.get_or_insert_with(|| self.reqwest()).clone())
    }
}

impl Line {
    async fn exchange(&mut self, maker: &Maker, request: http::Request<Bytes>) -> Bytes {
        match self {
            Self::Reqwest(client) => {
                let request = reqwest::Request::try_from(request).expect("a request");
                let reply = client.execute(request).await.expect("a reply");
                reply.bytes().await.expect("a body")
            }
            Self::Session(session) => {
                session.exchange(request).await.reply.expect("a reply").into_body()
            }
            Self::Own(open) => {
                if open.is_none() {
                    *open = Some(Open::to(maker, request.uri()).await);
                }
                let open = open.as_mut().expect("just opened");
                within(open.exchange(request)).await
            }
            Self::Pooled => {
                let origin = request.uri().authority().expect("an authority").to_string();
                let idle = {
                    let mut pool = maker.pool.idle.lock().expect("the pool");
                    pool.get_mut(&origin).and_then(Vec::pop)
                };
                let mut open = match idle {
                    Some(open) => open,
                    None => Open::to(maker, request.uri()).await,
                };
                let reply = within(open.exchange(request)).await;
                let mut pool = maker.pool.idle.lock().expect("the pool");
                pool.entry(origin).or_default().push(open);
                reply
            }
        }
    }
}

async fn within<T>(exchange: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), exchange).await.expect("a reply in time")
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An open hyper connection, driven by a task of its own or by whoever uses it.
struct Open {
    send: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
}

impl Open {
    async fn to(maker: &Maker, uri: &http::Uri) -> Self {
        let authority = uri.authority().expect("an authority");
        let address: SocketAddr = authority.as_str().parse().expect("an address");
        let connect = async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            if uri.scheme_str() == Some("https") {
                let name = ServerName::from(address.ip());
                let stream = maker.connector.connect(name, stream).await.expect("TLS");
                Self::over(maker, stream).await
            } else {
                Self::over(maker, stream).await
            }
        };
        tokio::time::timeout(Duration::from_secs(30), connect).await.expect("in time")
    }

    async fn over<S>(maker: &Maker, stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (send, driver) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        if maker.client == "hyper-task" {
            tokio::spawn(driver);
            return Self { send, driver: None };
        }
        Self { send, driver: Some(Box::pin(driver)) }
    }

    async fn exchange(&mut self, request: http::Request<Bytes>) -> Bytes {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().expect("an authority").as_str();
        parts.headers.insert("host", host.parse().expect("a host"));
        let path = parts.uri.path_and_query().expect("a path").clone();
        parts.uri = path.into();
        let request = http::Request::from_parts(parts, Full::new(body));
        let Some(driver) = &mut self.driver else {
            self.send.ready().await.expect("a ready connection");
            let reply = self.send.send_request(request).await.expect("a reply");
            return reply.into_body().collect().await.expect("a body").to_bytes();
        };
        poll_fn(|cx| {
            assert!(driver.as_mut().poll(cx).is_pending(), "an open connection");
            self.send.poll_ready(cx)
        })
        .await
        .expect("a ready connection");
        let mut reply = std::pin::pin!(self.send.send_request(request));
        let reply = poll_fn(|cx| {
            let _ = driver.as_mut().poll(cx);
            reply.as_mut().poll(cx)
        })
        .await;
        collect(driver, reply.expect("a reply").into_body()).await
    }
}

async fn collect(driver: &mut Driver, mut body: Incoming) -> Bytes {
    let mut whole = BytesMut::new();
    poll_fn(|cx| {
        loop {
            let frame = match Pin::new(&mut body).poll_frame(cx) {
                Poll::Pending => {
                    let _ = driver.as_mut().poll(cx);
                    ready!(Pin::new(&mut body).poll_frame(cx))
                }
                Poll::Ready(frame) => frame,
            };
            let Some(frame) = frame else { return Poll::Ready(()) };
            if let Ok(data) = frame.expect("a frame").into_data() {
                whole.extend_from_slice(&data);
            }
        }
    })
    .await;
    whole.freeze()
}
