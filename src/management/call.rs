//! Management calls as values: what is sent, and what about it is special. Pure.
//!
//! Paths and media types are documented by the platform.

use super::error::ManagementError;
use super::mail_settings::MailSettings;
use super::settings::Settings;
use crate::base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use url::Url;

/// Name of the call that gets a token.
pub const WORKER_TOKEN: &str = "worker token";

/// A call of the management API, to be sent with the worker's token.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it does, for messages.
    pub name: &'static str,
    /// Whether its object may have been made a moment ago, so that it may not be found yet.
    pub is_fresh: bool,
    method: Method,
    url: Url,
    content_type: &'static str,
    /// May hold a password.
    body: Option<Secret>,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What it signs on with; unique in the environment.
    pub username: String,
    /// Where its codes go.
    pub email: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The population it belongs to; none for the environment's default.
    pub population: Option<String>,
    /// Its password.
    pub password: Secret,
    /// Whether it has to change its password when it signs on.
    pub must_change: bool,
}

/// Where the way of mails is set, below the environment.
const MAIL: [&str; 2] = ["notificationsSettings", "emailDeliverySettings"];

const JSON: &str = "application/json";
const IMPORT: &str = "application/vnd.pingidentity.user.import+json";
const SET_PASSWORD: &str = "application/vnd.pingidentity.password.set+json";
const FORCE_CHANGE: &str = "application/vnd.pingidentity.password.forceChange+json";
const UNLOCK: &str = "application/vnd.pingidentity.account.unlock+json";
const LOCK: &str = "application/vnd.pingidentity.account.lock+json";

/// Users on one page of a listing; the platform allows up to 1000.
const PAGE: &str = "200";

