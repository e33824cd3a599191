//! The flags of a run that is one of several parts of a plan: which, of which run, and when it starts.

use super::exit::{Exit, Failure};
use super::prepare::Selection;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::share::Share;
use crate::base::units::Span;
use crate::identity::login::Logins;
use crate::profile::check::Checked;
use crate::run::stage::run_id;
use crate::run::starts::{self, Starts};
use std::time::Duration;

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

    /// When the load starts. What is over already is found before anything is put in place.
    pub(super) fn starts(&self, clock: &Clock) -> Result<Starts, Failure> {
        let Some(text) = &self.start_at else { return Ok(Starts::Now) };
        let now = clock.wall();
        let at = starts::read(text, now).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        match now.duration_since(at) {
            Err(_) => Ok(Starts::At(at)),
            Ok(over) => {
                let over = Span(Duration::from_secs(over.as_secs()));
                let what = format!("`--start-at {text}` has been over for {over}");
                let remedy = "agree on a later instant for all parts, in UTC";
                Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
            }
        }
    }
}
