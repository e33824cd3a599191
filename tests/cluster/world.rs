//! A group: a server, a lab, agents in processes of their own, and a conductor; and what has to add up in the end.

use crate::lab::Lab;
use crate::namespaces::Place;
use crate::server::NatsServer;
use gander::base::random::Seed;
use gander::load::Plan;
use gander::measure::series::Phase;
use gander::workload::mix::Mix;
use gander::workload::schedule::Arrivals;
use gander::workload::settings::{Model, Settings, WhenLate};
use gander::workload::shape::Shape;
use gander::workload::share::Roster;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Arrivals a second of all agents together.
pub(crate) const RATE: u32 = 12;

/// A group of agents, which end with the test.
pub(crate) struct Group {
    pub(crate) server: NatsServer,
    pub(crate) lab: Lab,
    agents: BTreeMap<String, Child>,
    variables: Vec<(String, String)>,
    places: BTreeMap<String, Place>,
}

/// What a conductor left behind.
pub(crate) struct Conducted {
    pub(crate) code: Option<i32>,
    pub(crate) told: String,
}

/// A profile of so many measured seconds of an open load, against stand-ins of the agents' own.
pub(crate) fn profile(seconds: u64, delay: &str) -> String {
    format!(
        "{}[stand_in]\nsigning = \"ES256\"\n[[stand_in.delay]]\ndelay = \"constant {delay}\"\n",
        workload(seconds)
    )
}

/// The same without a tenant.
pub(crate) fn workload(seconds: u64) -> String {
    format!(
        "[workload]\nmodel = \"open\"\nrate = \"{RATE}/s\"\narrivals = \"constant\"\nwarm_up = \"1s\"\n\
         duration = \"{seconds}s\"\nmax_users = 60\n[journeys]\nregister = 2\nsign-on = 1\n\
         [[threshold]]\nrule = \"faults < 90%\"\n[accounts]\ncount = 90\n"
    )
}

/// What is due of such a plan in its measured part, by journey.
pub(crate) fn planned(seconds: u64, seed: u64) -> BTreeMap<String, u64> {
    let rate = Shape::constant(f64::from(RATE));
    let arrivals = Arrivals::Constant;
    let model = Model::Open { rate, arrivals, max_users: 60, when_late: WhenLate::Queue };
    let workload = Settings {
        model,
        duration: Some(Duration::from_secs(seconds)),
        iterations: None,
        warm_up: Duration::from_secs(1),
        drain: Duration::from_secs(30),
    };
    let mix = Mix::new(&[2.0, 1.0], Seed(seed)).expect("a mix");
    let plan = Plan::new(workload, mix, Seed(seed));
    let due = plan.due_until((&Roster::of(1), 0), Duration::from_secs(seconds + 1));
    let due = due.expect("an open plan");
    let of = |place: usize| due[place][Phase::Measured as usize];
    [("register".to_owned(), of(0)), ("sign-on".to_owned(), of(1))].into()
}

impl Group {
    pub(crate) fn new() -> Self {
        Self::at(NatsServer::start())
    }

