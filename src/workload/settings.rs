//! The `[workload]` table of a profile: who starts iterations, how much load when, and until when.

use super::pacing::Pacing;
use super::schedule::{ARRIVALS, Arrivals};
use super::shape::{Shape, Stage};
use crate::base::document::{Section, Sited};
use crate::base::units::{Rate, Span};
use std::time::Duration;

/// How much load, and until when.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Users in turn: each starts its next iteration when it has ended the one before.
    Closed {
        /// How many users are let through when.
        users: Shape,
        /// From the start of an iteration to that of the user's next.
        pacing: Pacing,
    },
    /// Arrivals on a schedule of their own, whatever becomes of those before.
    Open {
        /// Arrivals per second.
        rate: Shape,
        /// How they are spread.
        arrivals: Arrivals,
        /// How many can be under way at once.
        max_users: usize,
        /// What becomes of an arrival for whom no user is free.
        when_late: WhenLate,
    },
}

/// What becomes of an arrival for whom no user is free.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhenLate {
    /// It waits without bound, and the wait is in its response time.
    Queue,
    /// It is given up after [`PATIENCE`] and counted as dropped.
    Drop,
    /// After [`PATIENCE`] it ends the run.
    Abort,
}

const WHEN_LATE: &[(&str, WhenLate)] =
    &[("queue", WhenLate::Queue), ("drop", WhenLate::Drop), ("abort", WhenLate::Abort)];

/// How long an arrival waits for a user before it is dropped, or ends the run, where that is asked
/// for.
pub const PATIENCE: Duration = Duration::from_millis(100);

impl Model {
    /// So many users in turn, all the time.
    pub fn closed(users: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        let users = Shape::constant(users as f64);
        Self::Closed { users, pacing: Pacing::default() }
    }

    /// How many users there are at most.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is from 0 to 100,000"
    )]
    pub fn users(&self) -> usize {
        match self {
            Self::Closed { users, .. } => users.peak().ceil() as usize,
            Self::Open { max_users, .. } => *max_users,
        }
    }

    /// How many users are at work at once where nothing is wrong: all of the closed model; of the
    /// open one those of [`BUSY_FOR`], because its users are there for a tenant that is slow.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
    pub fn busy_users(&self) -> usize {
        match self {
            Self::Closed { .. } => self.users(),
            Self::Open { rate, max_users, .. } => {
                ((rate.peak() * BUSY_FOR.as_secs_f64()).ceil() as usize).min(*max_users)
            }
        }
    }

    /// Whether arrivals do not wait for users.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// What an iteration takes where nothing is wrong, roughly.
pub const BUSY_FOR: Duration = Duration::from_secs(5);

/// A parked user takes about 8 KB, and every busy one a connection.
pub const MOST_USERS: u64 = 100_000;

/// More iterations per second than this a single machine cannot start.
pub const MOST_RATE: f64 = 100_000.0;

const DURATION: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(10);
/// A run by count is meant to do them all: its drain only bounds what will never end.
const DRAIN_BY_COUNT: Duration = Duration::from_secs(300);

/// Without `max_users` there are users for so many seconds of arrivals: the usual time-out of a
/// reply, so that a tenant that answers at all never lacks one.
const USERS_FOR_S: f64 = 30.0;
/// The fewest and the most users that are assumed.
const ASSUMED_USERS: (f64, f64) = (100.0, 10_000.0);

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Model::closed(1),
            duration: Some(DURATION),
            iterations: None,
            warm_up: Duration::ZERO,
            drain: DRAIN,
        }
    }
}

/// The keys that only one of the models has, by the name of the model.
pub const KEYS_OF_MODELS: &[(&str, &[&str])] =
    &[("closed", &["users", "pacing"]), ("open", &["rate", "max_users", "arrivals", "when_late"])];

