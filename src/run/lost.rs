//! What an agent that was lost leaves undone: computed from the plan, booked by variant and journey.

use crate::base::names::{Journey, UNKNOWN_FLOW, Variant};
use crate::load::Plan;
use crate::measure::counts::FaultCounts;
use crate::measure::series::Phase;
use crate::measure::timeline::{Event, JourneyLine, Line, Readings, SCHEMA_VERSION};
use crate::workload::share::Roster;
use std::collections::BTreeMap;
use std::time::Duration;

/// The slug of the event that says that an agent was lost.
pub const LOST: &str = "lost";

/// What a lost agent told before: due and ended, by phase, variant and journey.
pub type Told = BTreeMap<(Phase, Variant, Journey), (u64, u64)>;

/// Adds a line of what it told.
pub fn tell(told: &mut Told, line: &Line) {
    for row in &line.journeys {
        let ended = row.completed + row.faults.total() + row.dropped + row.cut_off + row.lost;
        let key = (row.phase, row.variant.clone(), row.journey.clone());
        let (due, all_ended) = told.entry(key).or_default();
        *due += row.due;
        *all_ended += ended;
    }
}

/// How many iterations it told to have begun.
pub fn begun(told: &Told) -> u64 {
    told.values().map(|(due, _)| due).sum()
}

/// What was due of a member that left so many iterations of a count of the closed model undone, by phase, variant and
/// journey. They are those that it would have begun next; when, nobody knows: they count as measured.
pub fn counted(
    plan: &Plan,
    (roster, member, of): (&Roster, u32, u32),
    (told, left): (&Told, u64),
    (choices, by_flow): (&[(Variant, Journey)], bool),
) -> BTreeMap<(Phase, Variant, Journey), u64> {
    let mut counted: BTreeMap<_, u64> = BTreeMap::new();
    let next = begun(told);
    for number in (next..next.saturating_add(left)).map(|local| roster.number(member, local, of)) {
        let Some((variant, journey)) = choices.get(plan.mix.pick(number)) else { continue };
        let variant = if by_flow { UNKNOWN_FLOW.into() } else { variant.clone() };
        *counted.entry((Phase::Measured, variant, journey.clone())).or_default() += 1;
    }
    for (key, number) in &mut counted {
        *number += known(told, key);
    }
    counted
}

/// How many of them were told to be due. By flow, variants of what was told are those that were met: what is missing of a
/// journey is missing of all.
fn known(told: &Told, (phase, variant, journey): &(Phase, Variant, Journey)) -> u64 {
    let is_same = |key: &(Phase, Variant, Journey)| {
        key.0 == *phase
            && key.2 == *journey
            && (key.1 == *variant || variant.as_str() == UNKNOWN_FLOW)
    };
    told.iter().filter(|(key, _)| is_same(key)).map(|(_, (due, _))| due).sum()
}

/// What was due of a member before a moment of the plan, by phase, variant and journey; none in the closed model, in
/// which nothing is due but what was begun. `choices` are those of the mix, and whether they are known only by flow.
pub fn planned(
    plan: &Plan,
    (roster, member): (&Roster, u32),
    until: Duration,
    (choices, by_flow): (&[(Variant, Journey)], bool),
) -> Option<BTreeMap<(Phase, Variant, Journey), u64>> {
    let due = plan.due_until((roster, member), until)?;
    let mut planned: BTreeMap<_, u64> = BTreeMap::new();
    for ((variant, journey), of) in choices.iter().zip(due) {
        // Nobody has met a flow.
        let variant = if by_flow { UNKNOWN_FLOW.into() } else { variant.clone() };
        for phase in [Phase::WarmUp, Phase::Measured, Phase::Drain] {
            let number = of.get(phase as usize).copied().unwrap_or(0);
            *planned.entry((phase, variant.clone(), journey.clone())).or_default() += number;
        }
    }
    Some(planned)
}

/// The line that books what a lost agent left undone: what was due by the plan and never told, and what was told to be
/// due and of whose end nothing was heard. It has no length; `interval` and `at_ms` are where the agent's told end.
pub fn line(
    agent: &str,
    told: &Told,
    planned: Option<&BTreeMap<(Phase, Variant, Journey), u64>>,
    (interval, at_ms, readings): (u64, u64, Readings),
) -> Line {
    let mut missing: BTreeMap<(Phase, Variant, Journey), u64> = BTreeMap::new();
    for (key, number) in planned.into_iter().flatten() {
        let rest = number.saturating_sub(known(told, key));
        if rest > 0 {
            missing.insert(key.clone(), rest);
        }
    }
    let mut rows: BTreeMap<(Phase, Variant, Journey), (u64, u64)> = BTreeMap::new();
    for (key, due) in missing {
        rows.insert(key, (due, due));
    }
    for (key, (due, ended)) in told {
        let under_way = due.saturating_sub(*ended);
        if under_way > 0 {
            rows.entry(key.clone()).or_default().1 += under_way;
        }
    }
    let lost: u64 = rows.values().map(|(_, lost)| lost).sum();
    let text = match lost {
        1 => format!("agent `{agent}` was lost, and 1 iteration with it"),
        _ => format!("agent `{agent}` was lost, and {lost} iterations with it"),
    };
    Line {
        schema_version: SCHEMA_VERSION,
        interval,
        start_ms: at_ms,
        end_ms: at_ms,
        journeys: rows.into_iter().map(|(key, counts)| row(key, counts)).collect(),
        events: vec![Event { at_ms, slug: LOST.to_owned(), text }],
        readings,
        ..Line::default()
    }
}

