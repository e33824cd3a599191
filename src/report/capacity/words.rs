//! What every rendering of a search says in the same words.

use super::advice::advice;
use crate::analysis::capacity::found::{
    Bracket, Capacity, GroupCalls, HeadRoom, Hold, Level, LevelJourney, LevelVerdict, Purpose,
    Reason, Slowed,
};
use crate::base::units::{Rate, Share};
use crate::report::figures;
use std::time::Duration;

/// The reasons, their words in headings, and what the search then says; of the first two, what is so above the
/// capacity.
const REASONS: &[(Reason, &str, &str)] = &[
    (Reason::Thresholds, "Capacity", "a threshold does not hold"),
    (Reason::GoodputStoppedRising, "Capacity", "iterations do not end as fast as they come"),
    (
        Reason::RateLimited,
        "Rate limited",
        "the licence, or one address's share of it, was the limit; the capacity is not known",
    ),
    (Reason::Blocked, "Blocked", "the generator was kept out; the capacity is not known"),
    (
        Reason::GeneratorSaturated,
        "Generator saturated",
        "gander was the limit; the capacity is not known",
    ),
    (
        Reason::AccountsExhausted,
        "Out of accounts",
        "no accounts were left; the capacity is not known",
    ),
    (Reason::TopReached, "At least", "the highest level that passed; none that was allowed failed"),
    (Reason::NothingPassed, "Nothing passed", "not even the lowest level holds"),
    (Reason::ProbesUsedUp, "Not finished", "the probes were used up before the bracket was narrow"),
    (Reason::Aborted, "Aborted", "a probe was ended for another reason than its load"),
    (Reason::User, "Interrupted", "a person ended the search"),
];

/// How good or bad news is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    Good,
    Bad,
    Open,
}

/// The heading: a word or two, and what that means.
pub(super) fn headline(of: &Capacity) -> (String, String) {
    let Some(ending) = &of.ending else {
        return (
            "Unfinished".to_owned(),
            "the search has no end on record: it is still under way, or was killed".to_owned(),
        );
    };
    let row = REASONS.iter().find(|(reason, ..)| *reason == ending.reason);
    let (_, word, meaning) = row.copied().unwrap_or((ending.reason, "Ended", ""));
    let passed = of.bracket.highest_pass_per_s;
    match (ending.reason, passed) {
        (Reason::Thresholds | Reason::GoodputStoppedRising, Some(passed)) if ending.is_capacity => {
            (format!("{word} {}", rate(passed)), promise(of, meaning))
        }
        (Reason::TopReached, Some(passed)) if is_held(of) => {
            (format!("{word} {}", rate(passed)), meaning.to_owned())
        }
        (Reason::Thresholds | Reason::GoodputStoppedRising | Reason::TopReached, passed) => {
            let highest = passed.map(|passed| format!("; the highest is {}", rate(passed)));
            let meaning = format!(
                "no rate that passed was confirmed by a hold{}",
                highest.unwrap_or_default()
            );
            ("Not confirmed".to_owned(), meaning)
        }
        _ => (word.to_owned(), meaning.to_owned()),
    }
}

/// That the lower end is what to promise, and how far above it the upper one is.
fn promise(of: &Capacity, meaning: &str) -> String {
    let held =
        if of.asked.hold_s > 0.0 { "confirmed by a hold" } else { "not confirmed by a hold" };
    let Bracket { highest_pass_per_s: Some(low), lowest_fail_per_s: Some(high) } = of.bracket
    else {
        return format!("to promise, {held}");
    };
    let above = figures::share(high / low - 1.0);
    let asked = if is_wide(of) {
        format!(" ({} was asked for)", Share(of.asked.resolution))
    } else {
        String::new()
    };
    format!("to promise, {held}; {above} above it{asked}, at {}, {meaning}", rate(high))
}

/// Whether the ends of the bracket are further apart than was asked for.
fn is_wide(of: &Capacity) -> bool {
    let ends = of.bracket.highest_pass_per_s.zip(of.bracket.lowest_fail_per_s);
    ends.is_some_and(|(low, high)| high > low * (1.0 + of.asked.resolution) * (1.0 + 1e-9))
}

/// Whether the highest level that passed was confirmed, where that was asked for.
fn is_held(of: &Capacity) -> bool {
    let is_of_it = |hold: &Hold| {
        hold.verdict == LevelVerdict::Pass && Some(hold.rate_per_s) == of.bracket.highest_pass_per_s
    };
    of.asked.hold_s <= 0.0 || of.hold.as_ref().is_some_and(is_of_it)
}

