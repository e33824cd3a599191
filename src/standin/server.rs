//! The server: routes as a table, the frame around every call, start and stop.

use super::call::Call;
use super::frame::{Handler, Served, framed, respond_whole};
use super::keys::Keys;
use super::mail::{Mailer, sender};
use super::place::{Area, Place};
use super::reply::{Key, Reply};
use super::settings::{Settings, Version};
use super::tenant::Tenant;
use super::tls::{TlsError, secured};
use super::{
    applications, authorize, capability, challenge, discovery, echo, hosted, line, mail_settings,
    management, par, policy_start, sdk_token, session, token, user_api,
};
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const MAIL_SETTINGS: &str = "/notificationsSettings/emailDeliverySettings";

/// Every route of the tenant.
const ROUTES: &[(Area, MethodFilter, &str, Handler)] = &[
    (Area::Auth, GET, "/as/.well-known/openid-configuration", discovery::configuration),
    (Area::Auth, GET, "/as/jwks", discovery::jwks),
    (Area::Auth, GET, "/davinci/.well-known/jwks.json", discovery::jwks),
    (Area::Auth, GET.or(POST), "/as/authorize", authorize::authorize),
    (
        Area::Auth,
        POST,
        "/davinci/connections/{connection}/capabilities/{capability}",
        capability::advance,
    ),
    (Area::Auth, POST, "/davinci/policy/{policy}/start", policy_start::start),
    (Area::Auth, POST, "/davinci/user/credentials/challenge/{challenge}/status", challenge::status),
    (Area::Auth, POST, "/as/par", par::push),
    (Area::Auth, POST, "/as/resume", hosted::resume),
    (Area::Auth, POST, "/as/token", token::token),
    (Area::Auth, POST, "/as/introspect", token::introspect),
    (Area::Auth, POST, "/as/revoke", token::revoke),
    (Area::Auth, GET.or(POST), "/as/userinfo", session::userinfo),
    (Area::Auth, GET, "/as/signoff", session::sign_off),
    (Area::Management, GET, "", management::environment),
    (Area::Management, GET, "/populations", management::populations),
    (Area::Management, POST, "/populations", management::create_population),
    (Area::Company, GET.or(POST), "/sdktoken", sdk_token::sdk_token),
    (Area::Company, POST, "/policy/{policy}/start", policy_start::start_with_key),
    (Area::StandIn, GET, "/coverage", echo::coverage),
    (Area::Management, GET, "/applications", applications::list),
    (Area::Management, GET, "/applications/{application}", applications::read),
    (
        Area::Management,
        GET,
        "/applications/{application}/flowPolicyAssignments",
        applications::assignments,
    ),
    (Area::Management, GET, "/davinciApplications", applications::davinci_list),
    (Area::Management, GET, "/davinciApplications/{application}", applications::davinci_read),
    (
        Area::Management,
        GET,
        "/davinciApplications/{application}/flowPolicies",
        applications::davinci_policies,
    ),
    (Area::Management, GET, "/flowPolicies", management::flow_policies),
    (Area::Management, GET, "/flowPolicies/{policy}", management::flow_policy),
    (Area::Management, GET, MAIL_SETTINGS, mail_settings::read),
    (Area::Management, MethodFilter::PUT, MAIL_SETTINGS, mail_settings::replace),
    (Area::Management, MethodFilter::DELETE, MAIL_SETTINGS, mail_settings::remove),
    (Area::Management, GET, "/users", user_api::find),
    (Area::Management, POST, "/users", user_api::create),
    (Area::Management, GET, "/users/{user}", user_api::read),
    (Area::Management, MethodFilter::PATCH, "/users/{user}", user_api::update),
    (Area::Management, MethodFilter::DELETE, "/users/{user}", user_api::delete),
    (Area::Management, POST, "/users/{user}", user_api::act),
    (Area::Management, GET, "/users/{user}/password", user_api::password_state),
    (Area::Management, MethodFilter::PUT.or(POST), "/users/{user}/password", user_api::password),
];

