//! What one histogram is about, and its spelling as the tag of an interval log.

use super::fault::Fault;
use super::histogram::Bounds;
use crate::base::names::{Capability, Journey, Step, Variant};
use crate::base::remedy::Remedy;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The part of a run that an iteration belongs to, with all its samples: the one of its due time.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Load is on, nothing is judged.
    WarmUp,
    /// What the summary is about.
    Measured,
    /// Due after the measured part: only what a late stop lets through.
    Drain,
}

const PHASES: &[(Phase, &str)] =
    &[(Phase::WarmUp, "warm-up"), (Phase::Measured, "measured"), (Phase::Drain, "drain")];

impl Phase {
    /// How many there are.
    pub const COUNT: usize = PHASES.len();

    /// Its name in tags.
    pub fn slug(self) -> &'static str {
        slug_of(PHASES, self)
    }
}

/// When the phases of a run change, counted from its start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Phases {
    /// End of the warm-up.
    pub warm_up_ends: Duration,
    /// End of the measured part; none while the run ends by something else than time.
    pub measured_ends: Option<Duration>,
}

impl Phases {
    /// The same phases for who counts from a moment that was so much earlier.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self {
            warm_up_ends: self.warm_up_ends + by,
            measured_ends: self.measured_ends.map(|ends| ends.saturating_add(by)),
        }
    }

    /// The phase of a moment: a due time, counted from the start of the run.
    pub fn of(&self, moment: Duration) -> Phase {
        if moment < self.warm_up_ends {
            Phase::WarmUp
        } else if self.measured_ends.is_none_or(|end| moment < end) {
            Phase::Measured
        } else {
            Phase::Drain
        }
    }

    /// How much of the time between two moments is measured.
    pub fn measured_between(&self, start: Duration, end: Duration) -> Duration {
        let end = self.measured_ends.map_or(end, |measured_ends| end.min(measured_ends));
        end.saturating_sub(start.max(self.warm_up_ends))
    }
}

/// What was timed. Times are microseconds throughout.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Service time of an exchange: handed to an open connection → last byte read.
    Exchange,
    /// Response time of a completed iteration: lag, service and connect times, gander's own time.
    Response,
    /// The same without lag.
    Service,
    /// Wall time of a completed iteration.
    Elapsed,
    /// Setting up a connection: its three parts together.
    Connect,
    /// The part of it that went into finding the address.
    ConnectName,
    /// The part of it that went into TCP, and into a proxy's CONNECT.
    ConnectTcp,
    /// The part of it that went into the TLS handshake.
    ConnectTls,
    /// Handed to an open connection → first byte read.
    FirstByte,
    /// Waiting for a one-time code.
    CodeWait,
    /// The pauses that the tenant asks for between polls.
    PollWait,
    /// Think time.
    Think,
    /// Due → first request sent.
    Lag,
    /// Due → taken up by the dispatcher: the generator's own part of the lag.
    DispatchLag,
    /// An `OPTIONS` exchange that a browser would make.
    Preflight,
    /// A call of the management API.
    Management,
    /// How late the generator's own timer was, every 10 ms of the run.
    SchedulerLag,
}

const KINDS: &[(Kind, &str)] = &[
    (Kind::Exchange, "exchange"),
    (Kind::Response, "response"),
    (Kind::Service, "service"),
    (Kind::Elapsed, "elapsed"),
    (Kind::Connect, "connect"),
    (Kind::ConnectName, "connect-name"),
    (Kind::ConnectTcp, "connect-tcp"),
    (Kind::ConnectTls, "connect-tls"),
    (Kind::FirstByte, "first-byte"),
    (Kind::CodeWait, "code-wait"),
    (Kind::PollWait, "poll-wait"),
    (Kind::Think, "think"),
    (Kind::Lag, "lag"),
    (Kind::DispatchLag, "dispatch-lag"),
    (Kind::Preflight, "preflight"),
    (Kind::Management, "management"),
    (Kind::SchedulerLag, "scheduler-lag"),
];

impl Kind {
    /// How many there are.
    pub const COUNT: usize = KINDS.len();

    /// All of them, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, _)| *kind)
    }

    /// Its name in tags and reports.
    pub fn slug(self) -> &'static str {
        slug_of(KINDS, self)
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// The flow went on, or the call outside a flow gave what it is for.
    Advanced,
    /// The answer was turned down, and the rule expected that.
    Refused,
    /// Anything else.
    Fault(Fault),
}

impl Outcome {
    /// How many there are; [`Outcome::index`] is smaller.
    pub const COUNT: usize = Fault::COUNT + 2;

    /// A number for tables.
    pub const fn index(self) -> usize {
        match self {
            Self::Advanced => 0,
            Self::Refused => 1,
            Self::Fault(fault) => 2 + fault as usize,
        }
    }

