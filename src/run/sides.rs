//! Run directories read as the two sides of a comparison, with what makes them hard to compare.

use super::comparable::{Seen, mismatches, variants};
use super::summarise::of_directory;
use crate::analysis::compare::found::FlowFacts;
use crate::analysis::compare::{Arm, Sides};
use crate::base::names::Variant;
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::units::{Share, Span};
use crate::measure::limited::Limited;
use crate::measure::windows::{Track, Windows};
use crate::result::run_dir::{RunDir, RunDirError, RunRecord};
use crate::result::spread::{SCHEMA_VERSION, SPREAD, Spread, SpreadRun, way};
use crate::result::summary::{Summary, Verdict};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most runs of a side, and for the spread.
pub const MOST_RUNS: usize = 32;

/// Windows of all runs together: what is kept of them in memory.
const MOST_WINDOWS: usize = 1800;

/// The most windows of a run, and the fewest that it is cut into where there are many runs.
const WINDOWS_OF_A_RUN: std::ops::RangeInclusive<usize> = 40..=600;

/// Variants of a run grouped by flow that are no flow: what ended before its first form, and what was one
/// flow too many.
const NO_FLOWS: &[&str] = &["unknown", "other"];

/// Cautions of a run whose generator may be seen in its own figures. The tenant has no part in what they
/// tell, and another run has its own.
const DISTURBED: &[&str] = &["generator-busy", "scheduler-lag"];

/// What is to be compared with what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// Runs with runs.
    Runs {
        /// Directories of the baseline.
        baseline: Vec<PathBuf>,
        /// Directories of the candidate.
        candidate: Vec<PathBuf>,
        /// The variant to look at on each side; none for all together.
        variants: Option<[Variant; 2]>,
    },
    /// Variants of the same runs.
    Variants {
        /// The directories.
        runs: Vec<PathBuf>,
        /// Baseline and candidate; none for those of a run that has two.
        variants: Option<[Variant; 2]>,
    },
}

/// Both sides as read.
#[derive(Debug)]
pub struct Read {
    /// What is compared.
    pub sides: Sides,
    /// The records of the baseline's runs, in order.
    pub baseline: Vec<RunRecord>,
    /// The same of the candidate.
    pub candidate: Vec<RunRecord>,
    /// Why there can be no verdict, whatever the figures say: a run met another flow half way, or the
    /// generator was disturbed in one and not in those that it is held against.
    pub doubts: Vec<String>,
    /// Every directory that was read: none of their files may be written over.
    pub directories: Vec<RunDir>,
}

/// Why two sides cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SidesError {
    /// A directory cannot be read.
    #[error(transparent)]
    Directory(#[from] RunDirError),
    /// A run would be compared with itself, or counted twice.
    #[error("`{}` is the same run as `{}`", other.display(), one.display())]
    SameRun {
        /// Where it was named first.
        one: PathBuf,
        /// Where it was named again.
        other: PathBuf,
        /// Whether the two are on different sides.
        is_across: bool,
    },
    /// A side has too many runs.
    #[error("{number} runs are too many of {side}: {MOST_RUNS} are the most")]
    TooMany {
        /// Which.
        side: &'static str,
        /// How many.
        number: usize,
    },
    /// There is nothing to compare.
    #[error("`{}` has no measured part", path.display())]
    NothingMeasured {
        /// The directory.
        path: PathBuf,
    },
    /// The run does not have this variant.
    #[error("`{}` has no variant `{name}`", path.display())]
    NoSuchVariant {
        /// The directory.
        path: PathBuf,
        /// What was asked for.
        name: Variant,
        /// What there is.
        known: Vec<Variant>,
    },
    /// The same variant twice.
    #[error("variant `{name}` cannot be compared with itself")]
    SameVariant {
        /// Its name.
        name: Variant,
    },
    /// One run alone, and it has but one variant.
    #[error("`{}` has one variant, `{known}`: there is nothing to compare it with", path.display())]
    OneVariant {
        /// The directory.
        path: PathBuf,
        /// The only one.
        known: Variant,
    },
    /// One run alone, and nobody said which of its variants.
    #[error("`{}` has {} variants, and two are compared", path.display(), known.len())]
    ManyVariants {
        /// The directory.
        path: PathBuf,
        /// What there is.
        known: Vec<Variant>,
    },
    /// A single run has no spread.
    #[error("one run does not tell how much runs differ")]
    NoSpread,
    /// A run of a spread that was kept is not where it was.
    #[error("run `{run}` of `{}` cannot be read: {source}", file.display())]
    SpreadGone {
        /// The file that names it.
        file: PathBuf,
        /// The id of the run.
        run: String,
        /// What the matter is.
        #[source]
        source: Box<Self>,
    },
    /// Another run is in its place.
    #[error("`{}` holds run `{found}`, and `{}` names `{run}`", path.display(), file.display())]
    SpreadOther {
        /// The file that names it.
        file: PathBuf,
        /// The directory.
        path: PathBuf,
        /// The run that it should be.
        run: String,
        /// The one that it is.
        found: String,
    },
}

