//! `gander run --tui`: a run in progress on the whole screen, with keys to stop it and to change the
//! rate of an open one.

mod draw;
mod keys;
mod screen;
mod view;

use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::base::clock::Clock;
use crate::load::{Pauses, RateControl};
use crate::measure::tally::Tally;
use crate::measure::timeline::Interval;
use crate::report::paint::Paint;
use crate::run::conduct::{Listener, Setup};
use crate::run::players::Players;
use keys::{Presses, Typed, Wish};
use screen::Canvas;
pub(super) use screen::{Restored, restore, restore_within};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;
use view::{Facts, Gatherer, Now, Rate, View};

/// How often the screen is drawn when nothing happens: the clock goes on, and windows are resized.
const TICK: Duration = Duration::from_millis(250);

/// A read of keys that ends at once without any, again and again, means that nobody can type any
/// more.
const REST: Duration = Duration::from_millis(100);

/// How long the view may take to go: a terminal that stands still must not hold up a run's end.
const GOING: Duration = Duration::from_secs(1);

/// Updates that wait for a screen that is slow; later ones are let go.
const WAITING: usize = 4;

/// Refuses a full-screen view where there is none to be had.
pub(super) fn check(terminal: &Terminal) -> Result<(), Failure> {
    match terminal.no_screen() {
        None => Ok(()),
        Some(why) => Err(Failure::new(
            Exit::WrongInput,
            format!("`--tui` needs a terminal: {why}"),
            Some("start it in a terminal, or leave `--tui` out: progress is told in lines then"),
        )),
    }
}

/// What the view hears.
enum News {
    Interval(Box<Now>),
    Key(Wish),
    Over,
}

/// Shows each interval as it ends. Dropped, it gives the terminal back.
pub(super) struct Tui {
    gatherer: Gatherer,
    news: SyncSender<News>,
    over: Arc<AtomicBool>,
    gone: Receiver<()>,
}

/// What keys act on.
#[derive(Clone)]
struct Controls {
    rate: Option<RateControl>,
    pauses: Option<Pauses>,
    ending: Ending,
}

impl Tui {
    /// Takes the terminal over and shows the run as it starts.
    pub(super) fn start(
        setup: &Setup<Players>,
        ending: &Ending,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let paint = terminal.paint_of_text();
        let canvas = screen::take(terminal, paint == Paint::Ansi).map_err(|error| {
            let what = format!("the terminal cannot be taken over: {error}");
            Failure::new(Exit::WrongInput, what, Some("leave `--tui` out"))
        })?;
        let (rate, pauses) = (setup.plan.rate.clone(), setup.plan.pauses.clone());
        let controls = Controls { rate, pauses, ending: ending.clone() };
        let view = View::new(Facts::of(&setup.plan, &setup.record), paint);
        let (news, heard) = sync_channel(WAITING);
        let (going, gone) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let shown = Shown { view, controls: controls.clone(), clock: Clock::system() };
        spawn("screen", (&over, &going), move |over| shown.show(canvas, &heard, over))?;
        let pressed = news.clone();
        spawn("keys", (&over, &going), move |over| listen(&controls, &pressed, over))?;
        Ok(Self { gatherer: Gatherer::of(&setup.record), news, over, gone })
    }
}

/// A thread that is over with the view, and whose end ends the view.
fn spawn(
    name: &str,
    (over, going): (&Arc<AtomicBool>, &Sender<()>),
    work: impl FnOnce(&AtomicBool) + Send + 'static,
) -> Result<(), Failure> {
    let end = End { over: Arc::clone(over), _going: going.clone() };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || work(&end.over));
    spawned.map(drop).map_err(|error| {
        restore();
        Failure::new(Exit::Bug, format!("no thread for the screen: {error}"), None)
    })
}

/// However a thread of the view ends, nobody is left in front of a screen that stands still.
struct End {
    over: Arc<AtomicBool>,
    _going: Sender<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        restore();
    }
}

impl Listener for Tui {
    fn interval(&mut self, interval: &Interval, so_far: &Tally) {
        if !self.over.load(Ordering::SeqCst) {
            let now = self.gatherer.gather(interval, so_far);
            // What a slow screen has no room for is in the next one.
            let _ = self.news.try_send(News::Interval(Box::new(now)));
        }
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.news.try_send(News::Over);
        // Never told: ends when both threads have.
        let _ = self.gone.recv_timeout(GOING);
        restore_within(GOING);
    }
}

/// The view and what it is drawn from besides the intervals.
struct Shown {
    view: View,
    controls: Controls,
    clock: Clock,
}

