//! What an agent told on its way into the stream: in order, for as long as it takes, and again from where the stream lost
//! it, until the conductor has said that it has everything.

use super::name::Name;
use super::spool::Spool;
use super::wire::{Wire, WireError};
use crate::base::names::RunId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between two attempts to deliver what the stream did not take.
const AGAIN: Duration = Duration::from_millis(500);

/// After so many attempts without a stream an agent puts one up, and some of them later by up to so many more.
const FIRST: u64 = 6;
const SPREAD: u64 = 16;

/// Who tells of which run.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) run: RunId,
    pub(super) agent: Name,
    pub(super) instance: u64,
}

/// Delivers what is in a spool until it is dropped.
pub(super) struct Delivery {
    asked: watch::Sender<Asked>,
    task: JoinHandle<()>,
}

/// From which message on it is to be delivered again, and how often that was wanted.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    from: u64,
    times: u64,
}

impl Delivery {
    pub(super) fn begin(wire: Wire, author: Author, spool: Spool) -> Self {
        let (asked, again) = watch::channel(Asked::default());
        let task = tokio::spawn(deliver((wire, Arc::new(author)), spool, again));
        Self { asked, task }
    }

    /// Delivers again from a message on. What was delivered before that is not in question.
    pub(super) fn tell_again(&self, from: u64) {
        self.asked.send_modify(|asked| *asked = Asked { from, times: asked.times + 1 });
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn deliver(
    (wire, author): (Wire, Arc<Author>),
    spool: Spool,
    mut again: watch::Receiver<Asked>,
) {
    let (mut number, mut times) = (0, 0);
    loop {
        tokio::select! {
            biased;
            changed = again.changed() => {
                if changed.is_err() {
                    return;
                }
                let asked = *again.borrow_and_update();
                number = asked.from.min(number);
                times = asked.times;
                spool.note_delivered(number);
            }
            () = one((&wire, &author), &spool, (number, times)) => {
                number += 1;
                spool.note_delivered(number);
            }
        }
    }
}

/// Delivers a message, for as long as it takes. A disk that cannot be read now may be later; nothing is left out.
async fn one((wire, author): (&Wire, &Author), spool: &Spool, (number, times): (u64, u64)) {
    spool.has(number).await;
    let id = id(author, (number, times));
    // Whoever conducts puts up a stream that is missing. Agents that all do that at once are hard on a server.
    let patience = FIRST + author.instance % SPREAD;
    for attempt in 1.. {
        if let Ok(text) = spool.read(number) {
            match wire.publish(&author.run, &author.agent, (&id, text.into())).await {
                Ok(()) => return,
                Err(WireError::NoStream { .. }) if attempt % patience == 0 => {
                    let _ = wire.open_stream().await;
                }
                Err(_) => {}
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Under which id the stream takes it no more than once. What is to be told again is not known to it by that.
fn id(Author { run, agent, instance }: &Author, (number, times): (u64, u64)) -> String {
    match times {
        0 => format!("{run}/{agent}/{instance}/{number}"),
        _ => format!("{run}/{agent}/{instance}/{number}/{times}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_has_another_id_each_time() {
        let author = Author { run: "r1".into(), agent: "a".parse().unwrap(), instance: 7 };
        let ids = [(3, 0), (3, 1), (3, 2)].map(|told| id(&author, told));
        assert_eq!(ids, ["r1/a/7/3", "r1/a/7/3/1", "r1/a/7/3/2"]);
    }
}
