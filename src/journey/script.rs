//! The declarative text of a journey: a goal, and rules tried in order against whatever form comes.

use super::input::Input;
use super::rule::{Expect, Rule};
use super::template::{Source, Variable};
use crate::base::document::{Problem, Problems, Section, Sited, Table};
use crate::base::names::{Journey, Step};
use crate::base::remedy::Listing;
use crate::davinci::form::Form;
use crate::identity::account::{AccountState, NEEDS};
use std::collections::BTreeSet;
use std::fmt;

/// A journey as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Name of the journey in every report.
    pub name: Journey,
    /// What counts as success.
    pub goal: Goal,
    /// What kind of account it needs.
    pub account: Option<AccountState>,
    /// How the flow is started; none for what the tenant's profile says.
    pub start: Option<Start>,
    /// What it is started with, if it is started by its policy.
    pub input: Input,
    /// The start makes an account: it goes on the ledger first.
    pub start_creates_account: bool,
    /// How many forms an iteration answers, as far as its author knows: for what a load will cost, which is told
    /// before any flow was met.
    pub answers: Option<u64>,
    /// How many mails an iteration has sent, as far as its author knows: for what a load will cost.
    pub mails: Option<u64>,
    /// Answers, tried in order.
    pub rules: Vec<Rule>,
    /// What happens after the flow.
    pub ends: Vec<End>,
}

/// How a flow is started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// By the authorize request of an OIDC application.
    #[default]
    Authorize,
    /// By its policy, with a bearer token.
    Policy,
}

/// What profiles and journeys may write.
pub const STARTS: &[(&str, Start)] = &[("authorize", Start::Authorize), ("policy", Start::Policy)];

impl Start {
    /// The step of the start and its capability.
    pub const fn step(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Policy => "start",
        }
    }
}

/// When an iteration has reached what its user wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Goal {
    /// The authorization code was exchanged for tokens.
    Token,
    /// The flow handed out an authorization code.
    Code,
    /// The form that this rule would answer was shown.
    Form(Step),
    /// The answer of this rule was turned down.
    Refusal(Step),
}

/// A call after the flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Exchange the code.
    Token,
    /// Ask who signed on.
    Userinfo,
    /// End the session.
    SignOff,
    /// Make the token worthless.
    Revoke,
    /// Start the flow once more with the session there is now; it has to be over at once.
    StartAgain,
}

pub(super) const ENDS: &[(&str, End)] = &[
    ("token", End::Token),
    ("userinfo", End::Userinfo),
    ("sign-off", End::SignOff),
    ("revoke", End::Revoke),
    ("start-again", End::StartAgain),
];

impl End {
    /// As journeys spell it; also the step's name.
    pub fn name(self) -> &'static str {
        ENDS.iter().find(|(_, end)| *end == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::Code => f.write_str("code"),
            Self::Form(step) => write!(f, "form:{step}"),
            Self::Refusal(step) => write!(f, "refusal:{step}"),
        }
    }
}

impl Script {
    /// Reads a journey file; every problem at once.
    pub fn parse(document: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let table = Table::parse(document, text)?;
        let problems = Problems::default();
        let script = Self::read(Section::document(&table, &problems));
        match script {
            Some(script) if problems.is_empty() => Ok(script),
            _ => Err(problems.into_sorted()),
        }
    }

    /// The first rule that answers a form and has not been used up. `used` counts the answers of
    /// each rule so far, in the order of [`Script::rules`].
    pub fn rule_for(&self, form: &Form, used: &[u64]) -> Option<usize> {
        self.rules.iter().zip(used).position(|(rule, used)| {
            rule.at_most.is_none_or(|at_most| *used < at_most) && rule.when.holds(form)
        })
    }

    /// Every variable that some answer needs.
    pub fn variables(&self) -> BTreeSet<Variable> {
        let answers = self.rules.iter().flat_map(|rule| &rule.answer);
        let answers = answers.flat_map(|(_, template)| template.variables());
        answers.chain(self.input.variables()).collect()
    }

    /// Whether one-time codes have to be received for it.
    pub fn needs_codes(&self) -> bool {
        // A code that an account gets unasked must not be taken for the next one's.
        let to_account = self.account.is_some() && self.rules.iter().any(|rule| rule.sends_code);
        to_account || self.variables().contains(&Variable::Code)
    }

    /// Whether it leaves its account in another state than it found it in.
    pub fn spoils_account(&self) -> bool {
        let Some(state) = self.account else { return false };
        let spoils = |rule: &Rule| rule.spoils_account || rule.leaves(state);
        self.rules.iter().any(spoils)
    }

    /// Whether it invents a person.
    pub fn needs_persona(&self) -> bool {
        self.variables().iter().any(|variable| variable.source() == Source::Persona)
    }

