//! From the levels of a search to what it leaves behind.

use super::ending::{broken_most, is_held, per_s};
use super::fit::estimate;
use super::forecast::Need;
use super::found::{
    Asked, Bracket, Broken, Capacity, Ending, Estimate, Hold, Level, LevelVerdict, Purpose,
    SCHEMA_VERSION, Slowed,
};
use super::goodput::GOODPUT;
use super::search::Search;
use super::usl;
use crate::analysis::budget::groups;
use crate::base::names::RunId;
use crate::result::summary::{Caution, Summary};
use std::collections::{BTreeMap, BTreeSet};

/// A level and what its run found.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The level, with its number, purpose and directory.
    pub level: Level,
    /// The summary of its run.
    pub summary: Summary,
}

/// What a search is, beside what it found.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Its id.
    pub run_id: RunId,
    /// When it started, UTC.
    pub started_at: String,
    /// When it ended, if it has.
    pub ended_at: Option<String>,
    /// The number that all randomness came from, as text.
    pub seed: String,
    /// The hosts that were called.
    pub tenant_hosts: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// What is needed, where somebody said so.
    pub need: Option<Need>,
}

/// Puts together what is known by now. `ending` is none while the search goes on.
pub fn assemble(about: About, probed: &[Probed], ending: Option<Ending>) -> Capacity {
    let mut search = Search::new(&about.asked);
    probed.iter().for_each(|probed| search.note(&probed.level));
    let bracket = search.bracket();
    let levels = search.levels();
    let passed = passed(probed, &bracket);
    let is_held = is_held(&about.asked, levels, &bracket);
    Capacity {
        schema_version: SCHEMA_VERSION,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: about.run_id,
        started_at: about.started_at,
        ended_at: about.ended_at,
        ending,
        seed: about.seed,
        tenant_hosts: about.tenant_hosts,
        asked: about.asked,
        estimate: estimate_within(levels, &bracket),
        hold: hold(levels),
        broke_first: broke_first(probed, levels, &bracket),
        scalability: usl::fit(levels),
        head_room: about.need.map(|need| need.head_room(&bracket, is_held)),
        calls: passed.map_or_else(Vec::new, |passed| {
            groups::calls(&passed.summary, passed.level.rate_per_s)
        }),
        cautions: cautions(probed, &bracket),
        levels: levels.to_vec(),
        bracket,
    }
}

/// The longest look at the highest rate that passed.
fn passed<'p>(probed: &'p [Probed], bracket: &Bracket) -> Option<&'p Probed> {
    let at = probed.iter().filter(|probed| {
        let level = &probed.level;
        level.verdict == LevelVerdict::Pass && Some(level.rate_per_s) == bracket.highest_pass_per_s
    });
    at.max_by(|one, other| one.level.measured_s.total_cmp(&other.level.measured_s))
}

fn estimate_within(levels: &[Level], bracket: &Bracket) -> Option<Estimate> {
    let (low, high) = bracket.highest_pass_per_s.zip(bracket.lowest_fail_per_s)?;
    let found = estimate(levels)?;
    let within = |per_s: f64| per_s.clamp(low, high);
    Some(Estimate {
        per_s: within(found.per_s),
        low_per_s: within(found.low_per_s),
        high_per_s: within(found.high_per_s),
    })
}

/// The last confirmation that says anything.
fn hold(levels: &[Level]) -> Option<Hold> {
    let mut holds = levels.iter().filter(|level| level.purpose == Purpose::Hold);
    let level = holds.rfind(|level| level.verdict != LevelVerdict::Void)?;
    let Level { rate_per_s, measured_s, verdict, .. } = *level;
    Some(Hold { rate_per_s, measured_s, verdict })
}

fn broke_first(probed: &[Probed], levels: &[Level], bracket: &Bracket) -> Option<Broken> {
    let (level, rule) = broken_most(levels, bracket)?;
    let after = probed.iter().find(|probed| probed.level == *level)?;
    let telling = probed.iter().find(|probed| probed.level.verdict != LevelVerdict::Void);
    let before = telling.filter(|first| first.level.rate_per_s < level.rate_per_s);
    Some(Broken {
        rate_per_s: level.rate_per_s,
        rule: rule.filter(|rule| rule.rule != GOODPUT).map(|rule| rule.rule.clone()),
        observed: rule.map_or_else(|| level.reasons.join("; "), |rule| rule.observed.clone()),
        row: before.and_then(|before| slowed(&before.summary, &after.summary)),
    })
}

/// A row of exchanges over all journeys and variants.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    samples: f64,
    good: f64,
    time_us: f64,
}

type Key<'s> = (&'s str, &'s str, &'s str);

