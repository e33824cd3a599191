//! Streams of many parts read in step on a few threads, so that what belongs together comes together and nobody has
//! to be in memory as a whole.

use crate::result::run_dir::RunDirError;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Most threads that read.
const MOST_THREADS: usize = 8;

/// How far a thread may be ahead, in batches of sums.
const AHEAD: usize = 4;

/// What one part tells, in order of place.
pub(super) trait Stream: Send {
    /// What several of them told of one place, added up.
    type Sum: Joined;

    /// What all streams of a thread use in turn.
    type Tools: Default;

    /// So many places are added up at a time, stream by stream: what a stream has at hand need not be fetched
    /// for each of them again.
    const AT_ONCE: u64;

    /// Where the next item belongs; none at the end. Never less than before.
    fn place(&mut self, tools: &mut Self::Tools) -> Result<Option<u64>, RunDirError>;

    /// Adds the next item to what was told of its place.
    fn add_to(&mut self, sum: &mut Self::Sum, tools: &mut Self::Tools) -> Result<(), RunDirError>;
}

/// A sum of what some streams told of a place.
pub(super) trait Joined: Default + Send {
    /// Adds what others told of the same place.
    fn add(&mut self, other: Self);
}

/// Reads all streams to their ends. `each` gets the sum of each place where there is something, in order. Gives the
/// streams back, as they were ordered.
pub(super) fn in_step<S: Stream>(
    streams: Vec<S>,
    mut each: impl FnMut(u64, S::Sum) -> Result<(), RunDirError>,
) -> Result<Vec<S>, RunDirError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let share = streams.len().div_ceil(threads).max(1);
    let mut rest = streams.into_iter();
    thread::scope(|scope| {
        let (mut workers, mut heard) = (Vec::new(), Vec::new());
        loop {
            let streams: Vec<S> = rest.by_ref().take(share).collect();
            if streams.is_empty() {
                break;
            }
            let (to, from) = sync_channel(AHEAD);
            workers.push(scope.spawn(move || work(streams, &to)));
            heard.push(Heard { from, next: BTreeMap::new() });
        }
        let outcome = join(&mut heard, &mut each);
        // Who still has something to say finds nobody who listens, and ends.
        drop(heard);
        let mut streams = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(of) => streams.extend(of),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome.map(|()| streams)
    })
}

/// Some sums by their places; none at the end.
type Batch<A> = BTreeMap<u64, A>;

type Told<A> = Result<Batch<A>, RunDirError>;

/// Adds up what some of the streams tell, batch by batch.
fn work<S: Stream>(mut streams: Vec<S>, to: &SyncSender<Told<S::Sum>>) -> Vec<S> {
    let mut tools = S::Tools::default();
    loop {
        let told = next_batch(&mut streams, &mut tools);
        let is_over = told.as_ref().is_ok_and(BTreeMap::is_empty);
        let is_last = is_over || told.is_err();
        if is_over || to.send(told).is_err() || is_last {
            break;
        }
    }
    streams
}

fn next_batch<S: Stream>(streams: &mut [S], tools: &mut S::Tools) -> Told<S::Sum> {
    let mut first = None;
    for stream in streams.iter_mut() {
        first = first.into_iter().chain(stream.place(tools)?).min();
    }
    let mut batch = BTreeMap::new();
    let Some(first) = first else { return Ok(batch) };
    for stream in streams {
        while let Some(place) = stream.place(tools)?.filter(|place| *place - first < S::AT_ONCE) {
            stream.add_to(batch.entry(place).or_default(), tools)?;
        }
    }
    Ok(batch)
}

/// A thread, and what it has told that was not its turn yet.
struct Heard<A> {
    from: Receiver<Told<A>>,
    next: Batch<A>,
}

fn join<A: Joined>(
    heard: &mut [Heard<A>],
    each: &mut impl FnMut(u64, A) -> Result<(), RunDirError>,
) -> Result<(), RunDirError> {
    loop {
        for one in heard.iter_mut().filter(|one| one.next.is_empty()) {
            one.next = one.from.recv().ok().transpose()?.unwrap_or_default();
        }
        let places = heard.iter().filter_map(|one| one.next.keys().next());
        let Some(place) = places.min().copied() else { return Ok(()) };
        let mut sum = A::default();
        for told in heard.iter_mut().filter_map(|one| one.next.remove(&place)) {
            sum.add(told);
        }
        each(place, sum)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Numbers(std::vec::IntoIter<(u64, u64)>, bool);

    impl Stream for Numbers {
        type Sum = Total;
        type Tools = ();

        const AT_ONCE: u64 = 3;

        fn place(&mut self, (): &mut ()) -> Result<Option<u64>, RunDirError> {
            match self.0.as_slice().first() {
                None if self.1 => Err(RunDirError::NotARun { path: "x".into() }),
                first => Ok(first.map(|(place, _)| *place)),
            }
        }

        fn add_to(&mut self, sum: &mut Total, (): &mut ()) -> Result<(), RunDirError> {
            sum.0 += self.0.next().map_or(0, |(_, number)| number);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Total(u64);

    impl Joined for Total {
        fn add(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    proptest! {
        #[test]
        fn what_belongs_together_comes_together_and_in_order(
            parts in prop::collection::vec(prop::collection::vec((0u64..30, 0u64..9), 0..40), 0..20),
        ) {
            let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
            parts.iter().flatten().for_each(|(place, number)| *expected.entry(*place).or_default() += number);
            let streams = parts.into_iter().map(|mut part| {
                part.sort_unstable();
                Numbers(part.into_iter(), false)
            });
            let streams: Vec<_> = streams.collect();
            let (number, mut found) = (streams.len(), Vec::new());
            let back = in_step(streams, |place, sum: Total| {
                found.push((place, sum.0));
                Ok(())
            });
            prop_assert_eq!(back.unwrap().len(), number);
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_one_or_of_the_listener_ends_all() {
        let part =
            |fails| Numbers((0..1000).map(|n| (n, 1)).collect::<Vec<_>>().into_iter(), fails);
        let mut heard = 0;
        let found = in_step(vec![part(false), part(true), part(false)], |_, _: Total| {
            heard += 1;
            Ok(())
        });
        assert!(found.is_err() && heard <= 1000);
        let refuse = |_, _: Total| Err(RunDirError::NotARun { path: "y".into() });
        assert!(in_step(vec![part(false), part(false), part(false)], refuse).is_err());
    }
}
