//! For tests: holds the schema of a document format against the reader of that format, table by table
//! and key by key, with the reader's own complaints as the witness.

use super::super::document::{Problem, Table};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A word that is near to no key, so that the reader lists all that it knows.
const MADE_UP: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

/// A schema that can be asked.
pub(crate) struct Checker {
    schema: Value,
    companions: Vec<(&'static str, Value)>,
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Tables whose keys are the same on both sides.
    pub(crate) tables: usize,
    /// Keys whose words are the same on both sides.
    pub(crate) choices: usize,
    /// Keys that only the reader knows: those that it refuses as not built yet, and others.
    pub(crate) only_read: BTreeSet<String>,
    /// Keys that only the schema knows.
    pub(crate) only_described: BTreeSet<String>,
    /// Keys whose words differ.
    pub(crate) other_words: Vec<String>,
}

impl Checker {
    pub(crate) fn new(schema: Value) -> Self {
        let mut compiler = boon::Compiler::new();
        let mut schemas = boon::Schemas::new();
        let id = schema["$id"].as_str().expect("an id").to_owned();
        compiler.add_resource(&id, schema.clone()).expect("a resource");
        let index = compiler.compile(&id, &mut schemas).expect("a schema that compiles");
        Self { schema, companions: Vec::new(), schemas, index }
    }

    /// Keys without which the reader does not look at the rest of a table, by the name of the table.
    pub(crate) fn with(mut self, table: &'static str, keys: Value) -> Self {
        self.companions.push((table, keys));
        self
    }

    /// What is wrong with a document; none if it is valid.
    pub(crate) fn complaint(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }

    /// The same of a document in TOML.
    pub(crate) fn complaint_of_toml(&self, text: &str) -> Option<String> {
        let table = Table::parse("x.toml", text).expect("TOML");
        self.complaint(&super::super::document::Value::Table(table).to_json())
    }

    /// The schema behind references, and the alternative that is an object or a list where there are
    /// several.
    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        if let Some(name) = schema["$ref"].as_str() {
            let pointer = name.strip_prefix('#').expect("a reference within the document");
            return self.resolved(self.schema.pointer(pointer).expect("a definition"));
        }
        match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([only]) => self.resolved(only),
            _ => schema,
        }
    }

    /// Compares all tables below the root. `read` is the reader: a document in, its complaints out.
    pub(crate) fn against(&self, read: &dyn Fn(&str) -> Vec<Problem>) -> Compared {
        let mut compared = Compared::default();
        self.table(&self.schema, &[], read, &mut compared);
        compared
    }

    fn table(
        &self,
        schema: &Value,
        path: &[Part],
        read: &dyn Fn(&str) -> Vec<Problem>,
        compared: &mut Compared,
    ) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let described: BTreeSet<String> = properties.keys().cloned().collect();
        let document = self.document(path, MADE_UP, &json!(1));
        let known = listed(&read(&document), MADE_UP)
            .unwrap_or_else(|| panic!("the reader takes any key in\n{document}"));
        let named = |key: &String| name(path, key);
        compared.tables += 1;
        compared.only_read.extend(known.difference(&described).map(named));
        compared.only_described.extend(described.difference(&known).map(named));
        let made_up = self.complaint_of_toml(&document).unwrap_or_default();
        assert!(made_up.contains(MADE_UP), "the schema takes any key in\n{document}{made_up}");
        for (key, property) in properties {
            self.words(property, (path, key), read, compared);
            let property = self.resolved(property);
            let of_list = self.resolved(&property["items"]);
            let is_list = property["type"] == "array";
            let below = [path, &[Part { key: key.clone(), is_list }]].concat();
            self.table(if is_list { of_list } else { property }, &below, read, compared);
        }
    }

    /// Where a key takes one of a few words, the reader's list of them is the schema's.
    fn words(
        &self,
        property: &Value,
        (path, key): (&[Part], &str),
        read: &dyn Fn(&str) -> Vec<Problem>,
        compared: &mut Compared,
    ) {
        let property = self.resolved(property);
        let choices = property["anyOf"].as_array().and_then(|choices| choices.first());
        let words = choices.unwrap_or(property)["enum"].as_array();
        let described: BTreeSet<String> =
            words.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let document = self.document(path, key, &json!(MADE_UP));
        let found = words_listed(&read(&document));
        match found {
            Some(found) if found == described => compared.choices += 1,
            None if described.is_empty() => {}
            _ => compared.other_words.push(format!("{}: {found:?}", name(path, key))),
        }
    }

    /// A document with one key in one table, and nothing besides that it does not need.
    fn document(&self, path: &[Part], key: &str, value: &Value) -> String {
        let parts: Vec<_> = path.iter().map(|part| part.key.as_str()).collect();
        let table = parts.join(".");
        let companions = self.companions.iter().find(|(name, _)| *name == table);
        let mut inner =
            companions.and_then(|(_, keys)| keys.as_object().cloned()).unwrap_or_default();
        inner.insert(key.to_owned(), value.clone());
        let mut json = Value::Object(inner);
        for part in path.iter().rev() {
            let mut outer = Map::new();
            outer.insert(part.key.clone(), if part.is_list { json!([json]) } else { json });
            json = Value::Object(outer);
        }
        toml::to_string(&json).expect("TOML")
    }
}

/// A step towards a table.
#[derive(Clone, Debug)]
struct Part {
    key: String,
    is_list: bool,
}

fn name(path: &[Part], key: &str) -> String {
    let parts = path.iter().map(|part| part.key.as_str());
    parts.chain([key]).collect::<Vec<_>>().join(".")
}

/// The keys that the reader lists instead of an unknown one.
fn listed(problems: &[Problem], key: &str) -> Option<BTreeSet<String>> {
    let of_key = |problem: &&Problem| {
        problem.what.starts_with("unknown key") && problem.what.ends_with(&format!("{key}`"))
    };
    let problem = problems.iter().find(of_key)?;
    let remedy = problem.remedy.as_deref().expect("a remedy");
    assert!(remedy.starts_with("known here: "), "{remedy}");
    Some(quoted(remedy))
}

/// The words that the reader lists instead of one that it does not know. Some keys take a time besides a
/// word, and their remedy is another sentence.
fn words_listed(problems: &[Problem]) -> Option<BTreeSet<String>> {
    let remedies = problems.iter().filter(|problem| problem.what.contains(MADE_UP));
    let mut remedies = remedies.filter_map(|problem| problem.remedy.as_deref());
    remedies.find(|remedy| remedy.starts_with("choose one of ")).map(quoted)
}

fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
