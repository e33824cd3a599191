//! The management client against the stand-in tenant, and against a tenant that follows a script.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use gander::base::clock::Clock;
use gander::base::random::Seed;
use gander::base::remedy::Remedy;
use gander::base::secret::Secret;
use gander::base::share::Share;
use gander::base::units::Rate;
use gander::identity::account::{Account, AccountState, STATES};
use gander::identity::domain::EmailDomain;
use gander::identity::ledger::{Book, Doubts, Ledger, LedgerEntry};
use gander::identity::login::{Home, Logins, MailboxName};
use gander::identity::password::PasswordKey;
use gander::identity::persona::Locale;
use gander::identity::pool::Pool;
use gander::management::api::{Api, Removal};
use gander::management::backoff::Backoff;
use gander::management::call::{NewUser, starts_with};
use gander::management::clean_up::{Remover, belongs_to, tagged};
use gander::management::error::ManagementError;
use gander::management::keeper::{AccountsError, Keeper};
use gander::management::mail_detour::{DetourError, Done, point, restore};
use gander::management::mail_settings::{MailSettings, Obstacle, Smtp, Way};
use gander::management::provision::Order;
use gander::management::settings::{Settings, Worker};
use gander::standin::directory::Checked;
use gander::standin::{Running, serve};
use gander::transport::{AllowedHost, ApiClient, Guard, Resolver, Transport};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[path = "management/mending.rs"]
mod mending;

fn client(url: &str) -> ApiClient {
    let host: AllowedHost = url.parse().expect("a host");
    let settings = gander::transport::Settings::default();
    Transport::new(Guard::new([host]), &settings, Resolver::System, Clock::system())
        .and_then(|transport| transport.api_client())
        .expect("a client")
}

fn settings(url: &str, environment: &str, client_id: &str, secret: &str) -> Settings {
    Settings {
        auth_url: url.parse().expect("an address"),
        api_url: url.parse().expect("an address"),
        custom_domain: false,
        environment_id: environment.to_owned(),
        worker: Worker {
            client_id: client_id.to_owned(),
            client_secret: secret.to_owned().into(),
            environment_id: None,
            rate: Rate { per_second: 100_000.0 },
        },
    }
}

/// Quick, so that a test that makes it wait does not wait long.
fn quick() -> Backoff {
    Backoff { first: Duration::from_millis(1), ..Backoff::default() }
}

fn key() -> PasswordKey {
    PasswordKey::new(&Secret::new("0123456789abcdef".repeat(2))).expect("a key")
}

fn logins() -> Logins {
    Logins::new(&"r1".into(), 0, EmailDomain::default())
}

fn order(counts: &[(AccountState, u64)]) -> Order {
    Order {
        counts: counts.to_vec(),
        share: Share::WHOLE,
        first_persona: 0,
        seed: Seed(7),
        locale: Locale::default(),
        logins: logins(),
        population: None,
    }
}

/// A stand-in tenant, somebody who keeps its accounts, and the ledger.
struct Lab {
    tenant: Running,
    keeper: Arc<Keeper<Vec<u8>>>,
}

impl Lab {
    async fn new() -> Self {
        let tenant = serve(gander::standin::Settings::default(), Clock::system())
            .await
            .expect("a stand-in tenant");
        let ready = &tenant.ready;
        let worker = &ready.worker;
        let settings = settings(
            &ready.api_url,
            &ready.environment_id,
            &worker.client_id,
            &worker.client_secret,
        );
        let client = client(&ready.api_url);
        let api = Api::new(client, settings, Clock::system(), Seed(1)).with_backoff(quick());
        let ledger = Ledger::new(Vec::new());
        ledger
            .append(&LedgerEntry::Opened {
                at: String::new(),
                run: "r1".into(),
                environment: ready.environment_id.clone(),
                key: key().fingerprint(),
            })
            .expect("a ledger in memory");
        let keeper = Keeper {
            api: Arc::new(api),
            ledger: Arc::new(ledger),
            key: key(),
            clock: Clock::system(),
            concurrency: 8,
        };
        Self { tenant, keeper: Arc::new(keeper) }
    }

    async fn provision(&self, counts: &[(AccountState, u64)]) -> Vec<Account> {
        let made = self.keeper.provision(&order(counts), |_| {}).await;
        assert!(made.stopped_by.is_none(), "{:?}", made.stopped_by);
        made.accounts
    }

    fn remover(&self) -> Arc<Remover<Vec<u8>>> {
        let Keeper { api, ledger, clock, .. } = &*self.keeper;
        let (api, ledger, clock) = (api.clone(), ledger.clone(), clock.clone());
        Arc::new(Remover { api, ledger, clock, concurrency: 8, doubts: Doubts::default() })
    }

    fn book(&self) -> Book {
        Book::read(&self.keeper.ledger.with(|bytes| bytes.clone())).expect("a sound ledger")
    }

    fn users(&self) -> usize {
        self.tenant.tenant().directory().populations().iter().map(|each| each.users).sum()
    }

    /// Whether the tenant takes the password, has it changed, or holds the account for locked.
    fn check(&self, account: &Account) -> (Checked, bool) {
        let mut directory = self.tenant.tenant().directory();
        let user = directory.get_mut(account.id.as_deref().expect("an id")).expect("a user");
        let password = account.password(&self.keeper.key);
        let checked =
            user.check(password.expose(), (5, Duration::from_secs(900)), Clock::system().now());
        (checked, user.must_change)
    }
}

