//! What the load of a profile costs its tenant, and where that is more than it allows.

use super::check::Checked;
use super::costing::{FAR, answers};
use super::supply::{Shortage, mean_s};
use super::tenant::Tenant;
use crate::analysis::budget::groups::EXECUTION;
use crate::analysis::budget::judge::{Budget, Fit, Footprint, Row, TIGHT};
use crate::analysis::budget::mails::NEW;
use crate::base::figures;
use crate::base::remedy::Listing;
use crate::base::units::{Rate, Span};
use crate::identity::account::STATES;
use crate::workload::pacing::ThinkTime;
use crate::workload::schedule::Arrivals;
use crate::workload::settings::{Model, WhenLate, usual_users};
use crate::workload::shape::{Shape, Stage};
use std::time::Duration;

/// Calls a second that a profile for a tenant stays under until it says how much load it wants.
const GENTLE: Rate = Rate { per_second: 5.0 };

/// What runs a load that is refused.
const ANYHOW: &str = ", and `limits.exceed = true` runs it all the same";

/// Of calls that are more than may be used for so short a time that none of them is turned down.
const BRIEF: &str = ", but over before the room is spent, if the tenant allows bursts";

/// How far under it, so that it is under it.
const UNDER: f64 = 0.9;

impl Checked {
    /// What the load costs, held against the limits of the tenant as far as they are known.
    pub fn budget(&self) -> Budget {
        Budget::of(&self.plan_of(&self.profile.workload, &self.profile.limits))
    }

    /// Whether somebody should see what the load costs: it goes to others, or their limits are written down.
    pub fn is_costly(&self) -> bool {
        self.leaves_this_machine() || self.profile.limits.is_known()
    }

    /// Where the load is more than the tenant allows.
    pub fn overspending(&self) -> Vec<Shortage> {
        let budget = self.budget();
        let mut all: Vec<_> =
            budget.rows.iter().filter_map(|row| self.too_many_calls(row, &budget)).collect();
        if let Some(before) = budget.before.as_deref() {
            let rows = before.rows.iter().filter_map(|row| self.too_many_calls(row, before));
            all.extend(rows.map(|it| self.while_registering(it, before)));
        }
        all.extend(self.overspending_besides_calls());
        all
    }

    /// The same without calls, for a load that is there to find out how many are answered.
    pub fn overspending_besides_calls(&self) -> Vec<Shortage> {
        let (limits, budget) = (&self.profile.limits, self.budget());
        let mails = self.too_many_mails(&budget).or_else(|| self.unknown_mails(&budget));
        let mut all: Vec<_> = mails.filter(|_| self.is_costly()).into_iter().collect();
        let timeout = limits
            .flow_timeout
            .or_else(|| self.leaves_this_machine().then(|| limits.flow_timeout_of_tenant()));
        all.extend(timeout.and_then(|timeout| self.thinks_too_long(timeout)));
        all.extend(self.goes_unknown(&budget));
        all
    }

    /// The same profile with the load of the longest search for capacity: every level passes, as far as it may go.
    /// The same where nobody says how far that is.
    #[must_use]
    pub fn at_most_searched(&self, from: Rate) -> Self {
        let search = &self.profile.capacity;
        let Some(to) = search.to.map(|to| to.per_second) else { return self.clone() };
        let mut level = search.from.unwrap_or(from).per_second;
        let stage = |level: f64, lasts| Stage { level: level.min(to), lasts, ramps: false };
        let mut stages = Vec::new();
        for _ in 0..search.probes {
            stages.push(stage(level, search.settle.saturating_add(search.measure)));
            level *= search.climb.max(1.0);
        }
        stages.push(stage(to, search.hold));
        let mut other = self.clone();
        let shape = Shape::of(&stages);
        let workload = &mut other.profile.workload;
        (workload.iterations, workload.warm_up) = (None, Duration::ZERO);
        workload.duration = shape.length();
        workload.model = Model::Open {
            max_users: usual_users(shape.peak()),
            rate: shape,
            arrivals: Arrivals::Poisson,
            when_late: WhenLate::Queue,
        };
        other
    }

    /// Whether the tenant is asked for the limits of its licence before the load.
    pub fn asks_licence(&self) -> bool {
        let can = |tenant: &Tenant| tenant.is_managed() && tenant.environment_id.is_some();
        self.is_costly() && self.profile.tenants().any(|(_, tenant)| can(tenant))
    }

    pub(super) fn leaves_this_machine(&self) -> bool {
        self.profile.tenants().any(|(_, tenant)| !tenant.is_loopback)
    }

