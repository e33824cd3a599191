//! Loopback servers that speak HTTP/2, with TLS or without, and do what a script says.

use super::lab::transport;
use super::resolve::Resolver;
use super::session::Transport;
use super::settings::ClientFiles;
use super::settings::Settings;
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::Request;
use http::Response;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use std::fmt::Write;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a server does with a request.
pub(super) enum Answer {
    /// 200 with a body.
    Say(&'static str),
    /// 200 and part of a body that never ends.
    Begin(&'static str),
    /// 200 whose head has so many bytes more than usual.
    LongHead(usize),
    /// Nothing, until [`Lab2::release`].
    Hold,
    /// RST_STREAM.
    Reset(Reason),
    /// 200, and a GOAWAY that lets what runs end.
    SayAndLeave(&'static str),
    /// GOAWAY and the end of the connection at once.
    Leave(Reason),
}

/// A request as a server saw it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Which connection, from 0.
    pub(super) connection: usize,
    /// Method, link and headers, one a line, as they came.
    pub(super) head: String,
    pub(super) body: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) accepted: usize,
    pub(super) closed: usize,
    pub(super) asked: Vec<Asked>,
    /// Streams that the client reset.
    pub(super) resets: usize,
    /// Where connections came from.
    pub(super) peers: Vec<SocketAddr>,
}

/// How a server is set up.
#[derive(Clone, Default)]
pub(super) struct Setup {
    /// Streams allowed at a time.
    pub(super) limit: Option<u32>,
    pub(super) tls: Option<TlsAcceptor>,
}

type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A running server; ends when dropped.
pub(super) struct Lab2 {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    seen: watch::Receiver<Seen>,
    release: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// What a connection's task needs to know.
#[derive(Clone)]
struct Desk {
    script: Script,
    seen: watch::Sender<Seen>,
    release: watch::Receiver<bool>,
    limit: Option<u32>,
}

impl Lab2 {
    pub(super) async fn start(
        setup: Setup,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = watch::channel(Seen::default());
        let (release, released) = watch::channel(false);
        let desk =
            Desk { script: Arc::new(script), seen: sender, release: released, limit: setup.limit };
        let scheme = if setup.tls.is_some() { "https" } else { "http" };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                let (desk, tls) = (desk.clone(), setup.tls.clone());
                let mut number = 0;
                desk.seen.send_modify(|seen| {
                    number = seen.accepted;
                    seen.accepted += 1;
                    seen.peers.push(peer);
                });
                connections.spawn(async move {
                    let seen = desk.seen.clone();
                    match tls {
                        None => serve(stream, number, desk).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                match stream.get_ref().1.alpn_protocol() {
                                    Some(b"h2") => serve(stream, number, desk).await,
                                    _ => serve_1_1(stream, number, &desk).await,
                                }
                            }
                        }
                    }
                    seen.send_modify(|seen| seen.closed += 1);
                });
            }
        });
        Self { address, scheme, seen, release, _tasks: tasks }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(super) fn get(&self, path: &str) -> Request<Bytes> {
        Request::get(self.url(path)).body(Bytes::new()).unwrap()
    }

    /// A transport that may call this server only.
    pub(super) fn transport(&self, settings: &Settings) -> Transport {
        transport(&[&self.url("/")], settings, Resolver::System)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Answers everything that was held.
    pub(super) fn release(&self) {
        self.release.send_replace(true);
    }

    pub(super) async fn sees(&self, what: impl FnMut(&Seen) -> bool) {
        self.seen.clone().wait_for(what).await.unwrap();
    }
}

