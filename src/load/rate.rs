//! The rate of an open load, changed by hand while it goes on.

use crate::workload::settings::{MOST_RATE, Model};
use crate::workload::shape::Shape;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The most that a rate can be raised to, times what was planned.
pub const MOST_FACTOR: f64 = 10.0;

/// What the planned rate of an open load is multiplied by: 1 until somebody changes it. Clones are the
/// same control; any thread may use it. The dispatcher hears of a change at once.
#[derive(Clone, Debug)]
pub struct RateControl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    planned: Shape,
    most: f64,
    wish: watch::Sender<Wish>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wish {
    factor: f64,
    is_paused: bool,
}

impl RateControl {
    /// The control of a model's rate; none in the closed model, which has none.
    pub fn of(model: &Model) -> Option<Self> {
        let Model::Open { rate, .. } = model else { return None };
        let most = (MOST_RATE / rate.peak().max(f64::MIN_POSITIVE)).clamp(1.0, MOST_FACTOR);
        let wish = watch::Sender::new(Wish { factor: 1.0, is_paused: false });
        Some(Self(Arc::new(Inner { planned: rate.clone(), most, wish })))
    }

    /// The rate is to be `factor` times the planned one: from 0 to [`MOST_FACTOR`], and never more
    /// than a machine can start. Says what it is now. A pause stays one.
    pub fn set(&self, factor: f64) -> f64 {
        let factor = if factor.is_finite() { factor.clamp(0.0, self.0.most) } else { 1.0 };
        self.wish(|wish| wish.factor = factor);
        factor
    }

    /// Nothing is to be due until it goes on. The end by time stays.
    pub fn pause(&self, is_paused: bool) {
        self.wish(|wish| wish.is_paused = is_paused);
    }

    /// What the planned rate is multiplied by, paused or not.
    pub fn factor(&self) -> f64 {
        self.0.wish.borrow().factor
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.0.wish.borrow().is_paused
    }

    /// The factor that holds: 0 in a pause.
    pub fn effective(&self) -> f64 {
        self.0.wish.borrow().effective()
    }

    /// The planned rate so long after the start, per second.
    pub fn planned(&self, after: Duration) -> f64 {
        self.0.planned.level(after)
    }

    /// Hears of changes, also of those from before.
    pub(super) fn changes(&self) -> Changes {
        let mut wish = self.0.wish.subscribe();
        wish.mark_changed();
        Changes(wish)
    }

    fn wish(&self, change: impl FnOnce(&mut Wish)) {
        self.0.wish.send_if_modified(|wish| {
            let before = *wish;
            change(wish);
            *wish != before
        });
    }
}

impl Wish {
    const fn effective(self) -> f64 {
        if self.is_paused { 0.0 } else { self.factor }
    }
}

/// One who hears of changes.
pub(super) struct Changes(watch::Receiver<Wish>);

impl Changes {
    /// Until there is a change that was not looked at.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// The factor that holds; looked at.
    pub(super) fn look(&mut self) -> f64 {
        self.0.borrow_and_update().effective()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::schedule::Arrivals;
    use crate::workload::settings::WhenLate;

    fn control(per_second: f64) -> RateControl {
        let rate = Shape::constant(per_second);
        let (arrivals, when_late) = (Arrivals::Poisson, WhenLate::Queue);
        RateControl::of(&Model::Open { rate, arrivals, max_users: 1, when_late }).unwrap()
    }

    #[test]
    fn a_rate_stays_within_what_was_planned_times_ten_and_what_a_machine_can_do() {
        let small = control(40.0);
        for (asked, got) in
            [(1.25, 1.25), (11.0, 10.0), (-1.0, 0.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0)]
        {
            assert_eq!((small.set(asked), small.factor()), (got, got), "{asked}");
        }
        assert_eq!(control(50_000.0).set(9.0), 2.0);
        assert_eq!(control(0.0).set(9.0), 9.0);
    }

    #[test]
    fn users_in_turn_have_no_rate() {
        assert!(RateControl::of(&Model::closed(5)).is_none());
    }

    #[test]
    fn a_pause_keeps_the_factor_for_later() {
        let control = control(40.0);
        control.clone().set(1.5);
        control.pause(true);
        assert_eq!((control.effective(), control.factor(), control.is_paused()), (0.0, 1.5, true));
        control.set(2.0);
        assert_eq!(control.effective(), 0.0);
        control.pause(false);
        assert_eq!(control.effective(), 2.0);
    }

    #[tokio::test]
    async fn a_change_is_heard_of_even_if_it_came_first() {
        let control = control(40.0);
        control.set(3.0);
        let mut changes = control.changes();
        changes.next().await;
        assert_eq!(changes.look(), 3.0);
        control.set(3.0);
        let (other, waiting) = (control.clone(), changes.next());
        let later = async move { other.pause(true) };
        tokio::join!(waiting, later);
        assert_eq!(changes.look(), 0.0);
    }
}
