//! The profiles that come with gander: each is sound as it is, says what to change for a tenant, and the
//! shortest of them runs.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use std::fs;
use std::path::{Path, PathBuf};

/// The kinds of runs that people know by these names.
const KINDS: &[&str] = &["smoke", "baseline", "stress", "spike", "soak"];

fn profile(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("profiles").join(format!("{name}.toml"))
}

fn gander(lab: &Lab, command: &str, path: &Path, more: &[&str]) -> Ended {
    let path = path.display().to_string();
    lab.run(&[&[command, &path], more].concat())
}

#[test]
fn every_profile_is_sound_as_it_is_and_never_short_of_anything() {
    let folder = profile("smoke");
    let folder = folder.parent().expect("a folder");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("a folder of profiles") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let lab = Lab::new();
        let ended = gander(&lab, "check", &path, &[]);
        assert_eq!(ended.code, 0, "{}: {}", path.display(), ended.stderr);
        assert!(!ended.stderr.contains("caution"), "{}: {}", path.display(), ended.stderr);
        seen += 1;
    }
    assert!(seen >= KINDS.len() + 3, "{seen}");
}

#[test]
fn every_kind_says_how_to_run_it_and_what_to_change_for_a_tenant() {
    for kind in KINDS {
        let text = fs::read_to_string(profile(kind)).expect("a profile");
        assert!(text.contains(&format!("gander run profiles/{kind}.toml")), "{kind}");
        assert!(text.contains("# TENANT: without this table"), "{kind}");
        for line in
            text.lines().filter(|line| line.starts_with("rate =") || line.contains("rate = \""))
        {
            let is_told = line.contains("TENANT") || text.contains("stages = [");
            assert!(is_told, "{kind}: {line}");
        }
        for line in text.lines() {
            let is_of_load = line.starts_with("max_users =") || line.starts_with("count =");
            // One user after the other needs an account or three, wherever it is.
            assert!(!is_of_load || *kind == "smoke" || line.contains("TENANT"), "{kind}: {line}");
        }
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= 125), "{kind}: {longest:?}");
    }
}

/// What the lines for a tenant say can be read, too, once they are no comments any more.
#[test]
fn the_lines_for_a_tenant_are_a_tenant() {
    for kind in KINDS {
        let lab = Lab::new();
        let text = fs::read_to_string(profile(kind)).expect("a profile");
        let at = text.find("# [tenant]").expect("lines for a tenant");
        let (before, rest) = text.split_at(at);
        let end = rest.find("\n\n").expect("an end of them");
        let lines =
            rest[..end].replace("# ", "").replace("${WORKER_SECRET}", "${WORKER_SECRET:-x}");
        let after = &rest[end..];
        let stand_in = after.find("[[stand_in").or_else(|| after.find("[stand_in"));
        let after = &after[..stand_in.expect("what is to be left out")];
        lab.file("p.toml", &format!("{before}{lines}{after}"));
        let typed = ["--acknowledge", "CASE-1234", "--environment", "…"];
        let ended = lab.run(&[&["check", "p.toml"][..], &typed].concat());
        assert_eq!(ended.code, 0, "{kind}: {}", ended.stderr);
    }
}

#[test]
fn a_smoke_test_takes_some_seconds_and_passes() {
    let lab = Lab::new();
    let ended = gander(&lab, "run", &profile("smoke"), &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let journeys = summary(&lab.path("reports/latest"));
    let journeys = journeys["journeys"].as_array().expect("journeys");
    let completed: Vec<_> = journeys.iter().map(|row| number(&row["completed"])).collect();
    assert_eq!(completed.iter().sum::<u64>(), 9, "{completed:?}");
}
