//! The flags by which a run can be watched from elsewhere: in a browser, by Prometheus, by a collector
//! of OpenTelemetry.

use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::live::board::{Board, MetricsFeed, Shared};
use crate::live::brush;
use crate::live::door;
#[cfg(feature = "otlp")]
use crate::live::otlp::{self, Collector, Exporter};
#[cfg(feature = "otlp")]
use crate::live::otlp_message::Source;
use crate::live::page::Page;
use crate::live::scraped::Scraped;
use crate::live::token::Token;
use crate::load::Stop;
use crate::measure::tally::Tally;
use crate::result::run_dir::{RunDir, RunRecord};
use crate::result::summary::Summary;
use crate::run::conduct::Listener;
use std::net::{SocketAddr, TcpListener};

/// Views of a run from elsewhere.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct BroadcastArgs {
    /// Serve the page of the run in progress, with a button to stop it; without ADDR on a free port
    /// of this machine
    #[arg(long, value_name = "ADDR", value_parser = door::address, num_args = 0..=1,
        default_missing_value = "127.0.0.1:0")]
    live: Option<SocketAddr>,
    /// Serve metrics for Prometheus at http://ADDR/metrics, such as `127.0.0.1:9464`
    #[arg(long, value_name = "ADDR", value_parser = door::address)]
    prometheus: Option<SocketAddr>,
    /// Send metrics to a collector of OpenTelemetry by HTTP, such as `http://127.0.0.1:4318`
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", value_parser = otlp::collector)]
    otlp: Option<Collector>,
}

impl BroadcastArgs {
    /// Whether the page of the run is to be served.
    pub(super) const fn has_page(&self) -> bool {
        self.live.is_some()
    }
}

/// Addresses that are listened on, and nobody served yet.
#[derive(Debug, Default)]
pub(super) struct Doors {
    live: Option<TcpListener>,
    prometheus: Option<TcpListener>,
    #[cfg(feature = "otlp")]
    otlp: Option<Collector>,
}

/// What is being watched, to be ended when the run is over.
#[derive(Default)]
pub(super) struct Views {
    board: Option<Shared>,
    page: Option<Page>,
    scraped: Option<Scraped>,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

type Listeners = Vec<Box<dyn Listener>>;

impl Doors {
    /// Takes the addresses before anything is sent to anybody.
    pub(super) fn open(args: &BroadcastArgs) -> Result<Self, Failure> {
        let mut doors = Self::default();
        #[cfg(feature = "otlp")]
        doors.otlp.clone_from(&args.otlp);
        let mut taken = Vec::new();
        for (flag, address, door) in [
            ("--live", args.live, &mut doors.live),
            ("--prometheus", args.prometheus, &mut doors.prometheus),
        ] {
            let Some(address) = address else { continue };
            let listener = door::listen(flag, address, &taken);
            *door = Some(listener.map_err(|error| Failure::of(Exit::WrongInput, &error))?);
            taken.push((flag, address));
        }
        Ok(doors)
    }

    /// Begins to serve, and says where. The listeners have to hear of every interval.
    pub(super) fn serve(
        mut self,
        of: (&RunDir, &RunRecord),
        stop: &Stop,
        terminal: &Terminal,
    ) -> Result<(Listeners, Views), Failure> {
        let mut listeners: Listeners = Vec::new();
        let mut views = Views::default();
        if let Some(listener) = self.live.take() {
            let (page, feed) = live_page(listener, of, stop, terminal)?;
            listeners.push(Box::new(feed));
            views.page = Some(page);
        }
        if self.wants_metrics() {
            let (_, record) = of;
            let board = Board::of_run(record.run_id.as_str(), &record.gander_version);
            let board = Shared::new(board);
            listeners.push(Box::new(MetricsFeed(board.clone())));
            self.serve_metrics(&board, &mut views, record, terminal)?;
            views.board = Some(board);
        }
        Ok((listeners, views))
    }

    fn wants_metrics(&self) -> bool {
        #[cfg(feature = "otlp")]
        if self.otlp.is_some() {
            return true;
        }
        self.prometheus.is_some()
    }

