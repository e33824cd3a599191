//! What a browser asks before it lets a page call another origin (CORS): `OPTIONS`, once for each
//! new address, parameters included, remembered for as long as the answer allows. The rules are
//! those that the Fetch standard documents.

use super::outcome;
use super::perform::{CALL_ID, Iteration, Stop};
use super::witness::{Label, Witness};
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

/// Methods that a page may use without asking.
const FREE_METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST];

/// Capability of a call for the state of a challenge.
const CHALLENGE_STATUS: &str = "challenge-status";

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
    uri: Uri,
    cookies: Cookies,
    allowed: Allowed,
    until: Instant,
}

/// What an answer allows, whether it was asked for or not.
struct Allowed {
    methods: Vec<String>,
    headers: Vec<String>,
}

/// Whether a page means its call to carry cookies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cookies {
    /// The flow's own calls: the session is in them.
    Meant,
    /// Calls that say by themselves who asks: a code or a token is in them.
    Without,
}

impl Preflights {
    /// For pages of this origin; nothing has been asked yet.
    pub(super) const fn of(origin: HeaderValue) -> Self {
        Self { origin, known: Vec::new() }
    }

    /// The `OPTIONS` that a browser sends before a request, if it does.
    fn before(
        &self,
        request: &Request<Bytes>,
        cookies: Cookies,
        now: Instant,
    ) -> Option<Request<Bytes>> {
        if self.origin.as_bytes() == origin(request.uri()).as_bytes() || is_simple(request) {
            return None;
        }
        let names = asked_for(request);
        let is_known = |known: &Known| {
            known.until > now
                && known.uri == *request.uri()
                && known.cookies == cookies
                && known.allowed.covers(request.method(), &names, cookies).is_ok()
        };
        if self.known.iter().any(is_known) {
            return None;
        }
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
        (reply, cookies): (&Response<Bytes>, Cookies),
        now: Instant,
    ) -> Result<(), Stop> {
        let status = reply.status();
        if !status.is_success() {
            let what = format!("the browser's preflight was answered with status {status}");
            return Err(Stop::new(outcome::of_status(status.as_u16()), what));
        }
        let allowed = Allowed {
            methods: words(reply, &header::ACCESS_CONTROL_ALLOW_METHODS),
            headers: words(reply, &header::ACCESS_CONTROL_ALLOW_HEADERS),
        };
        let covered = || allowed.covers(request.method(), &asked_for(request), cookies);
        if let Err(why) = self.is_let_in(reply, cookies).and_then(|()| covered()) {
            let page = self.origin.to_str().unwrap_or_default();
            let what = format!("a browser would not let pages of {page} call the tenant: {why}");
            return Err(Stop::new(Fault::MalformedReply, what));
        }
        let age = reply.headers().get(header::ACCESS_CONTROL_MAX_AGE);
        let age = age.and_then(|age| age.to_str().ok()?.trim().parse().ok());
        let until = now + age.map_or(DEFAULT_AGE, Duration::from_secs).min(LONGEST_AGE);
        let uri = request.uri().clone();
        self.known.retain(|known| known.uri != uri || known.cookies != cookies);
        self.known.push(Known { uri, cookies, allowed, until });
        Ok(())
    }

    /// Whether an answer is for the page at all. With cookies no wildcard counts.
    fn is_let_in(&self, reply: &Response<Bytes>, cookies: Cookies) -> Result<(), String> {
        let is_lenient = cookies == Cookies::Without;
        let headers = reply.headers();
        let is = |value: Option<&HeaderValue>, wanted: &[u8]| {
            value.is_some_and(|value| value.as_bytes() == wanted)
        };
        let origin = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        let is_named = is(origin, self.origin.as_bytes());
        if !(is_named || is_lenient && is(origin, b"*")) {
            return Err("it is not the origin that the answer allows".to_owned());
        }
        let credentials = headers.get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
        if !is_lenient && !is(credentials, b"true") {
            return Err("the answer does not allow cookies".to_owned());
        }
        Ok(())
    }
}

impl Allowed {
    /// Whether a method and these headers are in it. With cookies no wildcard counts, and none ever
    /// stands for `authorization`.
    fn covers(&self, method: &Method, names: &[&str], cookies: Cookies) -> Result<(), String> {
        let is_lenient = cookies == Cookies::Without;
        let allows = |word: &String| word == method.as_str() || (is_lenient && word == "*");
        if !FREE_METHODS.contains(method) && !self.methods.iter().any(allows) {
            return Err(format!("the answer does not allow {method}"));
        }
        for name in names {
            let stands_for_it = is_lenient && *name != header::AUTHORIZATION.as_str();
            let allows =
                |word: &String| word.eq_ignore_ascii_case(name) || (stands_for_it && word == "*");
            if !self.headers.iter().any(allows) {
                return Err(format!("the answer does not allow the header `{name}`"));
            }
        }
        Ok(())
    }
}

impl<W: Witness + ?Sized> Iteration<'_, W> {
    /// Asks before a call for the state of a challenge, which is of the step at hand.
    pub(super) async fn preflight(&mut self, request: &mut Request<Bytes>) -> Result<(), Stop> {
        let label = Label { step: self.last_step.clone(), ..Label::call(CHALLENGE_STATUS) };
        self.ask_first(&label, request, Cookies::Meant).await
    }

    /// Asks as a browser does before a request, if the iteration plays one. What is refused ends
    /// the iteration: the page's script would see nothing but an error.
    pub(super) async fn ask_first(
        &mut self,
        label: &Label,
        request: &mut Request<Bytes>,
        cookies: Cookies,
    ) -> Result<(), Stop> {
        let Some(preflights) = &mut self.preflights else { return Ok(()) };
        let preflight = preflights.before(request, cookies, self.stage.clock.now());
        if origin(request.uri()).as_bytes() != preflights.origin.as_bytes() {
            request.headers_mut().insert(header::ORIGIN, preflights.origin.clone());
        }
        let Some(preflight) = preflight else { return Ok(()) };
        self.witness.preflighting(label);
        let exchange = self.session.exchange(preflight.clone()).await;
        self.witness.preflighted(&preflight, &exchange);
        match &exchange.reply {
            Ok(reply) => preflights.take(request, (reply, cookies), self.stage.clock.now()),
            Err(fault) => Err(Stop::new(outcome::of_transport(fault), fault.to_string())),
        }
    }
}

