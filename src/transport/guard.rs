//! The one rule of where bytes may go: known hosts, loopback addresses unless acknowledged.
//!
//! The dialer holds a guard and opens no socket without asking it, so no command can get around it.

use crate::base::remedy::{Listing, Remedy};
use http::Uri;
use http::uri::Authority;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// Which hosts may be called, and whether they may be anywhere but on this machine.
#[derive(Clone, Debug)]
pub struct Guard {
    hosts: Vec<AllowedHost>,
    acknowledged: bool,
}

/// A host that may be called: `auth.example.com`, `auth.example.com:8443`, `[::1]:8910` or, with
/// its scheme, `http://10.0.0.7:8910`.
///
/// Without a port every port is meant. Without a scheme `https` is meant, and on loopback `http`
/// too: a link may not talk a caller of `https` into sending tokens in the clear.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowedHost {
    https: Option<bool>,
    host: String,
    port: Option<u16>,
}

/// Scheme, host and port of a request that the guard let pass; only a guard makes one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

/// Why a request was not let out. Names the host, never the rest of a link.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GuardError {
    /// A host that is not among those allowed.
    #[error("`{host}` is not one of the tenant's hosts; nothing was sent")]
    Foreign {
        /// Host and port of the link.
        host: String,
    },
    /// A link without a host, or one that cannot be read.
    #[error("a link that names no host; nothing was sent")]
    NoHost,
    /// Neither `http` nor `https`.
    #[error("`{scheme}` links are not followed; nothing was sent")]
    Scheme {
        /// The scheme of the link.
        scheme: String,
    },
    /// A link from `https` to `http`.
    #[error("`{host}` may be called over https only; nothing was sent")]
    InTheClear {
        /// Host and port of the link.
        host: String,
    },
    /// A link with a user name or password in front of its host.
    #[error("a link to `{host}` carries credentials; nothing was sent")]
    Credentials {
        /// Host of the link.
        host: String,
    },
    /// A host that is not on this machine, or not known to be.
    #[error("`{host}` is not on this machine{}, and the test is not acknowledged; nothing was sent", at(.address))]
    NotAcknowledged {
        /// The host.
        host: String,
        /// The address it has; none where it was not even resolved.
        address: Option<IpAddr>,
    },
    /// A name that only the proxy would resolve, so that nobody here sees where it lies.
    #[error(
        "`{host}` would be resolved by the proxy, so nobody can say that it is on this machine; nothing was sent"
    )]
    Unseen {
        /// The host.
        host: String,
    },
    /// A proxy that is not on this machine, or not known to be.
    #[error(
        "the proxy `{host}` is not on this machine, and the test is not acknowledged; nothing was sent"
    )]
    ProxyNotAcknowledged {
        /// The proxy's host.
        host: String,
    },
    /// An address that belongs to no single machine.
    #[error("`{host}` has the address {address}, which belongs to no machine; nothing was sent")]
    Nowhere {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
    },
}

/// Why a text is not an allowed host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a host")]
pub struct HostError {
    text: String,
}

impl Guard {
    /// Lets these hosts be called, on loopback only until [`Guard::acknowledged`].
    pub fn new(hosts: impl IntoIterator<Item = AllowedHost>) -> Self {
        Self { hosts: hosts.into_iter().collect(), acknowledged: false }
    }

    /// Lets the hosts be anywhere: the tenant's owner knows of the test, and the support case and
    /// environment were given. Whether they match is for the caller to check.
    #[must_use]
    pub fn acknowledged(self) -> Self {
        Self { acknowledged: true, ..self }
    }

    /// Whether only this machine can be called.
    pub const fn is_loopback_only(&self) -> bool {
        !self.acknowledged
    }

    /// Judges a request's link before anything is resolved or sent. A name that could lie
    /// elsewhere is refused unresolved unless the test is acknowledged.
    pub fn admit(&self, uri: &Uri) -> Result<Origin, GuardError> {
        let authority = uri.authority().ok_or(GuardError::NoHost)?;
        let https = scheme_of(uri.scheme_str().unwrap_or_default())?;
        if authority.as_str().contains('@') {
            return Err(GuardError::Credentials { host: bare(authority.host()) });
        }
        // An unreadable port must not turn into the scheme's own.
        let AllowedHost { host, port, .. } =
            AllowedHost::read(Some(https), authority).ok_or(GuardError::NoHost)?;
        let origin = Origin { https, host, port: port.unwrap_or(default_port(https)) };
        self.admit_origin(&origin)?;
        Ok(origin)
    }