impl Settings {
    /// Reads the table; what it does not say keeps its default: one user for a minute. Without
    /// `model`, a rate makes it open.
    pub fn read(section: &mut Section<'_>) -> Self {
        let stages = Stages::read(section);
        let said = section.choice("model", &[("closed", false), ("open", true)]);
        let is_open = said.unwrap_or_else(|| {
            section.item("rate").is_some() || stages.as_ref().is_some_and(|stages| stages.of_rates)
        });
        refuse_keys_of_the_other(section, is_open);
        let is_flawed = stages.as_ref().is_some_and(|stages| stages.is_flawed);
        let shape = stages.map(|stages| stages.shape(section, is_open));
        let iterations = count(section, "iterations", u64::MAX);
        let warm_up = span(section, "warm_up").map_or(Duration::ZERO, |sited| sited.value);
        let duration = match &shape {
            Some(_) if is_flawed => span(section, "duration").map(|sited| sited.value),
            Some(shape) => staged_duration(section, shape, warm_up),
            None => simple_duration(section, iterations),
        };
        let usual_drain = if duration.is_none() { DRAIN_BY_COUNT } else { DRAIN };
        Self {
            model: if is_open { open(section, shape) } else { closed(section, shape) },
            duration,
            iterations,
            warm_up,
            drain: span(section, "drain").map_or(usual_drain, |sited| sited.value),
        }
    }

    /// When the last iteration may start, counted from the first. None while only the count ends it.
    pub fn closes_after(&self) -> Option<Duration> {
        self.duration.map(|duration| self.warm_up.saturating_add(duration))
    }
}

/// The list of stages as written.
struct Stages {
    stages: Vec<Stage>,
    of_rates: bool,
    of_users: bool,
    /// One of them is noted as a problem: what the others come to is no use.
    is_flawed: bool,
}

impl Stages {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.item("stages")?;
        let mut read =
            Self { stages: Vec::new(), of_rates: false, of_users: false, is_flawed: false };
        for mut stage in section.sections("stages") {
            let rate = rate(&mut stage);
            let users = level_of_users(&mut stage);
            read.of_rates |= rate.is_some();
            read.of_users |= users.is_some();
            let (over, hold) = (span(&mut stage, "over"), span(&mut stage, "for"));
            let lasts = match (&over, &hold) {
                (Some(lasts), None) | (None, Some(lasts)) => lasts.value,
                _ => {
                    let remedy = "say `over = \"30s\"` to go there in a straight line, or `for = \
                                  \"5m\"` to be there at once";
                    let what = format!("a stage of `{}` has one length", section.name("stages"));
                    section.problems().note(stage.place(), what, Some(remedy.to_owned()));
                    read.is_flawed = true;
                    continue;
                }
            };
            match rate.or(users) {
                Some(level) => {
                    read.stages.push(Stage { level, lasts, ramps: over.is_some() });
                }
                None => {
                    let what = format!("a stage of `{}` says no level", section.name("stages"));
                    let remedy = "give it a `rate` (open model) or `users` (closed model)";
                    section.problems().note(stage.place(), what, Some(remedy.to_owned()));
                    read.is_flawed = true;
                }
            }
            stage.finish();
        }
        Some(read)
    }

    fn shape(self, section: &mut Section<'_>, is_open: bool) -> Shape {
        if (is_open && self.of_users) || (!is_open && self.of_rates) {
            let (has, wants) = if is_open { ("users", "rate") } else { ("rate", "users") };
            let place = section.item("stages").map(|item| item.place.clone());
            let what = format!("stages of `{}` say `{has}`", section.name("stages"));
            let remedy = format!("this model goes by `{wants}`; write that, or change `model`");
            section.problems().note(place.as_ref(), what, Some(remedy));
        }
        Shape::of(&self.stages)
    }
}

