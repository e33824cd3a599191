//! The JSON Schema of profiles: a type for each table, told as a person would want to read it beside
//! the key. Nothing is read with these types; tests hold them against the readers key by key.
#![expect(dead_code, reason = "only their schemas are used")]

mod stand_in;

use crate::base::schema::{
    Duration, Rate, Secret, Share, Size, described, document, number_pattern, rate_pattern,
    share_pattern, span_pattern, span_word_pattern, text_like, words_or_reference,
};
use crate::codes::door::ENCRYPTIONS;
use crate::codes::layout::{ORDERS, PRESETS};
use crate::codes::settings::SOURCES;
use crate::identity::persona::LOCALES;
use crate::journey::script::STARTS;
use crate::profile::accounts;
use crate::profile::document::{RATE_LIMITED, VARIANT_BY};
use crate::transport::{CONNECTIONS, VERSIONS};
use crate::workload::agents::WHEN_LOST;
use crate::workload::mix::MOST_WEIGHT;
use crate::workload::settings::MOST_USERS;
use schemars::{JsonSchema, json_schema};
use stand_in::StandIn;
use std::collections::BTreeMap;

/// The schema.
pub fn schema() -> serde_json::Value {
    document::<Profile>("profile")
}

described! {
    /// An address, whole: `https://auth.pingone.eu`. Plain `http://` is for this machine only.
    Address = text_like("[Hh][Tt][Tt][Pp][Ss]?://.+");
    /// Whose a connection is: a fresh one for every iteration as browsers have it, one for each user, or
    /// whichever is idle.
    Connections = words_or_reference(CONNECTIONS.iter().map(|(word, _)| *word));
    /// Version of HTTP.
    Version = words_or_reference(VERSIONS.iter().map(|(word, _)| *word));
    /// How flows are started: by an authorize request, or by their policy with a bearer token.
    Start = words_or_reference(STARTS.iter().map(|(word, _)| *word));
    /// Which dialect a start by policy asks for.
    Dialect = words_or_reference(["screen", "sdk"]);
    /// Which genuine client's habits to imitate.
    Client = words_or_reference(["javascript", "mobile"]);
    /// Users in turn (`closed`), or arrivals on a schedule of their own that wait for nobody (`open`).
    Model = words_or_reference(["closed", "open"]);
    /// As independent users come (`poisson`), or one like the other.
    Arrivals = words_or_reference(["poisson", "constant"]);
    /// What becomes of an arrival that finds all users busy: it waits, is dropped after 100 ms, or ends
    /// the run.
    WhenLate = words_or_reference(["queue", "drop", "abort"]);
    /// Where accounts come from.
    AccountSource = text_like(&source_pattern());
    /// Where one-time codes come from.
    CodeSource = words_or_reference(SOURCES.iter().map(|(word, _)| *word));
    /// When TLS begins: never, at a word of the protocol (`starttls`), or at once (`implicit`).
    CodeTls = words_or_reference(ENCRYPTIONS.iter().map(|(word, _)| *word));
    /// A mailbox that many people use.
    Preset = words_or_reference(PRESETS.iter().map(|preset| preset.name));
    /// Which end of a list of mails is new.
    MailOrder = words_or_reference(ORDERS.iter().map(|(word, _)| *word));
    /// What stands before the `@` of a mailbox.
    MailboxName = text_like("[a-z0-9_-][a-z0-9._-]{0,15}");
    /// Where in a JSON document something stands: a JSON pointer, `*` for every element of a list.
    Pointer = text_like("(/.*)?");
    /// Language and country that people are invented for.
    Locale = words_or_reference(LOCALES.iter().map(|locale| locale.name()));
    /// What iterations are counted under: the variants that the profile names, or the flow that answers
    /// the start of each.
    VariantBy = words_or_reference(VARIANT_BY.iter().map(|(word, _)| *word));
    /// What becomes of the load of an agent that is lost: the others take over a few seconds later
    /// (`share-out`), or nobody does, and the run is marked (`mark`).
    WhenLost = words_or_reference(WHEN_LOST.iter().map(|(word, _)| *word));
    /// What becomes of status 429.
    RateLimited = words_or_reference(RATE_LIMITED.iter().map(|(word, _)| *word));
    /// What is needed at the busiest time: how many iterations come on average, and how many times as many
    /// in the peak, such as `60000/h peak 3`.
    Forecast = text_like(&format!(r"{}(\s*peak\s*{})?", rate_pattern(), number_pattern()));
    /// How wide the bracket may be, from `0.5%` to `50%`.
    Resolution = text_like(&share_pattern());
    /// What a level is multiplied by.
    ClimbFactor = json_schema!({ "type": "number", "minimum": 1.05, "maximum": 10 });
    /// How many levels.
    Probes = json_schema!({ "type": "integer", "minimum": 1, "maximum": 1000 });
    /// A pause: `none`, `2s`, any time between two with `1s..3s`, or `lognormal 2s 0.5` with the median
    /// and a sigma.
    Pause = text_like(&pause_pattern());
    /// What has to hold: `[scope.]metric op limit`, such as `sign-on.p95 < 800ms`,
    /// `sign-on/credentials.p99 < 1s`, `capability:token.faults < 1%`, `variant:v1.completed-rate >= 5/s`,
    /// `p95 < 1s over 1m`, `drift(p95) < 5%`.
    Rule = text_like(r"[^<>]+[<>]=?[^<>]+");
    /// What ends the run at once, as failed: a share of faults in a time, such as `faults > 20% over 30s`.
    Guard = text_like(r"[^<>]+>=?[^<>]+\sover\s[^<>]+");
    /// How often compared with the others.
    Weight = json_schema!({ "type": "number", "minimum": 0, "maximum": MOST_WEIGHT });
    /// How often compared with the others; above 0.
    VariantWeight = json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": MOST_WEIGHT });
    /// How many users; at least 1.
    Users = json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST_USERS });
    /// How many users at the end of a stage.
    StageUsers = json_schema!({ "type": "integer", "minimum": 0, "maximum": MOST_USERS });
    /// At least 1.
    Count = json_schema!({ "type": "integer", "minimum": 1 });
    /// How names become addresses: asked for again after a time such as `5s`, once a run with `pinned`,
    /// or a table of names and addresses.
    Resolve = json_schema!({ "anyOf": [
        text_like(&format!("pinned|{}", span_pattern())),
        { "type": "object", "additionalProperties": { "type": "string" } },
    ] });
}