impl Remedy for SidesError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Directory(error) => return error.remedy(),
            Self::SameRun { is_across: true, .. } => {
                "name two runs; for two variants of one run, name it once: \
                 `gander compare DIR --variants v1,v2`"
                    .to_owned()
            }
            Self::SameRun { .. } => "name each run once: a copy of a run is no second one".to_owned(),
            Self::TooMany { .. } => "leave some out, the oldest first".to_owned(),
            Self::NothingMeasured { .. } => {
                "it ended in its warm-up, or was killed before its first second was written: run it again"
                    .to_owned()
            }
            Self::NoSuchVariant { name, known, .. } => {
                let names = || known.iter().map(Variant::as_str);
                match nearest(name.as_str(), names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is {}", names().collect::<Listing>()),
                }
            }
            Self::SameVariant { .. } => "name two: `--variants v1,v2`".to_owned(),
            Self::OneVariant { .. } => {
                "name a second run, or run with two variants: `gander run --variant v1=POLICY \
                 --variant v2=POLICY`"
                    .to_owned()
            }
            Self::ManyVariants { known, .. } => {
                let known: Listing = known.iter().map(Variant::as_str).collect();
                format!("say which, the baseline first: `--variants A,B`; there is {known}")
            }
            Self::NoSpread => {
                "name at least two runs of one and the same thing, as `gander run --repeat 4` makes them"
                    .to_owned()
            }
            Self::SpreadGone { .. } | Self::SpreadOther { .. } => {
                "put it back, say the spread anew with `--spread DIR…`, or take the file away".to_owned()
            }
        })
    }
}

/// A directory as far as it has been read.
struct Opened {
    dir: RunDir,
    record: RunRecord,
    summary: Summary,
    /// When the tenant turned calls down for their rate, which says nothing about what is compared.
    limited: Limited,
}

/// Reads what is to be compared. `spread` are directories of runs of one and the same thing; without any,
/// those that are known beside the baseline.
pub fn read(order: &Order, spread: &[PathBuf]) -> Result<Read, SidesError> {
    let (baseline, candidate, paired) = match order {
        Order::Runs { baseline, candidate, .. } => {
            (open_all(baseline, "the baseline")?, open_all(candidate, "the candidate")?, false)
        }
        Order::Variants { runs, .. } => (open_all(runs, "the comparison")?, Vec::new(), true),
    };
    for (other, one) in candidate.iter().flat_map(|a| baseline.iter().map(move |b| (a, b))) {
        other.differs_from(one, true)?;
    }
    let known = match spread {
        // Variants of the same runs met the same minutes: how runs differ does not matter.
        [] if paired => Vec::new(),
        [] => known_spread(&baseline)?,
        [_] => return Err(SidesError::NoSpread),
        _ => open_all(spread, "the spread")?.into_iter().map(|run| (run, None)).collect(),
    };
    // A run is no second round of itself: of a side with several, each counts there.
    let is_counted = |run: &Opened| {
        let sides = [&baseline, &candidate];
        sides.iter().any(|side| side.len() > 1 && side.iter().any(|one| one.is(run)))
    };
    let known: Vec<_> = known.into_iter().filter(|(run, _)| !is_counted(run)).collect();
    let runs = (baseline.len() + candidate.len()) * if paired { 2 } else { 1 } + known.len();
    let most =
        (MOST_WINDOWS / runs.max(1)).clamp(*WINDOWS_OF_A_RUN.start(), *WINDOWS_OF_A_RUN.end());
    if paired {
        of_variants(order, baseline, known, most)
    } else {
        of_runs(order, (baseline, candidate), known, most)
    }
}

