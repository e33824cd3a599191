//! What a licence allows: calls a second by rate group, and how much of that one address may use.

use super::groups::{GROUPS, Group};
use crate::base::document::Section;
use crate::base::units::{Rate, Share, Span};
use std::time::Duration;

/// What one address may use of a licence's rate (documented: 35 %, and all of it on a trial).
const PER_ADDRESS_SHARE: Share = Share(0.35);

/// Mails that one user may get in a day (documented).
const MAILS_PER_DAY: u64 = 50;

/// How long a flow may take as a whole, unless it is set otherwise (documented).
const FLOW_TIMEOUT: Duration = Duration::from_secs(300);

/// The `[limits]` of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The licence's rate of each group, in the order of [`GROUPS`]; none where it is not known.
    rates: Vec<Option<Rate>>,
    /// Which of them the tenant said itself, in the same order.
    asked: Vec<bool>,
    /// What one address may use of each.
    pub per_address_share: Share,
    /// Mails that one user may get in a day.
    pub mails_per_day: u64,
    /// How long a flow may take as a whole; none where nobody said so.
    pub flow_timeout: Option<Duration>,
    /// Whether a load that is sure to exceed a limit is run all the same.
    pub exceed: bool,
}

impl Default for Limits {
    /// No rate is known.
    fn default() -> Self {
        Self {
            rates: vec![None; GROUPS.len()],
            asked: vec![false; GROUPS.len()],
            per_address_share: PER_ADDRESS_SHARE,
            mails_per_day: MAILS_PER_DAY,
            flow_timeout: None,
            exceed: false,
        }
    }
}

impl Limits {
    /// Reads the table.
    pub fn read(section: &mut Section<'_>) -> Self {
        let mut limits = Self::default();
        for (group, rate) in GROUPS.iter().zip(&mut limits.rates) {
            *rate = section.parsed::<Rate>(group.name).map(|rate| rate.value);
        }
        if let Some(share) = section.parsed::<Share>("per_address_share") {
            if share.value.0 > 0.0 {
                limits.per_address_share = share.value;
            } else {
                let what = "`limits.per_address_share` leaves nothing to use";
                let remedy =
                    "write `35%`, or `100%` for an address that the tenant has allow-listed";
                section.problems().note(Some(&share.place), what, Some(remedy.to_owned()));
            }
        }
        if let Some(mails) = section.count("mails_per_day") {
            limits.mails_per_day = mails;
        }
        if let Some(timeout) = section.parsed::<Span>("flow_timeout") {
            if timeout.value.0.is_zero() {
                let what = "`limits.flow_timeout` leaves no time for a form to be answered";
                let remedy = "write the flow's own, `300s` unless somebody changed it";
                section.problems().note(Some(&timeout.place), what, Some(remedy.to_owned()));
            }
            limits.flow_timeout = Some(timeout.value.0);
        }
        limits.exceed = section.flag("exceed").unwrap_or(false);
        limits
    }

    /// With the rates that the licence itself says, by its codes; what a profile says of a group stays. Codes
    /// that count nothing of gander's are passed over, and so is nought: whoever has none of something, or is
    /// allowed any number, could not be loaded at all.
    #[must_use]
    pub fn or_of_licence<'c>(
        mut self,
        quantities: impl IntoIterator<Item = (&'c str, f64)>,
    ) -> Self {
        let mut asked: Vec<Option<Rate>> = vec![None; GROUPS.len()];
        for (code, per_second) in quantities {
            let group = GROUPS.iter().position(|group| group.codes.contains(&code));
            let Some(rate) = group.and_then(|group| asked.get_mut(group)) else { continue };
            let is_lower = rate.is_none_or(|known| per_second < known.per_second);
            if per_second.is_finite() && per_second > 0.0 && is_lower {
                *rate = Some(Rate { per_second });
            }
        }
        for ((rate, is_asked), asked) in self.rates.iter_mut().zip(&mut self.asked).zip(asked) {
            *is_asked |= rate.is_none() && asked.is_some();
            *rate = rate.or(asked);
        }
        self
    }

