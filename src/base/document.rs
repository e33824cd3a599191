//! TOML documents read with positions, so that every problem is reported at once and in its place.
//!
//! A document becomes a tree of [`Item`]s; a [`Section`] takes its keys one by one, notes what is
//! wrong in a shared [`Problems`] list and goes on. What nobody took is an unknown key.

use super::remedy::{Listing, Remedy, nearest};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use zeroize::Zeroize;

/// A position in a document, lines and columns from 1.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The file's name as the person gave it, or another source such as `--set`.
    pub document: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.document, self.line, self.column)
    }
}

/// One thing wrong with a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where; none where the fault is an absence without a place.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Problems found so far. Shared by all sections of a document.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a problem.
    pub fn note(&self, place: Option<&Place>, what: impl Into<String>, remedy: Option<String>) {
        let problem = Problem { place: place.cloned(), what: what.into(), remedy };
        self.0.borrow_mut().push(problem);
    }

    /// Notes problems found elsewhere.
    pub fn extend(&self, problems: impl IntoIterator<Item = Problem>) {
        self.0.borrow_mut().extend(problems);
    }

    /// Whether none was noted.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All problems in the order of their places, those without a place last.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
        problems.dedup();
        problems
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where the value begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// What a document can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string; `filled_in` when it came out of a `${…}` reference instead of the document.
    Text {
        /// The string.
        text: String,
        /// Whether it came from outside the document.
        filled_in: bool,
    },
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A date or time, as written. No setting takes one.
    Moment(String),
    /// An array.
    List(Vec<Item>),
    /// A table.
    Table(Table),
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "a text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Keys and values in the order of the document.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Where the table begins.
    pub place: Place,
    /// Key, place of the key, value.
    pub entries: Vec<(String, Place, Item)>,
}

impl Value {
    /// The value as JSON, with everything that came from outside the document struck out.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text { filled_in: true, .. } => super::secret::STRUCK_OUT.into(),
            Self::Text { text, .. } | Self::Moment(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => {
                let entries = table.entries.iter();
                entries.map(|(key, _, item)| (key.clone(), item.value.to_json())).collect()
            }
        }
    }

    /// The value as TOML on one line; tables become inline tables.
    pub fn to_toml(&self) -> String {
        // Every JSON string is a TOML basic string.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Text { text, .. } => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Moment(moment) => moment.clone(),
            Self::List(items) => {
                format!("[{}]", joined(items.iter().map(|item| item.value.to_toml()).collect()))
            }
            Self::Table(table) => {
                let entries = table.entries.iter();
                let pair = |(key, _, item): &(String, Place, Item)| {
                    format!("{} = {}", quoted(key), item.value.to_toml())
                };
                format!("{{{}}}", joined(entries.map(pair).collect()))
            }
        }
    }
}

impl Table {
    /// Reads a document; every syntax error it can recover from is reported.
    pub fn parse(document: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let lines = Lines { document: document.into(), text };
        let (table, errors) = toml::de::DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(lines.table(table.span(), table.get_ref()));
        }
        let problem = |error: &toml::de::Error| Problem {
            place: Some(lines.place(error.span().map_or(0, |span| span.start))),
            what: error.message().to_owned(),
            remedy: None,
        };
        Err(errors.iter().map(problem).collect())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Item> {
        self.entries.iter().find(|(name, ..)| name == key).map(|(.., item)| item)
    }

    /// Lays another table over this one: tables merge key by key, everything else is replaced.
    pub fn overlay(&mut self, over: Self) {
        for (key, place, item) in over.entries {
            let slot = self.entries.iter_mut().find(|(name, ..)| *name == key);
            match (slot, item) {
                (
                    Some((_, _, Item { value: Value::Table(below), .. })),
                    Item { value: Value::Table(above), .. },
                ) => {
                    below.overlay(above);
                }
                (Some(slot), item) => *slot = (key, place, item),
                (None, item) => self.entries.push((key, place, item)),
            }
        }
    }

    /// Replaces every text for which `fill` has something to say: `Ok(Some(_))` is the new text,
    /// `Ok(None)` leaves it, `Err` is a problem at its place.
    pub fn fill_in(
        &mut self,
        problems: &Problems,
        fill: &impl Fn(&str) -> Result<Option<String>, Problem>,
    ) {
        self.entries.iter_mut().for_each(|(.., item)| item.fill_in(problems, fill));
    }

