//! A journey in the making: what was done form by form, turned into rules.

use super::input::Input;
use super::role::Asks;
use super::rule::{Expect, Rule, Target, When};
use super::script::{End, Goal, Script, Start};
use super::template::{Source, Template, Variable};
use crate::base::names::Journey;
use crate::base::remedy::Remedy;
use crate::davinci::form::{Event, Form};
use crate::identity::account::AccountState;

/// What makes a form this form and no other: its keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shape {
    fields: Vec<String>,
    actions: Vec<String>,
}

/// One form answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// The form.
    pub form: Form,
    /// Key of the action that was taken.
    pub action: String,
    /// What was filled in.
    pub answers: Vec<(String, Template)>,
    /// What came of it.
    pub came: Came,
}

/// What came of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// A form.
    Form(Box<Form>),
    /// A refusal.
    Refusal,
    /// The end of the flow.
    End,
}

/// Everything that was done.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// In the order in which it was done.
    pub acts: Vec<Act>,
    /// The first form.
    pub first: Option<Form>,
    /// How the flow was started, if that is for the journey to say.
    pub start: Option<Start>,
    /// What it was started with.
    pub input: Input,
    /// The calls after the flow.
    pub ends: Vec<End>,
    /// The state of the account that was used, where it is known.
    pub state: Option<AccountState>,
    /// Whether the flow came to its end.
    pub is_complete: bool,
}

/// Nothing that could become a journey.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("no form was answered")]
pub struct NothingDone;

impl Remedy for NothingDone {
    fn remedy(&self) -> Option<String> {
        Some("answer at least one form".to_owned())
    }
}

/// Whether a journey can name a key: an empty one has no name, `|` stands between names, and `*` for
/// what a rule found.
fn sayable(key: &str) -> bool {
    !key.trim().is_empty() && !key.contains('|') && key != "*"
}

/// The keys that a journey can name, each once.
fn named<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for key in keys.filter(|key| sayable(key)) {
        if !named.contains(key) {
            named.push(key.clone());
        }
    }
    named
}

impl Shape {
    fn of(form: &Form) -> Self {
        let (fields, actions) = (form.fields.iter(), form.actions.iter());
        Self {
            fields: named(fields.map(|field| &field.key)),
            actions: named(actions.map(|action| &action.key)),
        }
    }

    /// Whether every form of the other shape would pass for this one, too.
    fn is_within(&self, other: &Self) -> bool {
        self != other
            && self.fields.iter().all(|key| other.fields.contains(key))
            && self.actions.iter().all(|key| other.actions.contains(key))
    }
}

impl Act {
    /// Whether the form was turned down.
    pub fn is_refused(&self) -> bool {
        self.came == Came::Refusal
    }

    /// Whether a variable went into the form.
    pub fn uses(&self, wanted: Variable) -> bool {
        self.variables().any(|variable| variable == wanted)
    }

    /// Whether the tenant sent a one-time code because of it: a form that asks for one follows, and
    /// it is not the one that was just answered with a code.
    pub fn sends_code(&self) -> bool {
        let Came::Form(next) = &self.came else { return false };
        let is_other = Shape::of(next) != Shape::of(&self.form);
        let is_answer = self
            .answers
            .iter()
            .any(|(_, template)| template.variables().any(|variable| variable == Variable::Code));
        Asks::of(next).code && (is_other || !is_answer)
    }

    fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        self.answers.iter().flat_map(|(_, template)| template.variables())
    }

    fn event(&self) -> Event {
        self.form.action(&self.action).map_or(Event::Submit, |action| action.event)
    }
}

impl Draft {
    /// Whether something of the leased account went into a form so far.
    pub fn uses_account(&self) -> bool {
        let variables = self.acts.iter().flat_map(Act::variables);
        variables.chain(self.input.variables()).any(|variable| variable.source() == Source::Account)
    }

    /// The form that nobody has answered, if the flow stands at one.
    fn open_form(&self) -> Option<&Form> {
        let mut open = self.first.as_ref();
        for act in &self.acts {
            match &act.came {
                Came::Form(next) => open = Some(next),
                Came::Refusal => {}
                Came::End => open = None,
            }
        }
        open.filter(|_| !self.is_complete)
    }

