//! A comparison as data.

use crate::analysis::compare::found::Comparison;
use crate::report::RenderError;

/// The comparison as indented JSON, with its line break at the end.
pub fn render(comparison: &Comparison) -> Result<String, RenderError> {
    let text = serde_json::to_string_pretty(comparison);
    let mut text = text.map_err(|source| RenderError::Json { source })?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::specimen;
    use serde_json::Value;

    /// The same but for the last digit of numbers, which JSON does not promise.
    fn is_close(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1))
            }
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_close(a, b))
            }
            (Value::Number(one), Value::Number(other)) => {
                let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
                (one - other).abs() <= other.abs() * 1e-12
            }
            _ => one == other,
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_obeys_its_schema() {
        let schema = Comparison::schema();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("urn:x", schema).unwrap();
        let index = compiler.compile("urn:x", &mut schemas).unwrap();
        for comparison in specimen::all() {
            let text = render(&comparison).unwrap();
            let read: Comparison = serde_json::from_str(&text).unwrap();
            let value = serde_json::from_str(&text).unwrap();
            assert!(is_close(&serde_json::to_value(&read).unwrap(), &value), "{text}");
            if let Err(error) = schemas.validate(&value, index) {
                panic!("{error}");
            }
        }
    }
}