/// Everything but what RFC 3986 leaves unreserved.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Call {
    /// Reads the environment, with its licence.
    pub fn environment(settings: &Settings) -> Result<Self, ManagementError> {
        Self::new("read environment", Method::GET, settings, &[])
    }

    /// Reads a licence of an organization. It lies outside of every environment.
    pub fn licence(
        settings: &Settings,
        organization: &str,
        licence: &str,
    ) -> Result<Self, ManagementError> {
        let name = "read licence";
        let path = ["v1", "organizations", organization, "licenses", licence];
        let url = below(&settings.api_url, &path);
        let url = url.ok_or(ManagementError::NoAddress { call: name })?;
        Ok(Self { name, is_fresh: false, method: Method::GET, url, content_type: JSON, body: None })
    }

    /// Lists populations, or only those of a name.
    pub fn populations(settings: &Settings, name: Option<&str>) -> Result<Self, ManagementError> {
        let filter = name.map(|name| equals("name", name));
        Self::listing("list populations", settings, &["populations"], filter.as_deref())
    }

    /// Makes a population.
    pub fn create_population(settings: &Settings, name: &str) -> Result<Self, ManagementError> {
        let call = Self::new("create population", Method::POST, settings, &["populations"])?;
        Ok(call.with(JSON, json!({ "name": name })))
    }

    /// Makes a user with a password, ready to sign on. No mail is sent.
    pub fn import_user(settings: &Settings, user: &NewUser) -> Result<Self, ManagementError> {
        let mut body = json!({
            "username": user.username,
            "email": user.email,
            "name": { "given": user.given_name, "family": user.family_name },
            "lifecycle": { "status": "ACCOUNT_OK", "suppressVerificationCode": true },
            "password": { "value": user.password.expose(), "forceChange": user.must_change },
        });
        if let Some(population) = &user.population {
            body["population"] = json!({ "id": population });
        }
        Ok(Self::new("import user", Method::POST, settings, &["users"])?.with(IMPORT, body))
    }

    /// Lists the users that a filter lets through.
    pub fn find_users(settings: &Settings, filter: &str) -> Result<Self, ManagementError> {
        Self::listing("find users", settings, &["users"], Some(filter))
    }

    /// Reads a user by its id.
    pub fn read_user(settings: &Settings, user: &str) -> Result<Self, ManagementError> {
        Self::new("read user", Method::GET, settings, &["users", user])
    }

    /// Lists the flow policies of the environment.
    pub fn flow_policies(settings: &Settings) -> Result<Self, ManagementError> {
        Self::listing("list flow policies", settings, &["flowPolicies"], None)
    }

    /// Lists the flow policies of a DaVinci application, with the versions that they distribute.
    pub fn distributions(settings: &Settings, application: &str) -> Result<Self, ManagementError> {
        let path = ["davinciApplications", application, "flowPolicies"];
        Self::listing("list flow versions", settings, &path, None)
    }

    /// Reads by which way the environment sends its mails.
    pub fn mail_settings(settings: &Settings) -> Result<Self, ManagementError> {
        Self::new("read mail settings", Method::GET, settings, &MAIL)
    }

    /// Has the environment send its mails by another way.
    pub fn set_mail_settings(
        settings: &Settings,
        setting: &MailSettings,
    ) -> Result<Self, ManagementError> {
        let call = Self::new("set mail settings", Method::PUT, settings, &MAIL)?;
        Ok(call.with(JSON, setting.body()))
    }

    /// Goes back to the platform's own mail service.
    pub fn remove_mail_settings(settings: &Settings) -> Result<Self, ManagementError> {
        Self::new("remove mail settings", Method::DELETE, settings, &MAIL)
    }

    /// Sets a password as an administrator.
    pub fn set_password(
        settings: &Settings,
        user: &str,
        password: &Secret,
        must_change: bool,
    ) -> Result<Self, ManagementError> {
        let call = Self::new("set password", Method::PUT, settings, &["users", user, "password"])?;
        let body = json!({ "value": password.expose(), "forceChange": must_change });
        Ok(call.with(SET_PASSWORD, body))
    }

    /// Has a user change the password at the next sign-on.
    pub fn force_change(settings: &Settings, user: &str) -> Result<Self, ManagementError> {
        let path = ["users", user, "password"];
        Ok(Self::new("force change", Method::PUT, settings, &path)?.with(FORCE_CHANGE, json!({})))
    }

    /// Ends the lock of an account.
    pub fn unlock(settings: &Settings, user: &str) -> Result<Self, ManagementError> {
        let call = Self::new("unlock account", Method::POST, settings, &["users", user])?;
        Ok(call.with(UNLOCK, json!({})))
    }

    /// Locks an account.
    pub fn lock(settings: &Settings, user: &str) -> Result<Self, ManagementError> {
        let call = Self::new("lock account", Method::POST, settings, &["users", user])?;
        Ok(call.with(LOCK, json!({})))
    }

    /// Removes a user.
    pub fn delete_user(settings: &Settings, user: &str) -> Result<Self, ManagementError> {
        Self::new("delete user", Method::DELETE, settings, &["users", user])
    }

    /// The page of the same listing that a link leads to. A link to anywhere but the API is
    /// refused, because the token would go with it.
    pub fn next_page(&self, settings: &Settings, link: &str) -> Result<Self, ManagementError> {
        let url = settings.api_url.join(link).ok();
        let foreign = |url: Option<&Url>| ManagementError::ForeignLink {
            call: self.name,
            host: url.and_then(Url::host_str).unwrap_or("nowhere").to_owned(),
        };
        let url = url.ok_or_else(|| foreign(None))?;
        if url.origin() != settings.api_url.origin() || !url.username().is_empty() {
            return Err(foreign(Some(&url)));
        }
        Ok(Self { url, ..self.clone() })
    }

    /// The same call about an object that was just made.
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { is_fresh: true, ..self }
    }

    /// The request, with the token of the worker.
    pub fn request(&self, token: &Secret) -> Result<Request<Bytes>, ManagementError> {
        let body = self.body.as_ref().map(|body| body.expose().clone()).unwrap_or_default();
        let builder = Request::builder()
            .method(self.method.clone())
            .uri(self.url.as_str())
            .header(header::ACCEPT, JSON)
            .header(
                header::AUTHORIZATION,
                hidden(&format!("Bearer {}", token.expose()), self.name)?,
            );
        let builder = match self.body {
            Some(_) => builder.header(header::CONTENT_TYPE, self.content_type),
            None => builder,
        };
        builder.body(body.into()).map_err(|_| ManagementError::NoAddress { call: self.name })
    }

    fn new(
        name: &'static str,
        method: Method,
        settings: &Settings,
        path: &[&str],
    ) -> Result<Self, ManagementError> {
        let base = ["v1", "environments", &settings.environment_id];
        let url = below(&settings.api_url, base.iter().chain(path))
            .ok_or(ManagementError::NoAddress { call: name })?;
        Ok(Self { name, is_fresh: false, method, url, content_type: JSON, body: None })
    }

    fn listing(
        name: &'static str,
        settings: &Settings,
        path: &[&str],
        filter: Option<&str>,
    ) -> Result<Self, ManagementError> {
        let mut call = Self::new(name, Method::GET, settings, path)?;
        // Spaces as `%20`: a plus sign is a space only in form bodies.
        let filter = filter.map(|filter| {
            let filter = utf8_percent_encode(filter, QUERY);
            format!("&filter={filter}")
        });
        let query = format!("limit={PAGE}{}", filter.unwrap_or_default());
        call.url.set_query(Some(&query));
        Ok(call)
    }

    fn with(self, content_type: &'static str, body: Value) -> Self {
        Self { content_type, body: Some(body.to_string().into()), ..self }
    }
}

