//! Stalls: stretches of time in which the tenant answers nothing, and what waits goes at their end.

use crate::base::document::Section;
use crate::base::units::Span;
use std::time::Duration;

/// A stretch of time without an answer, counted from the first call of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stall {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Stall {
    /// Takes the rows of `[[stall]]`, each `at = "3s"` and `for = "1s"`.
    pub fn read_all(outer: &mut Section<'_>) -> Vec<Self> {
        let read = |mut section: Section<'_>| {
            let mut time = |key| {
                let time = section.parsed::<Span>(key);
                if section.item(key).is_none() {
                    section.missing(key, "write it like `at = \"3s\"` and `for = \"1s\"`");
                }
                time.map(|time| time.value.0)
            };
            let (at, lasts) = (time("at"), time("for"));
            section.finish();
            Some(Self { at: at?, lasts: lasts? })
        };
        outer.sections("stall").into_iter().filter_map(read).collect()
    }
}

/// When a reply that is ready at `ready` goes: at once, or at the end of the stall that it falls into.
/// Both times count from the first call of a flow. Stalls may stand in any order and overlap.
pub fn released(stalls: &[Stall], ready: Duration) -> Duration {
    let mut released = ready;
    // A stall moves the reply to its end, where another one may begin.
    while let Some(stall) = stalls
        .iter()
        .find(|stall| stall.at <= released && released < stall.at.saturating_add(stall.lasts))
    {
        released = stall.at.saturating_add(stall.lasts);
    }
    released
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    #[test]
    fn what_is_ready_in_a_stall_goes_at_its_end() {
        let row = |at, lasts| Stall {
            at: Duration::from_millis(at),
            lasts: Duration::from_millis(lasts),
        };
        let stalls = [row(4000, 500), row(3000, 1000), row(4200, 100), row(9000, 0)];
        for (ready, expected) in
            [(0, 0), (2999, 2999), (3000, 4500), (3700, 4500), (4500, 4500), (9000, 9000)]
        {
            let moved = released(&stalls, Duration::from_millis(ready));
            assert_eq!(moved, Duration::from_millis(expected), "{ready}");
        }
    }

    #[test]
    fn a_stall_needs_its_time_and_its_length() {
        let text = "[[stall]]\nat = \"3s\"\n[[stall]]\nat = 3\nfor = \"1s\"\n[[stall]]\nat = \"1s\"\nfor = \"1s\"\nlasts = \"1s\"\n";
        let table = Table::parse("s", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        assert_eq!(Stall::read_all(&mut section).len(), 1);
        let lines: Vec<String> =
            problems.into_sorted().into_iter().map(|problem| problem.what).collect();
        assert_eq!(
            lines,
            [
                "`stall.for` is missing",
                "`stall.at`: `3` is not a duration",
                "unknown key `stall.lasts`"
            ]
        );
    }
}
