//! `gander run --repeat`: whole runs one after another, and how to compare by them.

use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::run::{RunArgs, once};
use super::terminal::Terminal;
use super::watch;
use crate::base::document::Table;
use crate::base::random::Seed;
use crate::base::word::word;
use crate::profile::check::Checked;
use crate::result::run_dir::{RUN, RunDir, RunDirError};
use crate::result::summary::Verdict;
use crate::run::summarise::of_directory;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How a series ends: as the worst of its runs does.
const WORST_FIRST: &[Exit] = &[
    Exit::Bug,
    Exit::WrongInput,
    Exit::TenantNotUsable,
    Exit::Interrupted,
    Exit::Invalid,
    Exit::Failed,
    Exit::Passed,
];

/// What became of one run of a series.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Ended {
    number: u16,
    seed: Seed,
    path: PathBuf,
    exit: Exit,
    /// Why it did not pass, where it says so.
    reason: Option<String>,
    /// Why no other run is to follow.
    last: Option<Last>,
}

/// Why a run is the last of its series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    /// Somebody wants no more.
    Interrupted,
    /// gander itself ended it: a guard, say. What broke once is not to be tried again and again.
    Early,
}

impl Last {
    const fn words(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Early => "ended before its time",
        }
    }
}

/// Makes `times` runs of one profile, with seeds that follow each other. Ends early with the first run
/// that somebody interrupts, that ends before its time (a guard, say), or that cannot be made at all.
pub(super) fn repeat(
    args: &RunArgs,
    checked: &Checked,
    times: u16,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    refuse_what_is_of_one_run(args)?;
    let folders = folders(args.out.as_deref(), times)?;
    let first = args.selection.seed().unwrap_or_else(Seed::unforeseen);
    terminal.say(&format!("{times} runs, seeds {first} to {}", seed(first, times)));
    let mut runs: Vec<Ended> = Vec::new();
    let mut failure = None;
    let mut ending = Ending::of_series(terminal);
    for (number, folder) in (1..=times).zip(folders) {
        let seed = seed(first, number);
        terminal.say(&format!("\nrun {number} of {times}, seed {seed}"));
        let done =
            once(&args.for_one(seed, folder), with_draws(checked, seed), ending.clone(), terminal);
        // From here on it is the next one that is interrupted.
        let next = Ending::of_series(terminal);
        let heard = next.listen();
        match done {
            Ok((exit, dir)) => runs.push(ended((number, seed), &dir, exit, &ending)),
            Err(of_run) => {
                failure = Some(of_run);
                break;
            }
        }
        if heard.is_err() || runs.last().is_some_and(|run| run.last.is_some()) {
            break;
        }
        ending = next;
    }
    terminal.say(&format!("\n{}", told(&runs, times).trim_end()));
    match failure {
        Some(failure) => Err(failure),
        None => Ok(worst(&runs, times)),
    }
}

/// Views of a run in progress and lists of its calls are of one run.
fn refuse_what_is_of_one_run(args: &RunArgs) -> Result<(), Failure> {
    let calls = args.calls.is_some().then_some("--calls");
    let Some(flag) = watch::of_one_run(&args.watch).or(calls) else { return Ok(()) };
    let what = format!("`{flag}` is of one run, and `--repeat` makes several");
    let remedy = "leave one of them out; `--prometheus` and `--otlp` go through a series";
    Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
}

/// Where each run is written, if the person said; none may hold a run already, so that a series does not
/// find out at its end.
fn folders(out: Option<&Path>, times: u16) -> Result<Vec<Option<PathBuf>>, Failure> {
    let folder = |number: u16| match out.map(|out| out.join(number.to_string())) {
        Some(path) if path.join(RUN).exists() => {
            Err(Failure::of(Exit::WrongInput, &RunDirError::Taken { path }))
        }
        folder => Ok(folder),
    };
    (1..=times).map(folder).collect()
}

/// The embedded stand-in of each run draws by the run's seed, unless the profile says otherwise: with the
/// same draws all runs would meet the same delays, and differ by less than runs do.
fn with_draws(checked: &Checked, seed: Seed) -> Checked {
    let mut checked = checked.clone();
    let own = checked.profile.stand_in.take();
    checked.profile.stand_in = draws(own, seed);
    checked
}