    /// The journey that does what was done.
    pub fn build(&self, name: &str) -> Result<Script, NothingDone> {
        if self.acts.is_empty() && !self.is_complete {
            return Err(NothingDone);
        }
        let mut groups: Vec<Group> = Vec::new();
        let maker = self.maker();
        for (position, act) in self.acts.iter().enumerate() {
            add(&mut groups, act, Some(position) == maker);
        }
        let last_refused = self.acts.last().is_some_and(Act::is_refused);
        if let (Some(form), false) = (self.open_form(), last_refused) {
            add_shown(&mut groups, form);
        }
        let mut rules: Vec<_> = groups.into_iter().flat_map(Group::into_rules).collect();
        tell_apart(&mut rules);
        let last = |wanted: fn(&Run) -> bool| {
            rules.iter().filter(|(_, run)| wanted(run)).max_by_key(|(_, run)| run.last)
        };
        let goal = if self.is_complete {
            if self.ends.contains(&End::Token) { Goal::Token } else { Goal::Code }
        } else {
            match last(|run| run.is_refused && !run.is_shown).filter(|_| last_refused) {
                Some((rule, _)) => Goal::Refusal(rule.name.clone()),
                None => match last(|run| run.is_shown) {
                    Some((rule, _)) => Goal::Form(rule.name.clone()),
                    None => return Err(NothingDone),
                },
            }
        };
        let rules: Vec<_> = rules.into_iter().map(|(rule, _)| rule).collect();
        let ends = if self.is_complete { self.ends.clone() } else { Vec::new() };
        let account = self.account();
        Ok(Script {
            name: Journey::from(name),
            goal,
            account,
            start: self.start,
            start_creates_account: self.starts_with(Variable::PersonaPassword)
                || (maker.is_none() && self.starts_with(Variable::PersonaEmail)),
            input: self.input.clone(),
            answers: None,
            mails: None,
            rules,
            ends,
        })
    }

    fn starts_with(&self, variable: Variable) -> bool {
        self.input.variables().contains(&variable)
    }

    /// Which answer makes an account: the first that gives it its password; where people have none,
    /// the first that gives its address.
    fn maker(&self) -> Option<usize> {
        let first =
            |variable| self.acts.iter().position(|act| !act.is_refused() && act.uses(variable));
        if self.starts_with(Variable::PersonaPassword) {
            return None;
        }
        first(Variable::PersonaPassword)
            .or_else(|| first(Variable::PersonaEmail).filter(|_| !self.uses_account()))
    }

    /// Which state of account it takes. One whose answers are turned down may end up locked.
    fn account(&self) -> Option<AccountState> {
        if !self.uses_account() {
            return None;
        }
        let state = self.state.unwrap_or(AccountState::Ok);
        let spoils = self
            .acts
            .iter()
            .any(|act| act.is_refused() && act.variables().any(|v| v.source() == Source::Account));
        Some(if spoils && state == AccountState::Ok { AccountState::Victim } else { state })
    }
}

/// All answers to one shape of form.
struct Group {
    shape: Shape,
    runs: Vec<Run>,
}

/// The same answer, so many times in a row.
struct Run {
    action: String,
    answers: Vec<(String, Template)>,
    event: Event,
    is_refused: bool,
    is_shown: bool,
    makes: bool,
    sends_code: bool,
    count: u64,
    /// How many answers of any form came before the last of it.
    last: usize,
}

fn add(groups: &mut Vec<Group>, act: &Act, makes: bool) {
    let last = groups.iter().flat_map(|group| &group.runs).map(|run| run.last + 1).max();
    let mut answers: Vec<(String, Template)> = Vec::new();
    for (key, template) in act.answers.iter().filter(|(key, _)| sayable(key)) {
        if !answers.iter().any(|(known, _)| known == key) {
            answers.push((key.clone(), template.clone()));
        }
    }
    let run = Run {
        action: act.action.clone(),
        answers,
        event: act.event(),
        is_refused: act.is_refused(),
        is_shown: false,
        makes,
        sends_code: act.sends_code(),
        count: 1,
        last: last.unwrap_or(0),
    };
    put(groups, Shape::of(&act.form), run);
}

/// A rule for the form at which the journey ends. It is never answered.
fn add_shown(groups: &mut Vec<Group>, form: &Form) {
    let last = groups.iter().flat_map(|group| &group.runs).map(|run| run.last + 1).max();
    let run = Run {
        action: String::new(),
        answers: Vec::new(),
        event: Event::Submit,
        is_refused: false,
        is_shown: true,
        makes: false,
        sends_code: false,
        count: 1,
        last: last.unwrap_or(0),
    };
    put(groups, Shape::of(form), run);
}

fn put(groups: &mut Vec<Group>, shape: Shape, run: Run) {
    let position = groups.iter().position(|group| group.shape == shape).unwrap_or_else(|| {
        // A rule for fewer keys holds for a form with more of them, too: it has to wait.
        let before = groups.iter().position(|group| group.shape.is_within(&shape));
        let position = before.unwrap_or(groups.len());
        groups.insert(position, Group { shape, runs: Vec::new() });
        position
    });
    let Some(group) = groups.get_mut(position) else { return };
    match group.runs.last_mut() {
        Some(same)
            if same.action == run.action
                && same.answers == run.answers
                && same.is_refused == run.is_refused
                && same.is_shown == run.is_shown
                // A ledger entry or a code more is another thing.
                && same.makes == run.makes
                && same.sends_code == run.sends_code =>
        {
            same.count += 1;
            same.last = run.last;
        }
        _ => group.runs.push(run),
    }
}