    /// Its name in tags. `refused-as-expected` is apart from the fault `refused`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Advanced => "advanced",
            Self::Refused => "refused-as-expected",
            Self::Fault(fault) => fault.slug(),
        }
    }

    /// The fault, if it is one.
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            Self::Advanced | Self::Refused => None,
        }
    }
}

/// What one histogram is about. Sorting by it gives the order of every report.
///
/// Names that do not apply are empty: a journey's times have no step, a management call no journey.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SeriesKey {
    /// The phase of the iteration's due time.
    pub phase: Phase,
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the user wanted to achieve.
    pub journey: Journey,
    /// Where in the journey: the name of the rule that answered.
    pub step: Step,
    /// What the tenant was doing.
    pub capability: Capability,
    /// The event type of the answer, `submit` or `action`; empty for calls outside a flow.
    pub event: Arc<str>,
    /// The key of the action taken; empty for calls outside a flow.
    pub action: Arc<str>,
    /// How the exchange ended; none for everything that is not an exchange.
    pub outcome: Option<Outcome>,
    /// What was timed.
    pub kind: Kind,
}

impl SeriesKey {
    /// A key of a journey's own times, or of the waits inside it.
    pub fn of_journey(phase: Phase, variant: &Variant, journey: &Journey, kind: Kind) -> Self {
        Self {
            phase,
            variant: variant.clone(),
            journey: journey.clone(),
            step: Step::from(""),
            capability: Capability::from(""),
            event: "".into(),
            action: "".into(),
            outcome: None,
            kind,
        }
    }

    /// The range and resolution of its histogram.
    ///
    /// Faults are kept coarser: their times are never summed up, their number is what counts, and
    /// a rare fault should not cost as much memory as the samples it disturbs.
    pub const fn bounds(&self) -> Bounds {
        match (self.kind, self.outcome) {
            (_, Some(Outcome::Fault(_))) => Bounds::Coarse,
            (Kind::Exchange | Kind::Connect | Kind::FirstByte, _)
            | (Kind::ConnectName | Kind::ConnectTcp | Kind::ConnectTls, _)
            | (Kind::Preflight | Kind::Management, _) => Bounds::Exchange,
            _ => Bounds::Journey,
        }
    }
}

/// Characters that stay as they are in a tag. Everything else, commas, white space, control
/// characters and the separator included, is percent-encoded.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `phase/variant/journey/step/capability/event/action/outcome/kind`, percent-encoded.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            self.variant.as_str(),
            self.journey.as_str(),
            self.step.as_str(),
            self.capability.as_str(),
            &self.event,
            &self.action,
        ];
        f.write_str(self.phase.slug())?;
        for name in names {
            write!(f, "/{}", utf8_percent_encode(name, KEPT))?;
        }
        write!(f, "/{}/{}", self.outcome.map_or("", Outcome::slug), self.kind.slug())
    }
}

/// Why a text is not a tag of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TagError {
    /// Not nine parts.
    #[error("the tag has {found} parts, not 9")]
    Parts {
        /// How many there are.
        found: usize,
    },
    /// A part with a fixed set of words holds another one.
    #[error("the tag's {part} is `{word}`")]
    Unknown {
        /// Which part.
        part: &'static str,
        /// What it holds.
        word: String,
    },
    /// A name that is not UTF-8 once decoded.
    #[error("the tag's {part} is not text")]
    NotText {
        /// Which part.
        part: &'static str,
    },
}

impl Remedy for TagError {
    fn remedy(&self) -> Option<String> {
        Some(
            "read the log with the version of gander that wrote it; `run.json` names it".to_owned(),
        )
    }
}

impl FromStr for SeriesKey {
    type Err = TagError;

    fn from_str(tag: &str) -> Result<Self, TagError> {
        let parts: Vec<_> = tag.split('/').collect();
        let &[phase, variant, journey, step, capability, event, action, outcome, kind] =
            parts.as_slice()
        else {
            return Err(TagError::Parts { found: parts.len() });
        };
        Ok(Self {
            phase: word_of(PHASES, phase, "phase")?,
            variant: name(variant, "variant")?.into(),
            journey: name(journey, "journey")?.into(),
            step: name(step, "step")?.into(),
            capability: name(capability, "capability")?.into(),
            event: name(event, "event")?.into(),
            action: name(action, "action")?.into(),
            outcome: read_outcome(outcome)?,
            kind: word_of(KINDS, kind, "kind")?,
        })
    }
}

