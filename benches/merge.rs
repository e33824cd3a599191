//! What it costs to merge many parts: makes the directories of an hour of a thousand generators (unless told
//! otherwise) as they would have left them, and has the real binary merge and report them.
//!
//! `cargo bench --bench merge -- [--parts 1000] [--minutes 60] [--line-s 1] [--keep DIR]`

mod support;

use gander::base::clock::Clock;
use gander::base::random::{Seed, unit};
use gander::measure::catalogue::Row;
use gander::measure::collector::Collector;
use gander::measure::fault::Fault;
use gander::measure::recorder::Recorder;
use gander::measure::sample::{Ending, Iteration, Sample, Traced};
use gander::measure::series::{Kind, Outcome, Phase, Phases};
use gander::measure::timeline::Readings;
use gander::result::run_dir::{
    EXEMPLARS, FAULTS, HostRecord, INTERVALS, LEDGER, RunDir, RunRecord, TAIL, TIMELINE,
};
use gander::result::summary::WorkloadModel;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Files, STARTED_UNIX_MS, number, say, spent, value};

/// Iterations of a generator in each second.
const RATE: u64 = 20;

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

fn main() {
    let (parts, minutes) = (number("--parts", 1000), number("--minutes", 60));
    // How long an interval is: a second in any run of gander.
    let line_s = number("--line-s", 1);
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = value("--keep").map_or_else(|| home.path().join("parts"), PathBuf::from);
    let clock = Clock::system();
    let begun = clock.now();
    if !folder.exists() {
        make_all(&folder, parts, (minutes * 60, line_s));
    }
    let seconds = (clock.now() - begun).as_secs_f64();
    let lines = parts * minutes * 20;
    say(&format!(
        "{parts} directories of {minutes} minutes made in {seconds:.0} s: {lines} histogram lines, {} timeline lines, \
         {} MiB",
        parts * minutes * 60 / line_s,
        size_of(&folder) >> 20,
    ));
    merge(&folder, &home.path().join("whole"));
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
fn merge(folder: &Path, into: &Path) {
    let entries = fs::read_dir(folder).expect("a listing");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gander"));
    command.args(["report", "--merge"]).args(&paths).arg("-o").arg(into);
    let spent = spent(command.args(["--format", "json", "--to"]).arg(into.with_extension("json")));
    say(&format!("merged and reported in {spent}"));
    let summary = fs::read(into.join("summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("a summary");
    let row = &summary["journeys"][0];
    say(&format!(
        "of {} iterations {} completed and {} failed",
        row["due"], row["completed"], row["failed"]
    ));
}

fn make_all(folder: &Path, parts: u64, (seconds, line_s): (u64, u64)) {
    for number in 0..parts {
        let path = folder.join(format!("part-{number:04}"));
        let from = number % DIFFERENT;
        if number < DIFFERENT {
            make(&path, number, (seconds, line_s));
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

/// Writes the directory of a part.
fn make(path: &Path, number: u64, (seconds, line_s): (u64, u64)) {
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
    let mut files = Files::new(&dir);
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
        if (second + 1) % line_s != 0 {
            continue;
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
        files.add(&interval);
        collector.recycle(interval);
    }
    files.close(&recorder);
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
