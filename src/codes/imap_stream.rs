//! What an IMAP server says, as far as it can be borne: the parser behind goes one level deeper for every
//! bracket, and keeps a response until it is whole.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most opening brackets of one response. All are counted, those that are closed again and those in quotes
/// included: what is asked for here has a handful.
const MOST_BRACKETS: usize = 50;

/// Most bytes of a response outside of its literals.
const LONGEST_TEXT: usize = 64 << 10;

/// Most bytes of a response with its literals, which hold mails.
const LONGEST_RESPONSE: usize = 4 << 20;

/// So much of a response's beginning tells what it is: `* 4294967295 FETCH `.
const HEAD: usize = 24;

/// Why a server is not listened to any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unbearable {
    /// The parser would run out of stack.
    #[error("the server's answer has more than {MOST_BRACKETS} opening brackets")]
    Brackets,
    /// There may be no end to it.
    #[error("the server's answer has more than {LONGEST_TEXT} bytes beside its mails")]
    Text,
    /// The same, with mails.
    #[error("the server's answer has more than {LONGEST_RESPONSE} bytes")]
    Response,
}

/// A stream that ends with [`Unbearable`] before the parser sees what it could not bear.
pub(super) struct Bounded<S> {
    stream: S,
    bounds: Bounds,
}

impl<S> Bounded<S> {
    /// At the beginning of a response.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, bounds: Bounds::default() }
    }

    /// The stream itself, with whatever comes on it.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: fmt::Debug> fmt::Debug for Bounded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, bounds } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        let checked = bounds.check(new);
        Poll::Ready(checked.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
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

/// How much of a response there was.
#[derive(Debug, Default)]
struct Bounds {
    head: Vec<u8>,
    text: usize,
    all: usize,
    brackets: usize,
    announced: Announced,
    /// Bytes of a literal that are still to come.
    literal: usize,
}

/// How far the length of a literal, `{310}` at the end of a line, was read.
#[derive(Clone, Copy, Debug, Default)]
enum Announced {
    #[default]
    Nothing,
    Digits(usize),
    Closed(usize),
    Returned(usize),
}

impl Bounds {
    fn check(&mut self, mut bytes: &[u8]) -> Result<(), Unbearable> {
        loop {
            let (_, rest) = bytes.split_at(self.literal.min(bytes.len()));
            self.literal -= bytes.len() - rest.len();
            let Some((byte, rest)) = rest.split_first() else { return Ok(()) };
            self.take(*byte)?;
            bytes = rest;
        }
    }

    /// Takes a byte that is in no literal.
    fn take(&mut self, byte: u8) -> Result<(), Unbearable> {
        if self.head.len() < HEAD {
            self.head.push(byte);
        }
        (self.text, self.all) = (self.text + 1, self.all + 1);
        self.brackets += usize::from(byte == b'(');
        self.announced = self.announced.followed_by(byte);
        match self.announced {
            _ if self.brackets > MOST_BRACKETS => Err(Unbearable::Brackets),
            _ if self.text > LONGEST_TEXT => Err(Unbearable::Text),
            _ if byte != b'\n' => Ok(()),
            Announced::Returned(length) if is_of_a_mail(&self.head) => {
                self.all = self.all.saturating_add(length);
                (self.literal, self.announced) = (length, Announced::Nothing);
                if self.all > LONGEST_RESPONSE { Err(Unbearable::Response) } else { Ok(()) }
            }
            _ => {
                *self = Self::default();
                Ok(())
            }
        }
    }
}

impl Announced {
    fn followed_by(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'{') => Self::Digits(0),
            (Self::Digits(number), b'0'..=b'9') => {
                Self::Digits(number.saturating_mul(10).saturating_add((byte - b'0').into()))
            }
            (Self::Digits(number), b'}') => Self::Closed(number),
            (Self::Closed(number), b'\r') => Self::Returned(number),
            (Self::Returned(number), b'\n') => Self::Returned(number),
            _ => Self::Nothing,
        }
    }
}

/// Whether a response that begins so can have literals. In a text for people `{310}` announces nothing, and
/// what follows it is counted.
fn is_of_a_mail(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(b"* ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = rest.get(digits..).and_then(|rest| rest.get(..7));
    digits > 0 && word.is_some_and(|word| word.eq_ignore_ascii_case(b" FETCH "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an answer that arrives whole, and in pieces of every length.
    fn check(answer: &[u8]) -> Result<(), Unbearable> {
        let whole = Bounds::default().check(answer);
        for length in [1, 2, 7, 4096] {
            let mut bounds = Bounds::default();
            let pieces = answer.chunks(length).try_for_each(|piece| bounds.check(piece));
            assert_eq!(pieces, whole, "in pieces of {length}");
        }
        whole
    }

    #[test]
    fn brackets_are_counted_by_response_and_not_within_mails() {
        let many = "(".repeat(MOST_BRACKETS);
        assert_eq!(check(format!("* OK {many}\r\n").repeat(9).as_bytes()), Ok(()));
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {many}");
        assert_eq!(check(deep.as_bytes()), Err(Unbearable::Brackets));
        let mail = "(".repeat(9_000);
        let fetched = format!("* 1 FETCH (UID 7 BODY[]<0> {{9000}}\r\n{mail})\r\n");
        assert_eq!(check(fetched.repeat(3).as_bytes()), Ok(()));
        let behind = format!("* 1 fetch (BODY[] {{9000}}\r\n{mail} X {many})\r\n");
        assert_eq!(check(behind.as_bytes()), Err(Unbearable::Brackets));
    }

    #[test]
    fn what_only_looks_like_a_literal_hides_no_brackets() {
        let deep = "* 1 FETCH (BODYSTRUCTURE ".to_owned() + &"(".repeat(MOST_BRACKETS);
        for before in
            ["* OK {9000}\r\n", "a1 OK {9000}\r\n", "* 1 FETCH {9000} \r\n", "* FETCH {9}\r\n"]
        {
            assert_eq!(check(format!("{before}{deep}").as_bytes()), Err(Unbearable::Brackets));
        }
    }

    #[test]
    fn an_answer_without_an_end_is_not_listened_to() {
        let endless = "* OK ".to_owned() + &"x".repeat(LONGEST_TEXT);
        assert_eq!(check(endless.as_bytes()), Err(Unbearable::Text));
        for length in ["4194305", "99999999999999999999999"] {
            let long = format!("* 1 FETCH (BODY[] {{{length}}}\r\n");
            assert_eq!(check(long.as_bytes()), Err(Unbearable::Response));
        }
        let literal = format!("{{1000000}}\r\n{}", "x".repeat(1_000_000));
        let many = format!("* 1 FETCH (BODY[] {} ", literal.repeat(5));
        assert_eq!(check(many.as_bytes()), Err(Unbearable::Response));
    }
}
