//! `gander compare`: whether the candidate is worse than the baseline.

use super::exit::{Complaint, Exit, Failure};
use super::sink::Sink;
use super::terminal::{Style, Terminal};
use crate::analysis::compare::found::{Comparison, METRICS, Mismatch, Verdict};
use crate::analysis::compare::{Method, compare as compared, found};
use crate::base::names::{Journey, Variant};
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::units::{Share, Span};
use crate::report::comparison::{Compared, console, json, markdown, page};
use crate::result::spread::SPREAD;
use crate::run::sides::{self, Order, Read};
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// How sure a report as a whole is: one in twenty may raise a false alarm.
const SIGNIFICANCE: f64 = 0.05;

/// Resamples of each bootstrap.
const RESAMPLES: u32 = 2000;

/// Say whether one flow version is slower than another.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gander compare BASELINE CANDIDATE\n       \
        gander compare --baseline DIR… --candidate DIR…\n       \
        gander compare RUN… [--variants v1,v2]",
    after_help = "Exit codes: 4 if the candidate is worse; 0 if it is better or the same, and if nothing \
        can be told unless --strict; 2 for wrong input."
)]
pub(super) struct CompareArgs {
    /// Run directories: baseline and candidate; or one whose variants are compared; several of those
    /// with --variants
    #[arg(value_name = "DIR", required_unless_present = "baseline")]
    runs: Vec<PathBuf>,
    /// Runs of what it was before
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "candidate", conflicts_with = "runs")]
    baseline: Vec<PathBuf>,
    /// Runs of what it may become
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "baseline", conflicts_with = "runs")]
    candidate: Vec<PathBuf>,
    /// Which variants, the baseline first; with --baseline and --candidate one is enough for both
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    variants: Vec<String>,
    /// Only these journeys (repeatable)
    #[arg(short, long = "journey", value_name = "NAME")]
    journeys: Vec<String>,
    /// Change of a time that does not matter, as a part of it
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    margin: Share,
    /// Change of a time that does not matter, whatever part it is
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    floor: Span,
    /// Change of an error share that does not matter, in percent of the samples
    #[arg(long, value_name = "SHARE", default_value = "0.5%", value_parser = share)]
    fault_margin: Share,
    /// What is tested: fewer metrics, more certainty about each
    #[arg(long, value_name = "METRICS", value_delimiter = ',', value_parser = metrics())]
    metrics: Vec<String>,
    /// Runs of one and the same thing, which tell how much runs differ; kept beside the baseline and used
    /// from then on
    #[arg(long, value_name = "DIR", num_args = 1..)]
    spread: Vec<PathBuf>,
    /// Number that the randomness of the method comes from
    #[arg(long, default_value = "1")]
    seed: Seed,
    /// The comparison as JSON to standard output
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// A comment for a pull request to standard output
    #[arg(long)]
    markdown: bool,
    /// A page with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Fail where nothing can be told, and where something makes the sides hard to compare
    #[arg(long)]
    strict: bool,
}

fn metrics() -> PossibleValuesParser {
    METRICS.iter().map(|(_, name)| *name).collect::<Vec<_>>().into()
}

/// A share; of a bare number it is said how to write it: what is below one is taken for a part.
fn share(text: &str) -> Result<Share, String> {
    text.parse::<Share>().map_err(|error| {
        let part = text.trim().parse::<f64>().ok();
        let part = part.map(|number| if number < 1.0 { number } else { number / 100.0 });
        match part.filter(|part| (0.0..=1.0).contains(part)) {
            Some(part) => format!("{error}: write `{}`", Share(part)),
            None => format!("{error}: write it in percent, such as `5%`"),
        }
    })
}

pub(super) fn compare(args: &CompareArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let read = sides::read(&args.order()?, &args.spread).map_err(|error| wrong(&error))?;
    let method = args.method(&read)?;
    if args.strict && !read.sides.mismatches.is_empty() {
        return Err(refusal(&read.sides.mismatches));
    }
    let mut found = compared(&read.sides, &method);
    found.withhold(read.doubts.clone());
    show(args, (&found, &read), terminal)?;
    if let Some(beside) = read.directories.first().filter(|_| !args.spread.is_empty()) {
        let spread = sides::to_keep(beside, &args.spread).map_err(|error| wrong(&error))?;
        beside.write_spread(&spread).map_err(|error| wrong(&error))?;
        terminal.say(&format!("how much runs differ is kept in {}", beside.file(SPREAD).display()));
    }
    Ok(exit(found.verdict, args.strict))
}

