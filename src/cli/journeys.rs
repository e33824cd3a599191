//! `gander journeys`: what is built in.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::base::remedy::{Listing, nearest};
use crate::journey::catalog::BUILT_IN;
use clap::Subcommand;

/// What to show.
#[derive(Debug, Subcommand)]
pub(super) enum JourneysCommand {
    /// Names of the built-in journeys, with what each is for
    List,
    /// The file of one built-in journey
    Show {
        /// Name of the journey
        name: String,
    },
}

pub(super) fn journeys(command: &JourneysCommand, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        JourneysCommand::List => {
            for (name, text) in BUILT_IN {
                let purpose = text
                    .lines()
                    .next()
                    .and_then(|line| line.strip_prefix("# "))
                    .unwrap_or_default();
                terminal.data(&format!("{name:<12} {purpose}"));
            }
        }
        JourneysCommand::Show { name } => {
            let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| known == name) else {
                return Err(unknown(name));
            };
            terminal.data(text.trim_end());
        }
    }
    Ok(Exit::Passed)
}

fn unknown(name: &str) -> Failure {
    let names = || BUILT_IN.iter().map(|(known, _)| *known);
    let remedy = nearest(name, names()).map_or_else(
        || format!("built in are {}", names().collect::<Listing>()),
        |near| format!("did you mean `{near}`?"),
    );
    Failure::new(Exit::WrongInput, format!("there is no built-in journey `{name}`"), Some(&remedy))
}
