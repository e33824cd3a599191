//! The stand-in tenant.

pub mod replay;
