//! Reading the settings from a TOML table, all problems noted in their places.

use super::fault_document;
use super::flows::{FLOWS, named};
use super::latency::{Delay, DelayRule, Drift};
use super::policy::Policy;
use super::queue::Capacity;
use super::rate_limit::RateLimits;
use super::settings::{
    Application, DavinciApplication, FlowPolicy, Limits, Mail, MailTls, MailWhen, NodeRunsAnswer,
    PollingSettings, Room, SecondaryButtons, Settings, Signing, Tls, Validity, Version,
};
use super::stall::Stall;
use crate::base::document::{Section, Sited};
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::units::Share;
use crate::base::units::Span;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

impl Settings {
    /// Takes the settings of a stand-in tenant from a table; what is absent is as by default.
    ///
    /// ```toml
    /// listen = "127.0.0.1:8910"
    /// signing = "RS256"                # or "ES256", cheap
    /// secondary_buttons = "flow"       # or "submit", as the documentation prints
    /// lockout_failures = 5
    /// lockout_duration = "15m"
    /// [mail]
    /// smtp = "127.0.0.1:2525"          # or http = "http://127.0.0.1:2580/": a notification provider
    /// tls = "starttls"                 # or "implicit"; with `ca_pem`, `user`, `password`, `token`
    /// when = "after-reply"             # or "before-reply"
    /// [[delay]]
    /// capability = "customHTMLTemplate"
    /// event = "submit"
    /// action = "SIGNON"
    /// policy = "stock"                 # name or id: calls of flows that were started with it
    /// delay = "lognormal 25ms 0.5"     # or "constant 50ms"
    /// drift = "10% per 5m"             # how it grows
    /// [password_policy]
    /// base = "standard"                # "passphrase", "basic", "none"; the rest overrides it
    /// history = 6
    /// ```
    ///
    /// `tls = true` serves TLS with a certificate made at start, or with that of `tls_certificate`
    /// and `tls_key`. `[[fault]]` rows have a `kind` of [`super::fault::KINDS`] and selectors like those of delays;
    /// `[rate_limits]` is told in [`RateLimits::read`], `[capacity]` in [`Capacity::read`], `[[stall]]` in
    /// [`Stall::read_all`]. Further tables: `[application]`, `[davinci_application]`, `[[flow_policy]]`,
    /// `[polling]`, `[validity]`, `[limits]`, `[room]`.
    /// The caller finishes the section, so that it may hold keys of others.
    pub fn read(section: &mut Section<'_>) -> Self {
        let usual = Self::default();
        let before = section.problems().is_empty();
        let policies = policies(section).unwrap_or(usual.policies);
        let settings = Self {
            listen: address(section, "listen").unwrap_or(usual.listen),
            public_url: section
                .text("public_url")
                .map(|url| url.value.trim_end_matches('/').to_owned()),
            beyond_loopback: section.flag("beyond_loopback").unwrap_or(usual.beyond_loopback),
            environment_id: text(section, "environment_id", usual.environment_id),
            custom_domain: section.flag("custom_domain").unwrap_or(usual.custom_domain),
            application: application(section, usual.application),
            worker: usual.worker,
            davinci_application: davinci_application(section, usual.davinci_application),
            signing: section
                .choice("signing", &[("RS256", Signing::Rs256), ("ES256", Signing::Es256)])
                .unwrap_or(usual.signing),
            delays: delays(section, &policies),
            faults: fault_document::read(section, &policies),
            policies,
            rate_limits: RateLimits::read(section),
            tls: tls(section),
            mail: mail(section, usual.mail),
            password_policy: password_policy(section),
            lockout_failures: count(section, "lockout_failures", usual.lockout_failures),
            lockout_duration: span(section, "lockout_duration", usual.lockout_duration),
            validity: validity(section, usual.validity),
            limits: limits(section, usual.limits),
            polling: polling(section, usual.polling),
            secondary_buttons: section
                .choice(
                    "secondary_buttons",
                    &[("flow", SecondaryButtons::Flow), ("submit", SecondaryButtons::Submit)],
                )
                .unwrap_or(usual.secondary_buttons),
            strict_ids: section.flag("strict_ids").unwrap_or(usual.strict_ids),
            capacity: Capacity::read(section),
            stalls: Stall::read_all(section),
            room: room(section, usual.room),
            seed: section.count("seed").map_or(usual.seed, Seed),
        };
        // An address that could not be read is a problem already.
        if let Some(address) = settings.outside_address().filter(|_| before) {
            let what = format!("{address} is not a loopback address");
            let remedy = "use 127.0.0.1, or set `beyond_loopback = true` if others may reach it";
            section.problems().note(section.place(), what, Some(remedy.to_owned()));
        }
        settings
    }
}

