//! `[tenant]`: where the tenant is, which application is used, and what may be called.

use super::hidden;
use crate::base::document::{Item, Place, Problems, Section, Sited, Table, Value};
use crate::base::secret::{Secret, without_user_info};
use crate::davinci::form::{Client, Dialect};
use crate::journey::script::{STARTS, Start};
use crate::management::settings::Worker;
use crate::transport::AllowedHost;
use url::{Host, Url};

/// Everything that `[tenant]` says.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Authorization server and flow runtime.
    pub auth_url: String,
    /// Management API.
    pub api_url: Option<String>,
    /// Where SDK tokens come from.
    pub orchestrate_url: Option<String>,
    /// In every path of the authorization server, unless the tenant has a custom domain.
    pub environment_id: Option<String>,
    /// Whether the paths of the authorization server do without the environment's id.
    pub custom_domain: bool,
    /// The only hosts ever called.
    pub hosts: Vec<String>,
    /// OIDC application.
    pub client_id: String,
    /// For confidential applications only.
    pub client_secret: Option<Secret>,
    /// Registered redirect address.
    pub redirect_uri: String,
    /// Scopes of the authorize request.
    pub scopes: Vec<String>,
    /// Which genuine client's habits to imitate.
    pub client: Client,
    /// How flows are started, unless a journey says otherwise.
    pub start: Start,
    /// The dialect that a start by policy asks for.
    pub start_dialect: Dialect,
    /// Where the token for starts by policy comes from.
    pub sdk_token: Option<SdkToken>,
    /// Whether a browser's preflights are sent, too.
    pub preflight: bool,
    /// Extra parameters of the authorize request.
    pub authorize_parameters: Vec<(String, String)>,
    /// Extra headers of every call.
    pub headers: Vec<(String, String)>,
    /// Values of headers, parameters and the redirect address that may be secret.
    pub(super) hidden: Vec<Secret>,
    /// Support case under which the test was announced.
    pub acknowledge: Option<String>,
    /// Worker application for the management API.
    pub worker: Option<Worker>,
    /// Whether all of it is this machine.
    pub is_loopback: bool,
    /// Where the table begins.
    pub place: Option<Place>,
}

/// `[tenant.sdk_token]`: what lets a flow be started by its policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SdkToken {
    /// API key of the DaVinci application, with which tokens are fetched and renewed.
    ApiKey(Secret),
    /// A token that the person brought along; it is not renewed.
    Bearer(Secret),
}

impl Tenant {
    /// The tenant that a table describes, as `[tenant]` would.
    pub fn of(table: &Table, problems: &Problems) -> Option<Self> {
        Self::read(Section::at("tenant", table, problems))
    }

