//! By which way a tenant sends its mails. Pure.
//!
//! Documented by the platform: the paths; the members of an SMTP server (`host`, `port`, `username`, `from`, `replyTo`;
//! `password` is never read back, `protocol` only ever read) and of a custom provider, which always has an
//! `authentication`. Assumed: that a reading has none of them where the platform's own service sends, and that removing
//! the setting goes back to that.

use super::error::ManagementError;
use crate::base::remedy::Listing;
use crate::base::secret::Secret;
use serde_json::{Map, Value, json};
use std::fmt;

/// The setting of an environment, as it was read or as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct MailSettings {
    /// Its members as JSON, as text: that is overwritten when it goes.
    members: Secret,
}

/// By which way mails go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Way {
    /// The platform's own service, whose sender production shares.
    Platform,
    /// An SMTP server.
    Smtp {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A provider that is called over HTTP.
    Custom {
        /// Its name in the environment; may be empty.
        name: String,
    },
    /// One that gander does not know.
    Unknown {
        /// The names of what it has.
        members: Vec<String>,
    },
}

/// Where mails are to go.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Name or address of the server, as the tenant reaches it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who the tenant is to it, if it asks.
    pub credentials: Option<(String, Secret)>,
    /// Whom mails come from.
    pub from: String,
}

/// Why a setting could not be put back as it was read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Obstacle {
    /// The server asks for a password.
    #[error("its server asks for a password, and nobody can read that")]
    Password,
    /// A custom provider asks who the tenant is, and may have secrets in every part of its requests.
    #[error(
        "it is a custom provider, and nobody can read how the tenant authenticates itself there"
    )]
    Authentication,
    /// It has something that gander does not understand.
    #[error("gander does not understand {members} in it")]
    Unknown {
        /// The names.
        members: Listing,
    },
}

/// What an answer has beside the setting itself.
const NOT_SET: &[&str] = &["_links", "environment", "id", "createdAt", "updatedAt"];

/// What is only ever read, beside an SMTP server.
const READ_ONLY: &str = "protocol";

/// What the setting of a server without a password consists of.
const OF_SERVER: &[&str] = &["host", "port", "from", "replyTo"];

/// What only the setting of a custom provider has.
const OF_PROVIDER: &[&str] = &["provider", "authentication", "requests"];

impl MailSettings {
    /// A setting by which mails go to a server.
    pub fn smtp(to: &Smtp) -> Self {
        let Smtp { host, port, credentials, from } = to;
        let mut setting = json!({ "host": host, "port": port, "from": { "address": from } });
        if let Some((username, password)) = credentials {
            setting["username"] = username.as_str().into();
            setting["password"] = password.expose().as_str().into();
        }
        Self::of(setting)
    }

    /// Reads an answer.
    pub(super) fn read(call: &'static str, body: &[u8]) -> Result<Self, ManagementError> {
        match serde_json::from_slice(body) {
            Ok(setting @ Value::Object(_)) => Ok(Self::of(setting)),
            _ => Err(ManagementError::Malformed { call, missing: "mail setting" }),
        }
    }

    /// A setting of these members, without what an answer has beside it.
    pub(super) fn of(setting: Value) -> Self {
        let mut members = setting;
        if let Value::Object(members) = &mut members {
            members.retain(|name, value| !NOT_SET.contains(&name.as_str()) && !value.is_null());
        }
        Self { members: Secret::new(members.to_string()) }
    }

    /// By which way mails go. The platform's own only where nothing else is set.
    pub fn way(&self) -> Way {
        let members = self.members();
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        if members.is_empty() {
            return Way::Platform;
        }
        if OF_PROVIDER.iter().any(|name| members.contains_key(*name)) {
            return Way::Custom { name: text("name").unwrap_or_default() };
        }
        match (text("host"), members.get("port").and_then(port)) {
            (Some(host), Some(port)) => Way::Smtp { host, port },
            _ => Way::Unknown { members: members.keys().cloned().collect() },
        }
    }

    /// Why it could not be put back as it was read; none if it could. What is not understood to the last member
    /// could not.
    pub fn obstacle(&self) -> Option<Obstacle> {
        let members = self.members();
        match self.way() {
            Way::Platform => None,
            Way::Custom { .. } => Some(Obstacle::Authentication),
            Way::Unknown { members } => {
                Some(Obstacle::Unknown { members: members.iter().collect() })
            }
            Way::Smtp { .. } if members.contains_key("username") => Some(Obstacle::Password),
            Way::Smtp { .. } => {
                let is_known = |(name, value): &(&String, &Value)| {
                    OF_SERVER.contains(&name.as_str())
                        && (!matches!(name.as_str(), "from" | "replyTo") || is_person(value))
                };
                let set = members.iter().filter(|(name, _)| *name != READ_ONLY);
                let unknown: Listing =
                    set.filter(|member| !is_known(member)).map(|(name, _)| name).collect();
                (unknown != Listing::default()).then_some(Obstacle::Unknown { members: unknown })
            }
        }
    }

    /// Whether it says the same as another, apart from what cannot be set.
    pub fn is_same(&self, other: &Self) -> bool {
        self.body() == other.body()
    }

