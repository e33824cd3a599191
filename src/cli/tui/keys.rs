//! The keys of the terminal view.

use std::time::{Duration, Instant};

/// What a key asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// End the run in order; again: now.
    Stop,
    /// Change the rate by so many hundredths of the planned one.
    Change(i32),
    /// The rate of the plan again.
    AsPlanned,
    /// Hold arrivals, or let them come again.
    Pause,
    /// Times of late, or so far.
    Times,
    /// Explain the keys, or no more.
    Help,
}

/// One key, or several for the same.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) presses: &'static [char],
    pub(super) shown: &'static str,
    pub(super) wish: Wish,
    /// What it does, for the help.
    pub(super) about: &'static str,
    /// The same in a word or two.
    pub(super) short: &'static str,
}

/// Ctrl-C is not among them: the terminal makes the signal of it.
pub(super) const KEYS: &[Key] = &[
    Key {
        presses: &['q', 'Q'],
        shown: "q",
        wish: Wish::Stop,
        about: "stop in order; a second later: now (Ctrl-C, thrice: die)",
        short: "stop",
    },
    Key {
        presses: &['+', '='],
        shown: "+",
        wish: Wish::Change(10),
        about: "10 % of the planned rate more",
        short: "more",
    },
    Key {
        presses: &['-', '_'],
        shown: "-",
        wish: Wish::Change(-10),
        about: "10 % of the planned rate less",
        short: "less",
    },
    Key {
        presses: &[']'],
        shown: "]",
        wish: Wish::Change(1),
        about: "1 % of the planned rate more",
        short: "+1 %",
    },
    Key {
        presses: &['['],
        shown: "[",
        wish: Wish::Change(-1),
        about: "1 % of the planned rate less",
        short: "−1 %",
    },
    Key {
        presses: &['r', 'R'],
        shown: "r",
        wish: Wish::AsPlanned,
        about: "the planned rate again",
        short: "as planned",
    },
    Key {
        presses: &['p', 'P', ' '],
        shown: "p",
        wish: Wish::Pause,
        about: "hold arrivals, or let them come again (also space)",
        short: "pause",
    },
    Key {
        presses: &['t', 'T'],
        shown: "t",
        wish: Wish::Times,
        about: "times of the last seconds, or so far",
        short: "times",
    },
    Key {
        presses: &['?', 'h', 'H'],
        shown: "?",
        wish: Wish::Help,
        about: "this help, or no more of it",
        short: "help",
    },
];

impl Wish {
    /// Whether it is about the rate, which only an open run has.
    pub(super) const fn is_of_rate(self) -> bool {
        matches!(self, Self::Change(_) | Self::AsPlanned | Self::Pause)
    }
}

/// Reads what is typed, in whatever pieces it comes. Keys that send several bytes, such as arrows and
/// the wheel, ask for nothing, and neither does what is pasted.
#[derive(Debug, Default)]
pub(super) struct Typed {
    state: State,
    /// Reads in a row that brought nothing.
    silent: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Keys,
    /// Behind an `ESC`: a key of its own, or the beginning of more.
    Escape,
    /// Behind `ESC [` or `ESC O`: parameters up to a letter or `~`. The number so far; none where it
    /// is more than that.
    Sequence { is_empty: bool, number: Option<u32> },
    /// One byte more, whatever it is.
    Last,
    /// Between the marks of a paste, with so many bytes of the second one.
    Paste(usize),
}

impl Typed {
    /// What these bytes ask for, behind those from before.
    pub(super) fn wishes(&mut self, typed: &[u8]) -> Vec<Wish> {
        if !typed.is_empty() {
            self.silent = 0;
        }
        typed.iter().filter_map(|byte| self.wish(*byte)).collect()
    }

    /// A read brought nothing within a tenth of a second. What had begun is no more than it was, sooner
    /// or later: an `ESC` was the key, and the rest of anything longer is lost.
    pub(super) fn silence(&mut self) {
        self.silent += 1;
        let longest = match self.state {
            State::Keys => return,
            State::Escape => 1,
            State::Sequence { .. } | State::Last => 5,
            State::Paste(_) => 20,
        };
        if self.silent >= longest {
            self.state = State::Keys;
        }
    }

    fn wish(&mut self, byte: u8) -> Option<Wish> {
        self.state = match (self.state, byte) {
            (State::Paste(matched), _) => after_paste(matched, byte),
            (_, ESCAPE) => State::Escape,
            (State::Escape, b'[' | b'O') => State::Sequence { is_empty: true, number: Some(0) },
            // How the console of Linux begins its function keys.
            (State::Sequence { is_empty: true, .. }, b'[') => State::Last,
            (State::Sequence { number: Some(PASTE), .. }, b'~') => State::Paste(0),
            (State::Sequence { number, .. }, 0..0x40 | 0x7f..) => {
                State::Sequence { is_empty: false, number: number.and_then(|n| appended(n, byte)) }
            }
            (State::Escape | State::Sequence { .. } | State::Last, _) => State::Keys,
            (State::Keys, _) => {
                let key = KEYS.iter().find(|key| key.presses.contains(&char::from(byte)));
                return key.map(|key| key.wish);
            }
        };
        None
    }
}

fn appended(number: u32, byte: u8) -> Option<u32> {
    let digit = char::from(byte).to_digit(10)?;
    number.checked_mul(10)?.checked_add(digit)
}