#[tokio::test]
async fn accounts_are_made_in_every_state_and_are_on_the_ledger() {
    let lab = Lab::new().await;
    let counts: Vec<_> = STATES.into_iter().zip([5, 3, 2, 4]).collect();
    let mut told = 0;
    let made = lab.keeper.provision(&order(&counts), |_| told += 1).await;
    assert!(made.stopped_by.is_none(), "{:?}", made.stopped_by);
    assert_eq!((made.accounts.len(), told, lab.users()), (14, 14, 14));
    for account in &made.accounts {
        let expected = match account.state {
            AccountState::Ok | AccountState::Victim => (Checked::Right, false),
            AccountState::MustChange => (Checked::Right, true),
            AccountState::Locked => (Checked::Locked, false),
        };
        assert_eq!(lab.check(account), expected, "{account:?}");
    }
    let mut accounts = lab.book().accounts;
    accounts.sort_by_key(|account| account.persona);
    assert_eq!(accounts, made.accounts);
    let text = lab.keeper.ledger.with(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for account in &accounts {
        assert!(!text.contains(account.password(&key()).expose()), "a password in the ledger");
    }
    lab.tenant.stop().await;
}

#[tokio::test]
async fn a_spoiled_account_is_put_right_with_a_new_password() {
    let lab = Lab::new().await;
    let made = lab.provision(&STATES.map(|state| (state, 1))).await;
    let pool = Pool::new(made.clone());
    for account in &made {
        let mut lease = pool.lease(account.state).expect("an account");
        lease.spoil();
        drop(lease);
        let mut directory = lab.tenant.tenant().directory();
        let user = directory.get_mut(account.id.as_deref().expect("an id")).expect("a user");
        user.must_change = false;
        user.lock();
    }
    assert_eq!(lab.keeper.mend_all(&pool).await.expect("a mended pool"), 4);
    for state in STATES {
        let lease = pool.lease(state).expect("an account that was put right");
        let expected = match state {
            AccountState::Ok | AccountState::Victim => (Checked::Right, false),
            AccountState::MustChange => (Checked::Right, true),
            AccountState::Locked => (Checked::Locked, false),
        };
        assert_eq!((lease.generation, lab.check(&lease)), (1, expected), "{state:?}");
    }
    assert!(lab.book().accounts.iter().all(|account| account.generation == 1));
    lab.tenant.stop().await;
}

#[tokio::test]
async fn an_account_without_an_id_is_looked_up_before_it_is_put_right() {
    let lab = Lab::new().await;
    let mut account = lab.provision(&[(AccountState::Ok, 1)]).await.remove(0);
    let id = account.id.take();
    let pool = Pool::new([account.clone(), Account::new("nobody@x.test", AccountState::Ok, 9)]);
    for _ in 0..2 {
        let mut lease = pool.lease(AccountState::Ok).expect("an account");
        lease.spoil();
    }
    let error = lab.keeper.mend_all(&pool).await.expect_err("one is not there");
    assert!(matches!(error, AccountsError::Missing { .. }), "{error}");
    let lease = pool.lease(AccountState::Ok).expect("the one that is there");
    assert_eq!((&lease.login, &lease.id), (&account.login, &id));
    assert_eq!(pool.supply(AccountState::Ok).spoiled, 1);
    lab.tenant.stop().await;
}

#[tokio::test]
async fn clean_up_removes_what_is_on_the_ledger_and_nothing_else() {
    let lab = Lab::new().await;
    lab.provision(&[(AccountState::Ok, 20), (AccountState::Locked, 5)]).await;
    let bystander = NewUser {
        username: "jane@example.com".into(),
        email: "jane@example.com".into(),
        given_name: "Jane".into(),
        family_name: "Doe".into(),
        population: None,
        password: key().password("jane@example.com", 0),
        must_change: false,
    };
    let jane = lab.keeper.api.import_user(&bystander).await.expect("a bystander");

    // Announced, and made or not before the kill: without an id on the ledger.
    let made = logins().address(100);
    lab.keeper
        .api
        .import_user(&NewUser { username: made.clone(), ..bystander.clone() })
        .await
        .expect("a user");
    for (index, login) in [(100, made), (101, logins().address(101))] {
        lab.keeper
            .ledger
            .append(&LedgerEntry::Made {
                at: String::new(),
                email: login.clone(),
                login,
                persona: index,
                state: AccountState::Ok,
            })
            .expect("a ledger in memory");
    }
    // And one that somebody else removed.
    let gone = lab.book().accounts[3].id.clone().expect("an id");
    assert_eq!(lab.keeper.api.delete_user(&gone).await.expect("a removal"), Removal::Removed);
    assert_eq!(lab.keeper.api.delete_user(&gone).await.expect("a removal"), Removal::Absent);

    let book = lab.book();
    belongs_to(&book, lab.keeper.api.environment_id()).expect("the same environment");
    let mut told = 0;
    let result = lab.remover().remove(book.accounts, || told += 1).await;
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    assert_eq!((result.removed, result.absent, told), (25, 2, 27));
    assert_eq!(lab.users(), 1);
    assert!(lab.tenant.tenant().directory().get(&jane.id).is_some());
    let book = lab.book();
    assert_eq!((book.accounts.len(), book.removed), (0, 27));
    lab.tenant.stop().await;
}

#[tokio::test]
async fn what_carries_a_tag_is_found_without_a_ledger_and_what_begins_alike_is_not() {
    let lab = Lab::new().await;
    lab.provision(&[(AccountState::Ok, 3)]).await;
    let other = Logins::new(&"r1-b".into(), 0, EmailDomain::default());
    let other = Order { logins: other, first_persona: 50, ..order(&[(AccountState::Ok, 2)]) };
    assert!(lab.keeper.provision(&other, |_| {}).await.stopped_by.is_none());
    let found = tagged(&lab.keeper.api, &"r1".into(), &Home::default()).await.expect("users");
    let mut logins: Vec<_> = found.iter().map(|account| account.login.clone()).collect();
    logins.sort();
    assert_eq!(logins, (0..3).map(|index| self::logins().address(index)).collect::<Vec<_>>());
    let result = lab.remover().remove(found, || {}).await;
    assert_eq!((result.removed, lab.users()), (3, 2));
    lab.tenant.stop().await;
}

/// People may call themselves what they like, and have their mail where gander has none.
#[tokio::test]
async fn people_whose_names_merely_look_like_a_tag_are_not_found_by_it() {
    let lab = Lab::new().await;
    lab.provision(&[(AccountState::Ok, 2)]).await;
    for (username, email) in [
        ("gander-r1-holiday", "jane+gander-r1-0-1@realcompany.com"),
        ("gander-r1-0-901", "real@realcompany.com"),
        ("gander-r1-0-902@realcompany.com", "ann@realcompany.com"),
        ("bob", "gander-r1-0-900@realcompany.com"),
        ("load+gander-r1-0-903@load.example.com", "load+gander-r1-0-903@load.example.com"),
    ] {
        let person = NewUser { username: username.into(), email: email.into(), ..someone() };
        lab.keeper.api.import_user(&person).await.expect("a user");
    }
    let api = &lab.keeper.api;
    let found = tagged(api, &"r1".into(), &Home::default()).await.expect("users");
    let mut logins: Vec<_> = found.iter().map(|account| account.login.clone()).collect();
    logins.sort();
    assert_eq!(logins, [self::logins().address(0), self::logins().address(1)]);
    let result = lab.remover().remove(found, || {}).await;
    assert_eq!((result.removed, lab.users()), (2, 5), "{:?}", result.failed);
    // At the domain of another profile they are found where that is named.
    let home = Home { domain: "realcompany.com".parse().expect("a domain"), mailbox: None };
    let found = tagged(api, &"r1".into(), &home).await.expect("users");
    let mut logins: Vec<_> = found.into_iter().map(|account| account.login).collect();
    logins.sort();
    assert_eq!(logins, ["bob", "gander-r1-0-902@realcompany.com"]);
    lab.tenant.stop().await;
}

/// Accounts of which nobody learned the id, as journeys leave them that register in one mailbox.
#[tokio::test]
async fn accounts_in_one_mailbox_are_found_by_ledger_and_by_tag() {
    for by_ledger in [true, false] {
        let lab = Lab::new().await;
        let mailbox: MailboxName = "load".parse().expect("a name");
        let logins = logins().in_mailbox(Some(mailbox.clone()));
        let order = Order { logins, ..order(&[(AccountState::Ok, 3)]) };
        let made = lab.keeper.provision(&order, |_| {}).await.accounts;
        let unknown = |account: &Account| Account { id: None, ..account.clone() };
        let accounts = match by_ledger {
            true => made.iter().map(unknown).collect(),
            false => {
                let api = &lab.keeper.api;
                assert_eq!(
                    tagged(api, &"r1".into(), &Home::default()).await.expect("users").len(),
                    0
                );
                let home = Home { mailbox: Some(mailbox), ..Home::default() };
                tagged(api, &"r1".into(), &home).await.expect("users")
            }
        };
        let result = lab.remover().remove(accounts, || {}).await;
        assert_eq!((result.removed, result.absent, lab.users()), (3, 0, 0), "{by_ledger}");
        lab.tenant.stop().await;
    }
}

#[tokio::test]
async fn an_account_that_a_flow_named_otherwise_is_found_by_its_tag_all_the_same() {
    let lab = Lab::new().await;
    let named = |username: &str, index| NewUser {
        username: username.into(),
        email: logins().address(index),
        ..someone()
    };
    lab.keeper.api.import_user(&named("lee", 7)).await.expect("a user");
    lab.keeper.api.import_user(&named(&logins().address(8), 8)).await.expect("a user");
    lab.keeper.api.import_user(&someone()).await.expect("somebody else");
    let found = tagged(&lab.keeper.api, &"r1".into(), &Home::default()).await.expect("users");
    assert_eq!(found.len(), 2, "each once: {found:?}");
    let result = lab.remover().remove(found, || {}).await;
    assert_eq!((result.removed, result.absent, lab.users()), (2, 0, 1));
    lab.tenant.stop().await;
}

#[tokio::test]
async fn an_account_that_may_still_come_stays_on_the_ledger() {
    let lab = Lab::new().await;
    let made = |index, at: &str| LedgerEntry::Made {
        at: at.into(),
        login: logins().address(index),
        email: logins().address(index),
        persona: index,
        state: AccountState::Ok,
    };
    let (long_ago, moment) = ("2026-01-01T00:00:00.000Z", "2026-01-01T00:10:00.000Z");
    for entry in [made(1, long_ago), made(2, moment)] {
        lab.keeper.ledger.append(&entry).expect("a ledger in memory");
    }
    let clean_up = async || {
        let book = lab.book();
        let Keeper { api, ledger, clock, .. } = &*lab.keeper;
        let remover = Arc::new(Remover {
            api: api.clone(),
            ledger: ledger.clone(),
            clock: clock.clone(),
            concurrency: 8,
            doubts: book.doubts(moment),
        });
        remover.remove(book.accounts, || {}).await
    };
    let result = clean_up().await;
    assert_eq!((result.removed, result.absent, result.unsure), (0, 1, 1));
    assert_eq!(lab.book().accounts.len(), 1, "it stays on the book");
    // The tenant carries out what it was asked for, after the clean-up.
    let late = NewUser { username: logins().address(2), ..someone() };
    lab.keeper.api.import_user(&late).await.expect("a user");
    let result = clean_up().await;
    assert_eq!((result.removed, result.unsure, lab.users()), (1, 0, 0));
    assert_eq!(lab.book().accounts.len(), 0);
    lab.tenant.stop().await;
}

/// A listing that lacks somebody who is there, as a search that is not understood would.
#[tokio::test]
async fn a_listing_that_lacks_who_is_there_has_nobody_forgotten() {
    let none = (200, &[][..], r#"{"_embedded":{"users":[]}}"#);
    let found = (
        200,
        &[][..],
        r#"{"_embedded":{"users":[{"id":"u1","username":"gander-r1-0-0@load.example.com"}]}}"#,
    );
    for (asked_for, expected) in [(found, (0, 1)), (none, (1, 0))] {
        let lines = [TOKEN, none, none, none, none, asked_for, none];
        let (_, api) = Script::new(&lines).await;
        let login = logins().address(0);
        let doubts = Doubts { confirmed: [login.clone()].into(), ..Doubts::default() };
        let remover = Arc::new(Remover {
            api: Arc::new(api),
            ledger: Arc::new(Ledger::new(Vec::new())),
            clock: Clock::system(),
            concurrency: 1,
            doubts,
        });
        let accounts = vec![Account::new(login, AccountState::Ok, 0)];
        let result = remover.remove(accounts, || {}).await;
        assert_eq!((result.absent, result.unsure), expected, "{:?}", result.failed);
        let noted = remover.ledger.with(|bytes| bytes.len());
        assert_eq!(noted > 0, result.absent > 0);
    }
}

#[tokio::test]
async fn an_account_that_is_found_by_its_address_alone_is_removed_too() {
    let lab = Lab::new().await;
    let login = logins().address(7);
    let named = NewUser { username: "lee".into(), email: login.clone(), ..someone() };
    lab.keeper.api.import_user(&named).await.expect("a user");
    let result = lab.remover().remove(vec![Account::new(login, AccountState::Ok, 7)], || {}).await;
    assert_eq!((result.removed, result.absent, lab.users()), (1, 0, 0));
    lab.tenant.stop().await;
}

#[tokio::test]
async fn a_removal_that_the_tenant_refuses_to_everybody_ends_the_clean_up() {
    let listed = r#"{"_embedded":{"users":[
        {"id":"u0","username":"gander-r1-0-0@load.example.com"},
        {"id":"u1","username":"gander-r1-0-1@load.example.com"},
        {"id":"u2","username":"gander-r1-0-2@load.example.com"}]}}"#;
    let lines = [TOKEN, (200, &[][..], listed), (403, &[], "{}"), (403, &[], "{}")];
    let (script, api) = Script::new(&lines).await;
    let remover = Remover {
        api: Arc::new(api),
        ledger: Arc::new(Ledger::new(Vec::new())),
        clock: Clock::system(),
        concurrency: 1,
        doubts: Doubts::default(),
    };
    let account = |index| Account {
        id: Some(format!("u{index}")),
        ..Account::new(logins().address(index), AccountState::Ok, index)
    };
    let result = Arc::new(remover).remove((0..3).map(account).collect(), || {}).await;
    assert_eq!((result.removed, result.failed.len(), script.asked().len()), (0, 1, 3));
}

