//! How many mails one account gets, at most: those of a variant's share, dealt out among its accounts.

use super::judge::{Footprint, Plan};

/// The accounts of one state that one variant has to itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// The state.
    pub state: &'static str,
    /// How many there are.
    pub accounts: u64,
    /// The variant's part of all iterations, 0 to 1.
    pub share: f64,
    /// Mails that each of them has got before the load.
    pub already: f64,
}

/// What is called an account that a journey makes for itself.
pub const NEW: &str = "new";

impl Plan {
    /// Accounts are taken in turn, so that each of a variant's in one state gets as many mails as any other. None
    /// where how many iterations there are is not known and no journey makes accounts of its own.
    pub(super) fn mails_per_account(&self) -> Option<(f64, &'static str)> {
        let in_a_day = self.load.in_a_day();
        let of_supply = |(supply, each): (&Supply, f64)| {
            in_a_day.map(|in_a_day| (in_a_day.mul_add(each, supply.already), supply.state))
        };
        let taken = self.supplies().filter_map(of_supply);
        let own = self.footprints.iter().filter(|it| it.account.is_none() && it.share > 0.0);
        let own = own.map(|it| it.mails).fold(0.0, f64::max);
        let own = (own > 0.0).then_some((own, NEW));
        taken.chain(own).max_by(|(one, _), (other, _)| one.total_cmp(other))
    }

    /// Where nobody knows how many iterations there are: after how many an account has got all mails of a day,
    /// and which state it is in.
    #[expect(clippy::cast_precision_loss, reason = "a number of mails")]
    pub(super) fn mails_run_out_after(&self) -> Option<(f64, &'static str)> {
        if self.load.in_a_day().is_some() {
            return None;
        }
        let most = self.limits.mails_per_day as f64;
        let after = |(supply, each): (&Supply, f64)| {
            ((most - supply.already).max(0.0) / each, supply.state)
        };
        self.supplies().map(after).min_by(|(one, _), (other, _)| one.total_cmp(other))
    }

    /// Accounts that get mails, and how many mails each gets of one iteration.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn supplies(&self) -> impl Iterator<Item = (&Supply, f64)> {
        self.accounts.iter().filter_map(|supply| {
            let takes = |it: &&Footprint| it.account == Some(supply.state);
            let takers = self.footprints.iter().filter(takes);
            let mails: f64 = takers.map(|it| it.share * it.mails).sum();
            let each = mails * supply.share / supply.accounts.max(1) as f64;
            (each > 0.0).then_some((supply, each))
        })
    }
}
