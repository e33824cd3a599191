//! A running tenant, a user agent and a mailbox, so that the tests read as sentences.

use gander::base::clock::Clock;
use gander::standin::settings::Signing;
use gander::standin::{Running, Settings, serve};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A password that keeps every policy, and others unlike it.
pub(crate) const PASSWORD: &str = "Lt9!kwzXqPbnTr";
pub(crate) const NEW_PASSWORD: &str = "Vs4?hgdMaUcoLe";
pub(crate) const THIRD_PASSWORD: &str = "Fy7#rxtBnIqwSk";

/// The example of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// How long a test waits for something that is bound to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tenant with a mailbox behind it.
pub(crate) struct Lab {
    pub(crate) running: Running,
    pub(crate) mailbox: Mailbox,
    pub(crate) clock: Clock,
    http: reqwest::Client,
}

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when the body is not JSON.
    pub(crate) body: Value,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A tenant with other settings than usual, on a clock that only the test moves.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_hours(490_000);
        Self::on(Clock::by_hand(noon), change).await
    }

    pub(crate) async fn on(clock: Clock, change: impl FnOnce(&mut Settings)) -> Self {
        let mailbox = Mailbox::open().await;
        let mut settings = Settings { signing: Signing::Es256, ..Settings::default() };
        settings.mail.server = Some(mailbox.address);
        change(&mut settings);
        let running = serve(settings, clock.clone()).await.expect("a tenant that starts");
        let redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(redirects).build().expect("a client");
        Self { running, mailbox, clock, http }
    }

    /// Absolute URL of a path below the tenant's prefix.
    pub(crate) fn url(&self, path: &str) -> String {
        let ready = &self.running.ready;
        if ready.custom_domain {
            return format!("{}{path}", ready.auth_url);
        }
        format!("{}/{}{path}", ready.auth_url, ready.environment_id)
    }

    /// Id of a flow policy.
    pub(crate) fn policy(&self, name: &str) -> String {
        self.running.ready.policies[name].clone()
    }

    /// Absolute URL of the orchestration API for this company.
    pub(crate) fn company_url(&self, path: &str) -> String {
        let ready = &self.running.ready;
        format!("{}/v1/company/{}{path}", ready.orchestrate_url, ready.environment_id)
    }

    /// A token that opens starts by policy; with a body, one that the body is bound into.
    pub(crate) async fn sdk_token(&self, body: Option<&Value>) -> String {
        let url = self.company_url("/sdktoken");
        let key = &self.running.ready.api_key;
        let request = match body {
            None => self.get(&url),
            Some(body) => self.request(Method::POST, &url).body(body.to_string()),
        };
        let reply = send(request.header("X-SK-API-KEY", key)).await;
        assert_eq!((reply.status, &reply.body["success"]), (200, &json!(true)), "{reply:?}");
        reply.body["access_token"].as_str().expect("a token").to_owned()
    }

    pub(crate) fn at_origin(&self, path: &str) -> String {
        format!("{}{path}", self.running.ready.auth_url)
    }

    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    pub(crate) fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    pub(crate) fn agent(&self) -> Agent<'_> {
        let (cookies, last) = (BTreeMap::new(), Value::Null);
        Agent { lab: self, cookies, last, headers: true, sends_cookies: true, screen: false }
    }

    /// The parameters of an authorize request.
    pub(crate) fn authorize_parameters(&self) -> Vec<(String, String)> {
        let ready = &self.running.ready;
        [
            ("client_id", ready.client_id.as_str()),
            ("redirect_uri", &ready.redirect_uri),
            ("response_type", "code"),
            ("response_mode", "pi.flow"),
            ("scope", "openid profile email"),
            ("state", "st&te"),
            ("nonce", "n1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The form of a token request.
    pub(crate) fn token_form<'f>(&'f self, code: &'f str) -> Vec<(&'f str, &'f str)> {
        let ready = &self.running.ready;
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &ready.redirect_uri),
            ("client_id", &ready.client_id),
            ("code_verifier", VERIFIER),
        ]
    }

    pub(crate) async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        send(self.request(Method::POST, &self.url(path)).form(form)).await
    }

    pub(crate) async fn worker_token(&self) -> String {
        let worker = &self.running.ready.worker;
        let request = self
            .request(Method::POST, &self.url("/as/token"))
            .basic_auth(&worker.client_id, Some(&worker.client_secret))
            .form(&[("grant_type", "client_credentials")]);
        let reply = send(request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// A management call of the worker. `media` is the part between `vnd.pingidentity.` and `+json`.
    pub(crate) async fn manage(
        &self,
        method: Method,
        path: &str,
        media: &str,
        body: &Value,
    ) -> Reply {
        let token = self.worker_token().await;
        let url = self.management_url(path);
        let mut request = self.request(method.clone(), &url).bearer_auth(token);
        if method != Method::GET && method != Method::DELETE {
            let media = match media {
                "" => "application/json".to_owned(),
                media => format!("application/vnd.pingidentity.{media}+json"),
            };
            request = request.header("content-type", media).body(body.to_string());
        }
        send(request).await
    }

    pub(crate) fn management_url(&self, path: &str) -> String {
        let ready = &self.running.ready;
        format!("{}/v1/environments/{}{path}", ready.api_url, ready.environment_id)
    }

    /// Imports a user and gives back the id.
    pub(crate) async fn user(&self, name: &str, password: &str) -> String {
        let email =
            if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") };
        let body = json!({
            "username": name, "email": email,
            "population": { "id": self.running.ready.population_id },
            "password": { "value": password, "forceChange": false },
        });
        let reply = self.manage(Method::POST, "/users", "user.import", &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn truth(&self) -> Value {
        send(self.get(&self.at_origin("/stand-in/truth"))).await.body
    }

    pub(crate) async fn calls(&self) -> Vec<Value> {
        let reply = send(self.get(&self.at_origin("/stand-in/calls"))).await;
        reply.body["calls"].as_array().expect("a list").clone()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_default();
    Reply { status, headers, text, body }
}

/// A user agent: keeps cookies, the last form and the proof of its interaction.
pub(crate) struct Agent<'l> {
    pub(crate) lab: &'l Lab,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The last continue body.
    pub(crate) last: Value,
    /// Whether the proof goes as headers.
    pub(crate) headers: bool,
    /// Whether cookies are sent.
    pub(crate) sends_cookies: bool,
    /// Whether it speaks the screen dialect.
    pub(crate) screen: bool,
}

impl Agent<'_> {
    pub(crate) async fn start(&mut self) -> Reply {
        self.start_with(&[]).await
    }

    /// Starts with parameters changed; an empty value leaves one out.
    pub(crate) async fn start_with(&mut self, changes: &[(&str, &str)]) -> Reply {
        let mut parameters = self.lab.authorize_parameters();
        for (name, value) in changes {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let url = url::Url::parse_with_params(&self.lab.url("/as/authorize"), &parameters)
            .expect("an address");
        let request = self.dressed(self.lab.get(url.as_str()));
        self.take(request).await
    }

    /// Starts the flow of a policy.
    pub(crate) async fn start_flow(&mut self, policy: &str) -> Reply {
        self.start_with(&[("acr_values", &self.lab.policy(policy))]).await
    }

    /// Starts by policy with a bearer token and input; null sends no body.
    pub(crate) async fn start_by_policy(
        &mut self,
        name: &str,
        token: &str,
        input: &Value,
    ) -> Reply {
        let path = format!("/davinci/policy/{}/start", self.lab.policy(name));
        let url = self.lab.url(&path);
        let request = self.dressed(self.lab.request(Method::POST, &url).bearer_auth(token));
        let request = if input.is_null() { request } else { request.body(input.to_string()) };
        self.take(request).await
    }

    /// A request with the header that asks for the SDK dialect, unless screens are wanted.
    fn dressed(&self, request: RequestBuilder) -> RequestBuilder {
        if self.screen { request } else { request.header("x-requested-with", "ping-sdk") }
    }

    /// Sends what a button of a screen sends.
    pub(crate) async fn click(&mut self, button: &str, values: Value) -> Reply {
        let mut parameters = values;
        parameters["buttonType"] = json!("form-submit");
        parameters["buttonValue"] = json!(button);
        let body = json!({
            "id": self.last["id"],
            "eventName": "continue",
            "nextEvent": self.last["screen"]["properties"]["button"]["onClick"],
            "parameters": parameters,
        });
        self.post(&body).await
    }

    /// Sends what a polling field sends.
    pub(crate) async fn poll(&mut self, value: &str) -> Reply {
        self.answer("polling", "", json!({ "pollingField": value })).await
    }

    /// Sends what a submit button sends.
    pub(crate) async fn submit(&mut self, action: &str, data: Value) -> Reply {
        self.answer("submit", action, data).await
    }

    /// Sends what a flow button sends.
    pub(crate) async fn press(&mut self, action: &str) -> Reply {
        self.answer("action", action, json!({})).await
    }

    pub(crate) async fn answer(&mut self, event: &str, action: &str, data: Value) -> Reply {
        let body = json!({
            "id": self.last["id"],
            "eventName": "continue",
            "interactionId": self.last["interactionId"],
            "parameters": { "eventType": event, "data": { "actionKey": action, "formData": data } },
        });
        self.post(&body).await
    }

    /// Sends a body as it is to the last link.
    pub(crate) async fn post(&mut self, body: &Value) -> Reply {
        let request = self.to_next().body(body.to_string());
        self.take(request).await
    }

    /// A request to the last link, proof included, without a body.
    pub(crate) fn to_next(&self) -> RequestBuilder {
        let href = match self.last["_links"]["next"]["href"].as_str() {
            Some(href) => href.to_owned(),
            None => {
                let part = |name: &str| self.last[name].as_str().expect("a part of the path");
                let (connection, capability) = (part("connectionId"), part("capabilityName"));
                self.lab
                    .url(&format!("/davinci/connections/{connection}/capabilities/{capability}"))
            }
        };
        let request = self.lab.request(Method::POST, &href);
        let mut request = self.dressed(request).header("content-type", "application/json");
        if self.headers {
            for name in ["interactionId", "interactionToken"] {
                request = request.header(name, self.last[name].as_str().expect("a proof"));
            }
        }
        request
    }

    pub(crate) async fn take(&mut self, mut request: RequestBuilder) -> Reply {
        if self.sends_cookies && !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let reply = send(request).await;
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if reply.body["_links"]["next"].is_object() || reply.body["screen"].is_object() {
            self.last = reply.body.clone();
        }
        reply
    }

    /// Signs on and gives back the success reply.
    pub(crate) async fn sign_on(&mut self, name: &str, password: &str) -> Reply {
        assert_form(&self.start().await, "65u7m8cm28");
        self.submit("SIGNON", json!({ "username": name, "password": password })).await
    }

    /// Goes through registration up to the form that asks for the code.
    pub(crate) async fn register(&mut self, email: &str) -> Reply {
        assert_form(&self.start().await, "65u7m8cm28");
        assert_form(&self.press("REGISTER").await, "1k5y98i1v1");
        self.submit("REGISTER", registration(email, PASSWORD)).await
    }
}

pub(crate) fn registration(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "givenName": "Ada", "familyName": "Byron" })
}

/// The reply shows the form of this id.
#[track_caller]
pub(crate) fn assert_form(reply: &Reply, id: &str) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body["id"], id, "{reply:?}");
    assert!(reply.body["_links"]["next"]["href"].is_string(), "{reply:?}");
    for forbidden in ["session", "authorizeResponse", "error", "status"] {
        assert!(reply.body.get(forbidden).is_none(), "{forbidden}");
    }
}

