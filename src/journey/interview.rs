//! One form put to a person as questions, and their answers as what goes into the form and into the
//! journey. Reads and prints nothing itself.

use super::role::{Asks, Role, Whose, template};
use super::template::{Source, Template};
use crate::base::document::{Place, Problems};
use crate::base::secret::Secret;
use crate::davinci::form::{Event, Field, FieldKind, Form};

/// What is asked next.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Which button is pressed. Nothing typed takes the default, if there is one.
    Action {
        /// Key of the form's only way to submit, or [`WAIT`] where the form wants to be polled.
        default: Option<String>,
    },
    /// What goes into a field. Nothing typed takes the suggestion, or leaves the field alone.
    Field {
        /// Key of the field.
        key: String,
        /// What usually goes there.
        suggestion: Option<Template>,
        /// Whether the suggestion stands for something that nobody has: a person has to type it.
        is_missing: bool,
        /// Whether what is typed should not be seen.
        is_secret: bool,
    },
}

/// A value for a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Key of the field.
    pub key: String,
    /// What the journey says.
    pub template: Template,
    /// What is sent in its place, where a person typed something that no journey may hold.
    pub typed: Option<Secret>,
}

/// What is done with a form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Choice {
    /// The action of this key is taken.
    Press(String),
    /// The form is polled until the flow goes on.
    Wait,
}

/// A form answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What is done with it.
    pub choice: Choice,
    /// Values of fields; those that were left alone are not there.
    pub entries: Vec<Entry>,
}

/// The questions of one form.
#[derive(Debug)]
pub struct Interview {
    form: Form,
    asks: Asks,
    whose: Whose,
    has_account: bool,
    choice: Option<Choice>,
    entries: Vec<Entry>,
    /// Fields that have been asked for.
    asked: usize,
}

impl Interview {
    /// Begins with a form. `has_account` says whether there is an account whose values can be sent.
    pub fn new(form: Form, whose: Whose, has_account: bool) -> Self {
        let asks = Asks::of(&form);
        // A form for new people is answered as one, however it was reached.
        let whose = if asks.registers(false, false) { Whose::Persona } else { whose };
        Self { form, asks, whose, has_account, choice: None, entries: Vec::new(), asked: 0 }
    }

    /// What is to be asked; none when everything was.
    pub fn question(&self) -> Option<Question> {
        let Some(choice) = &self.choice else {
            let default = if self.form.polling.is_some() {
                Some(WAIT.to_owned())
            } else {
                self.form.only_submit().map(|action| action.key.clone())
            };
            return Some(Question::Action { default });
        };
        let Choice::Press(action) = choice else { return None };
        // Values do not count when a secondary way is taken.
        if self.form.action(action)?.event != Event::Submit {
            return None;
        }
        let field = self.fields().nth(self.asked)?;
        let suggestion = self.suggestion(field);
        let is_missing = suggestion.as_ref().is_some_and(|template| {
            !self.has_account && template.variables().any(|v| v.source() == Source::Account)
        });
        let is_secret = is_secret(field);
        Some(Question::Field { key: field.key.clone(), suggestion, is_missing, is_secret })
    }

    /// Takes the answer to the question. `Err` says what is wrong with it; the question stays.
    pub fn reply(&mut self, line: &str) -> Result<(), String> {
        match self.question() {
            None => Ok(()),
            Some(Question::Action { default }) => {
                self.choice = Some(self.choose(line.trim(), default)?);
                Ok(())
            }
            Some(Question::Field { key, suggestion, is_missing, is_secret }) => {
                let entry = entry(
                    key,
                    line,
                    suggestion.filter(|_| !line.is_empty() || !is_missing),
                    is_secret,
                    is_missing,
                )?;
                self.entries.extend(entry);
                self.asked += 1;
                Ok(())
            }
        }
    }

    /// Everything that was said; none while a question is open.
    pub fn into_reply(self) -> Option<Reply> {
        if self.question().is_some() {
            return None;
        }
        Some(Reply { choice: self.choice?, entries: self.entries })
    }

