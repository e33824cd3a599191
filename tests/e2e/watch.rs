//! A run watched from elsewhere: a page in a browser, Prometheus, a collector of OpenTelemetry.

use crate::lab::{Ended, Lab};
use crate::run::{number, signal, summary};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

/// A run against a stand-in without delays; how long is for the test to say.
const RUN: &[&str] = &[
    "run",
    "-u",
    "3",
    "--warm-up",
    "0s",
    "--set",
    "stand_in.delay=[{ delay = \"constant 10ms\" }]",
    "--set",
    "stand_in.signing=\"ES256\"",
    "--threshold",
    "faults < 90%",
];

/// A run that is under way, and what it has said so far.
struct Going {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Going {
    fn start(lab: &Lab, more: &[&str]) -> Self {
        let mut command = lab.command(&[RUN, more].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a binary that starts");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        Self { child, stderr, said: String::new() }
    }

    /// What follows a word at the start of a line, once it is said.
    fn told(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("text");
            assert!(read > 0, "it ended without `{word}`: {}", self.said);
            self.said.push_str(&line);
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn end(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.said).expect("text");
        let mut ended = Ended::of(self.child.wait_with_output().expect("an end"));
        ended.stderr = self.said;
        ended
    }
}

/// Host and the rest of a link.
pub(crate) fn parts(link: &str) -> (String, String) {
    let rest = link.strip_prefix("http://").expect("a link");
    let (host, path) = rest.split_once('/').expect("a path");
    (host.to_owned(), format!("/{path}"))
}

pub(crate) fn ask(host: &str, method: &str, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(host).expect("a server");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("a request");
    socket
}

pub(crate) fn reply(host: &str, method: &str, path: &str) -> String {
    let mut text = String::new();
    ask(host, method, path).read_to_string(&mut text).expect("a reply");
    text
}

/// The data of every event up to the end, or to so many.
fn events(socket: TcpStream, most: usize) -> (Vec<Value>, BufReader<TcpStream>) {
    let mut lines = BufReader::new(socket);
    let mut found = Vec::new();
    let mut line = String::new();
    while found.len() < most && lines.read_line(&mut line).expect("an event") > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            found.push(serde_json::from_str(data).expect("data in JSON"));
        }
        line.clear();
    }
    (found, lines)
}

pub(crate) fn attribute(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("{name}=\"")).expect("an attribute");
    rest.split('"').next().expect("its end").replace("&amp;", "&")
}

#[test]
fn a_live_page_changes_while_the_run_goes_on_and_its_button_ends_it_in_order() {
    let lab = Lab::new();
    let mut run = Going::start(&lab, &["-d", "120s", "--live"]);
    let (host, path) = parts(&run.told("live "));
    assert!(host.starts_with("127.0.0.1:"), "{host}");
    assert!(reply(&host, "GET", "/").starts_with("HTTP/1.1 403"), "without its token");

    let page = reply(&host, "GET", &path);
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<!DOCTYPE html>"), "{page}");
    let (seen, rest) = events(ask(&host, "GET", &attribute(&page, "data-events")), 2);
    let figures = |event: &Value| event["sections"]["key-figures"].as_str().map(str::to_owned);
    assert!(figures(&seen[1]).is_some(), "{seen:?}");
    assert_ne!(figures(&seen[0]), figures(&seen[1]));
    assert_eq!(seen[1]["sections"].get("glossary"), None, "what does not change is not sent");

    let stop = attribute(&page, "action");
    assert!(reply(&host, "POST", &stop).starts_with("HTTP/1.1 204"));
    let (last, _) = events(rest.into_inner(), usize::MAX);
    let last = last.last().expect("a last event");
    assert_eq!(last["over"], true);

    let ended = run.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("the live page: no new iterations"), "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    for row in summary["journeys"].as_array().expect("journeys") {
        let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
        assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
        assert_eq!(number(&row["cut_off"]), 0, "those under way may finish: {row}");
    }
}

