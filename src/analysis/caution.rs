//! Reasons to distrust a number, each with what to do about it.

use super::parts;
use super::verdict::OVERLOADED_PART;
use crate::base::clock::Utc;
use crate::base::figures;
use crate::base::names::{Journey, MOST_FLOW_VARIANTS, OTHER_FLOW, UNKNOWN_FLOW, Variant};
use crate::base::share::Share;
use crate::base::units::Span;
use crate::measure::catalogue::MOST_SERIES;
use crate::measure::histogram::{Percentile, Times};
use crate::measure::segment::{Segment, gaps};
use crate::measure::series::Kind;
use crate::measure::tally::{FlowTally, Tally, share};
use crate::measure::timeline::allowed_lag_us;
use crate::result::part::Part;
use crate::result::summary::{Caution, WorkloadModel};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// What of a run the tally does not know.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// How load was made, if it is known.
    pub workload_model: Option<WorkloadModel>,
    /// How many iterations could be under way at once, in the open model.
    pub max_users: Option<u64>,
    /// Whether a person interrupted the run.
    pub interrupted: bool,
    /// Whether the run has no end on record, because gander was killed or could not write on: the
    /// result was put together from the files.
    pub unfinished: bool,
    /// The segments of a run that was taken up again.
    pub segments: Vec<Segment>,
    /// Whether variants are the flows that iterations met.
    pub by_flow: bool,
    /// The thresholds that were to stop the run and never had samples enough to, each in a line of its own.
    pub never_looked: Vec<String>,
    /// When it started, in milliseconds since 1970; 0 where that is not known.
    pub started_unix_ms: u64,
    /// The parts of a run that was merged of several.
    pub parts: Vec<Part>,
    /// Of a run that is one part of a plan: which.
    pub share: Option<Share>,
}

/// One reason of the table: when it applies, with its text.
struct Reason {
    slug: &'static str,
    advice: &'static str,
    text: fn(&Tally, &Circumstances) -> Option<String>,
}

/// The table, gravest first.
const REASONS: &[Reason] = &[
    Reason { slug: "unfinished", advice: KILLED, text: unfinished },
    Reason { slug: "interrupted", advice: KILLED, text: interrupted },
    Reason { slug: "one-share", advice: WHOLE, text: one_share },
    Reason { slug: "shares-missing", advice: MISSING, text: |_, of| parts::missing(&of.parts) },
    Reason { slug: "part-lost", advice: LOST, text: |_, of| parts::lost(&of.parts) },
    Reason { slug: "apart", advice: APART, text: |_, of| parts::apart(&of.parts) },
    Reason { slug: "whole-plans", advice: SHARES, text: |_, of| parts::whole_plans(&of.parts) },
    Reason { slug: "several-versions", advice: ONE, text: |_, of| parts::versions(&of.parts) },
    Reason { slug: "resumed", advice: GAPS, text: resumed },
    Reason { slug: "rate-changed", advice: BY_HAND, text: rate_changed },
    Reason { slug: "paused", advice: PAUSES, text: paused },
    Reason { slug: "rate-limited", advice: LICENCE, text: rate_limited },
    Reason { slug: "generator-unknown", advice: UNKNOWN, text: generator_unknown },
    Reason { slug: "generator-busy", advice: BUSY, text: generator_busy },
    Reason { slug: "little-headroom", advice: BUSY, text: little_headroom },
    Reason { slug: "scheduler-lag", advice: LATE, text: scheduler_lag },
    Reason { slug: "fd-limit", advice: FILES, text: fd_limit },
    Reason { slug: "ports-short", advice: PORTS, text: ports_short },
    Reason { slug: "flow-changed", advice: CHANGED, text: flow_changed },
    Reason { slug: "several-flows", advice: FLOWS, text: several_flows },
    Reason { slug: "flow-unknown", advice: UNMET, text: flow_unknown },
    Reason { slug: "too-many-flows", advice: MANY, text: too_many_flows },
    Reason { slug: "abort-never-looked", advice: BLIND, text: abort_never_looked },
    Reason { slug: "few-samples", advice: FEW, text: few_samples },
    Reason { slug: "cut-off", advice: CUT_OFF, text: cut_off },
    Reason { slug: "closed-model", advice: CLOSED, text: closed_model },
    Reason { slug: "clipped", advice: CLIPPED, text: clipped },
    Reason { slug: "counter-full", advice: FULL, text: counter_full },
    Reason { slug: "too-many-series", advice: SERIES, text: too_many_series },
];

