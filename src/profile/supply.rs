//! Whether accounts and tokens last for the whole load: what there is, against what it takes.

use super::check::Checked;
use super::tenant::{SdkToken, Tenant};
use crate::base::remedy::Listing;
use crate::base::units::{Rate, Span};
use crate::identity::account::AccountState;
use crate::journey::script::Script;
use crate::workload::pacing::ThinkTime;
use crate::workload::settings::Model;
use crate::workload::shape::Shape;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Something of which there is too little.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shortage {
    /// What there is, and what the load takes.
    pub what: String,
    /// What to do.
    pub advice: String,
    /// Whether some users must go without, however fast the tenant is; otherwise they may.
    pub is_certain: bool,
}

/// Calls of the management API that put one account right: unlock, set a password; lock it again.
const MENDING: &[(AccountState, f64)] = &[
    (AccountState::Ok, 2.0),
    (AccountState::Victim, 2.0),
    (AccountState::MustChange, 2.0),
    (AccountState::Locked, 3.0),
];

/// What journeys of one state take.
struct Demand<'a> {
    state: AccountState,
    scripts: Vec<&'a Script>,
    /// Its part of all iterations.
    share: f64,
    /// The part of all iterations that leave their account in another state.
    spoiling: f64,
}

impl Checked {
    /// What does not last: accounts of a state, of which each variant has its own, and tokens that nobody
    /// renews. `now` is the time of day.
    pub fn shortages(&self, now: SystemTime) -> Vec<Shortage> {
        let Some((share, own)) = self.own_part() else { return self.shortages_of_all(now) };
        let told = |it: Shortage| Shortage { what: format!("share {share}: {}", it.what), ..it };
        own.shortages_of_all(now).into_iter().map(told).collect()
    }

    fn shortages_of_all(&self, now: SystemTime) -> Vec<Shortage> {
        let demands = self.demands();
        let accounts = demands.iter().filter_map(|demand| {
            self.too_few_at_once(demand)
                .or_else(|| self.spoiled_too_fast(demand))
                .or_else(|| self.perhaps_too_few(demand))
        });
        let tokens = self.profile.tenants().filter_map(|(_, tenant)| self.ends_early(tenant, now));
        let mut all: Vec<_> = accounts.chain(tokens).collect();
        all.dedup();
        all
    }