async fn serve<S>(stream: S, number: usize, desk: Desk)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = h2::server::Builder::new();
    if let Some(limit) = desk.limit {
        builder.max_concurrent_streams(limit);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut tasks = JoinSet::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (head, mut body) = request.into_parts();
        let mut asked = Asked {
            connection: number,
            head: format!("{} {}\n", head.method, head.uri),
            body: String::new(),
        };
        for (name, value) in &head.headers {
            writeln!(asked.head, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        let answer = (desk.script)(&asked);
        match answer {
            Answer::Leave(reason) => {
                desk.seen.send_modify(|seen| seen.asked.push(asked));
                connection.abrupt_shutdown(reason);
                continue;
            }
            Answer::SayAndLeave(_) => connection.graceful_shutdown(),
            Answer::Reset(reason) => {
                respond.send_reset(reason);
                desk.seen.send_modify(|seen| seen.asked.push(asked));
                continue;
            }
            _ => {}
        }
        let desk = desk.clone();
        tasks.spawn(async move {
            while let Some(Ok(piece)) = body.data().await {
                asked.body += std::str::from_utf8(&piece).unwrap();
                let _ = body.flow_control().release_capacity(piece.len());
            }
            desk.seen.send_modify(|seen| seen.asked.push(asked));
            answer_it(respond, answer, desk).await;
        });
    }
}

async fn answer_it(mut respond: SendResponse<Bytes>, answer: Answer, mut desk: Desk) {
    let (text, ends, long) = match answer {
        Answer::Say(text) | Answer::SayAndLeave(text) => (text, true, 0),
        Answer::Begin(text) => (text, false, 0),
        Answer::LongHead(length) => ("fine", true, length),
        _ => {
            tokio::select! {
                _ = desk.release.wait_for(|released| *released) => {}
                _ = poll_fn(|cx| respond.poll_reset(cx)) => {
                    desk.seen.send_modify(|seen| seen.resets += 1);
                    return;
                }
            }
            ("late", true, 0)
        }
    };
    let mut head = Response::builder();
    if long > 0 {
        head = head.header("x", "y".repeat(long));
    }
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else { return };
    let _ = stream.send_data(Bytes::from(text), ends);
    if !ends {
        let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
        desk.seen.send_modify(|seen| seen.resets += 1);
    }
}

/// As little of HTTP/1.1 as a request without a body needs.
async fn serve_1_1<S>(mut stream: S, number: usize, desk: &Desk)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            let asked = Asked { connection: number, head: text, body: String::new() };
            desk.seen.send_modify(|seen| seen.asked.push(asked));
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";
            let _ = stream.write_all(reply).await;
            let _ = stream.flush().await;
        }
    }
}

/// A server's certificate, a client's, and files for both.
pub(super) struct Papers {
    _folder: TempDir,
    config: ServerConfig,
    /// Trusts the server.
    pub(super) settings: Settings,
    /// The files of a client whom a strict server knows.
    pub(super) client: ClientFiles,
    /// The files of one whom it does not know.
    pub(super) stranger: ClientFiles,
}

impl Papers {
    /// A server that asks its clients for nothing, or for the certificate of a client it knows.
    pub(super) fn new(strict: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut known = Vec::new();
        let files = ["client", "stranger"].map(|name| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            known.push(made.cert.der().clone());
            ClientFiles {
                cert: write(&format!("{name}.pem"), made.cert.pem()),
                key: write(&format!("{name}-key.pem"), made.signing_key.serialize_pem()),
            }
        });
        let [client, stranger] = files;
        let ca_file = Some(write("ca.pem", server.cert.pem()));
        let key: PrivateKeyDer<'static> = server.signing_key.serialize_der().try_into().unwrap();
        let config = config(server.cert.der().clone(), key, strict.then(|| known.swap_remove(0)));
        let settings = Settings { ca_file, ..Settings::default() };
        Self { _folder: folder, config, settings, client, stranger }
    }

    /// A server's side, which chooses among these in a handshake.
    pub(super) fn acceptor(&self, offers: &[&str]) -> TlsAcceptor {
        let mut config = self.config.clone();
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A server that speaks these.
    pub(super) async fn lab(
        &self,
        offers: &[&str],
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Lab2 {
        Lab2::start(Setup { limit: None, tls: Some(self.acceptor(offers)) }, script).await
    }
}

fn config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    known: Option<CertificateDer<'static>>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match known {
        None => builder.with_no_client_auth(),
        Some(known) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(known).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    builder.with_single_cert(vec![certificate], key).unwrap()
}
