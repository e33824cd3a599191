//! What a merged run was, from what its parts were.

use crate::base::clock::Utc;
use crate::base::names::RunId;
use crate::result::merge::{Layout, Source};
use crate::result::part::Part;
use crate::result::run_dir::{HostRecord, RunRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// Most of anything that is named one by one.
const MOST: usize = 3;

/// The record of the whole. What it met is filled in by whoever has counted it.
pub(super) fn of(
    sources: &[Source],
    layout: &Layout,
    run_id: &RunId,
    parts: Vec<Part>,
) -> RunRecord {
    let records = || sources.iter().map(|source| &source.record);
    let first = records().next();
    let ended_ms = layout.started_unix_ms.saturating_add(layout.elapsed_ms);
    let stamp = |unix_ms| {
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms));
        Utc::of(at.unwrap_or(SystemTime::UNIX_EPOCH)).stamp()
    };
    let named = |source: &Source, text: &String| format!("part `{}`: {text}", source.name);
    let stopped = sources.iter().filter_map(|of| Some(named(of, of.record.stopped.as_ref()?)));
    let stopped: Vec<String> = stopped.collect();
    let never_looked = sources
        .iter()
        .flat_map(|of| of.record.never_looked.iter().map(move |text| named(of, text)))
        .take(MOST)
        .collect();
    let mut seeds: Vec<String> = records().map(|record| record.seed.clone()).collect();
    let mut known = BTreeSet::new();
    seeds.retain(|seed| known.insert(seed.clone()));
    let max_users: Vec<u64> = records().filter_map(|record| record.max_users).collect();
    let mut tenant_hosts: Vec<String> = Vec::new();
    for host in records().flat_map(|record| &record.tenant_hosts) {
        if !tenant_hosts.contains(host) {
            tenant_hosts.push(host.clone());
        }
    }
    RunRecord {
        schema_version: first.map_or(1, |record| record.schema_version),
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: run_id.clone(),
        started_at: stamp(layout.started_unix_ms),
        started_unix_ms: layout.started_unix_ms,
        // A part without an end is told of by its name.
        ended_at: Some(stamp(ended_ms)),
        interrupted: records().any(|record| record.interrupted),
        stopped: (!stopped.is_empty()).then(|| listed(&stopped, "; ")),
        never_looked,
        seed: listed(&seeds, ", "),
        workload_model: first
            .map_or(crate::result::summary::WorkloadModel::Open, |of| of.workload_model),
        max_users: (!max_users.is_empty())
            .then(|| max_users.iter().fold(0u64, |a, b| a.saturating_add(*b))),
        planned_ms: records().filter_map(|record| record.planned_ms).max(),
        reply_timeout_ms: first.map_or(0, |record| record.reply_timeout_ms),
        thresholds: first.map(|record| record.thresholds.clone()).unwrap_or_default(),
        host: hosts(records().map(|record| &record.host)),
        tenant_hosts,
        segments: Vec::new(),
        share: None,
        parts,
        flows: Vec::new(),
        plan: first.map(|record| record.plan.clone()).unwrap_or_default(),
    }
}

/// All machines as one: those of one name once.
fn hosts<'a>(hosts: impl Iterator<Item = &'a HostRecord>) -> HostRecord {
    let (mut cores, mut systems): (BTreeMap<&str, u64>, BTreeSet<&str>) = Default::default();
    for host in hosts {
        let most = cores.entry(&host.name).or_default();
        *most = (*most).max(host.cores);
        systems.insert(&host.system);
    }
    let names: Vec<String> = cores.keys().map(|name| (*name).to_owned()).collect();
    let systems: Vec<String> = systems.into_iter().map(str::to_owned).collect();
    HostRecord {
        name: listed(&names, ", "),
        system: listed(&systems, ", "),
        cores: cores.values().fold(0u64, |a, b| a.saturating_add(*b)),
    }
}

/// The first few, and how many more.
fn listed(texts: &[String], between: &str) -> String {
    let mut told: Vec<String> = texts.iter().take(MOST).cloned().collect();
    let more = texts.len() - told.len();
    told.extend((more > 0).then(|| format!("and {more} more")));
    told.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_one_name_are_one() {
        let host =
            |name: &str, cores| HostRecord { name: name.into(), system: "linux".into(), cores };
        let all = [host("a", 2), host("b", 4), host("a", 2), host("c", 1), host("d", 1)];
        assert_eq!(
            hosts(all.iter()),
            HostRecord { name: "a, b, c, and 1 more".into(), system: "linux".into(), cores: 8 }
        );
    }
}
