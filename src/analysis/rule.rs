//! The one grammar of thresholds, guards and drift: `[scope.]metric op limit [over TIME]`.

use crate::base::names::{Capability, Journey, Step, Variant};
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::units::{Rate, Share, Span, UnitError};
use crate::measure::fault::{FAULTS, Fault};
use crate::measure::histogram::Percentile;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One rule. For a threshold it says what has to hold, for a guard what stops the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it looks at.
    pub scope: Scope,
    /// Which number of it.
    pub metric: Metric,
    /// How that is compared.
    pub op: Op,
    /// With what.
    pub limit: Written<Limit>,
    /// In every stretch of which length; none for the whole measured part. A drift is scaled to it.
    pub over: Option<Written<Span>>,
}

/// A quantity with its spelling, so that a rule is shown as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// The quantity.
    pub value: T,
    text: String,
}

impl<T: FromStr> Written<T> {
    fn read(text: &str) -> Result<Self, T::Err> {
        let text = text.trim();
        Ok(Self { value: text.parse()?, text: text.to_owned() })
    }
}

impl<T> Written<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: map(self.value), text: self.text }
    }
}

/// What a rule looks at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// All iterations of the run.
    Run,
    /// Iterations of one journey, of all variants.
    Journey(Journey),
    /// Exchanges of one step of a journey.
    Step(Journey, Step),
    /// Exchanges of a capability, of one of its events, or of one event and action.
    Capability {
        /// What the tenant is doing.
        capability: Capability,
        /// The event type of the answer.
        event: Option<String>,
        /// The key of the action taken.
        action: Option<String>,
    },
    /// Iterations of one variant, of all journeys.
    Variant(Variant),
}

impl Scope {
    /// Whether it is about exchanges rather than iterations.
    pub const fn is_of_exchanges(&self) -> bool {
        matches!(self, Self::Step(..) | Self::Capability { .. })
    }
}

/// As rules write it before the dot; the run as a whole has no words.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => Ok(()),
            Self::Journey(journey) => write!(f, "{journey}"),
            Self::Step(journey, step) => write!(f, "{journey}/{step}"),
            Self::Variant(variant) => write!(f, "variant:{variant}"),
            Self::Capability { capability, event, action } => {
                write!(f, "capability:{capability}")?;
                [event, action].into_iter().flatten().try_for_each(|word| write!(f, " {word}"))
            }
        }
    }
}

/// A scope by itself, without a metric behind it.
impl FromStr for Scope {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        scope(text.trim()).map_err(|wrong| wrong.of(text.trim().to_owned()))
    }
}

/// Which number a rule looks at. Times are the response time of iterations and the service time of
/// exchanges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Metric {
    /// A percentile in which time-outs, resets and what was cut off are slower than any limit.
    Percentile(Percentile),
    /// The mean, in which each of those took as long as the reply time-out.
    Mean,
    /// The longest.
    Max,
    /// Faults ÷ samples; of iterations, failed ÷ (completed + failed).
    Faults,
    /// One fault ÷ samples.
    Fault(Fault),
    /// Completed iterations per time.
    CompletedRate,
    /// Dropped ÷ due iterations.
    Dropped,
    /// Slow growth of a percentile over the measured part, in parts of its median.
    Drift(Percentile),
}

/// Words for metrics besides percentiles and faults; k6's come last and are shown in ours.
const METRICS: &[(&str, Metric)] = &[
    ("mean", Metric::Mean),
    ("max", Metric::Max),
    ("faults", Metric::Faults),
    ("completed-rate", Metric::CompletedRate),
    ("dropped", Metric::Dropped),
    ("avg", Metric::Mean),
    ("med", Metric::Percentile(Percentile::P50)),
];

/// For messages: every way to write a metric.
const METRIC_FORMS: &[&str] = &[
    "p50 … p99.9",
    "mean",
    "max",
    "faults",
    "fault:SLUG",
    "completed-rate",
    "dropped",
    "drift(p95)",
];

impl Metric {
    const fn is_of_iterations_only(self) -> bool {
        matches!(self, Self::CompletedRate | Self::Dropped)
    }

