//! What a stand-in tenant can be told, as plain values with defaults.

use super::fault::FaultRule;
use super::latency::DelayRule;
use super::policy::Policy;
use super::queue::Capacity;
use super::rate_limit::RateLimits;
use super::stall::Stall;
use crate::base::random::Seed;
use crate::base::secret::Secret;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything a stand-in tenant can be told. The default serves the stock flow on a free loopback
/// port, sends no mail and adds no delay.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Scheme, host and port that links and tokens name, where something stands in front.
    pub public_url: Option<String>,
    /// Allows addresses that are not loopback, for listening and for mail.
    pub beyond_loopback: bool,
    /// Environment id, a UUID; the first segment of the paths, and the company id.
    pub environment_id: String,
    /// Whether the authorization and flow paths lack the environment id, as on a custom domain.
    pub custom_domain: bool,
    /// The application whose authorize requests start flows.
    pub application: Application,
    /// The application whose bearer opens the management API.
    pub worker: Worker,
    /// The DaVinci application whose key opens starts by policy.
    pub davinci_application: DavinciApplication,
    /// Flow policies in the order of their priority; the first serves requests without `acr_values`.
    pub policies: Vec<FlowPolicy>,
    /// How tokens are signed.
    pub signing: Signing,
    /// Delays added to replies.
    pub delays: Vec<DelayRule>,
    /// What goes wrong on purpose.
    pub faults: Vec<FaultRule>,
    /// How many calls are taken.
    pub rate_limits: RateLimits,
    /// Whether TLS is spoken, and with which certificate.
    pub tls: Tls,
    /// Where codes are delivered and when.
    pub mail: Mail,
    /// What new passwords have to be like.
    pub password_policy: Policy,
    /// Wrong passwords in a row that lock an account; 0 never locks.
    pub lockout_failures: u32,
    /// How long a locked account stays locked.
    pub lockout_duration: Duration,
    /// How long codes are good for.
    pub validity: Validity,
    /// Limits of one run of a flow.
    pub limits: Limits,
    /// How pages that wait by themselves behave.
    pub polling: PollingSettings,
    /// Type that the form's `CANCEL`-like buttons carry.
    pub secondary_buttons: SecondaryButtons,
    /// Whether the `id` of a request must be that of the waiting form or of the last error's node.
    pub strict_ids: bool,
    /// How many calls it works on at once, if that is limited.
    pub capacity: Option<Capacity>,
    /// When it answers nothing.
    pub stalls: Vec<Stall>,
    /// How much is kept at most.
    pub room: Room,
    /// Where ids, codes, tokens and drawn delays come from.
    pub seed: Seed,
}

/// An OIDC application.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Client id, a UUID.
    pub client_id: String,
    /// Present for a confidential application, which must then show it at the token endpoint.
    pub client_secret: Option<Secret>,
    /// Registered redirect URIs; the first is the one reported.
    pub redirect_uris: Vec<String>,
    /// Scopes that are granted.
    pub scopes: Vec<String>,
    /// Whether a request without `code_challenge` is refused.
    pub require_pkce: bool,
    /// Whether the token endpoint hands out refresh tokens.
    pub refresh_tokens: bool,
}

/// The DaVinci application.
#[derive(Clone, Debug, PartialEq)]
pub struct DavinciApplication {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// Its API key; drawn at start when absent.
    pub api_key: Option<Secret>,
}

/// The worker application.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Client id, a UUID.
    pub client_id: String,
    /// Client secret; drawn at start when absent.
    pub client_secret: Option<Secret>,
}

/// A flow policy: what `acr_values` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowPolicy {
    /// Name for people, and key of the ready line.
    pub name: String,
    /// Policy id, 32 hexadecimal digits.
    pub id: String,
    /// The flow versions among which each start draws.
    pub distribution: Vec<Version>,
}

/// A flow version of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// Name of the flow.
    pub flow: String,
    /// How often it is drawn, in proportion to the weights of the others.
    pub weight: u32,
}

impl FlowPolicy {
    /// A policy that always starts the same flow.
    pub fn of(name: &str, id: &str, flow: &str) -> Self {
        let version = Version { flow: flow.to_owned(), weight: 1 };
        Self { name: name.to_owned(), id: id.to_owned(), distribution: vec![version] }
    }
}

/// How id and access tokens are signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signing {
    /// RSA of 2048 bits with SHA-256, as the service does.
    Rs256,
    /// P-256 with SHA-256, an order of magnitude cheaper.
    Es256,
}

