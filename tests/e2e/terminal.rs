//! The full-screen view in a real terminal: `script` makes one, and what it shows is read off a
//! screen of the test's own.

use crate::lab::{Ended, Lab};
use crate::run::{after_intervals, signal, summary};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const COLUMNS: usize = 100;
const ROWS: usize = 30;

/// Nothing here takes longer where it works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Open, and over by itself.
const OPEN: &[&str] = &[
    "run",
    "--tui",
    "-r",
    "20/s",
    "-d",
    "60s",
    "--warm-up",
    "0s",
    "-j",
    "register-cancel",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

/// What a terminal shows: the cells of its screen, and which of its two screens that is.
struct Screen {
    cells: Vec<Vec<char>>,
    at: (usize, usize),
    is_alternate: bool,
    is_cursor_hidden: bool,
    /// Everything that was written to the usual screen.
    usual: String,
}

impl Screen {
    fn new() -> Self {
        let cells = vec![vec![' '; COLUMNS]; ROWS];
        let usual = String::new();
        Self { cells, at: (0, 0), is_alternate: false, is_cursor_hidden: false, usual }
    }

    fn text(&self) -> String {
        self.cells.iter().map(|row| row.iter().collect::<String>() + "\n").collect()
    }

    /// Takes what was written; returns what is the beginning of something.
    fn write(&mut self, text: &str) -> String {
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if next != '\x1b' {
                self.put(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
            let end = rest.char_indices().skip(2).find(|(_, c)| ('@'..='~').contains(c));
            let Some((end, command)) = end else { return rest.to_owned() };
            self.obey(&rest[2..end], command);
            rest = &rest[end + 1..];
        }
        String::new()
    }

    fn put(&mut self, c: char) {
        if !self.is_alternate {
            self.usual.push(c);
            return;
        }
        let (row, column) = self.at;
        if let Some(cell) = self.cells.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = c;
        }
        self.at.1 += 1;
    }

    fn obey(&mut self, parameters: &str, command: char) {
        match (command, parameters) {
            ('H', place) => {
                let mut numbers = place.split(';').map(|n| n.parse::<usize>().unwrap_or(1) - 1);
                self.at = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            }
            ('J', _) => self.cells = Self::new().cells,
            ('h' | 'l', "?1049") => self.is_alternate = command == 'h',
            ('h' | 'l', "?25") => self.is_cursor_hidden = command == 'l',
            _ => (),
        }
    }
}

/// gander in a terminal.
struct Session {
    child: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    screen: Screen,
    pending: Vec<u8>,
}

impl Session {
    /// The command in a terminal of its own, followed by what the terminal's modes are then: asked for again where a
    /// late Ctrl-C ended who asked.
    fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let quoted = arguments.iter().map(|argument| format!("'{argument}'"));
        let gander = lab.command(&[]).get_program().to_string_lossy().into_owned();
        let gander = format!("sh -c 'echo $$ > pid; exec \"$0\" \"$@\"' {gander}");
        let inside = format!(
            "trap : INT; stty rows {ROWS} cols {COLUMNS}; {gander} {}; code=$?; until stty -a; do :; done; exit $code",
            quoted.collect::<Vec<_>>().join(" ")
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &inside, "/dev/null"]);
        command.current_dir(lab.path("")).env_clear().env("TERM", "xterm");
        command.env("HOME", lab.path("")).env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("`script` of util-linux");
        let keys = child.stdin.take().expect("its input");
        let mut stdout = child.stdout.take().expect("its output");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Self { child, keys, output, screen: Screen::new(), pending: Vec::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a key");
    }

    /// Reads on until the screen is as wanted.
    fn until(&mut self, what: &str, is_there: impl Fn(&Screen) -> bool) {
        while !is_there(&self.screen) {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.feed(&bytes),
                Err(error) => {
                    panic!("{error} before {what}:\n{}\n{}", self.screen.text(), self.screen.usual)
                }
            }
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.is_alternate && screen.text().contains(text));
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&self.pending) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&self.pending[..valid]).into_owned();
        let rest = self.screen.write(&text);
        self.pending = [rest.as_bytes(), &self.pending[valid..]].concat();
    }

    /// The exit code and all that was written to the usual screen.
    fn end(mut self) -> (i32, Screen) {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.feed(&bytes);
        }
        let status = self.child.wait().expect("an end");
        (status.code().expect("an exit code"), self.screen)
    }
}

