//! The server's side of one SMTP conversation (RFC 5321). Pure: bytes in, bytes and mails out.
//!
//! Nothing a client sends makes it panic or lets it keep more than its limits allow.

use super::credentials::{self, Credentials};
use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MAIL_BODY_BINARYMIME, Request};

/// How much of anything a client may send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of one command line with its end.
    pub line: usize,
    /// Bytes of one mail.
    pub message: usize,
    /// Recipients of one mail; RFC 5321 asks for 100 at least.
    pub recipients: usize,
    /// Commands that make no sense, before the conversation is ended.
    pub mistakes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2048, message: 1 << 20, recipients: 100, mistakes: 20 }
    }
}

/// What a client is asked for before its mail is taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Terms {
    /// TLS, which begins at its word (RFC 3207).
    pub tls: bool,
    /// Name and password (RFC 4954).
    pub credentials: Option<Credentials>,
}

/// A mail that was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    /// Who it is for, as the client wrote them; at least one.
    pub recipients: Vec<String>,
    /// Header and body, dots unstuffed.
    pub message: Vec<u8>,
}

/// How a conversation goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Read on.
    Continue,
    /// Send what is to be sent, speak TLS from here on, and tell the session so.
    StartTls,
    /// Send what is to be sent and close the connection.
    Close,
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    terms: Terms,
    stage: Stage,
    transaction: Transaction,
    greeted: bool,
    is_secure: bool,
    is_known: bool,
    was_refused: bool,
    mistakes: u32,
}

/// What the next bytes are.
enum Stage {
    /// A part of a command line.
    Command(Vec<u8>),
    /// A part of a client's answer to a question of `AUTH`.
    Answer(Question, Vec<u8>),
    /// The rest of a line that is longer than the limit.
    Overlong,
    /// Nothing is read before TLS is spoken: what came with the word for it is nobody's.
    StartTls,
    /// A part of a mail.
    Data { receiver: DataReceiver, message: Vec<u8> },
    /// The rest of a mail that is longer than the limit.
    Oversized(DummyDataReceiver),
    /// Nothing is read any more.
    Closed,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command",
            Self::Answer(..) => "Answer",
            Self::StartTls => "StartTls",
            Self::Overlong => "Overlong",
            Self::Data { .. } => "Data",
            Self::Oversized(_) => "Oversized",
            Self::Closed => "Closed",
        })
    }
}

/// What a client that wants to be known was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Question {
    /// Everything at once, `AUTH PLAIN`.
    Plain,
    /// The name, `AUTH LOGIN`.
    User,
    /// The password of this name.
    Password(Vec<u8>),
}

/// A mail being announced.
#[derive(Debug, Default)]
struct Transaction {
    has_sender: bool,
    recipients: Vec<String>,
}

/// What the server says before the client speaks.
pub const GREETING: &[u8] = b"220 gander ESMTP sink\r\n";

const AUTH_DONE: &str = "235 2.7.0 welcome";
const AUTH_FIRST: &str = "530 5.7.0 authentication required";
const AUTH_NONSENSE: &str = "501 5.5.2 not understood";
const AUTH_REFUSED: &str = "535 5.7.8 not accepted";
const CLOSING: &str = "221 2.0.0 bye";
const DONE: &str = "250 2.0.0 ok";
const GO_SECURE: &str = "220 2.0.0 go ahead";
const GO_AHEAD: &str = "354 end with a dot on a line of its own";
const LINE_TOO_LONG: &str = "500 5.5.6 line too long";
const NOT_IMPLEMENTED: &str = "502 5.5.1 not implemented";
const NO_SENSE: &str = "500 5.5.2 not understood";
const OUT_OF_ORDER: &str = "503 5.5.1 out of order";
const SECURE_FIRST: &str = "530 5.7.0 say STARTTLS first";
const TOO_LARGE: &str = "552 5.3.4 mail too large";
const TOO_MANY_MISTAKES: &str = "421 4.7.0 too many mistakes";
const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 too many recipients";

impl Session {
    /// A conversation whose greeting was sent, with anybody.
    pub fn new(limits: Limits) -> Self {
        Self::on_terms(limits, Terms::default(), false)
    }

    /// A conversation whose greeting was sent. `is_secure`: TLS is spoken already.
    pub fn on_terms(limits: Limits, terms: Terms, is_secure: bool) -> Self {
        Self {
            limits,
            terms,
            stage: Stage::Command(Vec::new()),
            transaction: Transaction::default(),
            greeted: false,
            is_secure,
            is_known: false,
            was_refused: false,
            mistakes: 0,
        }
    }