/// With stages, these say how long it takes, warm-up included.
fn staged_duration(
    section: &mut Section<'_>,
    shape: &Shape,
    warm_up: Duration,
) -> Option<Duration> {
    if let Some(duration) = span(section, "duration") {
        let what = format!("`{}` and stages both say how long", section.name("duration"));
        let remedy = "leave one of them out, or give other stages: `--set 'workload.stages=[…]'`; \
             the warm-up is the first part of them";
        section.problems().note(Some(&duration.place), what, Some(remedy.to_owned()));
    }
    let length = shape.length().unwrap_or_default();
    if shape.peak() <= 0.0 || length <= warm_up {
        let place = section.item("stages").map(|item| item.place.clone());
        let (what, remedy) = if shape.peak() <= 0.0 {
            (format!("`{}` put on no load at all", section.name("stages")), "raise one of them")
        } else {
            let what = format!("`{}` is over before the warm-up is", section.name("stages"));
            (what, "the warm-up is the first part of the stages: make it shorter, or them longer")
        };
        section.problems().note(place.as_ref(), what, Some(remedy.to_owned()));
    }
    Some(length.saturating_sub(warm_up))
}

fn simple_duration(section: &mut Section<'_>, iterations: Option<u64>) -> Option<Duration> {
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
    duration.map(|sited| sited.value).or((!by_count_alone).then_some(DURATION))
}

fn closed(section: &mut Section<'_>, shape: Option<Shape>) -> Model {
    if let (Some(_), Some(item)) = (&shape, section.item("users")) {
        note_two_levels(section, "users", item.place.clone());
    }
    let users = count(section, "users", MOST_USERS).unwrap_or(1);
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
    let users = shape.unwrap_or_else(|| Shape::constant(users as f64));
    let pacing = section.parsed::<Pacing>("pacing").map(|sited| sited.value).unwrap_or_default();
    Model::Closed { users, pacing }
}

fn open(section: &mut Section<'_>, shape: Option<Shape>) -> Model {
    let given = section.item("rate").map(|item| item.place.clone());
    let constant = rate(section);
    match (&shape, &given) {
        (Some(_), Some(place)) => note_two_levels(section, "rate", place.clone()),
        (None, None) => section
            .missing("rate", "write how many iterations start: `rate = \"20/s\"`, or `stages`"),
        (None, Some(place)) if constant == Some(0.0) => {
            let what = format!("`{}` is 0/s", section.name("rate"));
            section.problems().note(Some(place), what, Some("write a rate above 0".to_owned()));
        }
        _ => (),
    }
    let rate = shape.unwrap_or_else(|| Shape::constant(constant.unwrap_or(1.0)));
    let assumed = usual_users(rate.peak());
    let max_users = count(section, "max_users", MOST_USERS);
    let max_users = max_users.and_then(|users| usize::try_from(users).ok()).unwrap_or(assumed);
    let arrivals = section.choice("arrivals", ARRIVALS).unwrap_or(Arrivals::Poisson);
    let when_late = section.choice("when_late", WHEN_LATE).unwrap_or(WhenLate::Queue);
    Model::Open { rate, arrivals, max_users, when_late }
}

/// How many users there are for so many arrivals a second at their peak, where nobody says a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
pub fn usual_users(peak_per_s: f64) -> usize {
    let (fewest, most) = ASSUMED_USERS;
    (peak_per_s * USERS_FOR_S).ceil().clamp(fewest, most) as usize
}

fn note_two_levels(section: &Section<'_>, key: &str, place: crate::base::document::Place) {
    let what = format!("`{}` and stages both say how much", section.name(key));
    let remedy = "leave one of them out, or give other stages: `--set 'workload.stages=[…]'`";
    section.problems().note(Some(&place), what, Some(remedy.to_owned()));
}

/// Keys of the model that is not chosen do nothing, so somebody meant something else.
fn refuse_keys_of_the_other(section: &mut Section<'_>, is_open: bool) {
    let chosen = if is_open { "open" } else { "closed" };
    for (model, keys) in KEYS_OF_MODELS.iter().filter(|(model, _)| *model != chosen) {
        for key in *keys {
            if let Some(item) = section.item(key) {
                let what = format!(
                    "`{}` belongs to the {model} model, this is {chosen}",
                    section.name(key)
                );
                let remedy = format!("leave it out, or write `model = \"{model}\"`");
                section.problems().note(Some(&item.place), what, Some(remedy));
            }
        }
    }
}

