//! What the load of a profile costs its tenant, and where that is more than it allows.

use super::accounts::AccountSource;
use super::check::Checked;
use super::supply::{Shortage, mean_s};
use crate::analysis::budget::groups::{EXECUTION, START, group_of};
use crate::analysis::budget::judge::{Budget, Fit, Footprint, Plan, Row};
use crate::analysis::budget::limits::Limits;
use crate::analysis::budget::load::{Line, Load, Pace};
use crate::base::figures;
use crate::base::remedy::Listing;
use crate::base::units::{Rate, Span};
use crate::journey::script::{End, Script};
use crate::workload::pacing::ThinkTime;
use crate::workload::settings::{Model, Settings};
use crate::workload::shape::Shape;
use std::time::Duration;

/// Calls a second that a profile for a tenant stays under until it says how much load it wants.
const GENTLE: Rate = Rate { per_second: 5.0 };

/// How far under it, so that it is under it.
const UNDER: f64 = 0.9;

/// A plan without an end is looked at so far.
const FAR: Duration = Duration::from_hours(24 * 365);

impl Checked {
    /// What the load costs, held against the limits that the profile names.
    pub fn budget(&self) -> Budget {
        Budget::of(&self.plan_of(&self.profile.workload, &self.profile.limits))
    }

    /// What another load of the same profile costs, held against these limits.
    pub fn budget_of(&self, workload: &Settings, limits: &Limits) -> Budget {
        Budget::of(&self.plan_of(workload, limits))
    }

    /// Whether somebody should see what the load costs: it goes to others, or their limits are written down.
    pub fn is_costly(&self) -> bool {
        self.leaves_this_machine() || self.profile.limits.is_known()
    }

    /// Where the load is more than the tenant allows.
    pub fn overspending(&self) -> Vec<Shortage> {
        let limits = &self.profile.limits;
        let budget = self.budget();
        let groups = budget.rows.iter().filter_map(|row| self.too_many_calls(row, &budget));
        let mut all: Vec<_> = groups.collect();
        all.extend(self.too_many_mails(&budget).filter(|_| self.is_costly()));
        let timeout = limits
            .flow_timeout
            .or_else(|| self.leaves_this_machine().then(|| limits.flow_timeout_of_tenant()));
        all.extend(timeout.and_then(|timeout| self.thinks_too_long(timeout)));
        all.extend(self.goes_unknown(&budget));
        all
    }

    fn leaves_this_machine(&self) -> bool {
        self.profile.tenants().any(|(_, tenant)| !tenant.is_loopback)
    }

    fn plan_of(&self, workload: &Settings, limits: &Limits) -> Plan {
        let states = self.states();
        let count = self.profile.accounts.count;
        let of_state = count.saturating_mul(self.profile.variants.len() as u64);
        let workers = self.profile.tenants().filter_map(|(_, tenant)| tenant.worker.as_ref());
        let worker = workers.map(|worker| worker.rate.per_second).reduce(f64::max);
        let source = self.profile.accounts.source.as_ref();
        let makes = source.is_none_or(|source| source.value == AccountSource::Provision);
        let provisioned = if makes { of_state.saturating_mul(states.len() as u64) } else { 0 };
        Plan {
            footprints: self.footprints(),
            load: self.load_of(workload),
            limits: limits.clone(),
            addresses: self.profile.http.local_addresses.len().max(1),
            accounts: states.into_iter().map(|state| (state, of_state)).collect(),
            provisioned,
            worker: worker.filter(|_| provisioned > 0).map(|per_second| Rate { per_second }),
        }
    }

    /// The states that accounts are needed in, each once.
    fn states(&self) -> Vec<&'static str> {
        let mut states: Vec<_> =
            self.journeys.iter().filter_map(|(script, _)| Some(script.account?.name())).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    fn footprints(&self) -> Vec<Footprint> {
        let whole: f64 = self.journeys.iter().map(|(_, weight)| weight).sum();
        let part = |weight: f64| weight / whole.max(f64::MIN_POSITIVE);
        self.journeys.iter().map(|(script, weight)| footprint(script, part(*weight))).collect()
    }