/// The reply shows the screen of this id.
#[track_caller]
pub(crate) fn assert_screen(reply: &Reply, id: &str) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body["id"], id, "{reply:?}");
    assert!(reply.body["screen"]["properties"]["customHTML"]["value"].is_string(), "{reply:?}");
    assert!(reply.body.get("_links").is_none() && reply.body.get("form").is_none());
}

/// The reply ends the flow well; gives back the code.
#[track_caller]
pub(crate) fn assert_success(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body["session"]["id"].is_string(), "{reply:?}");
    assert_eq!(reply.body["authorizeResponse"]["state"], "st&te");
    reply.body["authorizeResponse"]["code"].as_str().expect("a code").to_owned()
}

/// The reply refuses, by this capability and with this text in its message.
#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, capability: &str, message: &str) {
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(reply.body["capabilityName"], capability, "{reply:?}");
    let shown = reply.body["message"].as_str().unwrap_or_default();
    assert!(shown.contains(message), "{shown}");
    assert!(reply.body.get("_links").is_none() && reply.body.get("form").is_none());
}

pub(crate) fn header(reply: &Reply, name: &'static str) -> String {
    let value = reply.headers.get(HeaderName::from_static(name));
    value.and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A mail server that keeps what it gets.
#[derive(Clone)]
pub(crate) struct Mailbox {
    pub(crate) address: std::net::SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    arrived: Arc<Notify>,
}

/// A mail that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) plain: String,
    pub(crate) html: String,
}