    /// Fields that a person can fill in.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.form.fields.iter().filter(|field| !is_of_browser(&field.kind))
    }

    fn suggestion(&self, field: &Field) -> Option<Template> {
        Role::of(field).map(|role| template(role, &self.asks, self.whose))
    }

    fn choose(&self, typed: &str, default: Option<String>) -> Result<Choice, String> {
        let actions = &self.form.actions;
        let is_polled = self.form.polling.is_some();
        if typed.is_empty() {
            return match default {
                Some(_) if is_polled => Ok(Choice::Wait),
                Some(key) => Ok(Choice::Press(key)),
                None => Err("there is no single way to submit: choose one".to_owned()),
            };
        }
        let by_number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let by_key = actions.iter().find(|action| action.key.eq_ignore_ascii_case(typed));
        let found = by_key.or_else(|| actions.get(by_number?));
        match found {
            Some(action) => Ok(Choice::Press(action.key.clone())),
            None if is_polled && typed.eq_ignore_ascii_case(WAIT) => Ok(Choice::Wait),
            None => {
                let or_wait = if is_polled { format!(", or `{WAIT}`") } else { String::new() };
                Err(format!(
                    "there is no `{typed}`: type a number from 1 to {} or a key{or_wait}",
                    actions.len()
                ))
            }
        }
    }
}

/// Whether only a browser or a device knows what goes there.
pub fn is_of_browser(kind: &FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::SecurityKey | FieldKind::Signals | FieldKind::Poll | FieldKind::Metadata
    )
}

/// Whether nobody should see what is typed into a field.
fn is_secret(field: &Field) -> bool {
    field.kind == FieldKind::Password || Role::of(field).is_some_and(Role::is_secret)
}

/// What a line puts into a field; none leaves it alone.
fn entry(
    key: String,
    line: &str,
    suggestion: Option<Template>,
    is_secret: bool,
    is_missing: bool,
) -> Result<Option<Entry>, String> {
    if line == LEFT_ALONE {
        return Ok(None);
    }
    if line.is_empty() {
        return Ok(suggestion.map(|template| Entry { key, template, typed: None }));
    }
    let place = Place { document: "typed".into(), line: 1, column: 1 };
    let problems = Problems::default();
    let template = Template::read(line, &place, &problems);
    if let Some(problem) = problems.into_sorted().into_iter().next() {
        let remedy = problem.remedy.map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        return Err(format!("{}{remedy}", problem.what));
    }
    let is_plain = template.variables().next().is_none();
    Ok(Some(match suggestion {
        // What stands for a template that nobody can fill in, or is a secret, is sent as it was
        // typed; the journey gets the template.
        Some(suggestion) if is_plain && (is_secret || is_missing) => {
            Entry { key, template: suggestion, typed: Some(Secret::new(line.to_owned())) }
        }
        _ => Entry { key, template, typed: None },
    }))
}

/// What leaves a field alone that has a suggestion.
pub const LEFT_ALONE: &str = "-";

