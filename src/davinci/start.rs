//! Starting a flow by its policy: the start request with its bearer token, and where that token
//! comes from.

use super::form::{Client, Dialect};
use super::oidc::{Application, BadValue, authorize_with, parse_uri, segment};
use super::wire::{self, Loose};
use crate::base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use serde::Deserialize;
use serde_json::{Map, Value};

impl Application {
    /// `POST /davinci/policy/{policy}/start` with the flow's input, not wrapped, as body; without
    /// input there is no body (documented). The documented start asks for the dialect of the hosted
    /// page by leaving `x-requested-with` out; that the header is honoured here is assumed.
    pub fn start(
        &self,
        policy: &str,
        bearer: &Secret,
        input: &Map<String, Value>,
    ) -> Result<Request<Bytes>, BadValue> {
        let body = if input.is_empty() {
            Bytes::new()
        } else {
            serde_json::to_vec(input)
                .map_err(|_| BadValue { what: "the flow's input".to_owned() })?
                .into()
        };
        let is_empty = body.is_empty();
        let mut request = self.request(Method::POST, &self.endpoints.start(policy), body)?;
        self.imitate(&mut request, self.start_dialect);
        if !is_empty {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        authorize_with(&mut request, &format!("Bearer {}", bearer.expose()))?;
        Ok(request)
    }

    /// Headers by which the tenant knows the client; they decide the dialect and may decide the way
    /// through the flow. The hosted page's client names neither itself nor its platform.
    pub(super) fn imitate(&self, request: &mut Request<Bytes>, dialect: Dialect) {
        let platform = match self.client {
            Client::JavaScript => HeaderValue::from_static("javascript"),
            Client::Mobile => HeaderValue::from_static("android"),
        };
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if dialect == Dialect::Sdk {
            headers.insert(REQUESTED_WITH, HeaderValue::from_static("ping-sdk"));
            headers.insert(REQUESTED_PLATFORM, platform);
        }
        if self.client == Client::Mobile {
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        }
    }
}

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const REQUESTED_PLATFORM: HeaderName = HeaderName::from_static("x-requested-platform");

/// The request for an SDK token: `GET {orchestrate_url}/v1/company/{company}/sdktoken` with the API
/// key of the DaVinci application. `orchestrate_url` may end in `/v1` or not. The path is
/// case-sensitive.
pub fn sdk_token_request(
    orchestrate_url: &str,
    company: &str,
    api_key: &Secret,
) -> Result<Request<Bytes>, BadValue> {
    let base = orchestrate_url.trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let company = segment(company);
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = parse_uri(&format!("{base}/v1/company/{company}/sdktoken"))?;
    let mut key = HeaderValue::from_str(api_key.expose())
        .map_err(|_| BadValue { what: "the API key".to_owned() })?;
    key.set_sensitive(true);
    request.headers_mut().insert("x-sk-api-key", key);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// The token that lets a flow be started by its policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SdkToken {
    /// Goes into `Authorization: Bearer`.
    pub token: Secret,
    /// When it ends, in seconds since 1970, if it is a JWT that says so. Nothing is verified: the
    /// tenant does that.
    pub expires_at: Option<u64>,
}

/// Reads the reply to [`sdk_token_request`]; none unless it is a success with a token.
pub fn read_sdk_token(reply: &Response<Bytes>) -> Option<SdkToken> {
    #[derive(Default, Deserialize)]
    #[serde(default, bound(deserialize = "'de: 'a"))]
    struct Body<'a> {
        access_token: Loose<'a>,
    }
    if !reply.status().is_success() {
        return None;
    }
    let body: Body<'_> = wire::read(reply.body())?;
    let token = body.access_token.filled()?;
    Some(SdkToken { expires_at: expiry(&token), token: token.into() })
}

/// The `exp` claim of a JWT.
fn expiry(token: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: serde_json::Number,
    }
    let claims = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.exp.as_u64()
}

#[cfg(test)]
mod tests {
    use super::super::oidc::tests::application;
    use super::*;
    use serde_json::json;

    fn header<'r>(request: &'r Request<Bytes>, name: &str) -> Option<&'r str> {
        request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn a_start_carries_its_input_unwrapped_and_asks_for_no_dialect() {
        let input = json!({ "email": "a@example.com", "name": { "given": "A" } });
        let bearer = Secret::new("t".to_owned());
        let request = application().start("p 1", &bearer, input.as_object().unwrap()).unwrap();
        assert_eq!(request.uri(), "https://auth.example.com/env/davinci/policy/p%201/start");
        assert_eq!(header(&request, "authorization"), Some("Bearer t"));
        assert_eq!(header(&request, "content-type"), Some("application/json"));
        assert_eq!(header(&request, "x-requested-with"), None);
        assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), input);
    }

    #[test]
    fn a_start_without_input_has_no_body() {
        let mut application = application();
        application.start_dialect = Dialect::Sdk;
        let request = application.start("p", &Secret::new("t".to_owned()), &Map::new()).unwrap();
        assert!(request.body().is_empty());
        assert_eq!(header(&request, "content-type"), None);
        assert_eq!(header(&request, "x-requested-with"), Some("ping-sdk"));
    }

    #[test]
    fn an_sdk_token_is_asked_for_below_v1_however_the_profile_spells_it() {
        for url in ["https://o.example.com", "https://o.example.com/", "https://o.example.com/v1/"]
        {
            let request = sdk_token_request(url, "c", &Secret::new("k".to_owned())).unwrap();
            assert_eq!(request.uri(), "https://o.example.com/v1/company/c/sdktoken");
            assert_eq!(header(&request, "x-sk-api-key"), Some("k"));
        }
    }

    #[test]
    fn an_sdk_token_says_when_it_ends_if_it_is_a_jwt_that_does() {
        let reply = |status: u16, body: &str| {
            Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
        };
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"x","exp":1790000000}"#);
        let body = format!(r#"{{"success":true,"access_token":"e30.{claims}.sig"}}"#);
        assert_eq!(read_sdk_token(&reply(200, &body)).unwrap().expires_at, Some(1_790_000_000));
        let opaque = read_sdk_token(&reply(200, r#"{"access_token":"opaque"}"#)).unwrap();
        assert_eq!((opaque.token.expose().as_str(), opaque.expires_at), ("opaque", None));
        assert_eq!(read_sdk_token(&reply(401, &body)), None);
        assert_eq!(read_sdk_token(&reply(200, r#"{"access_token":""}"#)), None);
        assert_eq!(read_sdk_token(&reply(200, "<html>")), None);
    }
}
