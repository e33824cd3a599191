//! From what a run counted to its summary: the same for one that has just ended and for a directory
//! found years later.

use crate::analysis::caution::Circumstances;
use crate::analysis::rule::Rule;
use crate::analysis::soak::found::{Ground, MOST_WINDOWS as MOST_SOAK_WINDOWS, SHORTEST, find};
use crate::analysis::threshold::Evidence;
use crate::analysis::verdict::judge;
use crate::base::names::{Journey, Variant};
use crate::measure::tally::Tally;
use crate::measure::timeline::Line;
use crate::measure::windows::Windows;
use crate::measure::{Exemplar, SAMPLED, SLOWEST};
use crate::result::dossier::Dossier;
use crate::result::run_dir::{EXEMPLARS, FAULTS, RunDir, RunDirError, RunRecord, TIMELINE};
use crate::result::soak::DriftSummary;
use crate::result::summary::{Facts, Summary};
use crate::result::writer::MOST_FAULTS;
use std::collections::HashMap;
use std::time::Duration;

/// The most exemplars of a dossier, whatever its directory holds.
const MOST_EXEMPLARS: usize = 20_000;

/// The most windows that thresholds are judged by. With the lengths of windows that files have, a run of a
/// day has as many; of a longer one they are twice as long.
const MOST_WINDOWS: usize = 1440;

/// The windows on file that a run is judged by: of what its rules are about.
pub fn windows(dir: &RunDir, record: &RunRecord) -> Result<Windows, RunDirError> {
    let rules = rules(record);
    dir.windows_of(MOST_WINDOWS, |key| rules.iter().any(|rule| rule.scope.has_times(key)))
}

/// Judges a settled tally by the rules on record. `windows` are those on file, none while the run goes on:
/// then what is about stretches of it is left open. `stopped` is why the run ended early, if it did.
pub fn summarise(
    record: &RunRecord,
    tally: &Tally,
    windows: Option<&Windows>,
    stopped: Option<String>,
) -> Summary {
    let facts = Facts {
        run_id: record.run_id.clone(),
        started_at: record.started_at.clone(),
        workload_model: record.workload_model,
        parts: record.parts.clone(),
    };
    let circumstances = Circumstances {
        workload_model: Some(record.workload_model),
        max_users: record.max_users,
        interrupted: record.interrupted,
        unfinished: record.ended_at.is_none(),
        segments: record.segments.clone(),
        by_flow: record.counts_by_flow(),
        never_looked: record.never_looked.clone(),
        started_unix_ms: record.started_unix_ms,
        parts: record.parts.clone(),
        share: record.share,
    };
    let reply_timeout = Duration::from_millis(record.reply_timeout_ms);
    let on = Evidence { tally, windows, reply_timeout };
    Summary::new(facts, tally, judge(&on, &rules(record), stopped, &circumstances))
}

/// The summary of a run directory: the one it has, or one made from its intervals if it was killed
/// before there was one.
pub fn of_directory(dir: &RunDir) -> Result<Summary, RunDirError> {
    match dir.summary()? {
        Some(summary) => Ok(summary),
        None => {
            let record = dir.run()?;
            afresh(dir, &record, &dir.tally()?)
        }
    }
}

/// Everything that a directory tells of its run, also of one that was killed.
pub fn dossier(dir: &RunDir) -> Result<Dossier, RunDirError> {
    let record = dir.run()?;
    let (tally, course) = dir.course()?;
    let summary = match dir.summary()? {
        Some(summary) => summary,
        None => afresh(dir, &record, &tally)?,
    };
    let exemplars = exemplars(dir)?;
    let mut failing = Vec::new();
    dir.each_line(FAULTS, |sample| {
        if failing.len() < MOST_FAULTS {
            failing.push(sample);
        }
    })?;
    Ok(Dossier { record, summary, tally, course, exemplars, failing, is_running: false })
}

/// How a run that is on file changed from beginning to end; none of one that is too short. A run that is
/// judged by its flows is told by them.
pub fn drift(dir: &RunDir, record: &RunRecord) -> Result<Option<DriftSummary>, RunDirError> {
    // Most runs are too short, and that costs only a look at their counters.
    let mut measured_ms = 0;
    dir.each_line(TIMELINE, |line: Line| measured_ms += line.measured_ms)?;
    if Duration::from_millis(measured_ms) < SHORTEST {
        return Ok(None);
    }
    let (windows, course) = dir.windows_and_course(MOST_SOAK_WINDOWS)?;
    Ok(find(&Ground {
        windows: &windows,
        course: &course,
        rules: &rules(record),
        reply_timeout: Duration::from_millis(record.reply_timeout_ms),
        started_unix_ms: record.started_unix_ms,
    }))
}

