//! Spoiled accounts put right while a run goes and at its end, and those that cannot be.

use super::*;
use gander::identity::pool::Supply;
use gander::run::mending::Mending;

fn spoiled(accounts: impl IntoIterator<Item = Account>) -> Pool {
    let pool = Pool::new(accounts);
    while let Ok(mut lease) = pool.lease(AccountState::Ok) {
        lease.spoil();
    }
    pool
}

/// A keeper at a tenant that follows a script, with the token already there.
async fn keeper(lines: &[Line], concurrency: usize) -> (Script, Arc<Keeper<Vec<u8>>>) {
    let (script, api) = Script::new(&[&[TOKEN], lines].concat()).await;
    api.authorize().await.expect("a token");
    let ledger = Arc::new(Ledger::new(Vec::new()));
    (
        script,
        Arc::new(Keeper {
            api: Arc::new(api),
            ledger,
            key: key(),
            clock: Clock::system(),
            concurrency,
        }),
    )
}

fn account(number: u64) -> Account {
    let mut account = Account::new(format!("{number}@x.test"), AccountState::Ok, number);
    account.id = Some(format!("u{number}"));
    account
}

fn ledger_lines(keeper: &Keeper<Vec<u8>>) -> usize {
    keeper.ledger.with(|bytes| bytes.split(|byte| *byte == b'\n').count() - 1)
}

#[tokio::test]
async fn the_last_mending_waits_for_what_is_under_way_and_for_what_came_meanwhile() {
    let lab = Lab::new().await;
    let pool = spoiled(lab.provision(&[(AccountState::Ok, 30)]).await);
    let late = pool.lease_spoiled().expect("one that an iteration still has");
    let mending = Mending::start([(Arc::clone(&lab.keeper), pool.clone())]);
    while pool.supply(AccountState::Ok).leased < 2 {
        tokio::task::yield_now().await;
    }
    drop(late);
    let failed = mending.finish(Duration::from_secs(60)).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(pool.supply(AccountState::Ok), Supply { free: 30, ..Supply::default() });
    lab.tenant.stop().await;
}

#[tokio::test]
async fn one_tenant_in_trouble_leaves_the_accounts_of_another_alone() {
    let lab = Lab::new().await;
    let good = spoiled(lab.provision(&[(AccountState::Ok, 10)]).await);
    let (_script, refused) = keeper(&[(403, &[][..], ""); 20], 2).await;
    let bad = spoiled((0..3).map(account));
    let mending = Mending::start([(refused, bad.clone()), (Arc::clone(&lab.keeper), good.clone())]);
    let failed = mending.finish(Duration::from_secs(60)).await;
    assert!(failed.is_some_and(|error| error.is_general()));
    assert_eq!(good.supply(AccountState::Ok), Supply { free: 10, ..Supply::default() });
    assert_eq!(bad.supply(AccountState::Ok), Supply { spoiled: 3, ..Supply::default() });
    lab.tenant.stop().await;
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_gets_the_result_at_once() {
    let lab = Lab::new().await;
    let pool = spoiled(lab.provision(&[(AccountState::Ok, 1)]).await);
    let _late = pool.lease_spoiled();
    let mending = Mending::start([(Arc::clone(&lab.keeper), pool.clone())]);
    assert!(mending.finish(Duration::ZERO).await.is_none());
    lab.tenant.stop().await;
}

#[tokio::test]
async fn an_account_that_is_refused_for_good_is_tried_a_few_times_and_set_aside() {
    let refused = (400, &[][..], r#"{"code":"INVALID_DATA"}"#);
    let lines = [NOTHING, refused].repeat(5);
    let (script, keeper) = keeper(&lines, 1).await;
    let pool = spoiled([account(1)]);
    for _ in 0..3 {
        keeper.mend_all(&pool).await.expect_err("a refusal");
    }
    assert_eq!(keeper.mend_all(&pool).await.expect("nothing left to do"), 0);
    assert_eq!((script.asked().len(), ledger_lines(&keeper)), (1 + 3 * 2, 3));
    assert_eq!(pool.supply(AccountState::Ok), Supply { set_aside: 1, ..Supply::default() });
}

#[tokio::test]
async fn a_tenant_that_lets_nobody_in_is_reported_and_costs_neither_line_nor_account() {
    let (forbidden, absent) = ((403, &[][..], ""), (404, &[][..], ""));
    let (script, keeper) = keeper(&[forbidden, absent], 2).await;
    let pool = spoiled((0..8).map(account));
    let error = keeper.mend_all(&pool).await.expect_err("a refusal");
    assert!(error.is_general(), "{error:?}");
    assert!(script.asked().len() <= 1 + 3, "{:?}", script.asked());
    assert_eq!(ledger_lines(&keeper), 0);
    assert_eq!(pool.supply(AccountState::Ok), Supply { spoiled: 8, ..Supply::default() });
}