/// An address with its port, such as `127.0.0.1:8910`.
struct Address(SocketAddr);

/// Why a text is not an address with a port.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address with a port")]
struct AddressError(String);

impl Remedy for AddressError {
    fn remedy(&self) -> Option<String> {
        Some("write it like `127.0.0.1:8910`; port 0 takes a free one".to_owned())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self).map_err(|_| AddressError(text.to_owned()))
    }
}

/// An address that something is posted to.
struct Link(url::Url);

/// Why a text is no such address.
#[derive(Debug, thiserror::Error)]
#[error("that is not an address to post to")]
struct LinkError;

impl Remedy for LinkError {
    fn remedy(&self) -> Option<String> {
        Some("write it whole: `http://127.0.0.1:2580/mail`".to_owned())
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let url = url::Url::parse(text).map_err(|_| LinkError)?;
        let is_http = ["http", "https"].contains(&url.scheme()) && url.has_host();
        if is_http { Ok(Self(url)) } else { Err(LinkError) }
    }
}

fn address(section: &mut Section<'_>, key: &'static str) -> Option<SocketAddr> {
    section.parsed::<Address>(key).map(|address| address.value.0)
}

fn text(section: &mut Section<'_>, key: &'static str, usual: String) -> String {
    section.text(key).map_or(usual, |text| text.value)
}

fn span(section: &mut Section<'_>, key: &'static str, usual: Duration) -> Duration {
    section.parsed::<Span>(key).map_or(usual, |span| span.value.0)
}

fn count<T: TryFrom<u64>>(section: &mut Section<'_>, key: &'static str, usual: T) -> T {
    let Some(number) = section.count(key) else { return usual };
    let Ok(number) = T::try_from(number) else {
        let what = format!("`{}` is too large", section.name(key));
        section.problems().note(section.place(), what, None);
        return usual;
    };
    number
}

fn application(outer: &mut Section<'_>, usual: Application) -> Application {
    let mut section = outer.section("application");
    let values = |texts: Vec<Sited<String>>| texts.into_iter().map(|text| text.value).collect();
    let read = Application {
        client_id: text(&mut section, "client_id", usual.client_id),
        client_secret: section.secret("client_secret"),
        redirect_uris: section.texts("redirect_uris").map_or(usual.redirect_uris, values),
        scopes: section.texts("scopes").map_or(usual.scopes, values),
        require_pkce: section.flag("require_pkce").unwrap_or(usual.require_pkce),
        refresh_tokens: section.flag("refresh_tokens").unwrap_or(usual.refresh_tokens),
    };
    section.finish();
    read
}

fn davinci_application(outer: &mut Section<'_>, usual: DavinciApplication) -> DavinciApplication {
    let mut section = outer.section("davinci_application");
    let read = DavinciApplication {
        id: text(&mut section, "id", usual.id),
        api_key: section.secret("api_key"),
    };
    section.finish();
    read
}

fn policies(outer: &mut Section<'_>) -> Option<Vec<FlowPolicy>> {
    let sections = outer.sections("flow_policy");
    if sections.is_empty() {
        return None;
    }
    let read = |mut section: Section<'_>| {
        let (name, id) = (section.text("name"), section.text("id"));
        let distribution = distribution(&mut section);
        for (key, value) in [("name", &name), ("id", &id)] {
            if value.is_none() {
                section.missing(key, "a flow policy has a `name` and an `id` of 32 hex digits");
            }
        }
        section.finish();
        Some(FlowPolicy { name: name?.value, id: id?.value, distribution })
    };
    Some(sections.into_iter().filter_map(read).collect())
}

