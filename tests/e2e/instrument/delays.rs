//! Known delays go in, and come out of the report as the tenant recorded them.

use super::records::{joined, misses, sorted};
use crate::canary::{Miss, unless_the_machine_stalls};
use crate::lab::Lab;
use crate::run::{number, summary};
use crate::tenant::Tenant;

/// Users, who make some 400 calls a second between them.
const USERS: &str = "60";

/// Without a pause of their own, users of a constant delay walk in step: the calls of all would come in
/// the same millisecond, and wait for a core.
const PAUSES: &str = "[think_time]\nbetween_steps = \"10ms..100ms\"\n";

/// Runs sign-ons against a tenant with these delays and holds every capability's percentiles against
/// the tenant's record of the calls that they are made of.
fn percentiles_agree(delays: &[&str]) {
    let capabilities = ["authorize", "customHTMLTemplate", "token"];
    let rows: String = capabilities
        .iter()
        .flat_map(|name| {
            let row = move |delay: &&str| format!("[[delay]]\ncapability = \"{name}\"\n{delay}\n");
            delays.iter().map(row)
        })
        .collect();
    unless_the_machine_stalls(|| {
        let tenant = Tenant::start(&format!("signing = \"ES256\"\n{rows}"));
        let lab = Lab::new();
        let who = format!("count = {USERS}\n{PAUSES}[journeys]\nsign-on = 1\n");
        let profile = lab.file("p.toml", &(tenant.profile() + &who));
        let load = ["-u", USERS, "--warm-up", "1s", "-d", "6s", "--seed", "1"];
        let arguments = [&["run", &profile, "--calls", "calls.jsonl"], load.as_slice()].concat();
        let ended = tenant.gander(&lab, &arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut calls = joined(&lab, &tenant);
        let summary = summary(&lab.path("reports/latest"));
        let reported = summary["capabilities"].as_array().expect("capabilities");
        assert_eq!(reported.len(), capabilities.len());
        let mut missed = Vec::new();
        for row in reported {
            let name = row["capability"].as_str().expect("a name");
            let of_it: Vec<_> = calls.extract_if(.., |call| call.capability == name).collect();
            assert_eq!(number(&row["samples"]), of_it.len() as u64, "{name}");
            assert!(of_it.len() >= 500, "only {} calls of {name}", of_it.len());
            let recorded = sorted(&of_it, |call| call.recorded_us);
            missed.extend(misses(name, &row["service_time_us"], &recorded));
        }
        Miss::unless_none(missed)
    });
}

#[test]
fn percentiles_of_a_constant_delay_are_those_of_the_tenants_record() {
    percentiles_agree(&["delay = \"constant 100ms\""]);
}

#[test]
fn percentiles_of_a_log_normal_delay_are_those_of_the_tenants_record() {
    percentiles_agree(&["delay = \"lognormal 50ms 0.6\""]);
}

#[test]
fn percentiles_of_a_bimodal_delay_are_those_of_the_tenants_record() {
    percentiles_agree(&["delay = \"constant 400ms\"\nshare = \"4%\"", "delay = \"constant 40ms\""]);
}
