//! Streams of many parts read in step on a few threads, so that what belongs together comes together and nobody has
//! to be in memory as a whole.

use crate::result::run_dir::RunDirError;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Most threads that read.
const MOST_THREADS: usize = 8;

/// How far a thread may be ahead, in sums.
const AHEAD: usize = 4;

/// What one part tells, in order of place.
pub(super) trait Stream: Send {
    /// What it tells.
    type Item;

    /// Where the next item belongs; none at the end. Never less than before.
    fn place(&mut self) -> Result<Option<u64>, RunDirError>;

    /// The next item.
    fn take(&mut self) -> Option<Self::Item>;
}

/// What several parts told of one place, added up.
pub(super) trait Sum<S: Stream>: Default + Send {
    /// Adds an item of a stream.
    fn take(&mut self, from: &S, item: S::Item);

    /// Adds what others told of the same place.
    fn add(&mut self, other: Self);
}

/// Reads all streams to their ends. `each` gets the sum of each place where there is something, in order. Gives the
/// streams back, as they were ordered.
pub(super) fn in_step<S: Stream, A: Sum<S>>(
    streams: Vec<S>,
    mut each: impl FnMut(u64, A) -> Result<(), RunDirError>,
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
            workers.push(scope.spawn(move || work::<S, A>(streams, &to)));
            heard.push(Heard { from, next: None });
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

type Told<A> = Result<(u64, A), RunDirError>;

/// Adds up what some of the streams tell, place by place.
fn work<S: Stream, A: Sum<S>>(mut streams: Vec<S>, to: &SyncSender<Told<A>>) -> Vec<S> {
    loop {
        let next = next_sum(&mut streams).transpose();
        let Some(told) = next else { break };
        let is_over = told.is_err();
        if to.send(told).is_err() || is_over {
            break;
        }
    }
    streams
}

fn next_sum<S: Stream, A: Sum<S>>(streams: &mut [S]) -> Result<Option<(u64, A)>, RunDirError> {
    let mut first = None;
    for stream in streams.iter_mut() {
        first = first.into_iter().chain(stream.place()?).min();
    }
    let Some(place) = first else { return Ok(None) };
    let mut sum = A::default();
    for stream in streams {
        while stream.place()? == Some(place) {
            let Some(item) = stream.take() else { break };
            sum.take(stream, item);
        }
    }
    Ok(Some((place, sum)))
}

/// A thread, and the next that it has told.
struct Heard<A> {
    from: Receiver<Told<A>>,
    next: Option<(u64, A)>,
}

fn join<S: Stream, A: Sum<S>>(
    heard: &mut [Heard<A>],
    each: &mut impl FnMut(u64, A) -> Result<(), RunDirError>,
) -> Result<(), RunDirError> {
    loop {
        for one in heard.iter_mut().filter(|one| one.next.is_none()) {
            one.next = one.from.recv().ok().transpose()?;
        }
        let places = heard.iter().filter_map(|one| Some(one.next.as_ref()?.0));
        let Some(place) = places.min() else { return Ok(()) };
        let mut sum = A::default();
        for one in heard.iter_mut() {
            if let Some((_, told)) = one.next.take_if(|(at, _)| *at == place) {
                sum.add(told);
            }
        }
        each(place, sum)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Numbers(std::vec::IntoIter<(u64, u64)>, bool);

    impl Stream for Numbers {
        type Item = u64;

        fn place(&mut self) -> Result<Option<u64>, RunDirError> {
            match self.0.as_slice().first() {
                None if self.1 => Err(RunDirError::NotARun { path: "x".into() }),
                first => Ok(first.map(|(place, _)| *place)),
            }
        }

        fn take(&mut self) -> Option<u64> {
            self.0.next().map(|(_, number)| number)
        }
    }

    #[derive(Default)]
    struct Total(u64);

    impl Sum<Numbers> for Total {
        fn take(&mut self, _: &Numbers, item: u64) {
            self.0 += item;
        }

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
