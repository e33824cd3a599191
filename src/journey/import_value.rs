//! From what somebody typed into a recorded form to templates. A secret never gets through: not a
//! password, not a code, and nothing that looks like a token.

use super::draft::Came;
use super::har::Exchange;
use super::import::Answered;
use super::input::Input;
use super::interview::is_of_browser;
use super::role::{Asks, Role, Whose, invites, is_secret_key, template};
use super::template::{Template, Variable};
use crate::davinci::form::Field;
use crate::identity::account::AccountState;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What stands for a code that was wrong.
const WRONG_CODES: &[&str] = &["000000", "111111", "999999"];

/// Everything that was typed in a run, seen as a whole.
pub(super) struct Typed<'a> {
    answered: &'a [Answered],
    /// Which answer makes an account, if one does.
    makes: Option<usize>,
    /// Whether the start makes one.
    starts_new: bool,
    /// Values that may be written nowhere.
    secret: BTreeSet<String>,
    /// A code that was never typed.
    wrong_code: &'static str,
}

/// Values of a recording.
pub(super) struct Values;

/// Members of replies whose values may be written nowhere.
const SECRET_MEMBERS: &[&str] = &[
    "interactionToken",
    "interactionId",
    "sessionToken",
    "access_token",
    "id_token",
    "refresh_token",
    "dvResponse",
    "code",
    "id",
    "request_uri",
];

/// Headers whose values may be written nowhere.
const SECRET_HEADERS: &[&str] =
    &["authorization", "interactiontoken", "interactionid", "x-sk-api-key"];

/// Shorter values are found by chance.
const SHORTEST_SECRET: usize = 4;

impl Values {
    /// Tokens, cookies and ids of a recording.
    pub(super) fn secret_of(exchanges: &[Exchange]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for exchange in exchanges {
            for (name, value) in exchange.request_headers.iter().chain(&exchange.reply_headers) {
                if SECRET_HEADERS.contains(&name.as_str()) {
                    found.insert(value.trim_start_matches("Bearer ").to_owned());
                } else if name.contains("cookie") {
                    let pairs = value.split([';', '\n']).filter_map(|pair| pair.split_once('='));
                    found.extend(pairs.map(|(_, value)| value.trim().to_owned()));
                }
            }
            let body = exchange.reply_body.as_deref().unwrap_or_default();
            collect(&serde_json::from_slice(body).unwrap_or_default(), &mut found);
        }
        found.retain(|value| value.chars().count() >= SHORTEST_SECRET);
        found
    }
}

/// Every text in an object with the key that it stands under.
fn each_text(object: &Map<String, Value>, found: &mut dyn FnMut(&str, &str)) {
    object.iter().for_each(|(key, value)| each_text_of(key, value, found));
}

fn each_text_of(key: &str, value: &Value, found: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => found(key, text),
        Value::Object(members) => each_text(members, found),
        Value::Array(items) => items.iter().for_each(|item| each_text_of(key, item, found)),
        _ => {}
    }
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if SECRET_MEMBERS.contains(&name.as_str()) => {
                        found.insert(text.clone());
                    }
                    member => collect(member, found),
                }
            }
        }
        _ => {}
    }
}

impl<'a> Typed<'a> {
    pub(super) fn of(
        answered: &'a [Answered],
        input: Option<&Map<String, Value>>,
        mut secret: BTreeSet<String>,
    ) -> Self {
        let mut roles = Vec::new();
        each_text(input.unwrap_or(&Map::new()), &mut |key, value| {
            let role = Role::of_key(key);
            if role.is_some_and(Role::is_secret) {
                secret.insert(value.to_owned());
            }
            roles.extend(role);
        });
        let starts_new = Asks::of_roles(roles.into_iter()).registers(false, true);
        let mut invited = false;
        let mut makes = None;
        for (position, answer) in answered.iter().enumerate() {
            let leads_to_code = matches!(&answer.came, Came::Form(next) if Asks::of(next).code);
            let is_open = answer.refusal.is_none() && makes.is_none() && !answer.values.is_empty();
            if is_open && Asks::of(&answer.form).registers(leads_to_code, invited) {
                makes = Some(position);
            }
            invited |= invites(&answer.action);
            for (field, value) in typed(answer) {
                let is_long = value.chars().count() >= SHORTEST_SECRET;
                if Role::of(field).is_some_and(Role::is_secret)
                    || (is_secret_key(&field.key) && is_long)
                {
                    secret.insert(value);
                }
            }
        }
        let unused = |code: &&&str| !secret.contains(**code);
        let wrong_code = WRONG_CODES.iter().find(unused).copied().unwrap_or("0");
        Self { answered, makes, starts_new, secret, wrong_code }
    }

