//! Canned replies for benchmarks: a tenant that costs next to nothing, so that what is measured is
//! the generator.

use bytes::{Buf, BytesMut};
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Number of exchanges of the canned journey, the authorize call included, the token call not.
pub const STEPS: usize = 5;

/// Why canned replies are not served.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Anybody could reach it.
    #[error(
        "`{address}` is not a loopback address; canned replies are served to this machine only"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The listener broke.
    #[error("cannot accept connections: {source}")]
    Accept {
        /// What the system says.
        #[from]
        source: io::Error,
    },
}

impl crate::base::remedy::Remedy for ReplayError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::NotLoopback { address } => {
                Some(format!("listen on `127.0.0.1:{}` instead", address.port()))
            }
            Self::Listen { .. } => {
                Some("choose another port, or port 0 for any free one".to_owned())
            }
            Self::Accept { .. } => None,
        }
    }
}

/// Opens the listener, on a loopback address or not at all. Port 0 takes a free one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ReplayError> {
    require_loopback(address)?;
    TcpListener::bind(address).await.map_err(|source| ReplayError::Listen { address, source })
}

/// Serves canned replies until the future is dropped, which also ends its connections.
pub async fn serve(listener: TcpListener) -> Result<(), ReplayError> {
    let address = listener.local_addr()?;
    require_loopback(address)?;
    let replies = Arc::new(Replies::of(&format!("http://{address}")));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let replies = replies.clone();
                connections.spawn(async move { converse(stream, &replies).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one connection's requests until its end: in TLS or not is the caller's affair.
pub async fn converse<S>(mut stream: S, replies: &Replies) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut input = BytesMut::with_capacity(READ_AT_ONCE);
    let mut output = Vec::new();
    loop {
        let mut last = false;
        while !last {
            match Head::read(&input) {
                Head::Whole { length, reply, close } if length <= input.len() => {
                    output.extend_from_slice(replies.of_kind(reply));
                    input.advance(length);
                    last = close;
                }
                Head::Whole { .. } | Head::Partial => break,
                Head::Unreadable => {
                    output.extend_from_slice(UNREADABLE);
                    last = true;
                }
            }
        }
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
        if last {
            return stream.shutdown().await;
        }
        if input.capacity() - input.len() < READ_AT_ONCE / 2 {
            input.reserve(READ_AT_ONCE);
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Every canned reply, head and body in one piece.
#[derive(Debug)]
pub struct Replies(Vec<Vec<u8>>);

impl Replies {
    /// The replies of a tenant that calls itself `origin` (`http://127.0.0.1:8910`) in its links.
    pub fn of(origin: &str) -> Self {
        let mut replies: Vec<_> = TABLE.iter().map(|entry| entry.render(origin)).collect();
        replies.push(whole("404 Not Found", "", NOT_KNOWN));
        Self(replies)
    }

    fn of_kind(&self, reply: usize) -> &[u8] {
        self.0.get(reply).map_or(UNREADABLE, Vec::as_slice)
    }
}

/// A path's ending and what it is answered with.
struct Entry {
    ending: &'static str,
    reply: Reply,
}

/// What a canned reply shows.
enum Reply {
    /// A form whose link leads to the named capability.
    Form { id: &'static str, next: &'static str, cookies: bool },
    /// The end of the flow, with a code.
    Success,
    /// Tokens for a code.
    Tokens,
}

/// The canned tenant. The first entry whose ending the path has wins; the journey is the first
/// [`STEPS`] entries in turn.
const TABLE: &[Entry] = &[
    form("/as/authorize", "f0login0001", "step-1", true),
    form("/capabilities/step-1", "f0login0002", "step-2", false),
    form("/capabilities/step-2", "f0login0003", "step-3", false),
    form("/capabilities/step-3", "f0login0004", "step-4", false),
    Entry { ending: "/capabilities/step-4", reply: Reply::Success },
    Entry { ending: "/as/token", reply: Reply::Tokens },
];

const fn form(ending: &'static str, id: &'static str, next: &'static str, cookies: bool) -> Entry {
    Entry { ending, reply: Reply::Form { id, next, cookies } }
}

impl Entry {
    fn render(&self, origin: &str) -> Vec<u8> {
        let token = "9f0c41d7e2b8a563".repeat(16);
        match self.reply {
            Reply::Form { id, next, cookies } => {
                let body = FORM
                    .replace("{origin}", origin)
                    .replace("{id}", id)
                    .replace("{next}", next)
                    .replace("{token}", &token);
                let mut headers = String::new();
                for (name, value) in [("interactionId", INTERACTION), ("interactionToken", &token)]
                    .iter()
                    .filter(|_| cookies)
                {
                    let line = "Max-Age=3600; Path=/; HttpOnly\r\n";
                    // Writing to a string cannot fail.
                    let _ = write!(headers, "set-cookie: {name}={value}; {line}");
                }
                whole("200 OK", &headers, &body)
            }
            Reply::Success => whole("200 OK", "", SUCCESS),
            Reply::Tokens => whole("200 OK", "cache-control: no-store\r\n", TOKENS),
        }
    }
}

fn whole(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
    );
    (head + body).into_bytes()
}

/// What stands at the front of the input.
enum Head {
    /// A request's head; its whole length with the body, the reply it gets, and whether the
    /// connection ends with it.
    Whole {
        length: usize,
        reply: usize,
        close: bool,
    },
    Partial,
    Unreadable,
}

impl Head {
    fn read(input: &[u8]) -> Self {
        if input.is_empty() {
            return Self::Partial;
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() < LONGEST_HEAD => return Self::Partial,
            _ => return Self::Unreadable,
        };
        let (mut body, mut close) = (0, false);
        for header in request.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                let Some(length) = length(header.value) else { return Self::Unreadable };
                body = length;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Self::Unreadable;
            } else if header.name.eq_ignore_ascii_case("connection") {
                close = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        if body > LONGEST_BODY {
            return Self::Unreadable;
        }
        let path = request.path.unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let found = TABLE.iter().position(|entry| path.ends_with(entry.ending));
        Self::Whole { length: head + body, reply: found.unwrap_or(TABLE.len()), close }
    }
}

fn length(value: &[u8]) -> Option<usize> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn require_loopback(address: SocketAddr) -> Result<(), ReplayError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(ReplayError::NotLoopback { address }) }
}

const READ_AT_ONCE: usize = 4096;
const MOST_HEADERS: usize = 48;
const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_BODY: usize = 1024 * 1024;

const INTERACTION: &str = "3d6c1f7a-0b52-4e0e-9a5e-5f4e1a7c9b10";

/// A sign-on form of about 1.2 KB, in the shape documented for native clients.
const FORM: &str = concat!(
    r#"{"interactionId":"3d6c1f7a-0b52-4e0e-9a5e-5f4e1a7c9b10","interactionToken":"{token}","#,
    r#""_links":{"next":{"href":"{origin}/5a1d0c3e-7777-4a4a-8b8b-000000000001/davinci/connections/"#,
    r#"00112233445566778899aabbccddeeff/capabilities/{next}"}},"eventName":"continue","#,
    r#""isResponseCompatibleWithMobileAndWebSdks":true,"id":"{id}","#,
    r#""companyId":"5a1d0c3e-7777-4a4a-8b8b-000000000001","#,
    r#""flowId":"ffeeddccbbaa99887766554433221100","#,
    r#""connectionId":"00112233445566778899aabbccddeeff","capabilityName":"{next}","#,
    r#""formData":{"value":{"username":"","password":""}},"#,
    r#""form":{"name":"Sign On","description":"Enter credentials","category":"CUSTOM_HTML","#,
    r#""components":{"fields":[{"type":"TEXT","key":"username","label":"Username"},"#,
    r#"{"type":"PASSWORD","key":"password","label":"Password"},"#,
    r#"{"type":"SUBMIT_BUTTON","key":"SIGNON","label":"Sign On"},"#,
    r#"{"type":"FLOW_BUTTON","key":"REGISTER","label":"No account? Register now!"},"#,
    r#"{"type":"FLOW_BUTTON","key":"TROUBLE","label":"Having trouble signing on?"}]}}}"#,
);

const SUCCESS: &str = concat!(
    r#"{"interactionId":"3d6c1f7a-0b52-4e0e-9a5e-5f4e1a7c9b10","#,
    r#""companyId":"5a1d0c3e-7777-4a4a-8b8b-000000000001","#,
    r#""connectionId":"00112233445566778899aabbccddeeff","capabilityName":"#,
    r#""returnSuccessResponseRedirect","id":"f0done00001","status":"COMPLETED","success":true,"#,
    r#""authorizeResponse":{"code":"00000000-1111-4222-8333-444444444444"},"#,
    r#""session":{"id":"55555555-6666-4777-8888-999999999999"}}"#,
);

const TOKENS: &str = concat!(
    r#"{"access_token":"canned.access.token","token_type":"Bearer","expires_in":3600,"#,
    r#""scope":"openid","id_token":"canned.id.token"}"#,
);

const NOT_KNOWN: &str = r#"{"code":"NOT_FOUND","message":"No canned reply for this path."}"#;

const UNREADABLE: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORIZE: &[u8] = b"GET /e/as/authorize?a=/as/token HTTP/1.1\r\nhost: x\r\n\r\n";

    /// Sends `sent` in pieces of `piece` bytes, closes its side, and returns everything answered.
    async fn answers(sent: &[u8], piece: usize) -> String {
        let (mut near, far) = tokio::io::duplex(piece);
        let replies = Replies::of("http://127.0.0.1:1");
        let server = converse(far, &replies);
        let client = async {
            let (mut reader, mut writer) = tokio::io::split(&mut near);
            let mut answered = Vec::new();
            let write = async {
                // A server that has seen enough stops reading.
                let _ = writer.write_all(sent).await;
                let _ = writer.shutdown().await;
            };
            let ((), read) = tokio::join!(write, reader.read_to_end(&mut answered));
            read.unwrap();
            answered
        };
        let (_, answered) = tokio::join!(server, client);
        String::from_utf8(answered).unwrap()
    }

    fn post(path: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    fn bodies(answered: &str) -> Vec<serde_json::Value> {
        let parts = answered.split("\r\n\r\n").skip(1);
        parts
            .map(|part| serde_json::from_str(part.split("HTTP/1.1 ").next().unwrap()).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn five_replies_make_a_journey_that_ends_with_a_code() {
        let mut path = "/e/as/authorize".to_owned();
        for step in 0..STEPS {
            let body = bodies(&answers(&post(&path, "{}"), 512).await).remove(0);
            let next = body["_links"]["next"]["href"].as_str();
            assert_eq!(next.is_none(), step == STEPS - 1, "{path}");
            assert_eq!(body["authorizeResponse"]["code"].is_string(), step == STEPS - 1, "{path}");
            path = next.unwrap_or_default().replace("http://127.0.0.1:1", "");
        }
    }

    #[tokio::test]
    async fn a_form_is_a_form_in_about_1200_bytes_and_sets_its_cookies_once() {
        let answered = answers(AUTHORIZE, 512).await;
        let length = answered.split("\r\n\r\n").nth(1).unwrap().len();
        assert!((1100..1400).contains(&length), "{length}");
        assert_eq!(answered.matches("set-cookie: interaction").count(), 2);
        let body = bodies(&answered).remove(0);
        assert_eq!(body["interactionToken"].as_str().unwrap().len(), 256);
        let next = answers(&post("/x/capabilities/step-1", ""), 512).await;
        assert_eq!(next.matches("set-cookie").count(), 0);
    }

    #[tokio::test]
    async fn requests_may_come_in_any_pieces_and_several_at_once() {
        let mut sent = AUTHORIZE.to_vec();
        sent.extend(post("/e/as/token", "grant_type=x"));
        sent.extend(post("/nowhere", ""));
        for piece in [1, 7, 64, 8192] {
            let answered = answers(&sent, piece).await;
            let bodies = bodies(&answered);
            assert_eq!(bodies.len(), 3, "{piece}");
            assert_eq!(bodies[1]["token_type"], "Bearer");
            assert!(answered.contains("404 Not Found"));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_answered_and_ends_the_connection() {
        for sent in [
            "\u{1}\u{2}garbage\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let answered = answers(sent.as_bytes(), 4096).await;
            assert!(answered.starts_with("HTTP/1.1 400"), "{sent}: {answered}");
            assert_eq!(answered.matches("HTTP/1.1").count(), 1);
        }
        let endless = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(LONGEST_HEAD));
        assert!(answers(endless.as_bytes(), 4096).await.starts_with("HTTP/1.1 400"));
    }

    #[tokio::test]
    async fn only_loopback_addresses_are_listened_on() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = listen(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(refused, ReplayError::NotLoopback { .. }), "{address}");
        }
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        assert!(matches!(serve(listener).await, Err(ReplayError::NotLoopback { .. })));
        assert!(listen("127.0.0.1:0".parse().unwrap()).await.is_ok());
    }
}