    fn demands(&self) -> Vec<Demand<'_>> {
        let whole: f64 = self.journeys.iter().map(|(_, weight)| weight).sum();
        let mut demands: BTreeMap<AccountState, Demand<'_>> = BTreeMap::new();
        for (script, weight) in &self.journeys {
            let Some(state) = script.account else { continue };
            let none = || Demand { state, scripts: Vec::new(), share: 0.0, spoiling: 0.0 };
            let demand = demands.entry(state).or_insert_with(none);
            let part = weight / whole.max(f64::MIN_POSITIVE);
            demand.scripts.push(script);
            demand.share += part;
            demand.spoiling += if script.spoils_account() { part } else { 0.0 };
        }
        demands.into_values().collect()
    }

    /// Accounts of a state in all variants together.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    pub(super) fn supply(&self, state: AccountState) -> f64 {
        match &self.brought {
            Some(brought) => brought.count(state) as f64,
            None => self.profile.accounts.count as f64 * self.profile.variants.len() as f64,
        }
    }

    /// How to have so many accounts of a state in all variants together.
    pub(super) fn advice(&self, accounts: f64) -> String {
        let accounts = accounts * self.parts();
        match &self.brought {
            Some(brought) => {
                format!("bring {} or more along in `{}`", accounts.ceil(), brought.path.display())
            }
            None => format!("set `accounts.count` to {} or more", self.count_for(accounts)),
        }
    }

    /// How many parts of a plan have to have what one lacks.
    fn parts(&self) -> f64 {
        self.share.filter(|_| self.is_part).map_or(1.0, |share| f64::from(share.of()))
    }

    /// An iteration holds its account from its beginning to its end, think time included. In the closed
    /// model, where every journey needs one and users start again at once, all users hold one; in the open
    /// one at least as many as arrive while one of them thinks (Little's law), at the peak.
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000 users")]
    fn too_few_at_once(&self, demand: &Demand<'_>) -> Option<Shortage> {
        let (held, why) = match &self.profile.workload.model {
            Model::Closed { users, pacing } => {
                let all = demand.share > 0.999_999 && pacing.0 == ThinkTime::None;
                let users = if all { users.peak().ceil() } else { 0.0 };
                (users, format!("{users} users hold one each"))
            }
            Model::Open { rate, max_users, .. } => {
                let think = self.profile.think.map_or(0.0, |think| mean_s(&think));
                let held = (rate.peak() * demand.share * think).min(*max_users as f64);
                let held = held.floor();
                (held, format!("{held} are held at the peak while users think, at the very least"))
            }
        };
        let supply = self.supply(demand.state);
        (held > supply).then(|| Shortage {
            what: format!(
                "{supply} accounts in state `{}` are too few: {why}, and {} must fail with `no-account`",
                demand.state.name(),
                names(&demand.scripts)
            ),
            advice: self.advice(held * 1.25),
            is_certain: true,
        })
    }

    /// Journeys that leave an account in another state give it back only when it was put right, and the worker
    /// puts right no more than its rate allows. Where more come out than go in, the supply runs dry.
    fn spoiled_too_fast(&self, demand: &Demand<'_>) -> Option<Shortage> {
        let Model::Open { rate, .. } = &self.profile.workload.model else { return None };
        let calls = MENDING.iter().find(|(state, _)| *state == demand.state)?.1;
        let workers = self.profile.tenants().filter_map(|(_, tenant)| tenant.worker.as_ref());
        let worker = workers.map(|worker| worker.rate.per_second).reduce(f64::min)?;
        let mended_per_s = worker / calls;
        let ends = self.profile.workload.closes_after()?;
        let (dry, missing) =
            out(rate, demand.spoiling, (self.supply(demand.state), mended_per_s), ends);
        let dry = dry?;
        let (peak, mended) = (
            Rate { per_second: two_digits(rate.peak() * demand.spoiling) },
            Rate { per_second: two_digits(mended_per_s) },
        );
        Some(Shortage {
            what: format!(
                "{} accounts in state `{}` are used up after {}: {} leave up to {peak} of them in \
                 another state, and the worker puts at most {mended} right",
                self.supply(demand.state),
                demand.state.name(),
                Span(Duration::from_secs(dry.as_secs())),
                names(&demand.scripts),
            ),
            advice: format!(
                "raise `tenant.worker.rate` as far as its owner allows, or `accounts.count` to {} or \
                 more",
                self.count_for(missing * 1.25 * self.parts())
            ),
            is_certain: true,
        })
    }

    /// Fewer accounts than users may want at the same time. Where journeys spoil accounts there have to be
    /// others meanwhile.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn perhaps_too_few(&self, demand: &Demand<'_>) -> Option<Shortage> {
        let users = self.profile.workload.model.busy_users() as u64;
        let variants = self.profile.variants.len().max(1) as u64;
        // Each variant has accounts of its own.
        let count = match &self.brought {
            Some(brought) => brought.count(demand.state) as u64 / variants,
            None => self.profile.accounts.count,
        };
        let spoils = demand.spoiling > 0.0;
        let needed = users.saturating_mul(if spoils { 2 } else { 1 });
        let spoilt = if spoils { " that spoil some" } else { "" };
        let what = format!(
            "{count} accounts in state `{}` are too few for {users} users{spoilt}: {} \
             may find none and fail with `no-account`",
            demand.state.name(),
            names(&demand.scripts)
        );
        let advice = self.advice((needed * variants) as f64);
        (count < needed).then_some(Shortage { what, advice, is_certain: false })
    }

    /// A token that was brought along is not renewed. What it says of its end is in it, if it is a JWT.
    fn ends_early(&self, tenant: &Tenant, now: SystemTime) -> Option<Shortage> {
        let Some(SdkToken::Bearer(token)) = &tenant.sdk_token else { return None };
        let ends = self.starts_by_policy_at(tenant).then(|| end_of(token.expose())).flatten()?;
        let left = (UNIX_EPOCH + Duration::from_secs(ends)).duration_since(now).unwrap_or_default();
        let lasts = self.profile.workload.closes_after()?;
        (left < lasts).then(|| Shortage {
            what: format!(
                "the token in `tenant.sdk_token.bearer` ends in {}, and flows are started with it for {}",
                Span(Duration::from_secs(left.as_secs())),
                Span(lasts)
            ),
            advice: "give `[tenant.sdk_token]` the `api_key` instead: then gander fetches tokens and \
                     renews them"
                .to_owned(),
            is_certain: true,
        })
    }

    /// `accounts.count` for so many accounts in all variants together.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    #[expect(clippy::cast_precision_loss, reason = "a few variants")]
    fn count_for(&self, accounts: f64) -> u64 {
        (accounts / self.profile.variants.len().max(1) as f64).ceil() as u64
    }
}

