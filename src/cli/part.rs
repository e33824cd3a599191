//! The flags of a run that is one of several parts of a plan: which, of which run, and when it starts.

use super::exit::{Exit, Failure};
use super::prepare::Selection;
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::share::Share;
use crate::base::units::Span;
use crate::identity::login::Logins;
use crate::profile::check::Checked;
use crate::run::stage::run_id;
use crate::run::starts::{self, Starts};
use std::time::{Duration, SystemTime};

/// One part of a plan, or all of it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct PartArgs {
    /// Perform one part of the plan, such as `2/4` for the second of four machines; with the same profile, flags,
    /// --seed and --run-id all parts together are exactly the plan
    #[arg(long, value_name = "K/N", conflicts_with_all = ["resume", "repeat"])]
    share: Option<String>,
    /// The number of that part counted from 0, as schedulers count jobs; with --shares in place of --share
    #[arg(long, value_name = "I", requires = "shares", conflicts_with_all = ["share", "resume", "repeat"])]
    share_index: Option<u32>,
    /// How many parts there are
    #[arg(long, value_name = "N", requires = "share_index")]
    shares: Option<u32>,
    /// The id of the run, the same for all its parts; without it, a new one
    #[arg(long, value_name = "ID", conflicts_with_all = ["resume", "repeat"])]
    run_id: Option<String>,
    /// When the load starts, everything being in place before: in UTC (`2026-12-01T10:00:00Z`), in seconds since 1970,
    /// or from now on (`+30s`)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["resume", "repeat"])]
    start_at: Option<String>,
}

impl PartArgs {
    /// The plan as this machine performs it.
    pub(super) fn of(&self, checked: Checked, selection: &Selection) -> Result<Checked, Failure> {
        let Some(share) = self.share()? else { return Ok(checked) };
        let missing = [("--seed", selection.seed().is_none()), ("--run-id", self.run_id.is_none())];
        let missing: Vec<_> = missing.iter().filter(|(_, it)| *it).map(|(flag, _)| *flag).collect();
        if !missing.is_empty() {
            let what = format!(
                "`--share {share:#}` needs {}: all parts of a plan draw the same arrivals, choices and people, and are \
                 one run",
                missing.join(" and ")
            );
            let remedy = "give every part the same, such as `--seed 7 --run-id nightly-20261201`";
            return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
        }
        checked.with_share(share).map_err(Failure::of_problems)
    }

    fn share(&self) -> Result<Option<Share>, Failure> {
        // A number above all says as much as one that is too high.
        let counted = self.share_index.zip(self.shares);
        let counted = counted.map(|(index, of)| format!("{}/{of}", u64::from(index) + 1));
        let read = self.share.as_ref().or(counted.as_ref()).map(|text| text.parse::<Share>());
        let read = read.transpose();
        read.map_err(|error| Failure::of(Exit::WrongInput, &error))
    }

    /// The id of the run, and the name of its folder among others.
    pub(super) fn named(&self, clock: &Clock) -> Result<(RunId, RunId), Failure> {
        let Some(text) = &self.run_id else {
            let run = run_id(clock);
            return Ok((run.clone(), run));
        };
        if !Logins::is_tag(text) {
            let what = format!("`{text}` cannot be the id of a run");
            let remedy = "use at most 24 lower-case letters, digits and hyphens, no hyphen at either end: it is part of \
                          every login that the run makes";
            return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
        }
        let folder = match self.share()? {
            Some(share) => format!("{text}-{}", share.index() + 1),
            None => text.clone(),
        };
        Ok((text.as_str().into(), folder.into()))
    }

    /// When the load starts. What is over already, or too far ahead, is found before anything is put in place.
    pub(super) fn starts(&self, clock: &Clock) -> Result<Starts, Failure> {
        let Some(text) = &self.start_at else { return Ok(Starts::Now) };
        let now = clock.wall();
        let at = starts::read(text, now).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let (what, remedy) = match now.duration_since(at) {
            Err(ahead) if ahead.duration() <= FARTHEST => return Ok(Starts::At(at)),
            Err(ahead) => (
                format!(
                    "`--start-at {text}` is {} ahead, and {} are the most",
                    roughly(ahead.duration()),
                    Span(FARTHEST)
                ),
                "give a nearer instant, in UTC; a scheduler can start gander itself shortly before",
            ),
            Ok(over) => (
                format!("`--start-at {text}` has been over for {}", roughly(over)),
                "agree on a later instant for all parts, in UTC",
            ),
        };
        Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
    }
}

/// The farthest ahead that a load starts: accounts and connections that are made before do not last longer.
const FARTHEST: Duration = Duration::from_secs(24 * 3600);

/// As one says it: to the second, and what is longer than two days in days.
pub(super) fn roughly(time: Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 | 1 => Span(Duration::from_secs(time.as_secs())).to_string(),
        days => format!("{days} days"),
    }
}

/// What is said while the load is waited for: when it starts, and how long that is.
pub(super) fn awaited(starts: &Starts, clock: &Clock) -> Option<(SystemTime, String)> {
    let Starts::At(at) = starts else { return None };
    let left = at.duration_since(clock.wall()).ok()?;
    Some((*at, format!("the load starts at {}, in {}", Utc::of(*at).stamp(), roughly(left))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, clock: &Clock) -> Result<Starts, Failure> {
        PartArgs { start_at: Some(text.to_owned()), ..PartArgs::default() }.starts(clock)
    }

    #[test]
    fn an_instant_is_within_a_day_and_long_times_are_told_in_days() {
        let clock = Clock::by_hand(crate::base::clock::moment("2026-12-01T10:00:00Z").unwrap());
        let wrong = |text| at(text, &clock).unwrap_err().complaints[0].what.clone();
        assert_eq!(
            wrong("9999-12-31T23:59:59Z"),
            "`--start-at 9999-12-31T23:59:59Z` is 2912108 days ahead, and 24h are the most"
        );
        assert_eq!(
            wrong("2020-01-01T00:00Z"),
            "`--start-at 2020-01-01T00:00Z` has been over for 2526 days"
        );
        assert_eq!(
            wrong("2026-12-01T09:58:57Z"),
            "`--start-at 2026-12-01T09:58:57Z` has been over for 1m3s"
        );
        assert!(
            at("2026-12-02T10:00:00Z", &clock).is_ok()
                && at("2026-12-02T10:00:01Z", &clock).is_err()
        );
        let starts = at("+90s", &clock).unwrap();
        let (_, text) = awaited(&starts, &clock).unwrap();
        assert_eq!(text, "the load starts at 2026-12-01T10:01:30.000Z, in 1m30s");
        assert!(awaited(&Starts::Now, &clock).is_none());
    }
}
