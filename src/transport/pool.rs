//! Idle connections of all users together, for `connections = "shared"`.

use super::connection::Connection;
use super::guard::Origin;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Idle connections by origin; the one used last is taken first.
///
/// Nobody watches an idle connection: that its server closed it shows when it is taken.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<(Origin, Vec<Connection>)>>);

impl Pool {
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut pool = self.lock();
        pool.iter_mut().find(|(of, _)| of == origin).and_then(|(_, idle)| idle.pop())
    }

    pub(super) fn put(&self, origin: Origin, connection: Connection) {
        let mut pool = self.lock();
        match pool.iter_mut().find(|(of, _)| *of == origin) {
            Some((_, idle)) => idle.push(connection),
            None => pool.push((origin, vec![connection])),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Vec<Connection>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
