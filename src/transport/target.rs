//! Where requests go, worked out once and not for every request.

use super::guard::Guard;
use super::guard::GuardError;
use super::guard::Origin;
use http::HeaderValue;
use http::Uri;
use http::uri::Authority;
use http::uri::PathAndQuery;
use http::uri::Scheme;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// An origin that the guard let pass, with what requests to it have in common.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    /// `Host` of HTTP/1.1.
    pub(super) host: HeaderValue,
    /// `:authority` of HTTP/2.
    authority: Authority,
}

/// All targets of a run; the same origin is always the same target.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<Vec<Arc<Target>>>);

/// The targets that one user has met, by the spelling of their links. The guard judges by scheme
/// and authority alone and never changes its mind, so a spelling that it let pass stays admitted.
#[derive(Debug, Default)]
pub(super) struct Met(Vec<(Scheme, Authority, Arc<Target>)>);

/// Most spellings a user remembers. A tenant has few hosts; whoever sends more is not worth memory.
const MOST_MET: usize = 8;

impl Target {
    /// The target that an origin is.
    pub(super) fn of(origin: Origin) -> Result<Self, GuardError> {
        let text = origin.to_string();
        let host = HeaderValue::from_str(&text).map_err(|_| GuardError::NoHost)?;
        let authority = text.parse().map_err(|_| GuardError::NoHost)?;
        Ok(Self { origin, host, authority })
    }

    /// The link's path and query.
    pub(super) fn path(uri: &Uri) -> Uri {
        uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()))
    }

    /// The whole link, its host spelled as the guard read it.
    pub(super) fn link(&self, uri: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        let https = self.origin.is_https();
        parts.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(self.authority.clone());
        let root = || PathAndQuery::from_static("/");
        parts.path_and_query = Some(uri.path_and_query().cloned().unwrap_or_else(root));
        // All three parts are there, which is all that can be wrong.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl Targets {
    fn of(&self, origin: Origin) -> Result<Arc<Target>, GuardError> {
        let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = targets.iter().find(|target| target.origin == origin) {
            return Ok(known.clone());
        }
        let target = Arc::new(Target::of(origin)?);
        targets.push(target.clone());
        Ok(target)
    }
}

impl Met {
    /// Where a link leads, if the guard lets it.
    pub(super) fn target(
        &mut self,
        uri: &Uri,
        (guard, targets): (&Guard, &Targets),
    ) -> Result<Arc<Target>, GuardError> {
        let (scheme, authority) = (uri.scheme(), uri.authority());
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(guard.admit(uri).err().unwrap_or(GuardError::NoHost));
        };
        let is_met = |(of, at, _): &&(Scheme, Authority, Arc<Target>)| {
            of == scheme && at.as_str() == authority.as_str()
        };
        if let Some((.., target)) = self.0.iter().find(is_met) {
            return Ok(target.clone());
        }
        let target = targets.of(guard.admit(uri)?)?;
        if self.0.len() >= MOST_MET {
            self.0.clear();
        }
        self.0.push((scheme.clone(), authority.clone(), target.clone()));
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new([
            "127.0.0.1".parse().unwrap(),
            "localhost".parse().unwrap(),
            "[::1]".parse().unwrap(),
        ])
    }

    fn link(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_origin_are_one_target() {
        let (guard, targets) = (guard(), Targets::default());
        let (mut one, mut two) = (Met::default(), Met::default());
        let first = one.target(&link("http://localhost/a?b=c"), (&guard, &targets)).unwrap();
        for same in ["http://LOCALHOST:80/", "http://localhost./x", "http://localhost/a?b=c"] {
            let target = two.target(&link(same), (&guard, &targets)).unwrap();
            assert!(Arc::ptr_eq(&first, &target), "{same}");
        }
        for other in ["https://localhost/", "http://localhost:81/", "http://127.0.0.1/"] {
            let target = two.target(&link(other), (&guard, &targets)).unwrap();
            assert!(!Arc::ptr_eq(&first, &target), "{other}");
        }
    }

    #[test]
    fn what_was_admitted_once_admits_nothing_else() {
        let (guard, targets) = (guard(), Targets::default());
        let mut met = Met::default();
        for good in ["http://localhost/", "https://localhost/", "http://127.0.0.1:1/"] {
            assert!(met.target(&link(good), (&guard, &targets)).is_ok());
        }
        for bad in [
            "http://user@localhost/",
            "http://localhost.example/",
            "ftp://localhost/",
            "/only/a/path",
            "http://127.0.0.2:1/",
        ] {
            assert!(met.target(&link(bad), (&guard, &targets)).is_err(), "{bad}");
            assert!(met.target(&link(bad), (&guard, &targets)).is_err(), "{bad} again");
        }
    }

    #[test]
    fn a_user_remembers_few_spellings() {
        let (guard, targets) = (guard(), Targets::default());
        let mut met = Met::default();
        for bits in 0..64_u32 {
            let letter = |(at, letter): (usize, char)| {
                if bits >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
            };
            let host: String = "localhost".chars().enumerate().map(letter).collect();
            met.target(&link(&format!("http://{host}/")), (&guard, &targets)).unwrap();
            assert!(met.0.len() <= MOST_MET);
        }
        assert_eq!(targets.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_link_is_written_as_the_guard_read_it() {
        let (guard, targets) = (guard(), Targets::default());
        let uri = link("HTTP://LOCALHOST.:80?a=b");
        let target = Met::default().target(&uri, (&guard, &targets)).unwrap();
        assert_eq!(target.link(&uri), "http://localhost/?a=b");
        assert_eq!(Target::path(&link("http://[::1]:4/a%20b?c")), "/a%20b?c");
        assert_eq!(target.host, "localhost");
    }
}