fn draws(own: Option<Table>, seed: Seed) -> Option<Table> {
    // Integers of a document are signed.
    let drawn = format!("seed = {}", seed.0 & i64::MAX.cast_unsigned());
    let Ok(mut settings) = Table::parse("--repeat", &drawn) else { return own };
    if let Some(own) = own {
        settings.overlay(own);
    }
    Some(settings)
}

fn seed(first: Seed, number: u16) -> Seed {
    Seed(first.0.wrapping_add(u64::from(number.saturating_sub(1))))
}

fn ended((number, seed): (u16, Seed), dir: &RunDir, exit: Exit, ending: &Ending) -> Ended {
    let path = dir.path().to_owned();
    // One that was interrupted before any load has neither.
    let reason = of_directory(dir).ok().filter(|summary| summary.verdict != Verdict::Pass);
    let reason = reason.and_then(|summary| summary.reasons.into_iter().next());
    let is_early = dir.run().is_ok_and(|record| record.stopped.is_some());
    let is_interrupted = exit == Exit::Interrupted || ending.is_to_go();
    let last = match (is_early, is_interrupted) {
        (true, _) => Some(Last::Early),
        (false, true) => Some(Last::Interrupted),
        (false, false) => None,
    };
    Ended { number, seed, path, exit, reason, last }
}

/// The worst of them; interrupted, where somebody kept runs from being started.
fn worst(runs: &[Ended], times: u16) -> Exit {
    let is_short = runs.len() < usize::from(times);
    let kept = runs.iter().any(|run| run.last == Some(Last::Interrupted));
    let interrupted = (is_short && kept).then_some(Exit::Interrupted);
    let exits: Vec<Exit> = runs.iter().map(|run| run.exit).chain(interrupted).collect();
    WORST_FIRST.iter().find(|exit| exits.contains(exit)).copied().unwrap_or(Exit::Passed)
}

impl Ended {
    const fn word(&self) -> &'static str {
        match self.exit {
            Exit::Passed => "PASS",
            Exit::Failed => "FAIL",
            Exit::Invalid => "INVALID",
            Exit::Interrupted => "INTERRUPTED",
            Exit::Bug | Exit::WrongInput | Exit::TenantNotUsable => "ERROR",
        }
    }

    /// Whether it is a whole run whose numbers are the tenant's.
    fn is_whole(&self) -> bool {
        matches!(self.exit, Exit::Passed | Exit::Failed) && self.last != Some(Last::Early)
    }
}