    /// Overwrites every text that came from outside the document, once its reader has what it needs.
    pub fn wipe(&mut self) {
        self.entries.iter_mut().for_each(|(.., item)| item.wipe());
    }
}

impl Item {
    /// Whether it is a text that came from outside the document.
    pub const fn is_filled_in(&self) -> bool {
        matches!(self.value, Value::Text { filled_in: true, .. })
    }

    fn wipe(&mut self) {
        match &mut self.value {
            Value::Text { text, filled_in: true } => text.zeroize(),
            Value::List(items) => items.iter_mut().for_each(Self::wipe),
            Value::Table(table) => table.wipe(),
            _ => {}
        }
    }

    fn fill_in(
        &mut self,
        problems: &Problems,
        fill: &impl Fn(&str) -> Result<Option<String>, Problem>,
    ) {
        match &mut self.value {
            Value::Text { text, filled_in } => match fill(text) {
                Ok(None) => {}
                Ok(Some(new)) => (*text, *filled_in) = (new, true),
                Err(problem) => {
                    problems.note(Some(&self.place), problem.what, problem.remedy);
                    // What should have come from outside is as little shown as if it had: a command may have secrets in it.
                    *filled_in = true;
                }
            },
            Value::List(items) => items.iter_mut().for_each(|item| item.fill_in(problems, fill)),
            Value::Table(table) => table.fill_in(problems, fill),
            _ => {}
        }
    }
}

/// Turns byte offsets of a text into places.
struct Lines<'t> {
    document: Arc<str>,
    text: &'t str,
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            document: self.document.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn table(&self, span: std::ops::Range<usize>, table: &toml::de::DeTable<'_>) -> Table {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            (key.get_ref().to_string(), self.place(key.span().start), self.item(value))
        });
        Table { place: self.place(span.start), entries: entries.collect() }
    }

    fn item(&self, value: &toml::Spanned<toml::de::DeValue<'_>>) -> Item {
        use toml::de::DeValue;
        let text = |text: &str| Value::Text { text: text.to_owned(), filled_in: false };
        let read = match value.get_ref() {
            DeValue::String(string) => text(string),
            DeValue::Integer(number) => {
                i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
                    .map_or_else(|_| Value::Moment(number.as_str().to_owned()), Value::Integer)
            }
            DeValue::Float(number) => {
                Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
            }
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.item(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(value.span(), table)),
        };
        Item { place: self.place(value.span().start), value: read }
    }
}

/// A table being read: every key is taken once, problems are noted, [`Section::finish`] complains
/// about the keys that nobody took.
#[derive(Debug)]
pub struct Section<'t> {
    table: Option<&'t Table>,
    path: String,
    problems: &'t Problems,
    taken: BTreeSet<&'static str>,
}

/// A value with the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sited<T> {
    /// Where it stood.
    pub place: Place,
    /// The value.
    pub value: T,
}

impl<'t> Section<'t> {
    /// The whole document.
    pub const fn document(table: &'t Table, problems: &'t Problems) -> Self {
        Self { table: Some(table), path: String::new(), problems, taken: BTreeSet::new() }
    }

    /// A table that was put together elsewhere, under the name that messages show.
    pub fn at(path: &str, table: &'t Table, problems: &'t Problems) -> Self {
        Self { path: path.to_owned(), ..Self::document(table, problems) }
    }

