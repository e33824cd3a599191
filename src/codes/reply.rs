//! Codes that stand in the flow's own replies: flows made for tests hand them out that way.

use super::extract::CodePattern;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use serde_json::Value;
use std::str::FromStr;

/// Where in a JSON document something stands: a JSON pointer (RFC 6901). `*` stands for every
/// element of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(String);

/// Why a text is not a pointer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a JSON pointer")]
pub struct PointerError {
    text: String,
}

impl Remedy for PointerError {
    fn remedy(&self) -> Option<String> {
        Some("begin it with `/`: `/additionalProperties/code`, `/items/0/text`".to_owned())
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self(text.to_owned()));
        }
        Err(PointerError { text: text.to_owned() })
    }
}

impl Pointer {
    /// The whole document.
    pub const fn whole() -> Self {
        Self(String::new())
    }

    /// Whether it points at the whole document.
    pub const fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// All values that it points at; none where the document has nothing there.
    pub fn all<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![document];
        for step in self.0.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            found = found
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(values) if step == "*" => values.iter().collect(),
                    Value::Array(values) => {
                        name.parse().ok().and_then(|at: usize| values.get(at)).into_iter().collect()
                    }
                    Value::Object(members) => members.get(&name).into_iter().collect::<Vec<_>>(),
                    _ => Vec::new(),
                })
                .collect();
        }
        found
    }

    /// The first text or number that it points at, as a text.
    pub fn text(&self, document: &Value) -> Option<String> {
        self.all(document).into_iter().find_map(text_of)
    }
}

/// A text or number as a text.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Finds the code in the replies of a flow.
#[derive(Clone, Debug)]
pub struct ReplyCode {
    /// Where it stands.
    pub pointer: Pointer,
    /// What it looks like there.
    pub pattern: CodePattern,
}

impl ReplyCode {
    /// The code in the body of a reply. A text without blanks is a code as it stands, unless the
    /// profile has a pattern; in a longer one the code is looked for.
    pub fn find(&self, body: &[u8]) -> Option<Secret> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let text = self.pointer.text(&document)?;
        let bare = text.trim();
        if !self.pattern.is_custom() && !bare.is_empty() && !bare.contains(char::is_whitespace) {
            return Some(Secret::new(bare.to_owned()));
        }
        self.pattern.find(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_where_the_pointer_points() {
        for (pointer, pattern, body, code) in [
            ("/code", None, r#"{"code":"ab12"}"#, Some("ab12")),
            ("/a~1b/1/~0", None, r#"{"a/b":[0,{"~":482193}]}"#, Some("482193")),
            ("/say", None, r#"{"say":"Your code is: ab12cd34. Bye"}"#, Some("ab12cd34")),
            ("/say", Some("<(.+)>"), r#"{"say":"<zz>"}"#, Some("zz")),
            ("/say", Some("<(.+)>"), r#"{"say":"zz"}"#, None),
            ("/to/*/code", None, r#"{"to":[{},{"code":"ab12"}]}"#, Some("ab12")),
            ("/none", None, r#"{"code":"ab12"}"#, None),
            ("/code", None, r#"{"code":""}"#, None),
            ("/code", None, r#"{"code":{}}"#, None),
            ("/code", None, "no JSON", None),
        ] {
            let pattern =
                pattern.map_or_else(CodePattern::default, |pattern: &str| pattern.parse().unwrap());
            let found = ReplyCode { pointer: pointer.parse().unwrap(), pattern };
            let found = found.find(body.as_bytes()).map(|code| code.expose().clone());
            assert_eq!(found.as_deref(), code, "{pointer} {body}");
        }
    }

    #[test]
    fn a_pointer_begins_with_a_slash() {
        let error = "code".parse::<Pointer>().unwrap_err();
        assert_eq!(error.to_string(), "`code` is not a JSON pointer");
        assert!(error.remedy().is_some());
    }
}