fn row(
    (phase, variant, journey): (Phase, Variant, Journey),
    (due, lost): (u64, u64),
) -> JourneyLine {
    JourneyLine {
        phase,
        variant,
        journey,
        due,
        late: 0,
        completed: 0,
        dropped: 0,
        cut_off: 0,
        lost,
        faults: FaultCounts::default(),
        exchanges: 0,
        exchange_faults: FaultCounts::default(),
        response_us: None,
        funnel: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::workload::mix::Mix;
    use crate::workload::settings::{Model, Settings};

    fn key(variant: &str, journey: &str) -> (Phase, Variant, Journey) {
        (Phase::Measured, variant.into(), journey.into())
    }

    fn books(line: &Line) -> Vec<String> {
        let row =
            |row: &JourneyLine| format!("{}/{} {} {}", row.variant, row.journey, row.due, row.lost);
        line.journeys.iter().map(row).collect()
    }

    #[test]
    fn what_was_due_and_never_told_is_lost_and_so_is_what_was_under_way() {
        let told: Told = [(key("v1", "a"), (10, 8)), (key("v1", "b"), (3, 3))].into();
        let planned = [(key("v1", "a"), 15), (key("v1", "b"), 3), (key("v1", "c"), 2)].into();
        let line = line("load-2", &told, Some(&planned), (7, 7004, Readings::default()));
        assert_eq!(books(&line), ["v1/a 5 7", "v1/c 2 2"]);
        assert_eq!((line.interval, line.start_ms, line.end_ms), (7, 7004, 7004));
        assert_eq!(line.events[0].text, "agent `load-2` was lost, and 9 iterations with it");
        // With it the account is settled.
        let mut all = told;
        tell(&mut all, &line);
        assert!(all.values().all(|(due, ended)| due == ended), "{all:?}");
        assert_eq!(all[&key("v1", "a")].0, 15);
    }

    #[test]
    fn flows_that_were_met_count_for_their_journey() {
        let told: Told = [(key("f1", "a"), (4, 4)), (key("f2", "a"), (5, 4))].into();
        let planned = [(key(UNKNOWN_FLOW, "a"), 12)].into();
        let line = line("x", &told, Some(&planned), (0, 0, Readings::default()));
        assert_eq!(books(&line), ["f2/a 0 1", "unknown/a 3 3"]);
    }

    #[test]
    fn of_a_count_what_was_not_begun_is_lost_as_it_would_have_come_next() {
        let mut workload = Settings { model: Model::closed(4), ..Settings::default() };
        workload.iterations = Some(40);
        let mix = Mix::new(&[2.0, 1.0], Seed(3)).unwrap();
        let plan = Plan::new(workload, mix, Seed(3));
        let choices = [("v1".into(), "a".into()), ("v1".into(), "b".into())];
        let told: Told = [(key("v1", "a"), (4, 3)), (key("v1", "b"), (1, 1))].into();
        let roster = Roster::of(2);
        for by_flow in [false, true] {
            let own = counted(&plan, (&roster, 1, 2), (&told, 15), (&choices, by_flow));
            let line = line("x", &told, Some(&own), (0, 0, Readings::default()));
            // Numbers 11, 13, … 39 of the plan.
            let of = |choice| (5..20).filter(|own| plan.mix.pick(own * 2 + 1) == choice).count();
            let (variant, [a, b]) = (if by_flow { UNKNOWN_FLOW } else { "v1" }, [of(0), of(1)]);
            let expected = match by_flow {
                false => vec![format!("v1/a {a} {}", a + 1), format!("v1/b {b} {b}")],
                true => vec![
                    format!("{variant}/a {a} {a}"),
                    format!("{variant}/b {b} {b}"),
                    "v1/a 0 1".to_owned(),
                ],
            };
            let mut found = books(&line);
            found.sort();
            assert_eq!(found, expected);
            assert_eq!(line.journeys.iter().map(|row| row.lost).sum::<u64>(), 16);
        }
        assert!(counted(&plan, (&roster, 1, 2), (&told, 0), (&choices, false)).is_empty());
    }

    #[test]
    fn users_in_turn_lose_what_they_were_at() {
        let told: Told = [(key("v1", "a"), (4, 3))].into();
        let line = line("x", &told, None, (0, 0, Readings::default()));
        assert_eq!(books(&line), ["v1/a 0 1"]);
    }
}
