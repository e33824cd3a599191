//! `HdrHistogram` interval logs, version 1.3: one tagged line for each series and window.

use super::lines::{LONGEST_LINE, Next, next_line};
use super::unpack::Unpacker;
use crate::measure::histogram::{Bounds, Times};
use crate::measure::series::{SeriesKey, TagError};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Makes the text of a log. Times are microseconds, also the column of the maximum.
#[derive(Default)]
pub struct LogText {
    serializer: V2DeflateSerializer,
    /// One for each kind of bounds, refilled for each line.
    histograms: Vec<(Bounds, Histogram<u32>)>,
}

impl LogText {
    /// The head: version, start of the run, from which all lines count, and the legend.
    pub fn head(&mut self, started: SystemTime) -> Vec<u8> {
        let mut text = Vec::new();
        let mut builder = IntervalLogWriterBuilder::new();
        let builder = builder
            .add_comment("[Logged by gander; times in microseconds]")
            .add_comment("[Histogram log format version 1.3]")
            .with_start_time(started)
            .with_base_time(started);
        // Writing to memory cannot fail.
        let _ = builder.begin_log_with(&mut text, &mut self.serializer);
        text.extend_from_slice(LEGEND);
        text
    }

    /// Appends one line.
    pub fn line(
        &mut self,
        key: &SeriesKey,
        times: &Times,
        (start_ms, end_ms): (u64, u64),
        text: &mut Vec<u8>,
    ) {
        let tag = key.to_string();
        let histogram = filled(&mut self.histograms, key.bounds(), times);
        let mut builder = IntervalLogWriterBuilder::new();
        let begun = builder.with_max_value_divisor(1.0).begin_log_with(text, &mut self.serializer);
        if let Ok(mut log) = begun {
            let (start, length) = (ms(start_ms), ms(end_ms.saturating_sub(start_ms)));
            // Neither memory nor our bounds can make it fail.
            let _ = log.write_histogram(histogram, start, length, Tag::new(&tag));
        }
    }
}

/// The times as a histogram of the library.
fn filled<'h>(
    histograms: &'h mut Vec<(Bounds, Histogram<u32>)>,
    bounds: Bounds,
    times: &Times,
) -> &'h Histogram<u32> {
    let known = histograms.iter().position(|(of, _)| *of == bounds);
    let place = known.unwrap_or_else(|| {
        histograms.push((bounds, bounds.histogram()));
        histograms.len() - 1
    });
    let histogram = &mut histograms[place].1;
    histogram.reset();
    times.fill(histogram);
    histogram
}

const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is about.
    pub key: Arc<SeriesKey>,
    /// Start of the window, from the start of the run.
    pub start_ms: u64,
    /// Its end.
    pub end_ms: u64,
    /// What was counted in it.
    pub times: Times,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be read.
    #[error("the log could not be read")]
    Io(#[from] std::io::Error),
    /// A line that is not one of an interval log.
    #[error("line {line} is not a line of an interval log")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// A line that does not end.
    #[error("line {line} is longer than {LONGEST_LINE} bytes")]
    TooLong {
        /// Its number, from 1.
        line: usize,
    },
    /// A tag that is not one of ours.
    #[error("line {line}: {source}")]
    Tag {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        source: TagError,
    },
    /// A histogram that cannot be decoded, or has other bounds than its series.
    #[error("line {line} holds no histogram of its series")]
    Histogram {
        /// Its number, from 1.
        line: usize,
    },
}

/// Reads a log line by line, in constant memory. A last line without its line break was being
/// written when the writer was killed; it is passed over.
pub fn read(log: impl BufRead, mut each: impl FnMut(Entry)) -> Result<(), LogError> {
    let (mut log, mut tools) = (LogReader::new(log), Tools::default());
    while let Some(Packed { key, start_ms, end_ms }) = log.next_packed(&mut tools)? {
        let mut times = Times::new(key.bounds());
        log.unpack(&key, &mut tools, &mut times)?;
        each(Entry { key, start_ms, end_ms, times });
    }
    Ok(())
}

/// One line of a log whose histogram is still packed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packed {
    /// What it is about.
    pub(super) key: Arc<SeriesKey>,
    /// Start of the window, from the start of the run.
    pub(super) start_ms: u64,
    /// Its end.
    pub(super) end_ms: u64,
}

/// What it takes to read logs: those that are read in turn share it.
#[derive(Default)]
pub(super) struct Tools {
    keys: HashMap<String, Arc<SeriesKey>>,
    unpacker: Unpacker,
}

/// Reads a log in the same way, line by line as it is asked.
pub(super) struct LogReader<R> {
    log: R,
    text: Vec<u8>,
    line: usize,
}

impl<R: BufRead> LogReader<R> {
    /// From the beginning of a log.
    pub(super) const fn new(log: R) -> Self {
        Self { log, text: Vec::new(), line: 0 }
    }

