//! What a load costs a tenant, and whether it fits its licence, before it is on.

pub mod groups;
pub mod judge;
pub mod limits;
pub mod load;
pub mod mails;