    /// The state that the account must be in, as far as the flow shows it.
    pub(super) fn state(&self) -> Option<AccountState> {
        let mut signed_on = false;
        for answer in self.answered {
            let asks = Asks::of(&answer.form);
            if signed_on && asks.current_password && asks.sets_password() {
                return Some(AccountState::MustChange);
            }
            signed_on |= asks.identifier && asks.password && answer.refusal.is_none();
        }
        None
    }

    const fn whose(&self) -> Whose {
        if self.makes.is_some() || self.starts_new { Whose::Persona } else { Whose::Account }
    }

    /// What a flow is started with.
    pub(super) fn input(&self, sent: &Map<String, Value>, remarks: &mut Vec<String>) -> Input {
        Input::of(sent, &mut |path, value| {
            let (key, outer) = path.split_last()?;
            match Role::of_key(key) {
                Some(role) => Some(template(role, &Asks::default(), self.whose())),
                // `{"code": {"value": …}}`: the outer key says what the inner one is.
                None => self.kept(
                    outer.iter().find(|key| names_secret(key)).unwrap_or(key),
                    value,
                    remarks,
                ),
            }
        })
    }

    /// What goes into each field of an answer.
    pub(super) fn templates(
        &self,
        position: usize,
        answer: &Answered,
        remarks: &mut Vec<String>,
    ) -> Vec<(String, Template)> {
        let asks = Asks::of(&answer.form);
        let whose = self.whose();
        let mut answers = Vec::new();
        for (field, value) in typed(answer) {
            let role = Role::of(field).or_else(|| self.role_by_value(&value));
            let found = match role {
                Some(role) => self
                    .amiss(position, role, &value)
                    .or_else(|| Some(template(role, &asks, whose))),
                None => self.literal(field, &value, remarks),
            };
            answers.extend(found.map(|template| (field.key.clone(), template)));
        }
        answers
    }

    /// A value that was typed as something else elsewhere, or looks like an address, is that.
    fn role_by_value(&self, value: &str) -> Option<Role> {
        let mut all = self.answered.iter().flat_map(typed);
        let same = all.find_map(|(field, other)| {
            Role::of(field).filter(|role| other == value && !matches!(role, Role::Attribute(_)))
        });
        same.or_else(|| is_address(value).then_some(Role::Email))
    }

    /// What stands for a value that was turned down; none if this one was not the reason.
    fn amiss(&self, position: usize, role: Role, value: &str) -> Option<Template> {
        let answer = self.answered.get(position)?;
        let refusal = answer.refusal.as_ref()?;
        let right = self.corrected(position, role);
        let named = |word: &str| {
            refusal.targets.iter().any(|(target, _)| target.to_lowercase().contains(word))
        };
        let is_unique = refusal.targets.iter().any(|(_, code)| code.contains("UNIQUENESS"));
        let is_new = self.whose() == Whose::Persona || Asks::of(&answer.form).attributes;
        let differs = right.as_deref().map(|right| right != value);
        match role {
            Role::Code => differs
                .unwrap_or(!named("password"))
                .then(|| Template::plain(self.wrong_code))
                .flatten(),
            Role::Email | Role::Username => {
                let is_reason = differs.unwrap_or_else(|| {
                    named("email")
                        || named("username")
                        || refusal.capability.as_deref() == Some("userLookup")
                });
                if !is_reason {
                    return None;
                }
                Some(match () {
                    () if is_new && !is_address(value) && !self.is_secret(value) => {
                        Template::plain(value)?
                    }
                    () if is_new && is_unique => Variable::AccountEmail.into(),
                    // An invented person has no account to sign on with.
                    () => Variable::PersonaEmail.into(),
                })
            }
            Role::Attribute(_) => None,
            _ if is_new => differs
                .unwrap_or_else(|| named("password"))
                .then(|| Variable::PersonaWeakPassword.into()),
            _ => {
                let unknown = refusal.capability.as_deref() == Some("userLookup");
                differs.unwrap_or(!unknown).then(|| Variable::PersonaWrongPassword.into())
            }
        }
    }

