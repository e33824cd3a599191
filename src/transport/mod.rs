//! HTTP: everything that leaves this machine goes through here, and past the [`Guard`].
//!
//! ```text
//! Session::exchange ─ guard ─ jar ─ idle connection or Dialer ─ hyper ─ reply, timing
//! ApiClient::call ─── guard ─ reqwest, whose resolver asks the guard ─ reply
//! ```
//!
//! Measured exchanges use connections of our own, because the cost of the client is in the way of
//! the measurement; everything else uses reqwest. Requests and replies are values of the `http`
//! crate, so that pure code can make and read them.

mod api_client;
mod connection;
mod cookie;
mod dial;
mod exchange;
mod fault;
mod guard;
mod pool;
mod resolve;
mod session;
mod settings;
mod stream;
mod tls;

#[cfg(test)]
mod lab;

pub use api_client::ApiClient;
pub use cookie::Jar;
pub use dial::ConnectTime;
pub use exchange::Exchange;
pub use exchange::Timing;
pub use fault::TransportFault;
pub use guard::AllowedHost;
pub use guard::Guard;
pub use guard::GuardError;
pub use guard::HostError;
pub use guard::Origin;
pub use resolve::FixedNames;
pub use resolve::Resolver;
pub use session::Session;
pub use session::Transport;
pub use settings::CONNECTIONS;
pub use settings::Connections;
pub use settings::Settings;
pub use tls::SetUpError;
