//! What the management API answers, read into values. Pure.

use super::error::ManagementError;
use crate::base::secret::Secret;
use serde_json::Value;
use std::time::Duration;

/// A user of the tenant's directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The tenant's id of it.
    pub id: String,
    /// What it signs on with.
    pub username: String,
    /// Its address; may be empty.
    pub email: String,
    /// Id of its population; may be empty.
    pub population: String,
}

/// A group of users.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Population {
    /// The tenant's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether users without a population belong to it.
    pub is_default: bool,
}

/// A worker's token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub value: Secret,
    /// How long it is good for.
    pub lifetime: Duration,
}

/// One page of a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Their ids.
    pub ids: Vec<String>,
    /// Link to the next page.
    pub next: Option<String>,
}

/// Lifetime of a token that does not say how long it is good for.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Of a token without a stated one.
const SHORT_LIFETIME: Duration = Duration::from_secs(300);

/// Reads a user.
pub fn user(call: &'static str, body: &[u8]) -> Result<User, ManagementError> {
    user_of(call, &json(body))
}

/// Reads a population.
pub fn population(call: &'static str, body: &[u8]) -> Result<Population, ManagementError> {
    population_of(call, &json(body))
}

/// Reads a page of users.
pub fn users(call: &'static str, body: &[u8]) -> Result<Page<User>, ManagementError> {
    page(call, body, "users", user_of)
}

/// Reads a page of populations.
pub fn populations(call: &'static str, body: &[u8]) -> Result<Page<Population>, ManagementError> {
    page(call, body, "populations", population_of)
}

/// Reads a token.
pub fn token(call: &'static str, body: &[u8]) -> Result<Token, ManagementError> {
    let body = json(body);
    let value = required(call, &body, "access_token")?;
    let lifetime = body.get("expires_in").and_then(Value::as_u64);
    Ok(Token {
        value: value.into(),
        lifetime: lifetime.map_or(SHORT_LIFETIME, |s| Duration::from_secs(s).min(LONGEST_LIFETIME)),
    })
}

/// A body that is no JSON is read as one that holds nothing; what is missing is named.
fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn user_of(call: &'static str, body: &Value) -> Result<User, ManagementError> {
    Ok(User {
        id: required(call, body, "id")?,
        username: required(call, body, "username")?,
        email: text(body, "/email"),
        population: text(body, "/population/id"),
    })
}

fn population_of(call: &'static str, body: &Value) -> Result<Population, ManagementError> {
    Ok(Population {
        id: required(call, body, "id")?,
        name: required(call, body, "name")?,
        is_default: body.get("default").and_then(Value::as_bool).unwrap_or(false),
    })
}

pub(super) fn page<T>(
    call: &'static str,
    body: &[u8],
    what: &'static str,
    read: fn(&'static str, &Value) -> Result<T, ManagementError>,
) -> Result<Page<T>, ManagementError> {
    let body = json(body);
    let items = body
        .get("_embedded")
        .and_then(|embedded| embedded.get(what)?.as_array())
        .ok_or(ManagementError::Malformed { call, missing: what })?;
    let next = body.pointer("/_links/next/href").and_then(Value::as_str).map(str::to_owned);
    let ids = items.iter().map(|item| text(item, "/id")).collect();
    let items = items.iter().map(|item| read(call, item)).collect::<Result<_, _>>()?;
    Ok(Page { items, ids, next })
}

/// A text that may be absent, by its pointer.
pub(super) fn text(body: &Value, pointer: &str) -> String {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn required(
    call: &'static str,
    body: &Value,
    member: &'static str,
) -> Result<String, ManagementError> {
    body.get(member)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or(ManagementError::Malformed { call, missing: member })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_link() {
        let body = br#"{"_links":{"next":{"href":"https://api.x.test/n"}},"_embedded":{"users":[{"id":"u1","username":"a","population":{"id":"p1"}}]},"count":9,"size":1}"#;
        let user = User {
            id: "u1".into(),
            username: "a".into(),
            email: String::new(),
            population: "p1".into(),
        };
        let next = Some("https://api.x.test/n".to_owned());
        assert_eq!(
            users("find users", body).unwrap(),
            Page { items: vec![user], ids: vec!["u1".into()], next }
        );
        let empty = br#"{"_embedded":{"users":[]}}"#;
        let page = Page { items: vec![], ids: vec![], next: None };
        assert_eq!(users("find users", empty).unwrap(), page);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (body, missing) in
            [("{}", "users"), ("no", "users"), (r#"{"_embedded":{"users":[{}]}}"#, "id")]
        {
            let error = users("find users", body.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("the tenant answered `find users` without a {missing}"));
        }
    }

    #[test]
    fn a_token_is_secret_and_has_a_lifetime() {
        let token =
            token("worker token", br#"{"access_token":"t0ken","expires_in":3600}"#).unwrap();
        assert_eq!(token.lifetime, Duration::from_secs(3600));
        assert!(!format!("{token:?}").contains("t0ken"));
        let without = super::token("worker token", br#"{"access_token":"t"}"#).unwrap();
        assert_eq!(without.lifetime, SHORT_LIFETIME);
    }
}