impl Mailbox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mailbox = Self { address, mails: Arc::default(), arrived: Arc::default() };
        let receiving = mailbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receiving.clone().receive(stream));
            }
        });
        mailbox
    }

    /// The first `count` mails to an address, in their order.
    pub(crate) async fn mails_to(&self, to: &str, count: usize) -> Vec<Mail> {
        let wait = async {
            loop {
                let arrived = self.arrived.notified();
                let here: Vec<Mail> = {
                    let mails = self.mails.lock().expect("no panic elsewhere");
                    mails.iter().filter(|mail| mail.to == to).cloned().collect()
                };
                if here.len() >= count {
                    return here;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the mail arrives")
    }

    /// The code in the `count`-th mail to an address.
    pub(crate) async fn code(&self, to: &str, count: usize) -> String {
        let mails = self.mails_to(to, count).await;
        let plain = &mails[count - 1].plain;
        let after = plain.split(": ").nth(1).unwrap_or_default();
        let code: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert_eq!(code.len(), 8, "{plain}");
        code
    }

    async fn receive(self, stream: TcpStream) {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let mut to = String::new();
        if writing.write_all(b"220 mailbox\r\n").await.is_err() {
            return;
        }
        while let Ok(Some(line)) = lines.next_line().await {
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer: &[u8] = match word.as_str() {
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    b"250 ok\r\n"
                }
                "DATA" => {
                    let _ = writing.write_all(b"354 go on\r\n").await;
                    let mut raw = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                        raw.push_str("\r\n");
                    }
                    self.keep(&to, &raw);
                    b"250 kept\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            if writing.write_all(answer).await.is_err() || word == "QUIT" {
                return;
            }
        }
    }

    fn keep(&self, to: &str, raw: &str) {
        let message = mail_parser::MessageParser::default().parse(raw.as_bytes()).expect("a mail");
        let mail = Mail {
            to: to.to_owned(),
            subject: message.subject().unwrap_or_default().to_owned(),
            plain: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
        };
        self.mails.lock().expect("no panic elsewhere").push(mail);
        self.arrived.notify_waiters();
    }
}
