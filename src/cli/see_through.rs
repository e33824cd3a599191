//! A run of several machines from its start to its end; and what is said where its conductor cannot go on.

use super::broadcast::Doors;
use super::conclude::conclude;
use super::ending::Ending;
use super::ensemble::{Ensemble, unkept};
use super::exit::{Complaint, Exit, Failure};
use super::group::wire_failure;
use super::run_many::Given;
use super::watch;
use crate::base::clock::Utc;
use crate::base::names::{Journey, RunId, Variant};
use crate::cluster::agent::{of_unix_us, unix_us};
use crate::cluster::conductor::Conductor;
use crate::cluster::journal::{AGENTS, Journal, Member};
use crate::cluster::keep::Standing;
use crate::cluster::live::Live;
use crate::cluster::mirror::{Mirror, MirrorError};
use crate::cluster::name::Name;
use crate::cluster::order::{Order, Request};
use crate::cluster::wire::Wire;
use crate::load;
use crate::measure::tally::Tally;
use crate::profile::document::VariantBy;
use crate::result::run_dir::{HostRecord, RUN, RunDir, RunRecord};
use crate::result::summary::WorkloadModel;
use crate::run::oversight::Oversight;
use crate::workload::mix::Mix;
use futures_util::future::join_all;
use std::time::{Duration, SystemTime};

/// How long agents may take to hear that their conductor cannot go on.
const LAST_WORD: Duration = Duration::from_secs(5);

impl Given<'_> {
    /// From the start to the end. A conductor that cannot go on has a last word.
    pub(super) async fn perform(
        &self,
        (dir, journal, conductor): (RunDir, Journal, Conductor),
        doors: Doors,
        ending: &Ending,
    ) -> Result<Exit, Failure> {
        let members = journal.members.iter().map(|member| member.name.clone()).collect();
        let last_word = LastWord {
            wire: conductor.wire().clone(),
            run: journal.plan.run.clone(),
            members,
            dir: dir.clone(),
        };
        match self.see_through((dir, journal, conductor), doors, ending).await {
            Ok(exit) => Ok(exit),
            Err(failure) => Err(last_word.tell(failure).await),
        }
    }

    async fn see_through(
        &self,
        (dir, journal, conductor): (RunDir, Journal, Conductor),
        doors: Doors,
        ending: &Ending,
    ) -> Result<Exit, Failure> {
        let start_wall = of_unix_us(journal.start_unix_us.unwrap_or(0));
        let (choices, plan) = self.load_plan()?;
        let record = self.record(&journal, start_wall);
        let watched = (&plan, &dir, &record);
        let (listeners, views) = watch::listeners_of_many(doors, watched, ending, self.terminal)?;
        let mirrors = mirrors(&dir, &journal).map_err(|error| unkept(&error))?;
        let results = conductor.wire().take_over(&journal.plan.run).await;
        let results = results.map_err(|error| wire_failure(&error))?;
        let profile = &self.checked.profile;
        let guards = profile.guards_if(profile.pauses_when_limited);
        let lookouts = self.checked.lookouts(self.args.abort_on_fail);
        let names = journal.members.iter().map(|member| member.name.to_string());
        let reached = mirrors.iter().map(|mirror| mirror.stand().1 / 1000).max().unwrap_or(0);
        let mut live = Live::new(names, reached);
        for (agent, mirror) in mirrors.iter().enumerate() {
            let is_over = mirror.is_ended() || journal.members[agent].lost_from_ms.is_some();
            live.set_done(agent, is_over);
        }
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let start = match start_wall.duration_since(wall) {
            Ok(ahead) => now + ahead,
            Err(past) => now.checked_sub(past.duration()).unwrap_or(now),
        };
        let mut ensemble = Ensemble {
            conductor,
            results,
            live,
            tally: Tally::default(),
            listeners,
            oversight: Oversight::new(guards, lookouts),
            plan,
            agents: profile.agents,
            ending,
            clock: self.clock.clone(),
            start,
            terminal: self.terminal,
            journal,
            dir,
            mirrors,
        };
        ensemble.see_through().await?;
        ending.load_is_over();
        let by_flow = profile.variant_by == VariantBy::Flow;
        conclude(ensemble, (&choices, by_flow), (self.args, views)).await
    }

    /// The load as a whole, and what its choices are called.
    fn load_plan(&self) -> Result<(Vec<(Variant, Journey)>, load::Plan), Failure> {
        let variants = self.checked.profile.variants.iter();
        let choices = variants.flat_map(|variant| {
            self.checked.journeys.iter().map(move |(script, weight)| {
                ((variant.name.clone(), script.name.clone()), variant.weight * weight)
            })
        });
        let (choices, weights): (Vec<_>, Vec<f64>) = choices.unzip();
        let mix =
            Mix::new(&weights, self.seed).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let workload = self.checked.profile.workload.clone();
        Ok((choices, load::Plan::new(workload, mix, self.seed)))
    }

    /// What is known of the run while it goes on.
    fn record(&self, journal: &Journal, start: SystemTime) -> RunRecord {
        let workload = &self.checked.profile.workload;
        let is_open = workload.model.is_open();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let planned = workload.closes_after().map(|closes| closes + workload.drain);
        let tenants: Vec<_> =
            self.checked.profile.tenants().map(|(_, tenant)| tenant.clone()).collect();
        RunRecord {
            schema_version: crate::result::summary::SCHEMA_VERSION,
            gander_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: journal.plan.run.clone(),
            started_at: Utc::of(start).stamp(),
            started_unix_ms: unix_us(start) / 1000,
            ended_at: None,
            interrupted: false,
            stopped: None,
            never_looked: Vec::new(),
            seed: journal.plan.seed.clone(),
            workload_model: if is_open { WorkloadModel::Open } else { WorkloadModel::Closed },
            max_users: is_open.then(|| workload.model.users() as u64),
            planned_ms: planned.map(millis),
            reply_timeout_ms: millis(self.checked.profile.http.reply_timeout),
            thresholds: self.checked.rules().iter().map(ToString::to_string).collect(),
            host: HostRecord {
                name: format!("{} agents", journal.members.len()),
                ..HostRecord::default()
            },
            tenant_hosts: super::assemble::hosts(&tenants),
            segments: Vec::new(),
            share: None,
            parts: Vec::new(),
            flows: Vec::new(),
            plan: self.checked.plan.clone(),
        }
    }
}

