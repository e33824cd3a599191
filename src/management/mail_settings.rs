//! By which way a tenant sends its mails. Pure.
//!
//! Paths and members for an SMTP server and for a custom provider are documented by the platform. Assumed: that
//! a reading leaves secrets out, that it has neither member where the platform's own service sends, and that
//! removing the setting goes back to that.

use super::error::ManagementError;
use crate::base::secret::Secret;
use serde_json::{Map, Value, json};

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

/// What an answer has beside the setting itself.
const NOT_SET: &[&str] = &["_links", "environment", "id", "createdAt", "updatedAt"];

/// Signs that the setting has a secret, which cannot be read and so cannot be restored.
const NEEDS_SECRET: &[&str] = &["username", "authentication"];

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

    fn of(setting: Value) -> Self {
        let mut members = setting;
        if let Value::Object(members) = &mut members {
            members.retain(|name, value| !NOT_SET.contains(&name.as_str()) && !value.is_null());
        }
        Self { members: Secret::new(members.to_string()) }
    }

    /// By which way mails go.
    pub fn way(&self) -> Way {
        let members = self.members();
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let port = members.get("port").and_then(Value::as_u64);
        match (text("host"), port.and_then(|port| u16::try_from(port).ok())) {
            (Some(host), Some(port)) => Way::Smtp { host, port },
            _ if members.contains_key("provider") => {
                Way::Custom { name: text("name").unwrap_or_default() }
            }
            _ => Way::Platform,
        }
    }

    /// Whether it can be put back as it was read. A secret in it cannot: it is not shown.
    pub fn is_restorable(&self) -> bool {
        !NEEDS_SECRET.iter().any(|name| self.members().contains_key(*name))
    }

    /// The members, with their secrets; to be sent and not to be shown.
    pub(super) fn body(&self) -> Value {
        Value::Object(self.members())
    }

    fn members(&self) -> Map<String, Value> {
        serde_json::from_str(self.members.expose()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> MailSettings {
        MailSettings::read("read mail settings", body.as_bytes()).unwrap()
    }

    #[test]
    fn an_answer_tells_the_way_and_whether_it_can_be_put_back() {
        let (host, name) = ("mail.x.test".to_owned(), "Sink".to_owned());
        for (body, way, restorable) in [
            (r#"{"_links":{},"environment":{"id":"e"}}"#, Way::Platform, true),
            (
                r#"{"host":"mail.x.test","port":25,"from":{"address":"a@x.test"}}"#,
                Way::Smtp { host: host.clone(), port: 25 },
                true,
            ),
            (
                r#"{"host":"mail.x.test","port":587,"username":"u"}"#,
                Way::Smtp { host, port: 587 },
                false,
            ),
            (
                r#"{"provider":"CUSTOM_PROVIDER","name":"Sink","requests":[]}"#,
                Way::Custom { name },
                true,
            ),
            (r#"{"host":null,"port":99999}"#, Way::Platform, true),
        ] {
            let setting = read(body);
            assert_eq!((setting.way(), setting.is_restorable()), (way, restorable), "{body}");
        }
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
        assert!(!setting.is_restorable());
    }
}
