//! How the generator itself is doing: processor share, memory, sockets, ports, and how late its own
//! timers are. What it lacks must never be charged to the tenant, and what is not known is not zero.

use super::cores::Allowance;
use super::descriptors::{self, Descriptors};
use super::ports::Ports;
use crate::base::clock::Clock;
use crate::measure::catalogue::JourneyId;
use crate::measure::recorder::Recorder;
use crate::measure::series::Kind;
use crate::measure::timeline::Readings;
use crate::measure::timetable::Timetable;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Takes readings. One for a run.
#[derive(Debug)]
pub struct Meter {
    clock: Clock,
    allowance: Allowance,
    before: Used,
    descriptors: Descriptors,
    ports: Ports,
    ports_in_use: Option<u64>,
    reading: u64,
    timer: JoinHandle<()>,
}

/// What was used up to a moment: CPU time of the process, and time in which the quota was used up.
#[derive(Clone, Copy, Debug)]
struct Used {
    at: Instant,
    cpu: Duration,
    quota: Duration,
}

/// How often the scheduler is asked whether it is on time.
const TIMER: Duration = Duration::from_millis(10);

/// A pause of the machine that is longer is told in so many steps of the timer, and no more.
const MOST_MISSED: u32 = 6000;

/// The table of connections is read at every so many readings: the system takes milliseconds to
/// write it, and ports come and go within minutes.
const PORTS_EVERY: u64 = 5;

impl Meter {
    /// Starts to watch a run that starts at `start`; to be called on the runtime whose scheduler is
    /// watched. How late its timers are goes to the recorder as the series `scheduler-lag`.
    pub fn start(clock: Clock, recorder: Recorder, start: Instant, timetable: Timetable) -> Self {
        let timer = tokio::spawn(watch_timer(clock.clone(), recorder, start, timetable));
        let allowance = Allowance::of_process();
        Self {
            before: used(&clock, &allowance),
            allowance,
            clock,
            descriptors: Descriptors::default(),
            ports: Ports::of_machine(),
            ports_in_use: None,
            reading: 0,
            timer,
        }
    }

    /// How it has been since the last reading: those of the readings that are about the machine.
    pub fn read(&mut self) -> Readings {
        let now = used(&self.clock, &self.allowance);
        let cpu_share = share(self.before, now, self.allowance.cores());
        self.before = now;
        let open = self.descriptors.count();
        if self.reading.is_multiple_of(PORTS_EVERY) {
            self.ports_in_use = self.ports.in_use();
        }
        self.reading += 1;
        Readings {
            cores: Some(self.allowance.cores()),
            cpu_share,
            rss_bytes: resident(),
            open_sockets: open.map(|open| open.sockets),
            open_files: open.map(|open| open.files),
            file_limit: descriptors::limit(),
            ports_in_use: self.ports_in_use,
            ports: self.ports.number(),
            ..Readings::default()
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// Asks for every 10 ms of the run whether a task that was due then was on time. When the scheduler
/// stands still, the moments it missed count too, each with its own lateness: a stall of a second is
/// a hundred late tasks, not one. The runtime's own timers are exact to a millisecond.
async fn watch_timer(clock: Clock, recorder: Recorder, start: Instant, timetable: Timetable) {
    let mut due = start + TIMER;
    loop {
        tokio::time::sleep(due.saturating_duration_since(clock.now())).await;
        let now = clock.now();
        let mut missed = 0;
        while due <= now {
            if missed < MOST_MISSED {
                let phase = timetable.phases().of(due.saturating_duration_since(start));
                recorder.wait(phase, JourneyId::NONE, Kind::SchedulerLag, now - due);
            }
            missed += 1;
            due += TIMER;
        }
    }
}

fn used(clock: &Clock, allowance: &Allowance) -> Used {
    Used { at: clock.now(), cpu: cpu_time(), quota: allowance.used_up() }
}

/// The share of the cores that was used between two moments; with a quota at least the part of the
/// time in which that was used up, by others of the group as well. None for no time.
fn share(before: Used, now: Used, cores: f64) -> Option<f64> {
    let wall = now.at.saturating_duration_since(before.at).as_secs_f64();
    let cpu = now.cpu.saturating_sub(before.cpu).as_secs_f64();
    let quota = now.quota.saturating_sub(before.quota).as_secs_f64();
    // A quota is kept over a tenth of a second, not to the moment of the reading.
    (wall > 0.0).then(|| (cpu / (wall * cores)).max(quota / wall).min(1.0))
}

/// User and system time of this process, to the nanosecond.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::measure::collector::Collector;
    use crate::measure::series::Phases;

    const PHASES: Phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };

    #[test]
    fn a_quota_that_others_used_up_is_used_up() {
        let at = Clock::system().now();
        let ms = Duration::from_millis;
        let none = Used { at, cpu: ms(0), quota: ms(0) };
        for (cpu, quota, cores, expected) in [
            (500, 0, 2.0, 0.25),
            (100, 0, 0.1, 1.0),
            (51, 0, 0.1, 0.51),
            (51, 960, 0.1, 0.96),
            (130, 1100, 0.1, 1.0),
        ] {
            let now = Used { at: at + ms(1000), cpu: ms(cpu), quota: ms(quota) };
            let found = share(none, now, cores).unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} for {cpu}, {quota}");
        }
        assert_eq!(share(none, none, 1.0), None);
    }

    #[tokio::test]
    async fn a_busy_process_shows_in_the_reading() {
        let clock = Clock::system();
        let recorder = Recorder::new(1, Seed(1));
        let start = clock.now();
        let mut meter = Meter::start(clock.clone(), recorder, start, PHASES.into());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let end = clock.now() + Duration::from_millis(200);
        while clock.now() < end {
            std::hint::black_box(cpu_time());
        }
        let reading = meter.read();
        assert!(reading.cores.unwrap() > 0.0, "{reading:?}");
        assert!(reading.cpu_share.unwrap() > 0.02, "{reading:?}");
        assert!(reading.rss_bytes.unwrap() > 1 << 20, "{reading:?}");
        assert!(reading.open_sockets.unwrap() > 0, "{reading:?}");
        assert!(reading.ports.unwrap() > reading.ports_in_use.unwrap(), "{reading:?}");
        drop(listener);
    }

    #[tokio::test]
    async fn a_stall_counts_for_every_moment_that_it_made_late() {
        let clock = Clock::system();
        let recorder = Recorder::new(1, Seed(1));
        let start = clock.now();
        let meter = Meter::start(clock.clone(), recorder.clone(), start, PHASES.into());
        tokio::task::yield_now().await;
        // The only thread of this runtime stands still.
        while clock.now() < start + Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(meter);
        let mut collector = Collector::new(recorder, PHASES);
        let interval = collector.close(clock.now() - start, Readings::default());
        let (_, late) = interval
            .series
            .iter()
            .find(|(key, _)| key.kind == Kind::SchedulerLag)
            .expect("a series of the scheduler's lag");
        assert!(late.count() >= 30, "{}", late.count());
        assert!(late.max_us() >= 280_000, "{}", late.max_us());
        let lag = interval.line.scheduler_lag_us.unwrap();
        assert!((100_000..250_000).contains(&lag.p50), "{lag:?}");
    }
}
