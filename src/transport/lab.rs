//! Loopback servers for the tests of this module: raw sockets that do what a script says.

use super::guard::AllowedHost;
use super::guard::Guard;
use super::resolve::Resolver;
use super::session::Transport;
use super::settings::Settings;
use crate::base::clock::Clock;
use bytes::Bytes;
use http::Request;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a server does with a request.
pub(super) enum Act {
    /// Answers and waits for more.
    Say(Vec<u8>),
    /// Answers and closes.
    SayAndClose(Vec<u8>),
    /// Answers in part and stays silent.
    SayAndWait(Vec<u8>),
    /// Breaks the connection off.
    Reset,
}

/// A request as a server saw it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Which request on its connection, from 0.
    pub(super) nth: usize,
    /// Head and body.
    pub(super) text: String,
}

type Script = Arc<dyn Fn(&Asked) -> Act + Send + Sync>;

/// A running server; ends when dropped.
pub(super) struct Lab {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    state: watch::Receiver<State>,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    accepted: usize,
    closed: usize,
    asked: Vec<Asked>,
}

impl Lab {
    pub(super) async fn start(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::over(Arc::new(script), None).await
    }

    pub(super) async fn with_tls(
        acceptor: tokio_rustls::TlsAcceptor,
        script: impl Fn(&Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::over(Arc::new(script), Some(acceptor)).await
    }

    /// Always the same answer.
    pub(super) async fn saying(act: impl Fn() -> Act + Send + Sync + 'static) -> Self {
        Self::start(move |_| act()).await
    }

    async fn over(script: Script, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (sender, state) = watch::channel(State::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                sender.send_modify(|state| state.accepted += 1);
                let (script, sender, tls) = (script.clone(), sender.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => {
                            if let Some(stream) = converse(stream, script, &sender).await {
                                stream.set_zero_linger().unwrap();
                            }
                        }
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, script, &sender).await;
                            }
                        }
                    }
                    sender.send_modify(|state| state.closed += 1);
                });
            }
        });
        Self { address, scheme, state, _tasks: tasks }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A request without a body.
    pub(super) fn get(&self, path: &str) -> Request<Bytes> {
        Request::get(self.url(path)).body(Bytes::new()).unwrap()
    }

    /// A transport that may call this server only.
    pub(super) fn transport(&self, settings: &Settings) -> Transport {
        transport(&[&self.url("/")], settings, Resolver::System)
    }

    /// Connections accepted so far.
    pub(super) fn accepted(&self) -> usize {
        self.state.borrow().accepted
    }

    /// Requests seen so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.borrow().asked.clone()
    }

    /// Waits until so many requests were seen.
    pub(super) async fn has_been_asked(&self, times: usize) {
        self.state.clone().wait_for(|state| state.asked.len() >= times).await.unwrap();
    }

    /// Waits until so many connections were closed, and until this side has heard of it.
    pub(super) async fn has_closed(&self, times: usize) {
        self.state.clone().wait_for(|state| state.closed >= times).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// A transport that may call the hosts of these URLs.
pub(super) fn transport(urls: &[&str], settings: &Settings, resolver: Resolver) -> Transport {
    let hosts = urls.iter().map(|url| AllowedHost::of(&url.parse().unwrap()).unwrap());
    Transport::new(Guard::new(hosts), settings, resolver, Clock::system()).unwrap()
}

/// A whole reply with a body.
pub(super) fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Answers one connection's requests; hands the stream back if it is to be broken off.
async fn converse<S>(mut stream: S, script: Script, sender: &watch::Sender<State>) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut nth = 0;
    while let Some(text) = read_request(&mut stream).await {
        let asked = Asked { nth, text };
        nth += 1;
        let act = script(&asked);
        sender.send_modify(|state| state.asked.push(asked));
        let (bytes, ends) = match act {
            Act::Say(bytes) => (bytes, false),
            Act::SayAndClose(bytes) => (bytes, true),
            Act::SayAndWait(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
                // Until the other side gives up.
                while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                return None;
            }
            Act::Reset => return Some(stream),
        };
        let _ = stream.write_all(&bytes).await;
        let _ = stream.flush().await;
        if ends {
            let _ = stream.shutdown().await;
            return None;
        }
    }
    None
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        seen.extend_from_slice(&piece[..read]);
    }
}

/// A freshly connected plain stream, for servers that only accept.
pub(super) async fn silent_listener() -> (SocketAddr, JoinSet<Vec<TcpStream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap().0);
        }
    });
    (address, tasks)
}