    /// Reads `[tenant]`; absent means the stand-in.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let place = section.place()?.clone();
        let auth_url = section
            .required_text("auth_url", "such as `auth_url = \"https://auth.pingone.eu\"`")
            .and_then(|text| read_url(&section, "auth_url", text));
        let api_url = section.text("api_url").and_then(|text| read_url(&section, "api_url", text));
        let client_id =
            section.required_text("client_id", "name the OIDC application whose flow is run");
        let redirect_uri = section.required_text(
            "redirect_uri",
            "name a redirect address registered for the application; nothing is redirected",
        );
        refuse_user_info(&mut section, "redirect_uri");
        let orchestrate_url = section
            .text("orchestrate_url")
            .and_then(|text| read_url(&section, "orchestrate_url", text));
        let environment_id = section.text("environment_id").map(|text| text.value);
        let custom_domain = section.flag("custom_domain").unwrap_or(environment_id.is_none());
        let urls = [auth_url.as_ref(), api_url.as_ref(), orchestrate_url.as_ref()];
        let named_hosts = urls.iter().flatten().map(|url| origin(&url.value));
        refuse_unreadable_hosts(&mut section);
        let hosts = section.texts("hosts").map_or_else(
            || named_hosts.collect(),
            |hosts| hosts.into_iter().map(|host| host.value).collect(),
        );
        let scopes = section.texts("scopes").map_or_else(
            || vec!["openid".to_owned()],
            |scopes| scopes.into_iter().map(|scope| scope.value).collect(),
        );
        let client_secret = section.secret("client_secret");
        let clients = [("javascript", Client::JavaScript), ("mobile", Client::Mobile)];
        let client = section.choice("client", &clients).unwrap_or_default();
        let start = section.choice("start", STARTS).unwrap_or_default();
        let dialects = [("screen", Dialect::Screen), ("sdk", Dialect::Sdk)];
        let start_dialect = section.choice("start_dialect", &dialects).unwrap_or(Dialect::Screen);
        let sdk_token = read_sdk_token(section.section("sdk_token"));
        let preflight = read_preflight(&mut section, client, redirect_uri.as_ref());
        let pairs = |pairs: Vec<(String, Sited<String>)>| {
            pairs.into_iter().map(|(name, text)| (name, text.value)).collect::<Vec<_>>()
        };
        let authorize_parameters = pairs(section.text_map("authorize_parameters"));
        let headers = read_headers(&mut section);
        let hidden = hidden::read(&mut section);
        let acknowledge = section.text("acknowledge").map(|text| text.value);
        let mut worker_section = section.section("worker");
        let worker = Worker::read(&mut worker_section);
        worker_section.finish();
        let is_loopback = urls.iter().flatten().all(|url| is_loopback(&url.value));
        section.finish();
        Some(Self {
            auth_url: text_of(&auth_url?.value),
            api_url: api_url.map(|url| text_of(&url.value)),
            orchestrate_url: orchestrate_url.map(|url| text_of(&url.value)),
            environment_id,
            custom_domain,
            hosts,
            client_id: client_id?.value,
            client_secret,
            redirect_uri: redirect_uri?.value,
            scopes,
            client,
            start,
            start_dialect,
            sdk_token,
            preflight,
            authorize_parameters,
            headers,
            hidden,
            acknowledge,
            worker,
            is_loopback,
            place: Some(place),
        })
    }

    /// The environment's id as far as it belongs into the paths of the authorization server.
    pub fn environment_in_paths(&self) -> Option<&str> {
        self.environment_id.as_deref().filter(|_| !self.custom_domain)
    }

    /// Origin of the page whose preflights are sent; none if none are.
    pub fn page(&self) -> Option<String> {
        let uri = Url::parse(&self.redirect_uri).ok().filter(|_| self.preflight)?;
        Some(uri.origin().ascii_serialization())
    }

    /// Whether the profile gives access to its management API.
    pub const fn is_managed(&self) -> bool {
        self.worker.is_some() && self.api_url.is_some()
    }

    /// What a person must type to show that this tenant is meant: its environment id, or its host
    /// where a custom domain hides the id.
    pub fn typed_name(&self) -> String {
        self.environment_id.clone().unwrap_or_else(|| {
            Url::parse(&self.auth_url)
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default()
        })
    }

    /// Where it is, for telling whether two are the same: the environment and the host that signs in. What
    /// is typed to acknowledge a load names the environment alone.
    pub fn address(&self) -> String {
        let environment = self.environment_id.as_deref().unwrap_or("no environment id");
        format!("`{environment}` on `{}`", self.auth_url)
    }
}

fn read_sdk_token(mut section: Section<'_>) -> Option<SdkToken> {
    let key = section.secret("api_key").map(SdkToken::ApiKey);
    let bearer = section.secret("bearer").map(SdkToken::Bearer);
    if section.is_present() && key.is_some() == bearer.is_some() {
        let remedy =
            "give one of them: `api_key = \"${DAVINCI_API_KEY}\"`, or `bearer` with a token";
        section.missing("api_key` or `bearer", remedy);
    }
    section.finish();
    key.or(bearer)
}

/// Only a browser asks before it sends, and only a page has an origin.
fn read_preflight(
    section: &mut Section<'_>,
    client: Client,
    redirect_uri: Option<&Sited<String>>,
) -> bool {
    if section.flag("preflight") != Some(true) {
        return false;
    }
    let is_page = |uri: &Sited<String>| {
        Url::parse(&uri.value).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
    };
    let what = if client != Client::JavaScript {
        "a mobile client sends no preflights"
    } else if !redirect_uri.is_none_or(is_page) {
        "preflights come from a page, and `tenant.redirect_uri` is none"
    } else {
        return true;
    };
    let remedy =
        "leave `preflight` out, or imitate `client = \"javascript\"` on an `https://` page";
    let place = section.item("preflight").map(|item| &item.place);
    section.problems().note(place, what, Some(remedy.to_owned()));
    false
}

