//! Which messages of the stream are of the run. Whoever may publish there can write anything: what no agent of the run can
//! have written is left out, counted, and told of once.

use super::journal::Journal;
use super::message::{MessageError, News, Piece, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// So far ahead of us an agent may be: its clock is known well, but a resumed conductor's own may have been set.
const AHEAD: Duration = Duration::from_secs(600);

/// The most that a counter of an interval can say: three million a second for a day and more.
const MOST: u64 = 1 << 48;

/// The most names that are told of.
const MOST_NAMES: usize = 3;

/// Why a message is none of the run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Odd {
    /// It cannot be read.
    Unreadable,
    /// It was written by a gander that knows more.
    Newer,
    /// It is about another run.
    OtherRun,
    /// Its agent is none of the run.
    Stranger,
    /// Its agent is of the run, but another process.
    OtherProcess,
    /// Nothing that an agent does makes it.
    Impossible,
}

impl Odd {
    /// Why a message could not be read.
    pub const fn of(error: &MessageError) -> Self {
        match error {
            MessageError::NotOne { .. } => Self::Unreadable,
            MessageError::Newer { .. } => Self::Newer,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "cannot be read",
            Self::Newer => "of a newer gander",
            Self::OtherRun => "about another run",
            Self::Stranger => "of an agent that is not of the run",
            Self::OtherProcess => "of another process that has an agent's name",
            Self::Impossible => "of what cannot be",
        }
    }
}

/// The place of the agent that tells it, if it can be of the run, which has been going on for so long.
pub fn admit(report: &Report, journal: &Journal, elapsed: Duration) -> Result<usize, Odd> {
    if report.run != journal.plan.run {
        return Err(Odd::OtherRun);
    }
    let mut members = journal.members.iter().enumerate();
    let (agent, member) =
        members.find(|(_, member)| member.name == report.agent).ok_or(Odd::Stranger)?;
    if member.instance != report.instance {
        return Err(Odd::OtherProcess);
    }
    let can_be = match &report.news {
        News::Begun(record) | News::Ended(record) => {
            record.run_id == journal.plan.run && record.seed == journal.plan.seed
        }
        News::Interval(piece) => is_possible(piece, elapsed),
        News::Exemplars(_) | News::Ledger(_) => true,
    };
    if can_be { Ok(agent) } else { Err(Odd::Impossible) }
}

/// Whether an interval can have been: what is late by years would be shown as years of nothing.
fn is_possible(piece: &Piece, elapsed: Duration) -> bool {
    let latest = u64::try_from((elapsed + AHEAD).as_millis()).unwrap_or(u64::MAX);
    let is_in_time = piece.line.as_ref().is_none_or(|line| {
        line.start_ms <= line.end_ms && line.end_ms <= latest && line.measured_ms <= MOST
    });
    let fits = |count: u64| count <= MOST;
    is_in_time
        && piece.journeys.iter().all(|row| {
            [row.due, row.completed, row.dropped, row.cut_off, row.lost].into_iter().all(fits)
        })
}

/// How many messages were left out, and why.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    counts: BTreeMap<Odd, u64>,
    names: BTreeSet<String>,
}

impl LeftOut {
    /// One more, of whom if that is known.
    pub fn note(&mut self, odd: Odd, of: Option<&str>) {
        *self.counts.entry(odd).or_default() += 1;
        if let Some(name) = of.filter(|_| self.names.len() < MOST_NAMES) {
            self.names.insert(name.to_owned());
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let messages = if total == 1 { "message" } else { "messages" };
        write!(f, "{total} {messages} that no agent of the run can have written")?;
        let mut before = " (";
        for (odd, count) in &self.counts {
            write!(f, "{before}{count} {}", odd.words())?;
            before = ", ";
        }
        if !self.counts.is_empty() {
            f.write_str(")")?;
        }
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
            write!(f, " in the name of {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::tests::journal;
    use super::super::message::{LedgerPart, SCHEMA_VERSION};
    use super::*;
    use crate::measure::timeline::Line;

    fn report(news: News) -> Report {
        Report {
            schema_version: SCHEMA_VERSION,
            run: "r1".into(),
            agent: "b".parse().unwrap(),
            instance: 8,
            sequence: 0,
            news,
        }
    }

    fn ledger() -> News {
        News::Ledger(LedgerPart { after: 0, lines: vec!["{}".to_owned()] })
    }

    #[test]
    fn only_what_an_agent_of_the_run_can_have_told_is_of_it() {
        let journal = journal();
        let of = |report: &Report| admit(report, &journal, Duration::from_secs(60));
        assert_eq!(of(&report(ledger())), Ok(1));
        assert_eq!(of(&Report { run: "r2".into(), ..report(ledger()) }), Err(Odd::OtherRun));
        let ghost = Report { agent: "ghost".parse().unwrap(), ..report(ledger()) };
        assert_eq!(of(&ghost), Err(Odd::Stranger));
        assert_eq!(of(&Report { instance: 9, ..report(ledger()) }), Err(Odd::OtherProcess));
        let at = |start_ms, end_ms| {
            let line = Some(Line { start_ms, end_ms, ..Line::default() });
            report(News::Interval(Box::new(Piece { pieces: 1, line, ..Piece::default() })))
        };
        assert_eq!(of(&at(59_000, 60_020)), Ok(1));
        for (start_ms, end_ms) in [(2000, 1000), (0, u64::MAX), (0, 3_600_000)] {
            assert_eq!(of(&at(start_ms, end_ms)), Err(Odd::Impossible), "{start_ms} {end_ms}");
        }
    }

    #[test]
    fn what_was_left_out_is_told_in_a_line() {
        let mut left_out = LeftOut::default();
        left_out.note(Odd::Unreadable, None);
        for name in ["ghost", "ghost", "x", "y", "z"] {
            left_out.note(Odd::Stranger, Some(name));
        }
        assert_eq!(
            left_out.to_string(),
            "6 messages that no agent of the run can have written (1 cannot be read, 5 of an agent that is not of the \
             run) in the name of `ghost`, `x`, `y`"
        );
    }
}
