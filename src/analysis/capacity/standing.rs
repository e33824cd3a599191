//! What all levels of one rate say together: a fail counts after one repeat that fails, too.

use super::found::{Level, LevelVerdict, Purpose};

/// What is known of a rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It holds.
    Pass,
    /// It does not, twice, or for the whole of a confirmation.
    Fail,
    /// It did not, once.
    Suspect,
    /// It did not, and then it did: the third decides.
    Split,
    /// What was measured does not tell.
    Undecided,
}

/// A rate that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rung {
    pub(super) rate_per_s: f64,
    pub(super) standing: Standing,
    /// Why it was tried first.
    pub(super) purpose: Purpose,
}

impl Rung {
    /// Whether more load than this is not to be had, as far as is known.
    pub(super) const fn is_too_much(&self) -> bool {
        matches!(self.standing, Standing::Fail | Standing::Suspect | Standing::Split)
    }
}

/// Every rate of which something is known, from the lowest to the highest.
pub(super) fn rungs(levels: &[Level]) -> Vec<Rung> {
    let mut rates: Vec<f64> = levels.iter().map(|level| level.rate_per_s).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let rung = |rate_per_s: f64| {
        let of_rate = || {
            let of_rate = levels.iter().filter(move |level| level.rate_per_s == rate_per_s);
            of_rate.filter(|level| level.verdict != LevelVerdict::Void)
        };
        let (holds, probes): (Vec<&Level>, Vec<&Level>) =
            of_rate().partition(|level| level.purpose == Purpose::Hold);
        let of_probes = of_probes(&probes.iter().map(|level| level.verdict).collect::<Vec<_>>());
        // The confirmation is the longest look of all, unless somebody made it shorter than the levels: then what
        // it leaves open says nothing against them.
        let looked_s = probes.iter().map(|level| level.measured_s).fold(0.0, f64::max);
        let standing = match holds.last() {
            Some(hold) if hold.verdict == LevelVerdict::Fail => Some(Standing::Fail),
            Some(hold)
                if hold.verdict == LevelVerdict::Undecided && hold.measured_s >= looked_s =>
            {
                Some(Standing::Undecided)
            }
            _ => of_probes,
        };
        let purpose = of_rate().next()?.purpose;
        Some(Rung { rate_per_s, standing: standing?, purpose })
    };
    rates.into_iter().filter_map(rung).collect()
}

fn of_probes(verdicts: &[LevelVerdict]) -> Option<Standing> {
    use LevelVerdict::{Fail, Pass, Undecided};
    Some(match verdicts {
        [] => return None,
        [Pass, ..] | [Fail, Pass, Pass, ..] => Standing::Pass,
        [Fail] => Standing::Suspect,
        [Fail, Fail, ..] | [Fail, Pass, Fail, ..] => Standing::Fail,
        [Fail, Pass] => Standing::Split,
        [Undecided, ..] | [Fail, _, ..] | [_, ..] => Standing::Undecided,
    })
}

#[cfg(test)]
mod tests {
    use super::super::specimen::level;
    use super::*;

    #[test]
    fn a_short_confirmation_that_leaves_it_open_says_nothing_against_a_level_that_passed() {
        let probe = level(40.0, LevelVerdict::Pass, -1.0);
        for (part, verdict, standing) in [
            (0.5, LevelVerdict::Undecided, Standing::Pass),
            (1.0, LevelVerdict::Undecided, Standing::Undecided),
            (0.5, LevelVerdict::Fail, Standing::Fail),
            (0.5, LevelVerdict::Pass, Standing::Pass),
        ] {
            let measured_s = part * probe.measured_s;
            let hold = Level { purpose: Purpose::Hold, measured_s, verdict, ..probe.clone() };
            assert_eq!(rungs(&[probe.clone(), hold])[0].standing, standing, "{part} {verdict:?}");
        }
    }

    #[test]
    fn a_fail_counts_after_one_repeat_that_fails_too_and_else_the_third_decides() {
        use LevelVerdict::{Fail, Pass, Undecided};
        for (verdicts, standing) in [
            (&[][..], None),
            (&[Pass], Some(Standing::Pass)),
            (&[Fail], Some(Standing::Suspect)),
            (&[Fail, Fail], Some(Standing::Fail)),
            (&[Fail, Pass], Some(Standing::Split)),
            (&[Fail, Pass, Pass], Some(Standing::Pass)),
            (&[Fail, Pass, Fail], Some(Standing::Fail)),
            (&[Fail, Pass, Undecided], Some(Standing::Undecided)),
            (&[Fail, Undecided], Some(Standing::Undecided)),
            (&[Undecided], Some(Standing::Undecided)),
        ] {
            assert_eq!(of_probes(verdicts), standing, "{verdicts:?}");
        }
    }
}
