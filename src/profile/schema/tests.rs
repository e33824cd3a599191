//! The schema of profiles against their reader, and against every profile there is.

use super::schema;
use crate::base::document::{Problem, Problems, Section, Table, Value};
use crate::base::schema::drift::Checker;
use crate::profile::document::Profile;
use crate::profile::load::DEFAULT;
use crate::standin::settings::Settings;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The complaints of everybody who reads a part of a profile.
fn read(text: &str) -> Vec<Problem> {
    let mut table = Table::parse("p.toml", text).unwrap();
    // As the loader does, which knows it and nobody after it.
    table.entries.retain(|(key, ..)| key != "extends");
    let problems = Problems::default();
    let profile = Profile::read(Section::document(&table, &problems));
    if let Some(table) = &profile.stand_in {
        let mut section = Section::document(table, &problems);
        Settings::read(&mut section);
        section.finish();
    }
    problems.into_sorted()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn schema_and_reader_know_the_same_keys_and_words_in_every_table() {
    let compared = Checker::new(schema()).against(&read);
    // The last one is the command line's to refuse: a profile has nobody to let in.
    assert_eq!(
        compared.only_read,
        names(&["limits", "variant.tenant", "stand_in.beyond_loopback"])
    );
    assert_eq!(compared.only_described, names(&["extends"]));
    assert_eq!(compared.other_words, [""; 0]);
    assert!(compared.tables > 25 && compared.choices > 15, "{compared:?}");
}

#[test]
fn keys_that_are_not_described_are_not_built() {
    for document in ["[limits]\nx = 1\n", "[[variant]]\nname = \"v\"\n[variant.tenant]\nx = 1\n"] {
        assert!(read(document).iter().any(|problem| problem.what.ends_with("but not built yet")));
    }
}

/// Every block of TOML in a page, and whether it is a journey.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_profile_there_is_obeys_the_schema() {
    let checker = Checker::new(schema());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut met = 0;
    for entry in std::fs::read_dir(root.join("profiles")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(checker.complaint_of_toml(&text), None, "{}", path.display());
        met += 1;
    }
    assert!(met >= 3);
    assert_eq!(checker.complaint_of_toml(DEFAULT), None);
    for page in ["README.md", "docs/workload.md", "docs/stand-in.md", "docs/faults.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for block in blocks(&text) {
            let table = Table::parse(page, block).unwrap();
            // A page on the stand-in shows its settings by themselves.
            let is_stand_ins = ["fault", "rate_limits", "listen", "delay"];
            let is_stand_ins = is_stand_ins.iter().any(|key| table.get(key).is_some());
            let mut document = Value::Table(table).to_json();
            if is_stand_ins {
                document.as_object_mut().unwrap().remove("beyond_loopback");
                document = json!({ "stand_in": document });
            }
            assert_eq!(checker.complaint(&document), None, "{page}: {block}");
        }
    }
}

/// The default profile with its comments taken for what they show: every key that it has, commented out
/// or not, is one that the schema has.
#[test]
fn what_the_default_profile_shows_in_comments_obeys_the_schema_too() {
    let shown = |line: &str| {
        let bare = line.strip_prefix("# ").unwrap_or(line).trim_end();
        let is_toml = bare.starts_with('[')
            || bare.split_once(" = ").is_some_and(|(key, _)| {
                key.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'))
            });
        is_toml.then(|| bare.to_owned())
    };
    let checker = Checker::new(schema());
    let mut keys = 0;
    let mut table = String::new();
    for line in DEFAULT.lines().filter_map(shown) {
        if line.starts_with('[') {
            table = line.split('#').next().unwrap_or_default().trim().to_owned();
            continue;
        }
        // Lists over several lines are shown whole in profiles of their own.
        let Ok(read) = Table::parse("line", &line) else { continue };
        let key = read.entries[0].0.clone();
        let document = format!("{table}\n{line}\n");
        let complaint = checker.complaint_of_toml(&document).unwrap_or_default();
        assert!(!complaint.contains("additionalProperties"), "{document}{complaint}");
        assert!(!complaint.contains(&format!("/{key}'")), "{document}{complaint}");
        keys += 1;
    }
    assert!(keys > 60, "{keys}");
}

#[test]
fn wrong_documents_are_refused_by_both() {
    let checker = Checker::new(schema());
    for wrong in [
        "naem = 1",
        "[http]\nreply_timeout = 30",
        "[http]\nreply_timeout = \"30\"",
        "[http]\nmax_reply = \"4MB\"",
        "[http]\nversion = \"3\"",
        "[http]\nresolve = \"sometimes\"",
        "[http]\nresolve = { \"auth.example.com\" = 1 }",
        "[tenant]\nclient_secret = \"open\"",
        "[tenant]\nauth_url = \"auth.pingone.eu\"",
        "[tenant]\nscopes = \"openid\"",
        "[tenant]\nclient = \"desktop\"",
        "[tenant.sdk_token]\napi_key = \"${A}\"\nbearer = \"${B}\"",
        "[workload]\nrate = 40",
        "[workload]\nrate = \"40\"",
        "[workload]\nusers = 0",
        "[workload]\nusers = -1",
        "[workload]\nusers = \"5\"",
        "[workload]\nusers = 100001",
        "[workload]\nmodel = \"ajar\"",
        "[workload]\npacing = \"often\"",
        "[workload]\nstages = [{ rate = \"5/s\" }]",
        "[workload]\nstages = [{ rate = \"5/s\", over = \"1s\", for = \"1s\" }]",
        "[workload]\nstages = [{ over = \"1s\" }]",
        "[workload]\nstages = { over = \"1s\" }",
        "[think_time]\nbetween_steps = \"lognormal 2s\"",
        "[[variant]]\nflow_policy = \"x\"",
        "[[threshold]]\nrule = \"sign-on\"",
        "[[threshold]]\nrul = \"faults < 1%\"",
        "[guards]\nstop_when = [\"faults > 20%\"]",
        "[journeys]\nsign-on = \"often\"",
        "[journeys]\nsign-on = -1",
        "[accounts]\ncount = -5",
        "[accounts]\nsource = \"csv:x\"",
        "[codes]\nsource = \"imap\"",
        "[codes]\ntimeout = 30",
        "[identities]\nlocale = \"xx\"",
        "[[stand_in.delay]]\nshare = \"5%\"",
        "[[stand_in.delay]]\ndelay = \"50ms\"",
        "[[stand_in.delay]]\ndelay = \"constant 50ms\"\nshare = \"101%\"",
        "[[stand_in.fault]]\nkind = \"bang\"",
        "[stand_in.capacity]\nservers = 0\nservice = \"constant 1ms\"",
        "[[stand_in.stall]]\nat = \"3s\"",
    ] {
        assert!(checker.complaint_of_toml(wrong).is_some(), "the schema takes {wrong}");
        assert!(!read(wrong).is_empty(), "the reader takes {wrong}");
    }
}

#[test]
fn references_stand_where_texts_may() {
    let checker = Checker::new(schema());
    let text = "[tenant]\nauth_url = \"${AUTH}\"\nclient_secret = \"${file:x}\"\nclient = \"${C:-mobile}\"\n\
                [workload]\nrate = \"${RATE}/s\"\nduration = \"${TIME}\"\nmodel = \"${MODEL}\"\n";
    assert_eq!(checker.complaint_of_toml(text), None);
}