/// The usual screen is back, the cursor shown, and keys are lines again.
fn is_given_back(screen: &Screen) {
    assert!(!screen.is_alternate && !screen.is_cursor_hidden);
    let words: Vec<_> = screen.usual.split_whitespace().collect();
    for mode in ["icanon", "echo", "isig", "iexten", "susp = ^Z;", "quit = ^\\;"] {
        let mode: Vec<_> = mode.split(' ').collect();
        assert!(words.windows(mode.len()).any(|words| words == mode), "{mode:?}: {}", screen.usual);
    }
}

fn events(lab: &Lab) -> Vec<Value> {
    let lines = std::fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("lines");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    lines.flat_map(|line| line["events"].as_array().cloned().unwrap_or_default()).collect()
}

#[test]
fn the_rate_of_an_open_run_is_changed_by_keys_and_q_ends_it_with_all_its_results() {
    let lab = Lab::new();
    let mut session = Session::start(&lab, OPEN);
    session.shows("20.0/s  as planned");
    session.shows("register-cancel");
    session.press("+");
    session.shows("22.0/s  ×1.1 of 20.0/s");
    session.shows("rate 20/s → 22/s (×1.1)");
    session.press("+");
    session.shows("rate 22/s → 24/s (×1.2)");
    session.press("p");
    session.shows("0/s  PAUSED of 20.0/s");
    session.press(" ");
    session.shows("rate 0/s → 24/s (×1.2)");
    // Arrows, the wheel, and what is pasted.
    session.press("\x1b[A\x1b");
    session.press("[B\x1b[<65;10;5M");
    session.press("\x1b[200~q+++p");
    session.press("\x1b[201~");
    // Held down.
    session.press("qqqqqqqqqqqqqqqq");
    let (code, screen) = session.end();
    assert_eq!(code, 130, "{}", screen.usual);
    is_given_back(&screen);
    assert!(screen.usual.contains("the numbers are those up to then"), "{}", screen.usual);

    let texts: Vec<_> =
        events(&lab).into_iter().map(|e| (e["slug"].clone(), e["text"].clone())).collect();
    let expected = [
        ("rate-change", "rate 20/s → 22/s (×1.1)"),
        ("rate-change", "rate 22/s → 24/s (×1.2)"),
        ("rate-change", "rate 24/s → 0/s (paused)"),
        ("rate-change", "rate 0/s → 24/s (×1.2)"),
        ("stop", "the terminal: no new iterations; those under way may end"),
    ];
    let expected = expected.map(|(slug, text)| (Value::from(slug), Value::from(text)));
    assert_eq!(texts, expected);

    let summary = summary(&lab.path("reports/latest"));
    let row = &summary["journeys"][0];
    let parts = ["completed", "failed", "dropped", "cut_off"];
    let parts: u64 = parts.iter().filter_map(|part| row[*part].as_u64()).sum();
    assert!(parts > 0 && row["due"].as_u64() == Some(parts), "{row}");
    let slugs: Vec<_> =
        summary["cautions"].as_array().expect("cautions").iter().map(|c| &c["slug"]).collect();
    assert!(slugs.contains(&&Value::from("rate-changed")), "{slugs:?}");
    // Found again in the files alone.
    std::fs::remove_file(lab.path("reports/latest/summary.json")).expect("a summary");
    let again = lab.run(&["report", "reports/latest", "--format", "json"]);
    assert!(again.stdout.contains("\"rate-changed\""), "{}", again.stdout);
}

