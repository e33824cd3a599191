//! One rule of a journey: which forms it answers, how, and what it does to the account.

use super::key::Key;
use super::template::Template;
use crate::base::document::{Section, Sited};
use crate::base::names::Step;
use crate::davinci::form::{Action, Field, FieldKind, Form};
use crate::identity::account::AccountState;

/// One form and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Name of the step in every report, and the key by which two runs are aligned.
    pub name: Step,
    /// Which forms it answers.
    pub when: When,
    /// Value for each field.
    pub answer: Vec<(Target, Template)>,
    /// Candidate actions, the first that the form offers is taken; `*` is its only way to submit.
    pub action: Vec<String>,
    /// How often it may answer in one iteration.
    pub at_most: Option<u64>,
    /// The request makes an account: it goes on the ledger first.
    pub creates_account: bool,
    /// The request changes the account's password: its generation goes on the ledger first.
    pub changes_password: bool,
    /// The request makes the tenant send a one-time code. Before a further one is asked for, the
    /// one before it has to come, because codes are told apart by their order.
    pub sends_code: bool,
    /// The request leaves the account in another state, or in one that nobody knows: nobody gets it
    /// until it was put right. By default what a refusal does, because it may count as a failed
    /// attempt.
    pub spoils_account: bool,
    /// What the tenant should do with the answer.
    pub expect: Expect,
}

/// The field that a value goes into.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The field with this key, if the form has it.
    Key(Key),
    /// The field that `any_field` found (`*`).
    Matched,
}

/// What an answer should lead to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Expect {
    /// The flow goes on.
    #[default]
    Advance,
    /// The answer is turned down; anything else is a fault.
    Refusal,
}

/// Conditions on a form; all that are given must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct When {
    /// All of these fields are there, each under one of its names.
    pub fields: Vec<Key>,
    /// At least one of these fields is there.
    pub any_field: Vec<String>,
    /// None of these fields is there, under any name.
    pub without_fields: Vec<Key>,
    /// The form asks for nothing but consent: it has no field that a person would type into, and
    /// waits for nothing.
    pub no_fields: bool,
    /// All of these actions are there, each under one of its names.
    pub actions: Vec<Key>,
    /// At least one of these actions is there.
    pub any_action: Vec<String>,
    /// The form has this title. Titles are translated; use it only where keys do not tell.
    pub name: Option<String>,
    /// The form is of this category.
    pub category: Option<String>,
    /// The form is shown by this node. Node ids change with the flow version.
    pub node: Option<String>,
}

impl When {
    /// Whether a form meets every condition.
    pub fn holds(&self, form: &Form) -> bool {
        let is =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.fields.iter().all(|key| key.field(form).is_some())
            && (self.any_field.is_empty() || self.matched_field(form).is_some())
            && self.without_fields.iter().all(|key| key.field(form).is_none())
            && (!self.no_fields || asks_for_nothing(form))
            && self.actions.iter().all(|key| key.action(form).is_some())
            && (self.any_action.is_empty()
                || self.any_action.iter().any(|key| form.action(key).is_some()))
            && is(&self.name, &form.name)
            && is(&self.category, &form.category)
            && is(&self.node, &form.node)
    }