/// An address may say who somebody is to its server only if that comes from outside the document.
fn refuse_user_info(section: &mut Section<'_>, key: &'static str) {
    let Some(Item { place, value: Value::Text { text, filled_in: false } }) = section.item(key)
    else {
        return;
    };
    if without_user_info(text) != *text {
        let what = format!("`{}` holds a user name or password", section.name(key));
        let remedy = "leave it out, or take the address from outside: `${NAME}`".to_owned();
        section.problems().note(Some(place), what, Some(remedy));
    }
}

/// A host that came from outside the document and is none must not be shown, as later messages do.
fn refuse_unreadable_hosts(section: &mut Section<'_>) {
    let Some(Item { value: Value::List(hosts), .. }) = section.item("hosts") else { return };
    for host in hosts {
        if let Value::Text { text, filled_in: true } = &host.value
            && text.parse::<AllowedHost>().is_err()
        {
            section.unreadable("hosts", host);
        }
    }
}

fn read_headers(section: &mut Section<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, text) in section.text_map("headers") {
        let fits = http::HeaderName::try_from(name.as_str()).is_ok()
            && http::HeaderValue::try_from(text.value.as_str()).is_ok();
        if fits {
            headers.push((name, text.value));
        } else {
            section.problems().note(
                Some(&text.place),
                format!("`{name}` cannot be sent as a header"),
                None,
            );
        }
    }
    headers
}

fn read_url(section: &Section<'_>, key: &str, text: Sited<String>) -> Option<Sited<Url>> {
    let note = |what: String, remedy: &str| {
        section.problems().note(Some(&text.place), what, Some(remedy.to_owned()));
        None
    };
    let Ok(url) = Url::parse(&text.value) else {
        return note(
            // Without the address itself, which may have come from outside the document.
            format!("`{}` is no address", section.name(key)),
            "write it whole: `https://auth.pingone.eu`",
        );
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return note(
            format!("`{}` is not an http(s) address", section.name(key)),
            "write `https://…`",
        );
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return note(
            format!("`{}` holds more than a host and a path", section.name(key)),
            "leave credentials and parameters out of it",
        );
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return note(
            format!(
                "`{}` is not encrypted, and {} is not this machine",
                section.name(key),
                url.host_str().unwrap_or("")
            ),
            "use `https://`",
        );
    }
    Some(Sited { place: text.place, value: url })
}

/// Scheme, host and port: a link to another port of the same host is a link elsewhere.
fn origin(url: &Url) -> String {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    format!("{}://{host}:{}", url.scheme(), port.unwrap_or_default())
}

fn text_of(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Whether a URL names this machine by its own name or a loopback address. Other names that happen
/// to resolve to loopback do not count: what a name resolves to can change.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str, filled: &str) -> String {
        let mut table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|text| Ok((text == "${X}").then(|| filled.to_owned())));
        let _ = Tenant::read(Section::document(&table, &problems));
        problems.into_sorted().into_iter().map(|problem| problem.what + "\n").collect()
    }

    #[test]
    fn a_redirect_address_in_the_document_says_not_who_somebody_is() {
        let with = |uri: &str| {
            let text = "auth_url = \"https://auth.example.com\"\nclient_id = \"a\"\n";
            problems_of(&format!("{text}redirect_uri = \"{uri}\""), "https://u:hidden@a.example/")
        };
        let refused = "`redirect_uri` holds a user name or password\n";
        assert_eq!(with("https://u:hidden@a.example/callback?k=1"), refused);
        assert_eq!(with("app.example://hidden@callback"), refused);
        assert_eq!(with("https://a.example/callback?k=me@b.example"), "");
        assert_eq!(with("app.example://callback"), "");
        assert_eq!(with("${X}"), "");
    }

    #[test]
    fn a_host_from_outside_the_document_is_in_no_message() {
        let text = "auth_url = \"${X}\"\nclient_id = \"a\"\nredirect_uri = \"https://a.example\"\n\
                    hosts = [\"a.example\", \"${X}\"]";
        let said = problems_of(text, "hidden/and more");
        assert_eq!(
            said,
            "`auth_url` is no address\n`hosts`: the value that `${…}` gives cannot be read\n"
        );
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:8910", true),
            ("http://127.9.9.9", true),
            ("http://localhost:1", true),
            ("http://tenant.localhost", true),
            ("http://[::1]:80", true),
            ("https://auth.pingone.eu", false),
            ("https://127.0.0.1.example.com", false),
            ("https://0.0.0.0", false),
            ("https://10.0.0.1", false),
            ("https://[::ffff:127.0.0.1]", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