    fn serve_metrics(
        self,
        board: &Shared,
        views: &mut Views,
        record: &RunRecord,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        if let Some(listener) = self.prometheus {
            let scraped = Scraped::start(listener, board.clone(), Clock::system());
            let scraped = scraped.map_err(|error| unserved("--prometheus", &error))?;
            let address = scraped.address();
            announce(terminal, "prometheus", &format!("http://{address}/metrics"));
            if !address.ip().is_loopback() {
                caution(terminal, &format!("anybody who reaches {address} can read the metrics"));
            }
            views.scraped = Some(scraped);
        }
        #[cfg(feature = "otlp")]
        if let Some(collector) = self.otlp {
            views.exporter = Some(export(&collector, board, record, terminal)?);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = record;
        Ok(())
    }
}

fn live_page(
    listener: TcpListener,
    (dir, record): (&RunDir, &RunRecord),
    stop: &Stop,
    terminal: &Terminal,
) -> Result<(Page, impl Listener), Failure> {
    let token = Token::unforeseen().map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let stop = stop.clone();
    // Pressed twice, or after a Ctrl-C, it must not cut off what is under way. That somebody pressed it
    // is an event of the run, which is told like any other.
    let button = move || {
        if stop.requests() == 0 {
            stop.request_by("the live page");
        }
    };
    let run = (dir.clone(), record.clone());
    let drawing = (brush::REPORT, token);
    let (page, feed) =
        Page::start(listener, run, drawing, std::sync::Arc::new(button), &brush::policy())
            .map_err(|error| unserved("--live", &error))?;
    announce(terminal, "live ", &page.link());
    let address = page.address();
    if !address.ip().is_loopback() {
        let who = format!("anybody who reaches {address} and has the token");
        caution(terminal, &format!("{who} can watch and stop this run; nothing is encrypted"));
    }
    Ok((page, feed))
}

#[cfg(feature = "otlp")]
fn export(
    collector: &Collector,
    board: &Shared,
    record: &RunRecord,
    terminal: &Terminal,
) -> Result<Exporter, Failure> {
    let clock = Clock::system();
    let source = Source {
        run_id: record.run_id.to_string(),
        version: record.gander_version.clone(),
        since: clock.wall(),
    };
    let spoken = *terminal;
    let say = std::sync::Arc::new(move |text: &str| spoken.say(&format!("otlp: {text}")));
    let numbers = (board.clone(), source);
    let exporter = Exporter::start(collector, numbers, &record.tenant_hosts, clock, say)
        .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    announce(terminal, "otlp ", &collector.to_string());
    if !collector.is_here() {
        caution(terminal, &format!("metrics of this run leave this machine for {collector}"));
    }
    Ok(exporter)
}

impl Views {
    /// Shows the end of a run to those who watch it, and ends in bounded time. The tally is settled.
    pub(super) fn finish(
        self,
        record: &RunRecord,
        summary: &Summary,
        tally: &Tally,
        (ending, terminal): (&Ending, &Terminal),
    ) {
        if let Some(page) = self.page {
            page.finish(record, summary, tally);
        }
        if let Some(board) = &self.board {
            board.write(|board| board.settle(tally));
        }
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter {
            let sendings = exporter.finish(|| ending.is_to_go());
            if sendings.failed > 0 {
                let of = sendings.failed + sendings.sent;
                let last = match &sendings.last {
                    Some(why) => format!("the last too, so the collector lacks the end: {why}"),
                    None => "the last was, and it has all numbers".to_owned(),
                };
                let failed = sendings.failed;
                terminal.say(&format!("otlp: {failed} of {of} messages were not taken; {last}"));
            }
        }
        if let Some(scraped) = self.scraped {
            wait_for_a_last_scrape(&scraped, ending, terminal);
            scraped.stop();
        }
    }
}

/// Whoever scrapes every few seconds would miss the last of them.
fn wait_for_a_last_scrape(scraped: &Scraped, ending: &Ending, terminal: &Terminal) {
    if ending.is_to_go() {
        return;
    }
    let Some(patience) = scraped.patience() else { return };
    let seconds = patience.as_secs() + 1;
    terminal.say(&format!("waiting up to {seconds} s for the last scrape (Ctrl-C to go)"));
    scraped.wait(patience, || ending.is_to_go());
}

fn announce(terminal: &Terminal, what: &str, link: &str) {
    terminal.answer(&format!("{} {link}", terminal.paint(Style::Faint, what)));
}

fn caution(terminal: &Terminal, what: &str) {
    terminal.answer(&format!("{} {what}", terminal.paint(Style::Bad, "caution")));
}

fn unserved(flag: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::WrongInput, format!("`{flag}` cannot be served: {error}"), None)
}
