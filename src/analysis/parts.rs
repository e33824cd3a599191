//! What is to be thought of the parts of a merged run: whose generator was the limit, who is missing, who was
//! alone.

use super::caution::{LITTLE_HEADROOM, ms, nearly_all};
use super::verdict::{OVERLOADED_PART, Strain, faults_of_generator};
use crate::base::figures;
use crate::base::units::{Share, Span};
use crate::measure::tally::{JourneyTally, Tally, share};
use crate::measure::timeline::allowed_lag_us;
use crate::result::part::Part;
use std::collections::BTreeSet;
use std::time::Duration;

/// Most parts that are named, one by one.
const MOST_NAMED: usize = 5;

/// Parts that were measured together for less than this part of the time were apart, in percent.
const TOGETHER: u64 = 90;

/// Why the numbers say nothing about the tenant: a generator that was the limit is not relieved by others that
/// were not.
pub(super) fn invalid(parts: &[Part]) -> Vec<String> {
    let of = |part: &Part| {
        let limit = Strain::of(part).limit();
        let faults = faults_of_generator(|fault| part.generator_faults.of(fault));
        let told: Vec<_> = limit.into_iter().chain(faults).collect();
        let told = if told.is_empty() { part.invalid.iter().cloned().collect() } else { told };
        told.into_iter().map(|reason| format!("part `{}`: {reason}", part.name)).collect()
    };
    let told: Vec<Vec<String>> = parts.iter().map(of).collect();
    let invalid = told.iter().filter(|reasons| !reasons.is_empty()).count();
    let mut reasons: Vec<_> = told.into_iter().filter(|reasons| !reasons.is_empty()).collect();
    reasons.truncate(MOST_NAMED);
    let mut reasons: Vec<_> = reasons.into_iter().flatten().collect();
    if invalid > MOST_NAMED {
        let more = invalid - MOST_NAMED;
        reasons.push(format!("the generators of {more} more parts were the limit as well"));
    }
    reasons
}

/// What was lost with parts was no load: from the same share on as of the time in which a generator was the limit, the
/// figures are those of less than the plan, and say nothing about the tenant under it.
pub(super) fn much_lost(tally: &Tally, parts: &[Part]) -> Option<String> {
    let of = |count: fn(&JourneyTally) -> u64| tally.journeys.values().map(count).sum::<u64>();
    let (lost, due) = (of(|counts| counts.lost), of(|counts| counts.due));
    let is_much = !parts.is_empty() && lost > 0 && lost.saturating_mul(OVERLOADED_PART) >= due;
    let most = Share(share(1, OVERLOADED_PART));
    is_much.then(|| {
        format!(
            "{lost} of {due} due iterations were lost with the parts that had them (invalid from {most} on): the load \
             was not that of the plan"
        )
    })
}

/// Parts without an end of which nobody took care fail the run: what they had to do was done by nobody. Nor is there
/// anybody to take over where all are lost.
pub(super) fn killed(parts: &[Part]) -> Option<String> {
    if !parts.is_empty() && parts.iter().all(|part| part.lost_from_ms.is_some()) {
        return Some("all parts were lost: what was left of the load nobody put on".to_owned());
    }
    let names: Vec<_> = parts.iter().filter(|part| part.is_unfinished()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} no end on record: what was left of {} load nobody put on",
            having(&names),
            if names.len() == 1 { "its" } else { "their" },
        )
    })
}

/// `part `a` has`, `parts `a`, `b` and 7 more have`.
fn having(parts: &[&Part]) -> String {
    let verb = if parts.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", named(parts))
}

fn named(parts: &[&Part]) -> String {
    let names: Vec<_> =
        parts.iter().take(MOST_NAMED).map(|part| format!("`{}`", part.name)).collect();
    let more = match parts.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if parts.len() == 1 { "part" } else { "parts" };
    format!("{noun} {}{more}", names.join(", "))
}