/// Worse fails; that nothing can be told fails those who want to know for sure.
const fn exit(verdict: Verdict, strict: bool) -> Exit {
    match verdict {
        Verdict::Worse => Exit::Failed,
        Verdict::CannotTell if strict => Exit::Failed,
        Verdict::Better | Verdict::Same | Verdict::CannotTell => Exit::Passed,
    }
}

fn wrong(error: &dyn Remedy) -> Failure {
    Failure::of(Exit::WrongInput, error)
}

/// What differs, each with what there is to do.
fn refusal(mismatches: &[Mismatch]) -> Failure {
    let complaint = |mismatch: &Mismatch| Complaint {
        what: format!(
            "{}: baseline {}; candidate {}",
            mismatch.what, mismatch.baseline, mismatch.candidate
        ),
        place: None,
        remedy: None,
    };
    let mut complaints: Vec<_> = mismatches.iter().map(complaint).collect();
    let remedy =
        "run both sides alike and undisturbed, or leave `--strict` out and see it above the table";
    if let Some(last) = complaints.last_mut() {
        last.remedy = Some(remedy.to_owned());
    }
    Failure { exit: Exit::Failed, complaints }
}

/// The data that was asked for goes to standard output, and then the text for people to standard error.
fn show(
    args: &CompareArgs,
    (found, read): (&Comparison, &Read),
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Read { sides, baseline, candidate, directories, .. } = read;
    let of = Compared { comparison: found, sides, baseline, candidate };
    let text = console::render(&of, terminal.columns(), terminal.paint_of_text());
    let text = text.trim_end();
    if args.json {
        let json = json::render(found).map_err(|error| Failure::of(Exit::Bug, &error))?;
        terminal.data(json.trim_end());
        terminal.say(text);
    } else if args.markdown {
        terminal.data(markdown::render(&of).trim_end());
        terminal.say(text);
    } else {
        terminal.data(text);
    }
    if let Some(path) = &args.html {
        let sink = Sink::open_beside(Some(path), directories, terminal)?;
        sink.take_all(&page::document(&of))?;
        terminal.say(&format!("{}  {}", terminal.paint(Style::Faint, "page"), path.display()));
    }
    Ok(())
}

impl CompareArgs {
    /// What is compared with what, as far as the words say.
    fn order(&self) -> Result<Order, Failure> {
        let names: Vec<Variant> = self.variants.iter().map(|name| name.trim().into()).collect();
        let wrong =
            |what: &str, remedy: &str| Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
        let variants = match names.as_slice() {
            [] => None,
            [one] if !self.baseline.is_empty() => Some([one.clone(), one.clone()]),
            [one, other] => Some([one.clone(), other.clone()]),
            _ => {
                return wrong(
                    "`--variants` wants two names",
                    "the baseline first: `--variants v1,v2`",
                );
            }
        };
        let runs = self.runs.clone();
        Ok(match (self.runs.as_slice(), variants) {
            ([], variants) => Order::Runs {
                baseline: self.baseline.clone(),
                candidate: self.candidate.clone(),
                variants,
            },
            (_, Some(variants)) => Order::Variants { runs, variants: Some(variants) },
            ([_], None) => Order::Variants { runs, variants: None },
            ([one, other], None) => Order::Runs {
                baseline: vec![one.clone()],
                candidate: vec![other.clone()],
                variants: None,
            },
            _ => {
                return wrong(
                    "of more than two runs it has to be said which are which",
                    "write `--baseline DIR… --candidate DIR…`, or for variants of the same runs \
                     `--variants v1,v2`",
                );
            }
        })
    }