    fn limit(self, text: &str) -> Result<Written<Limit>, UnitError> {
        Ok(match self {
            Self::Percentile(_) | Self::Mean | Self::Max => Written::read(text)?.map(Limit::Time),
            Self::CompletedRate => Written::read(text)?.map(Limit::Rate),
            Self::Faults | Self::Fault(_) | Self::Dropped | Self::Drift(_) => {
                Written::read(text)?.map(Limit::Share)
            }
        })
    }
}

/// How a rule compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

const OPS: &[(&str, Op)] =
    &[("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Below), (">", Op::Above)];

impl Op {
    /// Whether the comparison is true.
    pub fn holds(self, observed: f64, limit: f64) -> bool {
        match self {
            Self::Below => observed < limit,
            Self::AtMost => observed <= limit,
            Self::Above => observed > limit,
            Self::AtLeast => observed >= limit,
        }
    }

    /// The comparison that holds exactly where this one does not.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Below => Self::AtLeast,
            Self::AtMost => Self::Above,
            Self::Above => Self::AtMost,
            Self::AtLeast => Self::Below,
        }
    }

    /// Whether the lower of two numbers is the better one.
    pub const fn wants_low(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }
}

/// What a metric is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// For times.
    Time(Span),
    /// For parts of a whole.
    Share(Share),
    /// For happenings per time.
    Rate(Rate),
}

/// Why a text is not a rule, or not one for this run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Nothing is compared.
    #[error("`{rule}` compares nothing")]
    NoComparison {
        /// The text.
        rule: String,
    },
    /// What is left of the comparison does not end in a metric.
    #[error("`{rule}` has no metric: `{found}` is none")]
    NoMetric {
        /// The text.
        rule: String,
        /// What stands where it belongs.
        found: String,
    },
    /// A scope that is incomplete.
    #[error("`{rule}` has no scope: `{found}` is none")]
    NoScope {
        /// The text.
        rule: String,
        /// What stands where it belongs.
        found: String,
    },
    /// A limit or a time that cannot be read.
    #[error("`{rule}`: {source}")]
    Limit {
        /// The text.
        rule: String,
        /// What is wrong with it.
        source: UnitError,
    },
    /// A length of time behind a word that is not `over`.
    #[error("`{rule}`: a length of time stands behind `over`, not `{word}`")]
    NotOver {
        /// The text.
        rule: String,
        /// The word.
        word: &'static str,
    },
    /// A window, or a length that a drift is scaled to, without any.
    #[error("`{rule}` looks at no time at all")]
    NoTime {
        /// The text.
        rule: String,
    },
    /// A metric that exchanges do not have.
    #[error("`{rule}`: exchanges are neither due nor dropped")]
    NotOfExchanges {
        /// The text.
        rule: String,
    },
    /// A name that the run does not have.
    #[error("`{rule}` names nothing known: the run has no {kind} `{name}`, only {known}")]
    Unknown {
        /// The text.
        rule: String,
        /// What kind of name it is.
        kind: &'static str,
        /// The name.
        name: String,
        /// The ones there are.
        known: Listing,
        /// The one that may be meant.
        near: Option<String>,
    },
    /// A guard that is no guard.
    #[error("`{rule}` cannot stop a run: {why}")]
    NoGuard {
        /// The text.
        rule: String,
        /// What it lacks.
        why: &'static str,
    },
}

impl Remedy for RuleError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NoComparison { .. } => {
                "write `[scope.]metric op limit`, such as `sign-on.p95 < 800ms`".to_owned()
            }
            Self::NoMetric { found, .. } => {
                let words = METRICS.iter().map(|(word, _)| *word);
                let slugs = FAULTS.iter().map(|entry| entry.slug);
                let forms: Listing = METRIC_FORMS.iter().copied().collect();
                let lower = found.to_lowercase();
                let lower = metric(&lower).map(|_| lower.as_str());
                match (without_dot(found), lower.or_else(|| nearest(found, words.chain(slugs)))) {
                    (Some((scope, metric)), _) => {
                        format!("write a dot before the metric: `{scope}.{metric}`")
                    }
                    (None, Some(near)) => format!("did you mean `{near}`? There are {forms}"),
                    (None, None) => format!("there are {forms}"),
                }
            }
            Self::NoScope { .. } => "write `journey`, `journey/step`, `capability:NAME`, \
                 `capability:NAME submit ACTION` or `variant:NAME`"
                .to_owned(),
            Self::Limit { source, .. } => return source.remedy(),
            Self::NotOver { rule, word } => {
                format!("write `{}`", rule.replacen(&format!(" {word} "), " over ", 1))
            }
            Self::NoTime { .. } => "write it like `over 1m`, or leave it out".to_owned(),
            Self::NotOfExchanges { .. } => {
                "use it with a journey, a variant or without a scope".to_owned()
            }
            Self::Unknown { near, known, .. } => match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("name one of {known}"),
            },
            Self::NoGuard { .. } => {
                "write it like `rate-limited > 1% over 10s` or `faults > 20% over 30s`".to_owned()
            }
        })
    }
}

