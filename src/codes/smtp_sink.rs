//! A mail server that keeps nothing: it takes the code out of each mail and hands it to the office.

use super::credentials::Credentials;
use super::door::{Door, DoorError, DoorSettings, ENCRYPTIONS, Encryption};
use super::extract::CodePattern;
use super::mail::{self, Reading};
use super::office::{Arrival, Office};
use super::smtp_session::{Envelope, GREETING, Limits, Next, Session, Terms};
use crate::base::clock::Clock;
use crate::base::document::Section;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// How mails are received.
#[derive(Clone, Debug, Default)]
pub struct SinkSettings {
    /// Where, and whether inside TLS.
    pub door: DoorSettings,
    /// Who may deliver; none for anybody.
    pub credentials: Option<Credentials>,
}

impl SinkSettings {
    /// Takes the keys of `[codes]` that are the sink's.
    pub fn read(section: &mut Section<'_>) -> Self {
        let settings = Self {
            door: DoorSettings::read(section, ENCRYPTIONS),
            credentials: Credentials::read(section),
        };
        settings.door.refuse_in_the_clear(section, settings.credentials.is_some());
        settings
    }
}

/// A running sink. Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct SmtpSink {
    door: Door,
    settings: SinkSettings,
}

/// How long a client may be silent, or refuse to take a reply; RFC 5321 asks for five minutes.
const IDLE: Duration = Duration::from_secs(300);

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
        settings: &SinkSettings,
        pattern: &CodePattern,
        office: Office,
        clock: Clock,
    ) -> Result<Self, DoorError> {
        let at_door = office.clone();
        let counter = Arc::new(Counter { office, pattern: pattern.clone(), clock });
        let terms = Terms {
            tls: settings.door.tls != Encryption::Off,
            credentials: settings.credentials.clone(),
        };
        let at_once = settings.door.tls == Encryption::Implicit;
        let serve = move |stream: TcpStream, identity: Option<super::certificate::Identity>| {
            let (counter, terms) = (counter.clone(), terms.clone());
            async move {
                counter.office.note(|of| of.connections += 1);
                let acceptor = identity.map(|identity| identity.acceptor);
                // A client that breaks off has nothing more to say to us, so the error is of no use.
                let _ = match acceptor {
                    Some(acceptor) if at_once => {
                        let Ok(stream) = within_idle(acceptor.accept(stream)).await else { return };
                        let session = Session::on_terms(Limits::default(), terms, true);
                        converse(stream, session, &counter).await.map(|_| ())
                    }
                    Some(acceptor) => begin_plain(stream, terms, &acceptor, &counter).await,
                    None => {
                        let session = Session::on_terms(Limits::default(), terms, false);
                        converse(stream, session, &counter).await.map(|_| ())
                    }
                };
            }
        };
        let door = Door::open(&settings.door, b"421 4.3.2 too many connections\r\n", serve).await?;
        at_door.note(|of| of.at = Some(door.address()));
        Ok(Self { door, settings: settings.clone() })
    }

    /// Where it listens, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// How mails are received.
    pub const fn settings(&self) -> &SinkSettings {
        &self.settings
    }

    /// The authority that made its certificate, in PEM; none where it is of files or there is none.
    pub fn authority(&self) -> Option<&str> {
        self.door.authority()
    }
}

/// Holds a conversation that begins in the clear and goes on inside TLS.
async fn begin_plain(
    stream: TcpStream,
    terms: Terms,
    acceptor: &TlsAcceptor,
    counter: &Counter,
) -> io::Result<()> {
    let session = Session::on_terms(Limits::default(), terms, false);
    let Some((stream, mut session)) = converse(stream, session, counter).await? else {
        return Ok(());
    };
    let mut stream = within_idle(acceptor.accept(stream)).await?;
    session.secured();
    go_on(&mut stream, &mut session, counter).await.map(|_| ())
}

/// Greets, and holds one conversation over any stream, so that one inside TLS is held the same way.
/// Gives both back where the client wants TLS.
async fn converse<S>(
    mut stream: S,
    mut session: Session,
    counter: &Counter,
) -> io::Result<Option<(S, Session)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    within_idle(stream.write_all(GREETING)).await?;
    let wants_tls = go_on(&mut stream, &mut session, counter).await?;
    Ok(wants_tls.then_some((stream, session)))
}

