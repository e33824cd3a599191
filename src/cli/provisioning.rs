//! Accounts being made, told while it takes long: a tenant lets a worker make only some a second.

use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::report::progress::LINE_EVERY;
use crate::run::making::Making;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is over sooner is not told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for something in the course of which accounts are made, and tells how far that is.
pub(super) async fn told<T>(
    opening: impl Future<Output = T>,
    making: &Making,
    clock: &Clock,
    terminal: &Terminal,
) -> T {
    let mut opening = pin!(opening);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut teller = Teller::default();
    loop {
        tokio::select! {
            biased;
            done = &mut opening => return done,
            _ = looks.tick() => {
                if let Some(text) = teller.look(making.so_far(), clock.now()) {
                    terminal.say(&format!("{} {text}", terminal.paint(Style::Faint, "accounts")));
                }
            }
        }
    }
}

/// Knows when something was told last.
#[derive(Default)]
struct Teller {
    /// When the first look found accounts wanted.
    began: Option<Instant>,
    /// When the next line is due.
    next: Option<Instant>,
}

impl Teller {
    /// What there is to tell now, if anything.
    fn look(&mut self, (made, wanted): (u64, u64), now: Instant) -> Option<String> {
        if made >= wanted {
            return None;
        }
        let began = *self.began.get_or_insert(now);
        let next = *self.next.get_or_insert(began + PATIENCE);
        if now < next {
            return None;
        }
        self.next = Some(now + LINE_EVERY);
        let left = left(now.saturating_duration_since(began), made, wanted);
        let left = left.map(|left| format!(", {left} left")).unwrap_or_default();
        Some(format!("{made} of {wanted}{left}"))
    }
}

/// How long the others take if they go on as they did; none before the first.
fn left(elapsed: Duration, made: u64, wanted: u64) -> Option<String> {
    let others = u128::from(wanted - made);
    let seconds = (elapsed.as_millis() * others).checked_div(u128::from(made) * 1000)? + 1;
    Some(match seconds {
        ..100 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 30) / 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_every_ten_seconds_with_the_time_that_is_left() {
        let (clock, mut teller) = (Clock::system(), Teller::default());
        let start = clock.now();
        let mut look =
            |second: u64, made| teller.look((made, 2000), start + Duration::from_secs(second));
        assert_eq!(look(0, 0), None);
        assert_eq!(look(4, 20), None);
        assert_eq!(look(5, 0).as_deref(), Some("0 of 2000"));
        assert_eq!(look(14, 70), None);
        assert_eq!(look(15, 75).as_deref(), Some("75 of 2000, 6 min left"));
        assert_eq!(look(390, 1950).as_deref(), Some("1950 of 2000, 11 s left"));
        assert_eq!(look(400, 2000), None);
    }

    #[test]
    fn nothing_is_told_where_no_account_is_wanted() {
        let now = Clock::system().now();
        assert_eq!(Teller::default().look((0, 0), now), None);
    }
}