    fn read(mut section: Section<'_>) -> Option<Self> {
        let name = section.text("name");
        if name.is_none() {
            section
                .missing("name", "give the journey the name that it has in profiles and reports");
        }
        let goal = section.text("goal");
        if goal.is_none() {
            section.missing("goal", "say what counts as success: `goal = \"token\"`");
        }
        let account = section.choice("account", NEEDS).flatten();
        let start = section.choice("start", STARTS);
        let input = section.section("input");
        let given = input.table().map(|table| Input::read(table, section.problems()));
        if let (Some(place), true) = (input.place(), start == Some(Start::Authorize)) {
            let remedy =
                "write `start = \"policy\"`, or extra parameters in `tenant.authorize_parameters`";
            let what = "an authorize request takes no `input`";
            section.problems().note(Some(place), what, Some(remedy.to_owned()));
        }
        let start_creates_account = section.flag("start_creates_account").unwrap_or(false);
        let answers = section.count("answers");
        let mails = section.count("mails");
        let rules: Vec<_> = section.sections("rule").into_iter().filter_map(Rule::read).collect();
        let mut ends = Vec::new();
        for mut end in section.sections("end") {
            if end.item("do").is_none() {
                let known: Listing = ENDS.iter().map(|(name, _)| *name).collect();
                end.missing("do", &format!("one of {known}"));
            }
            ends.extend(end.choice("do", ENDS));
            end.finish();
        }
        let goal = goal.and_then(|goal| read_goal(&goal, &section));
        let (name, goal) = (name?, goal?);
        if goal == Goal::Token && !ends.contains(&End::Token) {
            ends.insert(0, End::Token);
        }
        let script = Self {
            name: name.value.as_str().into(),
            goal,
            account,
            start,
            input: given.unwrap_or_default(),
            start_creates_account,
            answers,
            mails,
            rules,
            ends,
        };
        script.check(&name, &section);
        section.finish();
        Some(script)
    }

    /// Whether a step is the start of the flow, which a goal may name although it has no rule.
    pub fn is_start(&self, step: &Step) -> bool {
        STARTS.iter().any(|(_, start)| start.step() == step.as_str())
    }

    /// Rules that no single line can break.
    fn check(&self, name: &Sited<String>, section: &Section<'_>) {
        let note = |what: String, remedy: &str| {
            section.problems().note(Some(&name.place), what, Some(remedy.to_owned()));
        };
        let journey = &self.name;
        let mut seen = BTreeSet::new();
        for rule in &self.rules {
            if !seen.insert(&rule.name) {
                note(
                    format!("journey `{journey}` has two rules named `{}`", rule.name),
                    "name them apart: the name is the step in every report",
                );
            }
        }
        let of_start = matches!(&self.goal, Goal::Refusal(step) if self.is_start(step));
        if self.rules.is_empty() && !of_start && !matches!(self.goal, Goal::Token | Goal::Code) {
            note(format!("journey `{journey}` has no rule"), "add a `[[rule]]` for each form");
        }
        if let Goal::Form(step) | Goal::Refusal(step) = &self.goal {
            match self.rules.iter().find(|rule| rule.name == *step) {
                None if of_start => {}
                None => note(
                    format!(
                        "the goal of journey `{journey}` names the rule `{step}`, which it does not have"
                    ),
                    &format!(
                        "its rules are {}",
                        self.rules.iter().map(|r| r.name.as_str()).collect::<Listing>()
                    ),
                ),
                Some(rule)
                    if matches!(self.goal, Goal::Refusal(_)) && rule.expect != Expect::Refusal =>
                {
                    note(
                        format!(
                            "the goal of journey `{journey}` is that `{step}` is refused, which that rule does not expect"
                        ),
                        "add `expect = \"refusal\"` to the rule",
                    )
                }
                Some(_) => {}
            }
        }
        let needs_account = |variable: &Variable| variable.source() == Source::Account;
        if let Some(variable) = self.variables().into_iter().find(needs_account)
            && self.account.is_none()
        {
            note(
                format!("journey `{journey}` uses `{{{}}}` but has no account", variable.name()),
                "say which state of account it needs: `account = \"ok\"`",
            );
        }
        if self.rules.iter().any(|rule| rule.changes_password) && self.account.is_none() {
            note(
                format!("journey `{journey}` changes a password but has no account"),
                "say which state of account it needs: `account = \"ok\"`",
            );
        }
    }
}

