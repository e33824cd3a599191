//! Bodies that do not go out at once: trickling, broken off, or without end in sight.

use super::line::Line;
use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Pieces of a body that trickles, at most.
const PIECES: u32 = 100;

/// How long the first half of a body has to get out before the connection is reset.
const HEAD_START: Duration = Duration::from_millis(20);

/// What pads a body: blanks after a JSON value are part of no value.
static BLANKS: [u8; 1 << 16] = [b' '; 1 << 16];

/// A body in pieces with pauses between them.
#[derive(Debug)]
pub(super) struct Paced {
    left: Bytes,
    piece: usize,
    pause: Duration,
    /// The pause that is under way.
    waiting: Option<Pin<Box<Sleep>>>,
    end: End,
}

/// What comes when the first text is out.
#[derive(Debug)]
enum End {
    /// Nothing: it is whole.
    Whole,
    /// The connection breaks, this many bytes early.
    Cut { missing: usize, line: Line },
    /// Blanks.
    Padding(u64),
}

impl Paced {
    /// Sends a text in pieces that take `time` together.
    pub(super) fn over(text: Bytes, time: Duration) -> Self {
        let pieces = u32::try_from(text.len()).unwrap_or(PIECES).clamp(1, PIECES);
        let piece = text.len().div_ceil(pieces as usize).max(1);
        Self { left: text, piece, pause: time / pieces, waiting: None, end: End::Whole }
    }

    /// Sends half of a text, then breaks the connection.
    pub(super) fn cut_in_the_middle(mut text: Bytes, line: Line) -> Self {
        let missing = text.split_off(text.len() / 2).len();
        let (piece, end) = (text.len().max(1), End::Cut { missing, line });
        Self { left: text, piece, pause: HEAD_START, waiting: None, end }
    }

    /// Sends a text and then blanks up to `size` bytes, without saying how many.
    pub(super) fn padded(text: Bytes, size: u64) -> Self {
        let padding = size.saturating_sub(text.len() as u64);
        let (piece, pause) = (text.len().max(1), Duration::ZERO);
        Self { left: text, piece, pause, waiting: None, end: End::Padding(padding) }
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, io::Error>> {
        match &mut self.end {
            End::Whole => None,
            End::Cut { line, .. } => {
                line.cut();
                Some(Err(io::ErrorKind::ConnectionReset.into()))
            }
            End::Padding(left) => {
                let length = (*left).min(BLANKS.len() as u64);
                *left -= length;
                let blanks = usize::try_from(length).ok().and_then(|length| BLANKS.get(..length));
                blanks
                    .filter(|blanks| !blanks.is_empty())
                    .map(|blanks| Ok(Frame::data(Bytes::from_static(blanks))))
            }
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
        if self.left.is_empty() {
            return Poll::Ready(self.end());
        }
        let length = self.piece.min(self.left.len());
        let piece = self.left.split_to(length);
        if !self.pause.is_zero() {
            self.waiting = Some(Box::pin(sleep_until(Instant::now() + self.pause)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Whole => SizeHint::with_exact(self.left.len() as u64),
            End::Cut { missing, .. } => SizeHint::with_exact((self.left.len() + missing) as u64),
            End::Padding(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_trickling_body_is_whole_in_the_end_and_takes_its_time() {
        let text = Bytes::from("x".repeat(250));
        let body = Paced::over(text.clone(), Duration::from_millis(50));
        assert_eq!(body.size_hint().exact(), Some(250));
        let began = Instant::now();
        assert_eq!(body.collect().await.unwrap().to_bytes(), text);
        assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_padded_body_is_as_long_as_asked_and_does_not_say_so() {
        for size in [0, 3, 70_000, 200_000] {
            let body = Paced::padded(Bytes::from_static(b"{ }"), size);
            assert_eq!(body.size_hint().exact(), None);
            let whole = body.collect().await.unwrap().to_bytes();
            assert_eq!(whole.len() as u64, size.max(3));
            assert_eq!(
                serde_json::from_slice::<serde_json::Value>(&whole).unwrap().to_string(),
                "{}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cut_promises_more_than_it_sends() {
        let line = Line::default();
        let body = Paced::cut_in_the_middle(Bytes::from_static(b"0123456789"), line.clone());
        assert_eq!(body.size_hint().exact(), Some(10));
        assert!(body.collect().await.is_err());
        assert!(line.is_cut());
    }
}
