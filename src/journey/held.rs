//! The account that an iteration holds, and whether it may go back as it is.

use super::rule::Rule;
use crate::identity::account::AccountState;
use crate::identity::pool::Lease;
use std::ops::Deref;

/// A leased account. While a request is under way that may do something to it, it is spoiled: an
/// iteration that is cut off or dies there must not hand it to another.
#[derive(Debug)]
pub(super) struct Held {
    lease: Lease,
    /// The password may be another one than that of its generation.
    is_unclear: bool,
    /// It is not in its state any more, or nobody knows.
    has_left: bool,
}

impl Held {
    /// As it comes out of the pool.
    pub(super) const fn of(lease: Lease) -> Self {
        Self { lease, is_unclear: false, has_left: false }
    }

    /// The generation of the password after the next.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation.saturating_add(1)
    }

    /// Takes into account what a rule's request may do, before it is sent and after the ledger was
    /// told.
    pub(super) fn risk(&mut self, rule: &Rule) {
        if rule.changes_password {
            self.lease.advance();
        }
        if rule.changes_password || rule.spoils_account || self.state != AccountState::Ok {
            self.lease.spoil();
        }
    }

    /// Draws the consequences once the answer is there. An account whose password may or may not
    /// have changed, that counts a failed attempt, or that is in another state now, has to be put
    /// right before it is lent again. A change that goes through makes the password known again.
    pub(super) fn settle(&mut self, rule: &Rule, advanced: bool) {
        if rule.changes_password {
            self.is_unclear = !advanced;
        }
        self.has_left |= rule.spoils_account || rule.leaves(self.state);
        if self.is_unclear || self.has_left {
            self.lease.spoil();
        } else {
            self.lease.mend();
        }
    }

    /// After a fault nobody knows whether an account is still in a state that it has to be kept in.
    pub(super) fn give_up(&mut self) {
        if self.state != AccountState::Ok {
            self.has_left = true;
            self.lease.spoil();
        }
    }
}

impl Deref for Held {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Section, Table};
    use crate::identity::account::Account;
    use crate::identity::pool::{Pool, Supply};

    fn rule(more: &str) -> Rule {
        let text = format!("name = \"x\"\nwhen = {{ fields = [\"f\"] }}\n{more}");
        let table = Table::parse("j.toml", &text).unwrap();
        Rule::read(Section::document(&table, &Problems::default())).unwrap()
    }

    const CHANGE: &str = "changes_password = true\n";
    const WRONG: &str = "changes_password = true\nexpect = \"refusal\"\nspoils_account = false\n";
    const ATTEMPT: &str = "expect = \"refusal\"\n";

    /// Whether an account comes back spoiled after these rules, each with whether it advanced; none
    /// if the iteration was cut off before the answer.
    fn comes_back_spoiled(state: AccountState, answers: &[(&str, Option<bool>)]) -> bool {
        let pool = Pool::new([Account::new("a@x.test", state, 0)]);
        let mut held = Held::of(pool.lease(state).unwrap());
        for (text, advanced) in answers {
            held.risk(&rule(text));
            if let Some(advanced) = advanced {
                held.settle(&rule(text), *advanced);
            }
        }
        drop(held);
        let spoiled = pool.supply(state).spoiled == 1;
        let whole =
            Supply { spoiled: spoiled.into(), free: (!spoiled).into(), ..Supply::default() };
        assert_eq!(pool.supply(state), whole);
        spoiled
    }

    #[test]
    fn an_account_goes_back_unspoiled_only_if_everybody_knows_its_state() {
        use AccountState::{Locked, MustChange, Ok};
        let (yes, no, cut_off) = (Some(true), Some(false), None);
        for (state, answers, spoiled) in [
            (Ok, &[("", yes)][..], false),
            (Ok, &[("", no)], false),
            (Ok, &[("", cut_off)], false),
            (Ok, &[(CHANGE, yes)], false),
            (Ok, &[(CHANGE, no)], true),
            (Ok, &[(CHANGE, cut_off)], true),
            (Ok, &[(ATTEMPT, no)], true),
            (Ok, &[(ATTEMPT, cut_off)], true),
            (Ok, &[(ATTEMPT, no), ("", yes)], true),
            (Ok, &[(ATTEMPT, no), (CHANGE, yes)], true),
            (Ok, &[(WRONG, no)], true),
            (Ok, &[(WRONG, no), (CHANGE, yes)], false),
            (Ok, &[(WRONG, no), (CHANGE, cut_off)], true),
            (MustChange, &[(CHANGE, yes)], true),
            (MustChange, &[("", yes)], false),
            (Locked, &[("", cut_off)], true),
        ] {
            assert_eq!(comes_back_spoiled(state, answers), spoiled, "{state:?} {answers:?}");
        }
    }
}