/// What is told of each part that it is told of.
fn each(parts: &[Part], told: impl Fn(&Part) -> Option<String>) -> Option<String> {
    let all: Vec<_> = parts.iter().filter_map(|part| Some((&part.name, told(part)?))).collect();
    let mut texts: Vec<_> =
        all.iter().take(MOST_NAMED).map(|(name, text)| format!("part `{name}`: {text}")).collect();
    let more = all.len() - texts.len();
    texts.extend((more > 0).then(|| format!("and as much of {more} more parts")));
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn seconds(ms: u64) -> Span {
    Span(Duration::from_secs(ms.saturating_add(500) / 1000))
}

/// Shares of the plan of which no directory was given.
pub(super) fn missing(parts: &[Part]) -> Option<String> {
    let of = parts.iter().find_map(|part| Some(part.share?.of))?;
    let there: BTreeSet<u64> = parts.iter().filter_map(|part| Some(part.share?.index)).collect();
    let number = of.saturating_sub(there.len() as u64);
    let missing = (1..=of).filter(|index| !there.contains(index)).take(MOST_NAMED);
    let mut names: Vec<_> = missing.map(|index| format!("{index}/{of}")).collect();
    let more = number.saturating_sub(names.len() as u64);
    names.extend((more > 0).then(|| format!("{more} more")));
    (number > 0).then(|| {
        format!(
            "{number} of {of} shares of the plan are missing ({}): the load was that much lower",
            names.join(", ")
        )
    })
}

pub(super) fn lost(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let from = seconds(part.lost_from_ms?);
        let taken_over = part.taken_over_from_ms.map_or_else(String::new, |ms| {
            format!(", until others had its load from {} on", seconds(ms))
        });
        Some(format!(
            "lost from {from} on, with {} iterations that nobody performed{taken_over}",
            part.lost
        ))
    })
}

pub(super) fn resumed(parts: &[Part]) -> Option<String> {
    each(parts, |part| match part.resumed {
        0 => None,
        1 => Some("taken up again once after a kill".to_owned()),
        times => Some(format!("taken up again {times} times after kills")),
    })
}

pub(super) fn paused(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let length = Span(Duration::from_secs(part.paused_ms.div_ceil(1000)));
        (part.paused_ms > 0).then(|| {
            format!("nothing new began for {length} in all, because the tenant answered 429")
        })
    })
}

/// Parts that were not measured at the same time, as far as they are not known to have been lost.
pub(super) fn apart(parts: &[Part]) -> Option<String> {
    let spans = parts.iter().filter(|part| part.lost_from_ms.is_none());
    let spans: Vec<(u64, u64)> =
        spans.filter_map(|part| Some((part.measured_from_ms?, part.measured_to_ms?))).collect();
    let first = spans.iter().map(|(from_ms, _)| *from_ms).min()?;
    let last = spans.iter().map(|(_, to_ms)| *to_ms).max()?;
    let from = spans.iter().map(|(from_ms, _)| *from_ms).max()?;
    let to = spans.iter().map(|(_, to_ms)| *to_ms).min()?;
    let (together, whole) = (to.saturating_sub(from), last.saturating_sub(first));
    (spans.len() > 1 && u128::from(together) * 100 < u128::from(whole) * u128::from(TOGETHER))
        .then(|| {
            format!(
                "all {} parts were measured together for {} of {}: rates and times of the rest are those of \
                 fewer parts",
                spans.len(),
                seconds(together),
                seconds(whole),
            )
        })
}

/// Parts that each ran the whole plan are as many loads.
pub(super) fn whole_plans(parts: &[Part]) -> Option<String> {
    let is_whole = parts.len() > 1 && parts.iter().all(|part| part.share.is_none());
    let seeds: BTreeSet<&str> = parts.iter().map(|part| part.seed.as_str()).collect();
    let seeds = match seeds.len() {
        1 => "all with the same seed, so that they made the same choices".to_owned(),
        number if number == parts.len() => "each with its own seed".to_owned(),
        number => format!("with {number} different seeds"),
    };
    is_whole.then(|| {
        let number = parts.len();
        format!(
            "{number} runs of the whole plan are added up, {seeds}: together they are {number} times its load"
        )
    })
}

pub(super) fn versions(parts: &[Part]) -> Option<String> {
    let versions: BTreeSet<&str> = parts.iter().map(|part| part.gander_version.as_str()).collect();
    let told: Vec<_> = versions.iter().take(MOST_NAMED).copied().collect();
    (versions.len() > 1).then(|| format!("the parts were run by gander {}", told.join(", ")))
}

pub(super) fn busy(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let strain = Strain::of(part);
        let applies = part.overloaded_ms > 0 && strain.limit().is_none();
        let time = figures::share(share(part.overloaded_ms, part.measured_ms));
        applies.then(|| {
            format!("its generator may have been the limit in {time} of its measured time")
        })
    })
}

pub(super) fn unknown(parts: &[Part]) -> Option<String> {
    let unknown = |part: &&Part| part.measured_ms > 0 && part.generator.cpu_share.is_none();
    let unknown: Vec<_> = parts.iter().filter(unknown).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "how much CPU gander used is not known of {}: whether gander was the limit there is not known",
            named(&unknown)
        )
    })
}

pub(super) fn little_headroom(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let (share, cores) = (part.generator.cpu_share?, part.generator.cores?);
        (share > LITTLE_HEADROOM && part.overloaded_ms == 0).then(|| {
            let worst = figures::share(part.generator.worst_cpu_share.unwrap_or(share));
            format!(
                "it used {} of the {cores} cores it has, {worst} in the worst second",
                figures::share(share)
            )
        })
    })
}