#[test]
fn a_third_ctrl_c_dies_and_gives_the_terminal_back() {
    let lab = Lab::new();
    let slow = ["-u", "3", "--set", "workload.drain=60s"];
    let delay = ["--set", "stand_in.delay=[{ delay = \"constant 30s\" }]"];
    let run = ["run", "--tui", "-d", "60s", "--warm-up", "0s", "-j", "register-cancel"];
    let mut session = Session::start(&lab, &[&run[..], &slow, &delay].concat());
    session.shows("users in turn (closed)");
    session.press("+");
    session.shows("a closed run has no rate");
    session.press("\x03");
    session.shows("stopping (draining)");
    // Signals that come at the same time are one.
    let summary = lab.path("reports/latest/summary.json");
    let process = std::fs::read_to_string(lab.path("pid")).expect("gander's number");
    let process = PathBuf::from(format!("/proc/{}", process.trim()));
    while process.exists() && !summary.exists() {
        session.press("\x03");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let (code, screen) = session.end();
    assert_eq!(code, 130, "{}", screen.usual);
    is_given_back(&screen);
    assert!(!screen.usual.contains("the numbers are those up to then"), "{}", screen.usual);
    assert!(!lab.path("reports/latest/summary.json").exists(), "it went on to its end");
}

#[test]
fn a_terminated_run_gives_the_terminal_back_and_then_tells_its_summary() {
    let lab = Lab::new();
    let mut session = Session::start(&lab, OPEN);
    session.shows("20.0/s  as planned");
    session.shows("generator");
    let pid = std::fs::read_to_string(lab.path("pid")).expect("gander's number");
    signal(pid.trim(), "TERM");
    let (code, screen) = session.end();
    assert_eq!(code, 130, "{}", screen.usual);
    is_given_back(&screen);
    assert!(screen.usual.contains("the numbers are those up to then"), "{}", screen.usual);
    let events = events(&lab);
    assert!(events.iter().any(|event| event["text"].to_string().contains("SIGTERM")), "{events:?}");
}

#[test]
fn a_terminal_that_goes_away_leaves_a_run_that_ends_with_its_results_and_nobody_behind() {
    let lab = Lab::new();
    let mut session = Session::start(&lab, OPEN);
    session.shows("20.0/s  as planned");
    session.shows("generator");
    session.child.kill().expect("a kill of `script`, and of the terminal with it");
    session.child.wait().expect("its end");
    let pid = std::fs::read_to_string(lab.path("pid")).expect("gander's number");
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    wait_for("its end", || !process.exists());
    let summary = summary(&lab.path("reports/latest"));
    assert!(summary["measured_s"].as_f64().expect("seconds") < 30.0);
    assert!(events(&lab).iter().any(|event| event["text"].to_string().contains("SIGHUP")));
}

/// Over by itself after a few seconds.
const SHORT: &[&str] = &[
    "run",
    "-u",
    "2",
    "-d",
    "3s",
    "--warm-up",
    "0s",
    "-j",
    "register-cancel",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

const LOOK: Duration = Duration::from_millis(20);

/// Looks until it is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut looks = PATIENCE.as_millis() / LOOK.as_millis();
    while !is_so() {
        looks = looks.checked_sub(1).unwrap_or_else(|| panic!("never: {what}"));
        std::thread::park_timeout(LOOK);
    }
}

/// A run whose terminal was stopped in the middle of it, with its results on disk.
fn stopped_terminal(lab: &Lab, how: &[&str]) -> (Session, String) {
    let mut session = Session::start(lab, &[SHORT, how].concat());
    after_intervals(lab, 1);
    session.press("\x13");
    for file in ["summary.json", "report.html"] {
        wait_for(file, || lab.path("reports/latest").join(file).exists());
    }
    let pid = std::fs::read_to_string(lab.path("pid")).expect("gander's number");
    (session, pid.trim().to_owned())
}

#[test]
fn a_terminal_that_stands_still_holds_up_no_results_and_a_signal_ends_who_waits_for_it() {
    for how in [&[][..], &["--tui"]] {
        for name in ["TERM", "HUP"] {
            let lab = Lab::new();
            let (mut session, pid) = stopped_terminal(&lab, how);
            let process = PathBuf::from(format!("/proc/{pid}"));
            assert!(process.exists(), "{how:?}: it waits for the terminal");
            signal(&pid, name);
            wait_for("the end", || !process.exists());
            session.press("\x11");
            let (code, screen) = session.end();
            assert_eq!(code, 0, "{how:?} {name}: {}", screen.usual);
        }
    }
}

#[test]
fn a_third_ctrl_c_ends_who_waits_for_a_terminal_with_the_exit_code_of_the_run() {
    let lab = Lab::new();
    // A Ctrl-C that is typed lets the terminal go on; one from elsewhere does not.
    let (mut session, pid) = stopped_terminal(&lab, &[]);
    let process = PathBuf::from(format!("/proc/{pid}"));
    wait_for("the end", || {
        // Where it is gone already, there is nobody to be asked.
        let _ = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
        !process.exists()
    });
    session.press("\x11");
    let (code, screen) = session.end();
    assert_eq!(code, 0, "{}", screen.usual);
}

#[test]
fn a_terminal_that_goes_on_again_is_told_the_summary() {
    for how in [&[][..], &["--tui"], &["--json"]] {
        let lab = Lab::new();
        let (mut session, _) = stopped_terminal(&lab, how);
        session.press("\x11");
        let (code, screen) = session.end();
        assert_eq!(code, 0, "{how:?}: {}", screen.usual);
        assert!(!screen.is_alternate && screen.usual.contains("Results"), "{}", screen.usual);
        let is_told = screen.usual.contains("\"schema_version\"");
        assert_eq!(is_told, how == ["--json"], "{}", screen.usual);
    }
}

#[cfg(feature = "otlp")]
#[test]
fn a_ctrl_c_after_the_run_ends_the_waiting_and_leaves_the_exit_code_as_it_is() {
    use std::io::{BufRead, BufReader};
    let lab = Lab::new();
    // Takes connections, and never answers.
    let collector = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let link = format!("http://{}", collector.local_addr().expect("an address"));
    let mut command = lab.command(&[SHORT, &["--otlp", &link]].concat());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("a binary that starts");
    let mut said = BufReader::new(child.stderr.take().expect("standard error"));
    let mut text = String::new();
    while !text.contains("Results") {
        assert!(said.read_line(&mut text).expect("text") > 0, "{text}");
    }
    signal(child.id(), "INT");
    said.read_to_string(&mut text).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(0), "{text}");
    assert!(text.contains("the run is over; nothing more is waited for"), "{text}");
    assert!(text.contains("the collector lacks the end: it was not waited for"), "{text}");
    assert!(!text.contains("no new iterations"), "{text}");
}

#[test]
fn without_the_screen_what_is_done_to_a_run_is_a_line_of_its_own() {
    let lab = Lab::new();
    let arguments: Vec<_> = OPEN.iter().copied().filter(|argument| *argument != "--tui").collect();
    let mut command = lab.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("a binary that starts");
    after_intervals(&lab, 1);
    signal(child.id(), "TERM");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let lines: Vec<_> = ended.stderr.lines().collect();
    let said = "SIGTERM: no new iterations; those under way may end";
    let place = lines.iter().position(|line| line.starts_with("0:0") && line.ends_with(said));
    let verdict = lines.iter().position(|line| line.starts_with("PASS"));
    assert!(place.is_some() && (verdict.is_none() || place < verdict), "{}", ended.stderr);
}

#[test]
fn without_a_terminal_a_full_screen_is_refused_before_anything_is_begun() {
    let lab = Lab::new();
    let ended = lab.run(&["run", "--tui", "-d", "1s"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("`--tui` needs a terminal: standard error is no terminal"),
        "{}",
        ended.stderr
    );
    assert!(!lab.path("reports").exists());
}