fn read_goal(text: &Sited<String>, section: &Section<'_>) -> Option<Goal> {
    let goal = match text.value.split_once(':') {
        None if text.value == "token" => Some(Goal::Token),
        None if text.value == "code" => Some(Goal::Code),
        Some(("form", step)) => Some(Goal::Form(step.trim().into())),
        Some(("refusal", step)) => Some(Goal::Refusal(step.trim().into())),
        _ => None,
    };
    if goal.is_none() {
        let remedy = "choose `token`, `code`, `form:RULE` or `refusal:RULE`".to_owned();
        section.problems().note(
            Some(&text.place),
            format!("`{}` is no goal", text.value),
            Some(remedy),
        );
    }
    goal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::rule::Target;

    fn problems(text: &str) -> Vec<String> {
        Script::parse("j.toml", text).unwrap_err().into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_refusal_journey_reads_as_written() {
        let script = Script::parse(
            "sign-on-wrong-password.toml",
            r#"
            name = "sign-on-wrong-password"
            goal = "refusal:credentials"
            account = "victim"

            [[rule]]
            name = "credentials"
            when = { fields = ["username", "password"], actions = ["SIGNON"] }
            answer = { username = "{account.username}", password = "{persona.wrong_password}" }
            expect = "refusal"
            "#,
        )
        .unwrap();
        assert_eq!(script.goal, Goal::Refusal("credentials".into()));
        assert_eq!(script.account, Some(AccountState::Victim));
        assert_eq!(script.rules[0].expect, Expect::Refusal);
        assert!(
            script.rules[0]
                .answer
                .iter()
                .any(|(target, _)| *target == Target::Key("username".into()))
        );
        assert!(script.ends.is_empty());
    }

    #[test]
    fn what_no_single_line_can_break_is_checked_too() {
        assert_eq!(
            problems(
                r#"
                name = "x"
                goal = "refusal:nobody"
                [[rule]]
                name = "a"
                when = { fields = ["f"] }
                answer = { f = "{account.password}" }
                [[rule]]
                name = "a"
                when = { fields = ["g"] }
                answer = { "*" = "1" }
                "#
            ),
            [
                "journey `x` has two rules named `a`",
                "the goal of journey `x` names the rule `nobody`, which it does not have",
                "journey `x` uses `{account.password}` but has no account",
                "`*` has no field",
            ]
        );
    }

    #[test]
    fn mistakes_of_every_line_are_reported_together() {
        assert_eq!(
            problems(
                "goal = \"win\"\naccount = \"rich\"\n[[rule]]\nwhen = { felds = [] }\n[[end]]\ndo = \"x\"\n"
            ),
            [
                "`name` is missing",
                "`goal` is `win`, which it cannot be",
                "`account` is `rich`, which it cannot be",
            ]
            .iter()
            .map(|text| text.replace("`goal` is `win`, which it cannot be", "`win` is no goal"))
            .chain([
                "`rule.name` is missing".to_owned(),
                "`rule.when` is missing".to_owned(),
                "unknown key `rule.when.felds`".to_owned(),
                "`end.do` is `x`, which it cannot be".to_owned(),
            ])
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_start_by_policy_takes_an_input_and_may_be_all_there_is() {
        let script = Script::parse(
            "start.toml",
            r#"
            name = "start"
            goal = "refusal:start"
            start = "policy"
            start_creates_account = true
            [input]
            email = "{persona.email}"
            name.given = "{persona.given_name}"
            "#,
        )
        .unwrap();
        assert_eq!((script.start, script.start_creates_account), (Some(Start::Policy), true));
        assert!(script.variables().contains(&Variable::PersonaEmail) && script.needs_persona());
        assert_eq!(
            problems("name = \"x\"\ngoal = \"code\"\nstart = \"authorize\"\n[input]\na = 1\n"),
            ["an authorize request takes no `input`"]
        );
    }

    #[test]
    fn codes_that_an_account_gets_are_received_even_if_nobody_types_them() {
        let script = |account: &str| {
            let text = format!(
                "name = \"x\"\ngoal = \"code\"\naccount = \"{account}\"\n[[rule]]\nname = \"a\"\n\
                 when = {{ fields = [\"f\"] }}\nsends_code = true\n"
            );
            Script::parse("x.toml", &text).unwrap()
        };
        assert!(script("ok").needs_codes());
        assert!(!script("none").needs_codes());
    }

    #[test]
    fn a_journey_knows_whether_it_spoils_its_account() {
        let spoils = |account: &str, more: &str| {
            let text = format!(
                "name = \"x\"\ngoal = \"code\"\naccount = \"{account}\"\n[[rule]]\nname = \"a\"\n\
                 when = {{ fields = [\"f\"] }}\n{more}\n"
            );
            Script::parse("x.toml", &text).unwrap().spoils_account()
        };
        assert!(spoils("victim", "expect = \"refusal\""));
        assert!(spoils("must-change", "changes_password = true"));
        assert!(!spoils("ok", "changes_password = true"));
        assert!(!spoils("none", "expect = \"refusal\""));
    }
}
