//! Intervals as messages that are small enough, and put together again without any loss.

use super::message::{LARGEST, Piece};
use crate::measure::timeline::{Interval, JourneyLine, Line};
use crate::result::interval_log::{LogError, LogText, read};
use std::collections::BTreeMap;

/// Room for what stands around a piece in its message, and for characters that are written as two.
const ROOM: usize = LARGEST - (64 << 10);

/// The most pieces of an interval. Hundreds of journeys of dozens of variants are far from it.
const MOST: u32 = 256;

/// Cuts intervals into pieces.
#[derive(Default)]
pub struct Cutter {
    text: LogText,
}

impl Cutter {
    /// The pieces of an interval, in order: at least one.
    pub fn cut(&mut self, interval: &Interval) -> Vec<Piece> {
        self.cut_at(interval, ROOM)
    }

    fn cut_at(&mut self, interval: &Interval, room: usize) -> Vec<Piece> {
        let Line { journeys, .. } = &interval.line;
        let line = Line { journeys: Vec::new(), ..interval.line.clone() };
        let mut packer = Packer { room, ..Packer::default() };
        let size = size_of(&line);
        packer.open(size).line = Some(line);
        for journey in journeys {
            packer.open(size_of(journey)).journeys.push(journey.clone());
        }
        let span_ms = (interval.line.start_ms, interval.line.end_ms);
        for (key, times) in &interval.series {
            let mut text = Vec::new();
            self.text.line(key, times, span_ms, &mut text);
            // A log is ASCII but for the tag, which is encoded.
            let text = String::from_utf8_lossy(&text);
            packer.open(text.len() + 2).histograms.push_str(&text);
        }
        for sample in &interval.failing {
            packer.open(size_of(sample)).failing.push(sample.clone());
        }
        let pieces = packer.pieces;
        let all = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        let numbered = (0..).zip(pieces).map(|(piece, of)| Piece {
            interval: interval.line.interval,
            piece,
            pieces: all,
            ..of
        });
        numbered.collect()
    }
}

/// Fills one piece after the other.
#[derive(Default)]
struct Packer {
    pieces: Vec<Piece>,
    room: usize,
    used: usize,
}

impl Packer {
    /// The piece that takes so many bytes more.
    fn open(&mut self, bytes: usize) -> &mut Piece {
        if self.pieces.is_empty() || (self.used > 0 && self.used + bytes > self.room) {
            self.pieces.push(Piece::default());
            self.used = 0;
        }
        self.used += bytes;
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }
}

fn size_of<T: serde::Serialize>(value: &T) -> usize {
    serde_json::to_vec(value).map_or(0, |text| text.len() + 1)
}

/// Why pieces make no interval.
#[derive(Debug, thiserror::Error)]
pub enum PiecesError {
    /// They do not follow each other.
    #[error("piece {piece} of interval {interval} came where another was to come")]
    OutOfTurn {
        /// Of which interval.
        interval: u64,
        /// The piece.
        piece: u32,
    },
    /// The first has no line.
    #[error("interval {interval} came without its counters")]
    NoLine {
        /// Which one.
        interval: u64,
    },
    /// Its histograms are none.
    #[error("the histograms of interval {interval} cannot be read")]
    Histograms {
        /// Which one.
        interval: u64,
        /// What is wrong.
        source: LogError,
    },
}

/// Puts pieces together.
#[derive(Debug, Default)]
pub struct Gatherer {
    open: Option<(Piece, Line)>,
    journeys: Vec<JourneyLine>,
    histograms: String,
    failing: Vec<crate::measure::failing::FaultSample>,
}

impl Gatherer {
    /// Takes the next piece. With the last one the interval is whole. After an error the first piece of an interval
    /// begins anew.
    pub fn take(&mut self, piece: Piece) -> Result<Option<Interval>, PiecesError> {
        let (interval, number) = (piece.interval, piece.piece);
        let fits = match &self.open {
            None => number == 0 && (1..=MOST).contains(&piece.pieces),
            Some((last, _)) => {
                (interval, number, piece.pieces) == (last.interval, last.piece + 1, last.pieces)
            }
        };
        if !fits {
            *self = Self::default();
            return Err(PiecesError::OutOfTurn { interval, piece: number });
        }
        let Piece { line, journeys, histograms, failing, pieces, .. } = piece;
        let bare = Piece { interval, piece: number, pieces, ..Piece::default() };
        let line = match (self.open.take(), line) {
            (Some((_, line)), _) => line,
            (None, Some(line)) if line.interval == interval => line,
            (None, _) => {
                *self = Self::default();
                return Err(PiecesError::NoLine { interval });
            }
        };
        self.journeys.extend(journeys);
        self.histograms.push_str(&histograms);
        self.failing.extend(failing);
        if number + 1 < pieces {
            self.open = Some((bare, line));
            return Ok(None);
        }
        let Self { journeys, histograms, failing, .. } = std::mem::take(self);
        let series =
            series(&histograms).map_err(|source| PiecesError::Histograms { interval, source })?;
        let line = Line { journeys, ..line };
        Ok(Some(Interval { line, series, failing }))
    }
}