const KILLED: &str = "repeat the run to its end before you rely on it";
const WHOLE: &str =
    "merge the directories of all shares: `gander report --merge DIR…` judges the whole";
const MISSING: &str =
    "merge the directories of all shares; rates are those of the shares that are there";
const LOST: &str = "see why the machine went away; what its iterations would have met nobody knows";
const APART: &str = "start the parts at the same moment; read percentiles and shares, and no rates";
const SHARES: &str = "read rates as those of all runs together; to have one plan's load made by several machines, \
     give each its share of it";
const ONE: &str = "run all parts with one version of gander";
const GAPS: &str = "nothing is told of the gaps; what came back right after one met a tenant that had \
     rested, and what was cut off by a kill counts as slower than any limit";
const BY_HAND: &str = "read it as a trial; to rely on it, write the stages that you found into \
     `workload.stages` and run those";
const BUSY: &str = "use fewer users or a lower rate, a larger machine, or several agents";
const PAUSES: &str = "read its times as those of a load that gives way; lower the rate to what the licence allows for one \
     that does not";
const LICENCE: &str = "read what failed then as the licence's doing, not the flow's; run at a rate that fits, which \
     `[limits]` says beforehand, or have the licence raised; comparisons leave these stretches out";
const UNKNOWN: &str = "watch the generator's CPU by other means, or run on Linux";
const LATE: &str = "take other work off this machine, give gander more cores, or use fewer users";
const FILES: &str =
    "raise the hard limit of open files (`ulimit -Hn`, `LimitNOFILE=`), or use fewer users";
const PORTS: &str = "send from more addresses (`http.local_addresses`), keep connections longer \
     (`http.connections = \"per-user\"`), or widen `net.ipv4.ip_local_port_range`";
const FLOWS: &str = "keep the policy as it is during a run; if it splits traffic on purpose, count by flow \
     (`--variant-by flow`), or run each flow version under a policy of its own";
const UNMET: &str =
    "look at the faults of `unknown` before you compare flows: they may all be those of one";
const MANY: &str =
    "look for a flow whose id changes with every start, or run fewer versions at once";
const CHANGED: &str = "repeat the run: one half measured another flow version than the other";
const BLIND: &str =
    "give the rule a longer `over`, or make more load; at the end it was judged all the same";
const FEW: &str = "run longer: a 99th percentile wants a thousand samples, a 95th two hundred";
const CUT_OFF: &str = "make `workload.drain` longer than the slowest journey, think time and a wait for a code \
     (`codes.timeout`) included";
const CLOSED: &str = "read the times as those of users who wait their turn; `--rate` or `workload.rate` make \
     arrivals that do not wait";
const CLIPPED: &str = "take the maximum as a lower bound";
const FULL: &str = "split the run: a histogram counts each time at most 4,294,967,295 times";
const SERIES: &str = "look for an action or capability name that changes with every iteration";

/// Flows that were met side by side for less than this part of the time took turns.
const OVERLAP_PART: u64 = 10;

/// Mean CPU share above which a burst finds no core free: waiting for one grows fast from there on.
pub(super) const LITTLE_HEADROOM: f64 = 0.6;

/// Percent of the open files or of the ports from which on the rest may be gone in a moment.
const NEARLY_ALL: u64 = 85;

/// A 99th percentile of fewer is one of its ten slowest samples.
const FEW_SAMPLES: u64 = 1000;