/// What to keep beside the baseline, so that it is known from then on how much runs differ.
pub fn to_keep(beside: &RunDir, spread: &[PathBuf]) -> Result<Spread, SidesError> {
    let runs = open_all(spread, "the spread")?;
    let runs = runs.iter().map(|run| SpreadRun {
        path: way(beside.path(), run.dir.path()).display().to_string(),
        run_id: run.record.run_id.clone(),
        variant: None,
    });
    Ok(Spread { schema_version: SCHEMA_VERSION, runs: runs.collect() })
}

fn of_runs(
    order: &Order,
    (baseline, candidate): (Vec<Opened>, Vec<Opened>),
    known: Vec<(Opened, Option<Variant>)>,
    most: usize,
) -> Result<Read, SidesError> {
    let variants = match order {
        Order::Runs { variants, .. } | Order::Variants { variants, .. } => variants.as_ref(),
    };
    let chosen = |side: usize| variants.and_then(|names| names.get(side).cloned());
    let mut arms = [Vec::new(), Vec::new()];
    for (place, runs) in [&baseline, &candidate].into_iter().enumerate() {
        for run in runs {
            let windows = run.windows(most)?;
            if let Some(name) = chosen(place) {
                run.has(&windows, &name)?;
            }
            arms[place].push(run.arm(windows, chosen(place)));
        }
    }
    let [baseline_arms, candidate_arms] = arms;
    finished((baseline, candidate), (baseline_arms, candidate_arms), known, (most, false))
}

fn of_variants(
    order: &Order,
    runs: Vec<Opened>,
    known: Vec<(Opened, Option<Variant>)>,
    most: usize,
) -> Result<Read, SidesError> {
    let mut names = match order {
        Order::Runs { variants, .. } | Order::Variants { variants, .. } => variants.clone(),
    };
    let (mut baseline, mut candidate) = (Vec::new(), Vec::new());
    for run in &runs {
        let windows = run.windows(most)?;
        let [one, other] = match &names {
            Some(names) => names.clone(),
            // Those of the first run hold for all.
            None => names.insert(run.two_variants(&windows)?).clone(),
        };
        if one == other {
            return Err(SidesError::SameVariant { name: one });
        }
        run.has(&windows, &one)?;
        run.has(&windows, &other)?;
        baseline.push(run.arm(windows.clone(), Some(one)));
        candidate.push(run.arm(windows, Some(other)));
    }
    finished((runs, Vec::new()), (baseline, candidate), known, (most, true))
}

fn finished(
    (baseline, candidate): (Vec<Opened>, Vec<Opened>),
    arms: (Vec<Arm>, Vec<Arm>),
    known: Vec<(Opened, Option<Variant>)>,
    (most, paired): (usize, bool),
) -> Result<Read, SidesError> {
    let mut spread = Vec::new();
    for (run, variant) in &known {
        let windows = run.windows(most)?;
        let wanted = variant.clone().or_else(|| arms.0.first().and_then(|arm| arm.variant.clone()));
        let variant = wanted.filter(|name| run.variants(&windows).contains(name));
        spread.push(run.arm(windows, variant));
    }
    let others = if paired { &baseline } else { &candidate };
    let mismatches = mismatches(
        &seen(&baseline, &arms.0),
        &seen(others, &arms.1),
        &seen(known.iter().map(|(run, _)| run), &spread),
        paired,
    );
    let records = |runs: &[Opened]| runs.iter().map(|run| run.record.clone()).collect::<Vec<_>>();
    let (baseline_records, candidate_records) = (records(&baseline), records(others));
    let all = baseline.iter().chain(&candidate).chain(known.iter().map(|(run, _)| run));
    let directories = all.map(|run| run.dir.clone()).collect();
    let doubts = baseline.iter().chain(&candidate);
    let doubts = doubts.flat_map(|run| [run.doubt(), run.distrust().filter(|_| !paired)]);
    let doubts = doubts.flatten();
    let damaged = arms.0.iter().chain(&arms.1).chain(&spread).filter_map(damage);
    let invalid = spread.iter().filter(|arm| arm.is_invalid).map(|arm| {
        format!(
            "run {}, one of those for the spread, is invalid: its generator was the limit",
            arm.run_id
        )
    });
    let doubts = doubts.chain(damaged).chain(invalid).collect();
    let (baseline, candidate) = arms;
    let sides = Sides { baseline, candidate, paired, spread, mismatches };
    Ok(Read {
        sides,
        baseline: baseline_records,
        candidate: candidate_records,
        doubts,
        directories,
    })
}