/// Sources of accounts: words, and files behind others.
fn source_pattern() -> String {
    let words = accounts::WORDS.iter().map(|(word, _)| (*word).to_owned());
    let files = accounts::WITH_FILE.iter().map(|(word, _)| format!("{word}:.+"));
    format!("({})", words.chain(files).collect::<Vec<_>>().join("|"))
}

fn pause_pattern() -> String {
    let (span, word, number) = (span_pattern(), span_word_pattern(), number_pattern());
    format!(r"none|{span}|{span}\.\.\s*{span}|lognormal\s+{word}\s+{number}")
}

/// What to run where: a profile of gander. It names only what it changes; everything else is as in the
/// embedded default profile.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// A profile that is laid under this one; its path starts at the folder of this one.
    extends: Option<String>,
    /// Patterns of files with journeys of your own, such as `my-journeys/*.toml`. Paths start at the
    /// folder of the profile.
    journey_files: Option<Vec<String>>,
    /// The tenant. Without this table gander starts its own stand-in tenant on this machine.
    tenant: Option<Tenant>,
    /// Connections and time-outs.
    http: Option<Http>,
    /// Which flow policies are run, one or several; without any, the application's first.
    variant: Option<Vec<Variant>>,
    /// What iterations are counted under; with `flow`, for a policy that splits traffic by itself, the
    /// flow that answers the start of each. `profile` by default.
    variant_by: Option<VariantBy>,
    /// How much load, and until when.
    workload: Option<Workload>,
    /// How `gander capacity` searches the highest rate at which all thresholds hold.
    capacity: Option<Capacity>,
    /// Which journeys, and their weights: `sign-on = 7`. Replaces that of profiles below as a whole.
    journeys: Option<BTreeMap<String, Weight>>,
    /// Pauses of users.
    think_time: Option<ThinkTime>,
    /// Where journeys that need an account get one.
    accounts: Option<Accounts>,
    /// Who is invented.
    identities: Option<Identities>,
    /// Where one-time codes come from.
    codes: Option<Codes>,
    /// What the result is judged by. A run without a rule of its own on faults has `faults < 1%`.
    threshold: Option<Vec<Threshold>>,
    /// What ends a run at once, as failed.
    guards: Option<Guards>,
    /// What the tenant's licence allows: a load that is sure to exceed it is refused.
    limits: Option<Limits>,
    /// A run of several machines, `gander run --nats`.
    agents: Option<Agents>,
    /// How the embedded stand-in behaves, if it is used.
    stand_in: Option<StandIn>,
}

