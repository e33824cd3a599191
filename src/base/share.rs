//! One of several equal parts of a plan: which of its numbers it has, and how a total is split among them.

use super::remedy::Remedy;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The most parts that a plan is split into.
pub const MOST_PARTS: u32 = 10_000;

/// One of several equal parts of a plan. As text and in files they are counted from 1: `2/4` is the second of four.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Share {
    index: u32,
    of: u32,
}

/// A share as it stands in a file.
#[derive(Deserialize, Serialize)]
struct Written {
    /// From 1.
    index: u32,
    of: u32,
}

/// Why a text is no share.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no share of a plan")]
pub struct ShareError {
    text: String,
}

impl Remedy for ShareError {
    fn remedy(&self) -> Option<String> {
        Some(format!(
            "write which part of how many, counted from 1: `2/4` is the second of four, and {MOST_PARTS} are the most"
        ))
    }
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The part with this index, from 0, of so many; none if there is no such part.
    pub const fn new(index: u32, of: u32) -> Option<Self> {
        if index < of && of <= MOST_PARTS { Some(Self { index, of }) } else { None }
    }

    /// Which part it is, from 0.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// All parts, in their order.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        (0..of).filter_map(move |index| Self::new(index, of))
    }

    /// Whether a number is its own. Each is of exactly one part.
    pub fn has(self, number: u64) -> bool {
        number % u64::from(self.of) == u64::from(self.index)
    }

    /// Its own number that so many of its own come before.
    pub fn nth(self, local: u64) -> u64 {
        local.saturating_mul(self.of.into()).saturating_add(self.index.into())
    }

    /// How many of so many are its own: the sum over all parts is the total, and no two differ by more than 1.
    pub fn count(self, total: u64) -> u64 {
        let of = u64::from(self.of);
        total / of + u64::from(u64::from(self.index) < total % of)
    }

    /// The same for what is counted in memory.
    pub fn count_of(self, total: usize) -> usize {
        usize::try_from(self.count(total as u64)).unwrap_or(total)
    }

    /// As many that follow each other: all parts in their order make `0..total`.
    pub fn range(self, total: u64) -> Range<u64> {
        let (of, index) = (u64::from(self.of), u64::from(self.index));
        let begins = (total / of) * index + index.min(total % of);
        begins..begins + self.count(total)
    }

    /// What it has of something that is divided evenly, such as a rate.
    pub fn part(self, whole: f64) -> f64 {
        whole / f64::from(self.of)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::WHOLE
    }
}

/// As people read it: `2 of 4`. With `#` as it is written: `2/4`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, of) = (self.index + 1, self.of);
        if f.alternate() { write!(f, "{number}/{of}") } else { write!(f, "{number} of {of}") }
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|it| it.to_string() == text);
        let read = || {
            let (number_of_part, of) = text.split_once('/')?;
            Self::new(number(number_of_part)?.checked_sub(1)?, number(of)?)
        };
        read().ok_or_else(|| ShareError { text: text.to_owned() })
    }
}

impl From<Share> for Written {
    fn from(share: Share) -> Self {
        Self { index: share.index + 1, of: share.of }
    }
}

impl TryFrom<Written> for Share {
    type Error = ShareError;

    fn try_from(Written { index, of }: Written) -> Result<Self, ShareError> {
        let read = index.checked_sub(1).and_then(|index| Self::new(index, of));
        read.ok_or_else(|| ShareError { text: format!("{index}/{of}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_counted_from_one_where_people_see_them() {
        let second: Share = "2/4".parse().unwrap();
        assert_eq!((second.index(), second.of()), (1, 4));
        assert_eq!((format!("{second}"), format!("{second:#}")), ("2 of 4".into(), "2/4".into()));
        let json = serde_json::to_string(&second).unwrap();
        assert_eq!(json, r#"{"index":2,"of":4}"#);
        assert_eq!(serde_json::from_str::<Share>(&json).unwrap(), second);
        assert!(serde_json::from_str::<Share>(r#"{"index":0,"of":4}"#).is_err());
    }

    #[test]
    fn what_is_no_share_is_told_with_a_way_out() {
        for wrong in
            ["", "2", "0/4", "5/4", "1/0", "a/4", "2/4/1", "+1/4", "01/4", " 1/4", "1/10001"]
        {
            let error = wrong.parse::<Share>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{wrong}` is no share of a plan"));
            assert!(error.remedy().unwrap().contains("`2/4`"));
        }
    }

    #[test]
    fn the_whole_has_everything() {
        let whole = Share::WHOLE;
        assert!(whole.has(0) && whole.has(17));
        assert_eq!((whole.nth(17), whole.count(17), whole.range(17)), (17, 17, 0..17));
    }

    proptest! {
        #[test]
        fn all_parts_together_are_the_total_and_none_has_what_another_has(
            of in 1u32..60,
            total in 0u64..1000,
        ) {
            let mut owners = vec![0; usize::try_from(total).unwrap()];
            let (mut sum, mut next) = (0, 0);
            for share in Share::all(of) {
                let own: Vec<u64> = (0..total).filter(|number| share.has(*number)).collect();
                prop_assert_eq!(own.len() as u64, share.count(total));
                for (local, number) in (0..).zip(&own) {
                    prop_assert_eq!(share.nth(local), *number);
                    owners[usize::try_from(*number).unwrap()] += 1;
                }
                let range = share.range(total);
                prop_assert_eq!((range.start, range.end - range.start), (next, share.count(total)));
                next = range.end;
                sum += share.count(total);
                prop_assert!(share.count(total).abs_diff(total / u64::from(of)) <= 1);
            }
            prop_assert!(owners.iter().all(|owners| *owners == 1));
            prop_assert_eq!((sum, next), (total, total));
        }

        #[test]
        fn what_is_written_is_what_is_read(of in 1u32..=MOST_PARTS, index in any::<u32>()) {
            let share = Share::new(index % of, of).unwrap();
            prop_assert_eq!(format!("{share:#}").parse(), Ok(share));
            let json = serde_json::to_value(share).unwrap();
            prop_assert_eq!(serde_json::from_value::<Share>(json).unwrap(), share);
        }

        #[test]
        fn the_largest_numbers_do_not_overflow(of in 1u32..=MOST_PARTS, index in any::<u32>()) {
            let share = Share::new(index % of, of).unwrap();
            prop_assert!(share.range(u64::MAX).end >= share.range(u64::MAX).start);
            prop_assert!(share.nth(u64::MAX) == u64::MAX || of == 1);
        }
    }
}
