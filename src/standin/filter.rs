//! The part of SCIM filters that is served: `eq` and `sw` on a few attributes, joined by `and`.

use super::directory::User;

/// A filter: all of its conditions must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter(Vec<Condition>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Condition {
    attribute: Attribute,
    operator: Operator,
    /// Lower case.
    value: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attribute {
    Id,
    Username,
    Email,
    Given,
    Family,
    Population,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operator {
    Equals,
    StartsWith,
}

const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("id", Attribute::Id),
    ("username", Attribute::Username),
    ("email", Attribute::Email),
    ("name.given", Attribute::Given),
    ("name.family", Attribute::Family),
    ("population.id", Attribute::Population),
];

const OPERATORS: &[(&str, Operator)] = &[("eq", Operator::Equals), ("sw", Operator::StartsWith)];

/// Why a text is not a filter that is served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the filter is not understood at `{at}`; served are {served} with `eq` and `sw`, joined by `and`", served = served())]
pub struct FilterError {
    at: String,
}

fn served() -> String {
    ATTRIBUTES.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut conditions = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let error = || FilterError { at: rest.chars().take(40).collect() };
            if !conditions.is_empty() {
                let (word, after) = word(rest);
                if !word.eq_ignore_ascii_case("and") {
                    return Err(error());
                }
                rest = after;
            }
            let (condition, after) = condition(rest).ok_or_else(error)?;
            conditions.push(condition);
            rest = after;
        }
        Ok(Self(conditions))
    }
}

fn condition(text: &str) -> Option<(Condition, &str)> {
    let (name, rest) = word(text);
    let (operator, rest) = word(rest);
    let attribute = ATTRIBUTES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1;
    let operator = OPERATORS.iter().find(|(known, _)| known.eq_ignore_ascii_case(operator))?.1;
    // A quoted text is a JSON string; the reader says where it ends.
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let value = values.next()?.ok()?.to_lowercase();
    let rest = rest.get(values.byte_offset()..)?;
    Some((Condition { attribute, operator, value }, rest.trim_start()))
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

impl Filter {
    /// Whether a user passes. Texts compare without regard to case.
    pub fn passes(&self, user: &User) -> bool {
        self.0.iter().all(|condition| {
            let value = condition.attribute.of(user).to_lowercase();
            match condition.operator {
                Operator::Equals => value == condition.value,
                Operator::StartsWith => value.starts_with(&condition.value),
            }
        })
    }

    /// What the lower-case user name of everybody who passes begins with, to spare a full search.
    pub fn username_prefix(&self) -> &str {
        let named = self.0.iter().find(|condition| condition.attribute == Attribute::Username);
        named.map_or("", |condition| &condition.value)
    }
}

impl Attribute {
    fn of(self, user: &User) -> &str {
        let profile = &user.profile;
        match self {
            Self::Id => &user.id,
            Self::Username => &profile.username,
            Self::Email => &profile.email,
            Self::Given => &profile.given,
            Self::Family => &profile.family,
            Self::Population => &profile.population,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::Profile;
    use super::*;
    use proptest::prelude::*;
    use std::time::SystemTime;

    fn passes(filter: &str) -> bool {
        let profile = Profile {
            username: "lt-2026-Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            given: "Ada \"A\"".to_owned(),
            population: "p1".to_owned(),
            ..Profile::default()
        };
        let user = User::new("id-1", profile, SystemTime::UNIX_EPOCH);
        filter.parse::<Filter>().unwrap().passes(&user)
    }

    #[test]
    fn conditions_hold_together() {
        for (filter, holds) in [
            ("", true),
            (r#"username sw "lt-2026""#, true),
            (r#"username eq "LT-2026-ADA""#, true),
            (r#"username eq "lt-2026""#, false),
            (r#"population.id eq "p1" and email sw "ada@""#, true),
            (r#"population.id eq "p2" AND email sw "ada@""#, false),
            (r#"name.given eq "Ada \"A\"""#, true),
        ] {
            assert_eq!(passes(filter), holds, "{filter}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        for filter in [
            r#"username co "x""#,
            r#"shoe eq "x""#,
            "username eq x",
            r#"username eq "x" or email eq "y""#,
            r#"username eq "x" email eq "y""#,
            "username",
        ] {
            assert!(filter.parse::<Filter>().is_err(), "{filter}");
        }
        let error = r#"shoe eq "x""#.parse::<Filter>().unwrap_err();
        assert!(error.to_string().contains("`shoe eq \"x\"`"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Filter>();
        }
    }
}