    /// Whether setting it sets all of it: it could be put back, or is of a server and has its password.
    pub(super) fn is_whole(&self) -> bool {
        let has_password = || self.members().contains_key("password");
        match self.obstacle() {
            None => true,
            Some(obstacle) => obstacle == Obstacle::Password && has_password(),
        }
    }

    /// The members, with their secrets; to be sent and not to be shown.
    pub(super) fn body(&self) -> Value {
        let mut members = self.members();
        if matches!(self.way(), Way::Smtp { .. }) {
            members.remove(READ_ONLY);
        }
        Value::Object(members)
    }

    fn members(&self) -> Map<String, Value> {
        serde_json::from_str(self.members.expose()).unwrap_or_default()
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("the platform's own mail service"),
            Self::Smtp { host, port } => write!(f, "the SMTP server {host}:{port}"),
            Self::Custom { name } if name.is_empty() => f.write_str("a custom provider"),
            Self::Custom { name } => write!(f, "the custom provider `{name}`"),
            Self::Unknown { members } => {
                let members: Listing = members.iter().collect();
                write!(f, "a way that gander does not know (it has {members})")
            }
        }
    }
}

/// A number; the platform's own reference has it as a text in one place.
fn port(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|port| u16::try_from(port).ok()),
    }
}

/// Whether it is a name and an address, or one of them.
fn is_person(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.iter().all(|(name, value)| {
            matches!(name.as_str(), "name" | "address") && (value.is_string() || value.is_null())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> MailSettings {
        MailSettings::read("read mail settings", body.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_understood_to_the_last_member_could_not_be_put_back() {
        let table = [
            r#"{"_links":{},"environment":{"id":"e"},"updatedAt":"2026-01-01T00:00:00Z"}"#,
            r#"{"host":"m.test","port":25,"protocol":"SMTP","from":{"address":"a@x.test"}}"#,
            r#"{"host":"m.test","port":"587","username":"u"}"#,
            r#"{"host":"m.test","port":465,"pool":3}"#,
            r#"{"host":"m.test","port":465,"from":{"address":"a@x.test","key":"s3cret"}}"#,
            r#"{"host":"m.test"}"#,
            r#"{"host":null,"port":99999}"#,
            r#"{"host":"m.test","port":99999}"#,
            r#"{"provider":"CUSTOM_PROVIDER","name":"Sink","requests":[{"headers":{"X-Key":"s3cret"}}]}"#,
            r#"{"host":"m.test","port":25,"requests":[]}"#,
            r#"{"protocol":"HTTP"}"#,
            r#"{"from":{"address":"a@x.test"}}"#,
        ];
        let told = table.map(|body| {
            let setting = read(body);
            let obstacle = setting.obstacle().map(|it| it.to_string());
            assert_eq!(setting.is_whole(), obstacle.is_none(), "{body}");
            format!("{}: {}", setting.way(), obstacle.unwrap_or_else(|| "can be".into()))
        });
        insta::assert_snapshot!(told.join("\n"), @r"
        the platform's own mail service: can be
        the SMTP server m.test:25: can be
        the SMTP server m.test:587: its server asks for a password, and nobody can read that
        the SMTP server m.test:465: gander does not understand `pool` in it
        the SMTP server m.test:465: gander does not understand `from` in it
        a way that gander does not know (it has `host`): gander does not understand `host` in it
        a way that gander does not know (it has `port`): gander does not understand `port` in it
        a way that gander does not know (it has `host`, `port`): gander does not understand `host`, `port` in it
        the custom provider `Sink`: it is a custom provider, and nobody can read how the tenant authenticates itself there
        a custom provider: it is a custom provider, and nobody can read how the tenant authenticates itself there
        a way that gander does not know (it has `protocol`): gander does not understand `protocol` in it
        a way that gander does not know (it has `from`): gander does not understand `from` in it
        ");
        assert!(MailSettings::read("read mail settings", b"[]").is_err());
    }

    #[test]
    fn a_setting_with_a_password_shows_it_to_the_tenant_only() {
        let to = Smtp {
            host: "mail.x.test".into(),
            port: 25,
            credentials: Some(("u".into(), "s3cret".to_owned().into())),
            from: "a@x.test".into(),
        };
        let setting = MailSettings::smtp(&to);
        assert!(!format!("{setting:?} {to:?}").contains("s3cret"));
        assert_eq!(setting.body()["password"], "s3cret");
        // It can be set, and cannot be put back once it was read.
        assert!(setting.is_whole() && setting.obstacle() == Some(Obstacle::Password));
    }

    #[test]
    fn what_is_only_ever_read_makes_no_difference_and_is_not_set() {
        let server = r#"{"host":"m.test","port":25,"protocol":"SMTP"}"#;
        let setting = read(server);
        assert!(setting.is_same(&read(r#"{"port":25,"host":"m.test","environment":{"id":"e"}}"#)));
        assert!(!setting.is_same(&read(r#"{"port":26,"host":"m.test"}"#)));
        assert_eq!(setting.body().get("protocol"), None);
    }
}