/// Goes on until the end; returns whether the client wants TLS.
async fn go_on<S>(stream: &mut S, session: &mut Session, counter: &Counter) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = [0; 4096];
    let mut replies = Vec::new();
    loop {
        let length = within_idle(stream.read(&mut buffer)).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(false);
        }
        let was_refused = session.was_refused();
        let next = session.receive(bytes, &mut replies, |envelope| counter.take(&envelope));
        if session.was_refused() && !was_refused {
            counter.office.note(|of| of.refused += 1);
        }
        within_idle(stream.write_all(&replies)).await?;
        within_idle(stream.flush()).await?;
        replies.clear();
        match next {
            Next::Continue => {}
            Next::StartTls => return Ok(true),
            Next::Close => {
                stream.shutdown().await?;
                return Ok(false);
            }
        }
    }
}

async fn within_idle<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(IDLE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Counter {
    fn take(&self, envelope: &Envelope) {
        let at = self.clock.now();
        // What nobody waits for is not looked into: an open door gets mails of all kinds.
        let is_wanted = envelope.recipients.iter().any(|person| self.office.is_open_at(person));
        let reading = is_wanted.then(|| mail::read(&envelope.message, &self.pattern));
        let Reading { code, mark } = reading.unwrap_or_default();
        for recipient in &envelope.recipients {
            let arrival = Arrival { recipient: recipient.clone(), code: code.clone(), at, mark };
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
        sink_of(&SinkSettings::default(), office).await
    }

    async fn sink_of(settings: &SinkSettings, office: &Office) -> SmtpSink {
        SmtpSink::start(settings, &CodePattern::default(), office.clone(), Clock::system())
            .await
            .unwrap()
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
    async fn a_mail_that_is_delivered_again_is_one_and_what_nobody_waits_for_is_not_looked_into() {
        let office = office();
        let sink = sink(&office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        let twice = mail(&["jane@x.test"]).message_id(Some("<1@x.test>".to_owned()));
        let twice = twice.body("Your code is: ab12cd34".to_owned()).unwrap();
        let then = mail(&["jane@x.test"]).message_id(Some("<2@x.test>".to_owned()));
        let then = then.body("Your code is: ef56gh78".to_owned()).unwrap();
        let client = client(&sink);
        for message in [twice.clone(), twice, then] {
            client.send(message).await.unwrap();
        }
        assert_eq!(jane.nth(2, SOON).await.unwrap().0.expose(), "ef56gh78");
        let astray = mail(&["nobody@x.test"]).body("Your code is: ab12cd34".to_owned()).unwrap();
        client.send(astray).await.unwrap();
        let stats = office.stats();
        assert_eq!((stats.delivered, stats.surplus, stats.no_waiter), (2, 1, 1));
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
        let served = tokio::spawn(async move {
            converse(server, Session::new(Limits::default()), &counter).await.map(|_| ())
        });
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
    async fn a_genuine_client_delivers_inside_tls_and_says_who_it_is() {
        use lettre::transport::smtp::authentication::{Credentials as Known, Mechanism};
        use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
        for encryption in [Encryption::Off, Encryption::StartTls, Encryption::Implicit] {
            let door = DoorSettings { tls: encryption, ..DoorSettings::default() };
            let password = "hunter2".to_owned().into();
            let credentials = Some(Credentials { user: "tenant".to_owned(), password });
            let office = office();
            let sink = sink_of(&SinkSettings { door, credentials }, &office).await;
            let mut waiter = office.open("jane@x.test").unwrap();
            for (mechanism, password, is_let_in) in [
                (Mechanism::Plain, "hunter3", false),
                (Mechanism::Plain, "hunter2", true),
                (Mechanism::Login, "hunter2", true),
            ] {
                let tls = sink.authority().map(|pem| {
                    TlsParameters::builder("localhost".to_owned())
                        .add_root_certificate(Certificate::from_pem(pem.as_bytes()).unwrap())
                        .build_rustls()
                        .unwrap()
                });
                let tls = match (encryption, tls) {
                    (Encryption::StartTls, Some(tls)) => Tls::Required(tls),
                    (Encryption::Implicit, Some(tls)) => Tls::Wrapper(tls),
                    _ => Tls::None,
                };
                let client = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
                    .port(sink.address().port())
                    .tls(tls)
                    .credentials(Known::new("tenant".to_owned(), password.to_owned()))
                    .authentication(vec![mechanism])
                    .build();
                let message =
                    mail(&["jane@x.test"]).body("Your code: ab12cd34".to_owned()).unwrap();
                let sent = client.send(message).await;
                assert_eq!(sent.is_ok(), is_let_in, "{encryption:?} {mechanism:?}: {sent:?}");
            }
            assert_eq!(code(&mut waiter).await, "ab12cd34");
            assert_eq!(office.stats().received, 2, "{encryption:?}");
            let come = office.reception();
            assert_eq!((come.refused, come.met, come.missed), (1, 1, 0), "{encryption:?}");
            assert_eq!((come.connections, come.at), (3, Some(sink.address())), "{encryption:?}");
        }
    }
}
