//! One simulated user's line to the tenant: a cookie jar, and connections as the profile says.
//!
//! Redirects are replies like any other. Nothing is sent twice, with one exception that browsers
//! make too: a kept connection that its server has closed is replaced, and the request goes out on
//! a fresh one, but only when not a byte of it was written to the old one. A connection that
//! breaks later ends the exchange as `reset`; browsers would try again there, and hide from the
//! report what a measurement is for.

use super::api_client::ApiClient;
use super::connection::Connection;
use super::connection::Failure;
use super::cookie::Jar;
use super::dial::Dialer;
use super::exchange::Exchange;
use super::exchange::Timing;
use super::fault::Stage;
use super::fault::TransportFault;
use super::fault::classify;
use super::guard::Guard;
use super::local::Locals;
use super::multiplex::Multiplex;
use super::pool::Pool;
use super::resolve::Names;
use super::resolve::Resolver;
use super::settings::Connections;
use super::settings::Settings;
use super::settings::Version;
use super::target::Met;
use super::target::Target;
use super::target::Targets;
use super::tls;
use super::tls::SetUpError;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::units::Size;
use crate::base::units::Span;
use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use std::fmt;
use std::sync::Arc;
use tokio::time::timeout;

/// What all sessions of a run share: the guard, the settings, TLS, and connections where they are
/// shared. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    dialer: Arc<Dialer>,
    shared: Arc<SharedConnections>,
    connections: Connections,
    run_header: Option<(HeaderName, HeaderValue)>,
}

/// Connections that belong to nobody, and the targets they lead to.
#[derive(Default)]
struct SharedConnections {
    idle: Pool,
    multiplex: Multiplex,
    targets: Targets,
}

/// A simulated user's cookies and connections.
pub struct Session {
    transport: Transport,
    jar: Jar,
    met: Met,
    own: Vec<(Arc<Target>, Connection)>,
}

/// An open connection and what is known of it.
struct Line {
    connection: Connection,
    /// It was there before this exchange.
    was_kept: bool,
}

/// Most headers that a session adds to a request.
const OWN_HEADERS: usize = 5;

/// Why an exchange over one connection failed.
enum Broken {
    /// Before the server looked at any of the request: it can go out elsewhere.
    Unsent(Option<Box<Request<Bytes>>>),
    /// For good.
    Fault(TransportFault),
}

impl Transport {
    /// Prepares everything that can be prepared before the first connection: reads the authorities
    /// to trust, from `ca_file` or this machine, and the client's certificate; looks whether the
    /// local addresses are there.
    pub fn new(
        guard: Guard,
        settings: &Settings,
        resolver: Resolver,
        clock: Clock,
    ) -> Result<Self, SetUpError> {
        let connections = settings.connections(guard.is_loopback_only());
        let tls = tls::configuration(settings, connections == Connections::Shared)?;
        let dialer = Dialer {
            guard,
            names: Names::new(resolver, settings.resolve.clone(), clock.clone()),
            tls: Arc::new(tls),
            locals: Locals::new(&settings.local_addresses)?,
            settings: settings.clone(),
            user_agent: HeaderValue::from_str(&settings.user_agent)
                .unwrap_or_else(|_| HeaderValue::from_static("gander")),
            clock,
        };
        let (dialer, shared) = (Arc::new(dialer), Arc::default());
        Ok(Self { dialer, shared, connections, run_header: None })
    }

    /// Puts the run's id on every request from here on, under the header that the profile names.
    #[must_use]
    pub fn of_run(self, run: &RunId) -> Self {
        let name = self.dialer.settings.run_header.clone();
        let value = HeaderValue::from_str(run.as_str()).ok();
        Self { run_header: name.zip(value), ..self }
    }

    /// A line for one simulated user.
    pub fn session(&self) -> Session {
        Session {
            transport: self.clone(),
            jar: Jar::default(),
            met: Met::default(),
            own: Vec::new(),
        }
    }

