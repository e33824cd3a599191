//! The JSON Schema of journey files: a type for each table, told as a person would want to read it beside
//! the key. Nothing is read with these types; tests hold them against the readers key by key.
#![expect(dead_code, reason = "only their schemas are used")]

use super::script::{ENDS, STARTS};
use super::template::Template;
use crate::base::schema::{described, document, words};
use crate::identity::account::NEEDS;
use schemars::{JsonSchema, json_schema};
use std::collections::BTreeMap;

/// The schema.
pub fn schema() -> serde_json::Value {
    document::<Journey>("journey")
}

described! {
    /// What counts as success: `token` or `code`, `form:RULE` for the form that this rule would answer,
    /// `refusal:RULE` for its answer being turned down.
    Goal = json_schema!({ "anyOf": [
        { "enum": ["token", "code"] },
        { "type": "string", "pattern": "^(form|refusal):" },
    ] });
    /// The state of the account that it needs; `none` for none.
    Account = words(NEEDS.iter().map(|(word, _)| *word));
    /// How the flow is started: by an authorize request, or by its policy with a bearer token.
    Start = words(STARTS.iter().map(|(word, _)| *word));
    /// A call after the flow.
    EndCall = words(ENDS.iter().map(|(word, _)| *word));
    /// What the tenant should do with the answer.
    Expect = words(["advance", "refusal"]);
    /// A text with gaps that an iteration fills in, such as `{persona.email}`, `{account.password}` or
    /// `{code}`.
    Filling = json_schema!({ "type": "string", "pattern": template_pattern() });
    /// A key of a form, or several names of one and the same with `|` between them:
    /// `username|user.username`.
    Key = json_schema!({ "type": "string", "pattern": r"^\s*[^|\s][^|]*(\|\s*[^|\s][^|]*)*$" });
    /// A text with gaps, a number, a flag, a list or a table of them.
    Given = json_schema!({ "anyOf": [
        { "type": "string", "pattern": template_pattern() },
        { "type": ["number", "boolean"] },
        { "type": "array", "items": { "$ref": "#/definitions/Given" } },
        { "type": "object", "additionalProperties": { "$ref": "#/definitions/Given" } },
    ] });
}

fn template_pattern() -> String {
    let names: Vec<_> =
        Template::known().map(|variable| variable.name().replace('.', r"\.")).collect();
    format!(r"^([^{{]|\{{\s*({})\s*\}})*$", names.join("|"))
}

/// What a user does: a journey of gander, as a goal and rules that are tried in order against whatever
/// form comes.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Journey {
    /// Its name in profiles and reports.
    name: String,
    /// What counts as success.
    goal: Goal,
    /// The state of the account that it needs; none by default.
    account: Option<Account>,
    /// How the flow is started; by default as the tenant's profile says.
    start: Option<Start>,
    /// What a start by policy gives to the flow, by the names of the flow's input schema.
    input: Option<BTreeMap<String, Given>>,
    /// Whether the start makes an account: it goes on the ledger first.
    start_creates_account: Option<bool>,
    /// How many forms an iteration answers, for what a load will cost; by default each rule counts once.
    answers: Option<u64>,
    /// How many mails an iteration has sent, for what a load will cost; by default one for each rule that
    /// `sends_code`.
    mails: Option<u64>,
    /// Answers to forms.
    rule: Option<Vec<Rule>>,
    /// Calls after the flow, in order.
    end: Option<Vec<End>>,
}

/// Which forms are answered, and how. The first rule that fits a form and is not used up answers it.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Name of the step in every report, and the key by which two runs are aligned.
    name: String,
    /// Which forms it answers.
    when: When,
    /// A value for each field that the form may have; `*` is the field that `when.any_field` found.
    answer: Option<BTreeMap<String, Filling>>,
    /// Candidates; the first that the form offers is taken. `*` is its only way to submit.
    action: Option<Vec<Key>>,
    /// How often it may answer in one iteration; by default as often as it fits.
    at_most: Option<u64>,
    /// Whether the request makes an account: it goes on the ledger first.
    creates_account: Option<bool>,
    /// Whether the request changes the account's password.
    changes_password: Option<bool>,
    /// Whether the request makes the tenant send a one-time code; by default what `creates_account` is.
    sends_code: Option<bool>,
    /// Whether the account has to be put right afterwards; by default what a refusal does.
    spoils_account: Option<bool>,
    /// `advance` by default; with `refusal` anything but a refusal is a fault.
    expect: Option<Expect>,
}

/// Conditions on a form; all that are given must hold.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
struct When {
    /// All of these fields are there, each under one of its names.
    fields: Option<Vec<Key>>,
    /// At least one of these fields is there.
    any_field: Option<Vec<Key>>,
    /// None of these fields is there.
    without_fields: Option<Vec<Key>>,
    /// The form asks for nothing but consent.
    no_fields: Option<bool>,
    /// All of these actions are there, each under one of its names.
    actions: Option<Vec<Key>>,
    /// At least one of these actions is there.
    any_action: Option<Vec<Key>>,
    /// The form has this title. Titles are translated: use it only where keys do not tell.
    name: Option<String>,
    /// The form is of this category.
    category: Option<String>,
    /// The form is shown by this node. Node ids change with the flow version.
    node: Option<String>,
}

/// A call after the flow.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct End {
    /// Which: exchange the code, ask who signed on, end the session, make the token worthless, or start
    /// the flow again with the session there is.
    r#do: EndCall,
}

// The schema of journeys against their reader, and against every journey there is.
#[cfg(test)]
mod tests {
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
        assert!(
            compared.only_read.is_empty() && compared.only_described.is_empty(),
            "{compared:?}"
        );
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
        let page = include_str!("../../docs/journeys.md");
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
}