    /// The field that `any_field` finds on a form.
    pub fn matched_field<'r>(&'r self, form: &Form) -> Option<&'r str> {
        self.any_field.iter().map(String::as_str).find(|key| form.has_field(key))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Rule {
    /// The action that this rule takes on a form: the first candidate that is offered; without
    /// candidates the one that `when` names; else the form's only way to submit.
    pub fn choose<'f>(&self, form: &'f Form) -> Option<&'f Action> {
        if !self.action.is_empty() {
            return self.named_action(form);
        }
        match self.when.actions.as_slice() {
            [only] => only.action(form),
            _ => self
                .when
                .any_action
                .iter()
                .find_map(|key| form.action(key))
                .or_else(|| form.only_submit()),
        }
    }

    /// The first of the rule's own candidates that a form offers.
    pub fn named_action<'f>(&self, form: &'f Form) -> Option<&'f Action> {
        self.action.iter().find_map(|key| match key.as_str() {
            ONLY_SUBMIT => form.only_submit(),
            key => form.action(key),
        })
    }

    /// Whether an advance by this rule takes an account out of its state: whoever changes a password
    /// need not change it any more, and is not locked.
    pub fn leaves(&self, state: AccountState) -> bool {
        self.changes_password && state != AccountState::Ok
    }

    /// What [`Rule::choose`] looks for, for a message.
    pub fn wanted(&self) -> String {
        if !self.action.is_empty() {
            return self.action.join("` or `");
        }
        let actions = || self.when.actions.iter().flat_map(Key::names);
        let named: Vec<_> = actions().chain(&self.when.any_action).map(String::as_str).collect();
        if named.is_empty() { "the only submit button".to_owned() } else { named.join("` or `") }
    }

    /// Reads a `[[rule]]`.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let name = section.text("name");
        if name.is_none() {
            section.missing("name", "give the rule the name that its step has in reports");
        }
        let when = read_when(section.section("when"));
        if when.is_empty() {
            section.missing(
                "when",
                "say which forms it answers, such as `when = { fields = [\"username\"] }`",
            );
        }
        let answers = section.text_map("answer");
        let answer = answers.into_iter().map(|(key, text)| {
            let template = Template::read(&text.value, &text.place, section.problems());
            if key == "*" && when.any_field.is_empty() {
                let remedy =
                    "`*` is the field that `when.any_field` found: add it, or name the field";
                section.problems().note(
                    Some(&text.place),
                    "`*` has no field",
                    Some(remedy.to_owned()),
                );
            }
            let key = Sited { place: text.place, value: key };
            let target = match key.value.as_str() {
                "*" => Target::Matched,
                _ => Target::Key(Key::read(&key, section.problems())),
            };
            (target, template)
        });
        let answer = answer.collect();
        let action = names(&mut section, "action");
        let creates_account = section.flag("creates_account").unwrap_or(false);
        let expect = section
            .choice("expect", &[("advance", Expect::Advance), ("refusal", Expect::Refusal)])
            .unwrap_or_default();
        let rule = Self {
            answer,
            action,
            at_most: section.count("at_most"),
            creates_account,
            changes_password: section.flag("changes_password").unwrap_or(false),
            // Registering is what sends a code in the flows we know; a rule may say otherwise.
            sends_code: section.flag("sends_code").unwrap_or(creates_account),
            spoils_account: section.flag("spoils_account").unwrap_or(expect == Expect::Refusal),
            expect,
            when,
            name: name.as_ref().map_or_else(|| "".into(), |name| name.value.as_str().into()),
        };
        section.finish();
        name.map(|_| rule)
    }
}

fn read_when(mut section: Section<'_>) -> When {
    let mut text = |key| section.text(key).map(|text| text.value);
    let (name, category, node) = (text("name"), text("category"), text("node"));
    let when = When {
        fields: keys(&mut section, "fields"),
        any_field: names(&mut section, "any_field"),
        without_fields: keys(&mut section, "without_fields"),
        no_fields: section.flag("no_fields").unwrap_or(false),
        actions: keys(&mut section, "actions"),
        any_action: names(&mut section, "any_action"),
        name,
        category,
        node,
    };
    section.finish();
    when
}

/// Entries that all have to be there.
fn keys(section: &mut Section<'_>, key: &'static str) -> Vec<Key> {
    let texts = section.texts(key).unwrap_or_default();
    texts.iter().map(|text| Key::read(text, section.problems())).collect()
}

/// Candidates, one of which has to be there.
fn names(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    keys(section, key).into_iter().flat_map(Key::into_names).collect()
}

/// The candidate that stands for the form's only way to submit.
const ONLY_SUBMIT: &str = "*";