#[test]
fn a_run_ends_on_ctrl_c_with_browsers_that_take_nothing() {
    let lab = Lab::new();
    let mut run = Going::start(&lab, &["-d", "120s", "--live", "--prometheus", "127.0.0.1:0"]);
    let (host, path) = parts(&run.told("live "));
    let (metrics, at) = parts(&run.told("prometheus "));
    let page = reply(&host, "GET", &path);
    let deaf: Vec<_> =
        (0..3).map(|_| ask(&host, "GET", &attribute(&page, "data-events"))).collect();
    let scraped = reply(&metrics, "GET", &at);
    assert!(scraped.contains("gander_run_info{"), "{scraped}");
    signal(run.child.id(), "INT");
    let ended = run.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    drop(deaf);
}

#[test]
fn addresses_that_cannot_be_served_are_told_before_anything_is_done() {
    let lab = Lab::new();
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("its address").to_string();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let free = free.expect("its address").to_string();
    for (flags, what) in [
        (&["--prometheus", &taken][..], "`--prometheus` cannot listen on 127.0.0.1:"),
        (&["--live", &taken], "`--live` cannot listen on 127.0.0.1:"),
        (&["--live", &free, "--prometheus", &free], "`--live` and `--prometheus` both want"),
        (&["--prometheus", "9464"], "write an address and a port"),
        (&["--live", "example.com:80"], "write an address and a port"),
        (&["--otlp", "127.0.0.1:4318"], "write the address of a collector"),
        (&["--otlp", "ftp://127.0.0.1"], "write the address of a collector"),
    ] {
        let ended = lab.run(&[RUN, &["-d", "1s"], flags].concat());
        assert_eq!(ended.code, 2, "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(what), "{flags:?}: {}", ended.stderr);
        assert!(!lab.path("reports").exists(), "{flags:?}");
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use super::*;
    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Point;
    use prost::Message;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    type Got = Arc<Mutex<Vec<ExportMetricsServiceRequest>>>;

    /// A collector on a thread of its own that answers with a status and keeps what it could read.
    fn receiver(status: StatusCode) -> (String, Got) {
        let got = Got::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let link = format!("http://{}", listener.local_addr().expect("an address"));
        let keep = Arc::clone(&got);
        std::thread::spawn(move || {
            let take = move |State(keep): State<Got>, headers: HeaderMap, body: Bytes| async move {
                assert_eq!(headers["content-type"], "application/x-protobuf");
                let message = ExportMetricsServiceRequest::decode(body).expect("a message");
                keep.lock().expect("a lock").push(message);
                status
            };
            let router = Router::new().route("/v1/metrics", post(take)).with_state(keep);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("a server");
            });
        });
        (link, got)
    }

    type Labels = BTreeMap<String, String>;

    fn labels(attributes: &[KeyValue]) -> Labels {
        let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|any| any.value.clone()) {
            Some(Any::StringValue(text)) => (pair.key.clone(), text),
            other => panic!("{}: {other:?}", pair.key),
        };
        attributes.iter().map(text).collect()
    }

    /// The numbers of one instrument: of a histogram how many times it holds.
    fn numbers(message: &ExportMetricsServiceRequest, name: &str) -> Vec<(Labels, u64)> {
        let metrics = &message.resource_metrics[0].scope_metrics[0].metrics;
        let metric = metrics.iter().find(|metric| metric.name == name);
        match metric.and_then(|metric| metric.data.clone()) {
            Some(Data::Sum(sum)) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{name}");
                let count = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
                    assert!(point.start_time_unix_nano < point.time_unix_nano);
                    match point.value {
                        Some(Point::AsInt(count)) => u64::try_from(count).expect("a count"),
                        other => panic!("{name}: {other:?}"),
                    }
                };
                let points = sum.data_points.iter();
                points.map(|point| (labels(&point.attributes), count(point))).collect()
            }
            Some(Data::Histogram(histogram)) => {
                assert_eq!(histogram.aggregation_temporality, 2, "{name}");
                let points = histogram.data_points.iter();
                points
                    .map(|point| {
                        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                        (labels(&point.attributes), point.count)
                    })
                    .collect()
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    fn sum(found: &[(Labels, u64)], chosen: &[(&str, &str)]) -> u64 {
        let is_chosen = |of: &Labels| {
            chosen.iter().all(|(key, value)| of.get(*key).map_or("", String::as_str) == *value)
        };
        found.iter().filter(|(of, _)| is_chosen(of)).map(|(_, count)| count).sum()
    }

    #[test]
    fn a_collector_is_sent_the_counts_of_the_summary() {
        let lab = Lab::new();
        let (link, got) = receiver(StatusCode::OK);
        let fault = "stand_in.fault=[{ kind = \"reset\", capability = \"customHTMLTemplate\", share = \"5%\" }]";
        let ended =
            lab.run(&[RUN, &["-d", "4s", "--seed", "3", "--otlp", &link, "--set", fault]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("otlp  {link}\n")), "{}", ended.stderr);
        let summary = summary(&lab.path("reports/latest"));
        let got = got.lock().expect("a lock");
        let last = got.last().expect("a message");

        let of_run =
            labels(&last.resource_metrics[0].resource.as_ref().expect("a source").attributes);
        assert_eq!(of_run["service.name"], "gander");
        assert_eq!(of_run["gander.run.id"], summary["run_id"]);
        assert_eq!(of_run["service.version"], env!("CARGO_PKG_VERSION"));

        let (due, ended) =
            (numbers(last, "gander.iterations.due"), numbers(last, "gander.iterations"));
        let response = numbers(last, "gander.journey.response");
        let mut failed = 0;
        for row in summary["journeys"].as_array().expect("journeys") {
            let journey = row["journey"].as_str().expect("a name");
            let of = [("phase", "measured"), ("variant", "default"), ("journey", journey)];
            assert_eq!(sum(&due, &of), number(&row["due"]), "{journey}");
            assert_eq!(sum(&ended, &of), number(&row["due"]), "{journey}: every one ended");
            for ending in ["completed", "dropped", "cut_off"] {
                let of = [&of[..], &[("ending", ending)]].concat();
                assert_eq!(sum(&ended, &of), number(&row[ending]), "{journey} {ending}");
            }
            for (slug, count) in row["faults"].as_object().expect("faults") {
                let of = [&of[..], &[("ending", slug)]].concat();
                assert_eq!(sum(&ended, &of), number(count), "{journey} {slug}");
                failed += number(count);
            }
            assert_eq!(sum(&response, &of), number(&row["completed"]), "{journey}");
        }
        assert!(failed > 0, "a run without faults says nothing of them");
        let exchanges = numbers(last, "gander.exchanges");
        for row in summary["steps"].as_array().expect("steps") {
            let keys = ["variant", "journey", "step", "capability", "event", "action"];
            let mut of: Vec<_> =
                keys.iter().map(|key| (*key, row[*key].as_str().expect("a name"))).collect();
            of.push(("phase", "measured"));
            assert_eq!(sum(&exchanges, &of), number(&row["samples"]), "{row}");
        }
    }

    #[test]
    fn a_collector_that_takes_nothing_does_not_disturb_the_run() {
        let lab = Lab::new();
        let (link, got) = receiver(StatusCode::SERVICE_UNAVAILABLE);
        let ended = lab.run(&[RUN, &["-d", "1s", "--otlp", &link]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(
            ended.stderr.matches("the collector answered 503; the run goes on").count(),
            1,
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("1 of 1 messages were not taken"), "{}", ended.stderr);
        assert_eq!(got.lock().expect("a lock").len(), 3, "the last message is tried three times");
        assert_eq!(summary(&lab.path("reports/latest"))["verdict"], "pass");
    }

    #[test]
    fn a_collector_that_is_not_there_does_not_disturb_the_run() {
        let lab = Lab::new();
        let gone =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let ended = lab.run(&[RUN, &["-d", "1s", "--otlp", &format!("http://{gone}")]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains("the collector lacks the end"), "{}", ended.stderr);
    }
}