    fn method(&self, read: &Read) -> Result<Method, Failure> {
        let is_tested =
            |name: &str| self.metrics.is_empty() || self.metrics.iter().any(|of| of == name);
        let tested = METRICS.iter().filter(|(_, name)| is_tested(name));
        Ok(Method {
            margin: self.margin.0,
            floor_us: self.floor.0.as_secs_f64() * 1e6,
            fault_margin: self.fault_margin.0,
            significance: SIGNIFICANCE,
            resamples: RESAMPLES,
            seed: self.seed.0,
            metrics: tested.map(|(metric, _)| *metric).collect::<Vec<found::Metric>>(),
            journeys: self
                .journeys
                .iter()
                .map(|name| chosen(name, read))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A journey that some run has.
fn chosen(name: &str, read: &Read) -> Result<Journey, Failure> {
    let arms = read.sides.baseline.iter().chain(&read.sides.candidate);
    let known = || arms.clone().flat_map(|arm| arm.windows.tracks()).map(|track| track.journey());
    if let Some(journey) = known().find(|journey| journey.as_str() == name) {
        return Ok(journey.clone());
    }
    let names: std::collections::BTreeSet<&str> = known().map(Journey::as_str).collect();
    let remedy = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", names.into_iter().collect::<Listing>()),
    };
    let what = format!("no run has a journey `{name}`");
    Err(Failure::new(Exit::WrongInput, what, Some(&remedy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: CompareArgs,
    }

    fn order(words: &str) -> Result<Order, String> {
        let words = std::iter::once("compare").chain(words.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.args.order().map_err(|failure| failure.complaints[0].what.clone())
    }

    fn dirs(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn what_is_compared_with_what_follows_from_the_words() {
        let two = |one: &str, other: &str| Some([one.into(), other.into()]);
        let runs = |baseline: &[&str], candidate: &[&str], variants| Order::Runs {
            baseline: dirs(baseline),
            candidate: dirs(candidate),
            variants,
        };
        for (words, expected) in [
            ("a b", runs(&["a"], &["b"], None)),
            ("--baseline a b --candidate c", runs(&["a", "b"], &["c"], None)),
            ("--baseline a --candidate c --variants v1", runs(&["a"], &["c"], two("v1", "v1"))),
            ("--baseline a --candidate c --variants v1,v2", runs(&["a"], &["c"], two("v1", "v2"))),
            ("a", Order::Variants { runs: dirs(&["a"]), variants: None }),
            (
                "a b c --variants v1,v2",
                Order::Variants { runs: dirs(&["a", "b", "c"]), variants: two("v1", "v2") },
            ),
            ("a b --spread c d", runs(&["a"], &["b"], None)),
        ] {
            assert_eq!(order(words).unwrap(), expected, "{words}");
        }
    }

    #[test]
    fn words_that_do_not_say_it_are_refused() {
        for (words, complaint) in [
            ("", "required"),
            ("a b c", "which are which"),
            ("a --variants v1", "two names"),
            ("a --variants v1,v2,v3", "two names"),
            ("--baseline a", "required"),
            ("a --baseline b --candidate c", "cannot be used with"),
            ("a b --json --markdown", "cannot be used with"),
            ("a b --metrics p96", "possible values"),
            ("a b --margin 5", "`5` is not a share: write `5%`"),
            ("a b --margin 0.05", "`0.05` is not a share: write `5%`"),
            ("a b --fault-margin 1", "`1` is not a share: write `1%`"),
            ("a b --margin five", "such as `5%`"),
            ("a b --margin 500", "such as `5%`"),
        ] {
            let said = order(words).unwrap_err();
            assert!(said.contains(complaint), "{words}: {said}");
        }
    }

    #[test]
    fn only_worse_fails_unless_one_wants_to_know_for_sure() {
        for (verdict, usual, strict) in [
            (Verdict::Worse, Exit::Failed, Exit::Failed),
            (Verdict::Better, Exit::Passed, Exit::Passed),
            (Verdict::Same, Exit::Passed, Exit::Passed),
            (Verdict::CannotTell, Exit::Passed, Exit::Failed),
        ] {
            assert_eq!((exit(verdict, false), exit(verdict, true)), (usual, strict), "{verdict:?}");
        }
    }
}
