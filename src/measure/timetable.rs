//! The phases of a run that goes on, for all who have to agree on them, and how they are moved.

use super::series::Phases;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When the phases of a run change, as planned until somebody moves them. Clones are the same timetable;
/// any thread may read it.
///
/// Whoever moves a change names a moment that is still to come: what is due before it has its phase by the
/// plan that it was due under, so that every iteration belongs to one phase, and everybody says the same.
#[derive(Clone, Debug)]
pub struct Timetable(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    warm_up_ends_ns: AtomicU64,
    measured_ends_ns: AtomicU64,
}

/// The end of a phase that does not end by time. No run is 500 years long.
const NEVER: u64 = u64::MAX;

impl From<Phases> for Timetable {
    fn from(planned: Phases) -> Self {
        Self(Arc::new(Inner {
            warm_up_ends_ns: AtomicU64::new(nanoseconds(planned.warm_up_ends)),
            measured_ends_ns: AtomicU64::new(planned.measured_ends.map_or(NEVER, nanoseconds)),
        }))
    }
}

impl Timetable {
    /// The phases as they are planned now.
    pub fn phases(&self) -> Phases {
        let measured_ends = self.0.measured_ends_ns.load(Ordering::SeqCst);
        Phases {
            warm_up_ends: Duration::from_nanos(self.0.warm_up_ends_ns.load(Ordering::SeqCst)),
            measured_ends: (measured_ends != NEVER).then(|| Duration::from_nanos(measured_ends)),
        }
    }

    /// The warm-up ends then, counted from the start of the run.
    pub fn measure_from(&self, at: Duration) {
        self.0.warm_up_ends_ns.store(nanoseconds(at), Ordering::SeqCst);
    }

    /// The measured part ends then, and no iteration starts any more.
    pub fn end_at(&self, at: Duration) {
        self.0.measured_ends_ns.store(nanoseconds(at), Ordering::SeqCst);
    }
}

fn nanoseconds(moment: Duration) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::series::Phase;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn phases_are_as_planned_until_somebody_moves_them() {
        let planned = Phases { warm_up_ends: s(130), measured_ends: Some(s(250)) };
        let timetable = Timetable::from(planned);
        let other = timetable.clone();
        assert_eq!(other.phases(), planned);
        timetable.measure_from(s(12));
        assert_eq!(other.phases().of(s(11)), Phase::WarmUp);
        assert_eq!(other.phases().of(s(12)), Phase::Measured);
        timetable.end_at(s(40));
        let moved = Phases { warm_up_ends: s(12), measured_ends: Some(s(40)) };
        assert_eq!((other.phases(), other.phases().of(s(40))), (moved, Phase::Drain));
    }

    #[test]
    fn a_run_without_an_end_has_none_until_it_is_given_one() {
        let endless = Phases { warm_up_ends: Duration::from_nanos(1), measured_ends: None };
        let timetable = Timetable::from(endless);
        assert_eq!(timetable.phases(), endless);
        timetable.end_at(s(1));
        assert_eq!(timetable.phases().measured_ends, Some(s(1)));
    }
}
