//! A mail server that keeps nothing: it takes the code out of each mail and hands it to the office.

use super::extract::CodePattern;
use super::mail::code_in;
use super::office::{Arrival, Office};
use super::settings::Settings;
use super::smtp_session::{Envelope, GREETING, Limits, Next, Session};
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// A running sink. Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    acceptor: AbortHandle,
}

/// Why a sink cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Other machines could reach it, and nobody asked for that.
    #[error("the mail sink would listen at {address}, where other machines can reach it")]
    Exposed { address: SocketAddr },
    /// The address cannot be listened at.
    #[error("the mail sink cannot listen at {address}")]
    Unbound {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl Remedy for SinkError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Exposed { .. } => {
                "listen at 127.0.0.1, or set `codes.expose = true` if the tenant delivers its mail here"
                    .to_owned()
            }
            Self::Unbound { address, .. } => format!(
                "set `codes.listen` to an address of this machine with a port that nothing else uses, not {address}"
            ),
        })
    }
}

/// Connections at a time. With a mail of the largest size in each they take 256 MiB.
const MOST_CONNECTIONS: usize = 256;

/// How long a client may be silent, or refuse to take a reply; RFC 5321 asks for five minutes.
const IDLE: Duration = Duration::from_secs(300);

/// Pause after a connection could not be accepted, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
#[derive(Debug)]
struct Counter {
    office: Office,
    pattern: CodePattern,
    clock: Clock,
}

impl SmtpSink {
    /// Begins to listen. Once this returned, mails are taken.
    pub async fn start(
        settings: &Settings,
        office: Office,
        clock: Clock,
    ) -> Result<Self, SinkError> {
        let address = settings.listen;
        if !settings.expose && !address.ip().is_loopback() {
            return Err(SinkError::Exposed { address });
        }
        let unbound = |source| SinkError::Unbound { address, source };
        let listener = TcpListener::bind(address).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let counter = Arc::new(Counter { office, pattern: settings.pattern.clone(), clock });
        let acceptor = tokio::spawn(accept(listener, counter)).abort_handle();
        Ok(Self { address, acceptor })
    }

    /// Where it listens, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// Accepts until it is aborted, and takes its connections with it.
async fn accept(listener: TcpListener, counter: Arc<Counter>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((mut stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            // The client may try again; what it does with the reply is its own affair.
            let _ = stream.try_write(b"421 4.3.2 too many connections\r\n");
            let _ = stream.shutdown().await;
            continue;
        };
        let counter = counter.clone();
        connections.spawn(async move {
            // A client that breaks off has nothing more to say to us, so the error is of no use.
            let _ = converse(stream, &counter, Limits::default()).await;
            drop(place);
        });
    }
}

/// Holds one conversation over any stream, so that one inside TLS is held the same way.
async fn converse<S>(mut stream: S, counter: &Counter, limits: Limits) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session::new(limits);
    let mut buffer = [0; 4096];
    let mut replies = Vec::new();
    within_idle(stream.write_all(GREETING)).await?;
    loop {
        let length = within_idle(stream.read(&mut buffer)).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        let next = session.receive(bytes, &mut replies, |envelope| counter.take(&envelope));
        within_idle(stream.write_all(&replies)).await?;
        replies.clear();
        if next == Next::Close {
            return stream.shutdown().await;
        }
    }
}