/// Where the tenant is, which application is used, and what may be called.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tenant {
    /// Authorization server and flow runtime, such as `https://auth.pingone.eu`.
    auth_url: Option<Address>,
    /// Management API, for accounts, such as `https://api.pingone.eu`.
    api_url: Option<Address>,
    /// Where SDK tokens come from, for starts by policy: `https://orchestrate-api.pingone.eu`.
    orchestrate_url: Option<Address>,
    /// Id of the environment.
    environment_id: Option<String>,
    /// Whether the paths of `auth_url` are without the environment's id.
    custom_domain: Option<bool>,
    /// The only hosts ever called; by default those of the addresses above.
    hosts: Option<Vec<String>>,
    /// The OIDC application whose flow is run.
    client_id: Option<String>,
    /// For confidential applications only.
    client_secret: Option<Secret>,
    /// A redirect address registered for the application; nothing is redirected.
    redirect_uri: Option<String>,
    /// Scopes of the authorize request; `openid` by default.
    scopes: Option<Vec<String>>,
    /// How flows are started, unless a journey says otherwise; `authorize` by default.
    start: Option<Start>,
    /// The dialect that a start by policy asks for; `screen` by default.
    start_dialect: Option<Dialect>,
    /// Which genuine client's habits to imitate; `javascript` by default.
    client: Option<Client>,
    /// Whether OPTIONS goes out before each new address, as a browser does for a page of `redirect_uri`.
    preflight: Option<bool>,
    /// Extra parameters of the authorize request.
    authorize_parameters: Option<BTreeMap<String, String>>,
    /// Extra headers of every call.
    headers: Option<BTreeMap<String, String>>,
    /// The support case under which this test was announced; typed again on the command line, with the
    /// environment's id.
    acknowledge: Option<String>,
    /// Application for the management API.
    worker: Option<Worker>,
    /// What lets flows be started by their policy.
    sdk_token: Option<SdkToken>,
}

/// Application for the management API.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Worker {
    /// Id of the worker application.
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<Secret>,
    /// Its environment, where that is another than the tenant's.
    environment_id: Option<String>,
    /// Calls in a second at most; `5/s` by default.
    rate: Option<Rate>,
}

/// What lets flows be started by their policy: one of these.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("maxProperties" = 1))]
struct SdkToken {
    /// Key of the DaVinci application; fetches tokens and renews them.
    api_key: Option<Secret>,
    /// A token brought along, which is not renewed.
    bearer: Option<Secret>,
}

