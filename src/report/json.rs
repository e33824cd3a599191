//! The result as data: the same bytes as `summary.json`.

use super::RenderError;
use crate::result::summary::Summary;

/// The summary as indented JSON, with its line break at the end.
pub fn render(summary: &Summary) -> Result<String, RenderError> {
    let mut text =
        serde_json::to_string_pretty(summary).map_err(|source| RenderError::Json { source })?;
    text.push('\n');
    Ok(text)
}

/// The same in one line without its line break, where several documents follow each other.
pub fn render_line(summary: &Summary) -> Result<String, RenderError> {
    serde_json::to_string(summary).map_err(|source| RenderError::Json { source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use crate::result::run_dir::{RunDir, SUMMARY};

    #[test]
    fn a_rendered_summary_is_the_file_byte_for_byte() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        for summary in specimen::all() {
            dir.write_summary(&summary).unwrap();
            let written = std::fs::read_to_string(dir.file(SUMMARY)).unwrap();
            assert_eq!(render(&summary).unwrap(), written);
            let line = render_line(&summary).unwrap();
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert!(!line.contains('\n') && read(&line) == read(&written), "{line}");
        }
    }
}
