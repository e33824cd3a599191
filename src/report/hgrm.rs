//! A percentile distribution as HdrHistogram's own tools print it, for its plotter.

use super::RenderError;
use crate::analysis::rule::Scope;
use crate::measure::histogram::{Bounds, Times};
use crate::result::dossier::Dossier;
use crate::result::summary::Summary;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// Steps between one halving of the distance to 100 % and the next; what HdrHistogram's tools take
/// unless they are told otherwise.
const TICKS: f64 = 5.0;

/// Times are counted in microseconds and shown in milliseconds.
const US_PER_MS: f64 = 1000.0;

/// The distribution of the good samples of a scope: response times of iterations, service times of
/// exchanges, in milliseconds.
pub fn render(dossier: &Dossier, scope: &Scope) -> Result<String, RenderError> {
    let times = scope.pool(&dossier.tally).good;
    if times.is_empty() {
        let known = known(&dossier.summary);
        return Err(RenderError::NoTimes { scope: Box::new(scope.clone()), known });
    }
    let bounds = if scope.is_of_exchanges() { Bounds::Exchange } else { Bounds::Journey };
    Ok(distribution(&times, bounds))
}

/// The scopes that have times, the wider ones first.
fn known(summary: &Summary) -> Vec<String> {
    let journeys = summary.journeys.iter().filter(|row| row.completed > 0);
    let journeys = journeys.map(|row| Scope::Journey(row.journey.clone()));
    let exchanges = summary.steps.iter().filter(|row| row.service_time_us.is_some());
    let steps = exchanges.map(|row| Scope::Step(row.journey.clone(), row.step.clone()));
    let timed = summary.capabilities.iter().filter(|row| row.service_time_us.is_some());
    let capabilities = timed.map(|row| Scope::Capability {
        capability: row.capability.clone(),
        event: None,
        action: None,
    });
    let variants = summary.journeys.iter().map(|row| Scope::Variant(row.variant.clone()));
    let mut known: Vec<String> = Vec::new();
    for scope in journeys.chain(variants).chain(capabilities).chain(steps) {
        let name = scope.to_string();
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// The text of `outputPercentileDistribution` of HdrHistogram's Java and JavaScript libraries.
#[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^52")]
fn distribution(times: &Times, bounds: Bounds) -> String {
    let mut histogram = bounds.histogram();
    times.fill(&mut histogram);
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for Line { us, percent, total } in lines(&histogram) {
        let (value, level) = (us as f64 / US_PER_MS, percent / 100.0);
        // The last line has no distance to 100 % to divide by.
        let odds =
            if level < 1.0 { format!(" {:14.2}", 1.0 / (1.0 - level)) } else { String::new() };
        let _ = writeln!(text, "{value:12.3} {level:2.12} {total:10}{odds}");
    }
    let (mean, deviation) = (histogram.mean() / US_PER_MS, histogram.stdev() / US_PER_MS);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let max = histogram.max() as f64 / US_PER_MS;
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len());
    let (buckets, of_bucket) = (histogram.buckets(), sub_buckets(&histogram));
    let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {of_bucket:12}]");
    text
}

/// So many samples, up to `us`, are at least so many percent of all.
struct Line {
    us: u64,
    percent: f64,
    total: u64,
}

/// The lines of the distribution: for each level the first counter that reaches it, and at last all.
///
/// Levels are counted in percent, as the reference does: there each step is a dyadic number, so that
/// they add up exactly. As shares of one (`iter_quantiles`) they drift by a last digit, and a level that
/// the samples reach on the dot is told with the next counter.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn lines(histogram: &Histogram<u32>) -> Vec<Line> {
    let (all, mut total, mut percent) = (histogram.len(), 0, 0.0);
    let mut lines = Vec::new();
    for counter in histogram.iter_recorded() {
        total += u64::from(counter.count_at_value());
        let us = counter.value_iterated_to();
        while 100.0 * total as f64 / all as f64 >= percent {
            lines.push(Line { us, percent, total });
            if total == all {
                lines.push(Line { us, percent: 100.0, total });
                break;
            }
            let halvings = (100.0 / (100.0 - percent)).log2().floor() + 1.0;
            percent += 100.0 / (TICKS * halvings.exp2());
        }
    }
    lines
}

