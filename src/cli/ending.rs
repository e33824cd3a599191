//! How a run is ended from outside: by Ctrl-C, by a signal, by a key; and what that means once it is over.

use super::aside;
use super::exit::Exit;
use super::terminal::Terminal;
use super::tui;
use crate::base::clock::Clock;
use crate::load::{Stop, on_interrupt};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long one who dies at once may take to give the terminal back.
const LAST_WORD: Duration = Duration::from_millis(200);

/// So many of a person's wishes, the last of them a Ctrl-C, end the process.
const DEADLY: u32 = 3;

/// Who may end a run, and how far it is. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    stop: Stop,
    terminal: Terminal,
    far: Arc<Far>,
    /// Other runs come after it, so its results are not the end of the process.
    is_one_of_several: bool,
}

#[derive(Debug, Default)]
struct Far {
    /// Wishes of the person at the terminal.
    wishes: AtomicU32,
    /// Signals of whoever manages this process.
    signals: AtomicU32,
    /// Until when everybody waits for the load to begin, if it begins at an agreed instant.
    waits_until: OnceLock<SystemTime>,
    /// Whether nothing is under way yet that could finish.
    waits: AtomicBool,
    /// How often it had been asked to stop when the load was over.
    over: OnceLock<u32>,
    /// How the process ends; there once the results are on disk.
    exit: OnceLock<Exit>,
}

/// What comes of a wish.
#[derive(Debug, Eq, PartialEq)]
enum Answer {
    Say(&'static str),
    Die(u8),
}

impl Ending {
    pub(super) fn new(terminal: &Terminal) -> Self {
        let (stop, far) = (Stop::default(), Arc::default());
        Self { stop, terminal: *terminal, far, is_one_of_several: false }
    }

    /// The same for a run after which others come.
    pub(super) fn of_series(terminal: &Terminal) -> Self {
        Self { is_one_of_several: true, ..Self::new(terminal) }
    }

    /// The signal that the load hears.
    pub(super) const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Hears Ctrl-C and the signals from now on, on threads that nothing else holds up, in place of the
    /// ending of a run before.
    pub(super) fn listen(&self) -> io::Result<()> {
        let is_first = heard().replace(self.clone()).is_none();
        let own = self.clone();
        on_interrupt(move || own.interrupt());
        if is_first { hear_signals() } else { Ok(()) }
    }

    /// What a container's manager sends first, or a terminal that goes away, stops a run as a Ctrl-C
    /// does, however often it comes. Where the results are on disk it ends the process.
    async fn obey(&self, name: &str) {
        self.far.signals.fetch_add(1, Ordering::SeqCst);
        self.stop.request_by(name);
        aside::hurry();
        if let Some(exit) = self.far.exit.get() {
            // Time to end by itself, which leaves nobody without the last line.
            tokio::time::sleep(LAST_WORD).await;
            die(exit.code());
        }
    }

    /// Ctrl-C. Once: no new iterations. Twice: stop now. Three times: die.
    fn interrupt(&self) {
        let wishes = self.wish("Ctrl-C");
        self.give(self.answer(wishes));
    }

    /// A key for the same that is easily held down or pasted: it never kills.
    pub(super) fn key(&self) {
        if self.far.wishes.load(Ordering::SeqCst) < DEADLY - 1 && self.far.over.get().is_none() {
            self.wish("the terminal");
        }
    }

    fn wish(&self, who: &str) -> u32 {
        let wishes = self.far.wishes.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.stop.request_by(who);
        wishes
    }

    fn answer(&self, wishes: u32) -> Answer {
        let far = &self.far;
        match (wishes, far.exit.get(), far.over.get()) {
            (DEADLY.., Some(exit), _) => Answer::Die(exit.code()),
            (DEADLY.., None, _) => Answer::Die(130),
            (_, Some(_), _) => Answer::Say("\nthe run is over; nothing more is waited for"),
            (_, None, Some(_)) => Answer::Say("\nthe load is over; its results are being written"),
            (_, None, None) if self.is_awaited() => {
                Answer::Say("\nnothing is under way yet: the run ends before any load")
            }
            (_, None, None) if far.waits.load(Ordering::SeqCst) => {
                Answer::Say("\nnothing has begun; agents that have the plan are told to forget it")
            }
            (1, None, None) => Answer::Say(
                "\nno new iterations; those under way may finish (Ctrl-C again to stop now)",
            ),
            (_, None, None) => {
                Answer::Say("\nstopping now; results are kept (Ctrl-C again to die)")
            }
        }
    }

    fn give(&self, answer: Answer) {
        match answer {
            Answer::Say(text) => {
                // A terminal that stands still must not keep the third from being heard.
                let terminal = self.terminal;
                thread::spawn(move || terminal.remark(text));
            }
            Answer::Die(code) => die(code),
        }
    }

    /// Others perform the load, and none of it has begun.
    pub(super) fn waits_for_agents(&self) {
        self.far.waits.store(true, Ordering::SeqCst);
    }

    /// What waited for others goes on.
    pub(super) fn load_begins(&self) {
        self.far.waits.store(false, Ordering::SeqCst);
    }

    /// Whether somebody here wants it, not one of the group that it is of.
    pub(super) fn is_wanted_here(&self) -> bool {
        let Far { wishes, signals, .. } = &*self.far;
        wishes.load(Ordering::SeqCst) > 0 || signals.load(Ordering::SeqCst) > 0
    }

