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

#[cfg(test)]
mod tests;
