//! Why a search ended, in words and with its numbers.

use super::found::{Asked, Bracket, Ending, Level, LevelRule, LevelVerdict, Purpose, Reason};
use super::goodput::GOODPUT;
use crate::base::figures;

/// What keeps a level of this rate from passing: a threshold, or that iterations no longer end as fast as they
/// come.
pub(super) fn broken_by(levels: &[Level], rate_per_s: f64) -> Reason {
    let failed = levels.iter().filter(|level| level.rate_per_s == rate_per_s);
    let rules = failed.flat_map(|level| &level.rules).filter(|rule| is_broken(rule));
    let is_threshold = |rule: &LevelRule| rule.rule != GOODPUT;
    if rules.clone().any(is_threshold) { Reason::Thresholds } else { Reason::GoodputStoppedRising }
}

fn is_broken(rule: &LevelRule) -> bool {
    rule.verdict == LevelVerdict::Fail
}

/// The rule that is broken by most at the lowest rate that failed; no threshold is told of before others.
pub(super) fn broken_most<'l>(
    levels: &'l [Level],
    bracket: &Bracket,
) -> Option<(&'l Level, Option<&'l LevelRule>)> {
    let rate = bracket.lowest_fail_per_s?;
    let level = levels
        .iter()
        .rfind(|level| level.rate_per_s == rate && level.verdict == LevelVerdict::Fail)?;
    let by = |rule: &LevelRule| (rule.rule != GOODPUT, rule.excess.unwrap_or(f64::MIN));
    let broken = level.rules.iter().filter(|rule| is_broken(rule));
    let most = broken.max_by(|one, other| {
        let ((is_one, one), (is_other, other)) = (by(one), by(other));
        is_one.cmp(&is_other).then(one.total_cmp(&other))
    });
    Some((level, most))
}

/// The end of a search.
pub(super) fn ending(reason: Reason, asked: &Asked, levels: &[Level], bracket: Bracket) -> Ending {
    let last = levels.last();
    let at = last.map_or_else(String::new, |level| format!(" at {}", per_s(level.rate_per_s)));
    let why = last.and_then(|level| level.reasons.first()).cloned();
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let is_held = is_held(asked, levels, &bracket);
    let mut text = match reason {
        Reason::Thresholds | Reason::GoodputStoppedRising => broken(levels, &bracket),
        Reason::RateLimited => {
            format!(
                "the tenant answered 429{at}{why}. That is the limit of the licence, or of the share of it that \
                 one address may use, not what the tenant could do; {}",
                without_429(levels)
            )
        }
        Reason::Blocked => format!("the tenant's edge kept the generator out{at}{why}"),
        Reason::GeneratorSaturated => format!("gander or its machine was the limit{at}{why}"),
        Reason::AccountsExhausted => format!("there were no accounts left{at}{why}"),
        Reason::TopReached => {
            let top = asked.to_per_s.map(per_s).unwrap_or_default();
            format!(
                "no level up to {top}, the highest allowed, failed: the capacity is at least what passed"
            )
        }
        Reason::NothingPassed => {
            let lowest = levels.iter().map(|level| level.rate_per_s).min_by(f64::total_cmp);
            format!("no level passed, down to {}", lowest.map(per_s).unwrap_or_default())
        }
        Reason::ProbesUsedUp => {
            format!("{} probes were made, as many as were allowed", asked.most_probes)
        }
        Reason::Aborted => format!("the probe{at} was ended for another reason than its load{why}"),
        Reason::User => format!("a person ended it{at}"),
    };
    let is_statement = matches!(reason, Reason::Thresholds | Reason::GoodputStoppedRising);
    if is_statement && !is_held {
        text.push_str("; no rate that passed was confirmed by the hold");
    }
    if is_statement && is_wide(asked, &bracket) {
        text.push_str("; inside the bracket what was measured cannot be told from the limit");
    }
    let is_capacity = is_statement && is_held && bracket.highest_pass_per_s.is_some();
    Ending { reason, text, is_capacity }
}

/// The highest level that was not ended by 429; a stray one or two may have been there, too.
fn without_429(levels: &[Level]) -> String {
    let well = levels.iter().filter(|level| level.stops != Some(Reason::RateLimited));
    let highest = well.map(|level| level.rate_per_s).max_by(f64::total_cmp);
    highest.map_or_else(
        || "no lower level was tried".to_owned(),
        |rate| format!("the highest level that was not ended by it was {}", per_s(rate)),
    )
}

/// Whether the highest rate that passed was held, where that was asked for.
pub(super) fn is_held(asked: &Asked, levels: &[Level], bracket: &Bracket) -> bool {
    asked.hold_s <= 0.0 || is_confirmed(levels, bracket)
}

fn is_confirmed(levels: &[Level], bracket: &Bracket) -> bool {
    levels.iter().any(|level| {
        level.purpose == Purpose::Hold
            && level.verdict == LevelVerdict::Pass
            && Some(level.rate_per_s) == bracket.highest_pass_per_s
    })
}

fn is_wide(asked: &Asked, bracket: &Bracket) -> bool {
    let ends = bracket.highest_pass_per_s.zip(bracket.lowest_fail_per_s);
    ends.is_some_and(|(low, high)| high > low * (1.0 + asked.resolution) * (1.0 + 1e-9))
}

fn broken(levels: &[Level], bracket: &Bracket) -> String {
    let Some((level, rule)) = broken_most(levels, bracket) else {
        return "no level failed twice".to_owned();
    };
    let at = per_s(level.rate_per_s);
    match rule {
        Some(rule) if rule.rule == GOODPUT => {
            let observed = &rule.observed;
            format!(
                "at {at} iterations no longer end as fast as they come: {observed} of those due"
            )
        }
        Some(rule) => format!("`{}` does not hold at {at}: {}", rule.rule, rule.observed),
        None => format!("{at} failed: {}", level.reasons.join("; ")),
    }
}

/// A rate for people.
pub(super) fn per_s(rate: f64) -> String {
    format!("{}/s", figures::rate(rate))
}
