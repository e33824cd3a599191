//! How the generator itself is doing: processor share, memory, sockets, ports, and how late its own
//! timers are. What it lacks must never be charged to the tenant, and what is not known is not zero.

use super::cores::available_cores;
use super::descriptors::{self, Descriptors};
use super::ports::Ports;
use crate::base::clock::Clock;
use crate::measure::catalogue::JourneyId;
use crate::measure::recorder::Recorder;
use crate::measure::series::{Kind, Phases};
use crate::measure::timeline::Readings;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Takes readings. One for a run.
#[derive(Debug)]
pub struct Meter {
    clock: Clock,
    cores: f64,
    before: (Instant, Duration),
    descriptors: Descriptors,
    ports: Ports,
    ports_in_use: Option<u64>,
    reading: u64,
    timer: JoinHandle<()>,
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
    pub fn start(clock: Clock, recorder: Recorder, start: Instant, phases: Phases) -> Self {
        let timer = tokio::spawn(watch_timer(clock.clone(), recorder, start, phases));
        Self {
            cores: available_cores(),
            before: (clock.now(), cpu_time()),
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
        let now = (self.clock.now(), cpu_time());
        let wall = now.0.saturating_duration_since(self.before.0).as_secs_f64();
        let used = now.1.saturating_sub(self.before.1).as_secs_f64();
        self.before = now;
        let whole = wall * self.cores;
        let open = self.descriptors.count();
        if self.reading.is_multiple_of(PORTS_EVERY) {
            self.ports_in_use = self.ports.in_use();
        }
        self.reading += 1;
        Readings {
            cores: Some(self.cores),
            // A quota is kept over a tenth of a second, not to the moment of the reading.
            cpu_share: (whole > 0.0).then(|| (used / whole).min(1.0)),
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
async fn watch_timer(clock: Clock, recorder: Recorder, start: Instant, phases: Phases) {
    let mut due = start + TIMER;
    loop {
        tokio::time::sleep(due.saturating_duration_since(clock.now())).await;
        let now = clock.now();
        let mut missed = 0;
        while due <= now {
            if missed < MOST_MISSED {
                let phase = phases.of(due.saturating_duration_since(start));
                recorder.wait(phase, JourneyId::NONE, Kind::SchedulerLag, now - due);
            }
            missed += 1;
            due += TIMER;
        }
    }
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

    const PHASES: Phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };

    #[tokio::test]
    async fn a_busy_process_shows_in_the_reading() {
        let clock = Clock::system();
        let recorder = Recorder::new(1, Seed(1));
        let start = clock.now();
        let mut meter = Meter::start(clock.clone(), recorder, start, PHASES);
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
        let meter = Meter::start(clock.clone(), recorder.clone(), start, PHASES);
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
