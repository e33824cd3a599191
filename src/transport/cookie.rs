//! The cookie jar of one simulated browser, after RFC 6265bis as far as one tenant needs it.
//!
//! Left out: `SameSite` and `Partitioned` (all calls are the tenant's own), the public suffix list
//! (only known hosts are called at all). Values are secrets: they are sent and never shown.

use super::guard::is_local_name;
use crate::base::secret::Secret;
use crate::base::strike::Strikes;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Uri;
use http::header::SET_COOKIE;
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// The most cookies a jar holds; the oldest make room.
pub(super) const MOST_COOKIES: usize = 180;
/// The longest name and value together, in bytes; longer cookies are not stored.
pub(super) const LONGEST_COOKIE: usize = 4096;

/// Cookies of one iteration.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    /// In the order they were made.
    cookies: Vec<Cookie>,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: Secret<Vec<u8>>,
    domain: String,
    /// Sent to the host that set it and not to hosts below it.
    host_only: bool,
    path: String,
    secure: bool,
    expires: Option<SystemTime>,
}

/// What may stand behind a cookie's value and means something here.
#[derive(Clone, Copy)]
enum Attribute {
    Domain,
    Path,
    Secure,
    MaxAge,
    Expires,
}

/// By their names, which may be written in any case.
const ATTRIBUTES: &[(&[u8], Attribute)] = &[
    (b"domain", Attribute::Domain),
    (b"path", Attribute::Path),
    (b"secure", Attribute::Secure),
    (b"max-age", Attribute::MaxAge),
    (b"expires", Attribute::Expires),
];

/// Cookies and headers with an id that stands in addresses as well. No other may be shown: a session goes by
/// names such as `JSESSIONID`, too.
const OPEN: &[&str] = &["interactionId", "skProxyApiEnvironmentId"];

/// Whether the value of a cookie, or of a header of that name, may not be shown.
pub fn is_secret_cookie(name: &str) -> bool {
    !OPEN.iter().any(|open| open.eq_ignore_ascii_case(name))
}

impl Jar {
    /// Takes over every `Set-Cookie` of a reply to a request for `uri`. What cannot be read is
    /// passed over, as browsers do.
    pub fn store(&mut self, uri: &Uri, headers: &HeaderMap, now: SystemTime) {
        let mut values = headers.get_all(SET_COOKIE).iter().peekable();
        let (Some(_), Some(host)) = (values.peek(), host_of(uri)) else { return };
        for value in values {
            let Some(cookie) = Cookie::read(value.as_bytes(), (uri, &host), now) else { continue };
            let same = |held: &Cookie| {
                (&held.name, &held.domain, &held.path)
                    == (&cookie.name, &cookie.domain, &cookie.path)
            };
            let held = self.cookies.iter().position(same);
            match (held, cookie.is_alive(now)) {
                (Some(at), true) => self.cookies[at] = cookie,
                (Some(at), false) => {
                    self.cookies.remove(at);
                }
                (None, true) => self.push(cookie, now),
                (None, false) => {}
            }
        }
    }

