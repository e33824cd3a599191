//! An account at the tenant and the state that it is kept in.

use super::password::PasswordKey;
use crate::base::secret::Secret;

/// What an account is good for. Accounts of different states never mix: a journey that locks
/// accounts can never lock one that another wants to sign on with.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// Can sign on.
    Ok,
    /// Can sign on, and may be locked by wrong passwords.
    Victim,
    /// Has to change its password when it signs on.
    MustChange,
    /// Is locked.
    Locked,
}

/// Every state, in the order of their declaration.
pub const STATES: [AccountState; 4] =
    [AccountState::Ok, AccountState::Victim, AccountState::MustChange, AccountState::Locked];

/// What a journey may ask for: an account in a state, or none.
pub const NEEDS: &[(&str, Option<AccountState>)] = &[
    ("none", None),
    ("ok", Some(AccountState::Ok)),
    ("victim", Some(AccountState::Victim)),
    ("must-change", Some(AccountState::MustChange)),
    ("locked", Some(AccountState::Locked)),
];

impl AccountState {
    /// The name in journeys, ledgers and rosters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Victim => "victim",
            Self::MustChange => "must-change",
            Self::Locked => "locked",
        }
    }

    /// A state by its name.
    pub fn named(name: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.name() == name)
    }
}

/// A user in the tenant's directory. Its password is not kept but worked out from login and
/// generation, unless a person brought the account and its password along.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// What it signs on with.
    pub login: String,
    /// Where its codes go.
    pub email: String,
    /// How often its password was changed.
    pub generation: u64,
    /// What it is kept for.
    pub state: AccountState,
    /// The tenant's id of the user, once known.
    pub id: Option<String>,
    /// Index of the persona it belongs to; none for accounts that a person brought along.
    pub persona: Option<u64>,
    /// The password that a person brought along. Valid in generation 0 only.
    pub given_password: Option<Secret>,
}

impl Account {
    /// A new account whose login is its e-mail address, in generation 0.
    pub fn new(address: impl Into<String>, state: AccountState, persona: u64) -> Self {
        let login = address.into();
        Self {
            email: login.clone(),
            login,
            generation: 0,
            state,
            id: None,
            persona: Some(persona),
            given_password: None,
        }
    }

    /// The password that is valid now.
    pub fn password(&self, key: &PasswordKey) -> Secret {
        self.password_of(self.generation, key)
    }

    /// The password of a generation, for instance of the next one.
    pub fn password_of(&self, generation: u64, key: &PasswordKey) -> Secret {
        match &self.given_password {
            Some(given) if generation == 0 => given.clone(),
            _ => key.password(&self.login, generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_but_none_is_a_state_of_that_name() {
        assert_eq!(NEEDS.len(), STATES.len() + 1);
        for (name, need) in NEEDS {
            assert_eq!(AccountState::named(name), *need);
            if let Some(state) = need {
                assert_eq!(serde_json::to_string(state).unwrap(), format!("\"{name}\""));
            }
        }
    }

    #[test]
    fn a_given_password_holds_until_the_first_change() {
        let key = PasswordKey::new(&"k".repeat(32).into()).unwrap();
        let mut account = Account::new("a@x.test", AccountState::Ok, 1);
        assert_eq!(account.password(&key), key.password("a@x.test", 0));
        account.given_password = Some("mine".to_owned().into());
        assert_eq!(account.password(&key).expose(), "mine");
        account.generation = 1;
        assert_eq!(account.password(&key), key.password("a@x.test", 1));
    }
}