/// The flow versions of a policy: `flow = "stock"`, or several of `distribution` with a weight each.
fn distribution(policy: &mut Section<'_>) -> Vec<Version> {
    let several = policy.sections("distribution");
    if several.is_empty() {
        let version = Version { flow: text(policy, "flow", "stock".to_owned()), weight: 1 };
        require_flow(policy, &version.flow);
        return vec![version];
    }
    let read = |mut section: Section<'_>| {
        let flow = section.required_text("flow", "name the flow of this version");
        let version = Version {
            flow: flow.map(|flow| flow.value).unwrap_or_default(),
            weight: count(&mut section, "weight", 1),
        };
        if !version.flow.is_empty() {
            require_flow(&section, &version.flow);
        }
        section.finish();
        version
    };
    let versions: Vec<Version> = several.into_iter().map(read).collect();
    if versions.iter().all(|version| version.weight == 0) {
        let remedy = "give at least one version a weight above 0";
        let what = "no version of the flow policy would ever be drawn";
        policy.problems().note(policy.place(), what, Some(remedy.to_owned()));
    }
    versions
}

fn require_flow(section: &Section<'_>, name: &str) {
    if named(name).is_none() {
        let names: Listing = FLOWS.iter().map(|flow| flow.name).collect();
        let (what, remedy) =
            (format!("flow `{name}` does not exist"), format!("choose one of {names}"));
        section.problems().note(section.place(), what, Some(remedy));
    }
}

fn polling(outer: &mut Section<'_>, usual: PollingSettings) -> PollingSettings {
    let mut section = outer.section("polling");
    let read = PollingSettings {
        interval: span(&mut section, "interval", usual.interval),
        retries: count(&mut section, "retries", usual.retries),
        stays: count(&mut section, "stays", usual.stays),
        approved_at: count(&mut section, "approved_at", usual.approved_at),
    };
    section.finish();
    read
}

/// Takes `policy`, by name or id, and gives its id. One that there is not is noted.
pub(super) fn chosen_policy(section: &mut Section<'_>, policies: &[FlowPolicy]) -> Option<String> {
    let Sited { place, value: wanted } = section.text("policy")?;
    let found = policies.iter().find(|policy| policy.name == wanted || policy.id == wanted);
    if found.is_none() {
        let names = || policies.iter().map(|policy| policy.name.as_str());
        let remedy = nearest(&wanted, names()).map_or_else(
            || format!("known: {}", names().collect::<Listing>()),
            |near| format!("did you mean `{near}`?"),
        );
        let what = format!("there is no flow policy `{wanted}`");
        section.problems().note(Some(&place), what, Some(remedy));
    }
    found.map(|policy| policy.id.clone()).or(Some(wanted))
}

fn delays(outer: &mut Section<'_>, policies: &[FlowPolicy]) -> Vec<DelayRule> {
    let read = |mut section: Section<'_>| {
        let mut selector = |key| section.text(key).map(|text| text.value);
        let (capability, event, action) =
            (selector("capability"), selector("event"), selector("action"));
        let policy = chosen_policy(&mut section, policies);
        let delay = section.parsed::<Delay>("delay");
        if delay.is_none() && section.item("delay").is_none() {
            section.missing("delay", "write `delay = \"constant 50ms\"`");
        }
        let drift = section.parsed::<Drift>("drift").map(|drift| drift.value);
        let share = section.parsed::<Share>("share").map_or(Share(1.0), |share| share.value);
        section.finish();
        Some(DelayRule { capability, event, action, policy, delay: delay?.value, drift, share })
    };
    outer.sections("delay").into_iter().filter_map(read).collect()
}

