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

    #[test]
    fn what_is_written_is_read_back_and_obeys_its_schema() {
        let schema = Comparison::schema();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("urn:x", schema).unwrap();
        let index = compiler.compile("urn:x", &mut schemas).unwrap();
        for comparison in specimen::all() {
            let text = render(&comparison).unwrap();
            assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), comparison);
            let value = serde_json::from_str(&text).unwrap();
            if let Err(error) = schemas.validate(&value, index) {
                panic!("{error}");
            }
        }
    }
}