/// How long a stop waits for calls and mails under way.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Why a stand-in tenant could not start.
#[derive(Debug, thiserror::Error)]
pub enum StandInError {
    /// An address is not loopback.
    #[error("{address} is not a loopback address")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A policy names a flow that is not there.
    #[error("flow policy `{policy}` starts flow `{flow}`, which does not exist")]
    NoFlow {
        /// The policy's name.
        policy: String,
        /// The flow's name.
        flow: String,
    },
    /// There is no flow policy, redirect URI or scope.
    #[error("the tenant has no {what}")]
    Nothing {
        /// What is missing.
        what: &'static str,
    },
    /// The sender of mails is not an address.
    #[error("`{from}` cannot send mail: it is not an address")]
    Sender {
        /// The text.
        from: String,
    },
    /// No signing key was made.
    #[error("the signing key could not be made")]
    Key {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be served.
    #[error("TLS cannot be served")]
    Tls(#[from] TlsError),
}

impl Remedy for StandInError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NotLoopback { .. } => {
                "use 127.0.0.1, or set `beyond_loopback = true` if others may reach it".to_owned()
            }
            Self::Listen { .. } => "choose another port, or port 0 for a free one".to_owned(),
            Self::NoFlow { .. } => {
                let names = super::flows::FLOWS.iter().map(|flow| flow.name);
                format!("choose one of {}", names.collect::<crate::base::remedy::Listing>())
            }
            Self::Nothing { what } => format!("give it at least one {what}"),
            Self::Sender { .. } => "write it like `no-reply@example.com`".to_owned(),
            Self::Tls(TlsError::File { .. } | TlsError::Unusable(_)) => {
                "give `tls_certificate` and `tls_key` a certificate in PEM and its private key, or leave them out".to_owned()
            }
            Self::Tls(TlsError::Made(_)) | Self::Key { .. } => return None,
        })
    }
}

/// Everything a client needs to know about a running tenant.
///
/// The worker's secret and the API key are in it as plain text: it goes over a pipe to the parent process, which
/// needs it, and nowhere else.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ready {
    /// Origin of the authorization server and the flow runtime.
    pub auth_url: String,
    /// Origin of the management API.
    pub api_url: String,
    /// Origin of the orchestration API.
    pub orchestrate_url: String,
    /// Environment id.
    pub environment_id: String,
    /// Whether the paths of the authorization server and the flow runtime lack the environment id.
    #[serde(default)]
    pub custom_domain: bool,
    /// Client id of the application.
    pub client_id: String,
    /// Registered redirect URI.
    pub redirect_uri: String,
    /// Scopes that are granted.
    pub scopes: Vec<String>,
    /// Flow policies: name to id.
    pub policies: BTreeMap<String, String>,
    /// API key of the DaVinci application, for the SDK-token route.
    pub api_key: String,
    /// The worker application.
    pub worker: ReadyWorker,
    /// Id of the default population.
    pub population_id: String,
    /// The authority to trust, in PEM, where a certificate was made for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
}

/// Without the secrets.
impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Ready");
        shown.field("auth_url", &self.auth_url).field("policies", &self.policies);
        shown.finish_non_exhaustive()
    }
}

/// The worker application's credentials.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReadyWorker {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
}

impl std::fmt::Debug for ReadyWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyWorker").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A tenant that is being served.
#[derive(Debug)]
pub struct Running {
    /// What clients need to know.
    pub ready: Ready,
    /// Where it listens; its links name this unless it has a public URL.
    pub address: SocketAddr,
    tenant: Arc<Tenant>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    mail: Vec<JoinHandle<()>>,
}

/// Serves a tenant until [`Running::stop`], or until the runtime ends.
pub async fn serve(settings: Settings, clock: Clock) -> Result<Running, StandInError> {
    examine(&settings)?;
    let address = settings.listen;
    let listening = |source| StandInError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let keys = Keys::generate(settings.signing).map_err(|source| StandInError::Key { source })?;
    let (mailer, mail) = Mailer::start(&settings.mail, settings.room.mails);
    let (acceptor, ca_pem) =
        secured(&settings.tls, address.ip())?.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let origin = settings.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    let parts = (origin, keys, mailer);
    let tenant = Arc::new(Tenant::new(settings, clock, parts));
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(line::serve(listener, acceptor, routes(tenant.clone()), stopped));
    let ready = ready(&tenant, ca_pem.flatten());
    Ok(Running { ready, address, tenant, stop, server, mail })
}