fn rate(section: &mut Section<'_>) -> Option<f64> {
    let sited = section.parsed::<Rate>("rate")?;
    let rate = sited.value.per_second;
    if rate > MOST_RATE {
        let what = format!("`{}` is {}", section.name("rate"), sited.value);
        let remedy = format!("write at most {MOST_RATE}/s; more takes several machines");
        section.problems().note(Some(&sited.place), what, Some(remedy));
        return None;
    }
    Some(rate)
}

/// Users of a stage: unlike those of a whole run, they may be none.
fn level_of_users(stage: &mut Section<'_>) -> Option<f64> {
    let place = stage.item("users")?.place.clone();
    let users = stage.count("users")?;
    if users > MOST_USERS {
        let what = format!("`{}` is {users}", stage.name("users"));
        stage.problems().note(Some(&place), what, Some(format!("write at most {MOST_USERS}")));
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
    Some(users as f64)
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

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_absent_table_is_one_user_for_a_minute() {
        assert_eq!(read(""), (Settings::default(), String::new()));
    }

    #[test]
    fn a_closed_workload_is_read() {
        let (settings, problems) = read(
            "[workload]\nmodel = \"closed\"\nusers = 20\nduration = \"2500ms\"\nwarm_up = \"3s\"\ndrain = \"1s\"\n\
             pacing = \"8s..12s\"\n",
        );
        assert_eq!(problems, "");
        assert_eq!(settings.model.users(), 20);
        assert!(
            matches!(settings.model, Model::Closed { pacing, .. } if pacing.0.to_string() == "8s..12s")
        );
        assert_eq!(settings.closes_after(), Some(Duration::from_millis(5500)));
        assert_eq!(settings.drain, s(1));
    }

    #[test]
    fn a_count_replaces_the_default_duration_and_lets_them_all_end() {
        let (settings, problems) = read("[workload]\niterations = 100\n");
        assert_eq!(problems, "");
        assert_eq!((settings.iterations, settings.closes_after()), (Some(100), None));
        assert_eq!(settings.drain, DRAIN_BY_COUNT);
        let (both, _) = read("[workload]\niterations = 100\nduration = \"5s\"\n");
        assert_eq!(both.closes_after(), Some(s(5)));
        assert_eq!(both.drain, DRAIN);
    }

    #[test]
    fn a_rate_makes_the_model_open_with_users_for_half_a_minute() {
        let (settings, problems) =
            read("[workload]\nrate = \"20/s\"\nduration = \"5m\"\nwarm_up = \"10s\"\n");
        assert_eq!(problems, "");
        let expected = Model::Open {
            rate: Shape::constant(20.0),
            arrivals: Arrivals::Poisson,
            max_users: 600,
            when_late: WhenLate::Queue,
        };
        assert_eq!(settings.model, expected);
        assert_eq!(settings.closes_after(), Some(s(310)));
        for (rate, users) in [("1/s", 100), ("600/min", 300), ("5000/s", 10_000)] {
            let (settings, _) = read(&format!("[workload]\nrate = \"{rate}\"\n"));
            assert_eq!(settings.model.users(), users, "{rate}");
        }
    }

    #[test]
    fn stages_say_how_long_and_the_warm_up_is_their_first_part() {
        let (settings, problems) = read(
            "[workload]\nmodel = \"open\"\nstages = [{ rate = \"5/s\", over = \"30s\" }, \
             { rate = \"20/s\", for = \"5m\" }]\nmax_users = 500\narrivals = \"constant\"\n\
             when_late = \"drop\"\nwarm_up = \"30s\"\n",
        );
        assert_eq!(problems, "");
        assert_eq!((settings.closes_after(), settings.duration), (Some(s(330)), Some(s(300))));
        let Model::Open { rate, arrivals, max_users, when_late } = settings.model else {
            panic!("closed")
        };
        assert_eq!((rate.level(s(15)), rate.level(s(31)), rate.total()), (2.5, 20.0, 6075.0));
        assert_eq!((arrivals, max_users, when_late), (Arrivals::Constant, 500, WhenLate::Drop));
        let (settings, problems) = read(
            "[workload]\nstages = [{ users = 50, over = \"30s\" }, { users = 0, for = \"1s\" }]\n",
        );
        assert_eq!((problems.as_str(), settings.model.users()), ("", 50));
    }

    #[test]
    fn mistakes_are_named_with_a_way_out() {
        let text = "[workload]\nmodel = \"open\"\nrate = \"5\"\nusers = 7\nduration = \"0s\"\n\
                    iterations = 0\nwarmup = \"1s\"\nwhen_late = \"wait\"\n";
        insta::assert_snapshot!(read(text).1, @r#"
        `workload.rate`: `5` is not a rate (write it with its unit, such as `40/s`, `600/min` or `60000/h`)
        `workload.users` belongs to the closed model, this is open (leave it out, or write `model = "closed"`)
        `workload.duration` is no time at all (write how long to measure, such as `60s`)
        `workload.iterations` is 0 (write at least 1)
        unknown key `workload.warmup` (did you mean `warm_up`?)
        `workload.when_late` is `wait`, which it cannot be (choose one of `queue`, `drop`, `abort`)
        "#);
        let many = read("[workload]\nusers = 100001\n").1;
        assert_eq!(many, "`workload.users` is 100001 (write at most 100000)\n");
    }

    #[test]
    fn stages_that_make_no_load_are_named_with_a_way_out() {
        let told = |text: &str| read(&format!("[workload]\n{text}\n")).1;
        insta::assert_snapshot!([
            "model = \"open\"",
            "rate = \"0/s\"",
            "rate = \"1e9/s\"",
            "stages = []",
            "stages = [{ rate = \"1/s\" }]",
            "stages = [{ rate = \"1/s\", over = \"1s\", for = \"1s\" }]",
            "stages = [{ for = \"1s\" }]",
            "stages = [{ rate = \"1/s\", for = \"1s\" }]\nrate = \"1/s\"\nduration = \"1s\"",
            "stages = [{ users = 1, for = \"1s\" }]\nmodel = \"open\"\nwarm_up = \"1s\"",
            "pacing = \"soon\"",
        ].map(told).join("--\n"), @r#"
        `workload.rate` is missing (write how many iterations start: `rate = "20/s"`, or `stages`)
        --
        `workload.rate` is 0/s (write a rate above 0)
        --
        `workload.rate` is 1000000000/s (write at most 100000/s; more takes several machines)
        --
        `workload.stages` put on no load at all (raise one of them)
        --
        a stage of `workload.stages` has one length (say `over = "30s"` to go there in a straight line, or `for = "5m"` to be there at once)
        --
        a stage of `workload.stages` has one length (say `over = "30s"` to go there in a straight line, or `for = "5m"` to be there at once)
        --
        a stage of `workload.stages` says no level (give it a `rate` (open model) or `users` (closed model))
        --
        `workload.rate` and stages both say how much (leave one of them out, or give other stages: `--set 'workload.stages=[…]'`)
        `workload.duration` and stages both say how long (leave one of them out, or give other stages: `--set 'workload.stages=[…]'`; the warm-up is the first part of them)
        --
        stages of `workload.stages` say `users` (this model goes by `rate`; write that, or change `model`)
        `workload.stages` is over before the warm-up is (the warm-up is the first part of the stages: make it shorter, or them longer)
        --
        `workload.pacing`: `soon` is not a pacing (write it with its unit, such as `250ms`, `30s` or `5m`)
        "#);
    }
}
