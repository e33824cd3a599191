//! Receives what the platform posts to a custom notification provider: gander plays the provider.
//!
//! The body of such a request is a text of the tenant's own making that has to hold `${to}` and
//! `${message}`. Which members hold them is a setting, `/to` and `/message` by default (protocol
//! §9.5; how the platform escapes the message inside JSON is not documented and assumed to be JSON's).

use super::certificate::Identity;
use super::credentials::Credentials;
use super::door::{Door, DoorError, DoorSettings, Encryption};
use super::extract::CodePattern;
use super::mail::code_in_text;
use super::office::{Arrival, Office};
use super::reached_here;
use super::reply::Pointer;
use crate::base::clock::Clock;
use crate::base::document::Section;
use crate::base::secret::Secret;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How notifications are received.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Where, and whether inside TLS.
    pub door: DoorSettings,
    /// Name and password that the tenant has to bring (`BASIC`); none to ask for none.
    pub credentials: Option<Credentials>,
    /// Token that the tenant has to bring (`BEARER`); none to ask for none.
    pub token: Option<Secret>,
    /// Who a notification is for.
    pub recipient: Pointer,
    /// What it says.
    pub text: Pointer,
}

/// What `tls` may be: there is no way from HTTP to HTTPS on one connection.
pub const ENCRYPTIONS: &[(&str, Encryption)] =
    &[("off", Encryption::Off), ("implicit", Encryption::Implicit)];

/// The largest notification, in bytes.
const LARGEST: usize = 1 << 20;

/// How long a client may take for the head of a request, and for its body.
const PATIENCE: Duration = Duration::from_secs(30);

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Default for ProviderSettings {
    fn default() -> Self {
        let at = |text: &str| text.parse().unwrap_or_else(|_| Pointer::whole());
        Self {
            door: DoorSettings::default(),
            credentials: None,
            token: None,
            recipient: at("/to"),
            text: at("/message"),
        }
    }
}

impl ProviderSettings {
    /// Takes the keys of `[codes]` that are the provider's.
    pub fn read(section: &mut Section<'_>) -> Self {
        let defaults = Self::default();
        let settings = Self {
            door: DoorSettings::read(section, ENCRYPTIONS),
            credentials: Credentials::read(section),
            token: section.secret("token"),
            recipient: section.parsed("recipient").map_or(defaults.recipient, |at| at.value),
            text: section.parsed("text").map_or(defaults.text, |at| at.value),
        };
        if settings.credentials.is_some() && settings.token.is_some() {
            let place = section.item("token").map(|item| &item.place);
            let what = "a notification cannot bring both a password and a token";
            let remedy = "keep the one that the tenant's provider is set to".to_owned();
            section.problems().note(place, what, Some(remedy));
        }
        settings.door.refuse_in_the_clear(section, settings.authorization().is_some());
        settings
    }

    /// The `Authorization` header that a notification has to bring; none for any.
    pub fn authorization(&self) -> Option<Secret> {
        let basic = self.credentials.as_ref().map(Credentials::basic);
        let bearer = || Some(Secret::new(format!("Bearer {}", self.token.as_ref()?.expose())));
        basic.or_else(bearer)
    }
}

/// A running provider. Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct HttpProvider {
    door: Door,
    settings: ProviderSettings,
}

/// What every connection needs.
struct Counter {
    office: Office,
    pattern: CodePattern,
    clock: Clock,
    recipient: Pointer,
    text: Pointer,
    authorization: Option<Secret>,
    patience: Duration,
}

impl HttpProvider {
    /// Begins to listen. Once this returned, notifications are taken, whatever path they are sent to.
    pub async fn start(
        settings: &ProviderSettings,
        pattern: &CodePattern,
        office: Office,
        clock: Clock,
    ) -> Result<Self, DoorError> {
        let at_door = office.clone();
        let counter = Arc::new(Counter {
            office,
            pattern: pattern.clone(),
            clock,
            recipient: settings.recipient.clone(),
            text: settings.text.clone(),
            authorization: settings.authorization(),
            patience: PATIENCE,
        });
        let serve = move |stream: TcpStream, identity: Option<Identity>| {
            let counter = counter.clone();
            async move {
                counter.office.note(|of| of.connections += 1);
                // A client that breaks off has nothing more to say to us.
                match identity {
                    None => converse(stream, counter).await,
                    Some(identity) => {
                        let secured = identity.acceptor.accept(stream);
                        let Ok(Ok(stream)) = timeout(PATIENCE, secured).await else {
                            return;
                        };
                        converse(stream, counter).await;
                    }
                }
            }
        };
        let door = Door::open(&settings.door, BUSY, serve).await?;
        at_door.note(|of| of.at = Some(door.address()));
        Ok(Self { door, settings: settings.clone() })
    }