/// The runs with their verdicts, and how to compare by them.
fn told(runs: &[Ended], times: u16) -> String {
    let mut text = String::new();
    let missing = usize::from(times).saturating_sub(runs.len());
    let why =
        runs.last().and_then(|run| Some(format!("run {} was {}", run.number, run.last?.words())));
    let _ = match (missing, why) {
        (0, _) => writeln!(text, "{times} runs"),
        (_, Some(why)) => writeln!(text, "{} of {times} runs: {why}", runs.len()),
        (_, None) => writeln!(text, "{} of {times} runs", runs.len()),
    };
    let widest = runs.iter().map(|run| run.word().len()).max().unwrap_or(0);
    for run in runs {
        let (number, word, seed, path) = (run.number, run.word(), run.seed, run.path.display());
        let _ = writeln!(text, "  {number:>3}  {word:<widest$}  seed {seed}  {path}");
        if let Some(reason) = &run.reason {
            let _ = writeln!(text, "  {:>3}  {reason}", "");
        }
    }
    let whole =
        runs.iter().filter(|run| run.is_whole()).map(|run| word(&run.path.display().to_string()));
    let whole: Vec<String> = whole.collect();
    if whole.len() < 2 {
        text.push_str(
            "\nToo few to compare by: two valid runs to their end tell how much runs differ.\n",
        );
        return text;
    }
    let whole = whole.join(" ");
    let _ = write!(
        text,
        "\nTo compare other runs with these:\n  gander compare --baseline {whole} --candidate RUN...\n\
         To judge two other runs by how much these differ:\n  gander compare BASELINE CANDIDATE --spread {whole}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::Value;

    fn run(number: u16, exit: Exit, last: Option<Last>) -> Ended {
        let reason = (exit == Exit::Failed).then(|| "`faults < 1%` does not hold: 3%".to_owned());
        let (path, seed) = (format!("s/{number}").into(), seed(Seed(41), number));
        Ended { number, seed, path, exit, reason, last }
    }

    #[test]
    fn a_series_tells_its_runs_and_how_to_compare_by_them() {
        let runs = [
            run(1, Exit::Passed, None),
            run(2, Exit::Failed, None),
            run(3, Exit::Invalid, None),
            Ended { path: "it's here/4".into(), ..run(4, Exit::Passed, None) },
        ];
        insta::assert_snapshot!(told(&runs, 4), @r"
        4 runs
            1  PASS     seed 41  s/1
            2  FAIL     seed 42  s/2
               `faults < 1%` does not hold: 3%
            3  INVALID  seed 43  s/3
            4  PASS     seed 44  it's here/4

        To compare other runs with these:
          gander compare --baseline s/1 s/2 'it'\''s here/4' --candidate RUN...
        To judge two other runs by how much these differ:
          gander compare BASELINE CANDIDATE --spread s/1 s/2 'it'\''s here/4'
        ");
        let runs = [run(1, Exit::Passed, None), run(2, Exit::Failed, Some(Last::Early))];
        insta::assert_snapshot!(told(&runs, 4), @r"
        2 of 4 runs: run 2 was ended before its time
            1  PASS  seed 41  s/1
            2  FAIL  seed 42  s/2
               `faults < 1%` does not hold: 3%

        Too few to compare by: two valid runs to their end tell how much runs differ.
        ");
    }

    #[test]
    fn a_series_ends_as_the_worst_of_its_runs() {
        let exits = |exits: &[Exit]| -> Vec<Ended> {
            (1..).zip(exits).map(|(number, exit)| run(number, *exit, None)).collect()
        };
        for (of, expected) in [
            (&[Exit::Passed, Exit::Passed][..], Exit::Passed),
            (&[Exit::Failed, Exit::Passed], Exit::Failed),
            (&[Exit::Failed, Exit::Invalid], Exit::Invalid),
            (&[Exit::Invalid, Exit::Interrupted], Exit::Interrupted),
        ] {
            assert_eq!(worst(&exits(of), 2), expected, "{of:?}");
        }
        // Asked to stop when its load was over: the run is whole, the series is not.
        let stopped = [run(1, Exit::Passed, Some(Last::Interrupted))];
        assert_eq!((worst(&stopped, 2), worst(&stopped, 1)), (Exit::Interrupted, Exit::Passed));
        let guarded = [run(1, Exit::Failed, Some(Last::Early))];
        assert_eq!(worst(&guarded, 2), Exit::Failed);
        assert_eq!(WORST_FIRST.len(), crate::analysis::verdict::EXITS.len());
    }

    #[test]
    fn seeds_follow_each_other_and_start_again_at_nought() {
        let seeds: Vec<_> = (1..=3).map(|number| seed(Seed(u64::MAX - 1), number).0).collect();
        assert_eq!(seeds, [u64::MAX - 1, u64::MAX, 0]);
    }

    #[test]
    fn the_stand_in_of_each_run_draws_by_its_seed_unless_the_profile_says_otherwise() {
        let drawn = |own: Option<&str>, seed: u64| {
            let own = own.map(|text| Table::parse("p.toml", text).unwrap());
            Value::Table(draws(own, Seed(seed)).unwrap()).to_json()
        };
        assert_eq!(drawn(None, 7), serde_json::json!({ "seed": 7 }));
        assert_eq!(drawn(None, u64::MAX)["seed"], i64::MAX);
        let own = drawn(Some("signing = \"ES256\""), 8);
        assert_eq!(own, serde_json::json!({ "seed": 8, "signing": "ES256" }));
        assert_eq!(drawn(Some("seed = 1"), 8)["seed"], 1);
    }

    #[test]
    fn a_folder_that_holds_a_run_is_found_before_the_first() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(folders(None, 3).unwrap(), [None, None, None]);
        assert_eq!(folders(Some(home.path()), 2).unwrap()[1], Some(home.path().join("2")));
        std::fs::create_dir(home.path().join("2")).unwrap();
        std::fs::write(home.path().join("2").join(RUN), "{}").unwrap();
        let failure = folders(Some(home.path()), 3).unwrap_err();
        assert!(failure.complaints[0].what.ends_with("/2` already holds a run"), "{failure:?}");
    }
}
