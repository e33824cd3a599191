//! `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `${cmd:COMMAND}`: values that come from
//! outside the document.

use crate::base::document::Problem;
use std::process::Command;

/// Where references are looked up. The command line supplies the environment.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Replaces every reference in a text. `Ok(None)` when there is none.
pub fn fill(text: &str, surroundings: Surroundings<'_>) -> Result<Option<String>, Problem> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((reference, behind)) = after.split_once('}') else {
            return Err(problem("a `${` has no `}`", "close the reference"));
        };
        filled.push_str(&look_up(reference, surroundings)?);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

fn look_up(reference: &str, surroundings: Surroundings<'_>) -> Result<String, Problem> {
    if let Some(path) = reference.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).map_err(|error| {
            problem(&format!("`{path}` cannot be read: {error}"), "name a readable file")
        })?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Some(command) = reference.strip_prefix("cmd:") {
        return run(command);
    }
    let (name, default) =
        reference.split_once(":-").map_or((reference, None), |(n, d)| (n, Some(d)));
    (surroundings.variable)(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        problem(
            &format!("the environment variable `{name}` is not set"),
            "set it, or give a default: `${NAME:-default}`",
        )
    })
}

/// The command's output is a secret as a rule, so it is in no message.
fn run(command: &str) -> Result<String, Problem> {
    let output =
        Command::new("sh").arg("-c").arg(command).stdin(std::process::Stdio::null()).output();
    let remedy = "run it by hand to see why";
    let output = output
        .map_err(|error| problem(&format!("`{command}` could not be started: {error}"), remedy))?;
    if !output.status.success() {
        return Err(problem(&format!("`{command}` ended with {}", output.status), remedy));
    }
    String::from_utf8(output.stdout)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|_| problem(&format!("`{command}` printed something that is not text"), remedy))
}

fn problem(what: &str, remedy: &str) -> Problem {
    Problem { place: None, what: what.to_owned(), remedy: Some(remedy.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<Option<String>, String> {
        let variable = |name: &str| (name == "HOST").then(|| "example.com".to_owned());
        fill(text, Surroundings { variable: &variable }).map_err(|problem| problem.what)
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        assert_eq!(filled("plain"), Ok(None));
        assert_eq!(filled("https://${HOST}/${PATH_:-x}"), Ok(Some("https://example.com/x".into())));
        assert_eq!(filled("${cmd:printf one; printf two}"), Ok(Some("onetwo".into())));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "kept\n").unwrap();
        assert_eq!(
            filled(&format!("${{file:{}}}", file.path().display())),
            Ok(Some("kept".into()))
        );
    }

    #[test]
    fn what_cannot_be_looked_up_is_named() {
        assert_eq!(
            filled("${NOBODY}").unwrap_err(),
            "the environment variable `NOBODY` is not set"
        );
        assert_eq!(filled("${HOST").unwrap_err(), "a `${` has no `}`");
        assert!(filled("${file:/nowhere/at/all}").unwrap_err().contains("/nowhere/at/all"));
        assert!(
            filled("${cmd:echo secret; false}").unwrap_err().ends_with("ended with exit status: 1")
        );
    }
}
