//! The part of the schema that is about the embedded stand-in. It is described here and not beside its
//! reader: the stand-in shares nothing with the rest of gander, and tests hold the two together.

use crate::base::schema::{
    Duration, Rate, Secret, Share, Size, described, number_pattern, span_word_pattern, text_like,
    words_or_reference,
};
use schemars::JsonSchema;

described! {
    /// How long something takes: `constant 50ms`, `lognormal 25ms 0.5` with the median and a sigma, or
    /// `exponential 20ms` with the mean.
    Delay = text_like(&delay_pattern());
    /// So much more in so long: `10% per 5m`; less with a minus.
    Drift = text_like(&drift_pattern());
    /// How tokens are signed; `ES256` costs less.
    Signing = words_or_reference(["RS256", "ES256"]);
    /// How CANCEL and the like are sent: as the service does (`flow`), or as the documentation prints.
    SecondaryButtons = words_or_reference(["flow", "submit"]);
    /// Whether a mail goes out after the reply that announces it, or before.
    MailWhen = words_or_reference(["after-reply", "before-reply"]);
    /// When TLS begins on the way to a server for mail.
    MailTls = words_or_reference(["off", "starttls", "implicit"]);
    /// Where notifications are posted to: `http://127.0.0.1:2580/`.
    Address = text_like("[Hh][Tt][Tt][Pp][Ss]?://.+");
    /// What a flow that ran too many nodes answers.
    NodeRunsAnswer = words_or_reference(["failed-flow", "refusal"]);
    /// The password policy that the rest of the table changes.
    PolicyBase = words_or_reference(["standard", "passphrase", "basic", "none"]);
    /// A flow that the stand-in knows.
    FlowName = words_or_reference(FLOWS.iter().copied());
    /// What goes wrong.
    FaultKind = words_or_reference(FAULTS.iter().copied());
}

#[rustfmt::skip]
const FLOWS: &[&str] = &[
    "stock", "forms", "verify-first", "agreement", "coverage", "polling", "challenge",
    "start-with-input", "without-pages",
];

#[rustfmt::skip]
const FAULTS: &[&str] = &[
    "stall", "http-500", "http-503-html", "rate-limited", "blocked", "reset", "reset-mid-body",
    "slow-body", "truncated", "interaction-rejected", "timed-out", "failed-flow", "oversized",
    "author-error", "not-json", "foreign-link", "repeating", "repeating-names",
];

fn delay_pattern() -> String {
    let (span, number) = (span_word_pattern(), number_pattern());
    format!(r"(constant|exponential)\s+{span}|lognormal\s+{span}\s+{number}")
}

fn drift_pattern() -> String {
    format!(r"-?\s*{}\s*%\s+per\s+{}", number_pattern(), span_word_pattern())
}

/// How the embedded stand-in tenant behaves.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StandIn {
    /// Address and port; the embedded one takes a free port.
    listen: Option<String>,
    /// What links name, where something stands in front.
    public_url: Option<String>,
    /// A UUID.
    environment_id: Option<String>,
    /// Whether paths are without the environment's id.
    custom_domain: Option<bool>,
    /// The OIDC application.
    application: Option<Application>,
    /// The DaVinci application.
    davinci_application: Option<DavinciApplication>,
    /// Replaces the built-in policies; the first serves who asks for none.
    flow_policy: Option<Vec<FlowPolicy>>,
    /// `RS256` by default.
    signing: Option<Signing>,
    /// How long replies take. The most specific row that fits a call counts.
    delay: Option<Vec<DelayRule>>,
    /// What goes wrong.
    fault: Option<Vec<FaultRule>>,
    /// Calls a second by group; off by default.
    rate_limits: Option<RateLimits>,
    /// Whether TLS is spoken, with a certificate made at start unless files are named.
    tls: Option<bool>,
    /// PEM file of a certificate; goes with `tls_key`.
    tls_certificate: Option<String>,
    /// PEM file of its key.
    tls_key: Option<String>,
    /// Where mail goes.
    mail: Option<Mail>,
    /// What passwords have to be like.
    password_policy: Option<PasswordPolicy>,
    /// So many failed attempts lock an account.
    lockout_failures: Option<u64>,
    /// For so long.
    lockout_duration: Option<Duration>,
    /// How long things are good.
    validity: Option<Validity>,
    /// What a flow may do.
    limits: Option<Limits>,
    /// What clients that poll are told.
    polling: Option<Polling>,
    /// `flow` by default.
    secondary_buttons: Option<SecondaryButtons>,
    /// Whether an answer must carry the id of the form or of the last error.
    strict_ids: Option<bool>,
    /// So many calls at once, the others queue; by default all at once.
    capacity: Option<Capacity>,
    /// Nothing is answered for a while.
    stall: Option<Vec<Stall>>,
    /// How much is kept; beyond it the oldest goes.
    room: Option<Room>,
    /// The number that its randomness comes from.
    seed: Option<u64>,
}

