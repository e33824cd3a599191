//! Arrivals as the theory of queues has them, and the times that gander logged of them.

use crate::lab::{Ended, Lab};
use crate::one_call::profile;
use crate::tenant::Tenant;
use gander::measure::series::{Kind, Phase};
use gander::result::run_dir::{INTERVALS, RunDir};

/// An open run and what its log says.
pub(super) struct OpenRun {
    pub(super) ended: Ended,
    pub(super) lab: Lab,
}

impl OpenRun {
    /// Runs gander with these keys of `[workload]`.
    pub(super) fn run(tenant: &Tenant, workload: &str) -> Self {
        let lab = Lab::new();
        let profile = profile(&lab, tenant, workload);
        let ended =
            tenant.gander(&lab, &["run", &profile, "--seed", "1", "--calls", "calls.jsonl"]);
        Self { ended, lab }
    }

    /// Measured times of this kind by the run's interval log.
    pub(super) fn times(&self, kind: Kind) -> hdrhistogram::Histogram<u32> {
        let dir = RunDir::open(&self.lab.path("reports/latest")).expect("a run directory");
        let mut all = hdrhistogram::Histogram::new(3).expect("three digits");
        let add = |entry: gander::result::interval_log::Entry| {
            if entry.key.phase == Phase::Measured && entry.key.kind == kind {
                let mut times = entry.key.bounds().histogram();
                entry.times.fill(&mut times);
                all.add(times).expect("times that fit");
            }
        };
        dir.each_entry(INTERVALS, add).expect("a readable log");
        all
    }

    /// How many measured times of this kind are longer.
    pub(super) fn longer(&self, kind: Kind, than_ms: u64) -> u64 {
        let times = self.times(kind);
        times.len() - times.count_between(0, than_ms * 1000)
    }

    /// Fails unless the run ended so.
    pub(super) fn must_end_with(&self, code: i32) -> Result<(), String> {
        if self.ended.code == code {
            return Ok(());
        }
        Err(format!("exit {}, not {code}: {}", self.ended.code, self.ended.stderr))
    }
}
