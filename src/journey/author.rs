//! A script as the text of a journey file, in the manner of the built-in ones. What is written
//! reads back as the same script.

use super::key::Key as Names;
use super::rule::{Expect, Rule, Target, When};
use super::script::{STARTS, Script};
use crate::identity::account::NEEDS;
use std::fmt::Write;

/// Writes a script. `remarks` stand above it as comments, the first of them being what
/// `journeys list` shows.
pub fn write(script: &Script, remarks: &[String]) -> String {
    let mut text = String::new();
    for line in remarks.iter().flat_map(|remark| remark.lines()) {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        put(&mut text, format_args!("# {}", line.trim_end()));
    }
    put(&mut text, format_args!("name = {}", quoted(script.name.as_str())));
    put(&mut text, format_args!("goal = {}", quoted(&script.goal.to_string())));
    let need = NEEDS.iter().find(|(_, need)| *need == script.account);
    put(&mut text, format_args!("account = {}", quoted(need.map_or("none", |(name, _)| name))));
    if let Some((name, _)) = STARTS.iter().find(|(_, start)| Some(*start) == script.start) {
        put(&mut text, format_args!("start = {}", quoted(name)));
    }
    if script.start_creates_account {
        put(&mut text, format_args!("start_creates_account = true"));
    }
    if let Some(answers) = script.answers {
        put(&mut text, format_args!("answers = {answers}"));
    }
    if let Some(mails) = script.mails {
        put(&mut text, format_args!("mails = {mails}"));
    }
    if !script.input.is_empty() {
        put(&mut text, format_args!("\n[input]"));
        for (key, value) in script.input.entries_in_toml() {
            put(&mut text, format_args!("{key} = {value}"));
        }
    }
    for rule in &script.rules {
        put(&mut text, format_args!("\n[[rule]]"));
        for (key, value) in RULE {
            if let Some(value) = value(rule) {
                put(&mut text, format_args!("{key} = {value}"));
            }
        }
    }
    for end in &script.ends {
        put(&mut text, format_args!("\n[[end]]\ndo = {}", quoted(end.name())));
    }
    text
}

