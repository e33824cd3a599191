//! The flags by which a run can be watched from elsewhere: in a browser, by Prometheus, by a collector
//! of OpenTelemetry.

use super::exit::{Exit, Failure};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::live::board::{Board, MetricsFeed, Shared};
use crate::live::door::{self, DoorError};
use crate::live::scraped::Scraped;
use crate::load::Stop;
use crate::measure::tally::Tally;
use crate::result::run_dir::RunRecord;
use crate::result::summary::Summary;
use crate::run::conduct::{Listener, Setup};
use crate::run::players::Players;
use std::net::{SocketAddr, TcpListener};

/// Views of a run from elsewhere.
#[derive(Debug, clap::Args)]
pub(super) struct BroadcastArgs {
    /// Serve metrics for Prometheus at http://ADDR/metrics, such as `127.0.0.1:9464`
    #[arg(long, value_name = "ADDR", value_parser = door::address)]
    prometheus: Option<SocketAddr>,
}

/// Addresses that are listened on, and nobody served yet.
#[derive(Debug, Default)]
pub(super) struct Doors {
    prometheus: Option<TcpListener>,
}

/// What is being watched, to be ended when the run is over.
#[derive(Default)]
pub(super) struct Views {
    board: Option<Shared>,
    scraped: Option<Scraped>,
}

impl Doors {
    /// Takes the addresses before anything is sent to anybody.
    pub(super) fn open(args: &BroadcastArgs) -> Result<Self, Failure> {
        let prometheus = args.prometheus.map(|address| door::listen("--prometheus", address, &[]));
        Ok(Self { prometheus: prometheus.transpose().map_err(|error| wrong(&error))? })
    }

    /// Begins to serve, and says where. The listeners have to hear of every interval.
    pub(super) fn serve(
        self,
        setup: &Setup<Players>,
        _stop: &Stop,
        terminal: &Terminal,
    ) -> Result<(Vec<Box<dyn Listener>>, Views), Failure> {
        let mut listeners: Vec<Box<dyn Listener>> = Vec::new();
        let mut views = Views::default();
        if let Some(listener) = self.prometheus {
            let record = &setup.record;
            let board = Shared::new(Board::of_run(record.run_id.as_str(), &record.gander_version));
            listeners.push(Box::new(MetricsFeed(board.clone())));
            let scraped = Scraped::start(listener, board.clone(), Clock::system());
            let scraped = scraped.map_err(|error| unserved("--prometheus", &error))?;
            let address = scraped.address();
            announce(terminal, "prometheus", &format!("http://{address}/metrics"));
            caution_beyond_loopback(terminal, "the metrics", address);
            (views.board, views.scraped) = (Some(board), Some(scraped));
        }
        Ok((listeners, views))
    }
}

impl Views {
    /// Shows the end of a run to those who watch it, and ends in bounded time. The tally is settled.
    pub(super) fn finish(
        self,
        _record: &RunRecord,
        _summary: &Summary,
        tally: &Tally,
        (stop, terminal): (&Stop, &Terminal),
    ) {
        if let Some(board) = &self.board {
            board.write(|board| board.settle(tally));
        }
        if let Some(scraped) = self.scraped {
            wait_for_a_last_scrape(&scraped, stop, terminal);
            scraped.stop();
        }
    }
}

/// Whoever scrapes every few seconds would miss the last of them.
fn wait_for_a_last_scrape(scraped: &Scraped, stop: &Stop, terminal: &Terminal) {
    let Some(patience) = scraped.patience() else { return };
    let asked = stop.requests();
    let seconds = patience.as_secs() + 1;
    terminal.say(&format!("waiting up to {seconds} s for the last scrape (Ctrl-C to go)"));
    scraped.wait(patience, || stop.requests() > asked);
}

fn announce(terminal: &Terminal, what: &str, link: &str) {
    terminal.say(&format!("{} {link}", terminal.paint(Style::Faint, what)));
}

fn caution_beyond_loopback(terminal: &Terminal, what: &str, address: SocketAddr) {
    if !address.ip().is_loopback() {
        terminal.say(&format!(
            "{} {what} can be read from other machines at {address}",
            terminal.paint(Style::Bad, "caution")
        ));
    }
}

fn wrong(error: &DoorError) -> Failure {
    Failure::of(Exit::WrongInput, error)
}

fn unserved(flag: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::WrongInput, format!("`{flag}` cannot be served: {error}"), None)
}
