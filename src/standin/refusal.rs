//! Error replies of a flow, in the shapes observed in client fixtures.

use super::flow::{Flow, Role};
use super::reply::Reply;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error that the flow reports; the form stays, and with it link, id and token.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The node that refuses.
    pub role: Role,
    /// `Expected`, `NotSet` or `InvalidData`.
    pub category: &'static str,
    /// Code: a word, a number, or the message again.
    pub code: Value,
    /// What a person reads.
    pub message: String,
    /// Whether such errors are an end user's mistakes.
    pub expected: bool,
    /// Untouched answer of the platform behind the node.
    pub details: Vec<Value>,
}

/// Message for wrong credentials; the leading space is in the fixtures.
const WRONG_CREDENTIALS: &str = " Invalid username and/or password";

impl Refusal {
    /// A refusal with an author's text (`errorConnector`).
    pub fn custom(role: Role, message: &str) -> Self {
        Self {
            role,
            category: "NotSet",
            code: json!("400"),
            message: message.to_owned(),
            expected: false,
            details: Vec::new(),
        }
    }

    /// A value that the directory does not take.
    pub fn invalid(role: Role, code: &str, (target, message): (&str, &str)) -> Self {
        let detail = json!({ "code": "INVALID_VALUE", "target": target, "message": message });
        Self::of_directory(role, code, format!("{target}: {message}"), detail)
    }

    /// A user that is there already.
    pub fn duplicate() -> Self {
        let message = "is unique but a non-unique value is provided";
        let detail =
            json!({ "code": "UNIQUENESS_VIOLATION", "target": "username", "message": message });
        let (role, code) = (Role::RefuseRegistration, "uniquenessViolation");
        Self::of_directory(role, code, format!("username: {message}"), detail)
    }