impl Running {
    /// The tenant, for a look at its state from the same process.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Takes no more connections, lets calls and mails under way finish, for 10 s at most.
    pub async fn stop(self) {
        let Self { tenant, stop, server, mail, .. } = self;
        let _ = stop.send(());
        let abort = server.abort_handle();
        if tokio::time::timeout(STOP_PATIENCE, server).await.is_err() {
            abort.abort();
        }
        // The last owner of the tenant drops the queues, and with them the workers' reason to wait.
        drop(tenant);
        for worker in mail {
            let abort = worker.abort_handle();
            if tokio::time::timeout(STOP_PATIENCE, worker).await.is_err() {
                abort.abort();
            }
        }
    }
}

fn examine(settings: &Settings) -> Result<(), StandInError> {
    if let Some(address) = settings.outside_address() {
        return Err(StandInError::NotLoopback { address });
    }
    for (what, is_there) in [
        ("flow policy", !settings.policies.is_empty()),
        ("redirect URI", !settings.application.redirect_uris.is_empty()),
        ("scope", !settings.application.scopes.is_empty()),
    ] {
        if !is_there {
            return Err(StandInError::Nothing { what });
        }
    }
    for policy in &settings.policies {
        let unknown = |version: &&Version| super::flows::named(&version.flow).is_none();
        if let Some(version) = policy.distribution.iter().find(unknown) {
            let (policy, flow) = (policy.name.clone(), version.flow.clone());
            return Err(StandInError::NoFlow { policy, flow });
        }
        if policy.distribution.iter().all(|version| version.weight == 0) {
            return Err(StandInError::Nothing { what: "flow version with a weight" });
        }
    }
    if settings.mail.server.is_some() && sender(&settings.mail).is_none() {
        return Err(StandInError::Sender { from: settings.mail.from.clone() });
    }
    Ok(())
}

fn ready(tenant: &Tenant, ca_pem: Option<String>) -> Ready {
    let settings = &tenant.settings;
    let policies = settings.policies.iter();
    Ready {
        auth_url: tenant.origin.clone(),
        api_url: tenant.origin.clone(),
        orchestrate_url: tenant.origin.clone(),
        environment_id: settings.environment_id.clone(),
        custom_domain: settings.custom_domain,
        api_key: tenant.api_key.expose().clone(),
        client_id: settings.application.client_id.clone(),
        redirect_uri: settings.application.redirect_uris.first().cloned().unwrap_or_default(),
        scopes: settings.application.scopes.clone(),
        policies: policies.map(|policy| (policy.name.clone(), policy.id.clone())).collect(),
        worker: ReadyWorker {
            client_id: settings.worker.client_id.clone(),
            client_secret: tenant.worker_secret.expose().clone(),
        },
        population_id: tenant.population_id.clone(),
        ca_pem,
    }
}

fn routes(tenant: Arc<Tenant>) -> Router {
    let environment = &tenant.settings.environment_id;
    let auth = tenant.settings.path_prefix();
    let mut router = Router::new()
        .route("/stand-in/calls", on(GET, calls))
        .route("/stand-in/truth", on(GET, truth))
        .route("/stand-in/error", on(GET, error_page));
    let frame = |served: Served| {
        move |State(tenant): State<Arc<Tenant>>, path, request| {
            framed(tenant, served, path, request)
        }
    };
    for (area, methods, path, handler) in ROUTES {
        let prefix = match area {
            Area::Auth => auth.clone(),
            Area::Company => "/v1/company/{company}".to_owned(),
            Area::StandIn => "/stand-in".to_owned(),
            Area::Management => format!("/v1/environments/{environment}"),
        };
        // What the stand-in tells of itself is no call of a tenant: no fault or delay strikes it.
        let place = (*area != Area::StandIn).then_some(Place { area: *area, path });
        let served = Served { place, handler: *handler };
        router = router.route(&format!("{prefix}{path}"), on(*methods, frame(served)));
    }
    let nowhere = Served { place: None, handler: not_found };
    let not_so = Served { place: None, handler: not_allowed };
    router.fallback(frame(nowhere)).method_not_allowed_fallback(frame(not_so)).with_state(tenant)
}

/// Headers that a preflight allows even if it does not ask for them.
const ALLOWED_HEADERS: &str = "content-type, accept, accept-language, authorization, interactionid, interactiontoken, x-requested-with, x-requested-platform";

