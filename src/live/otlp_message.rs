//! The board as a message of OpenTelemetry.

use super::board::{Board, Labels, Spread, Value};
use super::family::{BOUNDS_US, Family, Kind};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Whose numbers they are, and since when.
#[derive(Clone, Debug)]
pub struct Source {
    /// The run's id.
    pub run_id: String,
    /// The version of gander.
    pub version: String,
    /// When counting began.
    pub since: SystemTime,
}

/// Everything on the board at one moment. Counters and histograms are of the whole run so far: a
/// message that is lost is made up for by the next.
pub fn message(board: &Board, source: &Source, now: SystemTime) -> ExportMetricsServiceRequest {
    let at = Moment { since: nanoseconds(source.since), now: nanoseconds(now) };
    let filled = board.families().filter(|(_, rows)| !rows.is_empty());
    let metrics = filled.map(|(family, rows)| metric(family, rows, at)).collect();
    let attributes = [
        ("service.name", "gander"),
        ("service.version", &source.version),
        ("service.instance.id", &source.run_id),
        ("gander.run.id", &source.run_id),
    ];
    let scope = InstrumentationScope {
        name: "gander".to_owned(),
        version: source.version.clone(),
        ..InstrumentationScope::default()
    };
    let scope_metrics =
        vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
    let resource = Resource {
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..Resource::default()
    };
    let of_run =
        ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![of_run] }
}

#[derive(Clone, Copy)]
struct Moment {
    since: u64,
    now: u64,
}

fn metric(family: &Family, rows: &BTreeMap<Labels, Value>, at: Moment) -> Metric {
    let numbers = || rows.iter().filter_map(|(labels, value)| number(family, labels, value, at));
    let temporality = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers().collect(),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers().collect() }),
        Kind::Histogram => {
            let spread = |(labels, value): (&Labels, &Value)| match value {
                Value::Spread(spread) => Some(histogram(family, labels, spread, at)),
                Value::Count(_) | Value::Level(_) => None,
            };
            let data_points = rows.iter().filter_map(spread).collect();
            Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
        }
    };
    Metric {
        name: family.instrument.to_owned(),
        description: family.help.to_owned(),
        unit: family.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(family: &Family, labels: &Labels, value: &Value, at: Moment) -> Option<NumberDataPoint> {
    let value = match value {
        Value::Count(count) => {
            number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
        }
        Value::Level(level) => number_data_point::Value::AsDouble(*level),
        Value::Spread(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(family, labels),
        start_time_unix_nano: at.since,
        time_unix_nano: at.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn histogram(family: &Family, labels: &Labels, spread: &Spread, at: Moment) -> HistogramDataPoint {
    #[expect(clippy::cast_precision_loss, reason = "a minute is 6 × 10^7 µs")]
    let explicit_bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6).collect();
    HistogramDataPoint {
        attributes: attributes(family, labels),
        start_time_unix_nano: at.since,
        time_unix_nano: at.now,
        count: spread.count,
        sum: Some(spread.sum_s),
        bucket_counts: spread.buckets.to_vec(),
        explicit_bounds,
        ..HistogramDataPoint::default()
    }
}

/// Labels that do not apply are left out.
fn attributes(family: &Family, labels: &Labels) -> Vec<KeyValue> {
    let named = family.labels.iter().zip(labels.iter()).filter(|(_, value)| !value.is_empty());
    named.map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanoseconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
