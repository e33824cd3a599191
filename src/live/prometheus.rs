//! The board as text for Prometheus, in the two dialects that it understands.

use super::board::{Board, Labels, Shared, Value};
use super::family::{BOUNDS_US, Family, Kind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use std::fmt;

/// How metrics are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// `OpenMetrics` 1.0: what Prometheus asks for first.
    OpenMetrics,
    /// The older text format, version 0.0.4: what everything else reads.
    Text,
}

impl Dialect {
    /// The one that a scraper's `Accept` asks for: `OpenMetrics` only where it is named.
    pub fn accepted(accept: &str) -> Self {
        let named = accept.contains("application/openmetrics-text");
        if named { Self::OpenMetrics } else { Self::Text }
    }

    /// What it is served as.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Everything on the board. Made when somebody asks, never before.
pub fn render(board: &Shared, dialect: Dialect) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { board: board.clone(), dialect }));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    if dialect == Dialect::OpenMetrics {
        encode_eof(&mut text)?;
    }
    Ok(text)
}

#[derive(Debug)]
struct Scrape {
    board: Shared,
    dialect: Dialect,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let board: &Board = &self.board.read();
        for (family, rows) in board.families().filter(|(_, rows)| !rows.is_empty()) {
            // The older format names a counter's family like its samples.
            let name = match self.dialect {
                Dialect::OpenMetrics => family.name.to_owned(),
                Dialect::Text => family.sample(),
            };
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let help = format!("{}.", family.help);
            let mut metric = encoder.encode_descriptor(&name, &help, None, kind)?;
            for (labels, value) in rows {
                self.row(&mut metric, (family, labels), value)?;
            }
        }
        Ok(())
    }
}

impl Scrape {
    fn row(
        &self,
        metric: &mut MetricEncoder<'_>,
        (family, labels): (&Family, &Labels),
        value: &Value,
    ) -> Result<(), fmt::Error> {
        let names = family.labels.iter().copied();
        let labels: Vec<_> = names.zip(labels.iter().map(AsRef::as_ref)).collect();
        let mut row = metric.encode_family(&labels)?;
        match value {
            Value::Count(count) if self.dialect == Dialect::OpenMetrics => {
                row.encode_counter(count, None::<&Exemplar<NoLabelSet, u64>>)
            }
            // A counter whose name has its ending already.
            Value::Count(count) => row.encode_gauge(count),
            Value::Level(level) => row.encode_gauge(level),
            Value::Spread(spread) => {
                #[expect(clippy::cast_precision_loss, reason = "a minute is 6 × 10^7 µs")]
                let bounds = BOUNDS_US.map(|bound| bound as f64 / 1e6);
                let bounds = bounds.into_iter().chain([f64::INFINITY]);
                let buckets: Vec<_> = bounds.zip(spread.buckets).collect();
                row.encode_histogram::<NoLabelSet>(spread.sum_s, spread.count, &buckets, None)
            }
        }
    }
}