fn after_paste(matched: usize, byte: u8) -> State {
    match PASTED.get(matched) {
        Some(expected) if *expected == byte && matched + 1 == PASTED.len() => State::Keys,
        Some(expected) if *expected == byte => State::Paste(matched + 1),
        _ => State::Paste(usize::from(byte == ESCAPE)),
    }
}

const ESCAPE: u8 = 0x1b;

/// `ESC [ 200 ~` comes before what is pasted.
const PASTE: u32 = 200;

/// And this behind it.
const PASTED: &[u8] = b"\x1b[201~";

/// How long ago a press has to be for the next one of the same key to be another. A key that is held
/// down comes again sooner.
const HELD_DOWN: Duration = Duration::from_secs(1);

/// Tells a key that is pressed again from one that is held down, or pasted.
#[derive(Debug, Default)]
pub(super) struct Presses(Option<Instant>);

impl Presses {
    /// Whether this press is one of its own.
    pub(super) fn is_another(&mut self, now: Instant) -> bool {
        let last = self.0.replace(now);
        last.is_none_or(|last| now.saturating_duration_since(last) >= HELD_DOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn wishes(typed: &[u8]) -> Vec<Wish> {
        Typed::default().wishes(typed)
    }

    #[test]
    fn no_key_is_there_twice_and_each_is_what_it_shows() {
        let presses: Vec<_> = KEYS.iter().flat_map(|key| key.presses).collect();
        assert_eq!(presses.iter().collect::<BTreeSet<_>>().len(), presses.len());
        for key in KEYS {
            assert!(key.presses.iter().all(char::is_ascii), "one byte each");
            assert_eq!(wishes(key.shown.as_bytes()), [key.wish]);
        }
    }

    #[test]
    fn keys_typed_ahead_are_all_heard() {
        assert_eq!(
            wishes(b"++p x\n"),
            [Wish::Change(10), Wish::Change(10), Wish::Pause, Wish::Pause]
        );
    }

    #[test]
    fn arrows_and_their_like_are_no_brackets() {
        for (typed, expected) in [
            (&b"\x1b[A"[..], &[][..]),
            (b"\x1b[1;5C+", &[Wish::Change(10)]),
            (b"\x1bOP-", &[Wish::Change(-10)]),
            (b"\x1b[3~]", &[Wish::Change(1)]),
            (b"\x1b", &[]),
            (b"\x1b[", &[]),
            (b"\x1bq", &[]),
            (b"\x1b\x1b[A+", &[Wish::Change(10)]),
            (b"\x1b[[A+", &[Wish::Change(10)]),
            (b"\x1b[<64;10;5M-", &[Wish::Change(-10)]),
            (b"\x1b[200~q+\x1b[A\x1b[20qq\x1b[201~-", &[Wish::Change(-10)]),
            (b"\x1b[1200~+", &[Wish::Change(10)]),
            (b"\x1b[4294967496~+", &[Wish::Change(10)]),
        ] {
            assert_eq!(wishes(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn an_escape_is_a_key_of_its_own_when_nothing_follows_it() {
        let mut typed = Typed::default();
        assert_eq!(typed.wishes(b"\x1b"), []);
        typed.silence();
        assert_eq!(typed.wishes(b"[+"), [Wish::Change(-1), Wish::Change(10)]);
    }

    #[test]
    fn what_never_ends_swallows_keys_for_two_seconds_at_most() {
        for (begun, silences) in [("\x1b[1;", 5), ("\x1b[[", 5), ("\x1b[200~qq", 20)] {
            let mut typed = Typed::default();
            typed.wishes(begun.as_bytes());
            (1..silences).for_each(|_| typed.silence());
            let state = typed.state;
            assert_ne!(state, State::Keys, "{begun:?}: a slow line");
            typed.silence();
            assert_eq!(typed.wishes(b"q"), [Wish::Stop], "{begun:?}");
        }
    }

    #[test]
    fn a_key_that_is_held_down_is_pressed_once() {
        let clock = Clock::system();
        let began = clock.now();
        let mut presses = Presses::default();
        let after = |ms| began + Duration::from_millis(ms);
        let heard = [0, 500, 533, 566, 1499, 2498, 3498, 3500];
        let heard: Vec<_> = heard.into_iter().filter(|ms| presses.is_another(after(*ms))).collect();
        assert_eq!(heard, [0, 3498]);
    }

    proptest! {
        #[test]
        fn in_whatever_pieces_bytes_come_they_ask_for_the_same(
            pieces in prop::collection::vec("(\x1b|\x1b\\[|\x1bO|\x1b\\[200~|\x1b\\[201~|[\\[\\]0-9;~AMOq+p ]){0,6}", 0..12),
        ) {
            let whole = wishes(pieces.concat().as_bytes());
            let mut typed = Typed::default();
            let read = pieces.iter().flat_map(|piece| typed.wishes(piece.as_bytes()));
            prop_assert_eq!(read.collect::<Vec<_>>(), whole.clone());
            let mut typed = Typed::default();
            let bytes = pieces.concat().into_bytes();
            let read = bytes.chunks(1).flat_map(|byte| typed.wishes(byte));
            prop_assert_eq!(read.collect::<Vec<_>>(), whole);
        }
    }
}