    fn too_many_calls(&self, row: &Row, budget: &Budget) -> Option<Shortage> {
        let (usable, licence) = (row.usable?, row.licence?);
        let is_steady = row.peak_per_s.is_some_and(|peak| peak > usable.per_second);
        let (how_much, though) = match row.fit {
            Fit::Exceeds => ("more than", ""),
            Fit::Tight if is_steady && row.per_iteration.is_some() => ("more than", BRIEF),
            Fit::Tight if is_steady => ("perhaps more than", ""),
            Fit::Tight => ("close to what", ""),
            Fit::Fits | Fit::Unknown => return None,
        };
        let first = row.first_refusal_s.and_then(|at| Duration::try_from_secs_f64(at).ok());
        let first = first.map_or_else(String::new, |at| {
            format!(
                "; the first call would be turned down {}",
                figures::after(at.as_secs_f64(), "the start")
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
        let is_certain = row.fit == Fit::Exceeds && !self.profile.limits.exceed;
        let anyhow = if is_certain { ANYHOW } else { "" };
        let may = format!("{} of the licence's {licence}", shown(usable.per_second));
        if let Some(calls) = row.at_once.filter(|_| !is_steady) {
            let how_much = if row.fit == Fit::Exceeds { how_much } else { "perhaps more than" };
            return Some(Shortage {
                what: format!(
                    "users who are let in together make {calls:.0} calls at once in rate group `{}`: {how_much} may \
                     be used in a second, {may}{first}",
                    row.group
                ),
                advice: self.let_in(calls / usable.per_second.max(f64::MIN_POSITIVE), anyhow),
                is_certain,
            });
        }
        let what = format!(
            "{} in rate group `{}` at the peak are {how_much} may be used{though}: {may}{first}{guessed}",
            shown(row.peak_per_s?),
            row.group,
        );
        let advice = match (row.per_iteration, budget.highest_per_s) {
            (Some(_), Some(highest)) => format!(
                "up to {} of iterations fit; an address that the tenant has allow-listed may use more \
                 (`limits.per_address_share`){anyhow}",
                Rate { per_second: rounded_down(highest) }
            ),
            _ => format!(
                "lower `tenant.worker.rate`: {} fits",
                Rate { per_second: rounded_down(usable.per_second * TIGHT) }
            ),
        };
        Some(Shortage { what, advice, is_certain })
    }

    /// How to let users in who come with so many times the calls of a second.
    fn let_in(&self, times: f64, anyhow: &str) -> String {
        let users = self.profile.workload.model.users();
        let over = Duration::from_secs(whole(times / TIGHT).max(1));
        format!(
            "let them in one after another, such as `stages = [{{ users = {users}, over = \"{}\" }}, …]`, with a \
             `pacing` that is no shorter{anyhow}",
            Span(over)
        )
    }

    /// The same of registrations before the load.
    fn while_registering(&self, shortage: Shortage, before: &Budget) -> Shortage {
        let anyhow = if shortage.is_certain { ANYHOW } else { "" };
        let fits = before.highest_per_s.map_or_else(String::new, |highest| {
            format!(" to {} at most", Rate { per_second: rounded_down(highest) })
        });
        Shortage {
            what: format!("while accounts register before the load: {}", shortage.what),
            advice: format!("lower `accounts.rate`{fits}{anyhow}"),
            ..shortage
        }
    }

    fn too_many_mails(&self, budget: &Budget) -> Option<Shortage> {
        let (mails, state) = budget.cost.mails_per_account?;
        let most = self.profile.limits.mails_per_day;
        #[expect(clippy::cast_precision_loss, reason = "a person's number, far below 2^52")]
        let (may, times) = (most as f64, mails / most.max(1) as f64);
        let is_certain = !self.profile.limits.exceed;
        let anyhow = if is_certain { ANYHOW } else { "" };
        let of_state = STATES.into_iter().find(|known| known.name() == state);
        let more = of_state.filter(|_| state != NEW).map_or_else(String::new, |state| {
            format!("{}, or ", self.advice(self.supply(state).max(1.0) * times))
        });
        (mails > may).then(|| Shortage {
            what: format!(
                "an account in state `{state}` gets up to {} mails in a day, and a tenant sends {most} to a user",
                figures::count(whole(mails))
            ),
            advice: format!("{more}run journeys that send mails less often or shorter{anyhow}"),
            is_certain,
        })
    }

    fn unknown_mails(&self, budget: &Budget) -> Option<Shortage> {
        let (iterations, state) = budget.cost.mails_run_out_after?;
        let most = self.profile.limits.mails_per_day;
        Some(Shortage {
            what: format!(
                "how many mails an account in state `{state}` gets is not known: users in turn start as many \
                 iterations as the tenant answers, and after {} of them each has the {most} that a tenant sends in a \
                 day",
                figures::count(whole(iterations))
            ),
            advice: "set `workload.iterations`, a `rate` instead of users, or more accounts"
                .to_owned(),
            is_certain: false,
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
            advice: if self.asks_licence() {
                "the worker asks for them before the load; write what it may not read into `[limits]`".to_owned()
            } else {
                "write them into `[limits]`: its owner sees them among the licence's quantities; give a `rate` \
                 instead of users"
                    .to_owned()
            },
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
    use super::super::brought::Brought;
    use super::super::check::{Typed, check};
    use super::super::costing::footprint;
    use super::super::load::Loaded;
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::identity::account::{Account, AccountState};
    use crate::journey::catalog::{self, BUILT_IN};
    use crate::journey::script::Script;

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
        insta::assert_snapshot!(told(&with("")), @"true 80/s in rate group `davinci-execution` at the peak are more than may be used: 35/s of the licence's 100/s; the first call would be turned down at once (up to 6.56/s of iterations fit; an address that the tenant has allow-listed may use more (`limits.per_address_share`), and `limits.exceed = true` runs it all the same)");
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
    fn a_journey_says_how_many_mails_it_has_sent_where_its_rules_exclude_each_other() {
        let script = catalog::built_in("register").unwrap().unwrap();
        assert_eq!(footprint(&script, 1.0).mails, 1.0);
        let guessed = Script { mails: None, ..script };
        assert_eq!(footprint(&guessed, 1.0).mails, 2.0, "each rule that sends one counts");
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
        insta::assert_snapshot!(with(10), @"true an account in state `ok` gets up to 60 mails in a day, and a tenant sends 50 to a user (set `accounts.count` to 12 or more, or run journeys that send mails less often or shorter, and `limits.exceed = true` runs it all the same)");
        assert_eq!(with(12), "");
    }

    #[test]
    fn where_no_mail_may_be_sent_one_is_too_many() {
        let told = told(&format!(
            "{OUTSIDE}[workload]\nrate = \"1/s\"\nduration = \"1m\"\n[journeys]\nrecovery = 1\n\
             [limits]\nsso = \"100/s\"\nmails_per_day = 0\n"
        ));
        assert!(told.contains("and a tenant sends 0 to a user"), "{told}");
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
        assert!(gentle.gentle.is_some() && own.gentle.is_none());
        assert!(said.len() == 1 && !said[0].0 && said[0].1.contains("are not known"), "{said:?}");
        // This machine is nobody else's.
        let here = checked("[journeys]\nregister = 1\n[workload]\nduration = \"5s\"\n");
        assert!(!here.profile.workload.model.is_open() && !here.is_costly());
    }

    #[test]
    fn users_who_are_let_in_together_are_refused_where_a_second_has_no_room_for_them() {
        let with = |workload: &str| {
            format!(
                "[workload]\n{workload}pacing = \"10s\"\n[journeys]\nsign-on = 1\n[accounts]\ncount = 200\n\
                 [limits]\ndavinci-start = \"100/s\"\n"
            )
        };
        insta::assert_snapshot!(told(&with("users = 100\nduration = \"60s\"\n")), @r#"true users who are let in together make 100 calls at once in rate group `davinci-start`: more than may be used in a second, 35/s of the licence's 100/s; the first call would be turned down at once (let them in one after another, such as `stages = [{ users = 100, over = "4s" }, …]`, with a `pacing` that is no shorter, and `limits.exceed = true` runs it all the same)"#);
        assert_eq!(
            told(&with(
                "stages = [{ users = 100, over = \"4s\" }, { users = 100, for = \"60s\" }]\n"
            )),
            ""
        );
    }

    #[test]
    fn a_run_by_count_that_ends_before_the_room_is_spent_is_not_refused() {
        let with = |iterations: u32| {
            told(&format!(
                "[workload]\nrate = \"40/s\"\niterations = {iterations}\n[journeys]\nregister = 1\n[limits]\n\
                 davinci-start = \"10/s\"\nper_address_share = \"100%\"\n"
            ))
        };
        insta::assert_snapshot!(with(5), @"false 40/s in rate group `davinci-start` at the peak are more than may be used, but over before the room is spent, if the tenant allows bursts: 10/s of the licence's 10/s (up to 7.5/s of iterations fit; an address that the tenant has allow-listed may use more (`limits.per_address_share`))");
        assert!(with(50).starts_with("true "), "{}", with(50));
    }

    #[test]
    fn accounts_that_register_first_cost_what_they_cost() {
        let with = |rate: &str| {
            format!(
                "{}\"register-first\"\ncount = 5000\nrate = \"{rate}\"\n[workload]\nrate = \"1/s\"\n[journeys]\n\
                 sign-on = 1\n[limits]\ndavinci-execution = \"100/s\"\n",
                OUTSIDE.trim_end_matches("\"provision\"\n")
            )
        };
        let cost = checked(&with("1/s")).budget().cost;
        assert_eq!((cost.identities(), cost.mails), (Some(5000.0), Some(5000.0)));
        assert_eq!(told(&with("1/s")), "");
        insta::assert_snapshot!(told(&with("200/s")), @"true while accounts register before the load: 800/s in rate group `davinci-execution` at the peak are more than may be used: 35/s of the licence's 100/s; the first call would be turned down at once (lower `accounts.rate` to 6.56/s at most, and `limits.exceed = true` runs it all the same)");
    }

    #[test]
    fn mails_are_held_against_the_accounts_that_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        let rows: String = (0..20).map(|number| format!("a{number},ok\n")).collect();
        std::fs::write(&file, format!("login,state\n{rows}")).unwrap();
        let with = |per_minute: u32| {
            let source = format!("\"csv:{}\"\n", file.display());
            told(&format!(
                "{}{source}[workload]\nrate = \"{per_minute}/min\"\nduration = \"100m\"\n[journeys]\n\
                 register-resend = 1\nsign-on = 1\n[limits]\nsso = \"100/s\"\n",
                OUTSIDE.trim_end_matches("\"provision\"\n")
            ))
        };
        // No journey of these sends mails to accounts of the file.
        assert_eq!(with(40), "");
        let brought = Brought { accounts: Vec::new(), path: file, ..Brought::default() };
        let ledger = |accounts: u64, recoveries: &str| {
            let mut checked = checked(&format!(
                "{OUTSIDE}count = 200\n[workload]\nrate = \"{recoveries}\"\nduration = \"100m\"\n[journeys]\n\
                 recovery = 1\n[limits]\nsso = \"100/s\"\n"
            ));
            let account = |number: u64| Account::new(number.to_string(), AccountState::Ok, number);
            checked.brought =
                Some(Brought { accounts: (0..accounts).map(account).collect(), ..brought.clone() });
            checked.budget().cost.mails_per_account.map(|(mails, _)| mails)
        };
        assert_eq!(ledger(20, "40/min"), Some(200.0), "4000 recoveries for 20 accounts");
        assert_eq!(ledger(5000, "200/min"), Some(4.0), "20,000 for 5000");
    }

    #[test]
    fn users_in_turn_may_send_any_number_of_mails() {
        let text = format!(
            "{OUTSIDE}count = 20\n[workload]\nusers = 5\nduration = \"10m\"\n[journeys]\nrecovery = 1\n\
             [limits]\nsso = \"100/s\"\n"
        );
        insta::assert_snapshot!(told(&text), @"false how many mails an account in state `ok` gets is not known: users in turn start as many iterations as the tenant answers, and after 1000 of them each has the 50 that a tenant sends in a day (set `workload.iterations`, a `rate` instead of users, or more accounts)");
    }

    #[test]
    fn preflights_are_calls_too() {
        let text = format!(
            "{}[accounts]\nsource = \"provision\"\ncount = 9\n[workload]\nduration = \"60s\"\n[journeys]\nregister = 1\n",
            OUTSIDE
                .replace("acknowledge", "preflight = true\nacknowledge")
                .replace("[accounts]\nsource = \"provision\"\n", "")
        );
        let cost = checked(&text).budget().cost;
        assert!(cost.preflights && cost.calls_per_s.is_some_and(|calls| calls < 5.0), "{cost:?}");
        assert_eq!(
            cost.calls_per_iteration, 12.0,
            "a start, four answers, a token, each asked for"
        );
    }

    #[test]
    fn the_longest_search_is_looked_at_as_far_as_it_may_go() {
        let text = format!(
            "{OUTSIDE}count = 20\n[workload]\nrate = \"1/s\"\n[journeys]\nrecovery = 1\n[capacity]\nto = \"4/s\"\n\
             climb = 2.0\nprobes = 5\nsettle = \"60s\"\nmeasure = \"40s\"\nhold = \"200s\"\n[limits]\nsso = \"1000/s\"\n"
        );
        let profile = checked(&text);
        let searched = profile.at_most_searched(Rate { per_second: 1.0 });
        // 1, 2, 4, 4 and 4 a second for 100 s each, and 4 a second for 200 s.
        assert_eq!(searched.budget().cost.iterations, Some(2300.0));
        assert!(searched.overspending_besides_calls().iter().any(|it| it.is_certain));
        assert_eq!(profile.overspending_besides_calls(), []);
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