/// The first second in which more accounts are out than there are, if there is one, and the most that are out
/// at any time. Goes by the straight lines of the load: a plan of a hundred years is as quick as one of a minute.
fn out(
    rate: &Shape,
    spoiling: f64,
    (supply, mended_per_s): (f64, f64),
    ends: Duration,
) -> (Option<Duration>, f64) {
    let (mut out, mut most) = (0.0_f64, 0.0_f64);
    let mut dry = None;
    if spoiling <= 0.0 {
        return (dry, most);
    }
    for [begins, lasts, from, to] in rate.lines(ends) {
        // How many more come out than go in, per second, along the line.
        let [from, to] = [from, to].map(|level| level * spoiling - mended_per_s);
        let crosses = (from < 0.0) != (to < 0.0);
        let turns = if crosses { lasts * from / (from - to) } else { lasts };
        let turn = if crosses { 0.0 } else { to };
        for (begins, lasts, from, to) in
            [(begins, turns, from, turn), (begins + turns, lasts - turns, turn, to)]
        {
            let area = lasts * f64::midpoint(from, to);
            if dry.is_none() && out + area > supply {
                let after = until_grown((from, to), lasts, (supply - out).max(0.0));
                dry = Duration::try_from_secs_f64((begins + after).floor() + 1.0).ok();
            }
            // Where fewer come out than go in, none is out in the end.
            out = (out + area).max(0.0);
            most = most.max(out);
        }
    }
    (dry, most)
}

/// After how many seconds a level that goes in a straight line, and is never negative, has this area under it.
fn until_grown((from, to): (f64, f64), lasts: f64, area: f64) -> f64 {
    let slope = (to - from) / lasts;
    let root = (2.0 * slope).mul_add(area, from * from).max(0.0).sqrt();
    if area > 0.0 { (2.0 * area / (from + root)).min(lasts) } else { 0.0 }
}

fn names(scripts: &[&Script]) -> Listing {
    scripts.iter().map(|script| script.name.as_str()).collect()
}

