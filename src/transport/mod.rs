//! HTTP: everything that leaves this machine goes through here, and past the [`Guard`].
//!
//! ```text
//! Session::exchange ─ guard ─ jar ─ kept connection or Dialer ─ hyper or h2 ─ reply, timing
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
mod http1;
mod http2;
mod line;
mod local;
mod multiplex;
mod pool;
mod proxy;
mod resolve;
mod session;
mod settings;
mod stream;
mod target;
mod tls;

#[cfg(test)]
mod http2_tests;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod lab_http2;
#[cfg(test)]
mod lab_proxy;
#[cfg(test)]
mod way_tests;

pub use api_client::ApiClient;
pub use cookie::Jar;
pub use cookie::is_secret_cookie;
pub use dial::ConnectTime;
pub use exchange::Exchange;
pub use exchange::Timing;
pub use fault::TransportFault;
pub use guard::AllowedHost;
pub use guard::Guard;
pub use guard::GuardError;
pub use guard::HostError;
pub use guard::Origin;
pub use line::Line;
pub use proxy::Proxy;
pub use resolve::FixedNames;
pub use resolve::Resolve;
pub use resolve::Resolver;
pub use session::Session;
pub use session::Transport;
pub use settings::CONNECTIONS;
pub use settings::ClientFiles;
pub use settings::Connections;
pub use settings::Settings;
pub use settings::VERSIONS;
pub use settings::Version;
pub use tls::SetUpError;
