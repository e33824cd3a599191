//! A search as data.

use crate::analysis::capacity::found::Capacity;
use crate::report::RenderError;

/// The search as indented JSON, with its line break at the end.
pub fn render(capacity: &Capacity) -> Result<String, RenderError> {
    let text = serde_json::to_string_pretty(capacity);
    let mut text = text.map_err(|source| RenderError::Json { source })?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;

    #[test]
    fn what_is_written_is_read_back_and_obeys_its_schema() {
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("urn:x", Capacity::schema()).unwrap();
        let index = compiler.compile("urn:x", &mut schemas).unwrap();
        for capacity in specimen::all() {
            let text = render(&capacity).unwrap();
            assert_eq!(serde_json::from_str::<Capacity>(&text).unwrap(), capacity);
            let value = serde_json::from_str(&text).unwrap();
            if let Err(error) = schemas.validate(&value, index) {
                panic!("{error}");
            }
        }
    }
}
