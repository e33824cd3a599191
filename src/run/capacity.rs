//! The levels of a search for capacity: what is run for each of them, and who steers it.

use super::pilot::{Pilot, Turn};
use crate::analysis::capacity::level::{Order, Watch};
use crate::base::units::{Rate, Span};
use crate::measure::series::Phases;
use crate::measure::timeline::Interval;
use crate::workload::schedule::Arrivals;
use crate::workload::settings::{Model, Settings, WhenLate, usual_users};
use crate::workload::shape::Shape;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The first level where nobody says one and the workload has no rate.
const FIRST: Rate = Rate { per_second: 1.0 };

/// The keys of a workload that a level has of its own.
const OF_A_LEVEL: &[&str] = &[
    "model",
    "users",
    "pacing",
    "rate",
    "stages",
    "duration",
    "iterations",
    "warm_up",
    "max_users",
];

/// How much longer than a pilot may take the plan of a level is: it ends by its pilot, and by its plan only if
/// the machine stood still for so long that nobody was asked.
const SLACK: Duration = Duration::from_secs(10);

/// Steers a level by what its watch says. Clones are the same one, so that what it has seen is there for
/// whoever judges the level afterwards.
#[derive(Clone, Debug)]
pub struct Steering(Arc<Mutex<Watch>>);

impl Steering {
    /// One that has seen nothing yet.
    pub fn new(order: Order) -> Self {
        Self(Arc::new(Mutex::new(Watch::new(order))))
    }

    /// Looks at what it has seen.
    pub fn seen<T>(&self, look: impl FnOnce(&Watch) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pilot for Steering {
    fn interval(&mut self, interval: &Interval) -> Option<Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(interval)
    }
}

/// The first level of a search where nobody says one: the workload's rate, at its peak.
pub fn first_level(workload: &Settings) -> Rate {
    match &workload.model {
        Model::Open { rate, .. } if rate.peak() > 0.0 => Rate { per_second: rate.peak() },
        _ => FIRST,
    }
}

/// The load of a level: arrivals at one rate, otherwise as the profile has them, and as many users as it says
/// or as are usual at this rate.
pub fn load_of(order: &Order, profile: &Settings, max_users: Option<usize>) -> Settings {
    let (arrivals, when_late) = match &profile.model {
        // Who finds nobody free and ends the run would end a level for what it is there to find out.
        Model::Open { arrivals, when_late: WhenLate::Abort, .. } => (*arrivals, WhenLate::Queue),
        Model::Open { arrivals, when_late, .. } => (*arrivals, *when_late),
        Model::Closed { .. } => (Arrivals::Poisson, WhenLate::Queue),
    };
    let model = Model::Open {
        rate: Shape::constant(order.rate_per_s),
        arrivals,
        max_users: max_users.unwrap_or_else(|| usual_users(order.rate_per_s)),
        when_late,
    };
    let cool_down = order.cool_down.map(|rest| rest.at_most).unwrap_or_default();
    Settings {
        model,
        duration: Some(order.longest() + SLACK),
        iterations: None,
        warm_up: cool_down + order.settle + SLACK,
        drain: profile.drain,
    }
}

/// The profile as it is run for a level, for its record; with `phases`, as they were in the end.
pub fn plan_of(plan: &Value, level: &Settings, phases: Phases) -> Value {
    let mut plan = plan.clone();
    let Some(document) = plan.as_object_mut() else { return plan };
    let workload = document.entry("workload").or_insert_with(|| serde_json::json!({}));
    let Some(workload) = workload.as_object_mut() else { return plan };
    OF_A_LEVEL.iter().for_each(|key| _ = workload.remove(*key));
    let Model::Open { rate, max_users, .. } = &level.model else { return plan };
    let ends = phases.measured_ends.unwrap_or(phases.warm_up_ends);
    // One that was ended in its warm-up had no more of it than that.
    let begins = phases.warm_up_ends.min(ends);
    let texts = [
        ("model", Value::from("open")),
        ("rate", Rate { per_second: rate.peak() }.to_string().into()),
        ("max_users", (*max_users as u64).into()),
        ("warm_up", Span(begins).to_string().into()),
        ("duration", Span(ends.saturating_sub(begins)).to_string().into()),
    ];
    workload.extend(texts.map(|(key, value)| (key.to_owned(), value)));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::capacity::level::CoolDown;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn order(rate_per_s: f64) -> Order {
        Order {
            rate_per_s,
            rules: Vec::new(),
            reply_timeout: s(30),
            settle: s(60),
            measure_at_least: s(10),
            measure: s(120),
            cool_down: None,
            hold: None,
            has_passed_below: false,
        }
    }

    fn open(rate: Shape, when_late: WhenLate) -> Settings {
        let arrivals = Arrivals::Constant;
        let model = Model::Open { rate, arrivals, max_users: 7, when_late };
        Settings { model, drain: s(9), iterations: Some(5), ..Settings::default() }
    }

    #[test]
    fn a_level_has_its_own_rate_and_time_and_everything_else_of_the_profile() {
        let profile = open(Shape::constant(3.0), WhenLate::Drop);
        let found = load_of(&order(42.0), &profile, Some(7));
        let (arrivals, when_late) = (Arrivals::Constant, WhenLate::Drop);
        let model = Model::Open { rate: Shape::constant(42.0), arrivals, max_users: 7, when_late };
        assert_eq!((&found.model, found.drain, found.iterations), (&model, s(9), None));
        assert_eq!((found.warm_up, found.duration), (s(70), Some(s(130))));
        let rest = CoolDown { rate_per_s: 5.0, p50_us: 1, at_most: s(40) };
        let after = Order { cool_down: Some(rest), hold: Some(s(300)), ..order(42.0) };
        let found = load_of(&after, &profile, None);
        assert_eq!((found.warm_up, found.duration), (s(110), Some(s(310))));
        assert_eq!(found.model.users(), 1260, "those of 30 seconds");
        let impatient = open(Shape::constant(3.0), WhenLate::Abort);
        let Model::Open { when_late, .. } = load_of(&order(1.0), &impatient, None).model else {
            panic!("an open model")
        };
        assert_eq!(when_late, WhenLate::Queue);
        let users = load_of(&order(1.0), &Settings::default(), None);
        assert!(users.model.is_open() && users.model.users() == 100);
    }

    #[test]
    fn a_search_begins_at_the_rate_of_the_workload() {
        assert_eq!(first_level(&open(Shape::constant(3.0), WhenLate::Queue)).per_second, 3.0);
        assert_eq!(first_level(&Settings::default()), FIRST);
    }

    #[test]
    fn what_is_on_record_is_the_level_and_not_the_profile() {
        let profile = serde_json::json!({
            "journeys": { "sign-on": 1 },
            "workload": { "users": 9, "stages": [1], "iterations": 3, "drain": "9s" },
        });
        let level = load_of(&order(42.5), &Settings::default(), Some(70));
        let phases = Phases { warm_up_ends: s(6), measured_ends: Some(s(31)) };
        let expected = serde_json::json!({
            "journeys": { "sign-on": 1 },
            "workload": {
                "model": "open", "rate": "42.5/s", "max_users": 70, "warm_up": "6s",
                "duration": "25s", "drain": "9s",
            },
        });
        assert_eq!(plan_of(&profile, &level, phases), expected);
        assert_eq!(plan_of(&serde_json::json!({}), &level, phases)["workload"]["rate"], "42.5/s");
    }
}