fn two_digits(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The mean of a think time, in seconds.
pub(super) fn mean_s(think: &ThinkTime) -> f64 {
    match think {
        ThinkTime::None => 0.0,
        ThinkTime::Constant(pause) => pause.as_secs_f64(),
        ThinkTime::Uniform { shortest, longest } => {
            f64::midpoint(shortest.as_secs_f64(), longest.as_secs_f64())
        }
        // exp(μ + σ²/2), the median being exp(μ).
        ThinkTime::Lognormal { median, sigma } => {
            median.as_secs_f64() * (sigma * sigma / 2.0).exp()
        }
    }
}

/// When a JWT ends by its own word (`exp`, RFC 7519 §4.1.4), in seconds since 1970. Nobody checks the signature
/// here.
fn end_of(token: &str) -> Option<u64> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let ends = Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?).ok()?;
    Some(ends.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::check::{Typed, check};
    use super::super::load::Loaded;
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::workload::shape::Stage;

    const TENANT: &str = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\napi_url = \"http://127.0.0.1:1\"\n\
        environment_id = \"e\"\nclient_id = \"a\"\nredirect_uri = \"https://a.example\"\n\
        [tenant.worker]\nclient_id = \"w\"\nclient_secret = \"${S}\"\nrate = \"10/s\"\n\
        [accounts]\nsource = \"provision\"\ncount = 100\n";

    fn shortages(text: &str) -> Vec<Shortage> {
        let mut table = Table::parse("p.toml", text).unwrap();
        table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
        let problems = Problems::default();
        let checked = check(&Loaded { table, folder: "".into() }, Typed::default(), &problems);
        let found: Vec<_> = problems.into_sorted().into_iter().map(|it| it.what).collect();
        assert_eq!(found, Vec::<String>::new());
        checked.shortages(UNIX_EPOCH + Duration::from_secs(1000))
    }

    fn told(text: &str) -> String {
        let line = |it: Shortage| format!("{} {} ({})\n", it.is_certain, it.what, it.advice);
        shortages(text).into_iter().map(line).collect()
    }

    #[test]
    fn users_who_all_hold_an_account_at_once_need_one_each() {
        let with = |users: u32, more: &str| {
            format!("[workload]\nusers = {users}\n{more}[accounts]\ncount = 20\n")
        };
        let sign_on = "[journeys]\nsign-on = 1\n";
        insta::assert_snapshot!(told(&with(21, sign_on)), @"true 20 accounts in state `ok` are too few: 21 users hold one each, and `sign-on` must fail with `no-account` (set `accounts.count` to 27 or more)");
        assert_eq!(told(&with(20, sign_on)), "");
        // Others need none, or users pause between two: they may come off.
        for more in [
            "[journeys]\nsign-on = 9\nregister = 1\n",
            "pacing = \"10s\"\n[journeys]\nsign-on = 1\n",
        ] {
            assert!(told(&with(21, more)).starts_with("false 20 accounts"), "{more}");
        }
        let variants =
            "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n[journeys]\nsign-on = 1\n";
        assert!(told(&with(40, variants)).starts_with("false"));
        assert!(told(&with(41, variants)).starts_with("true 40 accounts"));
    }

    #[test]
    fn accounts_that_users_hold_while_they_think_are_as_many_as_arrive_meanwhile() {
        let with = |think: &str| {
            format!(
                "[workload]\nrate = \"20/s\"\n[think_time]\nbetween_steps = \"{think}\"\n\
                     [journeys]\nsign-on = 1\n[accounts]\ncount = 100\n"
            )
        };
        assert_eq!(told(&with("4s..6s")), "");
        insta::assert_snapshot!(told(&with("5s..6s")), @"true 100 accounts in state `ok` are too few: 110 are held at the peak while users think, at the very least, and `sign-on` must fail with `no-account` (set `accounts.count` to 138 or more)");
    }

    #[test]
    fn accounts_that_are_spoiled_faster_than_they_are_put_right_run_dry() {
        let with = |rate: &str, duration: &str| {
            format!(
                "{TENANT}[workload]\nrate = \"{rate}\"\nduration = \"{duration}\"\n\
                     [journeys]\nsign-on-expired-password = 1\nsign-on = 1\n"
            )
        };
        // 7 a second against 5 that are put right: 100 are gone after 51 seconds.
        insta::assert_snapshot!(told(&with("14/s", "5m")), @"true 100 accounts in state `must-change` are used up after 51s: `sign-on-expired-password` leave up to 7/s of them in another state, and the worker puts at most 5/s right (raise `tenant.worker.rate` as far as its owner allows, or `accounts.count` to 750 or more)");
        for (rate, duration) in [("10/s", "8h"), ("14/s", "49s")] {
            assert!(!shortages(&with(rate, duration)).iter().any(|it| it.is_certain), "{rate}");
        }
    }

    #[test]
    fn a_plan_of_a_hundred_years_is_looked_through_at_once() {
        let years = Duration::from_secs(876_000 * 3600);
        let constant = Shape::constant(10.0);
        assert_eq!(out(&constant, 0.0, (100.0, 1.0), years), (None, 0.0));
        assert_eq!(out(&constant, 0.5, (100.0, 5.0), years), (None, 0.0));
        let (dry, most) = out(&constant, 0.5, (1e6, 4.999), years);
        assert_eq!(dry.map(|at| (at.as_secs() - 1).div_ceil(1000)), Some(1_000_000));
        assert!((most / (0.001 * years.as_secs_f64()) - 1.0).abs() < 1e-6, "{most}");
        let text = "[workload]\nrate = \"5/s\"\nduration = \"876000h\"\n[journeys]\nsign-on = 1\n";
        assert!(shortages(text).iter().all(|it| !it.is_certain));
    }

    #[test]
    fn lines_tell_what_counting_second_by_second_tells() {
        let stage =
            |level, seconds, ramps| Stage { level, lasts: Duration::from_secs(seconds), ramps };
        let rate = Shape::of(&[
            stage(20.0, 600, true),
            stage(4.0, 300, false),
            stage(30.0, 200, true),
            stage(0.0, 400, true),
        ]);
        let ends = Duration::from_secs(1500);
        for (spoiling, supply, mended) in [
            (0.5, 400.0, 5.0),
            (0.5, 900.0, 5.0),
            (1.0, 50.0, 9.0),
            (0.3, 10.0, 9.0),
            (1.0, 1e5, 0.0),
        ] {
            // Each second in a hundred steps, as anybody would add it up.
            let (mut counted, mut most, mut dry, mut before) = (0.0_f64, 0.0_f64, None, 0.0);
            for step in 1..=150_000_u32 {
                let at = Duration::from_millis(10) * step;
                let spoiled = rate.area(at) * spoiling;
                counted = (counted + spoiled - before - mended / 100.0).max(0.0);
                before = spoiled;
                most = most.max(counted);
                dry = dry.or((counted > supply).then_some(at));
            }
            let (found, peak) = out(&rate, spoiling, (supply, mended), ends);
            assert!((peak - most).abs() < 0.01 * most + 1.0, "{peak} {most}");
            assert_eq!(found.is_some(), dry.is_some(), "{spoiling} {supply} {mended}");
            let apart =
                found.unwrap_or_default().as_secs_f64() - dry.unwrap_or_default().as_secs_f64();
            assert!((-0.1..1.1).contains(&apart), "{found:?} {dry:?}");
        }
    }

    #[test]
    fn a_token_that_nobody_renews_has_to_last_as_long_as_the_load() {
        let token = |ends: u64| {
            let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{ends}}}"));
            format!("e30.{claims}.x")
        };
        assert_eq!(
            (end_of(&token(1600)), end_of("opaque"), end_of("a.b.c")),
            (Some(1600), None, None)
        );
        let with = |ends: u64, duration: &str| {
            format!(
                "[tenant]\nauth_url = \"http://127.0.0.1:1\"\nenvironment_id = \"e\"\nclient_id = \"a\"\n\
                 redirect_uri = \"https://a.example\"\nstart = \"policy\"\n[tenant.sdk_token]\n\
                 bearer = \"{}\"\n[[variant]]\nname = \"v\"\nflow_policy = \"p\"\n\
                 [workload]\nduration = \"{duration}\"\n[journeys]\nregister = 1\n",
                token(ends)
            )
        };
        assert_eq!(told(&with(1600, "10m")), "");
        insta::assert_snapshot!(told(&with(1600, "15m")), @"true the token in `tenant.sdk_token.bearer` ends in 10m, and flows are started with it for 15m (give `[tenant.sdk_token]` the `api_key` instead: then gander fetches tokens and renews them)");
    }
}
