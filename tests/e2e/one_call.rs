//! Open runs of iterations that are one call each: the flow is started, its first form is shown, and that
//! is all.

use crate::lab::Lab;
use crate::tenant::Tenant;

const JOURNEY: &str = "name = \"arrive\"\ngoal = \"form:first\"\n\n[[rule]]\nname = \"first\"\nwhen = { fields = [\"username\"] }\n";

/// Writes the profile of one, with these keys of `[workload]`, and returns its name.
pub(crate) fn profile(lab: &Lab, tenant: &Tenant, workload: &str) -> String {
    lab.file("arrive.toml", JOURNEY);
    let text = format!(
        "journey_files = [\"arrive.toml\"]\n{}[journeys]\narrive = 1\n[workload]\nmodel = \"open\"\n{workload}",
        tenant.profile()
    );
    lab.file("p.toml", &text)
}