fn tls(section: &mut Section<'_>) -> Tls {
    let wanted = section.flag("tls");
    let files = (section.text("tls_certificate"), section.text("tls_key"));
    match (wanted, files) {
        (None | Some(true), (Some(certificate), Some(key))) => {
            Tls::Files { certificate: certificate.value.into(), key: key.value.into() }
        }
        (Some(true), (None, None)) => Tls::Made,
        (None | Some(false), (None, None)) => Tls::Off,
        (_, (certificate, key)) => {
            let place = certificate.or(key).map(|text| text.place);
            let what = "`tls_certificate` and `tls_key` go together, and with `tls = true`";
            let remedy = "give both files, or neither for a certificate made at start";
            section.problems().note(place.as_ref(), what, Some(remedy.to_owned()));
            Tls::Off
        }
    }
}

fn mail(outer: &mut Section<'_>, usual: Mail) -> Mail {
    let mut section = outer.section("mail");
    let moments = [("after-reply", MailWhen::AfterReply), ("before-reply", MailWhen::BeforeReply)];
    let read = Mail {
        server: address(&mut section, "smtp"),
        provider: section.parsed::<Link>("http").map(|link| link.value.0),
        tls: section
            .choice(
                "tls",
                &[
                    ("off", MailTls::Off),
                    ("starttls", MailTls::StartTls),
                    ("implicit", MailTls::Implicit),
                ],
            )
            .unwrap_or(usual.tls),
        ca_pem: section.text("ca_pem").map(|text| text.value),
        user: section.text("user").map(|text| text.value),
        password: section.secret("password"),
        token: section.secret("token"),
        code: section.secret("code"),
        show: section.flag("show").unwrap_or(usual.show),
        when: section.choice("when", &moments).unwrap_or(usual.when),
        from: text(&mut section, "from", usual.from),
    };
    section.finish();
    read
}

/// The policies a person can start from.
#[derive(Clone, Copy)]
enum BuiltIn {
    Standard,
    Passphrase,
    Basic,
    None,
}

fn password_policy(outer: &mut Section<'_>) -> Policy {
    let mut section = outer.section("password_policy");
    let bases = [
        ("standard", BuiltIn::Standard),
        ("passphrase", BuiltIn::Passphrase),
        ("basic", BuiltIn::Basic),
        ("none", BuiltIn::None),
    ];
    let mut read = match section.choice("base", &bases).unwrap_or(BuiltIn::Standard) {
        BuiltIn::Standard => Policy::standard(),
        BuiltIn::Passphrase => Policy::passphrase(),
        BuiltIn::Basic => Policy::basic(),
        BuiltIn::None => Policy::none(),
    };
    let (shortest, longest) = (section.count("min_length"), section.count("max_length"));
    if shortest.is_some() || longest.is_some() {
        let (least, most) = read.length.unwrap_or((0, 255));
        let size = |count: Option<u64>, usual| {
            count.map_or(usual, |count| usize::try_from(count).unwrap_or(usize::MAX))
        };
        read.length = Some((size(shortest, least), size(longest, most)));
    }
    read.classes = section.flag("classes").unwrap_or(read.classes);
    read.repeats = limit(&mut section, "max_repeated", read.repeats);
    read.distinct = limit(&mut section, "min_distinct", read.distinct);
    read.uncommon = section.flag("excludes_common").unwrap_or(read.uncommon);
    read.personal = section.flag("excludes_profile").unwrap_or(read.personal);
    read.complexity = section.flag("complexity").unwrap_or(read.complexity);
    read.history = count(&mut section, "history", read.history);
    section.finish();
    read
}

/// A limit; 0 lifts it.
fn limit(section: &mut Section<'_>, key: &'static str, usual: Option<usize>) -> Option<usize> {
    Some(count(section, key, usual.unwrap_or(0))).filter(|limit| *limit > 0)
}

fn validity(outer: &mut Section<'_>, usual: Validity) -> Validity {
    let mut section = outer.section("validity");
    let read = Validity {
        verification: span(&mut section, "verification_code", usual.verification),
        recovery: span(&mut section, "recovery_code", usual.recovery),
        authorization: span(&mut section, "authorization_code", usual.authorization),
        token: span(&mut section, "token", usual.token),
        session: span(&mut section, "session", usual.session),
        sdk_token: span(&mut section, "sdk_token", usual.sdk_token),
    };
    section.finish();
    read
}