    /// The next line; none at the end.
    pub(super) fn next_packed(&mut self, tools: &mut Tools) -> Result<Option<Packed>, LogError> {
        while self.next_text()? {
            let line = self.line;
            if let Some(found) = interval(&self.text, line)? {
                let key = key_of(&found, &mut tools.keys);
                let key = key.map_err(|source| LogError::Tag { line, source })?;
                let (start_ms, end_ms) = span_of(&found);
                return Ok(Some(Packed { key, start_ms, end_ms }));
            }
        }
        Ok(None)
    }

    /// Adds what the last line counted to times of its series.
    pub(super) fn unpack(
        &self,
        key: &SeriesKey,
        tools: &mut Tools,
        times: &mut Times,
    ) -> Result<(), LogError> {
        let line = self.line;
        // Tag, start, length, maximum, and the histogram; no tag has a comma.
        let packed = self.text.splitn(5, |byte| *byte == b',').nth(4);
        let packed = packed.and_then(|packed| std::str::from_utf8(packed).ok());
        let unpacked = packed.and_then(|packed| {
            let packed = packed.trim_end_matches(['\r', '\n']);
            tools.unpacker.unpack_into(packed, key.bounds(), times)
        });
        unpacked.ok_or(LogError::Histogram { line })
    }

    /// Whether there is one more whole line.
    fn next_text(&mut self) -> Result<bool, LogError> {
        self.line += 1;
        match next_line(&mut self.log, &mut self.text)? {
            Next::Line => Ok(true),
            Next::End => Ok(false),
            Next::TooLong => Err(LogError::TooLong { line: self.line }),
        }
    }
}

/// When each line of a log begins and ends, without a look at its histogram.
pub fn each_span(log: impl BufRead, mut each: impl FnMut((u64, u64))) -> Result<(), LogError> {
    let mut log = LogReader::new(log);
    while log.next_text()? {
        if let Some(found) = interval(&log.text, log.line)? {
            each(span_of(&found));
        }
    }
    Ok(())
}

/// What is in a line, if it is one of a series.
fn interval(text: &[u8], line: usize) -> Result<Option<IntervalLogHistogram<'_>>, LogError> {
    let Some(found) = IntervalLogIterator::new(text).next() else { return Ok(None) };
    Ok(match found.map_err(|_| LogError::Line { line })? {
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
        LogEntry::Interval(found) => Some(found),
    })
}

fn span_of(found: &IntervalLogHistogram<'_>) -> (u64, u64) {
    let start_ms = whole_ms(found.start_timestamp());
    (start_ms, start_ms.saturating_add(whole_ms(found.duration())))
}

/// How many bytes at the beginning of a log are whole lines of windows that ended by `until_ms`: what a writer
/// that goes on there may keep. Windows stand in a log in the order in which they ended.
pub fn length_until(log: impl BufRead, until_ms: u64) -> Result<u64, LogError> {
    let (mut log, mut length) = (LogReader::new(log), 0);
    while log.next_text()? {
        let found = interval(&log.text, log.line)?;
        if found.is_some_and(|found| span_of(&found).1 > until_ms) {
            break;
        }
        length += log.text.len() as u64;
    }
    Ok(length)
}

fn key_of(
    found: &IntervalLogHistogram<'_>,
    keys: &mut HashMap<String, Arc<SeriesKey>>,
) -> Result<Arc<SeriesKey>, TagError> {
    let tag = found.tag().map_or("", |tag| tag.as_str());
    if let Some(key) = keys.get(tag) {
        return Ok(Arc::clone(key));
    }
    let key = Arc::new(tag.parse::<SeriesKey>()?);
    keys.insert(tag.to_owned(), Arc::clone(&key));
    Ok(key)
}

