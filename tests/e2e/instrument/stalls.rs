//! A stall of one second in an open run: who is due during it waits, and that must be in the numbers.

use super::open_run::OpenRun;
use crate::canary::{tell, unless_the_machine_stalls};
use crate::run::summary;
use crate::tenant::Tenant;
use gander::measure::series::Kind;

/// Arrivals a second, evenly spaced: then how many come in a time is known to one.
const RATE: u64 = 100;

/// Length of the stall in milliseconds.
const STALL_MS: u64 = 1_000;

/// Times above which calls are counted.
const ABOVE_MS: [u64; 5] = [100, 250, 500, 750, 900];

fn tenant() -> Tenant {
    Tenant::start(
        "signing = \"ES256\"\n[[delay]]\ncapability = \"authorize\"\ndelay = \"constant 10ms\"\n\
         [[stall]]\nat = \"3s\"\nfor = \"1s\"\n",
    )
}

fn workload(max_users: u64) -> String {
    format!(
        "rate = \"{RATE}/s\"\narrivals = \"constant\"\nmax_users = {max_users}\nwarm_up = \"1s\"\nduration = \"7s\"\n"
    )
}

/// A user is busy for this long with an iteration; all but those of the stall are alike.
fn usual_ms(run: &OpenRun) -> f64 {
    run.times(Kind::Service).value_at_quantile(0.5) as f64 / 1e3
}

/// Whether as many are longer than each of the times as theory says: so many arrivals of that much
/// time, within 5 % and `loose` whole ones: arrivals are counted, time is not.
fn hold_against(
    run: &OpenRun,
    (kind, loose): (Kind, f64),
    expected: impl Fn(f64) -> f64,
) -> Result<(), String> {
    for above_ms in ABOVE_MS {
        let seen = f64::from(u32::try_from(run.longer(kind, above_ms)).expect("a count"));
        let expected = expected(f64::from(u32::try_from(above_ms).expect("a time")));
        let told = format!("{seen} of kind {kind:?} above {above_ms} ms, {expected:.1} expected");
        tell(&told);
        if (seen - expected).abs() > 0.05 * expected + loose {
            return Err(told);
        }
    }
    Ok(())
}

/// A call that would be answered in the stall is answered at its end: calls of evenly spaced arrivals
/// wait evenly distributed times, the longest as long as the stall and a usual call. So those longer
/// than t are the arrivals of a time of (stall + usual − t).
#[test]
fn with_users_enough_a_stall_is_a_saw_tooth_in_the_service_time() {
    unless_the_machine_stalls(|| {
        let tenant = tenant();
        // A second's arrivals and those under way are all that can be waiting. Three times as many.
        let run = OpenRun::run(&tenant, &workload(3 * (RATE + RATE / 50)));
        run.must_end_with(0)?;
        let whole_ms = STALL_MS as f64 + usual_ms(&run);
        let longer = |above_ms: f64| RATE as f64 * (whole_ms - above_ms) / 1e3;
        // One: where in the stall's beginning the first of them falls.
        hold_against(&run, (Kind::Exchange, 1.0), longer)?;
        hold_against(&run, (Kind::Response, 1.0), longer)
    });
}

/// Four users are stuck in four calls; the others who are due find nobody, and their calls are as short
/// as ever once they are made. After the stall the four work the queue off at their own pace: it gets
/// shorter by what they do less what comes, so of a load ρ of the four, 1 / (1 − ρ) times as many
/// iterations are longer than t, counted from when they were due.
#[test]
fn with_four_users_a_stall_is_in_the_response_time_only() {
    unless_the_machine_stalls(|| {
        let tenant = tenant();
        let run = OpenRun::run(&tenant, &workload(4));
        run.must_end_with(4)?;
        let reasons = summary(&run.lab.path("reports/latest"))["reasons"].to_string();
        assert!(reasons.contains("max-users-reached"), "{reasons}");
        let long = run.longer(Kind::Exchange, ABOVE_MS[0]);
        if long > 4 {
            return Err(format!("{long} long calls of four users"));
        }
        let usual_ms = usual_ms(&run);
        let load = RATE as f64 * usual_ms / 1e3 / 4.0;
        let whole_ms = STALL_MS as f64 + usual_ms;
        // One more: after the stall the four go in step, four iterations at a time.
        hold_against(&run, (Kind::Response, 2.0), |above_ms| {
            RATE as f64 * (whole_ms - above_ms) / 1e3 / (1.0 - load)
        })
    });
}