/// Whether a form could have sent it, so that a browser sends it without asking.
fn is_simple(request: &Request<Bytes>) -> bool {
    FREE_METHODS.contains(request.method())
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

/// The headers that a page has to ask for, in lower case and in order.
fn asked_for(request: &Request<Bytes>) -> Vec<&str> {
    let headers = request.headers().iter().filter(|(name, value)| !is_free(name, value));
    let mut names: Vec<_> = headers.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The words of a list, over all headers of this name.
fn words(reply: &Response<Bytes>, name: &HeaderName) -> Vec<String> {
    let values = reply.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|word| word.trim().to_owned()).collect()
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
            .header("access-control-allow-origin", "https://app.example.com")
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-headers", "Content-Type, interactionid")
            .header("access-control-allow-headers", "x-requested-with,x-other");
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
            let preflight = page().before(&request, Cookies::Meant, now);
            assert_eq!(preflight.is_some(), asked, "{request:?}");
        }
    }

    #[test]
    fn the_question_names_method_headers_and_page() {
        let preflight = page().before(&answer(), Cookies::Meant, now()).unwrap();
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
            page.take(&answer(), (&granted(age), Cookies::Meant), now).ok().unwrap();
            let after = |seconds| now + Duration::from_secs(seconds);
            let asks =
                |request: &Request<Bytes>, at| page.before(request, Cookies::Meant, at).is_some();
            assert!(!asks(&answer(), after(remembered_s - 1)), "{age:?}");
            assert!(asks(&answer(), after(remembered_s)), "{age:?}");
        }
    }

    #[test]
    fn an_answer_holds_for_its_whole_address_and_its_headers_alone() {
        let (mut page, now) = (page(), now());
        page.take(&answer(), (&granted(None), Cookies::Meant), now).ok().unwrap();
        let json = ("content-type", "application/json");
        for (url, headers, asked) in [
            (NEXT, &[json][..], false),
            (NEXT, &[json, ("interactionid", "other")], false),
            (NEXT, &[json, ("x-other", "nobody asked, but it is allowed")], false),
            (NEXT, &[json, ("x-new", "is not allowed")], true),
            (&format!("{NEXT}?a=b"), &[json], true),
            (&format!("{NEXT}/other"), &[json], true),
        ] {
            let request = request(Method::POST, url, headers);
            let preflight = page.before(&request, Cookies::Meant, now);
            assert_eq!(preflight.is_some(), asked, "{request:?}");
        }
        assert!(page.before(&answer(), Cookies::Without, now).is_some());
    }

    #[test]
    fn what_a_browser_would_not_accept_is_a_fault() {
        const PAGE: &str = "https://app.example.com";
        const HEADERS: &str = "content-type,interactionid,x-requested-with";
        let reply = |status: u16, [origin, credentials, methods, headers]: [&str; 4]| {
            let builder = Response::builder()
                .status(status)
                .header("access-control-allow-origin", origin)
                .header("access-control-allow-credentials", credentials)
                .header("access-control-allow-methods", methods)
                .header("access-control-allow-headers", headers);
            builder.body(Bytes::new()).unwrap()
        };
        use Cookies::{Meant, Without};
        let malformed = Some(Fault::MalformedReply);
        for (status, allowed, cookies, method, fault) in [
            (200, [PAGE, "true", "", HEADERS], Meant, Method::POST, None),
            (403, [PAGE, "true", "", HEADERS], Meant, Method::POST, Some(Fault::Blocked)),
            (500, [PAGE, "true", "", HEADERS], Meant, Method::POST, Some(Fault::Http5xx)),
            (200, ["*", "true", "", HEADERS], Meant, Method::POST, malformed),
            (200, ["https://x.example.com", "true", "", HEADERS], Without, Method::POST, malformed),
            (200, [PAGE, "false", "", HEADERS], Meant, Method::POST, malformed),
            (200, [PAGE, "true", "", "*"], Meant, Method::POST, malformed),
            (200, [PAGE, "true", "", "content-type"], Meant, Method::POST, malformed),
            (200, [PAGE, "true", "GET, PUT", HEADERS], Meant, Method::PUT, None),
            (200, [PAGE, "true", "GET", HEADERS], Meant, Method::PUT, malformed),
            (200, [PAGE, "true", "*", HEADERS], Meant, Method::PUT, malformed),
            (200, ["*", "", "*", "*"], Without, Method::PUT, None),
        ] {
            let mut request = answer();
            *request.method_mut() = method;
            let reply = reply(status, allowed);
            let stop = page().take(&request, (&reply, cookies), now()).err();
            assert_eq!(stop.map(|stop| stop.fault), fault, "{status} {allowed:?} {cookies:?}");
        }
        let bearer = request(Method::GET, NEXT, &[("authorization", "Bearer x")]);
        let lenient = reply(200, ["*", "", "*", "*"]);
        assert!(page().take(&bearer, (&lenient, Without), now()).is_err(), "no wildcard for it");
    }
}