/// To the nearest millisecond: seconds are written with three decimals and read as fractions.
fn whole_ms(duration: Duration) -> u64 {
    let rounded = duration.saturating_add(Duration::from_micros(500));
    u64::try_from(rounded.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::series::{Kind, Outcome, Phase};
    use proptest::prelude::*;

    fn key(kind: Kind, outcome: Option<Outcome>, action: &str) -> Arc<SeriesKey> {
        let key = SeriesKey::of_journey(Phase::Measured, &"v 1".into(), &"a,b".into(), kind);
        Arc::new(SeriesKey { outcome, action: action.into(), ..key })
    }

    fn write(entry: &Entry, text: &mut Vec<u8>) {
        LogText::default().line(&entry.key, &entry.times, (entry.start_ms, entry.end_ms), text);
    }

    fn read_all(text: &[u8]) -> Result<Vec<Entry>, LogError> {
        let mut entries = Vec::new();
        read(text, |entry| entries.push(entry)).map(|()| entries)
    }

    fn entry(values: &[u64], start_ms: u64, length_ms: u64, faulty: bool) -> Entry {
        let outcome = if faulty { Outcome::Fault(Fault::ReadTimeout) } else { Outcome::Advanced };
        let key = key(Kind::Exchange, Some(outcome), "SIGN ON");
        let mut times = Times::new(key.bounds());
        values.iter().for_each(|value| times.record(*value));
        Entry { key, start_ms, end_ms: start_ms + length_ms, times }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_written_is_read_back(
            windows in prop::collection::vec(
                (prop::collection::vec(1u64..119_000_000, 1..40), 1u64..200_000, any::<bool>()),
                0..8,
            ),
        ) {
            let mut writer = LogText::default();
            let mut text = writer.head(SystemTime::UNIX_EPOCH + ms(1_795_286_081_123));
            let mut start_ms = 0;
            let mut written = Vec::new();
            for (values, length_ms, faulty) in windows {
                let entry = entry(&values, start_ms, length_ms, faulty);
                write(&entry, &mut text);
                start_ms = entry.end_ms;
                written.push(entry);
            }
            prop_assert_eq!(read_all(&text).unwrap(), written);
        }

        #[test]
        fn a_log_torn_anywhere_gives_its_whole_lines(cut in 0usize..2000) {
            let mut writer = LogText::default();
            let mut text = writer.head(SystemTime::UNIX_EPOCH);
            let head = text.len();
            let entries = [entry(&[25_000], 0, 1000, false), entry(&[30_000, 7], 1000, 1000, true)];
            entries.iter().for_each(|entry| write(entry, &mut text));
            let torn = &text[..text.len().saturating_sub(cut)];
            let whole = torn[head.min(torn.len())..].iter().filter(|b| **b == b'\n').count();
            prop_assert_eq!(read_all(torn).unwrap(), &entries[..whole]);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn any_histogram_text_is_read_without_panic(text in "[A-Za-z0-9+/]{0,80}={0,2}") {
            let line = format!("Tag={},0.000,1.000,5.000,HISTFAAA{text}\n", key(Kind::Think, None, ""));
            let _ = read_all(line.as_bytes());
        }
    }

    #[test]
    fn a_log_is_kept_up_to_the_last_window_that_counts() {
        let mut text = LogText::default().head(SystemTime::UNIX_EPOCH);
        let mut lengths = vec![text.len() as u64];
        for start_ms in [0, 1000, 1000, 2000] {
            write(&entry(&[25_000], start_ms, 1000, start_ms == 1000), &mut text);
            lengths.push(text.len() as u64);
        }
        text.extend_from_slice(b"Tag=measured/torn");
        for (until_ms, windows) in [(0, 0), (999, 0), (1000, 1), (2000, 3), (9000, 4)] {
            assert_eq!(length_until(&text[..], until_ms).unwrap(), lengths[windows], "{until_ms}");
        }
        assert_eq!(length_until(&b""[..], 9).unwrap(), 0);
    }

    #[test]
    fn the_log_has_the_head_that_other_readers_expect() {
        let mut writer = LogText::default();
        let mut text = writer.head(SystemTime::UNIX_EPOCH + ms(1_795_286_081_500));
        write(&entry(&[25_000], 1003, 997, false), &mut text);
        let text = String::from_utf8(text).unwrap();
        let (text, histogram) = text.rsplit_once(',').unwrap();
        assert!(histogram.starts_with("HISTFAAA"), "{histogram}");
        insta::assert_snapshot!(text, @r#"
#[Logged by gander; times in microseconds]
#[Histogram log format version 1.3]
#[StartTime: 1795286081.500 (seconds since epoch)]
#[BaseTime: 1795286081.500 (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
Tag=measured/v%201/a%2Cb////SIGN%20ON/advanced/exchange,1.003,0.997,25007.000
"#);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let line = |tag: &str, histogram: &str| {
            read_all(format!("#c\nTag={tag},0.000,1.000,5.000,{histogram}\n").as_bytes())
                .unwrap_err()
                .to_string()
        };
        let tag = key(Kind::Think, None, "").to_string();
        assert_eq!(line("a/b", ""), "line 2: the tag has 2 parts, not 9");
        assert_eq!(line(&tag, "HISTFAAA"), "line 2 holds no histogram of its series");
        assert_eq!(
            read_all(b"what?\n").unwrap_err().to_string(),
            "line 1 is not a line of an interval log"
        );
        // A histogram with other bounds than its series has.
        let mut text = Vec::new();
        write(&entry(&[5], 0, 1, false), &mut text);
        let text = String::from_utf8(text).unwrap();
        let histogram = text.trim().rsplit_once(',').unwrap().1;
        assert_eq!(line(&tag, histogram), "line 2 holds no histogram of its series");
    }
}