/// Words that people write instead of `over`.
const NOT_OVER: &[&str] = &["for", "in", "within", "per", "during"];

/// The shortest time that a rule can look at: the clock of a timeline.
const SHORTEST: Duration = Duration::from_millis(1);

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let rule = || text.trim().to_owned();
        let place =
            text.rfind(['<', '>']).ok_or_else(|| RuleError::NoComparison { rule: rule() })?;
        let (left, right) = text.split_at(place);
        let compared = OPS.iter().find_map(|(sign, op)| Some((*op, right.strip_prefix(sign)?)));
        let (op, right) = compared.ok_or_else(|| RuleError::NoComparison { rule: rule() })?;
        let (scope, metric) = subject(left.trim()).map_err(|wrong| wrong.of(rule()))?;
        if scope.is_of_exchanges() && metric.is_of_iterations_only() {
            return Err(RuleError::NotOfExchanges { rule: rule() });
        }
        let (limit, over) = match right.split_once(" over ") {
            Some((limit, over)) => (limit, Some(over)),
            None => (right, None),
        };
        let unit = |source| RuleError::Limit { rule: rule(), source };
        let limit = metric.limit(limit).map_err(|source| match not_over(metric, right) {
            Some(word) => RuleError::NotOver { rule: rule(), word },
            None => unit(source),
        })?;
        let over = over.map(Written::<Span>::read).transpose().map_err(unit)?;
        if over.as_ref().is_some_and(|over| over.value.0 < SHORTEST) {
            return Err(RuleError::NoTime { rule: rule() });
        }
        Ok(Self { scope, metric, op, limit, over })
    }
}

/// The word between a limit and a length of time, if that is all that is wrong.
fn not_over(metric: Metric, text: &str) -> Option<&'static str> {
    let is_it = |word: &&&str| {
        let parts = text.split_once(&format!(" {word} "));
        parts.is_some_and(|(limit, over)| {
            metric.limit(limit).is_ok() && over.parse::<Span>().is_ok()
        })
    };
    NOT_OVER.iter().find(is_it).copied()
}

/// What is wrong left of the comparison.
enum Wrong {
    Metric(String),
    Scope(String),
}

impl Wrong {
    fn of(self, rule: String) -> RuleError {
        match self {
            Self::Metric(found) => RuleError::NoMetric { rule, found },
            Self::Scope(found) => RuleError::NoScope { rule, found },
        }
    }
}

/// Splits `sign-on.p99.9` at the dot before the metric: the first after which a metric stands. No
/// metric has a dot followed by a letter, so no other reading is possible.
fn subject(text: &str) -> Result<(Scope, Metric), Wrong> {
    if let Some(metric) = metric(text) {
        return Ok((Scope::Run, metric));
    }
    for (dot, _) in text.match_indices('.') {
        if let Some(metric) = metric(text[dot + 1..].trim()) {
            return Ok((scope(text[..dot].trim())?, metric));
        }
    }
    let behind = text.match_indices('.').map(|(dot, _)| text[dot + 1..].trim());
    // A metric in capitals, with its own dot; a scope with a metric and without a dot between them.
    let is_nearly =
        |found: &&str| metric(&found.to_lowercase()).is_some() || without_dot(found).is_some();
    let found = [text].into_iter().chain(behind).find(is_nearly);
    let found = found.or_else(|| text.split_once('.').map(|(_, found)| found)).unwrap_or(text);
    Err(Wrong::Metric(found.to_owned()))
}

/// A scope and a metric with a space between them instead of a dot.
fn without_dot(text: &str) -> Option<(&str, &str)> {
    let (before, word) = text.rsplit_once(' ')?;
    let before = before.trim_end();
    (metric(word).is_some() && scope(before).is_ok()).then_some((before, word))
}

