//! Everything around the flow: the authorize request, PKCE, the code exchange, userinfo, sign-off
//! and revocation, as request values.

pub use super::start::{SdkToken, read_sdk_token, sdk_token_request};

use super::form::{Client, Dialect};
use super::wire::{self, Loose};
use crate::base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use std::borrow::Cow;

/// Where a tenant's endpoints are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoints {
    base: String,
    has_environment: bool,
}

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text as one segment of a path.
pub(super) fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, SEGMENT)
}

/// Longest id or name that becomes a segment, in bytes.
const LONGEST_SEGMENT: usize = 256;

/// Text of a tenant as one segment of a path; none for what could not be one, or would lead
/// elsewhere.
fn foreign_segment(text: &str) -> Option<PercentEncode<'_>> {
    let is_one = !matches!(text, "" | "." | "..") && text.len() <= LONGEST_SEGMENT;
    is_one.then(|| segment(text))
}

impl Endpoints {
    /// Endpoints below `auth_url`, with the environment id in the path unless the tenant has a
    /// custom domain.
    pub fn new(auth_url: &str, environment_id: Option<&str>) -> Self {
        let base = auth_url.trim_end_matches('/');
        Self {
            base: environment_id.map_or_else(|| base.to_owned(), |id| format!("{base}/{id}")),
            has_environment: environment_id.is_some(),
        }
    }

    /// `…/as/{name}`: `authorize`, `token`, `userinfo`, `signoff`, `revoke`.
    pub fn oidc(&self, name: &str) -> String {
        format!("{}/as/{name}", self.base)
    }

    /// `…/davinci/policy/{policy}/start`.
    pub fn start(&self, policy: &str) -> String {
        format!("{}/davinci/policy/{}/start", self.base, segment(policy))
    }

    /// `…/davinci/connections/{connection}/capabilities/{capability}`: where the answer to a hosted
    /// page goes, which carries no link. None for ids that cannot be part of a path.
    pub(super) fn capability(&self, connection: &str, capability: &str) -> Option<String> {
        let (connection, capability) = (foreign_segment(connection)?, foreign_segment(capability)?);
        Some(format!("{}/davinci/connections/{connection}/capabilities/{capability}", self.base))
    }

    /// `…/davinci/user/credentials/challenge/{challenge}/status`. With an environment in the path it
    /// stands below origin and first segment of the form's own link, where the genuine JavaScript
    /// client looks for it; on a custom domain, where that client looks in the wrong place, and
    /// without such a link below these endpoints.
    pub(super) fn challenge_status(&self, own: Option<&Uri>, challenge: &str) -> Option<String> {
        let challenge = foreign_segment(challenge)?;
        let below_own = own.filter(|_| self.has_environment).and_then(|own| {
            let environment = own.path().split('/').nth(1).filter(|part| !part.is_empty())?;
            Some(format!("{}://{}/{environment}", own.scheme_str()?, own.authority()?))
        });
        let base = below_own.as_deref().unwrap_or(&self.base);
        Some(format!("{base}/davinci/user/credentials/challenge/{challenge}/status"))
    }
}

/// The application whose flow is started, and how its client behaves.
#[derive(Clone, Debug)]
pub struct Application {
    /// Where to send things.
    pub endpoints: Endpoints,
    /// Client id of the OIDC application.
    pub client_id: String,
    /// Only for confidential applications.
    pub client_secret: Option<Secret>,
    /// A registered redirect address, although nothing is redirected.
    pub redirect_uri: String,
    /// Space-separated in the request; at least `openid`.
    pub scopes: Vec<String>,
    /// Which genuine client is imitated.
    pub client: Client,
    /// Extra parameters of the authorize request; they reach the flow.
    pub authorize_parameters: Vec<(String, String)>,
    /// Extra headers of every call.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Dialect asked for at a policy start: `Screen` is the documented one. An authorize request
    /// always asks for `Sdk`.
    pub start_dialect: Dialect,
}

/// Proof key for code exchange (RFC 7636) and the state and nonce of one authorize request.
#[derive(Clone, Debug)]
pub struct Proof {
    verifier: Secret,
    /// Sent as `state`; the tenant must echo it.
    pub state: String,
    /// Comes back in the id token.
    pub nonce: String,
}

impl Proof {
    /// Makes verifier, state and nonce out of 64 random bytes.
    pub fn new(random: &[u8; 64]) -> Self {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            verifier: Secret::new(encode(&random[..32])),
            state: encode(&random[32..48]),
            nonce: encode(&random[48..]),
        }
    }

    /// What the code exchange proves itself with.
    pub(super) const fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// `code_challenge` for S256.
    pub fn challenge(&self) -> String {
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            self.verifier.expose().as_bytes(),
        );
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }
}

/// A request cannot be built from the profile's values.
#[derive(Debug, thiserror::Error)]
#[error("`{what}` cannot be part of a request")]
pub struct BadValue {
    /// Which value it is.
    pub what: String,
}

