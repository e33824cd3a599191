//! Ctrl-C is ours: taken once for the process, before Goose can.

use std::sync::{Mutex, Once, PoisonError};

type Handler = Box<dyn FnMut() + Send>;

static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);
static CLAIM: Once = Once::new();

/// Calls `handler` on every Ctrl-C from now on, on a thread of its own, in place of the handler
/// before.
pub fn on_interrupt(handler: impl FnMut() + Send + 'static) {
    *HANDLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(handler));
    claim();
}

/// Takes the signal, so that Goose, which would end its run on the first and the process on the
/// second, fails to. Without a handler the process ends as it would have without us.
pub(super) fn claim() {
    CLAIM.call_once(|| {
        // Taken already means that the program has its own way, which is as good.
        let _ = ctrlc::set_handler(|| {
            match HANDLER.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(handler) => handler(),
                None => end(),
            }
        });
    });
}

#[expect(clippy::exit, reason = "what SIGINT does where nobody handles it")]
fn end() -> ! {
    std::process::exit(130)
}
