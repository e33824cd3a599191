//! The table of everything that is exported, by its name in Prometheus and in OpenTelemetry.

/// What kind of number a family holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// The state at the end of the last interval.
    Gauge,
    /// Times, counted in the buckets of [`BOUNDS_US`].
    Histogram,
}

/// A group of numbers that differ by their labels.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Which one.
    pub id: Id,
    /// Its name in Prometheus, without `_total`.
    pub name: &'static str,
    /// Its name in OpenTelemetry.
    pub instrument: &'static str,
    /// What kind of number.
    pub kind: Kind,
    /// The unit as OpenTelemetry writes it (UCUM).
    pub unit: &'static str,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// Most rows; those beyond are added up in rows whose open labels are all `other`.
    pub most: usize,
    /// What it counts, for people. Ends without a full stop.
    pub help: &'static str,
}

/// A row number of [`FAMILIES`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the help of each is its row in the table")]
pub enum Id {
    IterationsDue,
    Iterations,
    JourneyResponse,
    Exchanges,
    Exchange,
    Users,
    GeneratorCpu,
    LagP99,
    ResidentMemory,
    OpenSockets,
    Elapsed,
    RunInfo,
}

use Kind::{Counter, Gauge, Histogram};

const JOURNEY: &[&str] = &["phase", "variant", "journey"];
const ENDING: &[&str] = &["phase", "variant", "journey", "ending"];
const ROW: &[&str] = &["phase", "variant", "journey", "step", "capability", "event", "action"];
const OUTCOME: &[&str] =
    &["phase", "variant", "journey", "step", "capability", "event", "action", "outcome"];

/// Labels whose values are a closed list of gander's own: they are kept where a row becomes `other`.
pub const CLOSED: &[&str] = &["phase", "ending", "outcome", "lag"];

/// The table, in the order of the exposition.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family(Id::IterationsDue, "gander_iterations_due", "gander.iterations.due", Counter, "{iteration}", JOURNEY, 200,
        "Iterations planned to start"),
    family(Id::Iterations, "gander_iterations", "gander.iterations", Counter, "{iteration}", ENDING, 1000,
        "Iterations that ended: completed, dropped, cut_off, lost or a fault"),
    family(Id::JourneyResponse, "gander_journey_response_seconds", "gander.journey.response", Histogram, "s", JOURNEY, 200,
        "Response time of completed iterations: lag, service and connect times, no think time"),
    family(Id::Exchanges, "gander_exchanges", "gander.exchanges", Counter, "{exchange}", OUTCOME, 1000,
        "Exchanges that ended: advanced, refused-as-expected or a fault"),
    family(Id::Exchange, "gander_exchange_seconds", "gander.exchange", Histogram, "s", ROW, 500,
        "Service time of exchanges that advanced or were refused as expected"),
    family(Id::Users, "gander_users", "gander.users", Gauge, "{user}", &[], 1,
        "Users performing an iteration"),
    family(Id::GeneratorCpu, "gander_generator_cpu_ratio", "gander.generator.cpu", Gauge, "1", &[], 1,
        "CPU time of the generator as a part of the cores it may use, in the last interval"),
    family(Id::LagP99, "gander_lag_p99_seconds", "gander.lag.p99", Gauge, "s", &["lag"], 3,
        "99th percentile of lags in the last interval: due to first request (iteration), the generator's part of it (dispatch), its timer (scheduler)"),
    family(Id::ResidentMemory, "gander_resident_memory_bytes", "gander.resident_memory", Gauge, "By", &[], 1,
        "Resident memory of the generator"),
    family(Id::OpenSockets, "gander_open_sockets", "gander.open_sockets", Gauge, "{socket}", &[], 1,
        "Open sockets of the generator"),
    family(Id::Elapsed, "gander_elapsed_seconds", "gander.elapsed", Gauge, "s", &[], 1,
        "Time since the start of the run, at the end of the last interval"),
    family(Id::RunInfo, "gander_run_info", "gander.run", Gauge, "1", &["run_id", "version"], 1,
        "Always 1; which run of which version of gander this is"),
];

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
const fn family(
    id: Id,
    name: &'static str,
    instrument: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    most: usize,
    help: &'static str,
) -> Family {
    Family { id, name, instrument, kind, unit, labels, most, help }
}