fn preflight(call: &Call) -> Reply {
    let wanted = call.header("access-control-request-headers").unwrap_or_default();
    let listed =
        |name: &str| ALLOWED_HEADERS.split(", ").any(|allowed| allowed.eq_ignore_ascii_case(name));
    let more = wanted.split(',').map(str::trim).filter(|name| !name.is_empty() && !listed(name));
    let headers = more.fold(ALLOWED_HEADERS.to_owned(), |all, name| all + ", " + name);
    let methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
    let with =
        |reply: Reply, name: HeaderName, value: &str| reply.with_header(name, value.to_owned());
    let reply = with(Reply::empty(), header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let reply = with(reply, header::ACCESS_CONTROL_ALLOW_HEADERS, &headers);
    with(reply, header::ACCESS_CONTROL_MAX_AGE, "600").of(Key::outside("preflight"))
}

fn not_found(_: &Tenant, call: &Call) -> Reply {
    if call.method == Method::OPTIONS {
        return preflight(call);
    }
    Reply::platform(StatusCode::NOT_FOUND, "NOT_FOUND", "Nothing is served at this path")
        .of(Key::outside("not-found"))
}

fn not_allowed(_: &Tenant, call: &Call) -> Reply {
    if call.method == Method::OPTIONS {
        return preflight(call);
    }
    let message = "This path does not take this method";
    Reply::platform(StatusCode::METHOD_NOT_ALLOWED, "INVALID_REQUEST", message)
        .of(Key::outside("not-allowed"))
}

async fn calls(State(tenant): State<Arc<Tenant>>, request: Request) -> Response {
    let query = super::call::Pairs::read(request.uri().query().unwrap_or_default().as_bytes());
    let since = query.get("since").and_then(|since| since.parse().ok()).unwrap_or(0);
    respond_whole(&tenant, Reply::ok(&tenant.record.calls(since)), request.headers())
}

async fn truth(State(tenant): State<Arc<Tenant>>, request: Request) -> Response {
    let mut truth = tenant.record.truth();
    truth["mails"] = tenant.mailer.truth();
    truth["users"] = json!(tenant.directory().populations().iter().map(|p| p.users).sum::<usize>());
    truth["interactions"] = json!(tenant.interactions.len());
    truth["sessions"] = json!(tenant.sessions.len());
    truth["rate_limited"] = tenant.meter.truth();
    respond_whole(&tenant, Reply::ok(&truth), request.headers())
}

/// Where wrong authorize requests are sent; without CORS headers, on purpose.
async fn error_page(State(tenant): State<Arc<Tenant>>, request: Request) -> Response {
    let query = super::call::Pairs::read(request.uri().query().unwrap_or_default().as_bytes());
    let code = query.get("error").unwrap_or("unknown");
    let body = json!({ "error": { "code": code, "message": "the authorize request was wrong" } });
    let reply = Reply::json(StatusCode::BAD_REQUEST, &body);
    respond_whole(&tenant, Reply { cors: false, ..reply }, request.headers())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::http::HeaderMap;

    fn tenant() -> Tenant {
        let settings =
            Settings { signing: super::super::settings::Signing::Es256, ..Settings::default() };
        let (mailer, _) = Mailer::start(&settings.mail, 1);
        let keys = Keys::generate(settings.signing).unwrap();
        Tenant::new(settings, Clock::system(), ("http://h:1".to_owned(), keys, mailer))
    }

    /// Faults are selected before the handler runs, delays and the record use what it says.
    #[tokio::test]
    async fn a_route_is_known_before_its_handler_by_the_key_that_the_handler_gives() {
        let tenant = tenant();
        for (area, methods, path, handler) in ROUTES {
            let every = [
                (MethodFilter::GET, Method::GET),
                (MethodFilter::POST, Method::POST),
                (MethodFilter::PUT, Method::PUT),
                (MethodFilter::PATCH, Method::PATCH),
                (MethodFilter::DELETE, Method::DELETE),
            ];
            let (_, method) = every
                .into_iter()
                .find(|(filter, _)| methods.or(*filter) == *methods)
                .unwrap_or_else(|| panic!("{path} has none of the methods"));
            let segments = [("capability".to_owned(), "customHTMLTemplate".to_owned())];
            let call = Call {
                method,
                path: segments.to_vec(),
                query: String::new(),
                headers: HeaderMap::new(),
                body: Bytes::from_static(
                    br#"{"parameters":{"eventType":"submit","data":{"actionKey":"NEXT"}}}"#,
                ),
            };
            let place = Place { area: *area, path };
            assert_eq!(place.key(&call), handler(&tenant, &call).key, "{path}");
        }
    }
}
