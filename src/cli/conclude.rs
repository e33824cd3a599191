//! The end of a run of several machines: what is lost is booked, the agents' directories are joined, and the whole is
//! judged and shown.

use super::broadcast::Views;
use super::ensemble::{Ensemble, unkept};
use super::exit::{Exit, Failure};
use super::report::about;
use super::run::RunArgs;
use super::see_through::cut_of;
use super::settle::leave_reports;
use crate::base::clock::Utc;
use crate::base::names::{Journey, Variant};
use crate::base::share::Share;
use crate::cluster::journal::{CONDUCTOR, Journal, Member};
use crate::cluster::keep::Standing;
use crate::cluster::mirror::Mirror;
use crate::cluster::order::Order;
use crate::measure::timeline::{Line, Readings};
use crate::report::{console, json};
use crate::result::merge::Source;
use crate::result::run_dir::{HostRecord, RunRecord, TIMELINE};
use crate::run::lost::{begun, counted, line, planned};
use crate::run::merge::{Merged, merge};
use crate::run::summarise::{drift, summarise, windows};
use std::time::Duration;

/// How long an agent may take to hear that everything is safe.
const CONFIRM: Duration = Duration::from_secs(2);

/// Ends a run of which nothing more is to come.
pub(super) async fn conclude(
    mut ensemble: Ensemble<'_>,
    named: (&[(Variant, Journey)], bool),
    (args, views): (&RunArgs, Views),
) -> Result<Exit, Failure> {
    if ensemble.mirrors.iter().all(|mirror| mirror.record().is_none()) {
        return nothing(ensemble).await;
    }
    book_lost(&mut ensemble, named)?;
    let Ensemble { conductor, results, journal, dir, mirrors, ending, terminal, .. } = ensemble;
    let sources = sources(&journal, &mirrors);
    drop(mirrors);
    let merged = merge(&sources, dir, &journal.plan.run)
        .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let Merged { dir, record, summary, .. } = judged(merged, &journal)?;
    leave_reports(&dir, terminal);
    ending.is_settled(Exit::of_run(summary.verdict, record.interrupted));
    // Now nobody has to keep anything of it.
    let confirm = |run| Order::Confirm { run };
    let orders = journal.members.iter();
    let orders =
        orders.map(|member| (member.name.clone(), confirm(journal.plan.run.clone()))).collect();
    let _ = conductor.order_all(orders, CONFIRM).await;
    results.close().await;
    let _ = std::fs::remove_file(dir.file(CONDUCTOR));
    Standing::remove(&dir);
    if args.json {
        let text = json::render(&summary).map_err(|error| Failure::of(Exit::Bug, &error))?;
        terminal.data_aside(text.trim_end().to_owned());
    }
    let (about, paint) = (about(&record, &dir), terminal.paint_of_text());
    let text = console::render(&summary, &about, terminal.columns(), paint);
    terminal.say(&format!("\n{}", text.trim_end()));
    let tally = dir.tally().map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    views.finish(&record, &summary, &tally, (ending, terminal));
    Ok(Exit::of_run(summary.verdict, record.interrupted))
}

/// It was stopped before any load.
async fn nothing(ensemble: Ensemble<'_>) -> Result<Exit, Failure> {
    let Ensemble { results, dir, terminal, .. } = ensemble;
    results.close().await;
    let _ = std::fs::remove_file(dir.file(CONDUCTOR));
    Standing::remove(&dir);
    terminal.say("stopped before any load");
    Ok(Exit::Interrupted)
}

