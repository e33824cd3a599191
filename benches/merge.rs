//! What it costs to merge many parts: makes the directories of an hour of a thousand generators (unless told
//! otherwise) as they would have left them, and has the real binary merge and report them.
//!
//! `cargo bench --bench merge -- [--parts 1000] [--minutes 60] [--keep DIR]`

use gander::base::clock::Clock;
use gander::base::random::{Seed, unit};
use gander::measure::catalogue::Row;
use gander::measure::collector::Collector;
use gander::measure::fault::Fault;
use gander::measure::histogram::Times;
use gander::measure::recorder::Recorder;
use gander::measure::sample::{Ending, Iteration, Sample, Traced};
use gander::measure::series::{Kind, Outcome, Phase, Phases, SeriesKey};
use gander::measure::timeline::{Interval, Readings};
use gander::result::interval_log::LogText;
use gander::result::run_dir::{
    EXEMPLARS, FAULTS, HostRecord, INTERVALS, LEDGER, RunDir, RunRecord, TAIL, TIMELINE,
};
use gander::result::summary::WorkloadModel;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Iterations of a generator in each second.
const RATE: u64 = 20;

/// A line of the interval log is about so many seconds, as in any run of more than three hours.
const WINDOW_S: u64 = 60;

/// So many are made; the others are copies under another name.
const DIFFERENT: u64 = 8;

/// The steps of the one journey: with its twelve other series there are twenty.
const STEPS: &[&str] =
    &["authorize", "start", "credentials", "device", "code", "agreement", "consent", "token"];

/// What is timed besides, all but the exchanges and the three times of a journey.
const WAITS: &[Kind] = &[
    Kind::Lag,
    Kind::DispatchLag,
    Kind::SchedulerLag,
    Kind::Think,
    Kind::Connect,
    Kind::ConnectName,
    Kind::ConnectTcp,
    Kind::ConnectTls,
];

/// The moment at which the first part seems to have started.
const STARTED_UNIX_MS: u64 = 1_795_286_081_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let value = |flag: &str| {
        let place = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(place + 1).cloned()
    };
    let number = |flag: &str, otherwise: u64| {
        value(flag).and_then(|number| number.parse().ok()).unwrap_or(otherwise)
    };
    let (parts, minutes) = (number("--parts", 1000), number("--minutes", 60));
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = value("--keep").map_or_else(|| home.path().join("parts"), PathBuf::from);
    let clock = Clock::system();
    let begun = clock.now();
    if !folder.exists() {
        make_all(&folder, parts, minutes * 60);
    }
    let seconds = (clock.now() - begun).as_secs_f64();
    let lines = parts * minutes * 20;
    say(&format!(
        "{parts} directories of {minutes} minutes made in {seconds:.0} s: {lines} histogram lines, {} timeline lines, \
         {} MiB",
        parts * minutes * 60,
        size_of(&folder) >> 20,
    ));
    merge(&folder, &home.path().join("whole"), &clock);
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures")]
fn say(text: &str) {
    println!("{text}");
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a listing").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let found = entry.metadata().expect("a size");
            if found.is_dir() { size_of(&entry.path()) } else { found.len() }
        })
        .sum()
}