    /// Judges an address that a host was found to have. Every address a socket is opened to passes
    /// here.
    pub fn admit_address(&self, host: &str, address: IpAddr) -> Result<(), GuardError> {
        let (host, plain) = (host.to_owned(), address.to_canonical());
        if plain.is_unspecified() || plain.is_multicast() || plain == Ipv4Addr::BROADCAST {
            return Err(GuardError::Nowhere { host, address });
        }
        if self.acknowledged || plain.is_loopback() {
            return Ok(());
        }
        Err(GuardError::NotAcknowledged { host, address: Some(address) })
    }

    /// Judges a request that a proxy carries: only the proxy is dialled, so what is not
    /// acknowledged must say by itself that it stays on this machine. A name does not, whatever it
    /// is here: the proxy resolves it again.
    pub(super) fn admit_through_proxy(&self, origin: &Origin) -> Result<(), GuardError> {
        self.admit_origin(origin)?;
        if self.acknowledged || origin.literal().is_some() {
            return Ok(());
        }
        Err(GuardError::Unseen { host: origin.host.clone() })
    }

    /// Judges a proxy before its name is resolved: everything sent to it leaves this machine with
    /// it. Its addresses are judged as well, by [`Guard::admit_address`].
    pub(super) fn admit_proxy(&self, host: &str) -> Result<(), GuardError> {
        if let Ok(address) = host.parse() {
            self.admit_address(host, address)?;
        }
        if self.acknowledged || is_local_name(host) {
            return Ok(());
        }
        Err(GuardError::ProxyNotAcknowledged { host: host.to_owned() })
    }

    /// Judges an origin again, at the door of the dialer.
    pub(super) fn admit_origin(&self, origin: &Origin) -> Result<(), GuardError> {
        let here = |allowed: &&AllowedHost| {
            allowed.host == origin.host && allowed.port.is_none_or(|port| port == origin.port)
        };
        let mut matching = self.hosts.iter().filter(here).peekable();
        if matching.peek().is_none() {
            return Err(GuardError::Foreign { host: origin.to_string() });
        }
        let local = is_local_name(&origin.host);
        let fits = |allowed: &AllowedHost| match allowed.https {
            None => origin.https || local,
            Some(https) => origin.https || !https,
        };
        if !matching.any(fits) {
            return Err(GuardError::InTheClear { host: origin.to_string() });
        }
        match origin.literal() {
            Some(address) => self.admit_address(&origin.host, address),
            None if self.acknowledged || local => Ok(()),
            None => {
                let host = origin.host.clone();
                Err(GuardError::NotAcknowledged { host, address: None })
            }
        }
    }
}

impl AllowedHost {
    /// The host of a URL, with the URL's scheme and port; none for what is no such URL, or one that
    /// carries credentials.
    pub fn of(url: &Uri) -> Option<Self> {
        let https = scheme_of(url.scheme_str()?).ok()?;
        Self::read(Some(https), url.authority()?)
    }

    /// Whether it is, by its name or number, this machine.
    pub fn is_local(&self) -> bool {
        is_local_name(&self.host)
    }

    fn read(https: Option<bool>, authority: &Authority) -> Option<Self> {
        let host = bare(authority.host());
        let port = authority.port().map(|port| port.as_u16());
        let port_length = authority.port().map_or(0, |port| port.as_str().len() + 1);
        let whole = authority.host().len() + port_length == authority.as_str().len();
        (whole && !host.is_empty()).then_some(Self { https, host, port })
    }
}