/// Books what lost agents left undone.
fn book_lost(
    ensemble: &mut Ensemble<'_>,
    named: (&[(Variant, Journey)], bool),
) -> Result<(), Failure> {
    ensemble.settle_handovers();
    let number = ensemble.journal.members.len();
    let roster = ensemble.journal.epochs.roster(number);
    let stopped = ensemble.journal.stopped_ms.map(Duration::from_millis);
    let elapsed = ensemble.elapsed();
    let until = stopped.or_else(|| ensemble.plan.workload.closes_after()).unwrap_or(elapsed);
    let ended_at = Utc::of(ensemble.clock.wall()).stamp();
    let any = ensemble.mirrors.iter().find_map(|mirror| mirror.record().cloned());
    let mut missing = missing_of_count(ensemble)?;
    for agent in 0..number {
        let member = ensemble.journal.members[agent].clone();
        if member.lost_from_ms.is_none() {
            continue;
        }
        if let (None, Some(any)) = (ensemble.mirrors[agent].record(), &any) {
            let record = supposed(any, &member, (agent, number));
            ensemble.mirrors[agent].suppose(record).map_err(|error| unkept(&error))?;
        }
        let told = ensemble.told_by(agent)?;
        let plan = &ensemble.plan;
        let place = u32::try_from(agent).unwrap_or(u32::MAX);
        let of_plan = match plan.count_of_closed() {
            None => planned(plan, (&roster, place), until, named),
            Some(count) => {
                let kept = ensemble.journal.epochs.keeps(agent, (number, count));
                let left = missing.min(kept.saturating_sub(begun(&told)));
                missing -= left;
                let of = u32::try_from(number).unwrap_or(u32::MAX);
                Some(counted(plan, (&roster, place, of), (&told, left), named))
            }
        };
        let mirror = &mut ensemble.mirrors[agent];
        let mut last = Readings::default();
        mirror
            .dir()
            .each_line(TIMELINE, |line: Line| last = line.readings)
            .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let (interval, end_ms) = mirror.stand();
        let readings = Readings {
            next_arrival: last.next_arrival,
            next_persona: last.next_persona,
            ..Readings::default()
        };
        let line =
            line(member.name.as_str(), &told, of_plan.as_ref(), (interval, end_ms, readings));
        mirror.give_up(line, ended_at.clone()).map_err(|error| unkept(&error))?;
    }
    Ok(())
}

/// What nobody performed of a count of the closed model; nothing where the run was to end before.
fn missing_of_count(ensemble: &mut Ensemble<'_>) -> Result<u64, Failure> {
    let Some(count) = ensemble.plan.count_of_closed() else { return Ok(0) };
    let closes = ensemble.plan.workload.closes_after();
    let is_over = closes.is_some_and(|closes| ensemble.elapsed() >= closes);
    if is_over || ensemble.journal.stops > 0 {
        return Ok(0);
    }
    let mut all = 0;
    for agent in 0..ensemble.journal.members.len() {
        all += begun(&ensemble.told_by(agent)?);
    }
    Ok(count.saturating_sub(all))
}

/// The record of an agent that was lost before it told anything, by that of another: its whole share is lost.
fn supposed(other: &RunRecord, member: &Member, (agent, all): (usize, usize)) -> RunRecord {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    RunRecord {
        share: Share::new(number(agent), number(all)),
        host: HostRecord { name: member.host.clone(), ..HostRecord::default() },
        ended_at: None,
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        flows: Vec::new(),
        ..other.clone()
    }
}

/// The parts of the whole.
fn sources(journal: &Journal, mirrors: &[Mirror]) -> Vec<Source> {
    let members = journal.members.iter().zip(mirrors);
    let source = |(member, mirror): (&Member, &Mirror)| {
        Some(Source {
            name: member.name.to_string(),
            dir: mirror.dir().clone(),
            record: mirror.record()?.clone(),
            clock_offset_ms: Some(member.offset_us / 1000),
            lost_from_ms: member.lost_from_ms,
            taken_over_from_ms: member.lost_from_ms.and_then(|_| cut_of(journal, member)),
        })
    };
    members.filter_map(source).collect()
}

/// What ended the run is what its conductor says, besides what its parts say.
fn judged(merged: Merged, journal: &Journal) -> Result<Merged, Failure> {
    let is_ours = journal.stopped.is_some();
    let is_interrupted = journal.stops > 0 && !is_ours;
    if !is_ours && merged.record.interrupted == is_interrupted {
        return Ok(merged);
    }
    let wrong = |error| Failure::of(Exit::WrongInput, &error);
    let Merged { dir, mut record, ledgers, .. } = merged;
    (record.stopped, record.interrupted) = (journal.stopped.clone(), is_interrupted);
    dir.write_run(&record).map_err(wrong)?;
    let tally = dir.tally().map_err(wrong)?;
    let windows = windows(&dir, &record).map_err(wrong)?;
    let mut summary = summarise(&record, &tally, Some(&windows), record.stopped.clone());
    summary.drift = drift(&dir, &record).map_err(wrong)?;
    dir.write_summary(&summary).map_err(wrong)?;
    Ok(Merged { dir, record, summary, ledgers })
}