/// Whether TLS is spoken, and with which certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// With a certificate for this machine, made at start by an authority made with it.
    Made,
    /// With one from files in PEM.
    Files {
        /// The certificate and those between it and its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Where codes are delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mail {
    /// SMTP server; with neither it nor a provider no mail is sent at all.
    pub server: Option<SocketAddr>,
    /// Address of a custom notification provider that mails are posted to instead.
    pub provider: Option<url::Url>,
    /// When TLS begins on the way to the SMTP server.
    pub tls: MailTls,
    /// Authority to trust there, in PEM; none for no other than the certificate's own.
    pub ca_pem: Option<String>,
    /// Name to bring.
    pub user: Option<String>,
    /// Password to bring.
    pub password: Option<Secret>,
    /// Bearer token to bring to a provider.
    pub token: Option<Secret>,
    /// The code that everybody gets, as flows made for tests have it; none for another each time.
    pub code: Option<Secret>,
    /// Whether the reply to a request that sends a code shows it, as `testCode`.
    pub show: bool,
    /// Whether the reply waits for the delivery. The order of the service is unknown (assumed).
    pub when: MailWhen,
    /// Sender of every mail.
    pub from: String,
}

/// When TLS begins on the way to an SMTP server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MailTls {
    /// Never.
    #[default]
    Off,
    /// After `STARTTLS`.
    StartTls,
    /// At once.
    Implicit,
}

/// When a mail is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MailWhen {
    /// The reply goes first; the mail follows on its own.
    AfterReply,
    /// The reply waits until the mail server took the mail or refused it.
    BeforeReply,
}

/// How long codes are good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// Code that proves a new account's address (documented for the newer verification: 24 h).
    pub verification: Duration,
    /// Code that recovers a password (documented: 5 min).
    pub recovery: Duration,
    /// Authorization code (unpublished; assumed).
    pub authorization: Duration,
    /// Access and id tokens (documented: 60 min).
    pub token: Duration,
    /// Sign-on that a later authorize request may reuse (stock flow: 480 min).
    pub session: Duration,
    /// Tokens that open starts by policy (unpublished; assumed).
    pub sdk_token: Duration,
}

/// Limits of one run of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Age at which an interaction has timed out (documented: 300 s).
    pub interaction_timeout: Duration,
    /// Runs of one node in one interaction (documented: 20).
    pub node_runs: u32,
    /// What the run after the last one answers (unknown on the service; assumed).
    pub node_runs_answer: NodeRunsAnswer,
}

/// How pages that wait by themselves behave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PollingSettings {
    /// What clients are told to wait between two polls (observed: 2 s).
    pub interval: Duration,
    /// How often clients are told to poll (observed: 60).
    pub retries: u32,
    /// How many polls are told to stay before one leads on (assumed).
    pub stays: u32,
    /// Which request for the state of a challenge finds it approved (assumed).
    pub approved_at: u32,
}

/// The answer to one node run too many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NodeRunsAnswer {
    /// 200 with `status: "FAILED"` and an `error` object.
    FailedFlow,
    /// 400 with an error body.
    Refusal,
}

/// Type of the buttons that lead back or aside (`CANCEL`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecondaryButtons {
    /// `FLOW_BUTTON`, as current tenants send (observed in client fixtures).
    Flow,
    /// `SUBMIT_BUTTON`, as the documentation prints.
    Submit,
}

/// How much is kept at most; beyond it the oldest goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Calls remembered with their details; later ones are only counted.
    pub calls: usize,
    /// Running interactions.
    pub interactions: usize,
    /// Authorization codes not yet exchanged.
    pub codes: usize,
    /// Sessions and revoked tokens.
    pub sessions: usize,
    /// Users; beyond it no new one is created.
    pub users: usize,
    /// Mails waiting for delivery; beyond it they count as failed.
    pub mails: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            beyond_loopback: false,
            environment_id: "6f2c9a1e-4b07-4d3c-9a55-0d1f6e7b8c21".to_owned(),
            custom_domain: false,
            application: Application::default(),
            worker: Worker {
                client_id: "b1c7d0e4-52f9-4e88-8f3a-7a6c5d4e3f20".to_owned(),
                client_secret: None,
            },
            davinci_application: DavinciApplication {
                id: "858cfbb75e33132a68c8586203ce1d11".to_owned(),
                api_key: None,
            },
            policies: built_in_policies(),
            signing: Signing::Rs256,
            delays: Vec::new(),
            faults: Vec::new(),
            rate_limits: RateLimits::default(),
            tls: Tls::Off,
            mail: Mail::default(),
            password_policy: Policy::standard(),
            lockout_failures: 5,
            lockout_duration: Duration::from_secs(900),
            validity: Validity::default(),
            limits: Limits::default(),
            polling: PollingSettings::default(),
            secondary_buttons: SecondaryButtons::Flow,
            strict_ids: false,
            capacity: None,
            stalls: Vec::new(),
            room: Room::default(),
            seed: Seed(1),
        }
    }
}

