//! The proxy that everything goes through, if the profile names one.

use crate::base::document::Section;
use crate::base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::fmt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// The longest head of a proxy's answer to CONNECT, in bytes.
const LONGEST_ANSWER: usize = 16 << 10;

/// Where a proxy is, and who we are to it. Shows host and port only.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    /// Name or address, an IPv6 address without its brackets.
    host: String,
    port: u16,
    authorization: Option<Secret>,
}

/// Why a proxy did not open a way.
pub(super) enum Closed {
    /// Its answer's status.
    Refused(u16),
    /// What came is no answer.
    Malformed(String),
    Broken(std::io::Error),
}

impl Proxy {
    /// Takes the key `proxy`. Who we are to it must come from outside the document, and no message
    /// repeats what stands there.
    pub(super) fn take(section: &mut Section<'_>) -> Option<Self> {
        let item = section.item("proxy")?;
        let text = section.text("proxy")?.value;
        if text.contains("${") {
            // A reference that could not be looked up is a problem already.
            return None;
        }
        let problem = |what: String, remedy: &str| {
            section.problems().note(Some(&item.place), what, Some(remedy.to_owned()));
            None
        };
        let example = "write `http://host:port`, or with a password \
                       `http://user:${PROXY_PASSWORD}@host:port`, with `%2F` for a `/` in it";
        let name = section.name("proxy");
        let Ok(url) = Url::parse(&text) else {
            return problem(format!("`{name}` is not the address of a proxy"), example);
        };
        if url.scheme() != "http" {
            let what = format!("`{name}` is not an `http://` address");
            return problem(
                what,
                "give the address at which the proxy takes CONNECT over plain HTTP",
            );
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return problem(format!("`{name}` has more than host and port"), example);
        }
        // A token may stand in either place.
        let names_us = !url.username().is_empty() || url.password().is_some();
        if names_us && !item.is_filled_in() {
            let what = format!(
                "`{name}` holds a user name or password, which may not stand in the document"
            );
            return problem(
                what,
                "name where it is kept: `${NAME}`, `${file:PATH}` or `${cmd:COMMAND}`",
            );
        }
        match Self::of(&url) {
            Some(proxy) => Some(proxy),
            None => problem(format!("`{name}` is not the address of a proxy"), example),
        }
    }

    /// A proxy by its address, with user name and password in it or without.
    fn of(url: &Url) -> Option<Self> {
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let mut authorization = None;
        if !url.username().is_empty() || url.password().is_some() {
            let mut pair = decoded(url.username());
            pair.push(b':');
            pair.extend(decoded(url.password().unwrap_or_default()));
            // User name and password as RFC 7617 has them.
            let text = format!("Basic {}", STANDARD.encode(pair));
            authorization = Some(Secret::new(text));
        }
        let host = url.host_str()?.trim_matches(['[', ']']);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        Some(Self { host, port: url.port_or_known_default()?, authorization })
    }

    /// Name or address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who we are to it, as it must not be seen: as it is sent, and the password or, without one, the token
    /// that stands in the name's place.
    pub fn secrets(&self) -> Vec<Secret> {
        let Some(sent) = &self.authorization else { return Vec::new() };
        let encoded = sent.expose().trim_start_matches("Basic ").to_owned();
        let pair = STANDARD.decode(&encoded).unwrap_or_default();
        let pair = String::from_utf8_lossy(&pair).into_owned();
        let (name, password) = pair.split_once(':').unwrap_or_default();
        let own = if password.is_empty() { name } else { password }.to_owned();
        vec![Secret::new(encoded), Secret::new(own)]
    }

    /// `Proxy-Authorization`, if there is a user name.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        // Base64 can always stand in a header.
        let mut value = HeaderValue::from_str(self.authorization.as_ref()?.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Asks for a way to `authority` (host and port) over a connection to the proxy. Not a byte
    /// more than the answer is read: what follows belongs to whoever uses the way.
    pub(super) async fn open_way(
        &self,
        tcp: &mut TcpStream,
        authority: &str,
        user_agent: &HeaderValue,
    ) -> Result<(), Closed> {
        let mut request =
            format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
        let authorization = self.authorization();
        let named =
            [("User-Agent", Some(user_agent)), ("Proxy-Authorization", authorization.as_ref())];
        for (name, value) in named {
            if let Some(value) = value {
                request.extend_from_slice(name.as_bytes());
                request.extend_from_slice(b": ");
                request.extend_from_slice(value.as_bytes());
                request.extend_from_slice(b"\r\n");
            }
        }
        request.extend_from_slice(b"\r\n");
        tcp.write_all(&request).await.map_err(Closed::Broken)?;
        let answer = read_head(tcp).await?;
        match status_of(&answer) {
            Some(200..=299) => Ok(()),
            Some(status) => Err(Closed::Refused(status)),
            None => Err(Closed::Malformed("it is not an answer to CONNECT".to_owned())),
        }
    }
}

/// Reads up to the empty line that ends a head, and nothing behind it: as many bytes as are missing
/// from that line at least are still to come, so as many are asked for at a time.
async fn read_head(tcp: &mut TcpStream) -> Result<Vec<u8>, Closed> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    loop {
        let so_far = (0..END.len()).rev().find(|length| head.ends_with(&END[..*length]));
        let mut piece = [0; END.len()];
        let missing = END.len() - so_far.unwrap_or(0);
        let read = tcp.read(&mut piece[..missing]).await.map_err(Closed::Broken)?;
        if read == 0 {
            return Err(Closed::Broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
        head.extend_from_slice(&piece[..read]);
        if head.ends_with(END) {
            return Ok(head);
        }
        if head.len() > LONGEST_ANSWER {
            return Err(Closed::Malformed(format!(
                "its answer is longer than {LONGEST_ANSWER} bytes"
            )));
        }
    }
}

fn status_of(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    response.code
}

/// Host and port.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authorization", &self.authorization)
            .finish()
    }
}