impl Shown {
    /// Draws until it is over or the terminal is gone.
    fn show(mut self, mut canvas: Canvas, heard: &Receiver<News>, over: &AtomicBool) {
        let mut last = self.clock.now();
        let mut area = screen::size();
        while !over.load(Ordering::SeqCst) {
            self.look(last);
            let now = screen::size();
            let resized = if now == area { Ok(()) } else { canvas.resize(now) };
            area = now;
            let drawn = resized.and_then(|()| canvas.draw(|frame| draw::draw(&self.view, frame)));
            if drawn.is_err() {
                return;
            }
            match heard.recv_timeout(TICK) {
                Ok(News::Interval(now)) => {
                    last = self.clock.now();
                    self.view.now = Some(*now);
                }
                Ok(News::Key(wish)) => self.note(wish),
                Ok(News::Over) | Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What changes by itself.
    fn look(&mut self, last: std::time::Instant) {
        let since = self.clock.now().saturating_duration_since(last);
        self.view.elapsed = self.view.now.as_ref().map(|now| now.ended + since);
        let elapsed = self.view.elapsed.unwrap_or_default();
        // The plan stands still in a pause: what is run now was planned for as much earlier.
        let paused = self.controls.pauses.as_ref().map(|pauses| pauses.so_far());
        let planned = elapsed.saturating_sub(paused.unwrap_or_default());
        self.view.rate = self.controls.rate.as_ref().map(|control| Rate::of(control, planned));
        self.view.stops = self.controls.ending.stop().requests();
    }

    /// What a key changes in the view itself.
    fn note(&mut self, wish: Wish) {
        self.view.answer = None;
        match wish {
            Wish::Help => self.view.is_helping = !self.view.is_helping,
            Wish::Times => self.view.is_so_far = !self.view.is_so_far,
            wish if wish.is_of_rate() && self.controls.rate.is_none() => {
                self.view.answer = Some("a closed run has no rate: its users set the pace");
            }
            wish if wish.is_of_rate() && self.controls.ending.stop().requests() > 0 => {
                self.view.answer = Some("nothing more is due: the run is being stopped");
            }
            _ => (),
        }
    }
}

/// Hears the keys until it is over. What they do is done here: a screen that stands still must not
/// keep anybody from stopping a run.
fn listen(controls: &Controls, news: &SyncSender<News>, over: &AtomicBool) {
    let clock = Clock::system();
    let (mut read, mut typed, mut stops) = ([0; 64], Typed::default(), Presses::default());
    while !over.load(Ordering::SeqCst) {
        let before = clock.now();
        let count = std::io::stdin().read(&mut read).unwrap_or(0);
        if count == 0 {
            typed.silence();
        }
        for wish in typed.wishes(read.get(..count).unwrap_or_default()) {
            // Held down it must not go on to the next stage.
            if wish == Wish::Stop && !stops.is_another(clock.now()) {
                continue;
            }
            controls.act(wish);
            let _ = news.try_send(News::Key(wish));
        }
        if count == 0 && clock.now().saturating_duration_since(before) < REST / 2 {
            thread::sleep(REST);
        }
    }
}

impl Controls {
    fn act(&self, wish: Wish) {
        if wish == Wish::Stop {
            return self.ending.key();
        }
        let Some(rate) = self.rate.as_ref().filter(|_| self.ending.stop().requests() == 0) else {
            return;
        };
        match wish {
            Wish::Change(hundredths) => {
                // In whole hundredths, so that up and down again is where it was.
                let hundredths = (rate.factor() * 100.0).round() + f64::from(hundredths);
                rate.set(hundredths / 100.0);
            }
            Wish::AsPlanned => _ = rate.set(1.0),
            Wish::Pause => rate.pause(!rate.is_paused()),
            Wish::Stop | Wish::Times | Wish::Help => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MOST_FACTOR;
    use crate::workload::schedule::Arrivals;
    use crate::workload::settings::{Model, WhenLate};
    use crate::workload::shape::Shape;

    fn controls() -> Controls {
        let rate = Shape::constant(40.0);
        let (arrivals, when_late) = (Arrivals::Poisson, WhenLate::Queue);
        let model = Model::Open { rate, arrivals, max_users: 1, when_late };
        let terminal = Terminal::new(crate::cli::Manner {
            quiet: true,
            verbose: false,
            color: crate::cli::Colour::Never,
        });
        Controls { rate: RateControl::of(&model), pauses: None, ending: Ending::new(&terminal) }
    }

    #[test]
    fn keys_change_the_rate_by_parts_of_the_planned_one_and_back_to_it_exactly() {
        let controls = controls();
        let rate = controls.rate.clone().unwrap();
        for (wish, factor) in [
            (Wish::Change(10), 1.1),
            (Wish::Change(10), 1.2),
            (Wish::Change(1), 1.21),
            (Wish::Change(-1), 1.2),
            (Wish::Change(-10), 1.1),
            (Wish::Change(-10), 1.0),
            (Wish::Change(-10), 0.9),
            (Wish::AsPlanned, 1.0),
        ] {
            controls.act(wish);
            assert_eq!(rate.factor(), factor, "{wish:?}");
        }
        (0..200).for_each(|_| controls.act(Wish::Change(10)));
        assert_eq!(rate.factor(), MOST_FACTOR);
        (0..200).for_each(|_| controls.act(Wish::Change(-10)));
        assert_eq!(rate.factor(), 0.0);
    }

    #[test]
    fn a_pause_ends_with_the_same_key_and_keeps_the_rate() {
        let controls = controls();
        let rate = controls.rate.clone().unwrap();
        for (wish, effective) in [
            (Wish::Change(10), 1.1),
            (Wish::Pause, 0.0),
            (Wish::Change(10), 0.0),
            (Wish::Pause, 1.2),
        ] {
            controls.act(wish);
            assert_eq!(rate.effective(), effective, "{wish:?}");
        }
    }

    #[test]
    fn who_is_asked_to_stop_changes_no_rate_any_more() {
        let controls = controls();
        controls.act(Wish::Stop);
        controls.act(Wish::Change(10));
        assert_eq!(controls.rate.as_ref().map(RateControl::factor), Some(1.0));
        controls.act(Wish::Stop);
        let asked = controls.ending.stop().asked();
        assert_eq!(asked, [(1, "the terminal".to_owned()), (2, "the terminal".to_owned())]);
    }
}
