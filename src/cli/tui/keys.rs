//! The keys of the terminal view.

/// What a key asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// End the run in order; again: now; a third time: die.
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
        about: "stop in order; again: now; a third time: die (as Ctrl-C)",
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

/// What was typed asks for. Keys that send several bytes, such as arrows, ask for nothing.
pub(super) fn wishes(typed: &[u8]) -> Vec<Wish> {
    let mut typed = typed.iter().copied().peekable();
    let mut wishes = Vec::new();
    while let Some(byte) = typed.next() {
        if byte == ESCAPE {
            // `ESC [` or `ESC O`, parameters, and a letter or `~`.
            if typed.next_if(|next| matches!(next, b'[' | b'O')).is_some() {
                while typed.next_if(|next| !(0x40..0x7f).contains(next)).is_some() {}
            }
            typed.next();
            continue;
        }
        let key = KEYS.iter().find(|key| key.presses.contains(&char::from(byte)));
        wishes.extend(key.map(|key| key.wish));
    }
    wishes
}

const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
        ] {
            assert_eq!(wishes(typed), expected, "{typed:?}");
        }
    }
}