/// Connections and time-outs.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Http {
    /// Whose a connection is; `shared` by default on this machine, else `per-iteration`.
    connections: Option<Connections>,
    /// Over TLS the server chooses among HTTP/2 and 1.1 with `auto`; plain HTTP is 1.1 unless this is `2`.
    version: Option<Version>,
    /// How long setting up a connection may take; `5s` by default.
    connect_timeout: Option<Duration>,
    /// How long a reply may take; `30s` by default.
    reply_timeout: Option<Duration>,
    /// The longest reply that is read; `4MiB` by default.
    max_reply: Option<Size>,
    /// PEM file of the authorities to trust, instead of the system's.
    ca_file: Option<String>,
    /// PEM file of the certificate shown to servers that ask for one; goes with `client_key`.
    client_cert: Option<String>,
    /// PEM file of its key.
    client_key: Option<String>,
    /// Everything goes through it: `http://user:${PROXY_PASSWORD}@proxy.example.com:3128`.
    proxy: Option<String>,
    /// Connections go out from these addresses in turn.
    local_addresses: Option<Vec<String>>,
    /// How names become addresses; asked for again after `5s` by default.
    resolve: Option<Resolve>,
    /// gander and its version by default.
    user_agent: Option<String>,
    /// Header that carries the run's id on every request; an empty one sends none. `X-Gander-Run` by
    /// default.
    run_header: Option<String>,
}

/// A flow policy under a name. Iterations are dealt out among all variants.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Variant {
    /// Its name in every report.
    name: String,
    /// Id of the policy; with the embedded stand-in also a flow's name.
    flow_policy: Option<String>,
    /// Policies of single journeys, where they differ.
    policies: Option<BTreeMap<String, String>>,
    /// How many iterations it gets, compared with the other variants; 1 by default.
    weight: Option<VariantWeight>,
    /// What it changes about `[tenant]`; the rest is as there. With the embedded stand-in it can change
    /// the application (`client_id`, `headers`, `start` and so on), not the place.
    tenant: Option<Tenant>,
}

/// How much load, and until when.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Workload {
    /// `open` by default where a rate is given, else `closed`.
    model: Option<Model>,
    /// Closed: so many users in turn; 1 by default.
    users: Option<Users>,
    /// Closed: from one start of a user to its next; none by default.
    pacing: Option<Pause>,
    /// Open: iterations per second.
    rate: Option<Rate>,
    /// Open: how many can be under way at once; by default those of 30 seconds at the peak rate, from
    /// 100 to 10,000.
    max_users: Option<Users>,
    /// Open: how arrivals follow each other; `poisson` by default.
    arrivals: Option<Arrivals>,
    /// Open: what becomes of an arrival that finds all users busy; `queue` by default.
    when_late: Option<WhenLate>,
    /// Instead of a rate or users, and of a duration. The warm-up is the first part of them.
    stages: Option<Vec<Stage>>,
    /// Of the measured part; `60s` by default unless `iterations` ends it.
    duration: Option<Duration>,
    /// Exactly so many in all, those of the warm-up included.
    iterations: Option<Count>,
    /// Load that is in no number; none by default.
    warm_up: Option<Duration>,
    /// How long iterations may still run after the last was started; `10s` by default.
    drain: Option<Duration>,
}

/// A level, and how long it takes: there in a straight line with `over`, there at once with `for`.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["over"] }, { "required": ["for"] }],
    "anyOf" = [{ "required": ["rate"] }, { "required": ["users"] }],
))]
struct Stage {
    /// The level in the open model.
    rate: Option<Rate>,
    /// The level in the closed model.
    users: Option<StageUsers>,
    /// Goes there in a straight line, from 0 at first.
    over: Option<Duration>,
    /// Is there at once.
    r#for: Option<Duration>,
}

/// How `gander capacity` searches. Journeys, thresholds, accounts and the rest are those of the profile.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Capacity {
    /// The first level; by default the workload's rate if that is open and constant, else `1/s`.
    from: Option<Rate>,
    /// The highest level that is tried; none by default.
    to: Option<Rate>,
    /// How wide the bracket between the highest pass and the lowest fail may be, as a part of the lower one;
    /// `5%` by default.
    resolution: Option<Resolution>,
    /// What a level that passed is multiplied by while none has failed; 1.5 by default.
    climb: Option<ClimbFactor>,
    /// How many levels are tried at most, the confirmation not counted; 20 by default.
    probes: Option<Probes>,
    /// How long a level may take until it is settled; `60s` by default.
    settle: Option<Duration>,
    /// How long a level is measured at least; `10s` by default.
    measure_at_least: Option<Duration>,
    /// How long at most; `2m` by default.
    measure: Option<Duration>,
    /// How long the answer is held at the end, to confirm it; `5m` by default, `0s` for not at all.
    hold: Option<Duration>,
    /// How long it may take after a failed level until times are those of the first level again; `60s` by
    /// default.
    cool_down: Option<Duration>,
    /// What is needed, as a rate; head-room is told by it.
    plan: Option<Rate>,
    /// The same as a forecast.
    forecast: Option<Forecast>,
}