/// All that apply, gravest first.
pub fn all(tally: &Tally, circumstances: &Circumstances) -> Vec<Caution> {
    let caution = |reason: &Reason| {
        let text = (reason.text)(tally, circumstances)?;
        Some(Caution { slug: reason.slug.to_owned(), text, advice: reason.advice.to_owned() })
    };
    REASONS.iter().filter_map(caution).collect()
}

fn one_share(_: &Tally, of: &Circumstances) -> Option<String> {
    of.share.map(|share| {
        format!(
            "this is share {share} of a plan: thresholds are for the whole, and shown as this share saw them"
        )
    })
}

fn unfinished(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let seconds = tally.run.elapsed_ms / 1000;
    circumstances.unfinished.then(|| {
        format!(
            "the run has no end on record: the result covers the first {seconds} s, as far as it was \
             written"
        )
    })
}

fn interrupted(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let seconds = tally.run.elapsed_ms / 1000;
    circumstances.interrupted.then(|| format!("the run was interrupted after {seconds} s"))
}

/// Most stretches of 429 that are told one by one.
const MOST_STRETCHES: usize = 5;

/// Most gaps that are told one by one.
const MOST_GAPS: usize = 5;

fn resumed(_: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::resumed(&circumstances.parts);
    }
    let gaps = gaps(&circumstances.segments);
    let span = |ms: u64| Span(Duration::from_secs(ms / 1000));
    let told = gaps
        .iter()
        .take(MOST_GAPS)
        .map(|gap| format!("from {} to {}", span(gap.from_ms), span(gap.warm_ms)));
    let mut told: Vec<_> = told.collect();
    let times = match gaps.len() {
        0 => return None,
        1 => "once".to_owned(),
        number => format!("{number} times"),
    };
    let more = gaps.len() - told.len();
    told.extend((more > 0).then(|| format!("{more} more times")));
    let cut_off: u64 = circumstances.segments.iter().map(|segment| segment.cut_off).sum();
    let cut_off = match cut_off {
        0 => String::new(),
        1 => "; 1 iteration was under way when gander was killed".to_owned(),
        number => format!("; {number} iterations were under way when gander was killed"),
    };
    Some(format!(
        "the run was taken up again {times}: nothing was measured {}{cut_off}",
        told.join(", ")
    ))
}

fn rate_changed(tally: &Tally, _: &Circumstances) -> Option<String> {
    let times = match tally.run.rate_changes {
        0 => return None,
        1 => "once".to_owned(),
        number => format!("{number} times"),
    };
    Some(format!(
        "the rate was changed by hand {times} while the run went on: it is not the run of its plan"
    ))
}

fn paused(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::paused(&circumstances.parts);
    }
    let ms = tally.run.paused_ms;
    let length = Span(Duration::from_secs(ms.div_ceil(1000)));
    (ms > 0).then(|| {
        format!(
            "nothing new began for {length} in all, because the tenant answered 429: that time is not measured, and \
             what was planned came as much later"
        )
    })
}

fn rate_limited(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let stretches = tally.run.limited.stretches();
    let calls: u64 = stretches.iter().map(|stretch| stretch.calls).sum();
    let at = |ms: u64| {
        let moment = Duration::from_millis(circumstances.started_unix_ms.saturating_add(ms));
        let moment = SystemTime::UNIX_EPOCH.checked_add(moment).unwrap_or(SystemTime::UNIX_EPOCH);
        let (hour, minute, second) = Utc::of(moment).time;
        format!("{hour:02}:{minute:02}:{second:02}")
    };
    let told = stretches.iter().take(MOST_STRETCHES);
    let mut told: Vec<_> =
        told.map(|it| format!("from {} to {}", at(it.from_ms), at(it.to_ms))).collect();
    let more = stretches.len() - told.len();
    told.extend((more > 0).then(|| format!("{more} more times")));
    let turned_down = if calls == 1 { "1 call was" } else { &format!("{calls} calls were") };
    (!stretches.is_empty()).then(|| {
        format!(
            "limited by the licence {} UTC: {turned_down} turned down with 429",
            told.join(", ")
        )
    })
}

