//! Where the group's NATS server is, who we are to it, and when that has to be encrypted.
//!
//! The server is the operator's own infrastructure and no tenant: the guard, which keeps load from reaching anybody who
//! did not ask for it, is not asked about it. What is asked instead is whether plan and results may go there as they are.

use crate::base::clock::Utc;
use crate::base::remedy::Remedy;
use crate::base::secret::{STRUCK_OUT, Secret, without_user_info};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use url::{Host, Url};

/// The port where none is named.
const PORT: u16 = 4222;

/// The address of a NATS server, with nobody's password in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerUrl {
    url: Url,
}

/// Why an address is none of a server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerUrlError {
    /// It is no address.
    #[error("`{text}` is no address of a NATS server")]
    NoAddress {
        /// What was written, without who somebody is.
        text: String,
    },
    /// It names somebody.
    #[error("`{text}` says who you are, where everybody on this machine can read it")]
    NamesSomebody {
        /// What was written, without that.
        text: String,
    },
    /// It says more than where the server is.
    #[error("`{text}` says more than where a NATS server is, behind its `?` or `#`")]
    SaysMore {
        /// What was written, without that.
        text: String,
    },
}

impl Remedy for ServerUrlError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NoAddress { .. } => {
                "write `nats://HOST:PORT`, or `tls://HOST:PORT` for an encrypted connection"
                    .to_owned()
            }
            Self::NamesSomebody { .. } | Self::SaysMore { .. } => {
                format!("leave that out of the address and {GIVE}")
            }
        })
    }
}

/// How credentials are given.
const GIVE: &str = "name a file of credentials with `--nats-creds FILE` or in GANDER_NATS_CREDS, or set NATS_USER and \
                    NATS_PASSWORD, or NATS_TOKEN, or NATS_NKEY";

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        // `localhost:4222` is no address of that scheme to anybody but a parser.
        let whole = if text.contains("://") { text.to_owned() } else { format!("nats://{text}") };
        let no_address = || ServerUrlError::NoAddress { text: shown(text, &whole) };
        let url = Url::parse(&whole).map_err(|_| no_address())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::NamesSomebody { text: shown(text, &whole) });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ServerUrlError::SaysMore { text: shown(text, &whole) });
        }
        let is_bare = ["", "/"].contains(&url.path());
        let is_known = ["nats", "tls"].contains(&url.scheme());
        if !is_known || !is_bare || url.host_str().is_none_or(str::is_empty) {
            return Err(no_address());
        }
        Ok(Self { url })
    }
}

/// An address as it may be repeated: without who somebody is, and without what stands behind `?` or `#`, which may be the
/// same. Where it cannot be said what is what, nothing of it is left but its scheme.
fn shown(text: &str, whole: &str) -> String {
    let (scheme, rest) = whole.split_once("://").unwrap_or_default();
    match Url::parse(whole) {
        Ok(mut url) if url.has_host() && !url.path().contains('@') => {
            let behind = url.query().into_iter().chain(url.fragment());
            // A password with one of these in it is torn apart there.
            if behind.into_iter().any(|part| part.contains('@')) {
                return format!("{scheme}://{STRUCK_OUT}");
            }
            url.set_query(None);
            url.set_fragment(None);
            without_user_info(url.as_str())
        }
        // `user:password` without a host is none with a port.
        _ if rest.contains(['@', ':', '?', '#']) => format!("{scheme}://{STRUCK_OUT}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.url.port().unwrap_or(PORT);
        write!(f, "{}://{}:{port}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}

impl ServerUrl {
    /// Whether it asks for an encrypted connection.
    pub fn asks_for_tls(&self) -> bool {
        self.url.scheme() == "tls"
    }

    /// Whether it is this machine by its address. A name other than `localhost` may be anybody's.
    pub fn is_loopback(&self) -> bool {
        // The host of a scheme that the library does not know is read as a name whatever it is.
        let host = self.url.host_str().unwrap_or_default();
        match Host::parse(host) {
            Ok(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Ok(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Ok(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Err(_) => false,
        }
    }
}

/// Who we are to the server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// A user with a password.
    User(String, Secret),
    /// Whoever has a token.
    Token(Secret),
    /// Whoever has the seed of a key.
    Nkey(Secret),
    /// A user of an operator, with the key for it, as `nsc` writes them.
    File(Secret),
}

/// Why credentials are none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    /// A seed that is none.
    #[error("what was given as the seed of a user's key is none")]
    Seed,
    /// A file without what it is for.
    #[error("the file of credentials has no token and key in it")]
    File,
    /// They were good once.
    #[error("the credentials ended at {at}")]
    Ended {
        /// When.
        at: String,
    },
}

impl Remedy for CredentialsError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::Seed => {
                    "NATS_NKEY holds the whole seed of a user's key: 58 letters and digits that begin with `SU`"
                }
                Self::File => "take the file that `nsc generate creds` writes",
                Self::Ended { .. } => {
                    "make new ones (`nsc generate creds`), or set the clock of this machine"
                }
            }
            .to_owned(),
        )
    }
}

impl Credentials {
    /// Whether they have ended by now, as far as they say so themselves.
    pub fn check_time(&self, now: SystemTime) -> Result<(), CredentialsError> {
        let Self::File(text) = self else { return Ok(()) };
        match end_of(text.expose()) {
            Some(end) if end <= now => Err(CredentialsError::Ended { at: Utc::of(end).stamp() }),
            _ => Ok(()),
        }
    }
}

/// When the token in a file of credentials ends, if it does.
fn end_of(text: &str) -> Option<SystemTime> {
    let token = text.lines().map(str::trim).find(|line| line.split('.').count() == 3)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let end = claims["exp"].as_u64().filter(|end| *end > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end))
}

