//! Who signs in: invented people, their addresses, passwords, accounts and leases. Computes only;
//! the making and removing of accounts is `management`.

pub mod account;
pub mod domain;
pub mod ledger;
pub mod login;
pub mod password;
pub mod persona;
pub mod policy;
pub mod pool;
pub mod roster;
pub mod settings;
