//! Two versions of a flow in one run, a known difference between them: the comparison names it, and
//! nothing else.

use crate::canary::{Miss, tell, unless_the_machine_stalls};
use crate::lab::Lab;
use serde_json::Value;

/// Two versions of the stock flow. With `{ROW}` the second differs from the first.
const VERSIONS: &str = r#"
[workload]
model = "open"
rate = "30/s"
duration = "30s"
warm_up = "2s"
max_users = 200

[journeys]
register = 1

[[variant]]
name = "v1"
flow_policy = "v1"

[[variant]]
name = "v2"
flow_policy = "v2"

[stand_in]
signing = "ES256"

[[stand_in.flow_policy]]
name = "v1"
id = "00000000000000000000000000000001"
flow = "stock"

[[stand_in.flow_policy]]
name = "v2"
id = "00000000000000000000000000000002"
flow = "stock"

[[stand_in.delay]]
delay = "lognormal 20ms 0.3"
"#;

/// The submission of a code takes 30 ms more. Two draws of a log-normal time add up to none, so both
/// versions get constant ones for this row.
const VERIFY: &str = r#"
[[stand_in.delay]]
capability = "customHTMLTemplate"
event = "submit"
action = "VERIFY"
delay = "constant 20ms"

[[stand_in.delay]]
policy = "v2"
capability = "customHTMLTemplate"
event = "submit"
action = "VERIFY"
delay = "constant 50ms"
"#;

/// Names of the rows that were judged so, by kind of row.
fn named(comparison: &Value, verdict: &str) -> [Vec<String>; 3] {
    ["journeys", "steps", "capabilities"].map(|kind| {
        let rows = comparison[kind].as_array().expect("rows").iter();
        rows.filter(|row| row["verdict"] == verdict)
            .map(|row| {
                let parts = ["journey", "step", "capability", "event", "action"];
                let parts = parts.iter().filter_map(|part| row[part].as_str());
                parts.collect::<Vec<_>>().join(" ")
            })
            .collect()
    })
}

/// Runs and compares. A run whose generator was late gets no verdict, and is an attempt that failed.
fn compared(rows: &str) -> Result<(i32, Value), Miss> {
    let lab = Lab::new();
    let profile = lab.file("versions.toml", &format!("{VERSIONS}{rows}"));
    let ended = lab.run(&["run", &profile, "--seed", "7", "-o", "run"]);
    if ended.code != 0 {
        return Err(Miss::of_run(ended.code, &ended.stderr));
    }
    let compared = lab.run(&["compare", "run", "--margin", "3%", "--json"]);
    let comparison = serde_json::from_str(&compared.stdout);
    let comparison = comparison.unwrap_or_else(|error| panic!("{error}: {}", compared.stderr));
    Ok((compared.code, comparison))
}

#[test]
fn thirty_milliseconds_more_in_one_step_are_named_and_no_other() {
    unless_the_machine_stalls::<Miss>(|| {
        let (code, comparison) = compared(VERIFY)?;
        let found = named(&comparison, "worse");
        tell(&format!("worse: {found:?}"));
        let expected = [
            vec!["register".to_owned()],
            vec!["register verify".to_owned()],
            vec!["customHTMLTemplate submit VERIFY".to_owned()],
        ];
        let better: Vec<_> = named(&comparison, "better").concat();
        if code == 4 && found == expected && better.is_empty() {
            Ok(())
        } else {
            Err(format!("exit {code}, worse: {found:?}, better: {better:?}").into())
        }
    });
}

#[test]
fn the_same_version_twice_is_neither_worse_nor_better() {
    unless_the_machine_stalls::<Miss>(|| {
        let (code, comparison) = compared("")?;
        let found = ["worse", "better"].map(|verdict| named(&comparison, verdict).concat());
        if code == 0 && found.concat().is_empty() {
            Ok(())
        } else {
            Err(format!("exit {code}, worse and better: {found:?}").into())
        }
    });
}