/// An id on a ledger may be anybody's.
#[tokio::test]
async fn an_id_is_believed_only_with_the_login_or_the_address_beside_it() {
    let lab = Lab::new().await;
    let jane = lab.keeper.api.import_user(&someone()).await.expect("a user");
    let named = NewUser { username: "lee".into(), email: logins().address(1), ..someone() };
    let lee = lab.keeper.api.import_user(&named).await.expect("a user");
    let account = |index, id: &str| Account {
        id: Some(id.to_owned()),
        ..Account::new(logins().address(index), AccountState::Ok, index)
    };
    let accounts = vec![account(0, &jane.id), account(1, &lee.id), account(2, "nobody")];
    let shown = lab.remover().resolve(accounts.clone()).await.expect("an answer");
    let ids: Vec<_> = shown.there.iter().map(|account| account.id.as_deref()).collect();
    assert_eq!((ids, shown.absent.len(), shown.failed.len()), (vec![Some(&*lee.id)], 1, 1));
    let result = lab.remover().remove(accounts, || {}).await;
    assert_eq!((result.removed, result.absent, lab.users()), (1, 1, 1));
    let [AccountsError::SomebodyElse { login }] = &result.failed[..] else {
        panic!("{:?}", result.failed)
    };
    assert_eq!(*login, logins().address(0));
    assert!(lab.tenant.tenant().directory().get(&jane.id).is_some());
    lab.tenant.stop().await;
}