    /// A client for exchanges that are not measured, behind the same guard.
    pub fn api_client(&self) -> Result<ApiClient, SetUpError> {
        ApiClient::new(self.dialer.clone(), self.run_header.as_ref())
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Whose connections are used.
    pub const fn connections(&self) -> Connections {
        self.connections
    }

    /// The guard that everything passes.
    pub fn guard(&self) -> &Guard {
        &self.dialer.guard
    }

    /// Whether connections to a target may be HTTP/2, which several users can be on at a time.
    fn may_multiplex(&self, target: &Target) -> bool {
        match self.dialer.settings.version {
            Version::One => false,
            Version::Two => true,
            Version::Auto => target.origin.is_https(),
        }
    }
}

impl Session {
    /// Sends a request with an absolute URI and waits for its whole reply.
    ///
    /// Adds `Host`, `User-Agent` (unless there is one), the run's id and `Cookie`; takes over
    /// `Set-Cookie`. A preflight (`OPTIONS`) has no part in cookies. Dropped before its end, it
    /// closes the connection it used, or on one that is shared resets its stream.
    pub async fn exchange(&mut self, request: Request<Bytes>) -> Exchange {
        let mut timing = Timing::begun(self.transport.dialer.clock.now());
        let mut reconnected = false;
        // It is handed on often, and moved each time: boxed, that costs next to nothing.
        let reply = self.perform(Box::new(request), &mut timing, &mut reconnected).await;
        timing.ended = self.transport.dialer.clock.now();
        Exchange { reply, timing, reconnected }
    }

    /// Begins another iteration: forgets the cookies, and closes the connections where every
    /// iteration has its own.
    pub fn next_iteration(&mut self) {
        self.jar.clear();
        if self.transport.connections == Connections::PerIteration {
            self.own.clear();
        }
    }

    /// The cookies held now.
    pub const fn jar(&self) -> &Jar {
        &self.jar
    }

    async fn perform(
        &mut self,
        mut request: Box<Request<Bytes>>,
        timing: &mut Timing,
        reconnected: &mut bool,
    ) -> Result<Response<Bytes>, TransportFault> {
        let Transport { dialer, shared, .. } = &self.transport;
        let target = self.met.target(request.uri(), (&dialer.guard, &shared.targets))?;
        let uri = request.uri().clone();
        let with_cookies = *request.method() != Method::OPTIONS;
        self.prepare(&mut request, &target, with_cookies);
        let mut kept = self.take_idle(&target, reconnected).await;
        let reply = loop {
            let mut line = match kept.take() {
                Some(connection) => Line { connection, was_kept: true },
                // Seldom needed and large: on its own it stays out of every iteration's memory.
                None => Box::pin(self.line(&target, timing)).await?,
            };
            // HTTP/2 does not give a request back.
            let is_http2 = matches!(line.connection, Connection::Two(_));
            let spare = (is_http2 && line.was_kept).then(|| request.clone());
            match self.over(&mut line.connection, request, &target, timing).await {
                Ok(reply) => {
                    self.keep(target, line.connection, &reply);
                    break reply;
                }
                Err(Broken::Unsent(back)) => {
                    timing.sent = None;
                    if let Connection::Two(http2) = &line.connection
                        && let Some(lease) = http2.lease()
                    {
                        lease.retire();
                    }
                    match back.or(spare) {
                        Some(back) if line.was_kept => {
                            *reconnected = true;
                            request = back;
                            // A proxy may have been given the path alone.
                            *request.uri_mut() = uri.clone();
                        }
                        _ => return Err(untouched(&target)),
                    }
                }
                Err(Broken::Fault(fault)) => {
                    self.keep_what_lives(target, line.connection, &fault);
                    return Err(fault);
                }
            }
        };
        if with_cookies {
            self.jar.store(&uri, reply.headers(), self.transport.dialer.clock.wall());
        }
        Ok(reply)
    }