    /// The `Cookie` header of a request to `uri`, longer paths first and older cookies first.
    /// The time is asked for only if there is a cookie at all.
    pub fn header(&self, uri: &Uri, now: impl FnOnce() -> SystemTime) -> Option<HeaderValue> {
        if self.cookies.is_empty() {
            return None;
        }
        let now = now();
        let host = host_of(uri)?;
        let fits = |cookie: &&Cookie| {
            cookie.is_alive(now)
                && cookie.is_for_host(&host)
                && path_matches(uri.path(), &cookie.path)
                && (!cookie.secure || is_trustworthy(uri, &host))
        };
        let mut fitting = Vec::with_capacity(self.cookies.len());
        fitting.extend(self.cookies.iter().filter(fits));
        let longest_first = |cookie: &&Cookie| std::cmp::Reverse(cookie.path.len());
        if !fitting.is_sorted_by_key(longest_first) {
            fitting.sort_by_key(longest_first);
        }
        let length = |cookie: &&Cookie| cookie.name.len() + cookie.value.expose().len() + 3;
        let mut text = Vec::with_capacity(fitting.iter().map(length).sum());
        for cookie in fitting {
            if !text.is_empty() {
                text.extend_from_slice(b"; ");
            }
            text.extend_from_slice(cookie.name.as_bytes());
            text.push(b'=');
            text.extend_from_slice(cookie.value.expose());
        }
        if text.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_maybe_shared(Bytes::from(text)).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The names of the cookies held, in the order they were made.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|cookie| cookie.name.as_str())
    }

    /// Tells the secret values to whoever strikes secrets out of a text.
    pub fn tell(&self, strikes: &mut Strikes) {
        for cookie in self.cookies.iter().filter(|cookie| is_secret_cookie(&cookie.name)) {
            strikes.add(&Secret::new(String::from_utf8_lossy(cookie.value.expose()).into_owned()));
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    fn push(&mut self, cookie: Cookie, now: SystemTime) {
        if self.cookies.len() >= MOST_COOKIES {
            self.cookies.retain(|held| held.is_alive(now));
        }
        if self.cookies.len() >= MOST_COOKIES {
            self.cookies.remove(0);
        }
        self.cookies.push(cookie);
    }
}

impl Cookie {
    /// Reads one `Set-Cookie` value. Deletions are cookies that are no longer alive.
    fn read(text: &[u8], (uri, host): (&Uri, &str), now: SystemTime) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b';');
        let (name, value) = split_pair(parts.next()?);
        let value = value?;
        let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
        let printable = |byte: &u8| *byte >= b' ' && *byte != 127;
        if name.len() + value.len() > LONGEST_COOKIE || !text.iter().all(printable) {
            return None;
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_vec().into(),
            domain: host.to_owned(),
            host_only: true,
            path: default_path(uri.path()).to_owned(),
            secure: false,
            expires: None,
        };
        let mut max_age = None;
        for part in parts {
            let (key, value) = split_pair(part);
            let value = value.unwrap_or_default();
            let text = std::str::from_utf8(value).unwrap_or_default();
            match ATTRIBUTES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
                Some((_, Attribute::Domain)) => cookie.set_domain(text, host)?,
                Some((_, Attribute::Path)) => {
                    let is_path = text.starts_with('/');
                    let path = if is_path { text } else { default_path(uri.path()) };
                    path.clone_into(&mut cookie.path);
                }
                Some((_, Attribute::Secure)) => cookie.secure = true,
                Some((_, Attribute::MaxAge)) => max_age = age(text).or(max_age),
                Some((_, Attribute::Expires)) => cookie.expires = date(text).or(cookie.expires),
                None => {}
            }
        }
        // An age that is zero or negative, or beyond what the clock can tell, ends at the epoch or
        // with the jar.
        match max_age {
            Some(Some(age)) => cookie.expires = now.checked_add(age),
            Some(None) => cookie.expires = Some(SystemTime::UNIX_EPOCH),
            None => {}
        }
        cookie.may_be_set_by(uri, host).then_some(cookie)
    }

    /// Takes a `Domain` attribute; none if the host may not set cookies for it.
    fn set_domain(&mut self, text: &str, host: &str) -> Option<()> {
        let domain = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
        if domain.is_empty() {
            return Some(());
        }
        // A single label above the host would reach strangers.
        let fits = domain == *host || (domain.contains('.') && is_below(host, &domain));
        self.host_only = host.parse::<IpAddr>().is_ok();
        self.domain = domain;
        fits.then_some(())
    }

    /// The promises that a `Secure` attribute and a name's prefix make.
    fn may_be_set_by(&self, uri: &Uri, host: &str) -> bool {
        let secure = !self.secure || is_trustworthy(uri, host);
        let begins = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix))
        };
        let prefix = if begins("__host-") {
            self.secure && self.host_only && self.path == "/"
        } else {
            !begins("__secure-") || self.secure
        };
        secure && prefix
    }

    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|end| end > now)
    }

    fn is_for_host(&self, host: &str) -> bool {
        self.domain == host || (!self.host_only && is_below(host, &self.domain))
    }
}

fn host_of(uri: &Uri) -> Option<Cow<'_, str>> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let host = host.strip_suffix('.').unwrap_or(host);
    Some(match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => host.to_ascii_lowercase().into(),
        false => host.into(),
    })
}

/// Whether a `Secure` cookie may travel: over TLS, or on this machine, as browsers see it.
fn is_trustworthy(uri: &Uri, host: &str) -> bool {
    uri.scheme_str() == Some("https") || is_local_name(host)
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
        && host.parse::<IpAddr>().is_err()
}

/// The directory of a path (RFC 6265 §5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => path.get(..at).unwrap_or("/"),
    }
}

/// Whether a request's path lies under a cookie's (RFC 6265 §5.1.4).
fn path_matches(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

fn split_pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (key, value) = part.split_at(at);
            (key.trim_ascii(), Some(value.get(1..).unwrap_or_default().trim_ascii()))
        }
        None => (part.trim_ascii(), None),
    }
}