/// Pauses of users.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThinkTime {
    /// Before each answer; none by default.
    between_steps: Option<Pause>,
}

/// Where journeys that need an account get one.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Accounts {
    /// A tenant must name one: `provision` makes accounts through the management API and is the default for
    /// the stand-in; `register-first` registers them before the load, as users do it; `csv:FILE` and
    /// `ledger:FILE` bring them along. Paths start at the folder of the profile.
    source: Option<AccountSource>,
    /// How many accounts are made of each state that some journey needs.
    count: Option<u64>,
    /// The population that they are made in; `gander` by default.
    population: Option<String>,
    /// The journey that registers accounts for `register-first`; `register` by default.
    journey: Option<String>,
    /// Registrations at most for `register-first`; a tenant gets one in two seconds by default.
    rate: Option<Rate>,
}

/// Who is invented.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Identities {
    /// Where invented people have their mail: a reserved name, or one that you own.
    email_domain: Option<String>,
    /// The one mailbox that gets the mail of all of them by plus-addressing: `MAILBOX+LOGIN@DOMAIN`.
    mailbox: Option<MailboxName>,
    /// What they are called and where they live; `en` by default.
    locale: Option<Locale>,
}

/// Where one-time codes come from.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Codes {
    /// Each source has keys of its own beside `pattern` and `timeout`: `smtp-sink` and `http-provider` receive
    /// what the tenant sends, `http-mailbox` and `imap` ask a mailbox, `reply` reads the flow's own reply, with
    /// `fixed` the code is always the same.
    source: Option<CodeSource>,
    /// Address and port that mail or notifications are received at; port 0 takes a free one.
    listen: Option<String>,
    /// Whether other machines may deliver there.
    expose: Option<bool>,
    /// When TLS begins: `off` by default where gander receives, `implicit` for `imap`.
    tls: Option<CodeTls>,
    /// PEM file of the certificate that gander shows; without one it makes its own.
    certificate: Option<String>,
    /// PEM file of that certificate's private key.
    key: Option<String>,
    /// Who has to deliver, or whose mailbox it is.
    user: Option<String>,
    /// The password that belongs to the name.
    password: Option<Secret>,
    /// Bearer token that a notification has to bring, or that the mailbox wants.
    token: Option<Secret>,
    /// Where in a notification its recipient stands; `/to` by default.
    recipient: Option<Pointer>,
    /// Where in a notification its text stands; `/message` by default.
    text: Option<Pointer>,
    /// Address of the mailbox: `http://127.0.0.1:8025`.
    url: Option<Address>,
    /// What kind of mailbox it is.
    preset: Option<Preset>,
    /// Which mailbox of the server is meant, where it has several: `{inbox}`.
    inbox: Option<String>,
    /// What the mailbox looks like, where no preset fits, or how it differs.
    mailbox: Option<Mailbox>,
    /// Pause between two questions to the mailbox; `500ms` by default.
    poll: Option<Duration>,
    /// Host and port of the IMAP server.
    server: Option<String>,
    /// The mailbox's folder; `INBOX` by default.
    folder: Option<String>,
    /// Where in the flow's reply the code stands.
    pointer: Option<Pointer>,
    /// The code that is always the same.
    code: Option<Secret>,
    /// Regular expression with one group; the default fits PingOne's mails.
    pattern: Option<String>,
    /// How long a code is awaited; `30s` by default.
    timeout: Option<Duration>,
}