    fn load_of(&self, workload: &Settings) -> Load {
        let ends = workload.closes_after();
        let until = ends.unwrap_or(FAR);
        let pace = match &workload.model {
            Model::Open { rate, .. } => Pace::Planned(rate.lines(until).collect()),
            Model::Closed { users, pacing } => {
                let think = self.profile.think.map_or(0.0, |think| mean_s(&think));
                let answers: f64 = self.footprints().iter().map(|it| it.share * answers(it)).sum();
                let turn = mean_s(&pacing.0).max(think * answers);
                if turn > 0.0 { Pace::AtMost(turns(users, until, turn)) } else { Pace::AsAnswered }
            }
        };
        Load { pace, ends, iterations: workload.iterations }
    }

    fn too_many_calls(&self, row: &Row, budget: &Budget) -> Option<Shortage> {
        let (peak, usable, licence) = (row.peak_per_s?, row.usable?, row.licence?);
        let how_much = match row.fit {
            Fit::Exceeds => "more than",
            Fit::Tight => "close to what",
            Fit::Fits | Fit::Unknown => return None,
        };
        let first = row.first_refusal_s.and_then(|at| Duration::try_from_secs_f64(at).ok());
        let first = first.map_or_else(String::new, |at| {
            format!(
                "; the first call would be turned down after {}",
                figures::seconds(at.as_secs_f64())
            )
        });
        let guessed = self.guessed();
        let guessed = if guessed == Listing::default() || row.group != EXECUTION {
            String::new()
        } else {
            format!(
                "; each rule of {guessed} counts once (`answers = N` in the journey says better)"
            )
        };
        let what = format!(
            "{} in rate group `{}` at the peak are {how_much} may be used: {} of the licence's \
             {licence}{first}{guessed}",
            shown(peak),
            row.group,
            shown(usable.per_second),
        );
        let is_certain = row.fit == Fit::Exceeds && !self.profile.limits.exceed;
        let anyhow =
            if is_certain { ", and `limits.exceed = true` runs it all the same" } else { "" };
        let advice = match (row.per_iteration, budget.highest_per_s) {
            (Some(_), Some(highest)) => format!(
                "up to {} of iterations fit; an address that the tenant has allow-listed may use more \
                 (`limits.per_address_share`){anyhow}",
                Rate { per_second: rounded_down(highest) }
            ),
            _ => "lower `tenant.worker.rate`".to_owned(),
        };
        Some(Shortage { what, advice, is_certain })
    }

    fn too_many_mails(&self, budget: &Budget) -> Option<Shortage> {
        let (mails, state) = budget.cost.mails_per_account?;
        let most = self.profile.limits.mails_per_day;
        #[expect(clippy::cast_precision_loss, reason = "a person's number, far below 2^52")]
        let times = mails / most.max(1) as f64;
        (times > 1.0).then(|| Shortage {
            what: format!(
                "an account in state `{state}` gets up to {} mails in a day, and a tenant sends {most} to a user",
                figures::count(whole(mails))
            ),
            advice: format!(
                "set `accounts.count` to {} or more, or run journeys that send mails less often or shorter",
                whole(self.profile.accounts.count.max(1) as f64 * times)
            ),
            is_certain: !self.profile.limits.exceed,
        })
    }

