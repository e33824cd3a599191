//! The users of the tenant: their profiles, passwords, locks and outstanding codes.

use super::password::Hashed;
use crate::base::secret::Secret;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// All users and populations.
#[derive(Debug)]
pub struct Directory {
    users: HashMap<Arc<str>, User>,
    /// Lower-case user name to id; the order of listings.
    by_username: BTreeMap<String, Arc<str>>,
    /// Lower-case address and id: several users may share an address.
    by_email: BTreeSet<(String, Arc<str>)>,
    populations: Vec<Population>,
    capacity: usize,
}

/// A group of users.
#[derive(Clone, Debug)]
pub struct Population {
    /// Id, a UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Users in it.
    pub users: usize,
}

/// What is known about a user when one is made.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Name to sign on with; unique whatever the case.
    pub username: String,
    /// Address.
    pub email: String,
    /// Given name; may be empty.
    pub given: String,
    /// Family name; may be empty.
    pub family: String,
    /// Population's id.
    pub population: String,
}

impl Profile {
    /// The attributes a password may not be equal to.
    pub fn attributes(&self) -> [&str; 4] {
        [&self.username, &self.email, &self.given, &self.family]
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Id, a UUID.
    pub id: Arc<str>,
    /// Profile.
    pub profile: Profile,
    /// Time of creation.
    pub created: SystemTime,
    /// Whether the address is verified.
    pub verified: bool,
    /// The password; none for a user that cannot sign on by password.
    password: Option<Hashed>,
    /// Former passwords, newest first.
    former: VecDeque<Hashed>,
    /// Whether the password has to be changed at the next sign-on.
    pub must_change: bool,
    /// Wrong passwords since the last right one.
    failures: u32,
    lock: Option<Lock>,
    /// The last verification code sent.
    pub verification: Option<Code>,
    /// The last recovery code sent.
    pub recovery: Option<Code>,
}

/// A code that was sent; a later one replaces it.
#[derive(Clone, Debug)]
pub struct Code {
    /// The code.
    pub text: Secret,
    /// When it was made.
    pub made: Instant,
}

impl Code {
    /// Whether `typed` is the code, not older than `validity`.
    pub fn accepts(&self, typed: &str, validity: Duration, now: Instant) -> bool {
        now.duration_since(self.made) < validity && self.text.expose() == typed.trim()
    }
}

/// Why an account is locked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lock {
    /// By wrong passwords, for a time.
    Until(Instant),
    /// By an administrator. Whether the service ends such a lock by itself is unknown; here it does
    /// not (assumed).
    UntilUnlocked,
}

/// How a password check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checked {
    /// The right password.
    Right,
    /// A wrong one; how many more until the account locks, if it ever does.
    Wrong(Option<u32>),
    /// The account is locked; the password was not looked at.
    Locked,
}

/// Why no user was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotCreated {
    /// The user name is taken.
    Duplicate,
    /// The directory is full.
    Full,
}

impl User {
    /// A user without a password.
    pub fn new(id: &str, profile: Profile, created: SystemTime) -> Self {
        Self {
            id: id.into(),
            profile,
            created,
            verified: true,
            password: None,
            former: VecDeque::new(),
            must_change: false,
            failures: 0,
            lock: None,
            verification: None,
            recovery: None,
        }
    }

    /// Checks a password. `lockout` is the number of failures that lock (0: none) and for how long.
    pub fn check(&mut self, password: &str, lockout: (u32, Duration), now: Instant) -> Checked {
        let (limit, duration) = lockout;
        if self.is_locked(now) {
            return Checked::Locked;
        }
        if self.lock.take().is_some() {
            self.failures = 0;
        }
        if self.password.as_ref().is_some_and(|known| known.matches(password)) {
            self.failures = 0;
            return Checked::Right;
        }
        if limit == 0 {
            return Checked::Wrong(None);
        }
        self.failures += 1;
        if self.failures >= limit {
            self.lock = Some(Lock::Until(now + duration));
        }
        Checked::Wrong(Some(limit.saturating_sub(self.failures)))
    }