/// Has the binary merge them, and says what that took.
fn merge(folder: &Path, into: &Path, clock: &Clock) {
    let entries = fs::read_dir(folder).expect("a listing");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let begun = clock.now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gander"))
        .args(["report", "--merge"])
        .args(&paths)
        .arg("-o")
        .arg(into)
        .args(["--format", "json", "--to"])
        .arg(into.with_extension("json"))
        .spawn()
        .expect("gander");
    let (mut peak_kib, mut cpu_s) = (0, 0.0);
    let code = loop {
        peak_kib = peak_kib.max(high_water_kib(child.id()).unwrap_or(0));
        cpu_s = cpu_time_s(child.id()).unwrap_or(cpu_s);
        if let Some(code) = child.try_wait().expect("a child") {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = (clock.now() - begun).as_secs_f64();
    let peak = peak_kib / 1024;
    say(&format!(
        "merged and reported in {seconds:.2} s ({cpu_s:.2} s of CPU time), peak memory {peak} MiB, {code}"
    ));
    let summary = fs::read(into.join("summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("a summary");
    let row = &summary["journeys"][0];
    say(&format!(
        "of {} iterations {} completed and {} failed",
        row["due"], row["completed"], row["failed"]
    ));
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

fn make_all(folder: &Path, parts: u64, seconds: u64) {
    for number in 0..parts {
        let path = folder.join(format!("part-{number:04}"));
        let from = number % DIFFERENT;
        if number < DIFFERENT {
            make(&path, number, seconds);
            continue;
        }
        let dir = RunDir::create_at(&path).expect("a new directory");
        let original = folder.join(format!("part-{from:04}"));
        for name in [TIMELINE, INTERVALS, TAIL, EXEMPLARS, FAULTS, LEDGER] {
            fs::copy(original.join(name), dir.file(name)).expect("a copy");
        }
        dir.write_run(&record(number, seconds)).expect("a record");
    }
}

/// Writes the directory of a part. The interval log gets its windows at once: a run keeps the open one in
/// `tail.hlog` second by second, which this does without.
fn make(path: &Path, number: u64, seconds: u64) {
    let dir = RunDir::create_at(path).expect("a new directory");
    dir.write_run(&record(number, seconds)).expect("a record");
    let recorder = Recorder::new(1, Seed(number));
    let phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };
    let mut collector = Collector::new(recorder.clone(), phases);
    let journey = recorder.journey(&"v1".into(), &"sign-on".into());
    let known: Vec<_> = STEPS
        .iter()
        .map(|step| {
            let row = Row { step, capability: "customHTMLTemplate", event: "submit", action: step };
            (recorder.step(journey, step), recorder.row(journey, &row))
        })
        .collect();
    let steps: Vec<_> = known.iter().map(|(step, _)| *step).collect();
    let mut random = Seed(number).stream("part", 0);
    let (mut timeline, mut log) = (file(&dir, TIMELINE), Log::new(&dir));
    let mut index = 0;
    for second in 0..seconds {
        let due = Duration::from_secs(second);
        for _ in 0..RATE {
            index += 1;
            recorder.due(Phase::Measured, journey);
            let fails = unit(&mut random) < 0.0005;
            for kind in WAITS {
                let time = Duration::from_secs_f64(0.0002 * (1.0 + unit(&mut random)));
                recorder.wait(Phase::Measured, journey, *kind, time);
            }
            let (mut sent, mut traced) = (Duration::ZERO, Vec::new());
            for (_, row) in &known {
                // Box and Muller.
                let (one, other) = (unit(&mut random), unit(&mut random));
                let normal =
                    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos();
                let service = Duration::from_secs_f64(0.06 * (0.4 * normal).exp());
                let outcome = Outcome::Advanced;
                let first_byte = Some(service * 9 / 10);
                let sample = Sample { service, outcome, connect: None, first_byte };
                recorder.exchange(Phase::Measured, *row, &sample);
                traced.push(Traced { row: *row, sent, service, outcome });
                sent += service;
            }
            recorder.flow(journey, "f1/n1");
            let ending = if fails { Ending::Failed(Fault::Http5xx) } else { Ending::Completed };
            let (response, service, elapsed) = (sent, sent, sent);
            let (steps, exchanges) = (&steps[..], &traced[..]);
            let ended =
                Iteration { index, due, response, service, elapsed, ending, steps, exchanges };
            recorder.iteration(Phase::Measured, journey, &ended);
        }
        let readings = Readings {
            users: 12,
            next_arrival: index,
            next_persona: index,
            cores: Some(2.0),
            cpu_share: Some(0.05 + unit(&mut random) / 50.0),
            rss_bytes: Some(60_000_000 + second * 10),
            open_sockets: Some(20),
            ..Readings::default()
        };
        let interval = collector.close(Duration::from_secs(second + 1), readings);
        serde_json::to_writer(&mut timeline, &interval.line).expect("a line");
        timeline.write_all(b"\n").expect("a line");
        log.add(&interval);
        collector.recycle(interval);
    }
    log.close();
    timeline.flush().expect("a timeline");
    let mut exemplars = file(&dir, EXEMPLARS);
    for exemplar in recorder.exemplars() {
        serde_json::to_writer(&mut exemplars, &exemplar).expect("an exemplar");
        exemplars.write_all(b"\n").expect("an exemplar");
    }
    exemplars.flush().expect("exemplars");
    file(&dir, FAULTS).flush().expect("faults");
    file(&dir, LEDGER).flush().expect("a ledger");
}

/// Parts begin within half a second of one another, as those do that were told the moment.
fn record(number: u64, seconds: u64) -> RunRecord {
    RunRecord {
        schema_version: 1,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: format!("20261121-183441-{number:06}").as_str().into(),
        started_at: "2026-11-21T18:34:41.000Z".to_owned(),
        started_unix_ms: STARTED_UNIX_MS + number % 400,
        ended_at: Some("2026-11-21T19:34:41.000Z".to_owned()),
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: number.to_string(),
        workload_model: WorkloadModel::Open,
        max_users: Some(200),
        // Windows are a minute long in a run that is planned to last longer than three hours.
        planned_ms: Some(4 * 3_600_000),
        reply_timeout_ms: 30_000,
        thresholds: vec!["faults < 1%".to_owned(), "sign-on.p95 < 2s".to_owned()],
        host: HostRecord { cores: 2, name: format!("host-{number}"), system: "linux".to_owned() },
        tenant_hosts: vec!["127.0.0.1".to_owned()],
        segments: Vec::new(),
        share: None,
        parts: Vec::new(),
        flows: Vec::new(),
        plan: serde_json::json!({
            "workload": { "model": "open", "rate": format!("{RATE}/s"), "duration": format!("{seconds}s") },
            "journeys": { "sign-on": 1 },
        }),
    }
}

/// The interval log, window by window.
struct Log {
    text: LogText,
    file: BufWriter<File>,
    window: BTreeMap<Arc<SeriesKey>, Times>,
    start_ms: u64,
    end_ms: u64,
}

impl Log {
    fn new(dir: &RunDir) -> Self {
        let mut text = LogText::default();
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(STARTED_UNIX_MS);
        let head = text.head(started);
        let mut intervals = file(dir, INTERVALS);
        intervals.write_all(&head).expect("a head");
        file(dir, TAIL).write_all(&head).expect("a head");
        Self { text, file: intervals, window: BTreeMap::new(), start_ms: 0, end_ms: 0 }
    }

    fn add(&mut self, interval: &Interval) {
        self.end_ms = interval.line.end_ms;
        for (key, times) in &interval.series {
            let all = self.window.entry(Arc::clone(key));
            all.or_insert_with(|| Times::new(key.bounds())).add(times);
        }
        if self.end_ms >= self.start_ms + WINDOW_S * 1000 {
            self.close();
        }
    }

    fn close(&mut self) {
        let mut lines = Vec::new();
        for (key, times) in std::mem::take(&mut self.window) {
            self.text.line(&key, &times, (self.start_ms, self.end_ms), &mut lines);
        }
        self.start_ms = self.end_ms;
        self.file.write_all(&lines).expect("a window");
        self.file.flush().expect("a window");
    }
}

fn file(dir: &RunDir, name: &str) -> BufWriter<File> {
    BufWriter::new(File::create(dir.file(name)).expect("a file"))
}
