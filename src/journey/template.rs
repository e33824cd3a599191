//! `{account.username}`, `{code}`, `{run.id}`: texts with gaps that an iteration fills in.

use crate::base::document::{Place, Problems};
use crate::base::remedy::{Listing, nearest};
use std::fmt;

/// What can stand in a gap.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Variable {
    /// Address of the invented person; also the name under which it registers.
    PersonaEmail,
    /// An attribute of the invented person, by its name in `identity::persona::ATTRIBUTES`.
    PersonaAttribute(&'static str),
    /// Password of the account that the persona registers.
    PersonaPassword,
    /// A password that fits the rules and is never the right one.
    PersonaWrongPassword,
    /// A password that no policy accepts.
    PersonaWeakPassword,
    /// Name of the leased account.
    AccountUsername,
    /// Address of the leased account.
    AccountEmail,
    /// Its password as it is.
    AccountPassword,
    /// Its next password.
    AccountNewPassword,
    /// The one-time code of the last request that asked for one.
    Code,
    /// The run's id.
    RunId,
}

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The invented person of the iteration.
    Persona,
    /// The leased account.
    Account,
    /// The code source.
    Codes,
    /// The run.
    Run,
}

struct Row {
    name: &'static str,
    variable: Variable,
    source: Source,
    secret: bool,
}

const fn row(name: &'static str, variable: Variable, source: Source, secret: bool) -> Row {
    Row { name, variable, source, secret }
}

const VARIABLES: &[Row] = &[
    row("persona.email", Variable::PersonaEmail, Source::Persona, false),
    row("persona.given_name", Variable::PersonaAttribute("given_name"), Source::Persona, false),
    row("persona.family_name", Variable::PersonaAttribute("family_name"), Source::Persona, false),
    row("persona.phone", Variable::PersonaAttribute("phone"), Source::Persona, false),
    row("persona.street", Variable::PersonaAttribute("street"), Source::Persona, false),
    row("persona.city", Variable::PersonaAttribute("city"), Source::Persona, false),
    row("persona.postal_code", Variable::PersonaAttribute("postal_code"), Source::Persona, false),
    row("persona.birth_date", Variable::PersonaAttribute("birth_date"), Source::Persona, false),
    row("persona.password", Variable::PersonaPassword, Source::Persona, true),
    row("persona.wrong_password", Variable::PersonaWrongPassword, Source::Persona, true),
    row("persona.weak_password", Variable::PersonaWeakPassword, Source::Persona, true),
    row("account.username", Variable::AccountUsername, Source::Account, false),
    row("account.email", Variable::AccountEmail, Source::Account, false),
    row("account.password", Variable::AccountPassword, Source::Account, true),
    row("account.new_password", Variable::AccountNewPassword, Source::Account, true),
    row("code", Variable::Code, Source::Codes, true),
    row("run.id", Variable::RunId, Source::Run, false),
];

impl Variable {
    fn row(self) -> &'static Row {
        // The table has a line for each variable; a test walks it.
        VARIABLES.iter().find(|row| row.variable == self).unwrap_or(&VARIABLES[0])
    }

    /// Those whose values may not be shown.
    pub fn secret_ones() -> impl Iterator<Item = Self> {
        VARIABLES.iter().filter(|row| row.secret).map(|row| row.variable)
    }

    /// As it is written between braces.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Where its value comes from.
    pub fn source(self) -> Source {
        self.row().source
    }

    /// Whether its value may be shown.
    pub fn is_secret(self) -> bool {
        self.row().secret
    }
}

/// A text with gaps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    Gap(Variable),
}

impl Template {
    /// Reads a template; unknown names are noted as problems and read as nothing.
    pub fn read(text: &str, place: &Place, problems: &Problems) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(before.to_owned()));
            let Some((name, behind)) = after.split_once('}') else {
                problems.note(Some(place), format!("`{text}` has a `{{` without `}}`"), None);
                return Self(pieces);
            };
            match VARIABLES.iter().find(|row| row.name == name.trim()) {
                Some(row) => pieces.push(Piece::Gap(row.variable)),
                None => note_unknown(name, place, problems),
            }
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Self(pieces)
    }

    /// A text without gaps; none if it has a `{`, which no template can say.
    pub fn plain(text: &str) -> Option<Self> {
        let pieces = if text.is_empty() { vec![] } else { vec![Piece::Text(text.to_owned())] };
        (!text.contains('{')).then_some(Self(pieces))
    }

    /// Every variable, as templates name them.
    pub fn known() -> impl Iterator<Item = Variable> {
        VARIABLES.iter().map(|row| row.variable)
    }

    /// The variables it needs.
    pub fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Gap(variable) => Some(*variable),
            Piece::Text(_) => None,
        })
    }

    /// Whether the filled-in text may be shown.
    pub fn is_secret(&self) -> bool {
        self.variables().any(Variable::is_secret)
    }

    /// The text with each gap filled by `value`; the first value that cannot be had ends it.
    pub fn fill<E>(
        &self,
        mut value: impl FnMut(Variable) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Gap(variable) => text.push_str(&value(*variable)?),
            }
        }
        Ok(text)
    }
}

impl From<Variable> for Template {
    fn from(variable: Variable) -> Self {
        Self(vec![Piece::Gap(variable)])
    }
}

/// As it is written in a journey file.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Gap(variable) => write!(f, "{{{}}}", variable.name()),
        })
    }
}

fn note_unknown(name: &str, place: &Place, problems: &Problems) {
    let known = || VARIABLES.iter().map(|row| row.name);
    let remedy = nearest(name, known()).map_or_else(
        || format!("known: {}", known().collect::<Listing>()),
        |near| format!("did you mean `{{{near}}}`?"),
    );
    problems.note(
        Some(place),
        format!("`{{{name}}}` is nothing that gander can fill in"),
        Some(remedy),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn read(text: &str) -> (Template, Vec<String>) {
        let place = Place { document: "j.toml".into(), line: 1, column: 1 };
        let problems = Problems::default();
        let template = Template::read(text, &place, &problems);
        (template, problems.into_sorted().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn every_variable_stands_once_in_the_table() {
        let names: BTreeSet<_> = VARIABLES.iter().map(|row| row.name).collect();
        let variables: BTreeSet<_> = VARIABLES.iter().map(|row| row.variable).collect();
        assert_eq!((names.len(), variables.len()), (VARIABLES.len(), VARIABLES.len()));
        for (attribute, _) in crate::identity::persona::ATTRIBUTES {
            assert!(
                names.contains(format!("persona.{attribute}").as_str()),
                "{attribute} is missing"
            );
        }
    }

    #[test]
    fn gaps_are_filled_and_texts_kept() {
        let (template, problems) = read("a-{run.id}-{ account.username }!");
        assert!(problems.is_empty());
        let filled = template.fill(|variable| Ok::<_, ()>(variable.name().to_uppercase()));
        assert_eq!(filled.unwrap(), "a-RUN.ID-ACCOUNT.USERNAME!");
        assert!(!template.is_secret());
        assert!(read("{code}").0.is_secret());
    }

    #[test]
    fn unknown_names_and_open_braces_are_problems() {
        assert_eq!(
            read("{acount.username}").1,
            ["`{acount.username}` is nothing that gander can fill in"]
        );
        assert_eq!(read("{code").1, ["`{code` has a `{` without `}`"]);
    }
}
