//! What the performer of a journey hands over: one exchange, one wait, one ended iteration.

use super::catalogue::{RowId, StepId};
use super::fault::Fault;
use super::series::{Kind, Outcome};
use std::time::Duration;

/// One exchange: an HTTP request and its reply, or the lack of one.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Handed to an open connection → last byte read, or → the fault.
    pub service: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// How long its connection took, where one was made for it.
    pub connect: Option<Connect>,
    /// Handed to an open connection → first byte read, where one came.
    pub first_byte: Option<Duration>,
}

/// How long setting up a connection took, part by part.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Connect {
    /// Finding the address.
    pub name: Duration,
    /// Opening the TCP connection, and a proxy's way through it.
    pub tcp: Duration,
    /// The TLS handshake; none over plain HTTP.
    pub tls: Option<Duration>,
}

impl Connect {
    /// The whole and its parts, each with the series it belongs to.
    pub fn series(self) -> impl Iterator<Item = (Kind, Duration)> {
        let whole = self.name + self.tcp + self.tls.unwrap_or_default();
        let parts = [
            (Kind::Connect, Some(whole)),
            (Kind::ConnectName, Some(self.name)),
            (Kind::ConnectTcp, Some(self.tcp)),
            (Kind::ConnectTls, self.tls),
        ];
        parts.into_iter().filter_map(|(kind, time)| Some((kind, time?)))
    }
}

/// How an iteration ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It reached the journey's goal.
    Completed,
    /// It did not. [`Fault::CutOff`] here is the same as [`Ending::CutOff`].
    Failed(Fault),
    /// Nobody was free to perform it in time.
    Dropped,
    /// The drain or an interrupt ended it.
    CutOff,
}

impl Ending {
    /// The fault it left the funnel with; none when completed. A dropped iteration never entered.
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Completed | Self::Dropped => None,
            Self::Failed(fault) => Some(fault),
            Self::CutOff => Some(Fault::CutOff),
        }
    }
}

/// One ended iteration.
#[derive(Clone, Copy, Debug)]
pub struct Iteration<'a> {
    /// Its number in the run; decides whether it becomes an exemplar.
    pub index: u64,
    /// When it was due, counted from the start of the run.
    pub due: Duration,
    /// Lag, service and connect times of all exchanges, gander's own time between them.
    pub response: Duration,
    /// The same without lag.
    pub service: Duration,
    /// Wall time.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
    /// The steps it reached, in order; a step may come again. It ended at the last one.
    pub steps: &'a [StepId],
    /// Its exchanges in order, for exemplars.
    pub exchanges: &'a [Traced],
}

/// One exchange of an iteration, as an exemplar keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    /// Which series it went to.
    pub row: RowId,
    /// When it was sent, counted from the due time.
    pub sent: Duration,
    /// Its service time.
    pub service: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Whole microseconds of a duration; the greatest number for one that has more.
pub fn micros(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_timed_as_a_whole_and_in_parts() {
        let ms = Duration::from_millis;
        let plain = Connect { name: ms(1), tcp: ms(2), tls: None };
        let secure = Connect { tls: Some(ms(4)), ..plain };
        let of = |connect: Connect| connect.series().collect::<Vec<_>>();
        let (name, tcp) = ((Kind::ConnectName, ms(1)), (Kind::ConnectTcp, ms(2)));
        assert_eq!(of(plain), [(Kind::Connect, ms(3)), name, tcp]);
        assert_eq!(of(secure), [(Kind::Connect, ms(7)), name, tcp, (Kind::ConnectTls, ms(4))]);
    }

    #[test]
    fn microseconds_are_whole_and_bounded() {
        assert_eq!(micros(Duration::from_nanos(1_500_999)), 1500);
        assert_eq!(micros(Duration::MAX), u64::MAX);
    }
}
