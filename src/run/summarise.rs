//! From what a run counted to its summary: the same for one that has just ended and for a directory
//! found years later.

use crate::analysis::caution::Circumstances;
use crate::analysis::rule::Rule;
use crate::analysis::verdict::judge;
use crate::measure::tally::Tally;
use crate::result::run_dir::{RunDir, RunDirError, RunRecord};
use crate::result::summary::{Facts, Summary};
use std::time::Duration;

/// Judges a settled tally by the rules on record. `stopped` is why the run ended early, if it did.
pub fn summarise(record: &RunRecord, tally: &Tally, stopped: Option<String>) -> Summary {
    let facts = Facts {
        run_id: record.run_id.clone(),
        started_at: record.started_at.clone(),
        workload_model: record.workload_model,
    };
    // They were rules when they were written.
    let rules: Vec<Rule> = record.thresholds.iter().filter_map(|rule| rule.parse().ok()).collect();
    let circumstances = Circumstances {
        workload_model: Some(record.workload_model),
        max_users: record.max_users,
        interrupted: record.interrupted,
        killed: record.ended_at.is_none(),
    };
    let timeout = Duration::from_millis(record.reply_timeout_ms);
    Summary::new(facts, tally, judge(tally, &rules, timeout, stopped, &circumstances))
}

/// The summary of a run directory: the one it has, or one made from its intervals if it was killed
/// before there was one.
pub fn of_directory(dir: &RunDir) -> Result<Summary, RunDirError> {
    match dir.summary()? {
        Some(summary) => Ok(summary),
        None => Ok(summarise(&dir.run()?, &dir.tally()?, None)),
    }
}
