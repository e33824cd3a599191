//! Load as its callers see it: users start and end when they should, whatever the iterations do.

use gander::base::clock::Clock;
use gander::base::random::Seed;
use gander::load::{
    Counts, EndedBy, Events, Launched, LoadEnd, LoadError, MOST_FACTOR, Performer, Plan,
    RateControl, Stop, Ticket, launch, on_interrupt,
};
use gander::measure::fault::Fault;
use gander::measure::sample::Ending;
use gander::measure::series::Phase;
use gander::workload::mix::Mix;
use gander::workload::pacing::Pacing;
use gander::workload::schedule::Arrivals;
use gander::workload::settings::{Model, Settings, WhenLate};
use gander::workload::shape::{Shape, Stage};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[path = "load/share.rs"]
mod share;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Iterations that are all the same closure. Its users count their iterations.
struct Work<F> {
    perform: F,
    tickets: Mutex<Vec<Ticket>>,
    finished: Mutex<Vec<Ticket>>,
    unfinished: Mutex<Vec<(Ticket, Option<u64>, Ending)>>,
    due: Mutex<Vec<Ticket>>,
    late: AtomicUsize,
    new_users: AtomicUsize,
    started: watch::Sender<usize>,
}

impl<F> Work<F> {
    fn new(perform: F) -> Arc<Self> {
        Arc::new(Self {
            perform,
            tickets: Mutex::default(),
            finished: Mutex::default(),
            unfinished: Mutex::default(),
            due: Mutex::default(),
            late: AtomicUsize::new(0),
            new_users: AtomicUsize::new(0),
            started: watch::Sender::new(0),
        })
    }

    fn tickets(&self) -> Vec<Ticket> {
        let mut tickets = self.tickets.lock().expect("no panic while held").clone();
        tickets.sort_by_key(|ticket| ticket.number);
        tickets
    }

    fn unfinished(&self) -> Vec<(Ticket, Option<u64>, Ending)> {
        self.unfinished.lock().expect("no panic while held").clone()
    }

    /// Until so many iterations have been started.
    async fn started(&self, iterations: usize) {
        self.started
            .subscribe()
            .wait_for(|started| *started >= iterations)
            .await
            .expect("the sender is here");
    }
}

impl<F, R> Performer for Work<F>
where
    F: Fn(Ticket) -> R + Send + Sync + 'static,
    R: Future<Output = Ending> + Send,
{
    type User = u64;

    fn due(&self, ticket: &Ticket) {
        self.due.lock().expect("no panic while held").push(*ticket);
    }

    fn late(&self, _ticket: &Ticket) {
        self.late.fetch_add(1, Ordering::SeqCst);
    }

    fn new_user(&self, _number: usize) -> u64 {
        self.new_users.fetch_add(1, Ordering::SeqCst);
        0
    }

    async fn perform(&self, ticket: Ticket, user: &mut u64) -> Ending {
        *user += 1;
        self.tickets.lock().expect("no panic while held").push(ticket);
        self.started.send_modify(|started| *started += 1);
        (self.perform)(ticket).await
    }

    fn finished(&self, ticket: Ticket, _user: &mut u64, _ending: Ending) {
        self.finished.lock().expect("no panic while held").push(ticket);
    }

    fn unfinished(&self, ticket: Ticket, user: Option<u64>, ending: Ending) {
        self.unfinished.lock().expect("no panic while held").push((ticket, user, ending));
    }
}

/// So many users for a second, unless changed.
fn plan(users: usize, change: impl FnOnce(&mut Settings)) -> Plan {
    let mut workload = Settings {
        model: Model::closed(users),
        duration: Some(ms(1000)),
        iterations: None,
        warm_up: Duration::ZERO,
        drain: ms(5000),
    };
    change(&mut workload);
    Plan::new(workload, Mix::new(&[2.0, 1.0], Seed(1)).expect("a mix"), Seed(1))
}

/// Launches and runs, and fails the test rather than wait for ever.
async fn drive<P: Performer>(plan: Plan, stop: &Stop, work: &Arc<P>) -> LoadEnd {
    in_time(async {
        let load = launched(plan, stop, work).await;
        let end = load.run(Clock::system().now()).await.expect("a load that ends");
        assert_eq!((end.stuck, end.left_behind), (0, false));
        end
    })
    .await
}

async fn launched<P: Performer>(plan: Plan, stop: &Stop, work: &Arc<P>) -> Launched {
    launch(plan, Clock::system(), stop.clone(), work.clone()).await.expect("launched users")
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("an end within 20 s")
}

fn phase(end: &LoadEnd, phase: Phase) -> Counts {
    let mut total = Counts::default();
    end.counts.iter().for_each(|phases| total.add(&phases[phase as usize]));
    total
}