    /// The load begins at an agreed instant, and until then nothing is under way.
    pub(super) fn waits_until(&self, at: SystemTime) {
        let _ = self.far.waits_until.set(at);
    }

    fn is_awaited(&self) -> bool {
        self.far.waits_until.get().is_some_and(|at| Clock::system().wall() < *at)
    }

    /// The load is over: who wants it to stop from now on wants to go.
    pub(super) fn load_is_over(&self) {
        let _ = self.far.over.set(self.stop.requests());
    }

    /// The results are on disk, and this is how the process ends, unless there are more runs to come.
    pub(super) fn is_settled(&self, exit: Exit) {
        if !self.is_one_of_several {
            let _ = self.far.exit.set(exit);
        }
    }

    /// Whether somebody wants to go since the load is over.
    pub(super) fn is_to_go(&self) -> bool {
        self.far.over.get().is_some_and(|before| self.stop.requests() > *before)
    }
}

#[expect(clippy::exit, reason = "ends the process whatever it is doing")]
fn die(code: u8) -> ! {
    tui::restore_within(LAST_WORD);
    std::process::exit(code.into())
}

/// Whose ending it is that is heard: one run after another may have one.
static HEARD: Mutex<Option<Ending>> = Mutex::new(None);

fn heard() -> MutexGuard<'static, Option<Ending>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let of_runtime = runtime.enter();
    let terminated = signal(SignalKind::terminate())?;
    let hung_up = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
    drop(of_runtime);
    let hear = move || {
        runtime.block_on(async {
            tokio::join!(pass_on(terminated, "SIGTERM"), async {
                if let Some(hung_up) = hung_up {
                    pass_on(hung_up, "SIGHUP").await;
                }
            })
        })
    };
    thread::Builder::new().name("signals".to_owned()).spawn(hear).map(drop)
}

async fn pass_on(mut signals: Signal, name: &str) {
    while signals.recv().await.is_some() {
        let ending = heard().clone();
        if let Some(ending) = ending {
            ending.obey(name).await;
        }
    }
}

/// Whether this was started to outlive its terminal (`nohup`), from the mask of ignored signals in
/// `/proc/self/status`, whose lowest bit is SIGHUP. Where that is not told, SIGHUP keeps its way.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| mask.trim().chars().next_back()?.to_digit(16))
        .is_none_or(|low| low & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Colour, Manner};

    fn ending() -> Ending {
        Ending::new(&Terminal::new(Manner { quiet: true, verbose: false, color: Colour::Never }))
    }

    fn says(ending: &Ending, text: &str) -> bool {
        let wishes = ending.wish("Ctrl-C");
        matches!(ending.answer(wishes), Answer::Say(said) if said.contains(text))
    }

    #[test]
    fn of_three_wishes_the_last_one_kills() {
        let ending = ending();
        assert!(says(&ending, "no new iterations"));
        assert!(says(&ending, "stopping now"));
        let wishes = ending.wish("Ctrl-C");
        assert_eq!((ending.answer(wishes), ending.stop.requests()), (Answer::Die(130), 3));
    }

    #[test]
    fn before_a_load_of_others_nothing_is_under_way() {
        let ending = ending();
        ending.waits_for_agents();
        assert!(says(&ending, "nothing has begun"));
        ending.load_begins();
        assert!(says(&ending, "stopping now"));
    }

    #[test]
    fn before_the_agreed_instant_nothing_is_under_way() {
        let (waiting, begun) = (ending(), ending());
        waiting.waits_until(Clock::system().wall() + Duration::from_secs(3600));
        begun.waits_until(SystemTime::UNIX_EPOCH);
        assert!(says(&waiting, "the run ends before any load"));
        assert!(says(&begun, "no new iterations"));
        assert!(says(&waiting, "the run ends before any load"));
        assert_eq!(waiting.answer(waiting.wish("Ctrl-C")), Answer::Die(130));
    }

    #[test]
    fn a_key_asks_twice_at_most_and_is_counted_with_ctrl_c() {
        let ending = ending();
        (0..100).for_each(|_| ending.key());
        assert_eq!(ending.stop.requests(), 2);
        assert_eq!(ending.answer(ending.wish("Ctrl-C")), Answer::Die(130));
    }

    #[test]
    fn one_ctrl_c_kills_nothing_that_gander_is_stopping_by_itself() {
        let ending = ending();
        ending.stop.now();
        assert!(says(&ending, "no new iterations"));
    }

    #[test]
    fn the_results_of_one_run_of_several_are_not_the_end_of_the_process() {
        let ending = Ending { is_one_of_several: true, ..ending() };
        ending.load_is_over();
        ending.is_settled(Exit::Passed);
        assert!(says(&ending, "results are being written") && ending.is_to_go());
        ending.wish("Ctrl-C");
        assert_eq!(ending.answer(ending.wish("Ctrl-C")), Answer::Die(130));
    }

    #[test]
    fn after_the_results_are_written_a_wish_ends_the_waiting_and_changes_no_exit_code() {
        let ending = ending();
        ending.stop.request();
        ending.load_is_over();
        assert!(!ending.is_to_go(), "what stopped the load");
        assert!(says(&ending, "results are being written"));
        ending.is_settled(Exit::Passed);
        assert!(ending.is_to_go());
        assert!(says(&ending, "nothing more is waited for"));
        assert_eq!(ending.answer(ending.wish("Ctrl-C")), Answer::Die(0));
        let before = ending.stop.requests();
        ending.key();
        assert_eq!(ending.stop.requests(), before);
    }
}