/// Upper bounds of the buckets, in microseconds: 1, 2, 5 and so on from 1 ms to 50 s, and a minute.
/// What is slower is in one more bucket without a bound.
pub const BOUNDS_US: [u64; 16] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000, 20_000_000, 50_000_000, 60_000_000,
];

impl Family {
    /// The name of its samples in Prometheus: counters end in `_total`.
    pub fn sample(&self) -> String {
        match self.kind {
            Counter => format!("{}_total", self.name),
            Gauge | Histogram => self.name.to_owned(),
        }
    }

    /// How many time series it can come to: histograms have one for each bucket, sum and count.
    pub fn most_series(&self) -> usize {
        // Rows of `other`: of every closed label a value, so seldom more than a few.
        let each = if self.kind == Histogram { BOUNDS_US.len() + 3 } else { 1 };
        self.most * each
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_row_numbers_and_names_are_told_apart() {
        let mut names = BTreeSet::new();
        for (place, family) in FAMILIES.iter().enumerate() {
            assert_eq!(family.id as usize, place, "{}", family.name);
            assert!(names.insert(family.name) && names.insert(family.instrument));
        }
    }

    #[test]
    fn names_keep_to_the_conventions() {
        for family in FAMILIES {
            let name = family.name;
            assert!(name.starts_with("gander_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_9".contains(&byte)));
            assert!(!name.ends_with("_total"), "{name}: it is added where it belongs");
            assert!(!family.help.ends_with('.') && !family.help.contains('\n'), "{name}");
            match family.unit {
                "s" => assert!(name.ends_with("_seconds"), "{name}"),
                "By" => assert!(name.ends_with("_bytes"), "{name}"),
                _ => {}
            }
            assert_eq!(family.kind == Histogram, family.sample() == name && family.most >= 200);
        }
    }

    #[test]
    fn all_together_are_no_more_series_than_the_documentation_says() {
        let most: usize = FAMILIES.iter().map(Family::most_series).sum();
        assert!(most <= 16_000, "{most}");
    }

    /// Every metric that a text names.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("gander_")).map(str::to_owned).collect()
    }

    /// Every name of a sample that there is.
    fn samples() -> BTreeSet<String> {
        let of = |family: &Family| match family.kind {
            Histogram => {
                ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.name)).to_vec()
            }
            Counter | Gauge => vec![family.sample()],
        };
        FAMILIES.iter().flat_map(of).collect()
    }

    #[test]
    fn the_dashboard_names_only_what_there_is() {
        let text = include_str!("../../docs/grafana/gander.json");
        let dashboard: serde_json::Value = serde_json::from_str(text).unwrap();
        let named = named(text);
        let unknown: Vec<_> = named.iter().filter(|name| !samples().contains(*name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for wanted in
            ["gander_journey_response_seconds_bucket", "gander_users", "gander_generator_cpu_ratio"]
        {
            assert!(named.contains(wanted), "{wanted}");
        }
        // Every label that a query chooses or sums by is one that some family has.
        let labels: BTreeSet<_> =
            FAMILIES.iter().flat_map(|family| family.labels).copied().collect();
        for expr in text.split("\"expr\": \"").skip(1).filter_map(|rest| rest.split("\",\n").next())
        {
            for by in expr.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
                for label in by.split(", ") {
                    assert!(label == "le" || labels.contains(label), "{label} in {expr}");
                }
            }
        }
        let panels = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len());
        assert!(
            dashboard["templating"]["list"]
                .as_array()
                .unwrap()
                .iter()
                .any(|variable| variable["name"] == "journey")
        );
    }

    #[test]
    fn the_documentation_has_every_family() {
        let text = include_str!("../../docs/live.md");
        for family in FAMILIES {
            assert!(text.contains(&format!("`{}", family.sample())), "{}", family.sample());
            assert!(text.contains(&format!("`{}`", family.instrument)), "{}", family.instrument);
        }
        let known: BTreeSet<_> =
            samples().into_iter().chain(FAMILIES.iter().map(Family::sample)).collect();
        let unknown: Vec<_> = named(text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn bounds_climb_in_ones_twos_and_fives() {
        assert!(BOUNDS_US.is_sorted_by(|a, b| a < b));
        for bound in &BOUNDS_US[..15] {
            let digit = bound.to_string().trim_end_matches('0').to_owned();
            assert!(["1", "2", "5"].contains(&digit.as_str()), "{bound}");
        }
    }
}