fn is_exact(counts: &Counts) -> bool {
    counts.due == counts.completed + counts.failed + counts.dropped + counts.cut_off
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timed_run_measures_fractions_of_a_second_exactly() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(10)).await;
        Ending::Completed
    });
    let plan = plan(4, |workload| {
        workload.warm_up = ms(150);
        workload.duration = Some(ms(350));
    });
    let end = drive(plan, &Stop::default(), &work).await;
    assert_eq!((end.by, end.measured), (EndedBy::Time, ms(350)));
    assert_eq!(end.closed - end.started, ms(500));
    assert!(end.ended >= end.closed);
    for ticket in work.tickets() {
        let expected = if ticket.after < ms(150) { Phase::WarmUp } else { Phase::Measured };
        assert_eq!(ticket.phase, expected, "{ticket:?}");
        assert_eq!(ticket.due - end.started, ticket.after);
        assert!(ticket.after < ms(500), "{ticket:?}");
    }
    let (warm_up, measured) = (phase(&end, Phase::WarmUp), phase(&end, Phase::Measured));
    assert!(warm_up.completed >= 4 && measured.completed >= 4, "{end:?}");
    assert_eq!(phase(&end, Phase::Drain), Counts::default());
    assert!(is_exact(&warm_up) && is_exact(&measured), "{end:?}");
    assert_eq!(end.total().due, work.tickets().len() as u64);
    assert_eq!(end.total().completed, end.total().due);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_by_count_performs_exactly_so_many() {
    for (users, iterations) in [(7, 100), (10, 3), (1, 1)] {
        let work = Work::new(|_| async {
            tokio::task::yield_now().await;
            Ending::Completed
        });
        let plan = plan(users, |workload| {
            workload.duration = None;
            workload.iterations = Some(iterations);
        });
        let mix = plan.mix.clone();
        let end = drive(plan, &Stop::default(), &work).await;
        assert_eq!(end.by, EndedBy::Count);
        let tickets = work.tickets();
        let numbers: Vec<u64> = tickets.iter().map(|ticket| ticket.number).collect();
        assert_eq!(numbers, (0..iterations).collect::<Vec<_>>(), "{users} users");
        assert!(tickets.iter().all(|ticket| ticket.choice == mix.pick(ticket.number)));
        assert_eq!(end.total().completed, iterations);
        assert_eq!(end.measured, end.ended - end.started);
        let second = tickets.iter().filter(|ticket| ticket.choice == 1).count() as u64;
        assert_eq!(end.counts[1][Phase::Measured as usize].completed, second);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_users_are_parked_before_the_first_iteration_is_due() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(5)).await;
        Ending::Completed
    });
    let plan = plan(50, |workload| workload.duration = Some(ms(100)));
    let load = launched(plan, &Stop::default(), &work).await;
    let progress = load.progress();
    assert_eq!((progress.users(), progress.counts().due), (50, 0));
    let start = Clock::system().now();
    let end = in_time(load.run(start)).await.expect("a load that ends");
    let tickets = work.tickets();
    assert!(tickets.iter().all(|ticket| ticket.due >= start));
    let users: std::collections::BTreeSet<_> = tickets.iter().map(|ticket| ticket.user).collect();
    assert_eq!(users.len(), 50);
    assert_eq!(progress.counts(), end.total());
    assert_eq!(progress.by_choice(), end.counts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_performs_one_iteration_at_a_time_and_is_due_when_free() {
    let busy: Arc<Vec<AtomicBool>> = Arc::new((0..3).map(|_| AtomicBool::new(false)).collect());
    let free: Arc<Mutex<Vec<Option<Instant>>>> = Arc::new(Mutex::new(vec![None; 3]));
    let (mine, freed) = (busy.clone(), free.clone());
    let work = Work::new(move |ticket: Ticket| {
        let (busy, free) = (mine.clone(), freed.clone());
        async move {
            assert!(!busy[ticket.user].swap(true, Ordering::SeqCst), "{ticket:?}");
            let before = free.lock().expect("no panic while held")[ticket.user];
            assert!(
                before.is_none_or(|before| before <= ticket.due),
                "due before free: {ticket:?}"
            );
            tokio::time::sleep(ms(7)).await;
            free.lock().expect("no panic while held")[ticket.user] = Some(Clock::system().now());
            busy[ticket.user].store(false, Ordering::SeqCst);
            Ending::Completed
        }
    });
    let end =
        drive(plan(3, |workload| workload.duration = Some(ms(200))), &Stop::default(), &work).await;
    assert_eq!(end.total().completed, end.total().due);
    assert!(end.total().due > 6);
    assert_eq!(work.new_users.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_nothing_begins_and_what_runs_may_end() {
    let stop = Stop::default();
    let go_on = watch::Sender::new(false);
    let waiting = go_on.clone();
    let work = Work::new(move |_| {
        let mut waiting = waiting.subscribe();
        async move {
            waiting.wait_for(|go_on| *go_on).await.expect("the sender is here");
            Ending::Completed
        }
    });
    let stopping = async {
        work.started(5).await;
        stop.request();
        go_on.send_replace(true);
    };
    let plan = plan(5, |workload| workload.duration = Some(Duration::from_secs(3600)));
    let (end, ()) = tokio::join!(drive(plan, &stop, &work), stopping);
    assert_eq!(end.by, EndedBy::Stop);
    let expected = Counts { due: 5, completed: 5, ..Counts::default() };
    assert_eq!(end.total(), expected);
    assert!(work.unfinished().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stop_cuts_off_what_runs() {
    let stop = Stop::default();
    let work = Work::new(|_| std::future::pending());
    let stopping = async {
        work.started(5).await;
        stop.request();
        stop.request();
    };
    let plan = plan(5, |workload| workload.drain = Duration::from_secs(3600));
    let (end, ()) = tokio::join!(drive(plan, &stop, &work), stopping);
    let expected = Counts { due: 5, cut_off: 5, ..Counts::default() };
    assert_eq!((end.total(), end.stuck, end.left_behind), (expected, 0, false));
    let unfinished = work.unfinished();
    assert_eq!(unfinished.len(), 5);
    assert!(
        unfinished.iter().all(|(_, user, ending)| (*user, *ending) == (Some(1), Ending::CutOff))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iteration_that_never_returns_is_cut_off_when_the_drain_is_over() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = dropped.clone();
    let work = Work::new(move |ticket: Ticket| {
        let dropped = Dropped(counted.clone());
        async move {
            if ticket.user == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(ms(5)).await;
            drop(dropped);
            Ending::Completed
        }
    });
    let plan = plan(3, |workload| {
        workload.duration = Some(ms(100));
        workload.drain = ms(200);
    });
    let end = drive(plan, &Stop::default(), &work).await;
    let total = end.total();
    assert_eq!((total.cut_off, end.stuck), (1, 0));
    assert!(is_exact(&total) && total.completed > 2, "{total:?}");
    assert!(end.ended - end.closed >= ms(200), "{end:?}");
    assert_eq!(dropped.load(Ordering::SeqCst) as u64, total.due);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_iteration_that_never_waits_starves_nobody() {
    let ticks = Arc::new(AtomicUsize::new(0));
    // How often somebody else had had a turn when the last iteration began.
    let seen = Arc::new(AtomicUsize::new(0));
    let (counted, noted) = (ticks.clone(), seen.clone());
    let work = Work::new(move |_| {
        noted.store(counted.load(Ordering::SeqCst), Ordering::SeqCst);
        async { Ending::Completed }
    });
    let ticker = tokio::spawn(async move {
        loop {
            ticks.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(ms(10)).await;
        }
    });
    let end =
        drive(plan(3, |workload| workload.duration = Some(ms(300))), &Stop::default(), &work).await;
    ticker.abort();
    assert!(is_exact(&end.total()));
    let tickets = work.tickets();
    let early = &tickets[..tickets.len() / 2];
    let has_turn = |user| early.iter().any(|ticket| ticket.user == user);
    assert!((0..3).all(has_turn), "a user did not get its turn");
    // About 30 where the machine is fast; without a yield there is one before the load, and none during it.
    let seen = seen.load(Ordering::SeqCst);
    assert!(seen > 2, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_iteration_and_not_its_user() {
    std::panic::set_hook(Box::new(|_| {}));
    let work = Work::new(|ticket: Ticket| async move {
        tokio::task::yield_now().await;
        assert!(ticket.number % 3 != 1, "on purpose");
        Ending::Completed
    });
    let plan = plan(4, |workload| workload.iterations = Some(90));
    let end = drive(plan, &Stop::default(), &work).await;
    let expected = Counts { due: 90, completed: 60, failed: 30, panicked: 30, ..Counts::default() };
    assert_eq!(end.total(), expected);
    let unfinished = work.unfinished();
    assert_eq!(unfinished.len(), 30);
    assert!(unfinished.iter().all(|(ticket, user, ending)| {
        ticket.number % 3 == 1 && user.is_some() && *ending == Ending::Failed(Fault::Panicked)
    }));
    assert!(work.new_users.load(Ordering::SeqCst) > 4, "a user that panicked begins anew");
}

/// Panics wherever else it can.
struct Clumsy;

impl Performer for Clumsy {
    type User = ();

    fn due(&self, _ticket: &Ticket) {
        panic!("on purpose");
    }

    fn late(&self, _ticket: &Ticket) {
        panic!("on purpose");
    }

    fn new_user(&self, number: usize) {
        assert!(number != 0, "on purpose");
    }

    async fn perform(&self, ticket: Ticket, (): &mut ()) -> Ending {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "on purpose");
            }
        }
        if ticket.user == 1 {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(ms(1)).await;
        Ending::Completed
    }

    fn finished(&self, _ticket: Ticket, (): &mut (), _ending: Ending) {
        panic!("on purpose");
    }

    fn unfinished(&self, _ticket: Ticket, _user: Option<()>, _ending: Ending) {
        panic!("on purpose");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_in_odd_places_lose_neither_users_nor_counts() {
    std::panic::set_hook(Box::new(|_| {}));
    let plan = plan(3, |workload| {
        workload.duration = Some(ms(200));
        workload.drain = ms(50);
    });
    let end = drive(plan, &Stop::default(), &Arc::new(Clumsy)).await;
    let total = end.total();
    assert!(is_exact(&total), "{total:?}");
    // User 0 fails each time it is made, user 1 once when it is cut off, user 2 never.
    assert!(total.panicked > 2 && total.completed > 2, "{total:?}");
    assert_eq!((total.failed, end.stuck, end.left_behind), (total.panicked, 0, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_before_the_start_is_not_forgotten() {
    let stop = Stop::default();
    stop.request();
    let work = Work::new(|_| async { Ending::Completed });
    let plan = plan(20, |workload| workload.duration = Some(Duration::from_secs(3600)));
    let end = drive(plan, &stop, &work).await;
    assert_eq!((end.by, end.total(), end.measured), (EndedBy::Stop, Counts::default(), ms(0)));
}

/// Goose forgets a halt from before its start. Here it cannot start before it was halted, because
/// its runtime has no thread but this one.
#[test]
fn a_halt_before_goose_starts_is_repeated_until_it_heeds_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let end = runtime.expect("a runtime").block_on(async {
        let stop = Stop::default();
        stop.request();
        let work = Work::new(|_| async { Ending::Completed });
        let load = launched(plan(2, |_| ()), &stop, &work).await;
        std::thread::sleep(ms(100));
        in_time(load.run(Clock::system().now())).await.expect("a load that ends")
    });
    assert_eq!((end.total().due, end.left_behind), (0, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_switch_left_over_does_not_shorten_a_run() {
    goose::trigger_killswitch("left over");
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(5)).await;
        Ending::Completed
    });
    let end =
        drive(plan(2, |workload| workload.duration = Some(ms(700))), &Stop::default(), &work).await;
    assert_eq!(end.by, EndedBy::Time);
    assert!(work.tickets().iter().any(|ticket| ticket.after > ms(600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_others_end_is_no_result() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(5)).await;
        Ending::Completed
    });
    let plan = plan(2, |workload| workload.duration = Some(Duration::from_secs(3600)));
    let load = launched(plan, &Stop::default(), &work).await;
    let killing = async {
        work.started(1).await;
        goose::trigger_killswitch("somebody else");
    };
    let (end, ()) = in_time(async { tokio::join!(load.run(Clock::system().now()), killing) }).await;
    assert!(matches!(end, Err(LoadError::EndedEarly { .. })), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_follows_another_in_the_same_process() {
    let run = || async {
        let work = Work::new(|_| async {
            tokio::task::yield_now().await;
            Ending::Completed
        });
        let plan = plan(5, |workload| workload.iterations = Some(50));
        drive(plan, &Stop::default(), &work).await.total().completed
    };
    assert_eq!((run().await, run().await), (50, 50));
    // Two at once take turns.
    assert_eq!(tokio::join!(run(), run()), (50, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_load_that_nobody_wants_are_sent_away() {
    let work = Work::new(|_| std::future::pending());
    let endless = || plan(5, |workload| workload.duration = Some(Duration::from_secs(3600)));
    drop(launched(endless(), &Stop::default(), &work).await);
    let load = in_time(launched(endless(), &Stop::default(), &work)).await;
    tokio::select! {
        _ = load.run(Clock::system().now()) => panic!("it has no end"),
        () = work.started(5) => {}
    }
    let brief = plan(1, |workload| workload.iterations = Some(1));
    let done = Work::new(|_| async { Ending::Completed });
    assert_eq!(drive(brief, &Stop::default(), &done).await.total().completed, 1);
    assert_eq!(work.unfinished().len(), 5);
}

#[test]
fn a_runtime_of_one_thread_will_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let end = runtime.expect("a runtime").block_on(async {
        let work = Work::new(|_| async {
            tokio::time::sleep(ms(5)).await;
            Ending::Completed
        });
        drive(plan(20, |workload| workload.duration = Some(ms(200))), &Stop::default(), &work).await
    });
    assert!(end.total().completed >= 20);
}

// The open model: arrivals on a schedule of their own.

/// So many arrivals per second at equal distances for half a second, unless changed.
fn arrivals(per_second: f64, users: usize, when_late: WhenLate) -> Plan {
    let rate = Shape::constant(per_second);
    let model = Model::Open { rate, arrivals: Arrivals::Constant, max_users: users, when_late };
    plan(1, |workload| {
        workload.model = model;
        workload.duration = Some(ms(500));
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrivals_are_due_on_their_schedule_whatever_becomes_of_those_before() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(50)).await;
        Ending::Completed
    });
    let mut plan = arrivals(200.0, 50, WhenLate::Queue);
    plan.workload.warm_up = ms(100);
    let end = drive(plan, &Stop::default(), &work).await;
    assert_eq!((end.by, end.measured), (EndedBy::Time, ms(500)));
    let tickets = work.tickets();
    assert_eq!(tickets.len(), 120);
    for (number, ticket) in (0..).zip(&tickets) {
        assert_eq!(ticket.number, number);
        assert_eq!(ticket.after, ms(5) * u32::try_from(number).expect("few"));
        assert_eq!(ticket.due, end.started + ticket.after);
        assert!(ticket.due <= ticket.dispatched && ticket.dispatched <= ticket.handed);
        let expected = if ticket.after < ms(100) { Phase::WarmUp } else { Phase::Measured };
        assert_eq!(ticket.phase, expected);
    }
    assert_eq!(end.total().completed, 120);
    let due: Vec<_> =
        work.due.lock().expect("no panic while held").iter().map(|t| t.number).collect();
    assert_eq!(due, (0..120).collect::<Vec<_>>(), "each is told once, in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_all_users_busy_waits_and_is_served_even_after_the_end() {
    // One user, 50 ms each, 40/s: twice as many as can be served.
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(50)).await;
        Ending::Completed
    });
    let end = drive(arrivals(40.0, 1, WhenLate::Queue), &Stop::default(), &work).await;
    let tickets = work.tickets();
    assert_eq!((tickets.len(), end.total().completed), (20, 20));
    assert!(tickets.iter().all(|ticket| ticket.phase == Phase::Measured));
    assert!(work.late.load(Ordering::SeqCst) >= 15, "{:?}", work.late);
    // The last waited for all those before it.
    assert!(tickets[19].queued() >= ms(20 * 50 - 19 * 25 - 60), "{:?}", tickets[19]);
    assert!(end.ended - end.closed >= ms(400), "{end:?}");
    // On a busy machine the user may come to the desk a moment after the first arrival.
    assert!(tickets[0].queued() < ms(25), "{:?}", tickets[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_still_waits_when_the_drain_is_over_is_cut_off_with_those_under_way() {
    let work = Work::new(|_| std::future::pending());
    let mut plan = arrivals(100.0, 2, WhenLate::Queue);
    plan.workload.drain = ms(100);
    let end = drive(plan, &Stop::default(), &work).await;
    let expected = Counts { due: 50, cut_off: 50, ..Counts::default() };
    assert_eq!(end.total(), expected);
    let unfinished = work.unfinished();
    assert_eq!(unfinished.len(), 50);
    assert_eq!(unfinished.iter().filter(|(_, user, _)| user.is_none()).count(), 48);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_nobody_in_time_is_dropped_where_that_is_asked_for() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(400)).await;
        Ending::Completed
    });
    let end = drive(arrivals(100.0, 4, WhenLate::Drop), &Stop::default(), &work).await;
    let total = end.total();
    assert!(is_exact(&total) && total.due == 50, "{total:?}");
    assert!(total.dropped >= 35 && total.completed >= 8, "{total:?}");
    assert_eq!((total.failed, total.cut_off), (0, 0));
    assert!(
        work.unfinished()
            .iter()
            .all(|(_, user, ending)| { (*user, *ending) == (None, Ending::Dropped) })
    );
    // Whoever was served was served within its patience, give or take what the machine is late.
    assert!(work.tickets().iter().all(|ticket| ticket.queued() < ms(250)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phases_that_are_moved_while_the_load_is_on_are_those_of_what_is_due_from_then_on() {
    let work = Work::new(|_| async { Ending::Completed });
    let mut plan = arrivals(200.0, 50, WhenLate::Queue);
    (plan.workload.warm_up, plan.workload.duration) = (ms(60_000), Some(ms(60_000)));
    let plan = plan.with_moving_phases();
    let timetable = plan.timetable.clone().expect("phases that can be moved");
    assert_eq!(plan.phases().measured_ends, Some(ms(120_000)));
    let stop = Stop::default();
    let moving = async {
        work.started(5).await;
        timetable.measure_from(ms(200));
        work.started(45).await;
        timetable.end_at(ms(600));
    };
    let (end, ()) = tokio::join!(drive(plan, &stop, &work), moving);
    assert_eq!((end.by, end.measured), (EndedBy::Time, ms(400)));
    assert_eq!(end.closed - end.started, ms(600));
    let tickets = work.tickets();
    assert_eq!(tickets.len(), 120);
    for ticket in &tickets {
        let expected = if ticket.after < ms(200) { Phase::WarmUp } else { Phase::Measured };
        assert_eq!(ticket.phase, expected, "{ticket:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_who_finds_nobody_in_time_ends_the_run_where_that_is_asked_for() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(300)).await;
        Ending::Completed
    });
    let mut plan = arrivals(100.0, 2, WhenLate::Abort);
    plan.workload.duration = Some(Duration::from_secs(3600));
    let end = drive(plan, &Stop::default(), &work).await;
    let total = end.total();
    assert_eq!((end.by, total.completed), (EndedBy::Late, 2));
    assert!(is_exact(&total) && total.cut_off > 0, "{total:?}");
    assert!(end.closed - end.started >= ms(120), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_run_ends_after_exactly_so_many_arrivals() {
    let work = Work::new(|_| async { Ending::Completed });
    let mut plan = arrivals(500.0, 5, WhenLate::Queue);
    (plan.workload.duration, plan.workload.iterations) = (None, Some(77));
    let end = drive(plan, &Stop::default(), &work).await;
    assert_eq!((end.by, end.total().completed), (EndedBy::Count, 77));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_nobody_who_waits_begins() {
    let stop = Stop::default();
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(100)).await;
        Ending::Completed
    });
    let mut plan = arrivals(1000.0, 1, WhenLate::Queue);
    plan.workload.duration = Some(Duration::from_secs(3600));
    let stopping = async {
        work.started(2).await;
        stop.request();
    };
    let (end, ()) = tokio::join!(drive(plan, &stop, &work), stopping);
    let total = end.total();
    assert_eq!(end.by, EndedBy::Stop);
    assert!(is_exact(&total), "{total:?}");
    assert!((2..=3).contains(&total.completed) && total.cut_off > 50, "{total:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_load_that_nobody_wants_ends() {
    let work = Work::new(|_| std::future::pending());
    let endless = || {
        let mut plan = arrivals(0.001, 5, WhenLate::Queue);
        plan.workload.duration = Some(Duration::from_secs(3600));
        plan
    };
    drop(launched(endless(), &Stop::default(), &work).await);
    let load = in_time(launched(endless(), &Stop::default(), &work)).await;
    tokio::select! {
        _ = load.run(Clock::system().now()) => panic!("it has no end"),
        () = work.started(1) => {}
    }
    let brief = plan(1, |workload| workload.iterations = Some(1));
    let done = Work::new(|_| async { Ending::Completed });
    assert_eq!(drive(brief, &Stop::default(), &done).await.total().completed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_of_the_performer_lose_no_arrival() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut plan = arrivals(200.0, 3, WhenLate::Queue);
    plan.workload.drain = ms(50);
    let end = drive(plan, &Stop::default(), &Arc::new(Clumsy)).await;
    let total = end.total();
    assert!(is_exact(&total) && total.due == 100, "{total:?}");
}

#[test]
fn arrivals_come_on_a_runtime_of_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let end = runtime.expect("a runtime").block_on(async {
        let work = Work::new(|_| async {
            tokio::time::sleep(ms(5)).await;
            Ending::Completed
        });
        drive(arrivals(200.0, 20, WhenLate::Queue), &Stop::default(), &work).await
    });
    assert_eq!(end.total().completed, 100);
}

// The rate of the open model, changed while the load is on.

/// 100 arrivals a second for `length`, their control, and what is told of every change.
async fn at_100_per_second<P: Performer>(
    length: Duration,
    work: &Arc<P>,
) -> (Launched, RateControl, Events) {
    let mut plan = arrivals(100.0, 20, WhenLate::Queue);
    plan.workload.duration = Some(length);
    let control = plan.rate.clone().expect("an open load");
    let load = launched(plan, &Stop::default(), work).await;
    let events = load.events();
    (load, control, events)
}

/// The one event that there is: when, and what it says.
fn one_event(events: &Events) -> (Duration, String) {
    let mut drained = events.drain();
    assert_eq!(drained.len(), 1, "{drained:?}");
    let event = drained.remove(0);
    assert_eq!(event.slug, "rate-change");
    (ms(event.at_ms), event.text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_rate_holds_from_that_moment_on() {
    let work = Work::new(|_| async { Ending::Completed });
    let (load, control, events) = at_100_per_second(ms(1000), &work).await;
    let changing = async {
        work.started(31).await;
        control.set(4.0);
    };
    let (end, ()) = tokio::join!(in_time(load.run(Clock::system().now())), changing);
    let end = end.expect("a load that ends");
    let (at, text) = one_event(&events);
    assert_eq!(text, "rate 100/s → 400/s (×4)");
    assert!((ms(300)..ms(900)).contains(&at), "{at:?}");
    let tickets = work.tickets();
    // The event tells whole milliseconds: 0.4 of an arrival at the new rate, 0.1 at the old one.
    let area = |after: Duration| {
        let (before, since) = (after.min(at), after.saturating_sub(at));
        before.as_secs_f64() * 100.0 + since.as_secs_f64() * 400.0
    };
    for ticket in &tickets {
        let expected = f64::from(u32::try_from(ticket.number).expect("few"));
        assert!((area(ticket.after) - expected).abs() < 0.5, "{at:?}: {ticket:?}");
    }
    assert!((tickets.len() as f64 - area(ms(1000))).abs() <= 1.5, "{at:?}: {}", tickets.len());
    assert_eq!((end.by, end.total().completed), (EndedBy::Time, tickets.len() as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pause_nothing_is_due_and_the_run_ends_in_time_all_the_same() {
    let work = Work::new(|_| async { Ending::Completed });
    let (load, control, events) = at_100_per_second(ms(700), &work).await;
    let pausing = async {
        work.started(21).await;
        control.pause(true);
    };
    let start = Clock::system().now();
    let (end, ()) = tokio::join!(in_time(load.run(start)), pausing);
    let end = end.expect("a load that ends");
    let (at, text) = one_event(&events);
    assert_eq!(text, "rate 100/s → 0/s (paused)");
    let last = work.tickets().last().map(|ticket| ticket.after).expect("some");
    assert!(last <= at + ms(1), "{last:?} {at:?}");
    assert_eq!((end.by, end.closed - end.started), (EndedBy::Time, ms(700)));
    assert_eq!(end.total().completed, work.tickets().len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_next_arrival_hears_of_a_change_at_once() {
    // The second arrival is due in 10 s, beyond the patience of this test; at ten times the rate the
    // other three are due within 3.
    let work = Work::new(|_| async { Ending::Completed });
    let mut plan = arrivals(0.1, 5, WhenLate::Queue);
    (plan.workload.duration, plan.workload.iterations) = (None, Some(4));
    let control = plan.rate.clone().expect("an open load");
    let load = launched(plan, &Stop::default(), &work).await;
    let changing = async {
        work.started(1).await;
        control.pause(true);
        control.set(100.0);
        control.pause(false);
    };
    let (end, ()) = tokio::join!(in_time(load.run(Clock::system().now())), changing);
    assert_eq!(control.factor(), MOST_FACTOR);
    let end = end.expect("a load that ends");
    assert_eq!((end.by, end.total().completed), (EndedBy::Count, 4));
    let after: Vec<_> = work.tickets().iter().map(|ticket| ticket.after).collect();
    assert!(after[1] < Duration::from_secs(6), "{after:?}");
    for pair in after[1..].windows(2) {
        assert!((pair[1] - pair[0]).abs_diff(Duration::from_secs(1)) < ms(1), "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_user_when_a_pause_begins_waits_for_its_end_without_losing_patience() {
    // The only user is busy for 55 ms, in which five more arrive; then the tenant wants a second's pause.
    let asked: Arc<std::sync::OnceLock<gander::load::Pauses>> = Arc::default();
    let pauses = asked.clone();
    let work = Work::new(move |ticket: Ticket| {
        let pauses = pauses.clone();
        async move {
            if ticket.number == 0 {
                tokio::time::sleep(ms(55)).await;
                pauses.get().expect("pauses").ask(None);
            }
            Ending::Completed
        }
    });
    let mut plan = arrivals(100.0, 1, WhenLate::Drop);
    (plan.workload.duration, plan.workload.iterations) = (Some(ms(300)), None);
    let plan = plan.with_pauses(Clock::system());
    assert!(asked.set(plan.pauses.clone().expect("pauses")).is_ok());
    let end = drive(plan, &Stop::default(), &work).await;
    let total = end.total();
    assert!(total.due == 30 && is_exact(&total), "{total:?}");
    let mut waited = work.tickets();
    waited.retain(|ticket| (1..5).contains(&ticket.number));
    assert_eq!(waited.len(), 4, "none of them was given up");
    for ticket in waited {
        // They come as much later as everything planned, and what they waited for is their user alone.
        assert!(ticket.after >= ms(1000) && ticket.queued() < ms(100), "{ticket:?}");
        assert!(ticket.handed - end.started >= ms(1050), "{ticket:?}");
    }
}

// Stages and pacing of the closed model.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_let_users_in_one_by_one_and_send_them_to_rest() {
    let stage = |level, lasts, ramps| Stage { level, lasts, ramps };
    let users = Shape::of(&[
        stage(4.0, ms(400), true),
        stage(4.0, ms(100), false),
        stage(1.0, ms(300), false),
    ]);
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(5)).await;
        Ending::Completed
    });
    let plan = plan(1, |workload| {
        workload.model = Model::Closed { users, pacing: Pacing::default() };
        workload.duration = Some(ms(800));
    });
    let end = drive(plan, &Stop::default(), &work).await;
    assert_eq!(end.total().completed, end.total().due);
    for user in 0..4 {
        let mine: Vec<_> =
            work.tickets().into_iter().filter(|t| t.user == user).map(|t| t.after).collect();
        let number = u32::try_from(user).expect("few");
        assert!(mine[0] >= ms(100) * number, "{user}: {:?}", mine[0]);
        let last = *mine.last().expect("some");
        assert_eq!(last < ms(500), user > 0, "{user}: {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pacing_is_from_start_to_start() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(20)).await;
        Ending::Completed
    });
    let pacing: Pacing = "100ms".parse().expect("a pacing");
    let plan = plan(2, |workload| {
        workload.model = Model::Closed { users: Shape::constant(2.0), pacing };
        workload.duration = Some(ms(550));
    });
    let end = drive(plan, &Stop::default(), &work).await;
    for user in 0..2 {
        let mine: Vec<_> =
            work.tickets().into_iter().filter(|t| t.user == user).map(|t| t.after).collect();
        assert!(mine.windows(2).all(|pair| pair[1] - pair[0] >= ms(100)), "{mine:?}");
    }
    assert!((8..=12).contains(&end.total().due), "{end:?}");
}

// Some claims are about a whole process. The child is this file again, running one ignored test.

fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test's program"));
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}

/// What a child wrote besides the test harness's own lines.
fn own_words(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let harness =
        |line: &&str| !line.starts_with("running 1 test") && !line.contains("test result: ok");
    text.lines().filter(harness).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "run by a_load_writes_nothing_anywhere"]
fn child_brief_load() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let end = runtime.block_on(async {
        let work = Work::new(|_| async {
            tokio::time::sleep(ms(5)).await;
            Ending::Completed
        });
        let plan = plan(50, |workload| workload.duration = Some(ms(1200)));
        let load = launched(plan, &Stop::default(), &work).await;
        assert_eq!(listening(), Vec::<String>::new());
        in_time(load.run(Clock::system().now())).await.expect("a load that ends")
    });
    assert!(end.total().completed > 50);
}

/// Local addresses at which this process listens, in the spelling of Linux.
fn listening() -> Vec<String> {
    let links = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mine: Vec<String> = links
        .filter_map(|entry| Some(std::fs::read_link(entry.path()).ok()?.to_string_lossy().into()))
        .collect();
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(std::fs::read_to_string);
    let tables = tables.into_iter().flatten().collect::<String>();
    let rows = tables.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(3) == Some(&"0A"))
        .filter(|row| row.get(9).is_some_and(|inode| mine.contains(&format!("socket:[{inode}]"))))
        .filter_map(|row| row.get(1).map(|&address| address.to_owned()))
        .collect()
}

#[test]
fn a_load_writes_nothing_anywhere_and_needs_no_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = child("child_brief_load")
        .current_dir(folder.path())
        .env("SSL_CERT_FILE", "/nowhere")
        .env("SSL_CERT_DIR", "/nowhere")
        .output()
        .expect("a child");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(own_words(&output.stdout), "test child_brief_load ... ok");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
#[ignore = "run by iterations_that_block_every_thread_do_not_hold_the_run"]
fn child_blocked_threads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let blocked = Arc::new(RwLock::new(()));
    let held = blocked.write().expect("nobody panics");
    let waiting = blocked.clone();
    let work = Work::new(move |ticket: Ticket| {
        let waiting = waiting.clone();
        async move {
            if ticket.user < 2 {
                drop(waiting.read().expect("nobody panics"));
            }
            Ending::Completed
        }
    });
    let mut plan = plan(3, |workload| {
        workload.duration = Some(ms(100));
        workload.drain = ms(50);
    });
    plan.patience = ms(300);
    let end = runtime.block_on(async {
        let load = launched(plan.clone(), &Stop::default(), &work).await;
        load.run(Clock::system().now()).await.expect("an end all the same")
    });
    assert_eq!((end.stuck, end.left_behind), (2, true));
    assert!(is_exact(&end.total()), "{end:?}");
    assert_eq!(end.total().cut_off, 2);
    assert_eq!(work.unfinished().iter().filter(|(_, user, _)| user.is_none()).count(), 2);
    // An iteration that comes to its end after it was given up is not booked once more.
    drop(held);
    runtime.shutdown_timeout(Duration::from_secs(10));
    let finished = work.finished.lock().expect("no panic while held");
    assert!(finished.iter().all(|ticket| ticket.user == 2), "{finished:?}");
}

#[test]
fn iterations_that_block_every_thread_do_not_hold_the_run() {
    let output = child("child_blocked_threads").output().expect("a child");
    assert!(output.status.success(), "{output:?}");
}

#[test]
#[ignore = "run by ctrl_c_is_ours_and_not_goose_s"]
fn child_interrupted() {
    let stop = Stop::default();
    let asked = stop.clone();
    on_interrupt(move || say(&format!("request {}", asked.request())));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let end = runtime.block_on(async {
        let work = Work::new(|_| std::future::pending());
        let plan = plan(3, |workload| {
            workload.duration = Some(Duration::from_secs(3600));
            workload.drain = Duration::from_secs(3600);
        });
        let ready = async {
            work.started(3).await;
            say("ready");
        };
        tokio::join!(drive(plan, &stop, &work), ready).0
    });
    assert_eq!((end.by, end.total().cut_off), (EndedBy::Stop, 3));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").and_then(|()| out.flush()).expect("an open standard output");
}

#[test]
fn ctrl_c_is_ours_and_not_goose_s() {
    let mut child = child("child_interrupted")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut await_line = |wanted: &str| {
        assert!(
            lines.by_ref().any(|line| line.expect("a line of text") == wanted),
            "the child ended without `{wanted}`"
        );
    };
    await_line("ready");
    interrupt(&child);
    await_line("request 1");
    interrupt(&child);
    await_line("request 2");
    assert!(lines.any(|line| line.expect("a line of text").contains("test result: ok")));
    assert!(child.wait().expect("its end").success());
}

/// Sends what Ctrl-C sends.
fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(status.expect("the kill command").success());
}