/// `service_us` is the median service time of the whole.
pub(super) fn scheduler_lag(parts: &[Part], service_us: u64) -> Option<String> {
    each(parts, |part| {
        let lag = part.generator.scheduler_lag_us?;
        (lag.p99 > allowed_lag_us(service_us)).then(|| {
            format!(
                "its own timers were up to {} late (99th percentile {})",
                ms(lag.max),
                ms(lag.p99)
            )
        })
    })
}

pub(super) fn fd_limit(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let (files, limit) = nearly_all(part.generator.max_open_files, part.generator.file_limit)?;
        Some(format!("{files} files were open, sockets among them, of at most {limit}"))
    })
}

pub(super) fn ports_short(parts: &[Part]) -> Option<String> {
    each(parts, |part| {
        let (used, ports) = nearly_all(part.generator.max_ports_in_use, part.generator.ports)?;
        Some(format!("{used} of {ports} local ports were in use towards one address"))
    })
}

/// Whether what was cut off is that of parts that were killed, so that no drain can have been too short.
pub(super) fn cut_off_by_kills(tally: &Tally, parts: &[Part]) -> u64 {
    let killed: u64 =
        parts.iter().filter(|part| part.ended_at.is_none()).map(|part| part.cut_off).sum();
    let all: u64 = tally.journeys.values().map(|counts| counts.cut_off).sum();
    killed.min(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use serde_json::json;

    pub(in crate::analysis) fn part(name: &str) -> Part {
        serde_json::from_value(json!({
            "name": name, "run_id": "r", "host": { "name": "h", "system": "linux", "cores": 2 },
            "gander_version": "0.1.0", "seed": name, "started_at": "", "offset_ms": 0,
            "ended_at": "2026-11-22T18:34:41.000Z", "measured_ms": 60_000, "measured_from_ms": 1000,
            "measured_to_ms": 61_000, "due": 10, "completed": 10, "failed": 0, "dropped": 0, "cut_off": 0,
            "lost": 0, "overloaded_ms": 0, "out_of_cpu_ms": 0, "dispatched_late_ms": 0,
            "generator": { "cores": 2.0, "cpu_share": 0.1, "worst_cpu_share": 0.2, "peak_rss_bytes": null,
                "lag_us": null, "scheduler_lag_us": null, "max_open_sockets": null, "max_open_files": null,
                "file_limit": null, "max_ports_in_use": null, "ports": null },
        }))
        .unwrap()
    }

    fn with(change: impl Fn(&mut Part)) -> Vec<Part> {
        let mut parts: Vec<_> = ["a", "b", "c"].map(part).into();
        change(&mut parts[1]);
        parts
    }

    #[test]
    fn parts_that_went_well_are_told_of_only_if_each_ran_the_whole_plan() {
        let parts = with(|_| ());
        assert_eq!(invalid(&parts), [""; 0]);
        let told = [
            killed,
            missing,
            lost,
            resumed,
            paused,
            apart,
            versions,
            busy,
            unknown,
            little_headroom,
            fd_limit,
            ports_short,
        ];
        for told in told {
            assert_eq!(told(&parts), None);
        }
        assert_eq!(
            whole_plans(&parts).unwrap(),
            "3 runs of the whole plan are added up, each with its own seed: together they are 3 times its load"
        );
        assert_eq!(whole_plans(&parts[..1]), None);
    }

    #[test]
    fn a_part_whose_generator_was_the_limit_makes_the_whole_invalid_by_name() {
        let parts = with(|part| {
            (part.overloaded_ms, part.out_of_cpu_ms) = (6000, 6000);
            part.generator_faults = [(Fault::NoAccount, 0)].into_iter().collect();
        });
        assert_eq!(
            invalid(&parts),
            [
                "part `b`: the generator was the limit in 10.0% of the measured time (invalid from 10% on): CPU \
              above 85% of the 2 cores for 6.0 s"
            ]
        );
        assert_eq!(busy(&parts), None, "that says more");
        let parts = with(|part| part.overloaded_ms = 3000);
        assert_eq!(invalid(&parts), [""; 0]);
        let told = busy(&parts).unwrap();
        assert_eq!(
            told,
            "part `b`: its generator may have been the limit in 5.00% of its measured time"
        );
        let parts = with(|part| part.invalid = Some("2 iterations could not be ended".to_owned()));
        assert_eq!(invalid(&parts), ["part `b`: 2 iterations could not be ended"]);
        let own = Fault::all().find(|fault| fault.side() == crate::measure::fault::Side::Generator);
        let parts = with(|part| part.generator_faults = [(own.unwrap(), 3)].into_iter().collect());
        assert!(invalid(&parts)[0].starts_with("part `b`: 3 × `"), "{:?}", invalid(&parts));
        let many: Vec<_> =
            (0..9).map(|n| Part { overloaded_ms: 60_000, ..part(&n.to_string()) }).collect();
        let reasons = invalid(&many);
        assert_eq!(reasons.len(), 6);
        assert_eq!(reasons[5], "the generators of 4 more parts were the limit as well");
    }

    #[test]
    fn what_was_the_matter_with_a_part_is_told_by_its_name() {
        use crate::result::part::ShareRecord;
        for (change, told, text) in [
            (
                (|part: &mut Part| part.ended_at = None) as fn(&mut Part),
                killed as fn(&[Part]) -> Option<String>,
                "part `b` has no end on record: what was left of its load nobody put on",
            ),
            (
                |part| (part.lost_from_ms, part.lost, part.ended_at) = (Some(20_400), 7, None),
                lost,
                "part `b`: lost from 20s on, with 7 iterations that nobody performed",
            ),
            (
                |part| (part.lost_from_ms, part.taken_over_from_ms) = (Some(8000), Some(17_075)),
                lost,
                "part `b`: lost from 8s on, with 0 iterations that nobody performed, until others had its load from 17s on",
            ),
            (|part| part.resumed = 1, resumed, "part `b`: taken up again once after a kill"),
            (
                |part| part.paused_ms = 1500,
                paused,
                "part `b`: nothing new began for 2s in all, because the tenant answered 429",
            ),
            (
                |part| part.gander_version = "0.2.0".to_owned(),
                versions,
                "the parts were run by gander 0.1.0, 0.2.0",
            ),
            (
                |part| part.share = Some(ShareRecord { index: 2, of: 4 }),
                missing,
                "3 of 4 shares of the plan are missing (1/4, 3/4, 4/4): the load was that much lower",
            ),
            (
                |part| (part.measured_from_ms, part.measured_to_ms) = (Some(31_000), Some(91_000)),
                apart,
                "all 3 parts were measured together for 30s of 1m30s: rates and times of the rest are those of \
                 fewer parts",
            ),
            (
                |part| part.generator.cpu_share = None,
                unknown,
                "how much CPU gander used is not known of part `b`: whether gander was the limit there is not \
                 known",
            ),
            (
                |part| part.generator.cpu_share = Some(0.7),
                little_headroom,
                "part `b`: it used 70.0% of the 2 cores it has, 20.0% in the worst second",
            ),
            (
                |part| {
                    (part.generator.max_open_files, part.generator.file_limit) =
                        (Some(900), Some(1000))
                },
                fd_limit,
                "part `b`: 900 files were open, sockets among them, of at most 1000",
            ),
        ] {
            assert_eq!(told(&with(change)).as_deref(), Some(text));
        }
        let parts = with(|part| part.lost_from_ms = Some(1));
        assert_eq!(killed(&parts), None, "who was lost was taken care of");
        let all_lost = parts.iter().map(|part| Part { lost_from_ms: Some(1), ..part.clone() });
        let told = killed(&all_lost.collect::<Vec<_>>());
        assert!(told.is_some_and(|told| told.starts_with("all parts were lost")));
    }

    #[test]
    fn a_tenth_of_the_load_lost_with_parts_makes_the_whole_invalid() {
        let tally = |lost| {
            let mut tally = Tally::default();
            for (journey, lost) in [("a", lost), ("b", 0)] {
                let counts = JourneyTally { due: 50, lost, ..JourneyTally::default() };
                tally.journeys.insert(("v".into(), journey.into()), counts);
            }
            tally
        };
        let parts = with(|_| {});
        assert_eq!(much_lost(&tally(9), &parts), None);
        assert_eq!(
            much_lost(&tally(10), &parts).as_deref(),
            Some(
                "10 of 100 due iterations were lost with the parts that had them (invalid from 10% on): the load was \
                 not that of the plan"
            )
        );
        assert_eq!(much_lost(&tally(10), &[]), None);
        assert_eq!(much_lost(&Tally::default(), &parts), None);
    }

    #[test]
    fn a_kill_and_no_drain_cut_off_what_a_killed_part_had_under_way() {
        use crate::measure::tally::JourneyTally;
        let mut tally = Tally::default();
        let counts = JourneyTally { cut_off: 5, ..JourneyTally::default() };
        tally.journeys.insert(("v".into(), "j".into()), counts);
        let parts = with(|part| (part.ended_at, part.cut_off) = (None, 3));
        assert_eq!(cut_off_by_kills(&tally, &parts), 3);
    }
}
