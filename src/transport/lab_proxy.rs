//! A small forward proxy on loopback: CONNECT, and links passed on in absolute form.

use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a proxy does with whoever asks.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Lets everybody through.
    Open,
    /// Lets through who brings this `Proxy-Authorization`.
    Asks(&'static str),
    /// Answers everything with these bytes.
    Says(&'static str),
}

/// A running proxy; ends when dropped.
pub(super) struct LabProxy {
    pub(super) address: SocketAddr,
    heads: watch::Receiver<Vec<String>>,
    _tasks: JoinSet<()>,
}

impl LabProxy {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heads) = watch::channel(Vec::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ways = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                ways.spawn(carry(stream, manner, sender.clone()));
            }
        });
        Self { address, heads, _tasks: tasks }
    }

    /// The heads of the requests so far, those of one connection once.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.borrow().clone()
    }
}

async fn carry(mut client: TcpStream, manner: Manner, heads: watch::Sender<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    heads.send_modify(|heads| heads.push(head.clone()));
    let refusal = match manner {
        Manner::Open => None,
        Manner::Asks(value) if head.to_lowercase().contains(&value.to_lowercase()) => None,
        Manner::Asks(_) => {
            Some("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        }
        Manner::Says(text) => Some(text),
    };
    if let Some(text) = refusal {
        let _ = client.write_all(text.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let mut words = head.split(' ');
    let (method, link) = (words.next().unwrap(), words.next().unwrap());
    let authority = link.strip_prefix("http://").unwrap_or(link);
    let (authority, path) = authority.split_once('/').unwrap_or((authority, ""));
    let Ok(mut server) = TcpStream::connect(authority).await else { return };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    } else {
        let passed = head.replacen(link, &format!("/{path}"), 1);
        server.write_all(passed.as_bytes()).await.unwrap();
    }
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
