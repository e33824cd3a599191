//! From ground to a run that can be conducted: who performs what, where it is recorded, and what is put on
//! record about it. The same for a run by itself and for one of several on the same ground.

use super::exit::{Exit, Failure};
use super::prepare::Ground;
use crate::analysis::early::Lookout;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::load::{Plan, ShareControl};
use crate::measure::recorder::Recorder;
use crate::profile::document::VariantBy;
use crate::profile::tenant::Tenant;
use crate::result::run_dir::{HostRecord, RunDir, RunRecord};
use crate::result::summary::WorkloadModel;
use crate::run::begin::Resumed;
use crate::run::call_log::CallLog;
use crate::run::conduct::Setup;
use crate::run::cores::cores;
use crate::run::players::{Choice, Players};
use crate::run::renewals::Renewals;
use crate::run::starts::Starts;
use crate::workload::mix::Mix;
use crate::workload::settings::Settings;
use std::sync::Arc;
use std::time::Duration;

/// What a run has of its own, where several share their ground.
pub(super) struct Undertaking {
    /// Its id.
    pub(super) run: RunId,
    /// Where its arrivals, its choices and its exemplars are drawn from. Who is invented for an iteration
    /// goes by the seed of the ground.
    pub(super) seed: Seed,
    /// How much load, and until when.
    pub(super) workload: Settings,
    /// Number of the first persona of an iteration; those below belong to others.
    pub(super) first_index: u64,
    /// Where calls are listed, if that is wanted.
    pub(super) calls: Option<CallLog>,
    /// Thresholds that end it when they do not hold.
    pub(super) lookouts: Vec<Lookout>,
    /// Whether a 429 pauses the load.
    pub(super) pauses: bool,
    /// The profile as run.
    pub(super) plan: serde_json::Value,
    /// Which part of the plan it performs, if not all of it.
    pub(super) share: Option<ShareControl>,
    /// When it begins, if it is not taken up again.
    pub(super) starts: Starts,
    /// What is on record of it, and where it stood, if it is taken up again.
    pub(super) going: Option<(RunRecord, Resumed)>,
}

impl Undertaking {
    /// The run that the ground was made for, as the profile has it.
    pub(super) fn of(ground: &Ground) -> Self {
        let Ground { checked, opened, .. } = ground;
        Self {
            run: opened.run.clone(),
            seed: opened.seed,
            workload: checked.profile.workload.clone(),
            first_index: opened.next_index,
            calls: None,
            lookouts: Vec::new(),
            pauses: checked.profile.pauses_when_limited,
            plan: checked.plan.clone(),
            share: checked.share.map(ShareControl::new),
            starts: Starts::Now,
            going: None,
        }
    }
}

/// Everything that the run is made of, ready to be conducted.
pub(super) fn setup(
    ground: &Ground,
    undertaking: Undertaking,
    dir: RunDir,
) -> Result<Setup<Players>, Failure> {
    let Ground { checked, opened, .. } = ground;
    let profile = &checked.profile;
    let (choices, weights) = choices(ground);
    let named = choices.iter().map(|choice| (choice.variant.clone(), choice.script.name.clone()));
    let named = (named.collect(), profile.variant_by == VariantBy::Flow);
    let mix = Mix::new(&weights, undertaking.seed)
        .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let anew = record(ground, &undertaking);
    let Undertaking {
        seed,
        workload,
        first_index,
        calls,
        lookouts,
        pauses,
        share,
        starts,
        going,
        ..
    } = undertaking;
    let (record, resumed) = going.map_or((anew, None), |(record, at)| (record, Some(at)));
    // The runtime's workers record, and the thread that waits for them may.
    let recorder = Recorder::new(cores() as usize + 1, seed);
    let transport = opened.transport.clone();
    let is_open = workload.model.is_open();
    let plan = Plan::new(workload, mix, seed);
    let plan = match &resumed {
        // Whoever took it up made sure that something is left.
        Some(resumed) => plan.clone().onward(resumed.onward.clone()).unwrap_or(plan),
        None => plan,
    };
    let plan = plan.with_share(share);
    let users = plan.users();
    let plan = if pauses { plan.with_pauses(Clock::system()) } else { plan };
    let first_index = first_index.saturating_sub(plan.first_number());
    let numbering = (first_index, calls);
    let players = Players::new(Clock::system(), transport, recorder.clone(), choices, numbering);
    let players = players.telling(plan.pauses.clone());
    let players = if is_open { players.on_a_schedule() } else { players };
    let players = match profile.variant_by {
        VariantBy::Flow => players.by_flow(users),
        VariantBy::Profile => players,
    };
    Ok(Setup {
        plan,
        performer: Arc::new(players),
        recorder,
        dir,
        record,
        guards: profile.guards_if(pauses),
        choices: named,
        lookouts,
        pilot: None,
        first_index,
        starts,
        resumed,
        renewals: Renewals::of(&opened.bearers, &opened.kept),
        ledger: opened.ledger.clone(),
        kept: opened.kept.clone(),
    })
}

/// Every journey of every variant, and how often it is dealt out.
fn choices(ground: &Ground) -> (Vec<Choice>, Vec<f64>) {
    let Ground { checked, opened, .. } = ground;
    let variants = checked.profile.variants.iter().zip(&opened.stages);
    let of_variant = variants.flat_map(|(variant, stage)| {
        checked.journeys.iter().map(move |(script, weight)| {
            let choice = Choice {
                script: script.clone(),
                variant: variant.name.clone(),
                policy: variant.policy(&script.name).map(str::to_owned),
                stage: stage.clone(),
            };
            (choice, variant.weight * weight)
        })
    });
    of_variant.unzip()
}

fn record(ground: &Ground, undertaking: &Undertaking) -> RunRecord {
    let Undertaking { run, seed, workload, plan, .. } = undertaking;
    let (profile, share) = (&ground.checked.profile, ground.checked.share);
    let is_open = workload.model.is_open();
    let planned = workload.closes_after().map(|closes| closes + workload.drain);
    RunRecord {
        schema_version: crate::result::summary::SCHEMA_VERSION,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: run.clone(),
        started_at: String::new(),
        started_unix_ms: 0,
        ended_at: None,
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: seed.to_string(),
        workload_model: if is_open { WorkloadModel::Open } else { WorkloadModel::Closed },
        max_users: is_open.then(|| share.unwrap_or_default().count(workload.model.users() as u64)),
        planned_ms: planned.map(milliseconds),
        reply_timeout_ms: milliseconds(profile.http.reply_timeout),
        thresholds: ground.checked.rules().iter().map(ToString::to_string).collect(),
        share,
        host: host(),
        tenant_hosts: hosts(&ground.tenants),
        segments: Vec::new(),
        parts: Vec::new(),
        flows: Vec::new(),
        plan: plan.clone(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn host() -> HostRecord {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    HostRecord {
        name: name.trim().to_owned(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cores: cores().into(),
    }
}

/// The hosts that may be called, each once.
pub(super) fn hosts(tenants: &[Tenant]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in tenants.iter().flat_map(|tenant| &tenant.hosts) {
        if !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}
