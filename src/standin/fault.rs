//! Faults put into replies: the kinds as a table, the rows that select calls, and what became of
//! each row so far.

use super::latency::{Selectors, chance, matches, specificity};
use super::reply::Key;
use crate::base::random::Seed;
use crate::base::units::Share;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A way in which a call can go wrong. A row number of [`KINDS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the meaning of each is its row in the table")]
pub enum Kind {
    Stall,
    Http500,
    Http503Html,
    RateLimited,
    Blocked,
    Reset,
    ResetMidBody,
    SlowBody,
    Truncated,
    InteractionRejected,
    TimedOut,
    FailedFlow,
    Oversized,
    AuthorError,
    NotJson,
    ForeignLink,
    Repeating,
    RepeatingNames,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// In place of the handler: the flow stays where it was.
    Instead,
    /// In place of the handler, and the interaction of the call is over.
    Over,
    /// After the handler: the flow went on, only its good (2xx) reply is spoiled.
    After,
}

/// One line of the table of kinds.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which kind the line is about.
    pub kind: Kind,
    /// Its name in settings, record and truth.
    pub slug: &'static str,
    /// When it strikes.
    pub when: When,
    /// Whether only calls of a flow (starts and answers to forms) can have it.
    pub flow_only: bool,
    /// Keys that it takes beside the selectors, `share` and `count`.
    pub keys: &'static [&'static str],
    /// What a client that counts faults should call it; `none` where it should count none.
    pub client: &'static str,
    /// What goes over the wire.
    pub meaning: &'static str,
}

const ANY: bool = false;
const FLOW: bool = true;

/// The table of kinds.
#[rustfmt::skip]
pub const KINDS: &[Row] = &[
    row(Kind::Stall, "stall", (When::Instead, ANY), &["for"], ("read-timeout", "no reply until the client goes away, or `for` (10 min) is over")),
    row(Kind::Http500, "http-500", (When::Instead, ANY), &["status"], ("http-5xx", "a server error with a JSON body; `status` from 500 to 599")),
    row(Kind::Http503Html, "http-503-html", (When::Instead, ANY), &["retry_after"], ("http-5xx", "503 with a gateway's page")),
    row(Kind::RateLimited, "rate-limited", (When::Instead, ANY), &["retry_after"], ("rate-limited", "429 REQUEST_LIMITED with `Retry-After`")),
    row(Kind::Blocked, "blocked", (When::Instead, ANY), &["burst"], ("blocked", "403 with a firewall's page, for the next `burst` matching calls too")),
    row(Kind::Reset, "reset", (When::Instead, ANY), &[], ("reset", "the connection is reset before a byte of the reply")),
    row(Kind::ResetMidBody, "reset-mid-body", (When::After, ANY), &[], ("reset", "the connection is reset after half of the body")),
    row(Kind::SlowBody, "slow-body", (When::After, ANY), &["for"], ("read-timeout", "the body trickles for the time `for` (1 min)")),
    row(Kind::Truncated, "truncated", (When::After, ANY), &[], ("malformed-reply", "half of the JSON, with a length that agrees")),
    row(Kind::InteractionRejected, "interaction-rejected", (When::Over, FLOW), &[], ("interaction-rejected", "401 with code 1999")),
    row(Kind::TimedOut, "timed-out", (When::Over, FLOW), &[], ("flow-timed-out", "400 `requestTimedOut`")),
    row(Kind::FailedFlow, "failed-flow", (When::Over, FLOW), &[], ("flow-failed", "200 with status FAILED and an error object")),
    row(Kind::Oversized, "oversized", (When::After, ANY), &["size"], ("oversized-reply", "the body goes on with blanks to `size` (8 MiB), its length not announced")),
    row(Kind::AuthorError, "author-error", (When::Instead, FLOW), &["status"], ("refused", "an error that a flow's author wrote: 400, 403, 404, 405, 429 or 500")),
    row(Kind::NotJson, "not-json", (When::Instead, ANY), &[], ("malformed-reply", "200 with a page where JSON belongs")),
    row(Kind::ForeignLink, "foreign-link", (When::After, FLOW), &[], ("foreign-link", "the next link names another host; replies without one stay as they are")),
    row(Kind::Repeating, "repeating", (When::Instead, FLOW), &[], ("refused", "400 with one value that was sent, of headers, cookies, query or body, repeated as code, name and target")),
    row(Kind::RepeatingNames, "repeating-names", (When::After, FLOW), &[], ("none", "flow, capability and form are named after one value that was sent, and so are a further field and button; the flow goes on")),
];

const fn row(
    kind: Kind,
    slug: &'static str,
    (when, flow_only): (When, bool),
    keys: &'static [&'static str],
    (client, meaning): (&'static str, &'static str),
) -> Row {
    Row { kind, slug, when, flow_only, keys, client, meaning }
}

impl Kind {
    /// Its line of the table.
    pub const fn row(self) -> &'static Row {
        &KINDS[self as usize]
    }
}

/// One row of the settings' table of faults. An absent selector matches everything.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// What goes wrong.
    pub kind: Kind,
    /// Capability, such as `customHTMLTemplate` or `token`.
    pub capability: Option<String>,
    /// Event, such as `submit`.
    pub event: Option<String>,
    /// Action, such as `SIGNON`.
    pub action: Option<String>,
    /// Id of the flow policy that the flow of the call was started with.
    pub policy: Option<String>,
    /// In which share of the matching calls.
    pub share: Share,
    /// In how many calls at most; none for any number.
    pub count: Option<u64>,
    /// How many of the next matching calls go wrong too, after one that was drawn.
    pub burst: u64,
    /// Status of the reply, where the kind leaves a choice.
    pub status: u16,
    /// What `Retry-After` says, where the kind has it.
    pub retry_after: Duration,
    /// How long a stall or a slow body lasts.
    pub time: Duration,
    /// How large an oversized body is, in bytes.
    pub size: u64,
}

/// No fault holds a call for longer.
pub const LONGEST: Duration = Duration::from_mins(10);

impl FaultRule {
    /// A fault of this kind in every call, as far as it can have it.
    pub fn everywhere(kind: Kind) -> Self {
        let status = match kind {
            Kind::Http500 => 500,
            _ => 400,
        };
        let time = if kind == Kind::Stall { LONGEST } else { Duration::from_mins(1) };
        Self {
            kind,
            capability: None,
            event: None,
            action: None,
            policy: None,
            share: Share(1.0),
            count: None,
            burst: 0,
            status,
            retry_after: Duration::from_secs(1),
            time,
            size: 8 << 20,
        }
    }

    const fn selectors(&self) -> Selectors<'_> {
        [&self.capability, &self.event, &self.action, &self.policy]
    }
}

/// The table of faults at work.
#[derive(Debug)]
pub struct Faults {
    rules: Vec<FaultRule>,
    /// Rows in the order in which they are asked: most selectors first, then as they stand.
    order: Vec<usize>,
    seed: Seed,
    state: Mutex<Vec<State>>,
}

/// What became of one row so far.
#[derive(Clone, Debug, Default)]
struct State {
    /// Matching calls it drew for. Every row draws from a stream of its own, so that the same
    /// number of matching calls always has the same number of faults, whatever happens between.
    drawn: u64,
    /// Calls it struck.
    struck: u64,
    /// Calls of its burst that are left.
    burst: u64,
}

/// A fault that was drawn for a call, and the row it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'f> {
    /// The row's settings.
    pub rule: &'f FaultRule,
    place: usize,
}

impl Faults {
    /// A table that nothing was drawn from yet.
    pub fn new(rules: &[FaultRule], seed: Seed) -> Self {
        let mut order: Vec<usize> = (0..rules.len()).collect();
        order.sort_by_key(|place| {
            std::cmp::Reverse(rules.get(*place).map_or(0, |rule| specificity(rule.selectors())))
        });
        let state = Mutex::new(vec![State::default(); rules.len()]);
        Self { rules: rules.to_vec(), order, seed, state }
    }

    /// Whether there is no row at all.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether some row is about the calls of one policy.
    pub fn are_of_policies(&self) -> bool {
        self.rules.iter().any(|rule| rule.policy.is_some())
    }

    /// The fault for a call of a policy, which is empty where nobody can tell: of all rows that match
    /// and whose share comes up, the one with the most selectors, and among equals the one that stands
    /// first.
    pub fn draw(&self, (key, policy): (&Key, &str), in_flow: bool) -> Option<Drawn<'_>> {
        let mut state = self.lock();
        self.order.iter().find_map(|place| {
            let (rule, state) = (self.rules.get(*place)?, state.get_mut(*place)?);
            let fits = matches(rule.selectors(), key.traits(policy));
            let can = (in_flow || !rule.kind.row().flow_only)
                && rule.count.is_none_or(|count| state.struck < count);
            let purpose = || format!("fault {place}");
            (fits && can && state.strikes(rule, || (self.seed, purpose())))
                .then_some(Drawn { rule, place: *place })
        })
    }

    /// Takes a fault back that could not be put into its call.
    pub fn take_back(&self, drawn: Drawn<'_>) {
        if let Some(state) = self.lock().get_mut(drawn.place) {
            state.struck = state.struck.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn strikes(&mut self, rule: &FaultRule, stream: impl FnOnce() -> (Seed, String)) -> bool {
        if self.burst > 0 {
            self.burst -= 1;
        } else {
            let index = self.drawn;
            self.drawn += 1;
            let (seed, purpose) = stream();
            if !chance(rule.share, || seed.stream(&purpose, index)) {
                return false;
            }
            self.burst = rule.burst;
        }
        self.struck += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn key(action: &str) -> Key {
        Key::answer("form", "submit", action)
    }

    fn drawn(faults: &Faults, calls: usize) -> Vec<Option<Kind>> {
        let draw = |_| faults.draw((&key("NEXT"), ""), true).map(|drawn| drawn.rule.kind);
        (0..calls).map(draw).collect()
    }

    #[test]
    fn the_table_is_indexed_by_its_kinds_and_every_line_is_complete() {
        let slugs: BTreeSet<_> = KINDS.iter().map(|row| row.slug).collect();
        assert_eq!(slugs.len(), KINDS.len());
        for (position, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, position, "{}", row.slug);
            assert!(!row.client.is_empty() && !row.meaning.is_empty(), "{}", row.slug);
        }
        // The last variant: one more without a line would be a number beyond the table.
        assert_eq!(Kind::RepeatingNames as usize + 1, KINDS.len());
    }

    #[test]
    fn the_page_tells_what_the_table_says() {
        let page = include_str!("../../docs/faults.md");
        for row in KINDS {
            let start = format!("| `{}` |", row.slug);
            let line = page.lines().find(|line| line.starts_with(&start));
            let line = line.unwrap_or_else(|| panic!("docs/faults.md has no line `{}`", row.slug));
            for said in row.keys.iter().chain([&row.client, &row.meaning]) {
                assert!(line.contains(said), "docs/faults.md, `{}`: {said}", row.slug);
            }
        }
    }

    #[test]
    fn the_most_specific_row_strikes_and_leaves_the_others_to_the_next() {
        let anywhere = FaultRule::everywhere(Kind::Reset);
        let next = FaultRule {
            action: Some("NEXT".to_owned()),
            share: Share(0.25),
            ..FaultRule::everywhere(Kind::Http500)
        };
        let faults = Faults::new(&[anywhere, next], Seed(3));
        let drawn = drawn(&faults, 4000);
        let of = |kind| drawn.iter().filter(|drawn| **drawn == Some(kind)).count();
        // Three standard deviations of the binomial.
        assert!((918..=1082).contains(&of(Kind::Http500)), "{}", of(Kind::Http500));
        assert_eq!(of(Kind::Http500) + of(Kind::Reset), 4000);
        let other = faults.draw((&key("OTHER"), ""), true).map(|drawn| drawn.rule.kind);
        assert_eq!(other, Some(Kind::Reset));
    }

    #[test]
    fn the_same_number_of_matching_calls_has_the_same_faults() {
        let some = FaultRule { share: Share(0.3), ..FaultRule::everywhere(Kind::Blocked) };
        let (one, other) =
            (Faults::new(std::slice::from_ref(&some), Seed(9)), Faults::new(&[some], Seed(9)));
        assert_eq!(drawn(&one, 200), drawn(&other, 200));
    }

    #[test]
    fn a_burst_strikes_the_next_calls_and_a_count_ends_it() {
        let burst = FaultRule {
            share: Share(0.01),
            burst: 3,
            count: Some(10),
            ..FaultRule::everywhere(Kind::Blocked)
        };
        let faults = Faults::new(&[burst], Seed(1));
        let struck: Vec<bool> = drawn(&faults, 5000).iter().map(Option::is_some).collect();
        let first = struck.iter().position(|struck| *struck).unwrap();
        assert_eq!(struck[first..first + 4], [true; 4]);
        assert_eq!(struck.iter().filter(|struck| **struck).count(), 10);
        let drawn = Drawn { rule: &faults.rules[0], place: 0 };
        faults.take_back(drawn);
        assert!((0..5000).any(|_| faults.draw((&key("NEXT"), ""), true).is_some()));
    }

    #[test]
    fn a_row_of_a_policy_strikes_its_calls_only() {
        let of = |policy: &str| FaultRule {
            policy: Some(policy.to_owned()),
            ..FaultRule::everywhere(Kind::Reset)
        };
        let faults = Faults::new(&[FaultRule::everywhere(Kind::Http500), of("two")], Seed(1));
        let drawn = |policy| faults.draw((&key("NEXT"), policy), true).unwrap().rule.kind;
        assert_eq!(
            [drawn("two"), drawn("one"), drawn("")],
            [Kind::Reset, Kind::Http500, Kind::Http500]
        );
        assert!(faults.are_of_policies());
        assert!(!Faults::new(&[FaultRule::everywhere(Kind::Reset)], Seed(1)).are_of_policies());
    }

    #[test]
    fn faults_of_a_flow_do_not_strike_outside_it() {
        let faults = Faults::new(&[FaultRule::everywhere(Kind::TimedOut)], Seed(1));
        assert!(faults.draw((&Key::outside("token"), ""), false).is_none());
        assert!(faults.draw((&Key::outside("authorize"), ""), true).is_some());
    }
}
