//! `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `${cmd:COMMAND}`: values that come from
//! outside the document.

use super::command::output_of;
use crate::base::document::Problem;
use crate::management::plain_file;
use std::path::Path;
use std::time::Duration;

/// Bytes of the longest file that a reference may name.
const LONGEST_FILE: u64 = 64 << 10;

/// How long a command may take: somebody may have to type a password in.
const PATIENCE: Duration = Duration::from_secs(30);

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
        let unreadable = |reason: &str| {
            problem(&format!("`{path}` cannot be read: {reason}"), "name a readable file")
        };
        let bytes = plain_file::read(Path::new(path), LONGEST_FILE)
            .map_err(|error| unreadable(&error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not text"))?;
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

/// The command's output is a secret as a rule, and so may be its arguments: neither is in a message.
fn run(command: &str) -> Result<String, Problem> {
    let text = output_of(command, PATIENCE).map_err(|reason| {
        let what = format!("`{}` {reason}", shown(command));
        problem(&what, "run it by hand to see why; it has 30 seconds and 64 KiB")
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A command by its first word, if that is the name of a program.
fn shown(command: &str) -> String {
    let mut words = command.split_whitespace();
    let is_plain =
        |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let first = words.next().filter(is_plain).unwrap_or_default();
    let rest = if words.next().is_some() || first.is_empty() { "…" } else { "" };
    let between = if first.is_empty() || rest.is_empty() { "" } else { " " };
    format!("${{cmd:{first}{between}{rest}}}")
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
        assert!(filled("${file:/dev/zero}").unwrap_err().ends_with("it is not a regular file"));
    }

    #[test]
    fn a_command_that_fails_is_told_without_what_it_was_given() {
        for (command, shown) in [
            ("false", "${cmd:false}"),
            ("false -u load:hush-7f3k", "${cmd:false …}"),
            ("  false --token=hush-7f3k", "${cmd:false …}"),
            ("TOKEN=hush-7f3k false", "${cmd:…}"),
            ("false;hush-7f3k", "${cmd:…}"),
        ] {
            let told = filled(&format!("${{cmd:{command}}}")).unwrap_err();
            let told = told.rsplit_once(" ended with exit status: ").unwrap().0;
            assert_eq!(told, format!("`{shown}`"));
        }
    }
}
