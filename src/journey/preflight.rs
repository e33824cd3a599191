//! What a browser asks before it lets a page call another origin (CORS): `OPTIONS`, once for each
//! new address, remembered for as long as the answer allows.

use super::outcome;
use super::perform::{CALL_ID, Iteration, Stop};
use super::witness::Witness;
use crate::measure::fault::Fault;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use std::time::{Duration, Instant};

/// How long an answer holds that does not say (documented by the Fetch standard).
const DEFAULT_AGE: Duration = Duration::from_secs(5);

/// How long a browser remembers at most, whatever the answer says (observed in Chromium).
const LONGEST_AGE: Duration = Duration::from_hours(2);

/// Headers that a page may send without asking, and those that the browser itself sends.
const FREE: &[&str] = &[
    "accept",
    "accept-language",
    "content-language",
    "cookie",
    "host",
    "origin",
    "user-agent",
    // No browser sends it: it is there for the record of a stand-in.
    CALL_ID,
];

/// Bodies that a form could send, too.
const FREE_BODIES: &[&str] =
    &["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// A page's memory of what it may call. As short-lived as an iteration.
pub(super) struct Preflights {
    origin: HeaderValue,
    known: Vec<Known>,
}

/// An address that may be called.
struct Known {
    method: Method,
    target: String,
    until: Instant,
}

impl Preflights {
    /// For pages of this origin; nothing has been asked yet.
    pub(super) const fn of(origin: HeaderValue) -> Self {
        Self { origin, known: Vec::new() }
    }

    /// The `OPTIONS` that a browser sends before a request, if it does.
    fn before(&self, request: &Request<Bytes>, now: Instant) -> Option<Request<Bytes>> {
        let target = target(request.uri());
        if self.origin.as_bytes() == origin(request.uri()).as_bytes() || is_simple(request) {
            return None;
        }
        let is_known = |known: &Known| {
            known.until > now && known.method == *request.method() && known.target == target
        };
        if self.known.iter().any(is_known) {
            return None;
        }
        let mut names: Vec<_> = request
            .headers()
            .iter()
            .filter(|(name, value)| !is_free(name, value))
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut preflight = Request::new(Bytes::new());
        *preflight.method_mut() = Method::OPTIONS;
        *preflight.uri_mut() = request.uri().clone();
        let headers = preflight.headers_mut();
        let method = HeaderValue::from_str(request.method().as_str()).ok()?;
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, method);
        if !names.is_empty() {
            let names = HeaderValue::from_str(&names.join(",")).ok()?;
            headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, names);
        }
        headers.insert(header::ORIGIN, self.origin.clone());
        Some(preflight)
    }

    /// Takes the answer to a preflight: what a browser would not accept stops the page.
    fn take(
        &mut self,
        request: &Request<Bytes>,
        reply: &Response<Bytes>,
        now: Instant,
    ) -> Result<(), Stop> {
        let status = reply.status();
        if !status.is_success() {
            let what = format!("the browser's preflight was answered with status {status}");
            return Err(Stop::new(outcome::of_status(status.as_u16()), what));
        }
        // With cookies a wildcard does not count (documented by the Fetch standard).
        if reply.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN) != Some(&self.origin) {
            let page = self.origin.to_str().unwrap_or_default();
            let what = format!("a browser would not let pages of {page} call the tenant");
            return Err(Stop::new(Fault::MalformedReply, what));
        }
        let age = reply.headers().get(header::ACCESS_CONTROL_MAX_AGE);
        let age = age.and_then(|age| age.to_str().ok()?.trim().parse().ok());
        let until = now + age.map_or(DEFAULT_AGE, Duration::from_secs).min(LONGEST_AGE);
        let (method, target) = (request.method().clone(), target(request.uri()));
        self.known.retain(|known| known.method != method || known.target != target);
        self.known.push(Known { method, target, until });
        Ok(())
    }
}

impl<W: Witness + ?Sized> Iteration<'_, W> {
    /// Asks as a browser does before a request, if the iteration plays one. What is refused ends
    /// the iteration: the page's script would see nothing but an error.
    pub(super) async fn preflight(&mut self, request: &mut Request<Bytes>) -> Result<(), Stop> {
        let Some(preflights) = &mut self.preflights else { return Ok(()) };
        let preflight = preflights.before(request, self.stage.clock.now());
        if origin(request.uri()).as_bytes() != preflights.origin.as_bytes() {
            request.headers_mut().insert(header::ORIGIN, preflights.origin.clone());
        }
        let Some(preflight) = preflight else { return Ok(()) };
        let exchange = self.session.exchange(preflight.clone()).await;
        self.witness.preflighted(&preflight, &exchange);
        match &exchange.reply {
            Ok(reply) => preflights.take(request, reply, self.stage.clock.now()),
            Err(fault) => Err(Stop::new(outcome::of_transport(fault), fault.to_string())),
        }
    }
}