impl Group {
    /// A rule for each run; all but the last have to give way after as many answers.
    fn into_rules(self) -> Vec<(Rule, Run)> {
        let last = self.runs.len().saturating_sub(1);
        let Shape { fields, actions } = self.shape;
        let rules = self.runs.into_iter().enumerate().map(|(position, run)| {
            let is_only_action = actions.len() == 1;
            let rule = Rule {
                name: name(&run, &fields).as_str().into(),
                when: When {
                    fields: fields.iter().map(|key| key.as_str().into()).collect(),
                    actions: actions.iter().map(|key| key.as_str().into()).collect(),
                    // A form without any key is known by having none.
                    no_fields: fields.is_empty() && actions.is_empty(),
                    ..When::default()
                },
                answer: run
                    .answers
                    .iter()
                    .map(|(key, template)| (Target::Key(key.as_str().into()), template.clone()))
                    .collect(),
                action: if is_only_action || run.action.is_empty() {
                    Vec::new()
                } else {
                    vec![run.action.clone()]
                },
                at_most: (position < last).then_some(run.count),
                creates_account: run.makes,
                changes_password: !run.is_refused && run.uses(Variable::AccountNewPassword),
                sends_code: run.sends_code,
                spoils_account: run.is_refused,
                expect: if run.is_refused { Expect::Refusal } else { Expect::Advance },
            };
            (rule, run)
        });
        rules.collect()
    }
}

impl Run {
    fn uses(&self, wanted: Variable) -> bool {
        let mut variables = self.answers.iter().flat_map(|(_, template)| template.variables());
        variables.any(|variable| variable == wanted)
    }
}

/// What a rule is called by what it fills in.
type Naming = (&'static str, fn(&Run) -> bool);

/// The first line that holds names the rule.
const BY_ANSWER: &[Naming] = &[
    ("submit registration", |run| run.makes),
    ("set new password", |run| run.uses(Variable::AccountNewPassword)),
    ("verify", |run| run.uses(Variable::Code)),
    ("credentials", |run| {
        run.uses(Variable::AccountPassword) || run.uses(Variable::PersonaWrongPassword)
    }),
    ("submit registration", |run| {
        run.uses(Variable::PersonaPassword) || run.uses(Variable::PersonaWeakPassword)
    }),
    ("identify", |run| {
        run.uses(Variable::AccountUsername)
            || run.uses(Variable::AccountEmail)
            || run.uses(Variable::PersonaEmail)
    }),
    ("fill in", |run| !run.answers.is_empty()),
];

/// What a rule that fills nothing in is called by the words in its button's key.
const BY_ACTION: &[(&[&str], &str)] = &[
    (&["resend"], "resend code"),
    (&["regist", "signup", "create"], "open registration"),
    (&["trouble", "forgot", "recover", "reset"], "open recovery"),
    (&["cancel", "back"], "go back"),
    (&["next", "continue", "finish", "done"], "finish"),
];

/// Longest part of a button's key in a name.
const LONGEST: usize = 40;

/// The title of a form may hold somebody's name; what a rule is called comes from keys alone.
fn name(run: &Run, fields: &[String]) -> String {
    if run.is_shown {
        return "stop here".to_owned();
    }
    let key: String = run.action.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let by_answer = BY_ANSWER.iter().find(|(_, is)| is(run)).map(|(name, _)| *name);
    let by_action =
        || BY_ACTION.iter().find(|(words, _)| words.iter().any(|word| key.contains(word)));
    let named = by_answer.or_else(|| by_action().map(|(_, name)| *name));
    let name = named.map_or_else(
        || {
            let verb =
                if run.event == Event::Action || fields.is_empty() { "press" } else { "submit" };
            format!("{verb} {}", key.chars().take(LONGEST).collect::<String>())
        },
        str::to_owned,
    );
    if run.is_refused { format!("{name} refused") } else { name }
}

/// Numbers rules of the same name, in the order in which they were first used.
fn tell_apart(rules: &mut [(Rule, Run)]) {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|position| rules[*position].1.last);
    let mut seen: Vec<String> = Vec::new();
    for position in order {
        let rule = &mut rules[position].0;
        let plain = rule.name.as_str().trim().to_owned();
        let count = seen.iter().filter(|name| **name == plain).count();
        if count > 0 {
            rule.name = format!("{plain} {}", count + 1).into();
        } else {
            rule.name = plain.as_str().into();
        }
        seen.push(plain);
    }
}
