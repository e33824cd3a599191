//! How the generator itself is doing: processor share, memory, sockets, and how late its own timers
//! are. What it lacks must never be charged to the tenant.

use crate::base::clock::Clock;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What the system says about this process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Share of all available cores used since the reading before, 0 to 1.
    pub cpu_share: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Sockets that are open.
    pub open_sockets: u64,
    /// Longest lateness of a 10 ms timer since the reading before.
    pub scheduler_lag: Duration,
}

/// Takes readings. One for a run; on systems without `/proc` the readings are zero.
#[derive(Debug)]
pub struct Meter {
    clock: Clock,
    cores: u32,
    before: (Instant, Duration),
    worst_lag_us: Arc<AtomicU64>,
    timer: JoinHandle<()>,
}

/// How often the scheduler is asked whether it is on time.
const TIMER: Duration = Duration::from_millis(10);

/// Clock ticks per second in `/proc`: the same on every Linux there is (`sysconf(_SC_CLK_TCK)`).
const TICKS: u64 = 100;

/// Pages in `/proc/self/statm`, on every architecture that we build for.
const PAGE: u64 = 4096;

impl Meter {
    /// Starts to watch; to be called on the runtime whose scheduler is watched.
    pub fn start(clock: Clock) -> Self {
        let worst_lag_us = Arc::new(AtomicU64::new(0));
        let timer = tokio::spawn(watch_timer(clock.clone(), worst_lag_us.clone()));
        let before = (clock.now(), cpu_time());
        Self { clock, cores: cores(), before, worst_lag_us, timer }
    }

    /// How it has been since the last reading.
    pub fn read(&mut self) -> Reading {
        let now = (self.clock.now(), cpu_time());
        let wall = now.0.saturating_duration_since(self.before.0).as_secs_f64();
        let used = now.1.saturating_sub(self.before.1).as_secs_f64();
        self.before = now;
        let whole = wall * f64::from(self.cores);
        Reading {
            cpu_share: if whole > 0.0 { (used / whole).min(1.0) } else { 0.0 },
            rss_bytes: resident(),
            open_sockets: sockets(),
            scheduler_lag: Duration::from_micros(self.worst_lag_us.swap(0, Ordering::Relaxed)),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// Cores that this process may use.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

async fn watch_timer(clock: Clock, worst_us: Arc<AtomicU64>) {
    loop {
        let due = clock.now() + TIMER;
        tokio::time::sleep(TIMER).await;
        let late = clock.now().saturating_duration_since(due);
        worst_us.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// User and system time of this process, from fields 14 and 15 of `/proc/self/stat`. The name in
/// field 2 may hold blanks, so counting starts behind its bracket.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks_of(&text).map_or(Duration::ZERO, |ticks| Duration::from_millis(ticks * 1000 / TICKS))
}

fn ticks_of(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}

fn sockets() -> u64 {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return 0 };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_blanks_and_brackets() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(ticks_of(stat), Some(300));
        assert_eq!(ticks_of("nothing"), None);
    }

    #[tokio::test]
    async fn a_busy_process_shows_in_the_reading() {
        let clock = Clock::system();
        let mut meter = Meter::start(clock.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let end = clock.now() + Duration::from_millis(200);
        while clock.now() < end {
            std::hint::black_box(cpu_time());
        }
        let reading = meter.read();
        assert!(reading.cpu_share > 0.1, "{reading:?}");
        assert!(reading.rss_bytes > 1 << 20 && reading.open_sockets > 0, "{reading:?}");
        drop(listener);
    }
}
