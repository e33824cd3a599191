//! What has to be the same on both sides of a comparison besides what is compared, by the records of
//! their runs.

use crate::analysis::compare::found::Mismatch;
use crate::base::names::Variant;
use crate::base::units::{Rate, Share, Span};
use crate::result::run_dir::RunRecord;
use crate::result::summary::WorkloadModel;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One run, or one variant of it, as far as its record tells.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Its record.
    pub record: &'a RunRecord,
    /// The variant that is looked at; none for all of them together.
    pub variant: Option<&'a Variant>,
    /// What was done to it or how it ended, where that was not in order.
    pub trouble: Option<String>,
    /// What of its figures may be the work of the generator, where something may.
    pub disturbance: Option<String>,
    /// What of it is not compared because the licence was the limit, where any was.
    pub left_out: Option<String>,
}

/// Facts of a run by their name; one that has no name of its own stands under an empty one.
type Facts = BTreeMap<String, String>;

/// Something that had better be the same.
struct Check {
    what: &'static str,
    told: fn(&Seen<'_>) -> Facts,
    /// Whether it differs between the variants of one run by design.
    is_of_variants: bool,
    /// Whether what is told is bad in itself: it is said though it be the same on both sides.
    is_bad: fn(&Seen<'_>) -> bool,
}

/// The table, in the order in which a person asks. What a stand-in was told to do, and which flows were
/// met, is not in it: that is what is compared.
const CHECKS: &[Check] = &[
    check("gander", |seen| one(&seen.record.gander_version)),
    check("workload model", workload_model),
    check("offered load", offered_load),
    Check { is_of_variants: true, ..check("share of the load", share_of_the_load) },
    check("mix", mix),
    check("think time", |seen| under(&seen.record.plan, "think_time", |_| true)),
    check("tenant", tenant),
    check("client", client),
    check("connections", |seen| under(&seen.record.plan, "http", |_| true)),
    check("accounts", accounts),
    check("codes", |seen| under(&seen.record.plan, "codes", |key| key != "listen")),
    check("journeys of your own", own_journeys),
    check("generator", generator),
    Check {
        is_bad: |seen| seen.trouble.is_some(),
        ..check("the run", |seen| one(seen.trouble.as_deref().unwrap_or(IN_ORDER)))
    },
    Check {
        is_bad: |seen| seen.left_out.is_some(),
        ..check("limited by the licence", |seen| one(seen.left_out.as_deref().unwrap_or("never")))
    },
    Check {
        is_bad: |seen| seen.disturbance.is_some(),
        ..check(DISTURBANCE, |seen| one(seen.disturbance.as_deref().unwrap_or("none seen")))
    },
];

/// What is said of a generator that may be seen in its own figures.
const DISTURBANCE: &str = "disturbance of the generator";

/// What is said of a run that nobody disturbed.
const IN_ORDER: &str = "in order";

/// Keys of `[workload]` that say how long it is, not how much; the model has a row of its own.
const NO_LOAD: &[&str] = &["model", "duration", "iterations", "drain"];

/// Keys of `[tenant]` by which two clients differ that call the same tenant.
const HABITS: &[&str] =
    &["client", "start", "start_dialect", "preflight", "scopes", "headers", "authorize_parameters"];

const fn check(what: &'static str, told: fn(&Seen<'_>) -> Facts) -> Check {
    Check { what, told, is_of_variants: false, is_bad: |_| false }
}

/// What differs between the sides, or between the runs of one, in the order of the table. `paired` are
/// variants of the same runs; `spread` are the runs from which the spread is known.
pub fn mismatches(
    baseline: &[Seen<'_>],
    candidate: &[Seen<'_>],
    spread: &[Seen<'_>],
    paired: bool,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(|check| !(paired && check.is_of_variants)) {
        let told = |side: &[Seen<'_>]| side.iter().map(check.told).collect::<Vec<_>>();
        let (base, other) = (told(baseline), told(candidate));
        let is_bad = |side: &[Seen<'_>]| side.iter().any(check.is_bad);
        if differ(&base, &other) || is_bad(baseline) || is_bad(candidate) {
            found.push(mismatch(check.what.to_owned(), &base, &other));
        }
        let known = told(spread);
        // Of what is bad, that the runs of the spread had none of it is no news.
        if differ(&base, &known) && (is_bad(spread) || !(is_bad(baseline) || is_bad(candidate))) {
            let what = format!("{} of the runs for the spread", check.what);
            found.push(mismatch(what, &base, &known));
        }
    }
    found
}

fn differ(one: &[Facts], other: &[Facts]) -> bool {
    !other.is_empty() && one.iter().chain(other).collect::<BTreeSet<_>>().len() > 1
}

/// Only the facts that are not the same everywhere are told.
fn mismatch(what: String, one: &[Facts], other: &[Facts]) -> Mismatch {
    let all = || one.iter().chain(other);
    let names: BTreeSet<&String> = all().flat_map(Facts::keys).collect();
    let is_constant =
        |name: &str| all().map(|facts| facts.get(name)).collect::<BTreeSet<_>>().len() == 1;
    let telling: Vec<_> = names.iter().copied().filter(|name| !is_constant(name)).collect();
    // What is the same in all runs that there are, but not in order.
    let telling = if telling.is_empty() { names.into_iter().collect() } else { telling };
    let side = |side: &[Facts]| {
        let told: BTreeSet<String> = side.iter().map(|facts| words(facts, &telling)).collect();
        told.into_iter().collect::<Vec<_>>().join(" and ")
    };
    Mismatch { what, baseline: side(one), candidate: side(other) }
}

fn words(facts: &Facts, names: &[&String]) -> String {
    let word = |name: &&String| match (name.as_str(), facts.get(*name)) {
        ("", value) => value.cloned().unwrap_or_else(|| "none".to_owned()),
        (name, Some(value)) => format!("{name} {value}"),
        (name, None) => format!("{name} not set"),
    };
    names.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn one(text: &str) -> Facts {
    Facts::from([(String::new(), text.to_owned())])
}

fn workload_model(seen: &Seen<'_>) -> Facts {
    one(match seen.record.workload_model {
        WorkloadModel::Open => "open",
        WorkloadModel::Closed => "closed",
    })
}

fn offered_load(seen: &Seen<'_>) -> Facts {
    let share = seen.record.share.map(|share| ("share of it".to_owned(), share.to_string()));
    let load = under(&seen.record.plan, "workload", |key| !NO_LOAD.contains(&key));
    load.into_iter().chain(share).collect()
}

/// Weights as parts of the whole: 7 to 3 is the same as 70 to 30.
fn mix(seen: &Seen<'_>) -> Facts {
    let weights = seen.record.plan.get("journeys").and_then(Value::as_object);
    let weights = weights.into_iter().flatten();
    parts(weights.filter_map(|(name, weight)| Some((name.clone(), weight.as_f64()?))).collect())
}

/// The part of the iterations that is this variant's.
fn share_of_the_load(seen: &Seen<'_>) -> Facts {
    let Some(variant) = seen.variant else { return one("100%") };
    let weights = variants(&seen.record.plan).map(|(name, table)| {
        (name.to_owned(), table.get("weight").and_then(Value::as_f64).unwrap_or(1.0))
    });
    let parts = parts(weights.collect());
    one(parts.get(variant.as_str()).map_or("unknown", String::as_str))
}

fn parts(weights: Vec<(String, f64)>) -> Facts {
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let weights = weights.into_iter().filter(|(_, weight)| *weight > 0.0);
    weights
        .map(|(name, weight)| (name, Share((weight / whole * 1e4).round() / 1e4).to_string()))
        .collect()
}

/// The hosts in full, with their ports: two stand-ins of one machine are two tenants. The embedded one
/// gets another port each time.
fn tenant(seen: &Seen<'_>) -> Facts {
    let Some(tenant) = tenant_table(seen) else { return one("the embedded stand-in") };
    let is_where =
        |key: &str| matches!(key, "auth_url" | "api_url" | "orchestrate_url" | "environment_id");
    let mut facts = flat(&tenant, is_where);
    let hosts: BTreeSet<&str> = seen.record.tenant_hosts.iter().map(String::as_str).collect();
    facts.insert("hosts".to_owned(), hosts.into_iter().collect::<Vec<_>>().join(" "));
    facts
}

fn client(seen: &Seen<'_>) -> Facts {
    tenant_table(seen).map(|tenant| flat(&tenant, |key| HABITS.contains(&key))).unwrap_or_default()
}

fn accounts(seen: &Seen<'_>) -> Facts {
    let mut facts = under(&seen.record.plan, "accounts", |_| true);
    facts.extend(under(&seen.record.plan, "identities", |_| true));
    facts
}

fn own_journeys(seen: &Seen<'_>) -> Facts {
    let files = seen.record.plan.get("journey_files");
    one(&files.map_or_else(|| "none".to_owned(), plain))
}

fn generator(seen: &Seen<'_>) -> Facts {
    let host = &seen.record.host;
    let facts = [
        ("host", host.name.clone()),
        ("system", host.system.clone()),
        ("cores", host.cores.to_string()),
    ];
    facts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// `[tenant]`, with what the variant lays over it.
fn tenant_table(seen: &Seen<'_>) -> Option<Map<String, Value>> {
    let table = seen.record.plan.get("tenant").and_then(Value::as_object);
    let chosen = seen.variant.map(Variant::as_str);
    let own = variants(&seen.record.plan).find(|(name, _)| chosen == Some(name));
    let own = own.and_then(|(_, table)| table.get("tenant")).and_then(Value::as_object);
    if table.is_none() && own.is_none() {
        return None;
    }
    let mut whole = table.cloned().unwrap_or_default();
    own.into_iter().for_each(|own| lay_over(&mut whole, own));
    Some(whole)
}

/// Tables are laid over each other key by key, as the run itself does it.
fn lay_over(whole: &mut Map<String, Value>, own: &Map<String, Value>) {
    for (key, value) in own {
        match (whole.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            _ => drop(whole.insert(key.clone(), value.clone())),
        }
    }
}

/// The variants of a plan, in its order.
pub fn variants(plan: &Value) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
    let tables = plan.get("variant").and_then(Value::as_array).into_iter().flatten();
    tables.filter_map(|table| {
        let table = table.as_object()?;
        Some((table.get("name")?.as_str()?, table))
    })
}

/// The members of a section, by their keys.
fn under(plan: &Value, section: &str, chosen: impl Fn(&str) -> bool) -> Facts {
    plan.get(section)
        .and_then(Value::as_object)
        .map(|table| flat(table, chosen))
        .unwrap_or_default()
}

fn flat(table: &Map<String, Value>, chosen: impl Fn(&str) -> bool) -> Facts {
    let members = table.iter().filter(|(key, _)| chosen(key));
    members.map(|(key, value)| (key.clone(), plain(value))).collect()
}

/// A value as a person would write it. One quantity is always written the same way.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => in_one_way(text),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let members = table.iter().map(|(key, value)| format!("{key} {}", plain(value)));
            members.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

fn in_one_way(text: &str) -> String {
    if let Ok(rate) = text.parse::<Rate>() {
        return rate.to_string();
    }
    text.parse::<Span>().map_or_else(|_| text.to_owned(), |span| span.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::slice::from_ref;

    fn record(plan: Value) -> RunRecord {
        let record = json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 1_795_286_081_000u64,
            "ended_at": "2026-11-21T18:35:41.000Z", "interrupted": false, "seed": "1",
            "workload_model": "open", "planned_ms": null, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "lab", "system": "linux", "cores": 2 },
            "tenant_hosts": ["https://auth.example.com"], "flows": [], "plan": plan,
        });
        serde_json::from_value(record).unwrap()
    }

    fn plan() -> Value {
        json!({
            "workload": { "rate": "20/s", "duration": "60s", "warm_up": "10s" },
            "journeys": { "sign-on": 7, "register": 3 },
            "http": { "version": "auto" }, "accounts": { "count": 200 },
            "tenant": { "auth_url": "https://auth.example.com", "client": "javascript" },
            "codes": { "source": "smtp-sink", "listen": "127.0.0.1:0" }, "think_time": {},
            "stand_in": { "delay": [] }, "journey_files": [],
        })
    }

    fn seen(record: &RunRecord) -> Seen<'_> {
        Seen { record, variant: None, trouble: None, disturbance: None, left_out: None }
    }

    /// What is said when one member of the candidate's plan is another.
    fn changed(pointer: &str, value: Value) -> Vec<String> {
        let (base, mut other) = (record(plan()), plan());
        *other.pointer_mut(pointer).unwrap() = value;
        said(&mismatches(&[seen(&base)], &[seen(&record(other))], &[], false))
    }

    fn said(found: &[Mismatch]) -> Vec<String> {
        found.iter().map(|m| format!("{}: {} | {}", m.what, m.baseline, m.candidate)).collect()
    }

    #[test]
    fn a_variants_tenant_lies_over_the_tenant_key_by_key() {
        let with = |below: Value, above: Value| {
            let mut plan = plan();
            plan["tenant"]["headers"] = below;
            plan["variant"] = json!([{ "name": "v1", "tenant": { "headers": above } }]);
            record(plan)
        };
        let v1 = Variant::from("v1");
        let of = |one: &RunRecord, other: &RunRecord| {
            let seen = |record| Seen { variant: Some(&v1), ..seen(record) };
            said(&mismatches(&[seen(one)], &[seen(other)], &[], false))
        };
        let edge = || json!({ "X-Edge": "c" });
        let both = json!({ "X-A": "1", "X-Edge": "c" });
        let plain = with(json!({}), edge());
        assert_eq!(of(&with(both, json!({})), &with(json!({ "X-A": "1" }), edge())), [""; 0]);
        assert_eq!(of(&plain, &with(json!({ "X-Slow": "1" }), edge())).len(), 1);
    }

    #[test]
    fn the_same_plan_in_other_words_is_the_same() {
        for (pointer, value) in [
            ("/workload/rate", json!("1200/min")),
            ("/workload/warm_up", json!("10000ms")),
            ("/workload/duration", json!("5m")),
            ("/journeys", json!({ "sign-on": 70, "register": 30, "recovery": 0 })),
            ("/codes/listen", json!("127.0.0.1:2525")),
            ("/stand_in", json!({ "delay": [{ "delay": "constant 50ms" }] })),
        ] {
            assert_eq!(changed(pointer, value), Vec::<String>::new(), "{pointer}");
        }
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        for (pointer, value, words) in [
            ("/workload/rate", json!("30/s"), "offered load: rate 20/s | rate 30/s"),
            (
                "/workload",
                json!({ "stages": [{ "rate": "5/s", "over": "30s" }], "warm_up": "10s" }),
                "offered load: rate 20/s, stages not set | rate not set, stages [over 30s rate 5/s]",
            ),
            (
                "/journeys/register",
                json!(7),
                "mix: register 30%, sign-on 70% | register 50%, sign-on 50%",
            ),
            (
                "/think_time",
                json!({ "between_steps": "1s..3s" }),
                "think time: between_steps not set | between_steps 1s..3s",
            ),
            ("/http/version", json!("2"), "connections: version auto | version 2"),
            ("/tenant/client", json!("mobile"), "client: client javascript | client mobile"),
            ("/accounts/count", json!(10), "accounts: count 200 | count 10"),
            ("/journey_files", json!(["a.toml"]), "journeys of your own: [] | [a.toml]"),
            (
                "/tenant/auth_url",
                json!("https://auth.example.eu"),
                "tenant: auth_url https://auth.example.com | auth_url https://auth.example.eu",
            ),
        ] {
            assert_eq!(changed(pointer, value), [words], "{pointer}");
        }
    }

    #[test]
    fn every_check_of_the_table_can_fail() {
        let base = record(json!({
            "variant": [{ "name": "v1" }, { "name": "v2" }], "journeys": { "sign-on": 1 },
        }));
        let mut other = record(plan());
        other.gander_version = "0.2.0".to_owned();
        other.workload_model = WorkloadModel::Closed;
        other.host.cores = 8;
        other.plan["think_time"] = json!({ "between_steps": "1s" });
        other.plan["journey_files"] = json!(["a.toml"]);
        let variant: Variant = "v1".into();
        let one = Seen {
            record: &base,
            variant: Some(&variant),
            trouble: Some("interrupted".to_owned()),
            disturbance: Some("its timers were late".to_owned()),
            left_out: Some("12s left out".to_owned()),
        };
        let found = mismatches(&[one], &[seen(&other)], &[], false);
        let whats: Vec<_> = found.iter().map(|mismatch| mismatch.what.as_str()).collect();
        assert_eq!(whats, CHECKS.iter().map(|check| check.what).collect::<Vec<_>>());
    }

    #[test]
    fn a_trouble_on_both_sides_is_told_although_it_is_the_same() {
        let base = record(plan());
        let seen = || Seen { trouble: Some("interrupted".to_owned()), ..seen(&base) };
        let found = mismatches(&[seen()], &[seen()], &[], false);
        assert_eq!(said(&found), ["the run: interrupted | interrupted"]);
    }

    #[test]
    fn a_disturbed_generator_is_told_of_both_sides_and_of_the_runs_for_the_spread() {
        let base = record(plan());
        let late = || Seen { disturbance: Some("timers were late".to_owned()), ..seen(&base) };
        let told = |base: &[Seen<'_>], other: &[Seen<'_>], spread: &[Seen<'_>]| {
            said(&mismatches(base, other, spread, true))
        };
        let line = "disturbance of the generator";
        assert_eq!(
            told(&[late()], &[late()], &[]),
            [format!("{line}: timers were late | timers were late")]
        );
        assert_eq!(
            told(&[seen(&base)], &[late()], &[seen(&base)]),
            [format!("{line}: none seen | timers were late")]
        );
        assert_eq!(
            told(&[seen(&base)], &[seen(&base)], &[late()]),
            [format!("{line} of the runs for the spread: none seen | timers were late")]
        );
    }

    #[test]
    fn variants_of_one_run_differ_in_what_is_laid_over_the_tenant_and_not_in_their_weight() {
        let mut plan = plan();
        plan["variant"] = json!([
            { "name": "v1", "weight": 3 },
            { "name": "v2", "tenant": { "headers": { "X-Version": "2" }, "client_id": "b" } },
        ]);
        let run = record(plan);
        let (v1, v2): (Variant, Variant) = ("v1".into(), "v2".into());
        let [one, other] = [&v1, &v2].map(|variant| Seen {
            record: &run,
            variant: Some(variant),
            trouble: None,
            disturbance: None,
            left_out: None,
        });
        let found = mismatches(from_ref(&one), from_ref(&other), &[], true);
        assert_eq!(said(&found), ["client: headers not set | headers X-Version 2"]);
        let found = mismatches(&[one], &[other], &[], false);
        assert_eq!(said(&found)[0], "share of the load: 75% | 25%");
    }

    #[test]
    fn runs_of_one_side_and_those_for_the_spread_are_looked_at_too() {
        let (base, mut faster) = (record(plan()), plan());
        faster["workload"]["rate"] = json!("30/s");
        let faster = record(faster);
        let found = mismatches(&[seen(&base)], &[seen(&base), seen(&faster)], &[], false);
        assert_eq!(said(&found), ["offered load: rate 20/s | rate 20/s and rate 30/s"]);
        let found = mismatches(&[seen(&base)], &[seen(&base)], &[seen(&faster)], false);
        assert_eq!(
            said(&found),
            ["offered load of the runs for the spread: rate 20/s | rate 30/s"]
        );
    }

    #[test]
    fn the_embedded_stand_in_is_the_same_tenant_on_any_port() {
        let mut plan = plan();
        plan.as_object_mut().unwrap().remove("tenant");
        let (one, mut other) = (record(plan.clone()), record(plan));
        other.tenant_hosts = vec!["http://127.0.0.1:41000".to_owned()];
        assert_eq!(mismatches(&[seen(&one)], &[seen(&other)], &[], false), []);
    }
}
