//! The rate limits of a tenant's licence, as the tenant tells them. Pure.
//!
//! The names of the limits are documented by the platform; where in an answer they stand is known from its
//! own clients, and that the environment carries them whole is assumed: where it does not, the licence that
//! it names is asked. The unit is the end of the name: `Rps` or `Rpm`.

use super::error::ManagementError;
use crate::base::units::Rate;
use serde_json::Value;

/// What a licence allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The tenant's id of the licence, if it told it. Its limits are shared by all its environments.
    pub licence: Option<String>,
    /// One for each group of endpoints, by name.
    pub groups: Vec<GroupLimit>,
}

/// How many calls a licence allows to one group of endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLimit {
    /// The platform's name of the limit, such as `rlgDvFlowStartRps`.
    pub code: String,
    /// The most calls.
    pub rate: Rate,
}

/// Where the answers have the limits.
const QUANTITIES: &[&str] = &["/license/licenseQuantities", "/licenseQuantities"];

/// What an answer says, and where more can be asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The limits; without groups if there are none in it.
    pub(super) limits: Limits,
    /// The organization that the licence belongs to.
    pub(super) organization: Option<String>,
}

impl Limits {
    /// A limit by the platform's name of it.
    pub fn of(&self, code: &str) -> Option<Rate> {
        self.groups.iter().find(|limit| limit.code == code).map(|limit| limit.rate)
    }
}

/// Reads an environment or a licence.
pub(super) fn told(call: &'static str, body: &[u8]) -> Result<Told, ManagementError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| ManagementError::Malformed { call, missing: "licence" })?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let quantities = QUANTITIES.iter().find_map(|pointer| body.pointer(pointer)?.as_object());
    let mut groups: Vec<GroupLimit> =
        quantities.into_iter().flatten().filter_map(|(code, value)| limit(code, value)).collect();
    groups.sort_by(|one, other| one.code.cmp(&other.code));
    let licence = text("/license/id").or_else(|| text("/id").filter(|_| is_licence(&body)));
    let organization = text("/organization/id");
    Ok(Told { limits: Limits { licence, groups }, organization })
}

/// An environment names its licence, a licence is one.
fn is_licence(body: &Value) -> bool {
    body.get("license").is_none()
}

/// One limit: `{"limit": 100}`, or the bare number.
fn limit(code: &str, value: &Value) -> Option<GroupLimit> {
    let number = value.get("limit").unwrap_or(value).as_f64()?;
    let seconds = match code.get(code.len().checked_sub(3)?..)? {
        "Rps" => 1.0,
        "Rpm" => 60.0,
        _ => return None,
    };
    // Other quantities of a licence, such as its number of users, are no rates; and nought or less is no limit
    // that anybody could keep: there is none, or the licence does not have what it is about.
    if !code.starts_with("rlg") || !number.is_finite() || number <= 0.0 {
        return None;
    }
    Some(GroupLimit { code: code.to_owned(), rate: Rate { per_second: number / seconds } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Told {
        told("read environment", body.as_bytes()).unwrap()
    }

    #[test]
    fn limits_are_read_with_their_unit_and_in_order() {
        let told = read(
            r#"{"id":"e","organization":{"id":"o"},"license":{"id":"l","licenseQuantities":{
            "rlgConfigRpm":{"limit":600},"rlgNewRps":{"limit":7},"rlgDvFlowStartRps":{"limit":100},
            "users":{"limit":9},"rlgAuthnRps":300,"rlgMfaRps":{"limit":0},"rlgRiskEvalsRps":-1,"rlgBad":{"limit":1},"rlgDirWriteRps":{"limit":null}}}}"#,
        );
        let shown = |limit: &GroupLimit| format!("{} {}", limit.code, limit.rate);
        let groups: Vec<_> = told.limits.groups.iter().map(shown).collect();
        insta::assert_snapshot!(groups.join("\n"), @r"
        rlgAuthnRps 300/s
        rlgConfigRpm 10/s
        rlgDvFlowStartRps 100/s
        rlgNewRps 7/s
        ");
        assert_eq!(told.limits.of("rlgDvFlowStartRps"), Some(Rate { per_second: 100.0 }));
        assert_eq!(told.limits.of("rlgTokenCheckRps"), None);
        assert_eq!(
            (told.limits.licence.as_deref(), told.organization.as_deref()),
            (Some("l"), Some("o"))
        );
    }

    #[test]
    fn an_environment_without_limits_names_whom_to_ask() {
        let told = read(r#"{"id":"e","organization":{"id":"o"},"license":{"id":"l"}}"#);
        assert_eq!((told.limits.groups.len(), told.limits.licence.as_deref()), (0, Some("l")));
        let licence = read(r#"{"id":"l","licenseQuantities":{"rlgTokenCheckRps":{"limit":5}}}"#);
        assert_eq!(licence.limits.licence.as_deref(), Some("l"));
        assert_eq!(licence.limits.of("rlgTokenCheckRps"), Some(Rate { per_second: 5.0 }));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let error = told("read environment", b"<html>").unwrap_err().to_string();
        assert_eq!(error, "the tenant answered `read environment` without a licence");
        assert_eq!(read("[]"), Told::default());
    }
}
