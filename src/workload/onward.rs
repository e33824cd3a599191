//! A plan that is taken up where it stood: what is left of it, and the warm-up before that.

use super::settings::{Model, Settings};
use std::time::Duration;

/// Where a plan stood, and how it goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Onward {
    /// How much of the plan's time is over, its own warm-up included.
    pub plan: Duration,
    /// How many arrivals of the plan there were; none where that is not known: then those that were to be
    /// there by then.
    pub arrivals: Option<u64>,
    /// How long load is on at the level that the plan had, before the plan goes on.
    pub warm_up: Duration,
    /// How many iterations were due in all.
    pub due: u64,
    /// The number of the next iteration.
    pub next_number: u64,
    /// Which segment of the run this is; the first was 0.
    pub segment: u32,
}

impl Onward {
    /// A run that stood at `plan`. What did not come out of its warm-up begins anew: nothing was measured yet.
    /// Everything else gets a warm-up as long as the plan's own.
    #[must_use]
    pub fn of(settings: &Settings, stood: Self) -> Self {
        if stood.plan < settings.warm_up || stood.plan.is_zero() {
            return Self {
                plan: Duration::ZERO,
                warm_up: Duration::ZERO,
                arrivals: Some(0),
                ..stood
            };
        }
        Self { warm_up: settings.warm_up, ..stood }
    }

    /// Whether the plan begins anew.
    pub const fn is_anew(&self) -> bool {
        self.plan.is_zero()
    }
}

/// How much longer than the plan says arrivals may have come, in seconds at its highest rate: gander is a little
/// late or early.
const LEEWAY_S: f64 = 10.0;

/// Beyond so many standard deviations of a Poisson count nothing ever is.
const DEVIATIONS: f64 = 10.0;

impl Settings {
    /// The most arrivals that there can have been when so much of the plan was over; none where their number
    /// is up to the tenant.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub fn most_arrivals(&self, plan: Duration) -> Option<u64> {
        let Model::Open { rate, .. } = &self.model else { return None };
        let area = rate.area(plan) + rate.peak() * LEEWAY_S;
        Some((area + DEVIATIONS * area.sqrt() + DEVIATIONS).ceil() as u64)
    }

    /// What is left: moments count from the beginning of the new warm-up, and iterations are as many as the
    /// number of the last one has it. None if nothing is left.
    pub fn onward(&self, onward: &Onward) -> Option<Self> {
        let left =
            |all: Duration| Some(all.saturating_sub(onward.plan)).filter(|left| !left.is_zero());
        let closes = match self.closes_after() {
            Some(closes) => Some(onward.warm_up + left(closes)?),
            None => None,
        };
        let more = |all: u64| Some(all.saturating_sub(onward.due)).filter(|more| *more > 0);
        let iterations = match self.iterations {
            Some(all) => Some(onward.next_number + more(all)?),
            None => None,
        };
        let warm_up = onward.warm_up + self.warm_up.saturating_sub(onward.plan);
        let shape = |shape: &super::shape::Shape| shape.onward(onward.plan, onward.warm_up);
        let model = match &self.model {
            Model::Closed { users, pacing } => {
                Model::Closed { users: shape(users), pacing: *pacing }
            }
            Model::Open { rate, arrivals, max_users, when_late } => Model::Open {
                rate: shape(rate),
                arrivals: *arrivals,
                max_users: *max_users,
                when_late: *when_late,
            },
        };
        let duration = closes.map(|closes| closes.saturating_sub(warm_up));
        Some(Self { model, duration, iterations, warm_up, drain: self.drain })
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{Shape, Stage};
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settings() -> Settings {
        let stage = |level, lasts, ramps| Stage { level, lasts: s(lasts), ramps };
        let users =
            Shape::of(&[stage(10.0, 10, true), stage(10.0, 50, false), stage(40.0, 20, false)]);
        Settings {
            model: Model::Closed { users, pacing: Default::default() },
            duration: Some(s(70)),
            warm_up: s(10),
            ..Settings::default()
        }
    }

    fn stood(plan: Duration) -> Onward {
        let stood =
            Onward { plan, arrivals: Some(7), warm_up: s(0), due: 7, next_number: 9, segment: 2 };
        Onward::of(&settings(), stood)
    }

    #[test]
    fn what_is_left_is_measured_after_a_warm_up_of_its_own() {
        let left = settings().onward(&stood(s(45))).unwrap();
        assert_eq!(
            (left.warm_up, left.duration, left.closes_after()),
            (s(10), Some(s(35)), Some(s(45)))
        );
        let Model::Closed { users, .. } = &left.model else { panic!("open") };
        let levels = [0, 9, 24, 25, 44, 45].map(|at| users.level(s(at)));
        assert_eq!(levels, [10.0, 10.0, 10.0, 40.0, 40.0, 0.0]);
        // No user is waited for who never comes.
        let late = settings().onward(&stood(s(75))).unwrap();
        assert_eq!((late.model.users(), late.closes_after()), (40, Some(s(15))));
        assert_eq!(settings().onward(&stood(s(80))), None);
    }

    #[test]
    fn what_never_came_out_of_its_warm_up_begins_anew() {
        for plan in [s(0), s(9)] {
            let anew = stood(plan);
            assert!(anew.is_anew());
            assert_eq!((anew.arrivals, anew.warm_up), (Some(0), s(0)));
            assert_eq!(settings().onward(&anew).unwrap(), settings());
        }
        assert!(!stood(s(10)).is_anew());
    }

    #[test]
    fn no_more_arrivals_are_believed_than_the_plan_had() {
        let rate = Shape::constant(20.0);
        let open = Settings {
            model: Model::Open {
                rate,
                arrivals: super::super::schedule::Arrivals::Poisson,
                max_users: 9,
                when_late: super::super::settings::WhenLate::Queue,
            },
            ..settings()
        };
        let most = open.most_arrivals(s(100)).unwrap();
        // 2000 ± 45, and 200 more in ten seconds.
        assert!((2400..3000).contains(&most), "{most}");
        assert!((200..500).contains(&open.most_arrivals(s(0)).unwrap()));
        assert_eq!(settings().most_arrivals(s(100)), None);
    }

    #[test]
    fn a_count_goes_on_with_as_many_as_are_missing() {
        let by_count =
            Settings { duration: None, iterations: Some(50), warm_up: s(0), ..settings() };
        let left = by_count.onward(&stood(s(30))).unwrap();
        // Numbers 9 and on; 7 of the 50 were due.
        assert_eq!((left.iterations, left.closes_after()), (Some(52), None));
        let all = Onward { due: 50, ..stood(s(30)) };
        assert_eq!(by_count.onward(&all), None);
    }
}
