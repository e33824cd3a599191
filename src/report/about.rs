//! A run in words: how much load, and what was put under it.

use crate::result::run_dir::RunRecord;
use crate::result::summary::WorkloadModel;
use serde_json::Value;

/// How much load: `20/s with at most 600 users at once for 5m after 10s of warm-up`. As far as the
/// plan tells.
pub fn load(record: &RunRecord) -> String {
    let workload = record.plan.get("workload");
    let text = |key: &str| text_of(workload?, key);
    let level = match (text("rate"), text("users")) {
        _ if text("stages").is_some() => workload.map(stages),
        (Some(rate), _) => Some(rate),
        (None, users) => {
            let users = users.unwrap_or_else(|| "1".to_owned());
            Some(format!("{users} {} in turn", if users == "1" { "user" } else { "users" }))
        }
    };
    let here = if record.share.is_some() { " here" } else { "" };
    let at_most = record.max_users.map(|users| format!("with at most {users} users at once{here}"));
    let number = text("iterations").map(|number| format!("{number} times"));
    let duration = text("duration").map(|duration| format!("for {duration}"));
    let warm_up =
        text("warm_up").filter(|time| time != "0s").map(|time| format!("after {time} of warm-up"));
    let share = record.share.map(|share| format!("share {share} of"));
    // Parts that each ran the whole plan are as many loads.
    let are_whole = record.parts.len() > 1 && record.parts.iter().all(|part| part.share.is_none());
    let times = are_whole.then(|| format!("{} times", record.parts.len()));
    let load = [share, times, level, at_most, number, duration, warm_up];
    load.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The hosts that were called; the embedded stand-in by its name.
pub fn tenant(record: &RunRecord) -> String {
    let hosts = hosts(record).join(", ");
    if record.plan.get("tenant").is_some() {
        hosts
    } else {
        format!("the embedded stand-in, {hosts}")
    }
}

/// The hosts that were called, each once, in the order in which they are named.
pub fn hosts(record: &RunRecord) -> Vec<&str> {
    let mut hosts: Vec<&str> = Vec::new();
    for host in &record.tenant_hosts {
        if !hosts.contains(&host.as_str()) {
            hosts.push(host);
        }
    }
    hosts
}

/// The name of the model, and what it means for the times.
pub fn model(model: WorkloadModel) -> (&'static str, &'static str) {
    match model {
        WorkloadModel::Open => {
            ("open model", "arrivals on their own schedule; response times include the lag")
        }
        WorkloadModel::Closed => {
            ("closed model", "each user starts again when free, so there is no lag")
        }
    }
}

/// Stages as a person would say them: `to 5/s over 30s, 20/s for 5m`.
fn stages(workload: &Value) -> String {
    let stages = workload.get("stages").and_then(Value::as_array);
    let one = |stage: &Value| {
        let text = |key: &str| text_of(stage, key);
        let users = text("users").map(|users| format!("{users} users"));
        let level = text("rate").or(users).unwrap_or_default();
        match text("over") {
            Some(over) => format!("to {level} over {over}"),
            None => format!("{level} for {}", text("for").unwrap_or_default()),
        }
    };
    stages.map(|stages| stages.iter().map(one).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// A member as a person would write it: texts without their quotes.
fn text_of(table: &Value, key: &str) -> Option<String> {
    match table.get(key)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use serde_json::json;

    fn told(workload: Value) -> String {
        let mut record = specimen::dossier(specimen::passing()).record;
        record.plan = json!({ "workload": workload });
        load(&record)
    }

    #[test]
    fn a_load_is_told_as_it_was_written() {
        for (workload, words) in [
            (json!({ "users": 20, "duration": "20s" }), "20 users in turn for 20s"),
            (json!({ "duration": "20s" }), "1 user in turn for 20s"),
            (json!({ "users": 2, "iterations": 50 }), "2 users in turn 50 times"),
            (
                json!({ "rate": "20/s", "duration": "5m", "warm_up": "10s" }),
                "20/s for 5m after 10s of warm-up",
            ),
            (
                json!({ "stages": [{ "rate": "5/s", "over": "30s" }, { "users": 7, "for": "5m" }], "warm_up": "0s" }),
                "to 5/s over 30s, 7 users for 5m",
            ),
        ] {
            assert_eq!(told(workload), words);
        }
    }

    #[test]
    fn a_share_is_told_with_the_whole_plan() {
        let mut record = specimen::dossier(specimen::passing()).record;
        record.plan = json!({ "workload": { "rate": "20/s", "duration": "5m" } });
        record.max_users = Some(150);
        record.share = crate::base::share::Share::new(1, 4);
        assert_eq!(
            load(&record),
            "share 2 of 4 of 20/s with at most 150 users at once here for 5m"
        );
    }

    #[test]
    fn a_host_that_is_called_for_more_than_one_thing_is_listed_once() {
        let mut record = specimen::dossier(specimen::passing()).record;
        record.plan = json!({ "tenant": {} });
        record.tenant_hosts = ["a.example", "b.example", "a.example"].map(str::to_owned).into();
        assert_eq!(tenant(&record), "a.example, b.example");
    }

    #[test]
    fn only_a_run_without_a_tenant_of_its_own_is_against_the_stand_in() {
        let mut record = specimen::dossier(specimen::passing()).record;
        assert_eq!(tenant(&record), "the embedded stand-in, 127.0.0.1");
        record.plan = json!({ "tenant": {} });
        assert_eq!(tenant(&record), "127.0.0.1");
    }
}
