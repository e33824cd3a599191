//! Idle connections of all users together, for `connections = "shared"`.

use super::connection::Connection;
use super::target::Target;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Idle connections by target; the one used last is taken first.
///
/// Nobody watches an idle connection: that its server closed it shows when it is taken.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<(Arc<Target>, Vec<Connection>)>>);

impl Pool {
    pub(super) fn take(&self, target: &Arc<Target>) -> Option<Connection> {
        let mut pool = self.lock();
        pool.iter_mut().find(|(of, _)| Arc::ptr_eq(of, target)).and_then(|(_, idle)| idle.pop())
    }

    pub(super) fn put(&self, target: Arc<Target>, connection: Connection) {
        let mut pool = self.lock();
        match pool.iter_mut().find(|(of, _)| Arc::ptr_eq(of, &target)) {
            Some((_, idle)) => idle.push(connection),
            None => pool.push((target, vec![connection])),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<Target>, Vec<Connection>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