/// What a mailbox with an HTTP interface looks like.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Mailbox {
    /// Path and query of the list, with `{skip}`, `{page}`, `{inbox}` and `{recipient}`.
    list: Option<String>,
    /// Which end of the list is new.
    order: Option<MailOrder>,
    /// Where in the reply the list stands.
    items: Option<Pointer>,
    /// Where a mail tells its id.
    id: Option<Pointer>,
    /// Where a mail tells whom it is for.
    recipients: Option<Vec<Pointer>>,
    /// Path of a single mail, with `{id}`, where the list has no texts.
    message: Option<String>,
    /// Where a mail has its texts, plain or HTML, best first.
    texts: Option<Vec<Pointer>>,
    /// Where a mail stands as it came over the wire.
    raw: Option<Pointer>,
}

/// A rule that the result has to keep.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Threshold {
    /// The rule.
    rule: Rule,
    /// Whether the run is stopped as soon as it does not hold; what is under way may end.
    abort_on_fail: Option<bool>,
    /// How much has to be measured before that.
    abort_delay: Option<Duration>,
}

/// What ends a run at once, as failed.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Guards {
    /// Shares of faults, each in a time.
    stop_when: Option<Vec<Guard>>,
    /// What becomes of status 429; with `count` it is a fault like any other, with `pause` nothing new begins for as long
    /// as the tenant asks besides.
    rate_limited: Option<RateLimited>,
}

/// What the tenant's licence allows. Calls a second by rate group, where they are known.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Limits {
    /// Starts of flows.
    davinci_start: Option<Rate>,
    /// Answers to forms.
    davinci_execution: Option<Rate>,
    /// Polls.
    davinci_callback: Option<Rate>,
    /// Tokens, sign-off, pushed requests.
    sso: Option<Rate>,
    /// Introspection and userinfo.
    token_check: Option<Rate>,
    /// Reading users.
    directory_read: Option<Rate>,
    /// Making and changing users, which the worker does.
    directory_write: Option<Rate>,
    /// What one address may use of each; `35%` by default, `100%` where the tenant has allow-listed it.
    #[serde(rename = "per_address_share")]
    per_address_share: Option<Share>,
    /// Mails that one user may get in a day; 50 by default.
    #[serde(rename = "mails_per_day")]
    mails_per_day: Option<u64>,
    /// How long a flow may take as a whole; `300s` by default at a tenant.
    #[serde(rename = "flow_timeout")]
    flow_timeout: Option<Duration>,
    /// Whether a load that is sure to exceed them is run all the same, to see the limits themselves.
    exceed: Option<bool>,
}

/// What becomes of a run of several machines when one of them is lost.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Agents {
    /// What becomes of its load; `share-out` by default.
    when_lost: Option<WhenLost>,
    /// After so long without a sign of life an agent is lost; `15s` by default, at least `3s`.
    lost_after: Option<Duration>,
}