/// What is needed to get to the server.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it is.
    pub server: ServerUrl,
    /// Who we are to it.
    pub credentials: Credentials,
    /// Certificates by which the server is known, in PEM, in place of those of the system.
    pub authorities: Option<PathBuf>,
}

/// Why a server is not to be told what is to be done to a tenant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccessError {
    /// Everybody on the way could read it.
    #[error(
        "the connection to {server} is not encrypted, and the plan is for a tenant that is not this machine"
    )]
    NotEncrypted {
        /// The server.
        server: String,
    },
    /// Anybody could be an agent.
    #[error("{server} lets anybody in, and the plan is for a tenant that is not this machine")]
    Nobody {
        /// The server.
        server: String,
    },
}

impl Remedy for AccessError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NotEncrypted { .. } => {
                "write `tls://HOST:PORT`, or let the server demand TLS; `--nats-ca FILE` names its authority where the \
                 system does not know it"
                    .to_owned()
            }
            Self::Nobody { .. } => format!("let the server ask for credentials, and {GIVE}"),
        })
    }
}

impl Access {
    /// Whether credentials may be sent only through an encrypted connection, and nothing without one.
    pub fn demands_tls(&self) -> bool {
        let is_somebody = self.credentials != Credentials::None;
        self.server.asks_for_tls() || (is_somebody && !self.server.is_loopback())
    }

