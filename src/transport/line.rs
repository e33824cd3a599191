//! A line to a server that speaks neither HTTP nor anything else known here, such as a mail server:
//! behind the same guard, with TLS from the start or from a word of the protocol on.

use super::dial::Dialer;
use super::fault::TransportFault;
use super::guard::GuardError;
use super::session::Transport;
use super::stream::Stream;
use super::target::Target;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// An open connection.
pub struct Line {
    stream: Stream,
    host: String,
    dialer: Arc<Dialer>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Transport {
    /// Opens a line to a host and port, `secure` with TLS from the first byte. The connection never
    /// goes through a proxy: those here pass on HTTP.
    pub async fn line(&self, server: &str, secure: bool) -> Result<Line, TransportFault> {
        let scheme = if secure { "https" } else { "http" };
        let uri = format!("{scheme}://{server}/").parse().map_err(|_| GuardError::NoHost)?;
        let dialer = self.dialer().without_http();
        let origin = dialer.guard.admit(&uri)?;
        let host = origin.host().to_owned();
        let target = Target::of(origin)?;
        let (wire, _) = dialer.connect(&target).await?;
        Ok(Line { stream: wire.stream, host, dialer: Arc::new(dialer) })
    }
}

impl Line {
    /// Speaks TLS from here on; a line that does so already stays as it is.
    pub async fn secure(self) -> Result<Self, TransportFault> {
        let Self { stream, host, dialer } = self;
        let limit = dialer.settings.connect_timeout;
        let stream = match stream {
            Stream::Plain(tcp) => {
                match tokio::time::timeout(limit, dialer.secure(&host, tcp)).await {
                    Ok(secured) => secured?.0,
                    Err(_) => return Err(dialer.too_slow(&host)),
                }
            }
            secured @ Stream::Tls(_) => secured,
        };
        Ok(Self { stream, host, dialer })
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