fn limits(outer: &mut Section<'_>, usual: Limits) -> Limits {
    let mut section = outer.section("limits");
    let answers =
        [("failed-flow", NodeRunsAnswer::FailedFlow), ("refusal", NodeRunsAnswer::Refusal)];
    let read = Limits {
        interaction_timeout: span(&mut section, "interaction_timeout", usual.interaction_timeout),
        node_runs: count(&mut section, "node_runs", usual.node_runs),
        node_runs_answer: section
            .choice("node_runs_answer", &answers)
            .unwrap_or(usual.node_runs_answer),
    };
    section.finish();
    read
}

fn room(outer: &mut Section<'_>, usual: Room) -> Room {
    let mut section = outer.section("room");
    let read = Room {
        calls: count(&mut section, "calls", usual.calls),
        interactions: count(&mut section, "interactions", usual.interactions),
        codes: count(&mut section, "codes", usual.codes),
        sessions: count(&mut section, "sessions", usual.sessions),
        users: count(&mut section, "users", usual.users),
        mails: count(&mut section, "mails", usual.mails),
    };
    section.finish();
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("stand-in.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let settings = Settings::read(&mut section);
        section.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let place = problem.place.map_or_else(String::new, |place| format!("{place}: "));
            format!("{place}{}\n", problem.what)
        });
        (settings, lines.collect())
    }

    #[test]
    fn an_empty_table_is_the_default() {
        assert_eq!(read(""), (Settings::default(), String::new()));
    }

    #[test]
    fn every_setting_can_be_written() {
        let (settings, problems) = read(
            r#"
            listen = "127.0.0.1:8910"
            signing = "ES256"
            secondary_buttons = "submit"
            strict_ids = true
            seed = 7
            tls_certificate = "c.pem"
            tls_key = "k.pem"
            lockout_failures = 3
            lockout_duration = "1m"
            environment_id = "e"
            custom_domain = true
            [application]
            refresh_tokens = true
            client_id = "c"
            redirect_uris = ["https://r.example/"]
            scopes = ["openid"]
            require_pkce = false
            [[flow_policy]]
            name = "one"
            id = "0123"
            flow = "stock"
            [[flow_policy]]
            name = "two"
            id = "4567"
            distribution = [{ flow = "stock", weight = 30 }, { flow = "forms", weight = 70 }]
            [davinci_application]
            id = "89ab"
            [polling]
            interval = "100ms"
            retries = 5
            stays = 1
            approved_at = 2
            [[delay]]
            capability = "token"
            delay = "lognormal 25ms 0.5"
            [[fault]]
            kind = "stall"
            [rate_limits]
            sso = "300/s"
            per_address_share = "100%"
            [mail]
            smtp = "127.0.0.1:2525"
            when = "before-reply"
            from = "x@example.com"
            [password_policy]
            base = "basic"
            min_length = 12
            max_repeated = 2
            history = 3
            [validity]
            recovery_code = "10s"
            [limits]
            node_runs = 5
            node_runs_answer = "refusal"
            interaction_timeout = "1m"
            [room]
            calls = 10
        "#,
        );
        assert_eq!(problems, "");
        assert_eq!((settings.delays.len(), settings.faults.len()), (1, 1));
        assert!(matches!(settings.tls, Tls::Files { .. }));
        assert_eq!(settings.rate_limits.rates.iter().flatten().count(), 1);
        assert_eq!(settings.password_policy.length, Some((12, 255)));
        assert_eq!(settings.password_policy.repeats, Some(2));
        assert_eq!(settings.validity.recovery, Duration::from_secs(10));
        assert_eq!(settings.limits.node_runs_answer, NodeRunsAnswer::Refusal);
        assert_eq!((settings.room.calls, settings.seed), (10, Seed(7)));
        assert_eq!(settings.policies[0], FlowPolicy::of("one", "0123", "stock"));
        let weights: Vec<u32> =
            settings.policies[1].distribution.iter().map(|version| version.weight).collect();
        assert_eq!(weights, [30, 70]);
        assert_eq!((settings.polling.stays, settings.polling.approved_at), (1, 2));
        assert!(settings.custom_domain && settings.application.refresh_tokens);
    }

    #[test]
    fn what_holds_replies_back_can_be_written() {
        let (settings, problems) = read(
            "[capacity]\nservers = 4\nservice = \"exponential 20ms\"\naction = \"SIGNON\"\n\
             [[stall]]\nat = \"3s\"\nfor = \"1s\"\n[[delay]]\ndelay = \"exponential 20ms\"\n",
        );
        assert_eq!(problems, "");
        let capacity = settings.capacity.unwrap();
        assert_eq!((capacity.servers, capacity.action.as_deref()), (4, Some("SIGNON")));
        let seconds = Duration::from_secs;
        assert_eq!(settings.stalls, [Stall { at: seconds(3), lasts: seconds(1) }]);
        assert_eq!(settings.delays[0].delay, capacity.service);
    }

    #[test]
    fn a_delay_is_of_a_policy_by_its_name_or_its_id() {
        let policies = "[[flow_policy]]\nname = \"one\"\nid = \"0123\"\n\
                        [[flow_policy]]\nname = \"two\"\nid = \"4567\"\n";
        let delay = |policy: &str| {
            let (settings, problems) = read(&format!(
                "{policies}[[delay]]\npolicy = \"{policy}\"\ndelay = \"constant 1ms\"\n"
            ));
            (settings.delays[0].policy.clone(), problems)
        };
        let found = (Some("4567".to_owned()), String::new());
        assert_eq!([delay("two"), delay("4567")], [found.clone(), found]);
        let unknown = "stand-in.toml:8:10: there is no flow policy `stock`\n";
        assert_eq!(delay("stock"), (Some("stock".to_owned()), unknown.to_owned()));
    }

    #[test]
    fn all_problems_are_noted_at_once() {
        let (_, problems) = read(
            "listen = \"8910\"\nsigning = \"HS256\"\nlockout_duration = 900\nsed = 1\n\
             [[delay]]\naction = \"NEXT\"\n[[delay]]\ndelay = \"50ms\"\n\
             [[flow_policy]]\nname = \"x\"\nid = \"y\"\nflow = \"z\"\n[mail]\nsmtp = \"localhost\"\n",
        );
        insta::assert_snapshot!(problems, @r"
        stand-in.toml:1:10: `listen`: `8910` is not an address with a port
        stand-in.toml:2:11: `signing` is `HS256`, which it cannot be
        stand-in.toml:3:20: `lockout_duration`: `900` is not a duration
        stand-in.toml:4:1: unknown key `sed`
        stand-in.toml:5:1: `delay.delay` is missing
        stand-in.toml:8:9: `delay.delay`: `50ms` is not a delay
        stand-in.toml:9:1: flow `z` does not exist
        stand-in.toml:14:8: `mail.smtp`: `localhost` is not an address with a port
        ");
    }

    #[test]
    fn tls_has_a_certificate_of_its_own_or_a_whole_pair_of_files() {
        for (text, expected) in [
            ("tls = true", Tls::Made),
            ("tls = false", Tls::Off),
            ("", Tls::Off),
            (
                "tls = true\ntls_certificate = \"c\"\ntls_key = \"k\"",
                Tls::Files { certificate: "c".into(), key: "k".into() },
            ),
        ] {
            let (settings, problems) = read(text);
            assert_eq!((settings.tls, problems.as_str()), (expected, ""), "{text}");
        }
        for text in [
            "tls_key = \"k\"",
            "tls = true\ntls_certificate = \"c\"",
            "tls = false\ntls_certificate = \"c\"\ntls_key = \"k\"",
        ] {
            assert!(read(text).1.contains("go together"), "{text}");
        }
    }

    #[test]
    fn an_address_others_can_reach_must_be_asked_for() {
        let (_, problems) = read("listen = \"0.0.0.0:0\"\n");
        assert!(problems.contains("0.0.0.0:0 is not a loopback address"), "{problems}");
        let (settings, problems) = read("listen = \"0.0.0.0:0\"\nbeyond_loopback = true\n");
        assert_eq!((settings.outside_address(), problems.as_str()), (None, ""));
    }
}