/// Whether what was asked for came of it.
pub(super) fn tone(of: &Capacity) -> Tone {
    let is_needed = of.head_room.as_ref().map(|room| room.is_enough);
    let is_statement = of.ending.as_ref().is_some_and(|ending| {
        ending.is_capacity || (ending.reason == Reason::TopReached && is_held(of))
    });
    match (is_statement, is_needed) {
        (_, Some(Some(false))) => Tone::Bad,
        (true, None | Some(Some(true))) => Tone::Good,
        (true, Some(None)) => Tone::Open,
        (false, _) if of.ending.is_none() => Tone::Open,
        (false, _) => Tone::Bad,
    }
}

/// `140/s to 147/s`; what is not known is said so.
pub(super) fn bracket(of: &Bracket) -> String {
    match (of.highest_pass_per_s, of.lowest_fail_per_s) {
        (Some(low), Some(high)) => format!("{} to {}", rate(low), rate(high)),
        (Some(low), None) => format!("{} or more", rate(low)),
        (None, Some(high)) => format!("below {}", rate(high)),
        (None, None) => figures::NONE.to_owned(),
    }
}

/// Iterations per second.
pub(super) fn rate(per_s: f64) -> String {
    format!("{}/s", figures::rate(per_s))
}

/// A length of time in whole seconds, as those of levels are: `48 s`, `5 min`, `2 min 1 s`.
pub(super) fn length(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).ok().filter(|of| of.subsec_nanos() == 0);
    let Some(seconds_in_all) = whole.map(|of| of.as_secs()) else {
        return figures::seconds(seconds);
    };
    let (minutes, seconds) = (seconds_in_all / 60, seconds_in_all % 60);
    match (minutes, seconds) {
        (0 | 1, _) => format!("{seconds_in_all} s"),
        (_, 0) => format!("{minutes} min"),
        _ => format!("{minutes} min {seconds} s"),
    }
}

/// What came of a level, in a word.
pub(super) const fn verdict(of: LevelVerdict) -> &'static str {
    match of {
        LevelVerdict::Pass => "pass",
        LevelVerdict::Fail => "fail",
        LevelVerdict::Undecided => "undecided",
        LevelVerdict::Void => "void",
    }
}

/// Why a level was tried, in a word.
pub(super) const fn purpose(of: Purpose) -> &'static str {
    match of {
        Purpose::Climb => "climb",
        Purpose::Narrow => "narrow",
        Purpose::Repeat => "repeat",
        Purpose::Hold => "hold",
    }
}

/// Levels from the lowest rate to the highest, those of one rate in the order in which they were tried.
pub(super) fn by_rate(of: &Capacity) -> Vec<&Level> {
    let mut levels: Vec<&Level> = of.levels.iter().collect();
    levels.sort_by(|one, other| {
        one.rate_per_s.total_cmp(&other.rate_per_s).then(one.probe.cmp(&other.probe))
    });
    levels
}

/// What the answer says beside its bracket: a term and its sentence each.
pub(super) fn findings(of: &Capacity) -> Vec<(&'static str, String)> {
    let broken = of.broke_first.as_ref().map(|broken| {
        let at = rate(broken.rate_per_s);
        let what = match &broken.rule {
            Some(rule) => format!("`{rule}`, {} at {at}", broken.observed),
            None => format!("goodput, {} of what is due at {at}", broken.observed),
        };
        ("broke first", what)
    });
    let slowed = of.broke_first.as_ref().and_then(|broken| broken.row.as_ref());
    let law = (!of.levels.is_empty()).then(|| ("scalability", scalability(of)));
    let likely = of.estimate.map(|found| {
        let (low, high) = (rate(found.low_per_s), rate(found.high_per_s));
        ("most likely", format!("{}, 95% between {low} and {high}", rate(found.per_s)))
    });
    // A capacity has it in its heading.
    let is_capacity = of.ending.as_ref().is_some_and(|ending| ending.is_capacity);
    let is_known = of.bracket != Bracket::default() && !is_capacity;
    let parts = [
        is_known.then(|| ("bracket", bracket(&of.bracket))),
        likely,
        broken,
        slowed.map(|row| ("slowed most", what_slowed(row))),
        hold(of),
        of.head_room.as_ref().map(|room| ("head-room", head_room(room))),
        law,
        advice(of, is_wide(of)).map(|advice| ("advice", advice)),
    ];
    parts.into_iter().flatten().collect()
}

/// What came of the confirmation, where one was made.
fn hold(of: &Capacity) -> Option<(&'static str, String)> {
    let Some(hold) = &of.hold else {
        let is_hold = |level: &&Level| level.purpose == Purpose::Hold;
        let void = of.levels.iter().rfind(is_hold)?;
        let at = rate(void.rate_per_s);
        return Some(("not confirmed", format!("the hold at {at} says nothing about the tenant")));
    };
    let told = format!("a hold of {} at {}", length(hold.measured_s), rate(hold.rate_per_s));
    Some(match hold.verdict {
        LevelVerdict::Pass if is_held(of) => ("confirmed by", told),
        LevelVerdict::Pass => ("not confirmed", format!("{told} passed, at another rate")),
        LevelVerdict::Fail => ("not confirmed", format!("{told} failed")),
        LevelVerdict::Undecided | LevelVerdict::Void => {
            ("not confirmed", format!("{told} did not tell"))
        }
    })
}