    /// A new password against the rules; `broken` names them, each with its text.
    pub fn weak_password(
        role: Role,
        (code, target): (&str, &str),
        broken: &[(&'static str, String)],
    ) -> Self {
        let message = "User password did not satisfy password policy requirements";
        let names: Vec<&str> = broken.iter().map(|(name, _)| *name).collect();
        let mut inner = json!({ "unsatisfiedRequirements": names });
        for (name, text) in broken {
            inner[*name] = json!(text);
        }
        let detail = json!({
            "code": "INVALID_VALUE", "target": target, "message": message, "innerError": inner,
        });
        Self::of_directory(role, code, format!("{target}: {message}"), detail)
    }

    /// A wrong password.
    pub fn wrong_password(failures_remaining: Option<u32>) -> Self {
        let mut detail = json!({
            "code": "INVALID_VALUE",
            "target": "password",
            "message": "The provided password did not match provisioned password",
        });
        if let Some(remaining) = failures_remaining {
            detail["innerError"] = json!({ "failuresRemaining": remaining });
        }
        Self { details: vec![raw(detail)], ..Self::wrong_credentials(Role::CheckPassword) }
    }

    /// A user that does not exist; on the wire only the node and the details tell.
    pub fn unknown_user(username: &str) -> Self {
        let found = json!({
            "_embedded": { "users": [] },
            "count": 0,
            "size": 0,
            "userFilter": format!("(username eq {})", json!(username)),
        });
        let details = vec![json!({ "rawResponse": found, "statusCode": 200 })];
        Self { details, ..Self::wrong_credentials(Role::LookUp) }
    }

    /// A right password that does not help, in a flow without a page for that (assumed shape: that
    /// of wrong credentials, with the directory's code).
    pub fn of_state(code: &str) -> Self {
        Self { code: json!(code), ..Self::wrong_credentials(Role::CheckPassword) }
    }

    fn wrong_credentials(role: Role) -> Self {
        Self {
            role,
            category: "NotSet",
            code: json!(WRONG_CREDENTIALS),
            message: WRONG_CREDENTIALS.to_owned(),
            expected: false,
            details: Vec::new(),
        }
    }

    fn of_directory(role: Role, code: &str, message: String, detail: Value) -> Self {
        let (category, code) = ("InvalidData", json!(code));
        Self { role, category, code, message, expected: true, details: vec![raw(detail)] }
    }

    /// The reply, 400 with the documented common members.
    pub fn reply(&self, flow: &Flow, company: &str, interaction: &str) -> Reply {
        let node = flow.node(self.role);
        let mut body = json!({
            "interactionId": interaction,
            "companyId": company,
            "connectionId": node.map(|node| node.connection),
            "connectorId": node.map(|node| node.connector),
            "id": node.map(|node| node.id),
            "capabilityName": node.map(|node| node.capability),
            "errorCategory": self.category,
            "code": self.code,
            "cause": null,
            "expected": self.expected,
            "message": self.message,
            "httpResponseCode": 400,
            "isResponseCompatibleWithMobileAndWebSdks": true,
            "correlationId": interaction,
        });
        if !self.details.is_empty() {
            body["details"] = Value::from(self.details.clone());
        }
        Reply::json(StatusCode::BAD_REQUEST, &body)
    }
}

fn raw(detail: Value) -> Value {
    json!({
        "rawResponse": {
            "id": "00000000-0000-4000-8000-000000000000",
            "code": "INVALID_DATA",
            "message": "The request could not be completed. One or more validation errors were in the request.",
            "details": [detail],
        },
        "statusCode": 400,
    })
}

/// 401: no, or the wrong, proof that the interaction belongs to the caller.
pub fn unauthorized() -> Reply {
    let body = json!({
        "cause": null, "logLevel": "error", "serviceName": null,
        "message": "Unauthorized!", "errorMessage": "Unauthorized!",
        "success": false, "httpResponseCode": 401, "code": 1999,
    });
    Reply::json(StatusCode::UNAUTHORIZED, &body)
}

/// 400: the interaction is older than the flow allows.
pub fn timed_out(interaction: &str) -> Reply {
    let body = json!({
        "interactionId": interaction,
        "code": "requestTimedOut",
        "message": "Request timed out. Please try again.",
    });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// 400: the request itself cannot be taken (assumed shape: the common error members).
pub fn malformed(message: &str) -> Reply {
    let body = json!({
        "code": "invalidRequest", "message": message, "httpResponseCode": 400,
        "errorCategory": "InvalidData", "expected": false, "cause": null,
    });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// 400: nothing may be shown, and there is no session. The genuine OIDC client reads the first
/// detail (observed there); the rest is the platform's documented shape.
pub fn login_required() -> Reply {
    let message = "No session to use silently";
    let body = json!({
        "id": "00000000-0000-4000-8000-000000000000",
        "code": "INVALID_REQUEST",
        "message": "The request could not be completed without showing a page.",
        "details": [{ "code": "LOGIN_REQUIRED", "target": "prompt", "message": message }],
    });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// 200 with a failed flow.
pub fn failed_flow(environment: &str, code: &str, message: &str) -> Reply {
    let body = json!({
        "environment": { "id": environment },
        "status": "FAILED",
        "error": { "code": code, "message": message },
    });
    Reply::ok(&body)
}

#[cfg(test)]
mod tests {
    use super::super::flows::STOCK;
    use super::*;

    fn body(refusal: &Refusal) -> Value {
        let reply = refusal.reply(&STOCK, "company", "interaction");
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        serde_json::from_str(&reply.body.unwrap()).unwrap()
    }

    #[test]
    fn refusals_carry_the_common_members_and_no_links() {
        let weak = [("length", "8 to 255 characters".to_owned())];
        for refusal in [
            Refusal::wrong_password(Some(4)),
            Refusal::unknown_user("ada\"@example.com"),
            Refusal::duplicate(),
            Refusal::custom(Role::Mismatch, "Passwords do not match."),
            Refusal::invalid(Role::CreateUser, "invalidValue", ("email", "must be well-formed")),
            Refusal::weak_password(Role::CreateUser, ("invalidValue", "password"), &weak),
        ] {
            let body = body(&refusal);
            for member in ["id", "connectorId", "capabilityName", "code", "message"] {
                assert!(!body[member].is_null(), "{member} of {refusal:?}");
            }
            assert_eq!(body["httpResponseCode"], 400);
            assert!(body.get("_links").is_none() && body.get("form").is_none());
            assert!(body.get("error").is_none() && body.get("interactionToken").is_none());
        }
    }

    #[test]
    fn field_problems_are_where_clients_look_for_them() {
        let weak = [("length", "8 to 255 characters".to_owned())];
        let body =
            body(&Refusal::weak_password(Role::CreateUser, ("invalidValue", "password"), &weak));
        let detail = &body["details"][0];
        assert_eq!(detail["statusCode"], 400);
        assert_eq!(detail["rawResponse"]["code"], "INVALID_DATA");
        let inner = &detail["rawResponse"]["details"][0];
        assert_eq!(inner["target"], "password");
        assert_eq!(inner["innerError"]["unsatisfiedRequirements"], json!(["length"]));
        assert_eq!(inner["innerError"]["length"], "8 to 255 characters");
    }
}