/// The OIDC application.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Application {
    /// Its id.
    client_id: Option<String>,
    /// Makes it confidential.
    client_secret: Option<Secret>,
    /// Registered redirect addresses.
    redirect_uris: Option<Vec<String>>,
    /// Scopes that may be asked for.
    scopes: Option<Vec<String>>,
    /// Whether PKCE is asked for.
    require_pkce: Option<bool>,
    /// Whether refresh tokens are handed out.
    refresh_tokens: Option<bool>,
}

/// The DaVinci application.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct DavinciApplication {
    /// 32 hexadecimal digits.
    id: Option<String>,
    /// Drawn at start when absent.
    api_key: Option<Secret>,
}

/// A flow policy: one flow, or several versions by weight.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlowPolicy {
    /// Its name.
    name: String,
    /// 32 hexadecimal digits.
    id: String,
    /// The flow; `stock` by default.
    flow: Option<FlowName>,
    /// Several versions instead.
    distribution: Option<Vec<FlowVersion>>,
}

/// A version of a flow policy.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlowVersion {
    /// The flow.
    flow: FlowName,
    /// How often compared with the others; 1 by default.
    weight: Option<u64>,
}

/// How long the replies to some calls take.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct DelayRule {
    /// Capability, such as `customHTMLTemplate` or `token`; any when absent.
    capability: Option<String>,
    /// Event, such as `submit`; any when absent.
    event: Option<String>,
    /// Action, such as `SIGNON`; any when absent.
    action: Option<String>,
    /// Name or id of a flow policy: only calls of flows that were started with it; any when absent.
    policy: Option<String>,
    /// How long.
    delay: Delay,
    /// How it grows, evenly, from the first call of a flow on; not at all when absent.
    drift: Option<Drift>,
    /// Of the calls that fit; the others get the next fitting delay. All of them when absent.
    share: Option<Share>,
}

/// What goes wrong with some calls.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultRule {
    /// What goes wrong.
    kind: FaultKind,
    /// Capability, such as `customHTMLTemplate` or `token`; any when absent.
    capability: Option<String>,
    /// Event, such as `submit`; any when absent.
    event: Option<String>,
    /// Action, such as `SIGNON`; any when absent.
    action: Option<String>,
    /// Name or id of a flow policy: only calls of flows that were started with it; any when absent.
    policy: Option<String>,
    /// Of the calls that fit; all of them when absent.
    share: Option<Share>,
    /// In so many calls at most.
    count: Option<u64>,
    /// `blocked`: so many of the next calls that fit go wrong, too.
    burst: Option<u64>,
    /// `http-500`, `author-error`: the status of the reply.
    status: Option<u64>,
    /// `rate-limited`, `http-503-html`: the header `Retry-After`.
    retry_after: Option<Duration>,
    /// `stall`, `slow-body`: how long.
    r#for: Option<Duration>,
    /// `oversized`: how much.
    size: Option<Size>,
}

/// Calls a second by group.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct RateLimits {
    /// Starts of flows.
    davinci_start: Option<Rate>,
    /// Answers to forms.
    davinci_execution: Option<Rate>,
    /// Callbacks of flows.
    davinci_callback: Option<Rate>,
    /// Tokens, sign-off, pushed requests.
    sso: Option<Rate>,
    /// Introspection and userinfo.
    token_check: Option<Rate>,
    /// Reading users.
    directory_read: Option<Rate>,
    /// Making, changing and deleting users.
    directory_write: Option<Rate>,
    /// Everything else of the management API.
    configuration: Option<Rate>,
    /// What one address may use of a limit; `35%` by default.
    per_address_share: Option<Share>,
}

