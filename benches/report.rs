//! What it costs to render a long run: makes the directory of one (a day at 20 iterations a second,
//! unless told otherwise) as a run would have left it, and has the real binary render it.
//!
//! `cargo bench --bench report -- [--hours 24] [--keep DIR]`

mod support;

use gander::base::clock::Clock;
use gander::base::names::RunId;
use gander::base::random::{Seed, unit};
use gander::measure::catalogue::{JourneyId, Row, RowId, StepId};
use gander::measure::collector::Collector;
use gander::measure::fault::Fault;
use gander::measure::recorder::Recorder;
use gander::measure::sample::{Ending, Iteration, Sample, Traced};
use gander::measure::series::{Kind, Outcome, Phase, Phases};
use gander::measure::timeline::Readings;
use gander::result::run_dir::{HostRecord, RunDir, RunRecord};
use gander::result::summary::WorkloadModel;
use gander::run::summarise::{summarise, windows};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Files, STARTED_UNIX_MS, number, say, spent, value};

/// Iterations due in each second.
const RATE: u64 = 20;

/// Journeys, their weights of ten, and their steps: name, capability, event, action, milliseconds.
const JOURNEYS: &[(&str, u64, &[StepOf])] = &[
    (
        "sign-on",
        7,
        &[
            ("authorize", "authorize", "", "", 40.0),
            ("credentials", "customHTMLTemplate", "submit", "SIGNON", 90.0),
            ("token", "token", "", "", 30.0),
        ],
    ),
    (
        "register",
        2,
        &[
            ("authorize", "authorize", "", "", 40.0),
            ("open registration", "customHTMLTemplate", "action", "REGISTER", 35.0),
            ("submit registration", "customHTMLTemplate", "submit", "REGISTER", 140.0),
            ("verify", "customHTMLTemplate", "submit", "VERIFY", 70.0),
            ("token", "token", "", "", 30.0),
        ],
    ),
    (
        "recovery",
        1,
        &[
            ("authorize", "authorize", "", "", 40.0),
            ("open recovery", "customHTMLTemplate", "action", "FORGOT_PASSWORD", 35.0),
            ("submit address", "customHTMLTemplate", "submit", "RECOVER", 80.0),
            ("verify", "customHTMLTemplate", "submit", "VERIFY", 70.0),
            ("new password", "customHTMLTemplate", "submit", "UPDATE", 120.0),
            ("token", "token", "", "", 30.0),
        ],
    ),
];

type StepOf = (&'static str, &'static str, &'static str, &'static str, f64);

/// A journey with the numbers by which it is recorded.
struct Known {
    id: JourneyId,
    steps: Vec<(StepId, RowId, f64)>,
}

fn main() {
    let hours = number("--hours", 24);
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = value("--keep").map_or_else(|| home.path().join("run"), PathBuf::from);
    let clock = Clock::system();
    let begun = clock.now();
    make(&folder, hours * 3600);
    say(&format!("a run of {hours} h made in {:.0} s", (clock.now() - begun).as_secs_f64()));
    for format in ["html", "json", "csv-timeline"] {
        render(&folder, format, &home.path().join(format));
    }
}

/// Has the binary render it, and says what that took.
fn render(folder: &Path, format: &str, to: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gander"));
    let command = command.arg("report").arg(folder).args(["--format", format, "--to"]).arg(to);
    let spent = spent(command);
    let size = to.metadata().map_or(0, |found| found.len()) / 1024;
    say(&format!("{format}: {spent}, {size} KiB"));
}