/// A bare slug is read as `fault:SLUG`, `p(95)` as `p95`.
fn metric(word: &str) -> Option<Metric> {
    let in_brackets = |word: &str, name: &str| {
        let inside = word.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
        Some(inside.trim().to_owned())
    };
    if let Some((_, metric)) = METRICS.iter().find(|(name, _)| *name == word) {
        return Some(*metric);
    }
    if let Some(inside) = in_brackets(word, "drift") {
        return inside.parse().ok().map(Metric::Drift);
    }
    if let Some(inside) = in_brackets(word, "p") {
        return format!("p{inside}").parse().ok().map(Metric::Percentile);
    }
    let fault = word.strip_prefix("fault:").unwrap_or(word).parse().ok().map(Metric::Fault);
    fault.or_else(|| word.parse().ok().map(Metric::Percentile))
}

fn scope(text: &str) -> Result<Scope, Wrong> {
    let wrong = || Wrong::Scope(text.to_owned());
    if let Some(variant) = text.strip_prefix("variant:") {
        return if variant.is_empty() { Err(wrong()) } else { Ok(Scope::Variant(variant.into())) };
    }
    if let Some(key) = text.strip_prefix("capability:") {
        let mut words = key.splitn(3, ' ').map(str::trim).filter(|word| !word.is_empty());
        let capability = words.next().ok_or_else(wrong)?.into();
        let mut next = || words.next().map(str::to_owned);
        return Ok(Scope::Capability { capability, event: next(), action: next() });
    }
    match text.split_once('/') {
        Some((journey, step)) if !journey.is_empty() && !step.is_empty() => {
            Ok(Scope::Step(journey.into(), step.into()))
        }
        None if !text.is_empty() => Ok(Scope::Journey(text.into())),
        _ => Err(wrong()),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Run => {}
            scope => write!(f, "{scope}.")?,
        }
        match self.metric {
            Metric::Percentile(percentile) => write!(f, "{percentile}")?,
            Metric::Fault(fault) => write!(f, "fault:{fault}")?,
            Metric::Drift(percentile) => write!(f, "drift({percentile})")?,
            word => f.write_str(
                METRICS.iter().find(|(_, metric)| *metric == word).map_or("", |(word, _)| word),
            )?,
        }
        let op = OPS.iter().find(|(_, op)| *op == self.op).map_or("", |(sign, _)| sign);
        write!(f, " {op} {}", self.limit.text)?;
        self.over.iter().try_for_each(|over| write!(f, " over {}", over.text))
    }
}

/// The names of a run, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The journeys, with the steps of each.
    pub journeys: BTreeMap<Journey, Vec<Step>>,
    /// The variants.
    pub variants: Vec<Variant>,
    /// The capabilities; none before the tenant has been seen.
    pub capabilities: Option<Vec<Capability>>,
}

impl Rule {
    /// Whether the run has what the rule names.
    pub fn check(&self, known: &Known) -> Result<(), RuleError> {
        match &self.scope {
            Scope::Run => Ok(()),
            Scope::Journey(journey) => self.known_journey(journey, known).map(drop),
            Scope::Step(journey, step) => {
                let steps = self.known_journey(journey, known)?.iter().map(Step::as_str);
                self.one_of("step", step.as_str(), steps)
            }
            Scope::Variant(variant) => {
                let variants = known.variants.iter().map(Variant::as_str);
                self.one_of("variant", variant.as_str(), variants)
            }
            Scope::Capability { capability, .. } => match &known.capabilities {
                None => Ok(()),
                Some(known) => {
                    let known = known.iter().map(Capability::as_str);
                    self.one_of("capability", capability.as_str(), known)
                }
            },
        }
    }

