//! A network of a test's own: a namespace for each machine, joined by a bridge, and the way to each can be cut.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What names of such namespaces begin with; behind it stands the process that made them.
const OURS: &str = "gander-test-";

/// Where `ip` may be, which nobody's PATH has to have.
const PROGRAMS: [&str; 4] = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"];

/// The namespaces of one test, which go with it, and with them whatever runs in them.
pub(crate) struct Network {
    prefix: String,
    machines: Vec<String>,
}

/// Where a program is to run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    namespace: String,
    /// The address of the machine there.
    pub(crate) address: String,
}

impl Network {
    /// One of these machines. None where nobody here may make one; where `CI` is `true` that is a failure.
    pub(crate) fn new(machines: &[&str]) -> Option<Self> {
        sweep();
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{OURS}{}-{number}", std::process::id());
        let hub = format!("{prefix}-hub");
        if let Some(missing) = missing(&hub) {
            skip(&format!("a network of the test's own needs {missing}"));
            return None;
        }
        // Whatever fails from here on, what is there already is removed.
        let machines = machines.iter().map(|name| (*name).to_owned()).collect();
        let network = Self { prefix, machines };
        done(&["-n", &hub, "link", "add", "bridge", "type", "bridge"]);
        done(&["-n", &hub, "link", "set", "bridge", "up"]);
        for (place, name) in network.machines.iter().enumerate() {
            let (own, port) = (network.namespace(name), network.port(name));
            let address = format!("{}/24", address(place));
            done(&["netns", "add", &own]);
            done(&["-n", &own, "link", "set", "lo", "up"]);
            let pair = ["link", "add", "eth0", "type", "veth", "peer", "name", &port];
            done(&[&["-n", &own], &pair[..], &["netns", &hub]].concat());
            done(&["-n", &hub, "link", "set", &port, "master", "bridge", "up"]);
            done(&["-n", &own, "addr", "add", &address, "dev", "eth0"]);
            done(&["-n", &own, "link", "set", "eth0", "up"]);
        }
        Some(network)
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn place_of(&self, name: &str) -> usize {
        self.machines.iter().position(|machine| machine == name).expect("a machine")
    }

    /// Where programs of a machine run.
    pub(crate) fn place(&self, name: &str) -> Place {
        Place { namespace: self.namespace(name), address: address(self.place_of(name)) }
    }

    /// Swallows every packet from and to a machine, without a word to either side, as a network does that is gone. The
    /// machine's own link stays up.
    pub(crate) fn cut(&self, name: &str) {
        done(&["-n", &self.namespace("hub"), "link", "set", &self.port(name), "nomaster"]);
    }

    /// The other way round.
    pub(crate) fn mend(&self, name: &str) {
        let joined = ["link", "set", &self.port(name), "master", "bridge"];
        done(&[&["-n", &self.namespace("hub")], &joined[..]].concat());
    }

    fn port(&self, name: &str) -> String {
        format!("port{}", self.place_of(name))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let own = self.machines.iter().map(String::as_str).chain(["hub"]);
        own.for_each(|name| remove(&self.namespace(name)));
    }
}

impl Place {
    /// The same program, in this place.
    pub(crate) fn inside(&self, program: &Command) -> Command {
        let mut command = Command::new(ip().expect("`ip`"));
        command.args(["netns", "exec", &self.namespace]);
        command.arg(program.get_program()).args(program.get_args()).env_clear();
        let variables = program.get_envs();
        command.envs(variables.filter_map(|(name, value)| value.map(|value| (name, value))));
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        command
    }
}

fn address(place: usize) -> String {
    format!("10.77.0.{}", place + 1)
}

fn ip() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|path| Path::new(path).exists())
}

/// Says that a test shows nothing, and why. Whoever demands it all has it fail.
#[expect(clippy::print_stderr, reason = "whoever runs the test has to see it")]
#[expect(clippy::disallowed_methods, reason = "a test is run by a person as a command is")]
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{why}");
    eprintln!("SKIPPED, and nothing is shown: {why}");
}

/// What is not there that a network needs, unless its hub can be made.
fn missing(hub: &str) -> Option<String> {
    let ip = ip().ok_or_else(|| "iproute2, which `scripts/test` installs".to_owned());
    let made = ip.and_then(|ip| {
        let output = Command::new(ip).args(["netns", "add", hub]).output().expect("`ip`");
        let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let root = || format!("root, who may make namespaces: {told}");
        output.status.success().then_some(()).ok_or_else(root)
    });
    made.err()
}

/// `ip` with these arguments, which has to do it.
fn done(arguments: &[&str]) {
    let output = Command::new(ip().expect("`ip`")).args(arguments).output().expect("`ip`");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {told}", arguments.join(" "));
}

/// What `ip` says; nothing where it fails.
fn told(arguments: &[&str]) -> String {
    let output = ip().map(|ip| Command::new(ip).args(arguments).output());
    let output = output.and_then(Result::ok).filter(|output| output.status.success());
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Ends what runs in a namespace, and removes it.
fn remove(namespace: &str) {
    let within = told(&["netns", "pids", namespace]);
    let within: Vec<&str> = within.split_whitespace().collect();
    if !within.is_empty() {
        let _ = Command::new("kill").arg("-KILL").args(within).output();
    }
    told(&["netns", "del", namespace]);
}

/// Removes what tests left behind that were killed, and could not do so by themselves.
fn sweep() {
    for line in told(&["netns", "list"]).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let Some(rest) = name.strip_prefix(OURS) else { continue };
        let process = rest.split('-').next().unwrap_or_default();
        if !process.is_empty() && !Path::new("/proc").join(process).exists() {
            remove(name);
        }
    }
}