// The schema of profiles against their reader, and against every profile there is.
#[cfg(test)]
mod tests {
    use super::schema;
    use crate::base::document::{Problem, Problems, Section, Table, Value};
    use crate::base::schema::drift::Checker;
    use crate::profile::document::Profile;
    use crate::profile::load::DEFAULT;
    use crate::standin::settings::Settings;
    use serde_json::json;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The complaints of everybody who reads a part of a profile.
    fn read(text: &str) -> Vec<Problem> {
        let mut table = Table::parse("p.toml", text).unwrap();
        // As the loader does, which knows it and nobody after it.
        table.entries.retain(|(key, ..)| key != "extends");
        let problems = Problems::default();
        let profile = Profile::read(Section::document(&table, &problems));
        if let Some(table) = &profile.stand_in {
            let mut section = Section::document(table, &problems);
            Settings::read(&mut section);
            section.finish();
        }
        problems.into_sorted()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn schema_and_reader_know_the_same_keys_and_words_in_every_table() {
        // A stage without a length is not read on, and only the open model has arrivals.
        let compared = Checker::new(schema())
            .with("workload.stages", json!({ "rate": "1/s", "for": "1s" }))
            .with("workload", json!({ "rate": "1/s" }))
            .against(&read);
        // The last one is the command line's to refuse: a profile has nobody to let in.
        assert_eq!(compared.only_read, names(&["stand_in.beyond_loopback"]));
        assert_eq!(compared.only_described, names(&["extends"]));
        assert!(compared.other_words.is_empty(), "{:?}", compared.other_words);
        assert!(compared.tables > 25 && compared.choices > 15, "{compared:?}");
    }

    /// Every block of TOML in a page.
    fn blocks(page: &str) -> Vec<&str> {
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
    }

    #[test]
    fn every_profile_there_is_obeys_the_schema() {
        let checker = Checker::new(schema());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut met = 0;
        for entry in std::fs::read_dir(root.join("profiles")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(checker.complaint_of_toml(&text), None, "{}", path.display());
            met += 1;
        }
        assert!(met >= 3);
        assert_eq!(checker.complaint_of_toml(DEFAULT), None);
        for page in [
            "README.md",
            "docs/workload.md",
            "docs/variants.md",
            "docs/stand-in.md",
            "docs/faults.md",
            "docs/thresholds.md",
            "docs/codes.md",
        ] {
            let text = std::fs::read_to_string(root.join(page)).unwrap();
            for block in blocks(&text) {
                let table = Table::parse(page, block).unwrap();
                // A page on the stand-in shows its settings by themselves.
                let is_stand_ins = ["fault", "rate_limits", "listen", "delay"];
                let is_stand_ins = is_stand_ins.iter().any(|key| table.get(key).is_some());
                let mut document = Value::Table(table).to_json();
                if is_stand_ins {
                    document.as_object_mut().unwrap().remove("beyond_loopback");
                    document = json!({ "stand_in": document });
                }
                assert_eq!(checker.complaint(&document), None, "{page}: {block}");
            }
        }
    }

    /// The default profile with its comments taken for what they show: every key that it has, commented out
    /// or not, is one that the schema has.
    #[test]
    fn what_the_default_profile_shows_in_comments_obeys_the_schema_too() {
        let shown = |line: &str| {
            let bare = line.strip_prefix("# ").unwrap_or(line).trim_end();
            let is_toml = bare.starts_with('[')
                || bare.split_once(" = ").is_some_and(|(key, _)| {
                    key.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'))
                });
            is_toml.then(|| bare.to_owned())
        };
        let checker = Checker::new(schema());
        let mut keys = 0;
        let mut table = String::new();
        for line in DEFAULT.lines().filter_map(shown) {
            if line.starts_with('[') {
                table = line.split('#').next().unwrap_or_default().trim().to_owned();
                continue;
            }
            // Lists over several lines are shown whole in profiles of their own.
            let Ok(read) = Table::parse("line", &line) else { continue };
            let key = read.entries[0].0.clone();
            let document = format!("{table}\n{line}\n");
            let complaint = checker.complaint_of_toml(&document).unwrap_or_default();
            assert!(!complaint.contains("additionalProperties"), "{document}{complaint}");
            assert!(!complaint.contains(&format!("/{key}'")), "{document}{complaint}");
            keys += 1;
        }
        assert!(keys > 60, "{keys}");
    }

    #[test]
    fn wrong_documents_are_refused_by_both() {
        let checker = Checker::new(schema());
        for wrong in [
            "naem = 1",
            "variant_by = \"weight\"",
            "[http]\nreply_timeout = 30",
            "[http]\nreply_timeout = \"30\"",
            "[http]\nmax_reply = \"4MB\"",
            "[http]\nversion = \"3\"",
            "[http]\nresolve = \"sometimes\"",
            "[http]\nresolve = { \"auth.example.com\" = 1 }",
            "[tenant]\nclient_secret = \"open\"",
            "[tenant]\nauth_url = \"auth.pingone.eu\"",
            "[tenant]\nscopes = \"openid\"",
            "[tenant]\nclient = \"desktop\"",
            "[tenant.sdk_token]\napi_key = \"${A}\"\nbearer = \"${B}\"",
            "[workload]\nrate = 40",
            "[workload]\nrate = \"40\"",
            "[workload]\nusers = 0",
            "[workload]\nusers = -1",
            "[workload]\nusers = \"5\"",
            "[workload]\nusers = 100001",
            "[workload]\nmodel = \"ajar\"",
            "[workload]\npacing = \"often\"",
            "[workload]\nstages = [{ rate = \"5/s\" }]",
            "[workload]\nstages = [{ rate = \"5/s\", over = \"1s\", for = \"1s\" }]",
            "[workload]\nstages = [{ over = \"1s\" }]",
            "[workload]\nstages = { over = \"1s\" }",
            "[capacity]\nfrom = 5",
            "[capacity]\nclimb = 1",
            "[capacity]\nprobes = 0",
            "[capacity]\nresolution = \"5\"",
            "[capacity]\nhold = 300",
            "[capacity]\nforecast = \"6000/h peek 3\"",
            "[think_time]\nbetween_steps = \"lognormal 2s\"",
            "[[variant]]\nflow_policy = \"x\"",
            "[[variant]]\nname = \"v\"\nweight = 0",
            "[[variant]]\nname = \"v\"\ntenant = { scopes = \"openid\" }",
            "[[variant]]\nname = \"v\"\ntenant = { client_secret = \"open\" }",
            "[[threshold]]\nrule = \"sign-on\"",
            "[[threshold]]\nrul = \"faults < 1%\"",
            "[[threshold]]\nrule = \"faults < 1%\"\nabort_on_fail = \"yes\"",
            "[[threshold]]\nrule = \"faults < 1%\"\nabort_delay = 30",
            "[guards]\nstop_when = [\"faults > 20%\"]",
            "[journeys]\nsign-on = \"often\"",
            "[journeys]\nsign-on = -1",
            "[accounts]\ncount = -5",
            "[accounts]\nsource = \"csv\"",
            "[accounts]\nrate = 5",
            "[codes]\nsource = \"pigeon\"",
            "[codes]\nsource = \"reply\"\npointer = \"code\"",
            "[codes]\nsource = \"fixed\"\ncode = \"1234\"",
            "[codes]\ntls = \"ssl\"",
            "[codes]\ntimeout = 30",
            "[identities]\nlocale = \"xx\"",
            "[[stand_in.delay]]\nshare = \"5%\"",
            "[[stand_in.delay]]\ndelay = \"50ms\"",
            "[[stand_in.delay]]\ndelay = \"constant 50ms\"\nshare = \"101%\"",
            "[[stand_in.fault]]\nkind = \"bang\"",
            "[stand_in.capacity]\nservers = 0\nservice = \"constant 1ms\"",
            "[[stand_in.stall]]\nat = \"3s\"",
        ] {
            assert!(checker.complaint_of_toml(wrong).is_some(), "the schema takes {wrong}");
            assert!(!read(wrong).is_empty(), "the reader takes {wrong}");
        }
    }

    #[test]
    fn references_stand_where_texts_may() {
        let checker = Checker::new(schema());
        let text = "[tenant]\nauth_url = \"${AUTH}\"\nclient_secret = \"${file:x}\"\nclient = \"${C:-mobile}\"\n\
                    [workload]\nrate = \"${RATE}/s\"\nduration = \"${TIME}\"\nmodel = \"${MODEL}\"\n";
        assert_eq!(checker.complaint_of_toml(text), None);
    }

    /// Editors find the schema by the first line, which goes by the place of the file.
    #[test]
    fn every_file_that_is_shipped_points_at_its_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut met = 0;
        for (folder, name) in [
            ("profiles", "profile"),
            ("src/profile", "profile"),
            ("src/journey/catalog", "journey"),
        ] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "toml") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let first = text.lines().next().unwrap();
                let target =
                    first.strip_prefix("#:schema ").unwrap_or_else(|| panic!("{}", path.display()));
                let target = path.parent().unwrap().join(target).canonicalize().unwrap();
                assert!(
                    target.ends_with(format!("docs/schemas/{name}.json")),
                    "{}",
                    path.display()
                );
                met += 1;
            }
        }
        assert!(met >= 19, "{met}");
    }
}