    /// Whether the account is locked.
    pub fn is_locked(&self, now: Instant) -> bool {
        match self.lock {
            None => false,
            Some(Lock::Until(until)) => now < until,
            Some(Lock::UntilUnlocked) => true,
        }
    }

    /// Locks the account until somebody unlocks it.
    pub const fn lock(&mut self) {
        self.lock = Some(Lock::UntilUnlocked);
    }

    /// Ends a lock.
    pub const fn unlock(&mut self) {
        self.lock = None;
        self.failures = 0;
    }

    /// Whether this is the current password, or one of the last `history` former ones.
    pub fn has_used(&self, password: &str, history: usize) -> bool {
        let mut used = self.password.iter().chain(self.former.iter().take(history));
        used.any(|known| known.matches(password))
    }

    /// Sets the password, keeps `history` former ones, and ends lock and duty to change.
    pub fn set_password(&mut self, password: Hashed, history: usize) {
        if let Some(old) = self.password.replace(password) {
            self.former.push_front(old);
            self.former.truncate(history);
        }
        self.must_change = false;
        self.unlock();
    }

    /// Whether the user can sign on by password.
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

impl Directory {
    /// An empty directory with its default population.
    pub fn new(default_population: &str, capacity: usize) -> Self {
        let population =
            Population { id: default_population.to_owned(), name: "Default".to_owned(), users: 0 };
        Self {
            users: HashMap::new(),
            by_username: BTreeMap::new(),
            by_email: BTreeSet::new(),
            populations: vec![population],
            capacity,
        }
    }

    /// The populations, the default one first.
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// Adds a population, unless the name is taken.
    pub fn add_population(&mut self, id: String, name: String) -> Option<&Population> {
        if self.populations.iter().any(|population| population.name == name) {
            return None;
        }
        self.populations.push(Population { id, name, users: 0 });
        self.populations.last()
    }

    /// Adds a user.
    pub fn add(&mut self, user: User) -> Result<(), NotCreated> {
        let username = user.profile.username.to_lowercase();
        if self.by_username.contains_key(&username) {
            return Err(NotCreated::Duplicate);
        }
        if self.users.len() >= self.capacity {
            return Err(NotCreated::Full);
        }
        self.by_username.insert(username, user.id.clone());
        self.by_email.insert((user.profile.email.to_lowercase(), user.id.clone()));
        self.count(&user.profile.population, 1);
        self.users.insert(user.id.clone(), user);
        Ok(())
    }

    /// A user by id.
    pub fn get(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// A user by id, to be changed; for the profile use [`Directory::rename`].
    pub fn get_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.get_mut(id)
    }

    /// The user whom a name typed at sign-on means: a user name, else an address.
    pub fn meant(&mut self, typed: &str) -> Option<&mut User> {
        let typed = typed.trim().to_lowercase();
        let id = self.by_username.get(&typed).or_else(|| self.of_email(&typed))?.clone();
        self.users.get_mut(&id)
    }

    fn of_email(&self, email: &str) -> Option<&Arc<str>> {
        let first = (email.to_owned(), "".into());
        let (found, id) = self.by_email.range(first..).next()?;
        (found == email && !email.is_empty()).then_some(id)
    }

    /// Whether a user name is taken.
    pub fn is_taken(&self, username: &str) -> bool {
        self.by_username.contains_key(&username.to_lowercase())
    }

    /// Replaces a profile, unless its user name is taken by somebody else.
    pub fn rename(&mut self, id: &str, profile: Profile) -> bool {
        let Some(mut user) = self.remove(id) else { return false };
        let taken = self.is_taken(&profile.username);
        if !taken {
            user.profile = profile;
        }
        // The place just vacated is free, so the user fits again.
        self.add(user).is_ok() && !taken
    }

    /// Removes a user.
    pub fn remove(&mut self, id: &str) -> Option<User> {
        let user = self.users.remove(id)?;
        self.by_username.remove(&user.profile.username.to_lowercase());
        self.by_email.remove(&(user.profile.email.to_lowercase(), user.id.clone()));
        self.count(&user.profile.population, -1);
        Some(user)
    }