/// From which moment on what a lost agent tells counts no more, if others have its load.
pub(super) fn cut_of(journal: &Journal, member: &Member) -> Option<u64> {
    let place = journal.members.iter().position(|of| of.name == member.name)?;
    journal.epochs.counts_until(place)
}

/// The directories of all agents, as far as they were told.
fn mirrors(dir: &RunDir, journal: &Journal) -> Result<Vec<Mirror>, MirrorError> {
    let standing = Standing::open(dir);
    let mirror = |member: &Member| {
        let next = standing.next.get(member.name.as_str()).copied().unwrap_or(0);
        let mut mirror =
            Mirror::open(&Journal::mirror(dir, &member.name), member.name.as_str(), next)?;
        if let Some(at_ms) = cut_of(journal, member) {
            mirror.cut(at_ms);
        }
        Ok(mirror)
    };
    journal.members.iter().map(mirror).collect()
}

/// What is needed to tell agents that their conductor cannot go on.
struct LastWord {
    wire: Wire,
    run: RunId,
    members: Vec<Name>,
    dir: RunDir,
}

impl LastWord {
    /// Lets all agents end their load, as far as they are reached, and says how what there is is rescued.
    async fn tell(self, mut failure: Failure) -> Failure {
        let why = failure.complaints.first().map_or_else(String::new, |it| it.what.clone());
        let who = format!("the conductor, which cannot go on: {why}");
        let order = Request::of(Order::Stop { run: self.run.clone(), now: false, who });
        let told = self.members.iter().map(|agent| self.wire.ask(agent, &order, LAST_WORD));
        // Who is not reached goes on as planned, and keeps what it finds.
        let _ = tokio::time::timeout(LAST_WORD, join_all(told)).await;
        failure.complaints.push(self.rescue());
        failure
    }

    fn rescue(&self) -> Complaint {
        let path = self.dir.path().display();
        let agents = format!("{path}/{AGENTS}");
        let merge = format!("`gander report --merge {agents}/*` makes one run of what is there");
        let again = "once that is mended, the same command with";
        let remedy = match self.dir.file(RUN).exists() {
            true => merge,
            false => format!(
                "{again} `--resume {path}` in place of `--out` finishes the run; or {merge}"
            ),
        };
        Complaint {
            what: format!(
                "agents were told to end; what they told is in `{agents}`, and what is missing there in the stream and in \
                 their own folders"
            ),
            place: None,
            remedy: Some(remedy),
        }
    }
}