type Series =
    BTreeMap<std::sync::Arc<crate::measure::series::SeriesKey>, crate::measure::histogram::Times>;

fn series(histograms: &str) -> Result<Series, LogError> {
    let mut series = Series::new();
    read(histograms.as_bytes(), |entry| {
        match series.get_mut(&entry.key) {
            None => drop(series.insert(entry.key, entry.times)),
            Some(times) => times.add(&entry.times),
        };
    })?;
    Ok(series)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::measure::failing::FaultSample;
    use crate::measure::fault::Fault;
    use crate::measure::histogram::Times;
    use crate::measure::series::{Kind, Outcome, Phase, SeriesKey};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// An interval of so many journeys with these times.
    pub(in crate::cluster) fn interval(number: u64, journeys: u64, times_us: &[u64]) -> Interval {
        let mut series = BTreeMap::new();
        let mut rows = Vec::new();
        let mut failing = Vec::new();
        for journey in 0..journeys {
            let name = format!("journey ü{journey}");
            let kind = Kind::Exchange;
            let key =
                SeriesKey::of_journey(Phase::Measured, &"v1".into(), &name.as_str().into(), kind);
            let key = Arc::new(SeriesKey { outcome: Some(Outcome::Advanced), ..key });
            let mut times = Times::new(key.bounds());
            times_us.iter().for_each(|time| times.record(*time + journey));
            if !times.is_empty() {
                series.insert(key, times);
            }
            let row = serde_json::json!({
                "phase": "measured", "variant": "v1", "journey": name, "due": times_us.len() + 1,
                "completed": times_us.len(), "faults": { "reset": 1 },
            });
            rows.push(serde_json::from_value(row).unwrap());
            failing.push(FaultSample {
                at_us: number * 1_000_000 + journey,
                iteration: journey,
                variant: "v1".into(),
                journey: name.into(),
                step: "".into(),
                capability: "".into(),
                event: String::new(),
                action: String::new(),
                fault: Fault::Reset,
                status: None,
                call_id: None,
                detail: "\"quoted\"\n".to_owned(),
            });
        }
        let line = Line {
            schema_version: 1,
            interval: number,
            start_ms: number * 1000,
            end_ms: number * 1000 + 1000,
            measured_ms: 1000,
            journeys: rows,
            ..Line::default()
        };
        Interval { line, series, failing }
    }

    fn gathered(pieces: Vec<Piece>) -> Option<Interval> {
        let mut gatherer = Gatherer::default();
        let mut whole = None;
        for piece in pieces {
            assert!(whole.is_none(), "a piece behind the last");
            whole = gatherer.take(piece).unwrap();
        }
        whole
    }

    #[test]
    fn a_large_interval_is_many_messages_and_none_is_too_large() {
        let interval = interval(7, 2000, &[1, 20_000, 3_000_000, 70_000_000]);
        let pieces = Cutter::default().cut(&interval);
        assert!(pieces.len() > 1, "{}", pieces.len());
        for piece in &pieces {
            let size = serde_json::to_vec(piece).unwrap().len();
            assert!(size < LARGEST, "{size}");
        }
        assert_eq!(gathered(pieces), Some(interval));
    }

    #[test]
    fn what_is_out_of_turn_is_refused_and_what_follows_is_read() {
        let interval = interval(7, 30, &[5]);
        let pieces = Cutter::default().cut_at(&interval, 600);
        let mut gatherer = Gatherer::default();
        gatherer.take(pieces[0].clone()).unwrap();
        let error = gatherer.take(pieces[2].clone()).unwrap_err();
        assert_eq!(error.to_string(), "piece 2 of interval 7 came where another was to come");
        let whole = pieces.into_iter().filter_map(|piece| gatherer.take(piece).unwrap()).last();
        assert_eq!(whole, Some(interval));
        let no_line = Piece { pieces: 1, ..Piece::default() };
        assert!(matches!(gatherer.take(no_line), Err(PiecesError::NoLine { interval: 0 })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_cut_is_put_together_again(
            journeys in 0u64..9,
            times in prop::collection::vec(1u64..100_000_000, 0..20),
            room in 1usize..5000,
        ) {
            let interval = interval(3, journeys, &times);
            let pieces = Cutter::default().cut_at(&interval, room);
            prop_assert_eq!(gathered(pieces), Some(interval));
        }

        #[test]
        fn any_text_of_histograms_is_read_without_panic(text in ".{0,200}") {
            let piece = Piece {
                pieces: 1,
                line: Some(Line::default()),
                histograms: format!("{text}\n"),
                ..Piece::default()
            };
            let _ = Gatherer::default().take(piece);
        }
    }
}
