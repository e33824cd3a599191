//! The users as Goose users: the only file that names Goose.
//!
//! Goose launches the users, a task each, and runs their turns. Everything else it has is off,
//! because it measures and ends runs otherwise than a reader of our reports may assume: its metrics
//! stop at the reply's headers, its times are whole seconds, its client keeps cookies per user and
//! reads the certificates of the system for each. Checked against the source of 0.19.0, to which
//! the dependency is pinned.

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction, TransactionFunction};
use std::sync::Arc;

/// Users launched per second: as fast as it goes. They are parked until all are there.
const LAUNCH_RATE: &str = "1000000";

/// Goose wants a host, although nothing is sent to it: here nothing listens (discard).
const NOWHERE: &str = "http://127.0.0.1:9/";

/// Runs one attack until [`halt`]: `users` users, each of whom takes one turn after the other.
/// Goose starts no second iteration of a user before the first has returned, and does not return
/// itself before every user has.
pub(super) async fn attack<T, F>(users: usize, turn: T) -> Result<(), String>
where
    T: Fn(usize) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let function: TransactionFunction = Arc::new(move |user| {
        let turn = turn(user.weighted_users_index);
        Box::pin(async move {
            turn.await;
            Ok(())
        })
    });
    let scenario = Scenario::new("iteration").register_transaction(Transaction::new(function));
    // One client for all and without the system's certificates, which a slim machine may lack:
    // nobody uses it.
    let client = GooseClientBuilder::new().without_cookies().accept_invalid_certs(true);
    let attack = GooseAttack::initialize_with_config(configuration(users))
        .and_then(|attack| attack.set_client_builder_without_cookies(client))
        .map_err(|error| error.to_string())?
        .register_scenario(scenario);
    match attack.execute().await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Tells the attack to end. Goose forgets it when it starts, and looks at it twice a second, so
/// repeat it until the attack has returned.
pub(super) fn halt() {
    goose::trigger_killswitch("the gate is closed");
}

fn configuration(users: usize) -> GooseConfiguration {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(NOWHERE.to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some(LAUNCH_RATE.to_owned());
    configuration.quiet = 2;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    // On by default, without a password, on a fixed port.
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration
}

/// Keeps Goose's log lines from standard error while users are launched.
pub(super) struct Silence(log::LevelFilter);

impl Silence {
    /// Puts a logger in place that writes nothing, unless the program has one. Goose then fails to
    /// put its own in place, which would write every launch to standard error.
    pub(super) fn begin() -> Self {
        let _ = log::set_logger(&Nothing);
        Self(log::max_level())
    }
}

impl Drop for Silence {
    /// Goose raises the level for the whole process even where its logger was refused.
    fn drop(&mut self) {
        log::set_max_level(self.0);
    }
}

struct Nothing;

impl log::Log for Nothing {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}