/// `Max-Age`: seconds to live, `Some(None)` for none left, `None` for what is no number.
fn age(text: &str) -> Option<Option<Duration>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') {
        return Some(None);
    }
    let seconds = digits.parse().unwrap_or(u64::MAX);
    Some((seconds > 0).then(|| Duration::from_secs(seconds)))
}

/// `Expires`, in the forms that occur: with spaces, and with the dashes of old servers.
fn date(text: &str) -> Option<SystemTime> {
    let dashed = || httpdate::parse_http_date(&text.replace('-', " ")).ok();
    httpdate::parse_http_date(text).ok().or_else(dashed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn later(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    fn stored(set: &[(&str, &str)]) -> Jar {
        let mut jar = Jar::default();
        for (link, text) in set {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_str(text).unwrap());
            jar.store(&link.parse().unwrap(), &headers, later(1));
        }
        jar
    }

    fn sent(jar: &Jar, link: &str, seconds: u64) -> String {
        let header = jar.header(&link.parse().unwrap(), || later(seconds));
        header.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_cookie_goes_back_to_where_its_attributes_say() {
        let home = "https://auth.example.com/env/as/authorize";
        for (set_by, text, asked, expected) in [
            (home, "a=1", "https://auth.example.com/env/as/token", "a=1"),
            (home, "a=1", "https://auth.example.com/env/other", ""),
            (home, "a=1", "https://auth.example.com/env/as", "a=1"),
            (home, "a=1; Path=/", "https://auth.example.com/", "a=1"),
            (home, "a=1; Path=nonsense", "https://auth.example.com/", ""),
            (home, "a=1; Path=/e", "https://auth.example.com/env", ""),
            (home, "a=1; Path=/env/", "https://auth.example.com/env/x", "a=1"),
            (home, "a=1; Path=/env/", "https://auth.example.com/env", ""),
            (home, "a=1; Path=/", "https://x.auth.example.com/", ""),
            (home, "a=1; Path=/", "https://example.com/", ""),
            (home, "a=1; Path=/; Domain=.Example.com", "https://api.example.com/", "a=1"),
            (home, "a=1; Path=/; Domain=example.com", "https://example.com/", "a=1"),
            (home, "a=1; Path=/; Domain=example.com", "https://badexample.com/", ""),
            (home, "a=1; Path=/; Domain=com", "https://auth.example.com/", ""),
            (home, "a=1; Path=/; Domain=other.example", "https://auth.example.com/", ""),
            (home, "a=1; Path=/; Secure", "http://auth.example.com/", ""),
            (
                home,
                "a=1; Path=/; Secure; HttpOnly; SameSite=None",
                "https://auth.example.com/",
                "a=1",
            ),
            ("http://auth.example.com/", "a=1; Secure", "https://auth.example.com/", ""),
            ("http://127.0.0.1:81/", "a=1; Secure", "http://127.0.0.1:82/", "a=1"),
            ("http://[::1]/", "a=1; Secure", "http://[::1]:7/", "a=1"),
            ("http://127.0.0.1/", "a=1; Domain=0.0.1", "http://127.0.0.1/", ""),
            ("http://127.0.0.1/", "a=1; Domain=127.0.0.1", "http://127.0.0.1/", "a=1"),
            (home, "__Host-a=1; Secure; Path=/", "https://auth.example.com/", "__Host-a=1"),
            (home, "__Host-a=1; Secure; Path=/x", "https://auth.example.com/x", ""),
            (home, "__Secure-a=1; Path=/", "https://auth.example.com/", ""),
            (home, " a = 1 ; Path=/", "https://auth.example.com/", "a=1"),
            (home, "a=x=y; Path=/", "https://auth.example.com/", "a=x=y"),
            (home, "a=; Path=/", "https://auth.example.com/", "a="),
            (home, "a; Path=/", "https://auth.example.com/", ""),
            (home, "=1; Path=/", "https://auth.example.com/", ""),
        ] {
            assert_eq!(sent(&stored(&[(set_by, text)]), asked, 2), expected, "{text} to {asked}");
        }
    }

    #[test]
    fn cookies_end_when_their_time_is_up() {
        let link = "https://a.example/";
        for (text, at, alive) in [
            ("a=1; Max-Age=10", 10, true),
            ("a=1; Max-Age=10", 11, false),
            ("a=1; Max-Age=0", 1, false),
            ("a=1; Max-Age=-5", 1, false),
            ("a=1; Max-Age=soon", 99, true),
            ("a=1; Max-Age=99999999999999999999", 99, true),
            ("a=1; Expires=Thu, 01 Jan 1970 00:01:00 GMT", 59, true),
            ("a=1; Expires=Thu, 01 Jan 1970 00:01:00 GMT", 60, false),
            ("a=1; Expires=Thu, 01-Jan-1970 00:01:00 GMT", 60, false),
            ("a=1; Expires=never", 99, true),
            ("a=1; Max-Age=90; Expires=Thu, 01 Jan 1970 00:00:05 GMT", 60, true),
        ] {
            assert_eq!(!sent(&stored(&[(link, text)]), link, at).is_empty(), alive, "{text} {at}");
        }
    }

    #[test]
    fn a_cookie_is_replaced_in_its_place_and_deleted_by_an_old_date() {
        let link = "https://a.example/";
        let jar = stored(&[(link, "a=1"), (link, "b=2"), (link, "a=3")]);
        assert_eq!(sent(&jar, link, 2), "a=3; b=2");
        let jar = stored(&[(link, "a=1"), (link, "b=2"), (link, "a=; Max-Age=0")]);
        assert_eq!(sent(&jar, link, 2), "b=2");
    }

    #[test]
    fn longer_paths_come_first_and_older_cookies_before_younger() {
        let link = "https://a.example/x/y";
        let jar = stored(&[(link, "a=1; Path=/"), (link, "b=2; Path=/x"), (link, "c=3; Path=/")]);
        assert_eq!(sent(&jar, link, 2), "b=2; a=1; c=3");
    }

    #[test]
    fn a_jar_has_its_limits() {
        let link = "https://a.example/";
        let many: Vec<String> = (0..=MOST_COOKIES).map(|n| format!("n{n}=1")).collect();
        let many: Vec<_> = many.iter().map(|text| (link, text.as_str())).collect();
        let jar = stored(&many);
        assert_eq!(jar.names().count(), MOST_COOKIES);
        assert_eq!(jar.names().next(), Some("n1"));
        let long = format!("a={}", "x".repeat(LONGEST_COOKIE));
        assert_eq!(stored(&[(link, &long)]).names().count(), 0);
    }

    #[test]
    fn only_ids_that_stand_in_addresses_are_no_secrets() {
        for (name, is_secret) in [
            ("interactionId", false),
            ("interactionid", false),
            ("skProxyApiEnvironmentId", false),
            ("interactionToken", true),
            ("ST", true),
            ("JSESSIONID", true),
            ("PHPSESSID", true),
            ("connect.sid", true),
            ("ASP.NET_SessionId", true),
        ] {
            assert_eq!(is_secret_cookie(name), is_secret, "{name}");
        }
        let jar = stored(&[("https://a.example/", "JSESSIONID=hunter2-hunter2")]);
        let mut strikes = Strikes::default();
        jar.tell(&mut strikes);
        assert_eq!(strikes.strike("it was hunter2-hunter2"), "it was ***");
    }

    #[test]
    fn a_jar_shows_names_and_no_values() {
        let jar = stored(&[("https://a.example/", "ST=hunter2")]);
        let shown =
            format!("{jar:?} {:?}", jar.header(&"https://a.example/".parse().unwrap(), || NOW));
        assert!(shown.contains("ST") && !shown.contains("hunter2"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_set_cookie_makes_the_jar_panic(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
            path in "(/[ -~&&[^ ?#\"<>`{}|\\\\^]]{0,8}){1,3}",
        ) {
            let Ok(uri) = format!("https://a.example{path}").parse::<Uri>() else { return Ok(()) };
            let mut headers = HeaderMap::new();
            for text in &texts {
                if let Ok(value) = HeaderValue::from_bytes(text) {
                    headers.append(SET_COOKIE, value);
                }
            }
            let mut jar = Jar::default();
            jar.store(&uri, &headers, NOW);
            jar.header(&uri, || NOW);
        }

        #[test]
        fn what_was_set_is_sent_back(
            name in "[!#$%&'*+.^_`|~A-Za-z0-9-]{1,12}",
            value in "[!#-+\\--:<-\\[\\]-~]{0,40}",
            attributes in prop::collection::vec(
                prop::sample::select(vec!["Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=60", "x=y", ""]),
                0..4,
            ),
        ) {
            let lower = name.to_lowercase();
            prop_assume!(!lower.starts_with("__host-") && !lower.starts_with("__secure-"));
            let text = format!("{name}={value}; {}", attributes.join("; "));
            let jar = stored(&[("https://a.example/p/q", &text)]);
            prop_assert_eq!(sent(&jar, "https://a.example/p/r", 2), format!("{name}={value}"));
        }
    }
}