fn generator_busy(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::busy(&circumstances.parts);
    }
    let run = &tally.run;
    let applies = run.overloaded_ms > 0 && run.overloaded_ms * OVERLOADED_PART < run.measured_ms;
    let part = figures::share(share(run.overloaded_ms, run.measured_ms));
    applies.then(|| format!("the generator may have been the limit in {part} of the measured time"))
}

fn generator_unknown(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::unknown(&circumstances.parts);
    }
    (tally.run.measured_ms > 0 && tally.run.cpu_share().is_none()).then(|| {
        "this system does not tell how much CPU gander used: whether gander was the limit is not \
         known"
            .to_owned()
    })
}

/// Not where the generator was the limit, which says more.
fn little_headroom(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::little_headroom(&circumstances.parts);
    }
    let run = &tally.run;
    let (share, cores) = (run.cpu_share()?, run.cores()?);
    (share > LITTLE_HEADROOM && run.overloaded_ms == 0).then(|| {
        let worst = figures::share(run.worst_cpu_share().unwrap_or(share));
        let share = figures::share(share);
        format!("gander used {share} of the {cores} cores it has, {worst} in the worst second")
    })
}

fn scheduler_lag(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let service = tally.exchanges(|_| true).good.at(Percentile::P50).unwrap_or(0);
    if !circumstances.parts.is_empty() {
        return parts::scheduler_lag(&circumstances.parts, service);
    }
    let lag = tally.of_kind(Kind::SchedulerLag);
    let p99 = lag.at(Percentile::P99).filter(|p99| *p99 > allowed_lag_us(service))?;
    let (p99, max) = (ms(p99), ms(lag.max_us()));
    Some(format!(
        "gander's own timers were up to {max} late (99th percentile {p99}): so late it may have \
         read replies, too"
    ))
}

pub(super) fn ms(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

pub(super) fn nearly_all(part: Option<u64>, whole: Option<u64>) -> Option<(u64, u64)> {
    let (part, whole) = (part?, whole?);
    (part.saturating_mul(100) >= whole.saturating_mul(NEARLY_ALL)).then_some((part, whole))
}

fn fd_limit(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::fd_limit(&circumstances.parts);
    }
    let (files, limit) = nearly_all(tally.run.max_open_files, tally.run.file_limit)?;
    Some(format!("{files} files were open, sockets among them, of at most {limit}"))
}

fn ports_short(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    if !circumstances.parts.is_empty() {
        return parts::ports_short(&circumstances.parts);
    }
    let (used, ports) = nearly_all(tally.run.max_ports_in_use, tally.run.ports)?;
    Some(format!(
        "{used} of {ports} local ports were in use towards one address, closed connections that \
         keep theirs for a minute included"
    ))
}

/// A journey, of a variant unless variants are the flows themselves, as cautions name it.
type Met<'t> = (Option<&'t Variant>, &'t Journey);

fn named((variant, journey): Met<'_>) -> String {
    variant.map_or_else(|| format!("`{journey}`"), |variant| format!("`{journey}` of `{variant}`"))
}

/// The flows that each journey of each variant met. Where variants are flows, those of all of them.
fn flows_met<'t>(
    tally: &'t Tally,
    circumstances: &Circumstances,
) -> BTreeMap<Met<'t>, Vec<&'t FlowTally>> {
    let mut met: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for ((variant, journey, _), flow) in &tally.flows {
        let variant = (!circumstances.by_flow).then_some(variant);
        met.entry((variant, journey)).or_default().push(flow);
    }
    met
}

/// When flows took turns, so that one ended about where another began; none for flows that were met
/// side by side.
fn changed_at(flows: &[&FlowTally]) -> Option<u64> {
    let first = flows.iter().min_by_key(|flow| flow.first_ms)?;
    let last = flows.iter().max_by_key(|flow| flow.last_ms)?;
    let whole = last.last_ms.saturating_sub(first.first_ms);
    let together = first.last_ms.saturating_sub(last.first_ms);
    // Iterations that began before a change end after it.
    (first.last_ms < last.last_ms && together * OVERLAP_PART <= whole).then_some(last.first_ms)
}

