//! Whether the machine itself stood still during an attempt: then the attempt says nothing about gander.

use gander::base::clock::Clock;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A thread that sleeps a millisecond again and again, beside a run. How late the machine wakes it is
/// what nobody who runs on that machine can be held to.
pub(crate) struct Canary {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Lateness>,
}

impl Canary {
    pub(crate) fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let clock = Clock::system();
        let thread = thread::spawn(move || {
            let mut late = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let began = clock.now();
                thread::sleep(Duration::from_millis(1));
                let overshoot = (clock.now() - began).saturating_sub(Duration::from_millis(1));
                late.push(i64::try_from(overshoot.as_micros()).expect("microseconds"));
            }
            late.sort_unstable();
            Lateness(late)
        });
        Self { over, thread }
    }

    pub(crate) fn stop(self) -> Lateness {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("a canary that lives")
    }
}

/// How late the canary was woken, each time, in microseconds, sorted.
pub(crate) struct Lateness(Vec<i64>);

/// A machine that is later than this in one of a thousand wakings cannot show a millisecond.
const STALLED_US: i64 = 1_000;

/// A machine that stood still for this long once has made a stall of its own.
const FROZEN_US: i64 = 20_000;

impl Lateness {
    pub(crate) fn at(&self, per_mille: usize) -> i64 {
        quantile(&self.0, per_mille)
    }

    fn longest(&self) -> i64 {
        self.0.last().copied().unwrap_or_default()
    }

    fn is_stalled(&self) -> bool {
        self.at(999) > STALLED_US || self.longest() > FROZEN_US
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |per_mille| self.at(per_mille);
        let (median, p99, p99_9) = (at(500), at(990), at(999));
        let longest = self.longest();
        write!(f, "{median} µs (median), {p99} µs (p99), {p99_9} µs (p99.9), {longest} µs (max)")
    }
}

/// The smallest of the sorted values that so many of a thousand do not exceed.
pub(crate) fn quantile(sorted: &[i64], per_mille: usize) -> i64 {
    let index = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
    sorted[index]
}

/// What an attempt did not show.
pub(crate) struct Miss {
    told: String,
    /// Percentiles that missed, in thousandths, and by how many microseconds more than they may.
    /// Empty where something else missed.
    beyond: Vec<(usize, i64)>,
    /// gander itself said that it was late, and that its numbers say nothing.
    is_invalid: bool,
}

impl From<String> for Miss {
    fn from(told: String) -> Self {
        Self { told, beyond: Vec::new(), is_invalid: false }
    }
}

impl Miss {
    /// A run that ended so. One that calls itself invalid on a machine that stood still is right.
    pub(crate) fn of_run(code: i32, said: &str) -> Self {
        Self { is_invalid: code == 5, ..format!("the run ended with {code}: {said}").into() }
    }

    /// A percentile, in thousandths, that is further off than it may be, by so many microseconds.
    pub(crate) fn of_percentile(told: String, per_mille: usize, beyond_us: i64) -> Self {
        Self { beyond: vec![(per_mille, beyond_us)], ..told.into() }
    }

    /// One of several. No miss, no error.
    pub(crate) fn unless_none(misses: Vec<Self>) -> Result<(), Self> {
        let told: Vec<&str> = misses.iter().map(|miss| miss.told.as_str()).collect();
        let told = told.join("; ");
        // One that is not of a percentile makes the whole one that is not.
        let excusable = misses.iter().all(|miss| !miss.beyond.is_empty());
        let beyond = misses.into_iter().flat_map(|miss| miss.beyond);
        let beyond = if excusable { beyond.collect() } else { Vec::new() };
        if told.is_empty() { Ok(()) } else { Err(Self { beyond, ..told.into() }) }
    }

    /// Whether it is no more than what the machine does: a run that is invalid for it, or percentiles off by no
    /// more than the machine itself was late by, at the same percentiles: three
    /// wake-ups lie between the two records of a call, the tenant's reader and writer and gander's
    /// reader.
    fn is_the_machines(&self, late: &Lateness) -> bool {
        let machines = |(per_mille, beyond): &(usize, i64)| *beyond <= 3 * late.at(*per_mille);
        self.is_invalid || !self.beyond.is_empty() && self.beyond.iter().all(machines)
    }
}

/// An attempt that fails while the machine stands still proves nothing: it is discarded, told, and made
/// again; there are at most three. One that fails on a machine that did not, fails the test. Where all
/// three met stalls, what one of them is off by has to be within the machine's own lateness, or its run was
/// invalid: then the test is undecided, which `./scripts/prove instrument` counts and makes again.
pub(crate) fn unless_the_machine_stalls<E: Into<Miss>>(mut attempt: impl FnMut() -> Result<(), E>) {
    let mut discarded = Vec::new();
    let mut is_the_machines = false;
    for number in 1..=3 {
        let canary = Canary::start();
        let outcome = attempt();
        let late = canary.stop();
        let Err(miss) = outcome else {
            tell(&format!("attempt {number} holds; the machine was late by {late}"));
            return;
        };
        let miss = miss.into();
        let told = format!("{}; the machine itself was late by {late}", miss.told);
        assert!(late.is_stalled(), "{told}");
        tell(&format!("attempt {number} discarded: {told}"));
        discarded.push(told);
        is_the_machines |= miss.is_the_machines(&late);
    }
    assert!(is_the_machines, "the machine stalled in all three attempts: {discarded:#?}");
    tell(
        "undecided: the machine stalled in all three attempts, and by no less than what was missed",
    );
}

/// Figures for whoever asks the harness to show them; `./scripts/prove instrument` does.
#[expect(clippy::print_stdout, reason = "the harness keeps it from whoever does not ask")]
pub(crate) fn tell(figure: &str) {
    println!("figure: {figure}");
}