/// Whether a form could have sent it, so that a browser sends it without asking.
fn is_simple(request: &Request<Bytes>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::POST)
        && request.headers().iter().all(|(name, value)| is_free(name, value))
}

fn is_free(name: &HeaderName, value: &HeaderValue) -> bool {
    if *name == header::CONTENT_TYPE {
        let kind = value.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        return FREE_BODIES.iter().any(|free| free.eq_ignore_ascii_case(kind));
    }
    FREE.contains(&name.as_str())
}

/// Where a request goes, without its parameters.
fn target(uri: &Uri) -> String {
    format!("{}{}", origin(uri), uri.path())
}

/// Scheme, host and port, as a browser writes them.
fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let default = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    fn now() -> Instant {
        Clock::by_hand(SystemTime::UNIX_EPOCH).now()
    }

    fn request(method: Method, url: &str, headers: &[(&'static str, &str)]) -> Request<Bytes> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::new()).unwrap()
    }

    fn page() -> Preflights {
        Preflights::of(HeaderValue::from_static("https://app.example.com"))
    }

    fn granted(age: Option<&str>) -> Response<Bytes> {
        let mut reply = Response::builder()
            .status(204)
            .header("access-control-allow-origin", "https://app.example.com");
        if let Some(age) = age {
            reply = reply.header("access-control-max-age", age);
        }
        reply.body(Bytes::new()).unwrap()
    }

    const NEXT: &str = "https://auth.example.com/env/davinci/next";

    fn answer() -> Request<Bytes> {
        request(
            Method::POST,
            NEXT,
            &[
                ("content-type", "application/json"),
                ("x-requested-with", "ping-sdk"),
                ("interactionid", "i"),
                ("accept", "application/json"),
                ("x-gander-call", "1-1"),
            ],
        )
    }

    #[test]
    fn only_what_a_form_could_not_send_is_asked_for() {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let now = now();
        for (method, url, headers, asked) in [
            (Method::GET, NEXT, vec![("accept", "application/json")], false),
            (Method::GET, NEXT, vec![("authorization", "Bearer x")], true),
            (Method::POST, NEXT, vec![form], false),
            (Method::POST, NEXT, vec![("content-type", "application/json")], true),
            (Method::PUT, NEXT, vec![], true),
            (Method::PUT, "https://app.example.com:443/own", vec![], false),
        ] {
            let request = request(method, url, &headers);
            assert_eq!(page().before(&request, now).is_some(), asked, "{request:?}");
        }
    }

    #[test]
    fn the_question_names_method_headers_and_page() {
        let preflight = page().before(&answer(), now()).unwrap();
        assert_eq!(
            (preflight.method(), preflight.uri().to_string()),
            (&Method::OPTIONS, NEXT.into())
        );
        let header = |name: &str| preflight.headers()[name].to_str().unwrap();
        assert_eq!(header("origin"), "https://app.example.com");
        assert_eq!(header("access-control-request-method"), "POST");
        assert_eq!(
            header("access-control-request-headers"),
            "content-type,interactionid,x-requested-with"
        );
    }

    #[test]
    fn an_answer_is_remembered_for_as_long_as_it_says() {
        for (age, remembered_s) in
            [(None, 5), (Some("60"), 60), (Some("999999"), 7200), (Some("x"), 5)]
        {
            let mut page = page();
            let now = now();
            page.take(&answer(), &granted(age), now).ok().unwrap();
            let after = |seconds| now + Duration::from_secs(seconds);
            assert!(page.before(&answer(), after(remembered_s - 1)).is_none(), "{age:?}");
            assert!(page.before(&answer(), after(remembered_s)).is_some(), "{age:?}");
            let other = request(Method::POST, &format!("{NEXT}/other"), &[("x-a", "b")]);
            assert!(page.before(&other, now).is_some());
        }
    }

    #[test]
    fn what_a_browser_would_not_accept_is_a_fault() {
        let reply = |status: u16, origin: &str| {
            let builder = Response::builder().status(status);
            builder.header("access-control-allow-origin", origin).body(Bytes::new()).unwrap()
        };
        for (reply, fault) in [
            (reply(403, "https://app.example.com"), Fault::Blocked),
            (reply(500, "https://app.example.com"), Fault::Http5xx),
            (reply(200, "*"), Fault::MalformedReply),
            (reply(200, "https://other.example.com"), Fault::MalformedReply),
        ] {
            let stop = page().take(&answer(), &reply, now()).err().unwrap();
            assert_eq!(stop.fault, fault);
        }
    }
}