    /// Users in the order of their lower-case names, those whose name begins with `prefix` (lower
    /// case) and comes after `after`.
    pub fn listing<'d>(
        &'d self,
        prefix: &'d str,
        after: Option<&'d str>,
    ) -> impl Iterator<Item = &'d User> {
        let start = match after {
            Some(name) if name >= prefix => Bound::Excluded(name),
            _ => Bound::Included(prefix),
        };
        self.by_username
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter_map(|(_, id)| self.users.get(id))
    }

    fn count(&mut self, population: &str, change: isize) {
        if let Some(population) = self.populations.iter_mut().find(|known| known.id == population) {
            population.users = population.users.saturating_add_signed(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use crate::base::random::Seed;

    const LOCKOUT: (u32, Duration) = (3, Duration::from_secs(60));

    fn user(name: &str, password: &str) -> User {
        let profile = Profile {
            username: name.to_owned(),
            email: format!("{name}@example.com"),
            population: "p".to_owned(),
            ..Profile::default()
        };
        let mut user = User::new(&format!("id-{name}"), profile, SystemTime::UNIX_EPOCH);
        user.set_password(hashed(password), 2);
        user
    }

    fn hashed(password: &str) -> Hashed {
        Hashed::of(password, &mut Seed(1).stream("test", 0))
    }

    #[test]
    fn an_account_locks_after_its_failures_and_unlocks_in_time() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut ada = user("ada", "right");
        let mut check = |password| ada.check(password, LOCKOUT, clock.now());
        assert_eq!(check("wrong"), Checked::Wrong(Some(2)));
        assert_eq!(check("right"), Checked::Right);
        for remaining in [2, 1, 0] {
            assert_eq!(check("wrong"), Checked::Wrong(Some(remaining)));
        }
        assert_eq!(check("right"), Checked::Locked);
        clock.advance(Duration::from_secs(60));
        assert_eq!(check("wrong"), Checked::Wrong(Some(2)));
        assert_eq!(check("right"), Checked::Right);
    }

    #[test]
    fn former_passwords_are_remembered_as_long_as_the_history_says() {
        let mut ada = user("ada", "one");
        for password in ["two", "three", "four"] {
            ada.set_password(hashed(password), 2);
        }
        assert!(ada.has_used("four", 0), "the current one counts whatever the history");
        assert!(ada.has_used("two", 2) && ada.has_used("three", 2) && !ada.has_used("one", 2));
        assert!(!ada.has_used("three", 0));
    }

    #[test]
    fn names_are_unique_whatever_the_case_and_addresses_find_users_too() {
        let mut directory = Directory::new("p", 2);
        directory.add(user("Ada", "x")).unwrap();
        assert_eq!(directory.add(user("aDA", "x")), Err(NotCreated::Duplicate));
        directory.add(user("bob", "x")).unwrap();
        assert_eq!(directory.add(user("eve", "x")), Err(NotCreated::Full));
        assert_eq!(directory.meant(" ADA@example.com").unwrap().profile.username, "Ada");
        assert!(directory.meant("nobody").is_none() && directory.meant("").is_none());
        let renamed = Profile { username: "zoe".to_owned(), ..user("bob", "x").profile };
        assert!(directory.rename("id-bob", renamed.clone()));
        assert!(!directory.rename("id-Ada", renamed));
        assert!(directory.meant("zoe").is_some() && directory.meant("bob").is_none());
        assert_eq!(directory.populations()[0].users, 2);
        directory.remove("id-Ada").unwrap();
        assert_eq!(directory.populations()[0].users, 1);
        assert!(directory.meant("ada@example.com").is_none());
    }

    #[test]
    fn listings_go_on_where_they_stopped() {
        let mut directory = Directory::new("p", 100);
        for name in ["lt-3", "other", "lt-1", "lt-2"] {
            directory.add(user(name, "x")).unwrap();
        }
        let names = |prefix, after| {
            let listing = directory.listing(prefix, after);
            listing.map(|user| user.profile.username.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("lt-", None), ["lt-1", "lt-2", "lt-3"]);
        assert_eq!(names("lt-", Some("lt-1")), ["lt-2", "lt-3"]);
        assert_eq!(names("", Some("lt-3")), ["other"]);
        assert_eq!(names("zz", None), Vec::<String>::new());
    }
}