/// Counters of the first bucket: twice the steps that the digits ask for, rounded up to a power of two.
fn sub_buckets(histogram: &Histogram<u32>) -> u64 {
    (2 * 10_u64.pow(histogram.sigfig().into())).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::remedy::Remedy;
    use crate::measure::series::{Kind, Outcome, Phase, SeriesKey};
    use crate::measure::tally::{JourneyTally, Tally};
    use crate::report::specimen;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A run of one journey with a response time for each of `response_us`, and one exchange.
    fn run(response_us: &[u64]) -> Dossier {
        let mut dossier = specimen::dossier(specimen::passing());
        let journey = SeriesKey::of_journey(
            Phase::Measured,
            &"default".into(),
            &"sign-on".into(),
            Kind::Response,
        );
        let exchange = SeriesKey {
            step: "credentials".into(),
            capability: "customHTMLTemplate".into(),
            event: "submit".into(),
            action: "SIGNON".into(),
            outcome: Some(Outcome::Advanced),
            kind: Kind::Exchange,
            ..journey.clone()
        };
        dossier.tally = Tally::default();
        let of_journey = (journey.variant.clone(), journey.journey.clone());
        dossier.tally.journeys.insert(of_journey, JourneyTally::default());
        for (key, us) in [(journey, response_us), (exchange, &[7_000][..])] {
            let mut times = Times::new(key.bounds());
            us.iter().for_each(|us| times.record(*us));
            dossier.tally.absorb_times(&Arc::new(key), &times);
        }
        dossier
    }

    #[test]
    fn the_text_is_that_of_the_reference() {
        let times: Vec<u64> = (1..=100).map(|number| number * 1000).collect();
        insta::assert_snapshot!(render(&run(&times), &Scope::Run).unwrap(), @"
               Value     Percentile TotalCount 1/(1-Percentile)

               1.000 0.000000000000          1           1.00
              10.007 0.100000000000         10           1.11
              20.015 0.200000000000         20           1.25
              30.015 0.300000000000         30           1.43
              40.031 0.400000000000         40           1.67
              50.015 0.500000000000         50           2.00
              55.007 0.550000000000         55           2.22
              60.031 0.600000000000         60           2.50
              65.023 0.650000000000         65           2.86
              70.015 0.700000000000         70           3.33
              75.007 0.750000000000         75           4.00
              78.015 0.775000000000         78           4.44
              80.063 0.800000000000         80           5.00
              83.007 0.825000000000         83           5.71
              85.055 0.850000000000         85           6.67
              88.063 0.875000000000         88           8.00
              89.023 0.887500000000         89           8.89
              90.047 0.900000000000         90          10.00
              92.031 0.912500000000         92          11.43
              93.055 0.925000000000         93          13.33
              94.015 0.937500000000         94          16.00
              95.039 0.943750000000         95          17.78
              95.039 0.950000000000         95          20.00
              96.063 0.956250000000         96          22.86
              97.023 0.962500000000         97          26.67
              97.023 0.968750000000         97          32.00
              98.047 0.971875000000         98          35.56
              98.047 0.975000000000         98          40.00
              98.047 0.978125000000         98          45.71
              99.007 0.981250000000         99          53.33
              99.007 0.984375000000         99          64.00
              99.007 0.985937500000         99          71.11
              99.007 0.987500000000         99          80.00
              99.007 0.989062500000         99          91.43
             100.031 0.990625000000        100         106.67
             100.031 1.000000000000        100
        #[Mean    =       50.504, StdDeviation   =       28.866]
        #[Max     =      100.031, Total count    =          100]
        #[Buckets =           22, SubBuckets     =         2048]
        ");
    }

    #[test]
    fn a_scope_chooses_what_it_is_about() {
        let dossier = run(&[1000]);
        for (scope, value) in [
            ("sign-on", "1.000"),
            ("variant:default", "1.000"),
            ("sign-on/credentials", "7.003"),
            ("capability:customHTMLTemplate", "7.003"),
            ("capability:customHTMLTemplate submit SIGNON", "7.003"),
        ] {
            let text = render(&dossier, &scope.parse().unwrap()).unwrap();
            let first = text.lines().nth(2).unwrap().split_whitespace().next().unwrap();
            assert_eq!(first, value, "{scope}");
        }
    }

    #[test]
    fn a_scope_without_times_is_answered_with_those_that_have_some() {
        let error = |scope: &str| {
            let error = render(&run(&[1000]), &scope.parse().unwrap()).unwrap_err();
            assert!(error.is_of_input());
            (error.to_string(), error.remedy().unwrap())
        };
        assert_eq!(
            error("sign-onn"),
            ("`sign-onn` has no time to show".to_owned(), "did you mean `sign-on`?".to_owned())
        );
        let (_, remedy) = error("somebody else");
        assert!(remedy.contains("`variant:default`, `capability:authorize`"), "{remedy}");
    }

    /// The values under which times are shown: the ends of their counters' ranges, in milliseconds.
    fn shown(us: &[u64]) -> Vec<f64> {
        let counters = Bounds::Journey.histogram();
        let ends = us.iter().map(|us| counters.highest_equivalent(*us) as f64 / US_PER_MS);
        ends.map(|ms| format!("{ms:.3}").parse().unwrap()).collect()
    }

    #[test]
    fn a_level_that_is_reached_on_the_dot_is_told_there() {
        // 294 of 392 are three quarters: 0.1 added up five times and 0.05 five times is a bit more.
        let times: Vec<u64> = (1..=392).map(|number| number * 1000).collect();
        let text = render(&run(&times), &Scope::Run).unwrap();
        let line = text.lines().find(|line| line.contains(" 0.750000000000 ")).unwrap();
        assert_eq!(line.split_whitespace().nth(2), Some("294"), "{line}");
    }

    proptest! {
        /// What every reader of the format relies on: levels and counts that rise to all of it, values
        /// that never fall, each at least what so many of the samples do not exceed.
        #[test]
        fn the_distribution_is_one(mut us in prop::collection::vec(1u64..3_000_000, 1..300)) {
            let text = render(&run(&us), &Scope::Run).unwrap();
            us.sort_unstable();
            let lines: Vec<Vec<f64>> = text
                .lines()
                .skip(2)
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
                .collect();
            let (last, others) = lines.split_last().unwrap();
            prop_assert_eq!(last.len(), 3);
            prop_assert_eq!(last[1], 1.0);
            prop_assert_eq!(last[2], us.len() as f64);
            prop_assert!(others.iter().all(|line| line.len() == 4));
            for pair in lines.windows(2) {
                prop_assert!((0..3).all(|column| pair[0][column] <= pair[1][column]));
            }
            for line in &lines {
                let reached = us.iter().filter(|us| **us as f64 / 1000.0 <= line[0] + 0.0005).count();
                prop_assert_eq!(reached as f64, line[2]);
                prop_assert!(reached as f64 >= line[1] * us.len() as f64 - 1e-6);
            }
            // No line is later than it has to be: what its own counter adds was needed.
            let shown = shown(&us);
            for line in others {
                let own = shown.iter().filter(|ms| **ms == line[0]).count() as f64;
                let before = (line[2] - own) / us.len() as f64;
                prop_assert!(before < line[1] - 1e-9 || line[1] == 0.0, "{before} {line:?}");
            }
        }
    }
}