    /// Completes a request with everything that does not depend on the version of HTTP.
    fn prepare(&self, request: &mut Request<Bytes>, target: &Target, with_cookies: bool) {
        let Transport { dialer, run_header, .. } = &self.transport;
        let has_cookies = !with_cookies || request.headers().contains_key(header::COOKIE);
        let cookies = match has_cookies {
            true => None,
            false => self.jar.header(request.uri(), || dialer.clock.wall()),
        };
        // hyper leaves it out; a browser does not.
        let announces = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
        let is_empty = announces && request.body().is_empty();
        *request.version_mut() = http::Version::HTTP_11;
        let headers = request.headers_mut();
        headers.reserve(OWN_HEADERS);
        if let Some(cookies) = cookies {
            headers.insert(header::COOKIE, cookies);
        }
        headers.insert(header::HOST, target.host.clone());
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, dialer.user_agent.clone());
        }
        if let Some((name, value)) = run_header {
            headers.insert(name, value.clone());
        }
        if is_empty {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }

    /// A kept connection that is still open, if there is one. Those found closed are dropped.
    async fn take_idle(
        &mut self,
        target: &Arc<Target>,
        reconnected: &mut bool,
    ) -> Option<Connection> {
        loop {
            let mut connection = match self.transport.connections {
                Connections::Shared => self.transport.shared.idle.take(target)?,
                Connections::PerIteration | Connections::PerUser => {
                    let at = self.own.iter().position(|(of, _)| Arc::ptr_eq(of, target))?;
                    self.own.swap_remove(at).1
                }
            };
            if connection.is_idle().await {
                return Some(connection);
            }
            *reconnected = true;
        }
    }

    /// A connection for this exchange: a new one, or a place on a shared one.
    async fn line(
        &self,
        target: &Arc<Target>,
        timing: &mut Timing,
    ) -> Result<Line, TransportFault> {
        let Transport { dialer, shared, connections, .. } = &self.transport;
        if *connections == Connections::Shared
            && self.transport.may_multiplex(target)
            && let Some((connection, time)) = shared.multiplex.connection(target, dialer).await?
        {
            timing.connect = time.or(timing.connect);
            return Ok(Line { connection, was_kept: time.is_none() });
        }
        let (wire, time) = dialer.connect(target).await?;
        timing.connect = Some(time);
        Ok(Line { connection: dialer.ready(wire, target).await?, was_kept: false })
    }

    /// Keeps a connection for the next exchange, unless the server said that it ends here.
    fn keep(&mut self, target: Arc<Target>, connection: Connection, reply: &Response<Bytes>) {
        let said = reply.headers().get_all(header::CONNECTION);
        let ends = |value: &HeaderValue| {
            let text = value.to_str().unwrap_or_default();
            text.split(',').any(|token| token.trim().eq_ignore_ascii_case("close"))
        };
        if matches!(connection, Connection::One(..)) && said.iter().any(ends) {
            return;
        }
        self.put(target, connection);
    }

    fn put(&mut self, target: Arc<Target>, connection: Connection) {
        match (&connection, self.transport.connections) {
            // A place on a shared connection is given back.
            (Connection::Two(http2), _) if http2.lease().is_some() => {}
            (_, Connections::Shared) => self.transport.shared.idle.put(target, connection),
            _ => self.own.push((target, connection)),
        }
    }

    /// A stream that broke leaves an HTTP/2 connection as it was. After a time-out nobody knows
    /// which of the two is dead.
    fn keep_what_lives(
        &mut self,
        target: Arc<Target>,
        mut connection: Connection,
        fault: &TransportFault,
    ) {
        let Connection::Two(http2) = &mut connection else { return };
        let timed_out = matches!(fault, TransportFault::ReadTimeout { .. });
        if let Some(lease) = http2.lease() {
            if timed_out {
                lease.timed_out();
            }
        } else if !timed_out && http2.is_open() {
            self.put(target, connection);
        }
    }