/// What polls a form that wants that, in place of the key of an action.
pub const WAIT: &str = "wait";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::davinci::node::Node;
    use crate::davinci::oidc::Endpoints;
    use bytes::Bytes;
    use http::Response;
    use serde_json::json;

    fn form(fields: &[(&str, &str)]) -> Form {
        let fields: Vec<_> =
            fields.iter().map(|(kind, key)| json!({ "type": kind, "key": key })).collect();
        let body = json!({ "id": "a", "_links": { "next": { "href": "https://a.example/b" } },
            "form": { "components": { "fields": fields } } });
        let endpoints = Endpoints::new("https://a.example", None);
        match Node::read(&Response::new(Bytes::from(body.to_string())), &endpoints) {
            Node::Form(next) => next.form,
            other => panic!("{other:?}"),
        }
    }

    const SIGN_ON: &[(&str, &str)] = &[
        ("TEXT", "username"),
        ("PASSWORD", "password"),
        ("SUBMIT_BUTTON", "SIGNON"),
        ("FLOW_BUTTON", "REGISTER"),
    ];

    fn said(fields: &[(&str, &str)], has_account: bool, lines: &[&str]) -> Vec<String> {
        let mut interview = Interview::new(form(fields), Whose::Account, has_account);
        for line in lines {
            interview.reply(line).unwrap();
        }
        let reply = interview.into_reply().expect("all questions answered");
        let entries = reply.entries.iter().map(|entry| {
            let typed = entry.typed.as_ref().map(|typed| format!(" <- {}", typed.expose()));
            format!("{}={}{}", entry.key, entry.template, typed.unwrap_or_default())
        });
        let choice = match reply.choice {
            Choice::Press(key) => key,
            Choice::Wait => "(waits)".to_owned(),
        };
        std::iter::once(choice).chain(entries).collect()
    }

    #[test]
    fn nothing_typed_submits_what_is_suggested() {
        assert_eq!(
            said(SIGN_ON, true, &["", "", ""]),
            ["SIGNON", "username={account.username}", "password={account.password}"]
        );
    }

    #[test]
    fn a_button_that_leads_aside_asks_for_no_values() {
        for typed in ["2", "REGISTER", "register"] {
            assert_eq!(said(SIGN_ON, true, &[typed]), ["REGISTER"]);
        }
    }

    #[test]
    fn a_form_that_wants_to_be_polled_is_waited_at_unless_a_button_is_named() {
        let waiting = [("POLLING", "pollingField"), ("FLOW_BUTTON", "CANCEL")];
        for (typed, choice) in [("", "(waits)"), ("Wait", "(waits)"), ("1", "CANCEL")] {
            assert_eq!(said(&waiting, true, &[typed]), [choice]);
        }
        let mut interview = Interview::new(form(&waiting), Whose::Account, true);
        let default = Some(WAIT.to_owned());
        assert_eq!(interview.question(), Some(Question::Action { default }));
        let wrong = interview.reply("2").unwrap_err();
        assert_eq!(wrong, "there is no `2`: type a number from 1 to 1 or a key, or `wait`");
        let mut plain = Interview::new(form(SIGN_ON), Whose::Account, true);
        assert!(plain.reply(WAIT).is_err());
        let own = [("POLLING", "pollingField"), ("FLOW_BUTTON", "WAIT")];
        assert_eq!(said(&own, true, &["wait"]), ["WAIT"]);
    }

    #[test]
    fn a_typed_secret_shows_itself_nowhere() {
        let mut interview = Interview::new(form(SIGN_ON), Whose::Account, true);
        ["", "ada", "hunter2"].iter().for_each(|line| interview.reply(line).unwrap());
        assert!(!format!("{interview:?}").contains("hunter2"));
        let reply = interview.into_reply().expect("all questions answered");
        assert!(!format!("{reply:?}").contains("hunter2"));
    }

    #[test]
    fn a_typed_secret_is_sent_and_not_written() {
        assert_eq!(
            said(SIGN_ON, true, &["", "ada", "hunter2"]),
            ["SIGNON", "username=ada", "password={account.password} <- hunter2"]
        );
        assert_eq!(
            said(SIGN_ON, false, &["", "ada", "hunter2"]),
            [
                "SIGNON",
                "username={account.username} <- ada",
                "password={account.password} <- hunter2"
            ]
        );
        assert_eq!(
            said(SIGN_ON, true, &["", "-", "{persona.wrong_password}"]),
            ["SIGNON", "password={persona.wrong_password}"]
        );
    }

    #[test]
    fn a_form_for_new_people_is_answered_by_the_persona() {
        let registration = [
            ("TEXT", "user.email"),
            ("PASSWORD", "user.password"),
            ("TEXT", "user.name.given"),
            ("SUBMIT_BUTTON", "submit"),
        ];
        assert_eq!(
            said(&registration, true, &["", "", "", ""]),
            [
                "submit",
                "user.email={persona.email}",
                "user.password={persona.password}",
                "user.name.given={persona.given_name}"
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_asked_again() {
        let mut interview = Interview::new(form(SIGN_ON), Whose::Account, true);
        for (line, wrong) in
            [("7", "there is no `7`"), ("x", "there is no `x`"), ("0", "there is no `0`")]
        {
            assert!(interview.reply(line).unwrap_err().starts_with(wrong));
        }
        interview.reply("SIGNON").unwrap();
        let wrong = interview.reply("{acount.username}").unwrap_err();
        assert!(wrong.contains("did you mean"), "{wrong}");
        assert!(
            matches!(interview.question(), Some(Question::Field { key, .. }) if key == "username")
        );
    }
}