/// Where mail goes.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Mail {
    /// Address and port of a server for mail.
    smtp: Option<String>,
    /// Address of a custom notification provider that mails are posted to instead.
    http: Option<Address>,
    /// When TLS begins on the way to the server for mail; `off` by default.
    tls: Option<MailTls>,
    /// Authority to trust there, in PEM.
    ca_pem: Option<String>,
    /// Name to bring.
    user: Option<String>,
    /// Password to bring.
    password: Option<Secret>,
    /// Bearer token to bring to a provider.
    token: Option<Secret>,
    /// The code that everybody gets.
    code: Option<Secret>,
    /// Whether the reply to a request that sends a code shows it, as `testCode`.
    show: Option<bool>,
    /// `after-reply` by default.
    when: Option<MailWhen>,
    /// Sender.
    from: Option<String>,
}

/// What passwords have to be like.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordPolicy {
    /// `standard` by default.
    base: Option<PolicyBase>,
    /// Shortest password.
    min_length: Option<u64>,
    /// Longest password.
    max_length: Option<u64>,
    /// Whether upper case, lower case, digits and signs have to occur.
    classes: Option<bool>,
    /// The same character at most so often in a row; 0 for any number.
    max_repeated: Option<u64>,
    /// At least so many different characters; 0 for any number.
    min_distinct: Option<u64>,
    /// Whether common passwords are refused.
    excludes_common: Option<bool>,
    /// Whether passwords made of the person's data are refused.
    excludes_profile: Option<bool>,
    /// Whether easily guessed passwords are refused.
    complexity: Option<bool>,
    /// None of the last so many.
    history: Option<u64>,
}

/// How long things are good.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Validity {
    /// Codes that prove an address.
    verification_code: Option<Duration>,
    /// Codes that recover a password.
    recovery_code: Option<Duration>,
    /// Authorization codes.
    authorization_code: Option<Duration>,
    /// Tokens.
    token: Option<Duration>,
    /// Sessions.
    session: Option<Duration>,
    /// Tokens for starts by policy.
    sdk_token: Option<Duration>,
}

/// What a flow may do.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// How long a form may wait for its answer.
    interaction_timeout: Option<Duration>,
    /// How many nodes a flow may run.
    node_runs: Option<u64>,
    /// `failed-flow` by default.
    node_runs_answer: Option<NodeRunsAnswer>,
}

/// What clients that poll are told.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Polling {
    /// How long to pause.
    interval: Option<Duration>,
    /// How often to ask.
    retries: Option<u64>,
    /// Polls that are told to stay.
    stays: Option<u64>,
    /// The question that finds a challenge approved.
    approved_at: Option<u64>,
}

/// So many calls are worked on at once, the others wait in one queue.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Capacity {
    /// Capability of the calls that need a server; any when absent.
    capability: Option<String>,
    /// Their event; any when absent.
    event: Option<String>,
    /// Their action; any when absent.
    action: Option<String>,
    /// Calls that are worked on at the same time.
    servers: Servers,
    /// How long a server works at a call.
    service: Delay,
    /// Calls that may wait; who comes when so many do gets 503. Any number when absent.
    waiting: Option<u64>,
}

described! {
    /// At least 1.
    Servers = schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 100_000 });
}

/// A stretch of time without an answer, from the first call of a flow on.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stall {
    /// When it begins.
    at: Duration,
    /// How long it lasts.
    r#for: Duration,
}

/// How much is kept; beyond it the oldest goes.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Room {
    /// Calls on record.
    calls: Option<u64>,
    /// Flows under way.
    interactions: Option<u64>,
    /// Codes.
    codes: Option<u64>,
    /// Sessions.
    sessions: Option<u64>,
    /// Users.
    users: Option<u64>,
    /// Mails.
    mails: Option<u64>,
}