    /// Sends a request over an open connection and reads the whole reply in the time there is.
    async fn over(
        &self,
        connection: &mut Connection,
        request: Box<Request<Bytes>>,
        target: &Target,
        timing: &mut Timing,
    ) -> Result<Response<Bytes>, Broken> {
        let Dialer { settings, clock, .. } = &*self.transport.dialer;
        let sent = clock.now();
        timing.sent = Some(sent);
        let whole = async {
            let broken = |failure| self.broken(failure, target);
            let (head, body) = connection.send(request, target).await.map_err(broken)?;
            timing.first_byte = Some(clock.now() - sent);
            let body = connection.read(body, settings.max_reply).await.map_err(broken)?;
            timing.service = Some(clock.now() - sent);
            Ok(head.map(|()| body))
        };
        let reply = match timeout(settings.reply_timeout, whole).await {
            Ok(reply) => reply?,
            Err(_) => {
                let (host, limit) = (target.origin.to_string(), Span(settings.reply_timeout));
                return Err(Broken::Fault(TransportFault::ReadTimeout { host, limit }));
            }
        };
        match (&settings.proxy, connection, reply.status()) {
            (
                Some(proxy),
                Connection::One(_, Some(_)),
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            ) => {
                let (host, proxy) = (target.origin.to_string(), proxy.to_string());
                Err(Broken::Fault(TransportFault::ProxyRefused { host, proxy, status: 407 }))
            }
            _ => Ok(reply),
        }
    }

    fn broken(&self, failure: Failure, target: &Target) -> Broken {
        Broken::Fault(match failure {
            Failure::Unsent(back) => return Broken::Unsent(back),
            Failure::TooLarge => {
                let limit = Size(self.transport.dialer.settings.max_reply);
                TransportFault::OversizedReply { host: target.origin.to_string(), limit }
            }
            Failure::Broken(error) => classify(Stage::Reply, &target.origin.to_string(), &*error),
        })
    }
}