    /// TLS is spoken now; the client has to begin anew.
    pub fn secured(&mut self) {
        self.is_secure = true;
        self.greeted = false;
        self.transaction = Transaction::default();
        self.stage = Stage::Command(Vec::new());
    }

    /// Whether it was turned away for want of the right name and password.
    pub const fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Takes bytes as they come, however they are cut; several commands at once are answered in
    /// their order (pipelining). Replies are appended to `replies`, mails are handed to `take`.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        mut take: impl FnMut(Envelope),
    ) -> Next {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.stage {
                Stage::Closed => return Next::Close,
                Stage::StartTls => return Next::StartTls,
                Stage::Command(_) | Stage::Answer(..) | Stage::Overlong => {
                    self.receive_line(rest, replies)
                }
                Stage::Data { .. } | Stage::Oversized(_) => {
                    self.receive_message(rest, replies, &mut take)
                }
            };
        }
        match self.stage {
            Stage::Closed => Next::Close,
            Stage::StartTls => Next::StartTls,
            _ => Next::Continue,
        }
    }

    /// Takes bytes up to the end of a line and returns those after it.
    fn receive_line<'b>(&mut self, bytes: &'b [u8], replies: &mut Vec<u8>) -> &'b [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let (Stage::Command(line) | Stage::Answer(_, line)) = &mut self.stage else {
            if end.is_some() {
                self.stage = Stage::Command(Vec::new());
                self.say(LINE_TOO_LONG, replies);
            }
            return rest;
        };
        let fits = line.len() + part.len() <= self.limits.line;
        if fits {
            line.extend_from_slice(part);
        }
        match (end, fits) {
            (None, true) => {}
            (None, false) => self.stage = Stage::Overlong,
            (Some(_), false) => {
                self.stage = Stage::Command(Vec::new());
                self.say(LINE_TOO_LONG, replies);
            }
            (Some(_), true) => {
                let whole = std::mem::replace(&mut self.stage, Stage::Command(Vec::new()));
                let reply = match whole {
                    Stage::Answer(question, line) => self.hear(question, &line).to_owned(),
                    Stage::Command(line) => self.obey(&line),
                    _ => return rest,
                };
                self.say(&reply, replies);
            }
        }
        rest
    }

    /// Takes bytes up to the end of a mail and returns those after it.
    fn receive_message<'b>(
        &mut self,
        bytes: &'b [u8],
        replies: &mut Vec<u8>,
        take: &mut impl FnMut(Envelope),
    ) -> &'b [u8] {
        let mut iterator = bytes.iter();
        let (ended, reply) = match &mut self.stage {
            Stage::Data { receiver, message } => {
                let ended = receiver.ingest(&mut iterator, message);
                // Before the end is sure, the receiver keeps a carriage return that it takes back.
                let most = self.limits.message + BEFORE_DATA.len() + usize::from(!ended);
                let too_large = message.len() > most;
                if too_large && !ended {
                    self.stage = Stage::Oversized(DummyDataReceiver::new_data(receiver));
                    (false, TOO_LARGE)
                } else if too_large {
                    (true, TOO_LARGE)
                } else {
                    if ended {
                        let recipients = std::mem::take(&mut self.transaction.recipients);
                        let message = message.split_off(BEFORE_DATA.len().min(message.len()));
                        take(Envelope { recipients, message });
                    }
                    (ended, DONE)
                }
            }
            Stage::Oversized(receiver) => (receiver.ingest(&mut iterator), TOO_LARGE),
            _ => (true, OUT_OF_ORDER),
        };
        if ended {
            self.stage = Stage::Command(Vec::new());
            self.transaction = Transaction::default();
            self.say(reply, replies);
        }
        iterator.as_slice()
    }

    /// Does what a command line says and returns the reply.
    fn obey(&mut self, line: &[u8]) -> String {
        let request = match Request::parse(&mut line.iter()) {
            Ok(request) => request,
            Err(error) => return refusal(&error).to_owned(),
        };
        match request {
            Request::Ehlo { .. } => {
                self.greet();
                format!(
                    "250-gander\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n{}{}250 SIZE {}",
                    if self.wants_tls() { "250-STARTTLS\r\n" } else { "" },
                    if self.wants_name() && !self.wants_tls() {
                        "250-AUTH PLAIN LOGIN\r\n"
                    } else {
                        ""
                    },
                    self.limits.message
                )
            }
            Request::Helo { .. } => {
                self.greet();
                "250 gander".to_owned()
            }
            Request::Mail { from } => self.begin(from.flags, from.size).to_owned(),
            Request::Rcpt { to } => self.add_recipient(to.address.into_owned()).to_owned(),
            Request::Data => self.begin_data().to_owned(),
            Request::Rset => {
                self.transaction = Transaction::default();
                DONE.to_owned()
            }
            Request::Noop { .. } => DONE.to_owned(),
            Request::Vrfy { .. } => "252 2.1.5 send it and see".to_owned(),
            Request::Quit => {
                self.stage = Stage::Closed;
                CLOSING.to_owned()
            }
            Request::StartTls if self.wants_tls() => {
                self.stage = Stage::StartTls;
                GO_SECURE.to_owned()
            }
            Request::Auth { mechanism, initial_response } if self.terms.credentials.is_some() => {
                self.begin_auth(mechanism, initial_response.as_bytes()).to_owned()
            }
            // What is not offered is refused to a client that asks for it anyway.
            _ => NOT_IMPLEMENTED.to_owned(),
        }
    }

    /// Whether TLS has to be spoken before anything else.
    const fn wants_tls(&self) -> bool {
        self.terms.tls && !self.is_secure
    }

    /// Whether the client has to say who it is.
    const fn wants_name(&self) -> bool {
        self.terms.credentials.is_some() && !self.is_known
    }

    fn begin_auth(&mut self, mechanism: u64, response: &[u8]) -> &'static str {
        if self.wants_tls() {
            return SECURE_FIRST;
        }
        if !self.greeted || self.is_known || self.transaction.has_sender {
            return OUT_OF_ORDER;
        }
        match (mechanism, response.is_empty()) {
            (AUTH_PLAIN, false) => self.hear(Question::Plain, response),
            (AUTH_LOGIN, false) => self.hear(Question::User, response),
            (AUTH_PLAIN, true) => self.ask(Question::Plain),
            (AUTH_LOGIN, true) => self.ask(Question::User),
            _ => "504 5.5.4 mechanism not offered",
        }
    }

    /// Asks for the next part of who the client is: nothing, `Username:` or `Password:`.
    fn ask(&mut self, question: Question) -> &'static str {
        let text = match question {
            Question::Plain => "334 ",
            Question::User => "334 VXNlcm5hbWU6",
            Question::Password(_) => "334 UGFzc3dvcmQ6",
        };
        self.stage = Stage::Answer(question, Vec::new());
        text
    }

    /// Hears an answer.
    fn hear(&mut self, question: Question, line: &[u8]) -> &'static str {
        if line.trim_ascii() == b"*" {
            return "501 5.7.0 as you wish";
        }
        let (user, password) = match question {
            Question::Plain => match credentials::plain(line) {
                Some(pair) => pair,
                None => return AUTH_NONSENSE,
            },
            Question::User => match credentials::login(line) {
                Some(user) => return self.ask(Question::Password(user)),
                None => return AUTH_NONSENSE,
            },
            Question::Password(user) => match credentials::login(line) {
                Some(password) => (user, password),
                None => return AUTH_NONSENSE,
            },
        };
        self.is_known =
            self.terms.credentials.as_ref().is_some_and(|own| own.are(&user, &password));
        if self.is_known { AUTH_DONE } else { AUTH_REFUSED }
    }

    fn greet(&mut self) {
        self.greeted = true;
        self.transaction = Transaction::default();
    }

    fn begin(&mut self, flags: u64, size: usize) -> &'static str {
        if self.wants_tls() {
            return SECURE_FIRST;
        }
        if !self.greeted || self.transaction.has_sender {
            return OUT_OF_ORDER;
        }
        if self.wants_name() {
            return AUTH_FIRST;
        }
        if size > self.limits.message {
            return TOO_LARGE;
        }
        if flags & MAIL_BODY_BINARYMIME != 0 {
            return "555 5.5.4 BINARYMIME is not offered";
        }
        self.transaction.has_sender = true;
        DONE
    }

    fn add_recipient(&mut self, address: String) -> &'static str {
        if !self.transaction.has_sender {
            return OUT_OF_ORDER;
        }
        if address.is_empty() {
            return "550 5.1.1 no such mailbox";
        }
        if self.transaction.recipients.len() >= self.limits.recipients {
            return TOO_MANY_RECIPIENTS;
        }
        self.transaction.recipients.push(address);
        DONE
    }

    fn begin_data(&mut self) -> &'static str {
        if !self.transaction.has_sender {
            return OUT_OF_ORDER;
        }
        if self.transaction.recipients.is_empty() {
            return "554 5.5.1 no valid recipients";
        }
        let mut receiver = DataReceiver::new();
        let mut message = Vec::new();
        receiver.ingest(&mut BEFORE_DATA.iter(), &mut message);
        self.stage = Stage::Data { receiver, message };
        GO_AHEAD
    }

    /// Appends a reply. Refusals of commands count as mistakes; too many end the conversation.
    fn say(&mut self, reply: &str, replies: &mut Vec<u8>) {
        // A wrong password is one, too: nobody may try them all on one connection.
        let is_mistake = reply.starts_with("50") || reply == AUTH_REFUSED;
        self.was_refused |= reply == AUTH_REFUSED || reply == AUTH_FIRST;
        self.mistakes += u32::from(is_mistake);
        let ends = is_mistake && self.mistakes >= self.limits.mistakes;
        if ends {
            self.stage = Stage::Closed;
        }
        let reply = if ends { TOO_MANY_MISTAKES } else { reply };
        replies.extend_from_slice(reply.as_bytes());
        replies.extend_from_slice(b"\r\n");
    }
}

