//! One rule of a journey: which forms it answers, how, and what it does to the account.

use super::template::Template;
use crate::base::document::Section;
use crate::base::names::Step;
use crate::davinci::form::{Action, Form};

/// One form and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Name of the step in every report, and the key by which two runs are aligned.
    pub name: Step,
    /// Which forms it answers.
    pub when: When,
    /// Value for each field.
    pub answer: Vec<(Target, Template)>,
    /// Candidate actions, the first that the form offers is taken.
    pub action: Vec<String>,
    /// How often it may answer in one iteration.
    pub at_most: Option<u64>,
    /// The request makes an account: it goes on the ledger first.
    pub creates_account: bool,
    /// The request changes the account's password: its generation goes on the ledger first.
    pub changes_password: bool,
    /// The request makes the tenant send a one-time code.
    pub sends_code: bool,
    /// What the tenant should do with the answer.
    pub expect: Expect,
}

/// The field that a value goes into.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The field with this key, if the form has it.
    Key(String),
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
    /// All of these fields are there.
    pub fields: Vec<String>,
    /// At least one of these fields is there.
    pub any_field: Vec<String>,
    /// All of these actions are there.
    pub actions: Vec<String>,
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
        self.fields.iter().all(|key| form.has_field(key))
            && (self.any_field.is_empty() || self.matched_field(form).is_some())
            && self.actions.iter().all(|key| form.action(key).is_some())
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
            return self.action.iter().find_map(|key| form.action(key));
        }
        match self.when.actions.as_slice() {
            [only] => form.action(only),
            _ => self
                .when
                .any_action
                .iter()
                .find_map(|key| form.action(key))
                .or_else(|| form.only_submit()),
        }
    }

    /// What [`Rule::choose`] looks for, for a message.
    pub fn wanted(&self) -> String {
        let candidates = [&self.action, &self.when.actions, &self.when.any_action];
        let named = candidates.into_iter().find(|keys| !keys.is_empty());
        named.map_or_else(|| "the only submit button".to_owned(), |keys| keys.join("` or `"))
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
            (if key == "*" { Target::Matched } else { Target::Key(key) }, template)
        });
        let answer = answer.collect();
        let action = keys(&mut section, "action");
        let creates_account = section.flag("creates_account").unwrap_or(false);
        let rule = Self {
            answer,
            action,
            at_most: section.count("at_most"),
            creates_account,
            changes_password: section.flag("changes_password").unwrap_or(false),
            // Registering is what sends a code in the flows we know; a rule may say otherwise.
            sends_code: section.flag("sends_code").unwrap_or(creates_account),
            expect: section
                .choice("expect", &[("advance", Expect::Advance), ("refusal", Expect::Refusal)])
                .unwrap_or_default(),
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
        any_field: keys(&mut section, "any_field"),
        actions: keys(&mut section, "actions"),
        any_action: keys(&mut section, "any_action"),
        name,
        category,
        node,
    };
    section.finish();
    when
}

fn keys(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    section.texts(key).unwrap_or_default().into_iter().map(|text| text.value).collect()
}