/// Whether a page only wants to be left, with nothing to type in and nothing to wait for.
fn asks_for_nothing(form: &Form) -> bool {
    let is_asked = |field: &Field| match field.kind {
        FieldKind::Check | FieldKind::Signals | FieldKind::Metadata | FieldKind::Poll => false,
        FieldKind::Text
        | FieldKind::Password
        | FieldKind::Options
        | FieldKind::Phone { .. }
        | FieldKind::DeviceType(_)
        | FieldKind::Device(_)
        | FieldKind::SecurityKey => true,
    };
    form.polling.is_none() && !form.fields.iter().any(is_asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::davinci::form::{Event, Polling};
    use std::time::Duration;

    fn form(fields: &[(&str, FieldKind)], actions: &[(&str, Event)]) -> Form {
        let field = |(key, kind): &(&str, FieldKind)| Field::plain((*key).to_owned(), kind.clone());
        let action =
            |(key, event): &(&str, Event)| Action { key: (*key).to_owned(), event: *event };
        Form {
            fields: fields.iter().map(field).collect(),
            actions: actions.iter().map(action).collect(),
            ..Form::default()
        }
    }

    fn rule(text: &str) -> Rule {
        let table = Table::parse("j.toml", text).unwrap();
        let problems = Problems::default();
        let rule = Rule::read(Section::document(&table, &problems)).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        rule
    }

    fn pressed<'f>(rule: &Rule, form: &'f Form) -> Option<&'f str> {
        rule.choose(form).map(|action| action.key.as_str())
    }

    #[test]
    fn one_rule_answers_forms_whose_keys_differ() {
        let rule = rule(
            "name = \"credentials\"\naction = [\"SIGNON\", \"*\"]\n\
             when = { fields = [\"username|user.username\", \"password|user.password\"] }\n",
        );
        use FieldKind::{Password, Text};
        let stock = form(
            &[("username", Text), ("password", Password)],
            &[("TROUBLE", Event::Action), ("SIGNON", Event::Submit)],
        );
        let dotted = form(
            &[("user.username", Text), ("user.password", Password)],
            &[("save", Event::Submit), ("register", Event::Action)],
        );
        let other = form(&[("username", Text), ("user.pin", Text)], &[("SIGNON", Event::Submit)]);
        assert!(rule.when.holds(&stock) && rule.when.holds(&dotted) && !rule.when.holds(&other));
        assert_eq!(
            (pressed(&rule, &stock), pressed(&rule, &dotted)),
            (Some("SIGNON"), Some("save"))
        );
    }

    #[test]
    fn a_page_that_asks_for_nothing_may_want_consent_but_no_typing_and_no_waiting() {
        let rule = rule("name = \"finish\"\nwhen = { no_fields = true }\naction = [\"*\"]\n");
        let next = [("NEXT", Event::Submit)];
        assert!(rule.when.holds(&form(&[], &next)));
        assert!(rule.when.holds(&form(&[("agree", FieldKind::Check)], &next)));
        assert!(!rule.when.holds(&form(&[("username", FieldKind::Text)], &next)));
        let interval = Duration::ZERO;
        let polling = Polling { key: "p".into(), interval, retries: 1, challenge: None };
        let waiting = Form { polling: Some(polling), ..form(&[], &next) };
        assert!(!rule.when.holds(&waiting));
        assert_eq!(pressed(&rule, &form(&[], &[("BACK", Event::Action)])), None);
    }

    #[test]
    fn what_must_not_be_there_keeps_a_rule_from_answering() {
        let rule = rule(
            "name = \"identify\"\nwhen = { fields = [\"username\"], without_fields = [\"password|user.password\"] }\n",
        );
        let fields = |keys: &[&str]| {
            let fields: Vec<_> = keys.iter().map(|key| (*key, FieldKind::Text)).collect();
            form(&fields, &[])
        };
        assert!(rule.when.holds(&fields(&["username"])));
        assert!(!rule.when.holds(&fields(&["username", "user.password"])));
    }

    #[test]
    fn a_refusal_spoils_an_account_unless_the_rule_says_otherwise() {
        let with = |more: &str| {
            rule(&format!("name = \"x\"\nwhen = {{ fields = [\"f\"] }}\n{more}")).spoils_account
        };
        assert!(!with(""));
        assert!(with("expect = \"refusal\"\n"));
        assert!(!with("expect = \"refusal\"\nspoils_account = false\n"));
        let changes = rule("name = \"x\"\nwhen = { fields = [\"f\"] }\nchanges_password = true\n");
        assert!(changes.leaves(AccountState::MustChange) && !changes.leaves(AccountState::Ok));
    }
}