/// The row whose part of an iteration has grown most from one level to another.
fn slowed(before: &Summary, after: &Summary) -> Option<Slowed> {
    let (early, late) = (spent(before), spent(after));
    let (few, many) = (iterations(before), iterations(after));
    let grown = |key: &Key<'_>| {
        let (one, other) = (early.get(key)?, late.get(key)?);
        let by = other.mean()? * other.samples / many - one.mean()? * one.samples / few;
        Some((by, one.mean()?, other.mean()?))
    };
    let rows: Vec<_> = late.keys().filter_map(|key| Some((*key, grown(key)?))).collect();
    let all: f64 = rows.iter().map(|(_, (by, ..))| by.max(0.0)).sum();
    let most = rows.into_iter().max_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
    let ((capability, event, action), (by, before_us, after_us)) = most?;
    (by > 0.0).then(|| Slowed {
        capability: capability.to_owned(),
        event: event.to_owned(),
        action: action.to_owned(),
        before_us: whole(before_us),
        after_us: whole(after_us),
        share: by / all,
    })
}

impl Spent {
    fn mean(&self) -> Option<f64> {
        (self.good > 0.0).then(|| self.time_us / self.good)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 exchanges")]
fn spent(summary: &Summary) -> BTreeMap<Key<'_>, Spent> {
    let mut rows: BTreeMap<Key<'_>, Spent> = BTreeMap::new();
    for step in &summary.steps {
        let key = (step.capability.as_str(), step.event.as_str(), step.action.as_str());
        let row = rows.entry(key).or_default();
        let good = step.samples.saturating_sub(step.faults.total()) as f64;
        row.samples += step.samples as f64;
        row.good += good;
        row.time_us += step.service_time_us.map_or(0.0, |times| times.mean as f64) * good;
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 iterations")]
fn iterations(summary: &Summary) -> f64 {
    let ended = summary.journeys.iter().map(|row| row.completed + row.failed + row.cut_off);
    ended.sum::<u64>().max(1) as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of u64s")]
fn whole(us: f64) -> u64 {
    us.round().max(0.0) as u64
}

/// That the rate was changed: by the search itself, before it measured.
const STEERED: &str = "rate-changed";

/// What to distrust about the two levels that are the answer, and about what lies between them.
fn cautions(probed: &[Probed], bracket: &Bracket) -> Vec<Caution> {
    let mut cautions = Vec::new();
    let mut known = BTreeSet::new();
    let decides =
        |rate: f64| [bracket.highest_pass_per_s, bracket.lowest_fail_per_s].contains(&Some(rate));
    for Probed { level, summary } in probed.iter().filter(|of| decides(of.level.rate_per_s)) {
        let told = summary.cautions.iter().filter(|caution| caution.slug != STEERED);
        for caution in told.filter(|caution| known.insert(caution.slug.clone())) {
            let at = format!("at {} (probe {})", per_s(level.rate_per_s), level.probe);
            cautions.push(Caution { text: format!("{at}: {}", caution.text), ..caution.clone() });
        }
    }
    cautions.extend(by_users_alone(probed, bracket));
    cautions
}

/// The only thing wrong at the lowest fail was that all users were busy.
fn by_users_alone(probed: &[Probed], bracket: &Bracket) -> Option<Caution> {
    let failed = |level: &Level| {
        Some(level.rate_per_s) == bracket.lowest_fail_per_s && level.verdict == LevelVerdict::Fail
    };
    let level = probed.iter().map(|probed| &probed.level).rfind(|level| failed(level))?;
    let is_alone = !level.rules.iter().any(|rule| rule.verdict == LevelVerdict::Fail);
    is_alone.then(|| Caution {
        slug: "users-may-be-too-few".to_owned(),
        text: format!(
            "at {} nothing was wrong but that all users were busy: {}",
            per_s(level.rate_per_s),
            level.reasons.join("; ")
        ),
        advice: "raise `workload.max_users` and search again: the limit may be the number of users"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::specimen::level;
    use super::*;
    use serde_json::{Value, json};

    fn step(capability: &str, samples: u64, mean_us: u64) -> Value {
        let times = json!({
            "min": 1, "mean": mean_us, "p50": 1, "p75": 1, "p90": 1, "p95": 1, "p99": 1,
            "p99_9": 1, "max": 1,
        });
        json!({
            "variant": "v1", "journey": "sign-on", "step": capability, "capability": capability,
            "event": "", "action": "", "samples": samples, "faults": {}, "error_share": 0.0,
            "service_time_us": times,
        })
    }

    /// A hundred iterations with three rows of exchanges.
    fn summary(token_us: u64) -> Summary {
        let caution = json!({ "slug": "some", "text": "a text", "advice": "an advice" });
        serde_json::from_value(json!({
            "schema_version": 1, "run_id": "r", "verdict": "pass", "reasons": [], "started_at": "",
            "measured_s": 10.0, "workload_model": "open",
            "journeys": [{
                "variant": "v1", "journey": "sign-on", "due": 100, "late": 0, "completed": 100,
                "failed": 0, "dropped": 0, "cut_off": 0, "lost": 0, "completed_per_s": 10.0,
                "faults": {}, "funnel": [], "response_time_us": null, "service_time_us": null,
                "elapsed_us": null,
            }],
            "steps": [
                step("authorize", 100, 10_000), step("form", 300, 20_000),
                step("token", 100, token_us),
            ],
            "capabilities": [], "series": [], "thresholds": [],
            "generator": {
                "cores": null, "cpu_share": null, "worst_cpu_share": null, "peak_rss_bytes": null,
                "lag_us": null, "scheduler_lag_us": null, "max_open_sockets": null,
                "max_open_files": null, "file_limit": null, "max_ports_in_use": null, "ports": null,
            },
            "cautions": [caution],
        }))
        .unwrap()
    }

    fn about(need: Option<Need>) -> About {
        About {
            run_id: "s".into(),
            started_at: String::new(),
            ended_at: None,
            seed: "1".to_owned(),
            tenant_hosts: vec![],
            asked: Asked {
                from_per_s: 10.0,
                to_per_s: None,
                resolution: 0.05,
                climb: 1.5,
                most_probes: 20,
                hold_s: 0.0,
                rules: vec![],
            },
            need,
        }
    }

    fn probed(rate_per_s: f64, verdict: LevelVerdict, excess: f64, token_us: u64) -> Probed {
        Probed { level: level(rate_per_s, verdict, excess), summary: summary(token_us) }
    }

    #[test]
    fn everything_is_said_of_the_two_ends_of_the_bracket() {
        let probed = [
            probed(10.0, LevelVerdict::Pass, -1.0, 5000),
            probed(20.0, LevelVerdict::Pass, -0.2, 20_000),
            probed(21.0, LevelVerdict::Fail, 0.2, 45_000),
            probed(21.0, LevelVerdict::Fail, 0.3, 45_000),
        ];
        let need = Some("36000/h peak 1.5".parse().unwrap());
        let found = assemble(about(need), &probed, None);
        let bracket = Bracket { highest_pass_per_s: Some(20.0), lowest_fail_per_s: Some(21.0) };
        assert_eq!(found.bracket, bracket);
        let broken = found.broke_first.unwrap();
        assert_eq!((broken.rate_per_s, broken.rule.as_deref()), (21.0, Some("p95 < 400ms")));
        let row = broken.row.unwrap();
        assert_eq!((row.capability.as_str(), row.before_us, row.after_us), ("token", 5000, 45_000));
        assert!((row.share - 1.0).abs() < 1e-9);
        assert_eq!(found.head_room.unwrap().is_enough, Some(true));
        let calls: Vec<_> = found.calls.iter().map(|of| (of.group.as_str(), of.per_s)).collect();
        assert_eq!(calls, [("davinci-start", 20.0), ("davinci-execution", 60.0), ("sso", 20.0)]);
        let estimate = found.estimate.unwrap();
        assert!(estimate.low_per_s >= 20.0 && estimate.high_per_s <= 21.0, "{estimate:?}");
        assert!(estimate.low_per_s < estimate.per_s && estimate.per_s < estimate.high_per_s);
        assert_eq!(found.cautions.len(), 1, "each caution once");
        assert_eq!(found.cautions[0].text, "at 20.0/s (probe 0): a text");
    }

    #[test]
    fn a_fail_for_want_of_users_alone_is_doubted() {
        let mut failed = probed(21.0, LevelVerdict::Fail, -0.5, 5000);
        failed.level.rules[0].verdict = LevelVerdict::Pass;
        failed.level.reasons = vec!["max-users-reached: 9 of 100".to_owned()];
        let probed = [probed(20.0, LevelVerdict::Pass, -1.0, 5000), failed.clone(), failed];
        let found = assemble(about(None), &probed, None);
        assert_eq!(found.cautions.last().unwrap().slug, "users-may-be-too-few");
        assert_eq!(found.broke_first.unwrap().rule, None);
    }

    #[test]
    fn with_nothing_tried_there_is_nothing_to_say() {
        let found = assemble(about(None), &[], None);
        assert_eq!(found.bracket, Bracket::default());
        assert_eq!((found.broke_first, found.estimate, found.hold), (None, None, None));
        assert!(found.calls.is_empty() && found.scalability.law.is_none());
    }
}
