//! `gander stand-in`: the stand-in tenant as a process of its own.

use super::environment;
use super::exit::{Exit, Failure};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::document::{Item, Problems, Section, Table, Value};
use crate::profile::check::settle;
use crate::profile::reference::{Surroundings, fill};
use crate::standin::settings::Tls;
use crate::standin::{self, Ready, Running, Settings, replay};
use std::fs::Permissions;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a stand-in tenant on this machine.
#[derive(Debug, clap::Args)]
pub(super) struct StandInArgs {
    /// Address to listen on; port 0 takes a free one. Default: that of the settings, or
    /// 127.0.0.1:8910
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// TOML file with the settings of the stand-in
    #[arg(long)]
    config: Option<PathBuf>,
    /// Write what clients need to know, the worker's secret included, as JSON to this file, which
    /// only its owner can read
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    ready: Option<PathBuf>,
    /// Serve TLS, with a certificate for this machine that is made at start unless the settings
    /// name one
    #[arg(long, conflicts_with = "replay")]
    tls: bool,
    /// Write the authority of a certificate made at start to this file, in PEM; for `http.ca_file`
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    ca_file: Option<PathBuf>,
    /// Answer from canned replies, for benchmarks of clients
    #[arg(long, conflicts_with = "config")]
    replay: bool,
    /// Take the settings from the first line of standard input, say where it listens in one line of
    /// JSON, and end when standard input closes
    #[arg(long, hide = true, conflicts_with_all = ["config", "replay"])]
    attached: bool,
}

/// Where it listens unless somebody says otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8910);

pub(super) fn stand_in(args: &StandInArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    super::runtime()?.block_on(async {
        if args.replay {
            serve_canned(args, terminal).await
        } else if args.attached {
            serve_attached(args, terminal).await
        } else {
            serve(args, terminal).await
        }
    })
}

async fn serve(args: &StandInArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let settings = match &args.config {
        Some(path) => read_file(path)?,
        None => Settings { listen: LISTEN, ..Settings::default() },
    };
    let running = start(settings, args).await?;
    if let Some(path) = &args.ca_file {
        write_authority(path, &running.ready)?;
    }
    if let Some(path) = &args.ready {
        write_ready(path, &running.ready)?;
    }
    let Ready { auth_url, environment_id, client_id, redirect_uri, policies, .. } = &running.ready;
    terminal.say(&format!("{} {auth_url}", terminal.paint(Style::Strong, "stand-in tenant")));
    terminal.say(&format!("  environment   {environment_id}"));
    terminal.say(&format!("  client        {client_id}"));
    terminal.say(&format!("  redirect      {redirect_uri}"));
    for (name, id) in policies {
        terminal.say(&format!("  flow policy   {id}  {name}"));
    }
    terminal.say("  Ctrl-C ends it");
    let _ = tokio::signal::ctrl_c().await;
    running.stop().await;
    Ok(Exit::Passed)
}

/// As a child of another command: settings in on one line, address out on one line.
async fn serve_attached(args: &StandInArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line).await.map_err(|error| io_failure("standard input", &error))?;
    let mut table = Table::parse("standard input", &line).map_err(Failure::of_problems)?;
    // The parent filled in what stood for secrets, so they may stand here.
    table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
    let settings = match table.get("stand_in") {
        Some(Item { value: Value::Table(table), .. }) => read_settings(table)?,
        _ => Settings::default(),
    };
    let running = start(settings, args).await?;
    terminal.data(&as_json(&running.ready)?);
    // Ctrl-C reaches the whole group of processes; the parent decides when this one ends.
    let interrupts = tokio::spawn(async {
        let Ok(mut terminations) = signal(SignalKind::terminate()) else { return };
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminations.recv() => {}
            }
        }
    });
    let mut rest = Vec::new();
    let _ = input.read_to_end(&mut rest).await;
    interrupts.abort();
    running.stop().await;
    Ok(Exit::Passed)
}

async fn serve_canned(args: &StandInArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let wanted = args.listen.unwrap_or(LISTEN);
    let listener =
        TcpListener::bind(wanted).await.map_err(|error| io_failure(&wanted.to_string(), &error))?;
    let address = listener.local_addr().map_err(|error| io_failure("the listener", &error))?;
    terminal.say(&format!("canned replies on http://{address}"));
    tokio::select! {
        served = replay::serve(listener) => served.map_err(|error| Failure::of(Exit::WrongInput, &error))?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Passed)
}

async fn start(mut settings: Settings, args: &StandInArgs) -> Result<Running, Failure> {
    if let Some(listen) = args.listen {
        settings.listen = listen;
    }
    if args.tls && settings.tls == Tls::Off {
        settings.tls = Tls::Made;
    }
    standin::serve(settings, Clock::system())
        .await
        .map_err(|error| Failure::of(Exit::WrongInput, &error))
}

fn read_file(path: &Path) -> Result<Settings, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| io_failure(&name, &error))?;
    let mut table = Table::parse(&name, &text).map_err(Failure::of_problems)?;
    let problems = Problems::default();
    let surroundings = Surroundings { variable: &environment };
    table.fill_in(&problems, &|text| fill(text, surroundings));
    settle((), problems).map_err(Failure::of_problems)?;
    let read = read_settings(&table)?;
    let listen = if table.get("listen").is_some() { read.listen } else { LISTEN };
    Ok(Settings { listen, ..read })
}

fn read_settings(table: &Table) -> Result<Settings, Failure> {
    let problems = Problems::default();
    let settings = settings_of(table, &problems);
    settle(settings, problems).map_err(Failure::of_problems)
}

/// Reads the stand-in's settings from a table and notes what is wrong.
pub(super) fn settings_of(table: &Table, problems: &Problems) -> Settings {
    let mut section = Section::document(table, problems);
    let settings = Settings::read(&mut section);
    section.finish();
    settings
}

fn as_json(ready: &Ready) -> Result<String, Failure> {
    serde_json::to_string(ready).map_err(|error| Failure::new(Exit::Bug, error.to_string(), None))
}

fn write_authority(path: &Path, ready: &Ready) -> Result<(), Failure> {
    let Some(pem) = &ready.ca_pem else {
        let what = "there is no authority to write: no certificate was made";
        return Err(Failure::new(Exit::WrongInput, what, Some("use `--tls` with `--ca-file`")));
    };
    std::fs::write(path, pem).map_err(|error| io_failure(&path.display().to_string(), &error))
}

fn write_ready(path: &Path, ready: &Ready) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let text = as_json(ready)?;
    let written = options.open(path).and_then(|mut file| {
        // The mode above counts only for a file that was not there before.
        file.set_permissions(Permissions::from_mode(0o600))?;
        writeln!(file, "{text}")
    });
    written.map_err(|error| io_failure(&path.display().to_string(), &error))
}

fn io_failure(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::WrongInput, format!("{what}: {error}"), None)
}
