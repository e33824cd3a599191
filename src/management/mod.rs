//! The tenant's management API: accounts made, put right and removed, outside measured time.
//!
//! Unlike measured exchanges, these calls are retried and paced. [`call`], [`reply`] and
//! [`backoff`] decide, [`api`] waits and sends; [`provision`], [`mend`] and [`clean_up`] are the
//! three things a run does with it.

pub mod api;
pub mod backoff;
pub mod call;
pub mod clean_up;
mod environment;
pub mod error;
pub mod keeper;
pub mod key_file;
pub mod limits;
pub mod mail_copy;
pub mod mail_detour;
pub mod mail_settings;
pub mod mend;
pub mod pace;
pub mod plain_file;
pub mod policies;
pub mod provision;
pub mod reply;
pub mod settings;
