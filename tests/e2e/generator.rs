//! Who was the limit: the generator, or the tenant?

use crate::canary::unless_the_machine_stalls;
use crate::lab::Lab;
use crate::leash::run_held;
use crate::one_call::profile;
use crate::run::{number, summary};
use crate::tenant::Tenant;

/// More is asked of a tenth of a core than it can do. The run must not say anything of the tenant.
#[test]
fn a_generator_held_to_a_tenth_of_a_core_is_invalid_and_says_why() {
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let lab = Lab::new();
    let profile = profile(&lab, &tenant, "rate = \"1000/s\"\nduration = \"6s\"\n");
    let mut command = lab.command(&["run", &profile, "--seed", "1"]);
    command.env("WORKER_SECRET", tenant.worker_secret());
    let (ended, by) = run_held(command, 10);
    assert_eq!(ended.code, 5, "held by {by}: {}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    assert_eq!(summary["verdict"], "invalid");
    let reasons = summary["reasons"].to_string();
    assert!(reasons.contains("generator"), "held by {by}: {reasons}");
    assert!(ended.stderr.contains("generator"), "held by {by}: {}", ended.stderr);
    // What the generator could not do is not laid at the tenant's door.
    assert!(!reasons.contains("max-users-reached"), "{reasons}");
}

/// A tenant that takes a second for each call, and four users: the generator is idle, the arrivals pile
/// up. That is a finding about the tenant.
#[test]
fn a_slow_tenant_with_too_few_users_is_a_failure_and_not_an_invalid_run() {
    let tenant = Tenant::start(
        "signing = \"ES256\"\n[[delay]]\ncapability = \"authorize\"\ndelay = \"constant 1s\"\n",
    );
    unless_the_machine_stalls(|| {
        let lab = Lab::new();
        let keys = "rate = \"10/s\"\nmax_users = 4\nduration = \"5s\"\ndrain = \"1s\"\n";
        let profile = profile(&lab, &tenant, keys);
        let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1"]);
        if ended.code != 4 {
            return Err(format!("exit {}, not 4: {}", ended.code, ended.stderr));
        }
        let summary = summary(&lab.path("reports/latest"));
        assert_eq!(summary["verdict"], "fail");
        let reasons = summary["reasons"].as_array().expect("reasons").iter();
        let reason = reasons.map(ToString::to_string).find(|it| it.contains("max-users-reached"));
        let reason = reason.unwrap_or_else(|| panic!("{summary:#}"));
        assert!(reason.contains("all 4 users"), "{reason}");
        assert!(ended.stderr.contains("max-users-reached"), "{}", ended.stderr);
        for row in summary["journeys"].as_array().expect("journeys") {
            let parts =
                ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
            assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
            assert!(number(&row["completed"]) > 0 && number(&row["failed"]) == 0, "{row}");
        }
        Ok(())
    });
}