/// A policy for every flow, and one that draws between two.
fn built_in_policies() -> Vec<FlowPolicy> {
    let version = |flow: &str| Version { flow: flow.to_owned(), weight: 50 };
    let single = POLICIES.iter().map(|(name, id)| FlowPolicy::of(name, id, name));
    let versions = FlowPolicy {
        name: "versions".to_owned(),
        id: "581e9db0ce84a4127388299db76e7456".to_owned(),
        distribution: vec![version("stock"), version("verify-first")],
    };
    single.chain([versions]).collect()
}

/// Names of flows, and the ids of the policies that start them.
const POLICIES: &[(&str, &str)] = &[
    ("stock", "5d0e3b7c9a1f4826b7d5c3e1f0a92846"),
    ("forms", "937d7fc6c8b33eb8a4c2761798540877"),
    ("verify-first", "02e0da11a6d158d823856162e220eeb1"),
    ("agreement", "12529e9c6d0649246aad9f263b7acaae"),
    ("coverage", "a22ea564f39c2e7eed81bb2eaaa4da29"),
    ("polling", "bf3517c7ba55d66249f0a372ad986fe6"),
    ("challenge", "173a77b9426dc8712d5d779c934b6b02"),
    ("start-with-input", "38b6dd3447500d9a476642f5e4dd87ca"),
    ("without-pages", "bee3cb1698e4cd6ff166f158c9c2fa69"),
];

impl Default for Application {
    fn default() -> Self {
        Self {
            client_id: "0a4f8c6e-31d2-47b9-8e5d-c2b1a0f9e8d7".to_owned(),
            client_secret: None,
            redirect_uris: vec!["https://app.example.com/callback".to_owned()],
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            require_pkce: true,
            refresh_tokens: false,
        }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: None,
            provider: None,
            tls: MailTls::Off,
            ca_pem: None,
            user: None,
            password: None,
            token: None,
            code: None,
            show: false,
            when: MailWhen::AfterReply,
            from: "no-reply@stand-in.example".to_owned(),
        }
    }
}

impl Default for Validity {
    fn default() -> Self {
        Self {
            verification: Duration::from_hours(24),
            recovery: Duration::from_mins(5),
            authorization: Duration::from_mins(1),
            token: Duration::from_hours(1),
            session: Duration::from_mins(480),
            sdk_token: Duration::from_mins(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            interaction_timeout: Duration::from_mins(5),
            node_runs: 20,
            node_runs_answer: NodeRunsAnswer::FailedFlow,
        }
    }
}

impl Default for PollingSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(2), retries: 60, stays: 2, approved_at: 3 }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self {
            calls: 500_000,
            interactions: 200_000,
            codes: 50_000,
            sessions: 200_000,
            users: 1_000_000,
            mails: 20_000,
        }
    }
}

impl Settings {
    /// What stands between the origin and the authorization and flow paths.
    pub fn path_prefix(&self) -> String {
        if self.custom_domain { String::new() } else { format!("/{}", self.environment_id) }
    }

    /// Whether a call may be turned away because too many wait.
    pub fn has_short_queue(&self) -> bool {
        self.capacity.as_ref().is_some_and(|capacity| capacity.waiting.is_some())
    }

    /// The first address that is not loopback although it must be.
    pub fn outside_address(&self) -> Option<SocketAddr> {
        let provider = self.mail.provider.as_ref().and_then(address_of);
        let addresses = [Some(self.listen), self.mail.server, provider];
        let outside = |address: &SocketAddr| !address.ip().is_loopback();
        addresses.into_iter().flatten().find(outside).filter(|_| !self.beyond_loopback)
    }
}

/// The address in a URL. A name counts as one of this machine only if it says so.
fn address_of(url: &url::Url) -> Option<SocketAddr> {
    let port = url.port_or_known_default()?;
    let address = match url.host()? {
        url::Host::Ipv4(address) => address.into(),
        url::Host::Ipv6(address) => address.into(),
        url::Host::Domain("localhost") => Ipv4Addr::LOCALHOST.into(),
        url::Host::Domain(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    Some(SocketAddr::new(address, port))
}
