//! The schema of journeys against their reader, and against every journey there is.

use super::schema;
use crate::base::document::{Problem, Table, Value};
use crate::base::schema::drift::Checker;
use crate::journey::catalog::BUILT_IN;
use crate::journey::script::Script;
use serde_json::json;

/// The complaints of the reader. It says nothing of the whole before it has a name and a goal, and asks
/// for a rule's name and forms before anything else of it.
fn read(text: &str) -> Vec<Problem> {
    let mut table = Table::parse("j.toml", text).unwrap();
    for (key, value) in [("name", "name = \"x\""), ("goal", "goal = \"code\"")] {
        if table.get(key).is_none() {
            table.overlay(Table::parse("j.toml", value).unwrap());
        }
    }
    let text = toml::to_string(&Value::Table(table).to_json()).unwrap();
    Script::parse("j.toml", &text).err().unwrap_or_default()
}

#[test]
fn schema_and_reader_know_the_same_keys_and_words_in_every_table() {
    let compared = Checker::new(schema()).against(&read);
    assert!(compared.only_read.is_empty() && compared.only_described.is_empty(), "{compared:?}");
    // A goal is a word or more than a word; what it can be is no list.
    assert_eq!(compared.other_words, ["goal: None"]);
    assert_eq!((compared.tables, compared.choices), (4, 4), "{compared:?}");
}

#[test]
fn every_journey_there_is_obeys_the_schema() {
    let checker = Checker::new(schema());
    for (name, text) in BUILT_IN {
        assert_eq!(checker.complaint_of_toml(text), None, "{name}");
    }
    let page = include_str!("../../../docs/journeys.md");
    let mut met = 0;
    for block in page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let mut document = Value::Table(Table::parse("page", block).unwrap()).to_json();
        let members = document.as_object_mut().unwrap();
        members.entry("name").or_insert(json!("x"));
        members.entry("goal").or_insert(json!("code"));
        assert_eq!(checker.complaint(&document), None, "{block}");
        met += 1;
    }
    assert!(met >= 2);
}

#[test]
fn wrong_documents_are_refused_by_both() {
    let checker = Checker::new(schema());
    let rule = |more: &str| {
        format!(
            "name = \"x\"\ngoal = \"code\"\n[[rule]]\nname = \"a\"\nwhen = {{ fields = [\"f\"] }}\n{more}\n"
        )
    };
    let sound =
        rule("answer = { f = \"{persona.email}\", g = \"} {  code }\" }\nexpect = \"refusal\"");
    assert_eq!(checker.complaint_of_toml(&sound), None);
    Script::parse("x.toml", &sound).unwrap();
    for wrong in [
        "goal = \"code\"".to_owned(),
        "name = \"x\"".to_owned(),
        "name = \"x\"\ngoal = \"win\"".to_owned(),
        "name = \"x\"\ngoal = \"code\"\naccount = \"rich\"".to_owned(),
        "name = \"x\"\ngoal = \"code\"\nstart = \"somehow\"".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[rule]]\nwhen = { fields = [\"f\"] }".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[rule]]\nname = \"a\"".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[rule]]\nname = \"a\"\nwhen = {}".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[rule]]\nname = \"a\"\nwhen = { felds = [] }".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[end]]\ndo = \"x\"".to_owned(),
        "name = \"x\"\ngoal = \"code\"\n[[end]]".to_owned(),
        rule("answer = { f = \"{nobody}\" }"),
        rule("answer = { f = \"{code\" }"),
        rule("answer = { f = 1 }"),
        rule("at_most = -1"),
        rule("at_most = \"1\""),
        rule("action = \"NEXT\""),
        rule("action = [\"a|\"]"),
        rule("expect = \"luck\""),
        rule("creates_account = \"yes\""),
        "name = \"x\"\ngoal = \"code\"\nstart = \"policy\"\n[input]\na = { b = [\"{nobody}\"] }"
            .to_owned(),
    ] {
        assert!(checker.complaint_of_toml(&wrong).is_some(), "the schema takes {wrong}");
        assert!(Script::parse("x.toml", &wrong).is_err(), "the reader takes {wrong}");
    }
}
