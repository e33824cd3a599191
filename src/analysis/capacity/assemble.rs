//! From the levels of a search to what it leaves behind.

use super::ending::{broken_most, per_s};
use super::fit::estimate;
use super::forecast::Need;
use super::found::{
    Asked, Bracket, Broken, Capacity, Ending, Estimate, Hold, Level, LevelVerdict, Purpose,
    SCHEMA_VERSION, Slowed,
};
use super::goodput::GOODPUT;
use super::groups;
use super::search::Search;
use super::usl;
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
        head_room: about.need.map(|need| need.head_room(&bracket)),
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
    let holds = levels.iter().filter(|level| level.purpose == Purpose::Hold);
    let level = holds.filter(|level| level.verdict != LevelVerdict::Void).next_back()?;
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

/// What to distrust about the two levels that are the answer, and about what lies between them.
fn cautions(probed: &[Probed], bracket: &Bracket) -> Vec<Caution> {
    let mut cautions = Vec::new();
    let mut known = BTreeSet::new();
    let decides =
        |rate: f64| [bracket.highest_pass_per_s, bracket.lowest_fail_per_s].contains(&Some(rate));
    for Probed { level, summary } in probed.iter().filter(|of| decides(of.level.rate_per_s)) {
        for caution in summary.cautions.iter().filter(|of| known.insert(of.slug.clone())) {
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