/// A key, and its value where it has one that is not the default.
type Key<T> = (&'static str, fn(&T) -> Option<String>);

/// The keys of a rule in the order in which they are written.
const RULE: &[Key<Rule>] = &[
    ("name", |rule| Some(quoted(rule.name.as_str()))),
    ("when", |rule| Some(when(&rule.when))),
    ("answer", answer),
    ("action", |rule| list(&rule.action)),
    ("at_most", |rule| rule.at_most.map(|count| count.to_string())),
    ("creates_account", |rule| flag(rule.creates_account, false)),
    ("changes_password", |rule| flag(rule.changes_password, false)),
    // Not saying anything means the same as `creates_account`.
    ("sends_code", |rule| flag(rule.sends_code, rule.creates_account)),
    // A refusal may count as a failed attempt.
    ("spoils_account", |rule| flag(rule.spoils_account, rule.expect == Expect::Refusal)),
    ("expect", |rule| (rule.expect == Expect::Refusal).then(|| quoted("refusal"))),
];

/// The conditions of a rule.
const WHEN: &[Key<When>] = &[
    ("fields", |when| names(&when.fields)),
    ("any_field", |when| list(&when.any_field)),
    ("without_fields", |when| names(&when.without_fields)),
    ("no_fields", |when| flag(when.no_fields, false)),
    ("actions", |when| names(&when.actions)),
    ("any_action", |when| list(&when.any_action)),
    ("name", |when| when.name.as_deref().map(quoted)),
    ("category", |when| when.category.as_deref().map(quoted)),
    ("node", |when| when.node.as_deref().map(quoted)),
];

fn when(when: &When) -> String {
    let pairs = WHEN.iter().filter_map(|(key, value)| Some(format!("{key} = {}", value(when)?)));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

fn answer(rule: &Rule) -> Option<String> {
    let pairs = rule.answer.iter().map(|(target, template)| {
        let key = match target {
            Target::Key(key) => key.to_string(),
            Target::Matched => "*".to_owned(),
        };
        format!("{} = {}", bare(&key), quoted(&template.to_string()))
    });
    let pairs: Vec<_> = pairs.collect();
    (!pairs.is_empty()).then(|| format!("{{ {} }}", pairs.join(", ")))
}

fn flag(is: bool, default: bool) -> Option<String> {
    (is != default).then(|| is.to_string())
}

fn names(keys: &[Names]) -> Option<String> {
    list(&keys.iter().map(Names::to_string).collect::<Vec<_>>())
}

fn list(texts: &[String]) -> Option<String> {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
}

/// A key as it is where TOML lets it, else in quotes.
pub(super) fn bare(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A TOML basic string: that of JSON, which alone lets a DEL through.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::AccountState;
    use crate::journey::catalog::{BUILT_IN, built_in};
    use crate::journey::input::Input;
    use crate::journey::script::{End, Goal, Start};
    use crate::journey::template::Template;
    use proptest::prelude::*;

    #[test]
    fn every_built_in_journey_survives_being_written() {
        for (name, _) in BUILT_IN {
            let script = built_in(name).unwrap().unwrap();
            let text = write(&script, &["About it.\nMore.".to_owned()]);
            assert_eq!(Script::parse("again.toml", &text).unwrap(), script, "{text}");
        }
    }

    #[test]
    fn a_script_is_written_in_the_manner_of_the_built_in_ones() {
        let text = "name = \"x\"\ngoal = \"token\"\n[[rule]]\nname = \"a\"\nwhen = { fields = [\"user.email\", \"p\"], actions = [\"GO\"] }\n\
             answer = { \"user.email\" = \"{persona.email}\", p = \"say \\\"hi\\\"\" }\ncreates_account = true\nsends_code = false\n";
        let script = Script::parse("x.toml", text).unwrap();
        insta::assert_snapshot!(write(&script, &["What it is.".to_owned()]), @r#"
        # What it is.
        name = "x"
        goal = "token"
        account = "none"

        [[rule]]
        name = "a"
        when = { fields = ["user.email", "p"], actions = ["GO"] }
        answer = { "user.email" = "{persona.email}", p = "say \"hi\"" }
        creates_account = true
        sends_code = false

        [[end]]
        do = "token"
        "#);
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,6}",
            "[a-z]{1,3}[|][a-z.]{1,3}",
            "[a-z.]{1,6}",
            "[^{]{1,8}",
            any::<String>()
        ]
        .prop_map(|text| text.replace('{', "").trim().to_owned())
        .prop_map(|text| if text.is_empty() { "x".to_owned() } else { text })
    }

    /// A name of which no part between bars is empty.
    fn key() -> impl Strategy<Value = String> {
        text().prop_map(|text| {
            let names: Vec<_> = text.split('|').map(str::trim).filter(|n| !n.is_empty()).collect();
            if names.is_empty() { "x".to_owned() } else { names.join("|") }
        })
    }

    fn keys() -> impl Strategy<Value = Vec<Names>> {
        prop::collection::vec(key().prop_map(|key| Names::from(key.as_str())), 0..3)
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        let single = key().prop_map(|key| key.split('|').next().unwrap_or_default().to_owned());
        prop::collection::vec(single, 0..3)
    }

    fn template() -> impl Strategy<Value = Template> {
        let variables: Vec<_> = Template::known().collect();
        prop_oneof![
            text().prop_map(|text| Template::plain(&text).unwrap()),
            prop::sample::select(variables).prop_map(Template::from),
        ]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let keys = (keys(), texts(), keys(), texts(), keys());
        let names = (prop::option::of(text()), prop::option::of(text()), text());
        let answer = prop::collection::btree_map(key(), template(), 0..3);
        let flags = any::<[bool; 6]>();
        let count = prop::option::of(0..1000_u64);
        (keys, names, answer, flags, count, template()).prop_map(
            |(keys, names, answer, flags, at_most, matched)| {
                let (fields, any_field, actions, any_action, without_fields) = keys;
                let mut answer: Vec<_> = answer
                    .into_iter()
                    .filter(|(key, _)| key != "*")
                    .map(|(key, template)| (Target::Key(key.as_str().into()), template))
                    .collect();
                if !any_field.is_empty() {
                    answer.push((Target::Matched, matched));
                }
                Rule {
                    name: "".into(),
                    action: any_action.clone(),
                    when: When {
                        fields,
                        any_field,
                        without_fields,
                        no_fields: flags[4],
                        actions,
                        any_action,
                        name: names.0,
                        category: names.1,
                        node: Some(names.2),
                    },
                    answer,
                    at_most,
                    creates_account: flags[0],
                    changes_password: flags[1],
                    sends_code: flags[2],
                    spoils_account: flags[5],
                    expect: if flags[3] { Expect::Refusal } else { Expect::Advance },
                }
            },
        )
    }

    prop_compose! {
        fn script()(
            name in text(),
            rules in prop::collection::vec(rule(), 1..4),
            names in prop::collection::btree_set(text(), 4),
            goal in 0..4_usize,
            start in prop::option::of(prop::sample::select(vec![Start::Authorize, Start::Policy])),
            input in prop::collection::btree_map(text(), (text(), any::<i32>(), any::<bool>()), 0..3),
            ends in prop::collection::vec(prop::sample::select(vec![End::Userinfo, End::SignOff, End::Revoke, End::StartAgain]), 0..3),
        ) -> Script {
            let mut rules = rules;
            for (rule, name) in rules.iter_mut().zip(&names) {
                rule.name = name.as_str().into();
            }
            let first = rules[0].name.clone();
            let goal = match goal {
                0 => Goal::Token,
                1 => Goal::Code,
                2 => Goal::Form(first),
                _ => {
                    rules[0].expect = Expect::Refusal;
                    Goal::Refusal(first)
                }
            };
            let token = (goal == Goal::Token).then_some(End::Token);
            let sent = input.into_iter().map(|(key, (text, number, flag))| {
                (key, serde_json::json!({ "t": text, "n": number, "l": [flag, text] }))
            });
            let sent: serde_json::Map<String, serde_json::Value> = sent.collect();
            let input = match start {
                Some(Start::Authorize) => Input::default(),
                _ => Input::of(&sent, &mut |_, text| Template::plain(text)),
            };
            Script {
                start,
                input,
                start_creates_account: start == Some(Start::Policy),
                name: name.into(),
                goal,
                account: Some(AccountState::Ok),
                answers: None,
                mails: None,
                rules,
                ends: token.into_iter().chain(ends).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same_script(script in script(), remark in any::<String>()) {
            let text = write(&script, &[remark]);
            let again = Script::parse("again.toml", &text);
            prop_assert_eq!(again.as_ref(), Ok(&script), "{}", text);
        }
    }
}