async fn within_idle<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(IDLE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Counter {
    fn take(&self, envelope: &Envelope) {
        let at = self.clock.now();
        let code = code_in(&envelope.message, &self.pattern);
        for recipient in &envelope.recipients {
            let arrival = Arrival { recipient: recipient.clone(), code: code.clone(), at };
            self.office.receive(arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::codes::office::Waiter;
    use lettre::message::{Mailbox, Message, MultiPart, header::ContentType};
    use lettre::transport::smtp::AsyncSmtpTransport;
    use lettre::{AsyncTransport, Tokio1Executor};

    const SOON: Duration = Duration::from_secs(20);

    async fn sink(office: &Office) -> SmtpSink {
        SmtpSink::start(&Settings::default(), office.clone(), Clock::system()).await.unwrap()
    }

    fn office() -> Office {
        Office::new(Clock::system())
    }

    fn client(sink: &SmtpSink) -> AsyncSmtpTransport<Tokio1Executor> {
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(sink.address().ip().to_string())
            .port(sink.address().port())
            .build()
    }

    fn mailbox(address: &str) -> Mailbox {
        address.parse().unwrap()
    }

    fn mail(recipients: &[&str]) -> lettre::message::MessageBuilder {
        let builder = Message::builder().from(mailbox("tenant@x.test")).subject("Hello");
        recipients.iter().fold(builder, |builder, to| builder.to(mailbox(to)))
    }

    async fn code(waiter: &mut Waiter) -> String {
        waiter.nth(1, SOON).await.unwrap().0.expose().clone()
    }

    #[tokio::test]
    async fn a_mail_to_several_people_reaches_each_of_them() {
        let office = office();
        let sink = sink(&office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        let mut joe = office.open("joe@x.test").unwrap();
        let message = mail(&["jane@x.test", "Joe <JOE@x.test>", "nobody@x.test"])
            .body("Your verification code is: ab12cd34".to_owned())
            .unwrap();
        client(&sink).send(message).await.unwrap();
        assert_eq!(code(&mut jane).await, "ab12cd34");
        assert_eq!(code(&mut joe).await, "ab12cd34");
        assert_eq!((office.stats().received, office.stats().no_waiter), (3, 1));
    }

    #[tokio::test]
    async fn the_code_is_found_in_every_encoding_that_a_genuine_client_chooses() {
        let long_line = "lorem ipsum ".repeat(500);
        let html =
            "<html><style>p{color:#a1b2c3}</style><p>Your code:</p><p><b>ab12cd34</b></p></html>";
        let bodies: Vec<Message> = vec![
            mail(&["a@x.test"]).header(ContentType::TEXT_HTML).body(html.to_owned()).unwrap(),
            mail(&["a@x.test"])
                .body(format!("{long_line}\nIhr Bestätigungscode lautet: ab12cd34\n{long_line}"))
                .unwrap(),
            mail(&["a@x.test"]).body("您的验证码是ab12cd34，请勿告诉他人。".repeat(3)).unwrap(),
            mail(&["a@x.test"]).body(".\r\n..\r\nYour code: ab12cd34\r\n.".to_owned()).unwrap(),
            mail(&["a@x.test"])
                .multipart(MultiPart::alternative_plain_html(
                    "See below".to_owned(),
                    html.to_owned(),
                ))
                .unwrap(),
        ];
        let encodings: Vec<String> = bodies
            .iter()
            .flat_map(|message| {
                let text = String::from_utf8_lossy(&message.formatted()).into_owned();
                ["quoted-printable", "base64", "7bit"]
                    .into_iter()
                    .filter(move |encoding| text.contains(encoding))
            })
            .map(str::to_owned)
            .collect();
        for encoding in ["quoted-printable", "base64", "7bit"] {
            assert!(encodings.iter().any(|used| used == encoding), "{encoding} was not tried");
        }
        let office = office();
        let sink = sink(&office).await;
        let client = client(&sink);
        for message in bodies {
            let mut waiter = office.open("a@x.test").unwrap();
            let shown = String::from_utf8_lossy(&message.formatted()).into_owned();
            client.send(message).await.unwrap();
            assert_eq!(code(&mut waiter).await, "ab12cd34", "{shown}");
        }
    }

    #[tokio::test]
    async fn many_mails_at_once_reach_the_right_people() {
        let office = office();
        let sink = sink(&office).await;
        let client = client(&sink);
        // Each may leave two connections that the sink has not seen end yet, and it takes 256.
        let users = (0..100).map(|index| {
            let (office, client) = (office.clone(), client.clone());
            tokio::spawn(async move {
                let address = format!("user-{index}@x.test");
                let mut waiter = office.open(&address).unwrap();
                for round in 1..=2 {
                    let text = format!("Your code is: c{index:04}r{round}");
                    client.send(mail(&[&address]).body(text).unwrap()).await.unwrap();
                    let (code, _) = waiter.nth(round, SOON).await.unwrap();
                    assert_eq!(code.expose(), &format!("c{index:04}r{round}"));
                }
            })
        });
        for user in users.collect::<Vec<_>>() {
            user.await.unwrap();
        }
        assert_eq!((office.stats().received, office.stats().delivered), (200, 200));
    }

    #[tokio::test]
    async fn junk_is_answered_and_others_are_served_on() {
        let office = office();
        let sink = sink(&office).await;
        // A stream within the process stands for the connection of a client that sends junk.
        let (mut junk, server) = tokio::io::duplex(1 << 16);
        let counter = Counter {
            office: office.clone(),
            pattern: CodePattern::default(),
            clock: Clock::system(),
        };
        let served =
            tokio::spawn(async move { converse(server, &counter, Limits::default()).await });
        let mut bytes = vec![0; 50_000];
        rand::Rng::fill_bytes(&mut Seed(1).stream("junk", 0), &mut bytes);
        let _ = junk.write_all(&bytes).await;
        drop(junk);
        let _ = served.await.expect("junk does not make the sink panic");
        let mut waiter = office.open("a@x.test").unwrap();
        let message = mail(&["a@x.test"]).body("Your code: ab12cd34".to_owned()).unwrap();
        client(&sink).send(message).await.unwrap();
        assert_eq!(code(&mut waiter).await, "ab12cd34");
    }

    #[tokio::test]
    async fn an_address_that_others_can_reach_is_refused_unless_asked_for() {
        let open = Settings { listen: "0.0.0.0:0".parse().unwrap(), ..Settings::default() };
        let error = SmtpSink::start(&open, office(), Clock::system()).await.unwrap_err();
        assert!(matches!(error, SinkError::Exposed { .. }) && error.remedy().is_some());
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_the_error() {
        let office = office();
        let sink = sink(&office).await;
        let taken = Settings { listen: sink.address(), ..Settings::default() };
        let error = SmtpSink::start(&taken, office.clone(), Clock::system()).await.unwrap_err();
        assert!(error.to_string().contains(&sink.address().to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_sink_frees_its_port() {
        let office = office();
        let sink = sink(&office).await;
        let again = Settings { listen: sink.address(), ..Settings::default() };
        drop(sink);
        // The acceptor is aborted when it is next scheduled; binding waits for nothing.
        let mut started = SmtpSink::start(&again, office.clone(), Clock::system()).await;
        while started.is_err() {
            tokio::task::yield_now().await;
            started = SmtpSink::start(&again, office.clone(), Clock::system()).await;
        }
    }
}