    /// A flow whose user thinks longer than it lasts ends as timed out, whatever the tenant is like.
    fn thinks_too_long(&self, timeout: Duration) -> Option<Shortage> {
        let think = self.profile.think?;
        let of = |it: &Footprint| {
            (it.journey.clone(), mean_s(&think) * answers(it), longest_s(&think) * answers(it))
        };
        let limit = timeout.as_secs_f64();
        let over: Vec<_> =
            self.footprints().iter().map(of).filter(|(.., longest)| *longest > limit).collect();
        let is_certain = over.iter().any(|(_, mean, _)| *mean > limit);
        let over = over.into_iter().filter(|(_, mean, _)| *mean > limit || !is_certain);
        let names: Vec<_> = over.collect();
        let (_, mean, longest) =
            names.iter().cloned().max_by(|(.., one), (.., other)| one.total_cmp(other))?;
        let names: Listing = names.iter().map(|(journey, ..)| journey.as_str()).collect();
        let (how, seconds) =
            if is_certain { ("on average", mean) } else { ("now and then", longest) };
        let pauses = Duration::try_from_secs_f64(seconds)
            .map_or(FAR, |it| Duration::from_secs(it.as_secs()));
        Some(Shortage {
            what: format!(
                "users of {names} think for {} in a flow {how}, and it is over after {}: they would measure its \
                 time-out",
                Span(pauses),
                Span(timeout)
            ),
            advice: "shorten `think_time.between_steps`, or set `limits.flow_timeout` to what the flow has".to_owned(),
            is_certain,
        })
    }

    /// Load on others whose limits nobody knows.
    fn goes_unknown(&self, budget: &Budget) -> Option<Shortage> {
        let far = self.leaves_this_machine() && !self.profile.limits.is_known();
        let gentle = budget.cost.calls_per_s.is_some_and(|calls| calls <= GENTLE.per_second);
        (far && !gentle).then(|| Shortage {
            what: match budget.cost.calls_per_s {
                Some(calls) => format!(
                    "the limits of the tenant's licence are not known, and up to {} are called",
                    shown(calls)
                ),
                None => "the limits of the tenant's licence are not known, nor how much users in turn call: as \
                         much as the tenant answers"
                    .to_owned(),
            },
            advice: "write them into `[limits]`: its owner sees them among the licence's quantities; give a `rate` \
                     instead of users"
                .to_owned(),
            is_certain: false,
        })
    }

    /// Journeys whose author did not say how many forms they answer.
    fn guessed(&self) -> Listing {
        let guessed = self.journeys.iter().filter(|(script, _)| script.answers.is_none());
        guessed.map(|(script, _)| script.name.as_str()).collect()
    }

    /// The rate of iterations that a profile for a tenant gets which does not say how much load it wants.
    pub(super) fn gentle_rate(&self) -> Option<Rate> {
        let calls = self.budget().cost.calls_per_iteration;
        let per_second = rounded_down(GENTLE.per_second * UNDER / calls.max(1.0));
        self.leaves_this_machine().then_some(Rate { per_second })
    }
}

/// What an iteration of a journey does.
#[expect(clippy::cast_precision_loss, reason = "a few rules")]
fn footprint(script: &Script, share: f64) -> Footprint {
    let answers = script.answers.unwrap_or(script.rules.len() as u64) as f64;
    let ends = script.ends.iter().map(|end| match end {
        End::StartAgain => START,
        other => group_of(other.name(), ""),
    });
    let mut calls = vec![(START, 1.0), (EXECUTION, answers)];
    calls.extend(ends.map(|group| (group, 1.0)));
    let creates =
        script.start_creates_account || script.rules.iter().any(|rule| rule.creates_account);
    let sending = script.rules.iter().filter(|rule| rule.sends_code).count();
    Footprint {
        journey: script.name.clone(),
        share,
        calls,
        is_told: script.answers.is_some(),
        creates: f64::from(u8::from(creates)),
        mails: sending as f64,
        account: script.account.map(|state| state.name()),
    }
}

fn answers(footprint: &Footprint) -> f64 {
    footprint.calls.iter().filter(|(group, _)| *group == EXECUTION).map(|(_, calls)| calls).sum()
}

/// Iterations of users who take so many seconds for each, at least.
fn turns(users: &Shape, until: Duration, turn_s: f64) -> Vec<Line> {
    let turned = |[begins, lasts, from, to]: Line| [begins, lasts, from / turn_s, to / turn_s];
    users.lines(until).map(turned).collect()
}

