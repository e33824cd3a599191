//! What a stand-in tenant can be told, as plain values with defaults.

use super::fault::FaultRule;
use super::latency::DelayRule;
use super::policy::Policy;
use super::rate_limit::RateLimits;
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
    /// The application whose authorize requests start flows.
    pub application: Application,
    /// The application whose bearer opens the management API.
    pub worker: Worker,
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
    /// Type that the form's `CANCEL`-like buttons carry.
    pub secondary_buttons: SecondaryButtons,
    /// Whether the `id` of a request must be that of the waiting form or of the last error's node.
    pub strict_ids: bool,
    /// How much is kept at most.
    pub capacity: Capacity,
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
    /// Name of the flow it starts.
    pub flow: String,
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
    /// SMTP server; none sends no mail at all.
    pub server: Option<SocketAddr>,
    /// Whether the reply waits for the delivery. The order of the service is unknown (assumed).
    pub when: MailWhen,
    /// Sender of every mail.
    pub from: String,
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
pub struct Capacity {
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
        let policy = |name: &str, id: &str| FlowPolicy {
            name: name.to_owned(),
            id: id.to_owned(),
            flow: "stock".to_owned(),
        };
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            beyond_loopback: false,
            environment_id: "6f2c9a1e-4b07-4d3c-9a55-0d1f6e7b8c21".to_owned(),
            application: Application::default(),
            worker: Worker {
                client_id: "b1c7d0e4-52f9-4e88-8f3a-7a6c5d4e3f20".to_owned(),
                client_secret: None,
            },
            policies: vec![policy("stock", "5d0e3b7c9a1f4826b7d5c3e1f0a92846")],
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
            secondary_buttons: SecondaryButtons::Flow,
            strict_ids: false,
            capacity: Capacity::default(),
            seed: Seed(1),
        }
    }
}

impl Default for Application {
    fn default() -> Self {
        Self {
            client_id: "0a4f8c6e-31d2-47b9-8e5d-c2b1a0f9e8d7".to_owned(),
            client_secret: None,
            redirect_uris: vec!["https://app.example.com/callback".to_owned()],
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            require_pkce: true,
        }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: None,
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

impl Default for Capacity {
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
    /// The first address that is not loopback although it must be.
    pub fn outside_address(&self) -> Option<SocketAddr> {
        let addresses = [Some(self.listen), self.mail.server];
        let outside = |address: &SocketAddr| !address.ip().is_loopback();
        addresses.into_iter().flatten().find(outside).filter(|_| !self.beyond_loopback)
    }
}