/// The end of the DATA line counts as the line end before the final dot, so that an empty mail ends
/// with a dot alone. The receiver has to see it; it is cut off the mail again.
const BEFORE_DATA: &[u8] = b"\r\n";

const fn refusal(error: &Error) -> &'static str {
    match error {
        Error::InvalidSenderAddress => "501 5.1.7 not an address",
        Error::InvalidRecipientAddress => "501 5.1.3 not an address",
        Error::SyntaxError { .. } => "501 5.5.4 not understood",
        Error::InvalidParameter { .. } | Error::UnsupportedParameter { .. } => {
            "555 5.5.4 parameter not offered"
        }
        _ => NO_SENSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends bytes in pieces of a length and gives back replies and mails.
    fn talk(limits: Limits, bytes: &[u8], piece: usize) -> (String, Vec<Envelope>, Next) {
        let mut session = Session::new(limits);
        let (mut replies, mut mails, mut next) = (Vec::new(), Vec::new(), Next::Continue);
        for part in bytes.chunks(piece) {
            next = session.receive(part, &mut replies, |mail| mails.push(mail));
            if next == Next::Close {
                break;
            }
        }
        (String::from_utf8(replies).unwrap(), mails, next)
    }

    const TWO_MAILS: &[u8] = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nrcpt to:<B@x.test> NOTIFY=NEVER\r\nDATA\r\nSubject: 1\r\n\r\n..dot\r\n.\r\nMAIL FROM:<s@x.test> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<c@x.test>\r\nDATA\r\n.\r\nNOOP\r\nVRFY a\r\nQUIT\r\n";

    #[test]
    fn a_pipelined_conversation_is_answered_in_order() {
        let (replies, mails, next) = talk(Limits::default(), TWO_MAILS, usize::MAX);
        insta::assert_snapshot!(replies.replace('\r', ""), @r"
        250-gander
        250-PIPELINING
        250-8BITMIME
        250-SMTPUTF8
        250-ENHANCEDSTATUSCODES
        250 SIZE 1048576
        250 2.0.0 ok
        250 2.0.0 ok
        250 2.0.0 ok
        354 end with a dot on a line of its own
        250 2.0.0 ok
        250 2.0.0 ok
        250 2.0.0 ok
        354 end with a dot on a line of its own
        250 2.0.0 ok
        250 2.0.0 ok
        252 2.1.5 send it and see
        221 2.0.0 bye
        ");
        let first = Envelope {
            recipients: vec!["a@x.test".into(), "B@x.test".into()],
            message: b"Subject: 1\r\n\r\n.dot\r\n".to_vec(),
        };
        let empty = Envelope { recipients: vec!["c@x.test".into()], message: Vec::new() };
        assert_eq!(mails, [first, empty]);
        assert_eq!(next, Next::Close);
    }

    #[test]
    fn commands_out_of_order_or_not_offered_are_refused() {
        for (commands, last) in [
            ("MAIL FROM:<a@x.test>\r\n", "503"),
            ("EHLO x\r\nRCPT TO:<a@x.test>\r\n", "503"),
            ("EHLO x\r\nDATA\r\n", "503"),
            ("EHLO x\r\nMAIL FROM:<>\r\nDATA\r\n", "554"),
            ("EHLO x\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n", "503"),
            ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\n", "550"),
            ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a b>\r\n", "501"),
            ("EHLO x\r\nMAIL FROM:<> SIZE=99999999\r\n", "552"),
            ("EHLO x\r\nMAIL FROM:<> BODY=BINARYMIME\r\n", "555"),
            ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nRSET\r\nDATA\r\n", "503"),
            ("EHLO x\r\nBDAT 3 LAST\r\n", "502"),
            ("EHLO x\r\nSTARTTLS\r\n", "502"),
            ("EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", "502"),
            ("EHLO\r\n", "501"),
            ("HOLA x\r\n", "500"),
            ("\r\n", "500"),
            ("EHLO x\r\nMAIL FROM:<\"a\r\n", "501"),
        ] {
            let (replies, mails, _) = talk(Limits::default(), commands.as_bytes(), usize::MAX);
            let reply = replies.lines().last().unwrap_or_default();
            assert!(reply.starts_with(last), "{commands:?}: {reply}");
            assert_eq!(mails, []);
        }
    }

    #[test]
    fn what_is_too_long_is_refused_and_the_conversation_goes_on() {
        let limits = Limits { line: 64, message: 30, recipients: 2, mistakes: 20 };
        let long = "x".repeat(1000);
        let mail = "MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n";
        let text =
            format!("EHLO x\r\n{long}\r\n{mail}{long}\r\n.\r\n{mail}{}\r\n.\r\n", "y".repeat(28));
        for piece in [1, 7, 4096] {
            let (replies, mails, next) = talk(limits, text.as_bytes(), piece);
            let codes: Vec<&str> = replies.lines().map(|line| &line[..3]).collect();
            let after_greeting = &codes[6..];
            assert_eq!(
                after_greeting,
                [
                    "500", "250", "250", "250", "452", "354", "552", "250", "250", "250", "452",
                    "354", "250"
                ],
                "pieces of {piece}"
            );
            assert_eq!((mails.len(), mails[0].message.len(), next), (1, 30, Next::Continue));
        }
    }

    fn own() -> Credentials {
        Credentials { user: "t".to_owned(), password: "p".to_owned().into() }
    }

    /// Everything but the last words of a conversation in one piece, and how it goes on.
    fn on_terms(tls: bool, is_secure: bool, said: &str) -> (String, usize, Next) {
        let terms = Terms { tls, credentials: Some(own()) };
        let mut session = Session::on_terms(Limits::default(), terms, is_secure);
        let (mut replies, mut mails) = (Vec::new(), 0);
        let next = session.receive(said.as_bytes(), &mut replies, |_| mails += 1);
        (String::from_utf8(replies).unwrap(), mails, next)
    }

    const MAIL: &str = "MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nDATA\r\n.\r\n";

    #[test]
    fn mail_is_taken_from_those_alone_who_say_who_they_are() {
        for (said, expected, taken) in [
            ("AUTH PLAIN AHQAcA==\r\n", "235", 1),
            ("AUTH PLAIN\r\nAHQAcA==\r\n", "235", 1),
            ("AUTH LOGIN\r\ndA==\r\ncA==\r\n", "235", 1),
            ("AUTH LOGIN dA==\r\ncA==\r\n", "235", 1),
            ("AUTH PLAIN AHQAcQ==\r\n", "535", 0),
            ("AUTH LOGIN\r\ndA==\r\ncQ==\r\n", "535", 0),
            ("AUTH PLAIN ====\r\n", "501", 0),
            ("AUTH PLAIN\r\n*\r\n", "501", 0),
            ("AUTH XOAUTH2 AHQAcA==\r\n", "504", 0),
            ("", "530", 0),
        ] {
            let (replies, mails, _) = on_terms(false, false, &format!("EHLO x\r\n{said}{MAIL}"));
            assert!(replies.contains("250-AUTH PLAIN LOGIN\r\n"), "{replies}");
            assert!(replies.contains(&format!("\r\n{expected} ")), "{said}: {replies}");
            assert_eq!(mails, taken, "{said}: {replies}");
        }
    }

    #[test]
    fn nothing_of_weight_is_said_before_tls() {
        let auth = "AUTH PLAIN AHQAcA==\r\n";
        let (replies, mails, _) = on_terms(true, false, &format!("EHLO x\r\n{auth}{MAIL}"));
        assert!(replies.contains("250-STARTTLS\r\n") && !replies.contains("AUTH"), "{replies}");
        assert_eq!((replies.matches("530 5.7.0 say").count(), mails), (2, 0));
        let (replies, mails, _) = on_terms(true, true, &format!("EHLO x\r\n{auth}{MAIL}"));
        assert!(!replies.contains("STARTTLS") && mails == 1, "{replies}");
    }

    #[test]
    fn what_a_client_sends_along_with_the_word_for_tls_is_not_read() {
        let said = format!("EHLO x\r\nSTARTTLS\r\nEHLO y\r\nAUTH PLAIN AHQAcA==\r\n{MAIL}");
        let (replies, mails, next) = on_terms(true, false, &said);
        assert!(replies.ends_with("220 2.0.0 go ahead\r\n"), "{replies}");
        assert_eq!((mails, next), (0, Next::StartTls));
        let mut session =
            Session::on_terms(Limits::default(), Terms { tls: true, credentials: None }, false);
        session.receive(b"EHLO x\r\nSTARTTLS\r\n", &mut Vec::new(), |_| {});
        session.secured();
        let mut replies = Vec::new();
        session.receive(b"MAIL FROM:<>\r\n", &mut replies, |_| {});
        assert_eq!(replies, b"503 5.5.1 out of order\r\n", "a client begins anew");
    }

    #[test]
    fn passwords_cannot_be_tried_out_without_end() {
        let tries = "AUTH PLAIN AHQAcQ==\r\n".repeat(30);
        let (replies, _, next) = on_terms(false, false, &format!("EHLO x\r\n{tries}"));
        assert_eq!(next, Next::Close);
        assert_eq!(replies.matches("535").count(), 19, "{replies}");
    }

    #[test]
    fn a_client_that_makes_no_sense_is_sent_away() {
        let (replies, _, next) = talk(Limits::default(), &b"what?\r\n".repeat(50), 10);
        assert_eq!(replies.lines().count(), 20);
        assert!(replies.lines().last().unwrap().starts_with("421"));
        assert_eq!(next, Next::Close);
    }

    #[test]
    fn a_line_end_that_is_not_one_does_not_end_a_mail() {
        let text =
            b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nDATA\r\na\n.\nRSET\n.\r\nb\r\n.\r\n";
        let (_, mails, _) = talk(Limits::default(), text, 3);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].message.ends_with(b"b\r\n"));
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(piece in 1usize..200) {
            prop_assert_eq!(
                talk(Limits::default(), TWO_MAILS, piece),
                talk(Limits::default(), TWO_MAILS, usize::MAX)
            );
        }

        #[test]
        fn no_bytes_make_it_panic_or_keep_too_much(
            lines in prop::collection::vec(
                prop_oneof![
                    Just(b"EHLO x\r\n".to_vec()),
                    Just(b"MAIL FROM:<a@x.test>\r\n".to_vec()),
                    Just(b"RCPT TO:<a@x.test>\r\n".to_vec()),
                    Just(b"DATA\r\n".to_vec()),
                    Just(b".\r\n".to_vec()),
                    Just(b"AUTH PLAIN AHQAcA==\r\n".to_vec()),
                    Just(b"AUTH LOGIN\r\ndA==\r\ncA==\r\n".to_vec()),
                    Just(b"STARTTLS\r\n".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..80),
                    "(MAIL|RCPT|EHLO|HELO|AUTH|NOOP|VRFY) [ -~]{0,40}\r\n".prop_map(String::into_bytes),
                ],
                0..40,
            ),
            piece in 1usize..50,
            tls: bool,
            known: bool,
        ) {
            let limits = Limits { line: 60, message: 100, recipients: 3, mistakes: 1000 };
            let credentials = known.then(own);
            let mut session = Session::on_terms(limits, Terms { tls, credentials }, false);
            let mut replies = Vec::new();
            let bytes = lines.concat();
            for part in bytes.chunks(piece) {
                let next = session.receive(part, &mut replies, |mail| {
                    assert!(mail.message.len() <= limits.message);
                    assert!((1..=limits.recipients).contains(&mail.recipients.len()));
                });
                if next == Next::StartTls {
                    session.secured();
                }
                let kept = match &session.stage {
                    Stage::Command(line) | Stage::Answer(_, line) => line.len(),
                    Stage::Data { message, .. } => message.len(),
                    _ => 0,
                };
                prop_assert!(kept <= limits.message + piece + BEFORE_DATA.len() + 1);
            }
        }
    }
}