impl FromStr for AllowedHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let error = || HostError { text: text.to_owned() };
        let (https, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme_of(scheme).map_err(|_| error())?), rest),
            None => (None, text),
        };
        let authority = rest.parse().map_err(|_| error())?;
        Self::read(https, &authority).ok_or_else(error)
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.https {
            Some(true) => f.write_str("https://")?,
            Some(false) => f.write_str("http://")?,
            None => {}
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Origin {
    /// Whether the exchange goes over TLS.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host in lower case, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or of the scheme.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is written as one.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// Host and port as the `Host` header has them: the scheme's own port is left out.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port == default_port(self.https) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl GuardError {
    /// The name under which the fault is counted and reported.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::NotAcknowledged { .. }
            | Self::Nowhere { .. }
            | Self::Unseen { .. }
            | Self::ProxyNotAcknowledged { .. } => "not-acknowledged",
            _ => "foreign-link",
        }
    }
}

impl Remedy for GuardError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Foreign { host } => Some(format!(
                "if it belongs to the tenant, add {} to `tenant.hosts`",
                [host].into_iter().collect::<Listing>()
            )),
            Self::InTheClear { host } => {
                Some(format!("if that is meant, add `http://{host}` to `tenant.hosts`"))
            }
            Self::Unseen { .. } => {
                Some("write its address, such as `127.0.0.1`, or leave `http.proxy` out".to_owned())
            }
            Self::NotAcknowledged { .. } | Self::ProxyNotAcknowledged { .. } => Some(
                "tell the tenant's owner and support first, then give `--acknowledge CASE \
                 --environment ID` with the support case and the environment's id"
                    .to_owned(),
            ),
            Self::Nowhere { .. } => Some("name the machine's own address".to_owned()),
            Self::NoHost | Self::Scheme { .. } | Self::Credentials { .. } => None,
        }
    }
}

impl Remedy for HostError {
    fn remedy(&self) -> Option<String> {
        Some("write a name or address, such as `auth.pingone.eu` or `127.0.0.1:8910`".to_owned())
    }
}