    /// What went into the field of this role when the same form was accepted later.
    fn corrected(&self, position: usize, role: Role) -> Option<String> {
        let form = &self.answered.get(position)?.form;
        let later = self.answered.iter().skip(position + 1).find(|later| {
            later.refusal.is_none() && later.form.fields == form.fields && !later.values.is_empty()
        })?;
        typed(later).find(|(field, _)| Role::of(field) == Some(role)).map(|(_, value)| value)
    }

    /// What is kept as it was typed: nothing that may be a secret.
    fn literal(&self, field: &Field, value: &str, remarks: &mut Vec<String>) -> Option<Template> {
        if is_of_browser(&field.kind) {
            remarks.push(format!(
                "The field `{}` holds what only a browser or device makes; it is left untouched.",
                field.key
            ));
            return None;
        }
        self.kept(&field.key, value, remarks)
    }

    fn kept(&self, key: &str, value: &str, remarks: &mut Vec<String>) -> Option<Template> {
        let is_secret = names_secret(key) || self.is_secret(value);
        let kept = Template::plain(value).filter(|_| !is_secret);
        if kept.is_none() {
            remarks.push(format!(
                "What was given to `{key}` may be a secret and is left out; give it a value if the flow needs one."
            ));
        }
        kept
    }

    fn is_secret(&self, value: &str) -> bool {
        let known = |secret: &String| value.contains(secret.as_str()) || secret == value;
        looks_secret(value) || self.secret.iter().any(known)
    }
}

/// Whether what stands under a key is a secret by what the key says.
fn names_secret(key: &str) -> bool {
    let role = Role::of_key(key);
    is_secret_key(key) || role.is_some_and(Role::is_secret)
}

/// The fields of an answer that something was typed into, with the text that a rule would give.
fn typed(answer: &Answered) -> impl Iterator<Item = (&Field, String)> {
    answer.form.fields.iter().filter_map(|field| {
        let text = text_of(answer.values.get(&field.key)?)?;
        Some((field, text)).filter(|(_, text)| !text.is_empty())
    })
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => flag.then(|| "true".to_owned()),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().filter_map(text_of).collect();
            Some(texts.join(","))
        }
        // A telephone number beside its country, or a device.
        Value::Object(members) => {
            match members.get("phoneNumber").or_else(|| members.get("type")) {
                Some(part) => text_of(part),
                None => (!members.is_empty()).then(|| value.to_string()),
            }
        }
        Value::Null => None,
    }
}

fn is_address(value: &str) -> bool {
    value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !value.contains(char::is_whitespace)
    })
}

/// Longest run of letters and digits in one word that nobody takes for a token.
const LONGEST_WORD: usize = 19;

/// Whether a value looks like a token, a key or a code: long without a gap, or nothing but digits,
/// in groups or not, that make no date.
fn looks_secret(value: &str) -> bool {
    let letters = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '=' | '.');
    let long = value.split(|c| !letters(c)).any(|word| {
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        word.chars().count() > LONGEST_WORD
            && (has_digit || word.chars().count() > 2 * LONGEST_WORD)
    });
    let is_gap = |c: char| c == '-' || c.is_whitespace();
    let count = value.chars().filter(|c| !is_gap(*c)).count();
    let digits = count >= 6 && value.chars().all(|c| c.is_ascii_digit() || is_gap(c));
    long || (digits && !is_date(value))
}

/// Whether a text of digits and gaps is a date as forms send it: `1999-12-31`.
fn is_date(text: &str) -> bool {
    text.split('-').map(str::len).eq([4, 2, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_groups_are_a_secret_and_a_date_is_none() {
        for secret in ["123456", "123-45-6789", "4111 1111 1111 1111", "4111-1111-1111-1111"] {
            assert!(looks_secret(secret), "{secret}");
        }
        for open in ["12345", "12-34", "1999-12-31", "flat 12-34-56", "- - - - - -", ""] {
            assert!(!looks_secret(open), "{open}");
        }
    }
}
