//! The journal of a search: every level as it ends, and what is known by then, on disk after each.

use super::assemble::hosts;
use super::exit::{Exit, Failure};
use super::prepare::Ground;
use super::terminal::{Style, Terminal};
use crate::analysis::capacity::assemble::{About, Probed, assemble};
use crate::analysis::capacity::found::{Asked, Capacity, Ending};
use crate::analysis::capacity::level::CoolDown;
use crate::analysis::capacity::search::{Search, Step};
use crate::base::clock::{Clock, Utc};
use crate::report::capacity::page;
use crate::result::capacity::SearchDir;
use crate::result::run_dir::{REPORT, RunDirError};
use crate::run::capacity::first_level;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What is known of a search that goes on.
pub(super) struct Journal<'a> {
    dir: &'a SearchDir,
    terminal: &'a Terminal,
    about: About,
    search: Search,
    probed: Vec<Probed>,
}

impl<'a> Journal<'a> {
    /// Begins one: from here on there is a directory that can be shown.
    pub(super) fn begin(
        ground: &Ground,
        dir: &'a SearchDir,
        terminal: &'a Terminal,
    ) -> Result<Self, Failure> {
        let profile = &ground.checked.profile;
        let asked = asked(ground);
        let about = About {
            run_id: ground.opened.run.clone(),
            started_at: now(),
            ended_at: None,
            seed: ground.opened.seed.to_string(),
            tenant_hosts: hosts(&ground.tenants),
            asked: asked.clone(),
            need: profile.capacity.need.clone(),
        };
        let search = Search::new(&asked);
        let journal = Self { dir, terminal, about, search, probed: Vec::new() };
        journal.write(None)?;
        dir.begin().map_err(|error| wrong(&error))?;
        Ok(journal)
    }

    /// What was asked for.
    pub(super) const fn asked(&self) -> &Asked {
        &self.about.asked
    }

    /// What is to be done next.
    pub(super) fn next(&self) -> Step {
        self.search.next()
    }

    /// The rest before the next level.
    pub(super) fn cool_down(&self, at_most: Duration) -> Option<CoolDown> {
        self.search.cool_down(at_most)
    }

    /// Whether a level of this rate or a lower one passed.
    pub(super) fn has_passed(&self, rate_per_s: f64) -> bool {
        self.search.has_passed(rate_per_s)
    }

    /// Takes a level in that is over.
    pub(super) fn note(&mut self, probed: Probed) -> Result<(), Failure> {
        self.search.note(&probed.level);
        self.probed.push(probed);
        self.write(None).map(drop)
    }

    /// Ends it, and says what was found.
    pub(super) fn end(mut self, ending: Ending) -> Result<Capacity, Failure> {
        self.about.ended_at = Some(now());
        self.write(Some(ending))
    }

    fn write(&self, ending: Option<Ending>) -> Result<Capacity, Failure> {
        let found = assemble(self.about.clone(), &self.probed, ending);
        self.dir.write_found(&found).map_err(|error| wrong(&error))?;
        // A defect in a drawing is no reason to lose what comes after it.
        let page = catch_unwind(AssertUnwindSafe(|| page::document(&found)));
        let why = match page {
            Ok(page) => {
                let written = self.dir.replace(REPORT, page.as_bytes());
                written.err().map(|error| error.to_string())
            }
            Err(_) => Some("a bug in gander".to_owned()),
        };
        if let Some(why) = why {
            let caution = self.terminal.paint(Style::Bad, "caution");
            self.terminal.say(&format!("{caution} there is no `{REPORT}`: {why}"));
        }
        Ok(found)
    }
}

fn wrong(error: &RunDirError) -> Failure {
    Failure::of(Exit::WrongInput, error)
}

fn now() -> String {
    Utc::of(Clock::system().wall()).stamp()
}

fn asked(ground: &Ground) -> Asked {
    let profile = &ground.checked.profile;
    let settings = &profile.capacity;
    Asked {
        from_per_s: settings.from.unwrap_or_else(|| first_level(&profile.workload)).per_second,
        to_per_s: settings.to.map(|to| to.per_second),
        resolution: settings.resolution,
        climb: settings.climb,
        most_probes: settings.probes,
        hold_s: settings.hold.as_secs_f64(),
        rules: ground.checked.rules().iter().map(ToString::to_string).collect(),
    }
}
