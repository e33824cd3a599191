//! What a run leaves for others, and the same made again from its directory.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use gander::report::{FORMATS, Render};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn report(lab: &Lab, more: &[&str]) -> Ended {
    lab.run(&[&["report", "reports/latest"], more].concat())
}

/// Leaves the directory of a run of two iterations.
fn little(lab: &Lab) {
    let ended = lab.run(&[
        "run",
        "-q",
        "-u",
        "1",
        "-n",
        "2",
        "-j",
        "sign-on",
        "--set",
        "accounts.count=2",
        "--set",
        "stand_in.delay=[]",
        "--set",
        "stand_in.signing=\"ES256\"",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

fn sum(
    rows: &[BTreeMap<String, String>],
    heading: &str,
    chosen: impl Fn(&BTreeMap<String, String>) -> bool,
) -> u64 {
    let cells = rows.iter().filter(|row| chosen(row)).map(|row| row[heading].as_str());
    cells.map(|cell| cell.parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_run_leaves_its_reports_and_every_format_can_be_made_again() {
    let lab = Lab::new();
    let ended = lab.run(&[
        "run",
        "-u",
        "3",
        "-n",
        "30",
        "-j",
        "sign-on",
        "--set",
        "accounts.count=6",
        "--set",
        "stand_in.delay=[]",
        "--set",
        "stand_in.signing=\"ES256\"",
        "--threshold",
        "sign-on.p95 < 30s",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let page = lab.path("reports/latest").canonicalize().expect("a run").join("report.html");
    let said = PathBuf::from(
        ended
            .stderr
            .lines()
            .find_map(|line| line.trim().strip_prefix("report  "))
            .expect("where the report is"),
    );
    assert_eq!(
        lab.path("x").parent().expect("a folder").join(said).canonicalize().expect("a page"),
        page
    );
    let summary = summary(&lab.path("reports/latest"));
    let completed = number(&summary["journeys"][0]["completed"]);

    for format in FORMATS {
        let file = lab.path(format.name);
        let to = file.display().to_string();
        let made = report(&lab, &["--format", format.name, "--to", &to]);
        assert_eq!((made.code, made.stdout.as_str()), (0, ""), "{}: {}", format.name, made.stderr);
        let text = std::fs::read_to_string(&file).expect("a file");
        assert!(text.len() > 100 && text.ends_with('\n'), "{}: {text}", format.name);
        let printed = report(&lab, &["--format", format.name]);
        assert_eq!(printed.stdout, text, "{}", format.name);
        if let Some(left) = format.file {
            let left =
                std::fs::read_to_string(lab.path("reports/latest").join(left)).expect("a report");
            assert_eq!(left, text, "{}", format.name);
        }
        let scoped = report(&lab, &["--format", format.name, "--of", "sign-on/credentials"]);
        let takes_scope = matches!(format.render, Render::Scoped(_));
        assert_eq!(
            scoped.code,
            if takes_scope { 0 } else { 2 },
            "{}: {}",
            format.name,
            scoped.stderr
        );
    }

    let read = |name: &str| std::fs::read_to_string(lab.path(name)).expect("a file");
    let steps = rows(&read("csv"));
    assert_eq!(sum(&steps, "completed", |row| row["level"] == "journey"), completed);
    let timeline = rows(&read("csv-timeline"));
    assert_eq!(sum(&timeline, "completed", |row| row["phase"] == "measured"), completed);
    assert!(timeline.iter().any(|row| row["level"] == "run" && !row["rss_bytes"].is_empty()));
    assert!(read("markdown").starts_with("## ✅ gander: PASS\n"));
    let cases = quick_junit::Report::deserialize_from_str(&read("junit")).expect("test cases");
    assert_eq!((cases.tests, cases.failures + cases.errors), (4, 0));
    assert!(read("hgrm").contains(&format!("Total count    = {completed:12}]")));
    assert!(read("html").starts_with("<!DOCTYPE html>"));
}

#[test]
fn what_cannot_be_rendered_is_said_with_a_way_out() {
    let lab = Lab::new();
    little(&lab);
    for (arguments, error, help) in [
        (
            &["--format", "csv", "--of", "sign-on"][..],
            "`--of sign-on` chooses a part of the run, and `csv` is about all of it",
            "leave it out, or use `hgrm`",
        ),
        (
            &["--format", "hgrm", "--of", "sign-onn"],
            "`sign-onn` has no time to show",
            "did you mean `sign-on`?",
        ),
        (&["--format", "hgrm", "--of", "variant:"], "has no scope", "capability:NAME"),
        (&["--format", "markdwon"], "markdwon", "markdown"),
        (&["--of", "sign-on"], "--format", "--format"),
        (&["--format", "csv", "--to", "no/such/folder/x.csv"], "cannot be written", ""),
        (&["--format", "csv", "--to", "/dev/full"], "`/dev/full` cannot be written", ""),
        (
            &["--format", "json", "--to", "reports/latest/summary.json"],
            "is the `summary.json` of the run itself",
            "write elsewhere",
        ),
        (
            &["--format", "csv-timeline", "--to", "reports/latest/../latest/timeline.jsonl"],
            "is the `timeline.jsonl` of the run itself",
            "write elsewhere",
        ),
    ] {
        let ended = report(&lab, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(error) && ended.stderr.contains(help),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_report_that_cannot_be_left_behind_is_a_caution_and_no_lost_result() {
    let lab = Lab::new();
    // Where a report belongs there is a folder already.
    std::fs::create_dir_all(lab.path("out/junit.xml/full")).expect("a folder");
    let ended = lab.run(&[
        "run",
        "-u",
        "1",
        "-n",
        "2",
        "-j",
        "sign-on",
        "--set",
        "accounts.count=2",
        "-o",
        "out",
        "--set",
        "stand_in.delay=[]",
        "--set",
        "stand_in.signing=\"ES256\"",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("caution there is no `junit.xml`: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("PASS"), "{}", ended.stderr);
    assert!(lab.path("out/summary.json").is_file() && lab.path("out/steps.csv").is_file());
}

#[test]
fn schemas_are_printed_and_real_results_obey_theirs() {
    let lab = Lab::new();
    for name in ["profile", "journey", "summary", "comparison"] {
        let printed = lab.run(&["schema", name]);
        let written = lab.run(&["schema", name, "--to", name]);
        assert_eq!((printed.code, written.code), (0, 0), "{}", written.stderr);
        assert_eq!(std::fs::read_to_string(lab.path(name)).expect("a schema"), printed.stdout);
    }
    let ended = lab.run(&[
        "run",
        "-q",
        "-r",
        "20/s",
        "-d",
        "2s",
        "--warm-up",
        "0s",
        "--set",
        "accounts.count=20",
        "--set",
        "stand_in.signing=\"ES256\"",
        "--set",
        "stand_in.fault=[{ kind = \"http-500\", share = \"5%\" }]",
    ]);
    assert!([0, 4, 5].contains(&ended.code), "{}", ended.stderr);
    let schema = std::fs::read_to_string(lab.path("summary")).expect("a schema");
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    compiler.add_resource("urn:gander:schema:summary", schema).expect("a resource");
    let index = compiler.compile("urn:gander:schema:summary", &mut schemas).expect("a schema");
    let found = summary(&lab.path("reports/latest"));
    if let Err(error) = schemas.validate(&found, index) {
        panic!("{error:#}");
    }
    assert_eq!(lab.run(&["schema", "weather"]).code, 2);
}

#[test]
fn a_report_that_does_not_fit_on_the_disk_leaves_the_older_one() {
    let lab = Lab::new();
    little(&lab);
    lab.file("page.html", "older");
    let before = std::fs::read_dir(lab.path(".")).expect("a folder").count();
    // Nothing may grow beyond a block, as if the disk were full.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    for target in ["page.html", "new.html"] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_gander"), "report"]);
        command.args(["reports/latest", "--format", "html", "--to", target]);
        let ended = Ended::of(command.current_dir(lab.path(".")).output().expect("a shell"));
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("cannot be written"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_to_string(lab.path("page.html")).expect("a page"), "older");
    assert_eq!(std::fs::read_dir(lab.path(".")).expect("a folder").count(), before);
    let ended = report(&lab, &["--format", "csv", "--to", "/dev/stdout"]);
    assert_eq!((ended.code, ended.stdout), (0, report(&lab, &["--format", "csv"]).stdout));
}

#[test]
fn a_damaged_directory_is_said_to_be_one_at_once() {
    let lab = Lab::new();
    little(&lab);
    let dir = lab.path("reports/latest");
    for name in ["run.json", "summary.json", "timeline.jsonl", "tail.hlog", "faults.jsonl"] {
        let (path, kept) = (dir.join(name), dir.join("kept"));
        std::fs::rename(&path, &kept).expect("a file of the run");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("a command").success());
        let ended = report(&lab, &["--format", "html"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{name}: {}", ended.stderr);
        let expected = format!("{name}` is not a regular file");
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
        std::fs::remove_file(&path).expect("a pipe");
        std::fs::rename(&kept, &path).expect("a file of the run");
    }
    for name in ["run.json", "summary.json", "timeline.jsonl"] {
        let path = dir.join(name);
        let whole = std::fs::read_to_string(&path).expect("a file of the run");
        let newer = whole.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1).replacen(
            "\"schema_version\":1",
            "\"schema_version\":9",
            1,
        );
        assert_ne!(newer, whole);
        std::fs::write(&path, newer).expect("a written file");
        let ended = report(&lab, &["--format", "html"]);
        assert_eq!(ended.code, 2, "{name}: {}", ended.stderr);
        let expected = format!("{name}` has version 9 of its format");
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("use a newer gander"), "{}", ended.stderr);
        std::fs::write(&path, whole).expect("a written file");
    }
    assert_eq!(report(&lab, &["--format", "html"]).code, 0);
}
