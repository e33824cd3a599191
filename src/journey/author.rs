//! A script as the text of a journey file, in the manner of the built-in ones. What is written
//! reads back as the same script.

use super::rule::{Expect, Rule, Target, When};
use super::script::Script;
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
    ("expect", |rule| (rule.expect == Expect::Refusal).then(|| quoted("refusal"))),
];

/// The conditions of a rule.
const WHEN: &[Key<When>] = &[
    ("fields", |when| list(&when.fields)),
    ("any_field", |when| list(&when.any_field)),
    ("actions", |when| list(&when.actions)),
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
            Target::Key(key) => key.as_str(),
            Target::Matched => "*",
        };
        format!("{} = {}", bare(key), quoted(&template.to_string()))
    });
    let pairs: Vec<_> = pairs.collect();
    (!pairs.is_empty()).then(|| format!("{{ {} }}", pairs.join(", ")))
}

fn flag(is: bool, default: bool) -> Option<String> {
    (is != default).then(|| is.to_string())
}

fn list(texts: &[String]) -> Option<String> {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
}

/// A key as it is where TOML lets it, else in quotes.
fn bare(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A TOML basic string: that of JSON, which alone lets a DEL through.
fn quoted(text: &str) -> String {
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
    use crate::journey::script::{End, Goal};
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
        prop_oneof!["[a-z]{1,6}", "[a-z.]{1,6}", "[^{]{1,8}", any::<String>()]
            .prop_map(|text| text.replace('{', "").trim().to_owned())
            .prop_map(|text| if text.is_empty() { "x".to_owned() } else { text })
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(text(), 0..3)
    }

    fn template() -> impl Strategy<Value = Template> {
        let variables: Vec<_> = Template::known().collect();
        prop_oneof![
            text().prop_map(|text| Template::plain(&text).unwrap()),
            prop::sample::select(variables).prop_map(Template::from),
        ]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let keys = (texts(), texts(), texts(), texts());
        let names = (prop::option::of(text()), prop::option::of(text()), text());
        let answer = prop::collection::btree_map(text(), template(), 0..3);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        let count = prop::option::of(0..1000_u64);
        (keys, names, answer, flags, count, template()).prop_map(
            |(keys, names, answer, flags, at_most, matched)| {
                let (fields, any_field, actions, any_action) = keys;
                let mut answer: Vec<_> = answer
                    .into_iter()
                    .filter(|(key, _)| key != "*")
                    .map(|(key, template)| (Target::Key(key), template))
                    .collect();
                if !any_field.is_empty() {
                    answer.push((Target::Matched, matched));
                }
                Rule {
                    name: "".into(),
                    action: actions.clone(),
                    when: When {
                        fields,
                        any_field,
                        actions,
                        any_action,
                        name: names.0,
                        category: names.1,
                        node: Some(names.2),
                    },
                    answer,
                    at_most,
                    creates_account: flags.0,
                    changes_password: flags.1,
                    sends_code: flags.2,
                    expect: if flags.3 { Expect::Refusal } else { Expect::Advance },
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
            ends in prop::collection::vec(prop::sample::select(vec![End::Userinfo, End::SignOff, End::Revoke]), 0..3),
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
            Script {
                name: name.into(),
                goal,
                account: Some(AccountState::Ok),
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