    /// Whether the tenant itself said the rate of a group.
    pub fn is_asked(&self, group: &str) -> bool {
        let known = GROUPS.iter().zip(&self.asked);
        known.into_iter().any(|(known, is_asked)| known.name == group && *is_asked)
    }

    /// The licence's rate of a group.
    pub fn rate(&self, group: &str) -> Option<Rate> {
        let position = GROUPS.iter().position(|known: &Group| known.name == group)?;
        self.rates.get(position).copied().flatten()
    }

    /// What so many addresses may use of it together.
    #[expect(clippy::cast_precision_loss, reason = "a handful of addresses")]
    pub fn usable(&self, group: &str, addresses: usize) -> Option<Rate> {
        let share = (self.per_address_share.0 * addresses.max(1) as f64).min(1.0);
        self.rate(group).map(|rate| Rate { per_second: rate.per_second * share })
    }

    /// Whether the rate of any group is known.
    pub fn is_known(&self) -> bool {
        self.rates.iter().any(Option::is_some)
    }

    /// How long a flow may take at a tenant that nobody said anything else of.
    pub fn flow_timeout_of_tenant(&self) -> Duration {
        self.flow_timeout.unwrap_or(FLOW_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::super::groups::{CALLBACK, EXECUTION, SSO, START, TOKEN_CHECK};
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Limits, Vec<String>) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let limits = Limits::read(&mut section);
        section.finish();
        (limits, problems.into_sorted().into_iter().map(|problem| problem.what).collect())
    }

    fn per_s(rate: Option<Rate>) -> Option<f64> {
        rate.map(|rate| rate.per_second)
    }

    #[test]
    fn one_address_may_use_its_share_and_three_never_more_than_all() {
        let (limits, problems) = read("davinci-start = \"100/s\"\nsso = \"600/min\"\n");
        assert!(problems.is_empty() && limits.is_known());
        assert_eq!(per_s(limits.usable(START, 1)), Some(35.0));
        assert_eq!(per_s(limits.usable(START, 2)), Some(70.0));
        assert_eq!(per_s(limits.usable(START, 3)), Some(100.0));
        assert_eq!(per_s(limits.rate(SSO)), Some(10.0));
        assert_eq!(limits.rate(EXECUTION), None);
        assert_eq!(limits.flow_timeout_of_tenant(), Duration::from_secs(300));
    }

    #[test]
    fn a_flow_without_time_is_a_mistake() {
        let (_, problems) = read("flow_timeout = \"0s\"\n");
        assert_eq!(problems, ["`limits.flow_timeout` leaves no time for a form to be answered"]);
    }

    #[test]
    fn what_the_licence_says_counts_where_the_profile_says_nothing() {
        let (limits, _) = read("sso = \"7/s\"\nper_address_share = \"100%\"\n");
        let quantities = [
            ("rlgAuthnRps", 300.0),
            ("rlgDvFlowStartRps", 90.0),
            ("rlgDvFlowStartRps", 80.0),
            ("rlgDvFlowExecRps", f64::NAN),
            ("rlgTokenCheckRps", 0.0),
            ("rlgDvFlowCallbackRps", -1.0),
            ("rlgConfigRpm", 600.0),
        ];
        let limits = limits.or_of_licence(quantities);
        assert_eq!(per_s(limits.usable(SSO, 1)), Some(7.0));
        assert_eq!(per_s(limits.usable(START, 1)), Some(80.0));
        let unknown = [EXECUTION, TOKEN_CHECK, CALLBACK].map(|group| limits.rate(group));
        assert_eq!(unknown, [None; 3]);
        assert_eq!(
            [SSO, START, EXECUTION].map(|group| limits.is_asked(group)),
            [false, true, false]
        );
    }

    #[test]
    fn nonsense_is_said_to_be_so() {
        let (_, problems) = read(
            "davinci-strat = \"1/s\"\nsso = 5\nper_address_share = \"0%\"\nexceed = \"yes\"\n",
        );
        assert_eq!(
            problems,
            [
                "unknown key `davinci-strat`",
                "`sso`: `5` is not a rate",
                "`limits.per_address_share` leaves nothing to use",
                "`exceed` is a text, not true or false",
            ]
        );
    }
}
