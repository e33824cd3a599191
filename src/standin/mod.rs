//! The stand-in tenant: a server on loopback that behaves like a PingOne DaVinci tenant.
//!
//! It is the test bed and the demonstration. It writes its JSON from its own tables and shares no
//! protocol code with the client, so that a misreading of the protocol cannot hide in both.
//!
//! A request goes through [`server`] (routes as a table, CORS, the record of every call) to a
//! handler that is a plain function of tenant and request and gives back a [`reply::Reply`]. Flows
//! are data ([`flow`], [`flows`]); [`page`] and [`screen`] write their forms, [`capability`] walks them, [`task`] does what their nodes do.
//! Around every handler stands the frame: limits and faults ([`rate_limit`], [`fault`]), what holds a
//! reply back ([`queue`], [`latency`], [`stall`]), the record. Holding back and mail belong to the reply
//! and are performed after the handler, so that no handler waits and no lock is held across a wait.

pub mod answer;
pub mod applications;
mod assigned;
pub mod authorize;
mod body;
pub mod call;
pub mod capability;
pub mod challenge;
pub mod directory;
pub mod discovery;
pub mod document;
pub mod echo;
pub mod fault;
mod fault_document;
mod fault_repeating;
mod fault_reply;
pub mod filter;
pub mod flow;
pub mod flows;
mod frame;
pub mod grant;
mod hold;
pub mod hosted;
pub mod input;
pub mod interaction;
pub mod keys;
pub mod latency;
mod line;
pub mod mail;
mod mail_carrier;
pub mod mail_settings;
pub mod management;
pub mod page;
pub mod par;
pub mod password;
mod place;
pub mod policy;
pub mod policy_start;
pub mod queue;
pub mod rate_limit;
pub mod record;
pub mod refusal;
pub mod replay;
pub mod reply;
pub mod screen;
pub mod sdk_token;
pub mod server;
pub mod session;
pub mod settings;
pub mod stall;
pub mod start;
pub mod store;
pub mod task;
pub mod tenant;
pub mod tls;
pub mod token;
pub mod user_api;

pub use server::{Ready, Running, StandInError, serve};
pub use settings::Settings;
