//! What tells one thing from another without being kept: a mail by its id, or by all that it says.

use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{HashSet, VecDeque};

/// A digest of 128 bits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Mark([u8; 16]);

impl Mark {
    /// The mark of several parts; where one ends and the next begins makes a difference.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut mark = [0; 16];
        for (own, byte) in mark.iter_mut().zip(context.finish().as_ref()) {
            *own = *byte;
        }
        Self(mark)
    }
}

/// Things remembered by their marks: the last so many.
#[derive(Debug, Default)]
pub struct Seen {
    marks: HashSet<Mark>,
    order: VecDeque<Mark>,
}

/// Mails remembered as read; a list that goes back further is read again, which harms nobody.
const MOST: usize = 200_000;

impl Seen {
    /// Whether it is remembered.
    pub fn has(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// Remembers it; whether it is new.
    pub fn note(&mut self, mark: Mark) -> bool {
        if !self.marks.insert(mark) {
            return false;
        }
        self.order.push_back(mark);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.marks.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_part_ends_makes_a_difference() {
        assert_eq!(Mark::of(&[b"ab", b"c"]), Mark::of(&[b"ab", b"c"]));
        assert_ne!(Mark::of(&[b"ab", b"c"]), Mark::of(&[b"a", b"bc"]));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut seen = Seen::default();
        let mark = |number: usize| Mark::of(&[&number.to_be_bytes()]);
        assert!((0..=MOST).all(|number| seen.note(mark(number))));
        assert!(!seen.note(mark(1)) && !seen.has(mark(0)) && seen.has(mark(MOST)));
        assert_eq!((seen.marks.len(), seen.order.len()), (MOST, MOST));
    }
}