fn untouched(target: &Target) -> TransportFault {
    let reason = "closed before the request was written".to_owned();
    TransportFault::Reset { host: target.origin.to_string(), reason }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("jar", &self.jar).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::TransportFault;
    use super::super::guard::AllowedHost;
    use super::super::lab::Act;
    use super::super::lab::Lab;
    use super::super::lab::reply;
    use super::super::lab::silent_listener;
    use super::super::lab::transport;
    use super::super::resolve::FixedNames;
    use super::*;
    use std::time::Duration;
    use std::time::SystemTime;
    use tokio_rustls::TlsAcceptor;

    fn ok() -> Act {
        Act::Say(reply("200 OK", "", "fine"))
    }

    fn with(connections: Connections) -> Settings {
        Settings { connections: Some(connections), ..Settings::default() }
    }

    /// The slug of what a first exchange comes to, or its body.
    async fn outcome(lab: &Lab, settings: &Settings) -> String {
        let mut session = lab.transport(settings).session();
        let exchange = session.exchange(lab.get("/x")).await;
        assert_eq!(exchange.timing.service.is_some(), exchange.reply.is_ok());
        match exchange.reply {
            Ok(reply) => String::from_utf8(reply.into_body().to_vec()).unwrap(),
            Err(fault) => fault.slug().to_owned(),
        }
    }

    #[tokio::test]
    async fn a_connection_lives_as_long_as_the_profile_says() {
        for (connections, expected) in
            [(Connections::PerIteration, 4), (Connections::PerUser, 2), (Connections::Shared, 1)]
        {
            let lab = Lab::saying(ok).await;
            let transport = lab.transport(&with(connections));
            let mut users = [transport.session(), transport.session()];
            for user in &mut users {
                for _ in 0..2 {
                    for _ in 0..3 {
                        let exchange = user.exchange(lab.get("/")).await;
                        assert!(exchange.reply.is_ok() && !exchange.reconnected);
                    }
                    user.next_iteration();
                }
            }
            assert_eq!(lab.accepted(), expected, "{connections:?}");
            assert_eq!(lab.asked().len(), 12);
        }
    }

    #[tokio::test]
    async fn users_at_the_same_time_do_not_wait_for_a_shared_connection() {
        let lab = Lab::saying(ok).await;
        let transport = lab.transport(&with(Connections::Shared));
        let (mut one, mut two) = (transport.session(), transport.session());
        for _ in 0..2 {
            let both = tokio::join!(one.exchange(lab.get("/")), two.exchange(lab.get("/")));
            assert!(both.0.reply.is_ok() && both.1.reply.is_ok());
        }
        assert_eq!(lab.accepted(), 2);
    }

    #[tokio::test]
    async fn a_kept_connection_that_the_server_closed_is_replaced_and_that_is_said() {
        for connections in [Connections::PerUser, Connections::Shared] {
            let lab = Lab::saying(|| Act::SayAndClose(reply("200 OK", "", ""))).await;
            let mut session = lab.transport(&with(connections)).session();
            assert!(!session.exchange(lab.get("/")).await.reconnected);
            lab.has_closed(1).await;
            let second = session.exchange(lab.get("/")).await;
            assert!(second.reconnected && second.reply.is_ok(), "{second:?}");
            assert!(second.timing.connect.is_some());
            assert_eq!((lab.accepted(), lab.asked().len()), (2, 2));
        }
    }

    #[tokio::test]
    async fn an_announced_end_of_a_connection_is_no_surprise() {
        let say = || Act::SayAndClose(reply("200 OK", "Connection: foo, Close\r\n", ""));
        let lab = Lab::saying(say).await;
        let mut session = lab.transport(&with(Connections::PerUser)).session();
        for _ in 0..2 {
            let exchange = session.exchange(lab.get("/")).await;
            assert!(exchange.reply.is_ok() && !exchange.reconnected);
        }
    }

    #[tokio::test]
    async fn a_request_that_was_written_is_never_sent_again() {
        let lab = Lab::start(|asked| if asked.nth == 0 { ok() } else { Act::Reset }).await;
        let mut session = lab.transport(&with(Connections::PerUser)).session();
        assert!(session.exchange(lab.get("/")).await.reply.is_ok());
        let second = session.exchange(lab.get("/")).await;
        assert_eq!(second.reply.unwrap_err().slug(), "reset");
        assert_eq!((lab.accepted(), lab.asked().len()), (1, 2));
    }

    #[tokio::test]
    async fn a_connection_whose_exchange_was_given_up_is_never_used_again() {
        for connections in [Connections::PerUser, Connections::Shared] {
            let lab = Lab::start(|asked| match asked.text.contains("/slow") {
                true => Act::SayAndWait(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
                false => ok(),
            })
            .await;
            let mut session = lab.transport(&with(connections)).session();
            assert!(session.exchange(lab.get("/")).await.reply.is_ok());
            tokio::select! {
                biased;
                exchange = session.exchange(lab.get("/slow")) => panic!("{exchange:?}"),
                () = lab.has_been_asked(2) => {}
            }
            lab.has_closed(1).await;
            assert!(session.exchange(lab.get("/")).await.reply.is_ok());
            assert_eq!(lab.accepted(), 2, "{connections:?}");
        }
    }

    #[tokio::test]
    async fn a_reply_that_does_not_come_or_does_not_end_is_a_time_out() {
        let settings = Settings { reply_timeout: Duration::from_millis(50), ..Settings::default() };
        for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"] {
            let lab = Lab::saying(move || Act::SayAndWait(said.into())).await;
            assert_eq!(outcome(&lab, &settings).await, "read-timeout", "{said:?}");
        }
    }

    #[tokio::test]
    async fn setting_up_a_connection_has_a_limit_of_its_own() {
        let (address, _held) = silent_listener().await;
        let url = format!("https://{address}/");
        let limit = Duration::from_millis(50);
        let settings = Settings { connect_timeout: limit, ..Settings::default() };
        let transport = transport(&[&url], &settings, Resolver::System);
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let exchange = transport.session().exchange(request).await;
        assert!(exchange.timing.sent.is_none());
        assert_eq!(exchange.reply.unwrap_err().slug(), "connect-timeout");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_refuses() {
        let (address, held) = silent_listener().await;
        drop(held);
        let url = format!("http://{address}/");
        let mut session = transport(&[&url], &Settings::default(), Resolver::System).session();
        loop {
            // The listener goes as its task is dropped; until then it may still accept.
            let request = Request::get(&url).body(Bytes::new()).unwrap();
            let fault = session.exchange(request).await.reply.unwrap_err();
            if fault.slug() == "connect-refused" {
                break;
            }
            assert_eq!(fault.slug(), "reset");
        }
    }

    #[tokio::test]
    async fn replies_are_read_whole_or_named_by_what_is_wrong_with_them() {
        let close = |text: &str| Act::SayAndClose(text.as_bytes().to_vec());
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
        let many_heads = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(500));
        for (said, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine".to_owned(), "fine"),
            ("HTTP/1.1 200 OK\r\n\r\nfine".to_owned(), "fine"),
            ("HTTP/1.0 200 OK\r\n\r\nfine".to_owned(), "fine"),
            ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), ""),
            (format!("{chunked}2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n"), "fine"),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
                    .to_owned(),
                "",
            ),
            (String::new(), "reset"),
            ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), "reset"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfine".to_owned(), "reset"),
            (format!("{chunked}9\r\nfine"), "reset"),
            (format!("{chunked}zz\r\nfine\r\n"), "malformed-reply"),
            ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), "malformed-reply"),
            ("{\"id\": 1}\r\n\r\n".to_owned(), "malformed-reply"),
            ("HTTP/1.1 two OK\r\n\r\n".to_owned(), "malformed-reply"),
            ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_owned(), "malformed-reply"),
            (long_head, "oversized-reply"),
            (many_heads, "oversized-reply"),
        ] {
            let text = said.clone();
            let lab = Lab::saying(move || close(&text)).await;
            let shown: String = said.chars().take(90).collect();
            assert_eq!(outcome(&lab, &Settings::default()).await, expected, "{shown:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_broken_off_is_a_reset() {
        let lab = Lab::saying(|| Act::Reset).await;
        assert_eq!(outcome(&lab, &Settings::default()).await, "reset");
    }

    #[tokio::test]
    async fn a_reply_may_be_as_large_as_allowed_and_no_larger() {
        let settings = Settings { max_reply: 8, ..Settings::default() };
        let chunks =
            |text: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{text}");
        for (said, expected) in [
            (reply("200 OK", "", "12345678"), "12345678"),
            (chunks("4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n").into_bytes(), "12345678"),
            (reply("200 OK", "", "123456789"), "oversized-reply"),
            // Known too large before a byte of the body came, which never does.
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec(), "oversized-reply"),
            // Endless, and cut as soon as it is too much.
            (chunks("8\r\n12345678\r\n1\r\n9\r\n").into_bytes(), "oversized-reply"),
        ] {
            let lab = Lab::saying(move || Act::SayAndWait(said.clone())).await;
            assert_eq!(outcome(&lab, &settings).await, expected);
        }
    }

    #[tokio::test]
    async fn a_link_to_another_host_is_never_followed() {
        let (home, other) = (Lab::saying(ok).await, Lab::saying(ok).await);
        let names = FixedNames::new([]);
        let resolver = Resolver::Fixed(names.clone());
        let mut session = transport(&[&home.url("/")], &Settings::default(), resolver).session();
        for link in [other.url("/x?interactionToken=hidden"), "https://evil.example/".to_owned()] {
            let request = Request::post(link).body(Bytes::from("hidden")).unwrap();
            let exchange = session.exchange(request).await;
            let shown = format!("{exchange:?} {:?}", exchange.reply);
            assert!(!shown.contains("hidden"), "{shown}");
            assert_eq!(exchange.reply.unwrap_err().slug(), "foreign-link");
            assert!(exchange.timing.sent.is_none() && exchange.timing.connect.is_none());
        }
        assert_eq!(other.accepted(), 0);
        assert!(names.asked().is_empty() && names.dialled().is_empty());
        assert!(session.exchange(home.get("/")).await.reply.is_ok());
        assert_eq!(names.dialled(), [home.address]);
    }

    #[tokio::test]
    async fn a_public_host_without_acknowledgement_is_neither_resolved_nor_called() {
        for link in ["https://auth.example.com/", "http://192.0.2.7/", "http://[2001:db8::1]:81/"] {
            let names = FixedNames::new([("auth.example.com", [127, 0, 0, 1].into())]);
            let resolver = Resolver::Fixed(names.clone());
            let mut session = transport(&[link], &Settings::default(), resolver).session();
            let request = Request::get(link).body(Bytes::new()).unwrap();
            let fault = session.exchange(request).await.reply.unwrap_err();
            assert_eq!(fault.slug(), "not-acknowledged", "{link}");
            assert!(names.asked().is_empty() && names.dialled().is_empty(), "{link}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_every_address_it_has() {
        let lab = Lab::saying(ok).await;
        let port = lab.address.port();
        let here = std::net::IpAddr::from([127, 0, 0, 1]);
        let away = std::net::IpAddr::from([192, 0, 2, 1]);
        let table = [
            ("good.localhost", here),
            ("bad.localhost", away),
            ("mixed.localhost", here),
            ("mixed.localhost", away),
        ];
        for (name, expected) in [
            ("good", "ok"),
            ("bad", "not-acknowledged"),
            ("mixed", "not-acknowledged"),
            ("no", "dns"),
        ] {
            let names = FixedNames::new(table);
            let url = format!("http://{name}.localhost:{port}/");
            let resolver = Resolver::Fixed(names.clone());
            let mut session = transport(&[&url], &Settings::default(), resolver).session();
            let request = Request::get(&url).body(Bytes::new()).unwrap();
            let reply = session.exchange(request).await.reply;
            assert_eq!(reply.as_ref().map_or_else(TransportFault::slug, |_| "ok"), expected);
            assert_eq!(names.dialled().len(), usize::from(reply.is_ok()), "{name}");
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_next() {
        let lab = Lab::saying(ok).await;
        let addresses = [[127, 0, 0, 99], [127, 0, 0, 1]];
        let names = FixedNames::new(addresses.map(|address| ("t.localhost", address.into())));
        let url = format!("http://t.localhost:{}/", lab.address.port());
        let resolver = Resolver::Fixed(names.clone());
        let mut session = transport(&[&url], &Settings::default(), resolver).session();
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        assert!(session.exchange(request).await.reply.is_ok());
        assert_eq!(names.dialled().len(), 2);
    }

    #[tokio::test]
    async fn cookies_last_one_iteration_and_have_no_part_in_a_preflight() {
        let headers =
            "set-cookie: interactionToken=t1; Path=/; HttpOnly\r\nset-cookie: ST=s2; Path=/env\r\n";
        let lab = Lab::saying(move || Act::Say(reply("200 OK", headers, ""))).await;
        let mut session = lab.transport(&Settings::default()).session();
        let preflight = || Request::options(lab.url("/env")).body(Bytes::new()).unwrap();
        session.exchange(preflight()).await;
        session.exchange(lab.get("/env/x")).await;
        session.exchange(lab.get("/env/y")).await;
        session.exchange(preflight()).await;
        session.exchange(lab.get("/other")).await;
        session.next_iteration();
        session.exchange(lab.get("/env/z")).await;
        let sent: Vec<_> = lab
            .asked()
            .into_iter()
            .map(|asked| {
                let line = asked.text.lines().find_map(|line| line.strip_prefix("cookie: "));
                line.unwrap_or_default().to_owned()
            })
            .collect();
        assert_eq!(sent, ["", "", "ST=s2; interactionToken=t1", "", "interactionToken=t1", ""]);
    }

    #[tokio::test]
    async fn a_request_goes_out_as_it_was_made_with_what_http_needs() {
        let lab = Lab::saying(ok).await;
        let mut session = lab.transport(&Settings::default()).session();
        let made = || Request::post(lab.url("/a%20b?c=d&e")).header("x-requested-with", "ping-sdk");
        session.exchange(made().body(Bytes::from("{}")).unwrap()).await;
        session.exchange(made().header("user-agent", "mine").body(Bytes::new()).unwrap()).await;
        let address = lab.address.to_string();
        let texts: Vec<_> =
            lab.asked().iter().map(|asked| asked.text.replace(&address, "ADDRESS")).collect();
        insta::assert_snapshot!(texts.join("\n").replace('\r', ""), @r"
        POST /a%20b?c=d&e HTTP/1.1
        x-requested-with: ping-sdk
        host: ADDRESS
        user-agent: gander/0.1.0
        content-length: 2

        {}
        POST /a%20b?c=d&e HTTP/1.1
        x-requested-with: ping-sdk
        user-agent: mine
        host: ADDRESS
        content-length: 0
        ");
    }

    #[tokio::test]
    async fn an_exchange_under_way_takes_little_memory() {
        let lab = Lab::saying(ok).await;
        let mut session = lab.transport(&Settings::default()).session();
        let exchange = session.exchange(lab.get("/"));
        // Each of ten thousand users holds one.
        let size = size_of_val(&exchange);
        assert!(size <= 4096, "{size} bytes");
    }

    #[tokio::test]
    async fn a_redirect_is_a_reply() {
        let other = Lab::saying(ok).await;
        let location = format!("location: {}\r\n", other.url("/"));
        let lab = Lab::saying(move || Act::Say(reply("302 Found", &location, ""))).await;
        let mut session = lab.transport(&Settings::default()).session();
        let answered = session.exchange(lab.get("/")).await.reply.unwrap();
        assert_eq!((answered.status().as_u16(), other.accepted()), (302, 0));
    }

    /// A certificate for a name, written as PEM, and a server's side of it.
    fn certificate(name: &str) -> (tempfile::TempDir, Settings, TlsAcceptor) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, made.cert.pem()).unwrap();
        let settings = Settings { ca_file: Some(path), ..Settings::default() };
        (folder, settings, TlsAcceptor::from(Arc::new(config)))
    }

    #[tokio::test]
    async fn tls_needs_a_certificate_that_is_trusted_and_names_the_host() {
        let (_folder, trusting, acceptor) = certificate("127.0.0.1");
        let (_other, misnamed, wrong) = certificate("other.example");
        for (acceptor, settings, expected) in [
            (&acceptor, &trusting, "fine"),
            (&acceptor, &Settings::default(), "tls"),
            (&acceptor, &misnamed, "tls"),
            (&wrong, &misnamed, "tls"),
        ] {
            let lab = Lab::with_tls(acceptor.clone(), |_| ok()).await;
            assert_eq!(outcome(&lab, settings).await, expected);
            assert_eq!(lab.asked().len(), usize::from(expected == "fine"));
        }
        let lab = Lab::with_tls(acceptor, |_| ok()).await;
        let mut session = lab.transport(&trusting).session();
        let first = session.exchange(lab.get("/")).await.timing;
        assert!(first.connect.unwrap().tls.unwrap() > Duration::ZERO);
        assert!(session.exchange(lab.get("/")).await.timing.connect.is_none());
    }

    #[tokio::test]
    async fn service_time_is_from_handing_over_to_the_last_byte() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let server = clock.clone();
        let lab = Lab::start(move |_| {
            server.advance(Duration::from_millis(7));
            ok()
        })
        .await;
        let guard = Guard::new(AllowedHost::of(&lab.url("/").parse().unwrap()));
        let settings = Settings::default();
        let transport = Transport::new(guard, &settings, Resolver::System, clock.clone()).unwrap();
        let began = clock.now();
        clock.advance(Duration::from_millis(2));
        let Timing { connect, sent, first_byte, service, ended, .. } =
            transport.session().exchange(lab.get("/")).await.timing;
        let seven = Some(Duration::from_millis(7));
        assert_eq!((first_byte, service), (seven, seven));
        assert_eq!(sent.unwrap() - began, Duration::from_millis(2));
        assert_eq!(ended - began, Duration::from_millis(9));
        assert_eq!(connect.unwrap().total(), Duration::ZERO);
    }

    #[tokio::test]
    async fn nothing_that_is_shown_holds_a_token() {
        let headers = "set-cookie: ST=hidden\r\nx: hidden\r\n";
        let lab = Lab::saying(move || Act::Say(reply("200 OK", headers, "hidden"))).await;
        let mut session = lab.transport(&Settings::default()).session();
        let exchange = session.exchange(lab.get("/?code=hidden")).await;
        let shown = format!("{exchange:?} {session:?} {:?}", lab.transport(&Settings::default()));
        assert!(shown.contains("200") && !shown.contains("hidden"), "{shown}");
    }
}
