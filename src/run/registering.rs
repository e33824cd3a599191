//! Accounts that register themselves before the load, by the journey that users register with: for tenants
//! whose management API is out of reach.

use super::making::Making;
use super::stage::StageError;
use crate::base::clock::Clock;
use crate::base::names::Step;
use crate::base::share::Share;
use crate::base::units::Rate;
use crate::identity::account::{Account, AccountState};
use crate::journey::cast::Stage;
use crate::journey::perform::{Answered, Part, Witness, perform};
use crate::journey::script::Script;
use crate::management::pace::Pace;
use crate::measure::fault::Fault;
use crate::profile::accounts::CAREFUL;
use crate::transport::Transport;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Registrations under way at the same time; the rate limits them further.
const AT_ONCE: usize = 8;

/// Registrations of a stand-in or of a tenant on this machine, which has nobody else to serve.
const FAST: Rate = Rate { per_second: 5000.0 };

/// Whom to register for one variant.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The journey.
    pub(super) script: Arc<Script>,
    /// The policy that it starts.
    pub(super) policy: Option<String>,
    /// How many accounts.
    pub(super) count: u64,
    /// Index of the first persona; there are as many for it as [`personas`] says.
    pub(super) first: u64,
}

/// What became of a registration that failed.
#[derive(Debug)]
struct Failed {
    fault: Fault,
    step: Step,
    detail: Option<String>,
}

/// Sees nothing: these exchanges are not measured.
struct Nobody;

impl Witness for Nobody {
    fn answered(&mut self, _: &Answered<'_>) {}
}

/// So many registrations that fail before the first that does not are no bad luck.
const HOPELESS: u64 = 8;

/// How many registrations of so many may fail.
const fn spare(count: u64) -> u64 {
    2_u64.saturating_add(count / 20)
}

/// Whether there is no point in going on: what is wrong with so many is wrong with all, and each is a flow start
/// and perhaps a mail at somebody else's tenant.
const fn is_hopeless(count: u64, made: u64, failed: u64) -> bool {
    failed > spare(count) || (made == 0 && failed >= HOPELESS)
}

/// How many personas it takes to register so many: some registrations may fail.
pub(super) const fn personas(count: u64) -> u64 {
    if count == 0 { 0 } else { count.saturating_add(spare(count)) }
}

/// Of how many personas that one variant's accounts take in all shares together a share's own are which: the first
/// of its own, and the number of all.
pub(super) fn personas_of(share: Share, count: u64) -> (u64, u64) {
    let of = |other: Share| personas(other.count(count));
    let before = Share::all(share.of()).take_while(|other| *other != share).map(of);
    let all = Share::all(share.of()).map(of);
    (before.fold(0, u64::saturating_add), all.fold(0, u64::saturating_add))
}

/// How fast accounts are registered.
pub(super) fn rate(asked: Option<Rate>, is_loopback: bool) -> Rate {
    asked.unwrap_or(if is_loopback { FAST } else { CAREFUL })
}

/// Registers accounts, several at a time, and adds them to the stage's pool. One that fails is made up for by
/// another person, a few times; more than a few end it at once. Each is told to `making`.
pub(super) async fn register(
    order: Order,
    stage: &Arc<Stage>,
    transport: &Transport,
    (pace, making): (&Arc<Pace>, &Making),
) -> Result<(), StageError> {
    let mut indices = order.first..order.first.saturating_add(personas(order.count));
    let mut working = JoinSet::new();
    let (mut made, mut failures, mut last) = (0, 0, None);
    let (over, ends) = watch::channel(false);
    loop {
        if is_hopeless(order.count, made, failures) {
            // Those who wait for their turn need not begin; those who began may end.
            over.send_replace(true);
        }
        while !*ends.borrow()
            && working.len() < AT_ONCE
            && made + (working.len() as u64) < order.count
        {
            let Some(index) = indices.next() else { break };
            let (order, stage, mut ends) = (order.clone(), Arc::clone(stage), ends.clone());
            let (transport, pace) = (transport.clone(), Arc::clone(pace));
            working.spawn(async move {
                tokio::select! {
                    biased;
                    _ = ends.wait_for(|is_over| *is_over) => return None,
                    () = pace.turn() => {}
                }
                Some(one(&order, &stage, &transport, index).await)
            });
        }
        match working.join_next().await {
            None => break,
            Some(Ok(None)) => {}
            Some(Ok(Some(Ok(account)))) => {
                made += 1;
                making.made_one();
                stage.pool.add(account);
            }
            Some(Ok(Some(Err(failed)))) => {
                failures += 1;
                last = Some(failed);
            }
            Some(Err(_)) => {
                failures += 1;
                let step = order.script.name.as_str().into();
                last = Some(Failed { fault: Fault::Panicked, step, detail: None });
            }
        }
    }
    match last {
        Some(Failed { fault, step, detail }) if made < order.count => {
            let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            let why = format!("{} at step `{step}`{detail}", fault.slug());
            let journey = order.script.name.to_string();
            Err(StageError::Register { made, wanted: order.count, journey, why })
        }
        _ => Ok(()),
    }
}

async fn one(
    order: &Order,
    stage: &Stage,
    transport: &Transport,
    index: u64,
) -> Result<Account, Failed> {
    let part = Part { script: &order.script, policy: order.policy.as_deref(), index };
    let outcome = perform(stage, part, &mut transport.session(), &mut Nobody).await;
    let (step, detail) = (outcome.last_step, outcome.detail);
    outcome.result.map_err(|fault| Failed { fault, step, detail })?;
    Ok(Account::new(stage.logins.address(index), AccountState::Ok, index))
}

/// One rate for all variants.
pub(super) fn pace(rate: Rate, clock: &Clock) -> Arc<Pace> {
    Arc::new(Pace::new(rate, clock.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_nobody_named_a_rate_for_is_treated_with_care() {
        assert_eq!(rate(None, false), CAREFUL);
        assert_eq!(rate(Some(FAST), false), FAST);
        assert_eq!(rate(None, true), FAST);
    }

    #[test]
    fn some_registrations_may_fail() {
        assert_eq!((personas(0), personas(1), personas(1000)), (0, 3, 1052));
        assert_eq!(personas(u64::MAX), u64::MAX);
    }

    #[test]
    fn no_two_shares_register_the_same_people() {
        assert_eq!(personas_of(Share::WHOLE, 1000), (0, personas(1000)));
        let mut next = 0;
        for share in Share::all(3) {
            let (first, all) = personas_of(share, 100);
            assert_eq!((first, all), (next, 109));
            next = first + personas(share.count(100));
        }
        assert_eq!(next, 109);
        // Nobody to register takes nobody.
        assert_eq!(personas_of(Share::new(3, 4).unwrap(), 2), (6, 6));
    }

    #[test]
    fn what_fails_again_and_again_is_not_tried_with_a_thousand_people() {
        for (count, made, failed, ends) in [
            (1000, 0, 7, false),
            (1000, 0, 8, true),
            (1000, 1, 8, false),
            (1000, 900, 52, false),
            (1000, 900, 53, true),
            (1, 0, 2, false),
            (1, 0, 3, true),
        ] {
            assert_eq!(is_hopeless(count, made, failed), ends, "{count}, {made}, {failed}");
        }
    }
}
