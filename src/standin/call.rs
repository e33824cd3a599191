//! A request as handlers see it, whole and in memory.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// One request, its body read.
pub struct Call {
    /// Method.
    pub method: Method,
    /// Parameters of the route's path, decoded, in their order.
    pub path: Vec<(String, String)>,
    /// Query, undecoded; empty when there is none.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// What was called; query, headers and body may hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A header as text; none when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A cookie of the request.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let headers = self.headers.get_all(header::COOKIE);
        let pairs =
            headers.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(n, _)| *n == name).map(|p| p.1)
    }

    /// A parameter of the path; empty when the route has none of that name.
    pub fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The parameters of the query, decoded.
    pub fn query(&self) -> Pairs {
        Pairs::read(self.query.as_bytes())
    }

    /// The parameters of a form body, decoded.
    pub fn form(&self) -> Pairs {
        Pairs::read(&self.body)
    }

    /// Whether the sender speaks the SDK dialect (`X-Requested-With: ping-sdk`).
    pub fn is_sdk(&self) -> bool {
        self.header("x-requested-with").is_some_and(|value| value.eq_ignore_ascii_case("ping-sdk"))
    }

    /// The interaction that the call names. Headers win over cookies (observed).
    pub fn interaction_id(&self) -> Option<&str> {
        self.header("interactionid").or_else(|| self.cookie("interactionId"))
    }

    /// The bearer token.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// Client id and secret of HTTP Basic authentication.
    pub fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header("authorization")?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
    }

    /// What the sender calls this request (`x-gander-call`), cut at 100 characters.
    pub fn id(&self) -> Option<Box<str>> {
        let id = self.headers.get("x-gander-call")?;
        Some(String::from_utf8_lossy(id.as_bytes()).chars().take(100).collect())
    }
}

/// Decoded parameters, in their order.
#[derive(Clone, Default)]
pub struct Pairs(pub Vec<(String, String)>);

/// Names only; values may be secrets.
impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Pairs {
    /// Decodes `application/x-www-form-urlencoded`; nothing is an error.
    pub fn read(encoded: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&'static str, &'static str)]) -> Call {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let (path, query) = (Vec::new(), "a=1&b=x%20y".to_owned());
        Call { method: Method::GET, path, query, headers: map, body: Bytes::from("c=%2B&c=2") }
    }

    #[test]
    fn cookies_are_found_in_any_header_line() {
        let call = call(&[("cookie", "a=1; b=2=3"), ("cookie", "c=4")]);
        assert_eq!(call.cookie("b"), Some("2=3"));
        assert_eq!(call.cookie("c"), Some("4"));
        assert_eq!(call.cookie("d"), None);
    }

    #[test]
    fn a_call_that_is_printed_shows_no_secret() {
        let shown = format!("{:?}", call(&[("authorization", "Bearer abc")]));
        assert_eq!(shown, "Call { method: GET, path: [], .. }");
        assert_eq!(format!("{:?}", call(&[]).form()), r#"["c", "c"]"#);
    }

    #[test]
    fn parameters_are_decoded() {
        let call = call(&[]);
        assert_eq!(call.query().get("b"), Some("x y"));
        assert_eq!(call.form().get("c"), Some("+"));
        assert_eq!(call.segment("nothing"), "");
    }

    #[test]
    fn credentials_are_read_whatever_the_case_of_the_scheme() {
        assert_eq!(call(&[("authorization", "bearer abc")]).bearer(), Some("abc"));
        let basic = call(&[("authorization", "Basic aWQ6cGE6c3M=")]).basic();
        assert_eq!(basic, Some(("id".to_owned(), "pa:ss".to_owned())));
        assert_eq!(call(&[("authorization", "Basic ???")]).basic(), None);
        assert!(call(&[("X-Requested-With", "Ping-SDK")]).is_sdk());
    }

    #[test]
    fn call_ids_are_cut() {
        let id = Box::leak("x".repeat(300).into_boxed_str());
        assert_eq!(call(&[("x-gander-call", id)]).id().unwrap().len(), 100);
    }
}
