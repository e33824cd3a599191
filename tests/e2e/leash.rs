//! A process held to a part of one core: by a control group where one can be made, else by stopping
//! and continuing it.

use crate::lab::Ended;
use crate::run::signal;
use gander::base::clock::Clock;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// The time in which a process may run for its part.
const PERIOD: Duration = Duration::from_millis(100);

/// Runs a command to its end with this percentage of one core, and says what held it.
pub(crate) fn run_held(command: Command, percent: u32) -> (Ended, &'static str) {
    for (what, make) in GROUPS {
        // A group may be there and take nobody in, such as a process of another scheduler class.
        if let Some(group) = make(percent).filter(Group::takes_in) {
            return (in_group(command, &group), what);
        }
    }
    (stopped_and_continued(command, percent), "signals")
}

type Make = fn(u32) -> Option<Group>;

/// Kinds of control groups, and how one is made.
const GROUPS: &[(&str, Make)] = &[("cgroup v2", second), ("cgroup v1", first)];

/// A control group that goes with the test.
struct Group(PathBuf);

/// Puts the shell into the group whose list of processes is its first argument.
const ENTER: &str = "echo $$ > \"$0\"";

impl Group {
    fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    fn takes_in(&self) -> bool {
        let entered = Command::new("/bin/sh").arg("-c").arg(ENTER).arg(self.processes()).output();
        entered.is_ok_and(|it| it.status.success())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty: the process in it has ended.
        let _ = fs::remove_dir(&self.0);
    }
}

static MADE: AtomicU32 = AtomicU32::new(0);

/// A new group below `parent`, if this process may make one.
fn below(parent: &Path) -> Option<Group> {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = parent.join(format!("gander-test-{}-{number}", std::process::id()));
    fs::create_dir(&folder).ok()?;
    Some(Group(folder))
}

fn second(percent: u32) -> Option<Group> {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_to_string(root.join("cgroup.controllers")).ok()?;
    if !controllers.split_whitespace().any(|name| name == "cpu") {
        return None;
    }
    fs::write(root.join("cgroup.subtree_control"), "+cpu").ok()?;
    let group = below(root)?;
    let quota = PERIOD.as_micros() * u128::from(percent) / 100;
    fs::write(group.0.join("cpu.max"), format!("{quota} {}", PERIOD.as_micros())).ok()?;
    Some(group)
}

fn first(percent: u32) -> Option<Group> {
    let group = below(Path::new("/sys/fs/cgroup/cpu"))?;
    let quota = PERIOD.as_micros() * u128::from(percent) / 100;
    fs::write(group.0.join("cpu.cfs_period_us"), PERIOD.as_micros().to_string()).ok()?;
    fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string()).ok()?;
    Some(group)
}

/// A shell enters the group and becomes the command.
fn in_group(command: Command, group: &Group) -> Ended {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{ENTER} && exec \"$@\"")).arg(group.processes());
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().expect("a folder")).env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    Ended::of(shell.output().expect("a shell that starts"))
}

/// Stops the process for most of each period.
fn stopped_and_continued(mut command: Command, percent: u32) -> Ended {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a binary that starts");
    let running = PERIOD * percent / 100;
    while child.try_wait().expect("a child").is_none() {
        signal(child.id(), "STOP");
        thread::sleep(PERIOD.saturating_sub(running));
        signal(child.id(), "CONT");
        thread::sleep(running);
    }
    Ended::of(child.wait_with_output().expect("an end"))
}

/// Seconds of processor time in a line of the shell's `times`: `0m0.120s 0m0.004s`.
fn used(line: &str) -> f64 {
    let seconds = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').expect("a time");
        60.0 * minutes.parse::<f64>().expect("minutes") + seconds.parse::<f64>().expect("seconds")
    };
    line.split_whitespace().map(seconds).sum()
}

#[test]
fn signals_hold_a_process_where_no_group_can_be_made() {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; times").env_clear();
    let clock = Clock::system();
    let began = clock.now();
    let ended = stopped_and_continued(command, 20);
    let took = (clock.now() - began).as_secs_f64();
    let used = used(ended.stdout.lines().next().expect("a line of times"));
    assert!(used > 0.1, "{used} s say nothing");
    assert!(used / took < 0.4, "{used} s of {took} s");
}