    /// Where it listens, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// How notifications are received.
    pub const fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Where notifications have to be posted, as this machine names it.
    pub fn url(&self) -> String {
        let scheme = if self.settings.door.tls == Encryption::Off { "http" } else { "https" };
        format!("{scheme}://{}/", reached_here(self.address()))
    }

    /// The authority that made its certificate, in PEM; none where it is of files or there is none.
    pub fn authority(&self) -> Option<&str> {
        self.door.authority()
    }
}

async fn converse<S>(stream: S, counter: Arc<Counter>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| {
        let counter = counter.clone();
        async move { Ok::<_, Infallible>(counter.answer(request).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
}

impl Counter {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut reply = Response::new(Full::default());
        *reply.status_mut() = match self.judge(&request) {
            Err(status) => status,
            Ok(()) => {
                let (head, body) = request.into_parts();
                match timeout(self.patience, Limited::new(body, LARGEST).collect()).await {
                    Err(_) => StatusCode::REQUEST_TIMEOUT,
                    Ok(Ok(body)) => {
                        let kind = head.headers.get(header::CONTENT_TYPE);
                        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                        self.take(kind, &body.to_bytes())
                    }
                    Ok(Err(_)) => StatusCode::PAYLOAD_TOO_LARGE,
                }
            }
        };
        reply
    }

    fn judge<B>(&self, request: &Request<B>) -> Result<(), StatusCode> {
        if let Some(wanted) = &self.authorization {
            let given = request.headers().get(header::AUTHORIZATION);
            if !given
                .is_some_and(|given| are_the_same(wanted.expose().as_bytes(), given.as_bytes()))
            {
                self.office.note(|of| of.refused += 1);
                return Err(StatusCode::UNAUTHORIZED);
            }
        }
        match *request.method() {
            Method::POST | Method::PUT => Ok(()),
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Takes a notification; one that names nobody is refused, so that the tenant's log shows it.
    fn take(&self, kind: &str, body: &[u8]) -> StatusCode {
        let at = self.clock.now();
        let document = match kind.starts_with("application/x-www-form-urlencoded") {
            true => Ok(form(body)),
            false => serde_json::from_slice::<Value>(body),
        };
        let Ok(document) = document else {
            self.office.note(|of| of.misread += 1);
            return StatusCode::BAD_REQUEST;
        };
        let Some(recipient) = self.recipient.text(&document) else {
            self.office.note(|of| of.misread += 1);
            return StatusCode::UNPROCESSABLE_ENTITY;
        };
        let recipient = address_in(&recipient).to_owned();
        let text = self.text.text(&document).filter(|_| self.office.is_open_at(&recipient));
        let code = text.and_then(|text| code_in_text(&text, &self.pattern));
        self.office.receive(Arrival { recipient, code, at, mark: None });
        StatusCode::OK
    }
}

/// Whether two values of `Authorization` are: the scheme in whatever case (RFC 9110, section 11.1), and
/// after it the same, which takes as long to find out for a wrong value as for the right one.
fn are_the_same(wanted: &[u8], given: &[u8]) -> bool {
    let parts = |value: &[u8]| {
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        (scheme.to_ascii_lowercase(), rest.trim_ascii().to_vec())
    };
    let (wanted, given) = (parts(wanted), parts(given));
    verify_slices_are_equal(&wanted.1, &given.1).is_ok() && wanted.0 == given.0
}

/// A form as a document.
fn form(body: &[u8]) -> Value {
    url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The address in `Jane <jane@x.test>`.
pub fn address_in(text: &str) -> &str {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split('>').next());
    inner.unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const SOON: Duration = Duration::from_secs(20);

    async fn provider(settings: &ProviderSettings, office: &Office) -> HttpProvider {
        let pattern = CodePattern::default();
        HttpProvider::start(settings, &pattern, office.clone(), Clock::system()).await.unwrap()
    }

    fn office() -> Office {
        Office::new(Clock::system())
    }

    async fn post(
        provider: &HttpProvider,
        (kind, authorization, body): (&str, Option<&str>, &str),
    ) -> u16 {
        let mut client = reqwest::Client::builder();
        if let Some(pem) = provider.authority() {
            let authority = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
            client = client.tls_certs_only([authority]);
        }
        let mut request = client.build().unwrap().post(provider.url()).body(body.to_owned());
        request = request.header("content-type", kind);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.send().await.unwrap().status().as_u16()
    }

    const JSON: &str = "application/json";

    #[tokio::test]
    async fn a_notification_reaches_whom_it_names() {
        let office = office();
        let provider = provider(&ProviderSettings::default(), &office).await;
        for (kind, body) in [
            (JSON, r#"{"to":"Jane@x.test","from":"t","message":"Your code is: ab12cd34"}"#),
            (
                JSON,
                r#"{"to":"Jane <jane@x.test>","message":"<p>Your code:</p><p><b>ab12cd34</b></p>"}"#,
            ),
            ("application/x-www-form-urlencoded", "to=jane%40x.test&message=Your+code%3A+ab12cd34"),
        ] {
            let mut waiter = office.open("jane@x.test").unwrap();
            assert_eq!(post(&provider, (kind, None, body)).await, 200, "{body}");
            assert_eq!(waiter.nth(1, SOON).await.unwrap().0.expose(), "ab12cd34", "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_no_notification_is_refused_and_said_so() {
        let office = office();
        let provider = provider(&ProviderSettings::default(), &office).await;
        for (body, status) in [
            ("no JSON", 400),
            (r#"{"message":"Your code: ab12cd34"}"#, 422),
            (r#"{"to":"a@x.test"}"#, 200),
        ] {
            assert_eq!(post(&provider, (JSON, None, body)).await, status, "{body}");
        }
        let come = office.reception();
        assert_eq!((come.misread, come.refused, come.at), (2, 0, Some(provider.address())));
        assert!(come.connections >= 3);
        let huge = format!("{{\"to\":\"{}\"}}", "a".repeat(LARGEST));
        assert_eq!(post(&provider, (JSON, None, &huge)).await, 413);
        assert_eq!(reqwest::get(provider.url()).await.unwrap().status(), 405);
        assert_eq!(office.stats().received, 1);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_gives_its_place_back() {
        let (client, server) = tokio::io::duplex(1 << 12);
        let settings = ProviderSettings::default();
        let counter = Counter {
            office: office(),
            pattern: CodePattern::default(),
            clock: Clock::system(),
            recipient: settings.recipient,
            text: settings.text,
            authorization: None,
            patience: Duration::from_millis(20),
        };
        let served = tokio::spawn(converse(server, Arc::new(counter)));
        let (mut from, mut to) = tokio::io::split(client);
        to.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
        let mut reply = Vec::new();
        from.read_to_end(&mut reply).await.unwrap();
        assert!(reply.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&reply));
        served.await.unwrap();
    }

    #[tokio::test]
    async fn only_the_tenant_is_let_in_also_over_tls() {
        let token = Some("hush".to_owned().into());
        let credentials =
            Some(Credentials { user: "t".to_owned(), password: "p".to_owned().into() });
        let usual = ProviderSettings::default();
        for (settings, right, also, wrong) in [
            (
                ProviderSettings { token, ..usual.clone() },
                "Bearer hush",
                "bearer  hush",
                "Bearer Hush",
            ),
            (
                ProviderSettings { credentials, ..usual.clone() },
                "Basic dDpw",
                "BASIC dDpw",
                "Bearer dDpw",
            ),
        ] {
            let door = DoorSettings { tls: Encryption::Implicit, ..DoorSettings::default() };
            let office = office();
            let provider = provider(&ProviderSettings { door, ..settings }, &office).await;
            assert!(provider.url().starts_with("https://"));
            let given =
                [None, Some("Bearer x"), Some("Bearer"), Some(wrong), Some(right), Some(also)];
            for (given, status) in given.into_iter().zip([401, 401, 401, 401, 200, 200]) {
                let sent = (JSON, given, r#"{"to":"a@x.test","message":"hi"}"#);
                assert_eq!(post(&provider, sent).await, status, "{given:?}");
            }
            assert_eq!(office.reception().refused, 4);
        }
    }
}