impl Application {
    /// `GET /as/authorize` with `response_mode=pi.flow`, as the SDKs send it.
    pub fn authorize(
        &self,
        policy: Option<&str>,
        proof: &Proof,
    ) -> Result<Request<Bytes>, BadValue> {
        let mut query = Query::default();
        let scopes = self.scopes.join(" ");
        let challenge = proof.challenge();
        query.push("client_id", &self.client_id);
        query.push("response_type", "code");
        query.push("redirect_uri", &self.redirect_uri);
        query.push("scope", &scopes);
        query.push("response_mode", "pi.flow");
        query.push("state", &proof.state);
        query.push("nonce", &proof.nonce);
        query.push("code_challenge", &challenge);
        query.push("code_challenge_method", "S256");
        if let Some(policy) = policy {
            query.push("acr_values", policy);
        }
        for (name, value) in &self.authorize_parameters {
            query.push(name, value);
        }
        let url = format!("{}?{}", self.endpoints.oidc("authorize"), query.text());
        let mut request = self.request(Method::GET, &url, Bytes::new())?;
        self.imitate(&mut request, Dialect::Sdk);
        Ok(request)
    }

    /// `POST /as/token`: exchanges the code. No cookies of the flow belong here, and no custom
    /// headers: genuine browser clients keep it a simple request.
    pub fn token(&self, code: &Secret, proof: &Proof) -> Result<Request<Bytes>, BadValue> {
        let mut form = Query::default();
        form.push("grant_type", "authorization_code");
        form.push("code", code.expose());
        form.push("redirect_uri", &self.redirect_uri);
        form.push("code_verifier", proof.verifier.expose());
        if self.client_secret.is_none() {
            form.push("client_id", &self.client_id);
        }
        let mut request = self.form_request("token", form)?;
        if let Some(secret) = &self.client_secret {
            let credentials = STANDARD.encode(format!("{}:{}", self.client_id, secret.expose()));
            authorize_with(&mut request, &format!("Basic {credentials}"))?;
        }
        Ok(request)
    }

    /// `GET /as/userinfo` with the access token.
    pub fn userinfo(&self, tokens: &Tokens) -> Result<Request<Bytes>, BadValue> {
        let mut request =
            self.request(Method::GET, &self.endpoints.oidc("userinfo"), Bytes::new())?;
        authorize_with(&mut request, &format!("Bearer {}", tokens.access_token.expose()))?;
        Ok(request)
    }

    /// `GET /as/signoff`: ends the session at the tenant.
    pub fn sign_off(&self, tokens: &Tokens) -> Result<Request<Bytes>, BadValue> {
        let mut query = Query::default();
        if let Some(id_token) = &tokens.id_token {
            query.push("id_token_hint", id_token.expose());
        }
        let url = format!("{}?{}", self.endpoints.oidc("signoff"), query.text());
        let mut request = self.request(Method::GET, &url, Bytes::new())?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// `POST /as/revoke`: makes the access token worthless.
    pub fn revoke(&self, tokens: &Tokens) -> Result<Request<Bytes>, BadValue> {
        let mut form = Query::default();
        form.push("client_id", &self.client_id);
        form.push("token", tokens.access_token.expose());
        self.form_request("revoke", form)
    }

    /// A bare request with the profile's extra headers.
    pub(super) fn request(
        &self,
        method: Method,
        url: &str,
        body: Bytes,
    ) -> Result<Request<Bytes>, BadValue> {
        Ok(self.request_to(method, parse_uri(url)?, body))
    }

    /// The same where the address is known to be one.
    pub(super) fn request_to(&self, method: Method, uri: Uri, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        // Room for those of the client and of its connection, too: a map that grows moves everything.
        request.headers_mut().reserve(MOST_HEADERS + self.headers.len());
        for (name, value) in &self.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        request
    }

    fn form_request(&self, endpoint: &str, form: Query) -> Result<Request<Bytes>, BadValue> {
        let mut request =
            self.request(Method::POST, &self.endpoints.oidc(endpoint), form.text().into())?;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(request)
    }
}

/// Headers that an ordinary request has, on the wire.
const MOST_HEADERS: usize = 12;

pub(super) fn parse_uri(url: &str) -> Result<Uri, BadValue> {
    url.parse().map_err(|_| BadValue { what: url.split('?').next().unwrap_or("").to_owned() })
}

pub(super) fn authorize_with(
    request: &mut Request<Bytes>,
    credentials: &str,
) -> Result<(), BadValue> {
    let mut value = HeaderValue::from_str(credentials)
        .map_err(|_| BadValue { what: "the authorization header".to_owned() })?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(())
}

/// Pairs in `application/x-www-form-urlencoded`.
struct Query(String);

impl Default for Query {
    /// No pairs, and room for those of an authorize request.
    fn default() -> Self {
        Self(String::with_capacity(512))
    }
}

impl Query {
    fn push(&mut self, name: &str, value: &str) {
        let mut pairs = url::form_urlencoded::Serializer::new(std::mem::take(&mut self.0));
        pairs.append_pair(name, value);
        self.0 = pairs.finish();
    }

