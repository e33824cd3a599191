//! What every rendering of a search says in the same words.

use crate::analysis::capacity::found::{
    Bracket, Capacity, GroupCalls, HeadRoom, Level, LevelVerdict, Purpose, Reason, Slowed,
};
use crate::base::units::{Rate, Share};
use crate::report::figures;

/// The reasons, their words in headings, and what the search then says.
const REASONS: &[(Reason, &str, &str)] = &[
    (Reason::Thresholds, "Capacity", "above it a threshold does not hold"),
    (
        Reason::GoodputStoppedRising,
        "Capacity",
        "above it iterations do not end as fast as they come",
    ),
    (Reason::RateLimited, "Rate limited", "the licence was the limit; the capacity is not known"),
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
    (Reason::TopReached, "At least", "the highest level that was allowed passed"),
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
    match ending.reason {
        Reason::Thresholds | Reason::GoodputStoppedRising if !ending.is_capacity => {
            ("Not confirmed".to_owned(), "no rate that passed was confirmed".to_owned())
        }
        Reason::Thresholds | Reason::GoodputStoppedRising => {
            (format!("{word} {}", bracket(&of.bracket)), meaning.to_owned())
        }
        Reason::TopReached => {
            (format!("{word} {}", rate_or_none(of.bracket.highest_pass_per_s)), meaning.to_owned())
        }
        _ => (word.to_owned(), meaning.to_owned()),
    }
}

/// Whether what was asked for came of it.
pub(super) fn tone(of: &Capacity) -> Tone {
    let is_needed = of.head_room.as_ref().map(|room| room.is_enough);
    let is_statement = of
        .ending
        .as_ref()
        .is_some_and(|ending| ending.is_capacity || ending.reason == Reason::TopReached);
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

fn rate_or_none(per_s: Option<f64>) -> String {
    per_s.map_or_else(|| figures::NONE.to_owned(), rate)
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
    let hold = of.hold.as_ref().map(|hold| {
        let measured = figures::seconds(hold.measured_s);
        let word = match hold.verdict {
            LevelVerdict::Pass => "passed",
            LevelVerdict::Fail => "failed",
            LevelVerdict::Undecided | LevelVerdict::Void => "did not tell",
        };
        ("confirmed by", format!("a hold of {measured} at {}, which {word}", rate(hold.rate_per_s)))
    });
    let law = Some(("scalability", scalability(of)));
    let likely = of.estimate.map(|found| {
        let (low, high) = (rate(found.low_per_s), rate(found.high_per_s));
        ("most likely", format!("{}, 95% between {low} and {high}", rate(found.per_s)))
    });
    let parts = [
        likely,
        broken,
        slowed.map(|row| ("slowed most", what_slowed(row))),
        hold,
        of.head_room.as_ref().map(|room| ("head-room", head_room(room))),
        law,
    ];
    parts.into_iter().flatten().collect()
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
    let hold = if asked.hold_s > 0.0 { figures::seconds(asked.hold_s) } else { "none".to_owned() };
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
    }
}
