//! Who watches a run from elsewhere while it goes on: a browser, Prometheus, a collector of
//! OpenTelemetry.
//!
//! ```text
//! secretary ─ interval ┬ MetricsFeed ─ Board (counters, histograms) ┬ Scraped: text at /metrics
//!  (its own thread)    │                                            └ Exporter: posts every 10 s
//!                      └ PageFeed ─ only when watched ─ Painter ─ events ─ browsers
//! ```
//!
//! Nothing here is on the way of a user: what has to be done for every interval is adding up its few
//! series; everything else happens on threads of its own, when somebody asks.

pub mod board;
pub mod brush;
pub mod door;
pub mod family;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "otlp")]
pub mod otlp_message;
pub mod page;
pub mod painter;
pub mod prometheus;
pub mod scraped;
pub mod serve;
pub mod token;
pub mod visitor;
