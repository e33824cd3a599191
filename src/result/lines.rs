//! Lines of a file that may be damaged: one at a time, and none longer than a line can be.

use std::io::{self, BufRead, Read};

/// The longest line of any file of a run, in bytes, far more than gander writes.
pub(super) const LONGEST_LINE: usize = 16 << 20;

/// What came next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// A whole line.
    Line,
    /// The end; what stands behind the last line break is passed over, as whoever wrote it was
    /// killed meanwhile.
    End,
    /// More than [`LONGEST_LINE`] without a line break.
    TooLong,
}

/// Reads the next line with its line break into `text`, in place of what is in it.
pub(super) fn next_line(from: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<Next> {
    text.clear();
    from.take(LONGEST_LINE as u64).read_until(b'\n', text)?;
    Ok(match text.last() {
        Some(b'\n') => Next::Line,
        _ if text.len() >= LONGEST_LINE => Next::TooLong,
        _ => Next::End,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn a_line_without_an_end_is_not_read_to_its_end() {
        let mut endless = BufReader::new(io::repeat(b'x'));
        let mut text = Vec::new();
        assert_eq!(next_line(&mut endless, &mut text).unwrap(), Next::TooLong);
        assert_eq!(text.len(), LONGEST_LINE);
    }

    #[test]
    fn a_torn_line_is_passed_over() {
        let mut from = &b"one\n\ntw"[..];
        let mut text = Vec::new();
        for (next, line) in [(Next::Line, "one\n"), (Next::Line, "\n"), (Next::End, "tw")] {
            assert_eq!(next_line(&mut from, &mut text).unwrap(), next);
            assert_eq!(text, line.as_bytes());
        }
    }
}