    fn known_journey<'k>(
        &self,
        journey: &Journey,
        known: &'k Known,
    ) -> Result<&'k [Step], RuleError> {
        let journeys = known.journeys.keys().map(Journey::as_str);
        self.one_of("journey", journey.as_str(), journeys)?;
        Ok(known.journeys.get(journey).map_or(&[], Vec::as_slice))
    }

    fn one_of<'n>(
        &self,
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), RuleError> {
        if known.clone().any(|known| known == name) {
            return Ok(());
        }
        Err(RuleError::Unknown {
            rule: self.to_string(),
            kind,
            name: name.to_owned(),
            near: nearest(name, known.clone()).map(str::to_owned),
            known: known.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name() -> impl Strategy<Value = String> {
        "[A-Za-z][A-Za-z0-9_-]{0,8}"
    }

    fn words() -> impl Strategy<Value = String> {
        "[A-Za-z0-9_.-]{1,6}( [A-Za-z0-9_./-]{1,6}){0,2}"
    }

    fn scopes() -> impl Strategy<Value = Scope> {
        let action = prop::option::of((name(), prop::option::of(words())));
        prop_oneof![
            Just(Scope::Run),
            name().prop_map(|journey| Scope::Journey(journey.into())),
            (name(), words()).prop_map(|(j, step)| Scope::Step(j.into(), step.into())),
            words().prop_map(|variant| Scope::Variant(variant.into())),
            (name(), action).prop_map(|(capability, action)| {
                let (event, action) = action.unzip();
                let capability = capability.into();
                Scope::Capability { capability, event, action: action.flatten() }
            }),
        ]
    }

    fn metrics() -> impl Strategy<Value = Metric> {
        let percentile = || (1u32..=100_000).prop_map(|t| Percentile::from_thousandths(t).unwrap());
        let faults: Vec<_> = Fault::all().collect();
        prop_oneof![
            percentile().prop_map(Metric::Percentile),
            percentile().prop_map(Metric::Drift),
            prop::sample::select(faults).prop_map(Metric::Fault),
            prop::sample::select(METRICS).prop_map(|(_, metric)| metric),
        ]
    }

    proptest! {
        #[test]
        fn a_rule_is_read_back_as_shown(
            scope in scopes(),
            metric in metrics(),
            op in prop::sample::select(OPS),
            amount in 1u32..100,
            over in prop::option::of(1u32..100),
        ) {
            prop_assume!(!(scope.is_of_exchanges() && metric.is_of_iterations_only()));
            let text = match metric {
                Metric::Percentile(_) | Metric::Mean | Metric::Max => format!("{amount}ms"),
                Metric::CompletedRate => format!("{amount}/min"),
                _ => format!("{amount}%"),
            };
            let limit = metric.limit(&text).unwrap();
            let over = over.map(|s| Written::read(&format!("{s}s")).unwrap());
            let rule = Rule { scope, metric, op: op.1, limit, over };
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule.clone()), "{}", rule);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Rule>();
        }
    }

    #[test]
    fn rules_are_shown_in_one_spelling() {
        for (written, shown) in [
            ("sign-on.p95 < 800ms over 1m", "sign-on.p95 < 800ms over 1m"),
            ("p(95)<800ms", "p95 < 800ms"),
            ("p(99.9)<=2s", "p99.9 <= 2s"),
            ("register/open registration.p99.9<1s", "register/open registration.p99.9 < 1s"),
            ("capability:c submit SIGN ON.max < 2s", "capability:c submit SIGN ON.max < 2s"),
            ("variant:v1.mean < 300ms", "variant:v1.mean < 300ms"),
            ("rate-limited > 1% over 10s", "fault:rate-limited > 1% over 10s"),
            ("sign-on.fault:http-5xx <= 0%", "sign-on.fault:http-5xx <= 0%"),
            ("completed-rate >= 1200/min", "completed-rate >= 1200/min"),
            ("drift(p95) < 5%", "drift(p95) < 5%"),
            ("sign-on.med < 1s", "sign-on.p50 < 1s"),
            ("avg<1s", "mean < 1s"),
        ] {
            assert_eq!(written.parse::<Rule>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn messages_name_the_mistake_and_the_way_out() {
        let message = |text: &str| {
            let error = text.parse::<Rule>().unwrap_err();
            format!("{error}\n  {}\n", error.remedy().unwrap_or_default())
        };
        let texts = [
            "sign-on.p95",
            "p(95)<800",
            "faults < 1",
            "sign-on.fautls < 1%",
            "p195 < 1s",
            "/step.p95 < 1s",
            "capability:x.dropped < 1%",
            "p95 < 1s over 5",
            "p95 < 1s over 0s",
            "completed-rate > 20",
            "p95 < 800ms for 1m",
            "sign-on.faults < 1% in 10s",
            "P95 < 2s",
            "sign-on.P99.9 < 2s",
            "FAULTS < 1%",
            "sign-on/credentials p95 < 2s",
            "capability:token submit p99.9 < 2s",
        ];
        insta::assert_snapshot!(texts.map(message).concat(), @"
`sign-on.p95` compares nothing
  write `[scope.]metric op limit`, such as `sign-on.p95 < 800ms`
`p(95)<800`: `800` is not a duration
  write it with its unit, such as `250ms`, `30s` or `5m`
`faults < 1`: `1` is not a share
  write it with its unit, such as `1.5%`
`sign-on.fautls < 1%` has no metric: `fautls` is none
  did you mean `faults`? There are `p50 … p99.9`, `mean`, `max`, `faults`, `fault:SLUG`, `completed-rate`, `dropped`, `drift(p95)`
`p195 < 1s` has no metric: `p195` is none
  there are `p50 … p99.9`, `mean`, `max`, `faults`, `fault:SLUG`, `completed-rate`, `dropped`, `drift(p95)`
`/step.p95 < 1s` has no scope: `/step` is none
  write `journey`, `journey/step`, `capability:NAME`, `capability:NAME submit ACTION` or `variant:NAME`
`capability:x.dropped < 1%`: exchanges are neither due nor dropped
  use it with a journey, a variant or without a scope
`p95 < 1s over 5`: `5` is not a duration
  write it with its unit, such as `250ms`, `30s` or `5m`
`p95 < 1s over 0s` looks at no time at all
  write it like `over 1m`, or leave it out
`completed-rate > 20`: `20` is not a rate
  write it with its unit, such as `40/s`, `600/min` or `60000/h`
`p95 < 800ms for 1m`: a length of time stands behind `over`, not `for`
  write `p95 < 800ms over 1m`
`sign-on.faults < 1% in 10s`: a length of time stands behind `over`, not `in`
  write `sign-on.faults < 1% over 10s`
`P95 < 2s` has no metric: `P95` is none
  did you mean `p95`? There are `p50 … p99.9`, `mean`, `max`, `faults`, `fault:SLUG`, `completed-rate`, `dropped`, `drift(p95)`
`sign-on.P99.9 < 2s` has no metric: `P99.9` is none
  did you mean `p99.9`? There are `p50 … p99.9`, `mean`, `max`, `faults`, `fault:SLUG`, `completed-rate`, `dropped`, `drift(p95)`
`FAULTS < 1%` has no metric: `FAULTS` is none
  did you mean `faults`? There are `p50 … p99.9`, `mean`, `max`, `faults`, `fault:SLUG`, `completed-rate`, `dropped`, `drift(p95)`
`sign-on/credentials p95 < 2s` has no metric: `sign-on/credentials p95` is none
  write a dot before the metric: `sign-on/credentials.p95`
`capability:token submit p99.9 < 2s` has no metric: `capability:token submit p99.9` is none
  write a dot before the metric: `capability:token submit.p99.9`
");
    }

    #[test]
    fn a_rule_that_names_nothing_known_says_what_is() {
        let known = Known {
            journeys: [("sign-on".into(), vec!["credentials".into(), "verify".into()])].into(),
            variants: vec!["v1".into()],
            capabilities: None,
        };
        let check = |text: &str, known: &Known| text.parse::<Rule>().unwrap().check(known);
        for fine in
            ["p95 < 1s", "sign-on.p95 < 1s", "sign-on/verify.p95 < 1s", "variant:v1.max < 1s"]
        {
            assert_eq!(check(fine, &known), Ok(()));
        }
        assert_eq!(check("capability:any.p95 < 1s", &known), Ok(()));
        let error = check("sing-on.p95 < 1s", &known).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sing-on.p95 < 1s` names nothing known: the run has no journey `sing-on`, only `sign-on`"
        );
        assert_eq!(error.remedy().unwrap(), "did you mean `sign-on`?");
        let error = check("sign-on/password.p95 < 1s", &known).unwrap_err();
        assert_eq!(error.remedy().unwrap(), "name one of `credentials`, `verify`");
        assert!(check("variant:v2.p95 < 1s", &known).is_err());
        let seen = Known { capabilities: Some(vec!["customHTMLTemplate".into()]), ..known };
        assert!(check("capability:any.p95 < 1s", &seen).is_err());
    }
}
