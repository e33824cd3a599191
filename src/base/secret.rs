//! Values that must never be shown: passwords, codes, tokens, client secrets.

use std::fmt;
use url::Url;
use zeroize::Zeroize;

/// How a secret looks wherever it is printed or written.
pub const STRUCK_OUT: &str = "***";

/// A value that prints and serialises as `***`.
///
/// Striking out is a property of the type, not of the place that prints, so that a new log line
/// cannot leak what an old one hid. [`Secret::expose`] is the only way to the value.
///
/// Its memory is overwritten when it is dropped. What was copied out of it to be sent (a request's
/// body, a header) lives as long as the request and is not.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that has to send it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STRUCK_OUT)
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STRUCK_OUT)
    }
}

impl<T: Zeroize> serde::Serialize for Secret<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(STRUCK_OUT)
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// A text without who somebody is to the servers of the addresses in it: what stands before an `@`
/// in front of a host is struck out. Other texts stay as they are.
pub fn without_user_info(text: &str) -> String {
    let whole = Url::parse(text).ok().and_then(|mut url| {
        let names_somebody = !url.username().is_empty() || url.password().is_some();
        // Also where the two slashes are missing or turned round, which readers of addresses bear.
        let is_struck = names_somebody
            && url.set_password(None).is_ok()
            && url.set_username(STRUCK_OUT).is_ok();
        is_struck.then(|| String::from(url))
    });
    let text = whole.as_deref().unwrap_or(text);
    let mut parts = text.split("://");
    let mut struck = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part.split(['/', '?', '#']).next().unwrap_or_default();
        struck.push_str("://");
        match authority.rfind('@') {
            Some(at) => {
                struck.push_str(STRUCK_OUT);
                struck.push_str(&part[at..]);
            }
            None => struck.push_str(part),
        }
    }
    struck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_somebody_is_to_a_server_is_struck_out_of_its_address() {
        for (text, struck) in [
            ("http://hidden@127.0.0.1:25700", "http://***@127.0.0.1:25700/"),
            ("http://hidden:@p.example/", "http://***@p.example/"),
            ("https://u:hidden@app.example/back?k=1", "https://***@app.example/back?k=1"),
            ("app.example://u:hidden@back", "app.example://***@back"),
            ("http:hidden@p.example", "http://***@p.example/"),
            ("http:\\\\u:hidden@p.example", "http://***@p.example/"),
            ("no address ://u:hid@den@p.example:x/@", "no address ://***@p.example:x/@"),
            ("http://a.example,http://u:hidden@b.example", "http://a.example,http://***@b.example"),
            (
                "http://hidden@a.example/?b=http://hidden@b.example",
                "http://***@a.example/?b=http://***@b.example",
            ),
            ("https://auth.pingone.eu", "https://auth.pingone.eu"),
            ("https://auth.pingone.eu/a@b?c=d@e", "https://auth.pingone.eu/a@b?c=d@e"),
            ("me@example.com", "me@example.com"),
            ("", ""),
        ] {
            let found = without_user_info(text);
            assert!(!found.contains("hid"), "{found}");
            assert_eq!(found, struck, "{text}");
        }
    }

    #[test]
    fn a_secret_is_overwritten_when_it_goes() {
        /// Tells when it is overwritten.
        #[derive(Default)]
        struct Watched(std::rc::Rc<std::cell::Cell<u32>>);
        impl Zeroize for Watched {
            fn zeroize(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let overwritten = std::rc::Rc::default();
        let secret = Secret::new(Watched(std::rc::Rc::clone(&overwritten)));
        assert_eq!(overwritten.get(), 0);
        drop(secret);
        assert_eq!(overwritten.get(), 1);
    }

    #[test]
    fn a_secret_shows_itself_nowhere() {
        let secret = Secret::new("Lt9!hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "*** *** Some(\n    ***,\n)"
        );
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "Lt9!hunter2");
    }
}