/// The request for a worker's token (client credentials, Basic).
pub fn token_request(settings: &Settings) -> Result<Request<Bytes>, ManagementError> {
    let no_address = || ManagementError::NoAddress { call: WORKER_TOKEN };
    let worker = &settings.worker;
    let url = match &worker.environment_id {
        None if settings.custom_domain => below(&settings.auth_url, &["as", "token"]),
        environment => {
            let environment = environment.as_ref().unwrap_or(&settings.environment_id);
            below(&settings.auth_url, &[environment.as_str(), "as", "token"])
        }
    };
    let url = url.ok_or_else(no_address)?;
    let credentials =
        STANDARD.encode(format!("{}:{}", worker.client_id, worker.client_secret.expose()));
    Request::post(url.as_str())
        .header(header::ACCEPT, JSON)
        .header(header::AUTHORIZATION, hidden(&format!("Basic {credentials}"), WORKER_TOKEN)?)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"grant_type=client_credentials"))
        .map_err(|_| no_address())
}

/// A header's value that is left out wherever a request is printed.
fn hidden(value: &str, call: &'static str) -> Result<HeaderValue, ManagementError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| ManagementError::Malformed {
        call,
        missing: "token that can stand in a header",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A SCIM condition that an attribute has a value.
pub fn equals(attribute: &str, value: &str) -> String {
    condition(attribute, "eq", value)
}

/// A SCIM condition that an attribute begins with a value.
pub fn starts_with(attribute: &str, value: &str) -> String {
    condition(attribute, "sw", value)
}

/// SCIM takes its strings from JSON (RFC 7644), so they are quoted as there.
fn condition(attribute: &str, operator: &str, value: &str) -> String {
    format!("{attribute} {operator} {}", json!(value))
}

/// An address below another. Segments are encoded, and those that mean "here" or "above" are
/// refused, so that none can lead elsewhere: removing the user `..` would be asking to remove all.
fn below<'s>(base: &Url, segments: impl IntoIterator<Item = &'s &'s str>) -> Option<Url> {
    let mut url = base.clone();
    url.set_query(None);
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty();
        for segment in segments {
            let blank = segment.trim_matches(['.', '\t', '\n', '\r', ' ']).is_empty();
            if blank || segment.to_ascii_lowercase().contains("%2e") {
                return None;
            }
            path.push(segment);
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::mail_settings::Smtp;
    use crate::management::settings::{DEFAULT_RATE, Worker};
    use std::fmt::Write;

    fn settings() -> Settings {
        Settings {
            auth_url: "https://auth.x.test".parse().unwrap(),
            api_url: "https://api.x.test/".parse().unwrap(),
            custom_domain: false,
            environment_id: "env-1".to_owned(),
            worker: Worker {
                client_id: "worker".to_owned(),
                client_secret: "s3cret".to_owned().into(),
                environment_id: Some("admin".to_owned()),
                rate: DEFAULT_RATE,
            },
        }
    }

    fn shown(request: &Request<Bytes>) -> String {
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            let _ = writeln!(text, "{name}: {}", value.to_str().unwrap());
        }
        format!("{text}{}\n", String::from_utf8_lossy(request.body()))
    }

    fn user() -> NewUser {
        NewUser {
            username: "a@x.test".into(),
            email: "a@x.test".into(),
            given_name: "Ann".into(),
            family_name: "Lee".into(),
            population: Some("pop-1".into()),
            password: "pa55".to_owned().into(),
            must_change: true,
        }
    }

    fn mail() -> MailSettings {
        let (host, from) = ("mail.x.test".to_owned(), "a@x.test".to_owned());
        MailSettings::smtp(&Smtp { host, port: 25, credentials: None, from })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a text of every request")]
    fn requests_are_what_the_platform_documents() {
        let settings = &settings();
        let token = &"t0ken".to_owned().into();
        let calls = [
            Call::environment(settings),
            Call::licence(settings, "org-1", "lic-1"),
            Call::flow_policies(settings),
            Call::distributions(settings, "app-1"),
            Call::mail_settings(settings),
            Call::set_mail_settings(settings, &mail()),
            Call::remove_mail_settings(settings),
            Call::populations(settings, Some("Load \"1\"")),
            Call::create_population(settings, "Load"),
            Call::import_user(settings, &user()),
            Call::find_users(settings, &starts_with("username", "gander-r1-")),
            Call::set_password(settings, "u/1", &"pa55".to_owned().into(), false),
            Call::force_change(settings, "u1"),
            Call::unlock(settings, "u1"),
            Call::lock(settings, "u1"),
            Call::delete_user(settings, "u1"),
        ];
        let mut text = shown(&token_request(settings).unwrap());
        for call in calls {
            text.push_str(&shown(&call.unwrap().request(token).unwrap()));
        }
        insta::assert_snapshot!(text, @r#"
        POST https://auth.x.test/admin/as/token
        accept: application/json
        authorization: Basic d29ya2VyOnMzY3JldA==
        content-type: application/x-www-form-urlencoded
        grant_type=client_credentials
        GET https://api.x.test/v1/environments/env-1
        accept: application/json
        authorization: Bearer t0ken

        GET https://api.x.test/v1/organizations/org-1/licenses/lic-1
        accept: application/json
        authorization: Bearer t0ken

        GET https://api.x.test/v1/environments/env-1/flowPolicies?limit=200
        accept: application/json
        authorization: Bearer t0ken

        GET https://api.x.test/v1/environments/env-1/davinciApplications/app-1/flowPolicies?limit=200
        accept: application/json
        authorization: Bearer t0ken

        GET https://api.x.test/v1/environments/env-1/notificationsSettings/emailDeliverySettings
        accept: application/json
        authorization: Bearer t0ken

        PUT https://api.x.test/v1/environments/env-1/notificationsSettings/emailDeliverySettings
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/json
        {"from":{"address":"a@x.test"},"host":"mail.x.test","port":25}
        DELETE https://api.x.test/v1/environments/env-1/notificationsSettings/emailDeliverySettings
        accept: application/json
        authorization: Bearer t0ken

        GET https://api.x.test/v1/environments/env-1/populations?limit=200&filter=name%20eq%20%22Load%20%5C%221%5C%22%22
        accept: application/json
        authorization: Bearer t0ken

        POST https://api.x.test/v1/environments/env-1/populations
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/json
        {"name":"Load"}
        POST https://api.x.test/v1/environments/env-1/users
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/vnd.pingidentity.user.import+json
        {"email":"a@x.test","lifecycle":{"status":"ACCOUNT_OK","suppressVerificationCode":true},"name":{"family":"Lee","given":"Ann"},"password":{"forceChange":true,"value":"pa55"},"population":{"id":"pop-1"},"username":"a@x.test"}
        GET https://api.x.test/v1/environments/env-1/users?limit=200&filter=username%20sw%20%22gander-r1-%22
        accept: application/json
        authorization: Bearer t0ken

        PUT https://api.x.test/v1/environments/env-1/users/u%2F1/password
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/vnd.pingidentity.password.set+json
        {"forceChange":false,"value":"pa55"}
        PUT https://api.x.test/v1/environments/env-1/users/u1/password
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/vnd.pingidentity.password.forceChange+json
        {}
        POST https://api.x.test/v1/environments/env-1/users/u1
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/vnd.pingidentity.account.unlock+json
        {}
        POST https://api.x.test/v1/environments/env-1/users/u1
        accept: application/json
        authorization: Bearer t0ken
        content-type: application/vnd.pingidentity.account.lock+json
        {}
        DELETE https://api.x.test/v1/environments/env-1/users/u1
        accept: application/json
        authorization: Bearer t0ken
        "#);
    }

    #[test]
    fn a_call_shows_neither_password_nor_token() {
        let call = Call::import_user(&settings(), &user()).unwrap();
        let head = |request: Request<Bytes>| format!("{:?}", request.into_parts().0);
        let request = head(call.request(&"t0ken".to_owned().into()).unwrap());
        let token = head(token_request(&settings()).unwrap());
        let shown = format!("{call:?} {:?} {:?} {request} {token}", user(), settings());
        for secret in ["pa55", "s3cret", "t0ken", "d29ya2VyOnMzY3JldA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn an_id_that_leads_elsewhere_is_refused() {
        for id in ["", ".", "..", "%2e%2e", " ", "\t..\n"] {
            let error = Call::delete_user(&settings(), id).unwrap_err();
            assert!(matches!(error, ManagementError::NoAddress { .. }), "{id:?}");
        }
    }

    #[test]
    fn the_next_page_is_only_sought_at_the_api() {
        let settings = settings();
        let call = Call::find_users(&settings, "x").unwrap();
        let next = call.next_page(&settings, "https://api.x.test/v1/x?cursor=2").unwrap();
        assert_eq!(next.url.as_str(), "https://api.x.test/v1/x?cursor=2");
        for link in [
            "https://evil.test/v1/x",
            "http://api.x.test/v1/x",
            "https://api.x.test:8443/",
            "https://me@api.x.test/",
            "//evil.test/",
            "data:x",
        ] {
            let error = call.next_page(&settings, link).unwrap_err();
            assert!(matches!(error, ManagementError::ForeignLink { .. }), "{link}");
        }
    }
}
