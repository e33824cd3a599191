//! A timer that is not late by itself: the runtime's own knows whole milliseconds only.

use crate::base::clock::Clock;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// Waits for moments, within some tens of microseconds while a processor is free (a timer of the
/// kernel that the runtime polls like a socket). Falls back on the runtime's timer where the system
/// gives none.
#[derive(Debug)]
pub(super) struct Alarm {
    clock: Clock,
    timer: Option<AsyncFd<OwnedFd>>,
}

impl Alarm {
    /// To be made on the runtime that will wait.
    pub(super) fn new(clock: Clock) -> Self {
        #[expect(
            deprecated,
            reason = "sound for a descriptor that we own; what replaces it is unsafe"
        )]
        let register = |timer: OwnedFd| AsyncFd::new(timer).ok();
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
        Self { clock, timer: timer.and_then(register) }
    }

    /// Until `moment`, or a moment later. Can be dropped and called again.
    pub(super) async fn until(&self, moment: Instant) {
        loop {
            let left = moment.saturating_duration_since(self.clock.now());
            if left.is_zero() {
                return;
            }
            match &self.timer {
                Some(timer) if set(timer.get_ref(), left) => {
                    let Ok(mut ready) = timer.readable().await else { return };
                    ready.clear_ready();
                    // What it rang for earlier and nobody heard is taken off with the next setting.
                }
                _ => tokio::time::sleep(left).await,
            }
        }
    }
}

/// Until a moment, or a moment later.
pub async fn wait_until(clock: &Clock, moment: Instant) {
    Alarm::new(clock.clone()).until(moment).await;
}

/// Sets a timer to ring once.
fn set(timer: &OwnedFd, left: Duration) -> bool {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let Ok(tv_sec) = left.as_secs().try_into() else { return false };
    let once = Itimerspec {
        it_interval: never,
        it_value: Timespec { tv_sec, tv_nsec: left.subsec_nanos().into() },
    };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_not_before_the_moment_and_again_for_the_next() {
        let clock = Clock::system();
        let alarm = Alarm::new(clock.clone());
        for _ in 0..20 {
            let moment = clock.now() + Duration::from_micros(700);
            alarm.until(moment).await;
            assert!(clock.now() >= moment);
        }
        alarm.until(clock.now()).await;
    }

    #[tokio::test]
    async fn one_that_nobody_waited_for_any_more_does_not_ring_for_the_next() {
        let clock = Clock::system();
        let alarm = Alarm::new(clock.clone());
        let brief = clock.now() + Duration::from_millis(1);
        tokio::select! {
            biased;
            () = alarm.until(brief) => (),
            () = tokio::task::yield_now() => (),
        }
        let moment = clock.now() + Duration::from_millis(20);
        alarm.until(moment).await;
        assert!(clock.now() >= moment);
    }
}
