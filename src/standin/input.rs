//! Input schemas: whether what a flow is started with keeps to them.

use super::flow::{Property, PropertyKind};
use super::reply::Reply;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// What is wrong with an input, one line for each problem.
pub fn problems(schema: &[Property], input: &Map<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    examine("", schema, input, &mut problems);
    problems
}

fn examine(prefix: &str, schema: &[Property], input: &Map<String, Value>, into: &mut Vec<String>) {
    for property in schema {
        let name = format!("{prefix}{}", property.name);
        match input.get(property.name) {
            None | Some(Value::Null) if property.required => {
                into.push(format!("{name}: a value is required"));
            }
            None | Some(Value::Null) => {}
            Some(value) if !property.kind.takes(value) => {
                into.push(format!("{name}: must be of type {}", property.kind.name()));
            }
            Some(Value::Object(members)) => {
                examine(&format!("{name}."), property.members, members, into);
            }
            Some(_) => {}
        }
    }
}

impl PropertyKind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag => "boolean",
            Self::Number => "number",
            Self::List => "array",
            Self::Object => "object",
        }
    }
}

/// 400 for an input that does not keep to the schema. The service's shape is not documented: this
/// one is assumed, of the common error members.
pub fn refused(problems: &[String]) -> Reply {
    let details: Vec<Value> = problems.iter().map(|text| json!({ "message": text })).collect();
    Reply::json(
        StatusCode::BAD_REQUEST,
        &json!({
            "code": "invalidInput", "message": "The input does not match the flow's input schema",
            "errorCategory": "InvalidData", "expected": true, "cause": null,
            "httpResponseCode": 400, "details": details,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::super::flows::named;
    use super::*;

    #[test]
    fn every_problem_is_named() {
        let schema = named("start-with-input").unwrap().input;
        for (input, expected) in [
            (json!({ "email": "a", "username": "b", "password": "c" }), vec![]),
            (
                json!({ "email": 1, "username": null, "password": "c", "more": [] }),
                vec!["email: must be of type string", "username: a value is required"],
            ),
            (
                json!({
                    "email": "a", "username": "b", "password": "c", "primaryPhone": {},
                    "name": { "given": 7 },
                }),
                vec!["primaryPhone: must be of type string", "name.given: must be of type string"],
            ),
        ] {
            assert_eq!(problems(schema, input.as_object().unwrap()), expected, "{input}");
        }
    }
}