    /// Whether a plan for a tenant may be sent there. `is_outside` says whether the tenant is not this machine.
    pub fn check(&self, is_encrypted: bool, is_outside: bool) -> Result<(), AccessError> {
        let server = || self.server.to_string();
        if !is_outside || self.server.is_loopback() {
            return Ok(());
        }
        if self.credentials == Credentials::None {
            return Err(AccessError::Nobody { server: server() });
        }
        if !is_encrypted {
            return Err(AccessError::NotEncrypted { server: server() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(server: &str, credentials: Credentials) -> Access {
        Access { server: server.parse().unwrap(), credentials, authorities: None }
    }

    #[test]
    fn addresses_are_read_and_shown_with_their_port() {
        for (text, shown, here) in [
            ("nats://127.0.0.1:4333", "nats://127.0.0.1:4333", true),
            ("tls://nats.example.com", "tls://nats.example.com:4222", false),
            ("localhost:4222", "nats://localhost:4222", true),
            ("nats://[::1]:9", "nats://[::1]:9", true),
            ("10.0.0.7", "nats://10.0.0.7:4222", false),
            ("nats://127.0.0.1.example.com", "nats://127.0.0.1.example.com:4222", false),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (shown, here), "{text}");
        }
        for (wrong, shown) in [
            ("", "``"),
            ("http://a", "`http://a/`"),
            ("nats://", "`nats://`"),
            ("nats://a/b", "`nats://a/b`"),
            ("ws://a", "`ws://a/`"),
            ("nats://a b", "`nats://a b`"),
        ] {
            let error = wrong.parse::<ServerUrl>().unwrap_err();
            assert!(matches!(error, ServerUrlError::NoAddress { .. }), "{error}");
            assert!(error.to_string().starts_with(shown), "{error}");
        }
    }

    #[test]
    fn what_an_address_says_beyond_where_the_server_is_is_not_repeated() {
        for (text, shown) in [
            ("nats://a:1?token=hush-7f3k", "`nats://a:1` says more"),
            ("a?hush-7f3k", "`nats://a` says more"),
            ("nats://a:1/#hush-7f3k", "`nats://a:1/` says more"),
            // Whose password has a letter in it that parts an address.
            ("nats://a:1?token=u@hush-7f3k", "`nats://***` says more"),
            ("nats://u:1#hush@7f3k:1", "`nats://***` says more"),
            ("nats://u:hush/7f3k@a:1", "`nats://***` is no address"),
            ("nats://u:1/hush-7f3k@a:1", "`nats://***` is no address"),
            ("nats://u:hush#7f3k@a:1", "`nats://***` is no address"),
            ("u:hush-7f3k", "`nats://***` is no address"),
        ] {
            let error = text.parse::<ServerUrl>().unwrap_err();
            let told = format!("{error}; {}", error.remedy().unwrap());
            assert!(told.starts_with(shown), "{text}: {told}");
            assert!(!told.contains("hush") && !told.contains("7f3k"), "{told}");
        }
    }

    #[test]
    fn credentials_are_good_until_the_end_that_they_name() {
        let of = |claims: &str| {
            let token = format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims));
            Credentials::File(format!("-----BEGIN-----\n{token}\n-----END-----\n").into())
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (credentials, now, good) in [
            (of("{\"exp\":1000}"), 999, true),
            (of("{\"exp\":1000}"), 1000, false),
            (of("{\"exp\":0}"), 1000, true),
            (of("{}"), 1000, true),
            (of("no JSON"), 1000, true),
            (Credentials::File("nothing at all".to_owned().into()), 1000, true),
            (Credentials::None, 1000, true),
        ] {
            assert_eq!(credentials.check_time(at(now)).is_ok(), good, "{now}");
        }
        let ended = of("{\"exp\":1000}").check_time(at(1001)).unwrap_err();
        assert_eq!(ended.to_string(), "the credentials ended at 1970-01-01T00:16:40.000Z");
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for text in ["nats://u:hush-7f3k@a:1", "nats://hush-7f3k@a", "u:hush-7f3k@a:1"] {
            let error = text.parse::<ServerUrl>().unwrap_err();
            assert!(matches!(error, ServerUrlError::NamesSomebody { .. }), "{error}");
            let told = format!("{error} {}", error.remedy().unwrap());
            assert!(!told.contains("hush") && told.contains("NATS_USER"), "{told}");
        }
    }

    #[test]
    fn a_plan_for_a_tenant_elsewhere_goes_only_where_it_is_encrypted_and_asked_who_we_are() {
        let somebody = || Credentials::User("u".to_owned(), "p".to_owned().into());
        for (server, credentials, encrypted, outside, fine) in [
            ("nats://127.0.0.1", Credentials::None, false, true, true),
            ("nats://10.0.0.7", Credentials::None, false, false, true),
            ("nats://10.0.0.7", Credentials::None, true, true, false),
            ("nats://10.0.0.7", somebody(), false, true, false),
            ("nats://10.0.0.7", somebody(), true, true, true),
            ("tls://10.0.0.7", Credentials::Token("t".to_owned().into()), true, true, true),
        ] {
            let access = access(server, credentials);
            assert_eq!(access.check(encrypted, outside).is_ok(), fine, "{access:?} {encrypted}");
        }
    }

    #[test]
    fn credentials_leave_this_machine_only_encrypted() {
        let somebody = || Credentials::Token("t".to_owned().into());
        for (server, credentials, demands) in [
            ("nats://127.0.0.1", somebody(), false),
            ("nats://10.0.0.7", somebody(), true),
            ("nats://10.0.0.7", Credentials::None, false),
            ("tls://127.0.0.1", Credentials::None, true),
        ] {
            assert_eq!(access(server, credentials).demands_tls(), demands, "{server}");
        }
    }
}
