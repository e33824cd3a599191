//! A key under the names that it has in different flows: `username|user.username`.

use crate::base::document::{Problems, Sited};
use crate::davinci::form::{Action, Field, Form};
use std::fmt;

/// Names of one and the same field or action. On a form the first that is there is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key(Vec<String>);

impl Key {
    /// Reads names with `|` between them; an empty one is noted as a problem and left out.
    pub fn read(text: &Sited<String>, problems: &Problems) -> Self {
        let names = text.value.split('|').map(str::trim);
        let (empty, names): (Vec<_>, Vec<_>) = names.partition(|name| name.is_empty());
        if !empty.is_empty() {
            let remedy = "write a name on each side of `|`: `username|user.username`".to_owned();
            let what = format!("`{}` has a name without letters", text.value);
            problems.note(Some(&text.place), what, Some(remedy));
        }
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// The names, most wanted first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The names, for a list of candidates.
    pub(super) fn into_names(self) -> Vec<String> {
        self.0
    }

    /// The field of a form that is meant.
    pub fn field<'f>(&self, form: &'f Form) -> Option<&'f Field> {
        let of = |name: &String| form.fields.iter().find(|field| field.key == *name);
        self.0.iter().find_map(of)
    }

    /// The action of a form that is meant.
    pub fn action<'f>(&self, form: &'f Form) -> Option<&'f Action> {
        self.0.iter().find_map(|name| form.action(name))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.split('|').map(str::to_owned).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::Place;

    #[test]
    fn names_stand_between_bars_and_none_is_empty() {
        let read = |text: &str| {
            let place = Place { document: "j.toml".into(), line: 1, column: 1 };
            let problems = Problems::default();
            let key = Key::read(&Sited { place, value: text.to_owned() }, &problems);
            (key.to_string(), problems.into_sorted().len())
        };
        assert_eq!(read("username"), ("username".to_owned(), 0));
        assert_eq!(read("email | user.email"), ("email|user.email".to_owned(), 0));
        assert_eq!(read("email|"), ("email".to_owned(), 1));
    }
}