/// Writes the directory.
fn make(folder: &Path, seconds: u64) {
    let dir = RunDir::create_at(folder).expect("a new directory");
    let mut record = record(seconds);
    dir.write_run(&record).expect("a record");
    let recorder = Recorder::new(1, Seed(1));
    let phases = Phases {
        warm_up_ends: Duration::from_secs(60),
        measured_ends: Some(Duration::from_secs(seconds)),
    };
    let mut collector = Collector::new(recorder.clone(), phases);
    let known: Vec<_> = JOURNEYS.iter().map(|journey| known(&recorder, journey)).collect();
    let mut random = Seed(7).stream("day", 0);
    let mut tally = gander::measure::tally::Tally::default();
    let mut files = Files::new(&dir);
    let mut index = 0;
    for second in 0..seconds {
        let moment = Duration::from_secs(second);
        for _ in 0..RATE {
            perform(&recorder, &known, (index, moment, phases.of(moment)), || unit(&mut random));
            index += 1;
        }
        let readings = Readings {
            users: 12 + second % 7,
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
        tally.absorb(&interval);
        collector.recycle(interval);
    }
    files.close(&recorder);
    tally.settle();
    record.ended_at = Some("2026-11-22T18:34:41.000Z".to_owned());
    dir.write_run(&record).expect("a record");
    let windows = windows(&dir, &record).expect("windows");
    dir.write_summary(&summarise(&record, &tally, Some(&windows), None)).expect("a summary");
}

fn record(seconds: u64) -> RunRecord {
    RunRecord {
        schema_version: 1,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: RunId::from("20261121-183441-a-day"),
        started_at: "2026-11-21T18:34:41.000Z".to_owned(),
        started_unix_ms: STARTED_UNIX_MS,
        ended_at: None,
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: "1".to_owned(),
        workload_model: WorkloadModel::Open,
        max_users: Some(200),
        planned_ms: Some(seconds * 1000),
        reply_timeout_ms: 30_000,
        thresholds: vec!["faults < 1%".to_owned(), "sign-on.p95 < 800ms".to_owned()],
        share: None,
        host: HostRecord { cores: 2, ..HostRecord::default() },
        tenant_hosts: vec!["127.0.0.1".to_owned()],
        segments: Vec::new(),
        parts: Vec::new(),
        flows: Vec::new(),
        plan: serde_json::json!({
            "workload": { "model": "open", "rate": format!("{RATE}/s"), "duration": format!("{seconds}s"), "warm_up": "60s" },
            "journeys": { "sign-on": 7, "register": 2, "recovery": 1 },
        }),
    }
}

fn known(recorder: &Recorder, (name, _, steps): &(&str, u64, &[StepOf])) -> Known {
    let id = recorder.journey(&"v1".into(), &(*name).into());
    let steps = steps.iter().map(|&(step, capability, event, action, ms)| {
        let row = recorder.row(id, &Row { step, capability, event, action });
        (recorder.step(id, step), row, ms)
    });
    Known { id, steps: steps.collect() }
}

/// One iteration: log-normal times that are slower by day, and one of a thousand that fails.
fn perform(
    recorder: &Recorder,
    known: &[Known],
    (index, due, phase): (u64, Duration, Phase),
    mut random: impl FnMut() -> f64,
) {
    let turn = index % 10;
    let mut before = 0;
    let place = JOURNEYS.iter().position(|(_, weight, _)| {
        before += weight;
        turn < before
    });
    let journey = &known[place.unwrap_or(0)];
    let hour = due.as_secs_f64() / 3600.0;
    let slower = 1.0 + 0.5 * (hour / 24.0 * std::f64::consts::TAU).sin();
    let fails = random() < 0.001;
    let (mut sent, mut traced, mut steps) = (Duration::from_micros(90), Vec::new(), Vec::new());
    recorder.due(phase, journey.id);
    recorder.wait(phase, journey.id, Kind::Lag, sent);
    recorder.wait(phase, journey.id, Kind::DispatchLag, sent / 3);
    for (place, (step, row, ms)) in journey.steps.iter().enumerate() {
        // Box and Muller.
        let normal =
            (-2.0 * (1.0 - random()).ln()).sqrt() * (std::f64::consts::TAU * random()).cos();
        let service = Duration::from_secs_f64(ms * slower * (0.4 * normal).exp() / 1000.0);
        let is_last = fails && place == 1;
        let outcome = if is_last { Outcome::Fault(Fault::Http5xx) } else { Outcome::Advanced };
        let first_byte = Some(service * 9 / 10);
        recorder.exchange(phase, *row, &Sample { service, outcome, connect: None, first_byte });
        traced.push(Traced { row: *row, sent, service, outcome });
        steps.push(*step);
        sent += service;
        if is_last {
            break;
        }
    }
    let ending = if fails { Ending::Failed(Fault::Http5xx) } else { Ending::Completed };
    let (response, elapsed) = (sent, sent);
    let service = sent - Duration::from_micros(90);
    let (steps, exchanges) = (&steps[..], &traced[..]);
    recorder.iteration(
        phase,
        journey.id,
        &Iteration { index, due, response, service, elapsed, ending, steps, exchanges },
    );
}