/// Iterations that completed and whose times are gone, more than an interval may lose when a run is killed.
fn damage(arm: &Arm) -> Option<String> {
    let missing = arm.windows.untimed_share();
    (missing > MOST_UNTIMED).then(|| {
        let (run, part) = (&arm.run_id, Share(missing));
        format!("run {run} is damaged: its interval log lacks {part} of the completed iterations")
    })
}

/// The part of the completed iterations that may lack a time.
const MOST_UNTIMED: f64 = 0.01;

fn seen<'a>(runs: impl IntoIterator<Item = &'a Opened>, arms: &'a [Arm]) -> Vec<Seen<'a>> {
    let seen = |(run, arm): (&'a Opened, &'a Arm)| Seen {
        record: &run.record,
        variant: arm.variant.as_ref(),
        trouble: run.trouble(),
        disturbance: run.disturbance(),
        left_out: run.left_out(),
    };
    runs.into_iter().zip(arms).map(seen).collect()
}

/// Every run once.
fn open_all(paths: &[PathBuf], side: &'static str) -> Result<Vec<Opened>, SidesError> {
    if paths.len() > MOST_RUNS {
        return Err(SidesError::TooMany { side, number: paths.len() });
    }
    let mut runs: Vec<Opened> = Vec::new();
    for path in paths {
        let run = Opened::of(path)?;
        runs.iter().try_for_each(|one| run.differs_from(one, false))?;
        runs.push(run);
    }
    Ok(runs)
}

/// The runs that are on file beside those of the baseline.
fn known_spread(baseline: &[Opened]) -> Result<Vec<(Opened, Option<Variant>)>, SidesError> {
    let mut known: Vec<(Opened, Option<Variant>)> = Vec::new();
    for beside in baseline {
        let file = beside.dir.file(SPREAD);
        for kept in beside.dir.spread()?.map(|spread| spread.runs).unwrap_or_default() {
            // Each of them is opened and judged: a file with thousands would take minutes.
            if known.iter().any(|(one, _)| one.record.run_id == kept.run_id) {
                continue;
            }
            if known.len() == MOST_RUNS {
                let side = "the spread";
                return Err(SidesError::TooMany { side, number: known.len() + 1 });
            }
            let path = kept.place(&beside.dir);
            let gone = |source| SidesError::SpreadGone {
                file: file.clone(),
                run: kept.run_id.to_string(),
                source: Box::new(source),
            };
            let run = Opened::of(&path).map_err(gone)?;
            if run.record.run_id != kept.run_id {
                let found = run.record.run_id.to_string();
                let run = kept.run_id.to_string();
                return Err(SidesError::SpreadOther { file, path, run, found });
            }
            if !known.iter().any(|(one, _)| one.is(&run)) {
                known.push((run, kept.variant));
            }
        }
    }
    Ok(known)
}

impl Opened {
    fn of(path: &Path) -> Result<Self, SidesError> {
        let dir = RunDir::open(path)?;
        let (record, summary) = (dir.run()?, of_directory(&dir)?);
        let limited = dir.limited()?;
        Ok(Self { dir, record, summary, limited })
    }

    /// How much of it was limited by the licence, so that it is not compared.
    fn left_out(&self) -> Option<String> {
        let length = Duration::from_millis(self.limited.length_ms());
        let seconds = Span(Duration::from_secs(length.as_secs().max(1)));
        (!length.is_zero()).then(|| format!("{seconds} with calls turned down (429), left out"))
    }

    /// Whether it is the same run, wherever it is.
    fn is(&self, other: &Self) -> bool {
        self.dir.path() == other.dir.path() || self.record.run_id == other.record.run_id
    }

