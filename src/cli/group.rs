//! The flags and variables by which a group of machines is found: its NATS server, its name, who we are to it.

use super::environment;
use super::exit::{Complaint, Exit, Failure};
use crate::base::clock::Clock;
use crate::base::remedy::Listing;
use crate::base::secret::Secret;
use crate::cluster::conductor::GroupError;
use crate::cluster::name::{Name, NameError};
use crate::cluster::order;
use crate::cluster::server::{Access, Credentials, ServerUrl, ServerUrlError};
use crate::cluster::wire::{WireError, check_credentials};
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
        let named = self.nats_creds.clone().map(|path| ("--nats-creds", path));
        let named =
            named.or_else(|| file("GANDER_NATS_CREDS").map(|path| ("GANDER_NATS_CREDS", path)));
        let others = of_variables(named.as_ref().map(|(by, _)| *by), variable)?;
        let credentials = named.map_or(Ok(others), |(_, path)| of_file(&path))?;
        let access = Access { server, credentials, authorities };
        let checked = check_credentials(&access)
            .and_then(|()| access.credentials.check_time(Clock::system().wall()));
        checked.map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        Ok(access)
    }
}

/// Credentials as `nsc` writes them.
fn of_file(path: &Path) -> Result<Credentials, Failure> {
    let text = plain_file::read(path, LONGEST).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(text);
    let text = text.map_err(|_| unreadable(path, &"it is not text".to_owned()))?;
    Ok(Credentials::File(Secret::new(text)))
}

/// Credentials that stand in variables. Whoever says who we are in two ways, this other way perhaps, or only half of it,
/// means something that we would have to guess.
fn of_variables(
    other: Option<&'static str>,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Credentials, Failure> {
    let (seed, token) = (variable("NATS_NKEY"), variable("NATS_TOKEN"));
    let (user, password) = (variable("NATS_USER"), variable("NATS_PASSWORD"));
    let of_user = match (&user, &password) {
        (None, Some(_)) => Some("NATS_PASSWORD"),
        (user, _) => user.as_ref().map(|_| "NATS_USER"),
    };
    let of_seed = seed.as_ref().map(|_| "NATS_NKEY");
    let of_token = token.as_ref().map(|_| "NATS_TOKEN");
    let given: Vec<_> = [other, of_seed, of_token, of_user].into_iter().flatten().collect();
    if given.len() > 1 {
        let given: Listing = given.into_iter().collect();
        let what = format!("who we are to the NATS server is said more than once: {given}");
        return Err(Failure::new(Exit::WrongInput, what, Some("leave one of them")));
    }
    let half = |there: &str, missing: &str| {
        let what = format!("{there} is set, and {missing} is not");
        Failure::new(Exit::WrongInput, what, Some("set both, or neither"))
    };
    Ok(match (seed, token, user, password) {
        (Some(seed), ..) => Credentials::Nkey(Secret::new(seed.trim().to_owned())),
        (_, Some(token), ..) => Credentials::Token(Secret::new(token)),
        (.., Some(user), Some(password)) => Credentials::User(user, Secret::new(password)),
        (.., Some(_), None) => return Err(half("NATS_USER", "NATS_PASSWORD")),
        (.., None, Some(_)) => return Err(half("NATS_PASSWORD", "NATS_USER")),
        (None, None, None, None) => Credentials::None,
    })
}

fn unreadable(path: &Path, error: &impl ToString) -> Failure {
    let what = format!("`{}` cannot be read: {}", path.display(), error.to_string());
    Failure::new(Exit::WrongInput, what, Some("name a plain file that is there and may be read"))
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

    fn of(other: Option<&'static str>, set: &[(&str, &str)]) -> Result<Credentials, String> {
        let credentials = of_variables(other, |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        credentials.map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn who_we_are_is_told_by_one_kind_of_variable() {
        assert_eq!(of(None, &[]), Ok(Credentials::None));
        assert_eq!(of(Some("--nats-creds"), &[]), Ok(Credentials::None));
        let user = of(None, &[("NATS_USER", "u"), ("NATS_PASSWORD", "hush-7f3k")]).unwrap();
        assert_eq!(user, Credentials::User("u".to_owned(), "hush-7f3k".to_owned().into()));
        assert!(!format!("{user:?}").contains("hush"));
        assert!(matches!(of(None, &[("NATS_TOKEN", "t")]), Ok(Credentials::Token(_))));
        assert_eq!(
            of(None, &[("NATS_NKEY", " SU…\n")]),
            Ok(Credentials::Nkey("SU…".to_owned().into()))
        );
    }

    #[test]
    fn who_says_who_we_are_twice_or_by_half_is_asked_what_is_meant() {
        let secret = "hush-7f3k";
        let (user, password) = (("NATS_USER", secret), ("NATS_PASSWORD", secret));
        let (token, seed) = (("NATS_TOKEN", secret), ("NATS_NKEY", secret));
        for (other, set, told) in [
            (None, vec![user], "NATS_USER is set, and NATS_PASSWORD is not"),
            (None, vec![password], "NATS_PASSWORD is set, and NATS_USER is not"),
            (None, vec![token, user], "more than once: `NATS_TOKEN`, `NATS_USER`"),
            (None, vec![token, password], "more than once: `NATS_TOKEN`, `NATS_PASSWORD`"),
            (None, vec![seed, user, password], "more than once: `NATS_NKEY`, `NATS_USER`"),
            (None, vec![seed, token], "more than once: `NATS_NKEY`, `NATS_TOKEN`"),
            (Some("--nats-creds"), vec![token], "more than once: `--nats-creds`, `NATS_TOKEN`"),
            (Some("GANDER_NATS_CREDS"), vec![user], "`GANDER_NATS_CREDS`, `NATS_USER`"),
        ] {
            let refused = of(other, &set).unwrap_err();
            assert!(refused.contains(told) && refused.contains("WrongInput"), "{refused}");
            assert!(!refused.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_told_without_it_and_with_the_way_out() {
        let args = CredentialArgs { nats_creds: None, nats_ca: None };
        let told = format!("{:?}", args.access("nats://u:hush-7f3k@a").unwrap_err());
        assert!(told.contains("NATS_USER") && !told.contains("hush"), "{told}");
        assert!(name("a b").unwrap_err().contains("letters"));
    }
}