    fn text(self) -> String {
        self.0
    }
}

/// What the token endpoint handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tokens {
    /// For userinfo and revocation.
    pub access_token: Secret,
    /// For sign-off.
    pub id_token: Option<Secret>,
}

/// Why the token endpoint handed out nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenFailure {
    /// HTTP status.
    pub status: u16,
    /// OAuth error such as `invalid_grant`, where there is one.
    pub error: Option<String>,
}

impl Tokens {
    /// Reads the reply of the token endpoint.
    pub fn read(reply: &Response<Bytes>) -> Result<Self, TokenFailure> {
        #[derive(Default, Deserialize)]
        #[serde(default, bound(deserialize = "'de: 'a"))]
        struct Body<'a> {
            access_token: Loose<'a>,
            id_token: Loose<'a>,
            error: Loose<'a>,
        }
        let body: Body<'_> = wire::read(reply.body()).unwrap_or_default();
        match body.access_token.filled() {
            Some(access_token) if reply.status() == StatusCode::OK => Ok(Self {
                access_token: access_token.into(),
                id_token: body.id_token.filled().map(Into::into),
            }),
            _ => Err(TokenFailure {
                status: reply.status().as_u16(),
                error: body.error.0.map(Cow::into_owned),
            }),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::davinci) fn application() -> Application {
        Application {
            endpoints: Endpoints::new("https://auth.example.com/", Some("env")),
            client_id: "app".into(),
            client_secret: None,
            redirect_uri: "https://app.example.com/callback".into(),
            scopes: vec!["openid".into(), "profile".into()],
            client: Client::JavaScript,
            authorize_parameters: vec![("ui_locales".into(), "en gb".into())],
            headers: Vec::new(),
            start_dialect: Dialect::Screen,
        }
    }

    /// Verifier and challenge of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        let bytes = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let mut random = [0; 64];
        random[..32].copy_from_slice(&bytes);
        let proof = Proof::new(&random);
        assert_eq!(proof.verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(proof.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn authorize_asks_for_a_flow_and_names_the_policy() {
        let request = application().authorize(Some("policy1"), &Proof::new(&[7; 64])).unwrap();
        let uri = request.uri().to_string();
        insta::assert_snapshot!(uri.replace('&', "\n&"), @r"
        https://auth.example.com/env/as/authorize?client_id=app
        &response_type=code
        &redirect_uri=https%3A%2F%2Fapp.example.com%2Fcallback
        &scope=openid+profile
        &response_mode=pi.flow
        &state=BwcHBwcHBwcHBwcHBwcHBw
        &nonce=BwcHBwcHBwcHBwcHBwcHBw
        &code_challenge=3Ev4DHdHPRMPoN6GukAY_pi7IUAF5qWJHRK6kURvnoE
        &code_challenge_method=S256
        &acr_values=policy1
        &ui_locales=en+gb
        ");
        assert_eq!(request.headers()["x-requested-with"], "ping-sdk");
        assert_eq!(request.headers()["x-requested-platform"], "javascript");
    }

    #[test]
    fn a_custom_domain_has_no_environment_in_its_paths() {
        let endpoints = Endpoints::new("https://login.example.org", None);
        assert_eq!(endpoints.oidc("token"), "https://login.example.org/as/token");
    }

    #[test]
    fn a_confidential_client_proves_itself_in_a_header_and_not_in_the_form() {
        let mut application = application();
        application.client_secret = Some(Secret::new("s3cret".into()));
        let request = application.token(&Secret::new("c".into()), &Proof::new(&[7; 64])).unwrap();
        assert_eq!(request.headers()["authorization"], "Basic YXBwOnMzY3JldA==");
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(!body.contains("client_id") && body.contains("code=c&"), "{body}");
    }

    #[test]
    fn tokens_are_read_only_from_a_good_reply() {
        let reply = |status: u16, body: &'static str| {
            Tokens::read(&Response::builder().status(status).body(Bytes::from(body)).unwrap())
        };
        assert_eq!(reply(200, r#"{"access_token":"a"}"#).unwrap().access_token.expose(), "a");
        let failure =
            |status, error: Option<&str>| TokenFailure { status, error: error.map(str::to_owned) };
        assert_eq!(
            reply(400, r#"{"error":"invalid_grant"}"#).unwrap_err(),
            failure(400, Some("invalid_grant"))
        );
        assert_eq!(reply(200, "<html>").unwrap_err(), failure(200, None));
        assert_eq!(reply(500, r#"{"access_token":"a"}"#).unwrap_err(), failure(500, None));
    }
}
