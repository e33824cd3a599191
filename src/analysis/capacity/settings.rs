//! The `[capacity]` table of a profile: where a search begins and ends, how exact it is to be, and how long
//! each level of load may take.

use super::forecast::Need;
use crate::base::document::Section;
use crate::base::units::{Rate, Share, Span};
use std::time::Duration;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The first level; none for what the workload suggests.
    pub from: Option<Rate>,
    /// The highest level that is tried.
    pub to: Option<Rate>,
    /// How wide the bracket may be, as a part of its lower end.
    pub resolution: f64,
    /// What a level that passed is multiplied by while none has failed; above 1.
    pub climb: f64,
    /// How many levels are tried at most, repeats counted and the hold not.
    pub probes: u32,
    /// How long a level may take until it is settled.
    pub settle: Duration,
    /// How long a level is measured at least.
    pub measure_at_least: Duration,
    /// How long at most.
    pub measure: Duration,
    /// Length of the confirmation; nought for none.
    pub hold: Duration,
    /// How long it may take after a failed level until times are those of the first level again.
    pub cool_down: Duration,
    /// What is needed.
    pub need: Option<Need>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            resolution: 0.05,
            climb: 1.5,
            probes: 20,
            settle: Duration::from_secs(60),
            measure_at_least: Duration::from_secs(10),
            measure: Duration::from_secs(120),
            hold: Duration::from_secs(300),
            cool_down: Duration::from_secs(60),
            need: None,
        }
    }
}

/// Slower than this a level says nothing within a day, and faster no single machine can start.
const RATES: (f64, f64) = (0.001, 100_000.0);

/// What the bracket may be narrowed to: closer levels cannot be told apart, and wider ones say nothing.
const RESOLUTIONS: (f64, f64) = (0.005, 0.5);

/// Slower the climb takes for ever, faster it is a leap.
const CLIMBS: (f64, f64) = (1.05, 10.0);

/// A search with more levels than this does not end on the day that it began.
const MOST_PROBES: u64 = 1000;

impl Settings {
    /// Takes the keys of the table; notes every problem and uses the default in its place.
    pub fn read(section: &mut Section<'_>) -> Self {
        let usual = Self::default();
        let settings = Self {
            from: rate(section, "from"),
            to: rate(section, "to"),
            resolution: resolution(section).unwrap_or(usual.resolution),
            climb: climb(section).unwrap_or(usual.climb),
            probes: probes(section).unwrap_or(usual.probes),
            settle: span(section, "settle", usual.settle),
            measure_at_least: span(section, "measure_at_least", usual.measure_at_least),
            measure: some_time(section, "measure", usual.measure),
            hold: span(section, "hold", usual.hold),
            cool_down: span(section, "cool_down", usual.cool_down),
            need: need(section),
        };
        if let (Some(from), Some(to)) = (settings.from, settings.to)
            && to.per_second < from.per_second
        {
            let what = format!("`{}` is below `{}`", section.name("to"), section.name("from"));
            note(section, "to", what, "a search goes upwards: swap them, or leave `to` out");
        }
        if settings.measure < settings.measure_at_least {
            let (most, least) = (section.name("measure"), section.name("measure_at_least"));
            let what = format!("`{most}` is shorter than `{least}`");
            note(
                section,
                "measure",
                what,
                "`measure` is the most, and `measure_at_least` the least",
            );
        }
        settings
    }
}

fn rate(section: &mut Section<'_>, key: &'static str) -> Option<Rate> {
    let rate = section.parsed::<Rate>(key)?.value;
    let (least, most) = RATES;
    if (least..=most).contains(&rate.per_second) {
        return Some(rate);
    }
    // Not three hundred digits.
    let Rate { per_second } = rate;
    let shown = match per_second {
        0.0 | 1e-6..1e9 => per_second.to_string(),
        _ => format!("{per_second:e}"),
    };
    let what = format!("`{}` is {shown}/s", section.name(key));
    note(section, key, what, &format!("write a rate from {least}/s to {most}/s"));
    None
}

fn resolution(section: &mut Section<'_>) -> Option<f64> {
    let Share(share) = section.parsed::<Share>("resolution")?.value;
    let (least, most) = RESOLUTIONS;
    if (least..=most).contains(&share) {
        return Some(share);
    }
    let what = format!("`{}` is {}", section.name("resolution"), Share(share));
    let remedy = format!("write one from {} to {}, such as `5%`", Share(least), Share(most));
    note(section, "resolution", what, &remedy);
    None
}

fn climb(section: &mut Section<'_>) -> Option<f64> {
    let factor = section.number("climb")?;
    let (least, most) = CLIMBS;
    if (least..=most).contains(&factor) {
        return Some(factor);
    }
    let what = format!("`{}` is {factor}", section.name("climb"));
    let remedy = format!("write what each level is multiplied by, from {least} to {most}");
    note(section, "climb", what, &remedy);
    None
}

fn probes(section: &mut Section<'_>) -> Option<u32> {
    let probes = section.count("probes")?;
    if (1..=MOST_PROBES).contains(&probes) {
        return u32::try_from(probes).ok();
    }
    let what = format!("`{}` is {probes}", section.name("probes"));
    note(section, "probes", what, &format!("write a number from 1 to {MOST_PROBES}"));
    None
}

