//! Spoiled accounts put right while a run goes, and once more when it is over.

use crate::identity::pool::Pool;
use crate::management::keeper::{AccountsError, Keeper};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How soon somebody looks for spoiled accounts again.
const SOON: Duration = Duration::from_millis(100);

/// How soon after a failure: the tenant gets a moment.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Those who put spoiled accounts right as they come in, outside of every measured exchange: one for
/// each pool, so that a tenant in trouble keeps nobody else's accounts waiting.
/// What cannot be put right stays aside: no journey gets it, and one that finds no account says so.
/// Dropped, they end at once.
pub struct Mending {
    over: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    failed: Arc<Mutex<Option<AccountsError>>>,
}

impl Mending {
    /// Starts with the accounts of each pool. To be called within a runtime.
    pub fn start<W: Write + Send + 'static>(
        kept: impl IntoIterator<Item = (Arc<Keeper<W>>, Pool)>,
    ) -> Self {
        let (over, ends) = watch::channel(false);
        let failed = Arc::default();
        let start =
            |(keeper, pool)| tokio::spawn(mend(keeper, pool, ends.clone(), Arc::clone(&failed)));
        let tasks = kept.into_iter().map(start).collect();
        Self { over, tasks, failed }
    }

    /// Lets them finish what they are at and put right what was spoiled until now, so that the accounts
    /// are left in their states. Not at any price: whoever waits for the result should not have to
    /// wait longer than `patience` for tenants in trouble. Returns the last thing that went wrong
    /// in all the time, if anything did.
    pub async fn finish(mut self, patience: Duration) -> Option<AccountsError> {
        // Tasks that are gone hear nothing, and are not waited for.
        let _ = self.over.send(true);
        let all = async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Mending {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn mend<W: Write + Send + 'static>(
    keeper: Arc<Keeper<W>>,
    pool: Pool,
    mut ends: watch::Receiver<bool>,
    failed: Arc<Mutex<Option<AccountsError>>>,
) {
    loop {
        // Asked first: what was spoiled before the end must not be missed.
        let is_last = *ends.borrow_and_update();
        let pause = match keeper.mend_all(&pool).await {
            // Soon again without anything to do, too: journeys wait for these accounts.
            Ok(_) => SOON,
            Err(error) => {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                AFTER_FAILURE
            }
        };
        if is_last {
            return;
        }
        // Whoever held the other end and is gone has aborted this task.
        let _ = tokio::time::timeout(pause, ends.changed()).await;
    }
}