fn flow_changed(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let text = |(met, flows): (Met<'_>, Vec<&FlowTally>)| {
        let at = changed_at(&flows)? / 1000;
        Some(format!("{} met another flow from second {at} on", named(met)))
    };
    let texts: Vec<_> = flows_met(tally, circumstances).into_iter().filter_map(text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Not where variants are flows: there it is what was asked for.
fn several_flows(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let several = flows_met(tally, circumstances).into_iter().filter(|(_, flows)| {
        !circumstances.by_flow && flows.len() > 1 && changed_at(flows).is_none()
    });
    let texts: Vec<_> = several
        .map(|(met, flows)| format!("{} met {} different flows", named(met), flows.len()))
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Faults that are nobody's: a flow that fails at its start does not say which it is.
fn flow_unknown(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let text = |journey: &Journey| {
        let of = |chosen: &dyn Fn(&Variant) -> bool| {
            let its = tally.journeys.iter().filter(|((v, j), _)| j == journey && chosen(v));
            its.map(|(_, counts)| counts.failed()).sum::<u64>()
        };
        let failed = of(&|variant| variant.as_str() == UNKNOWN_FLOW);
        let (all, at) = (of(&|_| true), "before they met their flow, and count for none");
        (failed > 0)
            .then(|| format!("{failed} of {all} failed iterations of `{journey}` failed {at}"))
    };
    let journeys: BTreeSet<_> = tally.journeys.keys().map(|(_, journey)| journey).collect();
    let texts: Vec<_> = journeys.into_iter().filter_map(text).collect();
    (circumstances.by_flow && !texts.is_empty()).then(|| texts.join("; "))
}

fn too_many_flows(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let beyond = tally.journeys.iter().filter(|((variant, _), _)| variant.as_str() == OTHER_FLOW);
    let due: u64 = beyond.map(|(_, counts)| counts.due).sum();
    (circumstances.by_flow && due > 0).then(|| {
        format!(
            "{due} iterations met flows beyond the first {MOST_FLOW_VARIANTS} and are in `other`"
        )
    })
}

fn abort_never_looked(_: &Tally, circumstances: &Circumstances) -> Option<String> {
    let lines = &circumstances.never_looked;
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn few_samples(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    // What met no flow has hardly a chance to complete.
    let is_asked_for =
        |variant: &Variant| !circumstances.by_flow || variant.as_str() != UNKNOWN_FLOW;
    let few = tally
        .journeys
        .iter()
        .filter(|((variant, _), counts)| counts.completed < FEW_SAMPLES && is_asked_for(variant));
    let texts: Vec<_> = few
        .map(|((variant, journey), counts)| {
            format!("`{journey}` of `{variant}` completed {} times", counts.completed)
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn cut_off(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let number: u64 = tally.journeys.values().map(|counts| counts.cut_off).sum();
    // What a kill cut off, no drain did.
    let killed: u64 = circumstances.segments.iter().map(|segment| segment.cut_off).sum();
    let killed = killed.saturating_add(parts::cut_off_by_kills(tally, &circumstances.parts));
    let number = number.saturating_sub(killed);
    let expected = circumstances.interrupted || circumstances.unfinished;
    (number > 0 && !expected)
        .then(|| format!("{number} iterations were still under way when the drain ended"))
}

fn closed_model(_: &Tally, circumstances: &Circumstances) -> Option<String> {
    (circumstances.workload_model == Some(WorkloadModel::Closed)).then(|| {
        "in the closed model a slow tenant gets less load: who would have come during a stall is \
         not in the response times"
            .to_owned()
    })
}

fn clipped(tally: &Tally, _: &Circumstances) -> Option<String> {
    let number = tally.run.clipped;
    (number > 0).then(|| format!("{number} times were longer than a histogram reaches"))
}

fn counter_full(tally: &Tally, _: &Circumstances) -> Option<String> {
    let number: u64 = tally.series.values().map(Times::lost).sum();
    (number > 0).then(|| format!("{number} samples are not counted because their counter is full"))
}

fn too_many_series(tally: &Tally, _: &Circumstances) -> Option<String> {
    let number = tally.run.other;
    (number > 0)
        .then(|| format!("{number} samples beyond the first {MOST_SERIES} series are in `other`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram::Bounds;
    use crate::measure::series::{Phase, SeriesKey};
    use crate::measure::tally::JourneyTally;
    use crate::measure::timeline::{Line, Readings};
    use std::sync::Arc;

    fn met(first_ms: u64, last_ms: u64) -> FlowTally {
        FlowTally { starts: 5, first_ms, last_ms }
    }

    #[test]
    fn flows_that_take_turns_are_told_from_flows_side_by_side() {
        for (flows, changed) in [
            (vec![met(0, 60_000)], None),
            (vec![met(0, 60_000), met(1000, 59_000)], None),
            (vec![met(0, 31_000), met(30_000, 60_000)], Some(30_000)),
            (vec![met(0, 60_000), met(58_000, 60_000)], None),
            (vec![met(0, 20_000), met(20_000, 40_000), met(40_000, 60_000)], Some(40_000)),
        ] {
            assert_eq!(changed_at(&flows.iter().collect::<Vec<_>>()), changed, "{flows:?}");
        }
    }

    /// A counter that is full, and two more for it.
    fn full() -> Times {
        let mut times = Times::new(Bounds::Journey);
        // Times below two milliseconds have a place each.
        times.count_at(1000, u64::from(u32::MAX) - 1).unwrap();
        (0..3).for_each(|_| times.record(1000));
        times
    }

    #[test]
    fn little_headroom_is_told_where_the_cpu_is_known_and_was_not_the_limit() {
        let line = |cpu_share| Line {
            end_ms: 1000,
            measured_ms: 1000,
            readings: Readings { cpu_share, cores: Some(0.5), ..Readings::default() },
            ..Line::default()
        };
        for (share, slugs) in [
            (None, &["generator-unknown"][..]),
            (Some(0.6), &[]),
            (Some(0.7), &["little-headroom"]),
            (Some(0.9), &[]),
        ] {
            let mut tally = Tally::default();
            tally.absorb_line(&line(share));
            let cautions = all(&tally, &Circumstances::default());
            let found: Vec<_> = cautions.iter().map(|caution| caution.slug.as_str()).collect();
            assert_eq!(found, slugs, "{share:?}");
        }
    }

    #[test]
    fn slugs_are_unique() {
        let slugs: BTreeSet<_> = REASONS.iter().map(|reason| reason.slug).collect();
        assert_eq!(slugs.len(), REASONS.len());
    }

    #[test]
    fn a_clean_run_gets_no_caution() {
        let mut tally = Tally::default();
        let counts = JourneyTally { due: 5000, completed: 5000, ..JourneyTally::default() };
        tally.journeys.insert(("v1".into(), "sign-on".into()), counts);
        tally.flows.insert(("v1".into(), "sign-on".into(), "f1/n1".into()), met(0, 9000));
        let open =
            Circumstances { workload_model: Some(WorkloadModel::Open), ..Circumstances::default() };
        assert_eq!(all(&tally, &open), []);
    }

    #[test]
    fn where_variants_are_flows_it_is_told_what_cannot_be_compared() {
        let mut tally = Tally::default();
        for (variant, completed, faults) in
            [("f1/n1", 5000, 4), ("f2/n1", 5000, 0), ("unknown", 0, 3), ("other", 2000, 0)]
        {
            let mut counts = JourneyTally { due: completed, completed, ..JourneyTally::default() };
            counts.faults.add(crate::measure::fault::Fault::Reset, faults);
            tally.journeys.insert((variant.into(), "sign-on".into()), counts);
        }
        let told = |spans: [(u64, u64); 2], by_flow| {
            let mut tally = tally.clone();
            for (flow, (first, last)) in ["f1/n1", "f2/n1"].into_iter().zip(spans) {
                let variant = if by_flow { flow } else { "v1" };
                tally
                    .flows
                    .insert((variant.into(), "sign-on".into(), flow.into()), met(first, last));
            }
            let model = Some(WorkloadModel::Open);
            let circumstances =
                Circumstances { by_flow, workload_model: model, ..Circumstances::default() };
            let cautions = all(&tally, &circumstances).into_iter();
            cautions.map(|it| format!("{}: {}\n", it.slug, it.text)).collect::<String>()
        };
        insta::assert_snapshot!(told([(0, 60_000), (0, 60_000)], true), @r"
        flow-unknown: 3 of 7 failed iterations of `sign-on` failed before they met their flow, and count for none
        too-many-flows: 2000 iterations met flows beyond the first 16 and are in `other`
        ");
        let turns = told([(0, 31_000), (30_000, 60_000)], true);
        assert!(
            turns.starts_with("flow-changed: `sign-on` met another flow from second 30 on\n"),
            "{turns}"
        );
        insta::assert_snapshot!(told([(0, 60_000), (0, 60_000)], false), @r"
        several-flows: `sign-on` of `v1` met 2 different flows
        few-samples: `sign-on` of `unknown` completed 0 times
        ");
    }

    fn killed_once() -> Vec<Segment> {
        vec![
            Segment { end_ms: Some(62_003), cut_off: 1, ..Segment::default() },
            Segment { start_ms: 180_000, warm_up_ms: 5000, ..Segment::default() },
        ]
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a text of every caution")]
    fn every_caution_says_what_and_what_to_do() {
        let mut tally = Tally::default();
        let counts = JourneyTally { due: 13, completed: 10, cut_off: 3, ..JourneyTally::default() };
        tally.journeys.insert(("v1".into(), "sign-on".into()), counts);
        for (journey, flow, span) in [
            ("sign-on", "f1/n1", met(0, 5000)),
            ("sign-on", "f2/n1", met(1000, 5000)),
            ("register", "f1/n1", met(0, 3000)),
            ("register", "f2/n1", met(3000, 5000)),
        ] {
            tally.flows.insert(("v1".into(), journey.into(), flow.into()), span);
        }
        tally.run.elapsed_ms = 5500;
        tally.run.measured_ms = 3000;
        tally.run.overloaded_ms = 200;
        (tally.run.clipped, tally.run.other, tally.run.rate_changes) = (3, 4, 2);
        tally.run.paused_ms = 12_400;
        for (start_ms, limited) in [(3000, 3), (11_000, 4), (60_000, 0)] {
            let row = serde_json::json!({
                "phase": "measured", "variant": "v1", "journey": "sign-on",
                "exchange_faults": { "rate-limited": limited },
            });
            let journeys = vec![serde_json::from_value(row).unwrap()];
            let line = Line { start_ms, end_ms: start_ms + 1000, journeys, ..Line::default() };
            tally.run.limited.absorb(&line);
        }
        (tally.run.max_open_files, tally.run.file_limit) = (Some(950), Some(1024));
        (tally.run.max_ports_in_use, tally.run.ports) = (Some(27_000), Some(28_232));
        let none = "".into();
        let late = SeriesKey::of_journey(Phase::Measured, &none, &"".into(), Kind::SchedulerLag);
        let mut times = Times::new(late.bounds());
        times.record(45_678);
        tally.series.insert(Arc::new(late), times);
        let key = SeriesKey::of_journey(Phase::Measured, &none, &"".into(), Kind::Think);
        tally.series.insert(Arc::new(key), full());
        let workload_model = Some(WorkloadModel::Closed);
        let told = |interrupted, unfinished| {
            let circumstances = Circumstances {
                workload_model,
                interrupted,
                unfinished,
                never_looked: ["`p95 < 1s over 5s` could not", "nor `max`"]
                    .map(str::to_owned)
                    .to_vec(),
                segments: killed_once(),
                started_unix_ms: 1_795_286_081_000,
                ..Circumstances::default()
            };
            let cautions = all(&tally, &circumstances);
            let lines: Vec<_> = cautions
                .iter()
                .map(|c| format!("{}: {}\n  {}\n", c.slug, c.text, c.advice))
                .collect();
            (lines.concat(), cautions.len())
        };
        let (text, number) = told(false, false);
        // Neither interrupted nor unfinished, and where the CPU is unknown nothing is said of it. Two are
        // for variants that are flows, five for runs of parts, and one for a part.
        assert_eq!(number, REASONS.len() - 11);
        insta::assert_snapshot!(text, @r#"
resumed: the run was taken up again once: nothing was measured from 1m2s to 3m5s; 1 iteration was under way when gander was killed
  nothing is told of the gaps; what came back right after one met a tenant that had rested, and what was cut off by a kill counts as slower than any limit
rate-changed: the rate was changed by hand 2 times while the run went on: it is not the run of its plan
  read it as a trial; to rely on it, write the stages that you found into `workload.stages` and run those
paused: nothing new began for 13s in all, because the tenant answered 429: that time is not measured, and what was planned came as much later
  read its times as those of a load that gives way; lower the rate to what the licence allows for one that does not
rate-limited: limited by the licence from 18:34:44 to 18:34:53 UTC: 7 calls were turned down with 429
  read what failed then as the licence's doing, not the flow's; run at a rate that fits, which `[limits]` says beforehand, or have the licence raised; comparisons leave these stretches out
generator-unknown: this system does not tell how much CPU gander used: whether gander was the limit is not known
  watch the generator's CPU by other means, or run on Linux
generator-busy: the generator may have been the limit in 6.67% of the measured time
  use fewer users or a lower rate, a larger machine, or several agents
scheduler-lag: gander's own timers were up to 45.6 ms late (99th percentile 45.6 ms): so late it may have read replies, too
  take other work off this machine, give gander more cores, or use fewer users
fd-limit: 950 files were open, sockets among them, of at most 1024
  raise the hard limit of open files (`ulimit -Hn`, `LimitNOFILE=`), or use fewer users
ports-short: 27000 of 28232 local ports were in use towards one address, closed connections that keep theirs for a minute included
  send from more addresses (`http.local_addresses`), keep connections longer (`http.connections = "per-user"`), or widen `net.ipv4.ip_local_port_range`
flow-changed: `register` of `v1` met another flow from second 3 on
  repeat the run: one half measured another flow version than the other
several-flows: `sign-on` of `v1` met 2 different flows
  keep the policy as it is during a run; if it splits traffic on purpose, count by flow (`--variant-by flow`), or run each flow version under a policy of its own
abort-never-looked: `p95 < 1s over 5s` could not; nor `max`
  give the rule a longer `over`, or make more load; at the end it was judged all the same
few-samples: `sign-on` of `v1` completed 10 times
  run longer: a 99th percentile wants a thousand samples, a 95th two hundred
cut-off: 2 iterations were still under way when the drain ended
  make `workload.drain` longer than the slowest journey, think time and a wait for a code (`codes.timeout`) included
closed-model: in the closed model a slow tenant gets less load: who would have come during a stall is not in the response times
  read the times as those of users who wait their turn; `--rate` or `workload.rate` make arrivals that do not wait
clipped: 3 times were longer than a histogram reaches
  take the maximum as a lower bound
counter-full: 2 samples are not counted because their counter is full
  split the run: a histogram counts each time at most 4,294,967,295 times
too-many-series: 4 samples beyond the first 2000 series are in `other`
  look for an action or capability name that changes with every iteration
"#);
        assert_eq!(told(true, true).1, REASONS.len() - 10, "an interrupted run cuts off");
    }
}