    /// Dotted name of a key of this section, as a message shows it.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the document has this table at all.
    pub const fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Where the section begins.
    pub fn place(&self) -> Option<&'t Place> {
        self.table.map(|table| &table.place)
    }

    /// The table itself, for whoever reads it elsewhere.
    pub const fn table(&self) -> Option<&'t Table> {
        self.table
    }

    /// Where problems are noted.
    pub const fn problems(&self) -> &'t Problems {
        self.problems
    }

    /// Takes a key as it stands.
    pub fn item(&mut self, key: &'static str) -> Option<&'t Item> {
        self.taken.insert(key);
        self.table?.get(key)
    }

    /// Takes a text.
    pub fn text(&mut self, key: &'static str) -> Option<Sited<String>> {
        let item = self.item(key)?;
        self.text_of(key, item)
    }

    /// Takes a text that must not stand in the document itself.
    pub fn secret(&mut self, key: &'static str) -> Option<super::secret::Secret> {
        let item = self.item(key)?;
        let text = self.text_of(key, item)?;
        // A reference that could not be looked up is a problem already.
        let is_reference = text.value.contains("${");
        if matches!(item.value, Value::Text { filled_in: false, .. }) && !is_reference {
            let remedy = format!(
                "name where it is kept: `{key} = \"${{NAME}}\"`, `\"${{file:PATH}}\"` or `\"${{cmd:COMMAND}}\"`"
            );
            let what =
                format!("`{}` is a secret and may not stand in the document", self.name(key));
            self.problems.note(Some(&item.place), what, Some(remedy));
        }
        Some(text.value.into())
    }

    /// Takes a text that has to be there.
    pub fn required_text(&mut self, key: &'static str, remedy: &str) -> Option<Sited<String>> {
        if self.item(key).is_none() {
            self.missing(key, remedy);
        }
        self.text(key)
    }

    /// Takes a text and reads it as something else.
    pub fn parsed<T>(&mut self, key: &'static str) -> Option<Sited<T>>
    where
        T: FromStr,
        T::Err: Remedy,
    {
        let item = self.item(key)?;
        // A bare number gets the message of the type, which names the unit that is missing.
        let text = match &item.value {
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => self.text_of(key, item)?.value,
        };
        match text.parse() {
            Ok(value) => Some(Sited { place: item.place.clone(), value }),
            Err(_) if item.is_filled_in() => {
                self.unreadable(key, item);
                None
            }
            Err(error) => {
                self.problems.note(
                    Some(&item.place),
                    format!("`{}`: {error}", self.name(key)),
                    error.remedy(),
                );
                None
            }
        }
    }

    /// Takes one of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        self.choice_so_far(key, choices, &[])
    }

    /// Takes one of a few words; `later` ones are known but do nothing yet. What stands before a
    /// colon decides about those.
    pub fn choice_so_far<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        later: &[&str],
    ) -> Option<T> {
        let item = self.item(key)?;
        let text = self.text_of(key, item)?.value;
        let words: Listing = choices.iter().map(|(word, _)| *word).collect();
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() && item.is_filled_in() {
            self.unreadable(key, item);
            return None;
        }
        if later.contains(&text.split(':').next().unwrap_or_default()) {
            let what =
                format!("`{}` `{text}` is known to gander but not built yet", self.name(key));
            self.problems.note(Some(&item.place), what, Some(format!("so far: {words}")));
            return None;
        }
        if found.is_none() {
            let what = format!("`{}` is `{text}`, which it cannot be", self.name(key));
            self.problems.note(Some(&item.place), what, Some(format!("choose one of {words}")));
        }
        found.map(|(_, choice)| *choice)
    }

    /// Takes a whole number that is not negative.
    pub fn count(&mut self, key: &'static str) -> Option<u64> {
        let item = self.item(key)?;
        let number = match item.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        };
        if number.is_none() {
            self.unfit(key, item, "a whole number from 0 up");
        }
        number
    }

    /// Takes a number.
    pub fn number(&mut self, key: &'static str) -> Option<f64> {
        let item = self.item(key)?;
        match item.value {
            #[expect(clippy::cast_precision_loss, reason = "a person's number, far below 2^52")]
            Value::Integer(number) => Some(number as f64),
            Value::Float(number) if number.is_finite() => Some(number),
            _ => {
                self.unfit(key, item, "a number");
                None
            }
        }
    }

    /// Takes true or false.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        let Value::Flag(flag) = item.value else {
            self.unfit(key, item, "true or false");
            return None;
        };
        Some(flag)
    }

    /// Takes a list of texts.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<Sited<String>>> {
        let item = self.item(key)?;
        let Value::List(items) = &item.value else {
            self.unfit(key, item, "a list of texts");
            return None;
        };
        Some(items.iter().filter_map(|item| self.text_of(key, item)).collect())
    }

    /// Takes a table; one that is absent is read as empty.
    pub fn section(&mut self, key: &'static str) -> Self {
        let table = self.item(key).and_then(|item| match &item.value {
            Value::Table(table) => Some(table),
            _ => {
                self.unfit(key, item, "a table");
                None
            }
        });
        Self { table, path: self.name(key), problems: self.problems, taken: BTreeSet::new() }
    }

    /// Takes a list of tables (`[[key]]`).
    pub fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let Value::List(items) = &item.value else {
            self.unfit(key, item, "a list of tables, `[[…]]`");
            return Vec::new();
        };
        let path = self.name(key);
        let tables = items.iter().filter_map(|item| match &item.value {
            Value::Table(table) => Some(table),
            _ => {
                self.unfit(key, item, "a table");
                None
            }
        });
        tables
            .map(|table| Self {
                table: Some(table),
                path: path.clone(),
                problems: self.problems,
                taken: BTreeSet::new(),
            })
            .collect()
    }

    /// All keys and values of a section whose keys the person chooses.
    pub fn open_entries(self) -> &'t [(String, Place, Item)] {
        self.table.map_or(&[], |table| &table.entries)
    }

    /// Takes a table of texts whose keys the person chooses.
    pub fn text_map(&mut self, key: &'static str) -> Vec<(String, Sited<String>)> {
        let section = self.section(key);
        let Some(table) = section.table else { return Vec::new() };
        let texts = table.entries.iter().filter_map(|(name, _, item)| match &item.value {
            Value::Text { text, .. } => {
                Some((name.clone(), Sited { place: item.place.clone(), value: text.clone() }))
            }
            other => {
                let what = format!("`{}` is {}, not a text", section.name(name), other.kind());
                self.problems.note(Some(&item.place), what, None);
                None
            }
        });
        texts.collect()
    }

    /// Refuses a key that is known but does nothing yet.
    pub fn not_built_yet(&mut self, key: &'static str) {
        if let Some(item) = self.item(key) {
            let place = self.table.and_then(|table| {
                table.entries.iter().find(|(name, ..)| name == key).map(|(_, place, _)| place)
            });
            let what = format!("`{}` is known to gander but not built yet", self.name(key));
            self.problems.note(
                place.or(Some(&item.place)),
                what,
                Some("leave it out for now".to_owned()),
            );
        }
    }

    /// Notes a required key that is absent.
    pub fn missing(&self, key: &str, remedy: &str) {
        let what = format!("`{}` is missing", self.name(key));
        self.problems.note(self.place(), what, Some(remedy.to_owned()));
    }

    /// Complains about every key that nobody took.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, place, _) in &table.entries {
            if self.taken.contains(key.as_str()) {
                continue;
            }
            let known = || self.taken.iter().copied();
            let remedy = nearest(key, known()).map_or_else(
                || format!("known here: {}", known().collect::<Listing>()),
                |near| format!("did you mean `{near}`?"),
            );
            self.problems.note(
                Some(place),
                format!("unknown key `{}`", self.name(key)),
                Some(remedy),
            );
        }
    }

    fn text_of(&self, key: &str, item: &Item) -> Option<Sited<String>> {
        let Value::Text { text, .. } = &item.value else {
            self.unfit(key, item, "a text");
            return None;
        };
        Some(Sited { place: item.place.clone(), value: text.clone() })
    }

    /// Notes that a value from outside the document cannot be what the key wants. What the value is
    /// goes into no message: it may be a secret that was put into the wrong place.
    pub fn unreadable(&self, key: &str, item: &Item) {
        let what = format!("`{}`: the value that `${{…}}` gives cannot be read", self.name(key));
        let remedy = "look at what the environment, the file or the command gives; \
                      it is not shown, as it may be a secret";
        self.problems.note(Some(&item.place), what, Some(remedy.to_owned()));
    }

    fn unfit(&self, key: &str, item: &Item, wanted: &str) {
        let what = format!("`{}` is {}, not {wanted}", self.name(key), item.value.kind());
        self.problems.note(Some(&item.place), what, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::units::Span;
    use proptest::prelude::*;

    fn shown(problems: Problems) -> String {
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let place = problem.place.map_or_else(String::new, |place| format!("{place}: "));
            let remedy = problem.remedy.map_or_else(String::new, |remedy| format!(" ({remedy})"));
            format!("{place}{}{remedy}\n", problem.what)
        });
        lines.collect()
    }

    #[test]
    fn what_could_not_be_filled_in_is_shown_by_no_complaint_after_it() {
        let mut table = Table::parse("a.toml", "mode = \"${cmd:fetch --key hush}\"\n").unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|_| {
            let what = "`${cmd:fetch …}` ended with 1".to_owned();
            Err(Problem { place: None, what, remedy: None })
        });
        let mut section = Section::document(&table, &problems);
        assert_eq!(section.choice("mode", &[("fast", 1)]), None);
        section.finish();
        let told = shown(problems);
        assert!(told.contains("ended with 1") && !told.contains("hush"), "{told}");
    }

    #[test]
    fn all_problems_are_reported_at_once_and_in_their_place() {
        let text =
            "count = -1\nwait = 250\nsecret = \"open\"\nnaem = \"x\"\n[deep]\nmode = \"fast\"\n";
        let table = Table::parse("a.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        section.count("count");
        section.parsed::<Span>("wait");
        section.secret("secret");
        section.text("name");
        let mut deep = section.section("deep");
        deep.choice("mode", &[("slow", 1), ("slower", 2)]);
        deep.finish();
        section.finish();
        insta::assert_snapshot!(shown(problems), @r#"
        a.toml:1:9: `count` is a number, not a whole number from 0 up
        a.toml:2:8: `wait`: `250` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        a.toml:3:10: `secret` is a secret and may not stand in the document (name where it is kept: `secret = "${NAME}"`, `"${file:PATH}"` or `"${cmd:COMMAND}"`)
        a.toml:4:1: unknown key `naem` (did you mean `name`?)
        a.toml:6:8: `deep.mode` is `fast`, which it cannot be (choose one of `slow`, `slower`)
        "#);
    }

    #[test]
    fn a_value_from_outside_the_document_is_in_no_message() {
        let mut table = Table::parse("a.toml", "wait = \"x\"\nmode = \"y\"\n").unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|_| Ok(Some("hunter2".to_owned())));
        let mut section = Section::document(&table, &problems);
        assert_eq!(section.parsed::<Span>("wait"), None);
        assert_eq!(section.choice("mode", &[("slow", 1)]), None);
        let said = shown(problems);
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.starts_with("a.toml:1:8: `wait`: the value that `${…}` gives"), "{said}");
        assert!(said.contains("a.toml:2:8: `mode`: the value that `${…}` gives"), "{said}");
    }

    #[test]
    fn what_came_from_outside_is_overwritten_and_nothing_else() {
        let mut table = Table::parse("a", "k = \"${S}\"\nl = [\"${S}\", \"kept\"]\n").unwrap();
        table.fill_in(&Problems::default(), &|text| {
            Ok(text.contains("${").then(|| "hunter2".to_owned()))
        });
        assert!(Value::Table(table.clone()).to_toml().contains("hunter2"));
        table.wipe();
        assert_eq!(Value::Table(table).to_toml(), r#"{"k" = "", "l" = ["", "kept"]}"#);
    }

    #[test]
    fn an_overlay_replaces_values_and_merges_tables() {
        let mut below = Table::parse("a", "x = 1\n[t]\na = 1\nb = 2\n").unwrap();
        below.overlay(Table::parse("b", "y = 3\n[t]\nb = 4\n").unwrap());
        let Some(Item { value: Value::Table(t), .. }) = below.get("t") else { panic!("no table") };
        assert_eq!(t.get("a").unwrap().value, Value::Integer(1));
        assert_eq!(t.get("b").unwrap().value, Value::Integer(4));
        assert_eq!(&*t.get("b").unwrap().place.document, "b");
        assert_eq!(below.get("y").unwrap().value, Value::Integer(3));
    }

    #[test]
    fn a_value_written_on_one_line_reads_as_the_same() {
        let text = "a = \"q\\\"\\n\\u0001ü\"\nb = [1, -2.5, true]\n[t.\"odd key\"]\nx = 1\n[[l]]\ny = 2026-01-01\n";
        let table = Table::parse("a", text).unwrap();
        let line = Value::Table(table).to_toml();
        let again = Table::parse("b", &format!("v = {line}")).unwrap();
        assert_eq!(again.get("v").unwrap().value.to_toml(), line);
        assert!(!line.contains('\n'));
        insta::assert_snapshot!(line, @r#"{"a" = "q\"\n\u0001ü", "b" = [1, -2.5, true], "t" = {"odd key" = {"x" = 1}}, "l" = [{"y" = 2026-01-01}]}"#);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}(\n\\PC{0,30}){0,4}") {
            if let Err(problems) = Table::parse("any", &text) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
