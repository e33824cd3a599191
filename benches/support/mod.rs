//! What benchmarks of directories share: the files of a run, written as a run would have left them, and what a process
//! took.

use gander::base::clock::Clock;
use gander::measure::histogram::Times;
use gander::measure::recorder::Recorder;
use gander::measure::series::SeriesKey;
use gander::measure::timeline::Interval;
use gander::result::interval_log::LogText;
use gander::result::run_dir::{EXEMPLARS, FAULTS, INTERVALS, LEDGER, RunDir, TAIL, TIMELINE};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The moment at which the first run seems to have started.
pub(crate) const STARTED_UNIX_MS: u64 = 1_795_286_081_000;

/// A line of the interval log is about so many seconds, as in any run of more than three hours.
const WINDOW_S: u64 = 60;

/// The value of a flag.
pub(crate) fn value(flag: &str) -> Option<String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let place = arguments.iter().position(|argument| argument == flag)?;
    arguments.get(place + 1).cloned()
}

/// The number that a flag has, or another one.
pub(crate) fn number(flag: &str, otherwise: u64) -> u64 {
    value(flag).and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// What a process took.
pub(crate) struct Spent {
    seconds: f64,
    cpu_s: f64,
    peak_kib: u64,
    code: ExitStatus,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, cpu_s, peak_kib, code } = self;
        let peak_mib = peak_kib / 1024;
        write!(f, "{seconds:.2} s ({cpu_s:.2} s of CPU time), peak memory {peak_mib} MiB, {code}")
    }
}

/// Runs a command to its end.
pub(crate) fn spent(command: &mut Command) -> Spent {
    let clock = Clock::system();
    let begun = clock.now();
    let mut child = command.spawn().expect("gander");
    let (mut peak_kib, mut cpu_s) = (0, 0.0);
    let code = loop {
        peak_kib = peak_kib.max(high_water_kib(child.id()).unwrap_or(0));
        cpu_s = cpu_time_s(child.id()).unwrap_or(cpu_s);
        if let Some(code) = child.try_wait().expect("a child") {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Spent { seconds: (clock.now() - begun).as_secs_f64(), cpu_s, peak_kib, code }
}

/// Highest resident memory of a process so far.
fn high_water_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// User and system time of a process so far, in hundredths of a second as Linux has them.
fn cpu_time_s(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_ascii_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The files of a run, interval by interval. The interval log gets its windows at once: a run keeps the open one in
/// `tail.hlog` second by second, which this does without.
pub(crate) struct Files<'d> {
    dir: &'d RunDir,
    timeline: BufWriter<File>,
    text: LogText,
    log: BufWriter<File>,
    window: BTreeMap<Arc<SeriesKey>, Times>,
    start_ms: u64,
    end_ms: u64,
}

impl<'d> Files<'d> {
    pub(crate) fn new(dir: &'d RunDir) -> Self {
        let mut text = LogText::default();
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(STARTED_UNIX_MS);
        let head = text.head(started);
        let mut log = file(dir, INTERVALS);
        log.write_all(&head).expect("a head");
        file(dir, TAIL).write_all(&head).expect("a head");
        let (timeline, window) = (file(dir, TIMELINE), BTreeMap::new());
        Self { dir, timeline, text, log, window, start_ms: 0, end_ms: 0 }
    }

    pub(crate) fn add(&mut self, interval: &Interval) {
        serde_json::to_writer(&mut self.timeline, &interval.line).expect("a line");
        self.timeline.write_all(b"\n").expect("a line");
        self.end_ms = interval.line.end_ms;
        for (key, times) in &interval.series {
            let all = self.window.entry(Arc::clone(key));
            all.or_insert_with(|| Times::new(key.bounds())).add(times);
        }
        if self.end_ms >= self.start_ms + WINDOW_S * 1000 {
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        let mut lines = Vec::new();
        for (key, times) in std::mem::take(&mut self.window) {
            self.text.line(&key, &times, (self.start_ms, self.end_ms), &mut lines);
        }
        self.start_ms = self.end_ms;
        self.log.write_all(&lines).expect("a window");
    }

    /// The rest, and what else a run leaves.
    pub(crate) fn close(mut self, recorder: &Recorder) {
        self.close_window();
        self.log.flush().expect("a log");
        self.timeline.flush().expect("a timeline");
        let mut exemplars = file(self.dir, EXEMPLARS);
        for exemplar in recorder.exemplars() {
            serde_json::to_writer(&mut exemplars, &exemplar).expect("an exemplar");
            exemplars.write_all(b"\n").expect("an exemplar");
        }
        exemplars.flush().expect("exemplars");
        for name in [FAULTS, LEDGER] {
            file(self.dir, name).flush().expect("an empty file");
        }
    }
}

fn file(dir: &RunDir, name: &str) -> BufWriter<File> {
    BufWriter::new(File::create(dir.file(name)).expect("a file"))
}