/// What a listing shows is there, whatever is said of it when it is to be removed.
#[tokio::test]
async fn an_account_that_is_listed_and_not_removed_stays_on_the_ledger() {
    let found = (
        200,
        &[][..],
        r#"{"_embedded":{"users":[{"id":"u1","username":"gander-r1-0-0@load.example.com"}]}}"#,
    );
    let missing = (404, &[][..], r#"{"code":"NOT_FOUND"}"#);
    let (_, api) = Script::new(&[TOKEN, found, missing, found, missing]).await;
    let remover = Arc::new(Remover {
        api: Arc::new(api),
        ledger: Arc::new(Ledger::new(Vec::new())),
        clock: Clock::system(),
        concurrency: 1,
        doubts: Doubts::default(),
    });
    let accounts = vec![Account::new(logins().address(0), AccountState::Ok, 0)];
    let result = remover.remove(accounts, || {}).await;
    assert_eq!((result.removed, result.absent), (0, 0));
    assert!(matches!(result.failed[..], [AccountsError::StillListed { .. }]), "{result:?}");
    assert_eq!(remover.ledger.with(|bytes| bytes.len()), 0, "nothing is struck off");
}

#[tokio::test]
async fn listings_are_followed_over_all_pages() {
    let lab = Lab::new().await;
    lab.provision(&[(AccountState::Ok, 450)]).await;
    let filter = starts_with("username", &logins().local_prefix());
    let found = lab.keeper.api.find_users(&filter).await.expect("users");
    assert_eq!(found.len(), 450);
    let none = lab.keeper.api.user_named("nobody@example.com").await.expect("an answer");
    assert_eq!(none, None);
    lab.tenant.stop().await;
}

#[tokio::test]
async fn a_population_is_made_once_and_its_users_are_in_it() {
    let lab = Lab::new().await;
    let api = &lab.keeper.api;
    let made = api.population("Load \"test\"").await.expect("a population");
    assert_eq!(api.population("Load \"test\"").await.expect("the same"), made);
    assert_eq!(api.populations().await.expect("populations").len(), 2);
    // Two machines at once: who comes second takes what the first has made.
    let (one, other) = tokio::join!(api.population("Both"), api.population("Both"));
    assert_eq!(one.expect("a population"), other.expect("the same"));
    let order = Order { population: Some(made.id.clone()), ..order(&[(AccountState::Ok, 2)]) };
    assert!(lab.keeper.provision(&order, |_| {}).await.stopped_by.is_none());
    let found = api.find_users(&format!("population.id eq \"{}\"", made.id)).await.expect("users");
    assert_eq!(found.len(), 2);
    lab.tenant.stop().await;
}

#[tokio::test]
async fn the_limits_of_the_licence_are_asked() {
    let lab = Lab::new().await;
    let limits = lab.keeper.api.limits().await.expect("limits");
    assert_eq!(limits.of("rlgDvFlowStartRps"), Some(Rate { per_second: 100.0 }));
    lab.tenant.stop().await;
    let bare = r#"{"id":"e","organization":{"id":"o"},"license":{"id":"l"}}"#;
    let licence = r#"{"id":"l","licenseQuantities":{"rlgAuthnRps":{"limit":30}}}"#;
    let (script, api) = Script::new(&[TOKEN, (200, &[], bare), (200, &[], licence)]).await;
    let limits = api.limits().await.expect("limits");
    assert_eq!(limits.of("rlgAuthnRps"), Some(Rate { per_second: 30.0 }));
    assert_eq!(script.asked(), ["POST token", "GET env-1", "GET l"]);
    // A worker that may not read the licence is no reason not to start.
    let (_, api) = Script::new(&[TOKEN, (200, &[], bare), (403, &[], "{}")]).await;
    assert!(api.limits().await.expect("an answer").groups.is_empty());
}

#[tokio::test]
async fn flow_policies_come_with_the_versions_that_they_distribute() {
    let lab = Lab::new().await;
    let policies = lab.keeper.api.flow_policies().await.expect("policies");
    assert_eq!(policies.len(), lab.tenant.ready.policies.len());
    for policy in &policies {
        assert_eq!(lab.tenant.ready.policies.get(&policy.name), Some(&policy.id));
        assert!(policy.is_enabled && !policy.distribution.is_empty(), "{policy:?}");
        assert!(policy.distribution.iter().all(|it| it.weight > 0.0), "{policy:?}");
    }
    lab.tenant.stop().await;
    // Who may not see the versions sees the policies all the same.
    let policies =
        r#"{"_embedded":{"flowPolicies":[{"id":"p","enabled":true,"application":{"id":"a"}}]}}"#;
    let (script, api) = Script::new(&[TOKEN, (200, &[], policies), (403, &[], "{}")]).await;
    assert_eq!(api.flow_policies().await.expect("policies").len(), 1);
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn the_way_of_mails_is_read_set_and_put_back() {
    let lab = Lab::new().await;
    let api = &lab.keeper.api;
    let before = api.mail_settings().await.expect("a setting");
    assert_eq!((before.way(), before.obstacle()), (Way::Platform, None));
    let sink = Smtp {
        host: "127.0.0.1".into(),
        port: 2525,
        credentials: Some(("u".into(), "s3cret".to_owned().into())),
        from: "load@example.com".into(),
    };
    api.set_mail_settings(&MailSettings::smtp(&sink)).await.expect("another way");
    let now = api.mail_settings().await.expect("a setting");
    assert_eq!(now.way(), Way::Smtp { host: "127.0.0.1".into(), port: 2525 });
    assert_eq!(now.obstacle(), Some(Obstacle::Password), "nobody knows its password any more");
    // So it is not set as it was read, either.
    let refused = api.set_mail_settings(&now).await.expect_err("a setting without its password");
    assert!(matches!(refused, ManagementError::NotUnderstood { .. }), "{refused}");
    api.set_mail_settings(&before).await.expect("the way before");
    assert_eq!(api.mail_settings().await.expect("a setting"), before);
    lab.tenant.stop().await;
    let (_, api) = Script::new(&[TOKEN, (404, &[], "{}")]).await;
    assert_eq!(api.mail_settings().await.expect("none was set").way(), Way::Platform);
    // What is not understood is never deleted.
    let (script, api) =
        Script::new(&[TOKEN, (200, &[], r#"{"host":"m.test","port":99999}"#)]).await;
    let unknown = api.mail_settings().await.expect("a setting");
    api.set_mail_settings(&unknown).await.expect_err("nothing that gander could set");
    assert_eq!(script.asked().len(), 2, "{:?}", script.asked());
}

fn sink(port: u16) -> Smtp {
    let from = "load@example.com".to_owned();
    Smtp { host: "127.0.0.1".into(), port, credentials: None, from }
}

#[tokio::test]
async fn mails_are_led_elsewhere_and_back() {
    let lab = Lab::new().await;
    let (api, clock) = (&lab.keeper.api, Clock::system());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("before.json");
    let before = api.mail_settings().await.expect("a setting");
    assert_eq!(point(api, &sink(2525), &file, &clock).await.expect("a change"), Done::Changed);
    assert_eq!(point(api, &sink(2525), &file, &clock).await.expect("nothing"), Done::WasSo);
    // The copy of what was there is not replaced by one of what gander set.
    let error = point(api, &sink(2526), &file, &clock).await.expect_err("a file that is there");
    assert!(error.remedy().expect("a remedy").contains("gander mail restore"), "{error}");
    assert_eq!(
        api.mail_settings().await.expect("a setting").way().to_string(),
        "the SMTP server 127.0.0.1:2525"
    );
    // Somebody else's change is not undone by the way.
    api.set_mail_settings(&MailSettings::smtp(&sink(25))).await.expect("another way");
    let error = restore(api, &file, false).await.expect_err("somebody else's setting");
    assert!(matches!(error, DetourError::Changed { .. }), "{error}");
    assert_eq!(restore(api, &file, true).await.expect("a change"), Done::Changed);
    assert_eq!(api.mail_settings().await.expect("a setting"), before);
    assert_eq!(restore(api, &file, false).await.expect("nothing"), Done::WasSo);
    lab.tenant.stop().await;
}

#[tokio::test]
async fn what_could_not_be_put_back_is_not_replaced() {
    let with_password = (200, &[][..], r#"{"host":"m.test","port":25,"username":"u"}"#);
    let unknown = (200, &[][..], r#"{"host":"m.test","port":25,"pool":1}"#);
    let provider = (200, &[][..], r#"{"provider":"CUSTOM_PROVIDER","requests":[]}"#);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("before.json");
    for line in [with_password, unknown, provider] {
        let (script, api) = Script::new(&[TOKEN, line]).await;
        let error = point(&api, &sink(2525), &file, &Clock::system()).await.expect_err("a refusal");
        assert!(matches!(error, DetourError::NotRestorable { .. }), "{error}");
        assert_eq!((script.asked().len(), file.exists()), (2, false), "nothing was set");
    }
}

#[tokio::test]
async fn a_setting_that_the_tenant_refuses_leaves_nothing_behind_and_one_that_may_hold_leaves_the_copy()
 {
    let none = (200, &[][..], "{}");
    let refused = (400, &[][..], r#"{"code":"INVALID_DATA"}"#);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("before.json");
    let (_, api) = Script::new(&[TOKEN, none, refused, none]).await;
    let error = point(&api, &sink(2525), &file, &Clock::system()).await.expect_err("a refusal");
    assert!(matches!(error, DetourError::NotTaken { .. }) && !file.exists(), "{error}");
    let set = (200, &[][..], r#"{"host":"127.0.0.1","port":2525}"#);
    let (_, api) = Script::new(&[TOKEN, none, refused, set]).await;
    let error = point(&api, &sink(2525), &file, &Clock::system()).await.expect_err("a refusal");
    assert!(matches!(error, DetourError::Unsure { .. }) && file.exists(), "{error}");
    assert!(error.remedy().expect("a remedy").contains("gander mail restore"));
}

#[tokio::test]
async fn a_tenant_that_does_not_search_addresses_is_cleaned_up_by_names() {
    let none = (200, &[][..], r#"{"_embedded":{"users":[]}}"#);
    let found = (
        200,
        &[][..],
        r#"{"_embedded":{"users":[{"id":"u1","username":"gander-r1-0-0@load.example.com"}]}}"#,
    );
    let refused = (400, &[][..], r#"{"code":"INVALID_DATA"}"#);
    let gone = (204, &[][..], "");
    let lines = [TOKEN, found, refused, gone, none, refused];
    let (script, api) = Script::new(&lines).await;
    let remover = Arc::new(Remover {
        api: Arc::new(api),
        ledger: Arc::new(Ledger::new(Vec::new())),
        clock: Clock::system(),
        concurrency: 1,
        doubts: Doubts::default(),
    });
    let accounts =
        (0..2).map(|index| Account::new(logins().address(index), AccountState::Ok, index));
    let result = remover.remove(accounts.collect(), || {}).await;
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    assert_eq!((result.removed, result.absent, script.asked().len()), (1, 1, 6));
}

#[tokio::test]
async fn a_name_that_is_taken_stops_the_provisioning_and_names_the_reason() {
    let lab = Lab::new().await;
    lab.provision(&[(AccountState::Ok, 1)]).await;
    let again = lab.keeper.provision(&order(&[(AccountState::Ok, 50)]), |_| {}).await;
    let Some(AccountsError::Tenant { login, source }) = again.stopped_by else {
        panic!("{:?}", again.stopped_by)
    };
    assert_eq!(login, logins().address(0));
    assert!(source.is_name_taken(), "{source}");
    assert!(again.accounts.len() < 50, "the others went on to the end");
    lab.tenant.stop().await;
}

#[tokio::test]
async fn a_worker_with_a_wrong_secret_is_told_what_to_check() {
    use gander::base::remedy::Remedy;
    let lab = Lab::new().await;
    let ready = &lab.tenant.ready;
    let settings = settings(&ready.api_url, &ready.environment_id, "worker", "wrong-s3cret");
    let api = Api::new(client(&ready.api_url), settings, Clock::system(), Seed(1));
    let error = api.authorize().await.expect_err("a refusal");
    assert!(error.to_string().contains("401") && !error.to_string().contains("s3cret"), "{error}");
    assert!(error.remedy().expect("a way out").contains("`tenant.worker`"));
    lab.tenant.stop().await;
}

/// A reply of the script: status, headers, body. `{origin}` in the body is the server's own.
type Line = (u16, &'static [(&'static str, &'static str)], &'static str);

/// A tenant that answers what it is told to, line by line, and writes down what it was asked.
#[derive(Clone)]
struct Script {
    lines: Arc<Mutex<VecDeque<Line>>>,
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
    origin: String,
}

impl Script {
    async fn new(lines: &[Line]) -> (Self, Api) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Self {
            lines: Arc::new(Mutex::new(lines.iter().copied().collect())),
            asked: Arc::default(),
            origin: origin.clone(),
        };
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = settings(&origin, "env-1", "worker", "s3cret");
        let api = Api::new(client(&origin), settings, Clock::system(), Seed(1));
        (script, api.with_backoff(quick()))
    }

    /// Methods and last parts of the paths, in order.
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no panic in the server");
        asked.iter().map(|(what, _)| what.clone()).collect()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let asked = (format!("{} {path}", request.method()), Clock::system().now());
    script.asked.lock().expect("no panic in the server").push(asked);
    let line = script.lines.lock().expect("no panic in the server").pop_front();
    let (status, headers, body) = line.unwrap_or((418, &[], "the script has ended"));
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.replace("{origin}", &script.origin).into()).expect("a response")
}

const TOKEN: Line = (200, &[], r#"{"access_token":"t0ken","expires_in":3600}"#);
const USER: Line = (201, &[], r#"{"id":"u1","username":"a@x.test"}"#);
const NOTHING: Line = (200, &[], "{}");

fn someone() -> NewUser {
    NewUser {
        username: "a@x.test".into(),
        email: "a@x.test".into(),
        given_name: "Ann".into(),
        family_name: "Lee".into(),
        population: None,
        password: key().password("a@x.test", 0),
        must_change: false,
    }
}

#[tokio::test]
async fn passing_refusals_are_tried_again_and_one_token_serves_all() {
    let unavailable = (503, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")][..], "");
    let lines =
        [(500, &[][..], ""), TOKEN, unavailable, (408, &[], ""), (504, &[], ""), USER, NOTHING];
    let (script, api) = Script::new(&lines).await;
    assert_eq!(api.import_user(&someone()).await.expect("a user").id, "u1");
    api.unlock("u1").await.expect("an unlocked account");
    let mut expected = vec!["POST token"; 2];
    expected.extend(["POST users"; 4]);
    expected.push("POST u1");
    assert_eq!(script.asked(), expected);
}

#[tokio::test]
async fn a_limit_of_the_tenant_holds_every_caller_back_as_long_as_it_asks() {
    let limited = (429, &[("retry-after", "1")][..], r#"{"code":"REQUEST_LIMITED"}"#);
    let (script, _) = Script::new(&[TOKEN, limited, NOTHING, NOTHING]).await;
    let mut settings = settings(&script.origin, "env-1", "worker", "s3cret");
    // Two calls a second: the second caller's turn comes when the limit is long known.
    settings.worker.rate = Rate { per_second: 2.0 };
    let api = Api::new(client(&script.origin), settings, Clock::system(), Seed(1));
    let api = api.with_backoff(quick());
    let (first, second) = tokio::join!(api.unlock("u1"), api.unlock("u2"));
    first.expect("an unlocked account");
    second.expect("an unlocked account");
    let asked = script.asked.lock().expect("no panic in the server");
    for (what, at) in &asked[2..] {
        let pause = *at - asked[1].1;
        assert!(pause >= Duration::from_millis(990), "{what} after {pause:?}");
    }
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_not_waited_for() {
    let limited = (429, &[("retry-after", "900")][..], "");
    let (_, api) = Script::new(&[TOKEN, limited]).await;
    let error = api.unlock("u1").await.expect_err("a limit");
    assert!(matches!(error, ManagementError::Limited { .. }), "{error}");
}

#[tokio::test]
async fn attempts_end_and_the_last_answer_is_told() {
    let (script, api) = Script::new(&[
        TOKEN,
        (503, &[], ""),
        (503, &[], ""),
        (503, &[], ""),
        (503, &[], ""),
        (503, &[], ""),
    ])
    .await;
    let error = api.unlock("u1").await.expect_err("a refusal");
    assert_eq!(
        error.to_string(),
        "the tenant answered `unlock account` with 503 Service Unavailable"
    );
    assert_eq!(script.asked().len(), 6);
}

#[tokio::test]
async fn refusals_that_stay_are_not_tried_again() {
    for status in [400, 403, 409, 422] {
        let (script, api) = Script::new(&[TOKEN, (status, &[], "{}")]).await;
        api.import_user(&someone()).await.expect_err("a refusal");
        assert_eq!(script.asked().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let expired = (401, &[][..], r#"{"code":"INVALID_TOKEN"}"#);
    let (script, api) = Script::new(&[TOKEN, expired, TOKEN, NOTHING]).await;
    api.unlock("u1").await.expect("an unlocked account");
    assert_eq!(script.asked(), ["POST token", "POST u1", "POST token", "POST u1"]);
    let (script, api) = Script::new(&[TOKEN, expired, TOKEN, expired]).await;
    api.unlock("u1").await.expect_err("a refusal");
    assert_eq!(script.asked().len(), 4);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (script, api) = Script::new(&[TOKEN, NOTHING, NOTHING, TOKEN, NOTHING]).await;
    let clock = Clock::by_hand(std::time::SystemTime::UNIX_EPOCH);
    let settings = settings(&script.origin, "env-1", "worker", "s3cret");
    drop(api);
    let api = Api::new(client(&script.origin), settings, clock.clone(), Seed(1));
    for minutes in [0, 40, 40] {
        clock.advance(Duration::from_secs(minutes * 60));
        // A hand-driven clock lets the pace stand still as well.
        clock.advance(Duration::from_millis(1));
        let call = api.unlock("u1");
        tokio::pin!(call);
        loop {
            match tokio::time::timeout(Duration::from_millis(5), &mut call).await {
                Ok(done) => break done.expect("an unlocked account"),
                Err(_) => clock.advance(Duration::from_millis(1)),
            }
        }
    }
    assert_eq!(script.asked(), ["POST token", "POST u1", "POST u1", "POST token", "POST u1"]);
}

#[tokio::test]
async fn a_token_that_is_said_to_last_for_ages_is_taken() {
    const AGES: Line = (200, &[], r#"{"access_token":"t0ken","expires_in":18446744073709551615}"#);
    let (script, api) = Script::new(&[AGES, NOTHING, NOTHING]).await;
    api.unlock("u1").await.expect("an unlocked account");
    api.unlock("u1").await.expect("an unlocked account");
    assert_eq!(script.asked(), ["POST token", "POST u1", "POST u1"]);
}

#[tokio::test]
async fn what_was_just_made_is_waited_for_until_it_is_found() {
    let missing = (404, &[][..], r#"{"code":"NOT_FOUND"}"#);
    let (script, api) = Script::new(&[TOKEN, missing, missing, NOTHING]).await;
    api.set_password("u1", &key().password("a", 1), false).await.expect("a password");
    assert_eq!(script.asked().len(), 4);
    let (script, api) = Script::new(&[TOKEN, missing]).await;
    assert_eq!(api.delete_user("u1").await.expect("nothing to do"), Removal::Absent);
    assert_eq!(script.asked().len(), 2);
    // Its first attempt did it; only the answer was lost.
    let (_, api) = Script::new(&[TOKEN, (502, &[], ""), missing]).await;
    assert_eq!(api.delete_user("u1").await.expect("a removal"), Removal::Removed);
}

#[tokio::test]
async fn a_user_whose_making_was_not_confirmed_is_found_and_not_refused() {
    let taken = (
        400,
        &[][..],
        r#"{"code":"INVALID_DATA","details":[{"code":"UNIQUENESS_VIOLATION","target":"username"}]}"#,
    );
    let found = (200, &[][..], r#"{"_embedded":{"users":[{"id":"u7","username":"A@x.test"}]}}"#);
    let (_, api) = Script::new(&[TOKEN, (502, &[], ""), taken, found]).await;
    assert_eq!(api.import_user(&someone()).await.expect("the user").id, "u7");
    // Without a lost answer the name is somebody else's.
    let (script, api) = Script::new(&[TOKEN, taken]).await;
    assert!(api.import_user(&someone()).await.expect_err("a refusal").is_name_taken());
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let away = (
        200,
        &[][..],
        r#"{"_embedded":{"users":[]},"_links":{"next":{"href":"http://127.0.0.2:1/users"}}}"#,
    );
    let (script, api) = Script::new(&[TOKEN, away]).await;
    let error = api.find_users("x").await.expect_err("a foreign link");
    assert!(matches!(error, ManagementError::ForeignLink { .. }), "{error}");
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn a_listing_that_leads_round_in_a_circle_ends() {
    let round = (
        200,
        &[][..],
        r#"{"_embedded":{"users":[]},"_links":{"next":{"href":"{origin}/v1/users?cursor=1"}}}"#,
    );
    let (script, api) = Script::new(&[TOKEN, round, round, round]).await;
    let error = api.find_users("x").await.expect_err("an endless listing");
    assert!(matches!(error, ManagementError::Endless { .. }), "{error}");
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn a_listing_that_goes_on_without_anybody_new_ends() {
    let page = |cursor| {
        let body = match cursor {
            1 => {
                r#"{"_embedded":{"users":[{"id":"u1","username":"a"}]},"_links":{"next":{"href":"{origin}/v1/users?cursor=1"}}}"#
            }
            _ => {
                r#"{"_embedded":{"users":[{"id":"u1","username":"a"}]},"_links":{"next":{"href":"{origin}/v1/users?cursor=2"}}}"#
            }
        };
        (200, &[][..], body)
    };
    let (script, api) = Script::new(&[TOKEN, page(1), page(2), NOTHING]).await;
    let error = api.find_users("x").await.expect_err("an endless listing");
    assert!(matches!(error, ManagementError::Endless { .. }), "{error}");
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_named_after_the_attempts_are_over() {
    let (script, api) = Script::new(&[]).await;
    drop(api);
    let nobody = "http://127.0.0.1:1";
    let api = Api::new(client(nobody), settings(nobody, "e", "w", "s"), Clock::system(), Seed(1));
    let error = api.with_backoff(quick()).authorize().await.expect_err("nobody there");
    assert!(matches!(error, ManagementError::Unanswered { .. }), "{error}");
    assert!(script.asked().is_empty());
}
