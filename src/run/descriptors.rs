//! File descriptors: the limit, raised as far as it goes, and how many are open.

use crate::base::remedy::Remedy;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// What a process needs besides the connections of its users: the runtime, files, the management
/// API, mail, and connections that are being closed while new ones are made.
const MARGIN: u64 = 128;

/// Up to so many descriptors each is looked at to find the sockets; beyond that only counted.
const FEW: u64 = 256;

/// Raises the soft limit of open files to the hard one. Where the system refuses, the limit stays.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some() && limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // macOS wants a number; what cannot be raised is checked against before the load.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// How many files this process may have open; none for as many as it likes.
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many users, each with a connection of its own, there is room for under a limit.
pub const fn room(limit: u64) -> u64 {
    limit.saturating_sub(MARGIN)
}

/// More users than the limit of open files has room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{users} users need {} open files (a connection each, and {MARGIN} besides), and the limit is {limit}",
    users.saturating_add(MARGIN)
)]
pub struct TooManyUsers {
    /// Users who may be at work at once.
    pub users: u64,
    /// The limit of open files.
    pub limit: u64,
}

impl Remedy for TooManyUsers {
    fn remedy(&self) -> Option<String> {
        let Self { users, limit } = self;
        let (needed, room) = (users.saturating_add(MARGIN), room(*limit));
        Some(format!(
            "raise the hard limit to {needed} (`ulimit -Hn {needed}` as root, `LimitNOFILE=` of a \
             service, `--ulimit nofile=` of a container), or use at most {room} users"
        ))
    }
}

/// Whether so many users, each with a connection of its own, fit under the limit.
pub fn check_room(users: u64, limit: Option<u64>) -> Result<(), TooManyUsers> {
    match limit {
        Some(limit) if users.saturating_add(MARGIN) > limit => Err(TooManyUsers { users, limit }),
        _ => Ok(()),
    }
}

/// Counts descriptors and sockets. To look at each of ten thousand takes tens of milliseconds, so
/// of many only the number is asked for, and what was no socket while they were few is taken off.
#[derive(Debug, Default)]
pub struct Descriptors {
    others: u64,
}

/// What is open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Open {
    /// Descriptors of all kinds.
    pub files: u64,
    /// Sockets among them.
    pub sockets: u64,
}

impl Descriptors {
    /// What is open now; none where the system does not say.
    pub fn count(&mut self) -> Option<Open> {
        // Linux tells the number of descriptors as the folder's size since 6.2; before, it is 0.
        let told = fs::metadata(FOLDER).ok()?.len();
        let files = if told > 0 { told } else { entries()?.count() as u64 };
        if files <= FEW {
            let links = entries()?.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            let is_socket = |link: &std::path::PathBuf| {
                link.as_os_str().as_encoded_bytes().starts_with(b"socket:")
            };
            let sockets = links.filter(is_socket).count() as u64;
            self.others = files.saturating_sub(sockets);
            return Some(Open { files, sockets });
        }
        Some(Open { files, sockets: files.saturating_sub(self.others) })
    }
}

const FOLDER: &str = "/proc/self/fd";

fn entries() -> Option<fs::ReadDir> {
    fs::read_dir(FOLDER).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn users_fit_or_are_refused_with_the_number_that_does() {
        assert_eq!(check_room(1000, Some(1128)), Ok(()));
        assert_eq!(check_room(u64::MAX, None), Ok(()));
        let error = check_room(1000, Some(1024)).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @"
        1000 users need 1128 open files (a connection each, and 128 besides), and the limit is 1024
        raise the hard limit to 1128 (`ulimit -Hn 1128` as root, `LimitNOFILE=` of a service, `--ulimit nofile=` of a container), or use at most 896 users
        ");
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_one() {
        raise_limit();
        assert_eq!(limit(), getrlimit(Resource::Nofile).maximum);
    }

    #[test]
    fn many_sockets_are_counted_without_looking_at_each() {
        let mut descriptors = Descriptors::default();
        let before = descriptors.count().unwrap();
        let held: Vec<_> = (0..400).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let after = descriptors.count().unwrap();
        // Other tests of this process open and close some meanwhile.
        assert!(after.sockets.abs_diff(before.sockets + 400) < 100, "{before:?} {after:?}");
        assert!(after.files >= after.sockets, "{after:?}");
        drop(held);
    }
}
