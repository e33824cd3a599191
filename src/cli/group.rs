//! The flags and variables by which a group of machines is found: its NATS server, its name, who we are to it.

use super::environment;
use super::exit::{Complaint, Exit, Failure};
use crate::base::secret::Secret;
use crate::cluster::conductor::GroupError;
use crate::cluster::name::{Name, NameError};
use crate::cluster::order;
use crate::cluster::server::{Access, Credentials, ServerUrl, ServerUrlError};
use crate::cluster::wire::WireError;
use crate::management::plain_file;
use std::path::{Path, PathBuf};

/// Bytes of the longest file of credentials.
const LONGEST: u64 = 64 << 10;

/// Who we are to the server, and how it is known.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CredentialArgs {
    /// File of credentials for the NATS server, as `nsc` writes them; or in GANDER_NATS_CREDS. Others go by NATS_USER and
    /// NATS_PASSWORD, NATS_TOKEN or NATS_NKEY
    #[arg(long, value_name = "FILE")]
    nats_creds: Option<PathBuf>,
    /// Certificates by which the NATS server is known, in PEM, in place of those of the system; or in GANDER_NATS_CA
    #[arg(long, value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

/// The name of a group or an agent as it is typed.
pub(super) fn name(text: &str) -> Result<Name, String> {
    use crate::base::remedy::Remedy;
    let told = |error: NameError| format!("{error}: {}", error.remedy().unwrap_or_default());
    text.parse().map_err(told)
}

impl CredentialArgs {
    /// What is needed to get to a server, by its address as it was typed. That is read here and not with the other
    /// arguments, whose parser repeats what it cannot read.
    pub(super) fn access(&self, server: &str) -> Result<Access, Failure> {
        let server: ServerUrl = server
            .parse()
            .map_err(|error: ServerUrlError| Failure::of(Exit::WrongInput, &error))?;
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        let file = |name| variable(name).map(PathBuf::from);
        let authorities = self.nats_ca.clone().or_else(|| file("GANDER_NATS_CA"));
        if let Some(path) = &authorities {
            plain_file::read(path, 16 * LONGEST).map_err(|error| unreadable(path, &error))?;
        }
        let credentials = match self.nats_creds.clone().or_else(|| file("GANDER_NATS_CREDS")) {
            Some(path) => {
                let text = plain_file::read(&path, LONGEST);
                let text = text.map_err(|error| unreadable(&path, &error))?;
                let text = String::from_utf8(text)
                    .map_err(|_| unreadable(&path, &"it is not text".to_owned()))?;
                Credentials::File(Secret::new(text))
            }
            None => of_variables(variable),
        };
        Ok(Access { server, credentials, authorities })
    }
}

fn of_variables(variable: impl Fn(&'static str) -> Option<String>) -> Credentials {
    if let Some(seed) = variable("NATS_NKEY") {
        return Credentials::Nkey(Secret::new(seed.trim().to_owned()));
    }
    if let Some(token) = variable("NATS_TOKEN") {
        return Credentials::Token(Secret::new(token));
    }
    match variable("NATS_USER") {
        Some(user) => {
            let password = variable("NATS_PASSWORD").unwrap_or_default();
            Credentials::User(user, Secret::new(password))
        }
        None => Credentials::None,
    }
}

fn unreadable(path: &Path, error: &impl ToString) -> Failure {
    let what = format!("`{}` cannot be read: {}", path.display(), error.to_string());
    Failure::new(Exit::WrongInput, what, None)
}

/// Why a run does not come about, agents' own words among it.
pub(super) fn group_failure(error: GroupError) -> Failure {
    if let GroupError::NotReady { agent, complaints } = &error {
        let of_agent = |complaint: &order::Complaint| Complaint {
            what: format!("agent `{agent}`: {}", complaint.what),
            place: complaint.place.clone(),
            remedy: complaint.remedy.clone(),
        };
        let complaints = complaints.iter().map(of_agent).collect();
        return Failure { exit: Exit::TenantNotUsable, complaints };
    }
    Failure::of(Exit::TenantNotUsable, &error)
}

/// Why a server is of no use.
pub(super) fn wire_failure(error: &WireError) -> Failure {
    Failure::of(Exit::TenantNotUsable, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_we_are_is_told_by_one_kind_of_variable() {
        let of = |set: &[(&str, &str)]| {
            of_variables(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Credentials::None);
        assert_eq!(of(&[("NATS_PASSWORD", "p")]), Credentials::None);
        let user = of(&[("NATS_USER", "u"), ("NATS_PASSWORD", "hush-7f3k")]);
        assert_eq!(user, Credentials::User("u".to_owned(), "hush-7f3k".to_owned().into()));
        assert!(!format!("{user:?}").contains("hush"));
        let token = of(&[("NATS_TOKEN", "t"), ("NATS_USER", "u")]);
        assert!(matches!(token, Credentials::Token(_)));
        assert!(matches!(of(&[("NATS_NKEY", "SU…")]), Credentials::Nkey(_)));
    }

    #[test]
    fn a_password_in_an_address_is_told_without_it_and_with_the_way_out() {
        let args = CredentialArgs { nats_creds: None, nats_ca: None };
        let told = format!("{:?}", args.access("nats://u:hush-7f3k@a").unwrap_err());
        assert!(told.contains("NATS_USER") && !told.contains("hush"), "{told}");
        assert!(name("a b").unwrap_err().contains("letters"));
    }
}