/// They were rules when they were written.
fn rules(record: &RunRecord) -> Vec<Rule> {
    record.thresholds.iter().filter_map(|rule| rule.parse().ok()).collect()
}

fn afresh(dir: &RunDir, record: &RunRecord, tally: &Tally) -> Result<Summary, RunDirError> {
    let windows = windows(dir, record)?;
    let summary = summarise(record, tally, Some(&windows), record.stopped.clone());
    Ok(Summary { drift: drift(dir, record)?, ..summary })
}

/// As many as a run keeps, whatever a damaged file holds.
fn exemplars(dir: &RunDir) -> Result<Vec<Exemplar>, RunDirError> {
    let mut exemplars = Vec::new();
    let mut kept: HashMap<(Variant, Journey), usize> = HashMap::new();
    dir.each_line(EXEMPLARS, |exemplar: Exemplar| {
        if exemplars.len() < MOST_EXEMPLARS {
            let key = (exemplar.variant.clone(), exemplar.journey.clone());
            let of_journey = kept.entry(key).or_default();
            if *of_journey < SAMPLED + SLOWEST {
                *of_journey += 1;
                exemplars.push(exemplar);
            }
        }
    })?;
    Ok(exemplars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::summary::Verdict;

    fn record(ended_at: Option<&str>, stopped: Option<&str>) -> RunRecord {
        let record = serde_json::json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 1_795_286_081_000u64,
            "ended_at": ended_at, "interrupted": false, "stopped": stopped, "seed": "1",
            "workload_model": "closed", "planned_ms": null, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "", "system": "", "cores": 2 },
            "tenant_hosts": [], "flows": [], "plan": {},
        });
        serde_json::from_value(record).unwrap()
    }

    fn of(ended_at: Option<&str>, stopped: Option<&str>) -> Summary {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        dir.write_run(&record(ended_at, stopped)).unwrap();
        of_directory(&dir).unwrap()
    }

    #[test]
    fn a_dossier_holds_no_more_samples_than_a_run_keeps() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        dir.write_run(&record(None, None)).unwrap();
        let exemplar = |journey: &str| {
            let exemplar = serde_json::json!({
                "variant": "v1", "journey": journey, "slowest": false, "iteration": 1, "due_us": 0,
                "response_us": 1, "service_us": 1, "elapsed_us": 1, "ending": "completed",
                "exchanges": [],
            });
            format!("{exemplar}\n")
        };
        let one = SAMPLED + SLOWEST;
        let lines = exemplar("a").repeat(one + 9) + &exemplar("b") + &exemplar("a");
        std::fs::write(dir.file(EXEMPLARS), lines).unwrap();
        let fault = serde_json::json!({
            "at_us": 1, "iteration": 1, "variant": "v1", "journey": "a", "step": "", "capability": "",
            "event": "", "action": "", "fault": "read-timeout", "status": null, "call_id": null,
            "detail": "",
        });
        std::fs::write(dir.file(FAULTS), format!("{fault}\n").repeat(MOST_FAULTS + 9)).unwrap();
        let dossier = dossier(&dir).unwrap();
        assert_eq!(dossier.exemplars.len(), one + 1);
        assert_eq!(dossier.failing.len(), MOST_FAULTS);
        let many: String =
            (0..MOST_EXEMPLARS + 9).map(|number| exemplar(&number.to_string())).collect();
        std::fs::write(dir.file(EXEMPLARS), many).unwrap();
        assert_eq!(exemplars(&dir).unwrap().len(), MOST_EXEMPLARS);
    }

    #[test]
    fn a_directory_without_a_summary_is_judged_by_its_record() {
        let ended = Some("2026-11-21T18:35:41.000Z");
        let found = of(ended, None);
        assert_eq!((found.verdict, found.reasons), (Verdict::Pass, vec![]));
        let found = of(ended, Some("too many faults"));
        assert_eq!(
            (found.verdict, found.reasons),
            (Verdict::Fail, vec!["too many faults".to_owned()])
        );
        let found = of(None, None);
        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!(found.cautions[0].slug, "unfinished");
    }
}