fn read_outcome(word: &str) -> Result<Option<Outcome>, TagError> {
    let unknown = || TagError::Unknown { part: "outcome", word: word.to_owned() };
    Ok(match word {
        "" => None,
        word if word == Outcome::Advanced.slug() => Some(Outcome::Advanced),
        word if word == Outcome::Refused.slug() => Some(Outcome::Refused),
        slug => Some(Outcome::Fault(slug.parse().map_err(|_| unknown())?)),
    })
}

fn name(encoded: &str, part: &'static str) -> Result<String, TagError> {
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map(Into::into).map_err(|_| TagError::NotText { part })
}

fn slug_of<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(known, _)| *known == value).map_or("", |(_, slug)| slug)
}

fn word_of<T: Copy>(
    table: &[(T, &'static str)],
    word: &str,
    part: &'static str,
) -> Result<T, TagError> {
    let found = table.iter().find(|(_, slug)| *slug == word);
    found.map(|(value, _)| *value).ok_or_else(|| TagError::Unknown { part, word: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(names: &[String; 6], outcome: Option<usize>, kind: usize, phase: usize) -> SeriesKey {
        let outcomes: Vec<_> = [Outcome::Advanced, Outcome::Refused]
            .into_iter()
            .chain(Fault::all().map(Outcome::Fault))
            .collect();
        let [variant, journey, step, capability, event, action] = names.clone();
        SeriesKey {
            phase: PHASES[phase].0,
            variant: variant.into(),
            journey: journey.into(),
            step: step.into(),
            capability: capability.into(),
            event: event.into(),
            action: action.into(),
            outcome: outcome.map(|index| outcomes[index]),
            kind: KINDS[kind].0,
        }
    }

    proptest! {
        #[test]
        fn a_tag_is_read_back_and_holds_nothing_that_a_log_forbids(
            names in prop::array::uniform6(any::<String>()),
            outcome in prop::option::of(0..Outcome::COUNT),
            kind in 0..Kind::COUNT,
            phase in 0..Phase::COUNT,
        ) {
            let key = key(&names, outcome, kind, phase);
            let tag = key.to_string();
            prop_assert!(tag.chars().all(|c| c.is_ascii_graphic() && c != ','), "{}", tag);
            prop_assert_eq!(tag.parse::<SeriesKey>().unwrap(), key);
        }

        #[test]
        fn reading_any_text_as_a_tag_does_not_panic(text in ".*") {
            let _ = text.parse::<SeriesKey>();
        }
    }

    #[test]
    fn a_tag_reads_as_the_path_to_a_sample() {
        let names = ["v1", "sign-on", "my step, 2", "customHTMLTemplate", "submit", "SIGNON"];
        let key = key(&names.map(str::to_owned), Some(0), 0, 1);
        assert_eq!(
            key.to_string(),
            "measured/v1/sign-on/my%20step%2C%202/customHTMLTemplate/submit/SIGNON/advanced/exchange"
        );
        let response =
            SeriesKey::of_journey(Phase::WarmUp, &"v1".into(), &"sign-on".into(), Kind::Response);
        assert_eq!(response.to_string(), "warm-up/v1/sign-on//////response");
    }

    #[test]
    fn what_is_not_a_tag_is_named() {
        for (tag, message) in [
            ("measured/v1", "the tag has 2 parts, not 9"),
            ("lunch/v/j/s/c/e/a/advanced/exchange", "the tag's phase is `lunch`"),
            ("measured/v/j/s/c/e/a/well/exchange", "the tag's outcome is `well`"),
            ("measured/v/j/s/c/e/a/advanced/smell", "the tag's kind is `smell`"),
            ("measured/%FF/j/s/c/e/a/advanced/exchange", "the tag's variant is not text"),
        ] {
            assert_eq!(tag.parse::<SeriesKey>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn outcomes_are_numbered_without_gaps() {
        let all = [Outcome::Advanced, Outcome::Refused]
            .into_iter()
            .chain(Fault::all().map(Outcome::Fault));
        assert!(all.map(Outcome::index).eq(0..Outcome::COUNT));
    }

    #[test]
    fn a_moment_belongs_to_one_phase() {
        let s = Duration::from_secs;
        let phases = Phases { warm_up_ends: s(3), measured_ends: Some(s(10)) };
        for (moment, phase) in
            [(0, Phase::WarmUp), (3, Phase::Measured), (9, Phase::Measured), (10, Phase::Drain)]
        {
            assert_eq!(phases.of(s(moment)), phase, "{moment}");
        }
        assert_eq!(phases.measured_between(s(2), s(5)), s(2));
        assert_eq!(phases.measured_between(s(9), s(12)), s(1));
        assert_eq!(phases.measured_between(s(0), s(2)), s(0));
        let endless = Phases { warm_up_ends: s(0), measured_ends: None };
        assert_eq!(endless.of(s(1_000_000)), Phase::Measured);
    }
}