/// The longest pause that there is now and then: of a log-normal one, one in a hundred is longer.
fn longest_s(think: &ThinkTime) -> f64 {
    const ONE_IN_A_HUNDRED: f64 = 2.326;
    match think {
        ThinkTime::Uniform { longest, .. } => longest.as_secs_f64(),
        ThinkTime::Lognormal { median, sigma } => {
            median.as_secs_f64() * (sigma * ONE_IN_A_HUNDRED).exp()
        }
        other => mean_s(other),
    }
}

fn shown(per_second: f64) -> Rate {
    Rate { per_second: (per_second * 100.0).round() / 100.0 }
}

/// Never above what fits, and something wherever anything fits.
fn rounded_down(number: f64) -> f64 {
    let floor = |digits: f64| (number * digits).floor() / digits;
    if floor(100.0) > 0.0 { floor(100.0) } else { floor(10_000.0) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::super::check::{Typed, check};
    use super::super::load::Loaded;
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::journey::catalog::{self, BUILT_IN};

    const OUTSIDE: &str = "[tenant]\nauth_url = \"https://auth.example.com\"\napi_url = \"https://api.example.com\"\n\
        environment_id = \"e\"\nclient_id = \"a\"\nredirect_uri = \"https://a.example\"\nacknowledge = \"C\"\n\
        [tenant.worker]\nclient_id = \"w\"\nclient_secret = \"${S}\"\n[accounts]\nsource = \"provision\"\n";

    fn checked(text: &str) -> Checked {
        let mut table = Table::parse("p.toml", text).unwrap();
        table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
        let problems = Problems::default();
        let typed = Typed { acknowledge: Some("C"), environment: Some("e"), ..Typed::default() };
        let checked = check(&Loaded { table, folder: "".into() }, typed, &problems);
        let found: Vec<_> = problems.into_sorted().into_iter().map(|it| it.what).collect();
        assert_eq!(found, Vec::<String>::new());
        checked
    }

    fn told(text: &str) -> String {
        let line = |it: Shortage| format!("{} {} ({})\n", it.is_certain, it.what, it.advice);
        checked(text).overspending().into_iter().map(line).collect()
    }

    #[test]
    fn a_load_beyond_the_licence_is_refused_with_the_rate_that_fits() {
        let with = |more: &str| {
            format!(
                "[workload]\nrate = \"20/s\"\nduration = \"60s\"\n[journeys]\nregister = 1\n[limits]\n\
                 davinci-execution = \"100/s\"\ndavinci-start = \"100/s\"\n{more}"
            )
        };
        insta::assert_snapshot!(told(&with("")), @"true 80/s in rate group `davinci-execution` at the peak are more than may be used: 35/s of the licence's 100/s; the first call would be turned down after 778 ms (up to 6.56/s of iterations fit; an address that the tenant has allow-listed may use more (`limits.per_address_share`), and `limits.exceed = true` runs it all the same)");
        insta::assert_snapshot!(told(&with("per_address_share = \"100%\"\n")), @"false 80/s in rate group `davinci-execution` at the peak are close to what may be used: 100/s of the licence's 100/s (up to 18.75/s of iterations fit; an address that the tenant has allow-listed may use more (`limits.per_address_share`))");
        assert!(told(&with("exceed = true\n")).starts_with("false "));
        let two = format!(
            "[http]\nlocal_addresses = [\"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\"]\n{}",
            with("")
        );
        assert!(
            told(&two).starts_with("false "),
            "three addresses may use all of it, and 80 % are close"
        );
    }

    #[test]
    fn a_journey_that_does_not_say_how_many_forms_it_answers_is_guessed_by_its_rules() {
        let script = catalog::built_in("register").unwrap().unwrap();
        let script = Script { answers: None, ..script };
        assert_eq!(answers(&footprint(&script, 1.0)), script.rules.len() as f64);
        assert!(!footprint(&script, 1.0).is_told);
    }

    #[test]
    fn every_built_in_journey_says_how_many_forms_it_answers_and_never_more_than_it_has_rules() {
        for (name, ..) in BUILT_IN {
            let script = catalog::built_in(name).unwrap().unwrap();
            let most: u64 = script.rules.iter().map(|rule| rule.at_most.unwrap_or(1)).sum();
            assert!(script.answers.is_some_and(|answers| (1..=most).contains(&answers)), "{name}");
        }
    }

    #[test]
    fn a_user_gets_no_more_mails_in_a_day_than_a_tenant_sends() {
        let with = |count: u32| {
            told(&format!(
                "{OUTSIDE}count = {count}\n[workload]\nrate = \"1/s\"\nduration = \"10m\"\n[journeys]\nrecovery = 1\n\
                 [limits]\nsso = \"100/s\"\n"
            ))
        };
        insta::assert_snapshot!(with(10), @"true an account in state `ok` gets up to 60 mails in a day, and a tenant sends 50 to a user (set `accounts.count` to 12 or more, or run journeys that send mails less often or shorter)");
        assert_eq!(with(12), "");
    }

    #[test]
    fn users_who_think_longer_than_a_flow_lasts_are_refused() {
        let with = |pause: &str, more: &str| {
            told(&format!(
                "[workload]\nusers = 1\n[think_time]\nbetween_steps = \"{pause}\"\n[journeys]\nregister = 1\nsign-on = 1\n\
                 [accounts]\ncount = 9\n[limits]\n{more}"
            ))
        };
        insta::assert_snapshot!(with("80s", "flow_timeout = \"300s\"\n"), @"true users of `register` think for 5m20s in a flow on average, and it is over after 5m: they would measure its time-out (shorten `think_time.between_steps`, or set `limits.flow_timeout` to what the flow has)");
        insta::assert_snapshot!(with("50s..80s", "flow_timeout = \"5m\"\n"), @"false users of `register` think for 5m20s in a flow now and then, and it is over after 5m: they would measure its time-out (shorten `think_time.between_steps`, or set `limits.flow_timeout` to what the flow has)");
        assert_eq!(with("70s", "flow_timeout = \"300s\"\n"), "");
        assert_eq!(with("80s", ""), "", "the stand-in's flows have no such end");
    }

    #[test]
    fn a_profile_for_a_tenant_that_says_no_load_stays_under_five_calls_a_second() {
        let text = format!(
            "{OUTSIDE}count = 9\n[workload]\nduration = \"60s\"\n[journeys]\nregister = 1\nsign-on = 1\n"
        );
        let gentle = checked(&text);
        let cost = gentle.budget().cost;
        let calls = cost.calls_per_s.unwrap();
        assert!(calls < 5.0 && calls > 4.0, "{calls}");
        assert_eq!(gentle.overspending(), []);
        assert_eq!(gentle.plan["workload"]["model"], "open");
        assert_eq!(gentle.profile.workload.duration, Some(Duration::from_secs(60)));
        let own = checked(&text.replace("duration", "users = 3\nduration"));
        assert!(!own.profile.workload.model.is_open());
        let said: Vec<_> =
            own.overspending().into_iter().map(|it| (it.is_certain, it.what)).collect();
        assert!(said.len() == 1 && !said[0].0 && said[0].1.contains("are not known"), "{said:?}");
        // This machine is nobody else's.
        let here = checked("[journeys]\nregister = 1\n[workload]\nduration = \"5s\"\n");
        assert!(!here.profile.workload.model.is_open() && !here.is_costly());
    }

    #[test]
    fn users_with_pauses_start_no_more_than_those_allow() {
        let text = "[workload]\nusers = 30\npacing = \"10s\"\nduration = \"60s\"\n[journeys]\nsign-on = 1\n[accounts]\ncount = 60\n";
        let budget = checked(text).budget();
        assert_eq!((budget.peak_per_s, budget.cost.iterations), (Some(3.0), Some(180.0)));
        let at_once = checked(&text.replace("pacing = \"10s\"\n", "")).budget();
        assert_eq!((at_once.peak_per_s, at_once.fit()), (None, Fit::Unknown));
    }
}