    pub(crate) fn at(server: NatsServer) -> Self {
        Self {
            server,
            lab: Lab::new(),
            agents: BTreeMap::new(),
            variables: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Whoever has this name is started there from now on.
    pub(crate) fn put(&mut self, who: &str, place: Place) {
        self.places.insert(who.to_owned(), place);
    }

    /// Whoever is started from now on has this variable.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str], who: &str) -> std::process::Command {
        let mut command = self.lab.command(arguments);
        if let Some(place) = self.places.get(who) {
            command = place.inside(&command);
        }
        let log = self.lab.path(&format!("{who}.log"));
        let log = fs::OpenOptions::new().create(true).append(true).open(log);
        let log = log.expect("a log");
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// Starts an agent.
    pub(crate) fn start(&mut self, name: &str, more: &[&str]) {
        let url = self.server.url();
        self.start_through(&url, name, more);
    }

    /// Starts one that has its server by this address.
    pub(crate) fn start_through(&mut self, url: &str, name: &str, more: &[&str]) {
        let own = ["agent", "--nats", url, "--group", "load", "--name", name, "--folder", "agents"];
        self.spawn(name, &[&own, more].concat());
    }

    /// Starts somebody with these arguments, who ends with the group.
    pub(crate) fn spawn(&mut self, who: &str, arguments: &[&str]) {
        let child = self.command(arguments, who).spawn();
        self.agents.insert(who.to_owned(), child.expect("a binary that starts"));
    }

    /// Starts several.
    pub(crate) fn start_all(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.start(name, &[]));
    }

    /// Starts a conductor of the profile `p.toml`.
    pub(crate) fn conduct(&self, agents: usize, more: &[&str]) -> Child {
        let (url, agents) = (self.server.url(), agents.to_string());
        let own = ["run", "p.toml", "--nats", &url, "--group", "load", "--agents", &agents];
        let child = self.command(&[&own, more].concat(), "conductor").spawn();
        child.expect("a binary that starts")
    }

    /// Waits for the end of a conductor.
    pub(crate) fn end(&self, mut conductor: Child) -> Conducted {
        let code = conductor.wait().expect("an end").code();
        Conducted { code, told: self.told("conductor") }
    }

    /// A whole run into `out`.
    pub(crate) fn run(&self, agents: usize, more: &[&str]) -> Conducted {
        let conductor = self.conduct(agents, &[&["--out", "out"], more].concat());
        self.end(conductor)
    }

    /// What somebody told so far.
    pub(crate) fn told(&self, who: &str) -> String {
        fs::read_to_string(self.lab.path(&format!("{who}.log"))).unwrap_or_default()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.lab.path("out")
    }

    /// Intervals of an agent that its conductor has.
    pub(crate) fn intervals(&self, agent: &str) -> usize {
        let path = self.out().join("agents").join(agent).join("timeline.jsonl");
        fs::read_to_string(path).unwrap_or_default().matches('\n').count()
    }

    /// Waits until a conductor has so many intervals of an agent.
    pub(crate) fn wait_for(&self, agent: &str, intervals: usize, conductor: &mut Child) {
        self.wait_until(conductor, || self.intervals(agent) >= intervals);
    }

    /// Waits for something while a conductor is at work.
    pub(crate) fn wait_until(&self, conductor: &mut Child, mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            let ended = conductor.try_wait().expect("a process");
            assert!(ended.is_none(), "it ended by itself: {ended:?}: {}", self.all_told());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until somebody has told something.
    pub(crate) fn wait_to_hear(&self, who: &str, text: &str) {
        let mut attempts = 0;
        while !self.told(who).contains(text) {
            attempts += 1;
            assert!(attempts < 3000, "`{text}` was not told: {}", self.all_told());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until there is a whole line in a file of the lab.
    pub(crate) fn wait_for_line(&self, name: &str) -> String {
        let mut attempts = 0;
        loop {
            let text = fs::read_to_string(self.lab.path(name)).unwrap_or_default();
            if text.ends_with('\n') {
                return text;
            }
            attempts += 1;
            assert!(attempts < 3000, "`{name}` was not written: {}", self.all_told());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn all_told(&self) -> String {
        let agents = self.agents.keys().map(String::as_str);
        let who = agents.chain(["conductor"]);
        who.map(|who| format!("== {who}\n{}\n", self.told(who))).collect()
    }

    /// Gives an agent a signal: `STOP`, `CONT`, `INT`.
    pub(crate) fn signal(&self, agent: &str, signal: &str) {
        signal_to(self.agents[agent].id(), signal);
    }

    /// A connection of somebody else to the group's server.
    pub(crate) fn stranger(&self) -> (tokio::runtime::Runtime, async_nats::Client) {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
        let client = runtime.block_on(async_nats::connect(self.server.url()));
        (runtime, client.expect("a connection"))
    }

    /// What the conductor has on file about the run.
    pub(crate) fn journal(&self) -> Value {
        let text = fs::read(self.out().join("conductor.json")).expect("a journal");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Kills an agent.
    pub(crate) fn kill(&mut self, agent: &str) {
        let mut child = self.agents.remove(agent).expect("an agent");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// Waits until an agent has ended by itself.
    pub(crate) fn ended(&mut self, agent: &str) -> Option<i32> {
        let mut child = self.agents.remove(agent).expect("an agent");
        child.wait().expect("an end").code()
    }

    /// The result of the whole, which has to add up.
    pub(crate) fn summary(&self) -> Value {
        let read = |name: &str| -> Value {
            let text = fs::read(self.out().join(name));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}: {}", self.all_told()));
            serde_json::from_slice(&text).expect("JSON")
        };
        let (summary, record) = (read("summary.json"), read("run.json"));
        for row in summary["journeys"].as_array().expect("journeys") {
            assert_eq!(number(&row["due"]), ends(row), "{row}: {}", self.all_told());
        }
        let of_all = |key: &str| total(&summary, key);
        for key in ["due", "completed", "failed", "dropped", "cut_off", "lost"] {
            let parts = record["parts"].as_array().expect("parts");
            let sum: u64 = parts.iter().map(|part| number(&part[key])).sum();
            assert_eq!(of_all(key), sum, "{key}: {}", record["parts"]);
        }
        summary
    }

    /// What was due, by journey.
    pub(crate) fn due(summary: &Value) -> BTreeMap<String, u64> {
        let rows = summary["journeys"].as_array().expect("journeys").iter();
        let due = rows
            .map(|row| (row["journey"].as_str().expect("a name").to_owned(), number(&row["due"])));
        due.collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in self.agents.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn signal_to(process: u32, signal: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status()
        .expect("`kill`");
    assert!(status.success());
}

/// The row of a part.
pub(crate) fn part(group: &Group, name: &str) -> Value {
    let text = fs::read(group.out().join("run.json")).expect("a record");
    let record: Value = serde_json::from_slice(&text).expect("JSON");
    let parts = record["parts"].as_array().expect("parts").clone();
    parts.into_iter().find(|part| part["name"] == name).expect("the part")
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Iterations of which the end is known.
fn ends(row: &Value) -> u64 {
    ["completed", "failed", "dropped", "cut_off", "lost"].map(|key| number(&row[key])).iter().sum()
}

/// A count of all journeys together.
pub(crate) fn total(summary: &Value, key: &str) -> u64 {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    rows.map(|row| number(&row[key])).sum()
}