fn span(section: &mut Section<'_>, key: &'static str, usual: Duration) -> Duration {
    section.parsed::<Span>(key).map_or(usual, |span| span.value.0)
}

fn some_time(section: &mut Section<'_>, key: &'static str, usual: Duration) -> Duration {
    let time = span(section, key, usual);
    if !time.is_zero() {
        return time;
    }
    let what = format!("`{}` is no time at all", section.name(key));
    note(section, key, what, "write how long to measure, such as `2m`");
    usual
}

/// One of two ways to say what is needed.
fn need(section: &mut Section<'_>) -> Option<Need> {
    let plan = rate(section, "plan").map(Need::plan);
    let forecast = section.parsed::<Need>("forecast").map(|need| need.value);
    if plan.is_some() && forecast.is_some() {
        let (plan, forecast) = (section.name("plan"), section.name("forecast"));
        let what = format!("`{plan}` and `{forecast}` both say what is needed");
        note(section, "forecast", what, "leave one of them out");
    }
    plan.or(forecast)
}

fn note(section: &mut Section<'_>, key: &'static str, what: String, remedy: &str) {
    let place = section.item(key).map(|item| item.place.clone());
    section.problems().note(place.as_ref(), what, Some(remedy.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut document = Section::document(&table, &problems);
        let mut section = document.section("capacity");
        let settings = Settings::read(&mut section);
        section.finish();
        let lines = problems
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} ({})\n", problem.what, problem.remedy.unwrap_or_default()));
        (settings, lines.collect())
    }

    #[test]
    fn a_profile_that_says_nothing_has_the_defaults() {
        assert_eq!(read(""), (Settings::default(), String::new()));
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(
            "[capacity]\nfrom = \"2/s\"\nto = \"600/min\"\nresolution = \"10%\"\nclimb = 2\n\
             probes = 12\nsettle = \"30s\"\nmeasure_at_least = \"5s\"\nmeasure = \"1m\"\nhold = \"0s\"\n\
             cool_down = \"20s\"\nforecast = \"60000/h peak 3\"\n",
        );
        assert_eq!(problems, "");
        let s = Duration::from_secs;
        let expected = Settings {
            from: Some(Rate { per_second: 2.0 }),
            to: Some(Rate { per_second: 10.0 }),
            resolution: 0.1,
            climb: 2.0,
            probes: 12,
            settle: s(30),
            measure_at_least: s(5),
            measure: s(60),
            hold: s(0),
            cool_down: s(20),
            need: Some("60000/h peak 3".parse().unwrap()),
        };
        assert_eq!(settings, expected);
        assert_eq!(read("[capacity]\nplan = \"20/s\"\n").0.need.unwrap().per_s(), 20.0);
    }

    #[test]
    fn mistakes_are_reported_all_at_once() {
        let problems = read(
            "[capacity]\nfrom = \"9/s\"\nto = \"3/s\"\nresolution = \"60%\"\nclimb = 1\nprobes = 0\n\
             measure = \"5s\"\nhold = 300\nplan = \"0/s\"\nforecast = \"often\"\nuntil = \"2/s\"\n",
        )
        .1;
        insta::assert_snapshot!(problems, @r"
        `capacity.to` is below `capacity.from` (a search goes upwards: swap them, or leave `to` out)
        `capacity.resolution` is 60% (write one from 0.5% to 50%, such as `5%`)
        `capacity.climb` is 1 (write what each level is multiplied by, from 1.05 to 10)
        `capacity.probes` is 0 (write a number from 1 to 1000)
        `capacity.measure` is shorter than `capacity.measure_at_least` (`measure` is the most, and `measure_at_least` the least)
        `capacity.hold`: `300` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        `capacity.plan` is 0/s (write a rate from 0.001/s to 100000/s)
        `capacity.forecast`: `often` is not a forecast (write how many are foreseen for which time and by what factor the peak is above that, such as `60000/h peak 3`)
        unknown key `capacity.until` (known here: `climb`, `cool_down`, `forecast`, `from`, `hold`, `measure`, `measure_at_least`, `plan`, `probes`, `resolution`, `settle`, `to`)
        ");
        let problems =
            read("[capacity]\nfrom = \"1e300/s\"\nto = \"100001/s\"\nplan = \"0.0001/s\"\n").1;
        insta::assert_snapshot!(problems, @r"
        `capacity.from` is 1e300/s (write a rate from 0.001/s to 100000/s)
        `capacity.to` is 100001/s (write a rate from 0.001/s to 100000/s)
        `capacity.plan` is 0.0001/s (write a rate from 0.001/s to 100000/s)
        ");
        let problems = read("[capacity]\nplan = \"2/s\"\nforecast = \"9/s\"\nmeasure = \"0s\"\n").1;
        insta::assert_snapshot!(problems, @r"
        `capacity.plan` and `capacity.forecast` both say what is needed (leave one of them out)
        `capacity.measure` is no time at all (write how long to measure, such as `2m`)
        ");
    }
}