    fn differs_from(&self, one: &Self, is_across: bool) -> Result<(), SidesError> {
        if !self.is(one) {
            return Ok(());
        }
        let (one, other) = (one.dir.path().to_owned(), self.dir.path().to_owned());
        Err(SidesError::SameRun { one, other, is_across })
    }

    fn windows(&self, most: usize) -> Result<Windows, SidesError> {
        let windows = self.dir.windows_without(most, &self.limited)?;
        if windows.measured().is_empty() {
            return Err(SidesError::NothingMeasured { path: self.dir.path().to_owned() });
        }
        Ok(windows)
    }

    fn arm(&self, windows: Windows, variant: Option<Variant>) -> Arm {
        let flows = self.record.flows.iter();
        let flows = flows.filter(|flow| variant.as_ref().is_none_or(|name| *name == flow.variant));
        // All variants together may have met the same one.
        let flows: BTreeSet<FlowFacts> = flows
            .map(|flow| FlowFacts {
                journey: flow.journey.to_string(),
                fingerprint: flow.fingerprint.clone(),
            })
            .collect();
        Arm {
            flows: flows.into_iter().collect(),
            run_id: self.record.run_id.to_string(),
            started_at: self.record.started_at.clone(),
            variant,
            windows,
            is_invalid: self.summary.verdict == Verdict::Invalid,
        }
    }

    /// Its variants: in the order of the plan, then what was met besides.
    fn variants(&self, windows: &Windows) -> Vec<Variant> {
        let met = || windows.tracks().map(Track::variant);
        let planned = variants(&self.record.plan).map(|(name, _)| Variant::from(name));
        let mut names: Vec<Variant> = planned.filter(|name| met().any(|met| met == name)).collect();
        for name in met() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn has(&self, windows: &Windows, name: &Variant) -> Result<(), SidesError> {
        let known = self.variants(windows);
        if known.contains(name) {
            return Ok(());
        }
        let path = self.dir.path().to_owned();
        Err(SidesError::NoSuchVariant { path, name: name.clone(), known })
    }

    /// Its variants where it has two of them.
    fn two_variants(&self, windows: &Windows) -> Result<[Variant; 2], SidesError> {
        let path = self.dir.path().to_owned();
        let is_planned =
            |name: &Variant| variants(&self.record.plan).any(|(of, _)| of == name.as_str());
        let mut known = self.variants(windows);
        known.retain(|name| is_planned(name) || !NO_FLOWS.contains(&name.as_str()));
        match <[Variant; 2]>::try_from(known) {
            Ok(two) => Ok(two),
            Err(known) => Err(match known.as_slice() {
                [] => SidesError::NothingMeasured { path },
                [one] => SidesError::OneVariant { path, known: one.clone() },
                _ => SidesError::ManyVariants { path, known },
            }),
        }
    }

    fn caution(&self, slug: &str) -> Option<&str> {
        let found = self.summary.cautions.iter().find(|caution| caution.slug == slug);
        found.map(|caution| caution.text.as_str())
    }

    /// How it ended, or what was done to it, where that was not as planned.
    fn trouble(&self) -> Option<String> {
        let record = &self.record;
        let stopped = record.stopped.as_ref().map(|why| format!("ended by gander: {why}"));
        let interrupted = record.interrupted.then(|| "interrupted by a person".to_owned());
        let unfinished = record.ended_at.is_none().then(|| "without an end on record".to_owned());
        let changed = self.caution("rate-changed").map(|_| "its rate changed by hand".to_owned());
        let resumed = self.caution("resumed").map(|_| "taken up again".to_owned());
        let told: Vec<_> =
            [stopped, interrupted, unfinished, resumed, changed].into_iter().flatten().collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// How far its figures may be those of its generator.
    fn disturbance(&self) -> Option<String> {
        let told: Vec<&str> = DISTURBED.iter().filter_map(|slug| self.caution(slug)).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Variants of one run met the same generator; separate runs did not.
    fn distrust(&self) -> Option<String> {
        let text = self.disturbance()?;
        Some(format!("run {} was disturbed by its own generator: {text}", self.record.run_id))
    }

    /// That it is invalid is known to the arms; that it was two runs in one is not.
    fn doubt(&self) -> Option<String> {
        let text = self.caution("flow-changed")?;
        Some(format!("the flow changed while run {} went on: {text}", self.record.run_id))
    }
}