/// Whether a host is, by its name or number, on this machine. Its addresses are judged as well.
pub(super) fn is_local_name(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Lower case, no brackets, no final dot: the form in which hosts are compared.
fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn scheme_of(scheme: &str) -> Result<bool, GuardError> {
    if scheme.eq_ignore_ascii_case("https") {
        Ok(true)
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok(false)
    } else {
        Err(GuardError::Scheme { scheme: scheme.to_owned() })
    }
}

const fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

fn at(address: &Option<IpAddr>) -> String {
    address.map_or_else(String::new, |address| format!(" (its address is {address})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guard(hosts: &[&str]) -> Guard {
        Guard::new(hosts.iter().map(|host| host.parse().unwrap()))
    }

    /// `ok`, or the kind of refusal.
    fn verdict(result: Result<(), GuardError>) -> &'static str {
        match result {
            Ok(()) => "ok",
            Err(GuardError::Foreign { .. }) => "foreign",
            Err(GuardError::NoHost) => "no host",
            Err(GuardError::Scheme { .. }) => "scheme",
            Err(GuardError::InTheClear { .. }) => "clear",
            Err(GuardError::Credentials { .. }) => "credentials",
            Err(GuardError::NotAcknowledged { .. }) => "not acknowledged",
            Err(GuardError::Nowhere { .. }) => "nowhere",
            Err(GuardError::Unseen { .. }) => "unseen",
            Err(GuardError::ProxyNotAcknowledged { .. }) => "proxy",
        }
    }

    #[test]
    fn addresses_are_loopback_or_need_an_acknowledgement() {
        for (address, before, after) in [
            ("127.0.0.1", "ok", "ok"),
            ("127.255.255.254", "ok", "ok"),
            ("::1", "ok", "ok"),
            ("::ffff:127.0.0.1", "ok", "ok"),
            ("::ffff:7f00:2", "ok", "ok"),
            ("::127.0.0.1", "not acknowledged", "ok"),
            ("64:ff9b::7f00:1", "not acknowledged", "ok"),
            ("128.0.0.1", "not acknowledged", "ok"),
            ("126.255.255.255", "not acknowledged", "ok"),
            ("10.0.0.1", "not acknowledged", "ok"),
            ("192.168.1.1", "not acknowledged", "ok"),
            ("169.254.169.254", "not acknowledged", "ok"),
            ("::ffff:10.0.0.1", "not acknowledged", "ok"),
            ("fe80::1", "not acknowledged", "ok"),
            ("fd00::1", "not acknowledged", "ok"),
            ("2001:db8::1", "not acknowledged", "ok"),
            ("0.0.0.0", "nowhere", "nowhere"),
            ("::", "nowhere", "nowhere"),
            ("::ffff:0.0.0.0", "nowhere", "nowhere"),
            ("255.255.255.255", "nowhere", "nowhere"),
            ("224.0.0.1", "nowhere", "nowhere"),
            ("ff02::1", "nowhere", "nowhere"),
        ] {
            let read = address.parse().unwrap();
            let cautious = guard(&[]);
            assert_eq!(verdict(cautious.admit_address("h", read)), before, "{address}");
            let acknowledged = cautious.acknowledged();
            assert_eq!(verdict(acknowledged.admit_address("h", read)), after, "{address}");
        }
    }

    #[test]
    fn links_lead_to_known_hosts_or_nowhere() {
        let hosts =
            ["auth.example.com", "api.example.com:8443", "127.0.0.1:8910", "[::1]", "localhost"];
        let guard = guard(&hosts).acknowledged();
        for (link, expected) in [
            ("https://auth.example.com/a?b=c", "ok"),
            ("https://AUTH.Example.COM./a", "ok"),
            ("https://auth.example.com:444/", "ok"),
            ("https://api.example.com:8443/", "ok"),
            ("https://api.example.com/", "foreign"),
            ("http://127.0.0.1:8910/", "ok"),
            ("http://127.0.0.1:8911/", "foreign"),
            ("http://[::1]:4/", "ok"),
            ("http://localhost/", "ok"),
            ("http://sub.localhost/", "foreign"),
            ("https://example.com/", "foreign"),
            ("https://auth.example.com.evil.example/", "foreign"),
            ("https://evil.example/auth.example.com", "foreign"),
            ("https://xauth.example.com/", "foreign"),
            ("http://auth.example.com/", "clear"),
            ("https://user:pw@auth.example.com/", "credentials"),
            ("https://auth.example.com@evil.example/", "credentials"),
            ("ftp://auth.example.com/", "scheme"),
            ("/only/a/path", "no host"),
            ("auth.example.com:443", "scheme"),
            ("https://auth.example.com:99999/", "no host"),
        ] {
            let uri: Uri = link.parse().unwrap();
            assert_eq!(verdict(guard.admit(&uri).map(|_| ())), expected, "{link}");
        }
    }

    #[test]
    fn without_acknowledgement_only_names_and_numbers_of_this_machine_pass() {
        let links = [
            ("http://127.0.0.1/", "ok"),
            ("http://localhost:8910/", "ok"),
            ("http://tenant.localhost/", "ok"),
            ("http://[::ffff:127.0.0.1]/", "ok"),
            ("https://auth.example.com/", "not acknowledged"),
            ("https://10.1.2.3/", "not acknowledged"),
            ("https://2130706433/", "not acknowledged"),
            ("https://0x7f.1/", "not acknowledged"),
            ("https://0.0.0.0/", "nowhere"),
            ("https://localhost.example/", "not acknowledged"),
        ];
        for (link, expected) in links {
            let uri: Uri = link.parse().unwrap();
            let guard = Guard::new(AllowedHost::of(&uri));
            assert_eq!(verdict(guard.admit(&uri).map(|_| ())), expected, "{link}");
        }
    }

    #[test]
    fn a_proxy_makes_nothing_nearer_than_it_is() {
        for (link, before, after) in [
            ("http://127.0.0.1:8910/", "ok", "ok"),
            ("https://[::1]/", "ok", "ok"),
            ("http://[::ffff:127.0.0.1]/", "ok", "ok"),
            // The proxy may know a `localhost` of its own, and other names below it.
            ("http://localhost/", "unseen", "ok"),
            ("http://tenant.localhost/", "unseen", "ok"),
            ("https://auth.example.com/", "not acknowledged", "ok"),
            ("https://10.1.2.3/", "not acknowledged", "ok"),
            ("https://2130706433/", "not acknowledged", "ok"),
            ("https://0.0.0.0/", "nowhere", "nowhere"),
        ] {
            let uri: Uri = link.parse().unwrap();
            for (guard, expected) in [
                (Guard::new(AllowedHost::of(&uri)), before),
                (Guard::new(AllowedHost::of(&uri)).acknowledged(), after),
            ] {
                let admitted =
                    guard.admit(&uri).and_then(|origin| guard.admit_through_proxy(&origin));
                assert_eq!(verdict(admitted), expected, "{link}");
            }
            let open = Guard::new(AllowedHost::of(&uri)).acknowledged();
            if let Ok(origin) = open.admit(&uri) {
                // Whoever brings an origin that another guard admitted gets nowhere.
                assert_eq!(verdict(guard(&[]).admit_through_proxy(&origin)), "foreign", "{link}");
            }
        }
    }

    #[test]
    fn a_proxy_elsewhere_needs_an_acknowledgement_too() {
        for (host, before, after) in [
            ("127.0.0.1", "ok", "ok"),
            ("::1", "ok", "ok"),
            ("localhost", "ok", "ok"),
            ("proxy.localhost", "ok", "ok"),
            ("proxy.example.com", "proxy", "ok"),
            ("localhost.example.com", "proxy", "ok"),
            ("10.0.0.1", "not acknowledged", "ok"),
            ("0.0.0.0", "nowhere", "nowhere"),
        ] {
            assert_eq!(verdict(guard(&[]).admit_proxy(host)), before, "{host}");
            assert_eq!(verdict(guard(&[]).acknowledged().admit_proxy(host)), after, "{host}");
        }
    }

    #[test]
    fn a_scheme_that_was_given_may_not_be_weakened() {
        let of = |url: &str| AllowedHost::of(&url.parse().unwrap()).unwrap();
        assert_eq!(AllowedHost::of(&"https://u:p@a.example".parse().unwrap()), None);
        assert_eq!(AllowedHost::of(&"https://a.example:99999".parse().unwrap()), None);
        let guard = Guard::new([of("https://a.example"), of("http://b.example:81")]);
        let guard = guard.acknowledged();
        for (link, expected) in [
            ("https://a.example/", "ok"),
            ("http://a.example/", "clear"),
            ("http://b.example:81/", "ok"),
            ("https://b.example:81/", "ok"),
            ("http://b.example/", "foreign"),
        ] {
            assert_eq!(
                verdict(guard.admit(&link.parse().unwrap()).map(|_| ())),
                expected,
                "{link}"
            );
        }
    }

    #[test]
    fn hosts_are_read_and_shown_alike_and_nonsense_is_not_a_host() {
        for text in ["a.example", "a.example:81", "[::1]:5", "[::1]", "https://a.example"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
        for text in ["", "a b", "a.example/path", "u@a.example", "ftp://a", "a:b", "a:99999", ":80"]
        {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn refusals_name_the_host_and_the_way_out() {
        let uri = "https://auth.example.com/x?token=hidden".parse().unwrap();
        let refused = guard(&["auth.example.com"]).admit(&uri).unwrap_err();
        insta::assert_snapshot!(format!("{refused}\n{}", refused.remedy().unwrap()), @r"
        `auth.example.com` is not on this machine, and the test is not acknowledged; nothing was sent
        tell the tenant's owner and support first, then give `--acknowledge CASE --environment ID` with the support case and the environment's id
        ");
        let foreign = guard(&[]).admit(&uri).unwrap_err();
        insta::assert_snapshot!(format!("{foreign}\n{}", foreign.remedy().unwrap()), @r"
        `auth.example.com` is not one of the tenant's hosts; nothing was sent
        if it belongs to the tenant, add `auth.example.com` to `tenant.hosts`
        ");
    }

    proptest! {
        #[test]
        fn no_link_gets_past_an_empty_list(link in "(https?://)?[a-z0-9.:@\\[\\]%-]{1,30}(/.{0,9})?") {
            if let Ok(uri) = link.parse::<Uri>() {
                prop_assert!(guard(&[]).acknowledged().admit(&uri).is_err());
            }
        }

        #[test]
        fn no_text_makes_the_reader_of_hosts_panic(text in "\\PC{0,40}") {
            if let Ok(host) = text.parse::<AllowedHost>() {
                prop_assert_eq!(host.to_string().parse::<AllowedHost>().unwrap(), host);
            }
        }
    }
}