/// A row of exchanges by its names.
pub(super) fn row_name(row: &Slowed) -> String {
    let parts = [&row.capability, &row.event, &row.action];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

fn what_slowed(row: &Slowed) -> String {
    let (before, after) = (figures::time(row.before_us), figures::time(row.after_us));
    let part = figures::share(row.share);
    format!(
        "`{}`, {before} on average at first and {after} there: {part} of what was added",
        row_name(row)
    )
}

/// What is left above what is needed: `20/s needed: +25% above it, enough`.
pub(super) fn head_room(room: &HeadRoom) -> String {
    let is_plain =
        room.asked.parse::<Rate>().is_ok_and(|asked| asked.per_second == room.needed_per_s);
    let asked = if is_plain && room.asked.ends_with("/s") {
        format!("{} needed", room.asked)
    } else {
        format!("{} needed ({})", rate(room.needed_per_s), room.asked)
    };
    let share = room.share.map(|share| format!("{:+.0}% left by what passed", share * 100.0));
    let share = share.unwrap_or_else(|| "nothing passed".to_owned());
    let word = match room.is_enough {
        Some(true) => "enough",
        Some(false) => "not enough",
        None if room.share.is_some_and(|share| share >= 0.0) => "which is not confirmed",
        None => "cannot be told",
    };
    format!("{asked}: {share}, {word}")
}

/// The law in a sentence.
pub(super) fn scalability(of: &Capacity) -> String {
    let found = &of.scalability;
    let law = found.law.map(|law| {
        let peak = law.peak_per_s.map(|peak| {
            let ends = law.peak_low_per_s.zip(law.peak_high_per_s);
            let ends = ends.map(|(low, high)| format!(" ({} … {})", rate(low), rate(high)));
            format!("peak foreseen at {}{}", rate(peak), ends.unwrap_or_default())
        });
        let numbers = format!(
            "contention {}, coherency {}, R² {:.3}",
            figures::share(law.contention),
            small(law.coherency),
            law.r_squared
        );
        peak.into_iter().chain([numbers]).collect::<Vec<_>>().join("; ")
    });
    let parts = [law, found.remark.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A sentence that begins like one.
pub(super) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn small(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { format!("{number:.1e}") }
}

/// Calls of one rate group: `140/s, 1.00 for each iteration`.
pub(super) fn calls(of: &GroupCalls) -> String {
    format!("{}, {:.2} for each iteration", rate(of.per_s), of.per_iteration)
}

/// What was asked for, a term and its words each.
pub(super) fn asked(of: &Capacity) -> Vec<(&'static str, String)> {
    let asked = &of.asked;
    let hold = if asked.hold_s > 0.0 { length(asked.hold_s) } else { "none".to_owned() };
    let to = asked.to_per_s.map_or_else(|| "no bound".to_owned(), rate);
    vec![
        ("from", rate(asked.from_per_s)),
        ("to", to),
        ("resolution", Share(asked.resolution).to_string()),
        ("climb", format!("× {}", asked.climb)),
        ("probes at most", asked.most_probes.to_string()),
        ("hold", hold),
        (
            "rules",
            asked.rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(", "),
        ),
        ("seed", of.seed.clone()),
        ("tenant", of.tenant_hosts.join(", ")),
    ]
}

/// The median of a level of several journeys; see [`time`].
pub(super) fn median(level: &Level) -> String {
    time(level.p50_us, level.journeys.iter().any(has_ended))
}

/// Times of a journey, p50, p95 and p99; see [`time`].
pub(super) fn times(of: &LevelJourney) -> [String; 3] {
    [of.p50_us, of.p95_us, of.p99_us].map(|us| time(us, has_ended(of)))
}

/// A time. None is slower than any limit, where anything ended at all.
fn time(us: Option<u64>, has_ended: bool) -> String {
    let none = if has_ended { "> limit" } else { "–" };
    us.map_or_else(|| none.to_owned(), figures::time)
}

fn has_ended(of: &LevelJourney) -> bool {
    of.completed_per_s > 0.0 || of.error_share > 0.0
}

/// How much of what its rules need the samples of a level are worth: `1240 of 300`.
pub(super) fn worth(level: &Level) -> String {
    let needed = level.needed_samples;
    if needed == 0 {
        return figures::NONE.to_owned();
    }
    let worth =
        level.effective_samples.map_or_else(|| figures::NONE.to_owned(), |n| format!("{n:.0}"));
    format!("{worth} of {needed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::capacity::found::Ending;
    use crate::report::capacity::specimen;

    #[test]
    fn every_reason_has_its_words() {
        for found in specimen::all() {
            let reason = found.ending.as_ref().map(|ending| ending.reason);
            assert!(reason.is_none_or(|reason| REASONS.iter().any(|row| row.0 == reason)));
        }
    }

    #[test]
    fn brackets_say_what_is_not_known() {
        let of = |highest_pass_per_s, lowest_fail_per_s| {
            bracket(&Bracket { highest_pass_per_s, lowest_fail_per_s })
        };
        assert_eq!(of(Some(140.0), Some(147.0)), "140/s to 147/s");
        assert_eq!(of(Some(140.0), None), "140/s or more");
        assert_eq!(of(None, Some(2.0)), "below 2.00/s");
        assert_eq!(of(None, None), "–");
    }

    #[test]
    fn head_room_says_whether_it_is_enough() {
        let room = |share, is_enough| HeadRoom {
            asked: "60000/h peak 3".to_owned(),
            needed_per_s: 50.0,
            share,
            is_enough,
        };
        assert_eq!(
            head_room(&room(Some(0.25), Some(true))),
            "50.0/s needed (60000/h peak 3): +25% left by what passed, enough"
        );
        assert!(
            head_room(&room(Some(-0.2), Some(false)))
                .ends_with("-20% left by what passed, not enough")
        );
        assert!(head_room(&room(None, None)).contains("nothing passed"));
        assert!(head_room(&room(Some(1.2), None)).ends_with("passed, which is not confirmed"));
    }

    #[test]
    fn the_heading_says_what_to_promise_and_how_wide_the_bracket_is() {
        let mut found = specimen::found();
        found.bracket.lowest_fail_per_s = Some(174.0);
        let (word, meaning) = headline(&found);
        assert_eq!(word, "Capacity 140/s");
        assert_eq!(
            meaning,
            "to promise, confirmed by a hold; 24.3% above it (5% was asked for), at 174/s, a threshold does \
             not hold"
        );
        found.asked.hold_s = 0.0;
        assert!(headline(&found).1.starts_with("to promise, not confirmed by a hold; "));
    }

    #[test]
    fn nothing_is_called_confirmed_that_a_hold_did_not_confirm() {
        for (verdict, rate_per_s, label, end) in [
            (LevelVerdict::Pass, 140.0, "confirmed by", "at 140/s"),
            (LevelVerdict::Pass, 120.0, "not confirmed", "passed, at another rate"),
            (LevelVerdict::Undecided, 140.0, "not confirmed", "did not tell"),
            (LevelVerdict::Fail, 143.0, "not confirmed", "failed"),
        ] {
            let mut found = specimen::found();
            found.hold = Some(Hold { rate_per_s, measured_s: 121.0, verdict });
            let (term, told) = hold(&found).unwrap();
            assert_eq!(term, label, "{verdict:?}");
            assert!(told.starts_with("a hold of 2 min 1 s at ") && told.ends_with(end), "{told}");
        }
        let mut void = specimen::found();
        void.hold = None;
        assert_eq!(hold(&void).unwrap().0, "not confirmed");
        let (reason, is_capacity) = (Reason::TopReached, false);
        void.ending = Some(Ending { reason, text: String::new(), is_capacity });
        let (word, meaning) = headline(&void);
        assert_eq!(word, "Not confirmed");
        assert!(meaning.ends_with("; the highest is 140/s"), "{meaning}");
        assert_eq!(tone(&void), Tone::Bad);
    }

    #[test]
    fn where_nothing_ended_nothing_was_slower_than_any_limit() {
        let level = specimen::found().levels.remove(0);
        let of = |completed_per_s, error_share| {
            let journey = LevelJourney {
                completed_per_s,
                error_share,
                p99_us: None,
                ..level.journeys[0].clone()
            };
            times(&journey)[2].clone()
        };
        assert_eq!([of(3.0, 0.0), of(0.0, 1.0), of(0.0, 0.0)], ["> limit", "> limit", "–"]);
        let void = Level { journeys: Vec::new(), p50_us: None, ..level };
        assert_eq!(median(&void), "–");
    }

    #[test]
    fn lengths_are_whole_where_they_are() {
        for (seconds, shown) in
            [(0.0, "0 s"), (60.0, "60 s"), (119.0, "119 s"), (120.0, "2 min"), (301.0, "5 min 1 s")]
        {
            assert_eq!(length(seconds), shown);
        }
        assert_eq!(length(0.25), "250 ms");
    }
}
