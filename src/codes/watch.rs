//! A task that reads a mailbox. It ends with its owner, and is not missed in silence if it ends before.

use super::office::Office;
use tokio::task::{AbortHandle, JoinSet};

/// A task under way. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Watch(AbortHandle);

impl Watch {
    /// Begins a task that has no end of its own. One that ends all the same, by a mistake in gander, is
    /// trouble of the office.
    pub(super) fn over(task: impl Future<Output = ()> + Send + 'static, office: Office) -> Self {
        let watched = tokio::spawn(async move {
            // It takes the task with it.
            let mut tasks = JoinSet::new();
            tasks.spawn(task);
            let _ = tasks.join_next().await;
            office.note_trouble("a mistake in gander ended the reading of the mailbox".to_owned());
        });
        Self(watched.abort_handle())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;

    #[tokio::test]
    async fn a_task_that_ends_before_its_owner_is_told() {
        let office = Office::new(Clock::system());
        let _watch = Watch::over(async { panic!("a mistake") }, office.clone());
        while office.trouble().times == 0 {
            tokio::task::yield_now().await;
        }
        assert!(office.trouble().last.is_some_and(|why| why.contains("a mistake in gander")));
    }

    #[tokio::test]
    async fn a_task_ends_with_its_owner() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let office = Office::new(Clock::system());
        let task = async move {
            let _held = sender;
            std::future::pending::<()>().await;
        };
        drop(Watch::over(task, office.clone()));
        assert!(receiver.await.is_err());
        assert_eq!(office.trouble().times, 0);
    }
}
