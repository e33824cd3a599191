//! The `[workload]` table of a profile, so far for the closed model: users in turn.

use crate::base::document::{Section, Sited};
use crate::base::units::Span;
use std::time::Duration;

/// How much load, and until when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Who starts iterations.
    pub model: Model,
    /// How long the measured part lasts, the warm-up not counted. None ends by count alone.
    pub duration: Option<Duration>,
    /// How many iterations there are in all, those of the warm-up included. None ends by time alone.
    pub iterations: Option<u64>,
    /// How long the load is on before anything is judged.
    pub warm_up: Duration,
    /// How long iterations may still run after the last one was started.
    pub drain: Duration,
}

/// Who starts iterations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Model {
    /// Users in turn: each starts its next iteration when it has ended the one before.
    Closed {
        /// How many users.
        users: usize,
    },
}

impl Model {
    /// How many users there are at most.
    pub const fn users(&self) -> usize {
        match self {
            Self::Closed { users } => *users,
        }
    }
}

/// A parked user takes about 8 KB, and every busy one a connection.
pub const MOST_USERS: u64 = 100_000;

const DURATION: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(10);
/// A run by count is meant to do them all: its drain only bounds what will never end.
const DRAIN_BY_COUNT: Duration = Duration::from_secs(300);

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Model::Closed { users: 1 },
            duration: Some(DURATION),
            iterations: None,
            warm_up: Duration::ZERO,
            drain: DRAIN,
        }
    }
}

/// Keys of the open model and of stages.
const LATER: &[&str] = &["stages", "rate", "max_users", "arrivals", "when_late"];

impl Settings {
    /// Reads the table; what it does not say keeps its default: one user for a minute.
    pub fn read(section: &mut Section<'_>) -> Self {
        section.choice_so_far("model", &[("closed", ())], &["open"]);
        LATER.iter().for_each(|key| section.not_built_yet(key));
        let users = count(section, "users", MOST_USERS).unwrap_or(1);
        let iterations = count(section, "iterations", u64::MAX);
        let duration = span(section, "duration").filter(|duration| {
            let some = !duration.value.is_zero();
            if !some {
                let what = format!("`{}` is no time at all", section.name("duration"));
                let remedy = "write how long to measure, such as `60s`".to_owned();
                section.problems().note(Some(&duration.place), what, Some(remedy));
            }
            some
        });
        let by_count_alone = iterations.is_some() && duration.is_none();
        Self {
            model: Model::Closed { users: usize::try_from(users).unwrap_or(1) },
            duration: duration.map(|sited| sited.value).or((!by_count_alone).then_some(DURATION)),
            iterations,
            warm_up: span(section, "warm_up").map_or(Duration::ZERO, |sited| sited.value),
            drain: span(section, "drain")
                .map_or(if by_count_alone { DRAIN_BY_COUNT } else { DRAIN }, |sited| sited.value),
        }
    }

    /// When the last iteration may start, counted from the first. None while only the count ends it.
    pub fn closes_after(&self) -> Option<Duration> {
        self.duration.map(|duration| self.warm_up.saturating_add(duration))
    }
}

fn span(section: &mut Section<'_>, key: &'static str) -> Option<Sited<Duration>> {
    let sited = section.parsed::<Span>(key)?;
    Some(Sited { place: sited.place, value: sited.value.0 })
}

/// A whole number from 1 to `most`.
fn count(section: &mut Section<'_>, key: &'static str, most: u64) -> Option<u64> {
    let place = section.item(key)?.place.clone();
    let number = section.count(key)?;
    if (1..=most).contains(&number) {
        return Some(number);
    }
    let what = format!("`{}` is {number}", section.name(key));
    let remedy =
        if number == 0 { "write at least 1".to_owned() } else { format!("write at most {most}") };
    section.problems().note(Some(&place), what, Some(remedy));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut document = Section::document(&table, &problems);
        let mut section = document.section("workload");
        let settings = Settings::read(&mut section);
        section.finish();
        let lines = problems
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} ({})\n", problem.what, problem.remedy.unwrap_or_default()));
        (settings, lines.collect())
    }

    #[test]
    fn an_absent_table_is_one_user_for_a_minute() {
        assert_eq!(read(""), (Settings::default(), String::new()));
    }

    #[test]
    fn a_closed_workload_is_read() {
        let (settings, problems) = read(
            "[workload]\nmodel = \"closed\"\nusers = 20\nduration = \"2500ms\"\nwarm_up = \"3s\"\ndrain = \"1s\"\n",
        );
        assert_eq!(problems, "");
        assert_eq!(settings.model.users(), 20);
        assert_eq!(settings.closes_after(), Some(Duration::from_millis(5500)));
        assert_eq!(settings.drain, Duration::from_secs(1));
    }

    #[test]
    fn a_count_replaces_the_default_duration_and_lets_them_all_end() {
        let (settings, problems) = read("[workload]\niterations = 100\n");
        assert_eq!(problems, "");
        assert_eq!((settings.iterations, settings.closes_after()), (Some(100), None));
        assert_eq!(settings.drain, DRAIN_BY_COUNT);
        let (both, _) = read("[workload]\niterations = 100\nduration = \"5s\"\n");
        assert_eq!(both.closes_after(), Some(Duration::from_secs(5)));
        assert_eq!(both.drain, DRAIN);
    }

    #[test]
    fn the_open_model_is_refused_as_not_built_yet_and_mistakes_are_named() {
        let text = "[workload]\nmodel = \"open\"\nrate = \"5/s\"\nusers = 0\nduration = \"0s\"\n\
                    iterations = 0\nwarmup = \"1s\"\n";
        insta::assert_snapshot!(read(text).1, @r"
        `workload.model` `open` is known to gander but not built yet (so far: `closed`)
        `workload.rate` is known to gander but not built yet (leave it out for now)
        `workload.users` is 0 (write at least 1)
        `workload.duration` is no time at all (write how long to measure, such as `60s`)
        `workload.iterations` is 0 (write at least 1)
        unknown key `workload.warmup` (did you mean `warm_up`?)
        ");
        let many = read("[workload]\nusers = 100001\n").1;
        assert_eq!(many, "`workload.users` is 100001 (write at most 100000)\n");
    }
}
