//! No core dumps: the memory of gander holds passwords, tokens and codes.

use rustix::process::{Resource, Rlimit, setrlimit};

/// From here on neither gander nor what it starts leaves its memory in a file when it dies. A system that does not
/// let that be set goes on as it is.
pub(super) fn forbid() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
}
