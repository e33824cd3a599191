//! `[input]`: what a flow with an input schema is started with, as templates.

use super::author;
use super::template::{Template, Variable};
use crate::base::document::{Item, Problems, Table, Value};
use serde_json::{Map, Value as Json};

/// Names and values of a start. Tables become objects, so that `name.given` is the `given` of
/// `name`, as input schemas have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input(Vec<(String, Piece)>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Template),
    /// A number or flag, sent as it stands.
    Plain(Json),
    List(Vec<Self>),
    Object(Input),
}

impl Input {
    /// Reads the table; what has no place in a schema is noted.
    pub(super) fn read(table: &Table, problems: &Problems) -> Self {
        let entries = table.entries.iter();
        Self(
            entries
                .filter_map(|(key, _, item)| Some((key.clone(), Piece::read(item, problems)?)))
                .collect(),
        )
    }

    /// An object as it was sent, its texts and numbers turned into templates by `text`, which gets
    /// the keys that lead to a value, outermost first, and the value; what it has no template for is
    /// left out.
    pub fn of(
        sent: &Map<String, Json>,
        text: &mut dyn FnMut(&[&str], &str) -> Option<Template>,
    ) -> Self {
        Self::below(&[], sent, text)
    }

    fn below(
        path: &[&str],
        sent: &Map<String, Json>,
        text: &mut dyn FnMut(&[&str], &str) -> Option<Template>,
    ) -> Self {
        let pieces = sent.iter().filter_map(|(key, value)| {
            let path = [path, &[key.as_str()]].concat();
            Some((key.clone(), Piece::of(&path, value, text)?))
        });
        Self(pieces.collect())
    }

    /// Keys and values as TOML.
    pub fn entries_in_toml(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().map(|(key, piece)| (author::bare(key), piece.in_toml()))
    }

    /// Whether nothing is given to the start.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The variables it needs.
    pub fn variables(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        self.0.iter().for_each(|(_, piece)| piece.collect(&mut variables));
        variables
    }

    /// The object with each gap filled by `value`; the first value that cannot be had ends it.
    pub fn fill<E>(
        &self,
        value: &mut impl FnMut(Variable) -> Result<String, E>,
    ) -> Result<Map<String, Json>, E> {
        let entries = self.0.iter();
        entries.map(|(key, piece)| Ok((key.clone(), piece.fill(value)?))).collect()
    }
}

impl Piece {
    fn of(
        path: &[&str],
        value: &Json,
        text: &mut dyn FnMut(&[&str], &str) -> Option<Template>,
    ) -> Option<Self> {
        Some(match value {
            Json::String(value) => Self::Text(text(path, value)?),
            // A number may be as secret as a text; one that is kept stays a number.
            Json::Number(number) => {
                let written = number.to_string();
                let template = text(path, &written)?;
                let is_kept = template.to_string() == written;
                if is_kept { Self::Plain(value.clone()) } else { Self::Text(template) }
            }
            Json::Object(members) => Self::Object(Input::below(path, members, text)),
            Json::Array(items) => {
                Self::List(items.iter().filter_map(|item| Self::of(path, item, text)).collect())
            }
            // TOML has no nothing.
            Json::Null => return None,
            plain => Self::Plain(plain.clone()),
        })
    }

    fn in_toml(&self) -> String {
        match self {
            Self::Text(template) => author::quoted(&template.to_string()),
            Self::Plain(plain) => plain.to_string(),
            Self::List(pieces) => {
                let pieces: Vec<_> = pieces.iter().map(Self::in_toml).collect();
                format!("[{}]", pieces.join(", "))
            }
            Self::Object(input) => {
                let pairs: Vec<_> = input
                    .entries_in_toml()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }

    fn read(item: &Item, problems: &Problems) -> Option<Self> {
        Some(match &item.value {
            Value::Text { text, .. } => Self::Text(Template::read(text, &item.place, problems)),
            Value::Table(table) => Self::Object(Input::read(table, problems)),
            Value::List(items) => {
                Self::List(items.iter().filter_map(|item| Self::read(item, problems)).collect())
            }
            Value::Moment(_) => {
                let remedy = "write it between quotes".to_owned();
                problems.note(Some(&item.place), "JSON has no dates", Some(remedy));
                return None;
            }
            plain => Self::Plain(plain.to_json()),
        })
    }

    fn collect(&self, variables: &mut Vec<Variable>) {
        match self {
            Self::Text(template) => variables.extend(template.variables()),
            Self::Plain(_) => {}
            Self::List(pieces) => pieces.iter().for_each(|piece| piece.collect(variables)),
            Self::Object(input) => variables.extend(input.variables()),
        }
    }

    fn fill<E>(&self, value: &mut impl FnMut(Variable) -> Result<String, E>) -> Result<Json, E> {
        Ok(match self {
            Self::Text(template) => template.fill(&mut *value)?.into(),
            Self::Plain(plain) => plain.clone(),
            Self::List(pieces) => {
                Json::Array(pieces.iter().map(|piece| piece.fill(value)).collect::<Result<_, _>>()?)
            }
            Self::Object(input) => Json::Object(input.fill(value)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Input, Vec<String>) {
        let problems = Problems::default();
        let input = Input::read(&Table::parse("j.toml", text).unwrap(), &problems);
        (input, problems.into_sorted().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn a_number_is_asked_about_like_a_text_and_keys_lead_to_it() {
        let sent = serde_json::json!({ "otp": 482_913, "age": 30, "code": { "value": "x" },
            "list": [{ "pin": 1 }, "kept"], "flag": true });
        let mut asked = Vec::new();
        let input = Input::of(sent.as_object().unwrap(), &mut |path, value| {
            asked.push(path.join("/"));
            let is_secret = path.iter().any(|key| ["otp", "code", "pin"].contains(key));
            (!is_secret).then(|| Template::plain(value)).flatten()
        });
        let filled = input.fill(&mut |_| Err(())).unwrap();
        assert_eq!(
            serde_json::Value::Object(filled),
            serde_json::json!({ "age": 30, "code": {}, "list": [{}, "kept"], "flag": true })
        );
        asked.sort();
        assert_eq!(asked, ["age", "code/value", "list", "list/pin", "otp"]);
    }

    #[test]
    fn dotted_keys_become_objects_and_numbers_stay_numbers() {
        let (input, problems) = read(
            "email = \"{persona.email}\"\nname.given = \"{persona.given_name}\"\nname.family = \"X\"\n\
             age = 42\nadult = true\ntags = [\"a\", \"{run.id}\"]\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(input.variables().len(), 3);
        let filled = input.fill(&mut |variable| Ok::<_, ()>(variable.name().to_uppercase()));
        assert_eq!(
            Json::Object(filled.unwrap()),
            serde_json::json!({
                "email": "PERSONA.EMAIL", "name": { "given": "PERSONA.GIVEN_NAME", "family": "X" },
                "age": 42, "adult": true, "tags": ["a", "RUN.ID"],
            })
        );
        assert_eq!(input.fill(&mut Err), Err(Variable::PersonaEmail));
    }

    #[test]
    fn dates_and_unknown_variables_are_problems() {
        let (_, problems) = read("born = 1979-05-27\nemail = \"{persona.mail}\"\n");
        assert_eq!(
            problems,
            ["JSON has no dates", "`{persona.mail}` is nothing that gander can fill in"]
        );
    }
}
